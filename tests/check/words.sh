#!/bin/bash
# Words that have no place in the tree: unfinished-work marks, hosts outside the documentation names, folders of a
# particular machine, white space at line ends and tabs in C.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
mapfile -t files < <(our_files '*' | grep -vE '\.(png|jpg|ico|bin|der|woff2)$|^LICENSE')

# look WHY PATTERN [EXCEPTION]
look() {
    complain_lines < <(grep -nIE -- "$2" "${files[@]}" 2>/dev/null | grep -vE -- "${3:-^$}" | sed "s/^/$1: /")
}

look 'unfinished' '\b(TO''DO|FIX''ME|XX''X)\b'
look 'host name' '(deb|ftp|security|snapshot|archive)\.(debian|ubuntu)\.(org|com)|(pypi|npmjs|crates|docker|ghcr|quay)\.(org|com|io)\b'
look 'host name' 'https?://[A-Za-z0-9]' 'https?://(localhost|127\.0\.0\.1|[A-Za-z0-9.-]*\.?(example|test|invalid|localhost)(\.(com|org|net))?)([:/"]|$)|https?://www\.w3\.org/'
look 'folder of one machine' '(^|[^A-Za-z0-9_.$}])/(work/|tmp/team|home/[a-z]|root/)' 'tests/check/words\.sh:'
look 'white space at the end' '[[:blank:]]+$' '^[^:]*\.md:'
complain_lines < <(our_files '*.c' '*.h' | xargs -r grep -nP '\t' | sed 's/^/tab: /')
finish
