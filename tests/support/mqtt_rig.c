#include "support/mqtt_rig.h"

#include <stdio.h>
#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

uint32_t rig_hex(const char *hex, uint8_t *out, uint32_t cap_bytes) {
    uint32_t n = 0;
    bool is_quoted = false;
    for (const char *p = hex; *p != '\0'; p++) {
        if (*p == '\'') {
            is_quoted = !is_quoted;
        } else if (is_quoted && n < cap_bytes) {
            out[n++] = (uint8_t)*p;
        } else if (!is_quoted && hex_value(p[0]) >= 0 && hex_value(p[1]) >= 0 && n < cap_bytes) {
            out[n++] = (uint8_t)(hex_value(p[0]) * 16 + hex_value(p[1]));
            p++;
        }
    }
    return n;
}

static void init(struct mqtt_rig *rig, enum pk_mqtt_version version, uint32_t alias_count) {
    memset(rig, 0, sizeof *rig);
    rig->config = (struct pk_mqtt_config){.version = (uint8_t)version,
                                          .client_id = pk_str_of("gw"),
                                          .session_expiry_s = 100,
                                          .keep_alive_s = 60,
                                          .connect_timeout_ms = 5000};
    const struct pk_mqtt_memory memory = {
        .rx = rig->rx,
        .rx_bytes = RIG_RX_BYTES,
        .tx = rig->tx,
        .tx_bytes = RIG_TX_BYTES,
        .out = rig->out,
        .out_count = RIG_SLOTS,
        .in = rig->in,
        .in_count = RIG_SLOTS,
        .aliases = alias_count > 0 ? rig->aliases : NULL,
        .alias_count = alias_count,
    };
    pk_mqtt_init(&rig->client, &rig->config, &memory);
    rig->now_ms = 1000000;
}

void rig_init(struct mqtt_rig *rig, enum pk_mqtt_version version) {
    init(rig, version, 0);
}

void rig_init_with_aliases(struct mqtt_rig *rig) {
    init(rig, PK_MQTT_V5, RIG_ALIASES);
}

uint32_t rig_take(struct mqtt_rig *rig, uint8_t *out, uint32_t cap_bytes) {
    const uint8_t *p;
    const uint32_t n = pk_mqtt_output(&rig->client, &p);
    const uint32_t taken = n < cap_bytes ? n : cap_bytes;
    if (out != NULL) {
        memcpy(out, p, taken);
    }
    pk_mqtt_output_done(&rig->client, taken, rig->now_ms);
    return taken;
}

bool rig_connect_with(struct mqtt_rig *rig, bool session_present, const char *props_hex) {
    uint8_t packet[512] = {0x20, 0, session_present, 0, 0};
    const bool is_5 = rig->config.version == PK_MQTT_V5;
    const uint32_t props = is_5 ? rig_hex(props_hex, packet + 5, sizeof packet - 5) : 0;
    packet[1] = (uint8_t)(is_5 ? 3 + props : 2);
    packet[4] = (uint8_t)props;
    if (pk_mqtt_start(&rig->client, rig->now_ms) != PK_OK) {
        return false;
    }
    (void)rig_take(rig, NULL, UINT32_MAX);
    (void)pk_mqtt_input(&rig->client, packet, 2u + packet[1], rig->now_ms);
    return rig_event(rig) == PK_MQTT_EV_CONNECTED && pk_mqtt_is_connected(&rig->client);
}

bool rig_connect(struct mqtt_rig *rig, bool session_present) {
    return rig_connect_with(rig, session_present, "");
}

void rig_feed(struct mqtt_rig *rig, const char *hex) {
    uint8_t bytes[2048];
    const uint32_t n = rig_hex(hex, bytes, sizeof bytes);
    if (pk_mqtt_input(&rig->client, bytes, n, rig->now_ms) != n) {
        printf("# the client did not take all of: %s\n", hex);
    }
}

int rig_event(struct mqtt_rig *rig) {
    return pk_mqtt_next(&rig->client, &rig->event) ? (int)rig->event.kind : -1;
}

static void print_hex(const char *what, const uint8_t *p, uint32_t n) {
    printf("# %s:", what);
    for (uint32_t i = 0; i < n; i++) {
        printf(" %02x", p[i]);
    }
    printf("\n");
}

bool rig_sends(struct mqtt_rig *rig, const char *hex) {
    uint8_t want[2048], got[RIG_TX_BYTES];
    const uint32_t want_n = rig_hex(hex, want, sizeof want);
    const uint32_t got_n = rig_take(rig, got, sizeof got);
    if (want_n == got_n && memcmp(want, got, got_n) == 0) {
        return true;
    }
    print_hex("want", want, want_n);
    print_hex("got ", got, got_n);
    return false;
}

struct pk_mqtt_publish rig_message(const char *payload, uint8_t qos) {
    return (struct pk_mqtt_publish){
        .topic = pk_str_of("t"), .payload = payload, .payload_bytes = (uint32_t)strlen(payload), .qos = qos};
}
