import { describe, expect, test } from 'vitest';
import { applyPlan } from '../src/apply/apply.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { type Demand, findProblems, type PoolSettings, recommend, serverConnections } from '../src/size/arithmetic.ts';
import { settle } from '../src/size/client-pools.ts';
import { readJavaScriptPools } from '../src/size/javascript-pools.ts';
import { readPythonPools } from '../src/size/python-pools.ts';
import { renderSizes, toSizeReport } from '../src/size/render-size.ts';
import { readSettingsPools } from '../src/size/settings-pools.ts';
import { readWorkers } from '../src/size/workers.ts';
import { copyFixture, makeRepository, runCli, snapshotTree } from './repository.ts';

const AT = { file: 'compose.yaml', line: 1 };
const VARIABLES: Record<string, string> = { WEB_CONCURRENCY: '6', WORKERS: '7', RAILS_MAX_THREADS: '9', POOL: '12' };
const lookUp = (name: string) => (VARIABLES[name] ? { text: VARIABLES[name], place: AT } : null);
const nothing = () => null;

describe('workers', () => {
  test.each(['', 'redis-server', 'nginx -g daemon', 'pg_dump -c -w', 'echo gunicorn-like -w 4', 'sleep 4'])(
    'nothing known is started by %j',
    text => expect(readWorkers(text.split(' '), AT, nothing)).toBeNull(),
  );

  const CASES: [command: string, processes: number, threads: number | null, basis: string][] = [
    ['gunicorn app:app', 1, 1, 'default'],
    ['gunicorn -c gunicorn.conf.py app:app', 1, 1, 'assumed'],
    ['gunicorn -w 4 app:app', 4, 1, 'seen'],
    ['gunicorn -w4 --threads=8 app:app', 4, 8, 'seen'],
    ['/venv/bin/gunicorn --workers 2 --workers=3 app:app', 3, 1, 'seen'],
    ['gunicorn -k uvicorn.workers.UvicornWorker -w 4 app:app', 4, null, 'seen'],
    ['uvicorn app:app --host 0.0.0.0', 1, null, 'default'],
    ['uvicorn app:app --workers 3', 3, null, 'seen'],
    ['uvicorn app:app --workers ${UNSET:-5}', 5, null, 'seen'],
    ['fastapi run app.py --workers 2', 2, null, 'seen'],
    ['celery -A x worker', 4, 1, 'assumed'],
    ['celery -A x worker -c 8', 8, 1, 'seen'],
    ['celery -A x worker --concurrency=8 -l info', 8, 1, 'seen'],
    ['celery -A x worker --autoscale=10,3', 10, 1, 'seen'],
    ['celery -A x worker -P gevent -c 100', 1, 100, 'seen'],
    ['celery -A x worker --pool solo', 1, 1, 'seen'],
    ['celery -A x beat', 1, 1, 'default'],
    ['bundle exec puma -w 3 -t 2:6', 3, 6, 'seen'],
    ['bundle exec puma', 1, 5, 'assumed'],
    ['bin/rails server -b 0.0.0.0', 1, 5, 'assumed'],
    ['bundle exec sidekiq -c 25', 1, 25, 'default'],
    ['pm2-runtime -i 4 app.js', 4, null, 'seen'],
    ['pm2-runtime -i max app.js', 4, null, 'assumed'],
    ['node server.js', 1, null, 'default'],
    ['python manage.py runserver 0.0.0.0:8000', 1, 10, 'default'],
    ['python -m app.main', 1, 1, 'default'],
  ];
  test.each(CASES)('%s → %d × %s (%s)', (command, processes, threads, basis) => {
    const found = readWorkers(command.split(' '), AT, nothing);
    expect(found?.processes).toMatchObject({ value: processes, basis });
    expect(found?.threads?.value ?? null).toBe(threads);
  });

  test.each([
    ['gunicorn app:app', 6],
    ['gunicorn -w 2 app:app', 2],
    ['uvicorn app:app', 6],
    ['uvicorn app:app --workers $WORKERS', 7],
    ['puma', 6],
  ])('%s with variables → %d', (command, processes) => {
    expect(readWorkers(command.split(' '), AT, lookUp)?.processes).toMatchObject({ value: processes, basis: 'seen' });
  });
});

describe('client pools', () => {
  const python = (text: string, more: Record<string, string> = {}) =>
    readPythonPools(new Map(Object.entries({ 'app/db.py': text, ...more })));
  const sizes = (pools: ReturnType<typeof python>) =>
    pools.map(pool => [pool.library, settle(pool.size, lookUp), pool.overflow && settle(pool.overflow, lookUp)]);
  const shown = (pools: ReturnType<typeof python>) =>
    sizes(pools).map(([library, size, overflow]) => {
      const show = (quantity: unknown) => {
        const { value, basis } = quantity as { value: number; basis: string };
        return `${value} ${basis}`;
      };
      return [library, show(size), ...(overflow ? [show(overflow)] : [])].join(', ');
    });

  const PYTHON: [code: string, expected: string[]][] = [
    ['create_engine("sqlite:///x.db")', []],
    ['"create_engine(url)"', []],
    ['Celery("x", backend="redis://redis")', []],
    ['DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}', []],
    ['create_engine(url)', ['SQLAlchemy, 5 default, 10 default']],
    ['create_engine(url, pool_size=2, max_overflow=0)', ['SQLAlchemy, 2 seen, 0 seen']],
    ['create_engine(url, pool_size=int(os.getenv("POOL", "3")))', ['SQLAlchemy, 12 seen, 10 default']],
    ['create_engine(url, pool_size=int(os.getenv("OTHER", "3")))', ['SQLAlchemy, 3 seen, 10 default']],
    ['create_engine(url, pool_size=cores() * 2)', ['SQLAlchemy, 5 assumed, 10 default']],
    ['create_engine(url, **options)', ['SQLAlchemy, 5 assumed, 10 assumed']],
    ['OPTIONS = {"pool_size": 4}\ncreate_engine(url, **OPTIONS)', ['SQLAlchemy, 4 seen, 10 default']],
    ['create_engine(url, poolclass=NullPool)', ['SQLAlchemy, 1 default']],
    ['Celery("x", backend="db+postgresql://a@b/c")', ['Celery result backend, 5 default, 10 default']],
    ['asyncpg.create_pool(dsn, max_size=7)', ['asyncpg, 7 seen']],
    ['psycopg2.connect(dsn)', ['psycopg2, 1 default']],
    ['DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}', ['Django, 1 default']],
    [
      'D = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"pool": {"min_size": 2, "max_size": 6}}}',
      ['Django, 6 seen'],
    ],
  ];
  test.each(PYTHON)('%s → %j', (code, expected) => expect(shown(python(code))).toEqual(expected));

  test('options of a function and of a settings class in other files', () => {
    const code = 'create_engine(url, pool_size=settings.DB_POOL, **config.engine_options())';
    const more = {
      'app/config.py': 'def engine_options():\n    return {"max_overflow": int_env("NONE", 8)}\n',
      'app/settings.py': 'class Settings(BaseSettings):\n    DB_POOL: int = 6\n',
    };
    const [pool] = python(code, more);
    expect(pool?.size).toMatchObject({ value: 6, variable: 'DB_POOL', place: { file: 'app/settings.py', line: 2 } });
    expect(pool?.overflow).toMatchObject({ value: 8, variable: 'NONE', place: { file: 'app/config.py', line: 2 } });
  });

  const JAVASCRIPT: [code: string, expected: string[]][] = [
    ["import { Pool } from 'generic-pool'; new Pool({ max: 3 })", []],
    ["import { Pool } from 'pg'; new Pool({ connectionString })", ['node-postgres, 10 default']],
    ["import { Pool } from 'pg'; new Pool({ max: 3 })", ['node-postgres, 3 seen']],
    ["const { Pool } = require('pg'); new Pool({ max: Number(process.env.POOL ?? 4) })", ['node-postgres, 12 seen']],
    ["import pg from 'pg'; new pg.Pool(config)", ['node-postgres, 10 assumed']],
    ["import postgres from 'postgres'; postgres(url, { max: 2 })", ['postgres.js, 2 seen']],
    ['new Sequelize(url, { pool: { max: 8 } })', ['Sequelize, 8 seen']],
    ["knex({ client: 'pg', pool: { min: 0, max: 6 } })", ['Knex, 6 seen']],
    ['new PrismaClient()', ['Prisma, 9 assumed']],
  ];
  test.each(JAVASCRIPT)('%s → %j', (code, expected) =>
    expect(shown(readJavaScriptPools('db.ts', code))).toEqual(expected),
  );

  const SETTINGS: [path: string, text: string, expected: string[]][] = [
    ['config/database.yml', 'production:\n  adapter: mysql2\n  pool: 5\n', []],
    ['config/database.yml', 'production:\n  adapter: postgresql\n', ['Active Record, 5 default']],
    [
      'config/database.yml',
      'default: &default\n  adapter: postgresql\n  pool: <%= ENV.fetch("RAILS_MAX_THREADS") { 5 } %>\nproduction:\n  <<: *default\n',
      ['Active Record, 9 seen'],
    ],
    [
      'src/main/resources/application.yml',
      'spring:\n  datasource:\n    url: jdbc:postgresql://db/x\n    hikari:\n      maximum-pool-size: 30\n',
      ['Hikari, 30 seen'],
    ],
    ['application.properties', 'spring.datasource.url=jdbc:postgresql://db/x\n', ['Hikari, 10 default']],
    ['main.go', 'db.SetMaxOpenConns(25)', ['database/sql, 25 seen']],
    ['prisma/schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n', ['Prisma, 9 assumed']],
  ];
  test.each(SETTINGS)('%s %j → %j', (path, text, expected) =>
    expect(shown(readSettingsPools(path, text))).toEqual(expected),
  );
});

describe('arithmetic', () => {
  const demand: Demand = { clients: 40, busy: 8, pairs: 1, databases: 1, poolers: 1, direct: 4, admitted: 97 };
  const settings: PoolSettings = {
    default_pool_size: 20,
    reserve_pool_size: 5,
    max_client_conn: 500,
    max_db_connections: 0,
  };
  type Case = [
    name: string,
    demand: Partial<Demand>,
    settings: Partial<PoolSettings>,
    connections: number,
    pool: PoolSettings,
  ];
  const CASES: Case[] = [
    ['fits: only the cap is new', {}, {}, 25, { ...settings, max_db_connections: 93 }],
    [
      'more users than Postgres admits',
      { pairs: 5 },
      {},
      125,
      { ...settings, default_pool_size: 15, reserve_pool_size: 3, max_db_connections: 93 },
    ],
    [
      'several poolers share',
      { poolers: 4 },
      {},
      100,
      { ...settings, default_pool_size: 19, reserve_pool_size: 4, max_db_connections: 23 },
    ],
    ['several databases', { pairs: 3, databases: 3 }, {}, 75, { ...settings, max_db_connections: 31 }],
    [
      'nothing is left',
      { admitted: 3 },
      {},
      25,
      { ...settings, default_pool_size: 1, reserve_pool_size: 0, max_db_connections: 1 },
    ],
    [
      'a cap that holds',
      { pairs: 5 },
      { max_db_connections: 50 },
      50,
      { ...settings, default_pool_size: 15, reserve_pool_size: 3, max_db_connections: 50 },
    ],
    [
      'more clients than allowed',
      { clients: 1000 },
      {},
      25,
      { ...settings, max_client_conn: 1200, max_db_connections: 93 },
    ],
    [
      'a pool that is too small for those who work',
      { busy: 60 },
      { default_pool_size: 5 },
      10,
      { ...settings, max_db_connections: 93 },
    ],
  ];
  test.each(CASES)('%s', (_, change, changed, connections, expected) => {
    const current = { ...settings, ...changed };
    const wanted = { ...demand, ...change };
    expect(serverConnections(current, wanted)).toBe(connections);
    const recommended = recommend(wanted, current);
    expect(recommended).toEqual(expected);
    if (wanted.admitted > wanted.direct) expect(findProblems(recommended, wanted)).toEqual([]);
  });

  test.each<[Partial<Demand>, RegExp[]]>([
    [{}, []],
    [{ pairs: 4 }, [/100\) and the direct connections \(4\) can reach 104, and Postgres admits 97/]],
    [{ clients: 501 }, [/501 connections, and max_client_conn is 500/]],
  ])('%j warns of %j', (change, patterns) => {
    const found = findProblems(settings, { ...demand, ...change });
    expect(found.length).toBe(patterns.length);
    for (const [i, pattern] of patterns.entries()) expect(found[i]).toMatch(pattern);
  });
});

describe.each(['crawler', 'ledger'])('%s', name => {
  test('the sums and their evidence', async () => {
    const plan = await planMigration({ cwd: copyFixture(name) });
    await expect(renderSizes(plan)).toMatchFileSnapshot(`__snapshots__/${name}.size.txt`);
  });

  test('the same numbers before and after the migration, and in the runbook', async () => {
    const root = copyFixture(name);
    const plan = await planMigration({ cwd: root });
    const [before] = toSizeReport(plan).poolers;
    expect(before?.pooler.isGenerated).toBe(true);
    applyPlan(plan);
    const [after, ...rest] = toSizeReport(await planMigration({ cwd: root })).poolers;
    expect(rest).toEqual([]);
    expect(after?.pooler).toMatchObject({ name: 'pgbouncer', isGenerated: false });
    for (const key of ['demand', 'recommended', 'serverConnections', 'warnings'] as const)
      expect(after?.[key]).toEqual(before?.[key]);
    const runbook = plan.changes.find(({ file }) => file === 'docs/pgbouncer.md')?.after ?? '';
    expect(runbook).toContain(`| **clients in all** | \`max_client_conn\` is 500 | **${before?.demand.clients}** |`);
    expect(runbook).not.toContain('<!--');
  });
});

describe('the command', () => {
  const COMPOSE = `services:
  db:
    image: postgres:16
    command: -c shared_buffers=256MB -c max_connections=50
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: s3cret-pw, POSTGRES_DB: app }
  web:
    build: .
    command: gunicorn -w 8 --threads 4 app:app
    deploy: { replicas: 20 }
    environment:
      DATABASE_URL: postgresql://app:s3cret-pw@db:5432/app
      REPORT_URL: postgresql://report:s3cret-pw@db:5432/app
`;
  const DJANGO = 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n';
  const files = { 'compose.yaml': COMPOSE, 'app/settings.py': DJANGO };

  test('warns in words, exits 0, writes nothing, and prints no password', () => {
    const root = makeRepository(files);
    const before = snapshotTree(root);
    const result = runCli(['size', '-C', root]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('web  20 × 8 × 4 = 640');
    expect(result.stdout).toContain('50 − 3 = 47');
    expect(result.stdout).toContain('max_connections 50  max_connections=50, compose.yaml:4');
    expect(result.stdout).toMatch(
      /The pools \(50\) and the direct connections \(2\) can reach 52, and Postgres admits 47/,
    );
    expect(result.stdout).toMatch(/Clients can open 640 connections, and max_client_conn is 500/);
    expect(result.stdout).not.toContain('s3cret');
    expect(snapshotTree(root)).toEqual(before);
  });

  test('--json prints one object, in which each number has its basis', () => {
    const result = runCli(['size', '--json', '-C', makeRepository(files)]);
    expect(result.code).toBe(0);
    const report = JSON.parse(result.stdout);
    expect(report).toMatchObject({
      version: 1,
      poolers: [
        {
          server: { service: 'db', place: { file: 'compose.yaml', line: 2 } },
          maxConnections: { value: 50, basis: 'seen', place: { file: 'compose.yaml', line: 4 } },
          consumers: [{ service: 'web', replicas: { value: 20, basis: 'seen' }, clients: 640 }],
          demand: { clients: 640, busy: 640, pairs: 2, databases: 1, admitted: 47 },
          recommended: { default_pool_size: 18, reserve_pool_size: 4, max_client_conn: 800, max_db_connections: 45 },
        },
      ],
    });
    expect(result.stdout).not.toContain('s3cret');
  });

  test('several processes and copies of the pooler multiply its pools', async () => {
    const pooler = `  pool:
    image: acme/pgbouncer
    deploy: { replicas: 2 }
    environment: { PGBOUNCER_UPSTREAM_HOST: db, PGBOUNCER_PROCESSES: "\${POOL_PROCESSES:-3}" }
`;
    const root = makeRepository({ ...files, 'compose.yaml': COMPOSE.replace('  web:', `${pooler}  web:`) });
    const [size] = toSizeReport(await planMigration({ cwd: root })).poolers;
    expect(size?.pooler).toMatchObject({
      name: 'pool',
      replicas: { value: 2 },
      processes: { value: 3, basis: 'seen' },
    });
    expect(size?.serverConnections).toBe(25 * 2 * 2 * 3);
  });

  test.each([
    ['a pool in session mode', 'pool: { mode: session }', '(80 + 5) × 1 pair × 1 pooler', 85],
    [
      'the same by two processes, which share it',
      'pool: { mode: session }\nassets: { features: [processes] }',
      '(40 + 2) × 1 pair × 2 poolers',
      84,
    ],
  ])('%s: the runbook, size and what is generated say the same', async (_, config, sum, connections) => {
    const { changes, ...plan } = await planMigration({
      cwd: makeRepository({
        'compose.yaml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
  web:
    image: acme/web
    environment: { DATABASE_URL: "postgresql://u:p@db:5432/d" }
`,
        'pool-migrate.yml': `${config}\n`,
      }),
    });
    const text = (path: string) => changes.find(({ file }) => file === path)?.after ?? '';
    const [size] = toSizeReport({ changes, ...plan }).poolers;
    expect(size?.serverConnections).toBe(connections);
    expect(text('docs/pgbouncer.md')).toContain(`${sum} | ${connections} |`);
    const written = /DEFAULT_POOL_SIZE:-(\d+)[\s\S]*RESERVE_POOL_SIZE:-(\d+)/.exec(text('compose.yaml'));
    expect(sum).toContain(`(${written?.[1]} + ${written?.[2]})`);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['no server', { 'a.py': 'x = 1\n' }, /No Postgres service was found/],
    ['nothing pooled', { 'compose.yaml': 'services:\n  db:\n    image: postgres:16\n' }, /nothing to size/],
  ])('%s: said in words', (_, tree, message) => {
    const result = runCli(['size', '-C', makeRepository(tree)]);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(message);
  });

  test("CloudNativePG: the Pooler's instances and parameters", async () => {
    const root = makeRepository({
      'pg.yaml': `apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: { name: pg }
spec: { instances: 1, postgresql: { parameters: { max_connections: "250" } } }
---
apiVersion: postgresql.cnpg.io/v1
kind: Pooler
metadata: { name: pool }
spec:
  cluster: { name: pg }
  instances: 3
  pgbouncer: { poolMode: transaction, parameters: { default_pool_size: "40" } }
`,
    });
    const [size] = toSizeReport(await planMigration({ cwd: root })).poolers;
    expect(size).toMatchObject({
      pooler: { name: 'pool', isGenerated: false, replicas: { value: 3, basis: 'seen' } },
      settings: { default_pool_size: { value: 40, basis: 'seen' }, reserve_pool_size: { value: 0, basis: 'assumed' } },
      serverConnections: 120,
      maxConnections: { value: 250, basis: 'seen' },
    });
  });

  test('workloads of manifests: replicas, an autoscaler, their commands', async () => {
    const root = makeRepository({
      'k8s/db.yaml': `apiVersion: v1
kind: Service
metadata: { name: db }
spec: { selector: { app: db }, ports: [{ port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store }
spec:
  template:
    metadata: { labels: { app: db } }
    spec: { containers: [{ name: db, image: "postgres:16", args: ["-c", "max_connections=300"] }] }
`,
      'k8s/api/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: { name: api }
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: api
          image: acme/api
          command: ["gunicorn", "-w", "2", "app:app"]
          env: [{ name: DATABASE_URL, value: "postgresql://a:b@db:5432/app" }]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: api }
spec: { scaleTargetRef: { kind: Deployment, name: api }, maxReplicas: 10 }
`,
    });
    const [size] = toSizeReport(await planMigration({ cwd: root, unsafe: true })).poolers;
    expect(size?.consumers).toMatchObject([
      { service: 'api', replicas: { value: 10, basis: 'seen' }, processes: { value: 2 }, clients: 20 },
    ]);
    expect(size?.maxConnections).toMatchObject({ value: 300, basis: 'seen' });
  });
});
