/**
 * Which way a connection really goes. Told by process ids, since a port number or a server's banner can mislead: Postgres
 * tells a client the id of its backend at login, while PgBouncer makes one up, and lists the true ones on its console.
 * Pure.
 */
import { failed, passed, type Verdict, warning } from './check.ts';
import { type Failure, showFailure } from './explain-failure.ts';

export interface Backend {
  /** Told at login. */
  pid: number | null;
  /** Of pg_backend_pid(). */
  backendPid: number;
  serverVersion: string;
  database: string;
  databaseId: string;
  /** Seconds since 1970, as text. */
  started: string;
  isStandby: boolean;
  /** Null where it may not be read. */
  systemIdentifier: string | null;
}

/** What the database `pgbouncer` at the same address answered. */
export type Console =
  | { kind: 'open'; version: string; backendPids: ReadonlySet<number> }
  | { kind: 'closed'; failure: Failure };

export const isOwnBackend = ({ pid, backendPid }: Backend): boolean => pid === backendPid;

export function judgePooledPath(backend: Backend, console: Console, where: string): Verdict {
  if (isOwnBackend(backend)) {
    return failed(
      `${where} is PostgreSQL ${backend.serverVersion} itself: the login told process ${backend.pid}, which is the backend`,
      'Let the pooled address lead to PgBouncer: the published port of its service, or --pooled-url.',
    );
  }
  if (console.kind === 'closed') {
    const isRefused = /not allowed|admin access/i.test(console.failure.message);
    return warning(
      `A pooler is at ${where}, but its console does not tell which: ${showFailure(console.failure)}`,
      isRefused
        ? 'Add the user to stats_users of PgBouncer.'
        : 'Is it PgBouncer? Its console is the database pgbouncer; it must be open to this user.',
    );
  }
  if (!/^PgBouncer\b/i.test(console.version))
    return failed(`The pooler at ${where} is ${console.version}`, 'Let the pooled address lead to PgBouncer.');
  if (!console.backendPids.has(backend.backendPid)) {
    return failed(
      `${console.version} at ${where} does not list backend ${backend.backendPid}, which serves this connection`,
      'Another pooler or load balancer stands at this address: give the address of one PgBouncer.',
    );
  }
  return passed(`${console.version}; SHOW SERVERS lists backend ${backend.backendPid}, which serves this connection`);
}

/** @param pooler Version of the PgBouncer that answers there; null: none does. */
export function judgeDirectPath(backend: Backend, pooler: string | null, where: string): Verdict {
  if (isOwnBackend(backend)) return passed(`PostgreSQL ${backend.serverVersion}; backend ${backend.backendPid}`);
  return failed(
    `${pooler ?? 'A pooler'} stands at ${where}: the login told process ${backend.pid}, the backend is ${backend.backendPid}`,
    'Let the direct address lead to Postgres itself: its published port, or --direct-url.',
  );
}

/** @param isListed The direct way sees the backend of the pooled one in pg_stat_activity. */
export function judgeSameDatabase(pooled: Backend, direct: Backend, isListed: boolean): Verdict {
  const next =
    'Compare PGBOUNCER_UPSTREAM_HOST and _PORT (or PGBOUNCER_DATABASES) with where the direct variables lead.';
  const known = pooled.systemIdentifier !== null && direct.systemIdentifier !== null;
  if (known && pooled.systemIdentifier !== direct.systemIdentifier) {
    return failed(
      `Two clusters: system identifier ${pooled.systemIdentifier} through the pool, ${direct.systemIdentifier} direct`,
      next,
    );
  }
  if (pooled.isStandby !== direct.isStandby || pooled.started !== direct.started) {
    const role = ({ isStandby }: Backend) => (isStandby ? 'a standby' : 'a primary');
    return failed(
      `Two servers${known ? ' of one cluster' : ''}: ${role(pooled)} through the pool, ${role(direct)} direct`,
      next,
    );
  }
  if (pooled.database !== direct.database || pooled.databaseId !== direct.databaseId) {
    return failed(
      `Two databases of one server: ${pooled.database} through the pool, ${direct.database} direct`,
      'Let both name the same database.',
    );
  }
  if (!isListed) {
    return failed(`Backend ${pooled.backendPid} of the pooled way is not in pg_stat_activity of the direct one`, next);
  }
  const cluster = known ? `system identifier ${pooled.systemIdentifier}` : 'the same start time';
  return passed(`${pooled.database}, ${cluster}; backend ${pooled.backendPid} is in pg_stat_activity`);
}
