#!/bin/sh
# Pools, statistics and clients of PgBouncer. cl_waiting above 0 for long, or maxwait growing: clients queue for a server connection.
set -eu
cd "$(dirname "$0")/@@COMPOSE_DIRECTORY@@"
if docker compose version >/dev/null 2>&1; then compose='docker compose'; else compose=docker-compose; fi

#<!processes>
for command in 'SHOW POOLS' 'SHOW STATS' 'SHOW CLIENTS'; do
  printf '%s\n' "$command"
  # shellcheck disable=SC2086 # words
  $compose@@COMPOSE_FILE@@ exec -T @@POOL_SERVICE@@ psql -Xw pgbouncer -c "$command" </dev/null
done
#</!processes>
#<processes>
# Each process has pools of its own, and a socket by which its console is reached.
for command in 'SHOW POOLS' 'SHOW STATS' 'SHOW CLIENTS'; do
  # shellcheck disable=SC2016,SC2086 # expanded in the container; words
  $compose@@COMPOSE_FILE@@ exec -T @@POOL_SERVICE@@ sh -c 'for number in $(seq "$PGBOUNCER_PROCESSES"); do
    printf "process %s: %s\n" "$number" "$1" && psql -Xw "host=$PWD/$number dbname=pgbouncer" -c "$1" || exit 1
  done' sh "$command" </dev/null
done
#</processes>
