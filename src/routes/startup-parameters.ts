/** Which parameters PgBouncer refuses when a client sends them at its start. Source: pgbouncer.org/config.html#track_extra_parameters */
import { isPostgresSetting } from './postgres-settings.ts';

/** Kept for each client, in every version that is in use. `intervalstyle` is since 1.20. */
const TRACKED = new Set([
  'client_encoding',
  'datestyle',
  'timezone',
  'standard_conforming_strings',
  'application_name',
  'intervalstyle',
]);

/** Names that drivers have for a setting of the server. */
const ALIASES: Partial<Record<string, string>> = { currentschema: 'search_path', searchpath: 'search_path' };

/** Settings of the server that have a rule of their own, and words that mean something else where they are no parameters. */
const APART = new Set(['search_path', 'role', 'names', 'seed', 'h']);

/** E.g.: `work_mem`, `idle_in_transaction_session_timeout`; not `application_name`, nor what no server knows. */
export function isRefusedAtStart(name: string): boolean {
  const key = name.toLowerCase();
  const own = ALIASES[key] ?? key;
  return /^[a-z]\w*(?:\.\w+)?$/.test(own) && isPostgresSetting(own) && !TRACKED.has(own) && !APART.has(own);
}
