#!/bin/sh
# Renders pgbouncer.ini, userlist.txt and pgpass from the environment, then becomes PgBouncer.
#
# Nothing secret is printed or put on a command line: printf and case are built into the shell,
# and sed reads from a pipe. There is no pidfile (after a kill it would stop the next start, since
# PID 1 is always alive) and no logfile (PgBouncer then logs to stderr, where `docker logs` looks).
# Plain POSIX sh: bash, dash and busybox ash must give the same bytes. So no `echo` and no pipefail.
#
# POSTGRES_USER, POSTGRES_PASSWORD          who may log in; the same name and password go to Postgres
# PGBOUNCER_USER_2, PGBOUNCER_PASSWORD_2    a further user, then _3 and so on. All these also as NAME_FILE
# PGBOUNCER_UPSTREAM_HOST and _PORT         the Postgres server, or for several:
# PGBOUNCER_DATABASES                       name=host[:port][/name there], separated by spaces; *=host is any other
# PGBOUNCER_PROCESSES                       as many PgBouncers share the port (1.19 and later), each with its own pools
set -eu
set -f # names and passwords may hold * and ?

here=$(dirname "$0")
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

# Sets $value. The x keeps line breaks at the end, which $() would swallow.
read_variable() { # name
  value=$(printenv "$1" && printf x) || value=
  value=${value%x}
  value=${value%"$newline"}
}

# Sets $value to the setting itself, or to the content of the file that NAME_FILE points at.
read_setting() { # name
  read_variable "$1_FILE"
  file=$value
  read_variable "$1"
  if [ -n "$value" ] && [ -n "$file" ]; then refuse "$1 and $1_FILE are both set" 'Keep one of them.'; fi
  if [ -n "$file" ]; then
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then refuse "$1_FILE: $file cannot be read by uid $(id -u)" 'Mount the secret there and make it readable for that user.'; fi
    value=$(cat -- "$file")
  fi
  require_one_line "$1" "$value"
}

# A misspelt name would go unnoticed. HOST and BYPASS are the applications'.
warn_of_unread() {
  read_here='UPSTREAM_HOST UPSTREAM_PORT DATABASES PROCESSES LISTEN_ADDR PORT AUTH_TYPE AUTH_QUERY STATS_USERS POOL_MODE
    DEFAULT_POOL_SIZE MIN_POOL_SIZE RESERVE_POOL_SIZE RESERVE_POOL_TIMEOUT MAX_CLIENT_CONN MAX_DB_CONNECTIONS
    MAX_PREPARED_STATEMENTS SERVER_LOGIN_RETRY QUERY_WAIT_TIMEOUT IDLE_TRANSACTION_TIMEOUT SERVER_IDLE_TIMEOUT
    IGNORE_STARTUP_PARAMETERS CONNECT_QUERY SELF_NAMES RUNTIME_DIR CONF_DIR DRY_RUN HOST BYPASS
    SERVER_TLS_SSLMODE SERVER_TLS_CERT_FILE SERVER_TLS_KEY_FILE SERVER_TLS_CA_FILE
    CLIENT_TLS_SSLMODE CLIENT_TLS_CERT_FILE CLIENT_TLS_KEY_FILE CLIENT_TLS_CA_FILE'
  for name in $(printenv | sed -nE 's/^PGBOUNCER_([A-Z0-9_]+)=.+/\1/p'); do
    case " $read_here " in
      *[[:space:]]"$name"[[:space:]]*) continue ;;
    esac
    case $name in
      USER_[0-9]* | PASSWORD_[0-9]*) ;;
      *) warn "PGBOUNCER_$name is not a setting here and has no effect; PgBouncer's other settings go into a file in conf.d." ;;
    esac
  done
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

databases=${PGBOUNCER_DATABASES:-}
processes=${PGBOUNCER_PROCESSES:-1}

read_setting POSTGRES_USER
user=${value:-postgres} # the same default as that of the postgres image
read_setting POSTGRES_DB # only the health check uses it; here it is checked
database=${value:-$user}
stats_users=${PGBOUNCER_STATS_USERS:-$user}

# --- refusals -------------------------------------------------------------------------------------

warn_of_unread
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
require_number PGBOUNCER_PROCESSES "$processes" 1 64
require_word PGBOUNCER_POOL_MODE "$pool_mode" 'transaction session statement'
require_word PGBOUNCER_AUTH_TYPE "$auth_type" 'scram-sha-256 md5 trust'
require_word PGBOUNCER_AUTH_QUERY "$auth_query" 'true false'
require_one_line PGBOUNCER_LISTEN_ADDR "$listen_addr"
require_one_line PGBOUNCER_STATS_USERS "$stats_users"
require_one_line PGBOUNCER_IGNORE_STARTUP_PARAMETERS "$ignore_startup_parameters"
require_one_line PGBOUNCER_CONNECT_QUERY "$connect_query"

double() { # character, text: every such character doubled (it has no special meaning to sed)
  printf %s "$2" | LC_ALL=C sed "s/$1/$1$1/g"
}

userlist=
rows=

# One more line for each file. A doubled quote is the only escape that PgBouncer knows there.
add_user() { # name, password, variable of the password
  if [ -z "$2" ] && [ "$auth_type" != trust ]; then
    refuse "$3: the password is empty" "Set $3 or $3_FILE (only PGBOUNCER_AUTH_TYPE=trust works without)."
  fi
  if [ "$(printf %s "$2" | wc -c)" -gt 996 ]; then
    refuse "$3: the password is longer than 996 bytes" 'Use a shorter one: PgBouncer before 1.26 cuts it off.'
  fi
  # PgBouncer takes such a value for a stored hash and would never send it to the server as a password.
  if printf %s "$2" | LC_ALL=C grep -Eq '^md5[0-9a-f]{32}$|^SCRAM-SHA-256\$'; then
    refuse "$3: the password looks like a stored hash (md5… or SCRAM-SHA-256\$…)" 'Give the password itself, or choose another one.'
  fi
  quoted="\"$(double '"' "$1")\""
  case "$newline$userlist" in
    *"$newline$quoted \""*) refuse "$3: user $1 is there already" 'Name each user once.' ;;
  esac
  userlist="$userlist$quoted \"$(double '"' "$2")\"$newline"
  rows="$rows*:*:*:$(printf '%s:%s' "$(escape_pgpass "$1")" "$(escape_pgpass "$2")")$newline"
}

escape_pgpass() { printf %s "$1" | LC_ALL=C sed 's/[\\:]/\\&/g'; }

read_setting POSTGRES_PASSWORD
add_user "$user" "$value" POSTGRES_PASSWORD
number=2
while :; do
  read_setting "PGBOUNCER_USER_$number"
  name=$value
  read_setting "PGBOUNCER_PASSWORD_$number"
  if [ -z "$name$value" ]; then break; fi
  if [ -z "$name" ]; then refuse "PGBOUNCER_PASSWORD_$number is set, and PGBOUNCER_USER_$number is not" 'Set both.'; fi
  add_user "$name" "$value" "PGBOUNCER_PASSWORD_$number"
  number=$((number + 1))
done
further=$((number - 1))
for name in $(printenv | sed -nE 's/^(PGBOUNCER_(USER|PASSWORD)_[0-9]+)(_FILE)?=.+/\1/p'); do
  case ${name##*_} in
    0* | 1 | ??????*) ;;
    *) if [ "${name##*_}" -le "$further" ]; then continue; fi ;;
  esac
  refuse "$name is out of sequence" "Number further users 2, 3 and so on without a gap; the first is POSTGRES_USER. Number $number is missing."
done

# One typo, or one variable that feeds both the app and the pooler, and it would connect to itself.
refuse_self() { # setting, host, port, which name or address gave it away
  refuse "$1=$2 with port $3 is PgBouncer itself ($4)" "Set $1 to the Postgres server and its port."
}

addresses_of() { # host
  getent hosts "$1" 2>/dev/null | sed 's/[[:space:]].*//' | tr '\n' ' '
}

require_other_server() { # setting, host, port
  if [ "$3" -ne "$port" ]; then return 0; fi
  host=$(printf %s "$2" | tr '[:upper:]' '[:lower:]')
  self=$(uname -n | tr '[:upper:]' '[:lower:]')
  case $host in
    localhost | 127.* | ::1 | 0.0.0.0) refuse_self "$@" 'localhost' ;;
  esac
  for name in "$self" ${PGBOUNCER_SELF_NAMES:-pgbouncer}; do
    if [ "$host" = "$name" ]; then refuse_self "$@" 'its own name'; fi
  done
  if ! command -v getent >/dev/null 2>&1; then return 0; fi
  own=$(addresses_of "$self")
  for address in $(addresses_of "$host"); do
    case " 127.0.0.1 ::1 $own" in
      *" $address "*) refuse_self "$@" "$address is its own address" ;;
    esac
  done
}

# --- databases: lines of that section ---------------------------------------------------------------

database_lines=

add_database() { # name, host, port, name on the server or nothing
  line="$1 = host='$(double "'" "$2")' port=$3"
  if [ -n "$4" ]; then line="$line dbname='$(double "'" "$4")'"; fi
  if [ -n "$connect_query" ]; then line="$line connect_query='$(double "'" "$connect_query")'"; fi
  database_lines="$database_lines$line$newline"
}

refuse_entry() { # entry, what is wrong
  refuse "PGBOUNCER_DATABASES: $1: $2" 'Write entries as name=host, name=host:port or name=host:port/database, separated by spaces.'
}

# E.g.: app=postgres reports=replica:5433/app_reports *=postgres:5432
read_entry() { # entry
  name=${1%%=*}
  target=${1#*=}
  case $1 in
    =* | *= | [!=]*=*=*) refuse_entry "$1" 'the name, the host or one "=" too many' ;;
    *=*) ;;
    *) refuse_entry "$1" 'no "="' ;;
  esac
  case $name in
    '*') ;;
    pgbouncer) refuse_entry "$1" 'pgbouncer is the name of the console' ;;
    *[!A-Za-z0-9_.-]*) refuse_entry "$1" 'only letters, digits, "_", "." and "-" can be in a name (others: in conf.d)' ;;
  esac
  case "$newline$database_lines" in
    *"$newline$name = "*) refuse_entry "$1" "$name is there already" ;;
  esac
  case $target in
    */) refuse_entry "$1" 'nothing after "/"' ;;
    */*) there=${target#*/} && target=${target%%/*} ;;
    *) there= ;;
  esac
  if [ "$name" = '*' ] && [ -n "$there" ]; then refuse_entry "$1" 'the entry * passes every name on, so it has no "/database"'; fi
  case $target in
    \[*\]:*) host=${target%%\]:*} && host=${host#\[} && to_port=${target##*\]:} ;;
    \[*\]) host=${target#\[} && host=${host%\]} && to_port=$upstream_port ;;
    *:*:*) refuse_entry "$1" 'an IPv6 address goes into [ ]' ;;
    *:*) host=${target%:*} && to_port=${target#*:} ;;
    *) host=$target && to_port=$upstream_port ;;
  esac
  case $host in
    '' | *[!A-Za-z0-9_.:%-]*) refuse_entry "$1" "'$host' is no host name or address" ;;
  esac
  require_number "PGBOUNCER_DATABASES: $1: the port" "$to_port" 1 65535
  require_other_server PGBOUNCER_DATABASES "$host" "$to_port"
  add_database "$name" "$host" "$to_port" "$there"
}

if [ -n "$databases" ]; then
  for entry in $databases; do read_entry "$entry"; done
  case "$newline$database_lines" in
    *"$newline$database = "* | *"$newline* = "*) ;;
    *) warn "the health check asks for database $database (POSTGRES_DB), which PGBOUNCER_DATABASES does not have: it fails unless conf.d has it." ;;
  esac
else
  if [ -z "$upstream_host" ]; then refuse 'PGBOUNCER_UPSTREAM_HOST is not set' 'Set it to the host name of the Postgres server.'; fi
  case $upstream_host in
    *[[:space:]]*) refuse 'PGBOUNCER_UPSTREAM_HOST contains white space' 'Set it to one host name or address.' ;;
  esac
  require_other_server PGBOUNCER_UPSTREAM_HOST "$upstream_host" "$upstream_port"
  add_database '*' "$upstream_host" "$upstream_port" ''
fi
if [ -z "$database_lines" ]; then refuse 'PGBOUNCER_DATABASES has no entry' 'Name a database, or set PGBOUNCER_UPSTREAM_HOST instead.'; fi

# --- TLS --------------------------------------------------------------------------------------------

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
if [ "$processes" -gt 1 ] && [ "$version" -lt 1019000 ]; then
  refuse "PGBOUNCER_PROCESSES=$processes needs PgBouncer 1.19; this is $version_text" 'Upgrade: before, a request to cancel a query would reach the wrong process. Or set it to 1.'
fi
if [ "$processes" -gt 1 ] && [ "${#directory}" -gt 80 ]; then
  refuse "PGBOUNCER_RUNTIME_DIR=$directory is too long for the Unix sockets of several processes" 'Use a path of 80 characters at most.'
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

put() { # key, value: an empty one is left to PgBouncer's default
  if [ -n "$2" ]; then printf '%s = %s\n' "$1" "$2"; fi
}

# The user's own settings. To PgBouncer a second [pgbouncer] line means all its defaults again. So a file
# without a section line is included in that section, and one with another section after it.
has_sections() { grep -q '^[[:space:]]*\[' "$1"; } # file

require_fit() { # file
  if [ ! -r "$1" ]; then refuse "$1 cannot be read by uid $(id -u)" 'Make it readable for that user.'; fi
  if grep -Eiq '^[[:space:]]*\[pgbouncer\]' "$1"; then
    refuse "$1 has a line [pgbouncer], which would reset all generated settings" 'Remove that line: a file without a section line already belongs to [pgbouncer].'
  fi
  if has_sections "$1" && ! grep -Ev '^[[:space:]]*([;#].*)?$' "$1" | sed -n '1p' | grep -q '^[[:space:]]*\['; then
    refuse "$1 has settings before its first section line" 'Move them to a file of their own.'
  fi
  unknown=$(awk -v installed="$((version / 1000))" -v text="$version_text" -v file="$1" -f "$here/known-keys.awk" "$1")
  if [ -n "$unknown" ]; then refuse "$unknown" 'Remove it, or install a PgBouncer that has it.'; fi
  if grep -Eq '^[[:space:]]*verbose[[:space:]]*=[[:space:]]*[1-9]' "$1"; then
    warn "$1 sets verbose: PgBouncer then writes passwords into the log."
  fi
}

set +f
for file in "$conf_directory"/*.ini; do
  if [ -e "$file" ]; then require_fit "$file"; fi
done
set -f

include_settings() { # plain or sections
  set +f
  for file in "$conf_directory"/*.ini; do
    if [ ! -e "$file" ]; then continue; fi
    kind=plain
    if has_sections "$file"; then kind=sections; fi
    if [ "$kind" = "$1" ]; then printf '%%include %s\n' "$file"; fi
  done
  set -f
}

render_ini() { # number of the process, or 0 where there is only one
  printf '[pgbouncer]\n'
  put listen_addr "$listen_addr"
  put listen_port "$port"
  if [ "$1" -eq 0 ]; then
    printf 'unix_socket_dir =\n'
  else # the kernel spreads clients over the processes; a cancel request finds its way by peer_id and socket
    put unix_socket_dir "$directory/$1"
    printf 'so_reuseport = 1\n'
    put peer_id "$1"
  fi
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
  printf '\n[databases]\n%s' "$database_lines"
  if [ "$1" -ne 0 ]; then
    printf '\n[peers]\n'
    peer=1
    while [ "$peer" -le "$processes" ]; do
      printf "%s = host='%s' port=%s\n" "$peer" "$(double "'" "$directory/$peer")" "$port"
      peer=$((peer + 1))
    done
  fi
  include_settings sections
}

umask 077
mkdir -p "$directory" 2>/dev/null || :
if [ ! -d "$directory" ] || [ ! -w "$directory" ]; then
  refuse "$directory cannot be written by uid $(id -u)" 'Mount a tmpfs there that belongs to this user, or set PGBOUNCER_RUNTIME_DIR.'
fi
# Removed first: a file left by an earlier start would keep its mode.
rm -f "$directory/pgbouncer.ini" "$directory/userlist.txt" "$directory/pgpass"
number=1
while [ -d "$directory/$number" ]; do
  rm -rf "${directory:?}/$number"
  number=$((number + 1))
done
printf %s "$userlist" >"$directory/userlist.txt"
printf %s "$rows" >"$directory/pgpass"
inis=
if [ "$processes" -eq 1 ]; then
  inis=$directory/pgbouncer.ini
  render_ini 0 >"$inis"
else
  number=1
  while [ "$number" -le "$processes" ]; do
    mkdir "$directory/$number"
    render_ini "$number" >"$directory/$number/pgbouncer.ini"
    inis="$inis${inis:+$newline}$directory/$number/pgbouncer.ini"
    number=$((number + 1))
  done
fi

# PgBouncer starts without any user too, and then rejects everybody.
if ! LC_ALL=C grep -q '^"..*" ".*"$' "$directory/userlist.txt"; then
  refuse "$directory/userlist.txt holds no user" 'Check that there is space left, and POSTGRES_USER.'
fi

if [ "${PGBOUNCER_DRY_RUN:-}" = 1 ]; then
  printf '%s\n' "$inis" "$directory/userlist.txt" "$directory/pgpass"
  exit 0
fi

# The passwords are in userlist.txt now; PgBouncer's own environment need not show them.
unset POSTGRES_PASSWORD
while [ "$further" -gt 1 ]; do
  unset "PGBOUNCER_PASSWORD_$further"
  further=$((further - 1))
done
if [ "$processes" -eq 1 ]; then exec pgbouncer "$inis"; fi
exec sh "$here/supervise.sh" "$directory" "$processes"
