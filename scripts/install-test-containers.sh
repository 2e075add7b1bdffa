#!/bin/sh
# Installs what test/live/stack.test.ts needs to run compose files for real: podman, and images that stand in for
# those of Docker Hub, made of Debian packages (test/live/stack-images says what is real in them and what is not).
# Debian only, as root; uses the mirror that the machine is set up with. The tests need no network afterwards.
# Prints the directory with the images, which a second run finds ready.
set -eu

cache=${1:?usage: install-test-containers.sh CACHE-DIRECTORY}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
recipes=$(cd "$(dirname "$0")/../test/live/stack-images" && pwd)

missing=
for package in podman runc conmon netavark aardvark-dns iptables iproute2 util-linux mmdebstrap; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

wanted=$(find "$recipes" "$0" -type f -exec sha256sum {} + | sort | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$cache/made-from" 2>/dev/null)" = "$wanted" ]; then
  echo "$cache"
  exit 0
fi
rm -rf "$cache/store" "$cache/made-from"

mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  sed -nE 's/^(URIs:|deb( \[[^]]*\])?)[[:space:]]+(https?:[^[:space:]]+).*/\3/p' | grep debian | grep -v security | head -n 1)

bootstrap() { # suite, further arguments of mmdebstrap
  suite=$1
  shift
  mmdebstrap --quiet --variant=minbase --mode=root \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$@" "$suite" "$cache/$suite.tar" "$mirror" >&2
}

# Two at a time: this mostly waits for dpkg. Without LLVM, Postgres just does not compile queries.
bootstrap trixie --customize-hook="sh '$recipes/debian/keep-packages.sh' \"\$1\"" &
trixie=$!
# shellcheck disable=SC2016 # mmdebstrap's shell expands it
bootstrap bookworm --include="$(grep -v '^#' "$recipes/bookworm-packages.txt" | paste -s -d ,)" \
  --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/llvmjit*' \
  --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/lib/postgresql/*'
wait "$trixie"

# A mount namespace, so that this podman and any other of the machine don't share locks and state.
images() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && exec "$@"' sh \
    env CONTAINERS_CONF="$recipes/containers.conf" podman --root "$cache/store" --storage-driver overlay "$@" >&2
}
images import --quiet "$cache/trixie.tar" docker.io/library/debian:trixie-slim
images import --quiet "$cache/bookworm.tar" localhost/bookworm
rm "$cache/trixie.tar" "$cache/bookworm.tar"
while read -r recipe image; do
  images build --quiet --pull-never --format docker --tag "$image" "$recipes/$recipe"
done <<END
postgres docker.io/library/postgres:15
python docker.io/library/python:3.11-slim
rabbitmq docker.io/library/rabbitmq:3.13-management
pgadmin docker.io/dpage/pgadmin4:8
END
echo "$wanted" >"$cache/made-from"
echo "$cache"
