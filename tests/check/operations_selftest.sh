#!/bin/bash
# The check of the operations must catch each kind of mistake.
# shellcheck disable=SC2016 # the back quotes are of the table
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
expect() { expect_refused "$here/operations.sh" "$here/operations.md" "$@"; }

expect 'S3-30: no row' '/^| S3-18, S3-30 /d'
expect 'interrupt: a command that no row names' '/^| S3-18, S3-30 /d'
expect "no command 'stop'" '/^| S3-18, S3-30 /s/| `interrupt` |/| `stop` |/'
expect "picketctl has no command 'halt'" '/^| S3-18, S3-30 /s/`interrupt` |$/`halt` |/'
expect 'neither a command nor a reason' '/^| S2-21 /s/none: [^|]*/none: /'
expect 'neither a command nor a reason' '/^| S2-48 /s/`log.level`/ /'
finish
