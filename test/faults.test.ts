/** Kinds of fault that were found on unseen repositories, each with its smallest input. */
import { describe, expect, test } from 'vitest';
import { planMigration } from '../src/run/plan-migration.ts';
import { PG, POOLED, planned, serviceIn, URL } from './planned.ts';
import { makeRepository } from './repository.ts';

const WEB = `${PG}  web:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`;
const python = (command: string) => `FROM python:3.12\nWORKDIR /app\nCOPY . .\n${command}\n`;
const node = (command: string) => `FROM node:20\nWORKDIR /app\nCOPY . .\n${command}\n`;
const packageJson = (scripts: Record<string, string>, more = {}) =>
  `${JSON.stringify({ name: 'app', scripts, ...more })}\n`;
const DIRECT = 'DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}"';
const BARE = 'DATABASE_URL=${DATABASE_URL_DIRECT:-$DATABASE_URL}';

describe('migrations at start, each step with the direct value', () => {
  test.each<[string, Record<string, string>, file: string, text: string]>([
    [
      'npm start',
      {
        Dockerfile: node('CMD ["npm","start"]'),
        'package.json': packageJson({ start: 'knex migrate:latest && node s.js' }),
      },
      'package.json',
      `"start":"${BARE} knex migrate:latest && node s.js"`,
    ],
    [
      'prestart',
      {
        Dockerfile: node('CMD ["npm","start"]'),
        'package.json': packageJson({ prestart: 'knex migrate:latest', start: 'node s.js' }),
      },
      'package.json',
      `"prestart":"${BARE} knex migrate:latest"`,
    ],
    [
      'one script that runs another',
      {
        Dockerfile: node('CMD ["npm","run","prod"]'),
        'package.json': packageJson({ 'db:up': 'sequelize-cli db:migrate', prod: 'npm run db:up && node s.js' }),
      },
      'package.json',
      `"db:up":"${BARE} sequelize-cli db:migrate"`,
    ],
    [
      'a workspace',
      {
        Dockerfile: node('CMD ["yarn","workspace","api","start"]'),
        'package.json': '{"private":true,"workspaces":["packages/*"]}\n',
        'packages/api/package.json': packageJson({ start: 'knex migrate:latest && node s.js' }, { name: 'api' }),
      },
      'packages/api/package.json',
      `"start":"${BARE} knex migrate:latest && node s.js"`,
    ],
    [
      'turbo',
      {
        Dockerfile: node('CMD ["npx","turbo","run","start","--filter=api"]'),
        'package.json': '{"private":true,"workspaces":["packages/*"]}\n',
        'packages/api/package.json': packageJson({ start: 'knex migrate:latest && node s.js' }, { name: 'api' }),
      },
      'packages/api/package.json',
      `"start":"${BARE} knex migrate:latest && node s.js"`,
    ],
    [
      'supervisord, which runs no shell',
      {
        Dockerfile: python(
          'COPY supervisord.conf /etc/supervisord.conf\nCMD ["supervisord","-c","/etc/supervisord.conf"]',
        ),
        'supervisord.conf':
          '[program:migrate]\ncommand=alembic upgrade head\n\n[program:web]\ncommand=gunicorn app:app\n',
      },
      'supervisord.conf',
      `command=sh -c '${DIRECT} alembic upgrade head'`,
    ],
    [
      's6, a script before the services',
      {
        Dockerfile: 'FROM python:3.12\nCOPY root/ /\nENTRYPOINT ["/init"]\n',
        'root/etc/cont-init.d/50-migrate': '#!/usr/bin/with-contenv sh\nalembic upgrade head\n',
        'root/etc/services.d/web/run': '#!/usr/bin/with-contenv sh\nexec gunicorn app:app\n',
      },
      'root/etc/cont-init.d/50-migrate',
      `${DIRECT} alembic upgrade head`,
    ],
    [
      'make, by what a target needs',
      {
        Dockerfile: python('CMD make serve'),
        Makefile: 'serve: migrate\n\tgunicorn app:app\n\nmigrate:\n\talembic upgrade head\n',
      },
      'Makefile',
      '\tDATABASE_URL=$${DATABASE_URL_DIRECT:-$$DATABASE_URL} alembic upgrade head',
    ],
    [
      'an entry point that COPY renames, found by PATH',
      {
        Dockerfile: python('COPY docker/start /usr/local/bin/boot\nENTRYPOINT ["boot"]'),
        'docker/start': '#!/bin/sh\nalembic upgrade head\nexec gunicorn app:app\n',
      },
      'docker/start',
      `${DIRECT} alembic upgrade head`,
    ],
    [
      'a release of Elixir',
      {
        Dockerfile:
          'FROM elixir:1.16\nWORKDIR /app\nCOPY . .\nCMD ["sh","-c","bin/app eval \\"App.Release.migrate\\" && bin/app start"]\n',
        'mix.exs': 'defp deps do [{:postgrex, ">= 0.0.0"}] end\n',
      },
      'Dockerfile',
      `"sh","-c","${BARE} bin/app eval`,
    ],
    [
      'an overlay of that release',
      {
        Dockerfile: 'FROM elixir:1.16\nWORKDIR /app\nCOPY . .\nCMD ["sh","-c","/app/bin/migrate && /app/bin/server"]\n',
        'rel/overlays/bin/migrate': '#!/bin/sh\nexec ./app eval App.Release.migrate\n',
      },
      'rel/overlays/bin/migrate',
      `${DIRECT} exec ./app eval App.Release.migrate`,
    ],
    [
      'the exec form, whose text is JSON',
      {
        Dockerfile: python(
          'ENTRYPOINT ["dumb-init","--"]\nCMD ["bash","-lc","alembic upgrade head; exec gunicorn app:app"]',
        ),
      },
      'Dockerfile',
      `CMD ["bash","-lc","${BARE} alembic upgrade head; exec gunicorn app:app"]`,
    ],
    [
      'a loop in the entry point',
      {
        Dockerfile: python('COPY boot.sh ./\nENTRYPOINT ["./boot.sh"]'),
        'boot.sh':
          '#!/bin/bash\nwhile true; do\n  flask db upgrade\n  if [[ "$?" == "0" ]]; then break; fi\ndone\nexec gunicorn app:app\n',
      },
      'boot.sh',
      `  ${DIRECT} flask db upgrade`,
    ],
    [
      'rails db:prepare in its entry point',
      {
        Dockerfile:
          'FROM ruby:3\nWORKDIR /rails\nCOPY . .\nENTRYPOINT ["/rails/bin/docker-entrypoint"]\nCMD ["./bin/rails","server"]\n',
        'bin/docker-entrypoint':
          '#!/bin/bash -e\nif [ "${1}" == "./bin/rails" ]; then\n  ./bin/rails db:prepare\nfi\nexec "${@}"\n',
      },
      'bin/docker-entrypoint',
      `  ${DIRECT} ./bin/rails db:prepare`,
    ],
    [
      'honcho',
      {
        Dockerfile: python('CMD ["honcho","start"]'),
        Procfile: 'web: gunicorn app:app\nmigrate: alembic upgrade head\n',
      },
      'Procfile',
      `migrate: ${DIRECT} alembic upgrade head`,
    ],
    [
      'just',
      {
        Dockerfile: python('CMD ["just","serve"]'),
        justfile: 'serve: migrate\n    gunicorn app:app\n\nmigrate:\n    alembic upgrade head\n',
      },
      'justfile',
      `    ${DIRECT} alembic upgrade head`,
    ],
  ])('%s', async (_, files, file, text) => {
    const { written, decided, pools } = await planned({ 'docker-compose.yml': WEB, ...files });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['web'], unwired: [] }]);
    expect(written('docker-compose.yml')).toContain(`DATABASE_URL: ${POOLED}\n      DATABASE_URL_DIRECT: ${URL}`);
    expect(written(file)).toContain(text);
  });
});

describe('migrations inside a process, or in a syntax without a place for a value: a session for all', () => {
  test.each<[string, Record<string, string>]>([
    [
      'exec of a command',
      {
        Dockerfile: node('CMD ["node","s.js"]'),
        's.js':
          "require('child_process').execSync('npx prisma migrate deploy');\nnew (require('pg').Pool)({ connectionString: process.env.DATABASE_URL });\n",
      },
    ],
    [
      "Drizzle's migrate()",
      {
        Dockerfile: node('CMD ["node","s.js"]'),
        's.js':
          "import { migrate } from 'drizzle-orm/node-postgres/migrator';\nimport { drizzle } from 'drizzle-orm/node-postgres';\nimport { Pool } from 'pg';\nawait migrate(drizzle(new Pool({ connectionString: process.env.DATABASE_URL })), { migrationsFolder: 'drizzle' });\n",
      },
    ],
    [
      'subprocess.run',
      {
        Dockerfile: python('CMD ["python","main.py"]'),
        'main.py':
          "import os, subprocess, psycopg\nsubprocess.run(['alembic', 'upgrade', 'head'])\npsycopg.connect(os.environ['DATABASE_URL'])\n",
      },
    ],
    [
      'migrationsRun of TypeORM, in a module of its own',
      {
        Dockerfile: node('CMD ["node","src/index.js"]'),
        'src/ds.ts':
          "import { DataSource } from 'typeorm';\nexport default new DataSource({ type: 'postgres', url: process.env.DATABASE_URL, migrationsRun: true });\n",
        'src/index.ts': "import ds from './ds';\nds.initialize();\n",
      },
    ],
    [
      'execline of s6',
      {
        Dockerfile: 'FROM python:3.12\nCOPY rootfs/ /\nENTRYPOINT ["/init"]\n',
        'rootfs/etc/s6-overlay/s6-rc.d/migrate/up': '/usr/bin/alembic upgrade head\n',
        'rootfs/etc/s6-overlay/s6-rc.d/web/run': '#!/bin/sh\nexec gunicorn app:app\n',
      },
    ],
  ])('%s', async (_, files) => {
    const { written, decided, pools } = await planned({ 'docker-compose.yml': WEB, ...files });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(written('docker-compose.yml')).toMatch(/PGBOUNCER_POOL_MODE: \$\{PGBOUNCER_POOL_MODE:-session\}/);
  });
});

test.each<[string, string, string, string]>([
  [
    'a script',
    'deploy.sh',
    '#!/bin/sh\ndocker compose exec -T web python manage.py migrate\n',
    `docker compose exec -T web sh -c '${DIRECT} python manage.py migrate'`,
  ],
  [
    'a Makefile',
    'Makefile',
    'migrate:\n\tdocker compose exec web python manage.py migrate\n',
    `docker compose exec web sh -c 'DATABASE_URL="$\${DATABASE_URL_DIRECT:-$$DATABASE_URL}" python manage.py migrate'`,
  ],
  [
    'a README that names the container',
    'README.md',
    '# App\n\n```sh\ndocker exec app_web python manage.py migrate\n```\n',
    `docker exec app_web sh -c '${DIRECT} python manage.py migrate'`,
  ],
  [
    'a text between double quotes, which two shells read',
    'deploy.sh',
    '#!/bin/sh\ndocker exec app_web bash -c "python manage.py migrate"\n',
    'docker exec app_web bash -c "DATABASE_URL=\\${DATABASE_URL_DIRECT:-\\$DATABASE_URL} python manage.py migrate"',
  ],
])('a migration by hand inside the service: %s', async (_, file, text, expected) => {
  const compose = WEB.replace('    build: .', '    build: .\n    container_name: app_web');
  const { written, decided } = await planned({
    'docker-compose.yml': compose,
    Dockerfile: python('CMD ["gunicorn","app.wsgi"]'),
    [file]: text,
  });
  expect(decided('DATABASE_URL', 'docker-compose.yml')).toEqual(['pooled safe']);
  expect(written(file)).toContain(expected);
});

test('connections that frameworks have for their migrations stay direct', async () => {
  const { decided, pools } = await planned({
    'docker-compose.yml': `${PG}  app:
    image: acme/app:1
    environment:
      SPRING_DATASOURCE_URL: jdbc:postgresql://db:5432/d
      SPRING_FLYWAY_URL: jdbc:postgresql://db:5432/d
  other:
    image: acme/other:1
    environment:
      SPRING_DATASOURCE_URL: jdbc:postgresql://db:5432/d
      SPRING_LIQUIBASE_URL: jdbc:postgresql://db:5432/d
  quarkus:
    image: acme/quarkus:1
    environment:
      QUARKUS_DATASOURCE_JDBC_URL: jdbc:postgresql://db:5432/d
      QUARKUS_FLYWAY_JDBC_URL: jdbc:postgresql://db:5432/d
`,
  });
  expect(decided('SPRING_DATASOURCE_URL')).toEqual(['pooled safe', 'pooled safe']);
  for (const key of ['SPRING_FLYWAY_URL', 'SPRING_LIQUIBASE_URL', 'QUARKUS_FLYWAY_JDBC_URL'])
    expect(decided(key)).toEqual(['direct safe']);
  expect(pools).toMatchObject([{ mode: 'transaction' }]);
});

test("pgAdmin's servers.json is left alone, and brings no pooler", async () => {
  const { changes, sites } = await planned({
    'docker-compose.yml': `${PG}  pgadmin:\n    image: dpage/pgadmin4\n    volumes: ["./servers.json:/pgadmin4/servers.json"]\n`,
    'servers.json': '{"Servers":{"1":{"Host":"db","Port":5432,"MaintenanceDB":"d"}}}\n',
  });
  expect(sites.filter(({ file }) => file === 'servers.json').map(({ action }) => action)).toEqual(['leave', 'leave']);
  expect(changes).toEqual([]);
});

test.each(['my-api:latest', 'acme/my-api:latest'])('an image that a script builds is that code: %s', async image => {
  const { decided, hazards } = await planned({
    'docker/docker-compose.yml': `${PG}  api:\n    image: ${image}\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'docker/build.sh': `#!/bin/sh\ndocker build -t ${image} ../app\n`,
    'app/Dockerfile': python('CMD ["python","main.py"]'),
    'app/main.py': "import os, psycopg\npsycopg.connect(os.environ['DATABASE_URL'], options='-c search_path=tenant')\n",
  });
  expect(decided('DATABASE_URL')).toEqual(['direct safe']);
  // It is what keeps the connection from any pool.
  expect(hazards.filter(({ severity }) => severity === 'error').map(({ rule }) => rule)).toEqual([
    'startup-options-argument',
  ]);
});

test('a flat .NET key is the same setting as its variable', async () => {
  const program =
    'using var s = app.Services.CreateScope();\ns.ServiceProvider.GetRequiredService<Db>().Database.Migrate();\nbuilder.Services.AddDbContext<Db>(o => o.UseNpgsql(builder.Configuration["APP:DB:CONN"]));\n';
  const { decided, pools } = await planned({
    'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      APP__DB__CONN: "Host=db;Port=5432;Database=d;Username=u;Password=p"\n`,
    Dockerfile: 'FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY . .\nENTRYPOINT ["dotnet","Api.dll"]\n',
    'Api.csproj': '<Project Sdk="Microsoft.NET.Sdk.Web"></Project>\n',
    'appsettings.json': '{ "APP:DB:CONN": "Host=db;Port=5432;Database=d;Username=u;Password=p" }\n',
    'Program.cs': program,
  });
  expect(new Set([...decided('APP__DB__CONN'), ...decided('APP:DB:CONN')])).toEqual(new Set(['pooled safe']));
  expect(pools).toMatchObject([{ mode: 'session' }]);
});

test('a mend edits no string that is not pooled', async () => {
  const files = {
    'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      ConnectionStrings__Default: "Host=db;Port=5432;Database=d;Username=u;Password=p"\n`,
    'Program.cs':
      'services.AddDbContext<Db>(o => o.UseNpgsql("Host=localhost;Port=5432;Database=d;Username=u;Password=p"));\n',
  };
  const { changes } = await planMigration({ cwd: makeRepository(files), unsafe: true });
  expect(changes.map(({ file }) => file)).toContain('docker-compose.yml');
  expect(changes.map(({ file }) => file)).not.toContain('Program.cs');
});

describe('CI', () => {
  const compose = `${PG}  web:\n    build: .\n    env_file: .env\n`;
  const job = (steps: string) => `jobs:\n  t:\n    runs-on: ubuntu-latest\n    steps:\n${steps}`;
  test.each([
    ['a comment that speaks of the file', job('      # the .env file is made by hand\n      - run: npm test\n')],
    [
      'a deploy job that writes another one',
      job('      - run: echo X=1 > .env\n      - run: ssh host docker compose up -d\n'),
    ],
    [
      'a job that runs the same compose file, with the pooler in it',
      job(
        '      - run: cp .env.example .env\n      - run: docker compose up -d\n      - run: docker compose exec -T web npm test\n',
      ),
    ],
  ])('does not read the template: %s', async (_, workflow) => {
    const { decided } = await planned({
      'docker-compose.yml': compose,
      '.env.example': `DATABASE_URL=${URL}\n`,
      '.github/workflows/ci.yml': workflow,
    });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
  });
  test('reads a file that a job copies beside a server of its own', async () => {
    const { sites } = await planned({
      'docker-compose.yml': compose,
      'dev.env': `DATABASE_URL=${URL}\n`,
      '.github/workflows/ci.yml':
        'jobs:\n  t:\n    runs-on: ubuntu-latest\n    services:\n      db: { image: "postgres:16" }\n    steps:\n      - run: cp dev.env .env\n      - run: npm test\n',
    });
    expect(sites.find(({ file }) => file === 'dev.env')).toMatchObject({
      action: 'review',
      question: { answers: [{ id: 'pooled' }, { id: 'direct' }, { id: 'leave' }] },
    });
  });
});

test("Laravel: the port that counts is that of its own section, not of mysql's", async () => {
  const section = (name: string, port: string) =>
    `'${name}'=>['driver'=>'${name}','host'=>env('DB_HOST','127.0.0.1'),'port'=>env('DB_PORT','${port}')]`;
  const { decided, pools, written } = await planned({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      DB_CONNECTION: pgsql\n      DB_HOST: db\n      DB_DATABASE: d\n`,
    'config/database.php': `<?php return ['connections'=>[${section('mysql', '3306')},${section('pgsql', '5432')}]];\n`,
  });
  expect(decided('DB_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
  expect(pools).toMatchObject([{ port: 5432 }]);
  expect(written('docker-compose.yml')).toContain('DB_HOST: pgbouncer');
});

test('a localhost template elsewhere stops no stack', async () => {
  const { decided } = await planned({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      DB_HOST: db\n      DB_PORT: 5432\n`,
    'backend/.env.example': 'DB_HOST=localhost\nDB_PORT=5432\n',
  });
  expect(decided('DB_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
});

test('an image migrates with the command that does, and not with another', async () => {
  const { decided, pools } = await planned({
    'docker-compose.yml': `${PG}  scheduler:\n    image: apache/airflow:2.9.1\n    command: airflow scheduler\n    environment:\n      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgresql+psycopg2://u:p@db/d\n      OTHER_DATABASE_URL: postgresql://u:p@db/other\n`,
  });
  expect(decided('AIRFLOW__DATABASE__SQL_ALCHEMY_CONN')).toEqual(['pooled safe']);
  expect(decided('OTHER_DATABASE_URL')).toEqual(['pooled safe']);
  expect(pools).toMatchObject([{ mode: 'transaction' }]);
});

test("a kustomization's patches are no further servers", async () => {
  const cluster = (rest: string) =>
    `apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata:\n  name: pg\nspec:\n${rest}`;
  const { topology } = await planMigration({
    cwd: makeRepository({
      'base/cluster.yaml': cluster('  instances: 3\n  bootstrap: { initdb: { database: app, owner: app } }\n'),
      'overlays/prod/kustomization.yaml': 'resources: [../../base]\npatches:\n  - path: cluster.yaml\n',
      'overlays/prod/cluster.yaml': cluster('  instances: 5\n'),
    }),
  });
  expect(topology.servers.map(({ definitions }) => definitions[0]?.file)).toEqual(['base/cluster.yaml']);
});

test('two servers: a URL that names one of them means it', async () => {
  const server = (name: string, database: string) =>
    `  ${name}:\n    image: postgres:16\n    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: ${database} }\n`;
  const { decided } = await planned({
    'docker-compose.yml': `services:\n${server('db', 'd')}${server('db2', 'e')}  web:\n    image: acme/web\n    environment:\n      DATABASE_URL: ${URL}\n  other:\n    image: acme/other\n    environment:\n      DATABASE_URL: postgresql://u:p@db2:5432/e\n`,
  });
  expect(decided('DATABASE_URL')).toEqual(['pooled safe', 'pooled safe']);
});

test('a host by a setting and a literal port: the pooler listens where the code looks', async () => {
  const { decided, pools } = await planned({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    environment:\n      POSTGRES_HOST: db\n`,
    Dockerfile: python('CMD ["python","main.py"]'),
    'main.py':
      "import psycopg2\nfrom settings import settings\npsycopg2.connect(host=settings.POSTGRES_HOST, port=5432, user='u', password='p', dbname='d')\n",
    'settings.py':
      "import os\nclass Settings:\n    POSTGRES_HOST = os.environ['POSTGRES_HOST']\nsettings = Settings()\n",
  });
  expect(decided('POSTGRES_HOST')).toEqual(['pooled safe']);
  expect(pools).toMatchObject([{ port: 5432 }]);
});

test('no endpoint: files that compose copies, and a Service in front of a pod that has a server beside its program', async () => {
  const { sites, topology } = await planMigration({
    cwd: makeRepository({
      'docker-compose.yml': WEB,
      'backup.sh': '#!/bin/sh\ndocker compose cp db:/"$f" .\n',
      'k8s.yaml':
        'apiVersion: v1\nkind: Service\nmetadata: { name: app }\nspec:\n  selector: { app: app }\n  ports: [{ port: 8888, targetPort: 8888 }]\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: app }\nspec:\n  selector: { matchLabels: { app: app } }\n  template:\n    metadata: { labels: { app: app } }\n    spec:\n      containers:\n        - { name: app, image: acme/app, ports: [{ containerPort: 8888 }] }\n        - { name: pg, image: "postgres:16", ports: [{ containerPort: 5432 }] }\n',
    }),
  });
  expect(sites.map(({ file }) => file)).not.toContain('backup.sh');
  expect(topology.servers.map(({ service }) => service)).toEqual(['db']);
});

describe('what stands between the endpoint and transaction mode decides, not the name of a file', () => {
  const lock =
    'import os, psycopg\nc = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)\nc.execute("SELECT pg_advisory_lock(1)")\n';
  test.each([
    ['migrate.py', { 'migrate.py': lock }, 'python migrate.py'],
    ['alembic/lock.py', { 'alembic/lock.py': lock }, 'python alembic/lock.py'],
    [
      'a module that the program loads',
      {
        'src/index.js':
          "const { Pool } = require('pg');\nconst { migrate } = require('./migrate');\nmigrate(new Pool({ connectionString: process.env.DATABASE_URL }));\n",
        'src/migrate.js': "exports.migrate = async pool => { await pool.query('SELECT pg_advisory_lock(42)'); };\n",
      },
      'node src/index.js',
    ],
  ])('%s', async (_, files, command) => {
    const { hazards, pools, decided } = await planned({
      'docker-compose.yml': WEB.replace('    build: .', `    build: .\n    command: ${command}`),
      ...(files as Record<string, string>),
    });
    expect(hazards).toContainEqual(expect.objectContaining({ rule: 'session-advisory-lock', severity: 'error' }));
    expect(pools).toMatchObject([{ mode: 'session', ready: [] }]);
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
  });

  test('a listener with the direct variable is quiet, and all is ready', async () => {
    const { hazards, pools } = await planned({
      'docker-compose.yml': `${PG}  web:\n    build: .\n    command: uvicorn app:app\n    environment: &env\n      DATABASE_URL: ${URL}\n      DATABASE_URL_DIRECT: ${URL}\n  runner:\n    build: .\n    command: python runner.py\n    environment: *env\n`,
      'runner.py':
        'import os, psycopg\nc = psycopg.connect(os.environ["DATABASE_URL_DIRECT"], autocommit=True)\nc.execute("LISTEN jobs")\n',
      'app.py': 'import os, psycopg\npsycopg.connect(os.environ["DATABASE_URL"])\n',
    });
    expect(hazards.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['web', 'runner'] }]);
  });
});

describe('what was set apart on purpose stays apart', () => {
  test.each(['hasura/graphql-engine:v2.40', 'acme/my-hasura'])('the metadata of Hasura: %s', async image => {
    const { decided, pools } = await planned({
      'docker-compose.yml': `${PG}  graphql:\n    image: ${image}\n    environment:\n      HASURA_GRAPHQL_METADATA_DATABASE_URL: ${URL}\n      HASURA_GRAPHQL_DATABASE_URL: ${URL}\n`,
    });
    expect(decided('HASURA_GRAPHQL_METADATA_DATABASE_URL')).toEqual(['direct safe']);
    expect(decided('HASURA_GRAPHQL_DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['graphql'] }]);
  });

  test('with one variable the setting for the other is written beside it', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}  graphql:\n    image: hasura/graphql-engine:v2.40\n    environment:\n      HASURA_GRAPHQL_DATABASE_URL: ${URL}\n`,
    });
    const service = serviceIn(written('docker-compose.yml'), 'graphql');
    expect(service).toContain(`HASURA_GRAPHQL_DATABASE_URL: ${POOLED}`);
    expect(service).toContain(`HASURA_GRAPHQL_METADATA_DATABASE_URL: ${URL}`);
  });

  test('a section that only a listener reads', async () => {
    const program = (section: string, prefix: string, rest: string) =>
      `import configparser, psycopg\nc = configparser.ConfigParser(); c.read('/etc/app.conf')\no = c['${section}']\nk = psycopg.connect(host=o['${prefix}_host'], port=o['${prefix}_port'], autocommit=True)\n${rest}`;
    const service = (name: string) =>
      `  ${name}:\n    build: .\n    command: python ${name}.py\n    volumes: ["./app.conf:/etc/app.conf"]\n`;
    const { decided, hazards } = await planned({
      'docker-compose.yml': `${PG}${service('app')}${service('runner')}`,
      'app.conf': '[options]\ndb_host = db\ndb_port = 5432\n\n[listener]\nl_host = db\nl_port = 5432\n',
      'app.py': program('options', 'db', ''),
      'runner.py': program('listener', 'l', "k.execute('LISTEN x')\n"),
    });
    expect([...decided('db_host'), ...decided('db_port')]).toEqual(['pooled safe', 'pooled safe']);
    expect([...decided('l_host'), ...decided('l_port')]).toEqual(['direct safe', 'direct safe']);
    expect(hazards.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });
});

describe('what is promised is in the edits', () => {
  test.each([
    ['    entrypoint: ["sh", "-c"]\n    command: ["alembic upgrade head && gunicorn app"]\n', 'command: ["'],
    [
      '    entrypoint: /bin/bash\n    command:\n      - -c\n      - |\n        alembic upgrade head\n        exec gunicorn app\n',
      '        ',
    ],
  ])('a shell as the entry point: %s', async (commands, before) => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}  web:\n    image: acme/web\n${commands}    environment:\n      DATABASE_URL: ${URL}\n`,
    });
    expect(written('docker-compose.yml')).toContain(`${before}DATABASE_URL=$$DATABASE_URL_DIRECT alembic upgrade head`);
  });

  test('every service that should be direct has the direct value in its command or environment', async () => {
    const { written, sites } = await planned({
      'docker-compose.yml': `${PG}  init:\n    image: apache/airflow:2.9.1\n    command: version\n    environment: &env\n      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: ${URL}\n      _AIRFLOW_DB_MIGRATE: 'true'\n  scheduler:\n    image: apache/airflow:2.9.1\n    command: scheduler\n    environment:\n      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: ${URL}\n`,
    });
    expect(sites.some(({ reason }) => /by hand/.test(reason))).toBe(false);
    expect(serviceIn(written('docker-compose.yml'), 'init')).toContain(`AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: ${URL}`);
    expect(serviceIn(written('docker-compose.yml'), 'scheduler')).toContain(
      `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: ${POOLED}`,
    );
  });
});

const THROUGH = 'postgresql://u:p@pgbouncer:5432/d';
test('a migration through a pooler that is there fails the audit, and is not called ready', async () => {
  const { hazards, pools } = await planned({
    'docker-compose.yml': `${PG}  pgbouncer:\n    image: edoburu/pgbouncer:v1.23.1-p2\n    environment: { DB_HOST: db, DB_USER: u, DB_PASSWORD: p, POOL_MODE: transaction }\n  migrate:\n    build: .\n    command: alembic upgrade head\n    environment: { DATABASE_URL: "${THROUGH}" }\n  web:\n    build: .\n    command: uvicorn app:app\n    environment: { DATABASE_URL: "${THROUGH}" }\n`,
  });
  expect(hazards).toMatchObject([{ rule: 'through-pooler', severity: 'error', file: 'docker-compose.yml' }]);
  expect(pools).toMatchObject([{ ready: ['web'] }]);
});

test('the remedy is seen: a migration with a variable of its own frees the application', async () => {
  const main = (direct: string) =>
    `package main\nimport (\n\t"os"\n\t"github.com/golang-migrate/migrate/v4"\n\t"github.com/jackc/pgx/v5/pgxpool"\n)\nfunc main() {\n\tm, _ := migrate.New("file://m", os.Getenv("${direct}"))\n\tm.Up()\n\tpgxpool.New(nil, os.Getenv("DB_DSN"))\n}\n`;
  const files = (direct: string) => ({
    'docker-compose.yml': `${PG}  api:\n    build: .\n    environment:\n      DB_DSN: ${URL}\n${direct === 'DB_DSN' ? '' : `      ${direct}: ${URL}\n`}`,
    Dockerfile: 'FROM golang\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nCMD ["/app"]\n',
    'go.mod': 'module x\n',
    'main.go': main(direct),
  });
  const before = await planned(files('DB_DSN'));
  expect(before.pools).toMatchObject([{ mode: 'session' }]);
  const after = await planned(files('DB_DSN_DIRECT'));
  expect(after.decided('DB_DSN')).toEqual(['pooled safe']);
  expect(after.decided('DB_DSN_DIRECT')).toEqual(['direct safe']);
  expect(after.pools).toMatchObject([{ mode: 'transaction', ready: ['api'] }]);
});

test('a default of code is nothing to a service that is given the variable', async () => {
  const { decided } = await planned({
    'docker-compose.yml': `${PG}  worker:
    build: .
    command: python worker.py
    environment:
      DATABASE_URL: ${URL}
  migrate:
    build: .
    command: alembic upgrade head
    environment:
      DATABASE_URL: ${URL}
`,
    Dockerfile: python('CMD ["python","worker.py"]'),
    'worker.py': `import os, psycopg\npsycopg.connect(os.getenv('DATABASE_URL', '${URL}'))\n`,
  });
  expect(decided('DATABASE_URL', 'docker-compose.yml').sort()).toEqual(['direct safe', 'pooled safe']);
  expect(decided('DATABASE_URL', 'worker.py')).toEqual(['pooled safe']);
});

test('a gate that asks for no port has the pooler where it looks', async () => {
  const { decided, pools } = await planned({
    'docker-compose.yml': `${PG}  web:\n    build: web\n    environment:\n      POSTGRES_HOST: db\n      POSTGRES_PORT: 5432\n`,
    'web/Dockerfile': 'FROM alpine\nCOPY wait-for-postgres.sh /\nENTRYPOINT ["/wait-for-postgres.sh"]\n',
    'web/wait-for-postgres.sh': '#!/bin/sh\nuntil pg_isready -h $POSTGRES_HOST; do sleep 1; done\nexec ./web\n',
    'web/.env': 'POSTGRES_HOST=db\n',
  });
  expect(decided('POSTGRES_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
  expect(pools).toMatchObject([{ port: 5432 }]);
});

test('tags of Go structs are no endpoints', async () => {
  const { sites } = await planned({
    'docker-compose.yml': `${PG}  web:\n    image: acme/web\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'store.go': 'package main\n\ntype Row struct {\n\tID int `db:"campaign_id"`\n}\n',
  });
  expect(sites.map(({ file }) => file)).not.toContain('store.go');
});

test('a documented direct run takes host and port together, with the command of this repository', async () => {
  const { written } = await planned({
    'docker-compose.yml': `${PG}  web:
    build: .
    environment:
      DB_HOST: db
      DB_PORT: 5432
    command: sh -c "bundle exec rails db:migrate && bundle exec puma"
`,
    'README.md': '# Shop\n\nPostgres holds the orders.\n',
  });
  expect(written('README.md')).toContain(
    `docker compose run --rm web sh -c 'DB_HOST="$DB_HOST_DIRECT" DB_PORT="$DB_PORT_DIRECT" bundle exec rails db:migrate'`,
  );
});

describe('an image that is published: an edit of its files is not in what runs yet', () => {
  const files = (more: Record<string, string>) => ({
    'docker-compose.yml': `${PG}  web:\n    image: acme/shop:1\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'web/Dockerfile': python('COPY start.sh /\nCMD ["/start.sh"]'),
    'web/start.sh': '#!/bin/sh\nalembic upgrade head\nexec gunicorn app:app\n',
    ...more,
  });

  test('that another file of the stack builds: the pool bears its migration', async () => {
    const { decided, pools, changes } = await planned(
      files({ 'docker-compose.dev.yml': 'services:\n  web:\n    build: ./web\n' }),
    );
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(changes.map(({ file }) => file)).not.toContain('web/start.sh');
  });

  test('nor is the file of its migration tool edited', async () => {
    const { pools, changes } = await planned(
      files({
        'docker-compose.dev.yml': 'services:\n  web:\n    build: ./web\n',
        'web/alembic.ini': '[alembic]\nscript_location = alembic\n',
        'web/alembic/env.py': 'import os\nurl = os.environ["DATABASE_URL"]\n',
        'web/app.py': 'import os\nurl = os.environ["DATABASE_URL"]\n',
      }),
    );
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(changes.map(({ file }) => file)).not.toContain('web/alembic/env.py');
  });

  const job = `jobs:
  build:
    steps:
      - id: meta
        uses: docker/metadata-action@v5
        with:
          images: ghcr.io/acme/shop
      - uses: docker/build-push-action@v6
        with:
          context: ./web
          tags: \${{ steps.meta.outputs.tags }}
`;
  test.each([
    ['a job publishes', { '.github/workflows/release.yml': job }],
    [
      'a document builds under a local name',
      { 'docs/build.md': '```sh\ndocker build -t shop:local -f web/Dockerfile web\n```\n' },
    ],
  ])('that %s: what it starts is known', async (_, more) => {
    const { pools, changes } = await planned(files(more as unknown as Record<string, string>));
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(changes.map(({ file }) => file)).not.toContain('web/start.sh');
  });

  test('that a script of the repository builds, over several lines and by a variable: its step is edited', async () => {
    const { written, pools } = await planned(
      files({
        'build.sh':
          '#!/bin/sh\nTAG=$1\nIMAGE="acme/shop:${TAG}"\ndocker build \\\n  --file web/Dockerfile \\\n  --tag "${IMAGE}" \\\n  web/\n',
      }),
    );
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['web'] }]);
    expect(written('web/start.sh')).toContain(`${DIRECT} alembic upgrade head`);
  });
});

test('settings of a .NET project that people run themselves: all that its parts do', async () => {
  const settings = `{ "ConnectionStrings": { "Default": "Host=localhost;Port=5432;Database=d;Username=u;Password=p" } }\n`;
  const { decided, pools } = await planned({
    'docker-compose.yml': PG.replace('environment:', 'ports: ["5432:5432"]\n    environment:'),
    'src/Shop.Data/Shop.Data.csproj': '<Project Sdk="Microsoft.NET.Sdk"></Project>\n',
    'src/Shop.Data/Migrator.cs':
      'await provider\n    .GetRequiredService<ShopDbContext>()\n    .Database\n    .MigrateAsync();\n',
    'src/Shop.DbMigrator/Shop.DbMigrator.csproj':
      '<Project Sdk="Microsoft.NET.Sdk"><ItemGroup><ProjectReference Include="..\\Shop.Data\\Shop.Data.csproj" /></ItemGroup></Project>\n',
    'src/Shop.DbMigrator/appsettings.json': settings,
  });
  expect(new Set(decided('Default'))).toEqual(new Set(['pooled safe']));
  expect(pools).toMatchObject([{ mode: 'session' }]);
});

test('what is run once in a service of a known image has the needs that the image gives that command', async () => {
  const { written, pools } = await planned({
    'compose.yaml': `${PG}  server:
    image: redash/redash:25
    command: server
    env_file: /opt/redash/env
`,
    'setup.sh': `#!/bin/sh
URL="postgresql://u:p@db/d"
cat > "$BASE"/env <<EOF
REDASH_DATABASE_URL=$URL
EOF
docker compose run --rm server create_db
`,
  });
  expect(pools).toMatchObject([{ mode: 'session' }]);
  expect(pools[0]?.unwired).toMatchObject([{ kind: 'run', words: ['create_db'] }]);
  expect(written('setup.sh')).toContain('URL="postgresql://u:p@pgbouncer:6432/d"');
});

describe('a server of the machine itself on the port that compose publishes', () => {
  const PUBLISHED = PG.replace('environment:', 'ports: ["5432:5432"]\n    environment:');
  const APPLICATION = `  web:\n    image: acme/web:1\n    environment:\n      DATABASE_URL: ${URL}\n`;
  test.each([
    [
      'keys of a dictionary that are read with defaults',
      'c = {"host": os.getenv("DB_HOST", "localhost"), "port": 5432, "user": os.getenv("DB_USER", "other"), "database": "elsewhere"}',
    ],
    [
      'arguments',
      'psycopg2.connect(host=os.getenv("DB_HOST", "localhost"), port=5432, user=os.getenv("DB_USER", "other"), dbname=os.getenv("DB_NAME", "elsewhere"))',
    ],
    [
      'fields of a class',
      'class C:\n    username: str = "postgres"\n    host: str = "localhost"\n    port: int = 5432\n',
    ],
    ['parameters', 'def connect(host="localhost", port=5432, user="other", dbname="elsewhere"):\n    pass\n'],
  ])('%s that name another user', async (_, text) => {
    const { sites } = await planned({
      'compose.yml': PUBLISHED + APPLICATION,
      'tool.py': `import os, psycopg2\n${text}\n`,
    });
    const own = sites.filter(({ file }) => file === 'tool.py');
    expect(own.length).toBeGreaterThan(0);
    expect(own.every(({ action }) => action === 'review')).toBe(true);
  });

  test('the user of the container is ours', async () => {
    const { sites } = await planned({
      'compose.yml': PUBLISHED + APPLICATION,
      'tool.py':
        'import os, psycopg2\npsycopg2.connect(host="localhost", port=5432, user=os.getenv("DB_USER", "u"), dbname="d")\n',
    });
    expect(sites.filter(({ file }) => file === 'tool.py').map(({ action }) => action)).toEqual(['pooled', 'pooled']);
  });
});

test('a tool that would take a direct variable, which nobody sets: the step gets it', async () => {
  const files = (environment: string) => ({
    'compose.yml': `${PG}  web:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n${environment}`,
    Dockerfile: node('CMD ["./start.sh"]'),
    'start.sh': '#!/bin/sh\nnpx prisma migrate deploy --config=./prisma.config.ts\nnode server.js\n',
    'server.js': 'new (require("pg").Pool)({ connectionString: process.env.DATABASE_URL });\n',
    'prisma.config.ts':
      'export default { datasource: { url: process.env.DIRECT_DATABASE_URL || process.env.DATABASE_URL } };\n',
  });
  const unset = await planned(files(''));
  expect(unset.written('start.sh')).toContain(`${DIRECT} npx prisma migrate deploy`);
  const set = await planned(files(`      DIRECT_DATABASE_URL: ${URL}\n`));
  expect(set.changes.map(({ file }) => file)).not.toContain('start.sh');
});
