# Prints what the installed PgBouncer does not know in a file of conf.d, at most one line. To PgBouncer itself an
# unknown key is fatal. Values are not looked at. Called by docker-entrypoint.sh:
#   awk -v installed=1024 -v text=1.24.1 -v file=NAME -f known-keys.awk NAME
#
# A number after a key is the version that brought it (:1019 is 1.19) or, negative, that removed it.
# From the source of each release (src/main.c, src/loader.c).
BEGIN {
  newest = 1026 # of a later version nothing is said about keys that are not here
  learn("pgbouncer",
    "admin_users application_name_add_host auth_dbname:1019 auth_file auth_hba_file auth_ident_file:1023 " \
    "auth_ldap_options:1025 auth_query auth_type auth_user autodb_idle_timeout cancel_wait_timeout:1019 " \
    "client_idle_timeout client_login_timeout client_tls13_ciphers:1025 client_tls_ca_file client_tls_cert_file " \
    "client_tls_ciphers client_tls_dheparams client_tls_ecdhcurve client_tls_key_file client_tls_protocols " \
    "client_tls_sslmode conffile default_pool_size disable_pqexec dns_max_ttl dns_nxdomain_ttl " \
    "dns_zone_check_period idle_transaction_timeout ignore_startup_parameters job_name listen_addr listen_backlog " \
    "listen_port log_connections log_disconnections log_pooler_errors log_stats logfile login_notify_message:1026 " \
    "max_client_conn max_db_client_connections:1024 max_db_connections max_packet_size " \
    "max_prepared_statements:1021 max_user_client_connections:1024 max_user_connections min_pool_size peer_id:1019 " \
    "pidfile pkt_buf pool_idle_timeout:1026 pool_mode query_timeout query_wait_notify:1025 query_wait_timeout " \
    "reserve_pool_size reserve_pool_timeout resolv_conf sbuf_loopcnt scram_iterations:1025 server_check_delay " \
    "server_check_query server_connect_timeout server_fast_close server_idle_timeout server_lifetime " \
    "server_login_retry server_reset_query server_reset_query_always server_round_robin server_tls13_ciphers:1025 " \
    "server_tls_ca_file server_tls_cert_file server_tls_ciphers server_tls_key_file server_tls_protocols " \
    "server_tls_sslmode service_name so_reuseport stats_period stats_users suspend_timeout:-1026 syslog " \
    "syslog_facility syslog_ident tcp_defer_accept tcp_keepalive tcp_keepcnt tcp_keepidle tcp_keepintvl " \
    "tcp_socket_buffer tcp_user_timeout track_extra_parameters:1020 transaction_timeout:1025 unix_socket_dir " \
    "unix_socket_group unix_socket_mode user verbose ")
  learn("databases",
    "application_name auth_dbname:1019 auth_query:1022 auth_user client_encoding connect_query datestyle dbname " \
    "host load_balance_hosts:1024 max_db_client_connections:1024 max_db_connections min_pool_size password " \
    "pool_mode pool_size port query_wait_timeout:1026 reserve_pool reserve_pool_size:1024 server_lifetime:1023 " \
    "timezone user ")
  learn("users",
    "client_idle_timeout:1024 idle_transaction_timeout:1024 max_user_client_connections:1024 max_user_connections " \
    "pool_mode pool_size:1023 query_timeout:1024 query_wait_timeout:1026 reserve_pool_size:1024 " \
    "transaction_timeout:1025 ")
  learn("peers", "host pool_size port")
  section = "pgbouncer"
}

function learn(section, list, n, i, word, parts) {
  n = split(list, word, " ")
  for (i = 1; i <= n; i++) {
    split(word[i], parts, ":")
    since[section, parts[1]] = parts[2] + 0
  }
}

function name(number) { return int(number / 1000) "." number % 1000 }

function stop(problem) {
  print file ", line " NR ": " problem
  exit
}

function check(key) {
  if (!((section, key) in since)) {
    if (installed <= newest) stop("PgBouncer " text " has no " key " in [" section "]")
  } else if (since[section, key] > installed)
    stop(key " in [" section "] needs PgBouncer " name(since[section, key]) ", and this is " text)
  else if (since[section, key] < 0 && installed >= -since[section, key])
    stop(key " in [" section "] was removed in PgBouncer " name(-since[section, key]) ", and this is " text)
}

{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
/^([;#%]|$)/ { next }

/^\[/ {
  section = $0
  gsub(/^\[|\].*/, "", section)
  if (section == "peers" && installed < 1019) stop("[peers] needs PgBouncer 1.19, and this is " text)
  if (section !~ /^(databases|users|peers)$/) stop("there is no section [" section "]")
  next
}

section == "pgbouncer" {
  key = $0
  sub(/[ \t]*=.*/, "", key)
  check(key)
  next
}

# E.g.: reports = host=postgres connect_query='SET a=1' pool_size=5
{
  rest = $0
  sub(/^[^=]*=/, "", rest)
  gsub(/'[^']*'/, "?", rest)
  while (match(rest, /[A-Za-z_]+[ \t]*=/)) {
    key = substr(rest, RSTART, RLENGTH - 1)
    sub(/[ \t]+$/, "", key)
    rest = substr(rest, RSTART + RLENGTH)
    sub(/^[ \t]*[^ \t]*/, "", rest)
    check(key)
  }
}
