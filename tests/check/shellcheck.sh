#!/bin/bash
# Every shell script passes shellcheck.
. "$(dirname "$0")/lib.sh"
need_tool shellcheck
cd "$root" || exit 1
mapfile -t files < <(our_scripts)
# SC1091: sourced files are named by a path that is only known when the script runs. SC2154: what they define.
complain_lines < <(shellcheck --format=gcc --exclude=SC1091,SC2154 "${files[@]}")
finish
