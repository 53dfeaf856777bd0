#!/bin/sh
# A program for lego's provider exec, in its default mode: a TXT record is a file $ZONE/NAME/VALUE.
# SPDX-License-Identifier: Apache-2.0
set -eu
[ $# = 3 ] || { echo "usage: $0 present|cleanup FQDN VALUE"; exit 64; }
case $2 in
*.) name=${2%.} ;;
*) echo "$2 has no final dot"; exit 64 ;;
esac
case $1 in
present) mkdir -p "$ZONE/$name" && : >"$ZONE/$name/$3" ;;
cleanup) rm "$ZONE/$name/$3" ;;
*) exit 64 ;;
esac
