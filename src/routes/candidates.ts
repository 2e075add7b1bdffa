/** Which files are worth an audit: literals for the first search, and a second look at what holds one of them. */
import { isPostgresSetting } from './postgres-settings.ts';

const SQL_LITERALS = [
  'set_config(',
  '_advisory_',
  '_ADVISORY_',
  'pg_backend_pid',
  'pg_temp.',
  'LISTEN ',
  'listen ',
  'SET ',
  'set search_path',
  'set role',
  'set session',
  'set client_min_messages',
  'set statement_timeout',
  'set lock_timeout',
  'set work_mem',
  'PREPARE ',
  'DEALLOCATE ',
  'EXECUTE ',
  'TEMP ',
  'TEMPORARY ',
  'temp table',
  'temporary table',
  'WITH HOLD',
  'with hold',
  'LOAD ',
  'currval(',
  'lastval(',
  'DISCARD ',
  'RESET ',
  'CREATE DATABASE',
  'DROP DATABASE',
  'CREATE SERVER',
  'dblink_connect',
];

/** Words that start a statement are words of English too: in lower case only what looks like SQL counts. */
const SQL_PATTERN = new RegExp(
  [
    /set_config\s*\(/,
    /_(?:advisory_(?:un)?lock|ADVISORY_(?:UN)?LOCK)/,
    /pg_backend_pid\(|pg_temp\./,
    /(?:^|["'`;(>$])\s*(?:RESET|LISTEN|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|LOAD|DISCARD)\s+[\w"'{$%]/,
    /["'`;]\s*set\s+(?:session\s+)?[\w.]+\s*(?:=|to\b)/,
    /["'`;]\s*set\s+(?:role|session)\s/,
    /["'`]\s*set\s+search_path\s/,
    /["'`;]\s*(?:listen|unlisten|deallocate|discard|reset)\s+\w+\s*;?\s*["'`]/,
    /\b(?:TEMP(?:ORARY)?|temp(?:orary)?)\s+(?:TABLE|VIEW|SEQUENCE|table|view|sequence)/,
    /\b(?:INTO\s+TEMP|into\s+temp)/,
    /WITH\s+HOLD|with\s+hold/,
    /\b(?:curr|last)val\s*\(/,
    /\b(?:CREATE|DROP|create|drop)\s+(?:DATABASE|database)/,
    /CREATE\s+SERVER|create\s+server/,
    /dblink_connect/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'm',
);

/** `UPDATE t\n SET a = 1` begins a line with it too: what is set has to be a setting, or be filled in. */
const SETS = /(?:^|["'`;(>$])\s*SET\s+(?:SESSION\s+)?(["'{$%:]|[\w.]+)/gm;
const setsSomething = (text: string): boolean =>
  [...text.matchAll(SETS)].some(
    ([, name = '']) =>
      /^["'{$%:]|\.|^(?:ROLE|TIME|NAMES|SEED|CHARACTERISTICS|AUTHORIZATION|TRANSACTION|XML|SCHEMA|CATALOG)$/i.test(
        name,
      ) || isPostgresSetting(name.toLowerCase()),
  );

/** What the rules for code look for, as narrow as it can be said; a test holds every bad example against it. */
const CODE_LITERALS = [
  'add_listener(',
  '.notifies(',
  'sql.listen(',
  'sql.subscribe(',
  'sql.reserve(',
  'graphile-worker',
  'pg-listen',
  'procrastinate',
  'postgraphile',
  'good_job',
  'pglock',
  'sqlalchemy_dlock',
  'with_advisory_lock',
  'pgxlisten',
  'pq.NewListener',
  'WaitForNotification',
  'PgListener',
  'Postgrex.Notifications',
  'getNotifications(',
  'wait_for_notify',
  'river.NewClient',
  'EnableLongPolling',
  'NewPostgresSessionLocker',
  'django_tenants',
  'tenant_schemas',
  'channels_postgres',
  'gorm/dialects/postgres',
  'setSchema(',
  'diesel::pg',
  'diesel_async',
  'gem "que"',
  "gem 'que'",
  '.search_path',
  'set_session(',
  'withhold',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'server_settings',
  'search_path',
  'assume_role',
  'searchPath',
  'apartment',
  'github.com/lib/pq',
  'github.com/jackc/pgx',
  'org.postgresql.',
  'tokio_postgres',
  'sqlx::postgres',
  'pgsql:',
  'lastInsertId(',
  'command.upgrade(',
  'migrate.latest(',
  'runMigrations(',
  'new PrismaClient(',
  'django.db.backends.postgresql',
  'db.backends.postgis',
  'db.backends.postgres',
  'adapter: post',
  'schema_search_path',
  'PGOPTIONS',
  "'driver' => 'pgsql'",
  'connection-init-sql',
  'PgAdvisoryLock',
  'import skunk',
  'queue_adapter',
  'LibclusterPostgres',
  'RuntimeParams',
  'Postgrex.start_link',
  'PgPool',
  'PgConnection',
  'HikariDataSource',
  'DriverManager.getConnection',
  'setJdbcUrl(',
  '@socket.io/postgres-adapter',
  '@fedify/postgres',
  'pgpubsub',
  'queue_classic',
  'PostgresChannelMessageTableSubscriber',
  'Medallion.Threading',
  'AddAsyncDaemon',
  '.aiterator(',
  'use Ecto.Repo',
  'adapter: postgresql',
  'good_job start',
  'pg_dump',
  'pg_restore',
  'db:migrate',
  'db:prepare',
  'prisma migrate',
  'ignore_startup_parameters',
  'IGNORE_STARTUP_PARAMETERS',
];

/** Literals that stand in too many files to be told by: what else has to stand in the file. */
const CODE_PATTERNS: [literals: string[], ...patterns: RegExp[]][] = [
  [['asyncpg'], /^\s*(?:import|from)\b[^\n]*\basyncpg\b/m],
  [['psycopg'], /^\s*(?:import|from)\b[^\n]*\bpsycopg(?:_pool)?\b/m],
  [["'postgres'"], /(?:from|require\()\s*'postgres'/],
  [['"postgres"'], /(?:from|require\()\s*"postgres"/],
  [['.query('], /\.query\(\s*\{/],
  [['.iterator('], /\.iterator\(/],
  [['DATABASES'], /\bDATABASES\b/, /dj_database_url|\.db(?:_url)?\(|cast=d(?:b_|bur|j_)|['"]ENGINE['"]/],
  [['variables:'], /^\s+variables:\s*$/m],
  [['.Repo,'], /\bconfig\s+:\w+,\s*[\w.]+\.Repo,/],
  [[' Oban,'], /\bOban,/],
  [['-c '], /options["']?\s*[:=]\s*[frb]*["'][^"']*-c/],
  [["'notification'", '"notification"'], /\.on\(\s*["']notification["']/],
  // Where the rule asks for a module, the file names it.
  [['.listen(', '.listenR(', '.listenTo(', '.listen_all('], /sqlx|skunk|pg-listen|org\.postgresql/],
  [['.Prepare(', '.PrepareContext(', '.prepareR(', '.prepare('], /database\/sql|skunk|sqlx|asyncpg/],
];

interface Probe {
  /** One of these stands in the file. */
  literals: readonly string[];
  /** And then it has to be this. */
  holds(text: string): boolean;
}

const CODE_PATTERN = new RegExp(CODE_LITERALS.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'));

/** Of functions of the repository only names that say that they migrate are followed. */
const MIGRATES =
  /\b(?:(?:[Rr]un|[Aa]pply|[Ee]xecute|[Pp]erform|[Aa]uto)\w*[Mm]igrat|[Mm]igrate|\w*[Aa]nd_?[Mm]igrate)\w*\(/;
const CALLS: Probe = { literals: ['igrat'], holds: text => MIGRATES.test(text) };

const PROBES: readonly Probe[] = [
  { literals: CODE_LITERALS, holds: text => CODE_PATTERN.test(text) },
  { literals: SQL_LITERALS, holds: text => SQL_PATTERN.test(text) || setsSomething(text) },
  ...CODE_PATTERNS.map(([literals, ...patterns]) => ({
    literals,
    holds: (text: string) => patterns.every(pattern => pattern.test(text)),
  })),
];

/** Groups of literals for the search. A file with none of them has nothing for the audit. */
export const AUDIT_LITERALS: readonly (readonly string[])[] = [...PROBES, CALLS].map(({ literals }) => literals);

/**
 * What the audit may find in a text; null: nothing. `call`: only a call of a function of the repository that migrates can matter.
 * `groups`: bit i is set where a literal of the group i of `AUDIT_LITERALS` stands in the text; without it all may.
 */
export function auditPurpose(text: string, groups = -1): 'audit' | 'call' | null {
  const holds = ({ holds }: Probe, i: number) => ((groups >> i) & 1) === 1 && holds(text);
  if (PROBES.some(holds)) return 'audit';
  return holds(CALLS, PROBES.length) ? 'call' : null;
}

const CODE = /\.(?:py|[cm]?[jt]s|[jt]sx|sql|rb|rake|go|java|kts?|scala|php|cs|exs?|rs)$|(?:^|\/)Gemfile$/i;

/** Settings of Rails and Spring, and what compose and env files give to a process. */
const SETTINGS =
  /(?:^|\/)(?:database|cable|application|bootstrap|[\w.-]*compose)[\w.-]*\.(?:ya?ml|properties)(?:\.\w+)?$|(?:^|\/)pgbouncer[\w.-]*\.ini$|(?:^|\/)[\w.-]*\.env(?:[._-][\w.-]+)?$/i;

export const isSettingsFile = (path: string): boolean => SETTINGS.test(path) && !CODE.test(path);

/** A script without an ending, such as `bin/update`: its first line tells its language. */
const SCRIPT = /(?:^|\/)(?:bin|scripts?|tools|hooks)\/[^./]+$/;

export const isAudited = (path: string): boolean =>
  (CODE.test(path) && !/\.d\.ts$/.test(path)) || isSettingsFile(path) || SCRIPT.test(path);
