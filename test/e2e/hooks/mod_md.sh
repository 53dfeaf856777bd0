#!/bin/sh
# A program for MDChallengeDns01, version 1: its teardown is told no value, so it takes all there is.
# SPDX-License-Identifier: Apache-2.0
set -eu
case "$1" in
setup) line="update add _acme-challenge.$2 60 IN TXT \"$3\"" ;;
teardown) line="update delete _acme-challenge.$2 IN TXT" ;;
*) exit 1 ;;
esac
nsupdate <<END
server $NSUPDATE_SERVER $NSUPDATE_PORT
key $NSUPDATE_KEY
$line
send
END
