/** A pooler that is there: what its image, its environment and its own file say of it. */
import { describe, expect, test } from 'vitest';
import { describeReadiness } from '../src/render/readiness.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { sizePoolers } from '../src/size/size-poolers.ts';
import { PG } from './planned.ts';
import { makeRepository } from './repository.ts';

const API = `  api:
    build: .
    command: python api.py
    environment: { DATABASE_URL: "postgresql://u:p@pgbouncer:5432/d" }
`;
const files = (pooler: string, more: Record<string, string> = {}) => ({
  'docker-compose.yml': `${PG}  pgbouncer:\n${pooler}${API}`,
  Dockerfile: 'FROM python:3.12\nCOPY . .\n',
  'api.py': 'import os, asyncpg\n\nasync def main():\n    await asyncpg.create_pool(os.environ["DATABASE_URL"])\n',
  ...more,
});
const edoburu = (tag: string, environment = 'POOL_MODE: transaction, MAX_PREPARED_STATEMENTS: "100"') =>
  `    image: edoburu/pgbouncer:${tag}\n    environment: { DB_HOST: db, ${environment} }\n`;
const plan = (content: Record<string, string>) => planMigration({ cwd: makeRepository(content) });
const rules = async (content: Record<string, string>) => (await plan(content)).hazards.map(({ rule }) => rule);

describe('its version decides what its clients may do', () => {
  test.each([
    ['1.18.0', ['asyncpg-statement-cache']],
    // That build of the image reads no MAX_PREPARED_STATEMENTS.
    ['1.21.0-p0', ['asyncpg-statement-cache']],
    ['1.21.0-p2', []],
    ['v1.24.1-p0', []],
  ])('edoburu/pgbouncer:%s', async (tag, expected) => {
    expect(await rules(files(edoburu(tag)))).toEqual(expected);
  });

  test.each([
    ['1.23.1-p3', 'POOL_MODE: transaction', ['asyncpg-statement-cache']],
    ['1.24.1-p0', 'POOL_MODE: transaction', []],
    ['1.24.1-p0', 'MAX_PREPARED_STATEMENTS: "0"', ['asyncpg-statement-cache']],
  ])('%s with %s', async (tag, environment, expected) => {
    expect(await rules(files(edoburu(tag, environment)))).toEqual(expected);
  });

  test('who breaks behind it is said to go through it', async () => {
    expect(describeReadiness(await plan(files(edoburu('1.18.0'))))).toContain(
      'api: asyncpg-statement-cache at api.py:4; it goes through the pooler that is there.',
    );
  });

  test('by a variable of the project’s env file', async () => {
    const found = await plan(files(edoburu('${BOUNCER}'), { '.env': 'BOUNCER=1.18.0\n' }));
    expect(found.poolerVersion).toBe('1.18.0');
  });
});

const INI = `[databases]
* = host=db

[pgbouncer]
pool_mode = session
max_prepared_statements = 50
default_pool_size = 150
ignore_startup_parameters = extra_float_digits, search_path
`;

describe('its own file', () => {
  test.each([
    [
      'mounted',
      '    image: bitnami/pgbouncer:1.22.0\n    volumes: ["./conf/pgbouncer.ini:/bitnami/pgbouncer/conf/pgbouncer.ini:ro"]\n',
      'conf',
    ],
    ['in a folder', '    image: pgbouncer/pgbouncer:1.22.0\n    volumes: ["./conf:/etc/pgbouncer"]\n', 'conf'],
    ['built in', '    build: ./conf\n', 'conf'],
  ])('%s', async (_, pooler, folder) => {
    const found = await plan(
      files(pooler, { [`${folder}/pgbouncer.ini`]: INI, 'conf/Dockerfile': 'FROM debian:12\nCOPY . .\n' }),
    );
    expect(found.topology.poolers[0]?.pooler).toMatchObject({
      mode: 'session',
      maxPreparedStatements: 50,
      ignored: ['extra_float_digits', 'search_path'],
      places: { default_pool_size: { file: 'conf/pgbouncer.ini', line: 7 } },
    });
    expect(found.mode).toBe('session');
    expect(found.hazards.map(({ rule, file, line }) => [rule, file, line])).toContainEqual([
      'ignored-startup-parameter',
      'conf/pgbouncer.ini',
      8,
    ]);
    expect(sizePoolers(found)[0]?.settings.default_pool_size).toMatchObject({ value: 150, basis: 'seen' });
  });
});
