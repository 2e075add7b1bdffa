/**
 * Fills the templates of the files that PgBouncer needs in a user's repository.
 * Pure: the build turns the templates beside this file into a module.
 */
import { posix } from 'node:path';
import { bases } from './bases.ts';
import { templates } from './templates.generated.ts';
import { listKnownHoles, securityFloor } from './versions.ts';

export interface AssetInput {
  /** Directory of the image's build context, relative to the repository's root. E.g.: `pgbouncer` */
  directory: string;
  /** Path of the status script; null: none wanted. */
  statusScript: string | null;
  /** Path of the runbook; null: none wanted. */
  runbook: string | null;
  base: 'alpine' | 'debian';
  /** Compose service of the pooler and the port it listens on. */
  poolService: string;
  poolPort: number;
  /** Where the host reaches the pooler; null: not published. */
  publishedPort: number | null;
  /** Variable that moves `publishedPort`. E.g.: `HOST_PGBOUNCER_PORT` */
  hostPortVariable: string;
  /** The Postgres behind it. `publishedPort` as compose has it, e.g. `${HOST_POSTGRES_PORT:-5433}`. */
  server: { service: string; port: number; publishedPort: string | null; major: number | null };
  users: string[];
  databases: string[];
  /** Example of a direct run: a service, and what a shell in it runs. */
  directRun: { service: string; command: string } | null;
  /** Commands that migrate, as they are written in the repository. */
  migrations: string[];
  /** Variables that became pooled. E.g.: `DATABASE_URL` */
  appVariables: string[];
  /** Relative to the repository's root. */
  composeFile: string;
  poolMode: string;
  celery: boolean;
}

export interface Asset {
  path: string;
  text: string;
  executable: boolean;
}

export interface Knob {
  name: string;
  value: string;
  comment: string;
}

/** The tuning variables that matter; ordered as they are reached for. The entrypoint has the same defaults. */
export const knobs: Knob[] = [
  { name: 'PGBOUNCER_POOL_MODE', value: 'transaction', comment: 'transaction, session or statement' },
  { name: 'PGBOUNCER_DEFAULT_POOL_SIZE', value: '20', comment: 'server connections per (user, database) pair' },
  {
    name: 'PGBOUNCER_RESERVE_POOL_SIZE',
    value: '5',
    comment: 'further server connections for clients that wait too long',
  },
  { name: 'PGBOUNCER_MAX_CLIENT_CONN', value: '500', comment: 'client connections in all' },
  {
    name: 'PGBOUNCER_MAX_PREPARED_STATEMENTS',
    value: '200',
    comment: 'per server connection, 0 turns the support off (PgBouncer 1.21 and later)',
  },
  {
    name: 'PGBOUNCER_QUERY_WAIT_TIMEOUT',
    value: '120',
    comment: 'seconds that a client may wait for a server connection',
  },
];

const meanings: Record<string, string> = {
  transaction: 'while a transaction runs',
  session: 'as long as it stays connected',
  statement: 'while a statement runs',
};

/** Names that compose finds by itself, so that the status script need not pass one (and lose an override file). */
const defaultComposeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** @throws Error if a name cannot stand in a shell script or a Dockerfile, or a template has an unknown placeholder. */
export function generateAssets(input: AssetInput): Asset[] {
  const values = listValues(input);
  const inDirectory = (name: string): string => posix.join(input.directory, name);
  const assets = [
    createAsset(inDirectory('Dockerfile'), `Dockerfile.${input.base}`, values),
    createAsset(inDirectory('docker-entrypoint.sh'), 'docker-entrypoint.sh', values),
    createAsset(inDirectory('supervise.sh'), 'supervise.sh', values),
    createAsset(inDirectory('known-keys.awk'), 'known-keys.awk', values),
    createAsset(inDirectory('healthcheck.sh'), 'healthcheck.sh', values),
    createAsset(inDirectory('conf.d/custom.ini.example'), 'conf.d/custom.ini.example', values),
    createAsset(inDirectory('conf.d/staging.ini.example'), 'conf.d/staging.ini.example', values),
    createAsset(inDirectory('conf.d/session.ini.example'), 'conf.d/session.ini.example', values),
  ];
  if (input.statusScript !== null) {
    const placed = { ...values, ...locateCompose(input.statusScript, input.composeFile) };
    assets.push(createAsset(input.statusScript, 'pgbouncer_status.sh', placed));
  }
  if (input.runbook !== null) assets.push(createAsset(input.runbook, 'pgbouncer.md', values));
  return assets;
}

type Values = Record<string, string>;

function listValues(input: AssetInput): Values {
  const { server } = input;
  return {
    CLIENT_PACKAGE: chooseClientPackage(input.base, server.major),
    BASE_VERSION: `${bases[input.base].name}, which ships ${bases[input.base].pgbouncer}`,
    KNOWN_HOLES: describeHoles(bases[input.base].pgbouncer),
    SECURITY_FLOOR: securityFloor,
    DIRECTORY: input.directory,
    COMPOSE_FILE: input.composeFile,
    POOL_SERVICE: requireSafe('pool service', input.poolService),
    POOL_PORT: String(input.poolPort),
    POOL_MODE: input.poolMode,
    POOL_MODE_MEANING: meanings[input.poolMode] ?? 'while a transaction runs',
    HOST_PORT_VARIABLE: requireVariable(input.hostPortVariable),
    HOST_PORT: String(input.publishedPort ?? input.poolPort),
    POOLED_ON_HOST: describeHostEndpoint(describePooledPort(input)),
    SERVER_SERVICE: requireSafe('server service', server.service),
    SERVER_PORT: String(server.port),
    DIRECT_ON_HOST: describeHostEndpoint(server.publishedPort),
    USERS: listNames(input.users, '$POSTGRES_USER'),
    DATABASES: listNames(input.databases, '$POSTGRES_DB'),
    SESSION_DATABASE: input.databases.find(name => /^[A-Za-z]\w*$/.test(name)) ?? 'app',
    APP_SERVICE: isSafe(input.directRun?.service ?? null) ? (input.directRun?.service ?? 'APP') : 'APP',
    DIRECT_COMMAND:
      input.directRun && /^[^'`\n]+$/.test(input.directRun.command)
        ? input.directRun.command
        : 'DATABASE_URL="$DATABASE_URL_DIRECT" COMMAND',
    MIGRATIONS: input.migrations.length === 0 ? '' : ` (${input.migrations.map(name => `\`${name}\``).join(', ')})`,
    ...describeVariables(input.appVariables),
    STATUS_COMMAND: input.statusScript === null ? '' : `sh ${quoteForShell(input.statusScript)}\n`,
    CELERY: input.celery ? readTemplate('celery.md') : '',
  };
}

/** Rows of a Markdown table. */
function describeHoles(version: string): string {
  return listKnownHoles(version)
    .map(({ id, fixed, summary }) => `| ${id} | ${fixed} | ${summary} |`)
    .join('\n');
}

/** The versioned client only where the base has that major: a missing package would fail the build. */
function chooseClientPackage(base: AssetInput['base'], major: number | null): string {
  const { clientMajors, versionedClient } = bases[base];
  return major !== null && clientMajors.includes(major) ? versionedClient(major) : 'postgresql-client';
}

/** E.g.: `6432` of `HOST_PGBOUNCER_PORT` → `${HOST_PGBOUNCER_PORT:-6432}` */
function describePooledPort(input: AssetInput): string | null {
  return input.publishedPort === null ? null : `\${${input.hostPortVariable}:-${input.publishedPort}}`;
}

function describeHostEndpoint(port: string | null): string {
  if (port === null) return 'not published';
  return /^[\w${}:.?-]+$/.test(port) ? `\`localhost:${port}\`` : 'see the compose file';
}

function describeVariables(pooled: string[]): Values {
  const names = pooled.filter(name => /^[A-Za-z_]\w*$/.test(name));
  const pairs = names.map(name => `- \`${name}\` is pooled, \`${name}_DIRECT\` is direct`);
  return {
    DIRECT_VARIABLES:
      pairs.length > 0 ? pairs.join('\n') : 'Each pooled variable has a direct companion, `NAME_DIRECT`.',
    POOLED_VARIABLES: names.length > 0 ? names.map(name => `\`${name}\``).join(', ') : 'the connection variables',
  };
}

/** Where the compose file is, seen from the script, so that the script works from any directory. */
function locateCompose(script: string, composeFile: string): Values {
  const directory = posix.relative(posix.dirname(script), posix.dirname(composeFile)) || '.';
  const name = posix.basename(composeFile);
  return {
    COMPOSE_DIRECTORY: requireSafePath(directory),
    COMPOSE_FILE: defaultComposeNames.includes(name) ? '' : requireSafePath(name),
  };
}

/** Names come from the user's files and end up in Markdown: an odd one gives way to a neutral word. */
function listNames(names: string[], neutral: string): string {
  const shown = names.length > 0 ? names : [neutral];
  return [...new Set(shown.map(name => `\`${isSafe(name) ? name : neutral}\``))].join(', ');
}

function isSafe(name: string | null): name is string {
  return name !== null && /^[A-Za-z0-9_.-]+$/.test(name);
}

function requireSafe(what: string, name: string): string {
  if (!isSafe(name))
    throw new Error(`${what} ${JSON.stringify(name)}: only letters, digits, "_", "." and "-" are possible`);
  return name;
}

function requireVariable(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of an environment variable`);
  return name;
}

/** The path lands inside single quotes in a shell script. */
function requireSafePath(path: string): string {
  if (/['\n\r@]/.test(path))
    throw new Error(`path ${JSON.stringify(path)}: quotes, line breaks and "@" are not possible`);
  return path;
}

function quoteForShell(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${requireSafePath(path)}'`;
}

function createAsset(path: string, template: string, values: Values): Asset {
  return { path, text: fillTemplate(template, values), executable: path.endsWith('.sh') };
}

function fillTemplate(template: string, values: Values): string {
  // Twice: a partial (celery.md) is a value and may hold placeholders too.
  const fill = (text: string): string => text.replace(/@@([A-Z_]+)@@/g, (whole, key: string) => values[key] ?? whole);
  const text = fill(fill(readTemplate(template)));
  const left = /@@[A-Z_]+@@/.exec(text);
  if (left !== null) throw new Error(`${template}: nothing to put in for ${left[0]}`);
  return text;
}

function readTemplate(name: string): string {
  const text = templates[name];
  if (text === undefined) throw new Error(`there is no template ${name}`);
  return text;
}
