/**
 * What to do about an error text of Postgres, PgBouncer, the network or a container's log. The text itself is always
 * shown too: this only adds the next step. Most texts were provoked in the live tests.
 */

import { stripVTControlCharacters } from 'node:util';

export interface Failure {
  message: string;
  /** SQLSTATE or the code of the system call. E.g.: `28P01`, `ECONNREFUSED` */
  code: string | null;
}

export type Way = 'pooled' | 'direct';

interface Known {
  pattern: RegExp;
  way?: Way;
  /** In a container's log it tells why the container does not run. */
  endsContainer?: true;
  next: string;
}

const RECREATE = 'docker compose up -d --force-recreate';

/** First match wins: what is certain comes before what is general. */
const known: Known[] = [
  {
    pattern: /pidfile .*exists|another instance running/i,
    endsContainer: true,
    next: 'Configure no pidfile: after a kill it stops the next start. The generated image has none; rebuild it.',
  },
  {
    pattern: /should not run as root/i,
    endsContainer: true,
    next: 'Run PgBouncer as an unprivileged user, as the generated Dockerfile does.',
  },
  {
    pattern: /pgbouncer entrypoint: refused: /i,
    endsContainer: true,
    next: 'The message says which variable to change; then docker compose up -d again.',
  },
  {
    pattern: /wrong password type/i,
    next: 'PgBouncer holds no password that Postgres takes by SCRAM (an md5 hash, or none). Give it the plain password, or auth_query.',
  },
  {
    pattern: /bouncer config error/i,
    next: 'auth_query failed: its user must be able to read the password hashes. The log of PgBouncer has the reason (1.24 and later).',
  },
  {
    pattern: /client password must be a string|no password supplied|fe_sendauth/i,
    next: 'No password was given: set POSTGRES_PASSWORD where compose reads it, or put it into the URL or PGPASSWORD.',
  },
  {
    pattern: /no more connections allowed|max_client_conn/i,
    next: 'Raise PGBOUNCER_MAX_CLIENT_CONN (and the limit of open files), or find who holds the connections: SHOW CLIENTS.',
  },
  {
    pattern: /too many clients already|remaining connection slots/i,
    next: 'Postgres has no connection left: lower PGBOUNCER_DEFAULT_POOL_SIZE, or raise max_connections.',
  },
  {
    pattern: /query_wait_timeout/i,
    next: 'No server connection became free: a larger PGBOUNCER_DEFAULT_POOL_SIZE, or look for long transactions with SHOW SERVERS.',
  },
  {
    pattern: /unsupported startup parameter/i,
    next: 'PgBouncer does not pass this setting on. Unset PGOPTIONS or remove options= from the URL; set it with ALTER ROLE … SET instead.',
  },
  {
    pattern: /SASL authentication failed|password authentication failed|SCRAM.*(?:invalid|mismatch)/i,
    way: 'pooled',
    next: `PgBouncer knows another password for this user. It takes POSTGRES_PASSWORD when it starts: ${RECREATE} pgbouncer.`,
  },
  {
    pattern: /password authentication failed|SASL/i,
    way: 'direct',
    next: 'Postgres has another password for this user. POSTGRES_PASSWORD counts only when its volume is new: use ALTER ROLE … PASSWORD, or correct the variable.',
  },
  {
    pattern: /no such user/i,
    next: 'PgBouncer does not know this user: add it to the user list, or turn auth_query on.',
  },
  {
    pattern: /database .* does not exist|no such database/i,
    next: 'Create the database, or correct its name (POSTGRES_DB, or the end of the URL).',
  },
  {
    pattern: /role .* does not exist/i,
    next: 'Create the role, or correct the user (POSTGRES_USER, or the URL).',
  },
  {
    pattern: /no pg_hba\.conf entry.*no encryption|SSL off/i,
    next: 'Postgres wants TLS: add sslmode=require to the URL, and give PgBouncer server_tls_sslmode.',
  },
  {
    pattern: /no pg_hba\.conf entry/i,
    next: 'pg_hba.conf of Postgres does not let this address in.',
  },
  {
    pattern: /does not support SSL|SSL is not enabled/i,
    next: 'There is no TLS on this side: use sslmode=disable, or set client_tls_sslmode in PgBouncer.',
  },
  {
    pattern: /self.signed certificate|unable to verify|certificate/i,
    next: 'The certificate is not trusted: give its authority with sslrootcert= in the URL.',
  },
  {
    pattern: /server login (?:has been )?fail|server_login_retry|pgbouncer cannot connect|server conn|connect failed/i,
    next: 'PgBouncer runs and does not reach Postgres: is Postgres up, and are PGBOUNCER_UPSTREAM_HOST and _PORT right?',
  },
  {
    pattern: /starting up|shutting down|in recovery mode/i,
    next: 'Postgres is not ready yet: run this again in a moment.',
  },
  {
    pattern: /ECONNREFUSED/i,
    way: 'pooled',
    next: 'Nothing listens there: docker compose up -d pgbouncer, then look at docker compose logs pgbouncer.',
  },
  { pattern: /ECONNREFUSED/i, next: 'Nothing listens there: is Postgres up, and is this its published port?' },
  {
    pattern: /ENOTFOUND|EAI_AGAIN|service not known|bad address/i,
    next: 'The host name does not resolve there: names of services exist only inside the compose network, while they run.',
  },
  {
    pattern: /timeout|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    way: 'pooled',
    next: 'No answer: PgBouncer waits for a server connection (is Postgres up?), or a firewall is between.',
  },
  {
    pattern: /timeout|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    next: 'No answer: a firewall, or a server that is overloaded.',
  },
  {
    pattern: /terminated|ECONNRESET|EPIPE/i,
    way: 'pooled',
    next: 'The connection was cut: look at docker compose logs pgbouncer.',
  },
  { pattern: /terminated|ECONNRESET|EPIPE/i, next: 'The connection was cut: look at the log of Postgres.' },
];

/** The next step; a general one where the text is not known. */
export function explainFailure({ message, code }: Failure, way: Way): string {
  const text = `${code ?? ''} ${message}`;
  const match = known.find(candidate => candidate.pattern.test(text) && (candidate.way ?? way) === way);
  return match?.next ?? `Look at the log of ${way === 'pooled' ? 'PgBouncer' : 'Postgres'}: docker compose logs.`;
}

/** The line of a container's log that tells why it ended, and what to do; null: none does. */
export function explainLog(log: string): { line: string; next: string } | null {
  const lines = stripVTControlCharacters(log).split('\n').reverse();
  for (const line of lines) {
    const match = known.find(({ pattern, endsContainer }) => endsContainer && pattern.test(line));
    if (match) return { line: line.trim(), next: match.next };
  }
  return null;
}

/** Errors of Node come as several in one where a name has several addresses; their own text is then empty. */
export function toFailure(error: unknown): Failure {
  if (error instanceof AggregateError && error.errors.length > 0) return toFailure(error.errors[0]);
  if (!(error instanceof Error)) return { message: String(error), code: null };
  const { code } = error as NodeJS.ErrnoException;
  return { message: error.message || code || error.name, code: typeof code === 'string' ? code : null };
}

export const showFailure = ({ message, code }: Failure): string =>
  code === null || message.includes(code) ? message : `${message} (${code})`;
