#!/bin/bash
# Usage: restart.sh prosody|ejabberd|jabberd2. Down, then up again, users and certificates kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/$1/down.sh"
"$here/$1/up.sh" --no-install
