/** Files of conf.d, and what differs between versions. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  createApp,
  credentials,
  ENTRYPOINT,
  findAsset,
  type Pooler,
  prepare,
  runPsql,
  runScript,
  whoAmI,
  withPooler,
} from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { expectRefusal } from './refusal.ts';
import {
  composePath,
  type Environment,
  giveAway,
  makeWorkDirectory,
  run,
  shells,
  type Version,
  versions,
} from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres();
  await createApp(postgres);
  await postgres.query('CREATE DATABASE reports');
});

const conf: [string, Version, string, string | null][] = [
  // what the version knows passes
  ['custom.ini', '1.18', '; x\n# y\n\nserver_lifetime = 60\r\n  admin_users=app\n', null],
  ['custom.ini', '1.26', 'pool_idle_timeout = 3\nlogin_notify_message = a=b [x]\ntransaction_timeout = 1\n', null],
  [
    'databases.ini',
    '1.18',
    "[databases]\na = host=h port=1 connect_query='SET x = ''peer_id = 1''' pool_size=3\n",
    null,
  ],
  ['users.ini', '1.24', '[users]\nbob = pool_mode=session query_timeout = 3\n', null],
  ['custom.ini', '1.24', 'suspend_timeout = 3\n', null],
  // what it does not know is refused, by name
  ['custom.ini', '1.18', 'peer_id = 1\n', 'peer_id in [pgbouncer] needs PgBouncer 1.19, and this is 1.18.0'],
  [
    'custom.ini',
    '1.18',
    'max_prepared_statements = 1\n',
    'max_prepared_statements in [pgbouncer] needs PgBouncer 1.21, and',
  ],
  [
    'custom.ini',
    '1.24',
    '\ntransaction_timeout = 1\n',
    'line 2: transaction_timeout in [pgbouncer] needs PgBouncer 1.25, and',
  ],
  ['custom.ini', '1.26', 'suspend_timeout = 1\n', 'suspend_timeout in [pgbouncer] was removed in PgBouncer 1.26'],
  ['custom.ini', '1.26', 'default_poolsize = 1\n', 'PgBouncer 1.26.1 has no default_poolsize in [pgbouncer]'],
  [
    'databases.ini',
    '1.18',
    '[databases]\na = host=h auth_dbname=x\n',
    'auth_dbname in [databases] needs PgBouncer 1.19',
  ],
  [
    'databases.ini',
    '1.24',
    '[databases]\na = host=h query_wait_timeout=1\n',
    'query_wait_timeout in [databases] needs PgBouncer 1.26',
  ],
  ['databases.ini', '1.26', '[databases]\na = hots=h\n', 'PgBouncer 1.26.1 has no hots in [databases]'],
  ['users.ini', '1.18', '[users]\nbob = pool_size=1\n', 'pool_size in [users] needs PgBouncer 1.23'],
  ['peers.ini', '1.18', '[peers]\n1 = host=h\n', '[peers] needs PgBouncer 1.19'],
  ['other.ini', '1.26', '[database]\na = host=h\n', 'there is no section [database]'],
  // sections
  ['custom.ini', '1.26', '[pgbouncer]\nadmin_users = x\n', 'would reset all generated settings'],
  ['custom.ini', '1.26', ' [PgBouncer]\nadmin_users = x\n', 'would reset all generated settings'],
  [
    'custom.ini',
    '1.26',
    'server_lifetime = 1\n[databases]\na = host=h\n',
    'has settings before its first section line',
  ],
];

describe.skipIf(!hasServers)('files of conf.d', () => {
  test.each(conf)('%s on %s: %j', async (file, version, text, reason) => {
    for (const shell of shells) {
      const env = await prepare({ version, shell, conf: { [file]: text }, env: { PGBOUNCER_DRY_RUN: '1' } }, 5432);
      const result = await runScript(ENTRYPOINT, env);
      if (reason === null) expect(result, result.stderr).toMatchObject({ code: 0 });
      else expectRefusal(result, reason, env);
    }
  });

  test('one that cannot be read', async () => {
    const env = await prepare({ conf: { 'x.ini': 'server_lifetime = 1\n' } }, 5432);
    const path = join(env.PGBOUNCER_CONF_DIR ?? '', 'x.ini');
    chmodSync(path, 0o000);
    giveAway(path);
    expectRefusal(await runScript(ENTRYPOINT, env), 'x.ini cannot be read by uid', env);
  });
});

const warnings: [Version, Environment, string | null][] = [
  ['1.26', {}, null],
  ['1.24', {}, null],
  ['1.18', {}, 'PgBouncer 1.18.0 has no max_prepared_statements (needs 1.21)'],
  ['1.24', { PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'extra_float_digits' }, 'CVE-2026-107349'],
  ['1.24', { PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'extra_float_digits, options' }, null],
  ['1.26', { PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'extra_float_digits' }, null],
  ['1.26', { PGBOUNCER_DEFAULT_POOLSIZE: '3' }, 'PGBOUNCER_DEFAULT_POOLSIZE is not a setting here'],
  ['1.26', { PGBOUNCER_HOST: 'pgbouncer', PGBOUNCER_BYPASS: '1' }, null],
  ['1.26', { PGBOUNCER_DATABASES: 'a=h b=h' }, 'the health check asks for database app'],
  ['1.26', { PGBOUNCER_DATABASES: 'a=h *=h' }, null],
  ['1.26', { PGBOUNCER_UPSTREAM_HOST: 'pgbouncer' }, null], // another port than its own: no loop
];

describe.skipIf(!hasServers)('warnings', () => {
  test.each(warnings)('%s with %j', async (version, env, warning) => {
    const all = await prepare({ version, env: { PGBOUNCER_DRY_RUN: '1', ...env } }, 5432);
    const { code, stderr } = await runScript(ENTRYPOINT, all);
    expect(code).toBe(0);
    if (warning === null) expect(stderr).toBe('');
    else expect(stderr).toMatch(/^pgbouncer entrypoint: warning: .*\n$/);
    expect(stderr).toContain(warning ?? '');
  });

  test('verbose puts passwords into the log', async () => {
    const all = await prepare(
      { conf: { 'x.ini': 'verbose = 2\n' }, env: { PGBOUNCER_DRY_RUN: '1', PGBOUNCER_PROCESSES: '2' } },
      5432,
    );
    expect((await runScript(ENTRYPOINT, all)).stderr).toMatch(
      /^.*x\.ini sets verbose: PgBouncer then writes passwords.*\n$/,
    );
  });

  test('several processes before 1.19 are refused', async () => {
    const all = await prepare({ version: '1.18', env: { PGBOUNCER_PROCESSES: '2' } }, 5432);
    expectRefusal(await runScript(ENTRYPOINT, all), 'PGBOUNCER_PROCESSES=2 needs PgBouncer 1.19; this is 1.18.0', all);
  });
});

describe.skipIf(!hasServers).concurrent.each(versions)('PgBouncer %s itself', version => {
  const shell = shells[versions.indexOf(version)] ?? 'dash';

  test('files of conf.d win over the environment; the rest stays', async () => {
    const conf = {
      'a.ini': '; comment\ndefault_pool_size = 7\nadmin_users = app\n',
      'b.ini': 'default_pool_size = 9\r\n',
      'c.ini.example': 'nonsense',
      'databases.ini': `# comment\n\n[databases]\nmine = host=127.0.0.1 port=${postgres.port} dbname=reports pool_size=3\n[users]\nsecond = pool_mode=session\n`,
    };
    const env = {
      PGBOUNCER_QUERY_WAIT_TIMEOUT: '7',
      PGBOUNCER_CONNECT_QUERY: "SELECT set_config('my.x', 'it''s', false)",
    };
    await withPooler(postgres, { version, shell, conf, env }, async pooler => {
      const config = await showConfig(pooler);
      expect(config).toMatchObject({ default_pool_size: '9', query_wait_timeout: '7', pool_mode: 'transaction' });
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'pgbouncer', 'RELOAD')).code).toBe(0);
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'mine', whoAmI)).stdout).toBe('app@reports');
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'app', "SELECT current_setting('my.x')")).stdout).toBe(
        "it's",
      );
    });
  });

  test('the table of known keys is the one of this version', async () => {
    const block =
      /learn\("pgbouncer",(.*?)"\)/s.exec(readFileSync(findAsset('pgbouncer/known-keys.awk'), 'utf8'))?.[1] ?? '';
    const minor = Number(version.slice(2)) + 1000;
    const known = [...block.matchAll(/([a-z0-9_]+)(?::(-?\d+))?[ "]/g)].flatMap(([, key, since = '0']) => {
      const number = Number(since);
      return number < 0 ? (minor < -number ? [key] : []) : minor >= number ? [key] : [];
    });
    await withPooler(postgres, { version, shell }, async pooler => {
      const names = [...Object.keys(await showConfig(pooler)), 'service_name']; // an alias that SHOW CONFIG leaves out
      expect(known.sort()).toEqual(names.sort());
    });
  });

  test('PgBouncer itself refuses what the entrypoint refuses', async () => {
    for (const [key, knows] of [
      ['server_round_robin', true],
      ['peer_id', version !== '1.18'],
      ['transaction_timeout', version === '1.26'],
      ['pool_idle_timeout', version === '1.26'],
      ['suspend_timeout', version !== '1.26'],
    ] as const) {
      const directory = makeWorkDirectory();
      const ini = join(directory, 'pgbouncer.ini');
      writeFileSync(ini, `[databases]\n[pgbouncer]\nunix_socket_dir =\n${key} = 1\n`);
      const result = await run(join(composePath(version, shell).split(':')[1] ?? '', 'pgbouncer'), [ini], {
        PATH: '/usr/bin:/bin',
      });
      // Without an address it ends in any case; what matters is over which line.
      expect(result.stderr.includes(key), `${key}: ${result.stderr}`).toBe(!knows);
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
