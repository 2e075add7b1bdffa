#!/bin/sh
# Healthy means: PgBouncer answers, and a query passes through the pool to Postgres.
# pg_isready alone is not enough: it says "accepting connections" with Postgres down.
# The password comes from the pgpass file that docker-entrypoint.sh has written.
set -eu

PGHOST=127.0.0.1
PGPORT=${PGBOUNCER_PORT:-6432}
PGUSER=${POSTGRES_USER:-}
if [ -z "$PGUSER" ] && [ -n "${POSTGRES_USER_FILE:-}" ]; then PGUSER=$(cat -- "$POSTGRES_USER_FILE"); fi
PGUSER=${PGUSER:-postgres}
PGDATABASE=${POSTGRES_DB:-}
if [ -z "$PGDATABASE" ] && [ -n "${POSTGRES_DB_FILE:-}" ]; then PGDATABASE=$(cat -- "$POSTGRES_DB_FILE"); fi
PGDATABASE=${PGDATABASE:-$PGUSER}
PGPASSFILE=${PGBOUNCER_RUNTIME_DIR:-/run/pgbouncer}/pgpass
PGCONNECT_TIMEOUT=3
export PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE PGCONNECT_TIMEOUT

pg_isready -q -t 3
# Without a limit the query waits for query_wait_timeout when Postgres is away.
timeout 5 psql -X -w -q -A -t -c 'SELECT 1' >/dev/null
