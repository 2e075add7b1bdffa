/** `pool-migrate verify` against real servers: what holds passes, and Ctrl-C leaves nothing behind. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { CLI, makeDirectory } from '../repository.ts';
import { connect, createApp, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { versions, waitUntil } from './run.ts';
import { hasServers } from './servers.ts';
import { failures, PASSWORD, PATH, runVerify, statuses, url, verify, verifyPooler } from './verify-cli.ts';

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '400' } });
  await createApp(postgres);
  await postgres.query(`CREATE ROLE reader LOGIN PASSWORD '${PASSWORD}'`);
});

describe.skipIf(!hasServers).concurrent('what holds passes', () => {
  test.each(versions)('PgBouncer %s', async version => {
    const command =
      'psql "$DATABASE_URL" -Atc "SELECT 40 + 2" && test "${PGBOUNCER_BYPASS:-0}$DATABASE_URL_DIRECT" != ""';
    const result = await verifyPooler(postgres, { version }, ['--allow-writes', '--run', command]);
    expect(failures(result), result.stdout).toEqual([]);
    expect(statuses(result)).toMatchObject({
      'pooled-login': 'passed',
      'direct-login': 'passed',
      'pooled-path': 'passed',
      'direct-path': 'passed',
      'same-database': 'passed',
      'pool-settings': 'passed',
      'pgbouncer-version': version === '1.26' ? 'passed' : 'warning',
      'pool-load': 'passed',
      'pool-write': 'passed',
      'run-pooled': 'passed',
      'run-direct': 'passed',
    });
    const [, queries, connections] =
      /^50 clients, (\d+) queries.* by (\d+) server connections \(at most 25\)$/.exec(
        result.checks['pool-load'].evidence,
      ) ?? [];
    // Every client had its turn, and more than one: how many a second is for the machine to say.
    expect(Number(queries)).toBeGreaterThan(100);
    expect(Number(connections)).toBeGreaterThan(1);
    expect(result.checks['pool-load'].evidence.includes('prepared')).toBe(version !== '1.18');
    expect(result.stderr.match(/^42$/gm)).toHaveLength(2);
    const left = await postgres.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pool_migrate%'", 'app');
    expect(left).toEqual([]);
  });

  test('session mode: as many clients as connections', async () => {
    const result = await verifyPooler(
      postgres,
      { env: { PGBOUNCER_POOL_MODE: 'session', PGBOUNCER_DEFAULT_POOL_SIZE: '7' } },
      ['--pool-mode', 'session'],
    );
    expect(failures(result)).toEqual([]);
    expect(result.checks['pool-load'].evidence).toMatch(/^7 clients/);
  });

  test('two processes on one port', async () => {
    const result = await verifyPooler(postgres, { env: { PGBOUNCER_PROCESSES: '2' } });
    expect(statuses(result)).toMatchObject({ 'pooled-path': 'passed', 'same-database': 'passed' });
  });

  test('a console that is closed to the user is a warning', async () => {
    const result = await verifyPooler(postgres, { env: { PGBOUNCER_STATS_USERS: 'somebody' } });
    expect(failures(result)).toEqual([]);
    expect(statuses(result)).toMatchObject({
      'pooled-path': 'warning',
      'pool-settings': 'skipped',
      'pool-load': 'passed',
    });
    expect(result.checks['pooled-path'].next).toContain('stats_users');
  });

  test('a user who may not create a schema is a warning', () =>
    withPooler(postgres, { env: { POSTGRES_USER: 'reader' } }, async pooler => {
      const as = (port: number) => url(port, { user: 'reader' });
      const args = ['--pooled-url', as(pooler.port), '--direct-url', as(postgres.port), '--allow-writes'];
      const result = await verify(args);
      expect(failures(result)).toEqual([]);
      expect(result.checks['pool-write']).toMatchObject({ status: 'warning' });
    }));

  test('who goes past the pool is named, and who uses it is counted', async () => {
    const own = await startPostgres();
    await createApp(own);
    await withPooler(own, {}, async pooler => {
      const run = () => verify(['--pooled-url', url(pooler.port), '--direct-url', url(own.port)]);
      const pooled = await connect(pooler.port, { application_name: 'shop' });
      await pooled.query('SELECT 1');
      expect((await run()).checks.traffic).toMatchObject({
        status: 'passed',
        evidence: 'Through the pool: 1 × app in app; past it: nobody',
      });
      const direct = await connect(own.port, { application_name: 'old worker' });
      expect((await run()).checks.traffic).toMatchObject({
        status: 'warning',
        evidence: 'Past the pool: 1 × old worker as app; through it: 1 × app in app',
      });
      await Promise.all([pooled.end(), direct.end()]);
    });
  });

  test('addresses from the environment, as a table', () =>
    withPooler(postgres, {}, async pooler => {
      const result = await runVerify(['--color', 'never'], {
        POOL_MIGRATE_POOLED_URL: url(pooler.port).replace('postgresql:', 'db+postgresql:'),
        POOL_MIGRATE_DIRECT_URL: url(postgres.port),
      });
      expect(result.code).toBe(0);
      expect(result.stdout).toMatch(/^passed {3}Login through the pool +app@127\.0\.0\.1:\d+\/app \(.*\) by SCRAM$/m);
      expect(result.stderr).toMatch(/^\d+ passed, 0 failed/m);
    }));
});

describe.skipIf(!hasServers)('Ctrl-C', () => {
  test.each([
    ['during the load', [], isLoaded],
    ['during the command', ['--run', 'sleep 98765'], () => runs('sleep 98765')],
  ])('%s: exit 130, and nothing is left running', async (_, more, hasBegun) => {
    await withPooler(postgres, {}, async pooler => {
      const args = ['--pooled-url', url(pooler.port), '--direct-url', url(postgres.port), ...more];
      const child = spawn(process.execPath, [CLI, 'verify', '-C', makeDirectory(), ...args], {
        env: { PATH },
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', chunk => {
          output += chunk;
        });
      const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)));
      await waitUntil('it has begun', hasBegun);
      child.kill('SIGINT');
      expect(await ended).toBe(130);
      expect(output).not.toContain('internal error');
      await waitUntil('the load has ended', async () => !(await isLoaded()));
      await waitUntil('the command has ended', () => !runs('sleep 98765'));
    });
  });
});

const isLoaded = async (): Promise<boolean> =>
  (
    await postgres.query(
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND usename = 'app' AND state = 'active'",
    )
  ).length > 0;

/** Whether a program with this command line runs. */
const runs = (command: string): boolean =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .some(pid => readCommand(pid) === command);

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // it ended meanwhile
  }
}
