#!/bin/sh
# Checks that docs/directives.md has every directive, and none that is not there.
# SPDX-License-Identifier: Apache-2.0
#
# usage: directives.sh SOURCE_FOLDER
set -u
cd "${1:?usage: directives.sh SOURCE_FOLDER}" || exit 1
table=mod_acme/httpd/mod_acme_directives.c
page=docs/directives.md
status=0
taken=$(sed -n '/^const command_rec/,/^};/s/^ *[A-Z_]*("<\{0,1\}\(ACME[A-Za-z0-9]*\)".*/\1/p' "$table" | sort -u)
told=$(sed -n '/^| `/p' "$page" | cut -d'|' -f2 | grep -o 'ACME[A-Za-z0-9]*' | sort -u)
told="$told
$(grep -o '`<ACME[A-Za-z0-9]*>`' "$page" | tr -d '`<>')"

for name in $taken; do
    echo "$told" | grep -qx "$name" && continue
    echo "not ok $name is a directive without a row in $page"
    status=1
done
for name in $told; do
    echo "$taken" | grep -qx "$name" && continue
    echo "not ok $name in $page is no directive"
    status=1
done
[ $status = 0 ] && echo "ok $(echo "$taken" | wc -l) directives are told"
exit $status
