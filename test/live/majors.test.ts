/** PostgreSQL 18 behind the generated PgBouncer: what a newer server changes. */
import { cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, createApp, runPsql, whoAmI, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { giveAway, makeWorkDirectory, run, versions } from './run.ts';
import { hasServers } from './servers.ts';

const bin = process.env.TEST_POSTGRES_18 ?? '';
const isThere = hasServers && existsSync(join(bin, 'postgres'));
if (hasServers && !isThere) {
  if (process.env.CI === 'true') throw new Error('PostgreSQL 18 is missing (TEST_POSTGRES_18), and CI must have it');
  process.stdout.write('PostgreSQL 18 was not found (TEST_POSTGRES_18): its tests are skipped\n');
}

let postgres: Postgres;
beforeAll(async () => {
  if (!isThere) return;
  postgres = await startPostgres({ bin: await readable(bin) });
  await createApp(postgres);
});

/** Where the unprivileged user can run it: a clone may be in root's home. */
async function readable(path: string): Promise<string> {
  const { code } = await run('test', ['-x', join(path, 'postgres')], { PATH: '/usr/bin:/bin' });
  if (code === 0) return path;
  const copy = makeWorkDirectory();
  cpSync(dirname(path), copy, { recursive: true, verbatimSymlinks: true });
  giveAway(copy);
  return join(copy, 'bin');
}

describe.skipIf(!isThere).each(versions)('PgBouncer %s', version => {
  test('SCRAM both ways, statements of the protocol, and the health check', async () => {
    await withPooler(postgres, { version }, async pooler => {
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'app', whoAmI)).stdout).toBe('app@app');
      expect((await runPsql(pooler.port, 'app', 'wrong', 'app', whoAmI)).code).not.toBe(0);
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'app', 'SHOW server_version')).stdout).toMatch(/^18/);
      expect((await pooler.checkHealth()).code).toBe(0);
      if (version === '1.18') return; // it does not follow prepared statements
      const client = await connect(pooler.port);
      for (let i = 0; i < 5; i++) {
        const { rows } = await client.query({ name: 'next', text: 'SELECT $1::int + 1 AS n', values: [i] });
        expect(rows[0].n).toBe(i + 1);
      }
      await client.end();
    });
  });

  // The server reports search_path since 18, and PgBouncer 1.26 gives each client its own back.
  test(`a search_path that a client sets ${version === '1.26' ? 'stays with it' : 'goes on to others'}`, async () => {
    const env = { PGBOUNCER_DEFAULT_POOL_SIZE: '1', PGBOUNCER_RESERVE_POOL_SIZE: '0' };
    await withPooler(postgres, { version, env }, async pooler => {
      const one = await connect(pooler.port);
      const other = await connect(pooler.port);
      const pathOf = async (client: typeof one) => (await client.query('SHOW search_path')).rows[0].search_path;
      await one.query('SET search_path TO pg_catalog');
      expect(await pathOf(other)).toBe(version === '1.26' ? '"$user", public' : 'pg_catalog');
      expect(await pathOf(one)).toBe('pg_catalog');
      await Promise.all([one.end(), other.end()]);
    });
  });
});
