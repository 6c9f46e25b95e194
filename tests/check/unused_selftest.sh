#!/bin/bash
# The check of unused functions must catch one that is only declared and defined, and let go those that are called
# or stand in a table; what comments and texts say is no call.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/base" "$work/src/agent"
printf 'int pk_one(int a); /* pk_one */\nint pk_other(void);\n' >"$work/src/base/pk_a.h"

# expect WANTED_EXIT BODY: what else there is beside the two definitions
expect() {
    printf 'int pk_one(int a) {\n    return a;\n}\nint pk_other(void) {\n    return 1;\n}\n' >"$work/src/base/pk_a.c"
    printf '%s\n' "$2" >"$work/src/agent/pk_b.c"
    bash "$here/unused.sh" "$work/src/base" "$work/src" >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "wanted exit $1, got $got for: $2: $(cat "$work/out")"
}

expect 1 'int f(void) { return 0; }'
expect 1 'int f(void) { return pk_one(1); }'
expect 0 'int f(void) { return pk_one(1) + pk_other(); }'
expect 0 'static int (*const table[])(void) = {pk_other}; int f(void) { return pk_one(2); }'
expect 1 '/* pk_other() is
never called */ int f(void) { return pk_one(1); } // but named'
expect 1 'int f(void) { return pk_one(1); } const char *g = "pk_other()";'
expect 1 'int pk_other_one(void) { return pk_one(1); }'
finish
