#!/bin/bash
# The unpacked Asterisk with the libraries it was built for, by their own loader: no chroot, and so no root, is needed.
# Usage: asterisk.sh OPTION... as of asterisk(8). -C is a must: the default directories are the machine's.
set -eu
root=$(cd "$(dirname "$0")" && pwd)/run/root
arch=$(cd "$root/lib" && echo *-linux-gnu*)
loader=$(echo "$root"/lib/"$arch"/ld-*.so)
exec "$loader" --library-path "$root/lib/$arch:$root/usr/lib/$arch:$root/usr/lib" "$root/usr/sbin/asterisk" "$@"
