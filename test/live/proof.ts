/**
 * What a proof of a hazard is: two short programs, run straight on Postgres and then through PgBouncer. What Postgres
 * answers is right; whatever differs through the pool is the hazard.
 */
import type { Client, ClientConfig } from 'pg';
import type { PoolMode } from '../../src/routes/hazard-rules.ts';
import type { Version } from './run.ts';

export const modes = ['transaction', 'statement', 'session'] as const satisfies readonly PoolMode[];

/** A pool of its own: two server connections that take turns, so that nothing depends on luck. */
export interface Cell {
  /** null: straight to Postgres. */
  mode: PoolMode | null;
  version: Version | null;
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** A name that no other cell has, for tables, channels and roles. In what was observed it reads `t`. */
  name: string;
  /** A number that no other cell has, for locks. */
  key: number;
  connect: (more?: ClientConfig) => Promise<Client>;
  connectDirect: (more?: ClientConfig) => Promise<Client>;
  /** As the superuser, straight in the database of the application. */
  boss: (sql: string) => Promise<Record<string, unknown>[]>;
  /** A scenario of drivers.py. */
  python: (scenario: string) => Promise<string>;
  /** A program, with its arguments; what it printed. */
  program: (command: string, args: string[], input?: string) => Promise<string>;
  /** A scenario of rails.rb. */
  ruby: (scenario: string) => Promise<string>;
  /** A scenario of Jdbc.java, and the parameters of its URL. */
  java: (scenario: string, query: string) => Promise<string>;
  /** Path of the program of lib-pq.go or pgx.go. */
  goProgram: (name: 'lib-pq' | 'pgx') => Promise<string>;
  /** The same database through a pooler that offers TLS. */
  tlsPort: number;
}

/** What was seen, in words that say the same on every run. */
export type Scenario = (cell: Cell) => Promise<string>;

export interface Proof {
  /** What ran: a driver, or only the SQL that a library sends. */
  by: string;
  bad: Scenario;
  good: Scenario;
  /** What the bad one shows where it misbehaves, so that no unrelated failure passes as a proof. */
  shows: RegExp;
  /** The good one needs a transaction of several round trips, which statement pooling refuses aloud. */
  refusedInStatement?: true;
  /** Where the rule warns although the bad one does no harm: severities are not kept for each version. */
  isHarmless?: (mode: PoolMode, version: Version) => boolean;
}

/** BEGIN in statement mode. The others are what psycopg2, postgres.js and asyncpg make of it. */
export const REFUSED =
  /transaction blocks not allowed in statement pooling mode|server closed the connection unexpectedly|CONNECTION_CLOSED|connection was closed in the middle/;

/** The value, or the error as text. */
export async function attempt(work: Promise<unknown>): Promise<string> {
  try {
    const value = await work;
    return value === null || value === undefined || value === '' ? '–' : String(value);
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] || error.name : String(error);
  }
}

/** The first value of the last row. */
export async function ask(client: Client, sql: string): Promise<unknown> {
  const { rows } = await client.query(sql);
  return Object.values(rows.at(-1) ?? {})[0] ?? null;
}

export async function repeat(times: number, work: () => Promise<unknown>): Promise<string> {
  const seen: string[] = [];
  for (let i = 0; i < times; i++) seen.push(await attempt(work()));
  return seen.some(one => one.includes(' ')) ? tally(seen) : seen.join(' ');
}

/** E.g.: `2 × read committed, 2 × serializable` */
export const tally = (seen: string[]): string =>
  [...new Set(seen)].map(kind => `${seen.filter(one => one === kind).length} × ${kind}`).join(', ');

/** What each session answers, four times. E.g.: `A: a – a –; B: – a – a` */
export async function see(sessions: Record<string, Client>, sql: string): Promise<string> {
  const lines: string[] = [];
  for (const [name, client] of Object.entries(sessions))
    lines.push(`${name}: ${await repeat(4, () => ask(client, sql))}`);
  return lines.join('; ');
}

/** Two sessions, and where it is a pool two server connections, which both have been used. */
export async function pair(cell: Cell, more?: ClientConfig): Promise<[Client, Client]> {
  const both = await Promise.all([cell.connect(more), cell.connect(more)]);
  for (let wait = 0.01; wait < 5; wait *= 2) {
    const pids = await Promise.all(
      both.map(async client => (await client.query(`SELECT pg_backend_pid() AS pid, pg_sleep(${wait})`)).rows[0].pid),
    );
    if (pids[0] !== pids[1]) return both;
  }
  throw new Error('the pool did not open a second server connection');
}

/** The first value of each statement. Statement pooling takes a transaction only as one text, so there it is one. */
export async function transact(cell: Cell, client: Client, statements: string[], begin = 'BEGIN'): Promise<string> {
  if (cell.mode === 'statement') {
    const results = await client.query([begin, ...statements, 'COMMIT'].join(';\n')).catch(async error => {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    });
    const rows = (results as unknown as { rows: Record<string, unknown>[] }[]).slice(1, -1).map(one => one.rows.at(-1));
    return rows
      .map(row => Object.values(row ?? {})[0])
      .filter(isThere)
      .join(' ');
  }
  const seen: unknown[] = [];
  await client.query(begin);
  try {
    for (const statement of statements) seen.push(await ask(client, statement));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  return seen.filter(isThere).join(' ');
}

const isThere = (value: unknown): boolean => value !== null && value !== undefined && value !== '';

/** Notifications of a client, counted. */
export function countNotifications(client: Client): () => number {
  let count = 0;
  client.on('notification', () => {
    count += 1;
  });
  return () => count;
}

export const pause = (milliseconds: number): Promise<void> => new Promise(done => setTimeout(done, milliseconds));

/** A scenario of drivers.py. */
export const python =
  (scenario: string): Scenario =>
  cell =>
    cell.python(scenario);
