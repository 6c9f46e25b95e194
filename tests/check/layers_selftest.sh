#!/bin/bash
# The include check must catch what it is for: each bad include below alone makes it fail, the good ones do not.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect WANTED_EXIT FILE INCLUDE
expect() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/src" "$work/tree/port" "$work/tree/$(dirname "$2")"
    printf '#include %s\n' "$3" >"$work/tree/$2"
    bash "$here/layers.sh" "$work/tree" >"$work/out" 2>&1
    local got=$?
    [ "$got" = "$1" ] || complain "$2 with #include $3: wanted exit $1, got $got: $(cat "$work/out")"
}

expect 0 src/detect/pk_a.c '"base/pk_text.h"'
expect 0 src/detect/pk_a.c '<math.h>'
expect 0 src/agent/pk_a.c '"port/port.h"'
expect 0 src/base/pk_a.h '<stdint.h>'
expect 0 src/roles/main.c '<unistd.h>'
expect 0 port/linux/net.c '"port/linux/net.h"'
expect 0 port/lmdb/store.c '<lmdb.h>'
expect 0 port/port.h '"base/pk_err.h"'
expect 0 port/linux/net.c '"port/ipc.h"'
expect 1 port/port.h '"agent/pk_agent.h"'
expect 1 port/port.h '<time.h>'
expect 0 port/linux/net.c '"port/mbedtls/pk_tls.h"'
expect 1 port/lmdb/store.c '"port/linux/net.h"'
expect 1 src/pk_a.c '<stdint.h>'
expect 1 src/detect/deep/pk_a.c '<stdint.h>'
expect 1 src/base/pk_a.c '"event/pk_event.h"'
expect 1 src/base/pk_a.c '<stdio.h>'
expect 1 src/base/pk_a.c '<math.h>'
expect 1 src/mqtt/pk_a.c '"event/pk_event.h"'
expect 1 src/wire/pk_a.c '"mqtt/pk_mqtt_client.h"'
expect 1 src/detect/pk_a.c '"incident/pk_incident.h"'
expect 1 src/agent/pk_a.c '<unistd.h>'
expect 1 src/agent/pk_a.c '"port/linux/net.h"'
expect 1 src/roles/main.c '"port/sim/sim.h"'
expect 1 src/roles/main.c '<mbedtls/ssl.h>'
expect 1 src/agent/pk_a.c '<lmdb.h>'
expect 1 src/agent/pk_a.c '"pk_config.h"'
expect 1 src/agent/pk_a.c '"../base/pk_text.h"'
expect 1 src/base/pk_err.def '"event/pk_event.h"'
expect 1 port/linux/net.c '<mbedtls/ssl.h>'
expect 1 port/sim/clock.c '<time.h>'
expect 1 port/linux/net.c '"agent/pk_agent.h"'
expect 1 src/unheard/pk_a.c '<stdint.h>'
finish
