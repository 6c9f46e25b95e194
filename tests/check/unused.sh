#!/bin/bash
# A function that a header of src/base, event or detect offers must be named by something besides its tests: by
# another function of src, port or tools, or by a table there. Exceptions with their reason: unused.allow. What
# is above these modules decodes for the hub as well.
#   unused.sh [FOLDER_OF_HEADERS [FOLDER...]]
. "$(dirname "$0")/lib.sh"
allow=$(dirname "$0")/unused.allow
offered=${1:-"$root/src/(base|event|detect)"}
folders=("${@:2}")
[ ${#folders[@]} -gt 0 ] || folders=("$root/src" "$root/port" "$root/tools")

# Words of the code without comments and texts, one line each: FILE WORD.
words() {
    local files
    mapfile -d '' files < <(find "${folders[@]}" -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) -print0 | sort -z)
    awk '
            FNR == 1 { in_comment = 0 }
            {
                line = $0
                gsub(/"([^"\\]|\\.)*"/, " ", line)
                out = ""
                while (line != "") {
                    if (in_comment) {
                        at = index(line, "*/")
                        if (at == 0) { line = ""; break }
                        line = substr(line, at + 2); in_comment = 0
                    } else {
                        at = index(line, "/*")
                        if (at == 0) { out = out " " line; line = "" }
                        else { out = out " " substr(line, 1, at - 1); line = substr(line, at + 2); in_comment = 1 }
                    }
                }
                while (match(out, /[A-Za-z_][A-Za-z_0-9]*[ ]*\(?/)) {
                    word = substr(out, RSTART, RLENGTH)
                    is_call = word ~ /\($/
                    sub(/[ ]*\($/, "", word); sub(/ +$/, "", word)
                    if (word ~ /^pk_/) print FILENAME, word, is_call
                    out = substr(out, RSTART + RLENGTH)
                }
            }' "${files[@]}" /dev/null
}

# Declared in a header and defined, and named nowhere else.
complain_lines < <(words | awk -v place="^$offered/" '
    FILENAME == "-" && $1 ~ /\.h$/ && $1 ~ place && $3 { offered[$2] = $1 }
    FILENAME == "-" { count[$2]++ }
    FILENAME != "-" { sub(/#.*/, ""); for (i = 1; i <= NF; i++) allowed[$i] = 1 }
    END { for (word in offered) if (count[word] <= 2 && !(word in allowed)) print offered[word] ": nothing but tests uses " word }
' "$allow" - | sed "s,^$root/,," | sort)
finish
