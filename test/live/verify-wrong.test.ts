/** `pool-migrate verify` against real servers: each thing that is wrong is told by the right row. */
import { beforeAll, describe, expect, test } from 'vitest';
import { makeRepository, runCli } from '../repository.ts';
import { createApp, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { versions } from './run.ts';
import { hasServers } from './servers.ts';
import { failures, PASSWORD, runVerify, statuses, url, verify, verifyPooler } from './verify-cli.ts';

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '400' } });
  await createApp(postgres);
  await postgres.query('CREATE DATABASE other OWNER app');
});

describe.skipIf(!hasServers).concurrent('what is wrong fails in its own row', () => {
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
    const result = await verifyPooler(postgres, { env: { PGBOUNCER_POOL_MODE: 'statement' } }, ['--allow-writes']);
    expect(failures(result)).toEqual(['pool-settings']);
    expect(result.checks['pool-settings'].evidence).toContain('pool_mode is statement, not transaction');
    expect(result.checks['pool-write'].status).toBe('skipped');
  });

  test('a command that fails through the pool only', async () => {
    const command = 'PGOPTIONS="-c statement_timeout=5s" psql "$DATABASE_URL" -Atc "SHOW statement_timeout"';
    const result = await verifyPooler(postgres, {}, ['--run', command]);
    expect(failures(result)).toEqual(['run-pooled']);
    expect(result.checks['run-pooled'].evidence).toMatch(/^exit 2 in .*unsupported startup parameter/);
    expect(result.checks['run-pooled'].next).toContain('pooling breaks it');
    expect(result.stderr).toContain('5s');
  });

  test('a command that fails both ways, and one that does not use the pool', async () => {
    const result = await verifyPooler(postgres, {}, ['--run', 'echo "$DATABASE_URL"; exit 7']);
    expect(failures(result)).toEqual(['run-pooled', 'run-direct']);
    expect(result.checks['run-pooled'].next).toContain('not the cause');
    expect(result.checks['run-pooled'].evidence).toContain('postgresql://app:****@127.0.0.1');
    const idle = await verifyPooler(postgres, {}, ['--run', 'true']);
    expect(statuses(idle)).toMatchObject({ 'run-pooled': 'warning', 'run-direct': 'passed' });
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
