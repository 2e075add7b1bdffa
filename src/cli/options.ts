/** The command line as data. An unknown option is an error with a suggestion. */
import { parseArgs } from 'node:util';
import { UsageError } from '../model/errors.ts';

export const COMMANDS = [
  'plan',
  'audit',
  'apply',
  'undo',
  'size',
  'verify',
  'explain',
  'init',
  'schema',
  'rules',
  'completion',
  'report',
  'mcp',
] as const;
export type Command = (typeof COMMANDS)[number];

export const OPTIONS = {
  cwd: { type: 'string', short: 'C' },
  'dry-run': { type: 'boolean' },
  write: { type: 'boolean' },
  interactive: { type: 'boolean', short: 'i' },
  unsafe: { type: 'boolean' },
  check: { type: 'boolean' },
  strict: { type: 'boolean' },
  force: { type: 'boolean' },
  out: { type: 'string' },
  json: { type: 'boolean' },
  stat: { type: 'boolean' },
  reporter: { type: 'string', multiple: true },
  patch: { type: 'string' },
  answers: { type: 'string' },
  config: { type: 'string', short: 'c' },
  'no-config': { type: 'boolean' },
  service: { type: 'string', multiple: true },
  'pool-host': { type: 'string' },
  'pool-port': { type: 'string' },
  'pool-mode': { type: 'string' },
  'pgbouncer-version': { type: 'string' },
  base: { type: 'string' },
  'fail-on': { type: 'string' },
  baseline: { type: 'string' },
  'strict-baseline': { type: 'boolean' },
  'keep-direct': { type: 'string', multiple: true },
  include: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  changed: { type: 'boolean' },
  since: { type: 'string' },
  'include-ignored-env': { type: 'boolean' },
  color: { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  verbose: { type: 'boolean' },
  'no-progress': { type: 'boolean' },
  'no-cache': { type: 'boolean' },
  'show-secrets': { type: 'boolean' },
  run: { type: 'string' },
  'allow-writes': { type: 'boolean' },
  'pooled-url': { type: 'string' },
  'direct-url': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

export interface CliOptions {
  command: Command;
  arguments: string[];
  values: Values;
}

type Values = {
  [name in keyof typeof OPTIONS]?: (typeof OPTIONS)[name]['type'] extends 'boolean'
    ? boolean
    : (typeof OPTIONS)[name] extends { multiple: true }
      ? string[]
      : string;
};

/** Throws a UsageError that says what is wrong and what was probably meant. */
export function parseOptions(argv: readonly string[]): CliOptions {
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const values: Record<string, string | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const known = OPTIONS as Record<string, { type: string; multiple?: boolean }>;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (!option)
      throw new UsageError(`Unknown option ${token.rawName}.${suggest(token.name, Object.keys(OPTIONS), '--')}`);
    if (option.type === 'boolean') {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
      values[token.name] = true;
    } else {
      if (token.value === undefined || (token.value.startsWith('-') && !token.inlineValue && token.value.length > 1))
        throw new UsageError(`${token.rawName} needs a value.`);
      if (token.value === '') throw new UsageError(`${token.rawName} needs a value that is not empty.`);
      values[token.name] = option.multiple ? [...((values[token.name] as string[]) ?? []), token.value] : token.value;
    }
  }
  const [first = 'plan', ...rest] = positionals as string[];
  if (!(COMMANDS as readonly string[]).includes(first)) {
    const hint = /[/.]/.test(first) ? ' A directory is given with -C.' : suggest(first, COMMANDS, '');
    throw new UsageError(`Unknown command ${first}.${hint}`);
  }
  const options: CliOptions = { command: first as Command, arguments: rest, values: values as Values };
  checkCombination(options);
  return options;
}

function checkCombination({ command, arguments: rest, values }: CliOptions): void {
  const modes = (['dry-run', 'write', 'check', 'interactive'] as const).filter(name => values[name]);
  if (modes.length > 1) throw new UsageError(`--${modes.join(' and --')} exclude each other.`);
  if (modes.length > 0 && command !== 'plan' && !(command === 'mcp' && values.write))
    throw new UsageError(`--${modes[0]} does not go with ${command}.`);
  const most: Record<Command, number> = {
    plan: 0,
    audit: 0,
    apply: 1,
    undo: 1,
    size: 0,
    explain: 1,
    init: 0,
    schema: 1,
    rules: 1,
    completion: 1,
    report: Number.POSITIVE_INFINITY,
    verify: 0,
    mcp: 0,
  };
  if (rest.length > most[command])
    throw new UsageError(
      `Too many arguments: ${rest[most[command]]}.${command === 'plan' ? ' A directory is given with -C.' : ''}`,
    );
  if (values.color && !['auto', 'always', 'never'].includes(values.color))
    throw new UsageError('--color is auto, always or never.');
  const live = (['run', 'allow-writes', 'pooled-url', 'direct-url'] as const).find(name => values[name] !== undefined);
  if (live && command !== 'verify') throw new UsageError(`--${live} goes with verify only.`);
  if (values.changed && values.since) throw new UsageError('--changed and --since exclude each other.');
  const narrowing = values.changed ? 'changed' : values.since ? 'since' : null;
  if (narrowing && command !== 'plan' && command !== 'audit')
    throw new UsageError(`--${narrowing} does not go with ${command}.`);
  if (values.config && values['no-config']) throw new UsageError('--config and --no-config exclude each other.');
}

function suggest(name: string, known: readonly string[], lead: string): string {
  const [best] = known
    .map(candidate => ({ candidate, distance: distance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, name.length / 3)
    ? ` Did you mean ${lead}${best.candidate}?`
    : ' See --help.';
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = [...Array(b.length + 1).keys()];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] as number) + 1, (row[j] as number) + 1, (row[j - 1] as number) + cost));
    }
    row = next;
  }
  return row[b.length] as number;
}
