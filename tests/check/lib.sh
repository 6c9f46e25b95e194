# shellcheck shell=bash
# Shared by the checks: where the tree is, how a check complains and ends. Sourced, not run.
# A check prints one line per finding and ends with `finish`: exit 0 clean, 1 findings; 77 = cannot be done here.
set -u -o pipefail
export LC_ALL=C

root=${PK_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export build=${PK_BINARY_DIR:-$root/build/host}
findings=0

complain() {
    printf '%s\n' "$*"
    findings=$((findings + 1))
}

# complain_lines: one complaint per line of standard input. Feed it with < <(...), not with a pipe.
complain_lines() {
    local line
    while IFS= read -r line; do complain "$line"; done
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

need_tool() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

finish() {
    if [ "$findings" -gt 0 ]; then
        printf '%s: %d finding(s)\n' "${0##*/}" "$findings"
        exit 1
    fi
    printf '%s: clean\n' "${0##*/}"
    exit 0
}

# Our files of the given name patterns, as paths relative to the root; works in an export without git as well.
our_files() {
    local patterns=() pattern
    for pattern in "$@"; do patterns+=(-o -name "$pattern"); done
    (cd "$root" && find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${patterns[@]:1}" \) -print) |
        sed 's,^\./,,' | sort
}

# Bash and sh scripts by their first line, whatever they are called.
our_scripts() {
    our_files '*' | while IFS= read -r file; do
        head -n 1 "$root/$file" 2>/dev/null | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b|^# shellcheck shell=' && echo "$file"
    done
}

# expect_refused CHECK TABLE WORD SED_SCRIPT: the check refuses the table so changed, and its complaint says WORD.
expect_refused() {
    local work
    work=$(mktemp -d) || exit 1
    sed "$4" "$2" >"$work/table"
    cmp -s "$work/table" "$2" && complain "'$4' changes nothing"
    bash "$1" "$work/table" >"$work/out" 2>&1 && complain "accepted: $4"
    grep -q -- "$3" "$work/out" || complain "'$4' does not say '$3': $(cat "$work/out")"
    rm -rf "$work"
}
