#!/bin/bash
# Usage: run.sh RUN TOKENS_PORT. Prosody, and who tells it which OAuth tokens are valid; when one of them ends, so does the other.
node "$(dirname "$0")/tokens.js" "$2" "$1/certs" &
prosody -F --config "$1/prosody.cfg.lua" &
wait -n
kill 0
