/** Poolers that are there already: ports, what follows for the audit and the routes, and what the configuration refuses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hazards } from '../rules/hazards.generated.ts';
import { FEATURES, GENERATED, modesOf, poolerOfImage, poolers, settingsOf } from '../src/images/poolers.ts';
import { compileHazardRule } from '../src/routes/hazard-rules.ts';
import { behind } from '../src/routes/other-pooler.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { PG } from './planned.ts';
import { makeRepository, runCli } from './repository.ts';

const compose = (url = 'postgresql://u:p@db:5432/d', more = '') =>
  `${PG}  api:\n    build: .\n    command: python api.py\n    environment: { DATABASE_URL: "${url}" }\n${more}`;
const files = (pool: string, code: string, url?: string) => ({
  'docker-compose.yml': compose(url),
  Dockerfile: 'FROM python:3.12\nCOPY . .\n',
  'api.py': `import os, psycopg2\n\nconn = psycopg2.connect(os.environ["DATABASE_URL"])\ncur = conn.cursor()\n${code}\n`,
  'pool-migrate.yml': `pool: { ${pool} }\n`,
});
const plan = (pool: string, code = '', url?: string) => planMigration({ cwd: makeRepository(files(pool, code, url)) });

/** What the configuration itself names is none of the repository's places. */
const inCompose = <T extends { file: string }>(sites: readonly T[]): T[] =>
  sites.filter(({ file }) => file === 'docker-compose.yml');

const LISTEN = 'cur.execute("LISTEN jobs")';
const SET = 'cur.execute("SET work_mem = \'1GB\'")';
const LOCK = 'cur.execute("SELECT pg_advisory_lock(1)")';
const TEMP = 'cur.execute("CREATE TEMP TABLE stage (a int)")';
const OPTIONS = "psycopg2.connect(os.environ['DATABASE_URL'], options='-c statement_timeout=5')";
const PREPARED = 'import asyncpg\nasyncpg.connect(os.environ["DATABASE_URL"])';

/** Pooled already, so that each finding is as grave as it is behind the pooler. */
const there = 'postgresql://u:p@pool.example.net';

describe.each<[kind: string, port: number, code: string, hazards: string[], given?: string]>([
  ['supavisor', 6543, PREPARED, ['error asyncpg-statement-cache']],
  ['supabase', 6543, LISTEN, ['error listen-notify']],
  ['supabase-dedicated', 6543, LOCK, ['error session-advisory-lock']],
  ['pgdog', 6432, `${SET}\n${OPTIONS}\n${PREPARED}`, []],
  ['pgcat', 6432, PREPARED, ['error asyncpg-statement-cache']],
  ['odyssey', 6432, `${OPTIONS}\n${LOCK}`, ['error session-advisory-lock']],
  ['pgpool', 9999, `${LISTEN}\n${OPTIONS}\n${SET}\n${TEMP}`, []],
  ['pgagroal', 2345, SET, ['error set-session'], 'port: 2345'],
  ['rds-proxy', 5432, LISTEN, ['warning listen-notify']],
  ['neon', 5432, `${OPTIONS}\n${PREPARED}`, ['error startup-options-argument']],
  ['digitalocean', 25061, `${TEMP}\n${PREPARED}`, ['error temp-table']],
  ['azure', 6432, PREPARED, ['error asyncpg-statement-cache']],
  ['aiven', 20986, `${LISTEN}\n${PREPARED}`, ['error listen-notify'], 'port: 20986'],
  ['heroku', 5433, LOCK, ['error session-advisory-lock'], 'port: 5433'],
  ['cloud-sql', 6432, SET, ['error set-session']],
])('%s', (kind, port, code, expected, given) => {
  const pool = `kind: ${kind}, host: pool.example.net${given ? `, ${given}` : ''}`;

  test(`is reached at ${port}, and nothing is generated`, async () => {
    const { changes, sites } = await plan(pool);
    const text = changes.find(({ file }) => file === 'docker-compose.yml')?.after ?? '';
    expect(text).toContain(`DATABASE_URL: "postgresql://u:p@pool.example.net:${port}/d"`);
    expect(text).toContain('DATABASE_URL_DIRECT: "postgresql://u:p@db:5432/d"');
    expect(changes.map(({ file }) => file)).toEqual(['docker-compose.yml']);
    expect(changes.map(({ after }) => after).join('')).not.toMatch(/pgbouncer/i);
    expect(inCompose(sites).map(({ action }) => action)).toEqual(['pooled']);
  });

  test('breaks what it does not bear', async () => {
    const { hazards: found } = await plan(pool, code, `${there}:${port}/d`);
    expect(found.map(({ severity, rule }) => `${severity} ${rule}`)).toEqual(expected);
  });
});

test('each kind has a row above', () => {
  const rows = readFileSync(join(import.meta.dirname, 'pooler-kinds.test.ts'), 'utf8');
  const missing = poolers.filter(({ id }) => id !== GENERATED && !rows.includes(`  ['${id}', `));
  expect(missing.map(({ id }) => id)).toEqual([]);
});

describe('what a setting of the pooler turns on', () => {
  const pool = 'kind: pgdog, host: pool.example.net';

  test('is a hazard without it, whose fix names the setting', async () => {
    const { hazards: found } = await plan(pool, LISTEN, `${there}:6432/d`);
    expect(found.map(({ rule }) => rule)).toEqual(['listen-notify']);
    expect(found[0]?.fix).toMatch(/pub_sub_channel_size in PgDog.*enabled: \[listen\]/);
  });

  test('is none with it, and the listener is pooled like the rest', async () => {
    const found = await plan(`${pool}, enabled: [listen]`, LISTEN);
    expect(found.hazards).toEqual([]);
    expect(found.sites.map(({ action }) => action)).toEqual(['pooled']);
  });

  test('pins where it gives no more', async () => {
    const { hazards: found } = await plan(`${pool}, enabled: [session-lock]`, LOCK, `${there}:6432/d`);
    expect(found.map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', expect.stringContaining('PgDog pins this client')],
    ]);
  });
});

describe('routes', () => {
  test('what the pooler does not bear goes direct', async () => {
    const { sites } = await plan('kind: supavisor, host: pool.example.net', LISTEN);
    expect(sites.map(({ action, rule }) => `${action} ${rule}`)).toEqual(['direct code-with-session']);
  });

  test.each([
    ['session', 'kind: supavisor, host: pool.example.net, mode: session', 5432],
    ['pins', 'kind: rds-proxy, host: pool.example.net', 5432],
  ])('%s: it is pooled', async (_, pool, port) => {
    const { sites, changes } = await plan(pool, LISTEN);
    expect(sites.map(({ action }) => action)).toEqual(['pooled']);
    expect(changes[0]?.after).toContain(`pool.example.net:${port}/d`);
  });

  test('a migration that goes through the pooler is told', async () => {
    const url = 'postgresql://u:p@ep-x-pooler.region.aws.neon.tech/d';
    const { sites, hazards: found } = await planMigration({
      cwd: makeRepository({
        'migrate.sh': `#!/bin/sh\nDATABASE_URL=${url} alembic upgrade head\n`,
        'pool-migrate.yml': 'pool: { kind: neon, host: ep-x-pooler.region.aws.neon.tech }\n',
      }),
    });
    expect(sites.map(({ action, rule }) => `${action} ${rule}`)).toEqual(['review through-pooler']);
    expect(found.map(({ rule }) => rule)).toContain('through-pooler');
  });
});

test('a parameter that is dropped in silence is told so, one that is applied is none', async () => {
  const pool = 'kind: odyssey, host: pool.example.net';
  const messages = async (query: string) =>
    (await plan(pool, '', `${there}:6432/d?${query}`)).hazards.map(({ rule, message }) => `${rule}: ${message}`);
  expect(await messages('statement_timeout=5000')).toEqual([]);
  expect(await messages('jit=off')).toEqual([expect.stringMatching(/^dsn-setting: Odyssey takes .* drops it/)]);
  expect(await messages('options=-c%20search_path%3Dapp')).toEqual([]);
  expect(await messages('options=-c%20search_path%3Dapp%20-c%20jit%3Doff')).toHaveLength(1);
});

test('a pooler elsewhere can set nothing when it connects, so the place stays direct', async () => {
  const { sites, changes } = await plan(
    'kind: neon, host: pool.example.net',
    '',
    'postgresql://u:p@db:5432/d?options=-c%20statement_timeout%3D5',
  );
  expect(sites.map(({ action, rule }) => `${action} ${rule}`)).toEqual(['direct startup-parameter']);
  expect(sites[0]?.reason).not.toContain('PgBouncer');
  expect(changes).toEqual([]);
});

test('another port of the host is the server itself', async () => {
  const pool = 'kind: azure, host: x.postgres.database.azure.com';
  const resolved = async (port: string) =>
    inCompose((await plan(pool, '', `postgresql://u:p@x.postgres.database.azure.com${port}/d`)).sites).map(
      ({ action, rule }) => `${action} ${rule}`,
    );
  expect(await resolved(':6432')).toEqual(['leave already-pooled']);
  expect(await resolved(':5432')).toEqual(['leave unknown-host']);
  expect(await resolved('')).toEqual(['leave unknown-host']);
});

test('what is published on the machine leads to the host as well', async () => {
  const { changes } = await planMigration({
    cwd: makeRepository({
      'docker-compose.yml': `${PG}    ports: ["5433:5432"]\n  api:\n    build: .\n    environment: { DATABASE_URL: "postgresql://u:p@db:5432/d" }\n`,
      Dockerfile: 'FROM python:3.12\nCOPY . .\n',
      '.env.example': 'LOCAL_URL=postgresql://u:p@localhost:5433/d\n',
      'pool-migrate.yml': 'pool: { kind: pgcat, host: pool.example.net }\n',
    }),
  });
  const text = changes.find(({ file }) => file === '.env.example')?.after ?? '';
  expect(text).toContain('LOCAL_URL=postgresql://u:p@pool.example.net:6432/d\n');
});

test('the service of the repository is the pooler where the host is its name', async () => {
  const { changes, notes } = await planMigration({
    cwd: makeRepository({
      ...files('kind: pgdog, host: dog', ''),
      'docker-compose.yml': compose(undefined, '  dog:\n    image: ghcr.io/pgdogdev/pgdog:0.1.54\n'),
    }),
  });
  expect(changes.map(({ file }) => file)).toEqual(['docker-compose.yml']);
  expect(changes[0]?.after).toContain('u:p@dog:6432/d');
  expect(notes).toEqual([]);
});

test.each([
  ['edoburu/pgbouncer', 'pgbouncer'],
  ['pgcat', 'pgcat'],
  ['pgpool', 'pgpool'],
  ['docker/pgdog/dockerfile', 'pgdog'],
  ['postgres', undefined],
])('the image %s is %s', (image, id) => {
  expect(poolerOfImage(image)?.id).toBe(id);
});

describe('the configuration', () => {
  test.each([
    ['no host', 'pool:\n  kind: neon\n', /pool-migrate\.yml:1:1: pool\.host: .*has to be given/],
    ['the default host', 'pool:\n  kind: neon\n  host: pgbouncer\n', /pool-migrate\.yml:3:9: pool\.host/],
    ['no such kind', 'pool:\n  kind: neno\n', /pool-migrate\.yml:2:9: pool\.kind/],
    ['a mode that it lacks', 'pool:\n  kind: pgpool\n  host: a\n  mode: transaction\n', /:4:9: pool\.mode: .*session/],
    ['no usual port', 'pool:\n  kind: aiven\n  host: a\n', /pool\.port: Aiven has no usual port/],
    ['no such setting', 'pool:\n  kind: neon\n  host: a\n  enabled: [listen]\n', /:4:12: pool\.enabled: .*listen/],
  ])('%s', (_, text, expected) => {
    const root = makeRepository({ 'docker-compose.yml': compose(), 'pool-migrate.yml': text });
    const { code, stderr } = runCli(['-C', root]);
    expect(stderr).toMatch(expected);
    expect(code).toBe(2);
  });

  test('a mode of the command line that the kind lacks', () => {
    const root = makeRepository(files('kind: neon, host: a', ''));
    const { code, stderr } = runCli(['-C', root, '--pool-mode', 'session']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('pool.mode: Neon has no session mode')]);
  });

  test.each(['size', 'verify'])('%s is for PgBouncer', command => {
    const root = makeRepository(files('kind: neon, host: a', ''));
    const { code, stderr } = runCli([command, '-C', root]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('pool.kind is neon')]);
  });
});

test('no report speaks of PgBouncer', () => {
  const root = makeRepository(files('kind: supavisor, host: pool.example.net', `${LISTEN}\n${OPTIONS}\n${PREPARED}`));
  for (const args of [[], ['audit'], ['--reporter', 'html'], ['audit', '--reporter', 'html']]) {
    const { stdout, stderr } = runCli([...args, '-C', root]);
    expect(stderr).toContain('Supavisor at pool.example.net:6543');
    expect(`${stdout}${stderr}`).not.toMatch(/PgBouncer|PGBOUNCER/);
  }
});

test('no rule speaks of PgBouncer behind another pooler', () => {
  const others = poolers.filter(({ id }) => id !== GENERATED);
  const said = others.flatMap(pooler =>
    hazards
      .map(compileHazardRule)
      .flatMap(rule => behind(rule, pooler, []))
      .flatMap(({ id, message, fix }) =>
        /PgBouncer|PGBOUNCER|1\.2\d|\{name\}/.test(message + fix) ? [`${pooler.id} ${id}: ${message} ${fix}`] : [],
      ),
  );
  expect(said).toEqual([]);
});

test('a setting is asked for only where it changes something', () => {
  for (const pooler of poolers) {
    expect(modesOf(pooler).length).toBeGreaterThan(0);
    for (const feature of settingsOf(pooler)) {
      const before = hazards.map(compileHazardRule).flatMap(rule => behind(rule, pooler, []));
      const after = hazards.map(compileHazardRule).flatMap(rule => behind(rule, pooler, [feature]));
      expect(after.filter(({ severity }) => severity.transaction === 'error').length).toBeLessThan(
        before.filter(({ severity }) => severity.transaction === 'error').length,
      );
      expect(FEATURES).toContain(feature);
    }
  }
});
