/** The way into a compose network, where nothing is published: the script that runs in the pooler's container. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Compose } from '../../src/rollout/compose.ts';
import { dialInside } from '../../src/rollout/dial.ts';
import type { Endpoint } from '../../src/rollout/endpoint.ts';
import { runLoad } from '../../src/rollout/load.ts';
import { type SessionOptions, withSession } from '../../src/rollout/session.ts';
import { makeDirectory } from '../repository.ts';
import { createApp, credentials, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { waitUntil } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres();
  await createApp(postgres);
});

/** In the place of `docker compose exec -T SERVICE`: runs the command here, with the programs that such an image has. */
function standIn(image: 'alpine' | 'debian'): SessionOptions {
  const root = makeDirectory();
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const programs =
    image === 'alpine'
      ? ['sh', 'nc'].map(name => [name, '/usr/bin/busybox'])
      : [
          ['sh', '/usr/bin/dash'],
          ['bash', '/usr/bin/bash'],
          ['cat', '/usr/bin/cat'],
        ];
  for (const [name = '', target = ''] of programs) symlinkSync(target, join(bin, name));
  const program = join(root, 'compose');
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1 $2 $3" = "exec -T pgbouncer" ] || exit 64\nshift 3\nPATH=${bin} exec "$@"\n`,
  );
  chmodSync(program, 0o755);
  const compose: Compose = { program: [program], version: '2', cwd: root, select: [] };
  return { applicationName: 'dial test', dial: ({ address }) => dialInside(compose, 'pgbouncer', address) };
}

const endpoint = (port: number, host = '127.0.0.1'): Endpoint => ({
  address: { host, port },
  isInside: true,
  user: credentials.POSTGRES_USER,
  password: credentials.POSTGRES_PASSWORD,
  database: 'app',
  tls: 'off',
  origin: 'test',
});

describe.skipIf(!hasServers).each(['alpine', 'debian'] as const)('programs of %s', image => {
  const options = hasServers ? standIn(image) : { applicationName: '' };

  test.each([
    ['nothing listens there', () => endpoint(1), image === 'alpine' ? /ended with 1|terminated/ : /Connection refused/],
    ['no such host', () => endpoint(5432, 'nowhere.invalid'), image === 'alpine' ? /bad address/ : /not known/],
    ['a wrong password', () => ({ ...endpoint(postgres.port), password: 'no' }), /password authentication failed/],
  ])('%s', async (_, where, message) => {
    await expect(withSession(where(), options, session => session.query('SELECT 1'))).rejects.toThrow(message);
  });

  test('SCRAM, large answers and many clients pass unchanged, and end with the session', async () => {
    await withPooler(postgres, {}, async pooler => {
      const [row] = await withSession(endpoint(pooler.port), options, async session => {
        expect(session.method).toBe('SCRAM');
        return session.query("SELECT length(repeat('é', 1000000)) AS length, repeat('é', 1000000) AS text");
      });
      expect(row?.length).toBe(1_000_000);
      expect(row?.text).toBe('é'.repeat(1_000_000));
      const load = await withSession(endpoint(postgres.port), options, counter =>
        runLoad(endpoint(pooler.port), counter, { ...options, clients: 6, seconds: 1, prepared: true }),
      );
      expect(load).toMatchObject({ served: 6, failures: [], foreign: 0 });
      expect(load.peak).toBeGreaterThan(0);
    });
    const ours = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'dial test'";
    await waitUntil('every connection has ended', async () => (await postgres.query(ours)).length === 0);
  });
});
