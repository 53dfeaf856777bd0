#!/bin/sh
# Runs the simulation for longer, or more often, than `make check` does.
# SPDX-License-Identifier: Apache-2.0
#
# usage: test/sim/run.sh [--full] [--seeds N] [--jobs N] [option of test/sim/sim ...]
#
# --full lives through a year of 10,000 domains (some minutes), --seeds through the year of 1,000
# domains with N seeds, one after the other, or as many at once as --jobs says; then each is printed
# when it is over, and at the end which of them broke a promise.  MOD_ACME_BUILD names the folder of the
# build, which `make check` has to have been in; default: _build/gcc, else _build.
set -eu
seed=1
seeds=1
jobs=1
left=$#
while [ "$left" -gt 0 ]; do
    left=$((left - 1))
    option=$1
    shift
    case $option in
    -h | --help)
        sed -n '5,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    --full) set -- "$@" --domains 10000 ;;
    --seed | --seeds | --jobs)
        case ${1:-} in
        '' | *[!0-9]*) echo "$option needs a number" >&2 && exit 2 ;;
        esac
        eval "${option#--}=\$1"
        shift
        left=$((left - 1))
        ;;
    *) set -- "$@" "$option" ;;
    esac
done
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${MOD_ACME_BUILD:-}
for folder in "$top/_build/gcc" "$top/_build"; do
    [ -n "$build" ] || { [ -f "$folder/Makefile" ] && build=$folder; } || true
done
[ -n "$build" ] || { echo "there is no build: name its folder in MOD_ACME_BUILD" >&2; exit 1; }
make -C "$build" -s test/sim/sim >&2
if [ "$jobs" -le 1 ]; then
    exec "$build/test/sim/sim" --days 365 --seed "$seed" --seeds "$seeds" "$@"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
# What a seed says goes into a file first, so that it is printed in one piece.
seq "$seed" $((seed + seeds - 1)) | xargs -P "$jobs" -I SEED sh -c '
    folder=$1
    shift
    "$@" >"$folder/SEED" 2>&1
    status=$?
    cat "$folder/SEED"
    [ "$status" -eq 0 ] || echo SEED >>"$folder/broken"
' sh "$folder" "$build/test/sim/sim" --days 365 "$@" --seed SEED
if [ -s "$folder/broken" ]; then
    echo "$seeds seeds, of them not as promised: $(sort -n "$folder/broken" | xargs)"
    exit 1
fi
echo "$seeds seeds, all as promised"
