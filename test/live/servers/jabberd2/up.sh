#!/bin/bash
# jabberd2 on 127.0.0.1; prints READY when it answers. Usage: up.sh [--no-install] [--second]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"
[ -z "$install" ] || install jabberd2 sqlite3 openssl
if running "$run"; then echo 'READY already'; exit; fi
mkdir -p "$run"
certificates "$run/certs" jabberd2.test comp.jabberd2.test asterisk.jabberd2.test wire.jabberd2.test
client_certificate "$run/certs" alice@jabberd2.test
modules=$(dirname "$(dpkg -L jabberd2 | grep -m 1 '/authreg_sqlite\.so$')")
for part in router sm c2s; do configured <"$here/$part.xml.in" | sed "s#@LIB@#$modules#g" >"$run/$part.xml"; done
echo '<users><user><name>jabberd</name><secret>internal</secret></user></users>' >"$run/router-users.xml"
echo '<filter/>' >"$run/router-filter.xml"
if [ ! -s "$run/jabberd2.db" ]; then
  {
    zcat -f /usr/share/doc/jabberd2/db-setup.sqlite*
    [ -n "$second" ] || for user in alice bob carol admin; do
      echo "INSERT INTO authreg (username, realm, password) VALUES ('$user', 'jabberd2.test', 'secret-$user');"
    done
  } | sqlite3 -bail "$run/new.db" >"$run/sqlite3.log" 2>&1
  mv "$run/new.db" "$run/jabberd2.db"
fi
rm -f "$run"/{router,sm,c2s}.log
# A log of another day would say that it is ready.
launch "$run" "$(configured <<<'17422 17423 17447')" bash "$here/run.sh" "$run" "$(configured <<<17447)"
echo READY
