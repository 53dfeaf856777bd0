#!/bin/sh
# certbot's --manual-cleanup-hook: removes the one record that the auth hook said it had added.
# SPDX-License-Identifier: Apache-2.0
set -eu
[ -n "$CERTBOT_DOMAIN" ] && [ -n "$CERTBOT_VALIDATION" ]
record=${CERTBOT_AUTH_OUTPUT% *}
value=${CERTBOT_AUTH_OUTPUT#* }
nsupdate <<END
server $NSUPDATE_SERVER $NSUPDATE_PORT
key $NSUPDATE_KEY
update delete $record IN TXT "$value"
send
END
