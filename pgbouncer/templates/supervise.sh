#!/bin/sh
# PID 1 where several PgBouncer processes share one port: every signal goes to all of them. When one dies by itself, all end, so
# that the container starts anew. Started by docker-entrypoint.sh, in the directory that has one for each process.
set -eu

pids=
stopping=

forward() { # signal
  case $1 in HUP) ;; *) stopping=yes ;; esac
  # shellcheck disable=SC2086 # a list
  kill -s "$1" $pids 2>/dev/null || :
}

pause() { # a second, or less when a signal comes
  sleep 1 &
  wait $! || :
}

for signal in HUP INT QUIT TERM; do
  # shellcheck disable=SC2064 # expanded now
  trap "forward $signal" "$signal"
done
for number in $(seq "$1"); do
  pgbouncer "$number/pgbouncer.ini" &
  pids="$pids $!"
done
all_run=yes
while [ "$all_run" = yes ]; do
  pause
  for pid in $pids; do kill -0 "$pid" 2>/dev/null || all_run=no; done
done
status=0
seconds_left=-1 # a stop that was asked for waits for transactions as long as they take
if [ -z "$stopping" ]; then
  printf 'pgbouncer entrypoint: a PgBouncer process has ended, so the others end too\n' >&2
  forward INT
  status=1
  seconds_left=10
fi
for pid in $pids; do
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$seconds_left" -eq 0 ]; then forward KILL; fi
    seconds_left=$((seconds_left - 1))
    pause
  done
  wait "$pid" || status=1
done
exit "$status"
