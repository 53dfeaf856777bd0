#!/bin/sh
# Checks that the module exports its record and nothing else, and lacks nothing of its own.
# SPDX-License-Identifier: Apache-2.0
#
# usage: symbols.sh MODULE, with NM in the environment
set -u
module=${1:?usage: symbols.sh MODULE}
exported=$(${NM:-nm} -D --defined-only "$module" | awk '{ print $NF }') || exit 1

if [ "$exported" = acme_module ]; then
    echo "ok $(basename "$module") exports acme_module only"
else
    echo "not ok $(basename "$module") must export acme_module only, and exports:" $exported
    exit 1
fi

# httpd resolves its own names at load; one of ours that is left open would stop the server there
open=$(${NM:-nm} -D --undefined-only "$module" | awk '{ print $NF }' | grep -E '^(mod_)?acme_')
if [ -z "$open" ]; then
    echo "ok $(basename "$module") has all functions of its own"
else
    echo "not ok $(basename "$module") lacks functions of its own:" $open
    exit 1
fi
