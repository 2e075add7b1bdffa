/** What proves in the container that the generated pooler works. Pure. */
import type { Feature } from './asset-input.ts';

const QUERY = "timeout 5 psql -Xwqc 'SELECT 1'";

/**
 * A shell command, for compose with every `$` doubled. PgBouncer itself answers pg_isready, also with Postgres down: so a query
 * has to pass through the pool too. Of several processes behind one port each is asked by its own socket.
 */
export const healthCommand = (features: ReadonlySet<Feature>): string =>
  features.has('processes')
    ? `${IS_READY} && for number in $(seq $PGBOUNCER_PROCESSES); do ${QUERY} "host=$PWD/$number" >/dev/null || exit 1; done`
    : `${IS_READY} && ${QUERY} >/dev/null`;

const IS_READY = 'pg_isready -q -h 127.0.0.1 -p $PGBOUNCER_PORT -t 3';

/** Of a public image, in which the environment tells libpq where the pool is. */
export const publicHealthCheck = `pg_isready -q -t 3 && ${QUERY} >/dev/null`;

/** The same, and a pooler that fails it looks Postgres up anew. */
export const healthCheck = (features: ReadonlySet<Feature>): string =>
  features.has('processes')
    ? healthCommand(features)
    : `${healthCommand(features)} || { docker-entrypoint.sh follow; exit 1; }`;
