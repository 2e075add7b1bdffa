/** Who reads a value decides what becomes of it: roles, ports, overrides, programs that migrate, programs that know nothing of it. */
import { expect, test } from 'vitest';
import { planMigration } from '../src/run/plan-migration.ts';
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
  const { sites, changes, pools } = await planMigration({ cwd: makeRepository(files), unsafe });
  const after = (file: string) => changes.find(change => change.file === file)?.after ?? '';
  const decided = sites.map(({ file, key, text, action, safety }) => `${file} ${key} ${text} ${action} ${safety}`);
  return { sites, pools, after, decided };
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

test.each([
  ['the image creates postgres where nobody says otherwise', '', 'postgres', false],
  ['another role than that', '', 'reader', true],
  ['an env file can say anything', '    env_file: pg.env\n', 'postgres', true],
])('%s', async (_, more, role, asks) => {
  const server = `services:\n  pg:\n    image: postgres:16\n${more}    environment: { POSTGRES_PASSWORD: pw }\n`;
  const { after } = await plan({
    'docker-compose.yml': server + service('app', `DATABASE_URL: postgresql://${role}:pw@pg:5432/app`),
  });
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

test('one service that takes no port is enough for a pooler on the port of the server', async () => {
  const compose = SERVER + service('a', PAIR, 'build: ./a') + service('b', PAIR, 'build: ./b');
  const { sites, pools } = await plan({
    'docker-compose.yml': compose,
    'a/app.py': 'connect(host=os.environ["DB_HOST"], port=os.environ["DB_PORT"])\n',
    'b/app.py': 'connect(os.environ["DB_HOST"])  # asyncpg\n',
  });
  const own = sites.filter(site => site.file === 'docker-compose.yml' && site.form === 'host');
  expect(own.map(site => [site.service, site.rule])).toEqual([
    ['a', 'split-variables'],
    ['b', 'split-variables'],
  ]);
  expect(pools).toMatchObject([{ port: 5432 }]);
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
  expect(decided).toContain('docker-compose.override.yml DATABASE_URL pg:5432 pooled safe');
  expect(after('docker-compose.yml')).toMatch(/api:[\s\S]*depends_on: \[pg, pgbouncer\]/);
});

test('a settings file of .NET and the variable that overrides it share their fate', async () => {
  const { decided } = await plan({
    'docker-compose.yml':
      SERVER.replace('    env', '    ports: ["5432:5432"]\n    env') +
      service('api', 'ConnectionStrings__Db: Host=pg;Port=5432;Database=app', 'build: ./src'),
    'src/Program.cs': 'x.Database.MigrateAsync();\n',
    'samples/appsettings.json':
      '{ "ConnectionStrings": { "Db": "Host=localhost;Port=5432;Database=app;Username=owner" } }\n',
  });
  expect(decided.filter(line => line.includes('appsettings'))).toEqual([
    'samples/appsettings.json Db localhost pooled safe',
    'samples/appsettings.json Db 5432 pooled safe',
  ]);
});

test('a variable that only a program which migrates reads is direct, and the others are not its concern', async () => {
  const entries = 'PG_URL: postgres://owner:pw@pg:5432/app\nDATABASE_URL: postgres://owner:pw@pg:5432/app';
  const { decided } = await plan({
    'docker-compose.yml': SERVER + service('api', entries, 'build: .'),
    'migrate.go':
      'import "github.com/golang-migrate/migrate/v4"\nvar u = os.Getenv("PG_URL")\nvar m, _ = migrate.New("file://x", u)\n',
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
  expect(sites.filter(site => site.service === 'app')).toMatchObject([{ action: 'review', rule: 'through-pooler' }]);
});

const PUBLISHED = SERVER.replace('    env', '    ports: ["5432:5432"]\n    env');
const URL = 'postgresql://owner:pw@localhost:5432/app';

test.each([
  ['run.sh', `export DATABASE_URL=${URL}\npython manage.py migrate\n`, 'direct safe'],
  ['run.sh', `export X=1 DATABASE_URL=${URL}\nflask db upgrade\n`, 'direct safe'],
  ['run.sh', `export DATABASE_URL=${URL}\nuvicorn app:app\n`, 'pooled safe'],
  ['run.sh', `export DATABASE_URL=${URL}\nalembic upgrade head\nuvicorn app:app\n`, 'pooled safe'],
  ['SETUP.md', `\`\`\`bash\nDATABASE_URL=${URL} npx prisma migrate deploy\n\`\`\`\n`, 'direct safe'],
  ['SETUP.md', `\`\`\`bash\nexport DATABASE_URL=${URL}\nalembic upgrade head\n\`\`\`\n`, 'direct safe'],
  ['SETUP.md', `\`\`\`bash\nDATABASE_URL="${URL}"\nNAME=a\n\`\`\`\n`, 'pooled safe'],
])('%s: what follows an exported variable has it: %j', async (file, text, expected) => {
  const { decided } = await plan({
    'docker-compose.yml': PUBLISHED + service('app', PAIR),
    [file]: text,
    // Documents follow what runs on the machine.
    'app.py': `psycopg2.connect("${URL}")\n`,
  });
  expect(decided.filter(line => line.startsWith(file))).toEqual([`${file} DATABASE_URL localhost:5432 ${expected}`]);
});

test.each([
  ['FROM migrate/migrate:v4', 'direct'],
  ['FROM acme/app', 'pooled'],
])('%s: the program of a command may be the entry point of the image', async (from, expected) => {
  const { sites } = await plan({
    'docker-compose.yml': SERVER,
    'tool.Dockerfile': `${from}\nCMD ["-database", "postgres://owner:pw@pg:5432/app", "up"]\n`,
  });
  expect(sites.map(({ action }) => action)).toEqual([expected]);
});

test('an application that upgrades its schema through Flask-Migrate when it starts', async () => {
  const compose = SERVER + service('app', 'DATABASE_URL: postgresql://owner:pw@pg:5432/app', 'build: .');
  const start = (call: string) =>
    `from flask_migrate import Migrate, upgrade\n\ndef create():\n    Migrate(app, db)\n    ${call}\n`;
  const modeOf = async (call: string) =>
    (await plan({ 'docker-compose.yml': compose, 'app.py': start(call) })).pools.map(({ mode }) => mode);
  expect(await modeOf('upgrade()')).toEqual(['session']);
  expect(await modeOf('return app')).toEqual(['transaction']);
});

test.each(['..', '../', '../.'])('what is built from %s is the whole repository', async context => {
  const compose = SERVER + service('app', 'DATABASE_URL: postgresql://owner:pw@pg:5432/app', `build: ${context}`);
  const { pools } = await plan({ 'docker/compose.yml': compose, 'app/start.py': 'command.upgrade(config, "head")\n' });
  expect(pools.map(({ mode }) => mode)).toEqual(['session']);
});

test('poolers of several projects on one external network have names of their own', async () => {
  const project = (name: string, network: string) =>
    `services:\n  ${name}:\n    image: postgres:16\n    networks: [shared]\n    environment: { POSTGRES_PASSWORD: pw }\n` +
    `  api:\n    image: acme/api\n    networks: [shared]\n    environment: { DATABASE_URL: "postgresql://postgres:pw@${name}:5432/x" }\n` +
    `networks:\n  shared: ${network}\n`;
  const hosts = async (network: string) => {
    const { sites } = await plan({
      'a/compose.yml': project('adb', network),
      'b/compose.yml': project('bdb', network),
    });
    return sites.map(({ replacement }) => replacement);
  };
  expect(await hosts('{ external: true }')).toEqual(['pgbouncer-adb:6432', 'pgbouncer-bdb:6432']);
  expect(await hosts('{}')).toEqual(['pgbouncer:6432', 'pgbouncer:6432']);
});

test('a default behind `or` is one with the other half of its pair', async () => {
  const code = (port: string) =>
    `psycopg2.connect(host=os.environ.get("DB_HOST", "pg"), port=int(os.environ.get("DB_PORT") or ${port}))\n`;
  const { decided, after } = await plan({ 'docker-compose.yml': SERVER, 'app.py': code('5432') });
  expect(decided).toEqual(['app.py DB_HOST pg pooled safe', 'app.py DB_PORT 5432 pooled safe']);
  expect(after('app.py')).toBe(code('6432').replace('"pg"', '"pgbouncer"'));
});

test('a role and a database that the published container does not have', async () => {
  const connect = (user: string, database: string) =>
    `psycopg2.connect(host="localhost", port=5432, user="${user}", dbname="${database}")\n`;
  const decide = async (text: string, file: string, compose: string) =>
    (await plan({ 'docker-compose.yml': compose, [file]: text })).sites.map(({ action }) => action);
  expect(await decide(connect('me', 'mine'), 'a.py', PUBLISHED)).toEqual(['review', 'review']);
  expect(await decide(connect('owner', 'mine'), 'a.py', PUBLISHED)).toEqual(['pooled', 'pooled']);
  const env = 'DB_HOST=localhost\nDB_PORT=5432\nDB_USER=me\nDB_NAME=mine\n';
  expect(await decide(env, 'app.env', PUBLISHED)).toEqual(['review', 'review']);
  const init = PUBLISHED.replace('    env', '    volumes: ["./init:/docker-entrypoint-initdb.d"]\n    env');
  expect(await decide(env, 'app.env', init)).toEqual(['pooled', 'pooled']);
});

test('a service that waits for Postgres waits for the pooler too, where its code holds the connection string', async () => {
  const compose = (depends: string) => `${SERVER}  api:\n    build: ./api\n${depends}`;
  const files = { 'api/main.py': 'create_engine("postgresql://owner:pw@pg:5432/app")\n' };
  const waiting = await plan({ ...files, 'docker-compose.yml': compose('    depends_on: [pg]\n') });
  expect(waiting.after('docker-compose.yml')).toContain('depends_on: [pg, pgbouncer]');
  const alone = await plan({ ...files, 'docker-compose.yml': compose('') });
  expect(alone.after('docker-compose.yml')).toMatch(/api:\n {4}build: \.\/api\n/);
});

test("a fixed address of the server's is a name of it", async () => {
  const compose = `services:
  pg:
    image: postgres:16
    networks: { lan: { ipv4_address: 10.3.0.5 } }
    environment: { POSTGRES_USER: owner, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
${service('app', 'DB_HOST: 10.3.0.5\nDB_PORT: "5432"')}networks: { lan: {} }
`;
  const { sites } = await plan({ 'docker-compose.yml': compose });
  expect(sites.map(({ replacement }) => replacement)).toEqual(['pgbouncer', '6432']);
});

test('what git would not add is told', async () => {
  const cwd = makeRepository({ 'docker-compose.yml': SERVER + service('app', PAIR), '.gitignore': 'scripts\n' });
  const { notes } = await planMigration({ cwd });
  expect(notes).toContain('scripts/pgbouncer_status.sh is ignored by git; add it with git add --force.');
});

test('two servers with one template: their settings are written once', async () => {
  const { after } = await plan({
    'docker-compose.yml': SERVER + service('app', 'DATABASE_URL: ${DATABASE_URL}'),
    'docker-compose.test.yml': `services:
  other:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: pw }
${service('app', 'OTHER_URL: postgresql://postgres:pw@other:5432/x')}`,
    '.env.example': 'POSTGRES_DB=app\nDATABASE_URL=postgresql://owner:pw@pg:5432/app\n',
  });
  expect(after('.env.example').match(/^PGBOUNCER_HOST=/gm)).toHaveLength(1);
});
