/** Which settings PgBouncer keeps for each client, and which it refuses. Source: pgbouncer.org/config.html#track_extra_parameters */
import { isPostgresSetting } from './postgres-settings.ts';

/** Kept in every version that is in use. */
export const TRACKED: ReadonlySet<string> = new Set([
  'client_encoding',
  'datestyle',
  'timezone',
  'standard_conforming_strings',
  'application_name',
]);

/** Settings of the server that have a rule of their own, and words that mean something else where they are no parameters. */
const APART = new Set(['search_path', 'role', 'names', 'seed', 'h']);

/**
 * It refuses a client that sends the parameter when it connects. E.g.: `work_mem`, `idle_in_transaction_session_timeout`; not
 * `application_name`, nor what no server knows. `intervalstyle` is kept since 1.20.
 */
export function isRefusedAtStart(name: string): boolean {
  const key = name.toLowerCase();
  return /^[a-z]\w*(?:\.\w+)?$/.test(key) && isPostgresSetting(key) && !isKeptAtStart(key) && !APART.has(key);
}

/** In `options` too, since 1.20. */
export const isKeptAtStart = (name: string): boolean =>
  TRACKED.has(name.toLowerCase()) || name.toLowerCase() === 'intervalstyle';
