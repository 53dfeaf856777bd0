#!/bin/sh
# Checks that every file includes only its own floor or lower ones, and that no headers include each other in a circle.
# SPDX-License-Identifier: Apache-2.0
#
# usage: floors.sh SOURCE_FOLDER
#
# A header include/acme/acme_X.h belongs to the floor whose folder holds acme_X.c.  One that has no
# source file is named in header_only below, or else stands on the highest floor it includes.
set -u
cd "${1:?usage: floors.sh SOURCE_FOLDER}" || exit 1

find mod_acme include -name '*.[ch]' | sort | xargs grep -H -n '^[[:space:]]*#[[:space:]]*include' /dev/null |
awk -v sources="$(find mod_acme -name '*.c' | tr '\n' ' ')" '
function complain(text) {
    print "not ok " where ": " text
    bad = 1
}

# The floor of a folder; 0 for a folder that is none.
function level(folder) { return folder in height ? height[folder] : 0 }

# The folder a file of ours belongs to.
function folder_of(file,    stem) {
    if (file ~ /^mod_acme\//) {
        split(file, part, "/")
        return part[2]
    }
    stem = file
    sub(/^.*\//, "", stem)
    sub(/\.h$/, "", stem)
    if (stem in home) return home[stem]
    if (stem in header_only) return header_only[stem]
    return highest_included(file)
}

# Where a header without source must stand: above whatever it includes.
function highest_included(file,    best, i, folder) {
    if (visiting[file]) return "base"
    visiting[file] = 1
    best = "base"
    for (i = 1; i <= count; i++) {
        if (from[i] != file) continue
        folder = to[i] ~ /^acme\// ? folder_of("include/" to[i]) : folder_of_library(to[i])
        if (level(folder) == level(best) && folder != best) folder = "engine"
        if (level(folder) > level(best)) best = folder
    }
    visiting[file] = 0
    return best
}

function folder_of_library(header) {
    return header ~ /^openssl\// ? "crypto" : header == "jansson.h" ? "proto" : header ~ /^curl\// ? "port" : "base"
}

function check_ours(file, header,    mine, theirs, stem) {
    mine = folder_of(file)
    theirs = folder_of("include/" header)
    stem = header
    sub(/^acme\//, "", stem)
    sub(/\.h$/, "", stem)
    if (level(theirs) > level(mine)) complain(mine " may not include " header ", which is of the higher floor " theirs)
    else if (level(theirs) == level(mine) && theirs != mine)
        complain(mine " and " theirs " do not know each other, but " header " is included")
    else if (mine == "engine" && theirs == "port" && !(stem in interface))
        complain("engine includes interfaces of port only, and " header " is an implementation")
}

# Headers of one folder only: beside the sources, by name without a folder.
function check_private(file, header,    place) {
    place = file
    sub(/[^\/]*$/, header, place)
    if (!(place in exists) && header != "config.h") complain(header " is not in the folder of this file")
}

function check_foreign(file, header,    mine) {
    mine = folder_of(file)
    if (level(mine) < 5 && header ~ /^(httpd|unixd|os|scoreboard|(ap|http|mod|mpm|util)_[a-z0-9_]*)\.h$/)
        complain(mine " is below the roof and includes " header " of httpd")
    if (header ~ /^openssl\// && level(mine) < 2) complain(mine " knows nothing of OpenSSL, but " header " is included")
    if (header == "jansson.h" && level(mine) < 3) complain(mine " knows nothing of jansson, but " header " is included")
    if (header ~ /^curl\// && mine != "port" && level(mine) < 5) complain("only port knows curl, but " header " is included by " mine)
}

BEGIN {
    height["base"] = 1; height["crypto"] = 2; height["proto"] = 3; height["port"] = 3
    height["engine"] = 4; height["httpd"] = 5; height["tool"] = 5
    interface["acme_store"]; interface["acme_transport"]; interface["acme_solver"]; interface["acme_dns_update"]; interface["acme_preflight"]
    for (stem in interface) header_only[stem] = "port"
    n = split(sources, list, " ")
    for (i = 1; i <= n; i++) {
        split(list[i], part, "/")
        stem = list[i]
        sub(/^.*\//, "", stem)
        sub(/\.c$/, "", stem)
        home[stem] = part[2]
    }
}

{
    match($0, /:[0-9]+:/)
    file = substr($0, 1, RSTART - 1)
    place = substr($0, 1, RSTART + RLENGTH - 2)
    if (!match($0, /[<"][^>"]+[>"]/)) next
    count++
    from[count] = file
    at[count] = place
    to[count] = substr($0, RSTART + 1, RLENGTH - 2)
    quoted[count] = substr($0, RSTART, 1) == "\""
    exists[file]
}

# Takes away header after header that includes no other one; what is left includes itself in a circle.
function check_circles(    i, target, again, left, seen) {
    for (i = 1; i <= count; i++) {
        if (from[i] !~ /\.h$/ || !quoted[i]) continue
        target = to[i] ~ /^acme\// ? "include/" to[i] : from[i]
        if (to[i] !~ /^acme\//) sub(/[^\/]*$/, to[i], target)
        edge[i] = target
        node[from[i]] = 1
    }
    do {
        again = 0
        for (i in edge) {
            if (edge[i] in node) continue
            delete edge[i]
        }
        for (header in node) {
            left = 0
            for (i in edge) if (from[i] == header) left = 1
            if (!left) {
                delete node[header]
                again = 1
                break
            }
        }
    } while (again)
    for (i in edge) {
        where = at[i]
        complain("is part of a circle of includes, by " to[i])
    }
}

END {
    for (i = 1; i <= count; i++) {
        where = at[i]
        if (!(from[i] in told) && !level(folder_of(from[i]))) {
            told[from[i]]
            complain("mod_acme/" folder_of(from[i]) " is no floor that test/check/floors.sh knows")
        }
        if (to[i] ~ /^acme\//) check_ours(from[i], to[i])
        else if (quoted[i]) check_private(from[i], to[i])
        else check_foreign(from[i], to[i])
    }
    check_circles()
    if (!count) {
        where = "mod_acme"
        complain("no file includes anything: is this the source folder?")
    }
    if (!bad) print "ok every file includes its own floor or lower ones (" count " includes)"
    exit bad
}'
