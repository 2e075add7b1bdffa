/** What a source file does that not every pool bears, told from calls that mean nothing else. */
import { isCiPath } from '../../codemods/paths.ts';
import type { Facts, Need } from '../model/index.ts';
import { lineAt, lineStartOf, lineStarts } from '../text/lines.ts';
import { withoutBypass } from '../text/marked-sections.ts';
import { dirOf } from '../text/paths.ts';

interface Call {
  need: 'migrate' | 'listen' | 'session-lock' | 'session-state';
  what: string;
  /** One of them stands in every text that the call matches. */
  literals: readonly string[];
  call: RegExp;
  /** What has to stand in the file too. */
  requires?: RegExp;
}

/** Literals for the candidate search, and the calls themselves. Sources: the documentation of each library. */
const CALLS: Call[] = [
  {
    ...migrates('golang-migrate', 'golang-migrate/migrate', /\bmigrate\.New\w*\(/),
    // Others have a `migrate.New` too.
    requires: /"github\.com\/golang-migrate\/migrate(?:\/v\d+)?"/,
  },
  migrates('goose', 'goose.Up', /\bgoose\.Up(?:Context)?\(/),
  migrates('TypeORM migrationsRun', 'migrationsRun', /\bmigrationsRun\s*:\s*(?!false\b)[\w!]/),
  migrates('runMigrations', 'runMigrations(', /\.runMigrations\(/),
  migrates('Alembic', 'command.upgrade(', /\b(?:alembic\.)?command\.upgrade\(/),
  migrates('Flask-Migrate', 'flask_migrate', /\bflask_migrate\b[\s\S]*\n[ \t]+(?:flask_migrate\.)?upgrade\(/),
  migrates('EF Core', '.Migrate(', /\.Database\s*\.Migrate\(/),
  migrates('EF Core', '.MigrateAsync(', /\.Database\s*\.MigrateAsync\(/),
  migrates(
    'Active Record',
    ['DatabaseTasks.migrate', 'DatabaseTasks.prepare_all'],
    /\bDatabaseTasks\.(?:migrate|prepare_all)\b/,
  ),
  migrates(
    'Active Record',
    'Rake::Task[',
    /\bRake::Task\[["']db:(?:migrate|prepare|setup)["']\]\.(?:invoke|execute)\b/,
  ),
  migrates('Marten', 'ApplyAllDatabaseChanges', /\.ApplyAllDatabaseChangesOnStartup\(/),
  migrates('Marten', 'ApplyAllConfiguredChanges', /\.ApplyAllConfiguredChangesToDatabaseAsync\(/),
  migrates('FluentMigrator', '.MigrateUp(', /\.MigrateUp\(/),
  migrates('DbUp', '.PerformUpgrade(', /\.PerformUpgrade\(/),
  migrates(
    'artisan migrate',
    ['artisan(', 'Artisan::call('],
    /\bartisan\(\s*['"]migrate|\bArtisan::call\(\s*['"]migrate/,
  ),
  migrates('Knex', 'migrate.latest(', /\.migrate\.latest\(/),
  migrates('Django', 'call_command(', /\bcall_command\(\s*["'](?:migrate|migrate_schemas)["']/),
  {
    ...migrates(
      'Ecto',
      ['Ecto.Migrator', 'Migrator.with_repo(', 'Migrator.run(', 'Migrator.up('],
      /\bEcto\.Migrator\b|\bMigrator\.(?:with_repo|run|up)\(/,
    ),
    requires: /\bEcto\b/,
  },
  migrates('sqlx', ['sqlx::migrate!', 'MIGRATOR'], /\bsqlx::migrate!|\bMIGRATOR\s*\.run(?:_direct)?\(/),
  migrates('Diesel', 'run_pending_migrations', /\.run_pending_migrations\(/),
  migrates('Flyway', ['Flyway.configure', 'initMethod'], /\bFlyway\.configure\(|@Bean\(initMethod\s*=\s*"migrate"\)/),
  // The lock of its migrations is then one of the session. Source: documentation.red-gate.com/flyway, `postgresql.transactional.lock`
  migrates('Flyway', 'postgresql.transactional.lock', /\bpostgresql\.transactional\.lock["']?\s*[,:=]\s*["']?false\b/),
  migrates('Flyway', 'FlywayMigrationStrategy', /\bFlywayMigrationStrategy\b(?=\s+\w+\()/),
  migrates('MikroORM', 'getMigrator()', /\.getMigrator\(\)\.up\(/),
  migrates(
    'Drizzle',
    '/migrator',
    /from\s+["']drizzle-orm\/[\w-]+\/migrator["']|require\(["']drizzle-orm\/[\w-]+\/migrator["']\)/,
  ),
  migrates(
    'prisma migrate',
    'prisma migrate deploy',
    /(?:exec|execSync|spawn|spawnSync|execa|execaCommand|\$)[(\s`][^;\n]*prisma migrate deploy/,
  ),
  migrates(
    'alembic',
    ["'alembic", '"alembic'],
    /\b(?:run|call|check_call|check_output|Popen|system|execvp?)\(\s*\[?\s*(?:sys\.executable,\s*["']-m["'],\s*)?["']alembic/,
  ),
  // Its lock is one of the session. Source: github.com/thomwright/postgres-migrations
  migrates('postgres-migrations', 'postgres-migrations', /(?:from\s+|require\()\s*["']postgres-migrations["']/),
  migrates('node-pg-migrate', 'node-pg-migrate', /(?:from\s+|require\()\s*["']node-pg-migrate["']/),
  { ...migrates('db-migrate', 'db-migrate', /\bgetInstance\(\s*true\b/), requires: /["']db-migrate["']/ },
  migrates('Umzug', ['new Umzug(', 'umzug.up('], /\bnew Umzug\(|\bumzug\.up\(/),
  migrates('SeaORM', 'Migrator::up(', /\bMigrator::up\(/),
  migrates('tokio-postgres-migration', 'tokio_postgres_migration', /\btokio_postgres_migration::/),
  migrates('refinery', ['refinery', 'embed_migrations!'], /\bembed_migrations!|refinery::/),
  // Spring Boot migrates at start where one of the two is a dependency.
  migrates('Liquibase', ['liquibase-core', 'starter-liquibase'], /liquibase-core|starter-liquibase/),
  migrates(
    'Flyway',
    ['flyway-core', 'flyway-database-postgresql', 'starter-flyway'],
    /flyway-core|flyway-database-postgresql|starter-flyway/,
  ),
  { need: 'session-lock', what: 'Marten daemon', literals: ['DaemonMode.'], call: /\bDaemonMode\.(?:HotCold|Solo)\b/ },
  { need: 'listen', what: 'pgxlisten', literals: ['pgxlisten'], call: /"github\.com\/jackc\/pgxlisten"/ },
  {
    need: 'listen',
    what: 'River',
    literals: ['riverqueue/river'],
    call: /"github\.com\/riverqueue\/river"(?![\s\S]*\bPollOnly:\s*true)/,
  },
  // A dump leaves its settings on the server connection. Source: github.com/pgbouncer/pgbouncer/issues/452
  {
    need: 'session-state',
    what: 'pg_dump',
    literals: ['pg_dump'],
    call: /\[\s*["'`](?:\/[\w/]+\/)?pg_dump(?:all)?["'`]/,
  },
  // Locks of the session around every update. Source: github.com/quay/claircore, pkg/ctxlock
  {
    need: 'session-lock',
    what: 'claircore',
    literals: ['claircore/pkg/ctxlock'],
    call: /"github\.com\/quay\/claircore\/pkg\/ctxlock(?:\/v\d+)?"/,
  },
  // Its workers listen, and hold locks of the session. Source: github.com/pulp/pulpcore, pulpcore/tasking
  {
    need: 'session-lock',
    what: 'pulpcore',
    literals: ['pulpcore.'],
    call: /(?:^|\n)(?:from|import)\s+pulpcore\.(?:plugin|app|tasking)\b/,
  },
  { need: 'listen', what: 'pq.NewListener', literals: ['pq.NewListener'], call: /\bpq\.NewListener\(/ },
  { need: 'listen', what: 'WaitForNotification', literals: ['WaitForNotification'], call: /\.WaitForNotification\(/ },
];

function migrates(what: string, literals: string | readonly string[], call: RegExp): Call {
  return { need: 'migrate', what, literals: [literals].flat(), call };
}

/** JDBC and lib/pq send it when they connect. */
const LIB_PQ = /"github\.com\/lib\/pq"/;

export const FACT_LITERALS: string[] = [
  ...new Set([...CALLS.flatMap(({ literals }) => literals), 'github.com/lib/pq']),
];
export const FACT_PATTERN = [...CALLS.map(({ call }) => call.source), LIB_PQ.source].join('|');

const CODE =
  /(?:^|\/)(?:pom\.xml|build\.gradle(?:\.kts)?)$|\.(?:py|go|[cm]?[jt]s|[jt]sx|rb|rake|java|kt|cs|php|rs|exs?)$/i;
const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|node_modules|e2e|examples?)\/|(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)test_|\.(?:Unit|Integration)?Tests?\//i;

export function readCodeFacts(path: string, text: string): Pick<Facts, 'needs' | 'drivers'> {
  if (!CODE.test(path) || TEST.test(path) || isCiPath(path)) return { needs: [], drivers: [] };
  const reads = environmentReads(text);
  const needs = CALLS.flatMap(({ need, what, call, requires }): Need[] => {
    if (requires?.test(text) === false) return [];
    return [...text.matchAll(new RegExp(call, 'g'))].slice(0, MOST).map(match => {
      const own = argumentReads(text, match.index + match[0].length - 1);
      return {
        kind: need,
        what,
        place: { file: path, line: lineAt(text, match.index + match[0].search(/\S/)) },
        reads: own.length > 0 ? own : reads,
      };
    });
  });
  const isFirst = ({ kind, what, place }: Need, i: number) =>
    needs.findIndex(other => other.kind === kind && other.what === what && other.place.line === place.line) === i;
  return { needs: needs.filter(isFirst), drivers: LIB_PQ.test(text) ? ['extra-float-digits'] : [] };
}

/** Of one call in one file: what follows says the same. */
const MOST = 5;

const FUNCTION =
  /(?:\bfunc\s+(?:\([^)\n]*\)\s*)?|\bfunction\s+|\bdefp?\s+(?:self\.)?|\bfn\s+|\bfun\s+|^[ \t]*(?:(?:public|private|protected|internal|static|async|override|final|export)\s+)+(?:[\w<>[\],.?]+\s+)?|^[ \t]*(?:export\s+)?const\s+)([A-Za-z_]\w*)\s*(?:=\s*(?:async\s*)?)?\(/gm;

/** A function of the repository that migrates, by its name, and by the folders of its file, which a caller may name. */
export interface Migrator {
  what: string;
  folders: string[];
}

/**
 * Functions around what migrates, and those around a call of one: whoever calls them migrates. Only names that say so, since a `run` or
 * a `main` is called everywhere for other things.
 */
export function readMigrators(
  needs: readonly Need[],
  texts: ReadonlyMap<string, string>,
): ReadonlyMap<string, Migrator> {
  const found = new Map<string, Migrator>();
  const functions = new Map<string, Definition[]>();
  const functionsOf = (path: string): Definition[] => {
    const known = functions.get(path) ?? readDefinitions(texts.get(path) ?? '');
    functions.set(path, known);
    return known;
  };
  const add = (path: string, name: string | undefined, what: string): void => {
    if (name === undefined || !SAYS_SO.test(name) || found.has(name)) return;
    found.set(name, {
      what,
      folders: dirOf(path)
        .split('/')
        .map(plainName)
        .filter(part => part.length > 3),
    });
  };
  for (const { kind, what, place } of needs) {
    const text = texts.get(place.file);
    if (kind !== 'migrate' || text === undefined) continue;
    const start = lineStarts(text)[place.line - 1] ?? 0;
    const all = functionsOf(place.file);
    // What is set up beside the functions of a file is there for those that say that they migrate.
    if (/^\S/.test(text.slice(start, start + 1)) && !all.some(({ at }) => at >= start && at <= start + 1))
      for (const { name } of all) add(place.file, name, what);
    else add(place.file, around(all, start), what);
  }
  const done = new Set<string>();
  for (let round = 0; round < 3; round++) {
    for (const [name, { what }] of [...found]) {
      if (done.has(name) || isCommonName(name)) continue;
      done.add(name);
      for (const [path, text] of texts) {
        if (!text.includes(`${name}(`) || TEST.test(path)) continue;
        const all = functionsOf(path);
        for (const { index } of text.matchAll(new RegExp(`\\b${name}\\(`, 'g')))
          if (!all.some(one => one.name === name && one.end === index + name.length))
            add(path, around(all, index), what);
      }
    }
  }
  return found;
}

/**
 * The function around a migration, whose name says so and that only a call by this name can start: of Go, and extensions of C#, which no
 * framework finds by itself. Null for all else.
 */
export function onlyByName({ kind, place }: Need, text: string): string | null {
  if (kind !== 'migrate' || !/\.(?:go|cs)$/.test(place.file)) return null;
  const start = lineStarts(text)[place.line - 1] ?? 0;
  const all = readDefinitions(text);
  const name = around(all, start);
  const found = all.findLast(one => one.name === name && one.at < start);
  if (name === undefined || !found || !SAYS_SO.test(name)) return null;
  return place.file.endsWith('.go') || /^\s*\(\s*this\s/.test(text.slice(found.end)) ? name : null;
}

interface Definition {
  name: string;
  at: number;
  /** Where its name ends. */
  end: number;
}

const readDefinitions = (text: string): Definition[] =>
  [...text.matchAll(FUNCTION)].map(({ index, 0: whole, 1: name = '' }) => ({
    name,
    at: index,
    end: index + whole.indexOf(name, whole.lastIndexOf(name)) + name.length,
  }));

/** The name of the function that begins last before the place. */
function around(all: readonly Definition[], place: number): string | undefined {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle] as Definition).at < place) low = middle + 1;
    else high = middle;
  }
  return all[low - 1]?.name;
}

/** True where the text at the place defines a function and calls none. */
export const isDefinition = (text: string, at: number): boolean => {
  const start = lineStartOf(text, at);
  const line = text.slice(start, start + 300);
  return [...line.matchAll(FUNCTION)].some(({ index }) => start + index <= at && at - start - index < 120);
};

/** By what the called function migrates; a common name counts only with the module of the function before it. */
export function migratorOf(call: string, migrators: ReadonlyMap<string, Migrator>): string | null {
  const parts = call.split(/[.:>]+/);
  const name = parts.at(-1) ?? '';
  const known = migrators.get(name);
  if (!known) return null;
  const module = plainName(parts.at(-2) ?? '');
  return !isCommonName(name) || known.folders.some(folder => module.endsWith(folder)) ? known.what : null;
}

/** E.g.: `migrateDb`, `run_pending_migrations`, `connectAndMigrate`; `hasMigrations` only asks. */
const SAYS_SO = /^(?:run|apply|execute|perform|auto)\w*migrat|^migrate|_?and_?migrate/i;
const isCommonName = (name: string): boolean => /^(?:run_?|do_?)?migrat(?:e|ions?)$/i.test(name);
const plainName = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');

const READ =
  /(?:\benv\.|environ(?:\.get\(|\[)\s*["']|(?:[Gg]et[Ee]nv|env|ENV\.fetch|env::var|GetEnvironmentVariable|System\.get_env|fetch_env!|LookupEnv|config)\s*[([]\s*["'`])([A-Za-z_]\w*)/g;

/** Calls that take DATABASE_URL without naming it: dj-database-url and django-environ. */
const READS_DATABASE_URL = /\bdj_database_url\.config\((?![^)]*\benv\s*=)|\benv\.(?:db|db_url|dj_db_url)\(\s*\)/;

/** Variables that a text takes from its environment. */
export const environmentReads = (text: string): string[] => {
  const own = withoutBypass(text);
  const names = [...own.matchAll(READ)].map(([, name = '']) => name);
  return [...new Set(READS_DATABASE_URL.test(own) ? [...names, 'DATABASE_URL'] : names)];
};

/** Variables read in the call's own arguments, or in the values of the names in them. */
function argumentReads(text: string, open: number): string[] {
  if (text[open] !== '(') return [];
  let depth = 0;
  let end = open;
  for (; end < Math.min(text.length, open + 600); end++) {
    if (text[end] === '(') depth++;
    else if (text[end] === ')' && --depth === 0) break;
  }
  const inner = text.slice(open, end + 1);
  const own = environmentReads(inner);
  if (own.length > 0) return own;
  const names = [...inner.matchAll(/\b[A-Za-z_]\w*\b/g)].map(([name]) => name);
  return [
    ...new Set(
      names.flatMap(name => {
        const assigned = new RegExp(`\\b${name}\\b(?:\\s*,\\s*\\w+)?\\s*:?=(?!=)\\s*([^\\n]+)`).exec(text)?.[1];
        return assigned === undefined ? [] : environmentReads(assigned);
      }),
    ),
  ];
}
