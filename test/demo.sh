#!/bin/sh
# Shows mod_acme at work: three domains get certificates from a real CA, and no process is restarted for it.
# SPDX-License-Identifier: Apache-2.0
#
# usage: test/demo.sh [--no-install] [--keep]
#
# Installs what is missing (and says so before), builds, starts Pebble, a CA for tests, and an httpd with
# two domains; brings a third one in by a graceful restart; and prints what happens when.  At the end each
# name is asked for by curl, which trusts the CA's root only.
#   --no-install  install nothing, fail where something is missing
#   --keep        leave everything running until Ctrl-C, and print what to open
# Ctrl-C ends everything that was started, at any time.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
. test/lib/packages.sh

may_install=yes
keep=no
for argument; do
    case $argument in
    --no-install) may_install=no ;;
    --keep) keep=yes ;;
    *)
        sed -n '4,12s/^# \{0,1\}//p' "$0"
        [ "$argument" = --help ] || [ "$argument" = -h ]
        exit
        ;;
    esac
done

die()
{
    echo "demo.sh: $*" >&2
    exit 1
}

# ---- ending what was begun

demo=
daemons=

# The processes of the demo's httpd, the parent and its children, by the configuration they were started with.
httpd_pids()
{
    grep -lxzF "$demo/httpd.conf" /proc/[0-9]*/cmdline 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|'
}

end_everything()
{
    trap '' INT TERM
    if [ -n "$demo" ]; then
        for signal in TERM KILL; do
            pids=$(httpd_pids)
            [ -n "$pids" ] || break
            kill -$signal $pids 2>/dev/null
            tries=0
            while [ $tries -lt 50 ] && [ -n "$(httpd_pids)" ]; do
                sleep 0.1
                tries=$((tries + 1))
            done
        done
    fi
    for pid in $daemons; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    [ -z "$demo" ] || rm -rf "$demo"
}
trap end_everything EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- getting ready

install_packages "$may_install" $PACKAGES_BUILD $PACKAGES_RUN || exit 1

build()
{
    mkdir -p _build/gcc
    [ -x configure ] || autoreconf -fi || return
    cd _build/gcc || return
    [ -f config.status ] || ../../configure -q || return
    make -s -j"$(getconf _NPROCESSORS_ONLN)" all
}
echo "Building mod_acme; the log is _build/demo-build.log"
mkdir -p _build
(build) >_build/demo-build.log 2>&1 || {
    tail -n 40 _build/demo-build.log
    die "the build failed"
}
pebble=$(test/lib/fetch-pebble.sh _build/pebble) || exit 1

httpd=$(PATH=$PATH:/usr/sbin command -v apache2 || PATH=$PATH:/usr/sbin command -v httpd) ||
    die "no httpd was found: install apache2-bin (Debian, Ubuntu) or httpd (Fedora, RHEL)"
modules=$(sed -n "s/^HTTPD_LIBEXECDIR = //p" _build/gcc/Makefile)
demo=$(mktemp -d /tmp/mod_acme-demo.XXXXXX) || exit 1
chmod 755 "$demo"
mkdir "$demo/logs" "$demo/run" "$demo/htdocs"
set -- $(python3 -c '
import socket
sockets = [socket.socket() for _ in range(6)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
http=$1 https=$2 ca=$3 management=$4 dns=$5 dns_management=$6

# ---- the clock of the timeline, and what it shows

now_ms()
{
    date +%s%3N
}
zero=$(now_ms)

tell()
{
    at=$(($(now_ms) - zero))
    printf '%3d.%03d s  %-22s %s\n' $((at / 1000)) $((at % 1000)) "$1" "$2"
}

# Waits until a command succeeds; 20 s at most.
until_true()
{
    what=$1
    shift
    deadline=$(($(now_ms) + 20000))
    until "$@" >/dev/null 2>&1; do
        if [ "$(now_ms)" -gt $deadline ]; then
            echo "---- the last lines of httpd's error log" >&2
            tail -n 25 "$demo/logs/error.log" >&2
            die "$what: not within 20 s"
        fi
        sleep 0.02
    done
}

# ---- a DNS server that leads every name here, and the CA

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$demo/ca.key" -out "$demo/ca.pem" 2>/dev/null ||
    die "openssl could not make a certificate for the CA's own server"
chmod 644 "$demo/ca.pem"
cat >"$demo/pebble.json" <<END
{"pebble": {"listenAddress": "127.0.0.1:$ca", "managementListenAddress": "127.0.0.1:$management",
 "certificate": "$demo/ca.pem", "privateKey": "$demo/ca.key", "httpPort": $http, "tlsPort": $https,
 "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
if "$pebble/pebble-challtestsrv" -help 2>&1 | grep -q -e -dnsserver; then
    set -- -dnsserver "127.0.0.1:$dns" -doh ''
else
    set -- -dns01 "127.0.0.1:$dns"
fi
"$pebble/pebble-challtestsrv" -defaultIPv4 127.0.0.1 -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 '' \
    -management "127.0.0.1:$dns_management" "$@" >"$demo/logs/dns.log" 2>&1 &
daemons="$daemons $!"
GOMAXPROCS=1 PEBBLE_VA_NOSLEEP=1 "$pebble/pebble" -config "$demo/pebble.json" -dnsserver "127.0.0.1:$dns" \
    >"$demo/logs/pebble.log" 2>&1 &
daemons="$daemons $!"
until_true "Pebble's start" curl -sf --cacert "$demo/ca.pem" -o "$demo/root.pem" \
    "https://localhost:$management/roots/0"
tell "CA" "Pebble answers at https://localhost:$ca/dir"

# ---- httpd with two domains

load()
{
    for name; do
        "$httpd" -l | grep -q -e "mod_$name.c" -e "^  ${name#mpm_}.c" ||
            echo "LoadModule ${name}_module $modules/mod_$name.so"
    done
}
{
    echo "ServerRoot $demo"
    load mpm_event unixd log_config watchdog authz_core socache_shmcb mime dir ssl
    echo "LoadModule acme_module $top/_build/gcc/.libs/mod_acme.so"
    if [ "$(id -u)" = 0 ]; then
        user=www-data
        id $user >/dev/null 2>&1 || user=apache
        printf 'User %s\nGroup %s\n' $user $user
    fi
    cat <<END
DefaultRuntimeDir run
PidFile run/httpd.pid
ServerName localhost
Listen 127.0.0.1:$http
Listen 127.0.0.1:$https https
DocumentRoot htdocs
DirectoryIndex index.html
TypesConfig /dev/null
ErrorLog logs/error.log
LogLevel info
StartServers 2
ServerLimit 2
ThreadsPerChild 16
MaxRequestWorkers 32
MinSpareThreads 32
MaxSpareThreads 32

ACMEStoreDir $demo/store
ACMECertificateAuthority https://localhost:$ca/dir
ACMECACertificateFile $demo/ca.pem
ACMECertificateAgreement accepted
ACMEPortMap http:$http https:$https
ACMEDnsResolver 127.0.0.1:$dns
<Location "/acme-status">
    SetHandler acme-status
</Location>

# one domain of two names
ACMEDomain example.org www.example.org
<VirtualHost *:$https>
    ServerName example.org
    ServerAlias www.example.org
    SSLEngine on
</VirtualHost>

# one that takes its name from its virtual host
<VirtualHost *:$https>
    ACMEDomain
    ServerName shop.example.org
    SSLEngine on
</VirtualHost>

IncludeOptional $demo/later.conf
END
} >"$demo/httpd.conf"
echo "Hello from mod_acme" >"$demo/htdocs/index.html"

children()
{
    parent=$(cat "$demo/run/httpd.pid" 2>/dev/null)
    sed -n "s/^\([0-9]*\) (.*) . $parent .*/\1/p" /proc/[0-9]*/stat 2>/dev/null | sort -n | tr '\n' ' '
}

# True once both children of the configuration just read are there, and no older ones.
has_two_children()
{
    set -- $(children)
    [ $# = 2 ] && [ "$1 $2" != "$old_children" ]
}

asks()
{
    curl -sf --cacert "$demo/root.pem" --resolve "$1:$https:127.0.0.1" "https://$1:$https/"
}

describe_certificate()
{
    openssl s_client -connect "127.0.0.1:$https" -servername "$1" </dev/null 2>/dev/null |
        openssl x509 -noout -issuer -enddate -nameopt multiline |
        sed -n -e 's/.*commonName *= /by /p' -e 's/notAfter=/until /p' | tr '\n' ' '
}

same=yes

# in_use NAME PIDS: waits for the name's certificate and says whether the children are still those.
in_use()
{
    until_true "a certificate for $1" asks "$1"
    tell "$1" "certificate in use: $(describe_certificate "$1")"
    after=$(children)
    if [ "$after" = "$2" ]; then
        tell "$1" "verified by curl against the CA's root; same pids: $after"
    else
        tell "$1" "verified by curl, but the pids changed: $2-> $after"
        same=no
    fi
}

old_children=
"$httpd" -d "$demo" -f "$demo/httpd.conf" -k start || die "httpd did not start, see above"
until_true "httpd's start" has_two_children
first=$(children)
tell "example.org" "configuration read, pids: $first"
tell "shop.example.org" "configuration read, pids: $first"
in_use example.org "$first"
in_use www.example.org "$first"
in_use shop.example.org "$first"

# ---- a third domain, which a graceful restart brings in

cat >"$demo/later.conf" <<END
<VirtualHost *:$https>
    ACMEDomain
    ServerName later.example.org
    SSLEngine on
</VirtualHost>
END
old_children=${first% }
tell "later.example.org" "added to the configuration, graceful restart"
"$httpd" -d "$demo" -f "$demo/httpd.conf" -k graceful || die "the graceful restart failed"
until_true "the graceful restart" has_two_children
second=$(children)
tell "later.example.org" "configuration read, pids: $second"
in_use later.example.org "$second"

for name in example.org shop.example.org later.example.org; do
    asks $name >/dev/null || die "$name is not served any more"
done
tell "done" "three domains, each in use without a restart for its certificate"
[ $same = yes ] || die "processes changed between reading the configuration and using the certificate"

if [ $keep = yes ]; then
    cat <<END

Running until Ctrl-C.  To look around:
  curl --cacert $demo/root.pem --resolve example.org:$https:127.0.0.1 https://example.org:$https/
  curl http://127.0.0.1:$http/acme-status
  the store:          $demo/store
  httpd's error log:  $demo/logs/error.log
  Pebble's log:       $demo/logs/pebble.log
END
    while :; do
        sleep 1
    done
fi
