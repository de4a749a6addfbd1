#!/bin/bash
# Usage: run.sh RUN ROUTER_PORT. jabberd2's three programs; when one of them ends, so do the others.
. "$(dirname "$0")/../lib.sh"
/usr/sbin/jabberd2-router -c "$1/router.xml" &
until listening "$2" || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
/usr/sbin/jabberd2-sm -c "$1/sm.xml" &
# One after the other: of two that open a database of sqlite's (in WAL mode) at the same moment one finds it locked, and ends.
# Clients may come only once the session manager, whose port nobody sees, serves the host anyway.
until grep -qsF '[jabberd2.test] online' "$1/router.log" || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
/usr/sbin/jabberd2-c2s -c "$1/c2s.xml" &
wait -n
kill 0
