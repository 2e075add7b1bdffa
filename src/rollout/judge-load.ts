/** How much load a pool is given, and what its outcome says. Pure. */
import { failed, passed, skipped, type Verdict } from './check.ts';
import { explainFailure, showFailure } from './explain-failure.ts';
import type { LoadFacts } from './load.ts';

const MOST_CLIENTS = 50;
/** Each is a process of its own there. */
const MOST_INSIDE = 8;

export interface LoadPlan {
  clients: number;
  prepared: boolean;
  /** Most server connections that the pool may open; null: not known. */
  limit: number | null;
}

/**
 * Leaves room for the applications: at most half of max_client_conn, and in session mode no more clients than the pool
 * has connections, since there each keeps one.
 */
export function planLoad(
  settings: ReadonlyMap<string, string>,
  { processes, isInside }: { processes: number; isInside: boolean },
): LoadPlan {
  const number = (key: string): number | null => (settings.has(key) ? Number(settings.get(key)) : null);
  const size = number('default_pool_size');
  const most = number('max_client_conn');
  const mode = settings.get('pool_mode');
  return {
    clients: Math.max(
      1,
      Math.min(
        isInside ? MOST_INSIDE : MOST_CLIENTS,
        most === null ? MOST_CLIENTS : Math.floor(most / 2),
        mode === 'session' && size !== null ? size : MOST_CLIENTS,
      ),
    ),
    prepared: mode === 'session' || (number('max_prepared_statements') ?? 0) > 0,
    limit: size === null ? null : (size + (number('reserve_pool_size') ?? 0)) * processes,
  };
}

export function judgeLoad(facts: LoadFacts, { limit }: LoadPlan): Verdict {
  const { clients, served, queries, seconds, failures, foreign, peak, prepared } = facts;
  const [first] = failures;
  if (foreign > 0) {
    return failed(
      `${foreign} of ${queries} answers were another client's: prepared statements of one name got mixed up`,
      'Stop here. Upgrade PgBouncer to 1.24 or turn off prepared statements in every driver.',
    );
  }
  if (first) {
    const others = failures.length > 1 ? `, and ${failures.length - 1} more` : '';
    return failed(
      `${failures.length} of ${clients} clients failed: ${showFailure(first)}${others}`,
      explainFailure(first, 'pooled'),
    );
  }
  if (served < clients) return skipped(`Only ${served} of ${clients} clients were served`);
  const how = prepared ? ' as prepared statements' : '';
  const done = `${clients} clients, ${queries} queries${how} in ${seconds} s, all answered`;
  if (peak === null) return passed(`${done}; server connections were not counted`);
  if (limit !== null && peak > limit) {
    return failed(
      `${done}, but with ${peak} server connections; the pool may have ${limit}`,
      'Is there a second PgBouncer behind this address? Add its connections to what Postgres must allow.',
    );
  }
  return passed(`${done} by ${peak} server connections${limit === null ? '' : ` (at most ${limit})`}`);
}
