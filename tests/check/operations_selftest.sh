#!/bin/bash
# The check of the operations must catch each kind of mistake.
# shellcheck disable=SC2016 # the back quotes are of the table
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WORD SED_SCRIPT: the table so changed is refused, and the complaint says WORD.
expect() {
    sed "$2" "$here/operations.md" >"$work/table"
    cmp -s "$work/table" "$here/operations.md" && complain "'$2' changes nothing"
    bash "$here/operations.sh" "$work/table" >"$work/out" 2>&1 && complain "accepted: $2"
    grep -q -- "$1" "$work/out" || complain "'$2' does not say '$1': $(cat "$work/out")"
}

expect 'S3-30: no row' '/^| S3-18, S3-30 /d'
expect 'interrupt: a command that no row names' '/^| S3-18, S3-30 /d'
expect "no command 'stop'" '/^| S3-18, S3-30 /s/| `interrupt` |/| `stop` |/'
expect "picketctl has no command 'halt'" '/^| S3-18, S3-30 /s/`interrupt` |$/`halt` |/'
expect 'neither a command nor a reason' '/^| S2-21 /s/none: [^|]*/none: /'
expect 'neither a command nor a reason' '/^| S2-48 /s/`log.level`/ /'
finish
