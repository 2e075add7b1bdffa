/** Who reads a value decides what becomes of it: roles, ports, overrides, programs that migrate, programs that know nothing of it. */
import { expect, test } from 'vitest';
import { planMigration } from '../src/index.ts';
import { makeRepository } from './repository.ts';

const SERVER = `services:
  pg:
    image: postgres:16
    environment: { POSTGRES_USER: owner, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
`;
const service = (name: string, entries: string, more = 'image: acme/app') =>
  `  ${name}:\n    ${more}\n    environment:\n${entries.replace(/^/gm, '      ')}\n`;
const PAIR = 'DB_HOST: pg\nDB_PORT: "5432"';

async function plan(files: Record<string, string>, unsafe = false) {
  const { sites, changes } = await planMigration({ cwd: makeRepository(files), unsafe });
  const after = (file: string) => changes.find(change => change.file === file)?.after ?? '';
  const decided = sites.map(({ file, key, text, action, safety }) => `${file} ${key} ${text} ${action} ${safety}`);
  return { sites, after, decided };
}

test.each([
  ['its own role', `${PAIR}\nDB_USER: owner`, false],
  ['the same variable', `${PAIR}\nDB_USER: \${POSTGRES_USER}`, false],
  ['no role beside it', PAIR, false],
  ['another role', `${PAIR}\nDB_USER: reader`, true],
  ['another role by default', `${PAIR}\nDB_USER: \${DB_USER:-reader}`, true],
  [
    'another role of Spring',
    'SPRING_DATASOURCE_URL: jdbc:postgresql://pg:5432/app\nSPRING_DATASOURCE_USERNAME: reader',
    true,
  ],
  ['another role in a URL', 'DATABASE_URL: postgresql://reader:pw@pg:5432/app', true],
  ['a user of something else', 'DATABASE_URL: postgresql://owner:pw@pg:5432/app\nSMTP_USER: mail', false],
])('%s: PgBouncer asks for passwords where it has to', async (_, entries, asks) => {
  const { after } = await plan({ 'docker-compose.yml': SERVER + service('app', entries) });
  expect(after('docker-compose.yml').includes('PGBOUNCER_AUTH_QUERY: "true"')).toBe(asks);
});

test('a script that makes roles is reason enough, and a list takes no quotes', async () => {
  const compose = `services:
  pg:
    image: postgres:16
    environment:
      - POSTGRES_USER=owner
      - POSTGRES_PASSWORD=pw
    volumes: ["./init:/docker-entrypoint-initdb.d"]
${service('app', PAIR)}`;
  const { after } = await plan({
    'docker-compose.yml': compose,
    'init/1.sql': "CREATE ROLE reader LOGIN PASSWORD 'x'; -- postgres\n",
  });
  expect(after('docker-compose.yml')).toContain('- PGBOUNCER_AUTH_QUERY=true\n');
});

test('a file that keeps its Postgres to itself keeps the pooler too; an override speaks for the file it is added to', async () => {
  const published = SERVER.replace('    env', '    ports: ["5432:5432"]\n    env') + service('app', PAIR);
  const two = await plan({ 'docker-compose.yml': published, 'docker-compose.prod.yml': SERVER + service('app', PAIR) });
  expect(two.after('docker-compose.yml')).toContain(':6432"\n');
  expect(two.after('docker-compose.prod.yml')).not.toContain(':6432"\n');
  const override = 'services:\n  pg:\n    ports: ["5432:5432"]\n';
  const one = await plan({
    'docker-compose.yml': SERVER + service('app', PAIR),
    'docker-compose.override.yml': override,
  });
  expect(one.after('docker-compose.yml')).toContain(':6432"\n');
});

test('a variable that is the port of the server itself is left alone', async () => {
  const server = SERVER.replace('    env', '    ports: ["${DB_PORT}"]\n    env');
  const { decided } = await plan({
    'docker-compose.yml': server + service('app', 'DB_HOST: pg\nDB_PORT: ${DB_PORT}'),
    '.env.example': 'DB_PORT=5432\n',
  });
  expect(decided).toContain('.env.example DB_PORT 5432 leave safe');
});

test('a connection string whose host is a variable gets the port with it', async () => {
  const { after } = await plan({
    'docker-compose.yml': SERVER + service('app', 'DSN: Host=${PG_ADDR_HOST};Database=app;Username=owner'),
    '.env.example': 'PG_ADDR_HOST=pg\nPG_ADDR_PORT=5432\n',
  });
  expect(after('docker-compose.yml')).toContain('DSN: Host=${PG_ADDR_HOST};Port=6432;Database=app;Username=owner\n');
});

test('what one service reads says nothing of another', async () => {
  const compose = SERVER + service('a', PAIR, 'build: ./a') + service('b', PAIR, 'build: ./b');
  const { sites } = await plan({
    'docker-compose.yml': compose,
    'a/app.py': 'connect(host=os.environ["DB_HOST"], port=os.environ["DB_PORT"])\n',
    'b/app.py': 'connect(os.environ["DB_HOST"])  # asyncpg\n',
  });
  const own = sites.filter(site => site.file === 'docker-compose.yml' && site.form === 'host');
  expect(own.map(site => [site.service, site.rule])).toEqual([
    ['a', 'split-variables'],
    ['b', 'host-without-port'],
  ]);
});

test('an override is a part of its service: what the code does, and what it waits for', async () => {
  const base = `${SERVER}  api:\n    build: .\n    depends_on: [pg]\n`;
  const override = 'services:\n  api:\n    environment:\n      DATABASE_URL: postgres://owner:pw@pg:5432/app\n';
  const files = {
    'docker-compose.yml': base,
    'docker-compose.override.yml': override,
    'Program.cs': 'x.Database.MigrateAsync();\n',
  };
  const { decided, after } = await plan(files, true);
  expect(decided).toContain('docker-compose.override.yml DATABASE_URL pg:5432 pooled unsafe');
  expect(after('docker-compose.yml')).toMatch(/api:[\s\S]*depends_on: \[pg, pgbouncer\]/);
});

test('a settings file of .NET and the variable that overrides it share their fate', async () => {
  const { decided } = await plan({
    'docker-compose.yml':
      SERVER.replace('    env', '    ports: ["5432:5432"]\n    env') +
      service('api', 'ConnectionStrings__Db: Host=pg;Port=5432;Database=app', 'build: ./src'),
    'src/Program.cs': 'x.Database.MigrateAsync();\n',
    'samples/appsettings.json': '{ "ConnectionStrings": { "Db": "Host=localhost;Port=5432;Database=app" } }\n',
  });
  expect(decided.filter(line => line.includes('appsettings'))).toEqual([
    'samples/appsettings.json Db localhost pooled unsafe',
    'samples/appsettings.json Db 5432 pooled unsafe',
  ]);
});

test('a variable that only a program which migrates reads is direct, and the others are not its concern', async () => {
  const entries = 'PG_URL: postgres://owner:pw@pg:5432/app\nDATABASE_URL: postgres://owner:pw@pg:5432/app';
  const { decided } = await plan({
    'docker-compose.yml': SERVER + service('api', entries, 'build: .'),
    'migrate.go': 'import "github.com/golang-migrate/migrate/v4"\nvar u = os.Getenv("PG_URL")\n',
    'main.go': 'var u = os.Getenv("DATABASE_URL") // postgres\n',
  });
  expect(decided).toContain('docker-compose.yml PG_URL pg:5432 direct safe');
  expect(decided).toContain('docker-compose.yml DATABASE_URL pg:5432 pooled safe');
});

test('env files and crontabs under names of their own', async () => {
  const { decided } = await plan({
    'docker-compose.yml': SERVER + service('app', 'DB_HOST: ${DB_HOST}\nDB_PORT: ${DB_PORT}'),
    env: 'DB_HOST=pg\nDB_PORT=5432\n',
    'scheduler/pull': '*/5 * * * * WH_DB_HOST=pg WH_DB_PORT=5432 python3 /code/run.py\n',
  });
  expect(decided).toContain('env DB_HOST pg pooled safe');
  expect(decided).toContain('scheduler/pull WH_DB_HOST pg pooled safe');
});

test('what gets a whole env file and knows nothing of Postgres does not wait for the pooler', async () => {
  const given = (name: string, image: string) => `  ${name}:\n    image: ${image}\n    env_file: .env\n`;
  const { after } = await plan({
    'docker-compose.yml':
      SERVER +
      given('app', 'acme/app') +
      given('cache', 'redis:7') +
      given('dump', 'postgres:16\n    command: pg_dump -h pg app'),
    '.env.example': 'DB_HOST=pg\nDB_PORT=5432\n',
  });
  const waiting = after('docker-compose.yml')
    .split(/\n(?= {2}\w)/)
    .filter(text => /pgbouncer:\n\s+condition/.test(text));
  expect(waiting.map(text => text.trim().split(':')[0])).toEqual(['app']);
});

test('what has to be direct and leads to a pooler already is for a person', async () => {
  const { sites } = await plan({
    'docker-compose.yml': `${SERVER}  pool:\n    image: edoburu/pgbouncer\n${service('app', 'DATABASE_URL: postgres://owner:pw@pool:5432/app', 'image: acme/app\n    command: alembic upgrade head')}`,
  });
  expect(sites.filter(site => site.service === 'app')).toMatchObject([{ action: 'review', rule: 'migration-command' }]);
});
