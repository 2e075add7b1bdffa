/** Where an endpoint leads. Only topology is evidence: a name that looks like a server's is none. */
import type { Resolution, Server } from '../model/index.ts';
import { isLocalName } from '../scan/scan-value.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from './topology.ts';

export interface Endpoint {
  host: string | null;
  port: string | null;
  /** The variable that the port is written with, if any: `localhost:${HOST_POSTGRES_PORT}` follows the mapping. */
  portVariable: string | null;
}

const PLACEHOLDER =
  /^(?:host|hostname|db_?host|server|address|ip|ip_address|your[-_.]?[\w.-]*|my[-_]?(?:host|server|db)|some[-_]?host|x+|\.+|(?:[\w-]+\.)*example\.(?:com|org|net)|change-?me|todo|remote[-_]?host|ep-[\w.-]*|[\w-]*placeholder[\w-]*)$/i;

/** Where MySQL, SQL Server, Oracle and MongoDB listen: one of these beside a host that depends on the driver. */
export const OTHER_ENGINES: ReadonlySet<string> = new Set(['3306', '1433', '1521', '27017']);

/** `inContainer`: the value is used inside a container, where localhost is the container itself. */
export function resolveEndpoint(
  endpoint: Endpoint,
  file: string,
  inContainer: boolean,
  topology: Topology,
): Resolution {
  const { host, port } = endpoint;
  if (host === null) return { kind: 'none' };
  const name = host.toLowerCase();
  if (isLocalName(name)) return resolveLocal(endpoint, file, inContainer, topology);
  if (isOtherService(name, file, topology)) return { kind: 'other-engine' };
  const pooler = nearest(topology.poolers, file, topology, server => server.names.includes(name));
  if (pooler) return { kind: 'pooler', server: pooler };
  if (name === topology.poolHost || name.startsWith(`${topology.poolHost}.`))
    return isPoolPort(endpoint, topology) ? { kind: 'pooler', server: null } : { kind: 'unknown' };
  const server = nearest(topology.servers, file, topology, candidate => candidate.names.includes(name));
  if (server) {
    if (port !== null && port !== String(server.port))
      return OTHER_ENGINES.has(port) ? { kind: 'other-engine' } : { kind: 'other-port', server };
    return isElsewhere(server, file, topology) || isAmbiguous(server, name, file, topology)
      ? { kind: 'several' }
      : { kind: 'server', server };
  }
  if (nearest(topology.others, file, topology, candidate => candidate.names.includes(name)))
    return { kind: 'other-engine' };
  return PLACEHOLDER.test(name) ? { kind: 'placeholder' } : { kind: 'unknown' };
}

/** Managed servers often answer beside their pooler, on another port of the same host. */
const isPoolPort = ({ port, portVariable }: Endpoint, { poolPorts }: Topology): boolean =>
  poolPorts === null || (port === null && portVariable !== null) || poolPorts.includes(Number(port ?? 5432));

function resolveLocal(endpoint: Endpoint, file: string, inContainer: boolean, topology: Topology): Resolution {
  if (inContainer && endpoint.host !== 'host.docker.internal') return { kind: 'container-localhost' };
  // What a variable holds that nothing sets can be any port.
  const port = endpoint.port ?? (endpoint.portVariable === null ? '5432' : '');
  const leadsTo = (server: Server) =>
    server.published.some(
      published =>
        (endpoint.portVariable !== null && published.variable === endpoint.portVariable) ||
        String(published.value) === port,
    );
  const pooler = nearest(topology.poolers, file, topology, leadsTo);
  if (pooler) return { kind: 'pooler', server: pooler };
  const server = nearest(topology.servers, file, topology, leadsTo);
  // 5432 is what every Postgres of a machine has: a stack elsewhere in the repository is no evidence that it is meant.
  const isOnly =
    topology.servers.length === 1 && !/(?:^|\/)(?:examples?|tests?|e2e|ci)(?:\/|$)/.test(server?.stack ?? '');
  if (server && port === '5432' && !isInside(server.stack, file) && !isOnly) return { kind: 'local' };
  if (server) return isPublishedTwice(endpoint, server, topology) ? { kind: 'several' } : { kind: 'published', server };
  return nearest(topology.others, file, topology, leadsTo) ? { kind: 'other-engine' } : { kind: 'local' };
}

/**
 * The server of the stack that the file belongs to: a compose file has its own, any other file the nearest above it,
 * else whichever of the repository answers.
 */
function nearest(
  servers: readonly Server[],
  file: string,
  topology: Topology,
  matches: (server: Server) => boolean,
): Server | null {
  const found = servers.filter(matches);
  const own = topology.stacks.get(file);
  if (own !== undefined) return found.find(server => server.stack === own) ?? null;
  const above = found
    .filter(server => isInside(server.stack, file) || server.stack === dirOf(file))
    .sort((a, b) => b.stack.length - a.stack.length);
  return above[0] ?? found[0] ?? null;
}

/** A compose file that defines the name as something else: alternatives for MySQL beside those for Postgres. */
function isOtherService(name: string, file: string, topology: Topology): boolean {
  const compose = topology.composeFiles.find(candidate => candidate.path === file);
  const service = compose?.services.find(candidate => candidate.name.toLowerCase() === name);
  if (!service || (service.image === null && service.build === null)) return false;
  const known = [...topology.servers, ...topology.poolers];
  return !known.some(
    server => server.service === service.name && server.definitions.some(definition => definition.file === file),
  );
}

/**
 * The file lies with a stack of its own that has another server: the name then leads out of that stack, unless the server's own builds
 * or mounts the folder.
 */
function isElsewhere(server: Server, file: string, topology: Topology): boolean {
  const own = topology.servers.filter(other => other.stack !== '' && isInside(other.stack, file));
  return own.length > 0 && !own.includes(server) && !isGiven(file, server, topology);
}

/** A service of the server's stack is built from the file's folder, or works in it. */
function isGiven(file: string, { stack }: Server, { composeFiles, stacks }: Topology): boolean {
  const holds = (compose: string, path: string): boolean => {
    const folder = joinPath(dirOf(compose), path);
    return folder !== '' && isInside(folder, file);
  };
  return composeFiles.some(
    ({ path, services }) =>
      stacks.get(path) === stack &&
      services.some(
        ({ build, volumes, workingDir }) =>
          (build !== null && holds(path, build)) || volumes.some(volume => holds(path, mounted(volume, workingDir))),
      ),
  );
}

/** What of a mount is seen at the working directory: `.:/srv` at `/srv/app` is `./app`. */
function mounted(volume: string, workingDir: string | null): string {
  const [source = '', target = ''] = volume.split(':');
  if (!/^\.{1,2}(?:\/|$)/.test(source)) return '';
  return workingDir?.startsWith(`${target}/`) ? `${source}/${workingDir.slice(target.length + 1)}` : source;
}

const isForTests = (server: Server): boolean =>
  /(?:^|[-_.])(?:pg|db|postgres|database)?(?:tests?|testing|e2e|ci)(?:pg|db|postgres|database)?(?:$|[-_.])/i.test(
    server.service,
  );

/** The file belongs to no stack, and more than one of them has a server of that name. */
const isAmbiguous = (server: Server, name: string, file: string, topology: Topology): boolean =>
  !topology.stacks.has(file) &&
  !isInside(server.stack, file) &&
  topology.servers.some(other => other.stack !== server.stack && other.names.includes(name));

/** Another server of the stack answers on the same port of the machine. */
const isPublishedTwice = ({ port }: Endpoint, server: Server, topology: Topology): boolean =>
  !topology.isConfigured &&
  topology.servers.some(
    other =>
      other !== server &&
      // One for tests beside the application's leaves no doubt which of the two the application means.
      (!isForTests(other) || isForTests(server)) &&
      other.stack === server.stack &&
      other.published.some(({ value }) => String(value) === (port ?? '5432')) &&
      other.definitions.some(({ file }) => server.definitions.some(definition => definition.file === file)),
  );
