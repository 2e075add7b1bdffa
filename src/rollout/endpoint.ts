/** Where the two ways begin: an address that this machine can reach, or one inside the compose network. */
import { UsageError } from '../model/errors.ts';

export interface Address {
  host: string;
  port: number;
}

export interface Endpoint {
  address: Address;
  /** Through `docker compose exec` into the pooler's container, where nothing is published. */
  isInside: boolean;
  user: string | undefined;
  /** Undefined: from PGPASSWORD or ~/.pgpass. */
  password: string | undefined;
  database: string | undefined;
  tls: 'off' | 'preferred' | Record<string, unknown>;
  /** Where this was read. E.g.: `--pooled-url`, `published by pgbouncer` */
  origin: string;
}

export const showAddress = ({ address: { host, port } }: Pick<Endpoint, 'address'>): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** E.g.: `db+postgresql://…`, `postgresql+psycopg://…`, `postgres://…` */
const SCHEME = /^(?:[a-z0-9]+\+)?postgres(?:ql)?(?:\+\w+)?:\/\//i;

/**
 * Reads a connection URL as libpq would. @param origin Name of the option or variable, for messages.
 * @throws UsageError that does not repeat the URL, since it may hold a password.
 */
export async function readUrl(url: string, origin: string): Promise<Endpoint> {
  const { parse } = await import('pg-connection-string');
  const wrong = (what: string) =>
    new UsageError(`${origin}: ${what}. E.g.: postgresql://user:password@localhost:6432/app`);
  if (!SCHEME.test(url)) throw wrong('is no Postgres URL');
  let options: ReturnType<typeof parse>;
  try {
    options = parse(url.replace(SCHEME, 'postgresql://'), { useLibpqCompat: true });
  } catch (error) {
    throw wrong(error instanceof TypeError ? 'cannot be read' : (error as Error).message);
  }
  const port = Number(options.port || 5432);
  if (!options.host) throw wrong('names no host');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw wrong('has a port that is no port');
  const mode = /[?&]sslmode=([a-z-]+)/.exec(url)?.[1];
  return {
    address: { host: options.host, port },
    isInside: false,
    user: options.user || undefined,
    password: options.password || undefined,
    database: options.database || undefined,
    tls: readTls(mode, options.ssl),
    origin,
  };
}

function readTls(mode: string | undefined, ssl: unknown): Endpoint['tls'] {
  if (mode === 'prefer' || mode === 'allow') return 'preferred';
  if (ssl === undefined || ssl === false || ssl === 'false') return 'off';
  return typeof ssl === 'object' && ssl !== null ? { ...ssl } : {};
}
