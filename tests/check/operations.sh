#!/bin/bash
# tests/check/operations.md: each operation the requirements give to the agent names commands that exist, or says why it
# is none; and each command of the agent stands there.
#   operations.sh [TABLE]
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
table=${1:-tests/check/operations.md}

# Requirements that name an operation of the agent: none of them may go from the table unnoticed.
required='A.0 C-12 C-15 C-17 C-23 C-24 C-27 D-1 D-2 D-3 D-4 D-7 D-8 D-9 D-10 D-11 D-12 D-13
S0-12 S0-15 S0-17 S0-18 S0-19 S0-20 S0-21 S0-42 S0-43 S0-53 S0-54 S0-56 S0-70 S0-71 S0-76 S0-78 S0-83 S0-84 S0-85
S1-2 S1-5 S1-7 S1-46 S1-47 S1-48 S1-49 S1-50 S1-51 S1-52 S1-53 S1-54 S1-55 S1-56 S1-57 S1-58 S1-59 S1-60 S1-61 S1-62
S1-63 S1-64 S1-99 S1-100 S1-103 S1-105 S1-106 S1-107 S2-12 S2-13 S2-14 S2-15 S2-17 S2-18 S2-19 S2-20 S2-21 S2-22 S2-23
S2-24 S2-27 S2-28 S2-31 S2-32 S2-47 S2-48 S3-6 S3-9 S3-10 S3-11 S3-12 S3-15 S3-17 S3-18 S3-19 S3-20 S3-21 S3-24 S3-25
S3-28 S3-30 S3-31 S3-34 S3-36 S3-40 S3-41 S3-43 S3-48 S3-52 S3-53 S3-56 S4-3 S4-22 S4-28'

declare -A is_command is_spelling is_named has_row
while IFS= read -r name; do is_command[$name]=yes; done \
    < <(sed -n 's/^PK_CMD([A-Z_0-9]*, "\([^"]*\)".*/\1/p' src/report/pk_cmd_table.def)
while IFS= read -r name; do is_spelling[$name]=yes; done \
    < <(sed -n 's/^PK_CTL_CMD([A-Z_0-9]*, "\([^"]\{1,\}\)", \(NULL\|"\([^"]*\)"\),.*/\1\n\3/p' src/ctl/pk_ctl_commands.def | grep .)
if [ ${#is_command[@]} -eq 0 ] || [ ${#is_spelling[@]} -eq 0 ]; then
    complain "the tables of commands cannot be read"
fi

# The names between back quotes in $1, one a line.
# shellcheck disable=SC2016 # the back quotes are of the table
names() { grep -oE '`[^`]+`' <<<"$1" | tr -d '`'; }

while IFS='|' read -r _ ids operation command spelling _; do
    for id in ${ids//,/ }; do has_row[$id]=yes; done
    if [[ $command =~ ^\ none:\ .{10,} ]]; then
        :
    elif [[ ! $command =~ ^\ \` ]]; then
        complain "$operation: neither a command nor a reason"
    else
        while IFS= read -r name; do
            [ -n "${is_command[$name]:-}" ] || complain "$operation: the agent has no command '$name'"
            is_named[$name]=yes
        done < <(names "$command")
    fi
    while IFS= read -r name; do
        [ -z "$name" ] || [ -n "${is_spelling[$name]:-}" ] || complain "$operation: picketctl has no command '$name'"
    done < <(names "$spelling")
done < <(grep -E '^\| ([A-Z][0-9]?[-.])' "$table")

for id in $required; do
    [ -n "${has_row[$id]:-}" ] || complain "$id: no row"
done
for name in "${!is_command[@]}"; do
    [ -n "${is_named[$name]:-}" ] || complain "$name: a command that no row names"
done
finish
