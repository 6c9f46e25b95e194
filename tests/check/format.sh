#!/bin/bash
# Every C file is as .clang-format says. The version is pinned: others disagree with it about a few lines.
. "$(dirname "$0")/lib.sh"
tool=$(command -v clang-format-14 || command -v clang-format) || skip "clang-format is not installed"
case $("$tool" --version) in
*version\ 14.*) ;;
*) skip "clang-format is not version 14" ;;
esac
mapfile -t files < <(our_files '*.c' '*.h')
cd "$root" && complain_lines < <("$tool" --dry-run -Werror "${files[@]}" 2>&1 | grep 'error:')
finish
