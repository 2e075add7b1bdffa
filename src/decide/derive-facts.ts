/** What a decision has to know of a place beside what its own lines say. */

import { isCiPath } from '../../codemods/paths.ts';
import { startsServer } from '../../codemods/programs.ts';
import { configFor } from '../config/config.ts';
import type { Server, Site } from '../model/index.ts';
import { definesVariables, type Processes } from '../processes/index.ts';
import { matchGlob } from '../text/glob.ts';
import { baseOf } from '../text/paths.ts';
import { filesWithWord, hasWord } from '../text/words.ts';
import { type Endpoint, initMounts, type Topology } from '../topology/index.ts';
import type { DecideInput } from './input.ts';

/** The port on which the pooler of a server will listen, inside. */
export type PortOf = (server: Server) => number;

/** Facts that need more than the place itself: topology, who uses it, what other files say. */
export function deriveFacts(site: Site, endpoint: Endpoint, input: DecideInput, portOf: PortOf): string[] {
  const { topology, config, ciFiles, texts, processes } = input;
  const facts: string[] = [];
  const keptDirect = configFor(config, site.file).keepDirect;
  const kinds = serviceNames(topology, site.file);
  const services = site.service !== null ? [site.service] : site.uses.map(use => use.service ?? '');
  if (services.length > 0 && services.every(name => kinds.get(name) === 'postgres')) facts.push('server-service');
  if (services.some(name => kinds.get(name) === 'pooler') || isPoolerSetting(site)) facts.push('pooler-service');
  if (isCiPath(site.file)) facts.push('ci');
  if (site.key !== null && keptDirect.some(glob => matchGlob(glob)(site.key ?? ''))) facts.push('kept-direct');
  if (hasSecondJob(site, topology)) facts.push('publishes');
  if (hasPlaceholders(site)) facts.push('placeholder-credentials');
  if (isForeign(site, topology)) facts.push('foreign-credentials');
  if (site.uses.some(({ words }) => runsInside(words, topology))) facts.push('inside-server');
  if (
    (site.facts.includes('main') && !/(?:^|\/)tests?\//.test(site.file)) ||
    processes.commands.some(words => words.includes(baseOf(site.file)))
  )
    facts.push('smoke-test');
  if (ciFiles.get(site.file)?.has(site.key ?? '') === false) facts.push('ci-reads');
  if (site.form === 'port' && site.role !== 'prose' && endpoint.host === null && leadsSomewhere(site, topology, portOf))
    facts.push(isNowhereRead(site, input) ? 'unread-port' : 'lone-port');
  if (isForTests(site)) facts.push('test-stack');
  if (isMapped(site, topology)) facts.push('mapped-host');
  if (/^(?:shell|markdown)$/.test(site.format) && startedByHand(processes).has(site.host?.value ?? ''))
    facts.push('starts-server');
  if (isDeployedTwice(site, topology)) facts.push('deployed-twice');
  if (site.format === 'python' && /\b(?:CREATE|DROP)\s+DATABASE\b/i.test(texts.get(site.file) ?? ''))
    facts.push('creates-databases');
  if (site.portVariable === null && lacksPort(site, endpoint, input, portOf)) facts.push('host-without-port');
  return facts;
}

/** A port of a server whose pooler listens on another one; in a compose file, where no pooler beside it keeps the port. */
function leadsSomewhere({ host, port, file }: Site, { servers, stacks }: Topology, portOf: PortOf): boolean {
  if (host !== null || port?.value == null) return false;
  const stack = stacks.get(file);
  const beside = servers.filter(one => one.stack === stack);
  const own = (beside.length > 0 ? beside : servers).filter(server => String(server.port) === port.value);
  const moved = own.filter(server => portOf(server) !== server.port);
  return (
    (moved.length > 0 && (stack === undefined || moved.length === own.length)) ||
    servers.some(server => server.published.some(({ value }) => String(value) === port.value && value !== server.port))
  );
}

/** The service, or the one whose network it shares, has the server's name from `extra_hosts`: the pooler's it would not find. */
function isMapped({ file, service, uses, host, resolution }: Site, { composeFiles }: Topology): boolean {
  // `host.docker.internal` is the machine itself.
  if (resolution.kind !== 'server') return false;
  const name = host?.value ?? '';
  const services = composeFiles.find(({ path }) => path === file)?.services ?? [];
  const own = services.filter(one => one.name === (service ?? uses[0]?.service));
  const shared = own.map(({ networkMode }) => /^service:(.+)/.exec(networkMode ?? '')?.[1]);
  return services.some(one => one.mappedHosts.includes(name) && (own.includes(one) || shared.includes(one.name)));
}

const started = new WeakMap<Processes, ReadonlySet<string>>();

/** Names of the Postgres containers that people start by `docker run --name`, where there is no compose. */
function startedByHand(processes: Processes): ReadonlySet<string> {
  const known = started.get(processes);
  if (known) return known;
  const names = processes.hand.flatMap(({ process: { words } }) => {
    if (!startsServer([words])) return [];
    const at = words.indexOf('--name');
    const name = at === -1 ? words.find(word => word.startsWith('--name='))?.slice('--name='.length) : words[at + 1];
    return name === undefined ? [] : [name];
  });
  const found = new Set(names);
  started.set(processes, found);
  return found;
}

/** Only compose files for tests or for a migration define the server. */
const isForTests = ({ resolution }: Site): boolean =>
  (resolution.kind === 'server' || resolution.kind === 'published') &&
  resolution.server.definitions.length > 0 &&
  resolution.server.definitions.every(
    ({ file }) =>
      /(?:^|\/)(?:[\w-]+[-_])?(?:tests?|testing|e2e)\//i.test(file) ||
      /compose(?:[\w.-]*[._-])?(?:tests?|testing|e2e|migrat[a-z]*)[._-](?:[\w.-]*\.)?ya?ml$/i.test(baseOf(file)),
  );

/** The variable that has to be set beside a host, because programs take the port from it and nothing sets it. */
export function missingPort(site: Site, endpoint: Endpoint, input: DecideInput, portOf: PortOf): string | null {
  const isEntry = isHostVariable(site) && site.host?.kind === 'literal' && site.entry !== null;
  if (!isEntry || isUnread(site, input) || !lacksPort(site, endpoint, input, portOf)) return null;
  const image = site.service === null ? null : imageOf(site, input);
  const name = input.processes.portVariable(site.key ?? '', site.format, image);
  return name !== null && site.entry?.siblings.includes(name) ? null : name;
}

/** The image that compose names for the site's service. */
export const imageOf = ({ file, service }: Pick<Site, 'file' | 'service'>, { topology }: DecideInput): string | null =>
  topology.composeFiles.find(({ path }) => path === file)?.services.find(({ name }) => name === service)?.image ?? null;

const isHostVariable = ({ role, form }: Site): boolean => role === 'environment' && form === 'host';

/** The code takes the host, and no port from the variable beside it. */
const isUnread = (site: Site, { processes }: DecideInput): boolean =>
  isHostVariable(site) && processes.isPortless(site.file, site.key ?? '', site.entry?.siblings ?? [], servicesOf(site));

const servicesOf = ({ service, uses }: Site): string[] => [
  ...new Set([service, ...uses.map(use => use.service)].filter(name => name !== null)),
];

/** Nothing that can be seen would bring the pooler's port. */
function lacksPort(site: Site, endpoint: Endpoint, input: DecideInput, portOf: PortOf): boolean {
  const { resolution } = site;
  const needsPort =
    resolution.kind === 'published' ||
    (resolution.kind === 'server' && resolution.server.port !== portOf(resolution.server));
  const isAlone = endpoint.port === null && site.form !== 'url' && site.portSlot === null;
  return needsPort && (isAlone || isUnread(site, input));
}

/** Outside of what is commented out. */
const isReadIn = (text: string, key: string): boolean =>
  text.split('\n').some(line => !/^\s*#/.test(line) && hasWord(line, key));

/** A variable of an env file that no service gets and no file names, but for documents and what compose has commented out. */
const isNowhereRead = ({ format, key, file }: Site, { texts, topology, processes }: DecideInput): boolean =>
  format === 'env' &&
  key !== null &&
  !processes.receivers.has(`${file}\0${key}`) &&
  filesWithWord(texts, key).every(
    path =>
      path === file ||
      definesVariables(path) ||
      (topology.stacks.has(path) && !isReadIn(texts.get(path) ?? '', key)) ||
      /\.(?:mdx?|rst|txt)$/i.test(path),
  );

/** The variable also publishes Postgres, or is the port on which the server itself listens. */
function hasSecondJob({ form, role, format, port, key }: Site, { servers }: Topology): boolean {
  // A literal inside a container is not the variable that compose reads for its mapping.
  if (form !== 'port' || role === 'fallback' || key === null || (format === 'compose' && port?.kind === 'literal'))
    return false;
  return servers.some(
    ({ published, ownVariables }) =>
      published.some(({ variable }) => variable === key) || (ownVariables?.includes(key) ?? false),
  );
}

/** `user:pass@…/dbname`, unless the server itself is set up with these. */
function hasPlaceholders({ user, database, resolution, form }: Site): boolean {
  if (form === 'host' || form === 'port') return false;
  const server = resolution.kind === 'server' || resolution.kind === 'published' ? resolution.server : null;
  if (user === null || (server !== null && (server.user === user || server.database === database))) return false;
  return (
    /^(?:user|username|usr|USER|u)$/i.test(user) &&
    /^(?:dbname|db_?name|database_?name|database|db|mydb|mydatabase)$/i.test(database ?? '')
  );
}

/**
 * A port of this machine, with a user and a database that the container behind it is not set up with, nor any script for a new
 * server: rather a server of the machine itself.
 */
function isForeign({ user, database, resolution }: Site, { composeFiles }: Topology): boolean {
  if (resolution.kind !== 'published' || user === null) return false;
  const { server } = resolution;
  if (!isName(user) || server.user === null || user === server.user) return false;
  // Without a user of its own the image makes this one, and the database is the one that it is told.
  if (user === 'postgres' && server.user === '' && database !== null && database === server.database) return false;
  // The image makes the one role that it is told, and no `postgres` beside it.
  const isOther =
    user === 'postgres' ||
    server.user === '' ||
    (database !== null && isName(database) && server.database !== null && database !== server.database);
  if (!isOther) return false;
  const files = composeFiles.filter(file => server.definitions.some(definition => definition.file === file.path));
  const isBuilt = files.some(file =>
    file.services.some(({ name, build }) => name === server.service && build !== null),
  );
  return !isBuilt && initMounts(files).length === 0;
}

const isName = (text: string): boolean => /^[\w.-]+$/.test(text);

/** `docker compose exec postgres psql …`: the command runs in the container of a server. */
function runsInside(words: readonly string[], { servers }: Topology): boolean {
  const at = words.indexOf('exec');
  if (at === -1 || !/^(?:docker|podman|docker-compose|compose|kubectl)$/.test(words[0] ?? '')) return false;
  const target = words
    .slice(at + 1)
    .find((word, i, all) => !word.startsWith('-') && !/^-(?:u|e|w|n|c|-user|-env|-namespace)$/.test(all[i - 1] ?? ''));
  return servers.some(({ names }) =>
    names.includes((target ?? '').replace(/^(?:svc|deploy|deployment|sts|statefulset|pod)\//, '').toLowerCase()),
  );
}

/** A manifest that names a server which no manifest defines: a chart or an operator may bring one of that name. */
export const isComposeOnly = ({ resolution }: Site, { composeFiles }: Topology): boolean =>
  (resolution.kind === 'server' || resolution.kind === 'published') &&
  resolution.server.definitions.some(({ file }) => composeFiles.some(compose => compose.path === file));

/** Code and settings that run in compose and in Kubernetes under one name: only one of the two gets a pooler. */
function isDeployedTwice({ resolution, file }: Site, { servers, stacks, composeFiles }: Topology): boolean {
  if (resolution.kind !== 'server' || stacks.has(file)) return false;
  const inCompose = (server: Server) =>
    server.definitions.some(definition => composeFiles.some(compose => compose.path === definition.file));
  const isManifest = file.endsWith('.yaml') || file.endsWith('.yml');
  const twin = servers.find(
    other => other.service === resolution.server.service && inCompose(other) !== inCompose(resolution.server),
  );
  return twin !== undefined && !isManifest;
}

const isPoolerSetting = (site: Site): boolean =>
  // The server behind Bitnami's image, which has settings of its own beside it.
  (/^POSTGRESQL_(?:HOST|PORT)(?:_NUMBER)?$/.test(site.key ?? '') &&
    (site.entry?.siblings.some(name => /^PGBOUNCER_(?:AUTH_TYPE|DATABASE|DSN_\d+|USERLIST\w*)$/.test(name)) ??
      false)) ||
  /^(?:PGBOUNCER|PGCAT|PGPOOL|POOLER)[_.]/i.test(site.key ?? '') ||
  /(?:^|\/)(?:pgbouncer|pgcat|pgpool)[^/]*(?:\/|\.ini|\.toml|\.conf|\.cfg)/i.test(site.file);

/** What the services of the file's stack are, by name. */
export function serviceNames(topology: Topology, file: string): Map<string, 'postgres' | 'pooler' | 'other-engine'> {
  const stack = topology.stacks.get(file);
  const all = [...topology.servers, ...topology.poolers, ...topology.others];
  // An env file belongs to no stack of its own: it goes to services of any.
  const own = all.filter(server => stack === undefined || server.stack === stack);
  return new Map(own.map(server => [server.service, server.kind]));
}
