#!/bin/sh
# Brings Pebble, the test CA, into the build folder without touching the system; prints its folder.
# SPDX-License-Identifier: Apache-2.0
#
# usage: fetch-pebble.sh FOLDER
#
# Debian unstable's package holds static binaries of pebble and pebble-challtestsrv.  It is fetched with
# an apt configuration of its own, unpacked below FOLDER and never installed: nothing of it reaches the
# system's package database.  The mirror is the one the machine's own apt sources name.  Signatures are
# verified as always; only the Release file's Valid-Until is not looked at, since a frozen mirror is as
# good as a fresh one here.
#
# Where that cannot be had, the distribution's pebble is used if it is installed; tests that need more
# than it can do are skipped and counted.  Exit status 1: there is no Pebble at all.
set -u

folder=${1:?usage: fetch-pebble.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
log=$folder/fetch.log

# True if BIN is a Pebble of 2.10 or newer; older ones know no User-Agent rule and no retryAfter.
is_recent()
{
    [ -x "$1/pebble" ] && [ -x "$1/pebble-challtestsrv" ] || return 1
    grep -aq 'All requests MUST include a User-Agent' "$1/pebble" 2>/dev/null
}

# The machine's own mirrors, without the security archives, which have no unstable.
own_mirrors()
{
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -v -e security -e '^file:' -e '^cdrom:' | sort -u
}

# What differs from the machine's own apt: everything it keeps lies below $folder/apt.
write_apt_conf()
{
    cat <<END
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$folder/apt/state";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
APT::Sandbox::User "$(id -un)";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
END
}

private_apt()
{
    apt-get -qq -c "$folder/apt/apt.conf" "$@"
}

# Fetches and unpacks unstable's package from the mirror at $1.
fetch_from()
{
    rm -rf "$folder/apt" "$folder/unpacked"
    mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/deb"
    : >"$folder/apt/status"
    write_apt_conf >"$folder/apt/apt.conf"
    printf 'deb [signed-by=%s] %s unstable main\n' "$keyring" "$1" >"$folder/apt/sources.list"
    private_apt update && (cd "$folder/apt/deb" && private_apt download pebble) || return 1
    dpkg-deb -x "$folder"/apt/deb/pebble_*.deb "$folder/unpacked" || return 1
    is_recent "$folder/unpacked/usr/bin" || return 1
    rm -rf "$folder/bin"
    mv "$folder/unpacked/usr/bin" "$folder/bin"
    rm -rf "$folder/apt" "$folder/unpacked"
}

fetch()
{
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && [ -r "$keyring" ] || return 1
    for mirror in $(own_mirrors); do
        fetch_from "$mirror" >>"$log" 2>&1 && return 0
    done
    return 1
}

: >"$log"
if is_recent "$folder/bin" || fetch; then
    echo "$folder/bin"
elif found=$(command -v pebble) && command -v pebble-challtestsrv >/dev/null; then
    echo "fetch-pebble.sh: using the distribution's Pebble; tests that need 2.10 will be skipped (see $log)" >&2
    dirname "$found"
else
    echo "fetch-pebble.sh: no Pebble: install the package pebble; what needs a CA will be skipped (see $log)" >&2
    exit 1
fi
