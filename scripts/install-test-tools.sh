#!/bin/sh
# Installs what the tests use besides Node: git, psycopg2 (libpq as an oracle), shells, and docker-compose v2.
# Debian only, as root; uses the mirror that the machine is set up with. Prints the path of docker-compose.
set -eu

cache=${1:?usage: install-test-tools.sh CACHE-DIRECTORY}
mkdir -p "$cache"

need() {
  for package in "$@"; do dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || return 0; done
  return 1
}

packages='git python3-psycopg2 shellcheck dash busybox util-linux'
# shellcheck disable=SC2086
if need $packages; then
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
fi

# docker-compose v2 came with trixie; its binary runs on bookworm too (it needs glibc 2.34).
binary=$cache/root/usr/libexec/docker/cli-plugins/docker-compose
if [ ! -x "$binary" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(URIs:|deb( \[[^]]*\])?)[[:space:]]+(https?:[^[:space:]]+).*/\3/p' | grep -v security | head -n 1)
  work=$(cd "$cache" && pwd)/apt
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$work/sources.list"
  cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Dir::State::status "/dev/null";
APT::Sandbox::User "root";
END
  APT_CONFIG=$work/apt.conf apt-get update -qq >&2
  (cd "$work/debs" && APT_CONFIG=$work/apt.conf apt-get download -qq docker-compose >&2)
  dpkg -x "$work"/debs/docker-compose_*.deb "$cache/root"
fi
echo "$binary"
