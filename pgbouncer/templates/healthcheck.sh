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

# c-ares (1.31 and later) keeps an address for as long as the name server says, up to an hour, and PgBouncer's dns_max_ttl
# can't shorten that. A Postgres container that came back at another address would be missed all that time. So when a
# check fails and the name leads elsewhere by now, PgBouncer is given the address itself. Only where one process leads
# to one server.
follow_server() {
  name=${PGBOUNCER_UPSTREAM_HOST:-}
  if [ -n "${PGBOUNCER_DATABASES:-}" ] || [ "${PGBOUNCER_PROCESSES:-1}" != 1 ]; then return; fi
  # A certificate may have to match the name. And only PgBouncer is to get the signal, where this runs outside a container.
  if [ -z "$name" ] || [ "${PGBOUNCER_SERVER_TLS_SSLMODE:-}" = verify-full ]; then return; fi
  case $(tr '\0' ' ' </proc/1/cmdline) in *"$directory"*) ;; *) return ;; esac
  address=$(getent hosts "$name" | sed 's/[[:space:]].*//; q')
  case $address in '' | *[!0-9A-Fa-f.:]*) return ;; esac
  if grep -q "^\* = host='$name'" "$directory/pgbouncer.ini"; then
    known=$(timeout 3 psql -X -w -q -A -t -h 127.0.0.1 -d pgbouncer -c 'SHOW DNS_HOSTS') || return
    case $known in *"$address:"*) return ;; esac
  fi
  if grep -q "^\* = host='$address'" "$directory/pgbouncer.ini"; then return; fi
  sed -i "s/^\(\* = host='\)[^']*/\1$address/" "$directory/pgbouncer.ini"
  printf '%s is at %s now: PgBouncer reloads\n' "$name" "$address"
  kill -HUP 1
}
finish() {
  status=$?
  if [ "$status" -ne 0 ]; then follow_server || :; fi
  exit "$status"
}
trap finish EXIT

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
