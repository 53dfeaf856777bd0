#!/bin/sh
# A hook for mod_md that hangs, and whose child does not want to end: usage hang.sh FOLDER setup|teardown DOMAIN [VALUE]
# SPDX-License-Identifier: Apache-2.0
[ "$2" = setup ] || exit 0
echo "asking a server that does not answer"
sh -c 'trap "" TERM; sleep 600; sleep 600' &
echo "$$ $!" >"$1/pids.new"
mv "$1/pids.new" "$1/pids"
wait
