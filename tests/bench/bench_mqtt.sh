#!/bin/bash
# Figures of the MQTT client with Mosquitto: ratios to libmosquitto and to a bare socket of the same run, CPU a message.
#   tests/bench/bench_mqtt.sh [MESSAGES]     a minute, and half as long to build; installs libmosquitto-dev and Mosquitto where they are not
# Exit 1 when a figure is missed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"
need_packages build run bench
"$root/tools/deps" "$(machine_isa)"

work=$(mktemp -d)
trap 'kill "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
tls_port=$(free_port)
"$root/tools/pki" "$work" ca >/dev/null 2>&1
"$root/tools/pki" "$work" server broker DNS:localhost >/dev/null 2>&1
chmod 644 "$work"/*.key
cat >"$work/broker.conf" <<CONF
listener $port 127.0.0.1
listener $tls_port 127.0.0.1
cafile $work/ca.crt
certfile $work/broker.crt
keyfile $work/broker.key
tls_version tlsv1.3
allow_anonymous true
persistence false
log_dest none
max_inflight_messages 1000
max_queued_messages 0
set_tcp_nodelay true
CONF
mosquitto -c "$work/broker.conf" &
broker=$!
# As the product is built for a gateway: for size.
tls=$picket_cache/src/mbedtls-3.6.6
mkdir "$work/obj"
gcc_all() { gcc -std=c11 -D_GNU_SOURCE -Os -w -ffp-contract=off -DMBEDTLS_CONFIG_FILE='"pk_mbedtls_config.h"' -I"$tls/include" -I"$root/config/mbedtls" \
    -I"$root" -I"$root/src" -I"$root/boards/profiles/small" "$@"; }
(cd "$work/obj" && gcc_all -c "$tls"/library/[a-o]*.c &
    cd "$work/obj" && gcc_all -c "$tls"/library/[p-z]*.c && wait)
gcc_all "$root"/tests/bench/bench_mqtt.c "$root"/src/mqtt/*.c "$root"/src/base/*.c "$root"/port/mbedtls/*.c "$root"/port/heap.c \
    "$root"/port/linux/loop.c "$root"/port/linux/clock.c "$root"/port/linux/image.c "$work"/obj/*.o \
    -lmosquitto -o "$work/bench"
for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done
"$work/bench" "$port" "${1:-30000}" "$tls_port" "$work/ca.crt"
