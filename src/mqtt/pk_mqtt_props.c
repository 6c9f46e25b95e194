#include "mqtt/pk_mqtt_props.h"

#include <string.h>

#include "mqtt/pk_mqtt_reason.h"
#include "mqtt/pk_mqtt_topic.h"
#include "mqtt/pk_mqtt_varint.h"

enum kind { KIND_NONE, KIND_BIT, KIND_U16, KIND_U32, KIND_VARINT, KIND_TEXT, KIND_BYTES, KIND_PAIR };

struct rule {
    uint8_t kind;   /* enum kind; every property of one byte is 0 or 1 */
    uint8_t places; /* where a server may send it */
    bool is_zero_illegal;
    bool may_repeat;
    uint16_t offset; /* of the field in struct pk_mqtt_props */
};

#define FIELD(name) ((uint16_t)offsetof(struct pk_mqtt_props, name))
enum {
    C = PK_MQTT_PROPS_CONNACK,
    P = PK_MQTT_PROPS_PUBLISH,
    D = PK_MQTT_PROPS_DISCONNECT,
    ALL = PK_MQTT_PROPS_CONNACK | PK_MQTT_PROPS_PUBLISH | PK_MQTT_PROPS_ACK | PK_MQTT_PROPS_DISCONNECT
};

/* MQTT 5.0 table 2-4. A row that is missing is an id no server sends in these packets. */
static const struct rule RULES[PK_MQTT_PROP_COUNT] = {
    [PK_MQTT_PROP_PAYLOAD_FORMAT] = {KIND_BIT, P, false, false, FIELD(payload_format)},
    [PK_MQTT_PROP_MESSAGE_EXPIRY] = {KIND_U32, P, false, false, FIELD(message_expiry_s)},
    [PK_MQTT_PROP_CONTENT_TYPE] = {KIND_TEXT, P, false, false, FIELD(content_type)},
    [PK_MQTT_PROP_RESPONSE_TOPIC] = {KIND_TEXT, P, false, false, FIELD(response_topic)},
    [PK_MQTT_PROP_CORRELATION] = {KIND_BYTES, P, false, false, FIELD(correlation)},
    [PK_MQTT_PROP_SUBSCRIPTION_ID] = {KIND_VARINT, P, true, true, FIELD(subscription_id)},
    [PK_MQTT_PROP_SESSION_EXPIRY] = {KIND_U32, C, false, false, FIELD(session_expiry_s)},
    [PK_MQTT_PROP_ASSIGNED_CLIENT_ID] = {KIND_TEXT, C, false, false, FIELD(assigned_client_id)},
    [PK_MQTT_PROP_SERVER_KEEP_ALIVE] = {KIND_U16, C, false, false, FIELD(server_keep_alive_s)},
    [PK_MQTT_PROP_AUTH_METHOD] = {KIND_TEXT, C, false, false, FIELD(auth_method)},
    [PK_MQTT_PROP_AUTH_DATA] = {KIND_BYTES, C, false, false, FIELD(auth_data)},
    [PK_MQTT_PROP_RESPONSE_INFO] = {KIND_TEXT, C, false, false, FIELD(response_info)},
    [PK_MQTT_PROP_SERVER_REFERENCE] = {KIND_TEXT, C | D, false, false, FIELD(server_reference)},
    [PK_MQTT_PROP_REASON_STRING] = {KIND_TEXT, ALL & ~P, false, false, FIELD(reason_string)},
    [PK_MQTT_PROP_RECEIVE_MAXIMUM] = {KIND_U16, C, true, false, FIELD(receive_maximum)},
    [PK_MQTT_PROP_TOPIC_ALIAS_MAXIMUM] = {KIND_U16, C, false, false, FIELD(topic_alias_maximum)},
    [PK_MQTT_PROP_TOPIC_ALIAS] = {KIND_U16, P, false, false, FIELD(topic_alias)},
    [PK_MQTT_PROP_MAXIMUM_QOS] = {KIND_BIT, C, false, false, FIELD(maximum_qos)},
    [PK_MQTT_PROP_RETAIN_AVAILABLE] = {KIND_BIT, C, false, false, FIELD(retain_available)},
    [PK_MQTT_PROP_USER] = {KIND_PAIR, ALL, false, true, 0},
    [PK_MQTT_PROP_MAXIMUM_PACKET] = {KIND_U32, C, true, false, FIELD(maximum_packet_bytes)},
    [PK_MQTT_PROP_WILDCARD_AVAILABLE] = {KIND_BIT, C, false, false, FIELD(wildcard_available)},
    [PK_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE] = {KIND_BIT, C, false, false, FIELD(subscription_id_available)},
    [PK_MQTT_PROP_SHARED_AVAILABLE] = {KIND_BIT, C, false, false, FIELD(shared_available)},
};

struct value {
    uint32_t number;
    struct pk_str text, second; /* second: value of a pair */
};

bool pk_mqtt_props_has(const struct pk_mqtt_props *props, enum pk_mqtt_prop id) {
    return (props->present >> (unsigned)id & 1u) != 0;
}

/* Two-byte length and the bytes. false when they are not all there. */
static bool take_bytes(const uint8_t *p, uint32_t n, uint32_t *at, struct pk_str *out) {
    if (n - *at < 2) {
        return false;
    }
    const uint32_t length = (uint32_t)p[*at] << 8 | p[*at + 1];
    if (n - *at - 2 < length) {
        return false;
    }
    *out = pk_str_make((const char *)p + *at + 2, length);
    *at += 2 + length;
    return true;
}

static bool take_number(const uint8_t *p, uint32_t n, uint32_t *at, uint32_t bytes, uint32_t *out) {
    if (n - *at < bytes) {
        return false;
    }
    uint32_t value = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        value = value << 8 | p[*at + i];
    }
    *at += bytes;
    *out = value;
    return true;
}

static bool take_varint(const uint8_t *p, uint32_t n, uint32_t *at, uint32_t *out) {
    const int used = pk_mqtt_varint_decode(p + *at, n - *at, out);
    if (used < 0 || (uint32_t)used != pk_mqtt_varint_bytes(*out)) {
        return false;
    }
    *at += (uint32_t)used;
    return true;
}

static bool take_value(const uint8_t *p, uint32_t n, uint32_t *at, enum kind kind, struct value *out) {
    switch (kind) {
    case KIND_NONE:
        return false;
    case KIND_BIT:
        return take_number(p, n, at, 1, &out->number);
    case KIND_U16:
        return take_number(p, n, at, 2, &out->number);
    case KIND_U32:
        return take_number(p, n, at, 4, &out->number);
    case KIND_VARINT:
        return take_varint(p, n, at, &out->number);
    case KIND_TEXT:
    case KIND_BYTES:
        return take_bytes(p, n, at, &out->text);
    case KIND_PAIR:
        return take_bytes(p, n, at, &out->text) && take_bytes(p, n, at, &out->second);
    }
    return false;
}

static int fail(struct pk_mqtt_fault *fault, uint8_t reason, const char *what) {
    fault->reason = reason;
    fault->what = what;
    return PK_E_PROTOCOL;
}

static int check_value(const struct rule *rule, const struct value *v, struct pk_mqtt_fault *fault) {
    const bool is_text = rule->kind == KIND_TEXT || rule->kind == KIND_PAIR;
    if (is_text && (!pk_mqtt_text_is_valid(v->text) || !pk_mqtt_text_is_valid(v->second))) {
        return fail(fault, PK_MQTT_MALFORMED_PACKET, "property text is not valid UTF-8");
    }
    if (rule->kind == KIND_BIT && v->number > 1) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "property value is neither 0 nor 1");
    }
    if (rule->is_zero_illegal && v->number == 0) {
        return fail(fault, PK_MQTT_PROTOCOL_ERROR, "property value is zero");
    }
    return PK_OK;
}

static void store_value(struct pk_mqtt_props *out, const struct rule *rule, const struct value *v) {
    uint8_t *field = (uint8_t *)out + rule->offset;
    const uint8_t u8 = (uint8_t)v->number;
    const uint16_t u16 = (uint16_t)v->number;
    switch ((enum kind)rule->kind) {
    case KIND_BIT:
        memcpy(field, &u8, sizeof u8);
        break;
    case KIND_U16:
        memcpy(field, &u16, sizeof u16);
        break;
    case KIND_U32:
    case KIND_VARINT:
        memcpy(field, &v->number, sizeof v->number);
        break;
    case KIND_TEXT:
    case KIND_BYTES:
        memcpy(field, &v->text, sizeof v->text);
        break;
    case KIND_NONE:
    case KIND_PAIR: /* read by the iterator */
        break;
    }
}

int pk_mqtt_props_decode(const uint8_t *p, uint32_t n, enum pk_mqtt_prop_place place,
                         struct pk_mqtt_props *out, struct pk_mqtt_fault *fault) {
    memset(out, 0, sizeof *out);
    out->raw = pk_str_make((const char *)p, n);
    uint32_t at = 0;
    while (at < n) {
        const uint8_t id = p[at++]; /* ids are below 128, so their variable form is one byte */
        if (id >= PK_MQTT_PROP_COUNT || RULES[id].kind == KIND_NONE) {
            return fail(fault, PK_MQTT_MALFORMED_PACKET, "unknown property");
        }
        const struct rule *rule = &RULES[id];
        if ((rule->places & (unsigned)place) == 0) {
            return fail(fault, PK_MQTT_PROTOCOL_ERROR, "property not allowed in this packet");
        }
        struct value v = {0};
        if (!take_value(p, n, &at, (enum kind)rule->kind, &v)) {
            return fail(fault, PK_MQTT_MALFORMED_PACKET, "property does not fit its length");
        }
        const bool is_again = pk_mqtt_props_has(out, (enum pk_mqtt_prop)id);
        if (is_again && !rule->may_repeat) {
            return fail(fault, PK_MQTT_PROTOCOL_ERROR, "property occurs twice");
        }
        const int checked = check_value(rule, &v, fault);
        if (checked != PK_OK) {
            return checked;
        }
        out->present |= (uint64_t)1 << id;
        if (!is_again) {
            store_value(out, rule, &v);
        }
    }
    return PK_OK;
}

/* Steps to the next property with that id. */
static bool find_next(const struct pk_mqtt_props *props, uint32_t *at_byte, uint8_t wanted,
                      struct value *out) {
    const uint8_t *p = (const uint8_t *)props->raw.p;
    const uint32_t n = props->raw.n;
    while (*at_byte < n) {
        const uint8_t id = p[*at_byte];
        *out = (struct value){0};
        *at_byte += 1;
        if (id >= PK_MQTT_PROP_COUNT || !take_value(p, n, at_byte, (enum kind)RULES[id].kind, out)) {
            *at_byte = n;
            return false;
        }
        if (id == wanted) {
            return true;
        }
    }
    return false;
}

bool pk_mqtt_subscription_id_next(const struct pk_mqtt_props *props, uint32_t *at_byte, uint32_t *out_id) {
    struct value v;
    const bool is_there = find_next(props, at_byte, PK_MQTT_PROP_SUBSCRIPTION_ID, &v);
    *out_id = is_there ? v.number : 0;
    return is_there;
}

bool pk_mqtt_user_property_next(const struct pk_mqtt_props *props, uint32_t *at_byte, struct pk_str *out_name,
                                struct pk_str *out_value) {
    struct value v;
    if (!find_next(props, at_byte, PK_MQTT_PROP_USER, &v)) {
        return false;
    }
    *out_name = v.text;
    *out_value = v.second;
    return true;
}
