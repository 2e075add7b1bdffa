/** `pool-migrate verify` against real servers: what holds passes, and each thing that is wrong is told by the right row. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonSchema } from '../../src/schema.ts';
import type { Check, CheckId, Status, VerifyReport } from '../../src/verify-rollout/check.ts';
import { CLI, copyFixture, findCompose, makeDirectory, makeRepository, runCli } from '../repository.ts';
import { connect, createApp, credentials, type PoolerOptions, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { hasServers, POSTGRES_BIN, versions, waitUntil } from './servers.ts';

const PATH = `${POSTGRES_BIN}:/usr/bin:/bin`;
const PASSWORD = credentials.POSTGRES_PASSWORD;
const url = (port: number, { password = PASSWORD, database = 'app', user = 'app', query = '' } = {}) =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/${database}${query}`;

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '400' } });
  await createApp(postgres);
  await postgres.query(`CREATE ROLE reader LOGIN PASSWORD '${PASSWORD}'`);
  await postgres.query('CREATE DATABASE other OWNER app');
});

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Verified extends Run {
  checks: Record<CheckId, Check>;
}

function runVerify(args: string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [CLI, 'verify', '-C', makeDirectory(), ...args], {
      env: { PATH, HOME: '/nonexistent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.once('close', code => resolve({ code, stdout, stderr }));
  });
}

/** With `--json`; the exit code fits the rows, the schema holds, and no password is in any output. */
async function verify(args: string[], env: Record<string, string> = {}): Promise<Verified> {
  const run = await runVerify([...args, '--json'], env);
  expect(run.stdout, run.stderr).toMatch(/^\{/);
  const report = JSON.parse(run.stdout) as VerifyReport;
  const ajv = new Ajv2020();
  const isValid = ajv.validate(await jsonSchema('verify'), report);
  expect(ajv.errors).toBeNull();
  expect(isValid).toBe(true);
  expect(run.code, run.stdout).toBe(report.checks.some(({ status }) => status === 'failed') ? 1 : 0);
  expect(run.stdout + run.stderr).not.toContain(PASSWORD);
  for (const { status, next } of report.checks) if (status === 'failed') expect(next).toMatch(/\w{4}/);
  return { ...run, checks: Object.fromEntries(report.checks.map(check => [check.id, check])) as Verified['checks'] };
}

const statuses = ({ checks }: Verified): Partial<Record<CheckId, Status>> =>
  Object.fromEntries(Object.values(checks).map(({ id, status }) => [id, status]));
const failures = (verified: Verified): string[] =>
  Object.values(verified.checks).flatMap(({ id, status }) => (status === 'failed' ? [id] : []));

/** Verifies a pooler in front of the server, both by URL. */
const verifyPooler = (options: PoolerOptions, args: string[] = [], env: Record<string, string> = {}) =>
  withPooler(postgres, options, pooler =>
    verify(['--pooled-url', url(pooler.port), '--direct-url', url(postgres.port), ...args], env),
  );

describe.skipIf(!hasServers).concurrent('what is wrong fails in its own row', { timeout: 90_000 }, () => {
  test('both ways swapped', () =>
    withPooler(postgres, {}, async pooler => {
      const result = await verify(['--pooled-url', url(postgres.port), '--direct-url', url(pooler.port)]);
      expect(failures(result)).toEqual(['pooled-path', 'direct-path']);
      expect(result.checks['pooled-path'].evidence).toContain('is PostgreSQL 15');
      expect(result.checks['direct-path'].evidence).toContain('PgBouncer 1.26');
    }));

  test('both ways straight to Postgres, by two of its addresses', async () => {
    const second = url(postgres.port).replace('127.0.0.1', '127.0.0.2');
    const result = await verify(['--pooled-url', second, '--direct-url', url(postgres.port)]);
    expect(failures(result)).toEqual(['pooled-path']);
    // Nothing was asked of Postgres that it would note as an error.
    expect(postgres.log()).not.toContain('"pgbouncer"');
  });

  test('another server on the direct side', async () => {
    const other = await startPostgres();
    await createApp(other);
    await withPooler(postgres, {}, async pooler => {
      const result = await verify(['--pooled-url', url(pooler.port), '--direct-url', url(other.port)]);
      expect(failures(result)).toEqual(['same-database']);
      expect(result.checks['same-database'].evidence).toMatch(/^Two clusters/);
    });
  });

  test('another database of the same server', () =>
    withPooler(postgres, {}, async pooler => {
      const direct = url(postgres.port, { database: 'other' });
      const result = await verify(['--pooled-url', url(pooler.port), '--direct-url', direct]);
      expect(failures(result)).toEqual(['same-database']);
      expect(result.checks['same-database'].evidence).toContain('app through the pool, other direct');
    }));

  test('Postgres is down', async () => {
    const short = await startPostgres();
    await createApp(short);
    await withPooler(short, {}, async pooler => {
      await short.stop();
      const result = await verify(['--pooled-url', url(pooler.port), '--direct-url', url(short.port)]);
      expect(failures(result)).toEqual(['pooled-login', 'direct-login']);
      expect(result.checks['pooled-login'].next).toMatch(/does not reach Postgres/);
      expect(result.checks['direct-login'].evidence).toContain('ECONNREFUSED');
      expect(result.checks['run-pooled'].status).toBe('skipped');
    });
  });

  test('PgBouncer is down', async () => {
    const result = await verify(['--pooled-url', url(1), '--direct-url', url(postgres.port)]);
    expect(failures(result)).toEqual(['pooled-login']);
    expect(result.checks['pooled-login'].next).toContain('Nothing listens there');
    expect(result.checks['direct-path'].status).toBe('passed');
  });

  test.each(versions)('a wrong password, PgBouncer %s', version =>
    withPooler(postgres, { version }, async pooler => {
      const args = (['pooled', 'direct'] as const).flatMap(way => [
        `--${way}-url`,
        url((way === 'pooled' ? pooler : postgres).port, { password: 'hunter2-or-so' }),
      ]);
      const result = await verify(args);
      expect(failures(result)).toEqual(['pooled-login', 'direct-login']);
      expect(result.checks['pooled-login'].evidence).toContain('SASL authentication failed');
      expect(result.checks['direct-login'].evidence).toContain('password authentication failed');
      expect(result.stdout + result.stderr).not.toContain('hunter2');
    }),
  );

  test.each(versions)('no such database, PgBouncer %s', version =>
    withPooler(postgres, { version }, async pooler => {
      const database = 'nowhere';
      const direct = url(postgres.port, { database });
      const result = await verify(['--pooled-url', url(pooler.port, { database }), '--direct-url', direct]);
      expect(failures(result)).toEqual(['pooled-login', 'direct-login']);
      for (const id of ['pooled-login', 'direct-login'] as const) {
        expect(result.checks[id].evidence).toContain('database "nowhere" does not exist');
        expect(result.checks[id].next).toContain('Create the database');
      }
    }),
  );

  test('no password at all', () =>
    withPooler(postgres, {}, async pooler => {
      const bare = (port: number) => url(port).replace(`:${PASSWORD}@`, '@');
      const result = await verify(['--pooled-url', bare(pooler.port), '--direct-url', bare(postgres.port)]);
      expect(failures(result)).toEqual(['pooled-login', 'direct-login']);
      expect(result.checks['pooled-login'].next).toContain('PGPASSWORD');
    }));

  test('TLS that is asked for and not there', () =>
    withPooler(postgres, {}, async pooler => {
      const pooled = url(pooler.port, { query: '?sslmode=require' });
      const direct = url(postgres.port, { query: '?sslmode=prefer' });
      const result = await verify(['--pooled-url', pooled, '--direct-url', direct]);
      expect(failures(result)).toEqual(['pooled-login']);
      expect(result.checks['pooled-login'].next).toContain('sslmode=disable');
    }));

  test('another pool mode than the one that is expected', async () => {
    const result = await verifyPooler({ env: { PGBOUNCER_POOL_MODE: 'statement' } }, ['--allow-writes']);
    expect(failures(result)).toEqual(['pool-settings']);
    expect(result.checks['pool-settings'].evidence).toContain('pool_mode is statement, not transaction');
    expect(result.checks['pool-write'].status).toBe('skipped');
  });

  test('a command that fails through the pool only', async () => {
    const command = 'PGOPTIONS="-c statement_timeout=5s" psql "$DATABASE_URL" -Atc "SHOW statement_timeout"';
    const result = await verifyPooler({}, ['--run', command]);
    expect(failures(result)).toEqual(['run-pooled']);
    expect(result.checks['run-pooled'].evidence).toMatch(/^exit 2 in .*unsupported startup parameter/);
    expect(result.checks['run-pooled'].next).toContain('pooling breaks it');
    expect(result.stderr).toContain('5s');
  });

  test('a command that fails both ways, and one that does not use the pool', async () => {
    const result = await verifyPooler({}, ['--run', 'echo "$DATABASE_URL"; exit 7']);
    expect(failures(result)).toEqual(['run-pooled', 'run-direct']);
    expect(result.checks['run-pooled'].next).toContain('not the cause');
    expect(result.checks['run-pooled'].evidence).toContain('postgresql://app:****@127.0.0.1');
    const idle = await verifyPooler({}, ['--run', 'true']);
    expect(statuses(idle)).toMatchObject({ 'run-pooled': 'warning', 'run-direct': 'passed' });
  });
});

describe.skipIf(!hasServers).concurrent('what holds passes', { timeout: 90_000 }, () => {
  test.each(versions)('PgBouncer %s', async version => {
    const command =
      'psql "$DATABASE_URL" -Atc "SELECT 40 + 2" && test "${PGBOUNCER_BYPASS:-0}$DATABASE_URL_DIRECT" != ""';
    const result = await verifyPooler({ version }, ['--allow-writes', '--run', command]);
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
    expect(Number(queries)).toBeGreaterThan(200);
    expect(Number(connections)).toBeGreaterThan(1);
    expect(result.checks['pool-load'].evidence.includes('prepared')).toBe(version !== '1.18');
    expect(result.stderr.match(/^42$/gm)).toHaveLength(2);
    const left = await postgres.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pool_migrate%'", 'app');
    expect(left).toEqual([]);
  });

  test('session mode: as many clients as connections', async () => {
    const result = await verifyPooler({ env: { PGBOUNCER_POOL_MODE: 'session', PGBOUNCER_DEFAULT_POOL_SIZE: '7' } }, [
      '--pool-mode',
      'session',
    ]);
    expect(failures(result)).toEqual([]);
    expect(result.checks['pool-load'].evidence).toMatch(/^7 clients/);
  });

  test('two processes on one port', async () => {
    const result = await verifyPooler({ env: { PGBOUNCER_PROCESSES: '2' } });
    expect(statuses(result)).toMatchObject({ 'pooled-path': 'passed', 'same-database': 'passed' });
  });

  test('a console that is closed to the user is a warning', async () => {
    const result = await verifyPooler({ env: { PGBOUNCER_STATS_USERS: 'somebody' } });
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

describe.skipIf(!hasServers)('Ctrl-C', { timeout: 60_000 }, () => {
  test.each([
    ['during the load', [], /Both ways reach/],
    ['during the command', ['--run', 'echo started; sleep 98765'], /started/],
  ])('%s: exit 130, and nothing is left running', async (_, more, sign) => {
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
      await waitUntil('it has begun', () => sign.test(output));
      child.kill('SIGINT');
      expect(await ended).toBe(130);
      expect(output).not.toContain('internal error');
      const ours = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'pool-migrate%' AND state = 'active'";
      await waitUntil('the load has ended', async () => (await postgres.query(ours)).length === 0);
      await waitUntil('the command has ended', () => !runs('sleep 98765'));
    });
  });
});

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

const compose = hasServers ? findCompose() : null;

describe.skipIf(compose === null)('with the compose files of a migrated repository', { timeout: 90_000 }, () => {
  const migrate = (): string => {
    const root = copyFixture('crawler');
    expect(runCli(['-C', root, '--write']).code).toBe(0);
    return root;
  };
  const withCompose = (): Record<string, string> => {
    const bin = makeDirectory();
    symlinkSync(compose as string, join(bin, 'docker-compose'));
    return { PATH: `${bin}:${PATH}` };
  };

  test('sizes and variables come from there, and conf.d goes before them', async () => {
    const root = migrate();
    writeFileSync(join(root, 'pgbouncer/conf.d/own.ini'), 'max_client_conn = 333\n');
    const env = { PGBOUNCER_DEFAULT_POOL_SIZE: '7', PGBOUNCER_MAX_CLIENT_CONN: '333' };
    const command = 'echo "$CRAWLER_CELERY_RESULT_BACKEND $DATABASE_URL_DIRECT $PGBOUNCER_BYPASS."';
    const args = ['-C', root, '--run', command];
    const small = await verifyPooler({ env }, args, withCompose());
    expect(small.checks['compose-valid']).toMatchObject({ status: 'passed' });
    expect(small.checks['services-healthy'].evidence).toContain('given by URL');
    expect(failures(small)).toEqual(['pool-settings']);
    expect(small.checks['pool-settings'].evidence).toBe('default_pool_size is 7, not 20 (PGBOUNCER_DEFAULT_POOL_SIZE)');
    const [pooled, direct] = small.stderr.match(/^db\+postgresql:.*$/gm) ?? [];
    expect(pooled).toMatch(/^db\+postgresql:\/\/app:\*{4}@127\.0\.0\.1:\d+\/app postgresql:\S+ \.$/);
    expect(direct).toContain(`127.0.0.1:${postgres.port}/app postgresql:`);
    expect(direct?.endsWith(' 1.')).toBe(true);
    const asWished = await verifyPooler({ env }, ['-C', root], { ...withCompose(), PGBOUNCER_DEFAULT_POOL_SIZE: '7' });
    expect(failures(asWished)).toEqual([]);
  });

  test('addresses and passwords as compose resolves them', () =>
    withPooler(postgres, {}, async pooler => {
      const root = migrate();
      // `$` has a meaning to compose: in .env a single quote keeps it.
      await postgres.query("CREATE ROLE crawl_user LOGIN SUPERUSER PASSWORD 'it$costs$$5'");
      await postgres.query('CREATE DATABASE crawl_db');
      writeFileSync(
        join(root, '.env'),
        `POSTGRES_PASSWORD='it$costs$$5'\nHOST_PGBOUNCER_PORT=${pooler.port}\nHOST_POSTGRES_PORT=${postgres.port}\n`,
      );
      const result = await verify(['-C', root], withCompose());
      expect(result.checks['direct-login']).toMatchObject({ status: 'passed' });
      expect(result.checks['direct-login'].evidence).toContain(`crawl_user@127.0.0.1:${postgres.port}/crawl_db`);
      // That pooler knows only `app`, and there is no engine here.
      expect(failures(result)).toEqual(['services-healthy', 'pooled-login']);
      expect(result.stdout).not.toContain('costs');
    }));

  test('files that are not valid', async () => {
    const root = migrate();
    writeFileSync(join(root, 'docker-compose.override.yml'), 'services:\n  test_app:\n    depends_on: [nobody]\n');
    const result = await verify(['-C', root], withCompose());
    expect(failures(result)).toEqual(['compose-valid']);
    expect(result.checks['compose-valid'].evidence).toContain('nobody');
    expect(result.checks['pooled-login']).toMatchObject({ status: 'skipped', evidence: 'No address is known' });
  });
});

describe('wrong use: exit 2, nothing printed but the reason', () => {
  test.each([
    [[], /No pooler was found.*--pooled-url and --direct-url/],
    [['--pooled-url', 'postgresql://a:topsecret@h/x'], /needs --direct-url/],
    [['--pooled-url', 'mysql://a:topsecret@h/x', '--direct-url', 'postgresql://h'], /--pooled-url: is no Postgres URL/],
    [['--pooled-url', 'postgresql://a:topsecret@h:99999/x', '--direct-url', 'postgresql://h'], /--pooled-url: /],
    [['--reporter', 'text'], /--json/],
    [['extra'], /Too many arguments/],
    [['--write'], /--write does not go with verify/],
  ])('%j', async (args, message) => {
    const result = await runVerify(args);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain('topsecret');
  });

  test('its options go with no other command', () => {
    const result = runCli(['--run', 'true'], { cwd: makeRepository({ a: '' }) });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('--run goes with verify only');
  });
});
