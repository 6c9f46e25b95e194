#!/bin/bash
# clang-tidy, with the checks of .clang-tidy, on every source of the product; in a tree built by clang.
# clang_tidy.sh [NODES]: how far the analyzer goes into each function, which is nearly all the time this takes. Its own
# limit is 225000: nine minutes of one core, and two with a seventh of that.
nodes=${1:-30000}
. "$(dirname "$0")/lib.sh"
need_tool clang-tidy
cd "$root" || exit 1
mapfile -t files < <(our_files '*.c' | grep -E '^(src|port)/')
[ ${#files[@]} -gt 0 ] || finish
complain_lines < <(printf '%s\n' "${files[@]}" |
    xargs -P "$(nproc)" -n 4 clang-tidy --extra-arg=-Xclang --extra-arg=-analyzer-config \
        --extra-arg=-Xclang --extra-arg=max-nodes="$nodes" --quiet -p "$build" 2>/dev/null | grep -E '(warning|error):' |
    sed "s,^$root/,," | sort -u)
finish
