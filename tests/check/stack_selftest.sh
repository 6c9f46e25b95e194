#!/bin/bash
# The stack check must catch a large frame and one of unknown size, and know the ceiling of each folder.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WANTED_EXIT SU_LINE
expect() {
    mkdir -p "$work/x.dir"
    printf '%b\n' "$2" >"$work/x.dir/a.su"
    bash "$here/stack.sh" "$work" >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "$2: wanted exit $1, got $got: $(cat "$work/out")"
}

expect 0 '/a/src/base/pk_a.c:1:2:f\t2048\tstatic'
expect 1 '/a/src/base/pk_a.c:1:2:f\t2064\tstatic'
expect 1 '/a/src/base/pk_a.c:1:2:f\t64\tdynamic'
expect 0 '/a/src/base/pk_a.c:1:2:f\t64\tdynamic,bounded'
expect 0 '/a/port/linux/a.c:1:2:f\t6144\tstatic'
expect 1 '/a/port/linux/a.c:1:2:f\t6160\tstatic'
expect 1 '/a/port/a.c:1:2:f\t4096\tstatic'
expect 0 '/a/cache/src/lmdb/mdb.c:1:2:f\t6000\tstatic'
expect 1 '/a/cache/src/lmdb/mdb.c:1:2:f\t6160\tstatic'
expect 0 '/a/src/roles/main.c:1:2:f\t4096\tstatic'
finish
