/** Which files are worth an audit: literals for the first search, a regular expression for the second look. */
const SQL_LITERALS = [
  'set_config(',
  '_advisory_',
  'LISTEN ',
  'listen ',
  'SET ',
  'set search_path',
  'set role',
  'set session',
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
const SQL_PATTERNS = [
  /set_config\s*\(/,
  /_advisory_(?:un)?lock/,
  /(?:^|["'`;(>$])\s*(?:SET|RESET|LISTEN|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|LOAD|DISCARD)\s+[\w"'{$%]/,
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
];

/** What the rules for code look for, as narrow as it can be said; a test holds every bad example against it. */
const CODE_LITERALS = [
  'add_listener(',
  '.notifies(',
  "'notification'",
  '"notification"',
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
  'riverqueue/river',
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
  'django_tenants',
  'tenant_schemas',
  'apartment',
  'github.com/lib/pq',
  'github.com/jackc/pgx',
  'org.postgresql.',
  'tokio_postgres',
  'sqlx::postgres',
  'pgsql:',
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
];

/** Literals that stand in too many files to be told by: a pattern says more. */
const CODE_PATTERNS: [literal: string, pattern: string][] = [
  ['import asyncpg', '\\bimport asyncpg\\b'],
  ['from asyncpg', '\\bfrom asyncpg\\b'],
  ['import psycopg', '\\bimport psycopg(?:_pool)?\\b'],
  ['from psycopg', '\\bfrom psycopg(?:_pool)?\\b'],
  ["'postgres'", "(?:from|require\\()\\s*'postgres'"],
  ['"postgres"', '(?:from|require\\()\\s*"postgres"'],
  ['.query(', '\\.query\\(\\s*\\{'],
  ['.iterator(', '\\.iterator\\('],
  ['variables:', '^\\s+variables:\\s*$'],
  ['.Repo,', '\\bconfig\\s+:\\w+,\\s*[\\w.]+\\.Repo,'],
  [' Oban,', '\\bOban,'],
  ['-c ', 'options["\']?\\s*[:=]\\s*[frb]*["\'][^"\']*-c'],
];

export const AUDIT_LITERALS: readonly string[] = [
  ...SQL_LITERALS,
  ...CODE_LITERALS,
  ...CODE_PATTERNS.map(([literal]) => literal),
];

export const AUDIT_FILTER = new RegExp(
  [
    ...SQL_PATTERNS.map(({ source }) => source),
    ...CODE_LITERALS.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')),
    ...CODE_PATTERNS.map(([, pattern]) => pattern),
  ].join('|'),
  'm',
);

const CODE = /\.(?:py|[cm]?[jt]s|[jt]sx|sql|rb|rake|go|java|kts?|scala|php|cs|exs?|rs)$|(?:^|\/)Gemfile$/i;

/** Settings of Rails and Spring, and what compose and env files give to a process. */
const SETTINGS =
  /(?:^|\/)(?:database|application|bootstrap|[\w.-]*compose)[\w.-]*\.(?:ya?ml|properties)(?:\.\w+)?$|(?:^|\/)[\w.-]*\.env(?:[._-][\w.-]+)?$/i;

export const isSettingsFile = (path: string): boolean => SETTINGS.test(path) && !CODE.test(path);

export const isAudited = (path: string): boolean => (CODE.test(path) && !/\.d\.ts$/.test(path)) || isSettingsFile(path);
