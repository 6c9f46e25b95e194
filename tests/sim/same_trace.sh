#!/usr/bin/env bash
# The simulation gives the same traces on this tree's instruction set as on the machine's own (DESIGN 14).
# same_trace.sh TEST_SWARM [EMULATOR...]: compared with the tree `host`.
set -euo pipefail

own=$1
shift
host=$PK_SOURCE_DIR/build/host/tests/sim/test_swarm
if [ ! -x "$host" ]; then
    echo "skipped: the tree host is not built"
    exit 77
fi
newer=$(find "$PK_SOURCE_DIR/src" "$PK_SOURCE_DIR/port" "$PK_SOURCE_DIR/tests/support" "$PK_SOURCE_DIR/tests/sim" \
    -name '*.[ch]' -newer "$host" -print -quit)
if [ -n "$newer" ]; then
    echo "skipped: the tree host is older than $newer"
    exit 77
fi
want=$("$host" --trace)
got=$("$@" "$own" --trace)
if [ "$want" != "$got" ]; then
    printf 'the machine:\n%s\nthis tree:\n%s\n' "$want" "$got"
    exit 1
fi
printf '%s\n' "$got"
