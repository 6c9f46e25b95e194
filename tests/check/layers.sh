#!/bin/bash
# Include direction of DESIGN 4: each folder may include what its row names, and nothing else.
#   layers.sh [ROOT]
. "$(dirname "$0")/lib.sh"
root=${1:-$root}

# Folder, the project folders its files may include (its own is understood), the system headers: `core` is the
# freestanding ones and <string.h>; `math` adds <math.h>; `os` is anything. Third-party headers only where named.
table='
src/base      core      -
src/event     core      base
src/detect    core,math base event
src/incident  core      base event detect
src/mqtt      core      base
src/wire      core      base event detect incident
src/respond   core      base event detect incident wire
src/report    core      base event detect incident wire respond mqtt
src/agent     core      base event detect incident wire respond report mqtt
src/roles     os        base event detect incident wire respond report mqtt agent
src/ctl       os        base event detect incident wire respond report mqtt
src/hub       os        base event detect incident wire mqtt
port          core      base
port/linux    os        base port/mbedtls port/lmdb
port/mbedtls  os,mbedtls base
port/lmdb     os,lmdb   base
port/sim      core      base port/mbedtls
'
core_headers=' assert.h float.h iso646.h limits.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdnoreturn.h string.h '
third_party='^(mbedtls/|psa/|lmdb\.h)'

# Whether the system header $2 is allowed in a folder of kind $1.
system_is_allowed() {
    local kinds=,$1, header=$2
    [[ $core_headers == *" $header "* ]] && return 0
    [[ $header == math.h && $kinds == *,math,* ]] && return 0
    if [[ $header =~ $third_party ]]; then
        [[ $header == lmdb.h && $kinds == *,lmdb,* || $header != lmdb.h && $kinds == *,mbedtls,* ]]
        return
    fi
    [[ $kinds == *,os,* ]]
}

# Whether the project header $3 is allowed in folder $1, which may include the modules $2.
project_is_allowed() {
    local folder=$1 allowed=" $2 " header=$3 module=${3%%/*}
    case $header in
    pk_limits.h) return 0 ;;
    port/*/*) [[ ${header%/*} == "$folder" || $allowed == *" ${header%/*} "* ]] ;;
    port/*) return 0 ;; # the contracts
    */*) [[ $folder == "src/$module" || $allowed == *" $module "* ]] ;;
    *) return 1 ;; # not written from the roots
    esac
}

check_folder() {
    local folder=$1 kinds=$2 allowed=$3 file number header
    while IFS=: read -r file number header; do
        case $header in
        '<'*) system_is_allowed "$kinds" "${header:1}" ||
            complain "$file:$number: <${header:1}> may not be included in $folder" ;;
        *) project_is_allowed "$folder" "$allowed" "${header:1}" ||
            complain "$file:$number: \"${header:1}\" may not be included in $folder" ;;
        esac
    done < <(cd "$root" && find "$folder" -maxdepth 1 \( -name '*.[ch]' -o -name '*.def' \) 2>/dev/null | sort |
        xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' |
        sed -nE 's/^([^:]+:[0-9]+):[^<"]*([<"])([^>"]+)[>"].*/\1:\2\3/p')
}

declare -A known
while read -r folder kinds allowed; do
    [ -n "$folder" ] || continue
    known[$folder]=yes
    check_folder "$folder" "$kinds" "$allowed"
done <<<"$table"
# A folder the table does not know would be free of every rule.
while IFS= read -r folder; do
    [ -n "${known[$folder]:-}" ] || complain "$folder: not in the table of layers.sh"
done < <(cd "$root" && find src port -name '*.[ch]' 2>/dev/null | sed 's,/[^/]*$,,' | sort -u)
finish
