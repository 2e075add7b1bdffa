/** Hazards of sources: what breaks, or silently misbehaves, behind PgBouncer. */

import { commandOf, holdsCommands } from '../../codemods/command-events.ts';
import type { Event } from '../../codemods/events.ts';
import { isAsidePath } from '../../codemods/paths.ts';
import { isDefinition, type Migrator, migratorOf } from '../extract/index.ts';
import { counters } from '../model/counters.ts';
import type { Extraction, Hazard, Mend, NeedKind, RawSite, Severity, Source } from '../model/index.ts';
import { roughPattern } from '../text/glob.ts';
import { lineStarts, positionAt } from '../text/lines.ts';
import { isAudited } from './candidates.ts';
import { readCodeSql } from './code-sql.ts';
import {
  type CompiledHazardRule,
  concernsVersion,
  type FileFacts,
  type Item,
  nameOfItem,
  type PoolMode,
} from './hazard-rules.ts';
import { isAdo, mend } from './mend.ts';
import { readEvents, setsVariables } from './source-events.ts';

export interface AuditInput {
  rules: readonly CompiledHazardRule[];
  mode: PoolMode;
  /** PgBouncer's, e.g. `1.24.1`. */
  version: string;
  /** It keeps prepared statements of its clients apart: `max_prepared_statements` is not 0. */
  keepsPrepared: boolean;
  /** The repository has a Postgres server of its own. */
  hasServer: boolean;
  /** Functions of the repository that migrate: a call of one is the place where the program does. */
  migrators: ReadonlyMap<string, Migrator>;
}

/** A hazard with what the rule that found it says of its process, and how it is mended where that is certain. */
export interface Finding extends Hazard {
  need: NeedKind | null;
  /** What the program needs is known without it. */
  isNeedKnown: boolean;
  mend: Mend | null;
  /** The mend goes with the unit that pools the connection. */
  goesWithPool: boolean;
  /** The plan mends it. */
  isMended: boolean;
  /** How grave it is in each mode where it is not aside. */
  grave: CompiledHazardRule['severity'];
  /** Of a place that goes direct by its kind, unless a program that is pooled loads it. */
  isAside: boolean;
  /** A command, which connects for itself. */
  isCommand: boolean;
}

interface Placed {
  item: Item;
  at: number;
  /** The connection string that a parameter belongs to; for all else those of the file. */
  sites: readonly RawSite[];
  isCommand?: boolean;
}

/** What the code and the SQL of a source do, in the order of the file. `extraction`: its connection strings, and what is known of it. */
export async function auditSource(
  source: Source,
  input: AuditInput,
  { sites, facts: { needs } }: Pick<Extraction, 'sites' | 'facts'>,
): Promise<Finding[]> {
  if (
    !(isAudited(source.path) || setsVariables(source) || holdsCommands(source.path, source.text)) ||
    isGenerated(source.text)
  )
    return [];
  counters.audited++;
  const events = await readEvents(source);
  const commands = commandEvents(events);
  const imports = events.flatMap(event => (event.kind === 'import' ? [event.name] : []));
  const facts = speaksToOthers(imports) ? [] : await readCodeSql(events);
  const items: Placed[] = [
    ...events.flatMap(event =>
      event.kind === 'sql' || event.kind === 'command' ? [] : [{ item: event as Item, at: event.at, sites }],
    ),
    ...commands.map(
      ({ at, name }): Placed => ({ item: { kind: 'command', name, at }, at, sites: [], isCommand: true }),
    ),
    ...commands.flatMap(({ at, name }): Placed[] => {
      const what = migrationOf(name);
      return what === null ? [] : [{ item: { kind: 'need', name: what, at }, at, sites: [], isCommand: true }];
    }),
    ...events.flatMap((event): Placed[] => {
      if (event.kind !== 'call' || input.migrators.size === 0) return [];
      // `withLock(migrateDb)` hands it on; a name in quotes is only told.
      const written = source.text.slice(event.at, event.at + 400);
      const handed = [...event.arguments.values()].filter(
        name => /^\w+$/.test(name) && !new RegExp(`["'\`]${name}["'\`]`).test(written),
      );
      const what = [event.name, ...handed].map(name => migratorOf(name, input.migrators)).find(one => one !== null);
      if (what === undefined || what === null || isDefinition(source.text, event.at)) return [];
      return [{ item: { kind: 'need', name: what, at: event.at }, at: event.at, sites }];
    }),
    ...facts.map(fact => ({ item: { kind: 'fact' as const, fact }, at: fact.at, sites })),
    ...needs
      .filter(({ kind, place }) => kind === 'migrate' && place.file === source.path)
      .map(({ what, place }): Placed => {
        const at = startOfLine(source.text, place.line);
        return { item: { kind: 'need', name: what, at }, at, sites };
      }),
  ];
  return judge(source, items, { imports, parameters: sites.flatMap(({ params }) => params) }, input);
}

/** The first character of a line that is no blank. */
function startOfLine(text: string, line: number): number {
  const start = lineStarts(text)[line - 1] ?? 0;
  return start + (/^[ \t]*/.exec(text.slice(start, start + 500))?.[0].length ?? 0);
}

/** Parsing a large file that a program wrote would take longer than all others together. */
const isGenerated = (text: string): boolean =>
  text.length > 300_000 &&
  (/generated/i.test(text.slice(0, 2000)) || text.length / (text.split('\n', 5000).length + 1) > 300);

const OTHER_ENGINE =
  /^(?:duckdb|sqlite3|aiosqlite|better-sqlite3|pymysql|MySQLdb|mysql|aiomysql|clickhouse|snowflake|pyodbc|oracledb|cx_Oracle|pymssql)/;
const OURS =
  /^(?:_ )?(?:psycopg|asyncpg|aiopg|pg8000|sqlalchemy|django|databases|pg|postgres|knex|typeorm|sequelize|prisma|drizzle)\b/;

/** A file that imports only drivers of other engines speaks their SQL. */
const speaksToOthers = (imports: readonly string[]): boolean =>
  imports.some(name => OTHER_ENGINE.test(name)) && !imports.some(name => OURS.test(name));

/** What connection strings ask for. */
export function auditSites(source: Source, sites: readonly RawSite[], input: AuditInput): Finding[] {
  // Host and port of a keyword DSN are two sites of one string.
  const items = sites
    .filter(({ form }) => form !== 'port')
    .flatMap((site): Placed[] => {
      const { params, span, scheme, host, facts } = site;
      if (host === null || facts.includes('other-scheme')) return [];
      const kind = scheme !== '' ? [`scheme=${scheme.toLowerCase()}`] : isAdo(site, source.text) ? ['form=ado'] : [];
      const others = [...params.map(decode), ...kind];
      return others.map(name => ({
        item: { kind: 'parameter', name, at: span.start, others },
        at: span.start,
        sites: [site],
      }));
    });
  return judge(source, items, { imports: [], parameters: [] }, input);
}

const decode = (parameter: string): string => {
  try {
    return decodeURIComponent(parameter.replace(/\+/g, ' '));
  } catch {
    return parameter;
  }
};

function judge(source: Source, items: Placed[], about: Omit<FileFacts, 'path'>, input: AuditInput): Finding[] {
  const starts = lineStarts(source.text);
  const found: Finding[] = [];
  const file = { path: source.path, ...about };
  // What goes direct anyway is told, and breaks nothing.
  const isAside = isAsidePath(source.path) || isDump(source.text);
  for (const { item, at, sites, isCommand = false } of items.sort((a, b) => a.at - b.at)) {
    for (const rule of rulesFor(input, item.kind, nameOfItem(item))) {
      // Once a file is enough for a library.
      if (item.kind === 'import' && found.some(finding => finding.rule === rule.id)) continue;
      counters.rulesAsked++;
      if (!rule.matches(item, file)) continue;
      const role = item.kind === 'parameter' ? (sites[0]?.role ?? '') : '';
      const isQuiet = isAside || isCommand || /^(?:docs|prose|comment)$/.test(role);
      const { line, column } = positionAt(starts, at);
      found.push({
        file: source.path,
        line,
        column,
        rule: rule.id,
        severity: isQuiet ? 'note' : (rule.severity[input.mode] as Severity),
        modes: (Object.keys(rule.severity) as PoolMode[]).filter(mode => rule.severity[mode]),
        message: rule.message,
        fix: rule.fix,
        need: rule.need ?? (item.kind === 'need' ? 'migrate' : null),
        isNeedKnown: item.kind === 'need',
        grave: rule.severity,
        isAside: isQuiet,
        isCommand,
        mend: rule.edit ? mend(rule.edit, item, sites, source.text) : null,
        goesWithPool: rule.goesWithPool ?? false,
        isMended: false,
      });
    }
  }
  // A dump says the same thing for each of its tables.
  const isSame = (one: Finding, other: Finding) =>
    other.rule === one.rule && (isDump(source.text) || other.line === one.line);
  return found.filter((one, i) => !found.slice(0, i).some(other => isSame(one, other)));
}

interface Active {
  rules: readonly (readonly [CompiledHazardRule, names: RegExp])[];
  /** What one of them can match, by name. */
  byName: Map<string, readonly CompiledHazardRule[]>;
}

const active = new WeakMap<AuditInput, Map<Item['kind'], Active>>();

/** The last version that could not keep prepared statements apart. */
const WITHOUT_PREPARED = '1.20';

/** The rules that can match an item of that kind and name, in that mode and version. */
function rulesFor(input: AuditInput, kind: Item['kind'], name: string): readonly CompiledHazardRule[] {
  const known = active.get(input) ?? new Map<Item['kind'], Active>();
  active.set(input, known);
  const { rules, byName } = known.get(kind) ?? activate(input, kind);
  known.set(kind, { rules, byName });
  const found = byName.get(name) ?? rules.filter(([, names]) => names.test(name)).map(([rule]) => rule);
  byName.set(name, found);
  return found;
}

function activate(input: AuditInput, kind: Item['kind']): Active {
  const rules = input.rules.filter(
    rule =>
      rule.kind === kind &&
      rule.severity[input.mode] &&
      concernsVersion(rule, input.keepsPrepared || rule.need !== 'prepared' ? input.version : WITHOUT_PREPARED) &&
      (!rule.needsServer || input.hasServer),
  );
  return { rules: rules.map(rule => [rule, roughPattern(rule.names ?? ['**'])] as const), byName: new Map() };
}

const isDump = (text: string): boolean => /^-- PostgreSQL database (?:cluster )?dump/m.test(text.slice(0, 1500));

/** Commands that stand as such, and those that code gives to a shell. */
const commandEvents = (events: readonly Event[]): { name: string; at: number }[] =>
  events.flatMap(event => {
    if (event.kind === 'command') return [event];
    return event.kind === 'sql'
      ? commandOf(event.value, event.callee).flatMap(one => (one.kind === 'command' ? [one] : []))
      : [];
  });

/** What a migration command is known as. */
const MIGRATIONS: [command: RegExp, what: string][] = [
  [/\b(?:rails|rake)\b.{0,300}\bdb:(?:migrate|prepare|setup|schema:load)\b/, 'Active Record'],
  [/\bprisma migrate (?:deploy|dev)\b/, 'prisma migrate'],
  [/\bmigrate\b.{0,300} -(?:database|path|source)\b/, 'golang-migrate'],
  [/\bsqlx migrate run\b/, 'sqlx'],
  [/\bnode-pg-migrate\b/, 'node-pg-migrate'],
  [/\balembic\b.{0,300}\bupgrade\b/, 'Alembic'],
  [/\bmanage\.py migrate\b/, 'Django'],
  [/\bartisan migrate\b/, 'artisan migrate'],
  [/\becto\.(?:migrate|setup)\b/, 'Ecto'],
  [/\bdrizzle-kit migrate\b/, 'Drizzle'],
  [/\bknex\b.{0,300}\bmigrate:latest\b/, 'Knex'],
  [/\bdiesel migration run\b/, 'Diesel'],
  [/\bgoose\b.{0,300}\bup\b/, 'goose'],
];
const migrationOf = (command: string): string | null => MIGRATIONS.find(([known]) => known.test(command))?.[1] ?? null;
