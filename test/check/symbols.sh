#!/bin/sh
# Checks that the module exports its record and nothing else, so that it meets no other module's names.
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
