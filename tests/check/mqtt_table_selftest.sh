#!/bin/bash
# The check of the MQTT table must catch each kind of mistake.
# shellcheck disable=SC2016 # the back quotes are of the table
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
expect() { expect_refused "$here/mqtt_table.sh" "$root/tests/conformance/MQTT5.md" "$@"; }

expect 'MQTT-2.2.1-5: no row' '/^| MQTT-2.2.1-5 /d'
expect 'MQTT-2.2.1-5: twice' 's/^\(| MQTT-2.2.1-5 .*\)/\1\n\1/'
expect 'MQTT-2.2.1-1: twice, unknown' 's/^| MQTT-2.2.1-2 \(.*\)/&\n| MQTT-2.2.1-1 \1/'
expect 'no test receive:gone' '/^| MQTT-3.3.4-9 /s/`receive:[a-z0-9_]*`/`receive:gone`/'
expect 'neither a test' '/^| MQTT-3.3.4-9 /s/`.*/ |/'
expect 'neither a test' '/^| MQTT-6.0.0-3 /s/n\/a: .*/n\/a: |/'
expect "by 'broker'" '/^| MQTT-3.3.4-9 /s/server/broker/'
finish
