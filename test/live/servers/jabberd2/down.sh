#!/bin/bash
# Usage: down.sh [--second] [--wipe]. Stops the server politely; see `down` in lib.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
down "$@"
