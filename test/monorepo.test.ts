/** Monorepos: what a process loads of another member counts for it, and for no other. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { jsonSchema } from '../src/cli/schema.ts';
import type { Report } from '../src/render/report.ts';
import { PG, planned, URL } from './planned.ts';
import { makeRepository, runCli } from './repository.ts';

/** Two services of one stack, each built from the whole repository with a Dockerfile of its own. */
const stack = (web: string, worker: string): Record<string, string> => ({
  'docker-compose.yml': `${PG}  web:
    build: { context: ., dockerfile: apps/web/Dockerfile }
    environment: { DATABASE_URL: "${URL}" }
  worker:
    build: { context: ., dockerfile: apps/worker/Dockerfile }
    environment: { DATABASE_URL: "${URL}" }
`,
  'apps/web/Dockerfile': web,
  'apps/worker/Dockerfile': worker,
});

const LISTEN_JS = "export const listen = client => client.query('LISTEN jobs');\n";
const PLAIN_JS = "export const list = client => client.query('SELECT 1');\n";
const LISTEN_GO =
  'package listen\n\nimport "context"\n\nfunc Listen(ctx context.Context, c Conn) { c.Exec(ctx, "LISTEN jobs") }\n';
const PLAIN_GO = 'package list\n\nfunc List(c Conn) { c.Query("SELECT 1") }\n';
const mainGo = (name: string, call: string) =>
  `package main\n\nimport "acme.test/db/${name}"\n\nfunc main() { ${name}.${call}() }\n`;
const LISTEN_PY = 'def listen(cur):\n    cur.execute("LISTEN jobs")\n';
const PLAIN_PY = 'def rows(cur):\n    cur.execute("SELECT 1")\n';

const node = (app: string) => `FROM node:22\nWORKDIR /repo\nCOPY . .\nCMD ["node", "apps/${app}/src/main.js"]\n`;
const packages = (own: string) => ({
  'packages/db/package.json': '{"name":"@acme/db","main":"src/index.js"}',
  'packages/db/src/index.js': LISTEN_JS,
  'packages/list/package.json': '{"name":"@acme/list","main":"src/index.js"}',
  'packages/list/src/index.js': PLAIN_JS,
  'apps/web/package.json': `{"name":"web","scripts":{"start":"node src/main.js"},"dependencies":{"@acme/list":"${own}"}}`,
  'apps/web/src/main.js': "import { list } from '@acme/list';\nlist();\n",
  'apps/worker/package.json': `{"name":"worker","scripts":{"start":"node src/main.js"},"dependencies":{"@acme/db":"${own}"}}`,
  'apps/worker/src/main.js': "import { listen } from '@acme/db';\nlisten();\n",
});
const PNPM = { 'package.json': '{"private":true}', 'pnpm-workspace.yaml': 'packages: ["apps/*", "packages/*"]\n' };
const NPM = { 'package.json': '{"private":true,"workspaces":["apps/*","packages/*"]}' };

const goMember = (path: string, name: string, call: string, module: string) => ({
  [`${path}/go.mod`]: `module ${module}\n\ngo 1.23\n`,
  [`${path}/main.go`]: mainGo(name, call),
});
const GO = {
  'go.work': 'go 1.23\n\nuse (\n\t./apps/web\n\t./apps/worker\n\t./packages/db\n)\n',
  ...goMember('apps/web', 'list', 'List', 'acme.test/web'),
  ...goMember('apps/worker', 'listen', 'Listen', 'acme.test/worker'),
  'packages/db/go.mod': 'module acme.test/db\n\ngo 1.23\n',
  'packages/db/listen/listen.go': LISTEN_GO,
  'packages/db/list/list.go': PLAIN_GO,
};
const go = (app: string, build: string) =>
  `FROM golang:1.23 AS build\nWORKDIR /src\nCOPY . .\nRUN ${build}\nFROM debian:12\nCOPY --from=build /out/${app} /usr/local/bin/${app}\nCMD ["${app}"]\n`;
const goIn = (app: string) => go(app, `cd apps/${app} && go build -o /out/${app} .`);

const UV = {
  'pyproject.toml':
    '[project]\nname = "acme"\nversion = "1"\n\n[tool.uv.workspace]\nmembers = ["apps/*", "packages/*"]\n',
  'uv.lock': 'version = 1\n',
  'apps/web/pyproject.toml':
    '[project]\nname = "acme-web"\nversion = "1"\ndependencies = ["acme-list"]\n\n[project.scripts]\nweb = "acme_web.main:run"\n\n[tool.uv.sources]\nacme-list = { workspace = true }\n',
  'apps/web/src/acme_web/__init__.py': '',
  'apps/web/src/acme_web/main.py': 'from acme_list import rows\n\n\ndef run():\n    rows(None)\n',
  'apps/worker/pyproject.toml':
    '[project]\nname = "acme-worker"\nversion = "1"\ndependencies = ["acme-db"]\n\n[project.scripts]\nworker = "acme_worker.main:run"\n\n[tool.uv.sources]\nacme-db = { workspace = true }\n',
  'apps/worker/src/acme_worker/__init__.py': '',
  'apps/worker/src/acme_worker/main.py': 'from acme_db.listen import listen\n\n\ndef run():\n    listen(None)\n',
  'packages/db/pyproject.toml': '[project]\nname = "acme-db"\nversion = "1"\n',
  'packages/db/src/acme_db/__init__.py': '',
  'packages/db/src/acme_db/listen.py': LISTEN_PY,
  'packages/list/pyproject.toml': '[project]\nname = "acme-list"\nversion = "1"\n',
  'packages/list/src/acme_list/__init__.py': PLAIN_PY,
};
const uv = (command: string) =>
  `FROM ghcr.io/astral-sh/uv:python3.12-bookworm\nWORKDIR /repo\nCOPY . .\nRUN uv sync\nCMD ${command}\n`;
const words = (...all: string[]) => JSON.stringify(all);

describe('a LISTEN in a package counts for the process that loads it', () => {
  const cases: [string, Record<string, string>][] = [
    ['pnpm: node', { ...PNPM, ...packages('workspace:*'), ...stack(node('web'), node('worker')) }],
    ['npm: node', { ...NPM, ...packages('*'), ...stack(node('web'), node('worker')) }],
    [
      'npm -w',
      {
        ...NPM,
        ...packages('*'),
        ...stack(
          node('web').replace(/CMD.*/, 'CMD ["npm", "start", "-w", "web"]'),
          node('worker').replace(/CMD.*/, 'CMD ["npm", "run", "start", "--workspace=apps/worker"]'),
        ),
      },
    ],
    [
      'pnpm --filter',
      {
        ...PNPM,
        ...packages('workspace:*'),
        ...stack(
          node('web').replace(/CMD.*/, 'CMD ["pnpm", "--filter", "web", "start"]'),
          node('worker').replace(/CMD.*/, 'CMD ["pnpm", "--filter=./apps/worker", "run", "start"]'),
        ),
      },
    ],
    ['go.work, built in the member', { ...GO, ...stack(goIn('web'), goIn('worker')) }],
    [
      'go.work, built from the root',
      {
        ...GO,
        ...stack(go('web', 'go build -o /out/web ./apps/web'), go('worker', 'go build -o /out/worker ./apps/worker')),
      },
    ],
    [
      'go.work, use without brackets, built by the name of the module',
      {
        ...GO,
        'go.work': 'go 1.23\nuse ./apps/web\nuse ./apps/worker // the listener\nuse ./packages/db\n',
        ...stack(
          go('web', 'go build -o /out/web acme.test/web'),
          go('worker', 'go build -o /out/worker acme.test/worker'),
        ),
      },
    ],
    [
      'go.mod with replace',
      {
        ...Object.fromEntries(Object.entries(GO).filter(([path]) => path !== 'go.work')),
        'apps/web/go.mod':
          'module acme.test/web\n\nrequire acme.test/db v0.0.0\n\nreplace acme.test/db => ../../packages/db\n',
        'apps/worker/go.mod':
          'module acme.test/worker\n\nrequire acme.test/db v0.0.0\n\nreplace (\n\tacme.test/db v0.0.0 => ../../packages/db\n)\n',
        ...stack(goIn('web'), goIn('worker')),
      },
    ],
    [
      'uv run --package, a script of the project',
      {
        ...UV,
        ...stack(
          uv(words('uv', 'run', '--package', 'acme-web', 'web')),
          uv(words('uv', 'run', '--package=acme-worker', 'worker')),
        ),
      },
    ],
    [
      'uv run --package, a module',
      {
        ...UV,
        ...stack(
          uv(words('uv', 'run', '--package', 'acme-web', 'python', '-m', 'acme_web.main')),
          uv(words('uv', 'run', '--package', 'acme-worker', 'python', '-m', 'acme_worker.main')),
        ),
      },
    ],
    [
      'uv run --directory',
      {
        ...UV,
        ...stack(
          uv(words('uv', 'run', '--directory', 'apps/web', 'python', '-m', 'acme_web.main')),
          uv(words('uv', 'run', '--directory', 'apps/worker', 'python', '-m', 'acme_worker.main')),
        ),
      },
    ],
    [
      'uv --directory before run, and a file',
      {
        ...UV,
        ...stack(
          uv(words('uv', '--directory=apps/web', 'run', 'src/acme_web/main.py')),
          uv(words('uv', 'run', '--package', 'acme-worker', 'apps/worker/src/acme_worker/main.py')),
        ),
      },
    ],
    [
      'a package by its exports',
      {
        ...PNPM,
        ...packages('workspace:*'),
        'packages/db/package.json':
          '{"name":"@acme/db","exports":{".":{"types":"./lib/db.d.ts","default":"./lib/db.js"}}}',
        'packages/db/src/index.js': PLAIN_JS,
        'packages/db/lib/db.js': LISTEN_JS,
        ...stack(node('web'), node('worker')),
      },
    ],
    [
      'pnpm run --filter',
      {
        ...PNPM,
        ...packages('workspace:*'),
        ...stack(
          node('web').replace(/CMD.*/, 'CMD ["pnpm", "run", "--filter", "web", "start"]'),
          node('worker').replace(/CMD.*/, 'CMD pnpm run --filter worker start'),
        ),
      },
    ],
    [
      'a context below the root, and a working directory in another member',
      Object.fromEntries(
        Object.entries({
          ...NPM,
          ...packages('*'),
          ...stack(
            'FROM node:22\nWORKDIR /repo\nCOPY . .\nWORKDIR /repo/apps/worker\nCMD npm start -w web\n',
            'FROM node:22\nWORKDIR /repo\nCOPY . .\nCMD npm -w worker start\n',
          ),
        }).map(([path, text]) => [`shop/${path}`, text]),
      ),
    ],
  ];
  test.each(cases)('%s', async (_, files) => {
    const { pools } = await planned(files);
    expect(
      pools.map(({ mode, ready, others }) => ({ mode, ready, others: others.map(({ service }) => service) })),
    ).toEqual([{ mode: 'transaction', ready: ['web'], others: ['worker'] }]);
  });
});

const published = (port: number) => PG.replace('    environment', `    ports: ["${port}:5432"]\n    environment`);
/** Two stacks: one whose only program listens, so that its pool is in session mode, and one that takes no port. */
const TWO: Record<string, string> = {
  'services/orders/compose.yaml': `${published(5433)}  worker:
    build: .
    environment: { DATABASE_URL: "${URL}" }
`,
  'services/orders/Dockerfile': 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["python", "main.py"]\n',
  'services/orders/main.py': LISTEN_PY,
  'services/users/compose.yaml': `${published(5434)}  web:
    build: .
    environment: { DB_HOST: db, DB_USER: u, DB_NAME: d }
  migrate:
    build: .
    command: alembic upgrade head
    environment: { DATABASE_URL: "${URL}" }
`,
  'services/users/Dockerfile': 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["python", "main.py"]\n',
  'services/users/main.py': PLAIN_PY,
};

describe('several stacks are told apart', () => {
  const root = makeRepository(TWO);
  const report = JSON.parse(runCli(['-C', root, '--json']).stdout) as Report;

  test('in JSON, as the schema says', async () => {
    const validate = new Ajv2020({ strict: false, formats: { uri: true } }).compile(await jsonSchema('report'));
    validate(report);
    expect(validate.errors).toBeNull();
    const stack = (name: string, mode: string, port: number, host: number, pooled: number, direct: number) => ({
      folder: `services/${name}`,
      servers: ['db'],
      pooler: 'pgbouncer',
      mode,
      port,
      published: host,
      sites: { pooled, direct, review: 0 },
    });
    expect(report.stacks).toEqual([
      stack('orders', 'session', 6432, 6432, 1, 0),
      stack('users', 'transaction', 5432, 6433, 1, 1),
    ]);
    const total = (action: 'pooled' | 'direct' | 'review') =>
      (report.stacks ?? []).reduce((sum, { sites }) => sum + sites[action], 0);
    expect({ pooled: total('pooled'), direct: total('direct'), review: total('review') }).toEqual({
      pooled: report.summary.sites.pooled,
      direct: report.summary.sites.direct,
      review: report.summary.sites.review,
    });
  });

  test('in the summary, in Markdown and in HTML', () => {
    const [markdown, html] = ['md', 'html'].map(ending => join(root, `report.${ending}`)) as [string, string];
    const { stderr } = runCli(['-C', root, '--reporter', `markdown=${markdown}`, '--reporter', `html=${html}`]);
    expect(stderr).toContain(
      'services/orders: db through pgbouncer:6432 (session mode; 6432 on the host); 1 pooled, 0 direct, 0 for you to look at',
    );
    expect(stderr).toContain(
      'services/users: db through pgbouncer:5432 (transaction mode; 6433 on the host); 1 pooled, 1 direct, 0 for you to look at',
    );
    expect(readFileSync(markdown, 'utf8')).toContain(
      '| `services/users` | `db` | `pgbouncer:5432` | 6433 | transaction | 1 | 1 | 0 |\n',
    );
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('id="stacks"');
    expect(page).toMatch(
      /services\/orders<\/code><\/th><td>db<\/td><td>pgbouncer:6432<\/td><td>6432<\/td><td>session</,
    );
  });

  test('--changed tells of the stacks that the files concern, with their own mode and port', () => {
    const own = makeRepository(TWO);
    appendFileSync(join(own, 'services/orders/compose.yaml'), '# changed\n');
    const { stdout } = runCli(['-C', own, '--json', '--changed']);
    expect((JSON.parse(stdout) as Report).stacks).toEqual([report.stacks?.[0]]);
    const { stderr } = runCli(['-C', own, '--changed']);
    expect(stderr).toContain('services/orders: db through pgbouncer:6432 (session mode');
    expect(stderr).not.toContain('services/users: db');
    // Which services are ready is a matter of the whole.
    expect(stderr).not.toContain('Transaction mode');
  });

  test('as the edited files have it', () => {
    expect(runCli(['-C', root, '--write', '--force']).code).toBe(0);
    const of = (name: string) => readFileSync(join(root, `services/${name}/compose.yaml`), 'utf8');
    expect(of('orders')).toMatch(/POOL_MODE[^\n]*session/);
    expect(of('users')).not.toMatch(/POOL_MODE[^\n]*session/);
    expect(of('orders')).toContain('-6432}:6432');
    expect(of('users')).toContain('-6433}:');
  });

  test('one stack alone has no such table', () => {
    const alone = makeRepository({ 'compose.yaml': TWO['services/orders/compose.yaml'] ?? '' });
    const { stdout, stderr } = runCli(['-C', alone, '--json']);
    expect(JSON.parse(stdout)).not.toHaveProperty('stacks');
    expect(stderr).not.toContain('Stacks');
    expect(runCli(['-C', alone, '--reporter', 'html']).stdout).not.toContain('id="stacks"');
    expect(runCli(['-C', alone, '--reporter', 'markdown']).stdout).not.toContain('### Stacks');
  });
});

describe('--include and --exclude', () => {
  const root = makeRepository({ ...TWO, 'pool-migrate.yml': "exclude: ['services/users/**']\n" });
  const stacksOf = (...options: string[]): string[] => {
    const { stdout, stderr } = runCli(['-C', root, '--json', ...options]);
    expect(stderr).not.toContain('pool-migrate:');
    return (JSON.parse(stdout) as Report).topology.servers.map(({ file }) => file);
  };
  const [orders, users] = ['services/orders/compose.yaml', 'services/users/compose.yaml'];

  test('--exclude goes with that of the configuration; --include takes the place of its include', () => {
    expect(stacksOf('--no-config')).toEqual([orders, users]);
    expect(stacksOf()).toEqual([orders]);
    expect(stacksOf('--exclude', 'services/orders/**')).toEqual([]);
    expect(stacksOf('--no-config', '--exclude', '*.md', '--exclude', 'services/orders/**')).toEqual([users]);
    expect(stacksOf('--no-config', '--include', 'services/{users,none}/**')).toEqual([users]);
    expect(stacksOf('--no-config', '--include', 'services/users/**', '--include', 'services/orders/*')).toEqual([
      orders,
      users,
    ]);
  });

  test.each([
    ['/services/**', /--include \/services\/\*\*: paths are those of the repository/],
    ['./services/**', /no \. or \.\. as a folder/],
    ['../other/**', /no \. or \.\. as a folder/],
    ['services\\users', /with \/ between the folders/],
    ['services/', /a folder is services\/\*\*/],
    ['services/{users', /each \{ needs its \}/],
    ['{a,{b,c}}', /none stands in another/],
    ['nowhere/**', /No file of the repository is one of those that are included: nowhere\/\*\*/],
  ])('--include %s is an error', (glob, message) => {
    const { code, stderr } = runCli(['-C', root, '--include', glob]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test('the configuration is told its place', () => {
    const wrong = makeRepository({ ...TWO, 'pool-migrate.yml': 'exclude:\n  - legacy/**\n  - ./old/**\n' });
    const { code, stderr } = runCli(['-C', wrong]);
    expect(stderr).toMatch(/pool-migrate\.yml:3:5: exclude\.1: paths have no \. or \.\. as a folder/);
    expect(code).toBe(2);
  });
});

describe('configuration per folder', () => {
  const stackIn = (folder: string, port: number) => ({
    [`${folder}/docker-compose.yml`]: `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    ports: ["${port}:5432"]
  web:
    build: .
    environment:
      DATABASE_URL: ${URL}
      REPORTS_URL: ${URL}
`,
    [`${folder}/Dockerfile`]: 'FROM python:3.12\nCOPY app.py .\nCMD python app.py\n',
    [`${folder}/app.py`]: 'import os\nos.environ["DATABASE_URL"], os.environ["REPORTS_URL"]\n',
  });
  const STACKS = { ...stackIn('services/orders', 5432), ...stackIn('services/users', 5433) };

  test('mode, ports and what stays direct hold below the folder, the innermost last', async () => {
    const { pools, written, sites } = await planned({
      ...STACKS,
      'pool-migrate.yml': `pool: { mode: transaction }
folders:
  services: { pool: { port: 6500 } }
  services/orders: { pool: { mode: session, port: 5432, publishedPort: 7000 }, keepDirect: [REPORTS_*] }
`,
    });
    expect(pools.map(({ server, mode, port, isGiven }) => [server.stack, mode, port, isGiven])).toEqual([
      ['services/orders', 'session', 5432, true],
      ['services/users', 'transaction', 6500, true],
    ]);
    expect(sites.filter(({ key }) => key === 'REPORTS_URL').map(({ file, rule }) => [file, rule])).toEqual([
      ['services/orders/docker-compose.yml', 'kept-direct'],
      ['services/users/docker-compose.yml', 'application-url'],
    ]);
    expect(written('services/orders/docker-compose.yml')).toContain('- "${HOST_PGBOUNCER_PORT:-7000}:5432"');
    expect(written('services/users/docker-compose.yml')).toContain('postgresql://u:p@pgbouncer:6500/d');
  });

  test.each([
    ['apps/: { keepDirect: [A] }', /folders.*a folder from the root/s],
    ['../other: { keepDirect: [A] }', /a path inside the repository/],
    ['apps: { pool: { host: x } }', /Unrecognized key: "host"/],
  ])('%s is refused with its place', (line, message) => {
    const root = makeRepository({ ...STACKS, 'pool-migrate.yml': `folders:\n  ${line}\n` });
    const { code, stderr } = runCli(['-C', root]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('several servers of one stack', () => {
  const COMPOSE = `services:
  orders-db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    ports: ["15432:5432"]
  users-db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    ports: ["25432:5432"]
  orders:
    build: orders
    environment: { DATABASE_URL: "postgresql://u:p@orders-db:5432/d" }
  users:
    build: users
    environment: { DATABASE_URL: "postgresql://u:p@users-db:5432/d" }
`;
  const FILES = {
    'compose.yml': COMPOSE,
    'orders/Dockerfile': 'FROM python:3.12\nCOPY app.py .\nCMD python app.py\n',
    'orders/app.py': 'import os\nos.environ["DATABASE_URL"]\n',
    'users/Dockerfile': 'FROM python:3.12\nCOPY app.py .\nCMD python app.py\n',
    'users/app.py': 'import os, psycopg\npsycopg.connect(os.environ["DATABASE_URL"]).execute("LISTEN jobs")\n',
    '.env.example': 'POSTGRES_PASSWORD=p\nORDERS_URL=postgresql://u:p@localhost:15432/d\n',
  };

  test('each pooler is published under a port of its own, and no variable gives two of them the same', async () => {
    const { written, pools } = await planned(FILES);
    const compose = written('compose.yml');
    expect(pools.map(({ mode }) => mode)).toEqual(['transaction', 'session']);
    expect([...compose.matchAll(/"(\d+):6432"/g)].map(([, port]) => port)).toEqual(['6432', '6433']);
    expect(compose).toContain('PGBOUNCER_POOL_MODE: transaction');
    expect(compose).toContain('PGBOUNCER_POOL_MODE: session');
    const template = written('.env.example');
    expect(template).toContain('ORDERS_URL=postgresql://u:p@localhost:6432/d');
    expect(template).not.toMatch(/^(?:HOST_PGBOUNCER_PORT|PGBOUNCER_(?:HOST|POOL_MODE|DEFAULT_POOL_SIZE))=/m);
    // What they have in common stays adjustable.
    expect(compose.match(/PGBOUNCER_MAX_CLIENT_CONN: \$\{PGBOUNCER_MAX_CLIENT_CONN:-500\}/g)).toHaveLength(2);
    expect(template).toContain('PGBOUNCER_MAX_CLIENT_CONN=500');
  });

  test('each server’s own pooler is found again, by the server that it names', async () => {
    const { written } = await planned(FILES);
    const { pools } = await planned({ ...FILES, 'compose.yml': written('compose.yml') });
    expect(pools.map(({ server, mode, isGiven }) => [server.service, mode, isGiven])).toEqual([
      ['orders-db', 'transaction', true],
      ['users-db', 'session', true],
    ]);
  });
});

test('a port of the machine under which servers of two stacks are published: the pooler is in both', async () => {
  const db = (name: string, others = '') => `services:
${others}  ${name}:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    ports: ["5434:5432"]
`;
  const first = `  other:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: o }
    ports: ["5433:5432"]
`;
  const files = {
    'docker-compose.yml': db('stock-db', first),
    'stock/docker-compose.yml': db('db'),
    'stock/src/main/resources/application.properties':
      'spring.datasource.url=jdbc:postgresql://localhost:5434/d\nspring.datasource.username=u\n',
  };
  const { written } = await planned(files);
  expect(written('stock/src/main/resources/application.properties')).toContain('localhost:6433/d');
  expect(written('docker-compose.yml')).toContain('"6433:6432"');
  expect(written('stock/docker-compose.yml')).toContain('"${HOST_PGBOUNCER_PORT:-6433}:6432"');
});
