/** The verdicts of `verify`, without a server: facts in, verdict out. */
import { describe, expect, test } from 'vitest';
import { judgeLoad, planLoad } from '../src/rollout/judge-load.ts';
import { type Backend, judgeDirectPath, judgePooledPath, judgeSameDatabase } from '../src/rollout/judge-path.ts';
import { judgeServices, readContainers } from '../src/rollout/judge-services.ts';
import {
  judgeSettings,
  judgeVersion,
  listExpected,
  mergeExpected,
  readActual,
  readSettings,
} from '../src/rollout/judge-settings.ts';
import { judgeTraffic } from '../src/rollout/judge-traffic.ts';
import type { LoadFacts } from '../src/rollout/load.ts';

describe('which way a connection goes', () => {
  const server: Backend = {
    pid: 70,
    backendPid: 70,
    serverVersion: '15.4',
    database: 'app',
    databaseId: '16384',
    started: '1700000000.5',
    isStandby: false,
    systemIdentifier: '123',
  };
  const behindPooler: Backend = { ...server, pid: -1_609_791_932, backendPid: 71 };
  const open = (version: string, ...pids: number[]) => ({ kind: 'open', version, backendPids: new Set(pids) }) as const;
  const closed = (message: string) => ({ kind: 'closed', failure: { message, code: '08P01' } }) as const;

  test.each([
    // A console that answers proves nothing about the connection: another server may share the host.
    ['Postgres beside a PgBouncer', server, open('PgBouncer 1.26.1', 70), 'failed', /is PostgreSQL 15\.4 itself/],
    ['another pooler', behindPooler, open('PgCat 1.2.0', 71), 'failed', /is PgCat 1\.2\.0/],
    [
      'a load balancer over PgBouncers',
      behindPooler,
      open('PgBouncer 1.24.1', 5, 6),
      'failed',
      /does not list backend 71/,
    ],
    ['a closed console', behindPooler, closed('not allowed'), 'warning', /not allowed \(08P01\)/],
    ['PgBouncer', behindPooler, open('PgBouncer 1.18.0', 70, 71), 'passed', /SHOW SERVERS lists backend 71/],
  ] as const)('pooled: %s', (_, backend, console, status, evidence) => {
    const verdict = judgePooledPath(backend, console, 'localhost:6432');
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });

  test.each([
    ['PgBouncer', behindPooler, 'PgBouncer 1.24.1', 'failed', /^PgBouncer 1\.24\.1 stands at/],
    ['a pooler without console', behindPooler, null, 'failed', /^A pooler stands at/],
    ['a login without process id', { ...server, pid: null }, null, 'failed', /process null/],
    ['Postgres', server, null, 'passed', /backend 70/],
  ] as const)('direct: %s', (_, backend, pooler, status, evidence) => {
    const verdict = judgeDirectPath(backend, pooler, 'localhost:5433');
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });

  test.each<[string, Partial<Backend>, boolean, string, RegExp]>([
    ['another cluster', { systemIdentifier: '124', started: '1.0' }, true, 'failed', /^Two clusters/],
    ['a standby', { isStandby: true, started: '2.0' }, true, 'failed', /of one cluster.*a standby direct/],
    ['a copy with the same identifier', { started: '2.0' }, true, 'failed', /^Two servers of one cluster/],
    ['another database', { database: 'other', databaseId: '5' }, true, 'failed', /app through the pool, other direct/],
    ['one of the same name', { databaseId: '5' }, true, 'failed', /^Two databases/],
    ['a backend that is not there', {}, false, 'failed', /Backend 71 .* is not in/],
    ['the identifier is not told', { systemIdentifier: null }, true, 'passed', /the same start time/],
    ['the same', {}, true, 'passed', /system identifier 123/],
  ])('same database: %s', (_, change, isListed, status, evidence) => {
    const verdict = judgeSameDatabase(behindPooler, { ...server, ...change }, isListed);
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });
});

describe('settings', () => {
  const expected = [
    { key: 'pool_mode', value: 'transaction', from: 'pool.mode' },
    { key: 'max_prepared_statements', value: '200', from: 'PGBOUNCER_MAX_PREPARED_STATEMENTS' },
  ];
  test.each<[string, Record<string, string>, string, RegExp]>([
    ['another mode', { pool_mode: 'session', max_prepared_statements: '200' }, 'failed', /pool_mode is session, not/],
    ['turned off', { pool_mode: 'transaction', max_prepared_statements: '0' }, 'failed', /is 0, not 200/],
    ['both wrong', { pool_mode: 'session', max_prepared_statements: '0' }, 'failed', /session.*; max_prepared/],
    ['not there before 1.21', { pool_mode: 'transaction' }, 'warning', /no max_prepared_statements/],
    [
      'nobody is asked',
      { pool_mode: 'transaction', max_prepared_statements: '200', auth_type: 'trust' },
      'warning',
      /auth_type is trust/,
    ],
    ['as wished', { pool_mode: 'transaction', max_prepared_statements: '200' }, 'passed', /^pool_mode transaction, /],
  ])('%s', (_, actual, status, evidence) => {
    const verdict = judgeSettings(expected, new Map(Object.entries(actual)));
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });

  test('a statement support that is neither wished nor there', () => {
    const off = [{ key: 'max_prepared_statements', value: '0', from: 'x' }];
    expect(judgeSettings([...expected.slice(0, 1), ...off], new Map([['pool_mode', 'transaction']])).status).toBe(
      'passed',
    );
    expect(judgeSettings([], new Map()).status).toBe('skipped');
  });

  test('what is expected: variables, custom.ini over them, and only settings that are compared', () => {
    const image = listExpected({ PGBOUNCER_UPSTREAM_HOST: 'db', PGBOUNCER_POOL_MODE: 'session', PGBOUNCER_PORT: '1' });
    expect(image.map(({ key, value }) => `${key}=${value}`)).toEqual(['pool_mode=session', 'auth_type=scram-sha-256']);
    expect(listExpected({ DB_HOST: 'db' })).toEqual([]);
    const own = readSettings('; pool_mode = statement\nmax_client_conn=9\r\nverbose = 1\n', 'custom.ini');
    expect(own).toEqual([{ key: 'max_client_conn', value: '9', from: 'custom.ini' }]);
    expect(readSettings('[users]\nmax_client_conn = 9\n', 'custom.ini')).toEqual([]);
    expect(mergeExpected(expected, [{ key: 'pool_mode', value: 'session', from: 'x' }]).map(one => one.value)).toEqual([
      'session',
      '200',
    ]);
  });

  test('a pool goes before the defaults, under the names of each version', () => {
    const config = [
      { key: 'pool_mode', value: 'transaction' },
      { key: 'default_pool_size', value: '20' },
      { key: 'reserve_pool_size', value: '0' },
    ];
    const pools = [
      { database: 'app', user: 'other', pool_mode: 'statement' },
      { database: 'app', user: 'app', pool_mode: 'session' },
    ];
    const read = (database: Record<string, number>) =>
      Object.fromEntries(readActual({ config, pools, databases: [{ name: 'app', ...database }] }, 'app', 'app'));
    const own = { pool_mode: 'session', default_pool_size: '3', reserve_pool_size: '2' };
    expect(read({ pool_size: 3, reserve_pool: 2 })).toEqual(own);
    expect(read({ pool_size: 3, reserve_pool_size: 2 })).toEqual(own);
  });

  test.each([
    ['PgBouncer 1.24.1', 'warning', /CVE-2026-107350.*And \d+ more\./],
    ['PgBouncer 1.18.0', 'warning', /CVE-/],
    ['PgBouncer 1.26.1', 'passed', /1\.26\.1/],
    ['PgBouncer 2.0.0', 'passed', /2\.0\.0/],
  ])('%s: %s', (version, status, evidence) => {
    const verdict = judgeVersion(version);
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });
});

describe('load', () => {
  const settings = (values: Record<string, string>) => new Map(Object.entries(values));
  const one = { processes: 1, isInside: false };
  test.each<[Record<string, string>, typeof one, ReturnType<typeof planLoad>]>([
    [{}, one, { clients: 50, prepared: false, limit: null }],
    [{ max_client_conn: '1' }, one, { clients: 1, prepared: false, limit: null }],
    [{ max_client_conn: '30' }, one, { clients: 15, prepared: false, limit: null }],
    [{ pool_mode: 'session', default_pool_size: '4' }, one, { clients: 4, prepared: true, limit: 4 }],
    [{ default_pool_size: '20', reserve_pool_size: '5' }, one, { clients: 50, prepared: false, limit: 25 }],
    [{ default_pool_size: '20' }, { ...one, processes: 2 }, { clients: 50, prepared: false, limit: 40 }],
    [{ max_prepared_statements: '0' }, one, { clients: 50, prepared: false, limit: null }],
    [{ max_prepared_statements: '9' }, { ...one, isInside: true }, { clients: 8, prepared: true, limit: null }],
  ])('%j with %j', (values, where, plan) => expect(planLoad(settings(values), where)).toEqual(plan));

  const good: LoadFacts = {
    clients: 50,
    served: 50,
    queries: 900,
    seconds: 3,
    failures: [],
    foreign: 0,
    peak: 20,
    prepared: true,
  };
  const refusal = { message: 'no more connections allowed (max_client_conn)', code: '08P01' };
  test.each<[string, Partial<LoadFacts>, string, RegExp]>([
    ['mixed-up answers', { foreign: 3 }, 'failed', /^3 of 900 answers were another client's/],
    ['one client refused', { failures: [refusal], served: 49 }, 'failed', /^1 of 50 clients failed: no more/],
    ['more connections than allowed', { peak: 26 }, 'failed', /26 server connections; the pool may have 25/],
    ['nobody served', { served: 0 }, 'skipped', /^Only 0 of 50/],
    ['nobody counts', { peak: null }, 'passed', /were not counted/],
    ['as many as allowed', { peak: 25 }, 'passed', /by 25 server connections \(at most 25\)/],
  ])('%s', (_, change, status, evidence) => {
    const verdict = judgeLoad({ ...good, ...change }, { clients: 50, prepared: true, limit: 25 });
    expect(verdict.status).toBe(status);
    expect(verdict.evidence).toMatch(evidence);
  });
});

describe('services', () => {
  const line = (service: string, state: string, health: string) =>
    JSON.stringify({ Service: service, State: state, Health: health, Status: state === 'exited' ? 'Exited (1)' : '' });
  const bouncer = line('pgbouncer', 'running', 'healthy');
  test.each([
    ['no container', [], '', 'failed', /pgbouncer has no container; db has no container/],
    ['one missing', [bouncer], '', 'failed', /^db has no container$/],
    ['ill', [bouncer, line('db', 'running', 'unhealthy')], '', 'failed', /^db unhealthy$/],
    ['starting', [bouncer, line('db', 'running', 'starting')], '', 'failed', /^db starting$/],
    [
      'ended, and the log tells why',
      [line('pgbouncer', 'exited', ''), line('db', 'running', 'healthy')],
      '\u001b[2KFATAL pidfile already exists, another instance running?\n',
      'failed',
      /^pgbouncer Exited \(1\): FATAL pidfile/,
    ],
    ['no health check', [bouncer, line('db', 'running', '')], '', 'warning', /no health check: db/],
    [
      'one of two copies is ill',
      [bouncer, line('pgbouncer', 'running', 'unhealthy'), line('db', 'running', 'healthy')],
      '',
      'failed',
      /^pgbouncer healthy, unhealthy$/,
    ],
    ['well', [bouncer, line('db', 'running', 'healthy')], '', 'passed', /^pgbouncer healthy; db healthy$/],
  ] as const)('%s', (_, lines, log, status, evidence) => {
    for (const text of [lines.join('\n'), `[${lines.join(',')}]\n`]) {
      const verdict = judgeServices(['pgbouncer', 'db'], readContainers(text), log);
      expect(verdict.status).toBe(status);
      expect(verdict.evidence).toMatch(evidence);
      expect(verdict.next === null).toBe(status === 'passed');
    }
  });

  test('traffic', () => {
    const counts = (...names: string[]) => new Map(names.map(name => [name, 2]));
    expect(judgeTraffic({ pooled: counts(), past: counts() }).status).toBe('skipped');
    expect(judgeTraffic({ pooled: counts('app in app'), past: counts() }).status).toBe('passed');
    expect(judgeTraffic({ pooled: counts(), past: counts('worker as app') })).toMatchObject({
      status: 'warning',
      evidence: 'Past the pool: 2 × worker as app; through it: nobody',
    });
  });
});
