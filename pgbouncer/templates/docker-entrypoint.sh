#!/bin/sh
# Renders pgbouncer.ini, userlist.txt and pgpass from the environment, then becomes PgBouncer.
#
# Nothing secret is printed or put on a command line: printf and case are built into the shell,
# and sed reads from a pipe. There is no pidfile (after a kill it would stop the next start, since
# PID 1 is always alive) and no logfile (PgBouncer then logs to stderr, where `docker logs` looks).
# Plain POSIX sh: bash, dash and busybox ash must give the same bytes. So no `echo` and no pipefail.
set -eu
set -f # names and passwords may hold * and ?

newline='
'
carriage_return=$(printf '\r')

warn() { printf 'pgbouncer entrypoint: warning: %s\n' "$1" >&2; }

refuse() { # what is wrong, what to do
  printf 'pgbouncer entrypoint: refused: %s. %s\n' "$1" "$2" >&2
  exit 1
}

require_one_line() { # name, value
  case $2 in
    *"$newline"* | *"$carriage_return"*) refuse "$1 contains a line break" 'Remove it: PgBouncer reads one line per value.' ;;
  esac
}

# Sets $value to the setting itself, or to the content of the file that NAME_FILE points at.
read_setting() { # name, value of NAME, value of NAME_FILE
  if [ -n "$2" ] && [ -n "$3" ]; then refuse "$1 and $1_FILE are both set" 'Keep one of them.'; fi
  value=$2
  if [ -n "$3" ]; then
    if [ ! -f "$3" ] || [ ! -r "$3" ]; then refuse "$1_FILE: $3 cannot be read by uid $(id -u)" 'Mount the secret there and make it readable for that user.'; fi
    value=$(cat -- "$3")
  fi
  require_one_line "$1" "$value"
}

require_number() { # name, value, least, most
  case $2 in
    '' | *[!0-9]* | ??????????*) refuse "$1 must be a number, not '$2'" "Use a whole number from $3 to $4." ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then refuse "$1=$2 is out of range" "Use a whole number from $3 to $4."; fi
}

require_word() { # name, value, allowed words
  for allowed in $3; do
    if [ "$2" = "$allowed" ]; then return 0; fi
  done
  refuse "$1 must not be '$2'" "Use one of: $3."
}

# --- settings -------------------------------------------------------------------------------------

sizes=999999999
upstream_host=${PGBOUNCER_UPSTREAM_HOST:-}
upstream_port=${PGBOUNCER_UPSTREAM_PORT:-5432}
listen_addr=${PGBOUNCER_LISTEN_ADDR:-0.0.0.0}
port=${PGBOUNCER_PORT:-6432}
auth_type=${PGBOUNCER_AUTH_TYPE:-scram-sha-256}
auth_query=${PGBOUNCER_AUTH_QUERY:-false}
pool_mode=${PGBOUNCER_POOL_MODE:-transaction}
default_pool_size=${PGBOUNCER_DEFAULT_POOL_SIZE:-20}
min_pool_size=${PGBOUNCER_MIN_POOL_SIZE:-0}
reserve_pool_size=${PGBOUNCER_RESERVE_POOL_SIZE:-5}
reserve_pool_timeout=${PGBOUNCER_RESERVE_POOL_TIMEOUT:-3}
max_client_conn=${PGBOUNCER_MAX_CLIENT_CONN:-500}
max_db_connections=${PGBOUNCER_MAX_DB_CONNECTIONS:-0}
max_prepared_statements=${PGBOUNCER_MAX_PREPARED_STATEMENTS:-200}
server_login_retry=${PGBOUNCER_SERVER_LOGIN_RETRY:-3}
# Empty: PgBouncer's own default holds.
query_wait_timeout=${PGBOUNCER_QUERY_WAIT_TIMEOUT:-}
idle_transaction_timeout=${PGBOUNCER_IDLE_TRANSACTION_TIMEOUT:-}
server_idle_timeout=${PGBOUNCER_SERVER_IDLE_TIMEOUT:-}
ignore_startup_parameters=${PGBOUNCER_IGNORE_STARTUP_PARAMETERS:-}
connect_query=${PGBOUNCER_CONNECT_QUERY:-}
directory=${PGBOUNCER_RUNTIME_DIR:-/run/pgbouncer}
conf_directory=${PGBOUNCER_CONF_DIR:-/etc/pgbouncer/conf.d}

read_setting POSTGRES_USER "${POSTGRES_USER:-}" "${POSTGRES_USER_FILE:-}"
user=$value
read_setting POSTGRES_PASSWORD "${POSTGRES_PASSWORD:-}" "${POSTGRES_PASSWORD_FILE:-}"
password=$value
read_setting POSTGRES_DB "${POSTGRES_DB:-}" "${POSTGRES_DB_FILE:-}" # only the health check uses it; here it is checked
stats_users=${PGBOUNCER_STATS_USERS:-$user}

# --- refusals -------------------------------------------------------------------------------------

if [ -z "$upstream_host" ]; then refuse 'PGBOUNCER_UPSTREAM_HOST is not set' 'Set it to the host name of the Postgres server.'; fi
case $upstream_host in
  *[[:space:]]*) refuse 'PGBOUNCER_UPSTREAM_HOST contains white space' 'Set it to one host name or address.' ;;
esac
# The same default as that of the postgres image.
if [ -z "$user" ]; then user=postgres; fi

require_number PGBOUNCER_UPSTREAM_PORT "$upstream_port" 1 65535
require_number PGBOUNCER_PORT "$port" 1 65535
require_number PGBOUNCER_DEFAULT_POOL_SIZE "$default_pool_size" 1 $sizes
require_number PGBOUNCER_MIN_POOL_SIZE "$min_pool_size" 0 $sizes
require_number PGBOUNCER_RESERVE_POOL_SIZE "$reserve_pool_size" 0 $sizes
require_number PGBOUNCER_RESERVE_POOL_TIMEOUT "$reserve_pool_timeout" 0 $sizes
require_number PGBOUNCER_MAX_CLIENT_CONN "$max_client_conn" 1 $sizes
require_number PGBOUNCER_MAX_DB_CONNECTIONS "$max_db_connections" 0 $sizes
require_number PGBOUNCER_MAX_PREPARED_STATEMENTS "$max_prepared_statements" 0 $sizes
require_number PGBOUNCER_SERVER_LOGIN_RETRY "$server_login_retry" 0 $sizes
require_number PGBOUNCER_QUERY_WAIT_TIMEOUT "${query_wait_timeout:-0}" 0 $sizes
require_number PGBOUNCER_IDLE_TRANSACTION_TIMEOUT "${idle_transaction_timeout:-0}" 0 $sizes
require_number PGBOUNCER_SERVER_IDLE_TIMEOUT "${server_idle_timeout:-0}" 0 $sizes
require_word PGBOUNCER_POOL_MODE "$pool_mode" 'transaction session statement'
require_word PGBOUNCER_AUTH_TYPE "$auth_type" 'scram-sha-256 md5 trust'
require_word PGBOUNCER_AUTH_QUERY "$auth_query" 'true false'
require_one_line PGBOUNCER_LISTEN_ADDR "$listen_addr"
require_one_line PGBOUNCER_STATS_USERS "$stats_users"
require_one_line PGBOUNCER_IGNORE_STARTUP_PARAMETERS "$ignore_startup_parameters"
require_one_line PGBOUNCER_CONNECT_QUERY "$connect_query"

if [ -z "$password" ] && [ "$auth_type" != trust ]; then
  refuse 'the password is empty' 'Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE (only PGBOUNCER_AUTH_TYPE=trust works without).'
fi
if [ "$(printf %s "$password" | wc -c)" -gt 996 ]; then
  refuse 'the password is longer than 996 bytes' 'Use a shorter one: PgBouncer before 1.26 cuts it off.'
fi
# PgBouncer takes such a value for a stored hash and would never send it to the server as a password.
if printf %s "$password" | LC_ALL=C grep -Eq '^md5[0-9a-f]{32}$|^SCRAM-SHA-256\$'; then
  refuse 'the password looks like a stored hash (md5… or SCRAM-SHA-256$…)' 'Give the password itself, or choose another one.'
fi

# One typo, or one variable that feeds both the app and the pooler, and it would connect to itself.
refuse_self() { # which name or address gave it away
  refuse "PGBOUNCER_UPSTREAM_HOST=$upstream_host with port $upstream_port is PgBouncer itself ($1)" 'Set PGBOUNCER_UPSTREAM_HOST and PGBOUNCER_UPSTREAM_PORT to the Postgres server.'
}

addresses_of() { # host
  getent hosts "$1" 2>/dev/null | sed 's/[[:space:]].*//' | tr '\n' ' '
}

require_other_server() {
  if [ "$upstream_port" -ne "$port" ]; then return 0; fi
  host=$(printf %s "$upstream_host" | tr '[:upper:]' '[:lower:]')
  self=$(uname -n | tr '[:upper:]' '[:lower:]')
  case $host in
    localhost | 127.* | ::1 | 0.0.0.0) refuse_self 'localhost' ;;
  esac
  for name in "$self" ${PGBOUNCER_SELF_NAMES:-pgbouncer}; do
    if [ "$host" = "$name" ]; then refuse_self "its own name"; fi
  done
  if ! command -v getent >/dev/null 2>&1; then return 0; fi
  own=$(addresses_of "$self")
  for address in $(addresses_of "$host"); do
    case " 127.0.0.1 ::1 $own" in
      *" $address "*) refuse_self "$address is its own address" ;;
    esac
  done
}
require_other_server

# Side is SERVER (towards Postgres) or CLIENT (towards the applications). Sets $value to ini lines.
read_tls() { # SIDE, key prefix, sslmode, cert file, key file, ca file
  value=
  if [ -z "$3" ]; then return 0; fi
  require_word "PGBOUNCER_$1_TLS_SSLMODE" "$3" 'disable allow prefer require verify-ca verify-full'
  if [ "$1" = CLIENT ] && [ "$3" != disable ]; then
    if [ -z "$4" ] || [ -z "$5" ]; then refuse "PGBOUNCER_CLIENT_TLS_SSLMODE=$3 needs a certificate" 'Set PGBOUNCER_CLIENT_TLS_CERT_FILE and PGBOUNCER_CLIENT_TLS_KEY_FILE.'; fi
  fi
  for file in "$4" "$5" "$6"; do
    require_one_line "a PGBOUNCER_$1_TLS file name" "$file"
    if [ -n "$file" ] && [ ! -r "$file" ]; then refuse "TLS file $file cannot be read by uid $(id -u)" 'Mount it there and make it readable for that user.'; fi
  done
  value="$2_tls_sslmode = $3"
  if [ -n "$4" ]; then value="$value$newline$2_tls_cert_file = $4"; fi
  if [ -n "$5" ]; then value="$value$newline$2_tls_key_file = $5"; fi
  if [ -n "$6" ]; then value="$value$newline$2_tls_ca_file = $6"; fi
}
read_tls SERVER server "${PGBOUNCER_SERVER_TLS_SSLMODE:-}" "${PGBOUNCER_SERVER_TLS_CERT_FILE:-}" "${PGBOUNCER_SERVER_TLS_KEY_FILE:-}" "${PGBOUNCER_SERVER_TLS_CA_FILE:-}"
server_tls=$value
read_tls CLIENT client "${PGBOUNCER_CLIENT_TLS_SSLMODE:-}" "${PGBOUNCER_CLIENT_TLS_CERT_FILE:-}" "${PGBOUNCER_CLIENT_TLS_KEY_FILE:-}" "${PGBOUNCER_CLIENT_TLS_CA_FILE:-}"
client_tls=$value

# --- the installed version ------------------------------------------------------------------------

# E.g.: "PgBouncer 1.24.1" → 1024001. An unknown key in the ini is fatal, so newer keys depend on it.
version_text=$(pgbouncer --version 2>/dev/null | sed -n 's/^PgBouncer \([0-9][0-9.]*\).*/\1/p')
major=${version_text%%.*}
rest=${version_text#*.}
minor=${rest%%.*}
patch=${rest#"$minor"}
patch=${patch#.}
case "$major:$minor:${patch:=0}" in
  *[!0-9:]* | :* | *::*) refuse 'pgbouncer --version gives no version' 'Check that PgBouncer is installed in the image and is in PATH.' ;;
esac
version=$((major * 1000000 + minor * 1000 + patch))

if [ "$version" -lt 1021000 ]; then
  max_prepared_statements=
  warn "PgBouncer $version_text has no max_prepared_statements (needs 1.21): turn off prepared statements in every driver, or clients may read each other's results."
fi
case $ignore_startup_parameters in
  *extra_float_digits*)
    case $ignore_startup_parameters in
      *options*) ;;
      *)
        if [ "$version" -ge 1020000 ] && [ "$version" -lt 1026001 ]; then
          warn "PgBouncer $version_text can be frozen by anyone who reaches it when extra_float_digits is ignored alone (CVE-2026-107349): upgrade to 1.26.1, or use 'extra_float_digits, options'."
        fi
        ;;
    esac
    ;;
esac

# --- rendering ------------------------------------------------------------------------------------

double() { # character, text: every such character doubled (it has no special meaning to sed)
  printf %s "$2" | LC_ALL=C sed "s/$1/$1$1/g"
}

put() { # key, value: an empty one is left to PgBouncer's default
  if [ -n "$2" ]; then printf '%s = %s\n' "$1" "$2"; fi
}

# The user's own settings. To PgBouncer a second [pgbouncer] line means all its defaults again. So a file
# without a section line is included in that section, and one with another section after it.
include_settings() { # plain or sections
  set +f
  for file in "$conf_directory"/*.ini; do
    if [ ! -e "$file" ]; then continue; fi
    if [ ! -r "$file" ]; then refuse "$file cannot be read by uid $(id -u)" 'Make it readable for that user.'; fi
    if grep -Eiq '^[[:space:]]*\[pgbouncer\]' "$file"; then
      refuse "$file has a line [pgbouncer], which would reset all generated settings" 'Remove that line: a file without a section line already belongs to [pgbouncer].'
    fi
    kind=plain
    if grep -q '^[[:space:]]*\[' "$file"; then kind=sections; fi
    if [ "$kind" = sections ] && ! grep -Ev '^[[:space:]]*([;#].*)?$' "$file" | sed -n '1p' | grep -q '^[[:space:]]*\['; then
      refuse "$file has settings before its first section line" 'Move them to a file of their own.'
    fi
    if [ "$kind" = "$1" ]; then printf '%%include %s\n' "$file"; fi
  done
  set -f
}

render_ini() {
  printf '[pgbouncer]\n'
  put listen_addr "$listen_addr"
  put listen_port "$port"
  printf 'unix_socket_dir =\n'
  put auth_type "$auth_type"
  put auth_file "$directory/userlist.txt"
  if [ "$auth_query" = true ]; then
    put auth_user "$user"
    # Fully qualified, operators too: a search_path must not be able to change what it calls.
    # rolvaliduntil: PgBouncer checks the password itself, so nobody else would see that it expired.
    # shellcheck disable=SC2016 # $1 is PgBouncer's
    put auth_query 'SELECT rolname, CASE WHEN rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolcanlogin'
  fi
  put stats_users "$stats_users"
  put pool_mode "$pool_mode"
  put max_prepared_statements "$max_prepared_statements"
  put default_pool_size "$default_pool_size"
  put min_pool_size "$min_pool_size"
  put reserve_pool_size "$reserve_pool_size"
  put reserve_pool_timeout "$reserve_pool_timeout"
  put max_client_conn "$max_client_conn"
  put max_db_connections "$max_db_connections"
  put query_wait_timeout "$query_wait_timeout"
  put idle_transaction_timeout "$idle_transaction_timeout"
  put server_idle_timeout "$server_idle_timeout"
  put server_login_retry "$server_login_retry"
  put ignore_startup_parameters "$ignore_startup_parameters"
  # The health check connects every few seconds; logging each would bury everything else.
  printf 'log_connections = 0\nlog_disconnections = 0\n'
  if [ -n "$server_tls" ]; then printf '%s\n' "$server_tls"; fi
  if [ -n "$client_tls" ]; then printf '%s\n' "$client_tls"; fi
  include_settings plain # last, so that the user's own settings win
  printf '\n[databases]\n'
  printf "* = host='%s' port=%s" "$(double "'" "$upstream_host")" "$upstream_port"
  if [ -n "$connect_query" ]; then printf " connect_query='%s'" "$(double "'" "$connect_query")"; fi
  printf '\n'
  include_settings sections
}

render_userlist() { # a doubled quote is the only escape that PgBouncer knows here
  printf '"%s" "%s"\n' "$(double '"' "$user")" "$(double '"' "$password")"
}

render_pgpass() { # for psql inside this container: health check, SHOW POOLS
  escaped_user=$(printf %s "$user" | LC_ALL=C sed 's/[\\:]/\\&/g')
  escaped_password=$(printf %s "$password" | LC_ALL=C sed 's/[\\:]/\\&/g')
  printf '*:*:*:%s:%s\n' "$escaped_user" "$escaped_password"
}

umask 077
mkdir -p "$directory" 2>/dev/null || :
if [ ! -d "$directory" ] || [ ! -w "$directory" ]; then
  refuse "$directory cannot be written by uid $(id -u)" 'Mount a tmpfs there that belongs to this user, or set PGBOUNCER_RUNTIME_DIR.'
fi
# Removed first: a file left by an earlier start would keep its mode.
rm -f "$directory/pgbouncer.ini" "$directory/userlist.txt" "$directory/pgpass"
render_ini >"$directory/pgbouncer.ini"
render_userlist >"$directory/userlist.txt"
render_pgpass >"$directory/pgpass"

# PgBouncer starts without any user too, and then rejects everybody.
if ! LC_ALL=C grep -q '^"..*" ".*"$' "$directory/userlist.txt"; then
  refuse "$directory/userlist.txt holds no user" 'Check that there is space left, and POSTGRES_USER.'
fi

if [ "${PGBOUNCER_DRY_RUN:-}" = 1 ]; then
  printf '%s\n' "$directory/pgbouncer.ini" "$directory/userlist.txt" "$directory/pgpass"
  exit 0
fi

unset POSTGRES_PASSWORD # it is in userlist.txt now; PgBouncer's own environment need not show it
exec pgbouncer "$directory/pgbouncer.ini"
