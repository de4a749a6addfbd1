#!/bin/bash
# Usage: down.sh [--wipe]. Nothing runs here but what a test starts and ends; --wipe removes the unpacked Asterisk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
down "$@"
