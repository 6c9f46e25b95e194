#!/bin/bash
# clang-tidy, with the checks of .clang-tidy, on every source of the product; in a tree built by clang.
. "$(dirname "$0")/lib.sh"
need_tool clang-tidy
cd "$root" || exit 1
mapfile -t files < <(our_files '*.c' | grep -E '^(src|port)/')
[ ${#files[@]} -gt 0 ] || finish
complain_lines < <(printf '%s\n' "${files[@]}" |
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2>/dev/null | grep -E '(warning|error):' |
    sed "s,^$root/,," | sort -u)
finish
