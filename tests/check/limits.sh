#!/bin/bash
# Every capacity of boards/profiles is one that something uses, and every profile has the same set.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
names() { grep -ohE '^#define PK_(LIMIT|TXN|AGENT)_[A-Z_]+' "boards/profiles/$1/pk_limits.h" | cut -d' ' -f2 | sort; }
for profile in boards/profiles/*/; do
    profile=$(basename "$profile")
    complain_lines < <(diff <(names small) <(names "$profile") | sed -n "s/^[<>] /not in small and $profile alike: /p")
done
while IFS= read -r name; do
    our_files '*.c' '*.h' | grep -vE '^boards/|pk_limits_check\.h$|^tests/' | xargs grep -qw "$name" || complain "$name: nothing uses it"
done < <(names small)
finish
