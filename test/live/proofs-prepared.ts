/** Proofs of the rules about prepared statements. */
import { attempt, type Cell, type Proof, pair, python, repeat, type Scenario, tally } from './proof.ts';
import { withPostgresJs } from './proofs-drivers.ts';
import { makeSerial } from './proofs-sql.ts';

/** Two sessions with statements of the same name, each of which must get its own answer. */
export const preparedByNode =
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

export const MIXED_UP = /prepared statement .* (?:does not exist|already exists)|another client's answer/;

const goString = ({ host, port, user, password, database }: Cell): string =>
  `host=${host} port=${port} user=${user} password=${password} dbname=${database} sslmode=disable`;

export const preparedProofs: Record<string, Proof[]> = {
  'lib-pq': [
    {
      by: 'lib/pq',
      bad: async cell => cell.program(await cell.goProgram('lib-pq'), [goString(cell)]),
      good: async cell => cell.program(await cell.goProgram('lib-pq'), [`${goString(cell)} binary_parameters=yes`]),
      shows: /unnamed prepared statement does not exist/,
    },
  ],
  'asyncpg-statement-cache': [
    {
      by: 'asyncpg',
      bad: python('statement-cache'),
      good: python('no-statement-cache'),
      shows: MIXED_UP,
    },
  ],
  'psycopg-prepared': [
    {
      by: 'psycopg 3',
      bad: python('prepared'),
      good: python('not-prepared'),
      shows: MIXED_UP,
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
      shows: MIXED_UP,
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
      by: 'pgx 4',
      bad: async cell => cell.program(await cell.goProgram('pgx'), [goString(cell)]),
      good: async cell =>
        cell.program(await cell.goProgram('pgx'), [`${goString(cell)} statement_cache_mode=describe`]),
      shows: MIXED_UP,
    },
    {
      by: 'node-postgres with names, as tokio-postgres and sqlx give them; these were not run themselves',
      bad: preparedByNode('S_1'),
      good: preparedByNode(undefined),
      shows: MIXED_UP,
    },
  ],
  'prepared-at-connect': [
    {
      by: 'node-postgres with names, as these drivers give them',
      bad: preparedByNode('S_1'),
      good: preparedByNode(undefined),
      shows: MIXED_UP,
    },
  ],
  'database-sql-prepared': [
    {
      by: 'node-postgres with names, as database/sql over pgx gives them',
      bad: preparedByNode('S_1'),
      good: preparedByNode(undefined),
      shows: MIXED_UP,
    },
  ],
  'pdo-prepared': [
    {
      by: 'PDO of PHP 8.2',
      bad: pdo('prepare'),
      good: pdo('disable'),
      shows: /current transaction is aborted|prepared statement .* does not exist|another client's answer/,
      refusedInStatement: true,
      // Since 1.21 only its transactions fail, and there are none.
      isHarmless: (mode, version) => mode === 'statement' && version !== '1.18',
    },
  ],
  'pdo-last-insert-id': [
    { by: 'PDO of PHP 8.2', bad: lastId('last'), good: lastId('returning'), shows: /told (?!1 and 2)/ },
  ],
  'migrates-at-start': [
    {
      by: 'node-postgres with a named query',
      bad: cachedPlan((name, column) => `ALTER TABLE ${name} ADD ${column} int`),
      good: cachedPlan(name => `CREATE INDEX ON ${name} (a); ANALYZE ${name}`),
      shows: /cached plan must not change result type/,
    },
  ],
};

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

/** Two clients insert a row each, and ask for its id. */
function lastId(how: 'last' | 'returning'): Scenario {
  return async cell => {
    await makeSerial(cell);
    const { host, port, user, password, database, program, name } = cell;
    const dsn = `pgsql:host=${host};port=${port};dbname=${database}`;
    return program('php', [new URL('./last-id.php', import.meta.url).pathname, dsn, user, password, name, how]);
  };
}

export function pdo(how: 'prepare' | 'disable' | 'emulate', by = ''): Scenario {
  return ({ host, port, user, password, database, mode, program }) =>
    program('php', [
      new URL('./pdo.php', import.meta.url).pathname,
      `pgsql:host=${host};port=${port};dbname=${database}`,
      user,
      password,
      mode ?? '',
      how,
      by,
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
