/** `pool-migrate verify` with the compose files of a migrated repository: real docker-compose, and no engine behind it. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyFixture, findCompose, makeDirectory, runCli } from '../repository.ts';
import { createApp, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { hasServers } from './servers.ts';
import { failures, PATH, verify, verifyPooler } from './verify-cli.ts';

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '400' } });
  await createApp(postgres);
});

const compose = hasServers ? findCompose() : null;

describe.skipIf(compose === null)('with the compose files of a migrated repository', () => {
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

  test('sizes and variables come from there, and custom.ini goes before them', async () => {
    const root = migrate();
    writeFileSync(join(root, 'pgbouncer/custom.ini'), 'max_client_conn = 333\n');
    const env = { PGBOUNCER_DEFAULT_POOL_SIZE: '7', PGBOUNCER_MAX_CLIENT_CONN: '333' };
    const command = 'echo "$CRAWLER_CELERY_RESULT_BACKEND $DATABASE_URL_DIRECT $PGBOUNCER_BYPASS."';
    const args = ['-C', root, '--run', command];
    const small = await verifyPooler(postgres, { env }, args, withCompose());
    expect(small.checks['compose-valid']).toMatchObject({ status: 'passed' });
    expect(small.checks['services-healthy'].evidence).toContain('given by URL');
    expect(failures(small)).toEqual(['pool-settings']);
    expect(small.checks['pool-settings'].evidence).toBe('default_pool_size is 7, not 20 (PGBOUNCER_DEFAULT_POOL_SIZE)');
    const [direct, pooled] = small.stderr.match(/^db\+postgresql:.*$/gm) ?? [];
    expect(pooled).toMatch(/^db\+postgresql:\/\/app:\*{4}@127\.0\.0\.1:\d+\/app postgresql:\S+ \.$/);
    expect(direct).toContain(`127.0.0.1:${postgres.port}/app postgresql:`);
    expect(direct?.endsWith(' 1.')).toBe(true);
    const asWished = await verifyPooler(postgres, { env }, ['-C', root], {
      ...withCompose(),
      PGBOUNCER_DEFAULT_POOL_SIZE: '7',
    });
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
