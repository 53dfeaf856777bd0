#!/usr/bin/env bash
# A hook for dehydrated with dns-01, for HOOK_CHAIN="yes" as well.
# SPDX-License-Identifier: Apache-2.0

change() {
    local VERB="${1}" DOMAIN="${2}" TOKEN_VALUE="${3}"
    printf 'server %s %s\nkey %s\nupdate %s _acme-challenge.%s. 60 IN TXT "%s"\nsend\n' \
        "${NSUPDATE_SERVER}" "${NSUPDATE_PORT}" "${NSUPDATE_KEY}" "${VERB}" "${DOMAIN}" "${TOKEN_VALUE}" | nsupdate
}

deploy_challenge() {
    while [[ "${#}" -ge 3 ]]; do
        local DOMAIN="${1}" TOKEN_FILENAME="${2}" TOKEN_VALUE="${3}"
        echo " + deploying the token ${TOKEN_FILENAME} of ${DOMAIN}"
        change add "${DOMAIN}" "${TOKEN_VALUE}" || exit 1
        shift 3
    done
}

clean_challenge() {
    while [[ "${#}" -ge 3 ]]; do
        local DOMAIN="${1}" TOKEN_FILENAME="${2}" TOKEN_VALUE="${3}"
        change delete "${DOMAIN}" "${TOKEN_VALUE}" || exit 1
        shift 3
    done
}

HANDLER="$1"; shift
if [[ "${HANDLER}" =~ ^(deploy_challenge|clean_challenge)$ ]]; then
    "$HANDLER" "$@"
fi
