/** Proofs of the rules about settings of a session, by node-postgres with simple queries. */
import { type Cell, type Proof, pair, repeat, type Scenario, see, transact } from './proof.ts';
import { by, countRows, makeSerial, tenant } from './proofs-sql.ts';

/** A statement of the first session, and what both sessions see then. */
const leave =
  (statement: string, question: string): Scenario =>
  async cell => {
    const [A, B] = await pair(cell);
    await A.query(statement);
    return see({ A, B }, question);
  };

/** The same inside one transaction. */
const leaveInTransaction =
  (statements: string[], question: string, begin?: string): Scenario =>
  async cell => {
    const [A, B] = await pair(cell);
    const inside = await transact(cell, A, [...statements, question], begin);
    return `A inside: ${inside}; ${await see({ A, B }, question)}`;
  };

async function makeSchemas(cell: Cell): Promise<[string, string]> {
  const [one, two] = [`${cell.name}_a`, `${cell.name}_b`];
  for (const [schema, value] of [
    [one, 'a'],
    [two, 'b'],
  ])
    await cell.boss(
      `CREATE SCHEMA ${schema} AUTHORIZATION app; CREATE TABLE ${schema}.who AS SELECT '${value}' AS tenant; GRANT SELECT ON ${schema}.who TO app`,
    );
  return [one, two];
}

/** Two tenants with a schema each. */
export const searchPath: Pick<Proof, 'bad' | 'good' | 'shows'> = {
  bad: async cell => {
    const [one, two] = await makeSchemas(cell);
    const [A, B] = await pair(cell);
    await A.query(`SET search_path TO ${one}`);
    await B.query(`SET search_path TO ${two}`);
    return see({ A, B }, 'SELECT tenant FROM who');
  },
  good: async cell => {
    const [one, two] = await makeSchemas(cell);
    const [A, B] = await pair(cell);
    const read = (client: typeof A, schema: string) =>
      transact(cell, client, [`SET LOCAL search_path TO ${schema}`, 'SELECT tenant FROM who']);
    return `A: ${await repeat(4, () => read(A, one))}; B: ${await repeat(4, () => read(B, two))}`;
  },
  shows: /A: [ab ]*b.*B: |B: [ab ]*a/,
};

async function makeRole(cell: Cell): Promise<string> {
  const role = `${cell.name}_role`;
  await cell.boss(`CREATE ROLE ${role}; GRANT ${role} TO app`);
  return role;
}

export const setRole: Pick<Proof, 'bad' | 'good' | 'shows'> = {
  bad: async cell => leave(`SET ROLE ${await makeRole(cell)}`, 'SELECT current_user')(cell),
  good: async cell => leaveInTransaction([`SET LOCAL ROLE ${await makeRole(cell)}`], 'SELECT current_user')(cell),
  shows: /B: .*t_role/,
};

export const settingProofs: Record<string, Proof[]> = {
  'set-session': [
    {
      by,
      bad: leave("SET app.tenant = 'a'", tenant),
      good: leaveInTransaction(["SET LOCAL app.tenant = 'a'"], tenant),
      shows: /B: .*a/,
    },
    {
      by,
      bad: leave('SET statement_timeout = 7000', 'SHOW statement_timeout'),
      good: leaveInTransaction(['SET LOCAL statement_timeout = 7000'], 'SHOW statement_timeout'),
      shows: /A: .*\b0\b.*B: .*7s/,
    },
  ],
  'set-session-in-tx': [
    {
      by,
      bad: leaveInTransaction(['SET lock_timeout = 5'], 'SHOW lock_timeout'),
      good: leaveInTransaction(['SET LOCAL lock_timeout = 5'], 'SHOW lock_timeout'),
      shows: /B: .*5ms/,
    },
  ],
  'interval-style': [
    {
      by,
      bad: leave("SET intervalstyle = 'iso_8601'", "SELECT (interval '90 min')::text"),
      good: leaveInTransaction(["SET LOCAL intervalstyle = 'iso_8601'"], "SELECT (interval '90 min')::text"),
      shows: /A: .*01:30:00.*B: .*PT1H30M/,
    },
  ],
  'set-config-session': [
    {
      by: 'SQL with row-level security, sent by node-postgres',
      bad: async cell => {
        await makePolicy(cell);
        const [A, B] = await pair(cell);
        await A.query("SELECT set_config('app.tenant', 'a', false)");
        await B.query("SELECT set_config('app.tenant', 'b', false)");
        return see({ A, B }, `SELECT string_agg(tenant, '+') FROM ${cell.name}`);
      },
      good: async cell => {
        await makePolicy(cell);
        const [A, B] = await pair(cell);
        const read = (client: typeof A, value: string) =>
          transact(cell, client, [
            `SELECT set_config('app.tenant', '${value}', true)`,
            `SELECT string_agg(tenant, '+') FROM ${cell.name}`,
          ]);
        return `A: ${await repeat(4, () => read(A, 'a'))}; B: ${await repeat(4, () => read(B, 'b'))}`;
      },
      shows: /A: [ab ]*b.*B: |B: [ab ]*a/,
    },
  ],
  'search-path-session': [{ by, ...searchPath }],
  'session-characteristics': [
    {
      by,
      bad: leave(
        'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
        'SHOW transaction_isolation',
      ),
      good: leaveInTransaction([], 'SHOW transaction_isolation', 'BEGIN ISOLATION LEVEL SERIALIZABLE'),
      shows: /B: .*serializable/,
    },
  ],
  'session-read-only': [
    {
      by,
      bad: leave('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'SHOW transaction_read_only'),
      good: leaveInTransaction([], 'SHOW transaction_read_only', 'BEGIN READ ONLY'),
      shows: /B: .*on/,
    },
    {
      by,
      bad: async cell => {
        await makeSerial(cell);
        const [A, B] = await pair(cell);
        await A.query('SET default_transaction_read_only = on');
        return see({ B }, `INSERT INTO ${cell.name} DEFAULT VALUES RETURNING 'inserted'`);
      },
      good: async cell => {
        await makeSerial(cell);
        const [A, B] = await pair(cell);
        await transact(cell, A, [countRows(cell.name)], 'BEGIN READ ONLY');
        return see({ B }, `INSERT INTO ${cell.name} DEFAULT VALUES RETURNING 'inserted'`);
      },
      shows: /cannot execute INSERT in a read-only transaction/,
    },
  ],
  'set-role': [{ by, ...setRole }],
  'set-session-authorization': [
    {
      by: 'SET SESSION AUTHORIZATION by a superuser',
      bad: async cell => {
        const role = await makeRole(cell);
        const [A, B] = await pair(cell, { user: 'super' });
        await A.query(`SET SESSION AUTHORIZATION ${role}`);
        return see({ A, B }, 'SELECT session_user');
      },
      good: async cell => {
        const role = await makeRole(cell);
        const [A, B] = await pair(cell, { user: 'super' });
        const inside = await transact(cell, A, [`SET LOCAL SESSION AUTHORIZATION ${role}`, 'SELECT session_user']);
        return `A inside: ${inside}; ${await see({ A, B }, 'SELECT session_user')}`;
      },
      shows: /B: .*t_role/,
    },
  ],
};

async function makePolicy(cell: Cell): Promise<void> {
  await cell.boss(
    `CREATE TABLE ${cell.name} AS SELECT unnest('{a,b}'::text[]) AS tenant;
     ALTER TABLE ${cell.name} ENABLE ROW LEVEL SECURITY; GRANT SELECT ON ${cell.name} TO app;
     CREATE POLICY p ON ${cell.name} USING (tenant = current_setting('app.tenant', true))`,
  );
}
