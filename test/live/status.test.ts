/** The status script, as if in the container, against each version. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { assetInput } from './asset-input.ts';
import { connect, createApp, featuresOf, runScript, withPooler, writeAssets } from './pooler.ts';
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
function makeDocker(directoryOfContainer: string): { directory: string; calls: string } {
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
cd '${directoryOfContainer}'
exec "$@"
`,
  );
  chmodSync(join(directory, 'docker'), 0o755);
  return { directory, calls };
}

const STATUS = 'scripts/pgbouncer_status.sh';

describe.skipIf(!hasServers).concurrent.each(versions)('the status script on PgBouncer %s', version => {
  const shell = shells[(versions.indexOf(version) + 2) % 3] ?? 'dash';
  const withDocker = (env: Environment, directory: string): Environment => ({
    ...env,
    PATH: `${directory}:${env.PATH}`,
  });

  test('shows pools, statistics and clients from inside the container, without a password on the command line', async () => {
    await withPooler(postgres, { version, shell }, async pooler => {
      const client = await connect(pooler.port);
      await client.query('BEGIN');
      const docker = makeDocker(pooler.directory);
      const env = withDocker(pooler.env, docker.directory);
      const { code, stdout, stderr } = await runScript(STATUS, env);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^SHOW POOLS\n +database +\| +user +\| cl_active \| cl_waiting /);
      expect(stdout).toMatch(/\n app +\| app +\| +1 \| +0 \|.* transaction/);
      expect(stdout).toMatch(/\nSHOW STATS\n +database +\| .*total_xact_count/);
      expect(stdout).toMatch(/\nSHOW CLIENTS\n[\s\S]*\n C +\| app +\| app +\| (?:[^|]+\| )?active/);
      await client.query('COMMIT');
      await client.end();
      const calls = readFileSync(docker.calls, 'utf8');
      expect(calls).toMatch(/^\S+\|exec\|-T\|pgbouncer\|psql\|-Xw\|pgbouncer\|-c\|SHOW POOLS\|/);
      expect(calls).not.toContain('secret-of');

      const elsewhere = writeAssets({
        ...assetInput,
        composeFile: 'deploy/stack.yml',
        statusScript: 'ops/bin/status.sh',
      });
      mkdirSync(join(elsewhere, 'deploy'));
      expect((await run('sh', [join(elsewhere, 'ops/bin/status.sh')], env)).code).toBe(0);
      expect(readFileSync(docker.calls, 'utf8')).toContain(`${elsewhere}/deploy|-f|stack.yml|exec|-T|pgbouncer|`);

      await pooler.stop();
      const failed = await runScript(STATUS, env);
      expect(failed.code).not.toBe(0);
      expect(failed.stderr).not.toContain('secret-of-app');
    });
  });

  if (version === '1.18') return; // no PGBOUNCER_PROCESSES there
  test('shows every process where there are several', async () => {
    await withPooler(postgres, { version, shell, env: { PGBOUNCER_PROCESSES: '2' } }, async pooler => {
      const docker = makeDocker(pooler.directory);
      const clients = await Promise.all(Array.from({ length: 30 }, () => connect(pooler.port)));
      const { code, stdout, stderr } = await runScript(STATUS, withDocker(pooler.env, docker.directory));
      expect(code, stderr).toBe(0);
      expect(featuresOf(pooler.env)).toEqual(new Set(['processes']));
      const counts = [...stdout.matchAll(/process \d: SHOW POOLS\n[\s\S]*?\n app +\| app +\| +(\d+) /g)].map(
        ([, count]) => Number(count),
      );
      expect(counts).toHaveLength(2);
      for (const count of counts) expect(count).toBeGreaterThan(0);
      await Promise.all(clients.map(client => client.end()));
    });
  });
});
