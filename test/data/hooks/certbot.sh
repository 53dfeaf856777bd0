#!/bin/sh
# A hook for certbot --manual-auth-hook: adds a TXT record below $ZONE and prints which, for the clean-up.
# SPDX-License-Identifier: Apache-2.0
set -e
echo "adding a record for $CERTBOT_IDENTIFIER, $CERTBOT_REMAINING_CHALLENGES to come" >&2
mkdir -p "$ZONE/_acme-challenge.$CERTBOT_DOMAIN"
: >"$ZONE/_acme-challenge.$CERTBOT_DOMAIN/$CERTBOT_VALIDATION"
echo "_acme-challenge.$CERTBOT_DOMAIN/$CERTBOT_VALIDATION"
