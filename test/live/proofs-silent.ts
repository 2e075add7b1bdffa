/** What is said to break behind PgBouncer, and does not: the audit must be silent about it. */
import { ask, attempt, type Cell, pair, type Scenario, see, transact } from './proof.ts';
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

const python =
  (scenario: string): Scenario =>
  cell =>
    cell.python(scenario);

const makeTable = (cell: Cell): Promise<unknown> =>
  cell.boss(`CREATE TABLE ${cell.name} (id serial); ALTER TABLE ${cell.name} OWNER TO app`);

const psql =
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

export const silent: Silent[] = [
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
  {
    name: 'LOCK TABLE outside of a transaction fails as it does on Postgres',
    by,
    run: async cell => {
      const [A] = await pair(cell);
      return attempt(A.query('LOCK TABLE django_rows'));
    },
    example: { file: 'a.py', text: 'cur.execute("LOCK TABLE t IN SHARE MODE")' },
  },
  {
    name: 'LOCK TABLE inside a transaction',
    by,
    run: async cell => {
      await makeTable(cell);
      const [A] = await pair(cell);
      return transact(cell, A, [
        `LOCK TABLE ${cell.name}`,
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND pid = pg_backend_pid() AND relation = '" +
          `${cell.name}'::regclass`,
      ]);
    },
    example: { file: 'a.sql', text: 'BEGIN; LOCK TABLE t; COMMIT;' },
  },
  {
    name: 'VACUUM',
    by,
    run: async cell => {
      await makeTable(cell);
      const [A] = await pair(cell);
      return attempt(A.query(`VACUUM ANALYZE ${cell.name}`).then(({ command }) => command));
    },
    example: { file: 'a.py', text: 'cur.execute("VACUUM ANALYZE t")' },
  },
  {
    name: 'CREATE and DROP INDEX CONCURRENTLY',
    by,
    run: async cell => {
      await makeTable(cell);
      const [A] = await pair(cell);
      await A.query(`CREATE INDEX CONCURRENTLY ${cell.name}_i ON ${cell.name} (id)`);
      return attempt(A.query(`DROP INDEX CONCURRENTLY ${cell.name}_i`).then(({ command }) => command));
    },
    example: { file: 'a.sql', text: 'CREATE INDEX CONCURRENTLY i ON t (a);' },
  },
  {
    name: 'Two phases: PREPARE TRANSACTION, then COMMIT PREPARED by another client',
    by,
    run: async cell => {
      await makeTable(cell);
      const [A, B] = await pair(cell);
      const insert = `INSERT INTO ${cell.name} DEFAULT VALUES`;
      if (cell.mode === 'statement') await A.query(`BEGIN; ${insert}; PREPARE TRANSACTION '${cell.name}'`);
      else for (const sql of ['BEGIN', insert, `PREPARE TRANSACTION '${cell.name}'`]) await A.query(sql);
      await B.query(`COMMIT PREPARED '${cell.name}'`);
      return `${await ask(A, `SELECT count(*) FROM ${cell.name}`)} row`;
    },
    example: { file: 'a.sql', text: "PREPARE TRANSACTION 'x';" },
  },
  {
    name: 'Two phases by tpc_begin, tpc_prepare and tpc_commit',
    by: 'psycopg2',
    run: async cell => {
      await makeTable(cell);
      return cell.python('two-phases');
    },
    example: { file: 'a.py', text: 'conn.tpc_begin(xid)\nconn.tpc_prepare()\nconn.tpc_commit()' },
    refusedInStatement: true,
  },
  {
    name: 'COPY in and out',
    by: 'psql',
    run: async cell => {
      await makeTable(cell);
      return psql('', ({ name }) => `COPY ${name} FROM stdin;\n1\n2\n\\.\nCOPY ${name} TO stdout;\n`)(cell);
    },
    example: { file: 'a.py', text: 'cur.copy_expert("COPY t FROM STDIN", f)' },
  },
  {
    name: 'CALL of a procedure that commits',
    by,
    run: async cell => {
      await makeTable(cell);
      await cell.boss(
        `CREATE PROCEDURE ${cell.name}_p() LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO ${cell.name} DEFAULT VALUES; COMMIT; INSERT INTO ${cell.name} DEFAULT VALUES; END $$`,
      );
      const [A, B] = await pair(cell);
      await A.query(`CALL ${cell.name}_p()`);
      return `${await ask(B, `SELECT count(*) FROM ${cell.name}`)} rows`;
    },
    example: { file: 'a.sql', text: 'CALL p();' },
  },
  {
    name: 'BEGIN ISOLATION LEVEL, which ends with its transaction',
    by,
    run: async cell => {
      const [A, B] = await pair(cell);
      const inside = await transact(cell, A, ['SHOW transaction_isolation'], 'BEGIN ISOLATION LEVEL SERIALIZABLE');
      return `inside ${inside}; ${await see({ A, B }, 'SHOW transaction_isolation')}`;
    },
    example: { file: 'a.sql', text: 'BEGIN ISOLATION LEVEL SERIALIZABLE;' },
  },
  {
    name: 'isolation_level of psycopg2 without autocommit',
    by: 'psycopg2',
    run: python('set-session-isolation-in-tx'),
    example: { file: 'a.py', text: "conn.set_session(isolation_level='SERIALIZABLE')" },
    refusedInStatement: true,
  },
  {
    name: 'set_session(autocommit=True) alone',
    by: 'psycopg2',
    run: python('set-session-autocommit'),
    example: { file: 'a.py', text: 'conn.set_session(autocommit=True)' },
  },
  {
    name: 'pg_export_snapshot, taken over by another client',
    by,
    run: async cell => {
      const [A, B] = await pair(cell);
      await A.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      const snapshot = await ask(A, 'SELECT pg_export_snapshot()');
      await B.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      const seen = await attempt(B.query(`SET TRANSACTION SNAPSHOT '${snapshot}'`).then(({ command }) => command));
      await Promise.all([A.query('COMMIT'), B.query('COMMIT')]);
      return seen;
    },
    example: { file: 'a.py', text: 'cur.execute("SELECT pg_export_snapshot()")' },
    refusedInStatement: true,
  },
  {
    name: 'A query that its client cancels',
    by: 'psycopg2',
    run: python('cancel'),
    example: { file: 'a.py', text: 'conn.cancel()' },
  },
  {
    name: 'A client that is gone in the middle of its transaction: rolled back',
    by: 'node-postgres',
    run: async cell => {
      await makeTable(cell);
      const [A, B] = await pair(cell);
      await A.query('BEGIN');
      await A.query(`INSERT INTO ${cell.name} DEFAULT VALUES`);
      (A as unknown as { connection: { stream: { destroy: () => void } } }).connection.stream.destroy();
      const open = `SELECT 1 FROM pg_locks WHERE relation = '${cell.name}'::regclass`;
      await waitUntil('its locks are gone', async () => (await cell.boss(open)).length === 0, 5);
      return `${await ask(B, `SELECT count(*) FROM ${cell.name}`)} rows`;
    },
    example: { file: 'a.ts', text: "await client.query('BEGIN')" },
    refusedInStatement: true,
  },
  {
    name: 'A pipeline of psycopg 3',
    by: 'psycopg 3',
    run: python('pipeline'),
    example: { file: 'a.py', text: 'with conn.pipeline():\n    pass' },
  },
  {
    name: 'Queries with parameters and without a name',
    by: 'node-postgres',
    run: async cell => {
      const [A, B] = await pair(cell);
      const seen: unknown[] = [];
      for (const client of [A, B, A, B])
        seen.push((await client.query('SELECT $1::int AS answer', [7])).rows[0].answer);
      return seen.join(' ');
    },
    example: { file: 'a.ts', text: "pool.query('SELECT $1::int', [7])" },
  },
  {
    name: 'gssencmode=prefer and target_session_attrs=read-write',
    by: 'libpq',
    run: psql('gssencmode=prefer&target_session_attrs=read-write', () => 'SELECT 1;'),
    example: {
      file: '.env',
      text: 'DATABASE_URL=postgresql://a:b@postgres:5432/a?gssencmode=prefer&target_session_attrs=read-write',
    },
  },
  {
    name: 'Django iterator() with DISABLE_SERVER_SIDE_CURSORS',
    by: 'Django',
    run: python('iterator-off'),
    example: { file: 'settings.py', text: "DATABASES = {'default': {'DISABLE_SERVER_SIDE_CURSORS': True}}" },
  },
];
