/** What the generated pooler can do beyond one server, one user and no TLS: a few lines each, and only where they are needed. */
export const FEATURES = [
  /** Further users: `PGBOUNCER_USER_2`, `PGBOUNCER_PASSWORD_2` and so on. */
  'users',
  /** Several servers, told apart by database: `PGBOUNCER_DATABASES`. */
  'databases',
  /** Passwords of other roles from Postgres: `PGBOUNCER_AUTH_QUERY`. */
  'auth-query',
  /** User, password and database from files: `POSTGRES_PASSWORD_FILE`. */
  'secret-files',
  /** Several PgBouncers behind one port: `PGBOUNCER_PROCESSES`. */
  'processes',
  /** TLS from clients, with a certificate in the assets' `tls/`. */
  'client-tls',
  /** TLS to Postgres, verified by an authority's certificate in the assets' `tls/`. */
  'server-tls',
] as const;
export type Feature = (typeof FEATURES)[number];

/** Files of the assets' `tls/` that PgBouncer reads. */
export const certificatesOf = (features: ReadonlySet<Feature>): string[] => [
  ...(features.has('client-tls') ? ['client.crt', 'client.key'] : []),
  ...(features.has('server-tls') ? ['server-ca.crt'] : []),
];

/** The user of the generated image. */
export const UID = 10432;

/** What the generated files are told of the repository. */
export interface AssetInput {
  /** Directory of the image's build context, relative to the repository's root. E.g.: `pgbouncer` */
  directory: string;
  /** Path of the status script; null: none wanted. */
  statusScript: string | null;
  /** Path of the runbook; null: none wanted. */
  runbook: string | null;
  base: 'alpine' | 'debian';
  /** A public image that is used instead of one that is built. */
  image: string | null;
  /** Of the PgBouncer that will be installed. E.g.: `1.25` */
  version: string;
  /** The container gets `custom.ini` of the directory. */
  hasCustomIni: boolean;
  features: ReadonlySet<Feature>;
  /** Compose service of the pooler and the port it listens on. */
  poolService: string;
  poolPort: number;
  /** Where the host reaches the pooler; null: not published. */
  publishedPort: number | null;
  /** Variable that moves `publishedPort`. E.g.: `HOST_PGBOUNCER_PORT` */
  hostPortVariable: string;
  /** The Postgres behind it. `publishedPort` as compose has it, e.g. `${HOST_POSTGRES_PORT:-5433}`. */
  server: { service: string; port: number; publishedPort: string | null; major: number | null };
  users: string[];
  databases: string[];
  /** Example of a direct run that is right for this repository: a service, and what a shell in it runs. */
  directRun: { service: string; command: string } | null;
  /** Commands that migrate, as they are written in the repository. */
  migrations: string[];
  /** Variables that became pooled, each with the one that has the old value. */
  variables: { pooled: string; direct: string }[];
  /** Files that hold pooled values, relative to the repository's root. */
  valueFiles: string[];
  /** Env templates that were edited: copies of them are not. */
  envFiles: string[];
  /** Variable that sends the scripts which honour it past the pooler; null: there are none. */
  bypass: string | null;
  /** Server connections per (user, database) pair. */
  poolSize: number;
  /** Relative to the repository's root. */
  composeFile: string;
  /** Several servers, told apart by database: all others are refused. */
  isRouted: boolean;
  poolMode: string;
  celery: boolean;
}
