#!/bin/bash
# Log lines a second through the shipped patterns, beside memchr over the same bytes: bench_patterns.c with the table made
# from config/patterns as it stands.
#   tests/bench/bench_patterns.sh [LOG...]     two seconds; gcc must be installed
# Exit 1 when finding and fields, or the whole way from line to event, do less than 1.5 million lines/s.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
includes=(-I"$root" -I"$root/src" -I"$root/tests" -I"$root/boards/profiles/small")
sections=(-ffunction-sections "-Wl,--gc-sections")
gcc -std=c11 -O1 "${includes[@]}" "${sections[@]}" "$root/tools/gen_patterns.c" "$root"/src/base/*.c \
    "$root"/src/event/pk_{intern,pattern,pattern_parse,patterns}.c -o "$work/gen"
"$work/gen" "$work/shipped.c" "$root"/config/patterns/*.patterns
# As the product is built where flash is not short.
gcc -std=c11 -D_GNU_SOURCE -O2 -ffp-contract=off "${includes[@]}" "${sections[@]}" "$root/tests/bench/bench_patterns.c" \
    "$root/tests/support/pk_test.c" "$root"/src/event/*.c "$root"/src/base/*.c "$work/shipped.c" -o "$work/bench"
"$work/bench" "$@" | tee "$work/figures"
awk '/patterns and their|line to event/ { for (i = 1; i <= NF; i++) if ($i == "million") if ($(i - 1) < 1.5) bad = 1 } END { exit bad }' "$work/figures"
