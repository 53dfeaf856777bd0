#!/bin/sh
# A program for lego's exec provider: the whole name comes with its final dot, CNAMEs followed.
# SPDX-License-Identifier: Apache-2.0
case "$1" in
present) verb=add ;;
cleanup) verb=delete ;;
timeout)
    echo '{"timeout": 60, "interval": 2}'
    exit 0
    ;;
*) exit 64 ;;
esac
fqdn=$2
value=$3
[ "$fqdn" != "${fqdn%.}" ] || exit 64
exec nsupdate <<END
server $NSUPDATE_SERVER $NSUPDATE_PORT
key $NSUPDATE_KEY
update $verb $fqdn 60 IN TXT "$value"
send
END
