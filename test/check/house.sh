#!/bin/sh
# Runs the checks of the house's order over the source as it is.
# SPDX-License-Identifier: Apache-2.0
#
# `make check` runs it in the build folder with the environment of check.am.
set -u
status=0
check=$top_srcdir/test/check

"$check/floors.sh" "$top_srcdir" || status=1
"$check/headers.sh" "$top_srcdir" || status=1
"$check/spdx.sh" "$top_srcdir" || status=1
"$check/directives.sh" "$top_srcdir" || status=1
"$check/symbols.sh" .libs/mod_acme.so || status=1
exit $status
