#!/bin/sh
# Builds the program as an image: sh scripts/build-image.sh [IMAGE], with a built dist. ENGINE is docker, or another program
# that builds as it does (podman). Needs the npm registry and Debian's packages. The same for a published version:
# PACKAGE=pool-migrate@0.1.0 sh scripts/build-image.sh
set -eu

image=${1:-pool-migrate}
root=$(cd "$(dirname "$0")/.." && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

if [ -z "${PACKAGE:-}" ]; then
  (cd "$root" && npm pack --silent --ignore-scripts --pack-destination "$context" >/dev/null)
  PACKAGE=$(find "$context" -name '*.tgz')
fi
npm install --silent --no-audit --no-fund --ignore-scripts --no-save --prefix "$context" "$PACKAGE"
"${ENGINE:-docker}" build --tag "$image" --file "$root/scripts/Dockerfile" "$context"
