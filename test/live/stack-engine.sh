#!/bin/sh
# Process 1 of namespaces of its own (mounts, network, processes): a podman service that no other podman of the machine
# shares anything with, and of which nothing stays. It ends when its standard input does: when the test says so, and also
# when the test is killed. The kernel then takes processes, mounts and networks; we take the rest.
#
# Usage: stack-engine.sh DIRECTORY RUNTIME, with CONTAINERS_CONF and CONTAINERS_STORAGE_CONF set.
set -eu
directory=$1
runtime=$2

mkdir -p /var/lib/containers /etc/containers/networks
for path in /run /dev/shm /var/lib/containers /etc/containers/networks; do mount -t tmpfs tmpfs "$path"; done
mkdir -m 1777 /var/lib/containers/tmp
export TMPDIR=/var/lib/containers/tmp
ip link set lo up

podman --runtime "$runtime" system service --time 0 "unix://$directory/podman.sock" &
cat >/dev/null || :

kill -KILL -1 2>/dev/null || :
# A group is busy until the kernel is done with its processes.
tries=0
while [ "$tries" -lt 150 ]; do
  left=$(for path in /var/lib/containers/storage/overlay-containers/*/; do
    find /sys/fs/cgroup -depth -type d -name "*$(basename "$path")*" ! -exec rmdir {} \; -print 2>/dev/null
  done)
  if [ -z "$left" ]; then break; fi
  tries=$((tries + 1))
  sleep 0.1
done
# Named alike for every podman, so these only go if nobody else uses them.
rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent /sys/fs/cgroup/libpod_parent/conmon \
  /sys/fs/cgroup/libpod_parent 2>/dev/null || :
rm -rf "$directory"
