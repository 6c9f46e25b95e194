#!/bin/bash
# tools/second-broker and tools/second-jose: a run over a full cache asks nobody; where it cannot be had they say why and exit 77;
# other pins are not taken for these.
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/empty"
printf '#!/bin/sh\necho "called: npm $*" >>"%s"\nexit 1\n' "$work/called" >"$work/bin/npm"
chmod +x "$work/bin/npm"

# skips TOOL WORD ARGUMENT...: with an empty cache
skips() {
    local tool=$1 word=$2
    shift 2
    PATH=$work/bin:$PATH PICKET_CACHE=$work/empty "$root/tools/$tool" "$@" >"$work/out" 2>&1
    [ $? = 77 ] || complain "$tool $*: does not exit 77"
    grep -q -- "$word" "$work/out" || complain "$tool $*: does not say '$word': $(cat "$work/out")"
}

# checks TOOL FOLDER FILE: the file is in the folder it prints, which FOLDER of the cache is
checks() {
    local tool=$1 folder=$2 file=$3
    "$root/tools/$tool" --cached >/dev/null || skip "what $tool fetches is not here"
    rm -f "$work/called"
    PATH=$work/bin:$PATH "$root/tools/$tool" >"$work/out" 2>&1 || complain "$tool: a second run failed: $(cat "$work/out")"
    [ ! -e "$work/called" ] || complain "$tool: a second run is not offline: $(cat "$work/called")"
    [ -f "$(cat "$work/out")/node_modules/$file" ] || complain "$tool: no $file in: $(cat "$work/out")"
    skips "$tool" "not fetched: run tools/$tool" --cached
    skips "$tool" "could not fetch"
    [ ! -e "$work/empty/$folder" ] || complain "$tool: half of it is in the cache"
}

checks second-broker aedes aedes/aedes.js
checks second-jose jose jose/package.json
finish
