#!/bin/bash
# Every pk_*.c of the product has its unit test of the same name. What has another name is the wiring of a
# process, in src/roles and src/ctl only: integration tests run it.
. "$(dirname "$0")/lib.sh"
while IFS= read -r file; do
    name=$(basename "$file")
    if [[ $name != pk_* ]]; then
        [[ $file == src/roles/* || $file == src/ctl/* ]] || complain "$file: its name does not begin with pk_"
        continue
    fi
    [ -f "$root/tests/unit/test_$name" ] || complain "$file: no tests/unit/test_$name"
done < <(our_files '*.c' | grep '^src/')
finish
