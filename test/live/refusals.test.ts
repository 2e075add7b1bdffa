/** What the entrypoint refuses, under each shell: loudly and by name, before PgBouncer sees anything. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENTRYPOINT, prepare, runScript } from './pooler.ts';
import { expectRefusal } from './refusal.ts';
import { type Environment, makeWorkDirectory, runEach, shells } from './run.ts';
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

const numbers = [
  'UPSTREAM_PORT PORT DEFAULT_POOL_SIZE MIN_POOL_SIZE RESERVE_POOL_SIZE RESERVE_POOL_TIMEOUT MAX_CLIENT_CONN',
  'MAX_DB_CONNECTIONS MAX_PREPARED_STATEMENTS QUERY_WAIT_TIMEOUT IDLE_TRANSACTION_TIMEOUT SERVER_IDLE_TIMEOUT',
  'SERVER_LOGIN_RETRY PROCESSES',
]
  .join(' ')
  .split(' ');

const refusals: [string, Environment][] = [
  ['PGBOUNCER_UPSTREAM_HOST is not set', { PGBOUNCER_UPSTREAM_HOST: '' }],
  ['PGBOUNCER_UPSTREAM_HOST contains white space', { PGBOUNCER_UPSTREAM_HOST: 'a b' }],
  ['POSTGRES_PASSWORD: the password is empty', noPassword],
  ['POSTGRES_PASSWORD: the password is empty', { ...noPassword, PGBOUNCER_AUTH_TYPE: 'md5' }],
  ['POSTGRES_PASSWORD contains a line break', { POSTGRES_PASSWORD: 'a\nb' }],
  ['POSTGRES_PASSWORD contains a line break', { POSTGRES_PASSWORD: 'a\n' }],
  ['POSTGRES_PASSWORD contains a line break', { POSTGRES_PASSWORD: 'a\r' }],
  ['POSTGRES_USER contains a line break', { POSTGRES_USER: 'a\nb' }],
  ['POSTGRES_DB contains a line break', { POSTGRES_DB: 'a\nb' }],
  ['POSTGRES_PASSWORD: the password is longer than 996', { POSTGRES_PASSWORD: 'x'.repeat(997) }],
  ['POSTGRES_PASSWORD: the password is longer than 996', { POSTGRES_PASSWORD: 'é'.repeat(499) }],
  ['POSTGRES_PASSWORD: the password looks like a stored hash', { POSTGRES_PASSWORD: hash }],
  ['POSTGRES_PASSWORD: the password looks like a stored hash', { POSTGRES_PASSWORD: 'SCRAM-SHA-256$4096:x$y:z' }],
  ['POSTGRES_PASSWORD_FILE: /nowhere cannot be read', { ...noPassword, POSTGRES_PASSWORD_FILE: '/nowhere' }],
  ['POSTGRES_PASSWORD_FILE: /tmp cannot be read', { ...noPassword, POSTGRES_PASSWORD_FILE: '/tmp' }],
  ['POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set', { POSTGRES_PASSWORD_FILE: '/nowhere' }],
  ['POSTGRES_USER and POSTGRES_USER_FILE are both set', { POSTGRES_USER_FILE: '/nowhere' }],
  ['POSTGRES_DB and POSTGRES_DB_FILE are both set', { POSTGRES_DB_FILE: '/nowhere' }],
  // every refusal of a password holds for each user
  ['PGBOUNCER_PASSWORD_2: the password is empty', second('b', '')],
  ['PGBOUNCER_PASSWORD_2 contains a line break', second('b', 'x\n')],
  ['PGBOUNCER_PASSWORD_2: the password is longer than 996', second('b', 'x'.repeat(997))],
  ['PGBOUNCER_PASSWORD_2: the password looks like a stored hash', second('b', hash)],
  ['PGBOUNCER_USER_2 contains a line break', second('b\n', 'x')],
  ['PGBOUNCER_PASSWORD_2 is set, and PGBOUNCER_USER_2 is not', second('', 'x')],
  ['PGBOUNCER_PASSWORD_2: user app is there already', second('app', 'x')],
  ['PGBOUNCER_PASSWORD_2_FILE: /nowhere cannot be read', { ...second('b', ''), PGBOUNCER_PASSWORD_2_FILE: '/nowhere' }],
  [
    'PGBOUNCER_PASSWORD_2 and PGBOUNCER_PASSWORD_2_FILE are both',
    { ...second('b', 'x'), PGBOUNCER_PASSWORD_2_FILE: '/x' },
  ],
  ['PGBOUNCER_USER_3 is out of sequence', { PGBOUNCER_USER_3: 'c' }],
  ['PGBOUNCER_PASSWORD_4 is out of sequence', { ...second('b', 'x'), PGBOUNCER_PASSWORD_4_FILE: '/x' }],
  ['PGBOUNCER_USER_1 is out of sequence', { PGBOUNCER_USER_1: 'c' }],
  ['PGBOUNCER_USER_02 is out of sequence', { PGBOUNCER_USER_02: 'c' }],
  ['PGBOUNCER_USER_99999999999999999999 is out of sequence', { PGBOUNCER_USER_99999999999999999999: 'c' }],
  // databases
  ['PGBOUNCER_DATABASES has no entry', list(' \n')],
  ['PGBOUNCER_DATABASES: app: no "="', list('app')],
  ['PGBOUNCER_DATABASES: app=: the name, the host', list('app=')],
  ['PGBOUNCER_DATABASES: =db: the name, the host', list('=db')],
  ['PGBOUNCER_DATABASES: a=b=c: the name, the host or one', list('a=b=c')],
  ['PGBOUNCER_DATABASES: a=h: a is there already', list('a=g a=h')],
  ['PGBOUNCER_DATABASES: *=h: * is there already', list('*=g b=x *=h')],
  ['PGBOUNCER_DATABASES: pgbouncer=db: pgbouncer is the name of the console', list('pgbouncer=db')],
  ['PGBOUNCER_DATABASES: a;b=db: only letters', list('a;b=db')],
  ['PGBOUNCER_DATABASES: [x]=db: only letters', list('[x]=db')],
  ["PGBOUNCER_DATABASES: a=h'x: 'h'x' is no host name", list("a=h'x")],
  ["PGBOUNCER_DATABASES: a=:5432: '' is no host name", list('a=:5432')],
  ['PGBOUNCER_DATABASES: a=::1: an IPv6 address goes into [ ]', list('a=::1')],
  ['PGBOUNCER_DATABASES: a=h/: nothing after', list('a=h/')],
  ['PGBOUNCER_DATABASES: *=h/x: the entry *', list('*=h/x')],
  ['PGBOUNCER_DATABASES: a=h:: the port must be a number', list('a=h:')],
  ['PGBOUNCER_DATABASES: a=h:x: the port must be a number', list('a=h:x')],
  ['PGBOUNCER_DATABASES: a=h:0: the port=0 is out of range', list('a=h:0')],
  ['PGBOUNCER_DATABASES: a=h:70000: the port=70000 is out of range', list('a=h:70000')],
  ['PGBOUNCER_DATABASES=pgbouncer with port 6432 is PgBouncer itself', list('a=postgres b=pgbouncer:6432')],
  ['PGBOUNCER_DATABASES=::1 with port 6432 is PgBouncer itself', list('a=[::1]:6432/x')],
  // settings
  ['PGBOUNCER_POOL_MODE must not be', { PGBOUNCER_POOL_MODE: 'Transaction' }],
  ['PGBOUNCER_AUTH_TYPE must not be', { PGBOUNCER_AUTH_TYPE: 'plain' }],
  ['PGBOUNCER_AUTH_QUERY must not be', { PGBOUNCER_AUTH_QUERY: 'yes' }],
  ['PGBOUNCER_CONNECT_QUERY contains a line break', { PGBOUNCER_CONNECT_QUERY: 'a\nadmin_users = x' }],
  ['PGBOUNCER_STATS_USERS contains a line break', { PGBOUNCER_STATS_USERS: 'a\nb' }],
  ['PGBOUNCER_IGNORE_STARTUP_PARAMETERS contains a line break', { PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'a\nb' }],
  ['PGBOUNCER_LISTEN_ADDR contains a line break', { PGBOUNCER_LISTEN_ADDR: 'a\nb' }],
  ...numbers.flatMap(name =>
    ['x', '-1', '1 2', '1;', '9999999999'].map((value): [string, Environment] => [
      `PGBOUNCER_${name} must be a number`,
      { [`PGBOUNCER_${name}`]: value },
    ]),
  ),
  ['PGBOUNCER_PORT=0 is out of range', { PGBOUNCER_PORT: '0' }],
  ['PGBOUNCER_PORT=65536 is out of range', { PGBOUNCER_PORT: '65536' }],
  ['PGBOUNCER_DEFAULT_POOL_SIZE=0 is out of range', { PGBOUNCER_DEFAULT_POOL_SIZE: '0' }],
  ['PGBOUNCER_PROCESSES=65 is out of range', { PGBOUNCER_PROCESSES: '65' }],
  // TLS
  ['PGBOUNCER_CLIENT_TLS_SSLMODE=require needs a certificate', { PGBOUNCER_CLIENT_TLS_SSLMODE: 'require' }],
  ['PGBOUNCER_SERVER_TLS_SSLMODE must not be', { PGBOUNCER_SERVER_TLS_SSLMODE: 'on' }],
  [
    'TLS file /nowhere cannot be read',
    { PGBOUNCER_SERVER_TLS_SSLMODE: 'verify-full', PGBOUNCER_SERVER_TLS_CA_FILE: '/nowhere' },
  ],
  // it must not connect to itself
  ...['pgbouncer', 'PgBouncer', 'localhost', 'LocalHost', '127.0.0.1', '127.1.2.3', '::1', '0.0.0.0', hostname()].map(
    (host): [string, Environment] => [`PGBOUNCER_UPSTREAM_HOST=${host} with port 6432 is PgBouncer itself`, self(host)],
  ),
  ['pool with port 6432 is PgBouncer itself (its own name)', { ...self('pool'), PGBOUNCER_SELF_NAMES: 'a pool b' }],
  ...(ownAddress === '' ? [] : [['is PgBouncer itself', self(ownAddress)] as [string, Environment]]),
  // the place
  ['too long for the Unix sockets', { PGBOUNCER_PROCESSES: '2', PGBOUNCER_RUNTIME_DIR: `/${'x'.repeat(80)}` }],
  ['/proc cannot be written', { PGBOUNCER_RUNTIME_DIR: '/proc' }],
  ['/proc/x cannot be written', { PGBOUNCER_RUNTIME_DIR: '/proc/x' }],
];

describe.skipIf(!hasServers).concurrent.each(shells)('refused under %s', shell => {
  test('every setting that cannot work, by name', { timeout: 120_000 }, async () => {
    expect(refusals.length).toBeGreaterThan(140);
    await runEach(refusals, async ([reason, env]) => {
      const all = await prepare({ version: '1.24', shell, env: { PGBOUNCER_PORT: '6432', ...env } }, 5432);
      expectRefusal(await runScript(ENTRYPOINT, all), reason, all);
    });
  });

  test('a secret that only somebody else can read', async () => {
    const file = join(makeWorkDirectory(), 'secret');
    writeFileSync(file, 'x', { mode: 0o000 });
    const all = await prepare({ shell, env: { ...noPassword, POSTGRES_PASSWORD_FILE: file } }, 5432);
    expectRefusal(await runScript(ENTRYPOINT, all), `POSTGRES_PASSWORD_FILE: ${file} cannot be read by uid`, all);
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
    expectRefusal(await runScript(ENTRYPOINT, { ...all, PATH }), 'pgbouncer --version gives no version', all);
  });

  test('a userlist that came out empty, as on a full disk', async () => {
    const all = await prepare({ shell }, 5432);
    const bin = makeWorkDirectory();
    const directory = all.PGBOUNCER_RUNTIME_DIR ?? '';
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(bin, 'mkdir'), `#!/bin/sh\n/bin/mkdir "$@"\nln -sf /dev/null '${directory}/userlist.txt'\n`);
    writeFileSync(join(bin, 'rm'), '#!/bin/sh\n');
    for (const name of ['mkdir', 'rm']) chmodSync(join(bin, name), 0o755);
    const [first, ...rest] = (all.PATH ?? '').split(':');
    symlinkSync(join(first ?? '', 'sh'), join(bin, 'sh'));
    const PATH = [bin, first, ...rest].join(':');
    expectRefusal(await runScript(ENTRYPOINT, { ...all, PATH }), 'userlist.txt holds no user', all);
  });
});
