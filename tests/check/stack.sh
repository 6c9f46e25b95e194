#!/bin/bash
# Stack of each function as the compiler counted it: at most 2 KiB in the core and 6 KiB elsewhere, third-party
# libraries included (a page of a file and a path), which is below musl's guard of 8 KiB; bounded at compile time. Exceptions are in stack.allow: <function> <at most> <why>.
#   stack.sh [FOLDER with .su files]
. "$(dirname "$0")/lib.sh"
folder=${1:-$build}
mapfile -t files < <(find "$folder" -name '*.su' -path '*dir*' ! -path '*/tests/*' | sort)
[ ${#files[@]} -gt 0 ] || skip "no stack figures: nothing is compiled yet, or not by gcc"
# A .su line: path:line:column:function <tab> bytes <tab> static|dynamic|dynamic,bounded
complain_lines < <(awk -F '\t' '
    FILENAME == ARGV[1] { if (!/^ *(#|$)/) { split($0, word, " "); allowed[word[1]] = word[2] } next }
    {
        n = split($1, part, ":"); name = part[n]; at = part[1] ":" part[2]
        ceiling = $1 ~ /\/src\/[a-z]+\/pk_[^\/]*:|\/port\/[^\/]*:/ && $1 !~ /\/src\/(roles|ctl)\// ? 2048 : 6144
        if (name in allowed) ceiling = allowed[name]
        if ($3 == "dynamic") print at ": " name ": stack is not bounded"
        else if ($2 + 0 > ceiling + 0) print at ": " name ": " $2 " bytes of stack (at most " ceiling ")"
    }' "$(dirname "$0")/stack.allow" "${files[@]}")
echo "deepest:"
cat "${files[@]}" | sort -t "$(printf '\t')" -k2,2nr | awk -F '\t' 'NR <= 5 { n = split($1, part, ":"); print "  " $2, part[n] }'
finish
