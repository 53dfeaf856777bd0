#!/usr/bin/env sh
# A file for acme.sh's dnsapi: a TXT record is a file $FOLDER_Zone/NAME/VALUE.
# SPDX-License-Identifier: Apache-2.0

#Usage: dns_folder_add _acme-challenge.www.domain.com "XKrxpRBosdIKFzxW_CT3KLZNf6q0HG9i01zxXp5CPBs"
dns_folder_add() {
  fulldomain=$1
  txtvalue=$2
  _folder_init || return 1
  _info "Adding $fulldomain"
  mkdir -p "$FOLDER_Zone/$fulldomain" && : >"$FOLDER_Zone/$fulldomain/$txtvalue"
}

dns_folder_rm() {
  fulldomain=$1
  txtvalue=$2
  _folder_init || return 1
  _debug fulldomain "$fulldomain"
  rm "$FOLDER_Zone/$fulldomain/$txtvalue"
}

_folder_init() {
  FOLDER_Zone="${FOLDER_Zone:-$(_readaccountconf_mutable FOLDER_Zone)}"
  FOLDER_Token="${FOLDER_Token:-$(_readaccountconf_mutable FOLDER_Token)}"
  if [ -z "$FOLDER_Zone" ] || [ -z "$FOLDER_Token" ]; then
    _err "You didn't specify FOLDER_Zone and FOLDER_Token yet."
    return 1
  fi
  _saveaccountconf_mutable FOLDER_Zone "$FOLDER_Zone"
  _saveaccountconf_mutable FOLDER_Token "$FOLDER_Token"
  if ! _contains "$FOLDER_Zone" "/"; then
    _err "FOLDER_Zone is no path: $FOLDER_Zone"
    return 1
  fi
}
