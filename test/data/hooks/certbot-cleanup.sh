#!/bin/sh
# A hook for certbot --manual-cleanup-hook: removes the record that certbot.sh printed.
# SPDX-License-Identifier: Apache-2.0
set -e
rm "$ZONE/$CERTBOT_AUTH_OUTPUT"
