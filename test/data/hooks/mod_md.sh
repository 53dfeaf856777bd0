#!/bin/sh
# Sets TXT records for mod_md (MDChallengeDns01 ".../mod_md.sh FOLDER"): a record is a file FOLDER/NAME/VALUE.
# SPDX-License-Identifier: Apache-2.0
#
# MDChallengeDns01Version 1 does not say which record a teardown is for, so all of the name go.
set -e
zone=$1
action=$2
name=_acme-challenge.$3
case $action in
setup)
    mkdir -p "$zone/$name"
    : >"$zone/$name/$4"
    ;;
teardown)
    if [ $# -gt 3 ]; then
        rm -f "$zone/$name/$4"
    else
        rm -rf "$zone/$name"
    fi
    ;;
*)
    echo "unknown action $action" >&2
    exit 2
    ;;
esac
