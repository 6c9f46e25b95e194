#!/bin/bash
# The length check must count a function right: 70 lines pass, 71 do not, whatever surrounds it.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WANTED_EXIT BODY_LINES HEAD: a function of a head, its body and a closing brace
expect() {
    {
        printf '#include <stdint.h>\n\nstruct big {\n'
        for ((i = 0; i < 90; i++)); do echo "    int field$i;"; done
        printf '};\n\nstatic const int table[] = {\n'
        for ((i = 0; i < 90; i++)); do echo "    $i,"; done
        printf '};\n\nint declared(int a,\n             int b);\n\n%b\n' "$3"
        for ((i = 0; i < $2; i++)); do echo '    if (a) { a--; }'; done
        printf '}\n\nint last(void) {\n    return 0;\n}\n'
    } >"$work/a.c"
    bash "$here/functions.sh" "$work/a.c" >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "$2 body lines under '$3': wanted exit $1, got $got: $(cat "$work/out")"
}

expect 0 68 'int f(int a) {'
expect 1 69 'int f(int a) {'
expect 0 67 'static int f(int a,\n             int b) {'
expect 1 68 'static int f(int a,\n             int b) {'
finish
