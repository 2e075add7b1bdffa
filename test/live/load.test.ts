/** What the pool is for: many clients over few server connections. And what it may do to sessions. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, createApp, findAsset, type PoolerOptions, runPsql, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { makeWorkDirectory, POSTGRES_BIN, run, versions, waitUntil } from './run.ts';
import { hasServers, type Result } from './servers.ts';

const CLIENTS = 200;
const LIMIT = 50;
let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: String(LIMIT) } });
  await createApp(postgres);
});

/** The example of custom.ini, as a user takes it over. */
const sessionPool = readFileSync(findAsset('pgbouncer/custom.ini'), 'utf8').replace(
  /^; (?=\[databases\]|app_session)/gm,
  '',
);
/** The row of the runbook for a test that shows lost session state. */
const staging = {
  PGBOUNCER_SERVER_ROUND_ROBIN: '1',
  PGBOUNCER_DEFAULT_POOL_SIZE: '2',
  PGBOUNCER_MIN_POOL_SIZE: '2',
  PGBOUNCER_RESERVE_POOL_SIZE: '0',
};

/** How often one client, alone, meets a setting that an earlier transaction of its own session made. */
async function countKeptSettings(options: PoolerOptions): Promise<number> {
  return withPooler(postgres, options, async pooler => {
    const client = await connect(pooler.port);
    await client.query('SELECT 1'); // now there is a pool, and PgBouncer fills it up to its least size
    await new Promise(resolve => setTimeout(resolve, 1500));
    let kept = 0;
    for (let round = 0; round < 10; round++) {
      await client.query(`SET work_mem = '${1000 + round}kB'`);
      const { rows } = await client.query("SELECT current_setting('work_mem') AS value");
      if (rows[0].value === `${1000 + round}kB`) kept++;
    }
    await client.end();
    return kept;
  });
}

describe.skipIf(!hasServers).each(versions)('PgBouncer %s', version => {
  test('the settings for it show a SET that one client on a default pool never misses', async () => {
    expect(await countKeptSettings({ version })).toBe(10);
    expect(await countKeptSettings({ version, env: staging })).toBe(0);
  });

  test('the session pool of custom.ini keeps what its client set, and gives it to nobody', async () => {
    const custom = sessionPool.replace('host=postgres port=5432', `host=127.0.0.1 port=${postgres.port}`);
    await withPooler(postgres, { version, custom, env: staging }, async pooler => {
      const keeper = await connect(pooler.port, { database: 'app_session' });
      await keeper.query("SET work_mem = '1234kB'");
      const others = [await connect(pooler.port, { database: 'app_session' }), await connect(pooler.port)];
      const workMem = async (client: typeof keeper) =>
        (await client.query("SELECT current_setting('work_mem') AS value, current_database() AS name")).rows[0];
      for (let round = 0; round < 4; round++) {
        expect(await workMem(keeper)).toEqual({ value: '1234kB', name: 'app' });
        for (const other of others) expect(await workMem(other)).toEqual({ value: '4MB', name: 'app' });
      }
      await keeper.end();
      const next = await connect(pooler.port, { database: 'app_session' });
      expect(await workMem(next)).toEqual({ value: '4MB', name: 'app' });
      await Promise.all([next, ...others].map(client => client.end()));
    });
  });

  test(`${CLIENTS} clients over ${LIMIT} connections: direct fails, through the pool all succeed`, async () => {
    const direct = await runClients(postgres.port);
    expect(direct.code).not.toBe(0);
    expect(direct.stderr).toMatch(/too many clients|remaining connection slots/);
    await withPooler(postgres, { version }, async pooler => {
      const pooled = await runClients(pooler.port);
      expect(pooled.code, pooled.stderr).toBe(0);
      expect(pooled.stdout).toContain(`number of clients: ${CLIENTS}`);
      expect(pooled.stdout).toContain(`transactions actually processed: ${CLIENTS * 10}/${CLIENTS * 10}`);
      expect(pooled.stderr).not.toMatch(/failed|aborted/);
      const busy = await runPsql(
        pooler.port,
        'app',
        'secret-of-app',
        'app',
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'",
      );
      expect(Number(busy.stdout)).toBeLessThanOrEqual(25); // default_pool_size + reserve_pool_size
    });
  });

  test('a client that waits too long for a server connection is told so', async () => {
    const env = {
      PGBOUNCER_DEFAULT_POOL_SIZE: '1',
      PGBOUNCER_RESERVE_POOL_SIZE: '0',
      PGBOUNCER_QUERY_WAIT_TIMEOUT: '1',
    };
    await withPooler(postgres, { version, env }, async pooler => {
      const first = await connect(pooler.port);
      await first.query('BEGIN');
      const second = await runPsql(pooler.port, 'app', 'secret-of-app', 'app', 'SELECT 1', { PGCONNECT_TIMEOUT: '10' });
      expect(second.stderr).toContain('query_wait_timeout');
      await first.query('COMMIT');
      await waitUntil(
        'the connection is free',
        async () => (await runPsql(pooler.port, 'app', 'secret-of-app', 'app', 'SELECT 1')).code === 0,
      );
      await first.end();
    });
  });

  test('more clients than max_client_conn are told so', async () => {
    await withPooler(postgres, { version, env: { PGBOUNCER_MAX_CLIENT_CONN: '2' } }, async pooler => {
      const clients = [await connect(pooler.port), await connect(pooler.port)];
      const third = await runPsql(pooler.port, 'app', 'secret-of-app', 'app', 'SELECT 1');
      expect(third.stderr).toContain('no more connections allowed (max_client_conn)');
      await Promise.all(clients.map(client => client.end()));
    });
  });
});

/** Each client runs ten transactions and keeps its connection meanwhile. */
async function runClients(port: number): Promise<Result> {
  const script = join(makeWorkDirectory(), 'script.sql');
  writeFileSync(script, 'SELECT pg_sleep(0.002);\n');
  return run(join(POSTGRES_BIN, 'pgbench'), ['-n', '-f', script, '-c', String(CLIENTS), '-j', '2', '-t', '10', 'app'], {
    PATH: '/usr/bin:/bin',
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: 'app',
    PGPASSWORD: 'secret-of-app',
  });
}
