#!/bin/bash
# Stops the server politely; --wipe also removes its users, certificates and logs.
set -eu
run=$(cd "$(dirname "$0")" && pwd)/run
. "$(dirname "$0")/../lib.sh"
stop "$run"
[ "${1:-}" != --wipe ] || rm -rf "$run"
