/** Proofs of the rules about drivers and frameworks, by these themselves where Debian or npm has them. */
import knex from 'knex';
import postgresJs, { type Options } from 'postgres';
import {
  ask,
  attempt,
  type Cell,
  countNotifications,
  type Proof,
  pair,
  pause,
  repeat,
  type Scenario,
  see,
  tally,
} from './proof.ts';
import { listen, searchPath, sessionLock, setRole } from './proofs-sql.ts';
import { waitUntil } from './run.ts';

const python =
  (scenario: string): Scenario =>
  cell =>
    cell.python(scenario);

type Sql = postgresJs.Sql;

async function withPostgresJs(cell: Cell, options: Options<Record<string, never>>, use: (sql: Sql) => Promise<string>) {
  const { host, port, user: username, password, database } = cell;
  const sql = postgresJs({ host, port, username, password, database, max: 2, fetch_types: false, ...options });
  try {
    return await use(sql as Sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

const endpointOf = ({ host, port, user, password, database }: Cell) => ({ host, port, user, password, database });

/** Two sessions with statements of the same name, each of which must get its own answer. */
const preparedByNode =
  (name: string | undefined): Scenario =>
  async cell => {
    const [A, B] = await pair(cell);
    const seen: string[] = [];
    for (let round = 0; round < 4; round++) {
      // Three, since in pairs each would come to the same server connection every time.
      for (const [i, client] of [
        [0, A],
        [1, B],
        [0, A],
      ] as const) {
        const query = { ...(name ? { name } : {}), text: `SELECT ${i} + $1::int AS answer`, values: [0] };
        seen.push(
          await attempt(
            client.query(query).then(({ rows }) => (rows[0].answer === i ? 'right' : "another client's answer")),
          ),
        );
      }
    }
    return tally(seen);
  };

const startNode =
  (more: Record<string, unknown>): Scenario =>
  async cell => {
    const client = await cell.connect(more);
    return `connected: ${await ask(client, 'SHOW statement_timeout')}`;
  };

const unsupported = /unsupported startup parameter/;
const REFUSED_STARTUP = { shows: unsupported };
/** PgBouncer 1.26 takes a search_path, but cannot tell what it is on a server before PostgreSQL 18. */
export const REFUSED_PATH: Pick<Proof, 'shows' | 'isHarmless'> = {
  shows: /unsupported startup parameter|A: [ab ]*b.*B: |B: [ab ]*a/,
  isHarmless: (mode, version) => version === '1.26' && mode === 'session',
};

/** The library was not run: what it sends was. */
const notRun = (library: string): string => `the SQL of ${library}, which was not run itself`;

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
  'tenant-schemas': [{ by: notRun('these libraries'), ...searchPath }],
  'lib-pq': [
    {
      by: 'lib/pq',
      bad: async cell => cell.program(await cell.libPq(), [goString(cell)]),
      good: async cell => cell.program(await cell.libPq(), [`${goString(cell)} binary_parameters=yes`]),
      shows: /unnamed prepared statement does not exist/,
    },
  ],
  'asyncpg-statement-cache': [
    {
      by: 'asyncpg',
      bad: python('statement-cache'),
      good: python('no-statement-cache'),
      shows: /prepared statement .* (?:does not exist|already exists)|another client's answer/,
    },
  ],
  'psycopg-prepared': [
    {
      by: 'psycopg 3',
      bad: python('prepared'),
      good: python('not-prepared'),
      shows: /prepared statement .* (?:does not exist|already exists)|another client's answer/,
    },
  ],
  'psycopg-deallocate': [
    {
      by: 'psycopg 3 with libpq 15, prepared_max 5',
      bad: python('deallocates'),
      good: python('deallocates-not'),
      shows: /× prepared statement .* does not exist/,
    },
  ],
  'node-named-query': [
    {
      by: 'node-postgres',
      bad: preparedByNode('find'),
      good: preparedByNode(undefined),
      shows: /prepared statement .* (?:does not exist|already exists)|another client's answer/,
    },
  ],
  'postgres-js-prepared': [
    {
      by: 'postgres.js',
      bad: preparedByPostgresJs(true),
      good: preparedByPostgresJs(false),
      shows: /prepared statement .* does not exist/,
    },
  ],
  'protocol-prepared': [
    {
      by: 'node-postgres with names, as pgx, pgjdbc and Rails give them; these were not run themselves',
      bad: preparedByNode('S_1'),
      good: preparedByNode(undefined),
      shows: /prepared statement .* (?:does not exist|already exists)|another client's answer/,
    },
  ],
  'pdo-prepared': [
    {
      by: 'PDO of PHP 8.2',
      bad: pdo('prepare'),
      good: pdo('emulate'),
      shows: /current transaction is aborted|prepared statement .* does not exist|another client's answer/,
      refusedInStatement: true,
    },
  ],
  'migrates-at-start': [
    {
      by: 'node-postgres with a named query',
      bad: cachedPlan((name, column) => `ALTER TABLE ${name} ADD ${column} int`),
      good: cachedPlan(name => `CREATE INDEX ON ${name} (a); ANALYZE ${name}`),
      shows: /cached plan must not change result type/,
    },
  ],
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

const goString = ({ host, port, user, password, database }: Cell): string =>
  `host=${host} port=${port} user=${user} password=${password} dbname=${database} sslmode=disable`;

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

/** Outside of transactions it tries again by itself, so the first error is inside one. */
function preparedByPostgresJs(prepare: boolean): Scenario {
  return cell =>
    withPostgresJs(cell, { prepare, max: 1 }, async sql => {
      const seen: string[] = [];
      const note = async (work: Promise<unknown>) => seen.push(await attempt(work.then(() => 'right')));
      for (let i = 0; i < 4; i++) await note(sql`SELECT ${1}::int`);
      // Statement pooling has no transactions to try.
      for (let i = 0; i < 6 && cell.mode !== 'statement'; i++) await note(sql.begin(async tx => tx`SELECT ${1}::int`));
      return seen.every(one => one === 'right') ? 'all right' : tally(seen).replaceAll(/"[^"]*"/g, '"…"');
    });
}

function pdo(how: 'prepare' | 'emulate'): Scenario {
  return ({ host, port, user, password, database, mode, program }) =>
    program('php', [
      new URL('./pdo.php', import.meta.url).pathname,
      `pgsql:host=${host};port=${port};dbname=${database}`,
      user,
      password,
      mode ?? '',
      how,
    ]);
}

/** DDL while a statement is prepared, then the same query by a client that has just come. */
function cachedPlan(ddl: (name: string, column: string) => string): Scenario {
  return async cell => {
    await cell.boss(`CREATE TABLE ${cell.name} AS SELECT 1 AS a; ALTER TABLE ${cell.name} OWNER TO app`);
    const query = { name: 'all', text: `SELECT * FROM ${cell.name}` };
    const [A] = await pair(cell);
    await repeat(4, () => A.query(query));
    await cell.boss(ddl(cell.name, 'b'));
    await A.end();
    const B = await cell.connect();
    const seen = await repeat(2, () => B.query(query).then(({ rows }) => `${rows.length} row`));
    return `a new client after the DDL: ${seen}`;
  };
}
