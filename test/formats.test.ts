import { expect, test } from 'vitest';
import { planMigration } from '../src/run/plan-migration.ts';
import { makeRepository, smallCompose } from './repository.ts';

const COMPOSE = smallCompose('db');

/** `text → replacement` for pooled places, `text: action` for the others, in the order of the file. */
const show = (sites: { text: string; action: string; replacement: string | null }[]): string[] =>
  sites.map(({ text, action, replacement }) =>
    action === 'pooled' ? `${text} → ${replacement}` : `${text}: ${action}`,
  );

const POOLED = 'db:5432 → pgbouncer:6432';
const SPLIT = ['db → pgbouncer', '5432 → 6432'];
const FORMATS: [name: string, path: string, text: string, expected: string[]][] = [
  // Must not be touched.
  ['a server socket', 'a.js', "app.listen({ host: '0.0.0.0', port: 5432 })", []],
  ['another database', 'a.py', 'redis.Redis(host="redis", port=6379)', []],
  ['a prefix', 'a.py', 'if url.startswith("postgresql://"): pass', []],
  ['a gate', 'start.sh', './wait-for-it.sh db:5432 -- app', ['db:5432: leave']],
  [
    'a dump in a unit',
    'dump.service',
    '[Service]\nExecStart=/usr/bin/pg_dump postgres://app:pw@db:5432/app',
    ['db:5432: direct'],
  ],
  [
    'a dump in a task file',
    'Taskfile.yml',
    'tasks:\n  d:\n    cmds:\n      - pg_dump postgres://app:pw@db:5432/app',
    ['db:5432: direct'],
  ],
  [
    'a dump in package.json',
    'package.json',
    '{ "scripts": { "d": "pg_dump postgres://app:pw@db:5432/app" } }',
    ['db:5432: direct'],
  ],
  ['a dump in a crontab', 'crontab', '0 3 * * * pg_dump postgres://app:pw@db:5432/app > /b', ['db:5432: direct']],
  ['Go', 'main.go', 'const dsn = "postgres://app:pw@db:5432/app"', [POOLED]],
  ['Go, who knows what for', 'main.go', 'show("postgres://app:pw@db:5432/app")', ['db:5432: review']],
  ['Elixir', 'runtime.exs', 'hostname: System.get_env("DB_HOST", "db"), port: 5432', SPLIT],
  ['a comment of Go', 'main.go', '// sql.Open("pgx", "postgres://app:pw@db:5432/app")', ['db:5432: review']],
  [
    'another engine of Laravel',
    'database.php',
    "<?php return ['mysql' => ['host' => env('DB_HOST', 'db')]];",
    ['db: leave'],
  ],
  ['Go, a read', 'main.go', 'url := getEnv("DATABASE_URL", "postgres://app:pw@db:5432/app")', [POOLED]],
  ['Go, split', 'main.go', 'h := getEnv("DB_HOST", "db")\np := getEnv("DB_PORT", "5432")', SPLIT],
  ['Go, a driver', 'main.go', 'sql.Open("pgx", "host=db port=5432 dbname=app")', SPLIT],
  // What is put together in the file: constants, formats, joined literals.
  [
    'Go, constants in a format',
    'main.go',
    'const (\n\thost = "db"\n\tport = 5432\n)\nvar dsn = fmt.Sprintf("host=%s port=%d dbname=app", host, port)',
    SPLIT,
  ],
  [
    'Go, arguments of a format',
    'main.go',
    'dsn := fmt.Sprintf("postgres://%s:%s@%s:%d/app", user, pw, "db", 5432)\nsql.Open("pgx", dsn)',
    SPLIT,
  ],
  ['Go, joined', 'main.go', 'const h = "db"\nconst dsn = "postgres://app:pw@" + h + ":5432/app"', SPLIT],
  [
    'Go, a constant that is used for something else',
    'main.go',
    'const h = "db"\nconst dsn = "postgres://app:pw@" + h + ":5432/app"\nfunc f() { dial(h) }',
    ['db: review', '5432: review'],
  ],
  [
    'Go, a constant that is logged',
    'main.go',
    'const h = "db"\nconst dsn = "postgres://app:pw@" + h + ":5432/app"\nfunc f() { log.Println(h) }',
    SPLIT,
  ],
  ['Go, fields', 'main.go', 'var c = Config{Host: "db", Port: 5432, User: "app"}', SPLIT],
  ['Go, defaults', 'main.go', 'v.SetDefault("db.host", "db"); v.SetDefault("db.port", 5432)', SPLIT],
  [
    'Java, constants',
    'A.java',
    'class A { static final String H = "db"; Connection c = DriverManager.getConnection("jdbc:postgresql://" + H + ":" + 5432 + "/app"); }',
    SPLIT,
  ],
  ['Kotlin, in the text', 'A.kt', 'val h = "db"\nval jdbcUrl = "jdbc:postgresql://$h:5432/app"', SPLIT],
  [
    'C#, in the text',
    'A.cs',
    'const string H = "db";\nvar c = new NpgsqlConnection($"Host={H};Port=5432;Database=app");',
    SPLIT,
  ],
  ['PHP, in the text', 'a.php', '<?php $h = "db";\n$p = new PDO("pgsql:host=$h;port=5432;dbname=app", $u, $w);', SPLIT],
  ['Ruby, in the text', 'a.rb', 'H = "db"\nPG.connect("postgres://app:pw@#{H}:5432/app")', SPLIT],
  ['Rust, format!', 'a.rs', 'let url = format!("postgres://app:pw@{}:{}/app", "db", 5432);', SPLIT],
  [
    'JavaScript, constants',
    'a.js',
    "const HOST = 'db';\nconst PORT = 5432;\nnew Pool({ host: HOST, port: PORT });",
    SPLIT,
  ],
  [
    'JavaScript, the port of a web server',
    'a.js',
    "const HOST = '0.0.0.0';\nconst PORT = 3000;\napp.listen(PORT, HOST);",
    [],
  ],
  // Files in files.
  ['a here-document', 'setup.sh', 'cat > .env <<EOF\nDATABASE_URL=postgres://app:pw@db:5432/app\nEOF', [POOLED]],
  ['a here-document by tee', 'setup.sh', 'cat <<EOF | sudo tee conf.yml\ndb:\n  host: db\n  port: 5432\nEOF', SPLIT],
  ['printf into a file', 'setup.sh', "printf 'DB_HOST=db\\nDB_PORT=5432\\n' >> .env", SPLIT],
  [
    'a group into a file',
    'setup.sh',
    '{\n  echo "DB_HOST=db"\n  echo DB_PORT=5432\n} > .env',
    ['db → pgbouncer', '5432 → 6432'],
  ],
  [
    'SQL in a here-document',
    'dump.sh',
    'psql postgres://app:pw@db:5432/app <<EOF\nselect 1;\nEOF',
    ['db:5432: direct'],
  ],
  [
    'batch into a file',
    'i.cmd',
    '(\r\necho A=1\r\necho DATABASE_URL=postgres://app:pw@db:5432/app\r\n) > .env\r\n',
    [POOLED],
  ],
  ['PowerShell, the environment', 'i.ps1', '$env:DATABASE_URL = "postgres://app:pw@db:5432/app"\nnpm start', [POOLED]],
  [
    'PowerShell, before a migration',
    'i.ps1',
    '$env:DATABASE_URL = "postgres://app:pw@db:5432/app"\nalembic upgrade head',
    ['db:5432: direct'],
  ],
  ['PowerShell into a file', 'i.ps1', '@"\nDATABASE_URL=postgres://app:pw@db:5432/app\n"@ | Out-File .env', [POOLED]],
  ['PowerShell, a comment', 'i.ps1', '# $env:DATABASE_URL = "postgres://app:pw@db:5432/app"', ['db:5432: review']],
  [
    'a notebook',
    'a.ipynb',
    JSON.stringify({
      cells: [
        {
          cell_type: 'code',
          source: ['import os\n', 'engine = create_engine("postgresql://app:pw@db:5432/app")\n'],
          outputs: [],
        },
      ],
    }),
    [POOLED],
  ],
  [
    'what a notebook printed',
    'a.ipynb',
    JSON.stringify(
      { cells: [{ cell_type: 'code', source: 'x', outputs: ['postgresql://app:pw@db:5432/app'] }] },
      null,
      1,
    ),
    ['db:5432: review'],
  ],
  [
    'dbt',
    'profiles.yml',
    "x:\n  outputs:\n    dev:\n      type: postgres\n      host: \"{{ env_var('DBT_HOST', 'db') }}\"\n      port: \"{{ env_var('DBT_PORT', '5432') | int }}\"",
    [
      "{{ env_var('DBT_HOST', 'db') }} → {{ env_var('DBT_HOST', 'pgbouncer') }}",
      "{{ env_var('DBT_PORT', '5432') | int }} → {{ env_var('DBT_PORT', '6432') | int }}",
    ],
  ],
  [
    'Python in an indented fence',
    'README.md',
    "1. Do\n\n   ```python\n   DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': 'db', 'PORT': 5432}}\n   ```\n",
    ['db: review', '5432: review'],
  ],
  ['Ruby, a read', 'a.rb', 'ENV.fetch("DATABASE_URL", "postgres://app:pw@db:5432/app")', [POOLED]],
  ['Ruby, otherwise', 'a.rb', 'url = ENV["DATABASE_URL"] || "postgres://app:pw@db:5432/app"', [POOLED]],
  ['C#, otherwise', 'A.cs', 'Environment.GetEnvironmentVariable("DB") ?? "Host=db;Port=5432;Database=a"', SPLIT],
  ['C#, a driver', 'A.cs', 'options.UseNpgsql("Host=db;Port=5432;Database=app")', SPLIT],
  ['Java, a read', 'A.java', 'env.getOrDefault("DB_URL", "jdbc:postgresql://db:5432/app")', [POOLED]],
  ['Java, a driver', 'A.java', 'DriverManager.getConnection("jdbc:postgresql://db:5432/app", u, p)', [POOLED]],
  ['PHP, a read', 'a.php', "<?php env('DATABASE_URL', 'postgres://app:pw@db:5432/app');", [POOLED]],
  ['PHP, a driver', 'a.php', "<?php new PDO('pgsql:host=db;port=5432;dbname=app', $u, $p);", SPLIT],
  ['Rust, a read', 'a.rs', 'env::var("DATABASE_URL").unwrap_or("postgres://app:pw@db:5432/app".into())', [POOLED]],
  ['Elixir, otherwise', 'a.ex', 'System.get_env("DATABASE_URL") || "ecto://app:pw@db:5432/app"', [POOLED]],
  ['a password file', '.pgpass', 'db:5432:app:app:pw', ['db:5432: review']],
  [
    'a Helm template',
    'templates/a.yaml',
    'x: {{ .Values.x }}\nurl: postgres://app:pw@db:5432/app',
    ['db:5432: review'],
  ],
  ['a unit test', 'tests/test_a.py', 'URL = "postgres://app:pw@db:5432/app"', ['db:5432: review']],
  [
    'a workflow in a document',
    'docs/ci.md',
    '```yaml\njobs:\n  t:\n    runs-on: x\n    env:\n      URL: postgres://app:pw@db:5432/app\n```',
    ['db:5432: leave'],
  ],

  [
    'Django',
    'settings.py',
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': 'db', 'PORT': '5432'}}",
    SPLIT,
  ],
  [
    'Django, environment',
    'settings.py',
    "D = {'ENGINE': 'django.db.backends.postgresql', 'HOST': os.environ.get('DB_HOST', 'db'), 'PORT': os.environ.get('DB_PORT', 5432)}",
    SPLIT,
  ],
  ['dj-database-url', 'settings.py', "D = dj_database_url.config(default='postgres://app:pw@db:5432/app')", [POOLED]],
  ['django-environ', 'settings.py', "D = env.db('DATABASE_URL', default='postgres://app:pw@db:5432/app')", [POOLED]],
  ['SQLAlchemy', 'a.py', 'u = URL.create("postgresql+asyncpg", host="db", port=5432)', SPLIT],
  ['pydantic', 'a.py', 'class S(BaseSettings):\n    POSTGRES_SERVER: str = "db"\n    POSTGRES_PORT: int = 5432', SPLIT],
  ['f-string', 'a.py', 'u = f"postgresql://{user}:{pw}@db:5432/{name}"', [POOLED]],
  ['joined strings', 'a.py', 'u = ("postgresql://app:pw"\n     "@db:5432/app")', [POOLED]],
  [
    'a reader of one’s own',
    'a.py',
    'H = optional_env("PG_HOST", "db")\nP = int(optional_env("PG_PORT", "5432"))',
    SPLIT,
  ],
  [
    'node-postgres',
    'a.ts',
    "const pool = new Pool({ host: process.env.DB_HOST ?? 'db', port: Number(process.env.DB_PORT || 5432) })",
    SPLIT,
  ],
  ['template literal', 'a.ts', 'const u = `postgres://${user}:${pw}@db:5432/app`', [POOLED]],
  [
    'fallback',
    'a.js',
    "module.exports = { url: process.env.DATABASE_URL || 'postgres://app:pw@db:5432/app' }",
    [POOLED],
  ],
  ['TypeORM in Nest', 'app.module.ts', "TypeOrmModule.forRoot({ type: 'postgres', host: 'db', port: 5432 })", SPLIT],
  [
    '.NET settings',
    'appsettings.json',
    '{ // c\n "ConnectionStrings": { "Default": "Server=db;Port=5432;Database=x;User Id=app;Password=pw;" } }',
    SPLIT,
  ],
  [
    'Rails',
    'config/database.yml',
    'default:\n  host: <%= ENV.fetch("DB_HOST") { "db" } %>\n  port: <%= ENV.fetch("DB_PORT", 5432) %>',
    SPLIT,
  ],
  [
    'Spring',
    'application.yml',
    'spring:\n  datasource:\n    url: jdbc:postgresql://${DB_HOST:db}:5432/app',
    ['${DB_HOST:db}:5432 → ${DB_HOST:pgbouncer}:6432'],
  ],
  ['properties', 'application.properties', 'spring.datasource.url=jdbc:postgresql://db/app', ['db → pgbouncer:6432']],
  ['TOML', 'config.toml', '[db]\nhost = "db"\nport = 5432', SPLIT],
  ['INI', 'app.ini', '[db]\nurl = postgresql://app:pw@db:5432/app', [POOLED]],
  ['systemd', 'app.service', '[Service]\nEnvironment="DATABASE_URL=postgres://app:pw@db:5432/app"', [POOLED]],
  ['batch', 'run.bat', 'set DATABASE_URL=postgres://app:pw@db:5432/app\r\n', [POOLED]],
  [
    'Kubernetes-like list',
    'job.yaml',
    'env:\n  - name: DB_HOST\n    value: db\n  - name: DB_PORT\n    value: "5432"',
    SPLIT,
  ],
  ['Dockerfile', 'Dockerfile', 'FROM x\nENV DATABASE_URL=postgres://app:pw@db:5432/app', [POOLED]],
  [
    'Makefile',
    'Makefile',
    'run:\n\tDATABASE_URL=postgres://app:pw@localhost:5433/app app',
    ['localhost:5433 → localhost:6432'],
  ],
  [
    'shell default',
    'run.sh',
    'export DATABASE_URL="${DATABASE_URL:-postgres://app:pw@localhost:5433/app}"\napp',
    ['localhost:5433 → localhost:6432'],
  ],
  ['flags', 'run.sh', 'app --db-host=db --db-port 5432', SPLIT],
  [
    'published port by a variable',
    '.env.example',
    'DATABASE_URL=postgres://app:pw@localhost:${HOST_PG:-5433}/app',
    ['localhost:${HOST_PG:-5433} → localhost:${HOST_PG:-6432}'],
  ],
  // A port is added only where the whole call, object or DSN can be seen.
  ['a call with **options', 'a.py', 'psycopg2.connect(host="db", **options)', ['db → pgbouncer']],
  ['an object with a spread', 'a.ts', "new Pool({ ...base, host: 'db' })", ['db → pgbouncer']],
  ['a host that the environment gives', 'a.ts', "new Pool({ host: process.env.DB_HOST || 'db' })", ['db → pgbouncer']],
  ['a Vault of Jinja', 'vars.yml', 'url: "postgres://app:{{ pw }}@db:5432/app"', ['db:5432: review']],
  ['Ansible', 'site.yml', '- hosts: all\n  vars:\n    url: postgres://app:pw@db:5432/app', ['db:5432: review']],
  ['Terraform', 'main.tf', 'default = "postgres://app:pw@db:5432/app"', ['db:5432: review']],
  [
    'the test section of Rails',
    'config/database.yml',
    'test:\n  host: db\n  port: 5432',
    ['db: review', '5432: review'],
  ],
  [
    'Flyway in Spring',
    'application.yml',
    'spring:\n  flyway:\n    url: jdbc:postgresql://db:5432/app',
    ['db:5432: direct'],
  ],
  [
    'a server of the script',
    'dev.sh',
    'docker run -d -p 5433:5432 postgres:16\napp --url postgres://app:pw@localhost:5433/app',
    ['localhost:5433: review'],
  ],
  [
    'a dump in a devcontainer',
    '.devcontainer/devcontainer.json',
    '{ "postCreateCommand": "pg_restore -d postgres://app:pw@db:5432/app x" }',
    ['db:5432: direct'],
  ],
  [
    'Prisma, direct',
    'schema.prisma',
    'datasource db {\n  directUrl = "postgres://app:pw@db:5432/app"\n}',
    ['db:5432: direct'],
  ],
  ['a call without a port', 'a.py', 'asyncpg.connect(user="a", host="db")', ['db → pgbouncer']],
  ['an object without a port', 'a.ts', "new Client({ host: 'db', user: 'a' })", ['db → pgbouncer']],
  ['libpq without a port', 'a.py', 'psycopg2.connect("host=db dbname=app")', ['db → pgbouncer']],
  [
    '.NET without a port',
    'appsettings.json',
    '{ "C": { "D": "Host=db;Database=x;Username=app" } }',
    ['db → pgbouncer'],
  ],
  [
    'Django without a port',
    'settings.py',
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': 'db', 'PORT': ''}}",
    ['db → pgbouncer'],
  ],
  [
    'systemd, several',
    'app.service',
    '[Service]\nEnvironment="DB_HOST=localhost" DB_PORT=5433',
    ['localhost → localhost', '5433 → 6432'],
  ],
  [
    'Nest configuration',
    'a.ts',
    "registerAs('db', () => ({ host: process.env.DB_HOST || 'db', port: parseInt(process.env.DB_PORT, 10) || 5432 }))",
    SPLIT,
  ],
  [
    'a conditional',
    'a.ts',
    "new Pool({ host: 'db', port: process.env.DB_PORT ? Number(process.env.DB_PORT) : 5432 })",
    SPLIT,
  ],
  [
    'typed configuration',
    'a.ts',
    "forRoot({ type: 'postgres', host: config.get<string>('DB_HOST', 'db'), port: config.get<number>('DB_PORT', 5432) })",
    SPLIT,
  ],
  [
    'a template of defaults',
    'a.ts',
    "const u = `postgres://a:b@${process.env.DB_HOST || 'db'}:${process.env.DB_PORT || 5432}/app`",
    SPLIT,
  ],
  [
    'an f-string of a default',
    'a.py',
    'HOST = os.getenv("DB_HOST", "db")\nu = f"postgres://a:b@{HOST}:5432/app"',
    ['db → pgbouncer', '{HOST}:5432 → {HOST}:6432'],
  ],
  ['a document where nothing runs pooled', 'a.md', '`postgres://app:pw@db:5432/app`', ['db:5432: review']],
];

test.each(FORMATS)('%s', async (_, path, text, expected) => {
  const plan = await planMigration({ cwd: makeRepository({ 'docker-compose.yml': COMPOSE, [path]: `${text}\n` }) });
  expect(plan.errors).toEqual([]);
  expect(show(plan.sites.filter(site => site.file === path))).toEqual(expected);
});

test.each([
  ['a.py', 'asyncpg.connect(user="a", host="db")', 'asyncpg.connect(user="a", host="pgbouncer", port=6432)'],
  ['a.ts', "new Client({ host: 'db', user: 'a' })", "new Client({ host: 'pgbouncer', port: 6432, user: 'a' })"],
  ['b.ts', "new Client({\n  host: 'db',\n})", "new Client({\n  host: 'pgbouncer',\n  port: 6432,\n})"],
  [
    'a.json',
    '{ "D": "Host=db;Database=x;Username=app" }',
    '{ "D": "Host=pgbouncer;Port=6432;Database=x;Username=app" }',
  ],
])('a port is put in: %s %s', async (path, text, expected) => {
  const { changes } = await planMigration({
    cwd: makeRepository({ 'docker-compose.yml': COMPOSE, [path]: `${text}\n` }),
  });
  expect(changes.find(change => change.file === path)?.after).toBe(`${expected}\n`);
});

test('a host alone in compose is pooled where the code that reads it has the port', async () => {
  const root = makeRepository({
    'docker-compose.yml': `${COMPOSE}      DB_HOST: db\n`,
    'settings.py':
      "D = {'ENGINE': 'django.db.backends.postgresql', 'HOST': os.environ.get('DB_HOST'), 'PORT': '5432'}\n",
  });
  const { sites } = await planMigration({ cwd: root });
  expect(show(sites)).toEqual(SPLIT);
  const alone = await planMigration({ cwd: makeRepository({ 'docker-compose.yml': `${COMPOSE}      DB_HOST: db\n` }) });
  // Where nobody is seen to bring a port, the pooler listens where the server does.
  expect(show(alone.sites)).toEqual(['db → pgbouncer']);
  expect(alone.pools).toMatchObject([{ port: 5432 }]);
});

test('the variable from which the port is read is set beside the host, where nothing sets it', async () => {
  const settings = "D = {'ENGINE': 'django.db.backends.postgresql', 'HOST': env('DB_HOST'), 'PORT': env('DB_PORT')}\n";
  const write = async (files: Record<string, string>) => {
    const root = makeRepository({ 'settings.py': settings, ...files });
    const { changes } = await planMigration({ cwd: root });
    return changes.find(change => change.kind === 'modify')?.after ?? null;
  };
  expect(await write({ 'docker-compose.yml': `${COMPOSE}      DB_HOST: db\n` })).toContain(
    '      DB_HOST: pgbouncer\n      DB_HOST_DIRECT: db\n      DB_PORT: "6432"\n      DB_PORT_DIRECT: "5432"\n',
  );
  const list = smallCompose('db', '- DB_HOST=db').replace('LOG_LEVEL', 'X');
  expect(await write({ 'docker-compose.yml': list })).toContain(
    '- DB_HOST=pgbouncer\n      - DB_HOST_DIRECT=db\n      - DB_PORT=6432\n      - DB_PORT_DIRECT=5432\n',
  );
  // Set elsewhere; not passed on; read by nobody: then the pooler listens on 5432, and the host alone is edited.
  const plan = async (files: Record<string, string>) =>
    (await planMigration({ cwd: makeRepository({ 'settings.py': settings, ...files }) })).pools;
  const passed = `${COMPOSE}      DB_HOST: \${DB_HOST}\n`;
  for (const files of [
    { 'docker-compose.yml': `${COMPOSE}      DB_HOST: db\n`, '.env.example': 'DB_PORT=5432\n' },
    { 'docker-compose.yml': passed, '.env.example': 'DB_HOST=db\n' },
    { 'docker-compose.yml': `${COMPOSE}      OTHER_DB_HOST: db\n` },
  ])
    expect(await plan(files)).toMatchObject([{ port: 5432 }]);
});

test('where the code takes only the host, the pooler listens on the port of the server', async () => {
  const pair = `${COMPOSE}      DB_HOST: db\n      DB_PORT: "5432"\n`;
  const rules = async (code: string, file = 'a.py') => {
    const { sites, pools } = await planMigration({ cwd: makeRepository({ 'docker-compose.yml': pair, [file]: code }) });
    const own = sites.filter(site => site.file === 'docker-compose.yml').map(({ rule }) => rule);
    return [...own, pools[0]?.port];
  };
  const alone = ['split-variables', 'split-variables', 5432];
  expect(await rules('psycopg2.connect(host=os.environ["DB_HOST"], user="a")\n')).toEqual(alone);
  expect(await rules('psycopg2.connect(host=settings.DB_HOST, user="a")\n')).toEqual(alone);
  expect(await rules('new Client({ host: process.env.DB_HOST, user: "a" })\n', 'a.ts')).toEqual(alone);
  expect(await rules('db.Open(os.Getenv("DB_HOST"))\n', 'a.go')).toEqual(alone);
  const pooled = ['split-variables', 'split-variables', 6432];
  expect(await rules('psycopg2.connect(host=os.environ["DB_HOST"], port=os.environ["DB_PORT"])\n')).toEqual(pooled);
  expect(await rules('psycopg2.connect(host=os.environ["DB_HOST"], **more, port=env("DB_PORT"))\n')).toEqual(pooled);
  expect(await rules('run()\n')).toEqual(pooled);
});

test('what a program does with a dump is followed through split variables', async () => {
  const script = (text: string) =>
    planMigration({ cwd: makeRepository({ 'docker-compose.yml': COMPOSE, 'b.sh': text }) });
  const split = 'H=${DB_HOST:-localhost}\nDB_PORT=${DB_PORT:-5433}\nDB_HOST=${DB_HOST:-localhost}\n';
  for (const command of [
    'pg_dump -h "$DB_HOST" -p "$DB_PORT"',
    'URL="postgresql://a@$DB_HOST:$DB_PORT/x"\nexport URL\nalembic upgrade head',
    'psql -h "$DB_HOST" -p "$DB_PORT" -c "DROP DATABASE x"',
  ]) {
    const { sites } = await script(`${split}${command}\n`);
    expect(sites.filter(site => site.key === 'DB_PORT').map(({ action }) => action)).toEqual(['direct']);
  }
});

test('code that listens keeps its service direct, and the others pooled', async () => {
  const service = (name: string) =>
    `  ${name}:\n    build: .\n    command: python ${name}.py\n    environment:\n      DATABASE_URL: postgres://app:pw@db:5432/app\n`;
  const root = makeRepository({
    'docker-compose.yml': COMPOSE + service('worker') + service('web'),
    'worker.py': 'conn.execute("LISTEN jobs")\n',
    'web.py': 'run()\n',
  });
  const { sites } = await planMigration({ cwd: root });
  expect(sites.map(({ service: name, action, safety }) => [name, action, safety])).toEqual([
    ['worker', 'direct', 'safe'],
    ['web', 'pooled', 'safe'],
  ]);
});
