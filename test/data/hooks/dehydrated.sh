#!/usr/bin/env bash
# A hook for dehydrated with dns-01: a TXT record is a file $ZONE/NAME/VALUE.
# SPDX-License-Identifier: Apache-2.0

deploy_challenge() {
    local DOMAIN="${1}" TOKEN_FILENAME="${2}" TOKEN_VALUE="${3}"
    [[ -n "${TOKEN_FILENAME}" ]] || exit 1
    mkdir -p "${ZONE}/_acme-challenge.${DOMAIN}"
    : >"${ZONE}/_acme-challenge.${DOMAIN}/${TOKEN_VALUE}"
}

clean_challenge() {
    local DOMAIN="${1}" TOKEN_FILENAME="${2}" TOKEN_VALUE="${3}"
    [[ -n "${TOKEN_FILENAME}" ]] || exit 1
    rm "${ZONE}/_acme-challenge.${DOMAIN}/${TOKEN_VALUE}"
}

HANDLER="$1"; shift
if [[ "${HANDLER}" =~ ^(deploy_challenge|clean_challenge)$ ]]; then
    "$HANDLER" "$@"
fi
