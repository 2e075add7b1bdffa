/**
 * Fills the templates of the files that PgBouncer needs in a user's repository.
 * Pure: the build turns the templates beside this file into a module.
 */
import { posix } from 'node:path';
import { escapeControls } from '../src/text/controls.ts';
import { type AssetInput, certificatesOf, type Feature } from './asset-input.ts';
import { bases } from './bases.ts';
import { renderRunbook } from './runbook.ts';
import { templates } from './templates.generated.ts';

export { type AssetInput, certificatesOf, FEATURES, type Feature, UID } from './asset-input.ts';

export { healthCheck, publicHealthCheck } from './health.ts';
export { findPublicImage, namesIn, PUBLIC_FEATURES, type PublicImage, publicImages } from './public-images.ts';

export interface Asset {
  path: string;
  /** What it is for, in a few words. */
  about: string;
  text: string;
  executable: boolean;
}

export interface Knob {
  name: string;
  value: string;
  comment: string;
}

/** `max_prepared_statements` came with 1.21. Source: pgbouncer.org/changelog.html */
const PREPARED_SINCE = 21;

/** Before, a request to cancel a query would reach the wrong one of several processes. */
const PEERS_SINCE = 19;

/** E.g.: `1.25` → 25 */
const minorOf = (version: string): number => Number(/^1\.(\d+)/.exec(version)?.[1] ?? PREPARED_SINCE);

/** Those that the version knows: PgBouncer refuses to start with any other. */
export const knobsOf = (version: string): Knob[] =>
  knobs.filter(({ name }) => name !== 'PGBOUNCER_MAX_PREPARED_STATEMENTS' || minorOf(version) >= PREPARED_SINCE);

/** The tuning variables that matter; ordered as they are reached for. */
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
  const scripts = ['docker-entrypoint.sh', ...(input.features.has('processes') ? ['supervise.sh'] : [])];
  const fill = (path: string, template: string, about: string, more: Values = {}): Asset => ({
    path,
    about,
    text: fillTemplate(template, { ...values, ...more }, input.features),
    executable: path.endsWith('.sh'),
  });
  const assets: Asset[] = [];
  if (input.image === null) {
    assets.push(
      fill(inDirectory('Dockerfile'), `Dockerfile.${input.base}`, "the pooler's image", { SCRIPTS: scripts.join(' ') }),
      ...scripts.map(name => fill(inDirectory(name), name, SCRIPTS[name] ?? '')),
      ...(input.hasCustomIni ? [fill(inDirectory('custom.ini'), 'custom.ini', 'settings of your own')] : []),
    );
  }
  if (certificatesOf(input.features).length > 0)
    assets.push({
      path: inDirectory('tls/.gitignore'),
      about: 'keeps the private key out of the repository',
      text: '*.key\n',
      executable: false,
    });
  if (input.statusScript !== null) {
    const placed = locateCompose(input.statusScript, input.composeFile);
    assets.push(fill(input.statusScript, 'pgbouncer_status.sh', 'pools, statistics and clients at a glance', placed));
  }
  if (input.runbook !== null)
    assets.push({
      path: input.runbook,
      about: 'for who runs the pooler: what goes where, sizing, failures, rollout',
      text: renderRunbook(checked(input)),
      executable: false,
    });
  return assets;
}

/**
 * How PgBouncer asks Postgres for the password of a role. Only qualified names, operators too: no search_path can change what it calls.
 * PgBouncer checks the password itself, so nobody else would see that it expired.
 */
export const AUTH_QUERY =
  'SELECT rolname, CASE WHEN rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolcanlogin';

type Values = Record<string, string>;

const SCRIPTS: Record<string, string> = {
  'docker-entrypoint.sh': 'makes pgbouncer.ini and userlist.txt of the environment, then becomes PgBouncer',
  'supervise.sh': 'runs several PgBouncers behind one port',
};

function listValues(input: AssetInput): Values {
  const { server } = input;
  return {
    CLIENT_PACKAGE: chooseClientPackage(input.base, server.major),
    ...versionGate(input),
    BYPASS: bypassPattern(input.bypass ?? 'PGBOUNCER_BYPASS'),
    OWN_NAMES: input.features.size === 0 ? '' : ownNames(input.features),
    AUTH_QUERY,
    POOL_SERVICE: requireSafe('pool service', input.poolService),
    POOL_PORT: String(input.poolPort),
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

const isPlainPath = (path: string): boolean => !/[`|\n]/.test(path) && escapeControls(path) === path;

/** A variable that means the pooler's clients, which a shared env file brings along. E.g.: `PGBOUNCER_BYPASS` → ` | BYPASS` */
const bypassPattern = (variable: string): string =>
  variable.startsWith('PGBOUNCER_') ? variable.replace('PGBOUNCER_', ' | ') : '';

/** Variables of the entrypoint itself, as patterns of `case`: no settings of PgBouncer. */
function ownNames(features: ReadonlySet<Feature>): string {
  const names: [Feature, string][] = [
    ['users', 'USER_* | PASSWORD_*'],
    ['databases', 'DATABASES'],
    ['auth-query', 'AUTH_QUERY'],
    ['processes', 'PROCESSES'],
  ];
  return names.flatMap(([feature, pattern]) => (features.has(feature) ? [` | ${pattern}`] : [])).join('');
}

/** The least version that knows all that is generated, and the patterns of `case` that this one and later ones match. */
function versionGate({ version, features }: AssetInput): Values {
  const minor = Math.max(Math.min(minorOf(version), PREPARED_SINCE), features.has('processes') ? PEERS_SINCE : 0);
  const [tens, ones] = [Math.floor(minor / 10), minor % 10];
  return {
    MINIMUM: `1.${minor}`,
    VERSIONS: `"PgBouncer 1.${tens}"[${ones}-9].* | "PgBouncer 1."[${tens + 1}-9][0-9].*`,
  };
}

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
    COMPOSE_DIRECTORY: quotedPath(directory, '"'),
    COMPOSE_FILE: defaultComposeNames.includes(name) ? '' : ` -f '${quotedPath(name, "'")}'`,
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

/** The path lands inside quotes in a shell script. */
function quotedPath(path: string, quote: '"' | "'"): string {
  if (/[\n\r]|@@/.test(path)) throw new Error(`path ${JSON.stringify(path)}: line breaks and "@@" are not possible`);
  return quote === "'" ? path.replaceAll("'", "'\\''") : path.replace(/[\\"$`]/g, '\\$&');
}

/** Lines between `#<users>` and `#</users>` are for that feature alone, those between `#<!users>` and `#</!users>` for all without it. */
function fillTemplate(template: string, values: Values, features: ReadonlySet<string>): string {
  const kept: string[] = [];
  let isSkipped = false;
  for (const line of readTemplate(template).split('\n')) {
    const [, end, not, feature = ''] = /^ *#<(\/?)(!?)([a-z-]+)>$/.exec(line) ?? [];
    if (end === undefined) {
      if (!isSkipped) kept.push(line);
    } else isSkipped = end === '' && features.has(feature) === (not === '!');
  }
  const text = kept.join('\n').replace(/@@([A-Z_]+)@@/g, (whole, key: string) => values[key] ?? whole);
  const left = /@@[A-Z_]+@@/.exec(text);
  if (left !== null) throw new Error(`${template}: nothing to put in for ${left[0]}`);
  return text;
}

function readTemplate(name: string): string {
  const text = templates[name];
  if (text === undefined) throw new Error(`there is no template ${name}`);
  return text;
}
