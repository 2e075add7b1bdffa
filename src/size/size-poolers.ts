/** The sizing of each pooler, generated or existing, from what the plan has read. */

import { knobs } from '../../pgbouncer/index.ts';
import { isServerImage } from '../images/names.ts';
import type { Server, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { lineAt } from '../text/lines.ts';
import { isInside } from '../text/paths.ts';
import { isManifestServer, poolerFor } from '../topology/index.ts';
import { goesApart, knobValue, PROCESSES, poolFor, serverOf } from '../wire/index.ts';
import { type Demand, findProblems, type PoolSettings, recommend, serverConnections } from './arithmetic.ts';
import { type Consumer, readPools, sizeConsumer } from './consumers.ts';
import { type DirectUser, listDirectUsers } from './direct-users.ts';
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import { type Runner, readRunners } from './runners.ts';
import { readMaxConnections } from './server-limits.ts';
export interface PoolerSize {
  pooler: { name: string; isGenerated: boolean; place: Place | null; replicas: Quantity; processes: Quantity };
  server: { service: string; place: Place | null };
  consumers: Consumer[];
  pairs: { user: string; database: string; place: Place | null }[];
  direct: DirectUser[];
  maxConnections: Quantity;
  superuserReserved: Quantity;
  settings: Record<keyof PoolSettings, Quantity>;
  demand: Demand;
  /** Connections to Postgres at most, with the settings as they are. */
  serverConnections: number;
  recommended: PoolSettings;
  /** What to set in the applications. */
  clientPools: string[];
  warnings: string[];
}

export function sizePoolers(plan: Plan): PoolerSize[] {
  const { topology } = plan;
  const runners = readRunners(plan);
  const pools = readPools(plan);
  return topology.servers.flatMap(server => {
    const sites = plan.sites.filter(site => leadsThrough(site, server, plan));
    const existing = poolerFor(server, topology);
    if (sites.length === 0 && existing === null) return [];
    return [sizePooler(server, existing, sites, runners, pools, plan)];
  });
}

/** Pooled by this run, or on the pooler already. */
function leadsThrough(site: Site, server: Server, { sites, topology }: Plan): boolean {
  if (topology.poolers.some(({ service, stack }) => service === site.service && stack === server.stack)) return false;
  if (site.action === 'pooled') return serverOf(site, sites) === server;
  if (site.resolution.kind !== 'pooler') return false;
  const pooler = site.resolution.server;
  return pooler
    ? pooler === poolerFor(server, topology)
    : topology.servers.length === 1 || isInside(server.stack, site.file);
}

function sizePooler(
  server: Server,
  existing: Server | null,
  sites: Site[],
  runners: Runner[],
  pools: ReturnType<typeof readPools>,
  plan: Plan,
): PoolerSize {
  const { config } = plan;
  const own = runners.find(({ name, stack }) => existing && name === existing.service && stack === existing.stack);
  const consumers = listConsumers(server, sites, runners, plan).map(({ runner, sites: found }) =>
    sizeConsumer(runner, pools, found, plan),
  );
  const direct = listDirectUsers(server, runners, new Set(consumers.map(({ service }) => service)), plan);
  const { maxConnections, superuserReserved } = readMaxConnections(server, runners);
  const isManifest = isManifestServer(server, plan.topology);
  const replicas = own?.replicas ?? (isManifest ? byDefault(2, 'the generated manifest') : byDefault(1, 'one pooler'));
  const isDivided = existing === null && config.assets.features.includes('processes');
  const processes = readProcesses(own ?? null, isDivided ? PROCESSES : 1);
  const pairs = listPairs(server, sites, plan);
  const pool = poolFor([server], plan.topology, config, plan.pools);
  const generated = (name: string, value: string) => (isManifest ? value : knobValue(name, value, pool, plan));
  const settings = readSettings(existing, own ?? null, generated);
  const demand: Demand = {
    clients: sum(consumers.map(({ clients }) => clients)),
    busy: sum(consumers.map(({ busy }) => busy)),
    pairs: pairs.length,
    databases: new Set(pairs.map(({ database }) => database)).size,
    // Each process has pools of its own.
    poolers: replicas.value * processes.value,
    direct: sum(direct.map(({ connections }) => connections.value)),
    admitted: Math.max(0, maxConnections.value - superuserReserved.value),
  };
  const current: PoolSettings = {
    default_pool_size: settings.default_pool_size.value,
    reserve_pool_size: settings.reserve_pool_size.value,
    max_client_conn: settings.max_client_conn.value,
    max_db_connections: settings.max_db_connections.value,
  };
  return {
    pooler: {
      name: pool.host,
      isGenerated: existing === null,
      place: existing?.definitions[0] ?? null,
      replicas,
      processes,
    },
    server: { service: server.service, place: server.definitions[0] ?? null },
    consumers,
    pairs,
    direct,
    maxConnections,
    superuserReserved,
    settings,
    demand,
    serverConnections: serverConnections(current, demand),
    recommended: recommend(demand, current),
    clientPools: adviseClients(consumers),
    warnings: [...findProblems(current, demand), ...warnOfNobody(consumers)],
  };
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** Services that get a pooled value; where none does, those whose own code holds one. */
function listConsumers(
  server: Server,
  sites: Site[],
  runners: Runner[],
  plan: Plan,
): { runner: Runner; sites: Site[] }[] {
  const { topology, processes } = plan;
  const servers = [...topology.servers, ...topology.poolers, ...topology.others];
  const isComposed = server.definitions.some(({ file }) => topology.stacks.has(file));
  const candidates = runners.filter(
    ({ kind, name, stack, image, isTask }) =>
      !isTask &&
      (kind === 'compose') === isComposed &&
      !isServerImage(image) &&
      !servers.some(other => other.service === name && (other.stack === stack || other === server)),
  );
  const live = sites.filter(({ role }) => !/^(?:docs|prose|comment|healthcheck)$/.test(role));
  const names = (site: Site) => {
    const given = processes.receivers.get(`${site.file}\0${site.key}`) ?? [];
    const found = [site.service, ...site.uses.map(use => use.service), ...given.map(({ service }) => service)];
    return found.filter(name => name !== null && !goesApart(site, name));
  };
  // Manifests of one cluster lie in any number of directories.
  const isNear = ({ kind, stack }: Runner, site: Site) =>
    kind === 'manifest' ||
    stack === server.stack ||
    stack === (topology.stacks.get(site.file) ?? '') ||
    isInside(stack, site.file);
  const pick = (leads: (runner: Runner, site: Site) => boolean) =>
    candidates.flatMap(runner => {
      const found = live.filter(site => leads(runner, site));
      return found.length > 0 ? [{ runner, sites: found }] : [];
    });
  const named = pick((runner, site) => isNear(runner, site) && names(site).includes(runner.name));
  return named.length > 0
    ? named
    : pick(({ context }, { file, format }) => context !== null && isInside(context, file) && CODE.has(format));
}

const CODE = new Set(['python', 'javascript', 'strings', 'ini', 'json', 'yaml']);

/** Pairs that the connections name; what they leave to variables is what the server creates. */
function listPairs(server: Server, sites: Site[], { texts }: Plan): PoolerSize['pairs'] {
  const found = new Map<string, PoolerSize['pairs'][number]>();
  const isPlain = (name: string | null): name is string => name !== null && /^[\w.-]+$/.test(name);
  // What runs says it best.
  const rank = ({ role, format }: Site) => (role !== 'environment' ? 2 : format === 'compose' ? 0 : 1);
  for (const site of [...sites].sort((a, b) => rank(a) - rank(b))) {
    if (/^(?:docs|prose|comment|literal)$/.test(site.role)) continue;
    const user = isPlain(site.user) ? site.user : server.user;
    const database = isPlain(site.database) ? site.database : server.database;
    if (!user || !database) continue;
    const place = { file: site.file, line: lineAt(texts.get(site.file) ?? '', site.span.start) };
    if (!found.has(`${user}\0${database}`)) found.set(`${user}\0${database}`, { user, database, place });
  }
  if (found.size > 0) return [...found.values()];
  const user = server.user || 'postgres';
  return [{ user, database: server.database || user, place: server.definitions[0] ?? null }];
}

/** Names of each setting in the environment of the usual images. */
const VARIABLES: Record<keyof PoolSettings, string[]> = {
  default_pool_size: ['PGBOUNCER_DEFAULT_POOL_SIZE', 'DEFAULT_POOL_SIZE'],
  reserve_pool_size: ['PGBOUNCER_RESERVE_POOL_SIZE', 'RESERVE_POOL_SIZE'],
  max_client_conn: ['PGBOUNCER_MAX_CLIENT_CONN', 'MAX_CLIENT_CONN'],
  max_db_connections: ['PGBOUNCER_MAX_DB_CONNECTIONS', 'MAX_DB_CONNECTIONS'],
};
// Source: pgbouncer.org/config.html
const BUILT_IN: PoolSettings = {
  default_pool_size: 20,
  reserve_pool_size: 0,
  max_client_conn: 100,
  max_db_connections: 0,
};

function readProcesses(runner: Runner | null, otherwise: number): Quantity {
  const given = runner?.lookup('PGBOUNCER_PROCESSES');
  const value = wholeNumber(given?.text);
  return given && value
    ? seen(value, given.place, 'PGBOUNCER_PROCESSES')
    : byDefault(otherwise, otherwise === 1 ? 'one process' : 'the generated pooler');
}

/** `generated`: what the generated pooler has for a variable, from its usual value. */
function readSettings(
  existing: Server | null,
  runner: Runner | null,
  generated: (name: string, value: string) => string,
): Record<keyof PoolSettings, Quantity> {
  const read = (name: keyof PoolSettings): Quantity => {
    for (const variable of VARIABLES[name]) {
      const given = runner?.lookup(variable);
      const value = wholeNumber(given?.text);
      if (given && value !== null) return seen(value, given.place, variable);
    }
    const told = existing?.pooler;
    const written = wholeNumber(told?.values[name]);
    if (told && written !== null) return seen(written, told.places[name] as Place, name);
    const variable = VARIABLES[name][0] ?? '';
    const usual = knobs.find(known => known.name === variable)?.value ?? '';
    const knob = wholeNumber(usual);
    if (existing === null) return byDefault(wholeNumber(generated(variable, usual)) ?? 0, 'the generated pooler');
    const isOurs = runner !== null && runner.lookup('PGBOUNCER_UPSTREAM_HOST') !== null;
    if (isOurs) return byDefault(knob ?? 0, "the image's own default");
    const value = BUILT_IN[name];
    return assumed(value, `PgBouncer's default; ${existing.service} may set it in a file`, existing.definitions[0]);
  };
  return {
    default_pool_size: read('default_pool_size'),
    reserve_pool_size: read('reserve_pool_size'),
    max_client_conn: read('max_client_conn'),
    max_db_connections: read('max_db_connections'),
  };
}

/** A pool larger than what its process can use only keeps connections open. */
function adviseClients(consumers: readonly Consumer[]): string[] {
  const found = consumers.flatMap(({ service, threads, pools }) =>
    pools
      .filter(
        ({ size, overflow, perThread }) => threads && !perThread && size.value + (overflow?.value ?? 0) > threads.value,
      )
      .map(
        ({ library, place }) =>
          `${service}: ${library} (${place.file}:${place.line}) can have ${threads?.value === 1 ? 'a pool of 1' : `a pool of ${threads?.value}`} without overflow, since a process does ${threads?.value === 1 ? 'one thing' : `${threads?.value} things`} at a time.`,
      ),
  );
  return [...new Set(found)];
}

const warnOfNobody = (consumers: readonly Consumer[]): string[] =>
  consumers.length > 0
    ? []
    : ['No service or workload is seen to connect through the pooler, so the client side is not counted.'];
