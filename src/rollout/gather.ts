/** Questions to the two ways. Each answers with facts; what they mean is decided elsewhere. */
import type { Endpoint } from './endpoint.ts';
import { type Failure, toFailure } from './explain-failure.ts';
import { type Backend, type Console, isOwnBackend } from './judge-path.ts';
import { type Row, type Session, type SessionOptions, withSession } from './session.ts';

const IDENTITY = `SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version, current_database() AS database,
  (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database_id,
  extract(epoch FROM pg_postmaster_start_time())::text AS started, pg_is_in_recovery() AS standby`;

export async function readBackend(session: Session): Promise<Backend> {
  const [row = {}] = await session.query(IDENTITY);
  // Where it may not be called, the server's start time has to do.
  const [control] = await session
    .query('SELECT system_identifier::text AS id FROM pg_control_system()')
    .catch(() => []);
  return {
    pid: session.pid,
    backendPid: Number(row.pid),
    serverVersion: String(row.version),
    database: String(row.database),
    databaseId: String(row.database_id),
    started: String(row.started),
    isStandby: row.standby === true,
    systemIdentifier: control?.id === undefined ? null : String(control.id),
  };
}

export async function isListed(session: Session, pid: number): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`)).length > 0;
}

/** PgBouncers that share a port answer in turn, each for itself. */
const MOST_PROCESSES = 12;

export async function askConsole(
  endpoint: Endpoint,
  options: SessionOptions,
  backend: Backend,
): Promise<{ console: Console; settings: Settings | null; failure: Failure | null }> {
  // Postgres has no such database, and would note an error in its log.
  if (isOwnBackend(backend)) {
    const failure = { message: 'it is Postgres', code: null };
    return { console: { kind: 'closed', failure }, settings: null, failure };
  }
  const wanted = backend.backendPid;
  const pids = new Set<number>();
  let version = '';
  let settings: Settings | null = null;
  let failure: Failure | null = null;
  try {
    for (let attempt = 0; attempt < MOST_PROCESSES && !pids.has(wanted); attempt++) {
      await withSession(endpoint, { ...options, database: 'pgbouncer' }, async session => {
        const [row = {}] = await session.query('SHOW VERSION');
        version = String(row.version ?? Object.values(row)[0] ?? '');
        if (!/^PgBouncer/i.test(version)) return;
        for (const server of await session.query('SHOW SERVERS')) pids.add(Number(server.remote_pid));
        if (pids.has(wanted) || settings === null) settings = await readSettings(session);
      });
      if (!/^PgBouncer/i.test(version)) break;
    }
  } catch (error) {
    failure = toFailure(error);
  }
  const console: Console =
    version === '' && failure ? { kind: 'closed', failure } : { kind: 'open', version, backendPids: pids };
  return { console, settings, failure };
}

export interface Settings {
  config: Row[];
  pools: Row[];
  databases: Row[];
}

async function readSettings(session: Session): Promise<Settings> {
  return {
    config: await session.query('SHOW CONFIG'),
    pools: await session.query('SHOW POOLS'),
    databases: await session.query('SHOW DATABASES'),
  };
}

export interface Traffic {
  /** Clients of PgBouncer besides ours. E.g.: `app as app` → 3 */
  pooled: Map<string, number>;
  /** Sessions of the database that come from elsewhere, besides ours. E.g.: `psql as app` → 1 */
  past: Map<string, number>;
}

/** @param own Start of the application name of our own connections. */
export async function readTraffic(
  pooled: Endpoint,
  direct: Session,
  options: SessionOptions,
  own: string,
): Promise<Traffic> {
  return withSession(pooled, { ...options, database: 'pgbouncer' }, async console => {
    const isOwn = (row: Row): boolean => String(row.application_name ?? '').startsWith(own);
    const listServers = async () => (await console.query('SHOW SERVERS')).map(row => Number(row.remote_pid));
    // Before and after, since connections come and go meanwhile.
    const before = await listServers();
    const sessions = await direct.query(
      `SELECT pid, application_name, usename FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()`,
    );
    const servers = new Set([...before, ...(await listServers())]);
    const clients = (await console.query('SHOW CLIENTS')).filter(row => row.database !== 'pgbouncer' && !isOwn(row));
    return {
      pooled: count(clients.map(row => `${row.user} in ${row.database}`)),
      past: count(
        sessions
          .filter(row => !servers.has(Number(row.pid)) && !isOwn(row))
          .map(row => `${row.application_name || 'unnamed'} as ${row.usename}`),
      ),
    };
  });
}

function count(names: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Transactions that PgBouncer has finished for its clients; null where the console is closed or one of several. */
export async function countTransactions(pooled: Endpoint, options: SessionOptions): Promise<number | null> {
  try {
    return await withSession(pooled, { ...options, database: 'pgbouncer' }, async console => {
      const rows = (await console.query('SHOW STATS')).filter(row => row.database !== 'pgbouncer');
      return rows.reduce((sum, row) => sum + Number(row.total_xact_count), 0);
    });
  } catch {
    return null;
  }
}
