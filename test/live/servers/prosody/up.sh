#!/bin/bash
# Prosody on 127.0.0.1; prints READY when it answers. Usage: up.sh [--no-install] [--second]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"
[ -z "$install" ] || install prosody lua-sec openssl
if running "$run"; then echo 'READY already'; exit; fi
mkdir -p "$run/data"
certificates "$run/certs" prosody.test plain.prosody.test anon.prosody.test conference.prosody.test pubsub.prosody.test \
  comp.prosody.test asterisk.prosody.test wire.prosody.test
configured <"$here/prosody.cfg.lua.in" >"$run/prosody.cfg.lua"
if [ -z "$second" ] && [ ! -e "$run/users.done" ]; then
  for host in prosody.test plain.prosody.test; do
    for user in alice bob carol admin; do
      prosodyctl --config "$run/prosody.cfg.lua" register $user $host secret-$user >>"$run/register.log" 2>&1
    done
  done
  touch "$run/users.done"
fi
launch "$run" "$(configured <<<'17022 17023 17047')" prosody -F --config "$run/prosody.cfg.lua"
echo READY
