#!/bin/bash
# ejabberd on 127.0.0.1; prints READY when it answers. Usage: up.sh [--no-install] [--second]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"
[ -z "$install" ] || install ejabberd erlang-p1-oauth2 openssl curl
if running "$run"; then echo 'READY already'; exit; fi
mkdir -p "$run/spool" "$run/logs" "$run/conf"
certificates "$run/certs" ejabberd.test plain.ejabberd.test anon.ejabberd.test conference.ejabberd.test \
  pubsub.ejabberd.test comp.ejabberd.test asterisk.ejabberd.test wire.ejabberd.test comptls.ejabberd.test
client_certificate "$run/certs" alice@ejabberd.test
configured <"$here/ejabberd.yml.in" >"$run/conf/ejabberd.yml"
echo '{lookup, [file, native]}.' >"$run/conf/inetrc"
# ERL_DIST_PORT: no epmd, which would outlive the server. +S, +sbwt: a test peer need not spin on every core.
configured >"$run/conf/ejabberdctl.cfg" <<CFG
ERL_OPTIONS="-env ERL_CRASH_DUMP_BYTES 0 +sbwt none +S 2:2 -setcookie restest17190"
ERLANG_NODE=restest$second@localhost
ERL_DIST_PORT=17190
INET_DIST_INTERFACE=127.0.0.1
CFG
# Debian's script insists on the user ejabberd, who may not be able to reach this directory.
sed 's/^INSTALLUSER=.*/INSTALLUSER=/' /usr/sbin/ejabberdctl >"$run/conf/ejabberdctl"
export HOME=$run
launch "$run" "$(configured <<<'17122 17123 17124 17147 17148 17180')" bash "$run/conf/ejabberdctl" --config-dir "$run/conf" \
  --logs "$run/logs" --spool "$run/spool" foreground
if [ -z "$second" ] && [ ! -e "$run/users.done" ]; then
  for host in ejabberd.test plain.ejabberd.test; do
    for user in alice bob carol admin; do
      curl -sS -f -m 10 -H 'Content-Type: application/json' http://127.0.0.1:17180/api/register \
        -d "{\"user\":\"$user\",\"host\":\"$host\",\"password\":\"secret-$user\"}" >>"$run/register.log" 2>&1
    done
  done
  touch "$run/users.done"
fi
echo READY
