/** Proofs of the rules about drivers and frameworks, by these themselves where Debian or npm has them. */
import knex from 'knex';
import postgresJs, { type Options } from 'postgres';
import { ask, type Cell, countNotifications, type Proof, pause, python, repeat, type Scenario, see } from './proof.ts';
import { searchPath, setRole } from './proofs-settings.ts';
import { listen, sessionLock } from './proofs-sql.ts';
import { waitUntil } from './run.ts';

type Sql = postgresJs.Sql;

export async function withPostgresJs(
  cell: Cell,
  options: Options<Record<string, never>>,
  use: (sql: Sql) => Promise<string>,
) {
  const { host, port, user: username, password, database } = cell;
  const sql = postgresJs({ host, port, username, password, database, max: 2, fetch_types: false, ...options });
  try {
    return await use(sql as Sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const endpointOf = ({ host, port, user, password, database }: Cell) => ({ host, port, user, password, database });

export const startNode =
  (more: Record<string, unknown>): Scenario =>
  async cell => {
    const client = await cell.connect(more);
    return `connected: ${await ask(client, 'SHOW statement_timeout')}`;
  };

const unsupported = /unsupported startup parameter/;
export const REFUSED_STARTUP = { shows: unsupported };
/** PgBouncer 1.26 takes a search_path, but cannot tell what it is on a server before PostgreSQL 18. */
export const REFUSED_PATH: Pick<Proof, 'shows' | 'isHarmless'> = {
  shows: /unsupported startup parameter|A: [ab ]*b.*B: |B: [ab ]*a/,
  isHarmless: (mode, version) => version === '1.26' && mode === 'session',
};

/** The library was not run: what it sends was. */
export const notRun = (library: string): string => `the SQL of ${library}, which was not run itself`;

export const driverProofs: Record<string, Proof[]> = {
  'driver-listens': [{ by: 'asyncpg', bad: python('listen'), good: python('listen-direct'), shows: /hears 0 of 4/ }],
  'node-listens': [{ by: 'node-postgres', ...listen }],
  'postgres-js-listens': [
    {
      by: 'postgres.js (sql.listen; sql.subscribe was not run)',
      bad: cell =>
        withPostgresJs(cell, { prepare: false }, async sql => {
          let heard = 0;
          const B = await cell.connect();
          await sql.listen(cell.name, () => {
            heard += 1;
          });
          await repeat(4, () => B.query(`NOTIFY ${cell.name}, 'x'`));
          await pause(100);
          return `the listener hears ${heard} of 4`;
        }),
      good: cell =>
        withPostgresJs(cell, { prepare: false }, async sql => {
          const listener = await cell.connectDirect();
          const heard = countNotifications(listener);
          await listener.query(`LISTEN ${cell.name}`);
          await repeat(4, () => sql.notify(cell.name, 'x'));
          await waitUntil('all were heard', () => heard() === 4, 5).catch(() => undefined);
          return `the listener hears ${heard()} of 4`;
        }),
      shows: /hears 0 of 4/,
    },
  ],
  'worker-listens': [{ by: notRun('these libraries'), ...listen }],
  'listen-call': [{ by: notRun('PgListener of sqlx, skunk and pg-listen'), ...listen }],
  'long-polling-listens': [{ by: notRun('Hangfire'), ...listen }],
  'adapter-listens': [{ by: notRun('good_job and libcluster_postgres'), ...listen }],
  'worker-command-listens': [{ by: notRun('good_job, procrastinate and graphile-worker'), ...listen }],
  'cable-listens': [{ by: notRun('Action Cable'), ...listen }],
  'session-lock-by-library': [{ by: notRun('sqlx and Marten'), ...sessionLock }],
  'migration-lock': [{ by: notRun('these libraries'), ...sessionLock }],
  'session-lock-library': [{ by: notRun('these libraries'), ...sessionLock }],
  'psycopg2-set-session': [
    {
      by: 'psycopg2',
      bad: python('set-session-isolation'),
      good: python('set-session-isolation-in-tx'),
      shows: /B: .*serializable/,
      refusedInStatement: true,
    },
  ],
  'psycopg2-read-only': [
    {
      by: 'psycopg2',
      bad: python('set-session-read-only'),
      good: python('set-session-read-only-in-tx'),
      shows: /B: .*on/,
      refusedInStatement: true,
    },
  ],
  'cursor-with-hold': [
    {
      by: 'psycopg2',
      bad: python('with-hold'),
      good: python('without-hold'),
      shows: /cursor "rows" does not exist/,
      refusedInStatement: true,
    },
  ],
  'startup-parameter': [
    ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'].map(name => ({
      by: `node-postgres, ${name}`,
      bad: startNode({ [name]: 5000 }),
      good: startNode({ query_timeout: 5000 }),
      ...REFUSED_STARTUP,
    })),
    { by: 'asyncpg', bad: python('startup-timeout'), good: python('startup-name'), ...REFUSED_STARTUP },
    {
      by: 'postgres.js',
      bad: cell =>
        withPostgresJs(cell, { prepare: false, connection: { statement_timeout: 5000 } }, async sql =>
          String((await sql`SHOW statement_timeout`)[0]?.statement_timeout),
        ),
      good: cell =>
        withPostgresJs(cell, { prepare: false, connection: { application_name: 'x' } }, async sql =>
          String((await sql`SHOW application_name`)[0]?.application_name),
        ),
      ...REFUSED_STARTUP,
    },
  ],
  'startup-settings': ['jit', 'work-mem', 'isolation'].map(name => ({
    by: `asyncpg, ${name}`,
    bad: python(`startup-${name}`),
    good: python('startup-name'),
    ...REFUSED_STARTUP,
  })),
  'startup-beside-url': [
    {
      by: 'node-postgres',
      bad: startNode({ statement_timeout: 5000 }),
      good: startNode({ query_timeout: 5000 }),
      ...REFUSED_STARTUP,
    },
  ],
  'startup-by-library': [
    {
      by: 'postgres.js with the startup parameter of skunk, which was not run itself',
      bad: cell =>
        withPostgresJs(cell, { prepare: false, connection: { client_min_messages: 'warning' } }, async sql =>
          String((await sql`SHOW client_min_messages`)[0]?.client_min_messages),
        ),
      good: cell =>
        withPostgresJs(cell, { prepare: false, connection: { application_name: 'x' } }, async sql =>
          String((await sql`SHOW application_name`)[0]?.application_name),
        ),
      ...REFUSED_STARTUP,
    },
  ],
  'startup-search-path': [
    { by: 'asyncpg', bad: python('startup-search-path'), good: python('startup-name'), ...REFUSED_PATH },
  ],
  'startup-options': [
    {
      by: 'Django, statement_timeout',
      bad: python('django-options-timeout'),
      good: python('django-sslmode'),
      ...REFUSED_STARTUP,
    },
    { by: 'psycopg2, search_path', bad: python('options-search-path'), good: python('no-options'), ...REFUSED_PATH },
  ],
  'startup-options-argument': [
    { by: 'psycopg2', bad: python('options'), good: python('no-options'), ...REFUSED_STARTUP },
  ],
  'assume-role': [{ by: notRun("Django's assume_role (4.2 and later)"), ...setRole }],
  'knex-search-path': [
    {
      by: 'knex',
      bad: async cell => {
        await cell.boss(`CREATE SCHEMA ${cell.name}`);
        return withKnex(cell, { searchPath: [cell.name] }, async db => {
          await db.raw('SELECT 1');
          return see({ other: await cell.connect() }, 'SHOW search_path');
        });
      },
      good: async cell => {
        await cell.boss(
          `CREATE SCHEMA ${cell.name}; GRANT USAGE ON SCHEMA ${cell.name} TO app;
           CREATE TABLE ${cell.name}.x AS SELECT 1 AS a; GRANT SELECT ON ${cell.name}.x TO app`,
        );
        return withKnex(cell, {}, async db => {
          const rows = await db.withSchema(cell.name).select('a').from('x');
          return `${rows.length} row; ${await see({ other: await cell.connect() }, 'SHOW search_path')}`;
        });
      },
      shows: /other: .*\bt\b/,
    },
  ],
  'server-side-cursor': [
    { by: 'Django', bad: python('iterator'), good: python('all'), shows: /cursor ".*" does not exist/ },
    { by: 'Django', bad: python('iterator'), good: python('iterator-off'), shows: /cursor ".*" does not exist/ },
  ],
  'tenant-backend': [{ by: notRun('these libraries'), ...searchPath }],
  'tenant-schemas': [{ by: notRun('these libraries'), ...searchPath }],
  'reserved-connection': [
    {
      by: 'postgres.js',
      bad: cell =>
        withPostgresJs(cell, { prepare: false, max: 1 }, async sql => {
          await sql`SELECT 1`; // it waits for ever for a connection that it has not opened yet
          const one = await sql.reserve();
          const pids = new Set<unknown>();
          for (let i = 0; i < 4; i++) pids.add((await one`SELECT pg_backend_pid() AS pid`)[0]?.pid);
          one.release();
          return `server connections: ${pids.size}`;
        }),
      good: cell =>
        withPostgresJs(cell, { prepare: false, max: 1 }, async sql => {
          const pids = new Set<unknown>();
          await sql.begin(async tx => {
            for (let i = 0; i < 4; i++) pids.add((await tx`SELECT pg_backend_pid() AS pid`)[0]?.pid);
          });
          return `server connections: ${pids.size}`;
        }),
      shows: /server connections: 2/,
      refusedInStatement: true,
    },
  ],
};

async function withKnex(
  cell: Cell,
  more: { searchPath?: string[] },
  use: (db: ReturnType<typeof knex>) => Promise<string>,
): Promise<string> {
  const db = knex({ client: 'pg', connection: endpointOf(cell), pool: { min: 0, max: 1 }, ...more });
  try {
    return await use(db);
  } finally {
    await db.destroy();
  }
}
