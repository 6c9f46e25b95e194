#!/bin/bash
# tools/second-broker: a run over a full cache asks nobody; where it cannot be had it says why and exits 77; other pins are
# not taken for these.
. "$(dirname "$0")/lib.sh"
"$root/tools/second-broker" --cached >/dev/null || skip "the broker is not here"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/empty"
printf '#!/bin/sh\necho "called: npm $*" >>"%s"\nexit 1\n' "$work/called" >"$work/bin/npm"
chmod +x "$work/bin/npm"

PATH=$work/bin:$PATH "$root/tools/second-broker" >"$work/out" 2>&1 || complain "a second run failed: $(cat "$work/out")"
[ ! -e "$work/called" ] || complain "a second run is not offline: $(cat "$work/called")"
[ -f "$(cat "$work/out")/node_modules/aedes/aedes.js" ] || complain "no broker in: $(cat "$work/out")"

# skips WORD ARGUMENT...: with an empty cache
skips() {
    local word=$1
    shift
    PATH=$work/bin:$PATH PICKET_CACHE=$work/empty "$root/tools/second-broker" "$@" >"$work/out" 2>&1
    [ $? = 77 ] || complain "$*: does not exit 77"
    grep -q -- "$word" "$work/out" || complain "$*: does not say '$word': $(cat "$work/out")"
}
skips "not fetched" --cached
skips "could not fetch"
[ ! -e "$work/empty/aedes" ] || complain "half of it is in the cache"
finish
