#!/bin/bash
# cppcheck on what runs on a gateway.
. "$(dirname "$0")/lib.sh"
need_tool cppcheck
cd "$root" || exit 1
mapfile -t files < <(our_files '*.c' | grep -E '^(src|port)/')
[ ${#files[@]} -gt 0 ] || finish
# missingIncludeSystem: the C library is described to cppcheck by --library. The *Called ones: readdir()
# is safe as long as each DIR has one user, and users and groups are looked up where there is one thread.
# varFuncNullUB: NULL is a pointer, not 0, in both C libraries we build with.
# serve.c: accept4() takes NULL for an address nobody wants to know; cppcheck's description of it says otherwise.
complain_lines < <(cppcheck --quiet --std=c11 --language=c -j "$(nproc)" --inline-suppr --error-exitcode=0 \
    --enable=warning,performance,portability --library=posix,gnu --suppress=missingIncludeSystem \
    --suppress=unmatchedSuppression --suppress=readdirCalled --suppress=varFuncNullUB \
    --suppress=getpwnamCalled --suppress=getgrnamCalled --suppress=nullPointer:port/linux/serve.c --template='{file}:{line}: {severity}: {message} [{id}]' \
    -D__linux__ -D__x86_64__ -D_GNU_SOURCE -DPK_VERSION='""' -DPK_BOARD='""' -DPK_ARENA_REPLACES_MALLOC \
    -I. -Isrc -Iboards/profiles/small "${files[@]}" 2>&1)
finish
