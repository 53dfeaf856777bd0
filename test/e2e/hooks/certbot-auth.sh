#!/bin/sh
# certbot's --manual-auth-hook: adds the record, waits after the last one, prints what the clean-up needs.
# SPDX-License-Identifier: Apache-2.0
set -eu
record="_acme-challenge.$CERTBOT_DOMAIN"
nsupdate <<END
server $NSUPDATE_SERVER $NSUPDATE_PORT
key $NSUPDATE_KEY
update add $record 60 IN TXT "$CERTBOT_VALIDATION"
send
END
if [ "$CERTBOT_REMAINING_CHALLENGES" -eq 0 ]; then
    echo "all records are set for $CERTBOT_ALL_DOMAINS" >&2
fi
echo "$record $CERTBOT_VALIDATION"
