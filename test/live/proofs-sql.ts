/** Proofs of the rules about locks, notifications and objects of a session, by node-postgres with simple queries. */
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
  transact,
} from './proof.ts';
import { waitUntil } from './run.ts';

export const by = 'SQL, sent by node-postgres';
export const tenant = "SELECT current_setting('app.tenant', true)";

export const sessionLock: Pick<Proof, 'bad' | 'good' | 'shows'> = {
  bad: async cell => {
    const [A, B] = await pair(cell);
    const got = await ask(A, `SELECT pg_try_advisory_lock(${cell.key})`);
    const others = await repeat(4, () => ask(B, `SELECT pg_try_advisory_lock(${cell.key})`));
    await A.end();
    await B.end();
    await pause(50);
    const left = await cell.boss(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${cell.key}`);
    return `A gets it: ${got}; B gets it too: ${others}; held after both are gone: ${left.length > 0}`;
  },
  good: async cell => {
    const [A, B] = await pair(cell);
    // A holds the lock for as long as it waits for a second one, which is ours.
    const gate = await cell.connectDirect();
    await gate.query(`SELECT pg_advisory_lock(${cell.key + 1})`);
    const work = transact(cell, A, [
      `SELECT pg_try_advisory_xact_lock(${cell.key})`,
      `SELECT pg_advisory_xact_lock(${cell.key + 1})`,
    ]);
    await waitUntil('A works', async () => {
      const held = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${cell.key + 1} AND NOT granted`;
      return (await cell.boss(held)).length === 1;
    });
    const attemptB = () => transact(cell, B, [`SELECT pg_try_advisory_xact_lock(${cell.key})`]);
    const during = await attemptB();
    await gate.end();
    const got = await work;
    return `A gets it: ${got}; B during that: ${during}; B after that: ${await attemptB()}`;
  },
  shows: /B gets it too: .*true|after both are gone: true/,
};

export const listen: Pick<Proof, 'bad' | 'good' | 'shows'> = {
  bad: async cell => {
    const [A, B] = await pair(cell);
    const heardByA = countNotifications(A);
    const heardByB = countNotifications(B);
    await A.query(`LISTEN ${cell.name}`);
    await repeat(4, () => B.query(`NOTIFY ${cell.name}, 'x'`));
    await pause(100);
    return `the listener hears ${heardByA()} of 4, another client ${heardByB() > 0 ? 'some' : 'none'}`;
  },
  good: async cell => {
    const listener = await cell.connectDirect();
    const heard = countNotifications(listener);
    await listener.query(`LISTEN ${cell.name}`);
    const [, B] = await pair(cell);
    await repeat(4, () => B.query(`NOTIFY ${cell.name}, 'x'`));
    await waitUntil('all were heard', () => heard() === 4, 5).catch(() => undefined);
    return `the listener hears ${heard()} of 4`;
  },
  shows: /hears 0 of 4/,
};

/** A temporary object that one transaction makes, and the next ones look for. */
const temporary =
  (create: (name: string) => string, question: (name: string) => string): Scenario =>
  async cell => {
    const [A, B] = await pair(cell);
    await A.query(create(cell.name));
    return see({ A, B }, question(cell.name));
  };
export const countRows = (name: string): string => `SELECT count(*) FROM ${name}`;
const keepTemporary: Scenario = async cell => {
  const [A, B] = await pair(cell);
  await cell.boss(`CREATE TABLE ${cell.name} AS SELECT 1 AS a; GRANT SELECT ON ${cell.name} TO app`);
  const inside = await transact(cell, A, [
    `CREATE TEMP TABLE ${cell.name} ON COMMIT DROP AS SELECT 999 AS a`,
    `SELECT a FROM ${cell.name}`,
  ]);
  return `A inside: ${inside}; ${await see({ A, B }, `SELECT a FROM ${cell.name}`)}`;
};
const proveTemporary = (bad: Scenario): Proof => ({
  by,
  bad,
  good: keepTemporary,
  shows: /A: .*relation "t" does not exist|B: .*999/,
});

/** Extensions belong to the database, so one cell after another makes its own. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const next = turn.then(work, work);
  turn = next.catch(() => undefined);
  return next;
}

export async function makeSerial(cell: Cell): Promise<void> {
  await cell.boss(`CREATE TABLE ${cell.name} (id serial); ALTER TABLE ${cell.name} OWNER TO app`);
}

export const sqlProofs: Record<string, Proof[]> = {
  'listen-notify': [{ by, ...listen }],
  'session-advisory-lock': [{ by, ...sessionLock }],
  'session-lock-function': [{ by, ...sessionLock }],
  'backend-pid': [
    {
      by,
      bad: async cell => {
        const [A, B] = await pair(cell);
        const mine = await ask(A, 'SELECT pg_backend_pid()');
        const others = await repeat(4, () => ask(B, 'SELECT pg_backend_pid()'));
        return `another client has the same: ${others.includes(String(mine))}`;
      },
      good: async cell => {
        const [A, B] = await pair(cell);
        const mine = await ask(A, "SELECT 'worker-1'");
        const others = await repeat(4, () => ask(B, "SELECT 'worker-2'"));
        return `another client has the same: ${others.includes(String(mine))}`;
      },
      shows: /has the same: true/,
    },
  ],
  'sql-prepare': [
    {
      by,
      bad: async cell => {
        const [A, B] = await pair(cell);
        await A.query(`PREPARE ${cell.name} AS SELECT 'mine'`);
        const seen = await see({ A }, `EXECUTE ${cell.name}`);
        return `${seen}; B prepares it: ${await repeat(1, () => B.query(`PREPARE ${cell.name} AS SELECT 'other'`).then(() => 'done'))}`;
      },
      good: async cell => {
        const [A, B] = await pair(cell);
        await makeSerial(cell);
        await transact(cell, A, [`INSERT INTO ${cell.name} DEFAULT VALUES`], 'BEGIN');
        if (cell.mode === 'statement')
          await A.query(`BEGIN; INSERT INTO ${cell.name} DEFAULT VALUES; PREPARE TRANSACTION '${cell.name}'`);
        else {
          await A.query('BEGIN');
          await A.query(`INSERT INTO ${cell.name} DEFAULT VALUES`);
          await A.query(`PREPARE TRANSACTION '${cell.name}'`);
        }
        await B.query(`COMMIT PREPARED '${cell.name}'`);
        return `both phases: ${await ask(B, countRows(cell.name))} rows; as it is: ${await repeat(4, () => ask(A, "SELECT 'mine'"))}`;
      },
      shows: /prepared statement "t" (?:does not exist|already exists)/,
    },
  ],
  'temp-table': [
    proveTemporary(temporary(name => `CREATE TEMP TABLE ${name} (a int)`, countRows)),
    proveTemporary(temporary(name => `CREATE TEMP TABLE ${name} (a int) ON COMMIT PRESERVE ROWS`, countRows)),
    proveTemporary(temporary(name => `CREATE TEMP TABLE ${name} (a int) ON COMMIT DELETE ROWS`, countRows)),
    proveTemporary(temporary(name => `SELECT 1 AS a INTO TEMP ${name}`, countRows)),
    proveTemporary(temporary(name => `CREATE TEMP VIEW ${name} AS SELECT 1`, countRows)),
    proveTemporary(
      temporary(
        name => `CREATE TEMP SEQUENCE ${name}`,
        name => `SELECT last_value FROM ${name}`,
      ),
    ),
    proveTemporary(async cell => {
      await cell.boss(`CREATE TABLE ${cell.name} AS SELECT 1 AS a; GRANT SELECT ON ${cell.name} TO app`);
      const [A, B] = await pair(cell);
      await A.query(`CREATE TEMP TABLE ${cell.name} AS SELECT 999 AS a`);
      return see({ A, B }, `SELECT a FROM ${cell.name}`);
    }),
  ],
  'with-hold-cursor': [
    {
      by,
      bad: async cell => {
        const [A] = await pair(cell);
        await A.query(`DECLARE ${cell.name} CURSOR WITH HOLD FOR SELECT generate_series(1, 9)`);
        return see({ A }, `FETCH 1 FROM ${cell.name}`);
      },
      good: async cell => {
        const [A] = await pair(cell);
        const fetch = `FETCH 1 FROM ${cell.name}`;
        return transact(cell, A, [`DECLARE ${cell.name} CURSOR FOR SELECT generate_series(1, 9)`, fetch, fetch, fetch]);
      },
      shows: /cursor "t" does not exist/,
    },
  ],
  'load-library': [
    {
      by: 'SQL of a superuser',
      bad: async cell => {
        const [A] = await pair(cell, { user: 'super' });
        await A.query("LOAD 'auto_explain'");
        return see({ A }, 'SHOW auto_explain.log_min_duration');
      },
      good: cell =>
        inTurn(async () => {
          const [A, B] = await pair(cell, { user: 'super' });
          await A.query('CREATE EXTENSION pg_trgm');
          const seen = await see({ A, B }, "SELECT similarity('a', 'a')");
          await cell.boss('DROP EXTENSION pg_trgm');
          return seen;
        }),
      shows: /unrecognized configuration parameter/,
    },
  ],
  'currval-lastval': [
    {
      by,
      bad: async cell => {
        await makeSerial(cell);
        const [A, B] = await pair(cell);
        const insert = `INSERT INTO ${cell.name} DEFAULT VALUES`;
        await A.query(insert);
        await B.query(insert);
        const last = await see({ A }, 'SELECT lastval()');
        return `lastval after the insert of 1 by A, 2 by B: ${last}; currval ${await see({ A }, `SELECT currval('${cell.name}_id_seq')`)}`;
      },
      good: async cell => {
        await makeSerial(cell);
        const [A, B] = await pair(cell);
        return see({ A, B }, `INSERT INTO ${cell.name} DEFAULT VALUES RETURNING id`);
      },
      shows: /A: [12 ]*2/,
    },
  ],
  'discard-by-client': ['DISCARD ALL', 'RESET ALL'].map(statement => ({
    by: statement,
    bad: async cell => {
      const [A, B] = await pair(cell);
      await A.query("SET app.tenant = 'a'");
      await A.query(statement);
      return see({ A, B }, tenant);
    },
    good: async cell => {
      const [A, B] = await pair(cell);
      if (cell.mode === 'statement') await A.query("BEGIN; SET app.tenant = 'a'; ROLLBACK");
      else {
        await A.query('BEGIN');
        await A.query("SET app.tenant = 'a'");
        await A.query('ROLLBACK');
      }
      return see({ A, B }, tenant);
    },
    shows: /: .*a/,
  })),
  'create-database-in-pool': [
    {
      by,
      bad: async cell => {
        const [A] = await pair(cell, { user: 'super' });
        await A.query(`CREATE DATABASE ${cell.name}_db TEMPLATE template0`);
        const other = await cell.connect({ user: 'super', database: `${cell.name}_db` });
        await other.query('SELECT 1');
        await other.end();
        await pause(20);
        const dropped = await attempt(A.query(`DROP DATABASE ${cell.name}_db`).then(() => 'done'));
        await cell.boss(`DROP DATABASE IF EXISTS ${cell.name}_db WITH (FORCE)`);
        return `DROP DATABASE when its last client is gone: ${dropped}`;
      },
      good: async cell => {
        const [A, B] = await pair(cell);
        await A.query(`CREATE SCHEMA ${cell.name}`);
        return attempt(B.query(`DROP SCHEMA ${cell.name}`).then(() => 'done'));
      },
      shows: /is being accessed by other users/,
    },
  ],
  'foreign-server-through-pool': [
    {
      by: 'postgres_fdw of PostgreSQL 15',
      bad: async cell => {
        const answer = await askForeign(cell, cell.port, cell.database);
        const [A, B] = await pair(cell);
        return `the foreign table says ${answer}; ${await see({ A, B }, 'SHOW search_path')}`;
      },
      good: async cell => {
        const direct = await cell.connectDirect();
        const port = Number(await ask(direct, "SELECT current_setting('port')"));
        const answer = await askForeign(cell, port, 'app');
        const [A, B] = await pair(cell);
        return `the foreign table says ${answer}; ${await see({ A, B }, 'SHOW search_path')}`;
      },
      shows: /: .*pg_catalog|could not connect|blocks not allowed|foreign table says (?!1)/,
    },
  ],
};

/** A query over a foreign server at that port, asked on Postgres itself. */
async function askForeign(cell: Cell, port: number, database: string): Promise<string> {
  const { name } = cell;
  await cell.boss(
    `CREATE TABLE ${name} AS SELECT 1 AS a; GRANT SELECT ON ${name} TO app;
     CREATE SERVER ${name}_s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${port}', dbname '${database}');
     CREATE USER MAPPING FOR app SERVER ${name}_s OPTIONS (user 'app', password '${cell.password}');
     CREATE FOREIGN TABLE ${name}_f (a int) SERVER ${name}_s OPTIONS (table_name '${name}');
     GRANT SELECT ON ${name}_f TO app`,
  );
  const client = await cell.connectDirect();
  const answer = await attempt(ask(client, `SELECT a FROM ${name}_f`));
  await client.end();
  return answer;
}
