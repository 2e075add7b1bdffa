#!/bin/sh
# Shows what PgBouncer is doing: pools, statistics, clients.
set -eu

service='@@POOL_SERVICE@@'
compose_directory='@@COMPOSE_DIRECTORY@@' # seen from this script
compose_file='@@COMPOSE_FILE@@'           # empty: the name that compose finds by itself

usage() {
  cat <<'TEXT'
Usage: pgbouncer_status.sh [--direct] [--service NAME] [--help]

Runs SHOW POOLS, SHOW STATS and SHOW CLIENTS on PgBouncer's console and prints a summary.

  (default)       inside the PgBouncer container: docker compose exec -T @@POOL_SERVICE@@ psql …
  --direct        with the psql of this machine; also chosen when PGBOUNCER_HOST is another one
  --service NAME  another compose service than @@POOL_SERVICE@@

With --direct: PGBOUNCER_HOST (127.0.0.1), @@HOST_PORT_VARIABLE@@ (@@HOST_PORT@@), POSTGRES_USER, and the
password from POSTGRES_PASSWORD, PGPASSWORD or ~/.pgpass.

What to look for: cl_waiting > 0 or a growing maxwait means that clients queue for a server connection.

Exit codes: 0 done, 1 PgBouncer cannot be reached, 2 wrong usage.
TEXT
}

wrong_usage() {
  printf 'pgbouncer_status.sh: %s\n' "$1" >&2
  usage >&2
  exit 2
}

direct=no
# The env template has the service's own name, which means something to containers only.
if [ "${PGBOUNCER_HOST:-@@POOL_SERVICE@@}" != '@@POOL_SERVICE@@' ]; then direct=yes; fi
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --direct) direct=yes ;;
    --service)
      if [ -z "${2:-}" ]; then wrong_usage '--service needs a name'; fi
      service=$2
      shift
      ;;
    *) wrong_usage "unknown argument: $1" ;;
  esac
  shift
done

separator=$(printf '\037') # cannot occur in a name, unlike | or a tab

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  elif command -v docker-compose >/dev/null 2>&1; then
    docker-compose "$@"
  else
    printf 'pgbouncer_status.sh: neither "docker compose" nor docker-compose is here; try --direct.\n' >&2
    return 1
  fi
}

ask_direct() { # console command
  PGHOST=${PGBOUNCER_HOST:-127.0.0.1} PGPORT=${@@HOST_PORT_VARIABLE@@:-@@HOST_PORT@@} \
    PGUSER=${POSTGRES_USER:-${PGUSER:-}} PGPASSWORD=${POSTGRES_PASSWORD:-${PGPASSWORD:-}} \
    PGDATABASE=pgbouncer PGCONNECT_TIMEOUT=5 \
    psql -X -w -A -F "$separator" -P footer=off -c "$1" </dev/null
}

ask_container() { # console command
  set -- "$separator" "$1"
  # Expanded inside the container, where the user and the pgpass file are.
  # shellcheck disable=SC2016
  inside='PGUSER=${POSTGRES_USER:-$(cat "${POSTGRES_USER_FILE:-/dev/null}")} runtime=${PGBOUNCER_RUNTIME_DIR:-/run/pgbouncer}
    export PGUSER="${PGUSER:-postgres}" PGPASSFILE="$runtime/pgpass" PGHOST=127.0.0.1 PGPORT="${PGBOUNCER_PORT:-6432}"
    export PGDATABASE=pgbouncer PGCONNECT_TIMEOUT=5
    if [ "${PGBOUNCER_PROCESSES:-1}" -eq 1 ]; then exec psql -X -w -A -F "$1" -P footer=off -c "$2"; fi
    number=1
    while [ "$number" -le "$PGBOUNCER_PROCESSES" ]; do
      answer=$(PGHOST=$runtime/$number psql -X -w -A -F "$1" -P footer=off -c "$2") || exit 1
      printf "%s\n" "$answer" | sed -e "1s/^/process$1/" -e "2,\$ s/^/$number$1/" | if [ "$number" -eq 1 ]; then cat; else sed 1d; fi
      number=$((number + 1))
    done'
  if [ -n "$compose_file" ] && [ -z "${COMPOSE_FILE:-}" ]; then
    compose -f "$compose_file" exec -T "$service" sh -c "$inside" sh "$@" </dev/null
  else
    compose exec -T "$service" sh -c "$inside" sh "$@" </dev/null
  fi
}

ask() { # console command
  if [ "$direct" = yes ]; then ask_direct "$1"; else ask_container "$1"; fi
}

ask_or_stop() { # console command; sets $answer
  if ! answer=$(ask "$1"); then
    printf 'pgbouncer_status.sh: %s failed; is PgBouncer running, and is the user in stats_users?\n' "$1" >&2
    exit 1
  fi
}

# Columns by name, since they differ from version to version.
print_columns() { # names; the number of the process comes first where there are several
  printf '%s\n' "$answer" | awk -F "$separator" -v wanted="$1" '
    NR == 1 { n = split(($1 == "process" ? "process " : "") wanted, name, " ") }
    { for (i = 1; i <= n; i++) {
        if (NR == 1) { for (c = 1; c <= NF; c++) if ($c == name[i]) at[i] = c; cell[NR, i] = name[i] }
        else cell[NR, i] = at[i] ? $at[i] : "-"
        if (length(cell[NR, i]) > width[i]) width[i] = length(cell[NR, i]) } }
    END { for (r = 1; r <= NR; r++) { line = ""
        for (i = 1; i <= n; i++) line = line sprintf("%-" width[i] "s  ", cell[r, i])
        sub(/ +$/, "", line); print "  " line } }'
}

count_clients() {
  printf '%s\n' "$answer" | awk -F "$separator" '
    NR == 1 { for (c = 1; c <= NF; c++) at[$c] = c; next }
    { count[$at["database"] "  " $at["user"] "  " $at["state"]]++ }
    END { for (k in count) printf "  %5d  %s\n", count[k], k }' | sort -rn
}

if [ "$direct" = no ]; then cd "$(dirname "$0")/$compose_directory"; fi

ask_or_stop 'SHOW POOLS'
printf 'Pools\n'
print_columns 'database user cl_active cl_waiting sv_active sv_idle sv_used maxwait pool_mode'
ask_or_stop 'SHOW STATS'
printf '\nStatistics since the start (times in microseconds)\n'
print_columns 'database total_xact_count total_query_count avg_xact_time avg_query_time avg_wait_time'
ask_or_stop 'SHOW CLIENTS'
printf '\nClients (count, database, user, state)\n'
count_clients
