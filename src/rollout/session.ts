/** One connection to either way, with the driver `pg`: every wait is bounded, and SCRAM is built in. */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Client, ClientConfig } from 'pg';
import type { Endpoint } from './endpoint.ts';

export type Row = Record<string, string | number | boolean | null>;
export type Method = 'SCRAM' | 'md5' | 'clear text' | 'no password';

export interface Session {
  /** The process id that the login told: the backend's own, or one that a pooler made up. */
  pid: number | null;
  method: Method;
  /** Text without values goes by the simple protocol, which is all that PgBouncer's console speaks. */
  query(text: string): Promise<Row[]>;
  /** A named prepared statement: parsed once for each connection. */
  queryPrepared(name: string, text: string): Promise<Row[]>;
  close(): Promise<void>;
}

export interface SessionOptions {
  applicationName: string;
  /** Instead of the endpoint's. */
  database?: string;
  /** Opens a stream into the compose network; for endpoints inside it. */
  dial?: (endpoint: Endpoint) => Duplex;
}

const CONNECT_MS = 8_000;
const QUERY_MS = 10_000;

/** @throws Error of the server, the driver or the system, as it came. */
export async function openSession(endpoint: Endpoint, options: SessionOptions): Promise<Session> {
  if (endpoint.tls !== 'preferred') return open(endpoint, options, endpoint.tls === 'off' ? false : endpoint.tls);
  try {
    return await open(endpoint, options, { rejectUnauthorized: false });
  } catch (error) {
    if (!/does not support SSL/i.test((error as Error).message)) throw error;
    return open(endpoint, options, false);
  }
}

async function open(endpoint: Endpoint, options: SessionOptions, ssl: false | object): Promise<Session> {
  const { default: pg } = await import('pg');
  const { dial } = options;
  const config: ClientConfig = {
    ...endpoint.address,
    user: endpoint.user,
    password: endpoint.password,
    database: options.database ?? endpoint.database,
    application_name: options.applicationName,
    ssl,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    ...(endpoint.isInside && dial ? { stream: () => dial(endpoint) as never } : {}),
  };
  const client = new pg.Client(config);
  // An idle connection that is cut shows in the next query.
  client.on('error', () => undefined);
  const method = watchLogin(client);
  try {
    await client.connect();
  } catch (error) {
    await close(client);
    throw error;
  }
  return {
    pid: (client as unknown as { processID: number | null }).processID,
    method: method(),
    query: async text => (await client.query<Row>(text)).rows,
    queryPrepared: async (name, text) => (await client.query<Row>({ name, text })).rows,
    close: () => close(client),
  };
}

function watchLogin(client: Client): () => Method {
  let method: Method = 'no password';
  const { connection } = client as unknown as { connection: EventEmitter };
  connection.once('authenticationSASL', () => {
    method = 'SCRAM';
  });
  connection.once('authenticationMD5Password', () => {
    method = 'md5';
  });
  connection.once('authenticationCleartextPassword', () => {
    method = 'clear text';
  });
  return () => method;
}

/** A server that does not answer must not hold the end up. */
async function close(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>(resolve => {
    timer = setTimeout(resolve, 1_000);
  });
  await Promise.race([client.end().catch(() => undefined), bound]);
  clearTimeout(timer);
  (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
}

/** Opens, uses, closes. */
export async function withSession<T>(
  endpoint: Endpoint,
  options: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(endpoint, options);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
