#!/bin/bash
# The programs are static position-independent executables: type DYN, no interpreter, nothing needed, and hardened:
# relocations read-only, no executable stack, no segment both writable and executable, no path of the build in them.
. "$(dirname "$0")/lib.sh"
need_tool readelf
seen=0
for file in "$build"/picketd "$build"/picketctl "$build"/tests/unit/test_*; do
    if [ ! -f "$file" ] || [ ! -x "$file" ]; then continue; fi
    seen=$((seen + 1))
    name=${file#"$build"/}
    readelf -hlW "$file" >"$build/readelf.txt" 2>&1
    grep -q 'Type: *DYN' "$build/readelf.txt" || complain "$name: not position-independent"
    grep -q 'INTERP' "$build/readelf.txt" && complain "$name: has an interpreter"
    grep -q 'GNU_RELRO' "$build/readelf.txt" || complain "$name: no read-only relocations"
    grep -qE 'GNU_STACK.* RW +0' "$build/readelf.txt" || complain "$name: executable stack"
    grep -E '^ +LOAD' "$build/readelf.txt" | grep -q 'RWE' && complain "$name: a segment is writable and executable"
    readelf -dW "$file" 2>/dev/null | grep -q 'NEEDED' && complain "$name: needs a shared library"
    readelf -dW "$file" 2>/dev/null | grep -q 'TEXTREL' && complain "$name: relocations in the code"
    case $name in
    picket*) grep -qaF -e "$root" -e "$HOME/" "$file" && complain "$name: holds a path of this machine" ;;
    esac
done
rm -f "$build/readelf.txt"
[ "$seen" -gt 0 ] || skip "nothing is linked yet"
finish
