#!/bin/bash
# tests/conformance/MQTT5.md has a row for every numbered statement of MQTT 5.0, each once and in order, and each row
# names tests that exist and are run, or says why there is nothing to show.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
table=${1:-tests/conformance/MQTT5.md}

# Statements by section, from appendix B: section, first number, last number.
statements='
1.5.4 1 3
1.5.5 1 1
1.5.7 1 1
2.1.3 1 1
2.2.1 2 6
2.2.2 1 1
3.1.0 1 2
3.1.2 1 30
3.1.3 1 12
3.1.4 1 6
3.2.0 1 2
3.2.2 1 22
3.3.1 1 13
3.3.2 1 20
3.3.4 1 10
3.4.2 1 3
3.5.2 1 3
3.6.1 1 1
3.6.2 1 3
3.7.2 1 3
3.8.1 1 1
3.8.3 1 5
3.8.4 1 8
3.9.2 1 2
3.9.3 1 2
3.10.1 1 1
3.10.3 1 2
3.10.4 1 6
3.11.2 1 2
3.11.3 1 2
3.12.4 1 1
3.14.0 1 1
3.14.1 1 1
3.14.2 1 4
3.14.4 1 3
3.15.1 1 1
3.15.2 1 3
4.1.0 1 2
4.2.0 1 1
4.3.1 1 1
4.3.2 1 5
4.3.3 1 13
4.4.0 1 2
4.5.0 1 2
4.6.0 1 6
4.7.0 1 1
4.7.1 1 2
4.7.2 1 1
4.7.3 1 4
4.8.2 1 6
4.9.0 1 3
4.12.0 1 7
4.12.1 1 2
4.13.1 1 1
4.13.2 1 1
6.0.0 1 4'

expected_ids() {
    local section first last
    while read -r section first last; do
        [ -z "$section" ] || seq -f "MQTT-$section-%.0f" "$first" "$last"
    done <<<"$statements"
}

# Tests that exist as `word:name`, and how often a name occurs in its file: in PK_TEST and in PK_TEST_MAIN.
declare -A tests_there
for file in tests/unit/test_pk_mqtt_*.c tests/conformance/test_mqtt_*.c; do
    word=$(basename "$file" .c)
    word=${word#test_pk_mqtt_}
    word=${word#test_mqtt_}
    while IFS= read -r name; do
        [ "$(grep -cw -- "$name" "$file")" -ge 2 ] || complain "$file: $name is not in PK_TEST_MAIN"
        tests_there[$word:$name]=yes
    done < <(sed -n 's/^PK_TEST(\([a-z0-9_]*\)).*/\1/p' "$file")
done

complain_lines < <(diff <(expected_ids) <(sed -n 's/^| \(MQTT-[0-9.-]*\) .*/\1/p' "$table") |
    sed -n 's,^< \(.*\),\1: no row where it belongs,p; s,^> \(.*\),\1: twice\, unknown or out of order,p')

while IFS='|' read -r _ id by _ shown _; do
    id=${id// /} by=${by// /}
    [[ $by =~ ^(client|server|both)$ ]] || complain "$id: by '$by'"
    # shellcheck disable=SC2016 # the back quotes are of the table
    mapfile -t named < <(grep -oE '`[a-z0-9_]+:[a-z0-9_]+`' <<<"$shown" | tr -d '`')
    for test in "${named[@]}"; do
        [ -n "${tests_there[$test]:-}" ] || complain "$id: there is no test $test"
    done
    if [[ ! $shown =~ ^\ (n/a:\ .{6,}|\`) ]]; then
        complain "$id: neither a test nor a reason"
    fi
done < <(grep '^| MQTT-' "$table")
finish
