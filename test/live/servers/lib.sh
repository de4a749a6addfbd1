# Sourced by up.sh and down.sh of each server: install, certificates, start, stop.
# A server runs as the user who calls up.sh; only the installation needs root.

# options OPTION...: sets what those of up.sh and down.sh mean: run, install, second, wipe.
options() {
  local option
  run=$here/run install=1 second= wipe=
  for option in "$@"; do
    case $option in
      --no-install) install= ;;
      --second) second=1 run=$here/run/second ;;
      --wipe) wipe=1 ;;
      *) echo "there is no option $option" >&2; return 2 ;;
    esac
  done
}

# configured: a template on stdin with its paths and, for the second server, its ports filled in.
configured() {
  if [ -n "$second" ]; then ports; else cat; fi | sed "s#@RUN@#$run#g; s#@HERE@#$here#g"
}

# ports: text on stdin with every port of a server replaced by that of the second one.
ports() { sed -E 's/\b170([0-9]{2})\b/172\1/g; s/\b171([0-9]{2})\b/173\1/g; s/\b174([0-9]{2})\b/176\1/g'; }

# install PACKAGE...: from Debian, without any service being started by it (policy-rc.d 101 = "not allowed").
install() {
  local missing=() package status=0 policy=/usr/sbin/policy-rc.d made=
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; made=1; }
  apt_install "${missing[@]}" || { apt_get 180 update && apt_install "${missing[@]}"; } || status=$?
  [ -z "$made" ] || rm -f $policy
  return $status
}

apt_install() { apt_get 420 install --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; }

apt_get() {
  local seconds=$1; shift
  DEBIAN_FRONTEND=noninteractive timeout "$seconds" apt-get -y -q -o DPkg::Lock::Timeout=180 "$@" </dev/null >&2
}

# certificates DIR DOMAIN [NAME...]: in DIR ca.crt, server.crt, server.key, server.pem (chain and key) for those names,
# localhost and 127.0.0.1, and other-ca.crt, a CA that signed none of it. Kept when they are there, and for those names.
certificates() (
  mkdir -p "$1"; cd "$1"; shift
  exec 2>>openssl.log
  for ca in ca other-ca; do
    [ -s $ca.crt ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout $ca.key -out $ca.crt -subj "/CN=$1 $ca" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  done
  names=DNS:localhost,IP:127.0.0.1
  for name in "$@"; do   # RFC 6120 §13.7.1.2: the name, the service's name, the JID
    names+=",DNS:$name,otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-client.$name,otherName:1.3.6.1.5.5.7.8.5;UTF8:$name"
  done
  signed server "/CN=$1" extendedKeyUsage=serverAuth "subjectAltName=$names"
  cat server.crt ca.crt server.key >server.pem
)

# client_certificate DIR JID: in DIR client.crt and client.key, by which JID logs in (RFC 6120 §13.7.1.4), from the CA
# that is there.
client_certificate() (
  cd "$1"
  exec 2>>openssl.log
  signed client "/CN=$2" extendedKeyUsage=clientAuth "subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:$2"
)

# signed NAME SUBJECT EXTENSION...: NAME.crt and NAME.key from the CA in this directory, unless they are there like that.
signed() {
  local name=$1 subject=$2; shift 2
  printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature,keyEncipherment "$@" >$name.new
  [ -s $name.crt ] && cmp -s $name.new $name.cnf && return
  openssl req -new -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj "$subject"
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile $name.new -out $name.crt
  mv $name.new $name.cnf
}

# running RUN: the process group whose number is in RUN/pgid still has a member. kill -0 would count zombies too, and
# in a container there may be nobody who reaps an orphan.
running() {
  [ -s "$1/pgid" ] && cat /proc/[0-9]*/stat 2>/dev/null |
    awk -v group="$(cat "$1/pgid")" '{ sub(/.*\) /, "") } $3 == group && $1 != "Z" { n++ } END { exit !n }'
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# launch RUN "PORT..." COMMAND...: starts COMMAND in a session of its own and waits until the ports answer.
launch() {
  local run=$1 ports=$2 port pending; shift 2
  for port in $ports; do listening "$port" && { echo "port $port is taken by something else" >&2; return 1; }; done
  setsid "$@" >"$run/stdout.log" 2>&1 </dev/null &
  echo $! >"$run/pgid"
  # It has no group of its own before setsid has come so far.
  until running "$run" || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
  for _ in $(seq 600); do
    pending=
    for port in $ports; do listening "$port" || { pending=$port; break; }; done
    [ -n "$pending" ] || return 0
    running "$run" || break
    sleep 0.05
  done
  echo "$1 did not become ready: nothing answers on port $pending" >&2
  tail -n 20 "$run"/*.log >&2
  stop "$run"
  return 1
}

# stop RUN: TERM to every process of the group, up to 10 s of patience, then KILL.
stop() {
  running "$1" || { rm -f "$1/pgid"; return 0; }
  local group; group=$(cat "$1/pgid")
  kill -TERM -- "-$group" 2>/dev/null || true
  for _ in $(seq 200); do running "$1" || break; sleep 0.05; done
  running "$1" && kill -KILL -- "-$group"
  rm -f "$1/pgid"
}

# down OPTION...: all that down.sh does: stops the server politely, and a second one with it; --wipe also removes users,
# certificates and logs. With --second all this is for the second one alone.
down() {
  options "$@"
  [ -n "$second" ] || stop "$run/second"
  stop "$run"
  [ -z "$wipe" ] || rm -rf "$run"
}
