/** Decisions: every rule is asked of every use of every site; then the sites of a group have to agree. */

import { createHash } from 'node:crypto';
import { configFor } from '../config/config.ts';
import { hasMode, isElsewhere } from '../config/pool-kind.ts';
import type { RawSite, Server, Site } from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import type { Receiver } from '../processes/index.ts';
import { findSuppression, readSuppressions } from '../routes/index.ts';
import { lineAt } from '../text/lines.ts';
import { dirOf, isInside } from '../text/paths.ts';
import { type Endpoint, resolveEndpoint, type Topology } from '../topology/index.ts';
import { deriveFacts, imageOf, isComposeOnly, missingPort } from './derive-facts.ts';
import { endpointsOf } from './endpoints.ts';
import { type FileSite, groupSites } from './group-sites.ts';
import type { DecideInput, Decisions } from './input.ts';
import { judgeUses } from './judge-uses.ts';
import { decidePools } from './pools.ts';
import { DEFAULT_PORT, portsWanted } from './ports.ts';
import { combineUses, isPooled, type Mode, type Outcome, type RoutedUse } from './routes.ts';
import { settleGroups } from './settle-groups.ts';
import { usesOf } from './uses.ts';

export function decide(input: DecideInput): Decisions {
  const groups = groupSites(input.sites, ({ file, site }) => imagePort(file, site, input));
  const endpoints = endpointsOf(input.sites, groups, input.config.direct.suffix);
  const first = decideSites(input, groups, endpoints, new Map());
  const ports = new Map(
    [...portsWanted(first.sites)].filter(([{ stack }]) => configFor(input.config, stack).pool.port === 'auto'),
  );
  return ports.size === 0 ? first : decideSites(input, groups, endpoints, ports);
}

/** `ports`: servers whose pooler has to listen where the server does, and why. */
function decideSites(
  input: DecideInput,
  groups: readonly number[],
  endpoints: readonly Endpoint[],
  ports: ReadonlyMap<Server, string>,
): Decisions {
  const { topology, config } = input;
  const portOf = (server: Server): number => {
    const { port } = configFor(config, server.stack).pool;
    return port === 'auto' ? (ports.has(server) ? server.port : DEFAULT_PORT) : port;
  };
  const sites = input.sites.map((fileSite, i): Site => {
    const site = toSite(fileSite, input.texts);
    const endpoint = endpoints[i] as Endpoint;
    site.resolution = resolveEndpoint(endpoint, homeOf(site, endpoint, input), isInContainer(site, topology), topology);
    if (isUnproven(site, endpoint)) {
      site.resolution = { kind: 'local' };
      site.facts = [...site.facts, 'unproven'];
    }
    if (site.facts.includes('kubernetes') && isComposeOnly(site, topology)) site.resolution = { kind: 'other-network' };
    return site;
  });
  nameSites(sites);
  const uses = sites.map((site, i): RoutedUse[] => {
    tellProgress('deciding', i, sites.length);
    const raw = (input.sites[i] as FileSite).site;
    const { uses: own, isOverridden, isPoolers } = usesOf(site, raw, input);
    site.uses = own;
    if (isPoolers) site.facts = [...site.facts, 'pooler-service'];
    if (isOverridden) site.facts = [...site.facts, 'overridden'];
    const endpoint = endpoints[i] as Endpoint;
    site.portVariable = missingPort(site, endpoint, input, portOf);
    site.facts = [...site.facts, ...deriveFacts(site, endpoint, input, portOf)];
    return judgeUses(site, input);
  });
  const serverOfSite = serversByGroup(sites, groups, topology.servers);
  sites.forEach((site, i) => {
    site.twins = twinsOf(site, serverOfSite(i), input);
  });
  const isFor = (i: number, server: Server): boolean =>
    serverOfSite(i) === server || (sites[i]?.twins.includes(server) ?? false);
  const pools = decidePools(sites, uses, isFor, portOf, ports, input);
  sites.forEach((site, i) => {
    const server = serverOfSite(i);
    const pool = server ? pools.find(one => one.server === server) : undefined;
    const given = configFor(config, site.file).pool.mode;
    const mode: Mode = pool?.mode ?? (given === 'auto' ? 'transaction' : given);
    const apart = new Set(mode === 'session' ? [] : (pool?.others ?? []).map(({ service }) => service));
    const combined = combineUses(
      site,
      uses[i] ?? [],
      mode,
      apart,
      (process, whole) => input.wayOf(site, process, whole),
      hasMode(config.pool, 'session'),
    );
    const outcome = stillPooled(site, combined, input);
    const mends = mode === 'session' ? [] : (uses[i] ?? []).flatMap(use => (isPooled(use, mode) ? use.mends : []));
    Object.assign(
      site,
      { apart: [], question: null, mends: outcome.action === 'pooled' ? [...new Set(mends)] : [] },
      suppressed(site, outcome, input.texts) ?? answered(site, outcome, config) ?? outcome,
    );
  });
  settleGroups(sites, groups, server => portOf(server) === server.port, input.wayOf);
  return { sites, pools };
}

/**
 * 5432 of localhost is what every Postgres of a machine has: in code, settings and documents it means this repository's only with
 * the user of that server; with its database too where that user is the one that every server has.
 */
function isUnproven({ resolution, format, user, database }: Site, { port, portVariable }: Endpoint): boolean {
  if (resolution.kind !== 'published' || /^(?:env|compose)$/.test(format)) return false;
  if ((port ?? '5432') !== '5432' || portVariable !== null) return false;
  const { server } = resolution;
  const differs = (own: string | null, of: string | null) => Boolean(of) && own !== of;
  return (
    user === null ||
    differs(user, server.user) ||
    (user === 'postgres' && database !== null && differs(database, server.database))
  );
}

/**
 * The file in whose stack the names of a site mean something: for an env file, the first of those that get it and know the host; for a
 * stack that does not know it, the env file that the host comes from.
 */
function homeOf(site: Site, { host }: Endpoint, { processes, topology, sites }: DecideInput): string {
  const names = site.host?.value ? [] : (site.host?.variables ?? []);
  const definitions =
    names.length === 0
      ? []
      : sites.filter(
          ({ format, site: one }) => format === 'env' && one.host?.value === host && names.includes(one.key ?? ''),
        );
  const files = [
    ...receiversOf(site, processes).map(({ file }) => file),
    ...(definitions.length === 0 ? [] : [site.file, ...definitions.map(({ file }) => file)]),
  ];
  const knows = (file: string) =>
    topology.servers.some(
      ({ stack, names }) =>
        stack === (topology.stacks.get(file) ?? dirOf(file)) && names.includes(host?.toLowerCase() ?? ''),
    );
  return files.find(knows) ?? site.file;
}

const receiversOf = ({ file, key }: Site, { receivers }: DecideInput['processes']): readonly Receiver[] =>
  receivers.get(`${file}\0${key}`) ?? [];

function twinsOf(site: Site, own: Server | null, { processes, topology }: DecideInput): Server[] {
  if (own === null) return [];
  const stacks = receiversOf(site, processes).map(({ file }) => topology.stacks.get(file));
  // On the machine itself a port leads to whichever stack runs, that of the folder or one above: code that names it works with each.
  const ports = site.resolution.kind === 'published' ? own.published.map(({ value }) => value) : [];
  const isSame = (server: Server) =>
    (server.stack === '' || isInside(server.stack, site.file)) &&
    server.published.some(({ value }) => value !== null && ports.includes(value)) &&
    isForSame(site, server);
  return topology.servers.filter(
    server =>
      server.stack !== own.stack &&
      ((server.service === own.service && stacks.includes(server.stack)) || isSame(server)),
  );
}

/** The server has the user and the database that the value names. */
const isForSame = ({ user, database }: Site, server: Server): boolean =>
  (user === null || server.user === null || server.user === user) &&
  (database === null || server.database === null || server.database === database);

/** The server behind each site; members of a group without a literal host take that of the others. */
function serversByGroup(
  sites: readonly Site[],
  groups: readonly number[],
  servers: readonly Server[],
): (i: number) => Server | null {
  const own = ({ resolution }: Site) => {
    if (resolution.kind === 'server' || resolution.kind === 'published') return resolution.server;
    const { stack } = (resolution.kind === 'pooler' ? resolution.server : null) ?? {};
    return servers.find(server => server.stack === stack) ?? null;
  };
  const byGroup = new Map<number, Server>();
  sites.forEach((site, i) => {
    const server = own(site);
    if (server && !byGroup.has(groups[i] ?? i)) byGroup.set(groups[i] ?? i, server);
  });
  return i => (sites[i] ? own(sites[i]) : null) ?? byGroup.get(groups[i] ?? i) ?? null;
}

function toSite({ file, format, site }: FileSite, texts: ReadonlyMap<string, string>): Site {
  return {
    ...site,
    uses: [],
    id: '',
    file,
    format: site.written?.format ?? format,
    text: (texts.get(file) ?? '').slice(site.span.start, site.span.end),
    decision: '',
    resolution: { kind: 'none' },
    twins: [],
    action: 'review',
    rule: '',
    reason: '',
    safety: 'safe',
    replacement: null,
    apart: [],
    mends: [],
    question: null,
    portVariable: null,
  };
}

const imagePort = (file: string, { key, service }: RawSite, input: DecideInput): string | null =>
  key === null ? null : input.processes.imagePort(key, imageOf({ file, service }, input));

/** A compose service has a network of its own; what documents and host scripts say is about the host. */
function isInContainer(site: Site, topology: Topology): boolean {
  if (site.facts.includes('kubernetes')) return true;
  // What a Dockerfile sets, and scripts that are there for an image, run inside.
  if (site.format === 'dockerfile' || (site.format === 'shell' && /(?:^|\/)docker\/|entrypoint/i.test(site.file)))
    return true;
  if (!topology.stacks.has(site.file)) return false;
  const file = topology.composeFiles.find(compose => compose.path === site.file);
  const service = file?.services.find(candidate => candidate.name === (site.service ?? site.uses[0]?.service));
  return service !== undefined && service.networkMode !== 'host';
}

/** What has to be direct and leads to a pooler already is no decision of ours to keep; one in session mode bears it. */
function stillPooled(site: Site, outcome: Outcome, { topology: { poolers }, config: { pool } }: DecideInput): Outcome {
  if (outcome.action !== 'direct' || site.resolution.kind !== 'pooler') return outcome;
  const { server } = site.resolution;
  // Of a generated one that is not seen here nothing is known.
  if (server === null && !isElsewhere(pool)) return outcome;
  const mode = isElsewhere(pool) ? pool.mode : poolers.find(one => one === server)?.pooler?.mode;
  if (mode === 'session')
    return {
      action: 'leave',
      rule: 'already-pooled',
      reason: 'Already goes through the pooler, whose sessions bear it.',
      safety: 'safe',
    };
  return {
    ...outcome,
    action: 'review',
    rule: 'through-pooler',
    reason: `It goes through the pooler and should not. ${outcome.reason}`,
  };
}

/** What a person answered, recorded in the configuration. */
function answered({ id }: Site, { action }: Outcome, { answers }: DecideInput['config']): Outcome | null {
  const answer = answers[id];
  if (answer === undefined || action !== 'review') return null;
  return { action: answer, rule: 'answered', reason: 'The configuration answers so.', safety: 'safe' };
}

/** A comment with a reason keeps the place as it is, whatever was decided. */
function suppressed(site: Site, { rule }: Outcome, texts: ReadonlyMap<string, string>): Outcome | null {
  const text = texts.get(site.file) ?? '';
  if (!text.includes('pool-migrate-ignore')) return null;
  const found = findSuppression(readSuppressions(text), lineAt(text, site.span.start), rule);
  if (!found) return null;
  return { action: 'leave', rule: 'suppressed', reason: `A comment says so: ${found.reason}`, safety: 'safe' };
}

/** Ids that outlive edits elsewhere in the file: no line numbers, a counter only between twins. */
function nameSites(sites: Site[]): void {
  const counts = new Map<string, number>();
  for (const site of sites) {
    const base = [
      site.file,
      site.format,
      site.form,
      site.role,
      site.service ?? '',
      site.key ?? '',
      site.call ?? '',
      site.text,
    ].join('\0');
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    site.id = createHash('sha256').update(`${base}\0${count}`).digest('hex').slice(0, 12);
  }
}
