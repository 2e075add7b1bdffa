/** `explain ID`: a rule, or a decision of this repository by its id. */

import { loadConfig, loadRules } from '../config/config.ts';
import type { Rule } from '../config/rules.ts';
import { UsageError } from '../model/errors.ts';
import type { HazardRule } from '../routes/index.ts';
import type { CliOptions } from './options.ts';

/** Decisions that the program takes over several sites, after the rules. */
const OVER_SITES: Record<string, string> = {
  'wired-apart':
    'The value is pooled, and what must stay direct (a migration step, a listener) gets a value of its own in the same edit: a setting of the program, an assignment before the command, or the file with which its tool is set up.',
  'split-readers':
    'Services share the value; those that must stay direct get it as it was, in their own environment, in the same edit.',
  'no-way-apart':
    'The value goes to an application and to something that must stay direct, and there is no exact place to give that one its own. The question names the answers.',
  'code-with-session':
    'The code that every process with this value loads needs a session of its own (LISTEN, session locks, startup parameters), beside applications that do not.',
  'startup-parameter':
    'The connection asks for a parameter that PgBouncer refuses, and there is no exact edit that takes it away.',
  'machine-port':
    'The port that Postgres publishes on the machine stays as it is; only containers go through the pooler.',
  'through-pooler':
    'It leads to a pooler that is there, and must not: a migration, a listener or a dump. The audit counts it as an error. Give it the address of the server itself.',
  answered: 'The configuration answers the question (answers: in pool-migrate.yml).',
  'group-disagrees': 'Host and port, or a variable and its reader, belong together, and one of them is not pooled.',
  'no-place-for-pooler':
    'The pooler can not be put beside this server automatically, so nothing that would need it is changed.',
  'pooler-not-published': 'The value is used on the host, where the pooler that exists is not published.',
  'documents-only':
    'A document, script or smoke test goes with the applications, and none of those is pooled in this run. It follows when one is.',
  suppressed:
    'A comment `pool-migrate-ignore: why` on the line (pool-migrate-ignore-next-line above it, pool-migrate-ignore-file anywhere) keeps the place as it is.',
  'file-refused': 'A file with a part of this decision could not be changed safely, so none of it is.',
};

/** Some ids name a decision and a hazard: both are shown. */
export async function runExplain({ arguments: [id], values }: CliOptions): Promise<number> {
  if (id === undefined)
    throw new UsageError('Which rule? The id stands in brackets behind each decision of the report.');
  const root = values.cwd ?? '.';
  const rules = await loadRules(root, await loadConfig(root, values['no-config'] ? false : values.config));
  const rule = rules.find(candidate => candidate.id === id);
  const { hazards } = await import('../../rules/hazards.generated.ts');
  const hazard = hazards.find(candidate => candidate.id === id);
  const found = [
    ...(rule ? [describe(rule)] : []),
    ...(hazard ? [describeHazard(hazard)] : []),
    ...(OVER_SITES[id] ? [`${id}\n\n${OVER_SITES[id]}\n`] : []),
  ];
  if (found.length === 0) {
    const all = [...rules.map(known => known.id), ...hazards.map(known => known.id), ...Object.keys(OVER_SITES)];
    const words = id.split('-').filter(word => word.length > 2);
    const near = [...new Set(all)].filter(known => words.some(word => known.includes(word))).slice(0, 8);
    const hint =
      near.length > 0
        ? `Near it: ${near.join(', ')}.`
        : 'The id stands in brackets behind each decision of the report.';
    throw new UsageError(`There is no rule ${id}. ${hint}`);
  }
  process.stdout.write(found.join('\n'));
  return 0;
}

function describeHazard({ id, severity, since, fixedIn, message, why, fix, source, examples }: HazardRule): string {
  const modes = Object.entries(severity).map(([mode, level]) => `${level} with ${mode} pooling`);
  return [
    `${id}: ${modes.join(', ')}${since ? `, since PgBouncer ${since}` : ''}${fixedIn ? `, before PgBouncer ${fixedIn}` : ''}`,
    '',
    message,
    why,
    `Fix: ${fix}`,
    `Source: ${source}`,
    '',
    ...examples.flatMap(({ bad, good }) =>
      (
        [
          ['breaks', bad],
          ['does not', good],
        ] as const
      ).flatMap(([label, example]) =>
        example ? [`${label} (${example.file}):`, example.text.replace(/^/gm, '    ')] : [],
      ),
    ),
    '',
    `To keep one place quiet: a comment \`pool-migrate-ignore ${id}: why\` on its line, or pool-migrate-ignore-next-line above it.`,
    '',
  ].join('\n');
}

/** Lists as sentences: `one of the words alembic, flask db upgrade, …`. */
function showCondition(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([kind, words]) => `${kind} ${showCondition(words)}`)
    .join('; ');
}

function describe(rule: Rule): string {
  const show = (condition: Rule['when']) =>
    Object.entries(condition)
      .map(([name, value]) => `  ${name}: ${showCondition(value)}`)
      .join('\n');
  const examples = rule.examples.flatMap(({ match, noMatch }) =>
    (
      [
        ['matches', match],
        ['does not match', noMatch],
      ] as const
    ).flatMap(([label, example]) =>
      example === undefined
        ? []
        : [
            `${label}${typeof example === 'string' ? '' : ` (${example.file ?? 'compose'})`}:\n${(typeof example === 'string' ? example : example.text).replace(/^/gm, '    ')}`,
          ],
    ),
  );
  return [
    `${rule.id} → ${rule.then}${rule.safety === 'unsafe' ? ' (unsafe)' : ''}`,
    '',
    rule.reason,
    ...(rule.source ? [`Source: ${rule.source}`] : []),
    '',
    'When',
    show(rule.when) || '  always (no rule before it matched)',
    ...(rule.not ? ['and not', show(rule.not)] : []),
    '',
    ...examples,
    '',
    'To decide otherwise, put a rule of your own before it: `rules:` in pool-migrate.yml.',
    '',
  ].join('\n');
}
