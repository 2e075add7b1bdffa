/** Settings of the user's own, in custom.ini and in variables. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createApp,
  credentials,
  ENTRYPOINT,
  type Pooler,
  prepare,
  runPsql,
  runScript,
  startPooler,
  whoAmI,
  withPooler,
} from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { expectRefusal } from './refusal.ts';
import { shells, versions } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres();
  await createApp(postgres);
  await postgres.query('CREATE DATABASE reports');
});

describe.skipIf(!hasServers)('custom.ini', () => {
  test.each(['[pgbouncer]\nadmin_users = x\n', ' [PgBouncer]\nadmin_users = x\n'])(
    '%j would reset the rest',
    async custom => {
      for (const shell of shells) {
        const env = await prepare({ shell, custom }, 5432);
        expectRefusal(await runScript(ENTRYPOINT, env), 'custom.ini has a line [pgbouncer]', env);
      }
    },
  );
});

describe.skipIf(!hasServers).concurrent.each(versions)('PgBouncer %s itself', version => {
  const shell = shells[versions.indexOf(version)] ?? 'dash';

  test('custom.ini wins over the environment; the rest stays', async () => {
    const custom = `; comment\r\ndefault_pool_size = 9\nadmin_users = app\n\n[databases]\nmine = host=127.0.0.1 port=${postgres.port} dbname=reports pool_size=3\n[users]\nsecond = pool_mode=session\n`;
    const env = {
      PGBOUNCER_QUERY_WAIT_TIMEOUT: '7',
      PGBOUNCER_CONNECT_QUERY: "SELECT set_config('my.x', 'it''s', false)",
    };
    await withPooler(postgres, { version, shell, custom, env }, async pooler => {
      const config = await showConfig(pooler);
      expect(config).toMatchObject({ default_pool_size: '9', query_wait_timeout: '7', pool_mode: 'transaction' });
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'pgbouncer', 'RELOAD')).code).toBe(0);
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'mine', whoAmI)).stdout).toBe('app@reports');
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'app', "SELECT current_setting('my.x')")).stdout).toBe(
        "it's",
      );
    });
  });

  test('what PgBouncer does not know, it refuses by name', async () => {
    for (const [options, name] of [
      [{ env: { PGBOUNCER_DEFAULT_POOLSIZE: '3' } }, 'default_poolsize'],
      [{ env: { PGBOUNCER_DEFAULT_POOL_SIZE: 'many' } }, 'default_pool_size'],
      [{ env: { PGBOUNCER_POOL_MODE: 'Transactions' } }, 'pool_mode'],
      [{ custom: 'max_clientconn = 1\n' }, 'max_clientconn'],
      [{ custom: '[databases]\na = hots=h\n' }, 'hots'],
    ] as const) {
      await expect(startPooler(postgres, { version, shell, ...options })).rejects.toThrow(name);
    }
  });
});

async function showConfig(pooler: Pooler): Promise<Record<string, string>> {
  const { stdout } = await runPsql(
    pooler.port,
    credentials.POSTGRES_USER,
    credentials.POSTGRES_PASSWORD,
    'pgbouncer',
    'SHOW CONFIG',
  );
  return Object.fromEntries(stdout.split('\n').map(line => line.split('|').slice(0, 2)));
}
