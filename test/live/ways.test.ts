/**
 * What one default run writes, on real servers: a migrating step takes its lock direct while the application is pooled, a stack in
 * session mode bears an in-process migrator, and a pooler that listens on 5432 inside.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PG, planned, URL } from '../planned.ts';
import { connect, createApp, credentials, type Pooler, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { giveAway, makeWorkDirectory, POSTGRES_BIN, run, waitUntil } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres();
  await createApp(postgres);
});

const { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: database } = credentials;
const urlAt = (host: string, port: number) => `postgresql://${user}:${password}@${host}:${port}/${database}`;
const WEB = `${PG}  web:\n    build: .\n    environment:\n      DATABASE_URL: ${URL}\n`;
const HOLD = `exec psql "$DATABASE_URL" -XAtq -c "SELECT pg_advisory_lock(7); SELECT pg_sleep(2)"`;

/** A directory with the written files and with programs of these names, which show themselves as `application_name`. */
function layOut(files: Record<string, string>, programs: Record<string, string>): string {
  const root = makeWorkDirectory();
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o755);
    giveAway(join(root, path));
  };
  for (const [path, text] of Object.entries(files)) put(path, text);
  for (const [name, text] of Object.entries(programs))
    put(`bin/${name}`, `#!/bin/sh\nexport PGAPPNAME=${name}\n${text}\n`);
  return root;
}

/** The names of the pooler's clients, once the application is among them. */
async function clientsWith(application: string, pooler: Pooler): Promise<unknown[]> {
  const console = await connect(pooler.port, { database: 'pgbouncer' });
  let clients: unknown[] = [];
  await waitUntil('the application is seen', async () => {
    clients = (await console.query('SHOW CLIENTS')).rows.map(row => row.application_name);
    return clients.includes(application);
  });
  await console.end();
  return clients;
}

/** The value of a setting of the generated service, where nothing else is set. */
const settingOf = (compose: string, name: string): string =>
  new RegExp(`^ *${name}: "?(?:\\$\\{${name}:-)?([^}"\\n]+)`, 'm').exec(compose)?.[1] ?? '';

describe.skipIf(!hasServers)('the routes that were written', () => {
  test.each([
    [
      'an entry point',
      'entry.sh',
      '#!/bin/sh\nalembic upgrade head &\ngunicorn app:app\nwait\n',
      'COPY entry.sh /\nCMD ["/entry.sh"]',
      'sh entry.sh',
    ],
    [
      'a script of a package',
      'package.json',
      '{ "scripts": { "start": "alembic upgrade head & gunicorn app:app; wait" } }\n',
      'CMD ["npm","start"]',
      'node -p \'require("./package.json").scripts.start\' | sh',
    ],
    [
      'a Makefile',
      'Makefile',
      'serve:\n\talembic upgrade head & gunicorn app:app; wait\n',
      'CMD ["make","serve"]',
      'make serve',
    ],
    [
      'the variable is an argument',
      'entry.sh',
      '#!/bin/sh\nmigrate -path m -database "$DATABASE_URL" up &\ngunicorn app:app\nwait\n',
      'COPY entry.sh /\nCMD ["/entry.sh"]',
      'sh entry.sh',
    ],
    [
      'an argument in a Makefile',
      'Makefile',
      'serve:\n\tmigrate -path m -database "$(DATABASE_URL)" up & gunicorn app:app; wait\n',
      'CMD ["make","serve"]',
      'make serve',
    ],
  ])('a step is direct while the application is pooled: %s', async (_, file, text, command, start) => {
    const { written } = await planned({
      'docker-compose.yml': WEB,
      Dockerfile: `FROM python:3.12\nWORKDIR /app\nCOPY . .\n${command}\n`,
      [file]: text,
    });
    const compose = written('docker-compose.yml');
    await withPooler(
      postgres,
      { env: { PGBOUNCER_POOL_MODE: settingOf(compose, 'PGBOUNCER_POOL_MODE') } },
      async pooler => {
        const root = layOut(
          { [file]: written(file) },
          {
            alembic: HOLD,
            migrate: `export PGAPPNAME=alembic\nDATABASE_URL=$4\n${HOLD}`,
            gunicorn: 'exec psql "$DATABASE_URL" -XAtq -c "SELECT pg_sleep(2)"',
          },
        );
        const finished = run('/bin/sh', ['-c', `cd ${root} && ${start}`], {
          PATH: `${root}/bin:${POSTGRES_BIN}:/usr/local/bin:/usr/bin:/bin`,
          DATABASE_URL: urlAt('127.0.0.1', pooler.port),
          DATABASE_URL_DIRECT: urlAt('127.0.0.1', postgres.port),
        });
        const holders = async () =>
          await postgres.query(
            "SELECT a.application_name AS name, a.client_port AS port FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory'",
          );
        await waitUntil('the step has its lock', async () => (await holders()).length > 0);
        const clients = await clientsWith('gunicorn', pooler);
        expect(await holders()).toMatchObject([{ name: 'alembic' }]);
        expect(clients).not.toContain('alembic');
        expect((await finished).code).toBe(0);
      },
    );
  });

  test('constants of the code: the migration takes what they keep for the bypass', async () => {
    const settings =
      'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "db", "PORT": "5432"}}\n';
    const entry = '#!/bin/sh\npython manage.py migrate &\ngunicorn proj.wsgi\nwait\n';
    const { written } = await planned({
      'docker-compose.yml': `${PG}  web:\n    build: .\n`,
      Dockerfile: 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["/app/entry.sh"]\n',
      'entry.sh': entry,
      'manage.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\n',
      'proj/settings.py': settings,
      'proj/wsgi.py': 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\n',
    });
    const mode = settingOf(written('docker-compose.yml'), 'PGBOUNCER_POOL_MODE');
    expect(mode).toBe('transaction');
    await withPooler(postgres, { env: { PGBOUNCER_POOL_MODE: mode } }, async pooler => {
      const here = written('proj/settings.py')
        .replace('"db"', '"127.0.0.1"')
        .replace('"pgbouncer"', '"127.0.0.1"')
        .replace('5432', String(postgres.port))
        .replace('6432', String(pooler.port));
      const connected = (query: string) => `
eval "$(python3 -c 'import settings; d = settings.DATABASES["default"]; print("export PGHOST=%s PGPORT=%s" % (d["HOST"], d["PORT"]))')"
exec psql -XAtq -c "${query}"`;
      const root = layOut(
        { 'entry.sh': written('entry.sh'), 'settings.py': here },
        {
          python: connected('SELECT pg_advisory_lock(7); SELECT pg_sleep(2)'),
          gunicorn: connected('SELECT pg_sleep(2)'),
        },
      );
      const finished = run('/bin/sh', ['-c', `cd ${root} && sh entry.sh`], {
        PATH: `${root}/bin:${POSTGRES_BIN}:/usr/local/bin:/usr/bin:/bin`,
        PYTHONPATH: root,
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: database,
      });
      const clients = await clientsWith('gunicorn', pooler);
      expect(clients).not.toContain('python');
      expect((await finished).code).toBe(0);
    });
  });

  test('a stack with a migrator in its process: the pool is in session mode, and the lock stays with its client', async () => {
    const { written } = await planned({
      'docker-compose.yml': WEB,
      Dockerfile: 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["python","main.py"]\n',
      'main.py':
        "import os, psycopg\nc = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True)\nc.execute('SELECT pg_advisory_lock(9)')\n",
    });
    const compose = written('docker-compose.yml');
    const mode = settingOf(compose, 'PGBOUNCER_POOL_MODE');
    expect(mode).toBe('session');
    const env = {
      PGBOUNCER_POOL_MODE: mode,
      PGBOUNCER_DEFAULT_POOL_SIZE: settingOf(compose, 'PGBOUNCER_DEFAULT_POOL_SIZE'),
    };
    await withPooler(postgres, { env }, async pooler => {
      const [first, second] = [await connect(pooler.port), await connect(pooler.port)];
      const pids = [];
      await first.query('SELECT pg_advisory_lock(9)');
      for (let i = 0; i < 3; i++) pids.push((await first.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
      expect(new Set(pids).size).toBe(1);
      expect((await second.query('SELECT pg_try_advisory_lock(9) AS got')).rows).toEqual([{ got: false }]);
      expect((await first.query('SELECT pg_advisory_unlock(9) AS gone')).rows).toEqual([{ gone: true }]);
      // A client that ends leaves no lock behind.
      await first.query('SELECT pg_advisory_lock(9)');
      await first.end();
      await waitUntil(
        'the lock is free',
        async () => (await second.query('SELECT pg_try_advisory_lock(9) AS got')).rows[0].got,
      );
      await second.end();
    });
  });

  test('a host that takes no port finds the pooler on 5432', async () => {
    const { written, decided } = await planned({
      'docker-compose.yml': `${PG}    ports: ["\${DB_PORT}:5432"]\n  web:\n    image: acme/web\n    environment:\n      DB_HOST: db\n      DB_PORT: \${DB_PORT}\n`,
      '.env.example': 'DB_PORT=5432\n',
    });
    expect(decided('DB_HOST', 'docker-compose.yml')).toEqual(['pooled safe']);
    const port = settingOf(written('docker-compose.yml'), 'PGBOUNCER_PORT');
    expect(port).toBe('5432');
    // An address of its own, since the machine may have a Postgres of its own on that port.
    const address = '127.0.0.54';
    await withPooler(postgres, { env: { PGBOUNCER_PORT: port, PGBOUNCER_LISTEN_ADDR: address } }, async pooler => {
      expect(pooler.port).toBe(5432);
      const env = {
        PATH: `${POSTGRES_BIN}:/usr/bin:/bin`,
        PGHOST: address,
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: database,
      };
      const { stdout } = await run('psql', ['-XAtq', '-c', 'SELECT inet_server_port()'], env);
      expect(stdout.trim()).toBe(String(postgres.port));
    });
  });
});
