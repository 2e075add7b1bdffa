/** What a pooled endpoint becomes. The only place that chooses a target. */
import { externalNetworks } from '../../codemods/compose-file.ts';
import { type Config, configFor } from '../config/config.ts';
import { isElsewhere } from '../config/pool-kind.ts';
import { DEFAULT_PORT } from '../decide/index.ts';
import type { Part, PoolDecision, Server, Site, Span } from '../model/index.ts';
import { isManifestServer, poolerFor, type Topology } from '../topology/index.ts';

export interface Pool {
  host: string;
  port: number;
  mode: PoolDecision['mode'];
  /** Port on the host, as a number and as compose writes it; null where the pooler is not published. */
  published: { value: number; text: string } | null;
  /** A pooler that the repository has already; then none is generated. */
  existing: Server | null;
  /** False: it is there already, in the repository (`existing`) or elsewhere. */
  isGenerated: boolean;
  /** What it leads to: one server, or several of one stack that the configuration names. */
  servers: Server[];
}

export const HOST_PORT_VARIABLE = 'HOST_PGBOUNCER_PORT';

/** The pooler in front of servers of one stack: the repository's own where there is one, else the one that is generated. */
export function poolFor(
  servers: Server[],
  topology: Topology,
  config: Config,
  decisions: readonly PoolDecision[],
): Pool {
  const server = servers.find(candidate => candidate.published.length > 0) ?? (servers[0] as Server);
  const found = poolerFor(server, topology);
  const decision = decisions.find(one => one.server === server);
  const mode = decision?.mode ?? 'transaction';
  const isNamed = found?.names.includes(config.pool.host.toLowerCase()) ?? false;
  if (isElsewhere(config.pool) && !isNamed)
    return {
      host: config.pool.host,
      port: decision?.port ?? DEFAULT_PORT,
      mode,
      published: null,
      existing: null,
      isGenerated: false,
      servers,
    };
  const existing = found;
  if (existing) {
    const published = existing.published[0];
    return {
      host: existing.service,
      port: existing.port,
      mode,
      published: published?.value
        ? { value: published.value, text: published.variable ? published.raw : String(published.value) }
        : null,
      existing,
      isGenerated: false,
      servers,
    };
  }
  const value = portOnHost(server, topology, config);
  // The env file's variable would give two poolers of a stack the same port.
  const isAlone = topology.servers.every(
    other => other.stack !== server.stack || other.published.length === 0 || servers.includes(other),
  );
  const text = isAlone ? `\${${HOST_PORT_VARIABLE}:-${value}}` : String(value);
  return {
    host: hostFor(server, topology, config),
    // CloudNativePG's poolers listen where its servers do.
    port: server.operator ? server.port : (decision?.port ?? DEFAULT_PORT),
    mode,
    published: server.published.length > 0 ? { value, text } : null,
    existing: null,
    isGenerated: true,
    servers,
  };
}

/** It is reached the same way from the machine and from inside. */
export const isOutside = ({ existing, isGenerated }: Pool): boolean => existing === null && !isGenerated;

/** Servers of one cluster or of one external network: each pooler then has the name of its server. */
function hostFor(server: Server, topology: Topology, { pool }: Config): string {
  const isManifest = isManifestServer(server, topology);
  const networks = networksOf(server, topology);
  const isShared = topology.servers.some(
    other =>
      other.service !== server.service &&
      (isManifest
        ? isManifestServer(other, topology)
        : other.stack !== server.stack
          ? networksOf(other, topology).some(name => networks.includes(name))
          : !topology.isConfigured && isBeside(other, server)),
  );
  return isShared ? `${pool.host}-${server.service}` : pool.host;
}

/** Another server of one file, which may get a pooler too. */
const isBeside = (other: Server, server: Server): boolean =>
  other.definitions.some(({ file }) => server.definitions.some(definition => definition.file === file));

const networksOf = ({ service: name, definitions }: Server, { composeFiles }: Topology): string[] =>
  composeFiles
    .filter(file => definitions.some(definition => definition.file === file.path))
    .flatMap(file =>
      file.services.filter(service => service.name === name).flatMap(one => externalNetworks(file, one)),
    );

/**
 * The port of the host under which the pooler of a server is published: the configured one for the first, and the next that is free for each
 * that is published under another port. Servers with the same port do not run at the same time.
 */
function portOnHost(server: Server, topology: Topology, config: Config): number {
  const wanted = (one: Server) => configFor(config, one.stack).pool.publishedPort;
  const placeOf = ({ published: [first] }: Server) => String(first?.value ?? first?.raw);
  const places = topology.servers.flatMap(one =>
    one.published.length > 0 && wanted(one) === wanted(server) ? [placeOf(one)] : [],
  );
  let port = wanted(server) - 1;
  for (const place of new Set(places)) {
    do port++;
    while (topology.takenPorts.has(port));
    if (place === placeOf(server)) break;
  }
  return port;
}

export interface Replacement {
  span: Span;
  text: string;
}

/** The pieces of the site to replace, in order. Empty where another site of the group carries the value. */
export function replacementsFor(site: Site, pool: Pool): Replacement[] {
  const isPublished = site.resolution.kind === 'published' && !isOutside(pool);
  const pieces: Replacement[] = [];
  if (site.host && site.host.value !== null && !isPublished)
    pieces.push({ span: site.host.inner, text: hostLike(site, pool) });
  const port = isPublished ? (pool.published?.value ?? pool.port) : pool.port;
  const { port: part } = site;
  if (part && part.value !== null) {
    const isOfMapping = part.variables.length > 0 && isPublishVariable(part, site);
    // The variable of the server's own mapping says nothing of a pooler elsewhere.
    const text = isOutside(pool) ? String(port) : isPublished ? pool.published?.text : undefined;
    pieces.push(
      isOfMapping && text !== undefined ? { span: part.span, text } : { span: part.inner, text: String(port) },
    );
  } else if (part && isPublished && pool.published && isPublishVariable(part, site)) {
    pieces.push({ span: part.span, text: pool.published.text });
  } else if (!part && site.form === 'url' && site.host) {
    const end = site.host.span.end;
    pieces.push({ span: { start: end, end }, text: `:${port}` });
  } else if (!part && site.portSlot) {
    const { at, before, after } = site.portSlot;
    pieces.push({ span: { start: at, end: at }, text: `${before}${port}${after}` });
  }
  return pieces.sort((a, b) => a.span.start - b.span.start);
}

/** `postgres.prod.svc.cluster.local` → `pgbouncer.prod.svc.cluster.local`: the pooler stands in the same namespace. */
function hostLike({ host, resolution }: Site, pool: Pool): string {
  const name = host?.value ?? '';
  const service = resolution.kind === 'server' ? resolution.server.service : '';
  return !isOutside(pool) &&
    name.toLowerCase().startsWith(`${service.toLowerCase()}.`) &&
    /\.svc\b|^[^.]+\.[^.]+$/.test(name)
    ? pool.host + name.slice(service.length)
    : pool.host;
}

/** `localhost:${HOST_POSTGRES_PORT:-5433}` follows the variable of the mapping, so the pooler's own takes its place. */
const isPublishVariable = (part: Part, site: Site): boolean =>
  (site.resolution.kind === 'published' ? site.resolution.server.published : []).some(
    published => published.variable !== null && part.variables.includes(published.variable),
  );

/** The site's text with the replacements made, without what is inserted beyond its end. */
export function replacedText(site: Site, text: string, pieces: readonly Replacement[]): string {
  let out = '';
  let at = site.span.start;
  for (const { span, text: replacement } of pieces) {
    if (span.start > site.span.end || (span.start === site.span.end && site.portSlot?.at === span.start)) continue;
    out += text.slice(at, span.start) + replacement;
    at = span.end;
  }
  return out + text.slice(at, site.span.end);
}
