/** One default run leaves a stack that works: every process has its route, and the edits that give it to it. */
import { expect, test } from 'vitest';
import { PG, POOLED, planned as plan, serviceIn, URL } from './planned.ts';

const node = (command: string) => `FROM node:20\nWORKDIR /app\nCOPY . .\n${command}\n`;
const packageJson = (scripts: Record<string, string>) => `${JSON.stringify({ name: 'app', scripts }, null, 2)}\n`;

test.each([
  ['CMD ["npm","run","start:docker"]', 'start:docker'],
  ['CMD ["npm","start"]', 'start'],
  ['CMD npm start', 'start'],
  ['CMD ["yarn","boot"]', 'boot'],
  ['CMD ["pnpm","run","boot"]', 'boot'],
  ['ENTRYPOINT ["/sbin/tini","--"]\nCMD ["npm","run","boot"]', 'boot'],
])('%s: the migration step of the script gets the direct URL', async (command, script) => {
  const { written, decided } = await plan({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`,
    Dockerfile: node(command),
    'package.json': packageJson({ [script]: 'prisma migrate deploy && node server.js' }),
    'server.js': 'new PrismaClient();\n',
    'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url      = env("DATABASE_URL")\n}\n',
  });
  expect(decided('DATABASE_URL', 'docker-compose.yml')).toContain('pooled safe');
  expect(written('docker-compose.yml')).toContain(`DATABASE_URL: ${POOLED}`);
  expect(JSON.parse(written('package.json')).scripts[script]).toBe(
    'DATABASE_URL=${DATABASE_URL_DIRECT:-$DATABASE_URL} prisma migrate deploy && node server.js',
  );
  expect(written('prisma/schema.prisma')).toContain('directUrl = env("DATABASE_URL_DIRECT")');
});

const written = (script: string) => ({
  'docker-compose.yml': `${PG}  web:\n    build: .\n    env_file: .env\n    command: sh -c "alembic upgrade head && uvicorn app:app"\n`,
  Dockerfile: 'FROM python:3.12\nCOPY . .\n',
  'setup.sh': script,
});

test('an env file that a script writes by a here-document gets the direct variable too', async () => {
  const { pools, ...one } = await plan(written(`cat > .env <<EOF\nDATABASE_URL=${URL}\nDEBUG=1\nEOF\n`));
  expect(pools).toMatchObject([{ mode: 'transaction' }]);
  expect(one.written('setup.sh')).toContain(`DATABASE_URL=${POOLED}\n`);
  expect(one.written('setup.sh')).toContain(`DATABASE_URL_DIRECT=${URL}\n`);
  expect(one.written('docker-compose.yml')).toContain('DATABASE_URL=$${DATABASE_URL_DIRECT:-$$DATABASE_URL} alembic');
});

test('one that a single command writes has no room for a second variable: session mode', async () => {
  const { pools, ...one } = await plan(written(`echo "DATABASE_URL=${URL}" >> .env\n`));
  expect(pools).toMatchObject([{ mode: 'session' }]);
  expect(one.written('setup.sh')).toBe(`echo "DATABASE_URL=${POOLED}" >> .env\n`);
});

test('a migration that has a variable of its own already shares nothing', async () => {
  const { written, decided } = await plan({
    'docker-compose.yml': `${PG}  web:
    build: .
    command: sh -c "DATABASE_URL=$\${MIGRATION_DATABASE_URL} alembic upgrade head && exec uvicorn app:app"
    environment:
      DATABASE_URL: ${URL}
      MIGRATION_DATABASE_URL: ${URL}
`,
  });
  expect(decided('DATABASE_URL')).toContain('pooled safe');
  expect(decided('MIGRATION_DATABASE_URL')).toEqual(['direct safe']);
  expect(written('docker-compose.yml')).toContain('DATABASE_URL=$${MIGRATION_DATABASE_URL} alembic upgrade head');
});

const AIRFLOW = `x-airflow-common:
  &airflow-common
  image: apache/airflow:2.9.1
  environment:
    &airflow-common-env
    AIRFLOW__CORE__EXECUTOR: LocalExecutor
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://airflow:airflow@postgres/airflow
  depends_on:
    &airflow-common-depends-on
    postgres:
      condition: service_healthy

services:
  postgres:
    image: postgres:13
    environment:
      POSTGRES_USER: airflow
      POSTGRES_PASSWORD: airflow
      POSTGRES_DB: airflow
  airflow-webserver:
    <<: *airflow-common
    command: webserver
  airflow-scheduler:
    <<: *airflow-common
    command: scheduler
  airflow-init:
    <<: *airflow-common
    entrypoint: /bin/bash
    command:
      - -c
      - |
        exec /entrypoint airflow version
    environment:
      <<: *airflow-common-env
      _AIRFLOW_DB_MIGRATE: 'true'
`;

test('the usual Airflow file: pooled, and the init service has the direct URL in its own environment', async () => {
  const { written, decided } = await plan({ 'docker-compose.yaml': AIRFLOW });
  expect(decided('AIRFLOW__DATABASE__SQL_ALCHEMY_CONN')).toContain('pooled safe');
  const text = written('docker-compose.yaml');
  expect(text).toContain(
    'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://airflow:airflow@pgbouncer:6432/airflow',
  );
  expect(serviceIn(text, 'airflow-init')).toContain(
    'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://airflow:airflow@postgres/airflow',
  );
});

test('one anchor that feeds server, scheduler, init and backup through host and port', async () => {
  const { written, pools } = await plan({
    'docker-compose.yml': `x-shared:
  shared: &shared
    image: acme/railsserver
    environment: &env
      POSTGRES_HOST: \${POSTGRES_HOST:-db}
      POSTGRES_PORT: \${POSTGRES_PORT:-5432}
${PG}  railsserver:
    <<: *shared
    command: ["railsserver"]
  scheduler:
    <<: *shared
    command: ["scheduler"]
  init:
    <<: *shared
    command: ["rails", "db:migrate"]
  backup:
    <<: *shared
    command: ["pg_dump", "app"]
`,
  });
  const text = written('docker-compose.yml');
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  expect(text).toContain('POSTGRES_HOST: ${POSTGRES_HOST:-pgbouncer}');
  for (const name of ['init', 'backup']) {
    expect(serviceIn(text, name)).toContain('POSTGRES_HOST: ${POSTGRES_HOST_DIRECT:-db}');
    expect(serviceIn(text, name)).toContain('POSTGRES_PORT: ${POSTGRES_PORT_DIRECT:-5432}');
  }
  expect(serviceIn(text, 'railsserver')).not.toContain('DIRECT');
});

test('a port variable with a second job: the pooler listens on 5432 inside, and the host alone is edited', async () => {
  const { written, pools, decided } = await plan({
    'docker-compose.yml': `${PG.replace('    env', '    ports: ["${DB_PORT}:5432"]\n    env')}  web:\n    build: .\n    environment:\n      DB_HOST: \${DB_HOST}\n      DB_PORT: \${DB_PORT}\n`,
    '.env.example': 'DB_HOST=db\nDB_PORT=5432\n',
  });
  expect(pools.map(({ port }) => port)).toEqual([5432]);
  expect(decided('DB_PORT', '.env.example')).toEqual(['leave safe']);
  expect(written('.env.example')).toMatch(/^DB_HOST=pgbouncer\n/);
  expect(written('.env.example')).toContain('\nDB_PORT=5432\n');
  expect(written('docker-compose.yml')).toContain('PGBOUNCER_PORT: ${PGBOUNCER_PORT:-5432}');
  expect(written('docker-compose.yml')).toMatch(/HOST_PGBOUNCER_PORT:-6432\}:5432/);
});

test('a host without any port: the pooler listens on 5432 inside', async () => {
  const { written, pools } = await plan({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      DB_HOST: db\n`,
    'app.py': 'import psycopg2\npsycopg2.connect(host=os.environ["DB_HOST"])\n',
  });
  expect(pools.map(({ port }) => port)).toEqual([5432]);
  expect(written('docker-compose.yml')).toContain('DB_HOST: pgbouncer');
});

const spring = (more = '') => ({
  'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      SPRING_DATASOURCE_URL: jdbc:postgresql://db:5432/d\n      SPRING_DATASOURCE_USERNAME: u\n      SPRING_DATASOURCE_PASSWORD: p\n${more}`,
  'pom.xml': '<project><dependency><artifactId>flyway-core</artifactId></dependency></project>\n',
  Dockerfile: 'FROM eclipse-temurin\nCOPY target/app.jar app.jar\nENTRYPOINT ["java","-jar","app.jar"]\n',
});

test('Spring with Flyway: pooled, and its migrations have a connection of their own', async () => {
  const { written, pools } = await plan(spring());
  const text = written('docker-compose.yml');
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  expect(text).toContain('SPRING_DATASOURCE_URL: jdbc:postgresql://pgbouncer:6432/d');
  expect(text).toContain('SPRING_FLYWAY_URL: jdbc:postgresql://db:5432/d');
  expect(text).toContain('SPRING_FLYWAY_USER: u');
  expect(text).toContain('SPRING_FLYWAY_PASSWORD: p');
});

test('an existing connection of Flyway is left alone', async () => {
  const { written, decided } = await plan(spring('      SPRING_FLYWAY_URL: jdbc:postgresql://db:5432/d\n'));
  expect(decided('SPRING_FLYWAY_URL')).toEqual(['direct safe']);
  expect(written('docker-compose.yml')).toContain('SPRING_DATASOURCE_URL: jdbc:postgresql://pgbouncer:6432/d');
});

test('an application that migrates in process: the stack is in session mode, pooled, and it is said why', async () => {
  const { written, pools, decided } = await plan({
    'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`,
    Dockerfile: node('CMD ["node","dist/index.js"]'),
    'src/index.ts':
      'import { createConnection } from "typeorm";\n(await createConnection({url: process.env.DATABASE_URL, type: "postgres"})).runMigrations();\n',
  });
  expect(pools).toMatchObject([
    {
      mode: 'session',
      others: [{ service: 'api', needs: [{ kind: 'migrate', place: { file: 'src/index.ts', line: 2 } }] }],
    },
  ]);
  expect(decided('DATABASE_URL', 'docker-compose.yml')).toContain('pooled safe');
  expect(written('docker-compose.yml')).toContain('PGBOUNCER_POOL_MODE: ${PGBOUNCER_POOL_MODE:-session}');
});

test('a startup parameter that PgBouncer refuses is mended in the same unit', async () => {
  const { written } = await plan({
    'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      DATABASE_URL: postgres://u:p@db:5432/d?search_path=tenant\n`,
    'main.go': 'import "github.com/jackc/pgx/v5/pgxpool"\nvar p, _ = pgxpool.New(ctx, os.Getenv("DATABASE_URL"))\n',
  });
  const text = written('docker-compose.yml');
  expect(text).toContain('DATABASE_URL: postgres://u:p@pgbouncer:6432/d\n');
  expect(text).toContain("set_config('search_path', 'tenant', false)");
});

test('a Debezium connector is direct', async () => {
  const { sites, changes } = await plan({
    'docker-compose.yml': PG,
    'connector.json':
      '{"name":"c","config":{"connector.class":"io.debezium.connector.postgresql.PostgresConnector","database.hostname":"db","database.port":"5432","plugin.name":"pgoutput"}}\n',
  });
  expect(sites.map(({ action }) => action)).toEqual(['direct', 'direct']);
  expect(changes).toEqual([]);
});

test("pgAdmin's list of servers is left alone", async () => {
  const { sites } = await plan({
    'docker-compose.yml': PG,
    'servers.json': '{"Servers":{"1":{"Host":"db","Port":5432,"MaintenanceDB":"d"}}}\n',
  });
  expect(sites.map(({ action }) => action)).toEqual(['leave', 'leave']);
});

test('batch files as their shell twins', async () => {
  const { sites } = await plan({
    'docker-compose.yml': PG.replace('    env', '    ports: ["5433:5432"]\n    env'),
    'migrate_reset.bat':
      '@echo off\r\nSET DATABASE_URL=postgresql://u:p@localhost:5433/d\r\nnpx prisma migrate reset\r\n',
  });
  expect(sites.map(({ action }) => action)).toEqual(['direct']);
});

test('a README that migrates inside the service: pooled by default, and the command carries the direct host and port', async () => {
  const { written, decided } = await plan({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    env_file: .env\n`,
    '.env.example': 'DB_HOST=db\nDB_PORT=5432\n',
    'config/database.yml':
      'production:\n  adapter: postgresql\n  host: <%= ENV["DB_HOST"] %>\n  port: <%= ENV["DB_PORT"] %>\n',
    'README.md': '# App\n\n```sh\ndocker compose run --rm web bundle exec rails db:migrate\n```\n',
  });
  expect(decided('DB_HOST', '.env.example')).toEqual(['pooled safe']);
  expect(written('README.md')).toContain(
    `docker compose run --rm web sh -c 'DB_HOST="\${DB_HOST_DIRECT:-$DB_HOST}" DB_PORT="\${DB_PORT_DIRECT:-$DB_PORT}" bundle exec rails db:migrate'`,
  );
});

test.each([
  ['grafana/grafana:11', 'GF_DATABASE_HOST: db:5432', 'session'],
  ['metabase/metabase', 'MB_DB_HOST: db\n      MB_DB_PORT: "5432"', 'session'],
  ['acme/app', `DATABASE_URL: ${URL}`, 'transaction'],
])('%s: what is known of an image decides the mode', async (image, environment, mode) => {
  const { pools, written } = await plan({
    'docker-compose.yml': `${PG}  app:\n    image: ${image}\n    environment:\n      ${environment}\n`,
  });
  expect(pools.map(pool => pool.mode)).toEqual([mode]);
  expect(written('docker-compose.yml')).toContain('pgbouncer');
});

test('entry point and command: the script that runs before the program migrates with the direct variable', async () => {
  const { written, decided } = await plan({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    command: gunicorn app.wsgi\n    environment:\n      DATABASE_URL: ${URL}\n`,
    Dockerfile: 'FROM python:3\nWORKDIR /code\nCOPY . .\nENTRYPOINT ["/code/docker/boot"]\n',
    'docker/boot': '#!/bin/sh\nset -e\npython manage.py migrate\nexec "$@"\n',
  });
  expect(decided('DATABASE_URL')).toContain('pooled safe');
  expect(written('docker/boot')).toContain(
    '\nDATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" python manage.py migrate\n',
  );
});

test('a variable that a script puts together is put together anew for the step', async () => {
  const { written } = await plan({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      POSTGRES_HOST: db\n      POSTGRES_PORT: "5432"\n`,
    Dockerfile: 'FROM python:3\nCOPY start.sh /start.sh\nCMD ["/start.sh"]\n',
    'start.sh':
      '#!/bin/sh\nexport DATABASE_URL="postgres://u:p@${POSTGRES_HOST}:${POSTGRES_PORT}/d"\nalembic upgrade head\nexec uvicorn app:app\n',
  });
  expect(written('start.sh')).toContain(
    'DATABASE_URL="postgres://u:p@${POSTGRES_HOST_DIRECT:-$POSTGRES_HOST}:${POSTGRES_PORT_DIRECT:-$POSTGRES_PORT}/d" ',
  );
});

test("a listener beside an application: it alone goes direct, by its service's own environment", async () => {
  const { written, pools, hazards } = await plan({
    'docker-compose.yml': `x-env: &env\n  DATABASE_URL: ${URL}\n${PG}  api:\n    build: .\n    command: uvicorn api:app\n    environment: *env\n  worker:\n    build: .\n    command: python worker.py\n    environment: *env\n`,
    'api.py': 'import asyncpg\napp = 1\n',
    'worker.py': 'import psycopg, os\nc = psycopg.connect(os.environ["DATABASE_URL"])\nc.execute("LISTEN jobs")\n',
  });
  expect(pools).toMatchObject([{ mode: 'transaction', ready: ['api'], others: [{ service: 'worker' }] }]);
  expect(serviceIn(written('docker-compose.yml'), 'worker')).toContain(`DATABASE_URL: ${URL}`);
  expect(hazards.filter(({ severity }) => severity === 'error')).toEqual([]);
});

test('a lock is what it is wherever its file lies, and its own variable keeps it quiet', async () => {
  const files = (variable: string) => ({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    command: python migrate.py\n    environment:\n      ${variable}: ${URL}\n`,
    'migrate.py': `import os, psycopg\nc = psycopg.connect(os.environ["${variable}"], autocommit=True)\nc.execute("SELECT pg_advisory_lock(1)")\n`,
  });
  const shared = await plan(files('DATABASE_URL'));
  expect(shared.hazards).toContainEqual(expect.objectContaining({ rule: 'session-advisory-lock', severity: 'error' }));
  expect(shared.pools).toMatchObject([{ mode: 'session' }]);
  const own = await plan(files('DATABASE_URL_DIRECT'));
  expect(own.hazards).toEqual([]);
});

test('what is generated goes into the folder that is there, whatever its case', async () => {
  const { changes } = await plan({
    'docker-compose.yml': `${PG}  web:\n    image: acme/web\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'Docs/setup.md': '# Setup\n',
    'Scripts/run.sh': '#!/bin/sh\n',
  });
  const created = changes.filter(({ kind }) => kind === 'create').map(({ file }) => file);
  expect(created).toEqual(expect.arrayContaining(['Docs/pgbouncer.md', 'Scripts/pgbouncer_status.sh']));
});
