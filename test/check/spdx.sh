#!/bin/sh
# Checks that every file of ours names its licence near its top.
# SPDX-License-Identifier: Apache-2.0
#
# usage: spdx.sh SOURCE_FOLDER
set -u
cd "${1:?usage: spdx.sh SOURCE_FOLDER}" || exit 1
status=0
count=0

for file in configure.ac Makefile.am .ci/run $(find mod_acme include test \
    \( -name '*.[ch]' -o -name '*.am' -o -name '*.sh' -o -name '*.py' -o -name '*.supp' \) | sort); do
    count=$((count + 1))
    head -n 5 "$file" | grep -q 'SPDX-License-Identifier: Apache-2\.0' && continue
    echo "not ok $file has no line SPDX-License-Identifier: Apache-2.0 among its first five"
    status=1
done
[ $status = 0 ] && echo "ok $count files name their licence"
exit $status
