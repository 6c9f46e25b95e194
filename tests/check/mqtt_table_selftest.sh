#!/bin/bash
# The check of the MQTT table must catch each kind of mistake.
# shellcheck disable=SC2016 # the back quotes are of the table
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WORD SED_SCRIPT: the table so changed is refused, and the complaint says WORD.
expect() {
    sed "$2" "$root/tests/conformance/MQTT5.md" >"$work/table"
    cmp -s "$work/table" "$root/tests/conformance/MQTT5.md" && complain "'$2' changes nothing"
    bash "$here/mqtt_table.sh" "$work/table" >"$work/out" 2>&1 && complain "accepted: $2"
    grep -q -- "$1" "$work/out" || complain "'$2' does not say '$1': $(cat "$work/out")"
}

expect 'MQTT-2.2.1-5: no row' '/^| MQTT-2.2.1-5 /d'
expect 'MQTT-2.2.1-5: twice' 's/^\(| MQTT-2.2.1-5 .*\)/\1\n\1/'
expect 'MQTT-2.2.1-1: twice, unknown' 's/^| MQTT-2.2.1-2 \(.*\)/&\n| MQTT-2.2.1-1 \1/'
expect 'no test receive:gone' '/^| MQTT-3.3.4-9 /s/`receive:[a-z0-9_]*`/`receive:gone`/'
expect 'neither a test' '/^| MQTT-3.3.4-9 /s/`.*/ |/'
expect 'neither a test' '/^| MQTT-6.0.0-3 /s/n\/a: .*/n\/a: |/'
expect "by 'broker'" '/^| MQTT-3.3.4-9 /s/server/broker/'
finish
