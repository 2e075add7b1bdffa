/** PgBouncer as a container would run it: the generated entrypoint, under a chosen shell and version. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { type AssetInput, type Feature, generateAssets, healthCheck, knobsOf } from '../../pgbouncer/index.ts';
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

const directories = new Map<string, string>();

/** Path of a generated file. E.g.: `scripts/pgbouncer_status.sh` */
export const findAsset = (path: string, env: Environment = {}): string => join(assetsFor(env), path);

/** What is generated where this environment is asked for. The scripts start under the shell that is `sh` in its PATH. */
function assetsFor(env: Environment): string {
  const features = featuresOf(env);
  const shell = findShell(env);
  const version = /pgbouncer\/(1\.\d+)/.exec(env.PATH ?? '')?.[1] ?? assetInput.version;
  const key = [version, shell, ...features].join();
  const known = directories.get(key);
  if (known !== undefined) return known;
  const root = writeAssets({ ...assetInput, version, features }, shell);
  directories.set(key, root);
  return root;
}

/** As a repository or its configuration asks for them. */
export function featuresOf(env: Environment): Set<Feature> {
  const names = Object.keys(env);
  const needs: [Feature, boolean][] = [
    ['users', names.some(name => name.startsWith('PGBOUNCER_USER_'))],
    ['databases', Boolean(env.PGBOUNCER_DATABASES)],
    ['auth-query', Boolean(env.PGBOUNCER_AUTH_QUERY)],
    ['secret-files', names.some(name => /^(?:POSTGRES|PGBOUNCER_(?:USER|PASSWORD))_\w*FILE$/.test(name))],
    ['processes', Boolean(env.PGBOUNCER_PROCESSES)],
  ];
  return new Set(needs.flatMap(([feature, isNeeded]) => (isNeeded ? [feature] : [])));
}

export function writeAssets(input: AssetInput, shell = '/bin/sh'): string {
  const root = makeWorkDirectory();
  for (const asset of generateAssets(input)) {
    const path = join(root, asset.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, asset.text.replace(/^#!\/bin\/sh\n/, `#!${shell}\n`));
    chmodSync(path, asset.executable ? 0o755 : 0o644);
  }
  return root;
}

export interface PoolerOptions {
  version?: Version;
  shell?: Shell;
  env?: Environment;
  /** Content of custom.ini. */
  custom?: string;
  /** The runtime directory of an earlier start. */
  directory?: string;
}

export interface Pooler extends Running {
  port: number;
  /** The runtime directory: rendered files. */
  directory: string;
  env: Environment;
  /** The health check of the compose file, as the container would run it. */
  checkHealth: () => Promise<Result>;
  /** SIGINT, as `docker stop` sends it by the image's STOPSIGNAL. */
  stop: () => Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export const ENTRYPOINT = 'pgbouncer/docker-entrypoint.sh';
export const whoAmI = "SELECT current_user || '@' || current_database()";
export const credentials = { POSTGRES_USER: 'app', POSTGRES_PASSWORD: 'secret-of-app', POSTGRES_DB: 'app' };

/** The container, before its command runs: its environment, and its directory as PWD. `PGBOUNCER_PORT` is free. */
export async function prepare(options: PoolerOptions, upstreamPort: number): Promise<Environment> {
  const { version = '1.26', shell = 'dash', custom } = options;
  const directory = options.directory ?? makeWorkDirectory();
  if (custom !== undefined) {
    writeFileSync(join(directory, 'custom.ini'), custom);
    giveAway(join(directory, 'custom.ini'));
  }
  const env: Environment = {
    PATH: composePath(version, shell),
    ...Object.fromEntries(knobsOf(version).map(({ name, value }) => [name, value])),
    PGBOUNCER_UPSTREAM_HOST: '127.0.0.1',
    PGBOUNCER_UPSTREAM_PORT: String(upstreamPort),
    PGBOUNCER_PORT: String(await findFreePort()),
    PGSERVICE: 'pool',
    PGSERVICEFILE: join(directory, 'pg_service.conf'),
    PGPASSFILE: join(directory, 'pgpass'),
    PWD: directory,
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

/** The scripts are in PATH, as they are in the image. */
const inImage = (env: Environment): Environment => ({ ...env, PATH: `${findAsset('pgbouncer', env)}:${env.PATH}` });

/** Runs a generated script to its end, in the container's directory. */
export const runScript = (asset: string, env: Environment, args: string[] = []): Promise<Result> =>
  run(findAsset(asset, env), args, inImage(env), '', env.PWD);

/** Runs the entrypoint up to where it becomes PgBouncer. */
export function render(env: Environment): Promise<Result> {
  const bin = makeWorkDirectory();
  const real = (env.PATH ?? '').split(':').find(path => existsSync(join(path, 'pgbouncer')));
  writeFileSync(join(bin, 'pgbouncer'), `#!/bin/sh\nif [ "$1" = --version ]; then exec '${real}/pgbouncer' "$1"; fi\n`);
  writeFileSync(join(bin, 'supervise.sh'), '#!/bin/sh\n');
  for (const name of ['pgbouncer', 'supervise.sh']) chmodSync(join(bin, name), 0o755);
  return run(findAsset(ENTRYPOINT, env), [], { ...env, PATH: `${bin}:${inImage(env).PATH}` }, '', env.PWD);
}

/** Starts the entrypoint and waits until it listens. @throws Error with its log if it ends before. */
export async function startPooler(postgres: Pick<Postgres, 'port'>, options: PoolerOptions = {}): Promise<Pooler> {
  const env = await prepare(options, postgres.port);
  const pooler = start(findAsset(ENTRYPOINT, env), [], inImage(env), env.PWD);
  await waitUntil('PgBouncer is up', async () => {
    if (pooler.child.exitCode !== null) {
      await pooler.exit; // its last words may still be on their way
      throw new Error(`PgBouncer ended:\n${pooler.log()}`);
    }
    const started = pooler.log().match(/process up: PgBouncer/g)?.length ?? 0;
    return started >= Number(env.PGBOUNCER_PROCESSES ?? 1);
  });
  return {
    ...pooler,
    port: Number(env.PGBOUNCER_PORT),
    directory: env.PWD ?? '',
    env,
    checkHealth: () => run(findShell(env), ['-c', healthCheck(featuresOf(env))], inImage(env), '', env.PWD),
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
