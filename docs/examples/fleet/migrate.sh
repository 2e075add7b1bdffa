#!/bin/sh
# What multi-gitter and the jobs of workflow.yml run in a fresh checkout. Both commit what it leaves, and push nothing where it fails.
#   REPOSITORY  owner/name, from the engine
#   REPORTS     a folder outside of the checkouts; its path is absolute
# The exit code is that of pool-migrate: 0, or 2, 3 and 70, with which nothing may be pushed.
set -eu
report="${REPORTS:?}/${REPOSITORY:?}.json"
mkdir -p "${report%/*}"
# Empty until the run is through, so that one that dies is a row of the overview too.
: >"$report"
pool-migrate --write --reporter "json=$report"
# A fresh checkout has no ignored files but those that were just made.
git add --all --force
