#!/usr/bin/env bash
# The simulation gives the same traces on this tree's instruction set as on the machine's own (DESIGN 14).
# same_trace.sh PROFILE TEST_SWARM [EMULATOR...]: compared with the tree of this machine that has the same limits.
set -euo pipefail

profile=$1
own=$2
shift 2
tree=
for candidate in host x86_64; do
    folder=$PK_SOURCE_DIR/build/$candidate
    if grep -qsx "PK_PROFILE:STRING=$profile" "$folder/CMakeCache.txt" && [ -x "$folder/tests/sim/test_swarm" ]; then
        tree=$candidate
    fi
done
if [ -z "$tree" ]; then
    echo "skipped: no tree of this machine with the limits '$profile' is built"
    exit 77
fi
host=$PK_SOURCE_DIR/build/$tree/tests/sim/test_swarm
newer=$(find "$PK_SOURCE_DIR/src" "$PK_SOURCE_DIR/port" "$PK_SOURCE_DIR/tests/support" "$PK_SOURCE_DIR/tests/sim" \
    -name '*.[ch]' -newer "$host" -print -quit)
if [ -n "$newer" ]; then
    echo "skipped: the tree $tree is older than $newer"
    exit 77
fi
want=$("$host" --trace)
got=$("$@" "$own" --trace)
if [ "$want" != "$got" ]; then
    printf 'the machine:\n%s\nthis tree:\n%s\n' "$want" "$got"
    exit 1
fi
printf '%s\n' "$got"
