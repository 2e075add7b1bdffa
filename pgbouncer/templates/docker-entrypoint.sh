#!/bin/sh
# Renders pgbouncer.ini and userlist.txt into the working directory, then becomes PgBouncer.
# POSTGRES_USER, POSTGRES_PASSWORD  may log in, and go to the server that PGBOUNCER_UPSTREAM_HOST and _PORT name
# PGBOUNCER_NAME                    any other is the setting `name` of pgbouncer.ini; PgBouncer refuses what it does not know
#
# Only printf (built in) and sed (through a pipe) see a password, so none is on a command line or in the log. There is no
# pidfile, which would stop the start after a kill, and no logfile: `docker logs` has it.
set -eu
umask 077

refuse() { # what is wrong and what to do
  printf 'pgbouncer entrypoint: refused: %s\n' "$1" >&2
  exit 1
}

#<!processes>
# By the health check: Postgres may have come back at another address, and the resolver keeps the old one for up to an hour.
if [ "${1:-}" = follow ]; then
  address=$(getent hosts "${PGBOUNCER_UPSTREAM_HOST:-}" | sed 's/[[:space:]].*//; q')
  # With verify-full the certificate is for the name.
  if [ -z "$address" ] || [ "${PGBOUNCER_SERVER_TLS_SSLMODE:-}" = verify-full ]; then exit 0; fi
  known=$(sed -n '/^\* = /p' pgbouncer.ini)
  case $known in *"'$PGBOUNCER_UPSTREAM_HOST'"*) known=$(timeout 3 psql -Xw pgbouncer -c 'SHOW DNS_HOSTS') || exit 0 ;; esac
  case $known in *"'$address'"* | *"$address:"* | *"$address]"*) exit 0 ;; esac
  sed -i "s/^\* = host='[^']*'/* = host='$address'/" pgbouncer.ini && exec kill -HUP 1
fi

#</!processes>
case $(pgbouncer --version 2>/dev/null) in @@VERSIONS@@) ;; *) refuse 'this script needs PgBouncer @@MINIMUM@@ or later. Install it.' ;; esac
#<secret-files>
for name in $(printenv | sed -nE 's/^(POSTGRES_[A-Z]+|PGBOUNCER_(USER|PASSWORD)_[0-9]+)_FILE=.+/\1/p'); do
  if [ -n "$(printenv "$name")" ]; then refuse "$name and ${name}_FILE are both set. Keep one."; fi
  value=$(cat -- "$(printenv "${name}_FILE")" 2>/dev/null) || refuse "${name}_FILE cannot be read by uid $(id -u). Make it readable."
  export "$name=$value"
done
#</secret-files>
for name in $(printenv | sed -nE 's/^((POSTGRES|PGBOUNCER)_[A-Z0-9_]+)=.*/\1/p'); do
  if [ "$(printenv "$name" | tr '\r' '\n' | wc -l)" -gt 1 ]; then refuse "$name contains a line break. Remove it."; fi
done

double() { printf %s "$2" | LC_ALL=C sed "s/$1/$1$1/g"; } # quote, text: every quote doubled, as PgBouncer reads it

add_user() { # name, password, variable of the password
  if [ -z "$2" ] && [ "${PGBOUNCER_AUTH_TYPE:-}" != trust ]; then refuse "$3 is empty. Set the password of $1."; fi
  if [ "$(printf %s "$2" | wc -c)" -gt 996 ]; then refuse "$3 is longer than 996 bytes. PgBouncer before 1.26 cuts it off."; fi
  if printf %s "$2" | grep -Eq '^md5[0-9a-f]{32}$|^SCRAM-SHA-256\$'; then refuse "$3 is a stored hash. Give the password itself."; fi
  printf '"%s" "%s"\n' "$(double '"' "$1")" "$(double '"' "$2")" >>userlist.txt
}

rm -f pgbouncer.ini settings.ini userlist.txt pgpass pg_service.conf # old ones would keep their mode
user=${POSTGRES_USER:-postgres}
add_user "$user" "${POSTGRES_PASSWORD:-}" POSTGRES_PASSWORD
#<users>
for number in $(printenv | sed -nE 's/^PGBOUNCER_(USER|PASSWORD)_([0-9]+)=.+/\2/p' | sort -u); do
  user_n=$(printenv "PGBOUNCER_USER_$number") || user_n=postgres # as the image has it
  add_user "$user_n" "$(printenv "PGBOUNCER_PASSWORD_$number")" "PGBOUNCER_PASSWORD_$number"
  unset "PGBOUNCER_PASSWORD_$number"
done
#</users>
printf '*:*:*:*:%s\n' "$(printf %s "${POSTGRES_PASSWORD:-}" | LC_ALL=C sed 's/[\\:]/\\&/g')" >pgpass # for psql in this container
printf '[pool]\nhost=127.0.0.1\nport=%s\nuser=%s\ndbname=%s\n' "$PGBOUNCER_PORT" "$user" "${POSTGRES_DB:-$user}" >pg_service.conf

own=" localhost 127.0.0.1 ::1 @@POOL_SERVICE@@ $(uname -n) $(getent hosts "$(uname -n)" | tr -s '[:space:]' ' ') "
list_database() { # name, host, port
  for name in "$2" $(getent hosts "$2" | sed 's/[[:space:]].*//'); do
    case "$own:$3" in *" $name "*":$PGBOUNCER_PORT") refuse "$2:$3 is PgBouncer itself. Name the Postgres server." ;; esac
  done
  query=$(double "'" "${PGBOUNCER_CONNECT_QUERY:-}")
  if [ -n "$query" ]; then query=" connect_query='$query'"; fi
  printf "%s = host='%s' port=%s%s\n" "$1" "$(double "'" "$2")" "$3" "$query"
}

render() {
  cat <<INI
listen_addr = 0.0.0.0
listen_port = $PGBOUNCER_PORT
auth_type = scram-sha-256
auth_file = $PWD/userlist.txt
stats_users = $user
server_login_retry = 3
log_connections = 0
log_disconnections = 0
INI
  #<auth-query>
  # Only qualified names: no search_path can change what it calls. And PgBouncer itself would let an expired password in.
  if [ "${PGBOUNCER_AUTH_QUERY:-}" = true ]; then
    printf 'auth_user = %s\n' "$user"
    # shellcheck disable=SC2016 # $1 is PgBouncer's
    printf '%s\n' 'auth_query = @@AUTH_QUERY@@'
  fi
  #</auth-query>
  for name in $(printenv | sed -nE 's/^PGBOUNCER_([A-Z0-9_]+)=.+/\1/p' | sort); do
    case $name in UPSTREAM_* | PORT | HOST@@BYPASS@@ | CONNECT_QUERY@@OWN_NAMES@@) continue ;; esac
    case $name in *PASSWORD* | *SECRET* | *URL | *DSN) refuse "PGBOUNCER_$name is no setting, and PgBouncer would print it. Remove it." ;; esac
    printf '%s = %s\n' "$(printf %s "$name" | tr '[:upper:]' '[:lower:]')" "$(printenv "PGBOUNCER_$name")"
  done
  if grep -Eiqs '^[[:space:]]*\[pgbouncer\]' custom.ini; then refuse 'custom.ini has a line [pgbouncer], a reset. Remove it.'; fi
  if [ -e custom.ini ]; then printf '%%include %s/custom.ini\n' "$PWD"; fi
  printf '\n[databases]\n'
  #<databases>
  for entry in ${PGBOUNCER_DATABASES:-}; do # name=host:port
    server=${entry#*=}
    list_database "${entry%%=*}" "${server%:*}" "${server##*:}"
  done
  if [ -n "${PGBOUNCER_DATABASES:-}" ]; then return; fi
  #</databases>
  list_database '*' "${PGBOUNCER_UPSTREAM_HOST:?is the Postgres server}" "${PGBOUNCER_UPSTREAM_PORT:-5432}"
}
#<!processes>
{ printf '[pgbouncer]\nunix_socket_dir =\n' && render; } >pgbouncer.ini
unset POSTGRES_PASSWORD
exec pgbouncer pgbouncer.ini
#</!processes>
#<processes>
case ${PGBOUNCER_PROCESSES:-} in '' | *[!0-9]* | 0*) refuse 'PGBOUNCER_PROCESSES is no number of processes. Set it.' ;; esac
# Several processes share the port: the kernel spreads clients over them, a request to cancel finds its way by peer and socket.
rm -rf [0-9]*
render >settings.ini
for number in $(seq "$PGBOUNCER_PROCESSES"); do
  mkdir "$number"
  printf '[pgbouncer]\nso_reuseport = 1\npeer_id = %s\nunix_socket_dir = %s\n%%include %s\n[peers]\n' "$number" "$PWD/$number" "$PWD/settings.ini" >"$number/pgbouncer.ini"
  for peer in $(seq "$PGBOUNCER_PROCESSES"); do
    printf '%s = host=%s port=%s\n' "$peer" "$PWD/$peer" "$PGBOUNCER_PORT" >>"$number/pgbouncer.ini"
  done
done
unset POSTGRES_PASSWORD
exec supervise.sh "$PGBOUNCER_PROCESSES"
#</processes>
