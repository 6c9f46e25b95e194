#!/bin/bash
# tools/deps: a run over a full cache asks nobody; a tarball that is missing or has changed is refused by name and
# version; an ISA it does not know is refused.
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/tarballs"
# Whoever calls apt here has touched the network.
for tool in apt-get apt curl wget; do
    printf '#!/bin/sh\necho "called: %s $*" >>"%s"\nexit 99\n' "$tool" "$work/called" >"$work/bin/$tool"
done
chmod +x "$work"/bin/*

PATH=$work/bin:$PATH "$root/tools/deps" >"$work/out" 2>&1 || complain "a second run failed: $(cat "$work/out")"
[ ! -e "$work/called" ] || complain "a second run is not offline: $(cat "$work/called")"

# refuses WORD...: a run over an empty cache with the tarballs folder fails, and says each word.
refuses() {
    PATH=$work/bin:$PATH PICKET_CACHE=$work/cache PICKET_DEPS=$work/tarballs "$root/tools/deps" >"$work/out" 2>&1 &&
        complain "accepted: $*"
    for word in "$@"; do
        grep -q -- "$word" "$work/out" || complain "the error does not say '$word': $(cat "$work/out")"
    done
    rm -rf "$work/cache"
}
refuses musl 1.2.5 "has no"
echo "not it" >"$work/tarballs/musl_1.2.5.orig.tar.gz"
refuses musl 1.2.5 SHA-256
"$root/tools/deps" pdp11 >"$work/out" 2>&1 && complain "accepted the ISA pdp11"
grep -q "unknown ISA 'pdp11'" "$work/out" || complain "no clear error for an unknown ISA"
finish
