#!/bin/sh
# Does what users rely on in the entrypoint of the official image: superuser, password and database from the
# environment or from files, init scripts on a server that listens on its socket only, SCRAM for whoever
# comes over the network. Root prepares the data directory and steps down.
set -eu

if [ "$1" != postgres ]; then exec "$@"; fi

read_setting() { # NAME, default
  eval "value=\${$1:-}" "file=\${$1_FILE:-}"
  if [ -n "$value" ] && [ -n "$file" ]; then
    printf 'error: both %s and %s_FILE are set (but are exclusive)\n' "$1" "$1" >&2
    exit 1
  fi
  if [ -n "$file" ]; then value=$(cat "$file"); fi
  value=${value:-$2}
}

if [ "$(id -u)" = 0 ]; then
  install -d -m 0700 -o postgres -g postgres "$PGDATA"
  install -d -m 3775 -o postgres -g postgres /var/run/postgresql
  exec gosu postgres "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  read_setting POSTGRES_USER postgres
  user=$value
  read_setting POSTGRES_DB "$user"
  database=$value
  read_setting POSTGRES_PASSWORD ''
  password=$value
  if [ -z "$password" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    printf 'Error: Database is uninitialized and superuser password is not specified.\n' >&2
    exit 1
  fi

  secret=$(mktemp)
  printf '%s\n' "$password" >"$secret"
  # shellcheck disable=SC2086 # several options in one variable, as in the official image
  initdb --username="$user" --pwfile="$secret" ${POSTGRES_INITDB_ARGS:-}
  rm "$secret"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
  printf "\nlisten_addresses = '*'\n" >>"$PGDATA/postgresql.conf"

  pg_ctl -w -o "-c listen_addresses=''" start
  run_sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" --no-password "$@"; }
  if [ "$database" != postgres ]; then
    printf 'CREATE DATABASE :"db";\n' | run_sql --dbname postgres --set db="$database"
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) sh "$file" ;;
      *.sql) run_sql --dbname "$database" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | run_sql --dbname "$database" ;;
    esac
  done
  pg_ctl -m fast -w stop
fi
exec "$@"
