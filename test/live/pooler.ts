/** PgBouncer as a container would run it: the generated entrypoint, under a chosen shell and version. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { type AssetInput, generateAssets } from '../../pgbouncer/index.ts';
import { assetInput } from './asset-input.ts';
import type { Postgres } from './postgres.ts';
import {
  composePath,
  type Environment,
  findFreePort,
  giveAway,
  killGroup,
  makeWorkDirectory,
  POSTGRES_BIN,
  type Result,
  type Running,
  run,
  type Shell,
  start,
  type Version,
  waitUntil,
} from './run.ts';

let assetsDirectory: string | null = null;

/** Path of a generated file. E.g.: `pgbouncer/docker-entrypoint.sh` */
export function findAsset(path: string): string {
  assetsDirectory ??= writeAssets(assetInput);
  return join(assetsDirectory, path);
}

export function writeAssets(input: AssetInput): string {
  const root = makeWorkDirectory();
  for (const asset of generateAssets(input)) {
    const path = join(root, asset.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, asset.text);
    chmodSync(path, asset.executable ? 0o755 : 0o644);
  }
  return root;
}

export interface PoolerOptions {
  version?: Version;
  shell?: Shell;
  env?: Environment;
  /** Files of conf.d by name. */
  conf?: Record<string, string>;
  /** The runtime directory of an earlier start. */
  directory?: string;
}

export interface Pooler extends Running {
  port: number;
  /** The runtime directory: rendered files. */
  directory: string;
  env: Environment;
  /** healthcheck.sh, as the container would run it. */
  checkHealth: () => Promise<Result>;
  /** SIGINT, as `docker stop` sends it by the image's STOPSIGNAL. */
  stop: () => Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export const ENTRYPOINT = 'pgbouncer/docker-entrypoint.sh';
export const whoAmI = "SELECT current_user || '@' || current_database()";
export const credentials = { POSTGRES_USER: 'app', POSTGRES_PASSWORD: 'secret-of-app', POSTGRES_DB: 'app' };

/** The environment of the container. `PGBOUNCER_PORT` is free. */
export async function prepare(options: PoolerOptions, upstreamPort: number): Promise<Environment> {
  const { version = '1.26', shell = 'dash', conf = {} } = options;
  const confDirectory = makeWorkDirectory();
  for (const [name, text] of Object.entries(conf)) {
    writeFileSync(join(confDirectory, name), text);
    giveAway(join(confDirectory, name));
  }
  const env: Environment = {
    PATH: composePath(version, shell),
    PGBOUNCER_UPSTREAM_HOST: '127.0.0.1',
    PGBOUNCER_UPSTREAM_PORT: String(upstreamPort),
    PGBOUNCER_PORT: String(await findFreePort()),
    PGBOUNCER_RUNTIME_DIR: options.directory ?? makeWorkDirectory(),
    PGBOUNCER_CONF_DIR: confDirectory,
    ...credentials,
    ...options.env,
  };
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

const findShell = (env: Environment): string =>
  (env.PATH ?? '')
    .split(':')
    .map(path => join(path, 'sh'))
    .find(path => existsSync(path)) ?? '/bin/sh';

/** Runs a generated script to its end, under the shell that is `sh` in the PATH. */
export const runScript = (asset: string, env: Environment, args: string[] = []): Promise<Result> =>
  run(findShell(env), [findAsset(asset), ...args], env);

/** Starts the entrypoint and waits until it listens. @throws Error with its log if it ends before. */
export async function startPooler(postgres: Pick<Postgres, 'port'>, options: PoolerOptions = {}): Promise<Pooler> {
  const env = await prepare(options, postgres.port);
  const pooler = start(findShell(env), [findAsset('pgbouncer/docker-entrypoint.sh')], env);
  await waitUntil('PgBouncer is up', () => {
    if (pooler.child.exitCode !== null) throw new Error(`PgBouncer ended:\n${pooler.log()}`);
    const started = pooler.log().match(/process up: PgBouncer/g)?.length ?? 0;
    return started >= Number(env.PGBOUNCER_PROCESSES ?? 1);
  });
  return {
    ...pooler,
    port: Number(env.PGBOUNCER_PORT),
    directory: env.PGBOUNCER_RUNTIME_DIR ?? '',
    env,
    checkHealth: () => runScript('pgbouncer/healthcheck.sh', env),
    stop: () => {
      pooler.child.kill('SIGINT');
      return pooler.exit;
    },
  };
}

/** Starts one, uses it, stops it. */
export async function withPooler<T>(
  postgres: Pick<Postgres, 'port'>,
  options: PoolerOptions,
  use: (pooler: Pooler) => Promise<T>,
): Promise<T> {
  const pooler = await startPooler(postgres, options);
  try {
    return await use(pooler);
  } finally {
    killGroup(pooler);
    await pooler.exit;
  }
}

/** Libpq itself, since that is what most drivers are. `stdout` is the trimmed answer. */
export async function runPsql(
  port: number,
  user: string,
  password: string,
  database: string,
  sql: string,
  more: Environment = {},
): Promise<Result> {
  const env = {
    PATH: '/usr/bin:/bin',
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGCONNECT_TIMEOUT: '5',
    ...more,
  };
  const result = await run(
    join(POSTGRES_BIN, 'psql'),
    ['-X', '-w', '-Atq', '-F', '|', '-v', 'ON_ERROR_STOP=1', '-f', '-'],
    env,
    sql,
  );
  return { ...result, stdout: result.stdout.trim() };
}

/** A session that stays open between statements. */
export async function connect(port: number, more: ClientConfig = {}): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: credentials.POSTGRES_USER,
    password: credentials.POSTGRES_PASSWORD,
    database: 'app',
    ...more,
  });
  client.on('error', () => undefined); // a cut connection shows in the next query
  await client.connect();
  return client;
}

/** The user and the database that most tests use. */
export async function createApp(postgres: Postgres): Promise<void> {
  await postgres.query(`CREATE ROLE app LOGIN PASSWORD '${credentials.POSTGRES_PASSWORD}'`);
  await postgres.query('CREATE DATABASE app OWNER app');
}
