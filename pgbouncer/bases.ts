/** The images that the pooler can be built on. */

export interface Base {
  /** Majors for which the base is known to have a versioned client package. */
  clientMajors: number[];
  versionedClient: (major: number) => string;
  name: string;
  /** The PgBouncer that it ships; the distribution may have mended holes without a new version. */
  pgbouncer: string;
}

// Sources: pkgs.alpinelinux.org/package/v3.24/community/x86_64/pgbouncer; packages.debian.org/trixie/pgbouncer and
// packages.debian.org/trixie/postgresql-client-17. The unversioned client is always there.
export const bases: Record<'alpine' | 'debian', Base> = {
  alpine: {
    clientMajors: [],
    versionedClient: major => `postgresql${major}-client`,
    name: 'Alpine 3.24',
    pgbouncer: '1.25.2',
  },
  debian: {
    clientMajors: [17],
    versionedClient: major => `postgresql-client-${major}`,
    name: 'Debian trixie',
    pgbouncer: '1.24.1',
  },
};
