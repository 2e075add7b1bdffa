/** Proofs of the rules about what frameworks are configured to do, by these themselves where Debian has them. */
import { attempt, type Cell, type Proof, pair, python, type Scenario, see } from './proof.ts';
import { notRun, REFUSED_PATH, REFUSED_STARTUP, startNode } from './proofs-drivers.ts';
import { MIXED_UP, pdo, preparedByNode } from './proofs-prepared.ts';
import { listen, sqlProofs } from './proofs-sql.ts';
import { POSTGRES_BIN } from './run.ts';

const rails =
  (scenario: string): Scenario =>
  ({ ruby }) =>
    ruby(scenario);

const laravel =
  (how: 'paths' | 'none'): Scenario =>
  ({ host, port, user, password, database, program }: Cell) =>
    program('php', [
      new URL('./laravel.php', import.meta.url).pathname,
      host,
      String(port),
      user,
      password,
      database,
      how,
    ]);

/** psql, as libpq reads the variable for every client. */
const withVariable =
  (assignment: string, question: string): Scenario =>
  ({ host, port, user, password, database, program }) => {
    const url = `postgresql://${user}:${password}@${host}:${port}/${database}`;
    return attempt(program('env', [assignment, `${POSTGRES_BIN}/psql`, '-X', '-w', '-At', '-c', question, url]));
  };

/** A client program through the pool or past it, beside two applications, and then what these have for a setting. */
const leaves =
  (setting: string, isDirect: boolean, run: (cell: Cell, url: string) => Promise<string>): Scenario =>
  async cell => {
    const [A, B] = await pair(cell);
    const { user, password } = cell;
    const { host, port, database } = isDirect ? await endpointOf(cell) : cell;
    await attempt(run(cell, `postgresql://${user}:${password}@${host}:${port}/${database}`));
    return see({ A, B }, `SHOW ${setting}`);
  };
/** Where the server itself is. */
async function endpointOf({ connectDirect }: Cell): Promise<{ host: string; port: number; database: string }> {
  const client = await connectDirect();
  const { host, port, database = '' } = client;
  await client.end();
  return { host, port, database };
}
const dump = ({ program }: Cell, url: string): Promise<string> =>
  program(`${POSTGRES_BIN}/pg_dump`, ['-w', '--schema-only', url]);
const runFile = ({ program }: Cell, url: string): Promise<string> =>
  program(
    `${POSTGRES_BIN}/psql`,
    ['-X', '-w', '-q', '-f', '-', url],
    "SELECT pg_catalog.set_config('search_path', '', false);\n",
  );
/** An empty one reads `–`. */
const EMPTY_PATH = /[AB]: [^;]*–/;

const LEAKS = /A: .*\$user|B: [ab ]*a/;
const namesLikeOthers: Pick<Proof, 'bad' | 'good' | 'shows'> = {
  bad: preparedByNode('ecto_1'),
  good: preparedByNode(undefined),
  shows: MIXED_UP,
};
const [discard] = sqlProofs['discard-by-client'] as [Proof, ...Proof[]];

/** However the connection is written: what becomes of it is the same. */
const choices: Proof = {
  by: 'Django, a form',
  bad: python('choices'),
  good: python('choices-off'),
  shows: /cursor ".*" does not exist/,
};

export const frameworkProofs: Record<string, Proof[]> = {
  'rails-variables': [
    {
      by: 'Active Record',
      bad: rails('rails-variables'),
      good: rails('rails-no-variables'),
      shows: /A: .*\b0\b|B: .*7s/,
    },
  ],
  'rails-search-path': [
    { by: 'Active Record', bad: rails('rails-search-path'), good: rails('rails-no-search-path'), shows: LEAKS },
  ],
  'rails-prepared': [
    { by: 'Active Record', bad: rails('rails-prepared'), good: rails('rails-not-prepared'), shows: MIXED_UP },
  ],
  'django-server-side-cursors': [choices],
  'django-engine-of-environment': [choices],
  'django-database-url': [choices],
  'laravel-prepared': [
    {
      by: 'Illuminate 8 with PDO of PHP 8.2',
      bad: pdo('prepare', 'laravel'),
      good: pdo('disable', 'laravel'),
      shows: /current transaction is aborted|prepared statement .* does not exist|another client's answer/,
      refusedInStatement: true,
      // Since 1.21 only its transactions fail, and there are none.
      isHarmless: (mode, version) => mode === 'statement' && version !== '1.18',
    },
  ],
  'laravel-emulated-prepares': [
    {
      by: 'Illuminate 8 with PDO of PHP 8.2',
      bad: pdo('emulate', 'laravel'),
      good: pdo('disable', 'laravel'),
      shows: /a boolean as a number: ×/,
      // The pool has no part in it: it is what the advice against prepared statements leads to.
      isHarmless: () => true,
    },
  ],
  'laravel-search-path': [{ by: 'Illuminate 8', bad: laravel('paths'), good: laravel('none'), shows: LEAKS }],
  'ecto-prepared': [{ by: notRun('Ecto'), ...namesLikeOthers }],
  'ecto-parameters': [
    {
      by: 'node-postgres with the startup parameter of Postgrex, which was not run itself',
      bad: startNode({ statement_timeout: 5000 }),
      good: startNode({ application_name: 'app' }),
      ...REFUSED_STARTUP,
    },
  ],
  'oban-listens': [{ by: notRun('Oban'), ...listen }],
  'npgsql-reset': [{ ...discard, by: notRun('Npgsql') }],
  'npgsql-auto-prepare': [{ by: notRun('Npgsql'), ...namesLikeOthers }],
  'prisma-prepared': [{ by: notRun('Prisma'), ...namesLikeOthers }],
  'jdbc-schema': [
    {
      by: 'pgjdbc',
      bad: ({ java }) => java('set-schema', 'ApplicationName=x'),
      good: ({ java }) => java('search-path', 'ApplicationName=@'),
      shows: LEAKS,
    },
  ],
  'library-listens': [{ by: notRun('these libraries'), ...listen }],
  'dump-in-pool': [
    {
      by: 'pg_dump',
      bad: leaves('extra_float_digits', false, dump),
      good: leaves('extra_float_digits', true, dump),
      shows: /[AB]: [^;]*3/,
    },
  ],
  'sql-file-in-pool': [
    {
      by: 'psql -f',
      bad: leaves('search_path', false, runFile),
      good: leaves('search_path', true, runFile),
      shows: EMPTY_PATH,
    },
  ],
  'jdbc-prepared': [
    {
      by: 'pgjdbc, prepareThreshold=1 (by default it is 5)',
      bad: ({ java }) => java('prepared', 'prepareThreshold=1'),
      good: ({ java }) => java('prepared', 'prepareThreshold=0'),
      shows: MIXED_UP,
    },
  ],
  'sqlalchemy-asyncpg-cache': [
    {
      by: 'SQLAlchemy with asyncpg',
      bad: python('sqlalchemy'),
      good: python('sqlalchemy-no-cache'),
      shows: MIXED_UP,
      refusedInStatement: true,
    },
  ],
  pgoptions: [
    {
      by: 'libpq, statement_timeout',
      bad: withVariable('PGOPTIONS=-c statement_timeout=5', 'SHOW statement_timeout'),
      good: withVariable('PGAPPNAME=app', 'SHOW application_name'),
      ...REFUSED_STARTUP,
    },
    {
      by: 'libpq (psycopg2), search_path',
      bad: python('options-search-path'),
      good: python('no-options'),
      ...REFUSED_PATH,
    },
  ],
};
