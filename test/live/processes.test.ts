/** PGBOUNCER_PROCESSES: several PgBouncers behind one port. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, createApp, type Pooler, runPsql, startPooler, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { makeWorkDirectory, POSTGRES_BIN, run, runEach, start, waitUntil } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '300' } });
  await createApp(postgres);
});

const env = { PGBOUNCER_PROCESSES: '3' };

/** Pids of the PgBouncers behind the supervisor, in the order of their numbers. */
const listWorkers = (pooler: Pooler): number[] =>
  readFileSync(`/proc/${pooler.pid}/task/${pooler.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .filter(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pgbouncer.ini'));

/** Rows of a console command on one process, through its own socket. */
const askConsole = async (pooler: Pooler, number: number, command: string): Promise<string[]> => {
  const result = await runPsql(pooler.port, 'app', 'secret-of-app', 'pgbouncer', command, {
    PGHOST: join(pooler.directory, String(number)),
  });
  expect(result.code, result.stderr).toBe(0);
  return result.stdout.split('\n');
};

const countClients = (pooler: Pooler): Promise<number[]> =>
  runEach([1, 2, 3], async number => {
    const rows = await askConsole(pooler, number, 'SHOW CLIENTS');
    return rows.filter(row => row.split('|')[2] === 'app').length;
  });

describe.skipIf(!hasServers).concurrent.each([
  ['1.24', 'dash'],
  ['1.24', 'ash'],
  ['1.26', 'bash'],
  ['1.26', 'ash'],
] as const)('PgBouncer %s under %s', (version, shell) => {
  test('the kernel spreads clients over all processes', async () => {
    await withPooler(postgres, { version, shell, env }, async pooler => {
      expect(listWorkers(pooler)).toHaveLength(3);
      const clients = await runEach(Array.from({ length: 60 }), () => connect(pooler.port));
      const counts = await countClients(pooler);
      expect(counts.reduce((a, b) => a + b)).toBe(60);
      for (const count of counts) expect(count).toBeGreaterThan(3);
      await Promise.all(clients.map((client: Client) => client.end()));
    });
  });

  test('a request to cancel arrives, whichever process it reaches', async () => {
    await withPooler(postgres, { version, shell, env }, async pooler => {
      const started = Date.now();
      const results = await runEach(
        Array.from({ length: 24 }, (_, i) => `cancel ${version} ${shell} ${i}`),
        async name => {
          // psql sends libpq's cancel request on a connection of its own when it gets SIGINT.
          const psql = start(join(POSTGRES_BIN, 'psql'), ['-X', '-w', '-Atc', 'SELECT pg_sleep(30)'], {
            PATH: '/usr/bin:/bin',
            PGHOST: '127.0.0.1',
            PGPORT: String(pooler.port),
            PGUSER: 'app',
            PGDATABASE: 'app',
            PGPASSWORD: 'secret-of-app',
            PGAPPNAME: name,
          });
          const isRunning = `SELECT 1 FROM pg_stat_activity WHERE application_name = '${name}' AND state = 'active' AND query LIKE '%pg_sleep%'`;
          await waitUntil('the query runs', async () => (await postgres.query(isRunning)).length > 0);
          psql.child.kill('SIGINT');
          return { ...(await psql.exit), log: psql.log() };
        },
        8,
      );
      for (const result of results) expect(result.log).toContain('canceling statement due to user request');
      expect(Date.now() - started).toBeLessThan(20_000);
    });
  });

  test('SIGINT lets transactions of every process end, and is a success', async () => {
    const pooler = await startPooler(postgres, { version, shell, env });
    const clients = await runEach(Array.from({ length: 12 }), () => connect(pooler.port));
    for (const client of clients) await client.query('BEGIN; SELECT 1');
    const workers = listWorkers(pooler);
    pooler.child.kill('SIGINT');
    await waitUntil('all heard it', () => (pooler.log().match(/SIGINT|shutting down/gi)?.length ?? 0) >= 3);
    expect(pooler.child.exitCode).toBe(null);
    for (const client of clients) await client.query('SELECT pg_sleep(0.01); COMMIT');
    expect(await pooler.exit).toEqual({ code: 0, signal: null });
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
    await Promise.allSettled(clients.map(client => client.end()));
  });

  test('when one dies, all end, and the container ends with an error', async () => {
    const pooler = await startPooler(postgres, { version, shell, env });
    const workers = listWorkers(pooler);
    process.kill(workers[1] ?? 0, 'SIGKILL');
    expect(await pooler.exit).toEqual({ code: 1, signal: null });
    expect(pooler.log()).toContain('a PgBouncer process has ended, so the others end too');
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
  });

  test('when one dies while a transaction hangs, all end nevertheless', async () => {
    const pooler = await startPooler(postgres, { version, shell, env });
    const clients = await runEach(Array.from({ length: 12 }), () => connect(pooler.port));
    for (const client of clients) await client.query('BEGIN; SELECT 1');
    const workers = listWorkers(pooler);
    process.kill(workers[0] ?? 0, 'SIGKILL');
    expect(await pooler.exit).toEqual({ code: 1, signal: null });
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
    await Promise.allSettled(clients.map(client => client.end()));
  });

  test('healthy only if each process is; it starts over its own remains', async () => {
    const directory = makeWorkDirectory();
    for (const round of [1, 2]) {
      await withPooler(postgres, { version, shell, env, directory }, async pooler => {
        expect(await pooler.checkHealth(), `round ${round}`).toMatchObject({ code: 0, stdout: '', stderr: '' });
        const [first = 0] = listWorkers(pooler);
        process.kill(first, 'SIGSTOP'); // it hangs: nobody answers on its socket
        expect((await pooler.checkHealth()).code).not.toBe(0);
        process.kill(first, 'SIGCONT');
        expect((await pooler.checkHealth()).code).toBe(0);
      });
    }
    // fewer than before: what the third left must not be taken for a process
    await withPooler(postgres, { version, shell, env: { PGBOUNCER_PROCESSES: '2' }, directory }, async pooler => {
      expect((await pooler.checkHealth()).code).toBe(0);
      expect((await run('ls', [directory], { PATH: '/bin' })).stdout).toBe(
        '1\n2\npg_service.conf\npgpass\nsettings.ini\nuserlist.txt\n',
      );
    });
  });

  test('SIGHUP reaches every process: a changed setting holds', async () => {
    await withPooler(postgres, { version, shell, env, custom: 'admin_users = app\n' }, async pooler => {
      pooler.child.kill('SIGHUP');
      await waitUntil('all reload', () => (pooler.log().match(/SIGHUP/g)?.length ?? 0) === 3);
      expect(listWorkers(pooler)).toHaveLength(3);
      expect(pooler.child.exitCode).toBe(null);
    });
  });
});
