/** One Postgres, three PgBouncers and the drivers, and a pool of its own for each thing that is tried. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client, ClientConfig } from 'pg';
import type { PoolMode } from '../../src/routes/hazard-rules.ts';
import { connect, createApp, credentials, type Pooler, startPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { type Cell, modes, pair, type Scenario } from './proof.ts';
import { giveAway, makeWorkDirectory, run, type Version, versions } from './run.ts';

export interface Lab {
  /** What a scenario sees: straight on Postgres, or in a pool of that version and mode. */
  observe: (scenario: Scenario, where: { version: Version; mode: PoolMode } | null) => Promise<string>;
  driverVersions: Record<string, string>;
  end: () => void;
}

/** A driver that is not here (scripts/install-test-tools.sh brings them); null: all are. */
export function findMissingDriver(): string | null {
  const checks: [name: string, command: string, args: string[]][] = [
    [
      'python3 with psycopg2, psycopg, asyncpg and Django',
      '/usr/bin/python3',
      ['-c', 'import psycopg2, psycopg, asyncpg, django, sqlalchemy, greenlet'],
    ],
    ['php with pdo_pgsql', 'php', ['-r', 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);']],
    ["PHP's Illuminate", 'test', ['-f', '/usr/share/php/Illuminate/Database/autoload.php']],
    [
      'go with lib/pq and pgx',
      'test',
      ['-x', '/usr/bin/go', '-a', '-d', `${GO_PACKAGES}/lib/pq`, '-a', '-d', `${GO_PACKAGES}/jackc/pgx`],
    ],
    ['ruby with Active Record', '/usr/bin/ruby', ['-e', 'require "active_record"; require "pg"']],
    ['java with pgjdbc', 'test', ['-x', '/usr/bin/java', '-a', '-f', PGJDBC]],
  ];
  return checks.find(([, command, args]) => spawnSync(command, args).status !== 0)?.[0] ?? null;
}

const GO_PACKAGES = '/usr/share/gocode/src/github.com';
const PGJDBC = '/usr/share/java/postgresql.jar';

/** Pools of each mode, on each PgBouncer. */
const POOLS = 400;

export async function startLab(): Promise<Lab> {
  const tls = makeCertificate();
  const postgres = await startPostgres({
    settings: {
      ssl: 'on',
      ssl_cert_file: join(tls, 'server.pem'),
      ssl_key_file: join(tls, 'server.key'),
      max_connections: '200',
      max_prepared_transactions: '20',
    },
    // No SCRAM for the hundreds of connections that are not about logins: two cores would do little else.
    hba: ['hostnossl all all 127.0.0.1/32 trust'],
  });
  await createApp(postgres);
  await postgres.query(
    `CREATE ROLE super SUPERUSER LOGIN PASSWORD '${credentials.POSTGRES_PASSWORD}'; ALTER ROLE app CREATEDB`,
  );
  await postgres.query(
    `CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO app; GRANT CREATE ON SCHEMA public TO app;
     CREATE TABLE django_rows AS SELECT generate_series(1, 6) AS id; ALTER TABLE django_rows OWNER TO app`,
    'app',
  );
  const poolers = new Map<Version, { plain: Pooler; tls: Pooler; console: Client }>();
  await Promise.all(
    versions.map(async version => {
      const [plain, withTls] = await Promise.all([startPlain(postgres, version), startTls(postgres, version, tls)]);
      const console = await connect(plain.port, { database: 'pgbouncer' });
      poolers.set(version, { plain, tls: withTls, console });
    }),
  );
  const boss = await connect(postgres.port, { user: 'super' });
  const python = startWorker('/usr/bin/python3', ['drivers.py'], postgres.port);
  const ruby = startWorker('/usr/bin/ruby', ['rails.rb'], postgres.port);
  const java = startJava();
  const goPrograms = new Map((['lib-pq', 'pgx'] as const).map(name => [name, buildGo(name)]));
  let cells = 0;
  const used = new Map<string, number>();

  const observe: Lab['observe'] = async (scenario, where) => {
    const number = ++cells;
    const pool = `${where?.version}-${where?.mode}`;
    used.set(pool, (used.get(pool) ?? 0) + 1);
    const pooler = where && poolers.get(where.version);
    const open: Client[] = [];
    const keep = async (client: Promise<Client>) => {
      open.push(await client);
      return client;
    };
    const database = where ? `${where.mode}_${used.get(pool)}` : 'app';
    const port = pooler ? pooler.plain.port : postgres.port;
    const endpoint = { host: '127.0.0.1', port, user: 'app', password: credentials.POSTGRES_PASSWORD, database };
    const cell: Cell = {
      ...endpoint,
      mode: where?.mode ?? null,
      version: where?.version ?? null,
      name: `n${number}x`,
      key: number * 10,
      tlsPort: pooler ? pooler.tls.port : postgres.port,
      connect: (more: ClientConfig = {}) => keep(connect(port, { database, ...more })),
      connectDirect: (more: ClientConfig = {}) => keep(connect(postgres.port, more)),
      boss: async sql => {
        const result = await boss.query(sql);
        return (Array.isArray(result) ? result.at(-1) : result).rows;
      },
      python: name => python.ask({ ...endpoint, mode: cell.mode, name: cell.name, scenario: name }),
      ruby: name => ruby.ask({ ...endpoint, scenario: name }),
      java: (name, query) =>
        java.ask([name, `jdbc:postgresql://127.0.0.1:${port}/${database}?${query}`, endpoint.user, endpoint.password]),
      program: async (command, args, input) => {
        const result = await run(command, args, { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: tls }, input);
        return (result.stdout.trim().replaceAll('\n', ' ') || result.stderr.trim().split('\n')[0]) ?? '';
      },
      goProgram: name => goPrograms.get(name) as Promise<string>,
    };
    if (where) await warm(cell);
    let seen: string;
    try {
      seen = await scenario(cell);
    } catch (error) {
      seen = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    }
    await Promise.all(open.map(client => client.end().catch(() => undefined)));
    if (pooler) await pooler.console.query(`KILL ${database}`).catch(() => undefined); // its server connections
    return clean(seen, cell);
  };
  return {
    observe,
    driverVersions: {
      ...JSON.parse(await python.ask({ scenario: 'versions' })),
      ...JSON.parse(await ruby.ask({ scenario: 'versions' })),
    },
    end: () => {
      for (const worker of [python, ruby, java]) worker.end();
    },
  };
}

/** Both server connections of the pool are there before anything is tried. */
async function warm(cell: Cell): Promise<void> {
  await Promise.all((await pair(cell)).map(client => client.end()));
}

/** Without what differs from run to run. */
const clean = (text: string, { name, database, port, tlsPort }: Cell): string =>
  text
    .replaceAll(name, 't')
    .replaceAll(database, 'app')
    .replaceAll(new RegExp(`port ${port}|port ${tlsPort}`, 'g'), 'port …')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'the server')
    .replaceAll(/_django_curs_\w+/g, '_django_curs_…')
    .replaceAll(/"_pg3_\d+"/g, '"_pg3_N"');

function startPlain(postgres: Postgres, version: Version): Promise<Pooler> {
  const lines = modes.flatMap(mode =>
    Array.from(
      { length: POOLS },
      (_, i) => `${mode}_${i + 1} = host=127.0.0.1 port=${postgres.port} dbname=app pool_mode=${mode}`,
    ),
  );
  return startPooler(postgres, {
    version,
    env: {
      PGBOUNCER_DEFAULT_POOL_SIZE: '2',
      PGBOUNCER_RESERVE_POOL_SIZE: '0',
      PGBOUNCER_MAX_DB_CONNECTIONS: '0',
      PGBOUNCER_AUTH_TYPE: 'md5',
      PGBOUNCER_SERVER_TLS_SSLMODE: 'disable',
      PGBOUNCER_QUERY_WAIT_TIMEOUT: '10',
      // lib/pq sends it, and could not connect at all.
      PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'extra_float_digits',
      PGBOUNCER_USER_2: 'super',
      PGBOUNCER_PASSWORD_2: credentials.POSTGRES_PASSWORD,
    },
    // Without a least size, which would hold connections of every pool.
    custom: `server_round_robin = 1\nadmin_users = app\n[databases]\n${lines.join('\n')}\n`,
  });
}

const startTls = (postgres: Postgres, version: Version, directory: string): Promise<Pooler> =>
  startPooler(postgres, {
    version,
    env: {
      PGBOUNCER_SERVER_TLS_SSLMODE: 'disable',
      PGBOUNCER_CLIENT_TLS_SSLMODE: 'allow',
      PGBOUNCER_CLIENT_TLS_CERT_FILE: join(directory, 'server.pem'),
      PGBOUNCER_CLIENT_TLS_KEY_FILE: join(directory, 'server.key'),
      PGBOUNCER_IGNORE_STARTUP_PARAMETERS: 'extra_float_digits, options, statement_timeout',
    },
  });

function makeCertificate(): string {
  const directory = makeWorkDirectory();
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-keyout', 'server.key', '-out', 'server.pem', '-subj', '/CN=127.0.0.1'];
  execFileSync('openssl', [...args, ...files], { cwd: directory, stdio: 'pipe' });
  giveAway(join(directory, 'server.key'));
  return directory;
}

interface Worker<Job> {
  ask: (job: Job) => Promise<string>;
  end: () => void;
}

/** One process for all jobs: it starts in the time that it needs for a dozen of them. */
function startLines(
  command: string,
  args: string[],
  split: (line: string) => [id: string, seen: string],
): Worker<(id: string) => string> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<string, { resolve: (seen: string) => void; reject: (error: Error) => void }>();
  let errors = '';
  let jobs = 0;
  child.stderr?.on('data', chunk => {
    errors += chunk;
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${args.at(-1)} ended: ${errors}`));
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line => {
    const [id, seen] = split(line);
    waiting.get(id)?.resolve(seen);
    waiting.delete(id);
  });
  return {
    ask: describe =>
      new Promise((resolve, reject) => {
        const id = String(++jobs);
        waiting.set(id, { resolve, reject });
        child.stdin?.write(`${describe(id)}\n`);
      }),
    end: () => child.kill(),
  };
}

const besideThis = (name: string): string => new URL(`./${name}`, import.meta.url).pathname;

/** drivers.py, rails.rb: jobs and answers as JSON. */
function startWorker(command: string, [script = '']: string[], directPort: number): Worker<Record<string, unknown>> {
  const lines = startLines(command, [besideThis(script)], line => {
    const { id, seen } = JSON.parse(line) as { id: string; seen: string };
    return [id, seen];
  });
  return { ...lines, ask: job => lines.ask(id => JSON.stringify({ ...job, id, direct_port: directPort })) };
}

/** Jdbc.java: words separated by tabs. */
function startJava(): Worker<string[]> {
  const lines = startLines('/usr/bin/java', ['-cp', PGJDBC, besideThis('Jdbc.java')], line => {
    const [id = '', seen = ''] = line.split('\t');
    return [id, seen];
  });
  return { ...lines, ask: words => lines.ask(id => [id, ...words].join('\t')) };
}

/** Path of a program, with its library as Debian has it. */
async function buildGo(name: 'lib-pq' | 'pgx'): Promise<string> {
  const directory = makeWorkDirectory();
  const source = besideThis(`${name}.go`);
  const env = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: join(directory, 'cache'), CGO_ENABLED: '0' };
  const program = join(directory, name);
  await new Promise<void>((resolve, reject) => {
    const child = spawn('go', ['build', '-o', program, source], {
      env: { ...env, PATH: '/usr/bin:/bin', HOME: directory },
    });
    let errors = '';
    child.stderr.on('data', chunk => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`go build: ${errors}`))));
  });
  return program;
}
