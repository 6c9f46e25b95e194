#!/bin/bash
# What the objects of the core refer to and hold:
#   - outside themselves only the symbols of core_symbols.allow: no allocator, no stdio, no OS call;
#   - no writable data: state lives in structs the caller owns.
# Roles and ports may call the OS, but no allocator.
#   symbols.sh [CORE_ARCHIVE OTHER_ARCHIVE...]
. "$(dirname "$0")/lib.sh"
nm=${PK_NM:-nm}
allow=$(dirname "$0")/core_symbols.allow
allocators='^(malloc|calloc|realloc|reallocarray|free|memalign|aligned_alloc|posix_memalign|valloc|strdup|strndup|v?asprintf|getline|getdelim|fopen|fdopen|opendir|scandir|getaddrinfo|open_memstream|fmemopen|qsort_r)$'
[ $# -gt 0 ] || set -- "$build/libpk_core.a" "$build/libpk_roles.a" "$build/libpk_port_linux.a"

core=$1
shift
[ -f "$core" ] || skip "the core has no objects yet"
defined=$("$nm" --defined-only "$core" | awk 'NF == 3 && $2 ~ /^[A-Z]$/ { print $3 }' | sort -u)
complain_lines < <("$nm" -A --undefined-only "$core" | awk '{ print $NF, $1 }' | sort -u |
    awk -v defined="$defined" '
        BEGIN { n = split(defined, names, "\n"); for (i = 1; i <= n; i++) known[names[i]] = 1 }
        NR == FNR { sub(/#.*/, ""); for (i = 1; i <= NF; i++) known[$i] = 1; next }
        !($1 in known) { sub(/.*:/, "", $2) ; print "core refers to " $1 " (" $0 ")" }' "$allow" -)
complain_lines < <("$nm" -A --defined-only "$core" | awk '$(NF-1) ~ /^[bBdDcC]$/ { print "core holds writable data: " $NF " (" $1 ")" }')
for archive in "$@"; do
    [ -f "$archive" ] || continue
    complain_lines < <("$nm" -A --undefined-only "$archive" | awk '{ print $NF, $1 }' | sort -u |
        awk -v pattern="$allocators" '$1 ~ pattern { print "allocator: " $0 }')
done
finish
