#!/bin/bash
# Prosody on 127.0.0.1; prints READY when it answers. Usage: up.sh [--no-install] [--second]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"
[ -z "$install" ] || install prosody prosody-modules lua-sec openssl
if running "$run"; then echo 'READY already'; exit; fi
mkdir -p "$run/data"
certificates "$run/certs" prosody.test plain.prosody.test anon.prosody.test ext.prosody.test oauth.prosody.test \
  sasl2.prosody.test conference.prosody.test pubsub.prosody.test comp.prosody.test asterisk.prosody.test wire.prosody.test
client_certificate "$run/certs" alice@ext.prosody.test
configured <"$here/prosody.cfg.lua.in" >"$run/prosody.cfg.lua"
hosts='prosody.test plain.prosody.test sasl2.prosody.test'
if [ -z "$second" ] && [ "$(cat "$run/users.done" 2>/dev/null)" != "$hosts" ]; then
  for host in $hosts; do
    for user in alice bob carol admin; do
      prosodyctl --config "$run/prosody.cfg.lua" register $user $host secret-$user >>"$run/register.log" 2>&1
    done
  done
  echo "$hosts" >"$run/users.done"
fi
launch "$run" "$(configured <<<'17022 17023 17047 17043')" bash "$here/run.sh" "$run" "$(configured <<<17043)"
echo READY
