#include "mqtt/pk_mqtt_encode.h"

#include <string.h>

#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_reason.h"
#include "mqtt/pk_mqtt_topic.h"
#include "mqtt/pk_mqtt_varint.h"

/* Sizes are added up first and the bytes written second, by the same walk: with p == NULL it only counts. */
struct sink {
    uint8_t *p;
    uint64_t n;
};

static void put(struct sink *s, const void *bytes, uint32_t n) {
    if (s->p != NULL && n > 0) {
        memcpy(s->p + s->n, bytes, n);
    }
    s->n += n;
}

static void put_u8(struct sink *s, unsigned v) {
    const uint8_t byte = (uint8_t)v;
    put(s, &byte, 1);
}

static void put_u16(struct sink *s, unsigned v) {
    const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    put(s, bytes, sizeof bytes);
}

static void put_u32(struct sink *s, uint32_t v) {
    put_u16(s, v >> 16);
    put_u16(s, v & 0xFFFFu);
}

static void put_varint(struct sink *s, uint32_t v) {
    uint8_t bytes[4];
    put(s, bytes, pk_mqtt_varint_encode(v, bytes));
}

static void put_bytes(struct sink *s, struct pk_str v) {
    put_u16(s, v.n);
    put(s, v.p, v.n);
}

static void put_prop_u16(struct sink *s, enum pk_mqtt_prop id, unsigned v) {
    put_u8(s, id);
    put_u16(s, v);
}

static void put_prop_u32(struct sink *s, enum pk_mqtt_prop id, uint32_t v) {
    put_u8(s, id);
    put_u32(s, v);
}

static void put_prop_bytes(struct sink *s, enum pk_mqtt_prop id, struct pk_str v) {
    put_u8(s, id);
    put_bytes(s, v);
}

static void put_users(struct sink *s, const struct pk_mqtt_user_property *user, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        put_prop_bytes(s, PK_MQTT_PROP_USER, user[i].name);
        put_bytes(s, user[i].value);
    }
}

static bool users_are_valid(const struct pk_mqtt_user_property *user, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!pk_mqtt_text_is_valid(user[i].name) || !pk_mqtt_text_is_valid(user[i].value)) {
            return false;
        }
    }
    return true;
}

/* ---- CONNECT ---- */

enum { FLAG_CLEAN = 2, FLAG_WILL = 4, FLAG_WILL_RETAIN = 32, FLAG_PASSWORD = 64, FLAG_USERNAME = 128 };

static bool has_will(const struct pk_mqtt_config *config) {
    return config->will.topic.n > 0;
}

static unsigned connect_flags(const struct pk_mqtt_config *config, bool is_clean) {
    const struct pk_mqtt_will *will = &config->will;
    unsigned flags = is_clean ? FLAG_CLEAN : 0;
    if (has_will(config)) {
        flags |= FLAG_WILL | (unsigned)will->qos << 3 | (will->is_retained ? FLAG_WILL_RETAIN : 0u);
    }
    return flags | (config->has_username ? FLAG_USERNAME : 0u) | (config->has_password ? FLAG_PASSWORD : 0u);
}

static void put_connect_props(struct sink *s, const struct pk_mqtt_config *config,
                              const struct pk_mqtt_offer *offer) {
    if (config->session_expiry_s > 0) {
        put_prop_u32(s, PK_MQTT_PROP_SESSION_EXPIRY, config->session_expiry_s);
    }
    put_prop_u16(s, PK_MQTT_PROP_RECEIVE_MAXIMUM, offer->receive_maximum);
    put_prop_u32(s, PK_MQTT_PROP_MAXIMUM_PACKET, offer->max_packet_bytes);
    if (offer->topic_alias_maximum > 0) {
        put_prop_u16(s, PK_MQTT_PROP_TOPIC_ALIAS_MAXIMUM, offer->topic_alias_maximum);
    }
}

static void put_will_props(struct sink *s, const struct pk_mqtt_will *will) {
    if (will->delay_s > 0) {
        put_prop_u32(s, PK_MQTT_PROP_WILL_DELAY, will->delay_s);
    }
    if (will->payload_is_text) {
        put_u8(s, PK_MQTT_PROP_PAYLOAD_FORMAT);
        put_u8(s, 1);
    }
    if (will->message_expiry_s > 0) {
        put_prop_u32(s, PK_MQTT_PROP_MESSAGE_EXPIRY, will->message_expiry_s);
    }
    if (will->content_type.n > 0) {
        put_prop_bytes(s, PK_MQTT_PROP_CONTENT_TYPE, will->content_type);
    }
    put_users(s, will->user, will->user_count);
}

static bool connect_is_valid(const struct pk_mqtt_config *config, bool is_clean) {
    const struct pk_mqtt_will *will = &config->will;
    const bool is_311 = config->version == PK_MQTT_V311;
    if ((!is_311 && config->version != PK_MQTT_V5) || !pk_mqtt_text_is_valid(config->client_id)) {
        return false;
    }
    if (is_311 && config->client_id.n == 0 && !is_clean) { /* MQTT-3.1.3-7 */
        return false;
    }
    if (is_311 && config->has_password && !config->has_username) { /* MQTT-3.1.2-22 of 3.1.1 */
        return false;
    }
    if ((config->has_username && !pk_mqtt_text_is_valid(config->username)) ||
        (config->has_password && config->password.n > PK_MQTT_TEXT_BYTES_MAX)) {
        return false;
    }
    if (!has_will(config)) {
        return true;
    }
    return will->qos <= 2 && pk_mqtt_topic_is_name(will->topic) &&
           will->payload.n <= PK_MQTT_TEXT_BYTES_MAX && pk_mqtt_text_is_valid(will->content_type) &&
           users_are_valid(will->user, will->user_count);
}

static void put_connect_body(struct sink *s, const struct pk_mqtt_config *config, bool is_clean,
                             const struct pk_mqtt_offer *offer) {
    const bool is_5 = config->version == PK_MQTT_V5;
    struct sink props = {NULL, 0}, will_props = {NULL, 0};
    put_connect_props(&props, config, offer);
    put_will_props(&will_props, &config->will);

    put_bytes(s, pk_str_of("MQTT"));
    put_u8(s, config->version);
    put_u8(s, connect_flags(config, is_clean));
    put_u16(s, config->keep_alive_s);
    if (is_5) {
        put_varint(s, (uint32_t)props.n);
        put_connect_props(s, config, offer);
    }
    put_bytes(s, config->client_id);
    if (has_will(config)) {
        if (is_5) {
            put_varint(s, (uint32_t)will_props.n);
            put_will_props(s, &config->will);
        }
        put_bytes(s, config->will.topic);
        put_bytes(s, config->will.payload);
    }
    if (config->has_username) {
        put_bytes(s, config->username);
    }
    if (config->has_password) {
        put_bytes(s, config->password);
    }
}

/* Total of fixed header and body, and whether the caller goes on to write it (the sink then stands after the
 * header). */
static int begin(struct sink *s, uint8_t *p, uint32_t cap_bytes, unsigned first_byte, uint64_t body_bytes) {
    if (body_bytes > PK_MQTT_VARINT_MAX) {
        return PK_E_TOO_BIG;
    }
    const uint32_t body = (uint32_t)body_bytes;
    const uint32_t total = 1 + pk_mqtt_varint_bytes(body) + body;
    *s = (struct sink){total <= cap_bytes ? p : NULL, 0};
    if (s->p != NULL) {
        put_u8(s, first_byte);
        put_varint(s, body);
    }
    return (int)total;
}

int pk_mqtt_encode_connect(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_config *config, bool is_clean,
                           const struct pk_mqtt_offer *offer) {
    if (!connect_is_valid(config, is_clean)) {
        return PK_E_BAD_FIELD;
    }
    /* The property lengths are counted in 32 bits below: many user properties could overflow what a packet
     * holds. */
    struct sink will_props = {NULL, 0};
    put_will_props(&will_props, &config->will);
    if (will_props.n > PK_MQTT_VARINT_MAX) {
        return PK_E_TOO_BIG;
    }
    struct sink body = {NULL, 0};
    put_connect_body(&body, config, is_clean, offer);
    struct sink s;
    const int total = begin(&s, p, cap_bytes, PK_MQTT_CONNECT << 4, body.n);
    if (total > 0 && s.p != NULL) {
        put_connect_body(&s, config, is_clean, offer);
        PK_ASSERT(s.n == (uint32_t)total);
    }
    return total;
}

/* ---- PUBLISH ---- */

static void put_publish_props(struct sink *s, const struct pk_mqtt_publish *m) {
    if (m->payload_is_text) {
        put_u8(s, PK_MQTT_PROP_PAYLOAD_FORMAT);
        put_u8(s, 1);
    }
    if (m->message_expiry_s > 0) {
        put_prop_u32(s, PK_MQTT_PROP_MESSAGE_EXPIRY, m->message_expiry_s);
    }
    if (m->topic_alias > 0) {
        put_prop_u16(s, PK_MQTT_PROP_TOPIC_ALIAS, m->topic_alias);
    }
    if (m->content_type.n > 0) {
        put_prop_bytes(s, PK_MQTT_PROP_CONTENT_TYPE, m->content_type);
    }
    if (m->response_topic.n > 0) {
        put_prop_bytes(s, PK_MQTT_PROP_RESPONSE_TOPIC, m->response_topic);
    }
    if (m->has_correlation) {
        put_prop_bytes(s, PK_MQTT_PROP_CORRELATION, m->correlation);
    }
    put_users(s, m->user, m->user_count);
}

static bool publish_is_valid(const struct pk_mqtt_publish *m) {
    const bool has_topic = (m->topic.n == 0 && m->topic_alias > 0) || pk_mqtt_topic_is_name(m->topic);
    if (m->qos > 2 || !has_topic || !pk_mqtt_text_is_valid(m->content_type)) {
        return false;
    }
    if (m->response_topic.n > 0 && !pk_mqtt_topic_is_name(m->response_topic)) {
        return false;
    }
    return m->correlation.n <= PK_MQTT_TEXT_BYTES_MAX && users_are_valid(m->user, m->user_count);
}

int pk_mqtt_encode_publish(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_publish *message,
                           uint16_t packet_id, bool is_dup, enum pk_mqtt_version version) {
    if (!publish_is_valid(message)) {
        return PK_E_BAD_FIELD;
    }
    PK_ASSERT((message->qos > 0) == (packet_id != 0) && (!is_dup || message->qos > 0));
    struct sink props = {NULL, 0};
    if (version == PK_MQTT_V5) {
        put_publish_props(&props, message);
        if (props.n > PK_MQTT_VARINT_MAX) {
            return PK_E_TOO_BIG;
        }
    }
    uint64_t body = 2u + (uint64_t)message->topic.n + message->payload_bytes + (message->qos > 0 ? 2u : 0u);
    if (version == PK_MQTT_V5) {
        body += pk_mqtt_varint_bytes((uint32_t)props.n) + props.n;
    }
    const unsigned first = PK_MQTT_PUBLISH << 4 | (is_dup ? 8u : 0u) | (unsigned)message->qos << 1 |
                           (message->is_retained ? 1u : 0u);
    struct sink s;
    const int total = begin(&s, p, cap_bytes, first, body);
    if (total < 0 || s.p == NULL) {
        return total;
    }
    put_bytes(&s, message->topic);
    if (message->qos > 0) {
        put_u16(&s, packet_id);
    }
    if (version == PK_MQTT_V5) {
        put_varint(&s, (uint32_t)props.n);
        put_publish_props(&s, message);
    }
    put(&s, message->payload, message->payload_bytes);
    PK_ASSERT(s.n == (uint32_t)total);
    return total;
}

/* ---- SUBSCRIBE, UNSUBSCRIBE ---- */

static bool filter_is_valid(const struct pk_mqtt_filter *f) {
    if (f->qos > 2 || f->retain_handling > 2 || !pk_mqtt_topic_is_filter(f->filter)) {
        return false;
    }
    return !(f->no_local && pk_mqtt_filter_is_shared(f->filter)); /* MQTT-3.8.3-4 */
}

static unsigned filter_options(const struct pk_mqtt_filter *f, enum pk_mqtt_version version) {
    if (version == PK_MQTT_V311) {
        return f->qos;
    }
    return f->qos | (f->no_local ? 4u : 0u) | (f->retain_as_published ? 8u : 0u) |
           (unsigned)f->retain_handling << 4;
}

int pk_mqtt_encode_subscribe(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_filter *filters,
                             uint32_t count, uint32_t subscription_id, uint16_t packet_id,
                             enum pk_mqtt_version version) {
    if (count == 0 || subscription_id > PK_MQTT_VARINT_MAX) {
        return PK_E_BAD_FIELD;
    }
    const uint32_t props = subscription_id > 0 ? 1 + pk_mqtt_varint_bytes(subscription_id) : 0;
    uint64_t body = 2u + (version == PK_MQTT_V5 ? 1u + props : 0u);
    for (uint32_t i = 0; i < count; i++) {
        if (!filter_is_valid(&filters[i])) {
            return PK_E_BAD_FIELD;
        }
        body += 3u + filters[i].filter.n;
    }
    struct sink s;
    const int total = begin(&s, p, cap_bytes, PK_MQTT_SUBSCRIBE << 4 | 2u, body);
    if (total < 0 || s.p == NULL) {
        return total;
    }
    put_u16(&s, packet_id);
    if (version == PK_MQTT_V5) {
        put_varint(&s, props);
        if (subscription_id > 0) {
            put_u8(&s, PK_MQTT_PROP_SUBSCRIPTION_ID);
            put_varint(&s, subscription_id);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        put_bytes(&s, filters[i].filter);
        put_u8(&s, filter_options(&filters[i], version));
    }
    PK_ASSERT(s.n == (uint32_t)total);
    return total;
}

int pk_mqtt_encode_unsubscribe(uint8_t *p, uint32_t cap_bytes, const struct pk_str *filters, uint32_t count,
                               uint16_t packet_id, enum pk_mqtt_version version) {
    if (count == 0) {
        return PK_E_BAD_FIELD;
    }
    uint64_t body = 2u + (version == PK_MQTT_V5 ? 1u : 0u);
    for (uint32_t i = 0; i < count; i++) {
        if (!pk_mqtt_topic_is_filter(filters[i])) {
            return PK_E_BAD_FIELD;
        }
        body += 2u + filters[i].n;
    }
    struct sink s;
    const int total = begin(&s, p, cap_bytes, PK_MQTT_UNSUBSCRIBE << 4 | 2u, body);
    if (total < 0 || s.p == NULL) {
        return total;
    }
    put_u16(&s, packet_id);
    if (version == PK_MQTT_V5) {
        put_varint(&s, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        put_bytes(&s, filters[i]);
    }
    PK_ASSERT(s.n == (uint32_t)total);
    return total;
}

/* ---- short packets ---- */

uint32_t pk_mqtt_encode_puback(uint8_t *p, enum pk_mqtt_type type, uint16_t packet_id, uint8_t reason,
                               enum pk_mqtt_version version) {
    const bool has_reason = version == PK_MQTT_V5 && reason != PK_MQTT_SUCCESS;
    p[0] = (uint8_t)((unsigned)type << 4 | (type == PK_MQTT_PUBREL ? 2u : 0u));
    p[1] = has_reason ? 3 : 2;
    p[2] = (uint8_t)(packet_id >> 8);
    p[3] = (uint8_t)packet_id;
    if (!has_reason) {
        return 4;
    }
    p[4] = reason;
    return 5;
}

uint32_t pk_mqtt_encode_pingreq(uint8_t *p) {
    p[0] = PK_MQTT_PINGREQ << 4;
    p[1] = 0;
    return 2;
}

uint32_t pk_mqtt_encode_disconnect(uint8_t *p, uint8_t reason, enum pk_mqtt_version version) {
    const bool has_reason = version == PK_MQTT_V5 && reason != PK_MQTT_SUCCESS;
    p[0] = PK_MQTT_DISCONNECT << 4;
    p[1] = has_reason ? 1 : 0;
    if (!has_reason) {
        return 2;
    }
    p[2] = reason;
    return 3;
}
