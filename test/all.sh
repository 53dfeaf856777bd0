#!/bin/sh
# Builds everything with every compiler and runs every test; ends with "N passed, N failed, N skipped".
# SPDX-License-Identifier: Apache-2.0
#
# usage: test/all.sh [--no-install] [--no-e2e] [pytest options...]
#
# On a clean clone on Debian or Ubuntu it first installs what is missing, after saying what that is.
# Everything it makes lies below _build/: gcc and clang with warnings as errors, bare without the
# libraries that may be left out, asan with both sanitizers.  `make check` runs in gcc and asan; the
# end-to-end tests use the module of gcc, and once more, for what is marked so, that of asan.  The
# simulation lives through a whole year in gcc.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
. test/lib/packages.sh

may_install=yes
e2e=yes
while [ $# -gt 0 ]; do
    case $1 in
    --no-install) may_install=no ;;
    --no-e2e) e2e=no ;;
    -h | --help)
        sed -n '4,11s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) break ;;
    esac
    shift
done

started=$(date +%s)
broken=0

say()
{
    printf '\n==== %4ds  %s\n' $(($(date +%s) - started)) "$*"
}

# Runs a step whose output only matters if it fails; a failed one counts as one failed test.
step()
{
    log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 && return 0
    tail -n 60 "$log"
    echo "FAILED: $* (in $PWD, all of it: $log)"
    broken=$((broken + 1))
    return 1
}

# build NAME CONFIGURE_ARGUMENT...: builds the module and the test programs below _build/NAME.
build()
{
    name=$1
    shift
    say "build with $name"
    mkdir -p "_build/$name"
    (
        cd "_build/$name" || exit 1
        [ -n "$(find config.status -newer ../../configure 2>/dev/null)" ] ||
            step configure.log ../../configure -q "$@" || exit 1
        step make.log make -j"$jobs" all || exit 1
    ) || {
        broken=$((broken + 1))
        return 1
    }
}

check()
{
    say "make check ($1)"
    make -C "_build/$1" -j"$jobs" -s check >"_build/$1/check.log" 2>&1
    status=$?
    grep -E '^(PASS|FAIL|ERROR|SKIP|XPASS): ' "_build/$1/check.log"
    # a test that fails is counted by its result; anything else that goes wrong is counted here
    if [ $status != 0 ] && ! grep -qE '^(FAIL|ERROR|XPASS): ' "_build/$1/check.log"; then
        tail -n 60 "_build/$1/check.log"
        broken=$((broken + 1))
    elif [ $status != 0 ]; then
        tail -n 120 "_build/$1/test-suite.log"
    fi
}

package()
{
    say "pack, build the pack, install it"
    test/lib/package.sh _build/gcc _build/package >_build/package.log 2>&1
    [ $? = 0 ] && verdict=PASS || verdict=FAIL
    echo ":global-test-result: $verdict" >_build/package/package.trs
    mv _build/package.log _build/package/package.log
    grep '^not ok' _build/package/package.log || echo "$verdict: test/lib/package.sh"
}

end_to_end()
{
    say "end to end"
    if ! "$python" -c 'import pytest' 2>/dev/null; then
        echo "pytest is missing (python3-pytest): the end-to-end tests are left out"
        return
    fi
    pebble=$(test/lib/fetch-pebble.sh _build/pebble) || pebble=
    [ -d test/e2e ] || return
    # much of their time is spent waiting: more at once than there are processors
    "$python" -c 'import xdist' 2>/dev/null && set -- -n $((jobs + 1)) "$@"
    PEBBLE_DIR=$pebble MOD_ACME_BUILD=$top/_build/gcc MOD_ACME_ASAN_BUILD=$top/_build/asan \
        "$python" -m pytest -p no:cacheprovider --junitxml=_build/e2e.xml test/e2e "$@"
    status=$?
    # 0: passed, 1: counted in the file, 5: there was none; the rest is trouble with pytest itself
    case $status in
    0 | 1 | 5) ;;
    *) broken=$((broken + 1)) ;;
    esac
}

# the packages above belong to the system's Python, whatever else comes first in PATH
python=/usr/bin/python3
[ -x $python ] || python=python3
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
rm -f _build/e2e.xml

say "packages"
install_packages "$may_install" $PACKAGES_BUILD $PACKAGES_CLANG $PACKAGES_RUN $PACKAGES_E2E || exit 1

say "autoreconf"
step _build/autoreconf.log autoreconf -fi || exit 1

build gcc CC=gcc --enable-werror && ACME_SIM_DAYS=365 && export ACME_SIM_DAYS && check gcc
if command -v clang >/dev/null; then
    build clang CC=clang --enable-werror
else
    echo "clang is missing: that build is left out"
fi
build bare CC=gcc --enable-werror CFLAGS='-O0' --without-libidn2 --without-c-ares --without-libpsl
build asan CC=gcc --enable-werror --enable-asan CFLAGS='-g -O1' && check asan
package
[ $e2e = no ] || end_to_end "$@"

say "done"
exec "$python" test/lib/count.py _build/gcc _build/asan _build/package --junit _build/e2e.xml --more-failed $broken
