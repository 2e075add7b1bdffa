/** A short load of read-only queries through the pool, while the direct way counts the server connections. */
import type { Endpoint } from './endpoint.ts';
import { type Failure, toFailure } from './explain-failure.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

export interface LoadFacts {
  clients: number;
  /** Clients that got at least one answer. */
  served: number;
  queries: number;
  seconds: number;
  failures: Failure[];
  /** Answers that were meant for another client. */
  foreign: number;
  /** Most server connections at one time, by pg_stat_activity; null where nothing counted. */
  peak: number | null;
  prepared: boolean;
}

export interface LoadOptions extends SessionOptions {
  clients: number;
  seconds: number;
  /** Named prepared statements: the same name in every client, with another text. */
  prepared: boolean;
}

/** Long enough to make clients share, short enough to leave the server alone. */
const QUERY_SECONDS = 0.01;
const SAMPLE_MS = 150;

export async function runLoad(pooled: Endpoint, counter: Session | null, options: LoadOptions): Promise<LoadFacts> {
  const facts: LoadFacts = {
    clients: options.clients,
    served: 0,
    queries: 0,
    seconds: options.seconds,
    failures: [],
    foreign: 0,
    peak: counter ? 0 : null,
    prepared: options.prepared,
  };
  const backends = new Set<number>();
  const end = Date.now() + options.seconds * 1000;
  const load = Promise.all(
    Array.from({ length: options.clients }, (_, number) => runClient(number, pooled, options, end, facts, backends)),
  );
  let isOver = false;
  const over = load.then(() => {
    isOver = true;
  });
  while (counter && !isOver) {
    await Promise.race([over, new Promise(resolve => setTimeout(resolve, SAMPLE_MS))]);
    facts.peak = Math.max(facts.peak ?? 0, await countAlive(counter, backends));
  }
  await load;
  return facts;
}

async function runClient(
  number: number,
  pooled: Endpoint,
  options: LoadOptions,
  end: number,
  facts: LoadFacts,
  backends: Set<number>,
): Promise<void> {
  const text = `SELECT ${number} AS client, pg_backend_pid() AS pid, pg_sleep(${QUERY_SECONDS})::text AS slept`;
  let session: Session | null = null;
  let answers = 0;
  try {
    session = await openSession(pooled, options);
    do {
      const [row = {}] = await (options.prepared
        ? session.queryPrepared('pool_migrate_verify', text)
        : session.query(text));
      facts.queries++;
      answers++;
      if (Number(row.client) !== number) facts.foreign++;
      backends.add(Number(row.pid));
    } while (Date.now() < end);
  } catch (error) {
    facts.failures.push(toFailure(error));
  }
  if (answers > 0) facts.served++;
  await session?.close();
}

/** Backends that clients have met and that still live: all of them belong to the pool. */
async function countAlive(counter: Session, backends: ReadonlySet<number>): Promise<number> {
  if (backends.size === 0) return 0;
  const [row] = await counter.query(
    `SELECT count(*)::int AS alive FROM pg_stat_activity WHERE pid IN (${[...backends].join(', ')})`,
  );
  return Number(row?.alive ?? 0);
}
