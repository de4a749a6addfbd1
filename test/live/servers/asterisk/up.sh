#!/bin/bash
# Asterisk 16 with its res_xmpp, from Debian bullseye whatever this machine has, unpacked into run/root: nothing of it is
# installed, and nothing is started. Prints READY when it can be. Usage: up.sh [--no-install]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
options "$@"

# debian: the archive that this machine has its own packages from.
debian() {
  apt-get indextargets 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' --format '$(SITE)' | sed -n 1p
}

# fetched DIR: Asterisk and all it needs, down to libc, as .deb files below DIR, by an apt that knows bullseye alone and
# takes this machine for an empty one.
fetched() {
  local site; site=$(debian)
  [ -n "$site" ] || { apt_get 180 update; site=$(debian); }
  mkdir -p "$1"/{lists,cache/archives}/partial "$1/none"
  : >"$1/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site bullseye main" >"$1/sources.list"
  # Not by APT_CONFIG, which the files of the machine's own apt would override.
  local own=(
    -o "Dir::State=$1" -o "Dir::State::lists=$1/lists" -o "Dir::State::status=$1/status" -o "Dir::Cache=$1/cache"
    -o "Dir::Etc::sourcelist=$1/sources.list" -o "Dir::Etc::sourceparts=$1/none"
    -o Dir::Etc::preferences=/dev/null -o "Dir::Etc::preferencesparts=$1/none" -o APT::Sandbox::User=root
  )
  apt_get 180 "${own[@]}" update
  apt_get 420 "${own[@]}" --download-only --no-install-recommends install asterisk asterisk-voicemail
}

if [ ! -d "$run/root" ]; then
  [ -n "$install" ] || { echo "$run/root is not there: run up.sh without --no-install" >&2; exit 1; }
  mkdir -p "$run"
  rm -rf "$run/apt" "$run/root.new"
  fetched "$run/apt"
  for package in "$run"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$run/root.new"; done
  rm -rf "$run/apt"
  mv "$run/root.new" "$run/root"
fi
"$here/asterisk.sh" -V >&2
echo READY
