#!/bin/bash
# No function of the product is longer than 70 lines, from its first line to its closing brace.
# Relies on the formatting check: a function starts at column 0, its body ends with `}` at column 0.
#   functions.sh [FILE...]
. "$(dirname "$0")/lib.sh"
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(our_files '*.c' | grep -E '^(src|port)/' | sed "s,^,$root/,")
fi
complain_lines < <([ ${#files[@]} -eq 0 ] || awk -v max=70 -v root="$root/" '
    FNR == 1 { start = 0; in_body = 0 }
    !in_body && /^[A-Za-z_]/ && !/;[[:space:]]*$/ { if (!start) start = FNR }
    !in_body && /^[A-Za-z_]/ && /;[[:space:]]*$/ { start = 0 }
    !in_body && start && /\{[[:space:]]*$/ { in_body = 1; is_function = /\)[[:space:]]*\{/; name = $0 }
    !in_body && /^$/ { start = 0 }
    /^\}/ {
        if (in_body && is_function && FNR - start + 1 > max) {
            sub(root, "", FILENAME)
            printf "%s:%d: function of %d lines (at most %d)\n", FILENAME, start, FNR - start + 1, max
        }
        in_body = 0; start = 0
    }' "${files[@]}")
finish
