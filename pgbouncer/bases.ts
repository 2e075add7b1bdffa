/** The images that the pooler can be built on. */

export interface Base {
  /** Majors for which the base is known to have a versioned client package. */
  clientMajors: number[];
  versionedClient: (major: number) => string;
  name: string;
  /** The PgBouncer that it ships; the distribution may have mended holes without a new version. */
  pgbouncer: string;
}

// Sources: community/pgbouncer, main/postgresql16 to 18 and main/busybox of Alpine's package recipes at v3.24.0 (the unversioned
// client is provided by the highest major; the package's own user depends on a group that a plain image lacks, so the image makes
// one; busybox has all that the scripts call, musl-utils brings getent); packages.debian.org/trixie/pgbouncer and
// packages.debian.org/trixie/postgresql-client-17. The unversioned client is always there.
export const bases: Record<'alpine' | 'debian', Base> = {
  alpine: {
    clientMajors: [16, 17, 18],
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
