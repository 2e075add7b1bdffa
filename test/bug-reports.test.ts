/** Public bug reports about poolers, each rebuilt as its smallest repository: what the plan, the audit and the sizes have to say. */
import { describe, expect, test } from 'vitest';
import { sizePoolers } from '../src/size/size-poolers.ts';
import { PG, planned, URL } from './planned.ts';

const go = (text: string) => ({
  Dockerfile: 'FROM golang:1.22\nCOPY . .\nRUN go build -o app .\nCMD ["./app"]\n',
  'go.mod': 'module x\n',
  'main.go': `package main\nimport ("context"; "os"; "github.com/jackc/pgx/v5/pgxpool"; "github.com/golang-migrate/migrate/v4")\nfunc main() {\n${text}}\n`,
});
const web = (environment: string) => `${PG}  web:\n    build: .\n    environment: { ${environment} }\n`;
const python = { Dockerfile: 'FROM python:3.12\nCOPY . .\nCMD ["python","app.py"]\n' };

async function look(files: Record<string, string>) {
  const plan = await planned(files);
  const findings = plan.hazards.filter(({ severity }) => severity !== 'note');
  const clients = () => sizePoolers(plan).map(({ demand }) => demand.clients);
  return {
    ...plan,
    clients,
    findings: findings.map(({ rule, file, line, severity }) => `${severity} ${rule} ${file}:${line}`),
  };
}

describe('startup parameters that PgBouncer refuses', () => {
  test.each([
    ['cfg.ConnConfig.RuntimeParams["search_path"] = "tenant"', 'startup-search-path'],
    ['cfg.ConnConfig.RuntimeParams = map[string]string{"lock_timeout": "1000"}', 'startup-parameter'],
    ['cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"', 'startup-settings'],
  ])('pgx, %s', async (line, rule) => {
    const { findings, decided } = await look({
      'compose.yml': web(`DATABASE_URL: "${URL}"`),
      ...go(
        `cfg, _ := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))\n${line}\npgxpool.NewWithConfig(context.Background(), cfg)\n`,
      ),
    });
    expect(findings).toEqual([`error ${rule} main.go:5`]);
    expect(decided('DATABASE_URL')).toEqual(['direct safe']);
  });

  test.each([
    ['exported', '#!/bin/sh\nexport PGOPTIONS="-c search_path=app"\nexec python app.py\n'],
    [
      'assigned, then exported',
      '#!/bin/sh\nPGOPTIONS="--search_path=${SCHEMA}"\nexport PGOPTIONS\nexec python app.py\n',
    ],
    ['before the command', '#!/bin/sh\nPGOPTIONS="-c jit=off" python app.py\n'],
  ])('PGOPTIONS in an entry point, %s', async (_, script) => {
    const { findings, decided } = await look({
      'compose.yml': web(`DATABASE_URL: "${URL}"`),
      Dockerfile: 'FROM python:3.12\nCOPY . .\nENTRYPOINT ["./entrypoint.sh"]\n',
      'entrypoint.sh': script,
      'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
    });
    expect(findings).toEqual(['error pgoptions entrypoint.sh:2']);
    expect(decided('DATABASE_URL')).toEqual(['direct safe']);
  });

  test.each([
    ['compose', `DATABASE_URL: "${URL}", PGOPTIONS: "-c search_path=app"`, python],
    [
      'the Dockerfile',
      `DATABASE_URL: "${URL}"`,
      { Dockerfile: 'FROM python:3.12\nENV PGOPTIONS="-c search_path=app"\nCOPY . .\nCMD ["python","app.py"]\n' },
    ],
  ])('PGOPTIONS in %s', async (_, environment, files) => {
    const { findings, decided } = await look({
      'compose.yml': web(environment),
      ...files,
      'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
    });
    expect(findings).toMatchObject([expect.stringMatching(/^error pgoptions /)]);
    expect(decided('DATABASE_URL')).toEqual(['direct safe']);
  });

  test.each([
    ['idle_in_transaction_session_timeout=5000', ['error dsn-setting compose.yml:9']],
    ['timezone=UTC&pool_max_conns=5&default_query_exec_mode=exec', []],
  ])('in a URL, %s', async (query, expected) => {
    const { findings } = await look({
      'compose.yml': `${PG}  web:\n    build: .\n    environment:\n      A: b\n      DATABASE_URL: "${URL}?${query}"\n`,
      ...go('pgxpool.New(context.Background(), os.Getenv("DATABASE_URL"))\n'),
    });
    expect(findings).toEqual(expected);
  });
});

describe('the endpoint that the connection reads decides', () => {
  const migrating = (name: string) =>
    go(
      `m, _ := migrate.New("file://m", os.Getenv("${name}"))\nm.Up()\npgxpool.New(context.Background(), os.Getenv("DB_DSN"))\n`,
    );

  test('a migration in the program that shares its connection: the pool bears its sessions, and the audit says what is in the way', async () => {
    const { findings, pools } = await look({ 'compose.yml': web(`DB_DSN: "${URL}"`), ...migrating('DB_DSN') });
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(findings).toEqual(['error migration-lock main.go:4']);
  });

  test('with a connection of its own nothing is in the way', async () => {
    const { findings, decided, pools } = await look({
      'compose.yml': web(`DB_DSN: "${URL}", DB_DSN_DIRECT: "${URL}"`),
      ...migrating('DB_DSN_DIRECT'),
    });
    expect(findings).toEqual([]);
    expect(decided('DB_DSN')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['web'] }]);
  });

  test('a lock in a file that is called migrate.py is a lock', async () => {
    const { findings } = await look({
      'compose.yml': `${PG}  web:\n    build: .\n    command: python migrate.py\n    environment: { DATABASE_URL: "${URL}" }\n`,
      ...python,
      'migrate.py':
        'import os, psycopg\nc = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)\nc.execute("SELECT pg_advisory_lock(1)")\n',
    });
    expect(findings).toEqual(['error session-advisory-lock migrate.py:3']);
  });

  test('a section of a settings file that only a listener reads is direct', async () => {
    const service = (name: string) =>
      `  ${name}:\n    build: .\n    command: python ${name}.py\n    volumes: ["./app.conf:/app.conf"]\n`;
    const read = (section: string, prefix: string) =>
      `import configparser, psycopg2\nc = configparser.ConfigParser(); c.read("/app.conf")\nconn = psycopg2.connect(host=c["${section}"]["${prefix}_host"], port=c["${section}"]["${prefix}_port"])\n`;
    const { decided } = await look({
      'compose.yml': PG + service('app') + service('runner'),
      Dockerfile: 'FROM python:3.12\nCOPY . .\n',
      'app.conf': '[options]\ndb_host = db\ndb_port = 5432\n\n[listener]\nl_host = db\nl_port = 5432\n',
      'app.py': read('options', 'db'),
      'runner.py': `${read('listener', 'l')}conn.cursor().execute("LISTEN jobs")\n`,
    });
    expect([decided('db_host'), decided('l_host')]).toEqual([['pooled safe'], ['direct safe']]);
  });
});

test('a migration through a pooler that is there fails the audit', async () => {
  const pooled = 'environment: { DATABASE_URL: "postgresql://u:p@pgbouncer:5432/d" }';
  const { findings } = await look({
    'compose.yml': `${PG}  pgbouncer:
    image: edoburu/pgbouncer:v1.24.1-p0
    environment: { DB_HOST: db, POOL_MODE: transaction }
  migrate:
    build: .
    command: alembic upgrade head
    ${pooled}
`,
    ...python,
  });
  expect(findings).toMatchObject([expect.stringMatching(/^error through-pooler compose.yml:/)]);
});

describe('sizes that stand in the files', () => {
  const image = (name: string, environment: string, more = '') =>
    `${PG}  app:\n    image: ${name}\n${more}    environment: { ${environment} }\n`;
  test.each([
    [
      'Keycloak',
      image(
        'quay.io/keycloak/keycloak:25.0',
        'KC_DB: postgres, KC_DB_URL: "jdbc:postgresql://db:5432/d", KC_DB_POOL_MAX_SIZE: "40"',
      ),
      40,
    ],
    [
      'Hasura, four copies',
      image(
        'hasura/graphql-engine:v2.40.0',
        'HASURA_GRAPHQL_METADATA_DATABASE_URL: "postgres://u:p@db:5432/m", HASURA_GRAPHQL_DATABASE_URL: "postgres://u:p@db:5432/d", HASURA_GRAPHQL_PG_CONNECTIONS: 50',
        '    deploy: { replicas: 4 }\n',
      ),
      200,
    ],
    [
      'Airflow',
      image(
        'apache/airflow:2.9.0',
        'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: "postgresql+psycopg2://u:p@db:5432/d", AIRFLOW__CELERY__WORKER_CONCURRENCY: "16", AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE: "5", AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW: "0"',
        '    command: celery worker\n',
      ),
      80,
    ],
  ])('%s', async (_, compose, expected) => {
    expect((await look({ 'compose.yml': compose })).clients()).toEqual([expected]);
  });

  test('pgxpool', async () => {
    const { clients } = await look({
      'compose.yml': web(`DATABASE_URL: "${URL}"`),
      ...go(
        'cfg, _ := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))\ncfg.MaxConns = 12\npgxpool.NewWithConfig(context.Background(), cfg)\n',
      ),
    });
    expect(clients()).toEqual([12]);
  });
});
