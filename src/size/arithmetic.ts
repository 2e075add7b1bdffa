/** The sums. Pure: numbers in, numbers out. Source: pgbouncer.org/config.html, wiki.postgresql.org/wiki/Number_Of_Database_Connections */

export interface Demand {
  /** Connections that clients open at most. */
  clients: number;
  /** Clients that can be in a transaction at the same moment. */
  busy: number;
  /** Pairs of user and database: each has a pool of its own. */
  pairs: number;
  databases: number;
  /** Running copies of the pooler. */
  poolers: number;
  /** Connections that go past the pooler. */
  direct: number;
  /** `max_connections` without what Postgres keeps for superusers. */
  admitted: number;
}

export interface PoolSettings {
  default_pool_size: number;
  reserve_pool_size: number;
  max_client_conn: number;
  /** Per database; 0: no limit. */
  max_db_connections: number;
}

/** Connections to Postgres at most. */
export function serverConnections(settings: PoolSettings, demand: Demand): number {
  const perPair = settings.default_pool_size + settings.reserve_pool_size;
  const most = perPair * demand.pairs;
  const capped = settings.max_db_connections > 0 ? settings.max_db_connections * demand.databases : most;
  return Math.min(most, capped) * demand.poolers;
}

/**
 * What has to change, and the rest as it is. A pool is a ceiling: one that is larger than needed costs nothing as long as
 * Postgres admits all of it, and more than 20 only helps where Postgres has the cores.
 * `max_db_connections` holds whatever users turn up later.
 */
export function recommend(demand: Demand, current: PoolSettings): PoolSettings {
  const budget = Math.max(0, demand.admitted - demand.direct);
  const perPair = Math.floor(budget / Math.max(1, demand.pairs * demand.poolers));
  let pool = Math.max(current.default_pool_size, Math.min(demand.busy, 20));
  let reserve = current.reserve_pool_size;
  if (pool + reserve > perPair) {
    reserve = Math.min(reserve, Math.floor(perPair / 5));
    pool = Math.max(1, Math.min(pool, perPair - reserve));
  }
  const perDatabase = Math.max(1, Math.floor(budget / Math.max(1, demand.databases * demand.poolers)));
  return {
    default_pool_size: pool,
    reserve_pool_size: reserve,
    max_client_conn: Math.max(current.max_client_conn, roundUp(demand.clients * 1.2, 50)),
    max_db_connections:
      current.max_db_connections > 0 ? Math.min(current.max_db_connections, perDatabase) : perDatabase,
  };
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** What does not fit, in words. */
export function findProblems(settings: PoolSettings, demand: Demand): string[] {
  const server = serverConnections(settings, demand);
  const problems: string[] = [];
  if (server + demand.direct > demand.admitted)
    problems.push(
      `The pools (${server}) and the direct connections (${demand.direct}) can reach ${server + demand.direct}, and Postgres admits ${demand.admitted}: clients would see "remaining connection slots are reserved".`,
    );
  if (demand.clients > settings.max_client_conn)
    problems.push(
      `Clients can open ${demand.clients} connections, and max_client_conn is ${settings.max_client_conn}: the rest would see "no more connections allowed".`,
    );
  return problems;
}
