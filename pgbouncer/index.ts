/**
 * Fills the templates of the files that PgBouncer needs in a user's repository.
 * Pure: the build turns the templates beside this file into a module.
 */
import { posix } from 'node:path';
import type { AssetInput } from './asset-input.ts';
import { bases } from './bases.ts';
import { renderRunbook } from './runbook.ts';
import { templates } from './templates.generated.ts';

export type { AssetInput } from './asset-input.ts';

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
  if (input.runbook !== null)
    assets.push({ path: input.runbook, text: renderRunbook(checked(input)), executable: false });
  return assets;
}

type Values = Record<string, string>;

function listValues(input: AssetInput): Values {
  const { server } = input;
  return {
    CLIENT_PACKAGE: chooseClientPackage(input.base, server.major),
    COMPOSE_FILE: input.composeFile,
    POOL_SERVICE: requireSafe('pool service', input.poolService),
    POOL_PORT: String(input.poolPort),
    HOST_PORT_VARIABLE: requireVariable(input.hostPortVariable),
    HOST_PORT: String(input.publishedPort ?? input.poolPort),
    SERVER_SERVICE: requireSafe('server service', server.service),
    SERVER_PORT: String(server.port),
    SESSION_DATABASE: input.databases.find(name => /^[A-Za-z]\w*$/.test(name)) ?? 'app',
  };
}

/** Names that come from the user's files and end up in commands and Markdown: what can't stand there is left out. */
function checked(input: AssetInput): AssetInput {
  const { directRun } = input;
  const isPlain = directRun !== null && isSafe(directRun.service) && /^[^'`\n]+$/.test(directRun.command);
  return {
    ...input,
    directRun: isPlain ? directRun : null,
    variables: input.variables.filter(one => [one.pooled, one.direct].every(name => /^[A-Za-z_]\w*$/.test(name))),
    migrations: input.migrations.filter(command => /^[^`|\n]+$/.test(command)),
    valueFiles: input.valueFiles.filter(isPlainPath),
    envFiles: input.envFiles.filter(isPlainPath),
  };
}

const isPlainPath = (path: string): boolean => /^[^`|\n]+$/.test(path);

/** The versioned client only where the base has that major: a missing package would fail the build. */
function chooseClientPackage(base: AssetInput['base'], major: number | null): string {
  const { clientMajors, versionedClient } = bases[base];
  return major !== null && clientMajors.includes(major) ? versionedClient(major) : 'postgresql-client';
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

function createAsset(path: string, template: string, values: Values): Asset {
  return { path, text: fillTemplate(template, values), executable: path.endsWith('.sh') };
}

function fillTemplate(template: string, values: Values): string {
  const text = readTemplate(template).replace(/@@([A-Z_]+)@@/g, (whole, key: string) => values[key] ?? whole);
  const left = /@@[A-Z_]+@@/.exec(text);
  if (left !== null) throw new Error(`${template}: nothing to put in for ${left[0]}`);
  return text;
}

function readTemplate(name: string): string {
  const text = templates[name];
  if (text === undefined) throw new Error(`there is no template ${name}`);
  return text;
}
