/** What `docker compose config --format json` tells of the pooler, of the Postgres behind it and of the way in. Pure. */
import type { Address } from './endpoint.ts';
import { type Expected, listExpected } from './judge-settings.ts';

export interface Service {
  environment: Record<string, string>;
  ports: { target: number; published: string; address: string }[];
  /** Names besides the service's own: container name, host name, aliases. */
  names: string[];
  isOnHost: boolean;
  secrets: { source: string; target: string }[];
  mounts: { source: string; target: string }[];
}

export interface Stack {
  services: Map<string, Service>;
  /** Files of secrets on this machine, by name. */
  secretFiles: Map<string, string>;
}

export interface Wanted {
  pooler: { service: string; port: number };
  /** Where the pooler's own settings do not tell it. */
  server: { service: string; port: number } | null;
  /** The machine that publishes ports. */
  dockerHost: string;
  /** @throws if the file can't be read. */
  readFile: (path: string) => string;
}

export interface Ways {
  pooler: string;
  /** Service of the Postgres; null: it is no service of this stack. */
  server: string | null;
  inside: { pooled: Address; direct: Address };
  /** Null: not published. */
  published: { pooled: Address | null; direct: Address | null };
  user: string | undefined;
  password: string | undefined;
  database: string;
  /** Name of that database on the server. */
  databaseThere: string;
  expected: Expected[];
  processes: number;
}

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);
const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/** Compose doubles each `$` in what it prints, so that it could be read again. */
const value = (raw: unknown): string => text(raw).replaceAll('$$', '$');

/** @throws SyntaxError if it is no JSON. */
export function readStack(json: string): Stack {
  const root = object(JSON.parse(json));
  const services = Object.entries(object(root.services)).map(([name, raw]): [string, Service] => {
    const service = object(raw);
    const aliases = Object.values(object(service.networks)).flatMap(network => object(network).aliases ?? []);
    return [
      name,
      {
        environment: Object.fromEntries(
          Object.entries(object(service.environment)).map(([key, raw]) => [key, value(raw)]),
        ),
        ports: list(service.ports)
          .filter(port => text(port.protocol) !== 'udp')
          .map(port => ({
            target: Number(port.target),
            published: text(port.published),
            address: text(port.host_ip),
          })),
        names: [service.container_name, service.hostname, ...aliases].map(text).filter(Boolean),
        isOnHost: service.network_mode === 'host',
        secrets: list(service.secrets).map(({ source, target }) => ({ source: text(source), target: text(target) })),
        mounts: list(service.volumes).map(({ source, target }) => ({ source: text(source), target: text(target) })),
      },
    ];
  });
  const files = Object.entries(object(root.secrets)).map(([name, raw]): [string, string] => [
    name,
    text(object(raw).file),
  ]);
  return { services: new Map(services), secretFiles: new Map(files) };
}

/** Null where the stack has no such pooler. */
export function findWays(stack: Stack, wanted: Wanted): Ways | null {
  const pooler = stack.services.get(wanted.pooler.service);
  if (!pooler) return null;
  const { environment } = pooler;
  const port = Number(environment.PGBOUNCER_PORT) || wanted.pooler.port;
  const database = (name: string | undefined) => first(environment, DATABASE) ?? name ?? 'postgres';
  const read = (service: Service | undefined, names: string[]) =>
    service && readSetting(service, names, stack, wanted.readFile);
  const upstream = findUpstream(environment, database(read(pooler, USER)), wanted);
  const server = [...stack.services].find(
    ([name, service]) => name === upstream.host || service.names.includes(upstream.host),
  );
  const user = read(pooler, USER) ?? read(server?.[1], USER);
  const name = first(environment, DATABASE) ?? first(server?.[1].environment ?? {}, DATABASE) ?? user ?? 'postgres';
  return {
    pooler: wanted.pooler.service,
    server: server?.[0] ?? null,
    inside: {
      pooled: { host: wanted.pooler.service, port },
      direct: { host: upstream.host, port: upstream.port },
    },
    published: {
      pooled: publishedAddress(pooler, port, wanted.dockerHost),
      direct: server ? publishedAddress(server[1], upstream.port, wanted.dockerHost) : null,
    },
    user,
    password: read(pooler, PASSWORD) ?? read(server?.[1], PASSWORD),
    database: name,
    databaseThere: upstream.database ?? name,
    expected: listExpected(environment),
    processes: Number(environment.PGBOUNCER_PROCESSES) || 1,
  };
}

/** Names of the generated image and of the images of others, the commonest first. */
const USER = ['POSTGRES_USER', 'DB_USER', 'POSTGRESQL_USERNAME'];
const PASSWORD = ['POSTGRES_PASSWORD', 'DB_PASSWORD', 'POSTGRESQL_PASSWORD'];
const DATABASE = ['POSTGRES_DB', 'DB_NAME', 'POSTGRESQL_DATABASE', 'PGBOUNCER_DATABASE'];

const first = (environment: Record<string, string>, names: string[]): string | undefined =>
  names.map(name => environment[name]).find(Boolean);

/** The variable itself, or the content of the file that NAME_FILE names: a secret or a mounted file. */
function readSetting(
  service: Service,
  names: string[],
  { secretFiles }: Stack,
  readFile: (path: string) => string,
): string | undefined {
  const { environment, secrets, mounts } = service;
  const plain = first(environment, names);
  if (plain !== undefined) return plain;
  const path = first(
    environment,
    names.map(name => `${name}_FILE`),
  );
  if (path === undefined) return undefined;
  const secret = secrets.find(({ source, target }) => (target || source) === path.replace('/run/secrets/', ''));
  const file = secret ? secretFiles.get(secret.source) : mounts.find(({ target }) => target === path)?.source;
  try {
    return file ? readFile(file).replace(/\r?\n$/, '') : undefined;
  } catch {
    return undefined;
  }
}

interface Upstream extends Address {
  database: string | null;
}

/** E.g.: `app=db:5433/app_v2 *=other` → the part of the wanted database, else that of `*`. */
export function findUpstream(
  environment: Record<string, string>,
  database: string,
  { server }: Pick<Wanted, 'server'>,
): Upstream {
  const routes = (environment.PGBOUNCER_DATABASES ?? '').split(/\s+/).flatMap(word => {
    const [, name, host, port, there] = /^([^=]+)=([^:/]+)(?::(\d+))?(?:\/(.+))?$/.exec(word) ?? [];
    return name && host ? [{ name, host, port: Number(port ?? 5432), database: there ?? null }] : [];
  });
  const route = routes.find(({ name }) => name === database) ?? routes.find(({ name }) => name === '*');
  if (route) return route;
  return {
    host:
      first(environment, ['PGBOUNCER_UPSTREAM_HOST', 'DB_HOST', 'POSTGRESQL_HOST']) ?? server?.service ?? 'postgres',
    port: Number(
      first(environment, ['PGBOUNCER_UPSTREAM_PORT', 'DB_PORT', 'POSTGRESQL_PORT_NUMBER']) ?? server?.port ?? 5432,
    ),
    database: null,
  };
}

function publishedAddress(service: Service, port: number, dockerHost: string): Address | null {
  if (service.isOnHost) return { host: dockerHost, port };
  // A range, or a port that compose chooses, is not known before it runs.
  const mapping = service.ports.find(({ target, published }) => target === port && /^\d+$/.test(published));
  if (!mapping) return null;
  const { address } = mapping;
  const isAny = address === '' || address === '0.0.0.0' || address === '::';
  return { host: isAny ? dockerHost : address, port: Number(mapping.published) };
}

/** The values of all services by variable; where services differ, one that leads to the pooler goes first. */
export function mergeEnvironments({ services }: Stack, pooler: string): Map<string, string> {
  const merged = new Map<string, string>();
  for (const { environment } of services.values())
    for (const [name, value] of Object.entries(environment))
      if (!merged.has(name) || (value.includes(pooler) && !merged.get(name)?.includes(pooler))) merged.set(name, value);
  return merged;
}

/** E.g.: `ssh://me@build.example` → `build.example`; a socket → `127.0.0.1` */
export function readDockerHost(variable: string | undefined): string {
  return /^(?:tcp|ssh|https?):\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)/.exec(variable ?? '')?.[1] ?? '127.0.0.1';
}
