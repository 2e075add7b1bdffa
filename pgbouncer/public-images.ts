/** Public images of PgBouncer that stand in for the generated one: what each calls its settings. Pure data, from their entrypoints. */
import type { Feature } from './asset-input.ts';

export interface PublicImage {
  /** Repositories on Docker Hub. */
  names: string[];
  /** The names that a variable of the generated image has here. */
  settings: Readonly<Record<string, readonly string[]>>;
  /** Variables that it needs in any case. */
  constants: [name: string, value: string][];
  /** Its user, for Kubernetes. */
  uid: number;
  /** Directories that it writes to. */
  writes: string[];
  source: string;
}

/** Settings that both take, without their prefix. */
const SHARED =
  'AUTH_TYPE AUTH_QUERY POOL_MODE DEFAULT_POOL_SIZE RESERVE_POOL_SIZE MAX_CLIENT_CONN MAX_PREPARED_STATEMENTS QUERY_WAIT_TIMEOUT IGNORE_STARTUP_PARAMETERS SERVER_LOGIN_RETRY CLIENT_TLS_SSLMODE CLIENT_TLS_CERT_FILE CLIENT_TLS_KEY_FILE SERVER_TLS_SSLMODE SERVER_TLS_CA_FILE'.split(
    ' ',
  );

/** Their own default is extra_float_digits alone, with which one connection freezes PgBouncer before 1.26.1 (CVE-2026-107349). */
const IGNORED = 'extra_float_digits, options';

/** libpq's own, so that `psql` in the container finds the pool and its password. */
const PSQL: [string, string][] = [['PGHOST', '127.0.0.1']];

const EDOBURU: Record<string, readonly string[]> = {
  PGBOUNCER_UPSTREAM_HOST: ['DB_HOST'],
  PGBOUNCER_UPSTREAM_PORT: ['DB_PORT'],
  PGBOUNCER_PORT: ['LISTEN_PORT', 'PGPORT'],
  POSTGRES_USER: ['DB_USER', 'STATS_USERS', 'PGUSER'],
  POSTGRES_PASSWORD: ['DB_PASSWORD', 'PGPASSWORD'],
  POSTGRES_DB: ['PGDATABASE'],
  ...Object.fromEntries(SHARED.map(name => [`PGBOUNCER_${name}`, [name]])),
};

const BITNAMI: Record<string, readonly string[]> = {
  PGBOUNCER_UPSTREAM_HOST: ['POSTGRESQL_HOST'],
  PGBOUNCER_UPSTREAM_PORT: ['POSTGRESQL_PORT'],
  PGBOUNCER_PORT: ['PGBOUNCER_PORT', 'PGPORT'],
  POSTGRES_USER: ['POSTGRESQL_USERNAME', 'PGBOUNCER_AUTH_USER', 'PGBOUNCER_STATS_USERS', 'PGUSER'],
  POSTGRES_PASSWORD: ['POSTGRESQL_PASSWORD', 'PGPASSWORD'],
  POSTGRES_DB: ['PGDATABASE'],
  PGBOUNCER_CONNECT_QUERY: ['PGBOUNCER_CONNECT_QUERY'],
  ...Object.fromEntries(SHARED.map(name => [`PGBOUNCER_${name}`, [`PGBOUNCER_${name}`]])),
};

/** What they can do of what the generated image can. */
export const PUBLIC_FEATURES: readonly Feature[] = ['auth-query', 'client-tls', 'server-tls'];

export const publicImages: PublicImage[] = [
  {
    names: ['edoburu/pgbouncer'],
    settings: EDOBURU,
    // Its own default, md5, makes a hash of the password, with which PgBouncer can't log in by SCRAM.
    constants: [
      ['AUTH_TYPE', 'scram-sha-256'],
      ['SERVER_LOGIN_RETRY', '3'],
      ['IGNORE_STARTUP_PARAMETERS', IGNORED],
      ...PSQL,
    ],
    uid: 70,
    writes: ['/etc/pgbouncer'],
    source: 'https://github.com/edoburu/docker-pgbouncer/blob/master/entrypoint.sh',
  },
  {
    names: ['bitnami/pgbouncer', 'bitnamilegacy/pgbouncer'],
    settings: BITNAMI,
    constants: [
      ['PGBOUNCER_DATABASE', '*'],
      ['PGBOUNCER_SERVER_LOGIN_RETRY', '3'],
      ['PGBOUNCER_IGNORE_STARTUP_PARAMETERS', IGNORED],
      ...PSQL,
    ],
    uid: 1001,
    writes: ['/opt/bitnami/pgbouncer/conf', '/opt/bitnami/pgbouncer/logs', '/opt/bitnami/pgbouncer/tmp', '/tmp'],
    source: 'https://github.com/bitnami/containers/tree/main/bitnami/pgbouncer',
  },
];

/** E.g.: `docker.io/edoburu/pgbouncer:v1.25.2-p0` */
export const findPublicImage = (image: string): PublicImage | null =>
  publicImages.find(({ names }) =>
    names.includes(image.replace(/^(?:docker\.io|index\.docker\.io)\//, '').replace(/[:@].*$/, '')),
  ) ?? null;

/** What an image calls a variable of the generated one. @throws Error where it has no such setting */
export function namesIn(image: { name: string } & Pick<PublicImage, 'settings'>, name: string): readonly string[] {
  const names = image.settings[name];
  if (names === undefined) throw new Error(`${image.name} has no setting for ${name}; leave assets.image out`);
  return names;
}
