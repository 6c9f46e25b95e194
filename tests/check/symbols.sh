#!/bin/bash
# What the objects of the core refer to and hold:
#   - outside themselves only the symbols of core_symbols.allow: no allocator, no stdio, no OS call;
#   - no writable data: state lives in structs the caller owns.
# Roles and ports may call the OS, but no allocator; exceptions with their reason: allocators.allow.
#   symbols.sh [CORE_ARCHIVE [OTHER_ARCHIVE...]]
. "$(dirname "$0")/lib.sh"
nm=${PK_NM:-nm}
allow=$(dirname "$0")/core_symbols.allow
allocators='^(malloc|calloc|realloc|reallocarray|free|memalign|aligned_alloc|posix_memalign|valloc|strdup|strndup|v?asprintf|getline|getdelim|fopen|fdopen|opendir|scandir|getaddrinfo|open_memstream|fmemopen|qsort_r)$'
core=() others=()
if [ $# -gt 0 ]; then
    core=("$1")
    others=("${@:2}")
else
    for module in base port event detect incident wire respond mqtt report agent; do
        [ ! -f "$build/libpk_$module.a" ] || core+=("$build/libpk_$module.a")
    done
    for module in roles port_linux port_mbedtls port_lmdb; do
        [ ! -f "$build/libpk_$module.a" ] || others+=("$build/libpk_$module.a")
    done
fi
[ ${#core[@]} -gt 0 ] || skip "the core has no objects yet"

# Of one line per reference, `archive:object: U name`, makes `name object`.
references() {
    "$nm" -A --undefined-only "$@" | awk 'NF > 1 && $(NF - 1) == "U" { at = $1; sub(/:$/, "", at); sub(/.*[:\/]/, "", at); print $NF, at }' | sort -u
}

defined=$("$nm" --defined-only "${core[@]}" | awk 'NF == 3 && $2 ~ /^[A-Z]$/ { print $3 }' | sort -u)
complain_lines < <(references "${core[@]}" | awk -v defined="$defined" '
    BEGIN { n = split(defined, names, "\n"); for (i = 1; i <= n; i++) known[names[i]] = 1 }
    NR == FNR { sub(/#.*/, ""); for (i = 1; i <= NF; i++) known[$i] = 1; next }
    !($1 in known) { print $2 " of the core refers to " $1 }' "$allow" -)
# .data.rel.ro holds constant tables of pointers: written by the loader only.
complain_lines < <("$nm" -A -f sysv --defined-only "${core[@]}" | awk -F '|' '
    NF >= 7 { gsub(/ /, "", $3); gsub(/ /, "", $7) }
    NF >= 7 && $3 ~ /^[bBdDcC]$/ && $7 !~ /^\.data\.rel\.ro/ { gsub(/ /, "", $1); print "the core holds writable data: " $1 }')
[ ${#others[@]} -eq 0 ] || complain_lines < <(references "${others[@]}" |
    awk -v pattern="$allocators" '
        NR == FNR { if (!/^#/) allowed[$2 " " $1] = 1; next }
        $1 ~ pattern && !(($1 " " $2) in allowed) { print $2 " refers to the allocator " $1 }' \
        "$(dirname "$0")/allocators.allow" -)
# libc's own allocator is not in picketd: the arena has taken its place.
[ ! -f "$build/picketd.debug" ] || complain_lines < <("$nm" "$build/picketd.debug" |
    awk '$NF ~ /^(__libc_malloc_impl|__libc_realloc|__libc_free|__malloc_alloc_meta|__simple_malloc)$/ {
        print "picketd holds libc\x27s allocator: " $NF }')
finish
