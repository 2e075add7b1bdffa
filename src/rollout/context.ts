/** What is verified: from URLs that were given, and from the compose files with what compose makes of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../model/errors.ts';
import type { Server } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { baseOf, dirOf } from '../text/paths.ts';
import { failed, passed, skipped, type Verdict, warning } from './check.ts';
import { type Compose, callCompose, findCompose, readMessages } from './compose.ts';
import { type Endpoint, readUrl } from './endpoint.ts';
import { type Expected, mergeExpected, readSettings } from './judge-settings.ts';
import { findWays, mergeEnvironments, readDockerHost, readStack, type Ways } from './read-stack.ts';

export interface Urls {
  pooled: string | undefined;
  direct: string | undefined;
}

export interface Context {
  compose: Compose | null;
  composeVerdict: Verdict;
  ways: Ways | null;
  /** Null: the compose files can't be read, and no URL was given. */
  pooled: Endpoint | null;
  direct: Endpoint | null;
  /** Both were given by URL: what compose runs here is not what is verified. */
  isElsewhere: boolean;
  expected: Expected[];
  /** Values of all services as compose resolves them, by variable. */
  resolved: ReadonlyMap<string, string>;
}

export const URL_VARIABLES = { pooled: 'POOL_MIGRATE_POOLED_URL', direct: 'POOL_MIGRATE_DIRECT_URL' } as const;

/** @throws UsageError where nothing tells what to connect to. */
export async function findContext(plan: Plan, urls: Urls, poolMode: string | undefined): Promise<Context> {
  const given = {
    pooled: urls.pooled === undefined ? null : await readUrl(urls.pooled, '--pooled-url'),
    direct: urls.direct === undefined ? null : await readUrl(urls.direct, '--direct-url'),
  };
  const pooler = choosePooler(plan);
  const found = pooler ? await askCompose(plan, pooler) : null;
  const missing = [given.pooled ? '' : '--pooled-url', given.direct ? '' : '--direct-url']
    .filter(Boolean)
    .join(' and ');
  if (missing !== '' && (found === null || found.compose === null)) {
    const why =
      found?.verdict.evidence ?? 'No pooler was found in a compose file here (npx pool-migrate --write adds one).';
    throw new UsageError(`${why} Without it, verify needs ${missing}.`);
  }
  const ways = found?.ways ?? null;
  const mode: Expected = { key: 'pool_mode', value: plan.pools[0]?.mode ?? plan.mode, from: 'pool.mode' };
  return {
    compose: found?.compose ?? null,
    composeVerdict: found?.verdict ?? skipped('There is no compose file with a pooler here'),
    ways,
    pooled: given.pooled ?? (ways && toEndpoint(ways, 'pooled')),
    direct: given.direct ?? (ways && toEndpoint(ways, 'direct')),
    isElsewhere: given.pooled !== null && given.direct !== null,
    expected: mergeExpected(
      [mode],
      ways?.expected ?? [],
      readOwnSettings(plan),
      poolMode ? [{ ...mode, value: poolMode, from: '--pool-mode' }] : [],
    ),
    resolved: found?.resolved ?? new Map(),
  };
}

/** The pooler in front of the first server; one with the configured name first. */
function choosePooler({ topology, config }: Plan): Server | null {
  const { poolers, servers } = topology;
  const near = poolers.filter(({ stack }) => stack === servers[0]?.stack);
  const candidates = near.length > 0 ? near : poolers;
  return candidates.find(({ service }) => service === config.pool.host) ?? candidates[0] ?? null;
}

interface Found {
  compose: Compose | null;
  verdict: Verdict;
  ways: Ways | null;
  resolved: Map<string, string>;
}

async function askCompose(plan: Plan, pooler: Server): Promise<Found> {
  const server = plan.topology.servers.find(({ stack }) => stack === pooler.stack) ?? null;
  const select = selectFiles(pooler, server);
  const compose = await findCompose(join(plan.root, pooler.stack), select);
  const none = { ways: null, resolved: new Map<string, string>() };
  if (typeof compose === 'string') return { compose: null, verdict: skipped(compose), ...none };
  const { code, stdout, stderr } = await callCompose(compose, ['config', '--format', 'json']);
  const messages = readMessages(stderr).join('; ');
  if (code !== 0) {
    const verdict = failed(
      messages || `compose ended with ${code}`,
      'Correct the file; docker compose config shows the same.',
    );
    return { compose, verdict, ...none };
  }
  const stack = readStack(stdout);
  const ways = findWays(stack, {
    pooler: { service: pooler.service, port: pooler.port },
    server: server && { service: server.service, port: server.port },
    dockerHost: readDockerHost(process.env.DOCKER_HOST),
    readFile: path => readFileSync(path, 'utf8'),
  });
  const files = pooler.definitions.map(({ file }) => file).join(', ');
  const evidence = `${files} (compose ${compose.version}, ${stack.services.size} services)`;
  const verdict =
    messages === ''
      ? passed(evidence)
      : warning(`${evidence}: ${messages}`, 'Set what is missing, in .env or in the environment.');
  return { compose, verdict, ways, resolved: mergeEnvironments(stack, pooler.service) };
}

const DEFAULT_FILES = /^(?:docker-)?compose(?:\.override)?\.ya?ml$/;

/** Compose finds files of usual names itself, with those that include or override them; COMPOSE_FILE is the user's choice. */
function selectFiles(pooler: Server, server: Server | null): string[] {
  const files = pooler.definitions.map(({ file }) => file).filter(file => dirOf(file) === pooler.stack);
  const isFound = files.some(file => DEFAULT_FILES.test(baseOf(file))) || Boolean(process.env.COMPOSE_FILE);
  const own = isFound ? [] : files.slice(0, 1);
  const inStack = (file: string): string => (pooler.stack ? file.slice(pooler.stack.length + 1) : file);
  const profiles = new Set([...pooler.profiles, ...(server?.profiles ?? [])]);
  return [...own.flatMap(file => ['-f', inStack(file)]), ...[...profiles].flatMap(name => ['--profile', name])];
}

function toEndpoint(ways: Ways, way: 'pooled' | 'direct'): Endpoint {
  const published = ways.published[way];
  return {
    address: published ?? (way === 'pooled' ? { ...ways.inside.pooled, host: '127.0.0.1' } : ways.inside.direct),
    isInside: published === null,
    user: ways.user,
    password: ways.password,
    database: way === 'pooled' ? ways.database : ways.databaseThere,
    tls: 'off',
    origin: published ? 'published' : `docker compose exec ${ways.pooler}`,
  };
}

/** The file that the generated pooler includes after its own settings. */
function readOwnSettings({ root, config }: Plan): Expected[] {
  const path = join(config.assets.directory, 'custom.ini');
  try {
    return readSettings(readFileSync(join(root, path), 'utf8'), path);
  } catch {
    return [];
  }
}
