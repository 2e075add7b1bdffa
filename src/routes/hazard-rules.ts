/** Hazard rules as data: what a rule may ask of code, and how it is asked. */

import type { Event } from '../../codemods/events.ts';
import type { PoolerFeature } from '../images/poolers.ts';
import type { Hazard, NeedKind, Severity } from '../model/index.ts';
import { matchGlob } from '../text/glob.ts';
import { isPostgresSetting } from './postgres-settings.ts';
import type { SqlFact } from './sql-facts.ts';
import { isKeptAtStart, isRefusedAtStart } from './startup-parameters.ts';

export type PoolMode = Hazard['modes'][number];

export interface HazardCondition {
  /** Names of SQL facts. */
  sql?: string[] | undefined;
  /** What the SQL sets, locks or listens to. */
  detail?: string[] | undefined;
  call?: string[] | undefined;
  /** Every named argument has one of the values; `*` is any. */
  argument?: Record<string, string[]> | undefined;
  setting?: string[] | undefined;
  value?: string[] | undefined;
  /** A name around the setting: a key, a variable, the function that gets it. */
  within?: string[] | undefined;
  import?: string[] | undefined;
  /** What is known to migrate in a program. E.g.: `golang-migrate` */
  need?: string[] | undefined;
  /** A command with its words. E.g.: `pg_dump **` */
  command?: string[] | undefined;
  /** Parameter of a connection string, as `name=value`; its scheme is `scheme=…`, and `form=ado` tells that of .NET. */
  parameter?: string[] | undefined;
  /**
   * Another setting of the same object, or parameter of the same connection string, as `name=value`; for all else a parameter of
   * some connection string in the file.
   */
  sibling?: string[] | undefined;
  /** `refused`: the setting, or the parameter of a connection string, is one that PgBouncer refuses when a client starts with it. */
  startup?: 'refused'[] | undefined;
  /** Path of the file. */
  file?: string[] | undefined;
}

/** How a place is mended where that is certain. */
export type HazardEdit =
  /** Added to the call that was found. E.g.: `statement_cache_size=0` */
  | { argument: string }
  /** Added after the setting that was found. E.g.: `'DISABLE_SERVER_SIDE_CURSORS': True` */
  | { entry: string }
  /** Put before and after the value of the setting that was found. E.g.: `{**` and `, 'DISABLE_SERVER_SIDE_CURSORS': True}` */
  | { around: [before: string, after: string] }
  /** Added to the connection string. E.g.: `binary_parameters=yes` */
  | { parameter: string }
  /** Put for the value of the parameter that was found. E.g.: `prefer` */
  | { value: string }
  /** `SET` → `SET LOCAL` */
  | { setLocal: true }
  /** The parameters leave the connection string, and the pooler sets them when it connects. */
  | { connectQuery: true };

export interface HazardExample {
  file: string;
  text: string;
}

export interface HazardRule {
  id: string;
  when: HazardCondition;
  not?: HazardCondition | undefined;
  /** Modules of which the file imports one, where the name alone says too little. */
  imports?: string[] | undefined;
  /** Modes without an entry are not affected. */
  severity: Partial<Record<PoolMode, Severity>>;
  /** First PgBouncer version that is affected, if older ones are not. */
  since?: string | undefined;
  /** First PgBouncer version that is not affected. */
  fixedIn?: string | undefined;
  /** What the process that runs this needs of its connection. */
  need?: NeedKind | undefined;
  /**
   * What the pooler would have to bear, where the need does not say it. `none`: no kind of pooler is known to; `own-settings`: it is about
   * PgBouncer's own.
   */
  feature?: PoolerFeature | 'none' | 'own-settings' | undefined;
  message: string;
  why: string;
  fix: string;
  edit?: HazardEdit | undefined;
  /** The edit changes nothing else of what the program does: it belongs to the unit that pools the connection. */
  goesWithPool?: true | undefined;
  /** A setting anywhere in the repository after which nothing is left of the hazard. E.g.: `DISABLE_SERVER_SIDE_CURSORS` */
  settledBy?: string | undefined;
  /** Told once for each part of the repository, by the first place: all others say the same. */
  once?: true | undefined;
  /** Counts only where the repository has a Postgres server: the file lists drivers that may not be in use. */
  needsServer?: true | undefined;
  source: string;
  examples: { bad: HazardExample; good: HazardExample }[];
}

/** What a file is known for, beside its events. */
export interface FileFacts {
  path: string;
  imports: readonly string[];
  /** Parameters of the connection strings in it. */
  parameters: readonly string[];
}

export interface CompiledHazardRule extends HazardRule {
  /** The only kind of item that can match. */
  kind: Item['kind'];
  /** Globs of the names of its items; null: any. */
  names: readonly string[] | null;
  matches(item: Item, file: FileFacts): boolean;
}

/** Everything a rule can be asked of: an event of the code, a fact of its SQL, a parameter of a connection string. */
export type Item =
  | Exclude<Event, { kind: 'sql' }>
  | { kind: 'fact'; fact: SqlFact }
  | { kind: 'need'; name: string; at: number }
  | { kind: 'parameter'; name: string; at: number; others: readonly string[] };

type Test = (item: Item, file: FileFacts) => boolean;

export function compileHazardRule(rule: HazardRule): CompiledHazardRule {
  const when = compile(rule.when);
  const not = rule.not ? compile(rule.not) : () => false;
  const isImported = rule.imports ? anyOf(rule.imports) : null;
  return {
    ...rule,
    kind: kindOf(rule.when),
    names: namesOf(rule.when),
    matches: (item, file) =>
      when(item, file) && !not(item, file) && (isImported === null || file.imports.some(name => isImported(name))),
  };
}

const kindOf = ({ sql, detail, call, argument, parameter, ...rest }: HazardCondition): Item['kind'] => {
  if (sql || detail) return 'fact';
  if (call || argument) return 'call';
  if (rest.command) return 'command';
  if (rest.need) return 'need';
  return parameter ? 'parameter' : rest.import ? 'import' : 'setting';
};

/** What an item is called; of a fact that is what the SQL does. */
export const nameOfItem = (item: Item): string => (item.kind === 'fact' ? item.fact.name : item.name);

/** The condition on the name of an item of the rule's own kind. */
function namesOf(when: HazardCondition): readonly string[] | null {
  const kind = kindOf(when);
  return (kind === 'fact' ? when.sql : when[kind]) ?? null;
}

const anyOf = (patterns: readonly string[]): ((value: string) => boolean) => {
  const globs = patterns.map(matchGlob);
  return value => globs.some(test => test(value));
};

function compile(condition: HazardCondition): Test {
  const tests: Test[] = [];
  const { sql, detail, call, argument, setting, value, within, parameter, sibling } = condition;
  if (sql) tests.push(item => item.kind === 'fact' && sql.includes(item.fact.name));
  if (detail) tests.push(withGlobs(detail, item => (item.kind === 'fact' ? [item.fact.detail] : [])));
  if (call) tests.push(withGlobs(call, item => (item.kind === 'call' ? [item.name] : [])));
  for (const [name, values] of Object.entries(argument ?? {}))
    tests.push(withGlobs(values, item => (item.kind === 'call' ? [item.arguments.get(name)].filter(isText) : [])));
  if (setting) tests.push(withGlobs(setting, item => (item.kind === 'setting' ? [item.name] : [])));
  if (value) tests.push(withGlobs(value, item => (item.kind === 'setting' ? [item.value] : [])));
  if (within) tests.push(withGlobs(within, item => (item.kind === 'setting' ? item.within : [])));
  if (condition.import) tests.push(withGlobs(condition.import, item => (item.kind === 'import' ? [item.name] : [])));
  if (condition.command) tests.push(withGlobs(condition.command, item => (item.kind === 'command' ? [item.name] : [])));
  if (condition.need) tests.push(withGlobs(condition.need, item => (item.kind === 'need' ? [item.name] : [])));
  if (parameter) tests.push(withGlobs(parameter, item => (item.kind === 'parameter' ? [item.name] : [])));
  if (condition.startup)
    tests.push(item => {
      if (item.kind !== 'setting' && item.kind !== 'parameter') return false;
      const [name = ''] = item.name.split('=');
      return item.kind === 'setting' && name === 'options'
        ? namesOfOptions(item.value).some(one => !isKeptAtStart(one))
        : isRefusedAtStart(name);
    });
  if (sibling) {
    const matches = anyOf(sibling);
    tests.push((item, file) => siblingsOf(item, file).some(matches));
  }
  if (condition.file) {
    const matches = anyOf(condition.file);
    tests.push((_, { path }) => matches(path));
  }
  return (item, file) => tests.every(test => test(item, file));
}

/** `-c TimeZone=UTC --work_mem=…` → `TimeZone`, `work_mem` */
const namesOfOptions = (value: string): string[] =>
  [...value.matchAll(/(-c\s*|--)([A-Za-z_][\w.]*)\s*=/g)].flatMap(([, sign = '', name = '']) =>
    sign !== '--' || name === 'search_path' || isPostgresSetting(name.toLowerCase()) ? [name] : [],
  );

/** The parameters that an item makes a client send when it connects, in lower case; none where they can't be told. */
export function startupNames(item: Item): string[] {
  const written =
    item.kind === 'setting'
      ? [item.name, item.value]
      : item.kind === 'parameter'
        ? item.name.split(/=(.*)/s)
        : item.kind === 'call'
          ? ['options', item.arguments.get('options') ?? '']
          : [];
  const [name = '', value = ''] = written;
  const key = name.toLowerCase();
  if (key === 'options' || key === 'pgoptions') return namesOfOptions(value).map(one => one.toLowerCase());
  return key === 'searchpath' || key === 'currentschema' ? ['search_path'] : key === '' ? [] : [key];
}

const siblingsOf = (item: Item, { parameters }: FileFacts): readonly string[] =>
  item.kind === 'setting' ? item.siblings() : item.kind === 'parameter' ? item.others : parameters;

const isText = (value: string | undefined): value is string => value !== undefined;

function withGlobs(patterns: readonly string[], valuesOf: (item: Item) => readonly string[]): Test {
  const matches = anyOf(patterns);
  return item => valuesOf(item).some(matches);
}

export const concernsVersion = ({ since, fixedIn }: Pick<HazardRule, 'since' | 'fixedIn'>, version: string): boolean =>
  (since === undefined || !isBefore(version, since)) && (fixedIn === undefined || isBefore(version, fixedIn));

/** E.g.: `1.24.1` is before `1.26`. */
export function isBefore(version: string, other: string): boolean {
  const [a, b] = [version, other].map(text => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
