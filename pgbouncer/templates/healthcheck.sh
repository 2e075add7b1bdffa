#!/bin/sh
# Healthy means: PgBouncer answers, and a query passes through the pool to Postgres.
# pg_isready alone is not enough: it says "accepting connections" with Postgres down.
# The password comes from the pgpass file that docker-entrypoint.sh has written.
set -eu

PGPORT=${PGBOUNCER_PORT:-6432}
PGUSER=${POSTGRES_USER:-}
if [ -z "$PGUSER" ] && [ -n "${POSTGRES_USER_FILE:-}" ]; then PGUSER=$(cat -- "$POSTGRES_USER_FILE"); fi
PGUSER=${PGUSER:-postgres}
PGDATABASE=${POSTGRES_DB:-}
if [ -z "$PGDATABASE" ] && [ -n "${POSTGRES_DB_FILE:-}" ]; then PGDATABASE=$(cat -- "$POSTGRES_DB_FILE"); fi
PGDATABASE=${PGDATABASE:-$PGUSER}
directory=${PGBOUNCER_RUNTIME_DIR:-/run/pgbouncer}
PGPASSFILE=$directory/pgpass
PGCONNECT_TIMEOUT=3
export PGPORT PGUSER PGDATABASE PGPASSFILE PGCONNECT_TIMEOUT

check() { # host, or directory of a socket
  pg_isready -q -t 3 -h "$1"
  # Without a limit the query waits for query_wait_timeout when Postgres is away.
  timeout 5 psql -X -w -q -A -t -h "$1" -c 'SELECT 1' >/dev/null
}

processes=${PGBOUNCER_PROCESSES:-1}
if [ "$processes" -eq 1 ]; then
  check 127.0.0.1
  exit 0
fi
# Behind one port: each process by its own socket, all at the same time.
pids=
while [ "$processes" -gt 0 ]; do
  check "$directory/$processes" &
  pids="$pids $!"
  processes=$((processes - 1))
done
for pid in $pids; do wait "$pid"; done
