#!/bin/sh
# Checks that every header compiles alone, and those of the core without httpd's include path.
# SPDX-License-Identifier: Apache-2.0
#
# usage: headers.sh SOURCE_FOLDER, with CC, CORE_CPPFLAGS and ROOF_CPPFLAGS in the environment
set -u
cd "${1:?usage: headers.sh SOURCE_FOLDER}" || exit 1
status=0

# Included twice, so that a missing guard shows too.
compiles_alone()
{
    header=$1
    shift
    if printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        $CC -std=gnu11 -Wall -Wextra -Werror -fsyntax-only "$@" -x c - 2>&1 | sed "s|^|    |" >&2 &&
        printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        $CC -std=gnu11 -Wall -Wextra -Werror -fsyntax-only "$@" -x c - 2>/dev/null; then
        echo "ok $header compiles alone"
    else
        echo "not ok $header does not compile alone"
        status=1
    fi
}

for header in include/acme/*.h; do
    compiles_alone "${header#include/}" -Iinclude $CORE_CPPFLAGS
done
for header in $(find mod_acme -name '*.h' | sort); do
    case $header in
    mod_acme/httpd/*) compiles_alone "$header" -I. -Iinclude $ROOF_CPPFLAGS ;;
    *) compiles_alone "$header" -I. -Iinclude $CORE_CPPFLAGS ;;
    esac
done
exit $status
