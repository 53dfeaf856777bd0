#!/bin/sh
# Breaks a copy of the source on purpose, once for every rule, and sees each check notice.
# SPDX-License-Identifier: Apache-2.0
#
# `make check` runs it in the build folder with the environment of check.am.
set -u
check=$(cd "$top_srcdir/test/check" && pwd)
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
status=0

fresh_copy()
{
    rm -rf "$copy/house"
    mkdir -p "$copy/house/test" "$copy/house/.ci"
    (cd "$top_srcdir" && tar -cf - mod_acme include docs configure.ac Makefile.am .ci/run) | tar -xf - -C "$copy/house"
}

# notices RULE CHECK TEXT...: the check must fail on the copy and say TEXT.
notices()
{
    rule=$1
    said=$2
    shift 2
    if "$@" >"$copy/said" 2>&1; then
        echo "not ok $rule: the breach was not noticed"
        status=1
    elif ! grep -q -e "^not ok .*$said" "$copy/said"; then
        echo "not ok $rule: the check failed for another reason"
        sed 's/^/    /' "$copy/said"
        status=1
    else
        echo "ok $rule"
    fi
}

# breach FILE LINE...: a new file of these lines in a fresh copy.
breach()
{
    fresh_copy
    file=$copy/house/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' '/* A breach.' ' * SPDX-License-Identifier: Apache-2.0 */' "$@" >"$file"
}

# A header of a floor, with the source that binds it there.
header_of()
{
    printf '/* x\n * SPDX-License-Identifier: Apache-2.0 */\n' |
        tee "$copy/house/include/acme/acme_$1_x.h" >"$copy/house/mod_acme/$1/acme_$1_x.c"
}

floors() { notices "$1" "$2" "$check/floors.sh" "$copy/house"; }

breach mod_acme/base/acme_breach.c '#include "acme/acme_crypto_x.h"'
header_of crypto
floors "base may not include crypto" acme_breach.c:3

breach mod_acme/crypto/acme_breach.c '#include "acme/acme_proto_x.h"'
header_of proto
floors "crypto may not include proto" acme_breach.c:3

breach mod_acme/proto/acme_breach.c '#include "acme/acme_port_x.h"'
header_of port
floors "proto may not include port" acme_breach.c:3

breach mod_acme/port/acme_breach.c '#include "acme/acme_proto_x.h"'
header_of proto
floors "port may not include proto" acme_breach.c:3

breach mod_acme/engine/acme_breach.c '#include "acme/acme_store_fs.h"'
floors "engine may not include an implementation" "is an implementation"

breach mod_acme/engine/acme_breach.c '#include <curl/curl.h>'
floors "engine may not include curl" "only port knows curl"

breach mod_acme/engine/acme_breach.c '#include <http_log.h>'
floors "engine may not include httpd" "below the roof"

breach include/acme/acme_breach.h '#include "acme/acme_engine_x.h"'
header_of engine
printf '/* x\n * SPDX-License-Identifier: Apache-2.0 */\n' >"$copy/house/mod_acme/port/acme_breach.c"
floors "a header is bound to the floor of its source" acme_breach.h:3

breach mod_acme/base/acme_breach.c '#include "mod_acme_config.h"'
floors "the roof's headers are not seen from below" "not in the folder"

breach mod_acme/attic/acme_breach.c '#include <stdlib.h>'
floors "an unknown floor is noticed" "no floor"

breach include/acme/acme_breach.h '#include "acme/acme_breach2.h"'
printf '#include "acme/acme_breach3.h"\n' >"$copy/house/include/acme/acme_breach2.h"
printf '#include "acme/acme_breach.h"\n' >"$copy/house/include/acme/acme_breach3.h"
floors "a circle of includes is noticed" "circle"

breach include/acme/acme_breach.h 'apr_size_t acme_breach(void);'
notices "a header that does not compile alone is noticed" "acme/acme_breach.h" \
    "$check/headers.sh" "$copy/house"

breach include/acme/acme_breach.h '#include <httpd.h>'
notices "a header of the core cannot see httpd" "acme/acme_breach.h" \
    "$check/headers.sh" "$copy/house"

fresh_copy
printf '/* nothing */\n' >"$copy/house/mod_acme/base/acme_breach.c"
notices "a file without licence is noticed" "acme_breach.c has no line" "$check/spdx.sh" "$copy/house"

fresh_copy
sed -i 's/`ACMEStrict on/`ACMELenient on/' "$copy/house/docs/directives.md"
notices "a directive that nobody tells of is noticed" "ACMEStrict is a directive" "$check/directives.sh" "$copy/house"
notices "a directive that is only told of is noticed" "ACMELenient in" "$check/directives.sh" "$copy/house"

printf 'int acme_module;\nint acme_order_parse;\n' >"$copy/breach.c"
$CC -shared -fPIC -o "$copy/breach.so" "$copy/breach.c"
notices "a second exported symbol is noticed" acme_order_parse "$check/symbols.sh" "$copy/breach.so"

printf 'int acme_order_parse(void);\nint acme_module(void) { return acme_order_parse(); }\n' >"$copy/breach.c"
$CC -shared -fPIC -o "$copy/breach.so" "$copy/breach.c"
notices "a missing function is noticed" acme_order_parse "$check/symbols.sh" "$copy/breach.so"

exit $status
