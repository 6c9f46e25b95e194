#!/bin/bash
# The word check must catch each kind of word it is for.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WANTED_EXIT FILE TEXT
expect() {
    rm -rf "$work/tree" && mkdir "$work/tree" && printf '%b\n' "$3" >"$work/tree/$2"
    PK_SOURCE_DIR=$work/tree bash "$here/words.sh" >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "$2 holding '$3': wanted exit $1, got $got: $(cat "$work/out")"
}

# Written in two parts, so that this file does not hold the words.
expect 0 a.c 'int a; /* see http://example.org/a and http://127.0.0.1:80/ and http://hub.example/ */'
expect 0 a.md 'under ./work/ and /etc/picket, "work/x"'
expect 1 a.c 'int a; /* TO''DO */'
expect 1 a.md 'deb http:''//deb.deb''ian.org/debian trixie main'
expect 1 a.md 'ftp.deb''ian.org'
expect 1 a.sh 'curl https:''//files.somewhere.net/x'
expect 1 a.sh 'cd /''work/main'
expect 1 a.cmake 'set(A "/''root/.cache")'
expect 1 a.c 'int a; '
expect 1 a.c '\tint a;'
finish
