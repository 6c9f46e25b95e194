#!/bin/bash
# Every source file of the product has its unit test of the same name (main.c is a call of its library).
. "$(dirname "$0")/lib.sh"
while IFS= read -r file; do
    name=$(basename "$file")
    [ "$name" = main.c ] && continue
    [ -f "$root/tests/unit/test_$name" ] || complain "$file: no tests/unit/test_$name"
done < <(our_files '*.c' | grep '^src/')
finish
