/** Which services are Postgres, under which names and ports they answer, and who uses them. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { holdsData, imageName, isServerImage } from '../images/names.ts';
import { type Pooler, poolerOfImage } from '../images/poolers.ts';
import type { Published, Server } from '../model/index.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { baseFileOf, withBase } from './extends.ts';
import { readPoolerSettings, targetOf } from './pooler-settings.ts';
import { readBuild } from './read-build.ts';
import { resolveText } from './resolve-text.ts';

export interface Topology {
  servers: Server[];
  poolers: Server[];
  /** Servers of other engines that answer under a Postgres scheme, such as CockroachDB. */
  others: Server[];
  composeFiles: ComposeFile[];
  /** Stack of each compose file: its directory, or that of the file which includes it. */
  stacks: Map<string, string>;
  /** The configuration names the servers: then each of several is meant, by its own name. */
  isConfigured: boolean;
  /** Name of the pooler in manifests, which its owner deploys: what has it is pooled already. */
  poolHost: string;
  /** The ports of a pooler that is elsewhere: the server may answer on others of its host. Null: all are the pooler's. */
  poolPorts: readonly number[] | null;
  /** Host ports that something in the stack publishes already. */
  takenPorts: Set<number>;
}

/** What topology reads besides compose files. */
export interface TopologyInput {
  composeFiles: ComposeFile[];
  /** Variables of env files and templates, by directory. */
  environments: Map<string, Map<string, string>>;
  /** Text of a file of the repository, as a Dockerfile or a pooler's settings, or null. */
  readFile(path: string): string | null;
  /** Servers of other manifests (Kubernetes). */
  manifests: Server[];
  /** Configured service names that are this repository's Postgres; empty where topology decides. */
  named: readonly string[];
  poolHost: string;
  poolPorts: readonly number[] | null;
}

export function buildTopology(input: TopologyInput): Topology {
  const stacks = assignStacks(input.composeFiles, input.environments);
  const found = new Map<string, Server>();
  const takenPorts = new Set<number>();
  for (const file of input.composeFiles) {
    const stack = stacks.get(file.path) ?? dirOf(file.path);
    const environment = input.environments.get(stack) ?? new Map();
    for (const own of file.services) {
      const service = withBase(file, own, input.composeFiles);
      for (const port of service.ports) {
        const value = portValue(port.published ?? '', environment);
        if (value !== null) takenPorts.add(value);
      }
      const recognised = recognise(service, file, input, environment);
      if (recognised) mergeServer(found, stack, service, file, recognised, environment, input.environments);
    }
  }
  const isNamed = (server: Server) =>
    input.named.length === 0 || input.named.some(name => server.names.includes(name.toLowerCase()));
  for (const file of input.composeFiles) addLinks(file, stacks, found);
  // An override file may add ports or names to a service that another file of the stack defines.
  for (const file of input.composeFiles) extendDefined(file, stacks, found, input);
  const composed = [...found.values()];
  for (const pooler of composed.filter(({ kind }) => kind === 'pooler')) {
    const target = targetOf(
      pooler,
      composed.filter(({ kind }) => kind === 'postgres'),
      input.composeFiles,
    );
    if (target !== undefined) pooler.leadsTo = target;
  }
  const all = [...composed, ...input.manifests];
  return {
    servers: all.filter(server => server.kind === 'postgres' && isNamed(server)),
    poolers: all.filter(server => server.kind === 'pooler'),
    others: all.filter(server => server.kind === 'other-engine' || (server.kind === 'postgres' && !isNamed(server))),
    composeFiles: input.composeFiles,
    isConfigured: input.named.length > 0,
    poolHost: input.poolHost.toLowerCase(),
    poolPorts: input.poolPorts,
    stacks,
    takenPorts,
  };
}

/**
 * Files of one directory run together or instead of one another; an included or extended file belongs to the one that names it, those
 * of `COMPOSE_FILE` to the folder of the env file that lists them, and one that only adds to a service to the file above that defines it.
 */
function assignStacks(files: ComposeFile[], environments: TopologyInput['environments']): Map<string, string> {
  const stacks = new Map(files.map(file => [file.path, dirOf(file.path)]));
  for (const [folder, variables] of environments)
    for (const name of variables.get('COMPOSE_FILE')?.split(/[:;]/) ?? []) {
      const path = joinPath(folder, name);
      if (stacks.has(path)) stacks.set(path, folder);
    }
  const isDefined = ({ image, build, extends: base }: ComposeService) => (image ?? build ?? base) !== null;
  for (const { path, services } of files) {
    const added = services.filter(one => !isDefined(one));
    const defines = (other: ComposeFile) =>
      dirOf(other.path) !== dirOf(path) &&
      isInside(dirOf(other.path), path) &&
      added.some(({ name }) => other.services.some(one => one.name === name && isDefined(one)));
    const above = files.filter(defines).toSorted((a, b) => b.path.length - a.path.length)[0];
    if (above && stacks.get(path) === dirOf(path)) stacks.set(path, dirOf(above.path));
  }
  for (let round = 0; round < 5; round++) {
    for (const file of files) {
      const bases = file.services.flatMap(service => baseFileOf(file, service) ?? []);
      for (const path of [...file.includes.map(include => joinPath(dirOf(file.path), include)), ...bases]) {
        if (stacks.has(path)) stacks.set(path, stacks.get(file.path) ?? dirOf(file.path));
      }
    }
  }
  return stacks;
}

interface Recognition {
  kind: Server['kind'];
  port: number;
  evidence: string;
  pooler?: NonNullable<Server['pooler']>;
}

/** Paths of the files that compose gives to services as env files, whatever they are called. */
export const listEnvironmentFiles = (files: readonly ComposeFile[]): string[] =>
  files.flatMap(({ path, services }) =>
    services.flatMap(({ envFiles }) => envFiles.map(name => joinPath(dirOf(path), name))),
  );

/** Defined by Kubernetes manifests only. */
export const isManifestServer = (server: Server, { composeFiles }: Pick<Topology, 'composeFiles'>): boolean =>
  !server.definitions.some(({ file }) => composeFiles.some(compose => compose.path === file));

function recognise(
  service: ComposeService,
  file: ComposeFile,
  input: TopologyInput,
  environment: ReadonlyMap<string, string>,
): Recognition | null {
  const image = imageName(service.image);
  const build = service.build === null ? '' : `${service.build}/${service.dockerfile ?? ''}`.toLowerCase();
  const known =
    poolerOfImage(image) ?? poolerOfImage(build) ?? (service.build === null ? null : poolerOfImage(service.name));
  if (known) {
    const pooler = readPoolerSettings(service, file, input.readFile, environment);
    return {
      kind: 'pooler',
      port: poolerPort(service, known),
      evidence: `image or build of ${service.name}`,
      pooler,
    };
  }
  if (/cockroach|yugabyte/.test(image)) {
    return {
      kind: 'other-engine',
      port: image.includes('cockroach') ? 26257 : 5433,
      evidence: `image ${service.image}`,
    };
  }
  if (isServerImage(image) && !runsSomethingElse(service) && !isCalledAfter(image, service)) {
    return { kind: 'postgres', port: serverPort(service), evidence: `image ${service.image}` };
  }
  const base = readBuild(service, file, input.readFile);
  if (base !== null && isServerImage(imageName(base.image)) && !runsSomethingElse(service, base.command)) {
    return { kind: 'postgres', port: serverPort(service), evidence: `built from ${base.image}` };
  }
  if (image !== '' && /mysql|mariadb|mongo|redis|rabbit|mssql|oracle|clickhouse|elastic/.test(image)) return null;
  // A job with the server's image, which a variable names, and the folders of its dumps.
  if (/\b(?:pg_dump(?:all)?|pg_basebackup|pg_restore|psql)\b/.test(service.command)) return null;
  const mounts = service.volumes.map(volume => volume.slice(volume.indexOf(':') + 1));
  if (holdsData(image, mounts)) {
    return { kind: 'postgres', port: serverPort(service), evidence: 'a data volume at /var/lib/postgresql' };
  }
  const setsPassword = service.environment.some(entry =>
    /^POSTGRES_(?:PASSWORD(?:_FILE)?|HOST_AUTH_METHOD)$/.test(entry.key),
  );
  if (
    setsPassword &&
    /pg_isready/.test(service.healthcheck ?? '') &&
    !/-h\s+(?!localhost|127)/.test(service.healthcheck ?? '')
  ) {
    return { kind: 'postgres', port: serverPort(service), evidence: 'POSTGRES_PASSWORD and a pg_isready health check' };
  }
  return null;
}

/** An application that is called after Postgres: `postgresql-event-sourcing` with a port of its own, or the URL of a server. */
const isCalledAfter = (image: string, { ports, environment }: ComposeService): boolean =>
  /^postgres(?:ql)?-/.test(image) &&
  ((ports.length > 0 && !ports.some(({ target }) => /^5\d{3}$|\$/.test(target))) ||
    environment.some(({ value }) => /^(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?:\/\//.test(value ?? '')));

/** A service with a Postgres image that runs a program of its own, such as a backup job. */
const runsSomethingElse = ({ command }: ComposeService, own = ''): boolean =>
  [command, own].some(
    text =>
      text !== '' &&
      !/^(?:-|(?:\S*\/)?(?:postgres|postmaster)\b)|docker-(?:ensure-initdb|entrypoint)\.sh|(?:exec|gosu postgres|su-exec postgres)\s+postgres\s/.test(
        text,
      ),
  );

function serverPort(service: ComposeService): number {
  const flag = /(?:^|\s)(?:-p\s*|-c\s*port=|--port[= ])(\d{2,5})\b/.exec(service.command)?.[1];
  const variable = service.environment.find(entry => entry.key === 'PGPORT' || entry.key === 'POSTGRESQL_PORT_NUMBER');
  return Number(flag ?? resolveText(variable?.value ?? '', new Map()) ?? 5432) || 5432;
}

function poolerPort(service: ComposeService, { ports }: Pooler): number {
  const variable = service.environment.find(entry => /^(?:PGBOUNCER_)?(?:LISTEN_)?PORT$|^LISTEN_PORT$/.test(entry.key));
  const value = Number(resolveText(variable?.value ?? '', new Map()));
  if (value > 0) return value;
  const target = Number(service.ports[0]?.target);
  if (target > 0) return target;
  // Images with a port of their own.
  if (/edoburu|bitnami\w*\/pgpool/.test(service.image ?? '')) return 5432;
  return ports.transaction ?? ports.session ?? 6432;
}

function mergeServer(
  found: Map<string, Server>,
  stack: string,
  service: ComposeService,
  file: ComposeFile,
  recognised: Recognition,
  environment: Map<string, string>,
  environments: TopologyInput['environments'],
): void {
  const id = `${stack}\0${service.name}`;
  const definition = { file: file.path, line: service.line };
  const server = found.get(id);
  if (server) {
    server.definitions.push(definition);
    addNames(server, service, environment, recognised.port);
    return;
  }
  const given = [
    ...service.environment.map(({ key, value }): [string, string] => [key, value ?? '']),
    ...service.envFiles.flatMap(name => [...(environments.get(dirOf(joinPath(dirOf(file.path), name))) ?? [])]),
  ];
  const value = (pattern: RegExp) => resolveText(given.find(([key]) => pattern.test(key))?.[1] ?? '', environment);
  const created: Server = {
    ...recognised,
    stack,
    service: service.name,
    definitions: [definition],
    names: [],
    published: [],
    user: value(/^POSTGRES(?:QL)?_USER(?:NAME)?$/),
    database: value(/^POSTGRES(?:QL)?_(?:DB|DATABASE)$/),
    major: Number(/:(\d{1,2})\b/.exec(service.image ?? '')?.[1]) || null,
    profiles: service.profiles,
  };
  found.set(id, created);
  addNames(created, service, environment, recognised.port);
}

function addNames(server: Server, service: ComposeService, environment: Map<string, string>, port: number): void {
  const names = [service.name, service.containerName, service.hostname, ...service.aliases];
  for (const name of names) {
    const text = name === null ? null : resolveText(name, environment);
    if (text && !server.names.includes(text.toLowerCase())) server.names.push(text.toLowerCase());
  }
  const inner = [...service.ports.map(({ target }) => target), ...service.expose, service.command];
  server.ownVariables = [
    ...new Set([
      ...(server.ownVariables ?? []),
      ...inner.flatMap(text => [...text.matchAll(/\$\{?(\w*PORT\w*)/g)].map(([, name = '']) => name)),
    ]),
  ];
  for (const mapping of service.ports) {
    if (resolveText(mapping.target, environment) !== String(port) || mapping.published === null) continue;
    const published: Published = {
      raw: mapping.published,
      variable: /^\$\{?(\w+)/.exec(mapping.published)?.[1] ?? null,
      value: portValue(mapping.published, environment),
      address: mapping.address,
    };
    if (!server.published.some(known => known.raw === published.raw)) server.published.push(published);
  }
}

/** `links: ["db:postgres"]` gives the linked server a further name. */
function addLinks(file: ComposeFile, stacks: Map<string, string>, found: Map<string, Server>): void {
  for (const link of file.services.flatMap(service => service.links)) {
    const [target, alias] = link.split(':');
    const server = found.get(`${stacks.get(file.path)}\0${target}`);
    if (server && alias && !server.names.includes(alias.toLowerCase())) server.names.push(alias.toLowerCase());
  }
}

function extendDefined(
  file: ComposeFile,
  stacks: Map<string, string>,
  found: Map<string, Server>,
  input: TopologyInput,
): void {
  const stack = stacks.get(file.path) ?? '';
  for (const service of file.services) {
    const server = found.get(`${stack}\0${service.name}`);
    if (server && !server.definitions.some(definition => definition.file === file.path)) {
      addNames(server, service, input.environments.get(stack) ?? new Map(), server.port);
    }
  }
}

function portValue(text: string, environment: ReadonlyMap<string, string>): number | null {
  const value = Number(resolveText(text, environment) || Number.NaN);
  return Number.isInteger(value) && value > 0 ? value : null;
}
