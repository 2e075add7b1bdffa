#!/bin/sh
# Gives debian:trixie-slim a package source of its own, so that the generated Dockerfile and ours build without a network:
# the packages that they name and all that they need, fetched from the real mirror.
set -eu

root=$1
repository=$root/srv/debian
chroot "$root" apt-get clean
chroot "$root" apt-get install -qq -y --no-install-recommends --download-only pgbouncer postgresql-client git nodejs
mkdir -p "$repository"
mv "$root"/var/cache/apt/archives/*.deb "$repository"
cd "$repository"
for file in *.deb; do
  dpkg-deb --field "$file"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"
done >Packages
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/debian ./' >"$root/etc/apt/sources.list"
echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/docker-no-languages"
