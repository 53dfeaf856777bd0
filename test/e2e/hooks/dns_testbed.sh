#!/usr/bin/env sh
# A DNS API for acme.sh: functions for its shell, which remembers the settings of the account.
# SPDX-License-Identifier: Apache-2.0

# Usage: dns_testbed_add   _acme-challenge.www.domain.com   "XKrxpRBosdIKFzxW_CT3KLZNf6q0HG9i01zxXp5CPBs"
dns_testbed_add() {
  fulldomain=$1
  txtvalue=$2
  _testbed_settings || return 1
  _saveaccountconf_mutable NSUPDATE_SERVER "${NSUPDATE_SERVER}"
  _saveaccountconf_mutable NSUPDATE_PORT "${NSUPDATE_PORT}"
  _saveaccountconf_mutable NSUPDATE_KEY "${NSUPDATE_KEY}"
  _info "adding ${fulldomain}. 60 in txt \"${txtvalue}\""
  if ! _testbed_send "update add ${fulldomain}. 60 in txt \"${txtvalue}\""; then
    _err "error updating domain"
    return 1
  fi
  return 0
}

# Usage: dns_testbed_rm   _acme-challenge.www.domain.com   "XKrxpRBosdIKFzxW_CT3KLZNf6q0HG9i01zxXp5CPBs"
dns_testbed_rm() {
  fulldomain=$1
  txtvalue=$2
  _testbed_settings || return 1
  _info "removing ${fulldomain}. txt"
  _testbed_send "update delete ${fulldomain}. in txt \"${txtvalue}\""
}

####################  Private functions below ##################################

_testbed_settings() {
  NSUPDATE_SERVER="${NSUPDATE_SERVER:-$(_readaccountconf_mutable NSUPDATE_SERVER)}"
  NSUPDATE_PORT="${NSUPDATE_PORT:-$(_readaccountconf_mutable NSUPDATE_PORT)}"
  NSUPDATE_KEY="${NSUPDATE_KEY:-$(_readaccountconf_mutable NSUPDATE_KEY)}"
  if [ -z "${NSUPDATE_SERVER}" ] || [ -z "${NSUPDATE_KEY}" ]; then
    _err "You didn't specify NSUPDATE_SERVER and NSUPDATE_KEY yet."
    return 1
  fi
  _debug NSUPDATE_SERVER "${NSUPDATE_SERVER}"
  _secure_debug NSUPDATE_KEY "${NSUPDATE_KEY}"
}

_testbed_send() {
  nsupdate <<EOF
server ${NSUPDATE_SERVER} ${NSUPDATE_PORT}
key ${NSUPDATE_KEY}
$1
send
EOF
}
