#include "mqtt/pk_mqtt_decode.h"

#include <string.h>

#include "mqtt/pk_mqtt_reason.h"
#include "mqtt/pk_mqtt_topic.h"
#include "mqtt/pk_mqtt_varint.h"

static int fail(struct pk_mqtt_fault *fault, uint8_t reason, const char *what) {
    fault->reason = reason;
    fault->what = what;
    return PK_E_PROTOCOL;
}

static int malformed(struct pk_mqtt_fault *fault, const char *what) {
    return fail(fault, PK_MQTT_MALFORMED_PACKET, what);
}

static uint16_t u16_at(const uint8_t *p) {
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static const char *frame_type_fault(uint8_t type, enum pk_mqtt_version version) {
    switch (type) {
    case PK_MQTT_CONNACK:
    case PK_MQTT_PUBLISH:
    case PK_MQTT_PUBACK:
    case PK_MQTT_PUBREC:
    case PK_MQTT_PUBREL:
    case PK_MQTT_PUBCOMP:
    case PK_MQTT_SUBACK:
    case PK_MQTT_UNSUBACK:
    case PK_MQTT_PINGRESP:
        return NULL;
    case PK_MQTT_DISCONNECT:
        return version == PK_MQTT_V5 ? NULL : "DISCONNECT from a 3.1.1 server";
    case PK_MQTT_AUTH: /* we never offer an authentication method (MQTT-4.12.0-6) */
        return "AUTH without an authentication method";
    default:
        return "packet type that a server does not send";
    }
}

static const char *frame_flags_fault(uint8_t type, uint8_t flags) {
    if (type != PK_MQTT_PUBLISH) {
        const uint8_t want = type == PK_MQTT_PUBREL ? 2 : 0;
        return flags == want ? NULL : "reserved flag bits";
    }
    const uint8_t qos = flags >> 1 & 3;
    if (qos == 3) {
        return "QoS 3";
    }
    return qos == 0 && (flags & 8) != 0 ? "DUP with QoS 0" : NULL;
}

int pk_mqtt_decode_frame(const uint8_t *p, uint32_t n, enum pk_mqtt_version version,
                         struct pk_mqtt_frame *out, struct pk_mqtt_fault *fault) {
    if (n == 0) {
        return PK_E_AGAIN;
    }
    const uint8_t type = p[0] >> 4, flags = p[0] & 15;
    const char *wrong = frame_type_fault(type, version);
    if (wrong != NULL) {
        return fail(fault, type == 0 ? PK_MQTT_MALFORMED_PACKET : PK_MQTT_PROTOCOL_ERROR, wrong);
    }
    wrong = frame_flags_fault(type, flags);
    if (wrong != NULL) {
        return malformed(fault, wrong);
    }
    uint32_t body = 0;
    const int used = pk_mqtt_varint_decode(p + 1, n - 1, &body);
    if (used == PK_E_AGAIN) {
        return PK_E_AGAIN;
    }
    if (used < 0) {
        return malformed(fault, "remaining length of more than four bytes");
    }
    if (version == PK_MQTT_V5 && (uint32_t)used != pk_mqtt_varint_bytes(body)) {
        return malformed(fault, "remaining length is not in its shortest form");
    }
    *out = (struct pk_mqtt_frame){
        .type = type, .flags = flags, .header_bytes = 1 + (uint32_t)used, .body_bytes = body};
    return PK_OK;
}

/* Property length and properties at the start of p. Bytes used, or PK_E_PROTOCOL. */
static int decode_props(const uint8_t *p, uint32_t n, enum pk_mqtt_prop_place place,
                        struct pk_mqtt_props *out, struct pk_mqtt_fault *fault) {
    uint32_t length = 0;
    const int used = pk_mqtt_varint_decode(p, n, &length);
    if (used < 0 || (uint32_t)used != pk_mqtt_varint_bytes(length)) {
        return malformed(fault, "property length");
    }
    if (length > n - (uint32_t)used) {
        return malformed(fault, "properties longer than the packet");
    }
    if (length == 0) {
        return used;
    }
    const int decoded = pk_mqtt_props_decode(p + used, length, place, out, fault);
    return decoded == PK_OK ? used + (int)length : decoded;
}

/* 3.1.1 section 3.2.2.3, as reason codes. A 3.1.1 server answers a 5.0 CONNECT in this form too. */
static int decode_connack_311(const uint8_t *p, struct pk_mqtt_connack *out, struct pk_mqtt_fault *fault) {
    static const uint8_t REASONS[] = {PK_MQTT_SUCCESS,
                                      PK_MQTT_UNSUPPORTED_VERSION,
                                      PK_MQTT_CLIENT_ID_NOT_VALID,
                                      PK_MQTT_SERVER_UNAVAILABLE,
                                      PK_MQTT_BAD_CREDENTIALS,
                                      PK_MQTT_NOT_AUTHORIZED};
    if (p[1] >= sizeof REASONS) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "CONNACK return code");
    }
    out->reason = REASONS[p[1]];
    return PK_OK;
}

int pk_mqtt_decode_connack(const uint8_t *p, uint32_t n, enum pk_mqtt_version version,
                           struct pk_mqtt_connack *out, struct pk_mqtt_fault *fault) {
    memset(out, 0, sizeof *out);
    if (n < 2 || (version == PK_MQTT_V311 && n != 2)) {
        return malformed(fault, "CONNACK length");
    }
    if ((p[0] & 0xFEu) != 0) {
        return malformed(fault, "CONNACK flags");
    }
    out->session_present = p[0] == 1;
    int r = PK_OK;
    if (version == PK_MQTT_V311 || (n == 2 && p[1] == 1)) {
        r = decode_connack_311(p, out, fault);
    } else {
        out->reason = p[1];
        r = n == 2 ? malformed(fault, "CONNACK without property length")
                   : decode_props(p + 2, n - 2, PK_MQTT_PROPS_CONNACK, &out->props, fault);
        if (r >= 0 && (uint32_t)r != n - 2) {
            return malformed(fault, "CONNACK with bytes after its properties");
        }
    }
    if (r < 0) {
        return r;
    }
    if (!pk_mqtt_reason_is_allowed(out->reason, PK_MQTT_IN_CONNACK)) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "CONNACK reason code");
    }
    if (out->session_present && out->reason != PK_MQTT_SUCCESS) { /* MQTT-3.2.2-6 */
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "session present in a refusal");
    }
    return PK_OK;
}

static int check_message(const struct pk_mqtt_message *m, const struct pk_mqtt_props *props,
                         enum pk_mqtt_version version, struct pk_mqtt_fault *fault) {
    if (m->topic.n == 0) {
        const bool has_alias = version == PK_MQTT_V5 && pk_mqtt_props_has(props, PK_MQTT_PROP_TOPIC_ALIAS);
        return has_alias ? PK_OK : fail(fault, PK_MQTT_PROTOCOL_ERROR, "empty topic without an alias");
    }
    if (!pk_mqtt_text_is_valid(m->topic)) {
        return malformed(fault, "topic is not valid UTF-8");
    }
    if (pk_mqtt_filter_has_wildcard(m->topic)) { /* MQTT-3.3.2-2 */
        return fail(fault, PK_MQTT_TOPIC_NAME_INVALID, "wildcard in a topic name");
    }
    return PK_OK;
}

int pk_mqtt_decode_publish(const uint8_t *p, uint32_t n, uint8_t flags, enum pk_mqtt_version version,
                           struct pk_mqtt_message *out, struct pk_mqtt_props *props,
                           struct pk_mqtt_fault *fault) {
    memset(props, 0, sizeof *props);
    *out = (struct pk_mqtt_message){
        .qos = flags >> 1 & 3, .is_retained = (flags & 1) != 0, .is_dup = (flags & 8) != 0};
    if (n < 2 || n - 2 < u16_at(p)) {
        return malformed(fault, "topic longer than the packet");
    }
    out->topic = pk_str_make((const char *)p + 2, u16_at(p));
    uint32_t at = 2 + out->topic.n;
    if (out->qos > 0) {
        if (n - at < 2) {
            return malformed(fault, "packet identifier missing");
        }
        out->packet_id = u16_at(p + at);
        at += 2;
        if (out->packet_id == 0) { /* MQTT-2.2.1-4 */
            return fail(fault, PK_MQTT_PROTOCOL_ERROR, "packet identifier zero");
        }
    }
    if (version == PK_MQTT_V5) {
        const int used = decode_props(p + at, n - at, PK_MQTT_PROPS_PUBLISH, props, fault);
        if (used < 0) {
            return used;
        }
        at += (uint32_t)used;
        if (pk_mqtt_props_has(props, PK_MQTT_PROP_RESPONSE_TOPIC) &&
            !pk_mqtt_topic_is_name(props->response_topic)) { /* MQTT-3.3.2-14 */
            return fail(fault, PK_MQTT_PROTOCOL_ERROR, "response topic is not a topic name");
        }
    }
    out->payload = p + at;
    out->payload_bytes = n - at;
    return check_message(out, props, version, fault);
}

int pk_mqtt_decode_puback(const uint8_t *p, uint32_t n, enum pk_mqtt_type type, enum pk_mqtt_version version,
                          struct pk_mqtt_puback *out, struct pk_mqtt_props *props,
                          struct pk_mqtt_fault *fault) {
    memset(props, 0, sizeof *props);
    if (n < 2 || (version == PK_MQTT_V311 && n != 2)) {
        return malformed(fault, "acknowledgement length");
    }
    *out = (struct pk_mqtt_puback){.packet_id = u16_at(p), .reason = n > 2 ? p[2] : PK_MQTT_SUCCESS};
    if (out->packet_id == 0) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "packet identifier zero");
    }
    if (n > 3) { /* both reason code and property length may be left out (3.4.2.1, 3.4.2.2.1) */
        const int used = decode_props(p + 3, n - 3, PK_MQTT_PROPS_ACK, props, fault);
        if (used < 0) {
            return used;
        }
        if ((uint32_t)used != n - 3) {
            return malformed(fault, "acknowledgement with bytes after its properties");
        }
    }
    const bool is_first_answer = type == PK_MQTT_PUBACK || type == PK_MQTT_PUBREC;
    if (!pk_mqtt_reason_is_allowed(out->reason, is_first_answer ? PK_MQTT_IN_PUBACK : PK_MQTT_IN_PUBREL)) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "acknowledgement reason code");
    }
    return PK_OK;
}

int pk_mqtt_decode_suback(const uint8_t *p, uint32_t n, enum pk_mqtt_type type, enum pk_mqtt_version version,
                          struct pk_mqtt_suback *out, struct pk_mqtt_props *props,
                          struct pk_mqtt_fault *fault) {
    memset(props, 0, sizeof *props);
    if (n < 2) {
        return malformed(fault, "acknowledgement length");
    }
    *out = (struct pk_mqtt_suback){.packet_id = u16_at(p)};
    if (out->packet_id == 0) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "packet identifier zero");
    }
    uint32_t at = 2;
    if (version == PK_MQTT_V5) {
        const int used = decode_props(p + at, n - at, PK_MQTT_PROPS_ACK, props, fault);
        if (used < 0) {
            return used;
        }
        at += (uint32_t)used;
    } else if (type == PK_MQTT_UNSUBACK) {
        return n == 2 ? PK_OK : malformed(fault, "UNSUBACK length");
    }
    out->codes = p + at;
    out->code_count = n - at;
    if (out->code_count == 0) {
        return malformed(fault, "no reason code");
    }
    const enum pk_mqtt_reason_use use = type == PK_MQTT_SUBACK ? PK_MQTT_IN_SUBACK : PK_MQTT_IN_UNSUBACK;
    for (uint32_t i = 0; i < out->code_count; i++) {
        const bool is_old_failure = version == PK_MQTT_V5 || out->codes[i] <= PK_MQTT_UNSPECIFIED_ERROR;
        if (!is_old_failure || !pk_mqtt_reason_is_allowed(out->codes[i], use)) {
            return fail(fault, PK_MQTT_PROTOCOL_ERROR, "subscription reason code");
        }
    }
    return PK_OK;
}

int pk_mqtt_decode_disconnect(const uint8_t *p, uint32_t n, uint8_t *out_reason, struct pk_mqtt_props *props,
                              struct pk_mqtt_fault *fault) {
    memset(props, 0, sizeof *props);
    *out_reason = n > 0 ? p[0] : PK_MQTT_SUCCESS;
    if (n > 1) {
        const int used = decode_props(p + 1, n - 1, PK_MQTT_PROPS_DISCONNECT, props, fault);
        if (used < 0) {
            return used;
        }
        if ((uint32_t)used != n - 1) {
            return malformed(fault, "DISCONNECT with bytes after its properties");
        }
    }
    if (!pk_mqtt_reason_is_allowed(*out_reason, PK_MQTT_IN_DISCONNECT)) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "DISCONNECT reason code");
    }
    return PK_OK;
}
