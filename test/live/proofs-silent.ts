/** Rows of PgBouncer's feature map that work through the pool: the audit must be silent about them. */
import { attempt, type Cell, pair, python, type Scenario, see, transact } from './proof.ts';
import { POSTGRES_BIN, type Version, waitUntil } from './run.ts';

export interface Silent {
  name: string;
  /** Row of PgBouncer's feature map that this is. */
  feature?: string;
  by: string;
  run: Scenario;
  /** Code of which the audit must say nothing. */
  example: { file: string; text: string };
  /** It needs a transaction of several round trips, which statement pooling refuses aloud. */
  refusedInStatement?: true;
  /** First version on which it is true. */
  since?: Version;
}

const makeTable = (cell: Cell): Promise<unknown> =>
  cell.boss(`CREATE TABLE ${cell.name} (id serial); ALTER TABLE ${cell.name} OWNER TO app`);

const _psql =
  (query: string, commands: (cell: Cell) => string): Scenario =>
  cell =>
    attempt(
      cell.program(
        `${POSTGRES_BIN}/psql`,
        [
          '-X',
          '-w',
          '-Atq',
          '-f',
          '-',
          `postgresql://${cell.user}:${cell.password}@${cell.host}:${cell.port}/${cell.database}?${query}`,
        ],
        commands(cell),
      ),
    );

const by = 'SQL, sent by node-postgres';

export const silentFeatures: Silent[] = [
  {
    name: 'Tracked startup parameters: application_name, TimeZone, client_encoding',
    feature: 'Startup parameters',
    by: 'node-postgres',
    run: async cell => {
      const [A, B] = [await cell.connect({ application_name: 'a' }), await cell.connect({ application_name: 'b' })];
      return see({ A, B }, 'SHOW application_name');
    },
    example: { file: 'db.ts', text: "new Pool({ application_name: 'a' })" },
  },
  {
    name: 'SET of what PgBouncer keeps for each client',
    feature: 'SET/RESET',
    by,
    run: async cell => {
      const [A, B] = await pair(cell);
      await A.query("SET TimeZone = 'Asia/Tokyo'");
      await A.query("SET application_name = 'a'");
      await B.query("SET application_name = 'b'"); // to 1.18 none is a reason to keep the one that is there
      return `${await see({ A, B }, 'SHOW TimeZone')}; ${await see({ A, B }, 'SHOW application_name')}`;
    },
    example: { file: 'a.py', text: 'cur.execute("SET TIME ZONE \'UTC\'")' },
  },
  {
    name: 'NOTIFY, heard by a listener that is connected directly',
    feature: 'NOTIFY',
    by,
    run: async cell => {
      const listener = await cell.connectDirect();
      let heard = 0;
      listener.on('notification', () => {
        heard += 1;
      });
      await listener.query(`LISTEN ${cell.name}`);
      const [A] = await pair(cell);
      for (let i = 0; i < 4; i++) await A.query(`NOTIFY ${cell.name}, 'x'`);
      await waitUntil('all were heard', () => heard === 4, 5).catch(() => undefined);
      return `heard ${heard} of 4`;
    },
    example: { file: 'a.py', text: 'cur.execute("NOTIFY jobs, \'x\'")' },
  },
  {
    name: 'A cursor without hold, inside its transaction',
    feature: 'WITHOUT HOLD CURSOR',
    by,
    run: async cell => {
      const [A] = await pair(cell);
      const fetch = 'FETCH 1 FROM c';
      return transact(cell, A, ['DECLARE c CURSOR FOR SELECT generate_series(1, 9)', fetch, fetch, fetch]);
    },
    example: { file: 'a.sql', text: 'BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH ALL FROM c; COMMIT;' },
  },
  {
    name: 'A named cursor of psycopg2 inside its transaction',
    by: 'psycopg2',
    run: python('without-hold'),
    example: { file: 'a.py', text: "cur = conn.cursor('rows')" },
    refusedInStatement: true,
  },
  {
    name: 'A statement prepared by protocol',
    feature: 'Protocol-level prepared plans',
    by: 'node-postgres',
    run: async cell => {
      const [A, B] = await pair(cell);
      const read = (client: typeof A, value: number) => () =>
        client.query({ name: 'find', text: `SELECT ${value} + $1::int AS answer`, values: [0] });
      const seen: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        for (const one of [read(A, 1), read(B, 2), read(A, 1)]) seen.push((await one()).rows[0].answer);
      }
      return seen.join(' ');
    },
    example: { file: 'a.ts', text: "pool.query({ name: 'find', text: 'SELECT 1' })" },
    since: '1.24',
  },
  {
    name: 'A temporary table with ON COMMIT DROP, inside its transaction',
    feature: 'ON COMMIT DROP temp tables',
    by,
    run: async cell => {
      const [A, B] = await pair(cell);
      const inside = await transact(cell, A, [
        'CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT 1 AS a',
        'SELECT a FROM stage',
      ]);
      return `inside ${inside}; ${await see({ A, B }, 'SELECT a FROM stage')}`;
    },
    example: { file: 'a.py', text: 'cur.execute("CREATE TEMP TABLE stage (a int) ON COMMIT DROP")' },
  },
  {
    name: 'DDL that leaves the columns of a prepared query as they are: it is planned again',
    feature: 'Cached plan reset',
    by: 'node-postgres with a named query',
    run: async cell => {
      await makeTable(cell);
      const [A, B] = await pair(cell);
      const query = { name: 'all', text: `SELECT * FROM ${cell.name}` };
      for (const client of [A, B, A, A, B, B]) await client.query(query);
      await cell.boss(`CREATE INDEX ON ${cell.name} (id); ANALYZE ${cell.name}`);
      const seen: unknown[] = [];
      for (const client of [A, B, A, B]) seen.push((await client.query(query)).rowCount);
      return seen.join(' ');
    },
    example: { file: 'a.sql', text: 'CREATE INDEX ON t (a);' },
    since: '1.24',
  },
];
