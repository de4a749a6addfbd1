#!/bin/bash
# Stops the server politely, and a second one with it; --wipe also removes users, certificates and logs. With --second
# all this is for the second one alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"
[ -n "$second" ] || stop "$run/second"
stop "$run"
[ -z "$wipe" ] || rm -rf "$run"
