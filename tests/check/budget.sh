#!/bin/bash
# Sizes of the programs against boards/<board>/budget. Each line of the budget: <program> <what> <at most>.
#   file_bytes   the stripped file          ram_bytes   data + bss, what it takes before it has done anything
. "$(dirname "$0")/lib.sh"
budget=$root/boards/${PK_BOARD:-host}/budget
[ -f "$budget" ] || {
    complain "$budget: missing"
    finish
}
seen=0
while read -r program what ceiling _; do
    case $program in '' | '#'*) continue ;; esac
    file=$build/$program
    [ -f "$file" ] || continue
    seen=$((seen + 1))
    case $what in
    file_bytes) bytes=$(stat -c %s "$file") ;;
    ram_bytes) bytes=$("${PK_SIZE:-size}" "$file" | awk 'NR == 2 { print $2 + $3 }') ;;
    *) complain "$budget: unknown word '$what'"; continue ;;
    esac
    printf '%-10s %-11s %9d of %9d (%d %%)\n' "$program" "$what" "$bytes" "$ceiling" $((bytes * 100 / ceiling))
    [ "$bytes" -le "$ceiling" ] || complain "$program: $what is $bytes, the budget of the board is $ceiling"
done <"$budget"
[ "$seen" -gt 0 ] || skip "nothing is linked yet"
finish
