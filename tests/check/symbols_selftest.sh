#!/bin/bash
# The symbol check must catch an allocator, a print, a system call and a file static in a core object.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WANTED_EXIT SOURCE
expect() {
    printf '%s\n' "$2" >"$work/a.c"
    rm -f "$work/a.a"
    gcc -O1 -w -fPIE -fdata-sections -c "$work/a.c" -o "$work/a.o" || exit 1
    ar rc "$work/a.a" "$work/a.o" || exit 1
    PK_NM='nm' bash "$here/symbols.sh" "$work/a.a" ${3:+"$3"} >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "wanted exit $1, got $got for: $2: $(cat "$work/out")"
}

expect 0 '#include <string.h>
static const int table[3] = {1, 2, 3};
int f(const char *s, int i) { return (int)strlen(s) + table[i]; }'
expect 0 'static const char *const words[] = {"a", "b"};
const char *f(int i) { return words[i]; }'
expect 1 'static const char *words[] = {"a", "b"};
const char **f(int i) { return words + i; }'
expect 1 '#include <stdlib.h>
void *f(void) { return malloc(3); }'
expect 1 '#include <stdio.h>
void f(char *s) { snprintf(s, 9, "%d", 3); }'
expect 1 '#include <unistd.h>
int f(void) { return getpid(); }'
expect 1 'static int count; int f(void) { return ++count; }'
expect 1 'int state = 3;'
# In a port a system call is fine, an allocation is not.
printf '#include <stdlib.h>\n#include <unistd.h>\nvoid *f(void) { return malloc(getpid()); }\n' >"$work/b.c"
gcc -w -c "$work/b.c" -o "$work/b.o" && ar rc "$work/b.a" "$work/b.o"
expect 1 'int f(void) { return 1; }' "$work/b.a"
finish
