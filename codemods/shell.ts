/** Endpoints in shell text: scripts, command strings of compose files, commands in documents. */

import type { RawSite, Use } from '../src/model/index.ts';
import { readKeywordDsn } from '../src/scan/dsn.ts';
import { isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { emptySite, isLocalName, type ScanContext, type Scope, scanValue } from '../src/scan/scan-value.ts';
import { composeMapped, type MappedText, sliceMapped } from '../src/text/mapped-text.ts';
import { classifyPart } from '../src/text/part.ts';
import {
  isScriptFlag,
  isShell,
  readShell,
  type ShellAssignment,
  type ShellCommand,
  type ShellWord,
} from './shell-words.ts';

/** Programs of PostgreSQL that take `-h HOST` and `-p PORT`. Source: postgresql.org/docs/current/reference-client.html */
const CLIENTS = new Set(
  (
    'psql pg_dump pg_dumpall pg_restore pg_isready pg_basebackup pg_receivewal pg_recvlogical pgbench createdb dropdb ' +
    'createuser dropuser vacuumdb reindexdb clusterdb pgcli pg_prove'
  ).split(' '),
);

/** A setting whose value is a command line: what it does with an endpoint depends on the program. */
export const isCommandLine = (text: string): boolean =>
  /(?:^|[\s/"'])(?:psql|pg_(?:dump|dumpall|restore|basebackup|isready|recvlogical)|alembic|flyway|liquibase|goose|dbmate|migrate|createdb|dropdb|(?:ba|da|a)?sh\s+-c)\s/.test(
    text,
  );

export interface ShellResult {
  sites: RawSite[];
  /** Words of every command, for the flow of variables. */
  commands: string[][];
  reads: string[];
}

/** `scope` is the surrounding: a compose service's command, a script, a block in a document. */
export function scanShell(mapped: MappedText, scope: Scope, context: ScanContext, depth = 0): ShellResult {
  const parsed = readShell(mapped.text);
  const reads = [...mapped.text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(match => match[1] ?? '');
  const result: ShellResult = { sites: [], commands: [], reads };
  for (const command of parsed) {
    const words = plainWords(command);
    if (words.length > 0) result.commands.push(words);
    const commandScope: Scope = { ...scope, uses: words.length > 0 ? [useOf(words, scope)] : (scope.uses ?? []) };
    for (const assignment of command.assignments) {
      const commands = isDeclaration(words) ? commandsOf(mapped.text, parsed, assignment.name, command) : [words];
      const uses = commands.map(item => useOf(item, scope));
      result.sites.push(...scanWord(mapped, assignment, { ...scope, key: assignment.name, uses }, context));
    }
    result.sites.push(...scanWords(mapped, command, commandScope, context, depth, result));
  }
  if (depth === 0)
    result.sites.push(...scanDefaults(mapped, parsed, scope, context), ...scanPairs(mapped, parsed, scope, context));
  return result;
}

/** `"${DB_HOST:-db}"` and `"${DB_PORT:-5432}"` of one text are one endpoint, wherever they go. */
function scanDefaults(outer: MappedText, commands: ShellCommand[], scope: Scope, context: ScanContext): RawSite[] {
  const setting = (key: string, { value }: ShellWord, own: Scope): Setting => ({
    key,
    value: composeMapped(outer, value),
    scope: own,
  });
  const settings = commands.flatMap(command => {
    const words = plainWords(command);
    const own = words.length > 0 ? [useOf(words, scope)] : (scope.uses ?? []);
    const read = (word: ShellWord, uses: Use[]): Setting[] => {
      const [whole, key = ''] = /^\$\{(\w+):?[-=][^${}\s]+\}$/.exec(word.value.text) ?? [];
      return whole && (isHostKey(key) || isPortKey(key))
        ? [setting(key, word, { ...scope, role: 'fallback', uses })]
        : [];
    };
    const usesOf = (name: string) => commandsOf(outer.text, commands, name, command).map(item => useOf(item, scope));
    return [
      ...command.words.flatMap(word => {
        // `: "${DB_HOST:=db}"` sets it for what follows.
        const [, name] = words[0] === ':' ? (/^\$\{(\w+):?=/.exec(word.value.text) ?? []) : [];
        return read(word, name ? usesOf(name) : own);
      }),
      ...command.assignments.flatMap(one =>
        isDefault(one, command)
          ? [setting(one.name, one, { ...scope, role: 'fallback', uses: usesOf(one.name) })]
          : read(one, isDeclaration(words) ? usesOf(one.name) : own),
      ),
    ];
  });
  return scanBlock(settings, 'defaults', context);
}

/** `DB_HOST=db DB_PORT=5432 app`, and the same on lines of a script: hosts and ports that are assigned as they are. */
function scanPairs(outer: MappedText, commands: ShellCommand[], scope: Scope, context: ScanContext): RawSite[] {
  const read = (command: ShellCommand, usesOf: (name: string) => Use[]): Setting[] =>
    command.assignments
      .filter(one => isEndpoint(one) && !isDefault(one, command))
      .map(({ name, value }) => ({
        key: name,
        value: composeMapped(outer, value),
        scope: { ...scope, key: name, uses: usesOf(name) },
      }));
  const [alone, before] = [true, false].map(is => commands.filter(one => isDeclaration(plainWords(one)) === is));
  const prefixed = (before ?? []).flatMap(command =>
    scanBlock(
      read(command, () => [useOf(plainWords(command), scope)]),
      `prefix@${command.start}`,
      context,
    ),
  );
  const assigned = (alone ?? []).flatMap(command =>
    read(command, name => commandsOf(outer.text, commands, name, command).map(item => useOf(item, scope))),
  );
  return [...prefixed, ...scanBlock(assigned, 'assigned', context)];
}

const isEndpoint = ({ name, value }: ShellAssignment): boolean =>
  (isHostKey(name) || isPortKey(name)) && /^[\w.-]+$/.test(value.text);

/** `if [ -z "$DB_HOST" ]; then DB_HOST=db; DB_PORT=5432; fi`: what is set with it goes with it. */
const isDefault = (one: ShellAssignment, { unset }: ShellCommand): boolean =>
  isEndpoint(one) && unset.some(name => isHostKey(name) || isPortKey(name));

/** Assignments that hold for the commands after them: `NAME=value` alone, `export NAME=value`. */
const isDeclaration = ([first]: readonly string[]): boolean =>
  first === undefined || /^(?:export|declare|typeset|readonly|local)$/.test(first);

/** Words for rules: quotes removed, and `< file` or a here-document shown as the word `<`. */
function plainWords(command: ShellCommand): string[] {
  const words = command.words.map(word => word.value.text);
  return command.input ? [...words, '<'] : words;
}

const useOf = (words: string[], scope: Scope): Use => ({
  words,
  service: scope.service ?? null,
  image: scope.uses?.[0]?.image ?? null,
});

/**
 * Commands of the script that expand the variable, also through others that are put together from it; for an exported one all
 * that follow.
 */
function commandsOf(
  text: string,
  all: ShellCommand[],
  name: string,
  at: ShellCommand,
  seen: ReadonlySet<string> = new Set(),
): string[][] {
  if (seen.has(name)) return [];
  const known = new Set([...seen, name]);
  const reads = new RegExp(`\\$\\{?${name}\\b`);
  const later = all.filter(command => command.start > at.start);
  const readers = later.filter(command => reads.test(text.slice(command.start, command.end)));
  const direct = readers.filter(({ words, isOwnCall }) => words.length > 0 && !isOwnCall).map(plainWords);
  const built = readers.flatMap(command =>
    command.assignments
      .filter(({ value }) => reads.test(value.text))
      .flatMap(other => commandsOf(text, all, other.name, command, known)),
  );
  const isExported = new RegExp(`\\bexport\\s[^\\n;&|]*\\b${name}\\b`).test(text);
  const found = [
    ...direct,
    ...built,
    ...(isExported ? later.filter(({ isOwnCall }) => !isOwnCall).map(plainWords) : []),
  ];
  return found.filter(words => words.length > 0 && !BUILTINS.has(words[0] ?? ''));
}

const BUILTINS = new Set(['echo', 'printf', 'export', 'test', '[', '[[', 'set', 'cd', ':', 'true', 'exit', 'unset']);

function scanWord(outer: MappedText, word: ShellWord, scope: Scope, context: ScanContext): RawSite[] {
  return scanValue(composeMapped(outer, word.value), scope, context);
}

function scanWords(
  outer: MappedText,
  command: ShellCommand,
  scope: Scope,
  context: ScanContext,
  depth: number,
  result: ShellResult,
): RawSite[] {
  const { words } = command;
  const found: RawSite[] = [];
  const client = words.findIndex(word => CLIENTS.has(baseName(word.value.text)));
  const isNested = (i: number) => isScriptFlag(words[i - 1]?.value.text ?? '') && isShellBefore(words, i - 1);
  // Texts of one file start at places of their own: each recipe of a Makefile, each service's command.
  const group = `command@${(outer.runs[0]?.from ?? 0) + command.start}`;
  if (client !== -1) found.push(...clientFlags(outer, words, client, scope, group));
  else found.push(...hostFlags(outer, words, scope, context, group));
  words.forEach((word, i) => {
    if (isNested(i) && depth < 5) {
      const inner = scanShell(composeMapped(outer, word.value), scope, context, depth + 1);
      found.push(...inner.sites);
      result.commands.push(...inner.commands);
      return;
    }
    // `Host=db;Port=5432` assigns nothing.
    const assigned = readKeywordDsn(word.value.text) ? null : /^([A-Za-z_]\w*)=/.exec(word.value.text);
    const flag = words[i - 1]?.value.text;
    const key = assigned?.[1] ?? (flag?.startsWith('--') && !flag.includes('=') ? flag : null);
    const value = assigned ? sliceMapped(word.value, assigned[0].length, word.value.text.length) : word.value;
    found.push(...scanWord(outer, { ...word, value }, { ...scope, key }, context));
  });
  return found;
}

const baseName = (word: string): string => word.slice(word.lastIndexOf('/') + 1);
const isShellBefore = (words: ShellWord[], i: number): boolean =>
  words.slice(Math.max(0, i - 2), i).some(word => isShell(word.value.text));

/** `-h db -p 5432`, `-hdb`, `--host=db`. */
function clientFlags(outer: MappedText, words: ShellWord[], from: number, scope: Scope, group: string): RawSite[] {
  const database = words.slice(from + 1).map(word => word.value.text);
  const option = (short: string, long: string) => {
    const at = database.indexOf(short) === -1 ? database.indexOf(long) : database.indexOf(short);
    return at === -1 ? null : (database[at + 1] ?? null);
  };
  const user = option('-U', '--username');
  const flags = [
    { isHost: true, value: flagValue(words, from, /^(?:-h|--host=?)(.*)$/s, ['-h', '--host']) },
    { isHost: false, value: flagValue(words, from, /^(?:-p|--port=?)(.*)$/s, ['-p', '--port']) },
  ];
  return flags.flatMap(({ isHost, value }) =>
    value ? [{ ...argumentSite(outer, value, isHost, scope, group), user, database: option('-d', '--dbname') }] : [],
  );
}

function flagValue(words: ShellWord[], from: number, joined: RegExp, separate: string[]): MappedText | null {
  for (let i = from + 1; i < words.length; i++) {
    const word = words[i] as ShellWord;
    if (separate.includes(word.value.text)) return words[i + 1]?.value ?? null;
    const rest = joined.exec(word.value.text)?.[1];
    if (rest && !word.value.text.startsWith('--host-') && !word.value.text.startsWith('--help')) {
      return sliceMapped(word.value, word.value.text.length - rest.length, word.value.text.length);
    }
  }
  return null;
}

/** Flags of other programs, such as `--db-host=db --db-port 5432`: only where the host is a name of a server. */
function hostFlags(
  outer: MappedText,
  words: ShellWord[],
  scope: Scope,
  context: ScanContext,
  group: string,
): RawSite[] {
  const find = (kind: 'host' | 'port') => {
    for (let i = 0; i < words.length; i++) {
      const word = words[i] as ShellWord;
      const match = new RegExp(`^--(?:\\w+[-_])*${kind}(?:name)?(=|$)`, 'i').exec(word.value.text);
      if (!match) continue;
      if (match[1] === '') return words[i + 1]?.value ?? null;
      return sliceMapped(word.value, match[0].length, word.value.text.length);
    }
    return null;
  };
  const host = find('host');
  if (!host) return [];
  const port = find('port');
  const isKnown = context.names.has(host.text.toLowerCase());
  if (!isKnown && !(isLocalName(host.text) && port && context.ports.has(port.text))) return [];
  const site = argumentSite(outer, host, true, scope, group);
  return port ? [site, argumentSite(outer, port, false, scope, group)] : [site];
}

function argumentSite(outer: MappedText, value: MappedText, isHost: boolean, scope: Scope, group: string): RawSite {
  const part = classifyPart(composeMapped(outer, value), { start: 0, end: value.text.length });
  return {
    ...emptySite(scope),
    form: 'argument',
    span: part.span,
    host: isHost ? part : null,
    port: isHost ? null : part,
    group,
  };
}

/** The words of an exec-form command (`["sh", "-c", "…"]`), as one command or as the script that the shell gets. */
export function scanArgv(words: MappedText[], scope: Scope, context: ScanContext): ShellResult {
  const texts = words.map(word => word.text);
  const script = texts.findIndex(isScriptFlag);
  if (script > 0 && isShell(texts[script - 1] ?? '') && words[script + 1]) {
    return scanShell(words[script + 1] as MappedText, scope, context);
  }
  const command: ShellCommand = {
    start: words[0]?.runs[0]?.from ?? 0,
    end: 0,
    words: words.map(value => ({ value, start: 0, end: 0 })),
    assignments: [],
    heredocs: [],
    input: false,
    output: null,
    unset: [],
    isOwnCall: false,
  };
  const result: ShellResult = { sites: [], commands: [texts], reads: [] };
  // The words map into the source already.
  const passThrough: MappedText = { text: '', runs: [{ at: 0, from: 0, length: Number.MAX_SAFE_INTEGER }] };
  result.sites = scanWords(passThrough, command, { ...scope, uses: [useOf(texts, scope)] }, context, 0, result);
  return result;
}
