/** Folklore: what is said to break, and does not. */
import { ask, attempt, type Cell, pair, python, type Scenario, see, transact } from './proof.ts';
import type { Silent } from './proofs-silent.ts';
import { POSTGRES_BIN, waitUntil } from './run.ts';

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

export const folklore: Silent[] = [
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
