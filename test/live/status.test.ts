/** The status script, from the host and as if in the container, against each version. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { assetInput } from './asset-input.ts';
import { connect, createApp, findAsset, type Pooler, runScript, withPooler, writeAssets } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { type Environment, makeWorkDirectory, run, shells, versions } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;
beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres();
  await createApp(postgres);
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

  if (version === '1.18') return; // no PGBOUNCER_PROCESSES there
  test('shows every process where there are several', async () => {
    await withPooler(postgres, { version, shell, env: { PGBOUNCER_PROCESSES: '2' } }, async pooler => {
      const docker = makeDocker();
      const clients = await Promise.all(Array.from({ length: 30 }, () => connect(pooler.port)));
      const env = { ...pooler.env, PATH: `${docker.directory}:${pooler.env.PATH}`, POSTGRES_PASSWORD: '' };
      const { code, stdout, stderr } = await runScript(STATUS, env);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/^Pools\n {2}process +database +user +cl_active/);
      expect(stdout).toMatch(/\n {2}1 +app +app +[1-9]/);
      expect(stdout).toMatch(/\n {2}2 +app +app +[1-9]/);
      const [, count] = /\n +(\d+) {2}app {2}app {2}(?:active|idle)/.exec(stdout) ?? [];
      expect(Number(count)).toBe(30);
      await Promise.all(clients.map(client => client.end()));
    });
  });
});
