#!/bin/bash
# docs/picketctl.md is what `picketctl help --markdown` says: the command table and its reference do not drift apart.
. "$(dirname "$0")/lib.sh"
[ -x "$build/picketctl" ] || skip "picketctl is not built yet"
complain_lines < <(diff <("$build/picketctl" help --markdown) "$root/docs/picketctl.md" | head -n 10)
[ "$findings" = 0 ] || echo "cure: build/host/picketctl help --markdown >docs/picketctl.md"
finish
