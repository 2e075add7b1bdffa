/** Starts, stops, kills and restarts, on each version: what a container goes through. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  assetInput,
  connect,
  createApp,
  findAsset,
  type Pooler,
  runPsql,
  runScript,
  startPooler,
  withPooler,
  writeAssets,
} from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import {
  type Environment,
  hasServers,
  killGroup,
  makeWorkDirectory,
  POSTGRES_BIN,
  run,
  shells,
  start,
  versions,
  waitUntil,
} from './servers.ts';

let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '300' } });
  await createApp(postgres);
});

const ask = (pooler: Pooler, sql = 'SELECT 1') => runPsql(pooler.port, 'app', 'secret-of-app', 'app', sql);

describe.skipIf(!hasServers).concurrent.each(versions)('PgBouncer %s', version => {
  const shell = shells[(versions.indexOf(version) + 1) % 3] ?? 'dash';

  test('starts again and again over what an earlier run left, also after SIGKILL', async () => {
    const directory = makeWorkDirectory();
    for (const round of [1, 2, 3, 4]) {
      await withPooler(postgres, { version, shell, directory }, async pooler => {
        expect((await ask(pooler)).stdout, `round ${round}`).toBe('1');
        for (const file of ['pgbouncer.ini', 'userlist.txt', 'pgpass']) {
          expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
          chmodSync(join(directory, file), 0o644); // for the next round: an old file must not keep its mode
        }
        if (round % 2 === 0) expect(await pooler.stop()).toEqual({ code: 0, signal: null });
      });
    }
  });

  test.each(['1', '', 'nonsense', String(process.pid)])('a pidfile with %j does not matter', async text => {
    const directory = makeWorkDirectory();
    for (const name of ['pgbouncer.pid', 'pidfile']) writeFileSync(join(directory, name), text);
    await withPooler(postgres, { version, shell, directory }, async pooler => {
      expect((await ask(pooler)).stdout).toBe('1');
    });
  });

  test('SIGINT lets a running transaction end, cuts idle clients off, and is a success', async () => {
    const pooler = await startPooler(postgres, { version, shell });
    const busy = await connect(pooler.port);
    const idle = await connect(pooler.port);
    await busy.query('CREATE TABLE IF NOT EXISTS stopped (version text)');
    await busy.query('BEGIN');
    await busy.query(`INSERT INTO stopped VALUES ('${version}')`);
    pooler.child.kill('SIGINT');
    await waitUntil('the signal arrived', () => /SIGINT|shutting down/i.test(pooler.log()));
    // 1.18 lets it wait, later versions cut it off at once; no version serves it any more.
    const refused = expect(idle.query('SELECT 1')).rejects.toThrow();
    await busy.query('SELECT pg_sleep(0.2)');
    await busy.query('COMMIT');
    expect(await pooler.exit).toEqual({ code: 0, signal: null });
    await refused;
    expect(await postgres.query(`SELECT version FROM stopped WHERE version = '${version}'`, 'app')).toHaveLength(1);
    await Promise.allSettled([busy.end(), idle.end()]);
  });

  test('killed and started again, it serves the same clients as before', async () => {
    const first = await startPooler(postgres, { version, shell });
    const client = await connect(first.port);
    killGroup(first);
    await first.exit;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    await withPooler(
      postgres,
      { version, shell, directory: first.directory, env: { PGBOUNCER_PORT: String(first.port) } },
      async pooler => {
        expect((await ask(pooler)).stdout).toBe('1');
      },
    );
  });

  test('a directory that cannot be read is no reason to run with other settings', async () => {
    const directory = makeWorkDirectory();
    mkdirSync(join(directory, 'pgbouncer.ini'));
    await expect(startPooler(postgres, { version, shell, directory })).rejects.toThrow('PgBouncer ended');
  });
});

describe.skipIf(!hasServers).concurrent('without Postgres', () => {
  test.each(versions)(
    'PgBouncer %s: Postgres stops and comes back under the pool',
    { timeout: 60_000 },
    async version => {
      const own = await startPostgres();
      await createApp(own);
      await withPooler(own, { version, env: { PGBOUNCER_SERVER_LOGIN_RETRY: '1' } }, async pooler => {
        const client = await connect(pooler.port);
        const before = await client.query('SELECT pg_postmaster_start_time() AS at');
        expect((await pooler.checkHealth()).code).toBe(0);
        await own.stop();

        // pg_isready sees PgBouncer only, so that the health check must ask Postgres something.
        const isReady = await run(join(POSTGRES_BIN, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(pooler.port)], {});
        expect(isReady).toMatchObject({ code: 0, stdout: expect.stringContaining('accepting connections') });
        const started = Date.now();
        expect((await pooler.checkHealth()).code).not.toBe(0);
        expect(Date.now() - started).toBeLessThan(9_000); // the image's HEALTHCHECK gives it 10 s

        await own.start();
        await waitUntil('healthy again', async () => (await pooler.checkHealth()).code === 0);
        const after = await client.query('SELECT pg_postmaster_start_time() AS at'); // the same client connection
        expect(after.rows[0].at).not.toEqual(before.rows[0].at);
        expect(pooler.child.exitCode).toBe(null);
        await client.end();
        await pooler.stop();
        expect((await pooler.checkHealth()).code).not.toBe(0);
      });
      await own.stop();
    },
  );

  test('the health check names the user and the database as the entrypoint does', async () => {
    await postgres.query("CREATE ROLE postgres LOGIN PASSWORD 'secret-of-postgres'");
    const env = { POSTGRES_USER: '', POSTGRES_DB: '', POSTGRES_PASSWORD: 'secret-of-postgres' };
    await withPooler(postgres, { env }, async pooler => {
      expect(await pooler.checkHealth()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    });
    await withPooler(postgres, { env: { POSTGRES_DB: 'nowhere' } }, async pooler => {
      expect((await pooler.checkHealth()).code).not.toBe(0);
    });
  });
});

/** Stands in for `docker compose exec`: runs the command here, and keeps where and how it was called. */
function makeDocker(): { directory: string; calls: string } {
  const directory = makeWorkDirectory();
  const calls = join(directory, 'calls');
  writeFileSync(
    join(directory, 'docker'),
    `#!/bin/sh
[ "$1" = compose ] || exit 9
shift
if [ "$1" = version ]; then exit 0; fi
printf '%s|' "$(pwd)" "$@" | tr '\\n' ' ' >>'${calls}'
printf '\\n' >>'${calls}'
while [ "$1" != -T ]; do shift; done
shift 2
exec "$@"
`,
  );
  chmodSync(join(directory, 'docker'), 0o755);
  return { directory, calls };
}

const STATUS = 'scripts/pgbouncer_status.sh';

describe.skipIf(!hasServers).concurrent.each(versions)('the status script on PgBouncer %s', version => {
  const shell = shells[(versions.indexOf(version) + 2) % 3] ?? 'dash';
  const onHost = (pooler: Pooler, more: Environment = {}): Environment => ({
    PATH: pooler.env.PATH ?? '',
    POSTGRES_USER: 'app',
    POSTGRES_PASSWORD: 'secret-of-app',
    HOST_PGBOUNCER_PORT: String(pooler.port),
    ...more,
  });

  test('shows pools, statistics and clients, and says what went wrong', async () => {
    await withPooler(postgres, { version, shell }, async pooler => {
      const client = await connect(pooler.port);
      await client.query('BEGIN');
      const { code, stdout, stderr } = await runScript(STATUS, onHost(pooler), ['--direct']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Pools\n {2}database +user +cl_active +cl_waiting +sv_active .*pool_mode\n/);
      expect(stdout).toMatch(/\n {2}app +app +1 +0 +1 +0 +0 +0 +transaction\n/);
      expect(stdout).toMatch(/\nStatistics since the start .*\n {2}database +total_xact_count/);
      expect(stdout).toMatch(/\n +1 {2}app {2}app {2}active\n/);
      await client.query('COMMIT');
      await client.end();
      expect((await runScript(STATUS, onHost(pooler, { PGBOUNCER_HOST: '127.0.0.1' }))).code).toBe(0);

      expect(await runScript(STATUS, onHost(pooler), ['--help'])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Usage'),
      });
      for (const wrong of [['--nope'], ['--service'], ['x']])
        expect((await runScript(STATUS, onHost(pooler), wrong)).code).toBe(2);
      for (const env of [{ POSTGRES_PASSWORD: 'wrong' }, { HOST_PGBOUNCER_PORT: '1' }, { POSTGRES_USER: 'nobody' }]) {
        const failed = await runScript(STATUS, onHost(pooler, env), ['--direct']);
        expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('SHOW POOLS failed') });
        expect(failed.stderr).not.toContain('secret-of-app');
      }
    });
  });

  test('asks inside the container, from the directory of the compose file, without a password on the command line', async () => {
    await withPooler(postgres, { version, shell }, async pooler => {
      const docker = makeDocker();
      const env = { ...pooler.env, PATH: `${docker.directory}:${pooler.env.PATH}`, POSTGRES_PASSWORD: '' };
      const result = await runScript(STATUS, env);
      expect(result.code, result.stderr).toBe(0);
      expect(result.stdout).toContain('Pools');
      const calls = execFileSync('cat', [docker.calls], { encoding: 'utf8' });
      expect(calls).toMatch(new RegExp(`^${findAsset('').replace(/\/$/, '')}\\|exec\\|-T\\|pgbouncer\\|sh\\|-c`));
      expect(calls).not.toContain('secret-of');

      const elsewhere = writeAssets({
        ...assetInput,
        composeFile: 'deploy/stack.yml',
        statusScript: 'ops/bin/status.sh',
      });
      mkdirSync(join(elsewhere, 'deploy'));
      const there = await run('sh', [join(elsewhere, 'ops/bin/status.sh'), '--service', 'other'], env);
      expect(there.code, there.stderr).toBe(0);
      expect(execFileSync('tail', ['-n', '1', docker.calls], { encoding: 'utf8' })).toContain(
        `${elsewhere}/deploy|-f|stack.yml|exec|-T|other|`,
      );
    });
  });
});

test.skipIf(!hasServers)('nothing of a test outlives it', async () => {
  const sleeper = start('sleep', ['100'], { PATH: '/usr/bin:/bin' });
  sleeper.child.kill('SIGTERM');
  expect(await sleeper.exit).toMatchObject({ signal: 'SIGTERM' });
});
