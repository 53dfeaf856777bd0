#!/bin/sh
# Runs the simulation for longer, or more often, than `make check` does.
# SPDX-License-Identifier: Apache-2.0
#
# usage: test/sim/run.sh [--full] [--seeds N] [option of test/sim/sim ...]
#
# --full lives through a year of 10,000 domains (about a quarter of an hour), --seeds through the year
# of 1,000 domains with N seeds, one after the other.  MOD_ACME_BUILD names the folder of the build,
# which `make check` has to have been in; default: _build/gcc, else _build.
set -eu
case ${1:-} in
-h | --help)
    sed -n '4,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${MOD_ACME_BUILD:-}
for folder in "$top/_build/gcc" "$top/_build"; do
    [ -n "$build" ] || { [ -f "$folder/Makefile" ] && build=$folder; } || true
done
[ -n "$build" ] || { echo "there is no build: name its folder in MOD_ACME_BUILD" >&2; exit 1; }
make -C "$build" -s test/sim/sim >&2
if [ "${1:-}" = --full ]; then
    shift
    set -- --domains 10000 "$@"
fi
exec "$build/test/sim/sim" --days 365 "$@"
