#!/bin/sh
# Packs the source, builds the pack elsewhere and installs it: all is there, and the module is the same file.
# SPDX-License-Identifier: Apache-2.0
#
# usage: package.sh BUILD_FOLDER FOLDER
#
# BUILD_FOLDER holds a finished build; everything is made below FOLDER.  The pack is built inside its own
# source folder, the other build was made outside, and their modules must be equal byte for byte.
# Also asks configure for what it has to refuse.
set -u
build=$(cd "${1:?}" && pwd)
rm -rf "${2:?}"
mkdir -p "$2"
cd "$2" || exit 1
folder=$(pwd)
status=0

# claim TEXT COMMAND...
claim()
{
    text=$1
    shift
    if ("$@") >last.log 2>&1; then
        echo "ok $text"
    else
        echo "not ok $text"
        tail -n 30 last.log | sed 's/^/    /'
        status=1
    fi
}

pack()
{
    make -C "$build" dist && tar -xf "$build"/mod_acme-*.tar.xz && mv mod_acme-[0-9]* source
}

build_inside()
{
    cd source && ./configure -q && make -s -j2
}

same_module()
{
    cmp source/.libs/mod_acme.so "$build/.libs/mod_acme.so"
}

installs_one_file()
{
    make -s -C source install DESTDIR="$folder/root" || return
    find root -type f
    [ "$(find root -type f | sed 's|.*/||')" = mod_acme.so ]
}

uninstalls_it()
{
    make -s -C source uninstall DESTDIR="$folder/root" && [ -z "$(find root -type f)" ]
}

# refuses WORD ARGUMENT...: configure must fail and name WORD.
refuses()
{
    word=$1
    shift
    mkdir -p refused
    (cd refused && ! ../source/configure -q "$@" >said.log 2>&1) && grep -e "$word" refused/said.log
}

# A pkg-config that does not find one library.
without()
{
    printf '#!/bin/sh\ncase " $* " in *" %s "*|*" %s >="*) exit 1 ;; esac\nexec pkg-config "$@"\n' "$1" "$1" >"$folder/pkg-config"
    chmod +x "$folder/pkg-config"
}

claim "the source can be packed" pack
claim "the pack builds inside its own folder" build_inside
claim "both builds are the same file" same_module
claim "installing brings one file" installs_one_file
claim "uninstalling takes it away" uninstalls_it
make -s -C source distclean >/dev/null 2>&1
claim "a relative store is refused" refuses "not an absolute path" --with-storedir=acme
claim "a missing apxs is named" refuses "apache2-dev" --with-apxs="$folder/no-apxs"
for library in openssl:libssl-dev libcurl:libcurl4-openssl-dev jansson:libjansson-dev; do
    without "${library%:*}"
    claim "a missing ${library%:*} is named" refuses "${library#*:}" PKG_CONFIG="$folder/pkg-config"
done
exit $status
