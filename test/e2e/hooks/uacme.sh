#!/bin/sh
# A hook for uacme that takes dns-01 and declines the other types.
# SPDX-License-Identifier: Apache-2.0
ARGS=5
E_BADARGS=85

if [ $# -ne "$ARGS" ]; then
    echo "Usage: $(basename "$0") method type ident token auth" 1>&2
    exit $E_BADARGS
fi

METHOD=$1
TYPE=$2
IDENT=$3
TOKEN=$4
AUTH=$5

change()
{
    nsupdate <<END
server $NSUPDATE_SERVER $NSUPDATE_PORT
key $NSUPDATE_KEY
update $1 _acme-challenge.$IDENT 60 IN TXT "$AUTH"
send
END
}

case "$METHOD" in
    "begin")
        case "$TYPE" in
            dns-01)
                [ -n "$TOKEN" ] && change add
                exit $?
                ;;
            *)
                exit 1
                ;;
        esac
        ;;
    "done"|"failed")
        case "$TYPE" in
            dns-01)
                change delete
                exit $?
                ;;
            *)
                exit 1
                ;;
        esac
        ;;
    *)
        echo "$0: invalid method" 1>&2
        exit 1
esac
