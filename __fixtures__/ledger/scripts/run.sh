#!/bin/sh
# Run the ledger on the host: scripts/run.sh add cash 1250
# (LF on purpose: a CRLF shebang line does not run.)
set -eu
cd "$(dirname "$0")/.."
export DATABASE_URL="${DATABASE_URL:-postgres://ledger:ledger@localhost:5544/ledger}"
exec python3 -m app.main "$@"
