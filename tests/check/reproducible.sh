#!/bin/bash
# The programs built from a copy of the sources in another folder are the same bytes as those of this tree.
. "$(dirname "$0")/lib.sh"
programs=()
for program in picketd picketctl; do
    if [ -f "$build/$program" ]; then programs+=("$program"); fi
done
[ ${#programs[@]} -gt 0 ] || skip "nothing is linked yet"
work=$(mktemp -d "${TMPDIR:-/tmp}/a-folder-with-another-name.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
(cd "$root" && tar -c --exclude=./build --exclude=./.git .) | tar -x -C "$work/source" || exit 1
if ! { cmake -S "$work/source" -B "$work/elsewhere/tree" -G Ninja -DPK_BOARD="${PK_BOARD:-host}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_TOOLCHAIN_FILE="$work/source/toolchains/${PK_BOARD:-host}.cmake" >"$work/log" 2>&1 &&
    ninja -C "$work/elsewhere/tree" "${programs[@]}" >>"$work/log" 2>&1; }; then
    tail -n 20 "$work/log"
    complain "the second build failed"
    finish
fi
for program in "${programs[@]}"; do
    cmp "$build/$program" "$work/elsewhere/tree/$program" || complain "$program differs"
done
finish
