/** What `verify` reads and shows, without a server: compose, URLs, variables, errors, the table. */
import { describe, expect, test } from 'vitest';
import type { Site } from '../src/model/index.ts';
import { checkIds, exitCode, passed, skipped, titles, toCheck, warning } from '../src/rollout/check.ts';
import { readMessages } from '../src/rollout/compose.ts';
import { readUrl } from '../src/rollout/endpoint.ts';
import { explainFailure, explainLog, showFailure, toFailure } from '../src/rollout/explain-failure.ts';
import {
  findUpstream,
  findWays,
  mergeEnvironments,
  readDockerHost,
  readStack,
  type Wanted,
} from '../src/rollout/read-stack.ts';
import { makeRedactor } from '../src/rollout/redact.ts';
import { renderCheck, renderTotals } from '../src/rollout/render.ts';
import { type CommandResult, judgeRuns } from '../src/rollout/run-command.ts';
import { listRunVariables, makeRunEnvironment, runsInside } from '../src/rollout/run-variables.ts';

describe('what compose resolves', () => {
  const wanted: Wanted = {
    pooler: { service: 'pgbouncer', port: 6432 },
    server: { service: 'db', port: 5432 },
    dockerHost: '127.0.0.1',
    readFile: path => {
      if (path !== '/srv/secret') throw new Error('no such file');
      return 'from-file\n';
    },
  };
  const stack = (pooler: object, db: object = {}, more: object = {}) =>
    readStack(JSON.stringify({ services: { pgbouncer: pooler, db }, ...more }));
  const port = (target: number, published: string, host_ip?: string) => ({
    target,
    published,
    host_ip,
    protocol: 'tcp',
  });

  test.each([
    ['nothing', [], null],
    ['another port of the container', [port(9127, '6432')], null],
    ['a port that compose chooses', [port(6432, '')], null],
    ['a range', [port(6432, '7000-7010')], null],
    ['udp', [{ ...port(6432, '6432'), protocol: 'udp' }], null],
    ['everywhere', [port(6432, '7432', '0.0.0.0')], { host: '127.0.0.1', port: 7432 }],
    ['one address', [port(6432, '7432', '10.0.0.7')], { host: '10.0.0.7', port: 7432 }],
  ])('published: %s', (_, ports, address) => {
    expect(findWays(stack({ ports }), wanted)?.published.pooled).toEqual(address);
  });

  test.each<[string, object, object, object, object]>([
    [
      'variables of the pooler; $$ is one $',
      { environment: { POSTGRES_USER: 'u', POSTGRES_PASSWORD: 'a$$b$$$$c', POSTGRES_DB: 'd' } },
      {},
      {},
      { user: 'u', password: 'a$b$$c', database: 'd' },
    ],
    [
      'variables of the server, with the defaults of its image',
      {},
      { environment: { POSTGRES_USER: 'u', POSTGRES_PASSWORD: 'p' } },
      {},
      { user: 'u', password: 'p', database: 'u' },
    ],
    [
      'a secret',
      {
        environment: { POSTGRES_USER: 'u', POSTGRES_PASSWORD_FILE: '/run/secrets/pw' },
        secrets: [{ source: 'db_password', target: 'pw' }],
      },
      {},
      { secrets: { db_password: { file: '/srv/secret' } } },
      { user: 'u', password: 'from-file' },
    ],
    [
      'a mounted file',
      {
        environment: { POSTGRES_PASSWORD_FILE: '/pw' },
        volumes: [{ type: 'bind', source: '/srv/secret', target: '/pw' }],
      },
      {},
      {},
      { password: 'from-file' },
    ],
    [
      'a secret that is not here',
      { environment: { POSTGRES_PASSWORD_FILE: '/run/secrets/pw' }, secrets: [{ source: 'pw' }] },
      {},
      { secrets: { pw: { external: true } } },
      { password: undefined },
    ],
    [
      'the server by its container name',
      { environment: { PGBOUNCER_UPSTREAM_HOST: 'crawl_postgres', PGBOUNCER_UPSTREAM_PORT: '5499' } },
      { container_name: 'crawl_postgres', ports: [port(5499, '5433')] },
      {},
      { server: 'db', published: { pooled: null, direct: { host: '127.0.0.1', port: 5433 } } },
    ],
    [
      'a server elsewhere',
      { environment: { PGBOUNCER_UPSTREAM_HOST: 'db.example.com' } },
      { ports: [port(5432, '5433')] },
      {},
      { server: null, published: { pooled: null, direct: null } },
    ],
    [
      'its own port and processes, on the network of the host',
      { environment: { PGBOUNCER_PORT: '7000', PGBOUNCER_PROCESSES: '3' }, network_mode: 'host' },
      {},
      {},
      { processes: 3, published: { pooled: { host: '127.0.0.1', port: 7000 }, direct: null } },
    ],
  ])('%s', (_, pooler, db, more, expected) => {
    expect(findWays(stack(pooler, db, more), wanted)).toMatchObject(expected);
  });

  test('a variable that services have differently: the value that leads to the pooler', () => {
    const environments = ['old:5432', 'pgbouncer:6432', 'other:5432'].map(URL => ({ environment: { URL } }));
    const services = Object.fromEntries(environments.map((service, i) => [`s${i}`, service]));
    expect(mergeEnvironments(readStack(JSON.stringify({ services })), 'pgbouncer').get('URL')).toBe('pgbouncer:6432');
  });

  test('no such service', () => expect(findWays(readStack('{"services":{"db":{}}}'), wanted)).toBeNull());

  test.each([
    ['app=one:5433/app_v2 *=two', 'app', { host: 'one', port: 5433, database: 'app_v2' }],
    ['app=one *=two', 'app', { host: 'one', port: 5432, database: null }],
    ['app=one *=two', 'else', { host: 'two', port: 5432, database: null }],
    ['app=one', 'else', { host: 'db', port: 5432, database: null }],
  ])('databases %s: %s', (databases, database, upstream) => {
    expect(findUpstream({ PGBOUNCER_DATABASES: databases }, database, wanted)).toMatchObject(upstream);
  });

  test.each([
    [undefined, '127.0.0.1'],
    ['unix:///var/run/docker.sock', '127.0.0.1'],
    ['tcp://build.example:2376', 'build.example'],
    ['ssh://me@build.example', 'build.example'],
  ])('DOCKER_HOST %s', (variable, host) => expect(readDockerHost(variable)).toBe(host));

  test('messages of compose, without the noise', () => {
    const stderr =
      'time="2026-01-01T00:00:00Z" level=warning msg="The \\"DB_PASS\\" variable is not set. Defaulting to a blank string."\n' +
      'time="2026-01-01T00:00:00Z" level=warning msg="/x/compose.yml: `version` is obsolete"\nservices.app: broken\n';
    expect(readMessages(stderr)).toEqual([
      'The "DB_PASS" variable is not set. Defaulting to a blank string.',
      'services.app: broken',
    ]);
  });
});

describe('the user’s own command', () => {
  const site = (key: string | null, kind: string, more: Partial<Site> = {}) =>
    ({
      key,
      role: 'environment',
      form: 'url',
      scheme: 'postgresql',
      rule: 'already-pooled',
      resolution: { kind },
      ...more,
    }) as Site;

  test('variables: neither the pooler’s own, nor of other servers, nor in other places', () => {
    const found = listRunVariables([
      site('PGBOUNCER_HOST', 'pooler', { rule: 'pooler-itself', form: 'host' }),
      site('REDIS_URL', 'other-engine'),
      site('JDBC_URL', 'pooler', { scheme: 'jdbc:postgresql' }),
      site('IN_DOCS', 'pooler', { role: 'docs' }),
      site(null, 'pooler'),
      site('DATABASE_URL', 'published'), // an env file of CI
      site('DATABASE_URL', 'pooler'),
      site('DATABASE_URL', 'server'),
      site('DATABASE_URL_DIRECT', 'server'),
      site('DB_HOST', 'pooler', { form: 'host', scheme: '', role: 'fallback' }),
    ]);
    expect(found.map(({ name, way, form }) => `${name} ${way} ${form}`)).toEqual([
      'DATABASE_URL pooled url',
      'DATABASE_URL_DIRECT direct url',
      'DB_HOST pooled host',
    ]);
  });

  const target = (port: number) => ({
    address: { host: '127.0.0.1', port },
    user: 'app',
    password: 'p@ss/1',
    database: 'app',
  });
  const targets = { pooled: target(6432), direct: target(5433) };
  const names = { bypass: 'PGBOUNCER_BYPASS', suffix: '_DIRECT' };

  test('schemes, users and parameters stay; only the address is another', () => {
    const variables = listRunVariables([
      site('BACKEND', 'pooler', { scheme: 'db+postgresql' }),
      site('URL', 'pooler'),
      site('URL_DIRECT', 'server'),
      site('DB_HOST', 'pooler', { form: 'host' }),
      site('DB_PORT', 'pooler', { form: 'port' }),
      site('DB_ADDR', 'pooler', { form: 'host-port' }),
    ]);
    const resolved = new Map([['URL', 'postgres://other:x%40@pgbouncer:6432/shop?sslmode=disable']]);
    const { pooled, direct } = makeRunEnvironment(variables, targets, resolved, names);
    expect(pooled).toEqual({
      BACKEND: 'db+postgresql://app:p%40ss%2F1@127.0.0.1:6432/app',
      URL: 'postgres://other:x%40@127.0.0.1:6432/shop?sslmode=disable',
      URL_DIRECT: 'postgresql://app:p%40ss%2F1@127.0.0.1:5433/app',
      DB_HOST: '127.0.0.1',
      DB_PORT: '6432',
      DB_ADDR: '127.0.0.1:6432',
    });
    expect(direct).toEqual({
      BACKEND: 'db+postgresql://app:p%40ss%2F1@127.0.0.1:5433/app',
      URL: 'postgres://other:x%40@127.0.0.1:5433/shop?sslmode=disable',
      URL_DIRECT: 'postgresql://app:p%40ss%2F1@127.0.0.1:5433/app',
      DB_HOST: '127.0.0.1',
      DB_PORT: '5433',
      DB_ADDR: '127.0.0.1:5433',
      PGBOUNCER_BYPASS: '1',
    });
  });

  test('where no variable is known, DATABASE_URL and its companion', () => {
    const { pooled } = makeRunEnvironment([], targets, new Map(), names);
    expect(Object.keys(pooled)).toEqual(['DATABASE_URL', 'DATABASE_URL_DIRECT']);
  });

  test.each([
    ['pytest', false],
    ['echo docker-compose', false],
    ['docker build .', false],
    ['docker compose run --rm app pytest', true],
    ['cd x && docker-compose -f a.yml exec -T app pytest', true],
  ])('%s starts containers: %s', (command, inside) => expect(runsInside(command)).toBe(inside));

  const ran = (code: number | null, lastLine = ''): CommandResult => ({
    code,
    signal: null,
    seconds: 1,
    lastLine,
    findsDatabaseInUse: lastLine.includes('accessed'),
  });
  test.each([
    [ran(1, 'boom'), ran(0), 3, 'failed', 'passed', /pooling breaks it/],
    [ran(1), ran(1), 3, 'failed', 'failed', /not the cause/],
    [ran(null), ran(0), null, 'failed', 'passed', /pooling breaks it/],
    [ran(0), ran(0), 0, 'warning', 'passed', /did not use the pool/],
    [ran(0), ran(2), 9, 'passed', 'failed', null],
    [ran(0), ran(0), null, 'passed', 'passed', null],
    [ran(1, 'database "test_d" is being accessed by other users'), ran(0), 3, 'failed', 'passed', /past the pool/],
  ])('%j and %j', (pooled, direct, transactions, first, second, next) => {
    const verdicts = judgeRuns({
      pooled,
      direct,
      transactions: transactions === null ? null : { direct: 0, pooled: transactions },
    });
    expect([verdicts.pooled.status, verdicts.direct.status]).toEqual([first, second]);
    if (next) expect(verdicts.pooled.next).toMatch(next);
  });

  test('a run that was to go past the pool, and did not', () => {
    const { direct } = judgeRuns({ pooled: ran(0), direct: ran(0), transactions: { direct: 40, pooled: 42 } });
    expect(direct).toMatchObject({ status: 'warning', next: expect.stringContaining('-e NAME') });
    const failed = judgeRuns({ pooled: ran(0), direct: ran(1), transactions: { direct: 40, pooled: 42 } });
    expect(failed.direct.status).toBe('failed');
  });
});

describe('errors', () => {
  test.each([
    ['SASL authentication failed', '08P01', 'pooled', /force-recreate/],
    ['password authentication failed for user "app"', '28P01', 'direct', /ALTER ROLE/],
    ['server login failed: wrong password type', '08P01', 'pooled', /plain password/],
    ['bouncer config error', '08P01', 'pooled', /auth_query/],
    ['no such user: x', '08P01', 'pooled', /user list/],
    ['no such database: x', '08P01', 'pooled', /Create the database/],
    ['query_wait_timeout', '08P01', 'pooled', /DEFAULT_POOL_SIZE/],
    ['sorry, too many clients already', '53300', 'direct', /max_connections/],
    ['unsupported startup parameter in options: statement_timeout', '08P01', 'pooled', /PGOPTIONS/],
    ['the database system is starting up', '57P03', 'direct', /moment/],
    ['connect ECONNREFUSED 127.0.0.1:6432', 'ECONNREFUSED', 'pooled', /up -d pgbouncer/],
    ['connect ECONNREFUSED 127.0.0.1:5433', 'ECONNREFUSED', 'direct', /published port/],
    ['getaddrinfo ENOTFOUND db', 'ENOTFOUND', 'direct', /compose network/],
    ['timeout expired', null, 'pooled', /Postgres up/],
    ['something new', null, 'pooled', /log of PgBouncer/],
    ['something new', null, 'direct', /log of Postgres/],
  ] as const)('%s (%s, %s)', (message, code, way, next) => {
    expect(explainFailure({ message, code }, way)).toMatch(next);
  });

  test('of Node: the first of several, and a text that is empty', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' });
    expect(toFailure(new AggregateError([refused, new Error('x')]))).toEqual({
      message: 'connect ECONNREFUSED ::1:1',
      code: 'ECONNREFUSED',
    });
    expect(toFailure(Object.assign(new Error(''), { code: 'EX' })).message).toBe('EX');
    expect(showFailure({ message: 'a ECONNREFUSED', code: 'ECONNREFUSED' })).toBe('a ECONNREFUSED');
  });

  test('of a container: only what ends it', () => {
    expect(explainLog('FATAL:  database "x" does not exist\nLOG ready')).toBeNull();
    expect(explainLog('a\npgbouncer entrypoint: refused: the password is empty. Set it.\n')?.line).toMatch(
      /^pgb.*Set it\.$/,
    );
  });
});

describe('URLs', () => {
  test.each([
    ['', /no Postgres URL/],
    ['mysql://u:hidden@h/d', /no Postgres URL/],
    ['h:5432/d', /no Postgres URL/],
    ['postgresql:///d', /names no host/],
    ['postgresql://u:hidden@h:0/d', /port/],
    ['postgresql://u:hidden@h:x/d', /--pooled-url/],
  ])('%s is refused, and not repeated', async (url, message) => {
    const error = await readUrl(url, '--pooled-url').catch(error => error as Error);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('hidden');
  });

  test.each([
    [
      'postgres://u:p%40@h/d',
      { address: { host: 'h', port: 5432 }, user: 'u', password: 'p@', database: 'd', tls: 'off' },
    ],
    ['db+postgresql://u@h:1/d', { address: { host: 'h', port: 1 }, password: undefined }],
    ['postgresql+asyncpg://h', { user: undefined, database: undefined }],
    ['postgresql://h/d?sslmode=prefer', { tls: 'preferred' }],
    ['postgresql://h/d?sslmode=require', { tls: { rejectUnauthorized: false } }],
    ['postgresql://h/d?sslmode=verify-full', { tls: {} }],
    ['postgresql://h/d?sslmode=disable', { tls: 'off' }],
  ])('%s', async (url, endpoint) => expect(await readUrl(url, 'x')).toMatchObject(endpoint));
});

describe('what is shown', () => {
  test('passwords never, in no form; names that are shown anyway stay', () => {
    const redact = makeRedactor(['p@ss w/rd', 'postgres', 'ab'], ['postgres', 'app']);
    expect(redact('p@ss w/rd p%40ss%20w%2Frd p@ss%20w/rd')).toBe('**** **** ****');
    expect(redact('service postgres is a cab')).toBe('service postgres is a cab');
    expect(redact('postgresql://app:other@h/d \u001b[2K')).toBe('postgresql://app:****@h/d \\u{1b}[2K');
  });

  test('rows, totals, exit code', () => {
    const rows = [
      toCheck('traffic', skipped('nobody')),
      toCheck('pool-load', passed('fine')),
      toCheck('pgbouncer-version', warning('old', 'Rebuild.')),
    ];
    expect(rows.map(row => renderCheck(row, false)).join('')).toBe(
      'skipped  Applications use the pool                  nobody\n' +
        'passed   The pool holds under a short load          fine\n' +
        'warning  PgBouncer has no known holes               old\n         → Rebuild.\n',
    );
    expect(renderTotals(rows)).toBe('1 passed, 0 failed, 1 warning, 1 skipped\n');
    expect(exitCode(rows)).toBe(0);
    expect(exitCode([...rows, { ...toCheck('pool-write', passed('')), status: 'failed' }])).toBe(1);
    expect(checkIds).toEqual(Object.keys(titles));
  });
});
