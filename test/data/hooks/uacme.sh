#!/bin/sh
# A hook for uacme that takes dns-01 and declines the other types: a TXT record is a file $ZONE/NAME/VALUE.
# SPDX-License-Identifier: Apache-2.0
METHOD=$1
TYPE=$2
IDENT=$3
TOKEN=$4
AUTH=$5

[ $# = 5 ] && [ -n "$TOKEN" ] || exit 85
[ "$UACME_METHOD $UACME_IDENT $UACME_AUTH" = "$METHOD $IDENT $AUTH" ] || exit 1

case "$METHOD" in
    "begin")
        case "$TYPE" in
            dns-01)
                mkdir -p "$ZONE/_acme-challenge.$IDENT" || exit 1
                : >"$ZONE/_acme-challenge.$IDENT/$AUTH"
                exit $?
                ;;
            *)
                exit 1
                ;;
        esac
        ;;
    "done"|"failed")
        rm "$ZONE/_acme-challenge.$IDENT/$AUTH"
        exit $?
        ;;
    *)
        echo "$0: invalid method" 1>&2
        exit 1
esac
