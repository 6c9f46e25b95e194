#!/bin/bash
# Figures of the MQTT client with Mosquitto: ratios to libmosquitto and to a bare socket of the same run, CPU a message.
#   tests/bench/bench_mqtt.sh [MESSAGES]     a quarter of a minute; Mosquitto, gcc and libmosquitto-dev must be installed
# Exit 1 when a figure is missed, 77 when something is not here.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin
for tool in mosquitto gcc; do command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }; done
[ -f /usr/include/mosquitto.h ] || { echo "skipped: libmosquitto-dev is not installed"; exit 77; }

work=$(mktemp -d)
trap 'kill "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/broker.conf" <<CONF
listener $port 127.0.0.1
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
gcc -std=c11 -D_GNU_SOURCE -Os -ffp-contract=off -I"$root" -I"$root/src" -I"$root/boards/profiles/small" \
    "$root"/tests/bench/bench_mqtt.c "$root"/src/mqtt/*.c "$root"/src/base/*.c \
    -lmosquitto -o "$work/bench"
for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done
"$work/bench" "$port" "$@"
