/** Security holes of PgBouncer by version. Pure data, from the changelog of the project. */

export interface Hole {
  /** E.g.: `CVE-2026-107350` */
  id: string;
  /** First version that has it; null: the changelog names none, so all before `fixed`. */
  since: string | null;
  /** First version without it. */
  fixed: string;
  /** One sentence, with the condition under which it can be used. */
  summary: string;
  source: string;
}

/** No hole is known from this version on. */
export const securityFloor = '1.26.1';

const source = 'https://www.pgbouncer.org/changelog.html';

/** The worst of each fix first; newest fix first. */
export const knownHoles: Hole[] = [
  {
    id: 'CVE-2026-107350',
    since: '1.17.0',
    fixed: '1.26.1',
    summary: 'Who knows the password of one SCRAM user can log in as any other SCRAM user, superusers included.',
    source,
  },
  {
    id: 'CVE-2026-107349',
    since: '1.20.0',
    fixed: '1.26.1',
    summary:
      'One connection without a login freezes the pooler, where ignore_startup_parameters is set and does not hold options.',
    source,
  },
  {
    id: 'CVE-2026-107348',
    since: '1.21.0',
    fixed: '1.26.1',
    summary: 'One packet freezes the pooler, where max_packet_size is 2147483649 or more (the default is less).',
    source,
  },
  {
    id: 'CVE-2026-6668',
    since: null,
    fixed: '1.26.0',
    summary: 'A lot of data in one packet freezes the pooler, without a login.',
    source,
  },
  {
    id: 'CVE-2026-19888',
    since: '1.11.0',
    fixed: '1.26.0',
    summary: 'A SCRAM message without a nonce crashes the pooler, without a login.',
    source,
  },
  {
    id: 'CVE-2026-6669',
    since: null,
    fixed: '1.26.0',
    summary: 'A hostile Postgres server can keep the pooler busy with an unbounded SCRAM iteration count.',
    source,
  },
  {
    id: 'CVE-2026-6664',
    since: null,
    fixed: '1.25.2',
    summary: 'A malformed SCRAM packet crashes the pooler, without a login.',
    source,
  },
  {
    id: 'CVE-2026-6665',
    since: null,
    fixed: '1.25.2',
    summary: 'A hostile Postgres server can overflow the stack of the pooler with a long SCRAM nonce.',
    source,
  },
  {
    id: 'CVE-2026-6667',
    since: null,
    fixed: '1.25.2',
    summary: 'Members of stats_users can run KILL_CLIENT, which is for admin_users.',
    source,
  },
  {
    id: 'CVE-2026-6666',
    since: null,
    fixed: '1.25.2',
    summary: 'A server error without SQLSTATE crashes the pooler.',
    source,
  },
  {
    id: 'CVE-2025-12819',
    since: null,
    fixed: '1.25.1',
    summary:
      'SQL runs without a login, where track_extra_parameters has search_path and auth_query has names without a schema (the generated one has none).',
    source,
  },
  {
    id: 'CVE-2025-2291',
    since: null,
    fixed: '1.24.1',
    summary: 'auth_query accepts expired passwords (the generated one checks VALID UNTIL itself).',
    source,
  },
  {
    id: 'CVE-2021-3935',
    since: null,
    fixed: '1.16.1',
    summary:
      'Somebody between client and pooler can slip in SQL before TLS begins, where certificates replace passwords.',
    source,
  },
];

/**
 * The holes of one version, as its own project released it: distributions mend some without a new version.
 *
 * @param version E.g.: `1.24.1`, `1.24.1-1+deb13u2`, `PgBouncer 1.24.1`; `1.24` counts as `1.24.0`.
 * @throws Error if there is no version in it.
 */
export function listKnownHoles(version: string): Hole[] {
  const installed = readVersion(version);
  return knownHoles.filter(
    ({ since, fixed }) => installed < readVersion(fixed) && (since === null || installed >= readVersion(since)),
  );
}

/** E.g.: `1.24.1` → 1024001 */
function readVersion(text: string): number {
  const [, major, minor, patch = '0'] = /(?<![\d.])(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === undefined) throw new Error(`${JSON.stringify(text)} is no version of PgBouncer`);
  return Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch);
}
