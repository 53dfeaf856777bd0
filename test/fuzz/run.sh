#!/bin/sh
# Builds one fuzz target with clang's fuzzer and lets it search for some seconds.
# SPDX-License-Identifier: Apache-2.0
#
# usage: run.sh TARGET SECONDS [CORPUS_FOLDER]
#
# New inputs go to CORPUS_FOLDER (default: _build_fuzz/TARGET in the current folder), where also the
# program is built; test/fuzz/corpus/TARGET is only read.  What breaks a promise is left in
# _build_fuzz/TARGET-findings, and the exit status is not 0.  CLANG and APR_CONFIG may name other programs.
set -eu
usage="usage: run.sh TARGET SECONDS [CORPUS_FOLDER]"
target=${1:?$usage}
seconds=${2:?$usage}
found=${3:-_build_fuzz/$target}
source=$(cd "$(dirname "$0")/../.." && pwd)
[ -f "$source/test/fuzz/fuzz_$target.c" ] || { echo "there is no target $target" >&2; exit 1; }
clang=${CLANG:-clang}
apr_config=${APR_CONFIG:-$(command -v apr-1-config || command -v apr-config)}
flags="$("$apr_config" --includes --cppflags) $(pkg-config --cflags openssl jansson libcurl)"
libs="$("$apr_config" --link-ld) $(pkg-config --libs openssl jansson libcurl)"
if pkg-config --exists libidn2; then
    flags="$flags -DHAVE_LIBIDN2 $(pkg-config --cflags libidn2)"
    libs="$libs $(pkg-config --libs libidn2)"
fi

mkdir -p "$found" "_build_fuzz/$target-findings"
# base, crypto and proto read what comes from outside; the others, what lies in the store
"$clang" -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -I"$source/include" -I"$source/test" $flags \
    "$source/test/fuzz/fuzz_$target.c" \
    $(find "$source/mod_acme/base" "$source/mod_acme/crypto" "$source/mod_acme/proto" -name '*.c') \
    "$source/mod_acme/port/acme_store.c" \
    "$source/mod_acme/port/acme_credentials.c" "$source/mod_acme/port/acme_tsig_key.c" \
    "$source/mod_acme/port/acme_dns.c" "$source/mod_acme/port/acme_dns_none.c" \
    "$source/mod_acme/port/acme_dns_message.c" "$source/mod_acme/port/acme_caa.c" \
    "$source/mod_acme/port/acme_redirect.c" "$source/mod_acme/engine/acme_generation.c" \
    "$source/mod_acme/engine/acme_job.c" "$source/mod_acme/engine/acme_policy.c" \
    "$source/mod_acme/engine/acme_policy_due.c" "$source/mod_acme/engine/acme_policy_order.c" \
    "$source/mod_acme/engine/acme_record.c" "$source/mod_acme/engine/acme_renewal.c" \
    "$source/mod_acme/engine/acme_step.c" "$source/mod_acme/engine/acme_budget.c" \
    "$source/mod_acme/engine/acme_domain.c" \
    $libs -lresolv -o "_build_fuzz/fuzz_$target"
exec "_build_fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -max_len=65536 \
    -artifact_prefix="_build_fuzz/$target-findings/" "$found" "$source/test/fuzz/corpus/$target"
