/** What strangers' repositories taught: each the smallest repository in which a decision was wrong once. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planMigration } from '../src/run/plan-migration.ts';
import { PG, POOLED, planned, serviceIn, URL } from './planned.ts';
import { makeRepository, runCli } from './repository.ts';

const PYTHON = 'FROM python:3.12\nWORKDIR /app\nCOPY . .\n';
const PUBLISHED = PG.replace('image:', 'ports: ["5432:5432"]\n    image:');
const app = (...lines: string[]) => `  app:\n    build: .\n${lines.map(line => `    ${line}\n`).join('')}`;
const WITH_URL = `environment: { DATABASE_URL: "${URL}" }`;
const MIGRATES = 'DATABASE_URL=${DATABASE_URL_DIRECT:-$DATABASE_URL} alembic upgrade head';

describe('what runs', () => {
  test.each([
    ['sh -ecx', 'command: sh -ecx "alembic upgrade head && exec uvicorn app:app"', {}],
    [
      'an override that names a target alone',
      '',
      {
        'docker-compose.override.yml': `services:\n  app:\n    build:\n      target: dev\n    environment:\n      DATABASE_URL: "${URL}"\n`,
        Dockerfile: `${PYTHON.replace('\n', ' AS dev\n')}CMD alembic upgrade head && uvicorn app:app\n`,
      },
    ],
    [
      'a variable that the script sets where it is not set',
      '',
      {
        Dockerfile: `${PYTHON}ENTRYPOINT ["./start.sh"]\n`,
        'start.sh':
          '#!/bin/sh\nif [ -z "$DATABASE_URL" ]; then\n  export DATABASE_URL=`cat url`\nfi\nalembic upgrade head\nexec uvicorn app:app\n',
      },
    ],
  ])('%s: the migration goes direct', async (_, command, files) => {
    const { changes, pools } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL, ...(command ? [command] : []))}`,
      Dockerfile: PYTHON,
      ...files,
    });
    expect(pools).toMatchObject([{ mode: 'transaction', unwired: [] }]);
    const direct = /DATABASE_URL="?\$\$?\{?DATABASE_URL_DIRECT(?::-\$\$?DATABASE_URL\})?"? alembic upgrade head/;
    expect(changes.filter(({ after }) => direct.test(after))).not.toEqual([]);
  });

  const DSN = 'postgres://$DB_USER:$DB_PASSWORD@$DB_HOST:$DB_PORT/$DB_NAME';
  const PARTS = 'DB_HOST=db\nDB_PORT=5432\nDB_USER=u\nDB_PASSWORD=p\nDB_NAME=d\n';
  const FIRST = '${DB_HOST_DIRECT:-$DB_HOST}:${DB_PORT_DIRECT:-$DB_PORT}';
  test.each([
    [
      'the variable',
      `DATABASE_URL=${URL}\n`,
      'migrate -path m -database "$DATABASE_URL" up',
      'migrate -path m -database "${DATABASE_URL_DIRECT:-$DATABASE_URL}" up',
    ],
    [
      'a default behind it',
      `DATABASE_URL=${URL}\n`,
      'goose -dir m postgres "${DATABASE_URL:?unset}" up',
      'goose -dir m postgres "${DATABASE_URL_DIRECT:-${DATABASE_URL:?unset}}" up',
    ],
    [
      'host and port, with an assignment of another before them',
      PARTS,
      'PGPASSWORD=$DB_PASSWORD pg_dump -h $DB_HOST -p "${DB_PORT:-5432}" -U $DB_USER $DB_NAME > /tmp/d',
      'PGPASSWORD=$DB_PASSWORD pg_dump -h ${DB_HOST_DIRECT:-$DB_HOST} -p "${DB_PORT_DIRECT:-${DB_PORT:-5432}}" -U $DB_USER $DB_NAME > /tmp/d',
    ],
    [
      'what is put together from them',
      PARTS,
      `DSN="${DSN}"\nmigrate -path m -database "$DSN" up`,
      `DSN="${DSN}"\nmigrate -path m -database "${DSN.replace('$DB_HOST:$DB_PORT', FIRST)}" up`,
    ],
  ])('a command that expands %s in its own words reads the direct one there', async (_, env, before, after) => {
    const { written, pools } = await planned({
      'docker-compose.yml': `${PG}${app('env_file: .env')}`,
      '.env.example': env,
      Dockerfile: `${PYTHON}ENTRYPOINT ["./start.sh"]\n`,
      'start.sh': `#!/bin/sh\n${before}\nexec /app/server\n`,
    });
    expect(written('start.sh')).toContain(`#!/bin/sh\n${after}\nexec /app/server\n`);
    expect(pools).toMatchObject([{ mode: 'transaction', unwired: [] }]);
  });

  test.each([
    ['a part of a variable', `DATABASE_URL=${URL}\n`, 'migrate -path m -database "${DATABASE_URL%%?*}" up'],
    [
      'what is put together in two steps',
      PARTS,
      'ADDRESS=$DB_HOST:$DB_PORT\nDSN="postgres://u:p@$ADDRESS/d"\nmigrate -path m -database "$DSN" up',
    ],
  ])('%s can not be replaced: the pool bears the command in session mode', async (_, env, command) => {
    const { written, pools } = await planned({
      'docker-compose.yml': `${PG}${app('env_file: .env')}`,
      '.env.example': env,
      Dockerfile: `${PYTHON}ENTRYPOINT ["./start.sh"]\n`,
      'start.sh': `#!/bin/sh\n${command}\nexec /app/server\n`,
    });
    expect(written('start.sh')).toBe('');
    expect(pools).toMatchObject([{ mode: 'session' }]);
  });

  test.each([
    ['$(DATABASE_URL)', '$(or $(DATABASE_URL_DIRECT),$(DATABASE_URL))'],
    ['${DATABASE_URL}', '$(or $(DATABASE_URL_DIRECT),${DATABASE_URL})'],
    ['$$DATABASE_URL', '$${DATABASE_URL_DIRECT:-$$DATABASE_URL}'],
  ])('in a Makefile %s is of make or of the shell', async (before, after) => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}${app('env_file: .env')}`,
      '.env.example': `DATABASE_URL=${URL}\n`,
      Dockerfile: `${PYTHON}CMD ["make","serve"]\n`,
      Makefile: `serve:\n\tmigrate -path m -database "${before}" up && exec ./server\n`,
    });
    expect(written('Makefile')).toContain(`-database "${after}" up`);
  });

  test('the port of a host that stays direct stays with it', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `${PUBLISHED}${app(WITH_URL)}`,
      Dockerfile: PYTHON,
      'seed.sh':
        '#!/bin/sh\nDB_HOST="${DB_HOST:-localhost}"\nDB_PORT="${DB_PORT:-5432}"\nwait_for_port "$DB_PORT" 60\npsql -h "$DB_HOST" -p "$DB_PORT" -U u -d d -f seed.sql\n',
    });
    expect([...decided('DB_HOST', 'seed.sh'), ...decided('DB_PORT', 'seed.sh')]).toEqual([
      'direct safe',
      'direct safe',
    ]);
  });

  test('a command of an image before its program has its own needs', async () => {
    const { processes } = await planned({
      'docker-compose.yml': `${PG}  app:\n    image: svhd/logto\n    entrypoint: ["sh", "-c", "npm run cli db seed -- --swe && npm start"]\n    environment:\n      DB_URL: ${URL}\n`,
    });
    const started = processes.services.get('docker-compose.yml\0app') ?? [];
    expect(started.map(({ needs }) => needs.some(({ kind }) => kind === 'migrate'))).toEqual([true, true]);
  });

  test('a command that reads the direct variable first already: it comes once', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}${app(
        'environment:',
        `  DATABASE_URL: ${URL}`,
        'command: sh -c "DATABASE_URL=$${DATABASE_URL_DIRECT:-$$DATABASE_URL} alembic upgrade head && exec uvicorn app:app"',
      )}`,
      Dockerfile: PYTHON,
    });
    expect(written('docker-compose.yml').match(/^ +DATABASE_URL_DIRECT:/gm)).toHaveLength(1);
  });

  test('a command that two services share by an anchor is not edited for one of them', async () => {
    const { written } = await planned({
      'docker-compose.yml': `x-up: &up ["-path", "/m", "-database", "\${DATABASE_URL}", "up"]\n${PG}${app('environment:', '  DATABASE_URL: ${DATABASE_URL}')}  migrate:\n    image: migrate/migrate\n    command: *up\n  other:\n    image: acme/other\n    command: *up\n`,
      '.env.example': `DATABASE_URL=${URL}\n`,
      Dockerfile: PYTHON,
    });
    expect(written('docker-compose.yml')).not.toContain('DIRECT:-${DATABASE_URL}}", "up"');
  });

  test('what compose puts into the command of a service is the direct value there', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}${app('environment:', '  DATABASE_URL: ${DATABASE_URL}')}  migrate:\n    image: migrate/migrate\n    command: ["-path", "/m", "-database", "\${DATABASE_URL}", "up"]\n`,
      '.env.example': `DATABASE_URL=${URL}\n`,
      Dockerfile: PYTHON,
    });
    expect(serviceIn(written('docker-compose.yml'), 'migrate')).toBe(
      '  migrate:\n    image: migrate/migrate\n    command: ["-path", "/m", "-database", "${DATABASE_URL_DIRECT:-${DATABASE_URL}}", "up"]\n',
    );
  });

  test("programs of libpq read nothing of an application's variable, and `command -v` runs nothing", async () => {
    const { written, changes } = await planned({
      'docker-compose.yml': `${PUBLISHED}${app('env_file: .env')}`,
      '.env.example': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
      Dockerfile: `${PYTHON}CMD uvicorn app:app\n`,
      'README.md':
        '# App\n\n```sh\npg_dump -h localhost -U u d > dump\nkubectl exec deploy/db -- pg_dump -U u d > dump\n```\n\nThen re-run `migrate force`.\n',
      'clickhouse.sh':
        'if ! command -v migrate; then exit 1; fi\nDATABASE_URL="${CLICKHOUSE_URL}?x=1"\nmigrate -source file://m -database "$DATABASE_URL" up\n',
    });
    expect(written('.env.example')).toContain('localhost:6432');
    expect(changes.map(({ file }) => file)).not.toContain('clickhouse.sh');
    expect(written('README.md')).toContain('```sh\npg_dump -h localhost -U u d > dump\nkubectl exec');
    expect(written('README.md')).toContain('re-run `migrate force`.');
  });

  const DJANGO = {
    'app/__init__.py': '',
    'app/wsgi.py':
      "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'app.settings')\nfrom django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
  };
  const MENDED = "'DISABLE_SERVER_SIDE_CURSORS': True";
  test.each([
    ['dj_database_url.config()', `{**dj_database_url.config(), ${MENDED}}`],
    ['env.db("DATABASE_URL", default="sqlite:///x")', `{**env.db("DATABASE_URL", default="sqlite:///x"), ${MENDED}}`],
    ["{'ENGINE': os.environ.get('E', 'x')}", `{'ENGINE': os.environ.get('E', 'x'), ${MENDED}}`],
  ])('Django in transaction mode takes no server-side cursors: %s', async (before, after) => {
    const { written, pools } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL, 'command: gunicorn app.wsgi')}`,
      Dockerfile: PYTHON,
      ...DJANGO,
      'app/settings.py': `DATABASES = {'default': ${before}}\n`,
    });
    expect(written('app/settings.py')).toBe(`DATABASES = {'default': ${after}}\n`);
    expect(pools).toMatchObject([{ mode: 'transaction' }]);
  });

  test('an image that is pulled takes no mend: the pool is in session mode', async () => {
    const { written, pools } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL, 'command: gunicorn app.wsgi').replace('build: .', 'image: acme/app')}`,
      Dockerfile: `${PYTHON}CMD gunicorn app.wsgi\n`,
      ...DJANGO,
      'app/settings.py': "DATABASES = {'default': dj_database_url.config()}\n",
    });
    expect(written('app/settings.py')).toBe('');
    expect(pools).toMatchObject([{ mode: 'session' }]);
  });

  test('an image of Django that is pulled: its settings may take server-side cursors', async () => {
    const { pools } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL).replace('build: .', 'image: acme/app')}`,
      'README.md': '# App\n\n```sh\ndocker compose run --rm app python manage.py migrate\n```\n',
    });
    expect(pools).toMatchObject([{ mode: 'session' }]);
  });

  test("migrations and commands that nothing starts are no part of Django's programs", async () => {
    const { pools } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL)}`,
      Dockerfile: PYTHON,
      'app/migrations/0001_x.py':
        "from django.db import migrations\nfrom django.core.management import call_command\nclass Migration(migrations.Migration):\n    def f(apps, e):\n        call_command('migrate')\n",
      'app/management/commands/reset.py': "from django.core.management import call_command\ncall_command('migrate')\n",
    });
    expect(pools).toMatchObject([{ mode: 'transaction' }]);
  });

  test('an image that shares an anchor gets its own setting for the direct connection', async () => {
    const { written, pools } = await planned({
      'docker-compose.yml': `${PG}  worker:\n    image: langfuse/langfuse-worker:3\n    environment: &env\n      DATABASE_URL: ${URL}\n  web:\n    image: langfuse/langfuse:3\n    environment:\n      <<: *env\n`,
    });
    expect(serviceIn(written('docker-compose.yml'), 'web')).toContain(`DIRECT_URL: ${URL}`);
    expect(pools).toMatchObject([{ mode: 'transaction', unwired: [] }]);
  });

  test("Prisma's directUrl that only the start script fills: the service is given it", async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}${app('environment:', `  APP_DATABASE_URL: ${URL}`)}`,
      Dockerfile: 'FROM node:22\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["./start.sh"]\n',
      'start.sh':
        '#!/bin/sh\nif [ -z "$APP_DIRECT_DATABASE_URL" ]; then export APP_DIRECT_DATABASE_URL="$APP_DATABASE_URL"; fi\nprisma migrate deploy\nexec node server.js\n',
      'prisma/schema.prisma':
        'datasource db {\n  provider = "postgresql"\n  url = env("APP_DATABASE_URL")\n  directUrl = env("APP_DIRECT_DATABASE_URL")\n}\n',
    });
    expect(serviceIn(written('docker-compose.yml'), 'app')).toContain(`APP_DIRECT_DATABASE_URL: ${URL}`);
  });

  test.each([
    ['has no server', 'pnpm test', ''],
    ['starts the whole stack by a script', 'npm run up', ''],
    ['starts the server by its name', 'docker compose up -d --wait db', 'docker compose up -d --wait db pgbouncer'],
    ['starts another service', 'docker compose up -d redis', null],
  ])('a job that reads the template and %s', async (_, command, expected) => {
    const { decided, written } = await planned({
      'docker-compose.yml': PUBLISHED,
      'package.json': '{ "scripts": { "up": "docker compose up -d" } }\n',
      '.env.example': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
      '.github/workflows/ci.yml': `jobs:\n  test:\n    steps:\n      - run: |\n          cp .env.example .env\n          ${command}\n`,
    });
    expect(decided('DATABASE_URL')).toEqual([expected === null ? 'review safe' : 'pooled safe']);
    expect(written('.github/workflows/ci.yml')).toContain(expected ?? '');
  });

  test('commands that a program takes apart itself have no room for an assignment: session mode', async () => {
    const { pools, decided } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL)}`,
      Dockerfile: `${PYTHON}CMD ["monofy", "./manage.py", "migrate", "&&", "gunicorn", "x.wsgi", "|||", "worker"]\n`,
    });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools).toMatchObject([{ mode: 'session', unwired: [{ words: ['./manage.py', 'migrate'] }] }]);
  });

  test("uWSGI's hooks migrate, its daemons and its module run", async () => {
    const { pools, written, processes } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL, 'command: uwsgi /app/uwsgi.ini')}`,
      Dockerfile: PYTHON,
      'uwsgi.ini':
        '[uwsgi]\nchdir = /app\nmodule = x.wsgi\nhook-pre-app = exec:./manage.py migrate\nattach-daemon = ./manage.py work\n',
      'manage.py': 'from django.core.management import execute_from_command_line\n',
      'x/wsgi.py': 'application = None\n',
    });
    expect(pools).toMatchObject([{ mode: 'transaction' }]);
    expect(written('uwsgi.ini')).toContain(
      'hook-pre-app = exec:DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" ./manage.py migrate\nattach-daemon = ./manage.py work\n',
    );
    expect(processes.services.get('docker-compose.yml\0app')?.map(({ words }) => words.join(' '))).toEqual([
      './manage.py migrate',
      './manage.py work',
      'uwsgi /app/uwsgi.ini x.wsgi',
    ]);
  });

  test('a documented run of a service that another file builds is followed into its image', async () => {
    const { written, decided } = await planned({
      'a.compose.yml': 'services:\n  app:\n    environment: { DEBUG: "1" }\n',
      'docker-compose.yml': `${PG}  app:\n    build: { context: ., dockerfile: back/Dockerfile }\n    ${WITH_URL}\n`,
      'back/Dockerfile':
        'FROM python:3.12\nWORKDIR /srv/back\nCOPY back/scripts /srv/back/scripts\nCMD ["uvicorn", "x:y"]\n',
      'back/scripts/prepare.sh': '#!/bin/sh\nalembic upgrade head\n',
      'README.md': '# x\n\n```sh\ndocker compose run --rm app bash scripts/prepare.sh\n```\n',
    });
    expect(decided('DATABASE_URL', 'docker-compose.yml')).toEqual(['pooled safe']);
    expect(written('back/scripts/prepare.sh')).toContain(
      'DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" alembic upgrade head',
    );
  });

  test('a setting that only code names has the needs of that code', async () => {
    const { pools } = await planned({
      'docker-compose.yml': `${PG}${app('command: ["/go/bin/app"]')}`,
      Dockerfile: 'FROM golang:1.22\nWORKDIR /build\nCOPY . .\nRUN go build -o /go/bin/app main.go\n',
      'go.mod': 'module x\n',
      'config.yaml': `db:\n  conn_string: "host=db port=5432 user=u dbname=d"\n`,
      'main.go':
        'package main\n\ntype C struct { S string `yaml:"conn_string"` }\n\nfunc main() { conn.Exec(ctx, "LISTEN jobs"); conn.WaitForNotification(ctx) }\n',
    });
    expect(pools).toMatchObject([{ mode: 'session', ready: [] }]);
  });

  test('an endpoint in the command of a service has the needs of its program', async () => {
    const { pools } = await planned({
      'docker-compose.yml': `${PG}${app('command: python app.py --database u:p@db:5432/d')}`,
      Dockerfile: PYTHON,
      'app.py': 'import psycopg2\nfor n in psycopg2.connect(dsn).notifies(): pass\ncursor.execute("LISTEN jobs")\n',
    });
    expect(pools).toMatchObject([{ mode: 'session', others: [{ service: 'app' }] }]);
  });
});

describe('what is in force', () => {
  test('an env file that services of two stacks get has a pooler in each', async () => {
    const stack = (file: string) => `${PG}  app:\n    image: acme/app\n    env_file: ${file}\n`;
    const { written, decided, pools } = await planned({
      'docker-compose.yml': stack('shared.env'),
      'dev/docker-compose.yml': stack('../shared.env'),
      'shared.env': `DATABASE_URL=${URL}\n`,
    });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(pools.map(({ server, port }) => [server.stack, port])).toEqual([
      ['dev', 6432],
      ['', 6432],
    ]);
    for (const file of ['docker-compose.yml', 'dev/docker-compose.yml'])
      expect(serviceIn(written(file), 'pgbouncer')).toContain('PGBOUNCER_UPSTREAM_HOST: db');
  });

  test("libpq's variables in the server's own container stay the server", async () => {
    const { written } = await planned({
      'docker-compose.yml': `services:\n  db:\n    image: postgres:16\n    env_file: app.env\n    healthcheck:\n      test: pg_isready\n  app:\n    image: acme/app\n    env_file: app.env\n`,
      'app.env': 'PGHOST=db\nPGPORT=5432\nPOSTGRES_USER=u\nPOSTGRES_PASSWORD=p\n',
    });
    expect(written('app.env')).toContain('PGHOST=pgbouncer\n');
    expect(serviceIn(written('docker-compose.yml'), 'db')).toContain('PGHOST: db');
    expect(serviceIn(written('docker-compose.yml'), 'app')).not.toContain('PGHOST');
  });

  test('what every service that gets an env file has of its own is never in force', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `${PG}${app('env_file: app.env', WITH_URL)}`,
      Dockerfile: PYTHON,
      'app.env': `DATABASE_URL=${URL}\n`,
    });
    expect(decided('DATABASE_URL', 'app.env')).toEqual(['leave safe']);
    expect(decided('DATABASE_URL', 'docker-compose.yml')).toEqual(['pooled safe']);
  });

  test('a script that knows the port of each engine', async () => {
    const { decided, written } = await planned({
      'docker-compose.yml': `${PG}${app('environment: { DB_HOST: db, DB_PORT: "5432" }')}`,
      Dockerfile: `${PYTHON}ENTRYPOINT ["./start.sh"]\n`,
      'start.sh':
        '#!/bin/sh\nDB_HOST=${DB_HOST:-db}\nif [ -z "$DB_PORT" ]; then\n  case $DRIVER in\n    mysql) DB_PORT=3306 ;;\n    *) DB_PORT=5432 ;;\n  esac\nfi\nexec app\n',
      'mysql.compose.yml':
        'services:\n  app:\n    image: x\n    environment: { DB_HOST: mysql }\n  mysql:\n    image: mysql:8\n',
    });
    expect(decided('DB_PORT', 'start.sh')).toEqual(['leave safe', 'pooled safe']);
    expect(written('start.sh')).toContain('mysql) DB_PORT=3306 ;;\n    *) DB_PORT=6432 ;;');
  });

  test('a port that nothing reads needs no answer', async () => {
    const { sites } = await planned({
      'docker-compose.yml': `${PG}${app(WITH_URL)}`,
      Dockerfile: PYTHON,
      '.env.example': 'FORWARD_DB_PORT=5432\n',
      'README.md': 'Set `FORWARD_DB_PORT`.\n',
    });
    expect(sites.filter(({ key }) => key === 'FORWARD_DB_PORT')).toMatchObject([
      { action: 'leave', rule: 'unread-port', question: null },
    ]);
  });

  test("a folder with a stack of its own, in which another stack's service works", async () => {
    const { decided, written } = await planned({
      'docker-compose.yml': `${PG}  php:\n    build: .\n    working_dir: /srv/app\n    volumes: [".:/srv"]\n`,
      Dockerfile: 'FROM php:8\n',
      'app/compose.yaml': 'services:\n  database:\n    image: postgres:16\n',
      'app/.env': `DATABASE_URL=${URL}\n`,
    });
    expect(decided('DATABASE_URL', 'app/.env')).toEqual(['pooled safe']);
    expect(written('app/.env')).toContain(POOLED);
  });
});

describe('scripts that set what is not set', () => {
  test('host and port of one branch go together, whatever another branch sets', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG}  web:\n    build: .\n    command: sh start.sh\n    environment: { DB_HOST: db, DB_PORT: "5432" }\n`,
      Dockerfile: PYTHON,
      'start.sh':
        '#!/bin/sh\nif [ -n "$CI" ]; then\n  DB_HOST=db\n  DB_PORT=5432\nfi\nif [ -z "$DB_HOST" ]; then\n  DB_HOST=db\n  DB_PORT=5432\nfi\nexport DB_HOST DB_PORT\nexec gunicorn app\n',
    });
    const script = written('start.sh');
    for (const pair of script.matchAll(/DB_HOST=(\w+)\n {2}DB_PORT=(\d+)/g))
      expect(['pgbouncer 6432', 'db 5432']).toContain(`${pair[1]} ${pair[2]}`);
  });

  test('an env file is in force where only another file of the stack overrides it', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `${PG}  web:\n    build: .\n    env_file: web.env\n`,
      'docker-compose.prod.yml':
        'services:\n  web:\n    environment:\n      DATABASE_URL: postgres://u:p@managed.example.net/d\n',
      Dockerfile: PYTHON,
      'web.env': `DATABASE_URL=${URL}\n`,
    });
    expect(decided('DATABASE_URL', 'web.env')).toEqual(['pooled safe']);
  });

  test('a compose file of another project is no reason', async () => {
    const root = makeRepository({
      'docker-compose.yml': `${PG}  app:\n    image: acme/app\n    ${WITH_URL}\n`,
      'get.sh': '#!/bin/sh\ncurl -O https://raw.githubusercontent.com/other/thing/main/docker-compose.yml\n',
    });
    execFileSync('git', ['-C', root, 'remote', 'add', 'origin', 'https://github.com/acme/app.git']);
    const { sites } = await planMigration({ cwd: root });
    expect(sites.filter(({ action }) => action === 'pooled').map(({ safety }) => safety)).toEqual(['safe']);
  });
});

describe('5432 of localhost', () => {
  const code = (url: string) => ({
    'docker-compose.yml': `${PUBLISHED}${app(WITH_URL)}`,
    Dockerfile: PYTHON,
    'settings.py': `import os\nDATABASE_URL = os.getenv("DATABASE_URL", "${url}")\n`,
  });

  test.each([
    ['postgresql://u:p@localhost:5432/d', 'pooled safe'],
    ['postgresql://localhost:5432/d', 'review safe'],
    ['postgresql://me:p@localhost:5432/d', 'review safe'],
  ])("%s in code: this repository's only with the user of its server", async (url, expected) => {
    const { decided, sites } = await planned(code(url));
    expect(decided('DATABASE_URL', 'settings.py')).toEqual([expected]);
    expect(sites.filter(({ question }) => question !== null)).toEqual([]);
  });

  test('the user may stand beside a JDBC URL', async () => {
    const { decided } = await planned({
      ...code(URL),
      'src/main/resources/application-dev.properties':
        'spring.datasource.url=jdbc:postgresql://localhost:5432/d\nspring.datasource.username=u\n',
    });
    expect(decided('spring.datasource.url')).toEqual(['pooled safe']);
  });

  test('documents follow what runs on the machine, and nothing else', async () => {
    const readme = '# x\n\n```sh\nexport DATABASE_URL=postgresql://u:p@localhost:5432/d\npython app.py\n```\n';
    const alone = await planned({ ...code('sqlite://'), 'README.md': readme });
    expect(alone.decided('DATABASE_URL', 'README.md')).toEqual(['review safe']);
    const beside = await planned({ ...code('postgresql://u:p@localhost:5432/d'), 'README.md': readme });
    expect(beside.decided('DATABASE_URL', 'README.md')).toEqual(['pooled safe']);
  });
});

test('a file that only migrations read, with a default of its own', async () => {
  const { written } = await planned({
    'docker-compose.yml': `${PUBLISHED}${app(WITH_URL)}`,
    Dockerfile: 'FROM node:20\nWORKDIR /app\nCOPY . .\nCMD npx drizzle-kit migrate && node server.js\n',
    '.env.example': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
    'drizzle.config.ts':
      'export default { dbCredentials: { url: process.env.DATABASE_URL || "postgresql://u:p@localhost:5432/d" } };\n',
    'server.js': 'new Pool({ connectionString: process.env.DATABASE_URL });\n',
  });
  expect(written('docker-compose.yml')).toContain(POOLED);
  expect(written('drizzle.config.ts') || MIGRATES).toMatch(/DATABASE_URL_DIRECT/);
});

describe('a compose file that is fetched by itself', () => {
  const fetch = 'curl -fsSOL https://raw.githubusercontent.com/acme/app/"$BRANCH"/deploy/docker-compose.yml';
  const files = { 'deploy/docker-compose.yml': `${PG}  app:\n    image: acme/app\n    ${WITH_URL}\n` };

  test('by a script: the edit is unsafe, and says why', async () => {
    const { decided, changes, sites } = await planned({ ...files, 'setup.sh': `#!/bin/sh\n${fetch}\n` });
    expect(decided('DATABASE_URL')).toEqual(['pooled unsafe']);
    expect(changes).toEqual([]);
    expect(sites[0]?.reason).toContain('setup.sh:2 fetches deploy/docker-compose.yml alone');
  });

  test('by a document: a note names it', async () => {
    const { decided, notes } = await planned({ ...files, 'README.md': `# x\n\n\`\`\`sh\n${fetch}\n\`\`\`\n` });
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
    expect(notes.join()).toContain('README.md:4 fetches deploy/docker-compose.yml alone');
  });
});

test('documents name the direct variables that are there, and no others', async () => {
  const compose = (lines: string) => ({
    'docker-compose.yml': `${PG}  app:\n    image: acme/app\n${lines}`,
    'README.md': '# x\n',
    'config.yml': `url: ${URL}\n`,
  });
  const with_ = await planned(compose(`    environment:\n      DATABASE_URL: ${URL}\n`));
  expect(with_.written('docs/pgbouncer.md')).toContain('`DATABASE_URL` → `DATABASE_URL_DIRECT`.');
  expect(with_.written('README.md')).toContain(
    `docker compose run --rm app sh -c 'DATABASE_URL="$DATABASE_URL_DIRECT" COMMAND'`,
  );
  const without = await planned(compose('    volumes: ["./config.yml:/config.yml"]\n'));
  for (const file of ['README.md', 'docs/pgbouncer.md'])
    expect(without.written(file)).not.toMatch(/_DIRECT|BYPASS|\.env`|\bAPP\b/);
  expect(without.written('README.md')).toContain('go direct: give them `db:5432`.');
});

describe('what breaks, found where it stands', () => {
  const compose = { 'docker-compose.yml': `${PG}  app:\n    build: .\n    ${WITH_URL}\n`, Dockerfile: PYTHON };
  const found = async (files: Record<string, string>) =>
    (await planned({ ...compose, ...files })).hazards.map(({ rule, file, line }) => `${rule} ${file}:${line}`);

  test('a call of a function of the repository that migrates, also where it is handed on', async () => {
    const hazards = await found({
      'src/db.go':
        'package db\n\nimport "github.com/golang-migrate/migrate/v4"\n\nfunc MigrateSchema(url string) {\n\tm, _ := migrate.New("file://x", url)\n\tm.Up()\n}\n',
      'main.go': 'package main\n\nfunc main() {\n\tdb.MigrateSchema(url)\n\tretry(db.MigrateSchema)\n}\n',
    });
    expect(hazards).toContain('migration-lock src/db.go:6');
    expect(hazards).toContain('migration-lock main.go:4');
  });

  test('neither a definition, nor a name in quotes, nor what only asks', async () => {
    const hazards = await found({
      'db/a.go':
        'package db\n\nimport "github.com/golang-migrate/migrate/v4"\n\nfunc connectAndMigrate(u string) {\n\tm, _ := migrate.New("file://x", u)\n}\n\nfunc hasMigrations() bool { return true }\n',
      'db/b.go':
        'package db\n\nfunc f() {\n\tlog.Print("connectAndMigrate")\n\thasMigrations()\n}\n\nfunc g() {\n\tconnectAndMigrate(u)\n}\n',
    });
    expect(hazards.filter(line => line.startsWith('migration-lock'))).toEqual([
      'migration-lock db/a.go:6',
      'migration-lock db/b.go:9',
    ]);
  });

  test('what is only said runs nothing', async () => {
    const hazards = await found({
      'say.sh': '#!/bin/sh\necho "run: psql -f x.sql $URL"\necho "pg_dump failed for $URL"\n',
      'app.py': 'import subprocess\nraise RuntimeError("pg_restore failed: ")\nhelp = "pg_dump --version"\n',
    });
    expect(hazards.filter(line => /-in-pool/.test(line))).toEqual([]);
  });

  test('a common name counts only with the module that it is in', async () => {
    const hazards = await found({
      'crates/storage-pg/src/lib.rs':
        'pub static MIGRATOR: Migrator = sqlx::migrate!();\n\npub async fn migrate(c: &mut C) {\n    MIGRATOR.run(c).await\n}\n',
      'crates/cli/src/main.rs': 'fn main() {\n    app_storage_pg::migrate(&mut c);\n    other::migrate(&mut c);\n}\n',
    });
    expect(hazards.filter(line => line.includes('cli/'))).toEqual(['migration-lock crates/cli/src/main.rs:2']);
  });

  test('commands of scripts, packages, Procfiles, compose, and those that code starts', async () => {
    const hazards = await found({
      'backup.sh': '#!/bin/sh\npg_dump "$URL" > x\n',
      'load.sh': '#!/bin/sh\nbash -c "psql $URL -f x.sql"\n',
      'package.json': '{\n  "scripts": {\n    "x": "prisma migrate deploy"\n  }\n}\n',
      Procfile: 'web: puma\nworker: bin/good_job start\n',
      'bin/update': "#!/usr/bin/env ruby\nsystem! 'bin/rails db:migrate'\n",
      'app/export.php': "<?php\n$command = sprintf(\n    'pg_dump -h %s > %s', $a, $b);\n",
      'jobs.compose.yml': 'services:\n  jobs:\n    image: acme/app\n    command: ["bin/good_job", "start"]\n',
    });
    for (const one of [
      'dump-in-pool backup.sh:2',
      'sql-file-in-pool load.sh:2',
      'migration-lock package.json:3',
      'worker-command-listens Procfile:2',
      'migration-lock bin/update:2',
      'dump-in-pool app/export.php:3',
      'worker-command-listens jobs.compose.yml:4',
    ])
      expect(hazards).toContain(one);
  });

  test('a command is grave only where it goes through the pool', async () => {
    const run = (environment: string) =>
      planned({
        'docker-compose.yml': `${PG}  app:\n    build: .\n    environment: { ${environment} }\n    entrypoint: ./start.sh\n`,
        Dockerfile: PYTHON,
        'start.sh': '#!/bin/sh\nalembic upgrade head\nexec uvicorn app:app\n',
      });
    const { hazards } = await run(`DATABASE_URL: "${URL}"`);
    // It gets the direct variable in the same plan.
    expect(hazards.filter(({ file }) => file === 'start.sh').map(({ severity }) => severity)).toEqual(['note']);
  });

  test.each([
    ['the rows of a dump', "SET work_mem = '1GB';\nCOPY t FROM stdin;\nSET x\ty'\n\\.\n", ['set-session x.sql:1']],
    ['a statement that no grammar knows', 'FOO BAR (;\nCREATE TEMP TABLE a (b int);\n', ['temp-table x.sql:2']],
    [
      'a table that is dropped before it is made',
      'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\nDROP TABLE IF EXISTS a;\nCREATE TEMP TABLE a (b int);\nEND $$;\n',
      ['temp-table x.sql:3'],
    ],
    [
      'one that is dropped afterwards',
      'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\nCREATE TEMP TABLE a (b int);\nDROP TABLE a;\nEND $$;\n',
      [],
    ],
    [
      'SQL that a function puts together',
      "CREATE FUNCTION f(n text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN\nEXECUTE format('CREATE TEMPORARY TABLE %I (b int)', n);\nEND $$;\n",
      ['temp-table x.sql:2'],
    ],
  ])('SQL: %s', async (_, sql, expected) => {
    expect((await found({ 'x.sql': sql })).filter(line => line.includes('x.sql'))).toEqual(expected);
  });

  test('Python: a script without an ending, and a call that is put together', async () => {
    const hazards = await found({
      'bin/refresh': '#!/usr/bin/env python3\nimport psycopg2\nc.execute("SET search_path TO a")\n',
      'a.py': 'from functools import partial\nimport psycopg2\npartial(c.execute, "SET search_path TO a")\n',
    });
    expect(hazards).toContain('search-path-session bin/refresh:3');
  });
});

test('a script alone does not go through a pool that no application uses', async () => {
  const { changes, sites } = await planned({
    'docker-compose.yml': `${PUBLISHED}  app:\n    build: .\n    ${WITH_URL}\n`,
    Dockerfile: `${PYTHON}CMD ["python", "app.py"]\n`,
    'app.py':
      'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"], options="-c statement_timeout=5 -c lock_timeout=1")\n',
    'tools/check.py':
      'import psycopg2\n\n\ndef main():\n    psycopg2.connect("postgresql://u:p@localhost:5432/d")\n\n\nif __name__ == "__main__":\n    main()\n',
  });
  expect(changes).toEqual([]);
  expect(sites.filter(({ file }) => file === 'tools/check.py')).toMatchObject([{ rule: 'documents-only' }]);
});

describe('places in which nothing of the stack runs by itself', () => {
  test('a container that waits for people: what they run there counts, what they dump does not', async () => {
    const inside = (files: Record<string, string>) =>
      planned({
        '.devcontainer/docker-compose.yml': `${PG}  app:\n    build: .\n    command: sleep infinity\n    volumes: ["../..:/workspaces:cached"]\n    ${WITH_URL}\n`,
        '.devcontainer/Dockerfile': 'FROM ruby:3\n',
        ...files,
      });
    const modes = async (files: Record<string, string>) => (await inside(files)).pools.map(({ mode }) => mode);
    const jobs = {
      Gemfile: 'gem "good_job"\n',
      'config/application.rb': 'module App\n  config.active_job.queue_adapter = :good_job\nend\n',
    };
    expect(await modes(jobs)).toEqual(['session']);
    expect(await modes({ 'bin/backup.sh': '#!/bin/sh\npg_dump "$DATABASE_URL" > all.sql\n' })).toEqual(['transaction']);
  });

  test('what tests connect to is theirs: a fixed port beside the host is no port of the application', async () => {
    const { decided, pools, sites, written } = await planned({
      'docker-compose.yml': `${PG}  app:\n    build: .\n    environment:\n      POSTGRES_HOST: db\n`,
      Dockerfile: 'FROM node:22\nCOPY . .\nCMD ["node", "app.js"]\n',
      'app.js':
        "const { Pool } = require('pg');\nnew Pool({ host: process.env.POSTGRES_HOST || 'localhost', port: Number(process.env.POSTGRES_PORT || 5432) });\n",
      'packages/e2e-tests/fixtures/page.js':
        "export const connection = { host: process.env.POSTGRES_HOST, port: '5432', database: 'd' };\n",
    });
    expect(decided('POSTGRES_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
    expect(pools.map(({ port }) => port)).toEqual([6432]);
    expect(written('docker-compose.yml')).toMatch(/POSTGRES_HOST: pgbouncer\n[\s\S]*?POSTGRES_PORT: "?6432/);
    expect(sites.filter(({ question }) => question)).toEqual([]);
  });

  test('a command of tests, and the stack of a migration', async () => {
    const { sites } = await planned({
      'docker-compose.yml': `${PUBLISHED}  app:\n    build: .\n    ${WITH_URL}\n`,
      'README.md': `# x\n\n\`\`\`bash\nDATABASE_URL=${URL} rails test\nDATABASE_URL=${URL} rails server\n\`\`\`\n`,
      'tools/docker-compose.migrate.yml': `services:\n  old-db:\n    image: postgres:14\n    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }\n  copy:\n    image: acme/copy\n    env_file: old.env\n`,
      'tools/old.env': 'OLD_DB_HOST=old-db\nOLD_DB_PORT=5432\n',
    });
    const rules = sites.map(({ file, rule }) => `${file} ${rule}`);
    expect(rules.filter(line => line.startsWith('README'))).toEqual([
      'README.md test-command',
      'README.md application-url',
    ]);
    expect(new Set(rules.filter(line => line.startsWith('tools')))).toEqual(new Set(['tools/old.env test-stack']));
  });
});

describe('what is no endpoint, and what is another', () => {
  test('a call that asks for a setting by its name', async () => {
    const { decided, sites } = await planned({
      'docker-compose.yml': `${PG}  app:\n    build: .\n    environment:\n      DB_HOST: db\n      DB_PORT: 5432\n`,
      Dockerfile: 'FROM php:8\nCOPY . .\nCMD ["php", "a.php"]\n',
      'a.php': "<?php\n$env = ['DB_HOST' => config('database.host'), 'DB_PORT' => config('database.port')];\n",
    });
    expect(decided('DB_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
    expect(sites.filter(({ file, action }) => file === 'a.php' && action !== 'leave')).toEqual([]);
  });

  test("the server behind Bitnami's pooler, in a file of settings for it", async () => {
    const { sites } = await planned({
      'docker-compose.yml': `${PG}  pgbouncer:\n    image: bitnamilegacy/pgbouncer\n    env_file: pool.env\n`,
      'pool.env': 'POSTGRESQL_HOST=db\nPOSTGRESQL_USER=u\nPGBOUNCER_AUTH_TYPE=trust\nPGBOUNCER_POOL_MODE=transaction\n',
    });
    expect(sites.filter(({ file }) => file === 'pool.env')).toMatchObject([{ rule: 'pooler-itself', action: 'leave' }]);
  });

  test('a port that nothing sets can be any, and 5432 of this machine with another database is another server', async () => {
    const { sites, written } = await planned({
      'docker-compose.yml': `services:\n  db:\n    image: postgres:16\n    environment: { POSTGRES_USER: postgres, POSTGRES_PASSWORD: p, POSTGRES_DB: shop }\n    ports: ["5432:5432"]\n  app:\n    build: .\n    environment: { DATABASE_URL: "postgresql://postgres:p@db:5432/shop" }\n`,
      Dockerfile: PYTHON,
      'schema.sh':
        'ID="$(docker run -d -p 5432 postgres:16)"\nPORT="$(docker port "$ID" 5432)"\njava -Durl="jdbc:postgresql://localhost:${PORT}/shop?user=postgres" -jar app.jar\n',
      'examples/app.js':
        'const { Pool } = require("pg");\nnew Pool({ connectionString: "postgres://postgres:p@localhost:5432/postgres" });\n',
      'app.js':
        'const { Pool } = require("pg");\nnew Pool({ connectionString: "postgres://postgres:p@localhost:5432/shop" });\n',
    });
    const actionIn = (file: string) => sites.filter(site => site.file === file).map(({ action }) => action);
    expect([actionIn('schema.sh'), actionIn('examples/app.js'), actionIn('app.js')]).toEqual([
      ['review'],
      ['review'],
      ['pooled'],
    ]);
    expect(written('docker-compose.yml')).toContain('@pgbouncer:6432/shop');
  });
});

test('a host under a name of its own in a URL, a default on the line after its variable, a copy that was kept', async () => {
  const { sites, decided } = await planned({
    'docker-compose.yml': PUBLISHED.replace('5432:5432', '5440:5432'),
    '.env.example': 'DB_URL=localhost\nDB_PORT=5440\nDATABASE_URL=postgres://u:p@${DB_URL}:${DB_PORT}/d\n',
    'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
    'config/runtime.exs':
      'import Config\nurl =\n  get_var_from_path_or_env(\n    dir,\n    "DATABASE_URL",\n    "postgres://u:p@localhost:5440/d"\n  )\n',
    'docs/start.md.old': 'postgres://u:p@localhost:5440/d\n',
  });
  expect(decided('DB_PORT', '.env.example')).toEqual(['pooled safe']);
  expect(decided('DATABASE_URL', 'config/runtime.exs')).toEqual(['pooled safe']);
  expect(sites.filter(({ file }) => file === 'docs/start.md.old')).toMatchObject([{ rule: 'backup-copy' }]);
});

describe('files under other names', () => {
  test('an env file of any name that compose gives to a service, and a template without a dot', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `${PG}  app:\n    image: acme/app\n    env_file: dev/environment\n  job:\n    image: acme/job\n    env_file: .env\n`,
      'dev/environment': `WORKERS=2\nDATABASE_URL=${URL}\n`,
      ENVEXAMPLE: 'DB_HOST=db\nDB_PORT=5432\n',
    });
    expect(decided('DATABASE_URL', 'dev/environment')).toEqual(['pooled safe']);
    expect(decided('DB_HOST', 'ENVEXAMPLE')).toEqual(['pooled safe']);
  });

  test('Dockerfile-prod: an argument of the build is none of what runs', async () => {
    const { sites } = await planned({
      'docker-compose.yml': `${PG}  app:\n    image: acme/app\n    ${WITH_URL}\n`,
      'docker/Dockerfile-prod': `FROM python:3.12\nARG DATABASE_URL=${URL}\nRUN python manage.py collectstatic\n`,
    });
    expect(sites.filter(({ file, question }) => file === 'docker/Dockerfile-prod' && question)).toEqual([]);
  });

  test('the environment of a development container goes to the service that it names', async () => {
    const { pools, decided } = await planned({
      'docker-compose/db.yml': PG,
      'docker-compose/node.yml':
        'services:\n  dev:\n    image: node:22\n    command: sleep infinity\n    volumes: ["../..:/workspaces"]\n',
      '.devcontainer/devcontainer.json':
        '{\n  // the shell\n  "dockerComposeFile": ["../docker-compose/node.yml", "../docker-compose/db.yml"],\n  "service": "dev",\n  "containerEnv": { "PG_HOST": "db", },\n}\n',
      'server/db.js': "import createSubscriber from 'pg-listen';\ncreateSubscriber({ host: process.env.PG_HOST });\n",
    });
    expect(decided('PG_HOST', '.devcontainer/devcontainer.json')).toEqual(['pooled safe']);
    expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  });
});

test('two recipes of a Makefile are two commands; code that runs psql, and a text that gives an example, are no questions', async () => {
  const { sites } = await planned({
    'docker-compose.yml': `${PUBLISHED}  app:\n    image: acme/app\n    ${WITH_URL}\n`,
    Makefile:
      'shell:\n\tdocker compose run --rm app psql -h db -U u d\nload:\n\tdocker compose run --rm app load --db-host db\n',
    'tool.js': "const host = process.env.DB_HOST || 'db';\nspawn('psql', ['-h', host]);\n",
    'Props.kt': 'val url = DocProperty("The url, e.g. `jdbc:postgresql://db:5432/d`")\n',
  });
  const rulesIn = (file: string) =>
    sites.filter(site => site.file === file).map(({ action, rule }) => `${action} ${rule}`);
  expect(rulesIn('Makefile')).toEqual(['review psql', 'pooled call-arguments']);
  expect(rulesIn('tool.js')).toEqual(['review psql-code']);
  expect(sites.filter(({ question }) => question)).toEqual([]);
});

test.each(['run --rm migrate', 'up migrate'])(
  'compose %s in a document starts what compose says: an assignment before it would reach nobody',
  async words => {
    const document = `# App\n\n\`\`\`sh\ndocker compose ${words}\n\`\`\`\n`;
    const { written } = await planned({
      'docker-compose.yml': `${PG}  migrate:
    image: acme/app
    command: alembic upgrade head
    environment: { DATABASE_URL: "${URL}" }
  web:
    image: acme/app
    command: gunicorn app:app
    environment: { DATABASE_URL: "${URL}" }
`,
      'README.md': document,
    });
    expect(written('README.md')).toContain(`\ndocker compose ${words}\n`);
    expect(serviceIn(written('docker-compose.yml'), 'web')).toContain('pgbouncer:6432');
  },
);

test('a JSON of settings with its bracket below the key is read as compose reads it, and has no direct twin', async () => {
  const { written } = await planned({
    '.env': 'DB_LOCAL=5433\nDB_INSIDE=5432\n',
    'docker-compose.yml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    ports:
      - $DB_LOCAL:$DB_INSIDE
  app:
    image: acme/app
    environment:
      SPRING_APPLICATION_JSON: '{
        "spring.datasource.url": "jdbc:postgresql://db:$DB_INSIDE/d"
      }'
`,
  });
  const app = written('docker-compose.yml');
  expect(app).toContain('"jdbc:postgresql://pgbouncer:$DB_INSIDE/d"\n      }\'');
  expect(app).not.toContain('_DIRECT');
});

test('env files that have host and port each are decided apart, whoever reads them; a default for a user that the server has not is left', async () => {
  const { decided } = await planned({
    'docker-compose.yml': `services:
  db:
    image: postgres:16
    env_file: ./app.env
    ports: ["5432:5432"]
  app:
    image: acme/app
    env_file: ./app.env.example
`,
    'app.env.example': 'DATABASE_HOST=db\nDATABASE_PORT=5432\nDATABASE_USER=shop\n',
    'local/.env.example': 'DATABASE_HOST=127.0.0.1\nDATABASE_PORT=5432\nDATABASE_USER=me\n',
    'conf.py':
      'URL = f"postgresql://u:p@{settings.DATABASE_HOST}:{settings.DATABASE_PORT}/d"\nDATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "USER": os.environ.get("SQL_USER", "user"), "HOST": os.environ.get("SQL_HOST", "localhost"), "PORT": os.environ.get("SQL_PORT", "5432")}}\n',
  });
  expect(decided('DATABASE_HOST', 'app.env.example')).toEqual(['pooled safe']);
  expect(decided('SQL_HOST', 'conf.py')).toEqual(['review safe']);
});

test('psql with a host is found in a document that says nothing else, and a setting of .NET by a name of its own', async () => {
  const { sites } = await planned({
    'docker-compose.yml': `${PUBLISHED}  app:\n    image: acme/app\n`,
    'run.md': '```sh\npsql -h db.internal -U app app\n```\n',
    'launchSettings.json': '{ "environmentVariables": { "PostgresOptions__Hostname": "db" } }\n',
  });
  expect(sites.map(({ file, text }) => [file, text])).toEqual([
    ['launchSettings.json', 'db'],
    ['run.md', 'db.internal'],
  ]);
});

test('a script without an ending migrates as one with an ending does', async () => {
  const { written } = await planned({
    'docker-compose.yml': `${PG}  php:\n    image: acme/app\n    ${WITH_URL}\n`,
    'bin/setup': '#!/bin/bash\ndocker compose exec php bin/console doctrine:migrations:migrate -n\n',
  });
  expect(written('bin/setup')).toContain('DATABASE_URL_DIRECT');
});

test('what was written passes the audit: behind its own direct twin the pooled value is read by nobody', () => {
  const root = makeRepository({
    'compose.yaml': `${PG}  migrate:
    build: .
    command: alembic upgrade head
    env_file: .env
  web:
    build: .
    command: gunicorn app:app
    env_file: .env
`,
    Dockerfile: PYTHON,
    'app.py': 'import os\nurl = os.environ["DATABASE_URL"]\n',
    '.env.example': `DATABASE_URL=${URL}\n`,
    'alembic.ini': '[alembic]\nscript_location = migrations\n',
    'migrations/env.py': 'import os\nurl = os.environ.get("DATABASE_URL")\n',
  });
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  expect(readFileSync(join(root, '.env.example'), 'utf8')).toContain('pgbouncer:6432');
  const audit = runCli(['-C', root, 'audit', '--no-cache']);
  expect(audit.stdout).not.toContain('through-pooler');
  expect(audit.code).toBe(0);
});

test('the way past the pool that a person may ask for hides no listener', async () => {
  const worker = `import os
import psycopg2

dsn = os.environ.get("DATABASE_URL", "postgres://u:p@localhost:6432/d")
# PGBOUNCER_BYPASS=1 goes straight to Postgres, past the pool; DATABASE_URL_DIRECT alone changes nothing.
if os.environ.get("PGBOUNCER_BYPASS", "").lower() in ("1", "true", "yes", "on"):
    dsn = os.environ.get("DATABASE_URL_DIRECT", "postgres://u:p@localhost:5432/d")
cur = psycopg2.connect(dsn).cursor()
cur.execute("LISTEN jobs")
`;
  const { hazards } = await planned({
    'compose.yaml': `${PG}  pgbouncer:
    image: edoburu/pgbouncer
    environment: { DB_HOST: db }
  worker:
    build: .
    command: python worker.py
    environment: { DATABASE_URL: "postgres://u:p@pgbouncer:6432/d", DATABASE_URL_DIRECT: "${URL}" }
`,
    Dockerfile: 'FROM python:3.13\nCOPY . .\n',
    'worker.py': worker,
  });
  expect(hazards.map(({ file, rule, severity }) => [file, rule, severity])).toContainEqual([
    'worker.py',
    'listen-notify',
    'error',
  ]);
});

describe('what a program reads of its environment', () => {
  test('Prisma reads what its schema names: the host that goes into the URL is nobody else’s', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}  app:
    build: .
    environment:
      POSTGRES_HOST: \${POSTGRES_HOST}
      DATABASE_URL: postgres://u:p@\${POSTGRES_HOST}/d
`,
      Dockerfile: 'FROM node:22\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["./start.sh"]\n',
      'start.sh': `#!/bin/sh
until PGPASSWORD=p psql -h "$POSTGRES_HOST" -U u -c '\\q'; do sleep 1; done
npx prisma migrate deploy
exec node server.js
`,
      'server.js': "require('@prisma/client');\n",
      '.env.example': 'POSTGRES_HOST=db\n',
      'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
    expect(written('start.sh')).toContain('\nDATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" npx prisma');
    expect(written('compose.yml')).toContain(
      'DATABASE_URL_DIRECT: postgres://u:p@${POSTGRES_HOST_DIRECT:-${POSTGRES_HOST}}/d',
    );
    expect(written('.env.example')).toContain('POSTGRES_HOST=pgbouncer\n');
  });

  test('libpq’s variables in an anchor of the server are none of an image that is given its own URL', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `x-db: &db
  PGHOST: \${PGHOST:-db}
  POSTGRES_PORT: \${POSTGRES_PORT:-5432}
services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d, <<: *db }
  api:
    image: makeplane/plane-backend:stable
    environment: { DATABASE_URL: "${URL}", <<: *db }
`,
      'variables.env': 'PGHOST=db\nPOSTGRES_PORT=5432\n',
    });
    expect(decided('PGHOST')).toEqual(['leave safe', 'leave safe']);
    expect(decided('POSTGRES_PORT')).toEqual(['leave safe', 'leave safe']);
    expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
  });

  test('a direct twin names the direct twins of pooled variables alone', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PUBLISHED}  web:\n    image: acme/web\n    environment: { DB_HOST: db }\n`,
      'api/.env.example': 'DB_HOST=localhost\nDATABASE_URL="postgresql://u:p@${DB_HOST}/d"\n',
      'api/prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
    });
    expect(written('api/.env.example')).not.toContain('DB_HOST_DIRECT');
  });

  test('psql in a gate speaks for no address in code, and `cmd="$@"` is the program', async () => {
    const { decided, changes } = await planned({
      'docker-compose.yml': `${PG}${app('command: ["./wait.sh", "db", "python", "app.py"]')}`,
      Dockerfile: PYTHON,
      'wait.sh': `#!/bin/sh\nhost="$1"\nshift\ncmd="$@"\nuntil psql -h "$host" -c '\\q'; do sleep 1; done\nexec $cmd\n`,
      'app.py': `import psycopg2\nDSN = "${URL}"\npsycopg2.connect(DSN)\n`,
    });
    expect(decided('DSN')).toEqual(['pooled safe']);
    expect(changes.map(({ file }) => file)).toContain('app.py');
  });
});

describe('who gets an env file', () => {
  test('what only the server is given says where the server is', async () => {
    const { decided } = await planned({
      'docker-compose.yml': `services:
  db:
    image: postgres:16
    env_file: env/db
    ports: ["5433:5432"]
  app:
    build: .
    environment: { DATABASE_URL: "${URL}" }
`,
      Dockerfile: PYTHON,
      'env/db': 'POSTGRES_USER=u\nPOSTGRES_PASSWORD=p\nPOSTGRES_DB=d\nDB_HOST=db\nDB_PORT=5433\n',
    });
    expect(decided('DB_HOST')).toEqual(['leave safe']);
    expect(decided('DB_PORT')).toEqual(['leave safe']);
  });

  test('one beside the compose file is compose’s, not that of the folder that is built', async () => {
    const { sites } = await planned({
      'deploy/docker-compose.yml': `${PG}  worker:
    build: ..
    environment: { WORKER_URL: "\${WORKER_URL}" }
  web:
    build: ..
`,
      'deploy/stack.env': `WORKER_URL=${URL}\n`,
      Dockerfile: `${PYTHON}CMD python app.py\n`,
      'app.py': 'import os\n',
    });
    const services = sites.filter(({ format }) => format === 'env').flatMap(({ uses }) => uses.map(use => use.service));
    expect([...new Set(services)]).toEqual(['worker']);
  });
});

test('a variable that skips the migration asks for none', async () => {
  const { pools } = await planned({
    'docker-compose.yml': `${PG}  app:
    image: acme/app
    environment: { DATABASE_URL: "${URL}", SKIP_STARTUP_MIGRATION: "true" }
`,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
});

test('indented text between the tags of MDX is no command', async () => {
  const { sites } = await planned({
    'docker-compose.yml': `${PG}${app(WITH_URL)}`,
    Dockerfile: PYTHON,
    '.env.example': `DATABASE_URL=${URL}\n`,
    'docs/upgrade.mdx':
      '<Tabs>\n  <Tab title="a">\n    text\n\n    Dump it with pg_dump $DATABASE_URL before you go on.\n\n    ```bash\n    alembic upgrade head\n    ```\n  </Tab>\n</Tabs>\n',
  });
  const words = sites.flatMap(({ uses }) => uses.map(use => use.words.join(' ')));
  expect(words.filter(text => text.includes('pg_dump'))).toEqual([]);
});

test('where no file sets the variable of the address, it is named', () => {
  const root = makeRepository({
    'docker-compose.yml': `${PG}  app:\n    image: acme/app\n    environment: { POSTGRES_HOST: "\${POSTGRES_HOST}" }\n`,
  });
  const { stderr } = runCli(['-C', root]);
  expect(stderr).toContain('app takes the address of Postgres from POSTGRES_HOST, which no file');
});

test('a file of settings whose text stands in the compose file is that of the services that mount it', async () => {
  const { written, sites } = await planned({
    'compose.yaml': `services:
  museum:
    image: acme/museum
    configs:
      - source: settings
        target: /app/museum.yaml
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
configs:
  settings:
    content: |
      db:
          host: db
          port: 5432
          user: u
`,
  });
  expect(written('compose.yaml')).toContain('          host: pgbouncer\n          port: 6432\n');
  expect(sites.flatMap(({ uses }) => uses.map(({ service }) => service))).toEqual(['museum', 'museum']);
});

test('what runs on the machine reads the env file of a published port, whoever else gets it', async () => {
  const { pools } = await planned({
    'docker-compose.yml': `${PUBLISHED}  pgadmin:\n    image: dpage/pgadmin4\n    env_file: .env\n`,
    '.env': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
    'Cargo.toml': '[package]\nname = "app"\n\n[dependencies]\nsqlx = { version = "0.8", features = ["postgres"] }\n',
    'src/main.rs': `use sqlx::postgres::PgPoolOptions;
async fn main() {
    let url = std::env::var("DATABASE_URL").unwrap();
    let pool = PgPoolOptions::new().connect(&url).await.unwrap();
    sqlx::migrate!().run(&pool).await.unwrap();
}
`,
    'README.md': '```sh\ncargo run\n```\n',
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('keywords in a word of a command are one address', async () => {
  const { written } = await planned({
    'docker-compose.yml': PG,
    'load.sh': '#!/bin/sh\ndotnet run --db "Host=db;Port=5432;Database=d;Username=u;Password=p"\n',
  });
  expect(written('load.sh')).toContain('Host=pgbouncer;Port=6432;');
});

describe('constants of code that a migration loads', () => {
  const django = (settings: string, command = 'python manage.py migrate && gunicorn proj.wsgi') => ({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    command: sh -c "${command}"\n`,
    Dockerfile: PYTHON,
    'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\n',
    'proj/wsgi.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\n',
    'proj/settings.py': settings,
  });
  const BYPASS = 'os.getenv("PGBOUNCER_BYPASS") in ("1", "true", "yes", "on")';
  const ENGINE = '"ENGINE": "django.db.backends.postgresql"';

  test('they keep the server for the bypass, which the command sets', async () => {
    const { written, pools } = await planned(
      django(
        `"""Settings."""\nfrom pathlib import Path\n\nDATABASES = {"default": {${ENGINE}, "HOST": "db", "PORT": 5432}}\n`,
      ),
    );
    expect(written('proj/settings.py')).toMatch(/^"""Settings\."""\nimport os\nfrom pathlib import Path\n/);
    expect(written('proj/settings.py')).toContain(
      `"HOST": "db" if ${BYPASS} else "pgbouncer", "PORT": 5432 if ${BYPASS} else 6432`,
    );
    expect(written('docker-compose.yml')).toContain(
      '"PGBOUNCER_BYPASS=1 python manage.py migrate && gunicorn proj.wsgi"',
    );
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  });

  test.each([
    ['#!/usr/bin/env python\n# Settings.\n', '#!/usr/bin/env python\n# Settings.\nimport os\nDATABASES'],
    ['"""Settings."""\n', '"""Settings."""\nimport os\nDATABASES'],
    ['from __future__ import annotations\n', 'from __future__ import annotations\nimport os\nDATABASES'],
  ])('the import that they need comes where it may: after %j', async (lead, expected) => {
    const { written } = await planned(
      django(`${lead}DATABASES = {"default": {${ENGINE}, "HOST": "db", "PORT": 5432}}\n`),
    );
    expect(written('proj/settings.py')).toContain(expected);
  });

  test('so do the defaults of variables', async () => {
    const { written, pools } = await planned(
      django(
        `import os\nDATABASES = {"default": {${ENGINE}, "HOST": os.environ.get("DB_HOST", "db"), "PORT": os.environ.get("DB_PORT", "5432")}}\n`,
      ),
    );
    expect(written('proj/settings.py')).toContain(`os.environ.get("DB_PORT", "5432" if ${BYPASS} else "6432")`);
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  });

  test.each([
    ['a host that goes into an expression', '"HOST": "db" + SUFFIX, "PORT": 5432'],
    ['a host without a port', '"HOST": "db"'],
    ['a port in an expression', '"HOST": "db", "PORT": os.getenv("DB_PORT") or 5432'],
  ])('%s can not: nothing is halved', async (_, address) => {
    const { written, sites } = await planned(
      django(`import os\nSUFFIX = ""\nDATABASES = {"default": {${ENGINE}, ${address}}}\n`),
    );
    expect(written('proj/settings.py')).not.toContain('PGBOUNCER_BYPASS');
    expect(written('docker-compose.yml')).not.toContain('PGBOUNCER_BYPASS=1');
    // Nothing is promised that is not done.
    expect(sites.filter(({ rule }) => rule === 'wired-apart')).toEqual([]);
  });
});

test('one command gets one edit, for host and port of keywords and for two templates of a variable', async () => {
  const keywords = await planned({
    'docker-compose.yml': `${PG}  web:\n    image: acme/web\n    command: sh -c 'pg_dump "$$DATABASE_URL" > /dump; exec web'\n    environment: { DATABASE_URL: "host=db port=5432 user=u dbname=d" }\n`,
  });
  expect(keywords.written('docker-compose.yml')).toContain('pg_dump "$${DATABASE_URL_DIRECT:-$$DATABASE_URL}"');
  const templates = await planned({
    'docker-compose.yml': `${PG}  web:\n    build: .\n    env_file: .env\n`,
    Dockerfile: `${PYTHON}CMD ["./start.sh"]\n`,
    'start.sh': '#!/bin/sh\nmigrate -path m -database "$DATABASE_URL" up\nexec python app.py\n',
    'app.py': 'import os\nos.environ["DATABASE_URL"]\n',
    'env.template': `DATABASE_URL=${URL}\n`,
    '.env.dist': `DATABASE_URL=${URL}\n`,
  });
  expect(templates.written('start.sh')).toContain('-database "${DATABASE_URL_DIRECT:-$DATABASE_URL}" up');
});

test('a folder of any name', async () => {
  const folder = '@acme/it\'s $(touch x) `y` "z"';
  const { written } = await planned({
    [`${folder}/docker-compose.yml`]: `${PG}  web:\n    image: acme/web\n    ${WITH_URL}\n`,
  });
  expect(written('scripts/pgbouncer_status.sh')).toContain(
    `cd "$(dirname "$0")/../@acme/it's \\$(touch x) \\\`y\\\` \\"z\\""`,
  );
});

test('host and port of an env file are those of the URLs beside them that read them', async () => {
  const { decided, changes } = await planned({
    'docker-compose.yml': `${PG}    ports: ["\${POSTGRES_PORT}:5432"]
  listener:
    build: .
    environment: { APP_URL: "\${APP_URL}" }
`,
    Dockerfile: `${PYTHON}CMD python listen.py\n`,
    'listen.py':
      'import os, psycopg2\ncur = psycopg2.connect(os.environ["APP_URL"]).cursor()\ncur.execute("LISTEN jobs")\n',
    'deploy.env': 'POSTGRES_HOST=db\nPOSTGRES_PORT=5432\nAPP_URL=postgres://u:p@${POSTGRES_HOST}:${POSTGRES_PORT}/d\n',
    'pool-migrate.yml': 'pool: { mode: transaction }\n',
  });
  expect(decided('POSTGRES_HOST')).not.toContain('pooled safe');
  expect(changes.map(({ file }) => file)).not.toContain('deploy.env');
});

test('a URL that reads variables which stay as they are keeps what it asks for', async () => {
  const asks = (host: string) => `environment: { DATABASE_URL: "postgres://u:p@${host}/d?search_path=auth" }`;
  const { written, decided } = await planned({
    'docker-compose.yml': `${PG}  one:
    image: acme/one
    ${asks('${POSTGRES_HOST}:${POSTGRES_PORT}')}
  two:
    image: acme/two
    ${asks('db:5432')}
`,
    '.env.example': 'POSTGRES_HOST=db\nPOSTGRES_PORT=5432\n',
    'pool-migrate.yml': 'keepDirect: [POSTGRES_HOST, POSTGRES_PORT]\n',
  });
  expect(decided('DATABASE_URL')).toEqual(['leave safe', 'pooled safe']);
  expect(serviceIn(written('docker-compose.yml'), 'one')).toContain(asks('${POSTGRES_HOST}:${POSTGRES_PORT}'));
});

test('Prisma’s own configuration says where its address comes from', async () => {
  const { pools, written } = await planned({
    'compose.yml': `${PG}  app:\n    build: .\n    ${WITH_URL}\n`,
    Dockerfile: 'FROM node:22\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["./start.sh"]\n',
    'start.sh': '#!/bin/sh\nnpx prisma migrate deploy\nexec node server.js\n',
    'server.js': "const { Pool } = require('pg');\nnew Pool({ connectionString: process.env.DATABASE_URL });\n",
    'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  shadowDatabaseUrl = env("SHADOW_URL")\n}\n',
    'prisma.config.ts': 'export default { datasource: { url: process.env.DATABASE_URL } };\n',
  });
  expect(written('start.sh')).toContain(
    'DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" npx prisma migrate deploy',
  );
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
});

test('a Prisma schema that is built into a service: whoever migrates in there goes direct', async () => {
  const { written, pools } = await planned({
    'server/compose.yml': `${PG}  api:\n    build: .\n    ${WITH_URL}\n`,
    'server/Dockerfile': 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n',
    'server/index.js': "require('@prisma/client');\n",
    'server/prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
    'server/Readme.md': '```sh\ndocker exec -it id_of_the_container npx prisma migrate dev\n```\n',
  });
  expect(written('server/prisma/schema.prisma')).toContain('  directUrl = env("DATABASE_URL_DIRECT")\n');
  expect(written('server/compose.yml')).toContain('DATABASE_URL_DIRECT');
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
});

test('the template of an env file that compose gives, whatever they are called', async () => {
  const { decided, pools } = await planned({
    'compose.yml': `${PG}  web:\n    build: .\n    env_file: env.d/postgresql\n`,
    Dockerfile: `${PYTHON}CMD python app.py\n`,
    'app.py': 'import os\nos.environ["DB_HOST"], os.environ["DB_PORT"]\n',
    'env.d/postgresql.dist': 'DB_HOST=db\nDB_PORT=5432\nDB_USER=u\n',
  });
  expect(decided('DB_HOST', 'env.d/postgresql.dist')).toEqual(['pooled safe']);
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
});

test('an image that compose builds is no pulled one, though a document builds another of that name', async () => {
  const { processes } = await planned({
    'compose.yml': `${PG}  web:\n    build: .\n    image: acme:dev\n    ${WITH_URL}\n  worker:\n    image: acme:dev\n    command: python app.py\n    ${WITH_URL}\n`,
    Dockerfile: `${PYTHON}CMD python app.py\n`,
    'app.py': 'import os\nos.environ["DATABASE_URL"]\n',
    'README.md': '```sh\ndocker build -t registry.example.org/acme -f Dockerfile .\n```\n',
  });
  const published = (service: string) =>
    (processes.services.get(`compose.yml\0${service}`) ?? []).map(({ isPublished }) => isPublished);
  expect([published('web'), published('worker')]).toEqual([[false], [false]]);
});

test('a list of variables that comes with the whole service by a merge is copied for the one that goes direct', async () => {
  const { written, pools } = await planned({
    'compose.yml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
  worker: &worker
    image: acme/app
    command: worker run
    env_file: app.env
    environment:
      - RUN_MIGRATIONS=1
      - QUEUES=default
  mail:
    <<: *worker
    environment:
      - QUEUES=mail
  scheduler:
    <<: *worker
    command: scheduler run
`,
    'app.env': `DATABASE_URL=${URL}\n`,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  expect(serviceIn(written('compose.yml'), 'scheduler')).toContain(
    `    environment:\n      - RUN_MIGRATIONS=1\n      - QUEUES=default\n      - DATABASE_URL=${URL}\n`,
  );
  expect(serviceIn(written('compose.yml'), 'mail')).not.toContain('DATABASE_URL');
});

test('a program of an override file is the one that the other file builds', async () => {
  const project = (name: string, program = '') => ({
    [`${name}/${name}.csproj`]: '<Project Sdk="Microsoft.NET.Sdk.Web" />\n',
    [`${name}/Program.cs`]: program,
    [`${name}/Dockerfile`]: `FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY . .\nENTRYPOINT ["dotnet", "${name}.dll"]\n`,
  });
  const service = (name: string) =>
    `  ${name.toLowerCase()}:\n    build: { context: ., dockerfile: ${name}/Dockerfile }\n`;
  const given = (name: string) =>
    `  ${name.toLowerCase()}:\n    environment: [ConnectionStrings__Database=Server=db;Port=5432;Database=d;User Id=u;Password=p]\n`;
  const { pools, sites } = await planned({
    'docker-compose.yml': `${PG}    ports: ["5433:5432"]\n${service('Orders')}${service('Basket')}`,
    'docker-compose.override.yml': `services:\n${given('Orders')}${given('Basket')}`,
    ...project('Orders', 'app.Services.GetRequiredService<Db>().Database.Migrate();\n'),
    ...project('Basket'),
    'Basket/appsettings.json':
      '{ "ConnectionStrings": { "Database": "Server=localhost;Port=5433;Database=d;User Id=u;Password=p" } }\n',
  });
  const own = sites.filter(({ file }) => file === 'Basket/appsettings.json');
  expect([...new Set(own.flatMap(({ uses }) => uses.map(({ service: name }) => name)))]).toEqual(['basket']);
  expect(own.every(({ question }) => question === null)).toBe(true);
  expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
});

test('a migration that nothing calls says nothing of the program', async () => {
  const files = (call: string) => ({
    'compose.yml': `${PG}  api:\n    build: .\n    environment: { ConnectionStrings__Db: "Host=db;Port=5432;Database=d;Username=u;Password=p" }\n`,
    Dockerfile: 'FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCOPY . .\nENTRYPOINT ["dotnet", "Api.dll"]\n',
    'Api.csproj': '<Project Sdk="Microsoft.NET.Sdk.Web" />\n',
    'Program.cs': `var app = builder.Build();\n${call}app.Run();\n`,
    'Extensions.cs':
      'public static class Extensions {\n  public static async Task MigrateDatabaseAsync(this IServiceProvider services) {\n    await context.Database.MigrateAsync();\n  }\n}\n',
  });
  expect((await planned(files(''))).pools.map(({ mode }) => mode)).toEqual(['transaction']);
  const called = await planned(files('await app.Services.MigrateDatabaseAsync();\n'));
  expect(called.pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('a web server beside the application knows nothing of Postgres', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}  api:\n    build: .\n    ${WITH_URL}\n  web:\n    build: { context: ., dockerfile: web.Dockerfile }\n    ${WITH_URL}\n`,
    Dockerfile: `${PYTHON}CMD python app.py\n`,
    'app.py': 'import os\nos.environ["DATABASE_URL"]\n',
    'web.Dockerfile': 'FROM nginx\nCOPY . .\nCMD ["nginx", "-g", "daemon off;"]\n',
    'jobs.py': 'import psycopg\npsycopg.connect().execute("LISTEN jobs")\n',
  });
  expect(pools.map(({ mode, others }) => [mode, others])).toEqual([['transaction', []]]);
});

describe('what a script only says, and what it calls', () => {
  const script = (body: string) => ({
    'compose.yml': `${PG}    ports: ["5432:5432"]\n  web:\n    image: acme/web\n    ${WITH_URL}\n`,
    'scripts/backup.sh': `#!/bin/bash
log() { echo "[$(date)] $1" | tee -a backup.log; }
run() { "$@"; }
dump() { pg_dump "$1" > dump.sql; }
DB_HOST="\${DATABASE_HOST:-localhost}"
DB_PORT="\${DATABASE_PORT:-5432}"
${body}
`,
  });

  test('a function that prints is no use, and so its dump alone decides', async () => {
    const { decided, pools } = await planned(
      script('log "Host: $DB_HOST:$DB_PORT"\npg_dump --host "$DB_HOST" --port "$DB_PORT" -U u d > dump.sql'),
    );
    expect([...decided('DATABASE_HOST'), ...decided('DATABASE_PORT')]).toEqual(['direct safe', 'direct safe']);
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  });

  test('one that hands on what it is given is', async () => {
    const { sites } = await planned(script('run app --host "$DB_HOST" --port "$DB_PORT"'));
    const [site] = sites.filter(({ key }) => key === 'DATABASE_HOST');
    expect(site?.uses.map(({ words }) => words[0])).toEqual(['run']);
  });
});

test('a tool that is told its connection by an option asks no variable for it', async () => {
  const { written, pools } = await planned({
    'compose.yml': `${PG}    ports: ["5432:5432"]\n`,
    '.env.example': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
    Makefile:
      'HOST=127.0.0.1\nPORT=5432\nDB=postgresql://u:p@$(HOST):$(PORT)/d\nup:\n\tsqlx migrate run --database-url=$(DB)\nrun:\n\tcargo run\n',
    'src/main.rs': 'let url = std::env::var("DATABASE_URL").unwrap();\n',
  });
  expect(pools.map(({ mode, unwired }) => [mode, unwired])).toEqual([['transaction', []]]);
  expect(written('.env.example')).toContain('@localhost:6432/d');
  expect(written('Makefile')).toBe('');
});

test('a container that starts tests is theirs, whatever it prepares before', async () => {
  const { decided } = await planned({
    'compose.yml': `${PG}  test-db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
  web:
    build: .
    command: flask run
    ${WITH_URL}
  checks:
    build: .
    command: pytest
    environment: { CHECKS_URL: "postgresql://u:p@test-db:5432/d" }
`,
    Dockerfile: `${PYTHON}ENTRYPOINT ["./entrypoint.sh"]\n`,
    'entrypoint.sh': '#!/bin/sh\nflask create admin\nexec "$@"\n',
  });
  expect(decided('CHECKS_URL')).toEqual(['review safe']);
  expect(decided('DATABASE_URL')).toEqual(['pooled safe']);
});

test('a job that is built from the server’s image is no server', async () => {
  const { topology } = await planned({
    'compose.yml': `${PG}  backup:\n    build: backup\n    ${WITH_URL}\n  other:\n    build: other\n`,
    'backup/Dockerfile': 'FROM postgres:16-alpine\nCOPY backup.sh /backup\nCMD ["/backup", "daily"]\n',
    'other/Dockerfile':
      'FROM postgres:16\nCOPY init.sql /docker-entrypoint-initdb.d/\nCMD ["postgres", "-c", "shared_buffers=1GB"]\n',
  });
  expect(topology.servers.map(({ service }) => service)).toEqual(['db', 'other']);
});

describe('what waits for Postgres before a migration that goes direct waits for the server', () => {
  const HOST = 'environment: { DB_HOST: db, DB_PORT: "5432" }';
  const files = (script: string) => ({
    'compose.yml': `${PG}  web:\n    build: .\n    ${HOST}\n`,
    Dockerfile: `${PYTHON}ENTRYPOINT ["./entrypoint.sh"]\nCMD ["gunicorn", "app:app"]\n`,
    'entrypoint.sh': `#!/bin/sh\n${script}\nexec "$@"\n`,
    'app.py': 'import os\nos.environ["DB_HOST"], os.environ["DB_PORT"]\n',
  });

  test('a loop of nc', async () => {
    const { written } = await planned(
      files('while ! nc -z $DB_HOST $DB_PORT; do\n  sleep 0.1\ndone\npython manage.py migrate'),
    );
    expect(written('entrypoint.sh')).toContain(
      'while ! nc -z ${DB_HOST_DIRECT:-$DB_HOST} ${DB_PORT_DIRECT:-$DB_PORT}; do',
    );
    expect(written('entrypoint.sh')).toContain('DB_HOST="${DB_HOST_DIRECT:-$DB_HOST}"');
  });

  test('one after it, or without one, waits for the pooler', async () => {
    const after = await planned(files('python manage.py migrate\nuntil nc -z $DB_HOST $DB_PORT; do sleep 1; done'));
    expect(after.written('entrypoint.sh')).toContain('until nc -z $DB_HOST $DB_PORT; do');
    const alone = await planned(files('until nc -z $DB_HOST $DB_PORT; do sleep 1; done'));
    expect(alone.written('entrypoint.sh')).toBe('');
  });
});

describe('compose puts a variable of its env file into settings of other names', () => {
  const service = (name: string, command: string, entries: string) =>
    `  ${name}:\n    image: acme/app\n    command: ${command}\n    environment:\n${entries}`;

  test('the service that goes direct gets those settings from the direct variable', async () => {
    const entries = '      ConnectionStrings__Db: ${DB_STRING}\n      Quoted: "${DB_STRING:?set it}"\n';
    const { written, pools } = await planned({
      'compose.yml': `${PG}${service('api', 'serve', entries)}${service('migrations', 'migrate up', entries)}`,
      '.env.example': 'DB_STRING=Server=db;Port=5432;Database=d;User Id=u;Password=p\n',
    });
    const own = serviceIn(written('compose.yml'), 'migrations');
    expect(own).toContain('      ConnectionStrings__Db: ${DB_STRING_DIRECT:-${DB_STRING}}\n');
    expect(own).toContain('      Quoted: ${DB_STRING_DIRECT:-${DB_STRING:?set it}}\n');
    expect(own).not.toContain(' DB_STRING:');
    expect(serviceIn(written('compose.yml'), 'api')).toContain('ConnectionStrings__Db: ${DB_STRING}\n');
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  });

  test('host and port that stand in one of them', async () => {
    const entries = '      DATABASE_URL: postgres://u:p@${PG_HOST}:${PG_PORT}/d\n';
    const { written } = await planned({
      'compose.yml': `${PG}${service('api', 'serve', entries)}${service('migrations', 'migrate up', entries)}`,
      '.env.example': 'PG_HOST=db\nPG_PORT=5432\n',
    });
    expect(serviceIn(written('compose.yml'), 'migrations')).toContain(
      'DATABASE_URL: postgres://u:p@${PG_HOST_DIRECT:-${PG_HOST}}:${PG_PORT_DIRECT:-${PG_PORT}}/d\n',
    );
  });
});

test('a settings file that a service with session state shares with one that is ready: no value apart, so a pool in session mode', async () => {
  const { decided, pools } = await planned({
    'compose.yml': `${PG}  web:\n    build: .\n    command: dagster-webserver -w workspace.yaml\n  daemon:\n    build: .\n    command: dagster-daemon run\n`,
    Dockerfile: `${PYTHON}`,
    'dagster.yaml':
      'storage:\n  postgres:\n    postgres_db:\n      hostname: db\n      username: u\n      password: p\n      db_name: d\n      port: 5432\n',
  });
  expect(decided('hostname')).toEqual(['pooled safe']);
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test.each([
  [
    'main.go',
    'package main\nimport "github.com/quay/claircore/pkg/ctxlock/v2"\n',
    'FROM golang\nCOPY . .\nCMD ["./app"]\n',
  ],
  ['tasks.py', 'from pulpcore.plugin.tasking import dispatch\n', 'FROM python:3.12\nCOPY . .\nCMD ["./app"]\n'],
])('what a library of %s needs is what the program needs', async (file, text, Dockerfile) => {
  const { pools } = await planned({
    'compose.yml': `${PG}  web:\n    build: .\n    ${WITH_URL}\n`,
    Dockerfile,
    [file]: text,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('what a build printed in UTF-16 refuses nothing', async () => {
  const root = makeRepository({ 'compose.yml': `${PG}  web:\n    image: acme/web\n    ${WITH_URL}\n` });
  const wide = Buffer.from('\uFEFFBUILD postgresql://u:p@db:5432/d\r\n', 'utf16le');
  writeFileSync(join(root, 'mvn_output.txt'), wide);
  expect((await planMigration({ cwd: root })).refused).toEqual([]);
  writeFileSync(join(root, 'app.env'), wide);
  expect((await planMigration({ cwd: root })).refused).toHaveLength(1);
});

describe('a connection string of a template is no value for a service: the real file has another password', () => {
  const files = (command: string) => ({
    'compose.yml': `${PG}  web:\n    image: acme/app\n    command: serve\n    env_file: app.env\n  migrations:\n    image: acme/app\n${command}    env_file: app.env\n`,
    'app.env.example': 'DATABASE_URL=postgresql://u:CHANGE-ME@db:5432/d\n',
  });

  test('its command takes the direct variable', async () => {
    const { written, pools } = await planned(files('    command: sh -c "migrate up"\n'));
    const own = serviceIn(written('compose.yml'), 'migrations');
    expect(own).toContain('$${DATABASE_URL_DIRECT:-$$DATABASE_URL}');
    expect(own).not.toContain('CHANGE-ME');
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
  });

  test.each(['', '    command: migrate up\n'])('without a shell (%j) the pool is in session mode', async command => {
    const { written, pools } = await planned(files(command));
    expect(written('compose.yml')).not.toContain('CHANGE-ME');
    expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  });
});

test('a template that CI copies, of which it sets the variables itself', async () => {
  const files = (env: string) => ({
    'compose.yml': `${PG}  web:\n    image: acme/web\n    env_file: .env\n`,
    '.env.example': 'DB_HOST=db\nDB_PORT=5432\n',
    '.github/workflows/ci.yml': `on: push\n${env}jobs:\n  test:\n    services:\n      postgres: { image: "postgres:16" }\n    steps:\n      - run: cp .env.example .env\n`,
  });
  const set = await planned(files('env: { DB_HOST: 127.0.0.1, DB_PORT: 5432 }\n'));
  expect([...set.decided('DB_HOST', '.env.example'), ...set.decided('DB_PORT', '.env.example')]).toEqual([
    'pooled safe',
    'pooled safe',
  ]);
  const half = await planned(files('env: { DB_PORT: 5432 }\n'));
  expect(half.decided('DB_HOST', '.env.example')).toEqual(['review safe']);
});

test('the image of the application is its own, also when its name speaks of Postgres', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}  app:
    image: acme/postgresql-events
    environment:
      DATABASE_URL: ${URL}
`,
    'package.json': '{"dependencies":{"pg":"8.0.0"}}',
    'feed.js': "const { Client } = require('pg');\nconst client = new Client();\nclient.query('LISTEN events');\n",
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('a URL whose port alone is a variable is edited where the port stands', async () => {
  const { written, pools } = await planned({
    'compose.yml': `${PG}  app:
    build: .
    env_file: .env.sample
    environment:
      DATABASE_URL: postgresql://u:p@db:\${DATABASE_PORT}/d
`,
    '.env.sample': 'DATABASE_SERVER=db\nDATABASE_PORT=5432\n',
    Dockerfile: 'FROM node:20\nCMD ["node", "server.js"]\n',
    'server.js': "new (require('pg').Pool)({ connectionString: process.env.DATABASE_URL });\n",
  });
  const port = /^DATABASE_PORT=(\d+)/m.exec(written('.env.sample'))?.[1] ?? '5432';
  expect(written('compose.yml')).toContain('postgresql://u:p@pgbouncer:${DATABASE_PORT}/d');
  expect(pools.map(pool => String(pool.port))).toEqual([port]);
});

/** Host and port of an env file, which two services get. */
const passedOn = (image: string, environment: string) => ({
  'compose.yml': `${PG}  other:
    image: ${image}
    environment:
${environment}
  app:
    build: .
    environment:
      DB_HOST: \${DB_HOST}
      DB_PORT: \${DB_PORT}
`,
  '.env.example': 'DB_HOST=db\nDB_PORT=5432\n',
  Dockerfile: 'FROM node:20\nCMD ["node", "server.js"]\n',
  'server.js': "new (require('pg').Pool)({ host: process.env.DB_HOST, port: process.env.DB_PORT });\n",
});

test.each([
  [
    'prodrigestivill/postgres-backup-local',
    '      POSTGRES_HOST: ${DB_HOST}\n      POSTGRES_PORT: ${DB_PORT}',
    ['POSTGRES_HOST: ${DB_HOST_DIRECT:-${DB_HOST}}', 'POSTGRES_PORT: ${DB_PORT_DIRECT:-${DB_PORT}}'],
  ],
  [
    'amacneil/dbmate',
    '      DATABASE_URL: postgres://u:p@${DB_HOST}:${DB_PORT}/d',
    ['DATABASE_URL: postgres://u:p@${DB_HOST_DIRECT:-${DB_HOST}}:${DB_PORT_DIRECT:-${DB_PORT}}/d'],
  ],
  ['adminer', '      ADMINER_DEFAULT_SERVER: ${DB_HOST}', ['ADMINER_DEFAULT_SERVER: ${DB_HOST_DIRECT:-${DB_HOST}}']],
])('%s is direct, whatever it calls what the application gets too', async (image, environment, own) => {
  const { written, sites } = await planned(passedOn(image, environment));
  expect(written('.env.example')).toContain('DB_HOST=pgbouncer\n');
  for (const line of own) expect(serviceIn(written('compose.yml'), 'other')).toContain(line);
  expect(sites.filter(({ action }) => action === 'review')).toEqual([]);
});

test('an administration tool that does not read what it is given asks nothing', async () => {
  const { written, sites } = await planned(passedOn('adminer', '      DB_HOST: ${DB_HOST}\n      DB_PORT: ${DB_PORT}'));
  expect(written('.env.example')).toContain('DB_HOST=pgbouncer\n');
  expect(sites.filter(({ action }) => action === 'review')).toEqual([]);
});

describe('what a program needs, however it comes to its connection', () => {
  const app = (environment: string, more = '') => `${PG}  app:\n    build: .\n    environment:\n${environment}${more}`;

  test('a command of one of several versions is that command', async () => {
    const { written } = await planned({
      'compose.yml': app(`      DATABASE_URL: ${URL}\n`),
      Dockerfile: 'FROM fedora:41\nCOPY . .\nCMD ["sh", "run.sh"]\n',
      'run.sh': 'alembic-3 upgrade head\nexec python3 app.py\n',
      'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
    });
    expect(written('run.sh')).toContain(
      'DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" alembic-3 upgrade head\n',
    );
  });

  test('a program that dumps leaves its settings on the connection: session mode', async () => {
    const { pools } = await planned({
      'compose.yml': app(`      DATABASE_URL: ${URL}\n`),
      Dockerfile: 'FROM python:3.12\nCOPY . .\nCMD ["python", "app.py"]\n',
      'app.py': 'import backup\nimport os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
      'backup.py':
        'from db import url\nimport subprocess\ndef dump():\n    cmd = ["pg_dump", url()]\n    subprocess.run(cmd)\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  });

  test('dj-database-url reads DATABASE_URL without its name, whatever other variables of the file are read beside it', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}  app:\n    build: .\n    env_file: app.env\n`,
      'app.env.template': `SECRET_KEY=x\nDATABASE_URL=${URL}\n`,
      Dockerfile: 'FROM python:3.12\nCOPY . .\nCMD ["python", "manage.py", "runserver"]\n',
      'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")\n',
      'site/__init__.py': '',
      'site/settings.py':
        'import os\nimport dj_database_url\nSECRET_KEY = os.environ["SECRET_KEY"]\nDATABASES = {"default": dj_database_url.config()}\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
    expect(written('app.env.template')).toContain(POOLED);
    expect(written('site/settings.py')).toContain('"DISABLE_SERVER_SIDE_CURSORS": True');
  });

  test('a settings file that no program is seen to read is read by the code of its module', async () => {
    const { pools, written } = await planned({
      'compose.yml': PG.replace('    environment', '    ports: ["5432:5432"]\n    environment'),
      'api/src/main/resources/application-dev.yml':
        'spring:\n  datasource:\n    url: jdbc:postgresql://localhost:5432/d\n    username: u\n    password: p\n',
      'api/build.gradle.kts': 'dependencies { implementation("org.flywaydb:flyway-core:10") }\n',
      'api/src/main/java/App.java': 'class App {}\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction']);
    // The build file brings Flyway, so its migrations get the connection of before.
    expect(written('api/src/main/resources/application-dev.yml')).toContain(
      '  flyway:\n    url: jdbc:postgresql://localhost:5432/d\n    user: u\n    password: p\n',
    );
  });

  test('neither a tool that is told its connection nor what else is built with the file reads it', async () => {
    const { pools } = await planned({
      'compose.yml': `${PG}  app:
    build: .
    volumes: ["./:/go/src/app"]
    command: ./wait.sh
`,
      Dockerfile: 'FROM golang:1.23\nCOPY . .\n',
      'wait.sh': '#!/bin/sh\npsql -h $DB_HOST -c "SELECT 1"\n',
      'conf/settings.json': '{ "database": { "hostname": "db", "name": "d", "port": 5432 } }\n',
      'go.mod': 'module example.org/app\n',
      'lock.go':
        'package app\nimport "github.com/jackc/pgx/v5"\nfunc f(c *pgx.Conn) { c.Exec(ctx, "SELECT pg_advisory_lock(1)") }\n',
    });
    expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  });
});

test('a stack of tests alone gets no pooler, and nothing in it waits for one', async () => {
  const { written } = await planned({
    'docker-compose.yml': `${PG}  app:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'docker-compose.test.yml': `${PG}  tests:
    build: .
    command: pytest
    environment:
      DATABASE_URL: ${URL}
    volumes: [".:/app"]
    depends_on: [db]
`,
    Dockerfile: 'FROM python:3.12\nCOPY . .\nCMD ["python", "app.py"]\n',
    'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["DATABASE_URL"])\n',
  });
  expect(written('docker-compose.yml')).toContain(POOLED);
  expect(written('docker-compose.test.yml')).toBe('');
});

test.each([
  [
    'a script that starts a server of its own',
    {
      'install.sh': `docker run -d --name db -e POSTGRES_PASSWORD=p postgres:16
docker run -d --name app -e DATABASE_URL=${URL} acme/app
`,
    },
  ],
  [
    'a manifest',
    { 'k8s/app.yaml': 'kind: ConfigMap\nmetadata: { name: app }\ndata:\n  DATABASE_URL: postgres://u:p@rds/d\n' },
  ],
  [
    'another stack',
    {
      'docker-compose.prod.yml':
        'services:\n  app:\n    image: acme/app\n    environment:\n      DATABASE_URL: postgres://u:p@10.0.0.1/d\n',
    },
  ],
])('Prisma needs its directUrl everywhere, and %s does not give it', async (_, files) => {
  const { written, pools } = await planned({
    'compose.yml': `${PG}  app:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`,
    Dockerfile:
      'FROM node:22\nCOPY . .\nRUN printf "npx prisma migrate deploy\\nnode server.js\\n" > start.sh\nCMD ["./start.sh"]\n',
    'prisma/schema.prisma': 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
    ...files,
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  expect(written('prisma/schema.prisma')).toBe('');
  for (const file of Object.keys(files)) expect(written(file)).toBe('');
});

test('an own image without a Dockerfile to read starts with its entry point: what that migrates is done by it', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}  app:\n    image: acme/shop:latest\n    environment:\n      DATABASE_URL: ${URL}\n`,
    'README.md': '# Shop\n\nThe image is acme/shop.\n',
    'bin/docker-entrypoint.sh': '#!/bin/sh\nbundle exec rails db:prepare:with_data\nexec "$@"\n',
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('`postgres` is the user of a container that is told none, with the database that it is told', async () => {
  const { written } = await planned({
    'compose.yml':
      'services:\n  db:\n    image: postgres:16\n    environment: { POSTGRES_PASSWORD: postgres, POSTGRES_DB: shop }\n    ports: ["5432:5432"]\n',
    '.env.example': 'DATABASE_URL=postgres://postgres:postgres@localhost:5432/shop\n',
    'server.js': "new (require('pg').Pool)({ connectionString: process.env.DATABASE_URL });\n",
  });
  expect(written('.env.example')).toContain('DATABASE_URL=postgres://postgres:postgres@localhost:6432/shop\n');
});

test('what an env file hands on under another name is given to no process alone: session mode', async () => {
  const { written, pools } = await planned({
    'compose.yml': `${PG}  app:\n    build: .\n    env_file: .env\n`,
    '.env.example': `DB_URL=${URL}\nConnectionStrings__Default=\${DB_URL}\n`,
    Dockerfile: 'FROM python:3.12\nCOPY . .\nCMD ["sh", "run.sh"]\n',
    'run.sh': 'alembic upgrade head\nexec python app.py\n',
    'app.py': 'import os, psycopg2\npsycopg2.connect(os.environ["ConnectionStrings__Default"])\n',
  });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
  expect(written('.env.example')).toContain(`DB_URL=${POOLED}\n`);
  expect(written('run.sh')).toBe('');
});

test('in the network of another service that maps the server to an address, the pooler has no name', async () => {
  const { written, decided } = await planned({
    'compose.yml': `${PG}    networks: { n: { ipv4_address: 10.5.0.11 } }
  vpn:
    image: qmcgaw/gluetun
    extra_hosts: ["db:10.5.0.11"]
    networks: { n: { ipv4_address: 10.5.0.10 } }
  app:
    image: acme/app
    network_mode: service:vpn
    environment: { DATABASE_URL: "${URL}" }
networks: { n: { ipam: { config: [{ subnet: 10.5.0.0/24 }] } } }
`,
  });
  expect(decided('DATABASE_URL')).toEqual(['review safe']);
  expect(written('compose.yml')).toBe('');
});

test('a variable that a URL takes its host from is a host, whatever it is called', async () => {
  const { written, decided } = await planned({
    'compose.yml': `${PG}  app:
    image: acme/app
    environment: { DATABASE_URL: "postgresql://app:pw@\${data_domain}:\${data_port}/app" }
`,
    '.env': 'data_domain=db\ndata_port=5432\nmail_domain=mail\n',
  });
  expect(decided('data_domain')).toEqual(['pooled safe']);
  expect(decided('data_port')).toEqual(['pooled safe']);
  expect(written('.env')).toContain('data_domain=pgbouncer\n');
  expect(written('.env')).toContain('data_port=6432\n');
});

test('the README names the stack of each server where several have a pooler', async () => {
  const stack = `${PG}  app:
    image: acme/app
    environment: { DATABASE_URL: "${URL}" }
`;
  const { written } = await planned({ 'a/compose.yml': stack, 'compose.yml': stack, 'README.md': '# Acme\n' });
  const rows = written('README.md').match(/^\| (?:pooled|direct) .*? \|/gm);
  expect(rows).toEqual([
    '| pooled (db in the root folder) |',
    '| direct (db in the root folder) |',
    '| pooled (db in a) |',
    '| direct (db in a) |',
  ]);
});

describe('one value in several files', () => {
  test('a port that compose sets over that of the env file with the host: the pooler listens there', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}  app:
    image: acme/app
    volumes: ["./:/app"]
    working_dir: /app
    command: php artisan serve
    environment: ["DB_PORT=5432"]
`,
      '.env.example': 'DB_CONNECTION=pgsql\nDB_HOST=db\nDB_PORT=5432\nDB_USERNAME=u\n',
      artisan: '#!/usr/bin/env php\n',
    });
    expect(pools).toMatchObject([{ port: 5432, portReason: "DB_PORT (compose.yml) is the server's" }]);
    expect(written('.env.example')).toContain('DB_HOST=pgbouncer\n');
    expect(written('.env.example')).toContain('DB_PORT=5432\n');
    expect(written('compose.yml')).toContain('DB_PORT=5432');
  });

  test('a port in the URL of another program says nothing of who else reads the host; a file further down that adds to a service is of its stack', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}  app:
    build: .
    environment: [DB_HOST]
`,
      '.env': 'DB_HOST=db\n',
      'docker/monitor.yml': `services:
  app:
    depends_on: [exporter]
  exporter:
    image: prometheuscommunity/postgres-exporter
    environment:
      - DATA_SOURCE_NAME=postgresql://u:p@\${DB_HOST}:5432/d?sslmode=disable
`,
      Dockerfile: `${PYTHON}CMD ["python", "app.py"]\n`,
      'app.py':
        'import psycopg2, settings\npsycopg2.connect(host=settings.DB_HOST, port=5432, user="u", password="p", dbname="d")\n',
      'settings.py': 'import os\nDB_HOST = os.environ["DB_HOST"]\n',
    });
    expect(pools).toMatchObject([{ mode: 'transaction', port: 5432 }]);
    expect(written('.env')).toContain('DB_HOST=pgbouncer\n');
    expect(written('docker/monitor.yml')).toContain('@${DB_HOST_DIRECT:-${DB_HOST}}:5432/d');
  });

  test('COMPOSE_FILE puts files of several folders into one stack', async () => {
    const { written } = await planned({
      '.env': 'COMPOSE_FILE=compose.yml:docker/dev.yml\n',
      'compose.yml': PG,
      'docker/dev.yml': `services:\n  app:\n    image: acme/app\n    environment: { DATABASE_URL: "${URL}" }\n`,
    });
    expect(written('docker/dev.yml')).toContain(POOLED);
    expect(written('compose.yml')).toContain('pgbouncer');
  });

  test('an env file that is built into an image is read by the code there that names its variables, whatever people run with it', async () => {
    const { pools } = await planned({
      'compose.yml': `${PG}${app('depends_on: [db]')}`,
      '.env.example': 'DB_HOST=db\nDB_PORT=5432\n',
      Makefile: 'up:\n\tgoose postgres postgresql://u:p@${DB_HOST}:${DB_PORT}/d up\n',
      Dockerfile: 'FROM golang:1.22\nWORKDIR /app\nCOPY . .\nRUN go build -o bot .\nCMD ["./bot"]\n',
      'go.mod': 'module acme\n',
      'main.go':
        'package main\nimport ("os"; "database/sql"; _ "github.com/lib/pq")\nfunc main() { sql.Open("postgres", "host="+os.Getenv("DB_HOST")+" port="+os.Getenv("DB_PORT")) }\n',
    });
    expect(pools).toMatchObject([{ mode: 'session', others: [{ service: 'app' }] }]);
  });

  test('an env file that a script writes, whatever its name', async () => {
    const { written } = await planned({
      'compose.yml': `${PG}  app:\n    image: acme/app\n    env_file: .backend_env\n`,
      'setup.sh': '#!/bin/sh\ncat > .backend_env <<EOF\nDB_HOST=db\nDB_PORT=5432\nEOF\n',
    });
    expect(written('setup.sh')).toContain('DB_HOST=pgbouncer\n');
    expect(written('setup.sh')).toContain('DB_PORT=6432\n');
  });
});

describe('what runs behind other words', () => {
  test('Symfony: migrations by their short name go direct, and so does a worker that waits with LISTEN', async () => {
    const files = (transport: string) => ({
      'compose.yml': `${PG}  app:
    image: acme/app
    command: sh -c 'bin/console d:m:m -n && php-fpm'
    env_file: .env.docker
  worker:
    image: acme/app
    command: [bin/console, messenger:consume, async]
    env_file: .env.docker
`,
      '.env.docker': `DATABASE_URL=${URL}\n`,
      'config/packages/messenger.yaml': `framework:\n  messenger:\n    transports:\n      async: '${transport}'\n`,
    });
    const { written, pools } = await planned(files('doctrine://default'));
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['app'], others: [{ service: 'worker' }] }]);
    expect(written('compose.yml')).toContain('DATABASE_URL=$${DATABASE_URL_DIRECT:-$$DATABASE_URL} bin/console d:m:m');
    expect(serviceIn(written('compose.yml'), 'worker')).toContain(`DATABASE_URL: ${URL}`);
    const other = await planned(files('redis://redis:6379/messages'));
    expect(other.pools).toMatchObject([{ ready: ['app', 'worker'], others: [] }]);
    expect((await planned(files('doctrine://default?use_notify=false'))).pools).toMatchObject([{ others: [] }]);
  });

  test('better-npm-run', async () => {
    const { written } = await planned({
      'compose.yml': `${PG}  app:
    build: .
    command: yarn run start
    env_file: .env
`,
      '.env': 'DB_HOST=db\nDB_PORT=5432\n',
      Dockerfile: 'FROM node:20\nWORKDIR /app\nCOPY . .\n',
      'package.json':
        '{"scripts":{"start":"bnr start"},"betterScripts":{"start":{"command":"knex migrate:latest && node ."}}}\n',
    });
    expect(written('package.json')).toContain('DB_PORT=${DB_PORT_DIRECT:-$DB_PORT} knex migrate:latest && node .');
  });

  test('a script that hands its arguments on is the same for every caller: the value stands before the call', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PG}  app:
    image: acme/app
    volumes: [".:/app"]
    working_dir: /app
    command: ./wrap.sh bundle exec puma
    env_file: .env
`,
      '.env': `DATABASE_URL=${URL}\n`,
      'wrap.sh': '#!/bin/bash\nrbenv exec "$@"\n',
      'migrate.sh': '#!/bin/bash\ndocker compose run app ./wrap.sh bundle exec rake db:migrate\n',
    });
    expect(pools).toMatchObject([{ mode: 'transaction', ready: ['app'] }]);
    expect(written('wrap.sh')).toBe('');
    expect(written('migrate.sh')).toMatch(/DATABASE_URL.*_DIRECT.*rake db:migrate/);
  });

  test('settings of Rails with a default: what is run in the service by hand reads them too', async () => {
    const { pools } = await planned({
      'compose.yml': `${PG}  app:
    image: acme/app
    volumes: [".:/app"]
    working_dir: /app
    command: bundle exec puma
`,
      'config/database.example.yml':
        "development:\n  adapter: postgresql\n  host: <%= ENV['PG_ADDR'] || 'db' %>\n  port: <%= ENV['PG_PORT'] || 5432 %>\n  username: u\n",
      'config.ru': 'run App\n',
      'migrate.sh': '#!/bin/bash\ndocker compose run app bundle exec rake db:migrate\n',
    });
    expect(pools).toMatchObject([{ mode: 'session' }]);
  });

  test('settings that are loaded by their name are read by all that the service starts', async () => {
    const { pools } = await planned({
      'compose.yml': `${PG}  app:
    build: .
    command: sh -c "acme db upgrade && flask run"
    environment: { FLASK_APP: acme/wsgi.py }
`,
      Dockerfile: PYTHON,
      'acme/__init__.py': '',
      'acme/wsgi.py': 'from flask import Flask\napp = Flask("acme")\napp.config.from_object("acme.config.Dev")\n',
      'acme/config.py': `class Dev:\n    SQLALCHEMY_DATABASE_URI = "${URL}"\n`,
    });
    expect(pools).toMatchObject([{ mode: 'session', unwired: [{ words: ['acme', 'db', 'upgrade'] }] }]);
  });
});

test('a variable that stands commented out is none that the code takes its connection from', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}  app:\n    build: .\n    env_file: .env\n`,
    '.env': '# DATABASE_URL=postgres://user:password@host:port/dbname\nPGHOST=db\nPGPORT=5432\n',
    Dockerfile: 'FROM golang:1.22\nWORKDIR /app\nCOPY . .\nRUN go build -o /app/app .\nCMD ["/app/app"]\n',
    'go.mod': 'module acme\n',
    'main.go': `package main
import ("os"; "github.com/golang-migrate/migrate/v4")
func main() { url := os.Getenv("DATABASE_URL"); m, _ := migrate.New("file://m", url); m.Up() }
`,
  });
  expect(pools).toMatchObject([{ mode: 'session', others: [{ service: 'app' }] }]);
});

test('parameters that the settings themselves send are sent by whoever loads them', async () => {
  const { decided, pools } = await planned({
    'compose.yml': `${PG}  web:
    build: .
    command: sh -c "python manage.py migrate && python manage.py runserver"
  worker:
    build: .
    command: ./worker.sh
`,
    Dockerfile: PYTHON,
    'worker.sh': '#!/bin/sh\nexec celery -A acme worker\n',
    'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "acme.settings")\n',
    'acme/__init__.py': '',
    'acme/settings.py': `DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "USER": "u", "NAME": "d",
    "HOST": "db", "PORT": "5432",
    "OPTIONS": {"options": "-c acme.tenant=none"},
}}
`,
  });
  expect(decided('HOST')).toEqual(['direct safe']);
  expect(pools).toMatchObject([{ ready: [] }]);
});

test('the file that a process manager is told', async () => {
  const { written, pools } = await planned({
    'compose.yml': `${PG}${app('command: foreman start -f Procfile.docker', WITH_URL)}`,
    Dockerfile: 'FROM ruby:3.3\nWORKDIR /app\nCOPY . .\n',
    Procfile: 'web: bundle exec puma\n',
    'Procfile.docker': 'web: bundle exec puma\nsetup: bin/setup.sh\n',
    'bin/setup.sh': '#!/bin/sh\nrails db:migrate\n',
  });
  expect(pools).toMatchObject([{ mode: 'transaction', unwired: [] }]);
  expect(written('bin/setup.sh')).toMatch(/DATABASE_URL.*_DIRECT.* rails db:migrate/);
});

test('what starts without a first line is read by the shell', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}${app('command: bin/evaluate')}`,
    Dockerfile: 'FROM ruby:3.3\nWORKDIR /app\nCOPY . .\n',
    'bin/evaluate': '# Loads what is not there.\nbundle exec rake db:schema:load\nbundle exec rails server\n',
    'config/database.yml':
      'production:\n  adapter: postgresql\n  host: db\n  username: u\n  password: p\n  database: d\n',
    'config.ru': 'run App\n',
  });
  expect(pools).toMatchObject([{ mode: 'session', unwired: [{ words: ['rake', 'db:schema:load'] }] }]);
});

test('modules beside one another, as Python imports them', async () => {
  const { pools } = await planned({
    'compose.yml': `${PG}${app('command: sh -c "alembic upgrade head && uvicorn app.main:app"')}`,
    Dockerfile: PYTHON,
    'app/__init__.py': '',
    'app/main.py': 'from . import (\n    config,  # settings\n    other,\n)\n',
    'app/other.py': '',
    'app/config.py': `class Settings:\n    database_url: str = "${URL}"\n`,
  });
  expect(pools).toMatchObject([{ mode: 'session', unwired: [{ words: ['alembic', 'upgrade', 'head'] }] }]);
});

describe('what people run on the machine itself', () => {
  const stack = (env: string, text: string) =>
    planned({
      'compose.yml': PUBLISHED,
      '.env.example': env,
      'web.py': 'import os\nurl = os.getenv("DATABASE_URL") or os.environ["DB_HOST"] + os.environ["DB_PORT"]\n',
      'README.md': `\`\`\`sh\n${text}\`\`\`\n`,
    });

  test.each([
    [
      'a program that reads the env file by itself gets nothing empty',
      'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
      'flask db upgrade\n',
      'env ${DATABASE_URL_DIRECT:+DATABASE_URL="$DATABASE_URL_DIRECT"} flask db upgrade\n',
    ],
    [
      'a shell that has read the file',
      'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
      '. ./.env\nflask db upgrade\n',
      'DATABASE_URL="${DATABASE_URL_DIRECT:-$DATABASE_URL}" flask db upgrade\n',
    ],
    [
      'a host and a port as they are',
      'DB_HOST=localhost\nDB_PORT=5432\n',
      'flask db upgrade\n',
      'DB_PORT=5432 flask db upgrade\n',
    ],
  ])('%s', async (_, env, text, expected) => {
    const { written, pools } = await stack(env, text);
    expect(pools).toMatchObject([{ mode: 'transaction' }]);
    expect(written('README.md')).toContain(expected);
  });

  test('a pool in session mode bears it, so that it stays', async () => {
    const { written, pools } = await planned({
      'compose.yml': `${PUBLISHED}  app:\n    image: acme/app\n    command: sh -c "acme migrate && acme serve"\n    env_file: .env\n`,
      '.env': 'DATABASE_URL=postgresql://u:p@localhost:5432/d\n',
      'README.md': '```sh\nflask db upgrade\n```\n',
      'web.py': 'import os, asyncpg\nurl = os.environ["DATABASE_URL"]\nawait conn.add_listener("c", f)\n',
    });
    expect(pools).toMatchObject([{ mode: 'session' }]);
    expect(written('README.md')).toContain('\nflask db upgrade\n');
  });
});
