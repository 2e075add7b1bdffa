/** What the entrypoint refuses, under each shell: loudly and by name, before PgBouncer sees anything. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assetInput } from './asset-input.ts';
import { ENTRYPOINT, featuresOf, prepare, runScript, writeAssets } from './pooler.ts';
import { expectRefusal } from './refusal.ts';
import { type Environment, makeWorkDirectory, run, runEach, shells } from './run.ts';
import { hasServers } from './servers.ts';

const hash = `md5${'0a'.repeat(16)}`;
const noPassword = { POSTGRES_PASSWORD: '' };
const second = (user: string, password: string): Environment => ({
  PGBOUNCER_USER_2: user,
  PGBOUNCER_PASSWORD_2: password,
});
const list = (databases: string): Environment => ({ PGBOUNCER_DATABASES: databases });
const self = (host: string): Environment => ({ PGBOUNCER_UPSTREAM_HOST: host, PGBOUNCER_UPSTREAM_PORT: '6432' });
const ownAddress = spawnSync('getent', ['hosts', hostname()], { encoding: 'utf8' }).stdout.split(/\s/)[0] ?? '';

const refusals: [string, Environment][] = [
  ['POSTGRES_PASSWORD is empty', noPassword],
  ['POSTGRES_PASSWORD is empty', { ...noPassword, PGBOUNCER_AUTH_TYPE: 'md5' }],
  ...['POSTGRES_PASSWORD', 'POSTGRES_USER', 'POSTGRES_DB', 'PGBOUNCER_CONNECT_QUERY', 'PGBOUNCER_STATS_USERS'].flatMap(
    name =>
      ['a\nadmin_users = x', 'a\n', 'a\r', '\n'].map((value): [string, Environment] => [
        `${name} contains a line break`,
        { [name]: value },
      ]),
  ),
  ['POSTGRES_PASSWORD is longer than 996', { POSTGRES_PASSWORD: 'x'.repeat(997) }],
  ['POSTGRES_PASSWORD is longer than 996', { POSTGRES_PASSWORD: 'é'.repeat(499) }],
  ['POSTGRES_PASSWORD is a stored hash', { POSTGRES_PASSWORD: hash }],
  ['POSTGRES_PASSWORD is a stored hash', { POSTGRES_PASSWORD: 'SCRAM-SHA-256$4096:x$y:z' }],
  // secrets by file
  ['POSTGRES_PASSWORD_FILE cannot be read', { ...noPassword, POSTGRES_PASSWORD_FILE: '/nowhere' }],
  ['POSTGRES_PASSWORD_FILE cannot be read', { ...noPassword, POSTGRES_PASSWORD_FILE: '/tmp' }],
  ['POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set', { POSTGRES_PASSWORD_FILE: '/nowhere' }],
  ['POSTGRES_USER and POSTGRES_USER_FILE are both set', { POSTGRES_USER_FILE: '/nowhere' }],
  ['POSTGRES_DB and POSTGRES_DB_FILE are both set', { POSTGRES_DB_FILE: '/nowhere' }],
  // every refusal of a password holds for each user
  ['PGBOUNCER_PASSWORD_2 is empty', second('b', '')],
  ['PGBOUNCER_PASSWORD_2 contains a line break', second('b', 'x\n')],
  ['PGBOUNCER_PASSWORD_2 is longer than 996', second('b', 'x'.repeat(997))],
  ['PGBOUNCER_PASSWORD_2 is a stored hash', second('b', hash)],
  ['PGBOUNCER_USER_2 contains a line break', second('b\n', 'x')],
  ['PGBOUNCER_PASSWORD_2_FILE cannot be read', { ...second('b', ''), PGBOUNCER_PASSWORD_2_FILE: '/nowhere' }],
  [
    'PGBOUNCER_PASSWORD_2 and PGBOUNCER_PASSWORD_2_FILE are both',
    { ...second('b', 'x'), PGBOUNCER_PASSWORD_2_FILE: '/x' },
  ],
  // PgBouncer would print the value of what it does not know
  ...['PASSWORD', 'URL', 'DSN', 'CLIENT_SECRET'].map((name): [string, Environment] => [
    `PGBOUNCER_${name} is no setting`,
    { [`PGBOUNCER_${name}`]: 'postgres://secret-of-app@db' },
  ]),
  ...['0', 'two', '2 3', '${PGBOUNCER_PROCESSES:-2}'].map((processes): [string, Environment] => [
    'PGBOUNCER_PROCESSES is no number',
    { PGBOUNCER_PROCESSES: processes },
  ]),
  // it must not connect to itself
  ['pgbouncer:6432 is PgBouncer itself', list('a=postgres:5432 b=pgbouncer:6432')],
  ['::1:6432 is PgBouncer itself', list('a=::1:6432')],
  ...['pgbouncer', 'localhost', 'LocalHost', '127.0.0.1', '::1', hostname()].map((host): [string, Environment] => [
    `${host}:6432 is PgBouncer itself`,
    self(host),
  ]),
  ...(ownAddress === '' ? [] : [['is PgBouncer itself', self(ownAddress)] as [string, Environment]]),
];

describe.skipIf(!hasServers).concurrent.each(shells)('refused under %s', shell => {
  test('every setting that cannot work, by name', async () => {
    expect(refusals.length).toBeGreaterThan(45);
    await runEach(refusals, async ([reason, env]) => {
      const all = await prepare({ version: '1.24', shell, env: { PGBOUNCER_PORT: '6432', ...env } }, 5432);
      expectRefusal(await runScript(ENTRYPOINT, all), reason, all);
    });
  });

  test('a secret that only somebody else can read', async () => {
    const file = join(makeWorkDirectory(), 'secret');
    writeFileSync(file, 'x', { mode: 0o000 });
    const all = await prepare({ shell, env: { ...noPassword, POSTGRES_PASSWORD_FILE: file } }, 5432);
    expectRefusal(await runScript(ENTRYPOINT, all), 'POSTGRES_PASSWORD_FILE cannot be read by uid', all);
  });

  test('a secret file of two lines', async () => {
    const file = join(makeWorkDirectory(), 'secret');
    writeFileSync(file, 'x\ny\n');
    const all = await prepare({ shell, env: { ...noPassword, POSTGRES_PASSWORD_FILE: file } }, 5432);
    expectRefusal(await runScript(ENTRYPOINT, all), 'POSTGRES_PASSWORD contains a line break', all);
  });

  test('an image without PgBouncer', async () => {
    const all = await prepare({ shell }, 5432);
    const PATH = (all.PATH ?? '')
      .split(':')
      .filter(path => !existsSync(join(path, 'pgbouncer')))
      .join(':');
    expectRefusal(await runScript(ENTRYPOINT, { ...all, PATH }), 'needs PgBouncer 1.21 or later', all);
  });

  test.each<[processes: string, minimum: string, madeFor: string]>([
    ['', '1.21', '1.25'],
    ['2', '1.19', '1.18'],
  ])('PgBouncer 1.18 in the image, and files for a later one: processes %j', async (processes, minimum, madeFor) => {
    const all = await prepare({ version: '1.18', shell, env: { PGBOUNCER_PROCESSES: processes } }, 5432);
    const root = writeAssets({ ...assetInput, version: madeFor, features: featuresOf(all) });
    const result = await run(join(root, ENTRYPOINT), [], all, '', all.PWD);
    expectRefusal(result, `needs PgBouncer ${minimum} or later`, all);
  });

  test('a file that cannot be written, as on a full disk', async () => {
    const all = await prepare({ shell, directory: '/proc/self' }, 5432);
    const { code, stdout } = await runScript(ENTRYPOINT, all);
    expect([code === 0, stdout]).toEqual([false, '']);
  });
});
