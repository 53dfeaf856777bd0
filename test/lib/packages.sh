# Names the Debian packages each task needs, and installs what is missing after saying so.
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by test/all.sh and test/demo.sh.  apache2-bin and not apache2: the latter would start a
# service.  Should one of these packages start one all the same, policy-rc.d says no for this run.

PACKAGES_BUILD='gcc make autoconf automake libtool pkg-config apache2-dev libapr1-dev libaprutil1-dev
    libssl-dev libcurl4-openssl-dev libjansson-dev libidn2-dev libc-ares-dev libpsl-dev
    libcmocka-dev'
PACKAGES_CLANG='clang'
PACKAGES_RUN='apache2-bin pebble openssl curl ca-certificates python3'
PACKAGES_E2E='faketime python3-pytest python3-pytest-xdist python3-cryptography strace valgrind wrk
    bind9 bind9-utils bind9-dnsutils'

is_installed()
{
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Keeps invoke-rc.d from starting a service while "$@" runs; a policy that is there already stays.
without_services()
{
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    "$@"
    set -- $?
    rm -f "$policy"
    return "$1"
}

apt_install()
{
    export DEBIAN_FRONTEND=noninteractive
    without_services apt-get -q -y --no-install-recommends install "$@"
}

# install_packages yes|no PACKAGE...: says what is missing, and installs it if the first word is yes.
install_packages()
{
    may_install=$1
    shift
    missing=
    if ! command -v dpkg-query >/dev/null; then
        echo "This is not Debian or Ubuntu: what corresponds to these packages must be installed: $*"
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$may_install" = no ]; then
        echo "Not installed, and not going to be (--no-install):$missing"
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "These packages are missing and only root can install them: apt-get install$missing" >&2
        return 1
    fi
    echo "Going to install with apt-get, and nothing else of the system is changed:$missing"
    apt_install $missing && return 0
    apt-get -q update && apt_install $missing
}
