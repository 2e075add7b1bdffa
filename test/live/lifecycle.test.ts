import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, createApp, type Pooler, runPsql, startPooler, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { killGroup, makeWorkDirectory, POSTGRES_BIN, run, shells, versions, waitUntil } from './run.ts';
import { hasServers } from './servers.ts';

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
  test.each(versions)('PgBouncer %s: Postgres stops and comes back under the pool', async version => {
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
  });

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
