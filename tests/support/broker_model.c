#include "support/broker_model.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_bytes.h"
#include "mqtt/pk_mqtt_encode.h"
#include "mqtt/pk_mqtt_reason.h"
#include "mqtt/pk_mqtt_topic.h"
#include "mqtt/pk_mqtt_varint.h"

struct wire { /* one packet being read */
    const uint8_t *p;
    uint32_t n, at;
    bool is_bad;
};

static void breach(struct broker_model *b, const struct broker_client *c, const char *what) {
    if (b->breach[0] == '\0') {
        (void)snprintf(b->breach, sizeof b->breach, "client %s: %s", c->id, what);
    }
}

static bool happens(struct broker_model *b, uint32_t weight) {
    return weight > 0 && pk_rng_below(&b->rng, 1000) < weight;
}

static uint8_t get_u8(struct wire *w) {
    if (w->at >= w->n) {
        w->is_bad = true;
        return 0;
    }
    return w->p[w->at++];
}

static uint16_t get_u16(struct wire *w) {
    const uint16_t high = get_u8(w);
    return (uint16_t)(high << 8 | get_u8(w));
}

static struct pk_str get_text(struct wire *w) {
    const uint16_t n = get_u16(w);
    if (w->is_bad || n > w->n - w->at) {
        w->is_bad = true;
        return pk_str_make("", 0);
    }
    const struct pk_str s = pk_str_make((const char *)w->p + w->at, n);
    w->at += n;
    return s;
}

static struct wire get_props(struct wire *w) {
    uint32_t n = 0;
    const int used = pk_mqtt_varint_decode(w->p + w->at, w->n - w->at, &n);
    struct wire props = {.p = w->p, .n = 0};
    if (used < 0 || n > w->n - w->at - (uint32_t)used) {
        w->is_bad = true;
        return props;
    }
    w->at += (uint32_t)used;
    props = (struct wire){.p = w->p + w->at, .n = n};
    w->at += n;
    return props;
}

/* ---- connections */
static void leave(struct broker_model *b, struct broker_client *c, bool sends_will) {
    if (c->is_connected) {
        c->is_connected = false;
        c->left_ms = c->sim->now_ms;
        if (c->has_will && sends_will) {
            c->is_will_due = true;
            c->will_at_ms = c->sim->now_ms + c->will_delay_s * 1000u;
        }
        c->has_will = c->has_will && sends_will;
    }
    for (uint32_t i = 0; i < c->queue_count; i++) {
        c->queue[i].is_sent = false;
    }
    c->is_open = false;
    c->in_bytes = 0;
    (void)b;
}

static void cut(struct broker_model *b, struct broker_client *c) {
    leave(b, c, true);
    pk_sim_peer_reset(c->sim, c->link);
}

static void send_bytes(struct broker_model *b, struct broker_client *c, const uint8_t *p, uint32_t n) {
    /* A client that said all it had and closed may still be read; what it is told is lost. */
    const bool is_there = c->sim->links[c->link].state == PK_SIM_OPEN;
    if (is_there && pk_sim_peer_send(c->sim, c->link, p, n) < n) {
        cut(b, c); /* its buffers are full: as good as gone */
    }
}

static void end_session(struct broker_client *c) {
    c->has_session = false;
    c->filter_count = 0;
    c->queue_count = 0;
    c->next_packet_id = 0;
}

/* ---- to the client */
static void send_puback(struct broker_model *b, struct broker_client *c, enum pk_mqtt_type type, uint16_t id,
                        uint8_t reason) {
    uint8_t bytes[PK_MQTT_SHORT_BYTES_MAX];
    const uint32_t n = pk_mqtt_encode_puback(bytes, type, id, reason, PK_MQTT_V5);
    send_bytes(b, c, bytes, n);
}

static void deliver(struct broker_model *b, struct broker_client *c) {
    uint8_t bytes[BROKER_PAYLOAD_BYTES + 600];
    uint32_t outstanding = 0;
    for (uint32_t i = 0; i < c->queue_count && c->is_connected; i++) {
        struct broker_out *o = &c->queue[i];
        if (o->is_sent) {
            outstanding++;
            continue;
        }
        if (outstanding >= c->receive_maximum) {
            return;
        }
        if (happens(b, b->weights.cut_deliver)) {
            cut(b, c);
            return;
        }
        if (o->is_released) {
            o->is_sent = true;
            outstanding++;
            send_puback(b, c, PK_MQTT_PUBREL, o->packet_id, 0);
            continue;
        }
        const bool is_dup = o->packet_id != 0;
        if (!is_dup) {
            c->next_packet_id = c->next_packet_id == UINT16_MAX ? 1 : (uint16_t)(c->next_packet_id + 1);
            o->packet_id = c->next_packet_id;
        }
        const struct pk_mqtt_publish m = {.topic = pk_str_of(o->topic),
                                          .payload = o->payload,
                                          .payload_bytes = o->payload_bytes,
                                          .qos = o->qos,
                                          .response_topic = pk_str_of(o->response_topic)};
        const int n = pk_mqtt_encode_publish(bytes, sizeof bytes, &m, o->packet_id, is_dup, PK_MQTT_V5);
        o->is_sent = true;
        outstanding++;
        b->delivered_count++;
        if (n > 0) {
            send_bytes(b, c, bytes, (uint32_t)n);
        }
    }
}

/* The highest a subscription grants, and not more than it was published with; 0: nobody asked for it. */
static uint8_t granted(const struct broker_client *c, const char *topic, uint8_t qos) {
    uint8_t most = 0;
    for (uint32_t f = 0; c->has_session && f < c->filter_count; f++) {
        if (c->filter_qos[f] > most && pk_mqtt_topic_matches(pk_str_of(c->filters[f]), pk_str_of(topic))) {
            most = c->filter_qos[f];
        }
    }
    return most < qos ? most : qos;
}

static uint32_t publish(struct broker_model *b, const char *topic, const void *payload, uint32_t n,
                        const char *response_topic, uint8_t qos) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < BROKER_CLIENTS; i++) {
        struct broker_client *c = &b->clients[i];
        const uint8_t with = granted(c, topic, qos);
        if (with == 0 || n > BROKER_PAYLOAD_BYTES) {
            continue;
        }
        if (c->queue_count == BROKER_QUEUE) {
            c->queue_lost_count++;
            continue;
        }
        struct broker_out *o = &c->queue[c->queue_count++];
        memset(o, 0, offsetof(struct broker_out, payload));
        (void)snprintf(o->topic, sizeof o->topic, "%s", topic);
        (void)snprintf(o->response_topic, sizeof o->response_topic, "%s", response_topic);
        memcpy(o->payload, payload, n);
        o->payload_bytes = n;
        o->packet_id = 0;
        o->is_sent = o->is_released = false;
        o->qos = with;
        count++;
        deliver(b, c);
    }
    return count;
}

uint32_t broker_publish(struct broker_model *b, const char *topic, const void *payload, uint32_t n,
                        const char *response_topic) {
    return publish(b, topic, payload, n, response_topic, 1);
}

uint32_t broker_publish_qos_2(struct broker_model *b, const char *topic, const char *payload) {
    return publish(b, topic, payload, (uint32_t)strlen(payload), "", 2);
}

/* ---- retained */
const struct broker_retained *broker_find_retained(const struct broker_model *b, const char *topic) {
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        if (b->retained[i].topic[0] != '\0' && strcmp(b->retained[i].topic, topic) == 0) {
            return &b->retained[i];
        }
    }
    return NULL;
}

static void retain(struct broker_model *b, const struct broker_client *c, struct pk_str topic,
                   struct pk_str payload) {
    struct broker_retained *place = NULL;
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        struct broker_retained *r = &b->retained[i];
        if (r->topic[0] != '\0' && pk_str_eq_c(topic, r->topic)) {
            place = r;
            break;
        }
        place = place == NULL && r->topic[0] == '\0' ? r : place;
    }
    if (payload.n == 0) {
        if (place != NULL) {
            place->topic[0] = '\0';
        }
        return;
    }
    if (place == NULL || payload.n > sizeof place->payload) {
        breach(b, c, "more retained messages than the model keeps, or a larger one");
        return;
    }
    (void)pk_str_copy_cut(topic, place->topic, sizeof place->topic);
    memcpy(place->payload, payload.p, payload.n);
    place->n = payload.n;
}

/* ---- from the client */
static void take(struct broker_model *b, struct broker_client *c, const struct broker_publish *m) {
    if (happens(b, b->weights.swallow)) {
        return;
    }
    if (m->is_retained) {
        retain(b, c, m->topic, m->payload);
    }
    if (b->accepted != NULL) {
        b->accepted(b->arg, m);
    }
}

static void read_connect_props(struct broker_model *b, struct broker_client *c, struct wire *props) {
    c->expiry_s = 0;
    c->receive_maximum = UINT16_MAX;
    while (props->at < props->n && !props->is_bad) {
        switch (get_u8(props)) {
        case PK_MQTT_PROP_SESSION_EXPIRY:
            c->expiry_s = (uint32_t)get_u16(props) << 16;
            c->expiry_s |= get_u16(props);
            break;
        case PK_MQTT_PROP_RECEIVE_MAXIMUM:
            c->receive_maximum = get_u16(props);
            break;
        case PK_MQTT_PROP_MAXIMUM_PACKET:
            (void)get_u16(props);
            (void)get_u16(props);
            break;
        case PK_MQTT_PROP_TOPIC_ALIAS_MAXIMUM:
            (void)get_u16(props);
            break;
        default:
            breach(b, c, "a CONNECT property the model does not know");
            return;
        }
    }
    if (props->is_bad || c->receive_maximum == 0) {
        breach(b, c, "malformed CONNECT properties");
    }
}

static void read_will(struct broker_model *b, struct broker_client *c, struct wire *w) {
    struct wire props = get_props(w);
    struct wire at = props;
    uint32_t kept = 0;
    c->will_delay_s = 0;
    /* The delay is for the broker; the rest goes with the message. */
    while (at.at < at.n && !at.is_bad) {
        const uint32_t start = at.at;
        const uint8_t id = get_u8(&at);
        if (id == PK_MQTT_PROP_WILL_DELAY) {
            c->will_delay_s = (uint32_t)get_u16(&at) << 16;
            c->will_delay_s |= get_u16(&at);
            continue;
        }
        if (id == PK_MQTT_PROP_PAYLOAD_FORMAT) {
            (void)get_u8(&at);
        } else if (id == PK_MQTT_PROP_CONTENT_TYPE) {
            (void)get_text(&at);
        } else if (id == PK_MQTT_PROP_USER) {
            (void)get_text(&at);
            (void)get_text(&at);
        } else {
            breach(b, c, "a will property the model does not know");
            return;
        }
        if (at.is_bad || at.at - start > sizeof c->will_props - kept) {
            breach(b, c, "malformed will properties");
            return;
        }
        memcpy(c->will_props + kept, at.p + start, at.at - start);
        kept += at.at - start;
    }
    c->will_props_bytes = kept;
    const struct pk_str topic = get_text(w);
    const struct pk_str payload = get_text(w); /* binary data has the same form */
    if (w->is_bad || !pk_mqtt_topic_is_name(topic) || payload.n > sizeof c->will_payload ||
        pk_str_copy(topic, c->will_topic, sizeof c->will_topic) < 0) {
        breach(b, c, "malformed will");
        return;
    }
    memcpy(c->will_payload, payload.p, payload.n);
    c->will_payload_bytes = payload.n;
    c->has_will = true;
}

static void answer_connect(struct broker_model *b, struct broker_client *c, bool has_session,
                           uint8_t reason) {
    uint8_t bytes[32];
    uint32_t n = 5;
    bytes[2] = has_session && reason == 0 ? 1 : 0;
    bytes[3] = reason;
    if (b->server_receive_maximum != 0) {
        bytes[n++] = PK_MQTT_PROP_RECEIVE_MAXIMUM;
        bytes[n++] = (uint8_t)(b->server_receive_maximum >> 8);
        bytes[n++] = (uint8_t)b->server_receive_maximum;
    }
    if (b->server_max_packet != 0) {
        bytes[n++] = PK_MQTT_PROP_MAXIMUM_PACKET;
        bytes[n++] = (uint8_t)(b->server_max_packet >> 24);
        bytes[n++] = (uint8_t)(b->server_max_packet >> 16);
        bytes[n++] = (uint8_t)(b->server_max_packet >> 8);
        bytes[n++] = (uint8_t)b->server_max_packet;
    }
    if (b->has_no_qos) {
        bytes[n++] = PK_MQTT_PROP_MAXIMUM_QOS;
        bytes[n++] = 0;
    }
    if (b->has_no_retain) {
        bytes[n++] = PK_MQTT_PROP_RETAIN_AVAILABLE;
        bytes[n++] = 0;
    }
    bytes[0] = 0x20;
    bytes[1] = (uint8_t)(n - 2);
    bytes[4] = (uint8_t)(n - 5);
    send_bytes(b, c, bytes, n);
}

static void refuse_connect(struct broker_model *b, struct broker_client *c, uint8_t reason) {
    c->has_will = false;
    answer_connect(b, c, false, reason);
    pk_sim_peer_close(c->sim, c->link);
}

static void on_connect(struct broker_model *b, struct broker_client *c, struct wire *w) {
    const struct pk_str protocol = get_text(w);
    const uint8_t version = get_u8(w);
    const uint8_t flags = get_u8(w);
    const uint16_t keep_alive_s = get_u16(w);
    struct wire props = get_props(w);
    if (w->is_bad || !pk_str_eq_c(protocol, "MQTT") || version != 5 || (flags & 1u) != 0 || c->is_connected) {
        breach(b, c, "malformed or second CONNECT");
        cut(b, c);
        return;
    }
    read_connect_props(b, c, &props);
    const struct pk_str id = get_text(w);
    if (id.n == 0 || pk_str_copy(id, c->id, sizeof c->id) < 0) {
        breach(b, c, "bad client id");
    }
    c->is_will_due = false; /* it is back before its delay was over */
    c->has_will = false;
    if ((flags & 4u) != 0) {
        c->is_will_plain = (flags & 0x18u) == 0;
        c->is_will_passing = (flags & 0x20u) == 0;
        if ((flags & 0x18u) >> 3 > 1 || (c->is_will_plain && b->will_refusals[0] == 0) ||
            (c->is_will_passing && b->will_refusals[1] == 0)) {
            breach(b, c, "the will is not retained with QoS 1");
        }
        read_will(b, c, w);
    }
    if ((flags & 0x80u) != 0) {
        (void)get_text(w);
    }
    if ((flags & 0x40u) != 0) {
        (void)get_text(w);
    }
    if (w->is_bad || w->at != w->n) {
        breach(b, c, "bytes missing or left over in CONNECT");
    }
    if ((flags & 2u) != 0) {
        end_session(c);
    }
    if (b->has_no_qos && c->has_will && !c->is_will_plain) {
        b->will_refusals[0]++;
        refuse_connect(b, c, PK_MQTT_QOS_NOT_SUPPORTED);
        return;
    }
    if (b->has_no_retain && c->has_will && !c->is_will_passing) {
        b->will_refusals[1]++;
        refuse_connect(b, c, PK_MQTT_RETAIN_NOT_SUPPORTED);
        return;
    }
    if (happens(b, b->weights.refuse_connect)) {
        refuse_connect(b, c, 0x89); /* server busy */
        return;
    }
    const bool had_session = c->has_session;
    c->has_session = true;
    c->is_connected = true;
    c->keep_alive_s = keep_alive_s;
    c->connect_count++;
    answer_connect(b, c, had_session, 0);
    deliver(b, c);
}

static void on_publish(struct broker_model *b, struct broker_client *c, const uint8_t *p, uint32_t n,
                       uint8_t flags) {
    struct pk_mqtt_message m;
    struct pk_mqtt_fault fault;
    struct broker_publish out = {.client = (uint32_t)(c - b->clients)};
    if (pk_mqtt_decode_publish(p, n, flags, PK_MQTT_V5, &m, &out.props, &fault) != PK_OK) {
        breach(b, c, fault.what);
        cut(b, c);
        return;
    }
    if (m.qos > 1 || !pk_mqtt_topic_is_name(m.topic)) {
        breach(b, c, "PUBLISH with QoS 2 or without a topic");
    }
    if ((m.qos > 0 && b->has_no_qos) || (m.is_retained && b->has_no_retain)) {
        breach(b, c, "PUBLISH with what CONNACK said is not offered");
    }
    if (b->server_max_packet != 0 && 1u + pk_mqtt_varint_bytes(n) + n > b->server_max_packet) {
        breach(b, c, "PUBLISH larger than the server's Maximum Packet Size");
    }
    out.topic = m.topic;
    out.payload = pk_str_make((const char *)m.payload, m.payload_bytes);
    out.is_retained = m.is_retained;
    out.is_dup = m.is_dup;
    out.qos = m.qos;
    out.packet_id = m.packet_id;
    b->publish_count++;
    b->dup_count += m.is_dup ? 1u : 0u;
    if (m.qos == 1 && happens(b, b->weights.refuse_publish)) {
        b->refused_count++;
        send_puback(b, c, PK_MQTT_PUBACK, m.packet_id, 0x97);
        return;
    }
    take(b, c, &out);
    if (m.qos == 0) {
        return;
    }
    if (happens(b, b->weights.cut_before_ack)) {
        cut(b, c);
        return;
    }
    send_puback(b, c, PK_MQTT_PUBACK, m.packet_id, 0);
    if (c->is_open && happens(b, b->weights.cut_after_ack)) {
        cut(b, c);
    }
}

static void drop(struct broker_model *b, struct broker_client *c, uint32_t at) {
    c->queue_count--;
    memmove(&c->queue[at], &c->queue[at + 1], (c->queue_count - at) * sizeof c->queue[0]);
    deliver(b, c);
}

/* PUBACK and PUBREC come in the order of their messages (MQTT-4.6.0-2, -3), PUBCOMP as it likes. */
static void on_puback(struct broker_model *b, struct broker_client *c, enum pk_mqtt_type type,
                      const uint8_t *p, uint32_t n) {
    struct pk_mqtt_puback ack;
    struct pk_mqtt_props props;
    struct pk_mqtt_fault fault;
    const uint8_t qos = type == PK_MQTT_PUBACK ? 1 : 2;
    if (pk_mqtt_decode_puback(p, n, type, PK_MQTT_V5, &ack, &props, &fault) != PK_OK) {
        breach(b, c, fault.what);
        return;
    }
    for (uint32_t i = 0; i < c->queue_count && c->queue[i].is_sent; i++) {
        struct broker_out *o = &c->queue[i];
        if (o->qos != qos || o->is_released != (type == PK_MQTT_PUBCOMP)) {
            continue;
        }
        if (o->packet_id != ack.packet_id) {
            if (type != PK_MQTT_PUBCOMP) {
                break;
            }
            continue;
        }
        if (type != PK_MQTT_PUBREC || ack.reason >= 0x80) {
            drop(b, c, i);
            return;
        }
        o->is_released = true;
        send_puback(b, c, PK_MQTT_PUBREL, o->packet_id, 0);
        return;
    }
    breach(b, c, "an acknowledgement of no message, or out of their order");
}

/* To a subscription with QoS 0 that wants them. */
static void send_retained(struct broker_model *b, struct broker_client *c, struct pk_str filter) {
    uint8_t bytes[BROKER_RETAINED_BYTES + 600];
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        const struct broker_retained *r = &b->retained[i];
        if (r->topic[0] == '\0' || !pk_mqtt_topic_matches(filter, pk_str_of(r->topic))) {
            continue;
        }
        const struct pk_mqtt_publish m = {
            .topic = pk_str_of(r->topic), .payload = r->payload, .payload_bytes = r->n, .is_retained = true};
        const int n = pk_mqtt_encode_publish(bytes, sizeof bytes, &m, 0, false, PK_MQTT_V5);
        if (n > 0) {
            send_bytes(b, c, bytes, (uint32_t)n);
        }
    }
}

static bool is_refused(const struct broker_model *b, struct pk_str filter) {
    char text[BROKER_TOPIC_BYTES];
    (void)pk_str_copy_cut(filter, text, sizeof text);
    return b->refused_filter != NULL && strstr(text, b->refused_filter) != NULL;
}

static void on_subscribe(struct broker_model *b, struct broker_client *c, struct wire *w) {
    uint8_t bytes[5 + BROKER_FILTERS * 4];
    struct pk_str wanted = pk_str_make(NULL, 0);
    const uint16_t id = get_u16(w);
    (void)get_props(w);
    uint32_t n = 5;
    b->subscribe_count++;
    while (w->at < w->n && !w->is_bad) {
        const struct pk_str filter = get_text(w);
        const uint8_t options = get_u8(w);
        if (w->is_bad || !pk_mqtt_topic_is_filter(filter) || (options & 3u) > 2 || (options & 0xC0u) != 0) {
            breach(b, c, "bad filter in SUBSCRIBE");
            return;
        }
        if (is_refused(b, filter) && n < sizeof bytes) {
            bytes[n++] = b->refused_reason;
            continue;
        }
        uint32_t i = 0;
        while (i < c->filter_count && !pk_str_eq_c(filter, c->filters[i])) {
            i++;
        }
        if (i == BROKER_FILTERS) {
            breach(b, c, "more filters than the model keeps");
            return;
        }
        (void)pk_str_copy_cut(filter, c->filters[i], sizeof c->filters[i]);
        c->filter_qos[i] = (uint8_t)(options & 3u);
        c->filter_count += i == c->filter_count ? 1u : 0u;
        if (n < sizeof bytes) {
            bytes[n++] = (uint8_t)(options & 3u);
        }
        wanted = (options & 0x33u) == 0 ? filter : wanted; /* our client asks for one at a time so */
    }
    bytes[0] = 0x90;
    bytes[1] = (uint8_t)(n - 2);
    bytes[2] = (uint8_t)(id >> 8);
    bytes[3] = (uint8_t)id;
    bytes[4] = 0;
    if (id == 0 || n == 5) {
        breach(b, c, "SUBSCRIBE without id or filter");
    }
    send_bytes(b, c, bytes, n);
    if (wanted.n > 0) {
        send_retained(b, c, wanted);
    }
}

static void on_unsubscribe(struct broker_model *b, struct broker_client *c, struct wire *w) {
    uint8_t bytes[5 + BROKER_FILTERS];
    const uint16_t id = get_u16(w);
    (void)get_props(w);
    uint32_t n = 5;
    while (w->at < w->n && !w->is_bad) {
        const struct pk_str filter = get_text(w);
        uint32_t i = 0;
        while (i < c->filter_count && !pk_str_eq_c(filter, c->filters[i])) {
            i++;
        }
        const bool is_there = i < c->filter_count;
        if (is_there) {
            c->filter_count--;
            memmove(c->filters[i], c->filters[i + 1], (c->filter_count - i) * sizeof c->filters[0]);
            memmove(&c->filter_qos[i], &c->filter_qos[i + 1], c->filter_count - i);
        }
        if (n < sizeof bytes) {
            bytes[n++] = is_there ? 0 : 17;
        }
    }
    bytes[0] = 0xB0;
    bytes[1] = (uint8_t)(n - 2);
    bytes[2] = (uint8_t)(id >> 8);
    bytes[3] = (uint8_t)id;
    bytes[4] = 0;
    if (id == 0 || n == 5 || w->is_bad) {
        breach(b, c, "UNSUBSCRIBE without id or filter");
    }
    send_bytes(b, c, bytes, n);
}

static void on_disconnect(struct broker_model *b, struct broker_client *c, struct wire *w) {
    const uint8_t reason = w->n > 0 ? get_u8(w) : 0;
    leave(b, c, reason != 0);
    pk_sim_peer_close(c->sim, c->link);
}

static void on_packet(struct broker_model *b, struct broker_client *c, uint8_t first, const uint8_t *p,
                      uint32_t n) {
    static const uint8_t PINGRESP[] = {0xD0, 0};
    struct wire w = {.p = p, .n = n};
    const uint8_t type = (uint8_t)(first >> 4);
    if (!c->is_connected && type != PK_MQTT_CONNECT) {
        breach(b, c, "a packet before CONNECT was accepted");
        cut(b, c);
        return;
    }
    switch (type) {
    case PK_MQTT_CONNECT:
        on_connect(b, c, &w);
        return;
    case PK_MQTT_PUBLISH:
        on_publish(b, c, p, n, first & 0x0Fu);
        return;
    case PK_MQTT_PUBACK:
    case PK_MQTT_PUBREC:
    case PK_MQTT_PUBCOMP:
        on_puback(b, c, (enum pk_mqtt_type)type, p, n);
        return;
    case PK_MQTT_SUBSCRIBE:
        on_subscribe(b, c, &w);
        return;
    case PK_MQTT_UNSUBSCRIBE:
        on_unsubscribe(b, c, &w);
        return;
    case PK_MQTT_PINGREQ:
        send_bytes(b, c, PINGRESP, sizeof PINGRESP);
        return;
    case PK_MQTT_DISCONNECT:
        on_disconnect(b, c, &w);
        return;
    default:
        breach(b, c, "a packet type a client of ours does not send");
        cut(b, c);
        return;
    }
}

static void on_bytes(void *arg, struct pk_sim *sim, uint32_t link, const uint8_t *p, uint32_t n);

static struct broker_client *client_of(struct broker_model *b, const struct pk_sim *sim, uint32_t link) {
    for (uint32_t i = 0; i < BROKER_CLIENTS; i++) {
        if (b->clients[i].sim == sim && b->clients[i].link == link) {
            return &b->clients[i];
        }
    }
    return NULL;
}

static void on_open(void *arg, struct pk_sim *sim, uint32_t link) {
    struct broker_model *b = arg;
    struct broker_client *c = client_of(b, sim, link);
    if (c->is_connected) {
        leave(b, c, true); /* the old connection died without a word; its will waits for its delay */
    }
    c->is_open = true;
    c->in_bytes = 0;
    c->last_rx_ms = sim->now_ms;
    if (b->is_down) {
        cut(b, c);
    }
}

static void on_bytes(void *arg, struct pk_sim *sim, uint32_t link, const uint8_t *p, uint32_t n) {
    struct broker_model *b = arg;
    struct broker_client *c = client_of(b, sim, link);
    if (!c->is_open) {
        return;
    }
    if (n > sizeof c->in - c->in_bytes) {
        breach(b, c, "a packet larger than the model takes");
        cut(b, c);
        return;
    }
    memcpy(c->in + c->in_bytes, p, n);
    c->in_bytes += n;
    c->last_rx_ms = sim->now_ms;
    for (;;) {
        uint32_t body = 0;
        const int used =
            c->in_bytes < 2 ? PK_E_AGAIN : pk_mqtt_varint_decode(c->in + 1, c->in_bytes - 1, &body);
        if (used < 0 || c->in_bytes < 1u + (uint32_t)used + body) {
            return;
        }
        const uint32_t whole = 1u + (uint32_t)used + body;
        on_packet(b, c, c->in[0], c->in + 1 + used, body);
        if (!c->is_open) {
            return;
        }
        c->in_bytes -= whole;
        memmove(c->in, c->in + whole, c->in_bytes);
    }
}

static void on_close(void *arg, struct pk_sim *sim, uint32_t link) {
    struct broker_model *b = arg;
    leave(b, client_of(b, sim, link), true);
}

/* ---- life */
void broker_init(struct broker_model *b, uint64_t seed) {
    memset(b, 0, sizeof *b);
    pk_rng_seed(&b->rng, seed);
}

uint32_t broker_attach(struct broker_model *b, struct pk_sim *sim, uint32_t link) {
    uint32_t i = 0;
    while (i + 1 < BROKER_CLIENTS && b->clients[i].sim != NULL) {
        i++;
    }
    b->clients[i].sim = sim;
    b->clients[i].link = link;
    const struct pk_sim_peer peer = {
        .arg = b, .connected = on_open, .received = on_bytes, .closed = on_close};
    pk_sim_peer_set(sim, link, &peer);
    return i;
}

static uint64_t silent_at_ms(const struct broker_client *c) {
    return c->is_connected && c->keep_alive_s > 0 ? c->last_rx_ms + c->keep_alive_s * 1500u : UINT64_MAX;
}

static uint64_t expires_at_ms(const struct broker_client *c) {
    return c->has_session && !c->is_connected && c->expiry_s != UINT32_MAX
               ? c->left_ms + (uint64_t)c->expiry_s * 1000u
               : UINT64_MAX;
}

uint64_t broker_next_ms(const struct broker_model *b) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < BROKER_CLIENTS; i++) {
        const struct broker_client *c = &b->clients[i];
        const uint64_t times[] = {silent_at_ms(c), expires_at_ms(c),
                                  c->is_will_due ? c->will_at_ms : UINT64_MAX};
        for (uint32_t k = 0; c->sim != NULL && k < 3; k++) {
            next = times[k] < next ? times[k] : next;
        }
    }
    return next;
}

static void publish_will(struct broker_model *b, struct broker_client *c) {
    struct pk_mqtt_fault fault;
    struct broker_publish m = {.client = (uint32_t)(c - b->clients),
                               .topic = pk_str_of(c->will_topic),
                               .payload = pk_str_make((const char *)c->will_payload, c->will_payload_bytes),
                               .is_retained = !c->is_will_passing,
                               .is_will = true,
                               .qos = c->is_will_plain ? 0 : 1};
    c->is_will_due = false;
    c->has_will = false;
    if (pk_mqtt_props_decode(c->will_props, c->will_props_bytes, PK_MQTT_PROPS_PUBLISH, &m.props, &fault) !=
        PK_OK) {
        breach(b, c, fault.what);
        return;
    }
    take(b, c, &m);
}

void broker_run(struct broker_model *b, uint64_t now_ms) {
    for (uint32_t i = 0; i < BROKER_CLIENTS; i++) {
        struct broker_client *c = &b->clients[i];
        if (c->sim == NULL) {
            continue;
        }
        if (silent_at_ms(c) <= now_ms) {
            cut(b, c);
        }
        const bool is_expired = expires_at_ms(c) <= now_ms;
        if (c->is_will_due && (c->will_at_ms <= now_ms || is_expired)) {
            publish_will(b, c);
        }
        if (is_expired) {
            end_session(c);
        }
    }
}

void broker_restart(struct broker_model *b, bool keeps_sessions) {
    for (uint32_t i = 0; i < BROKER_CLIENTS; i++) {
        struct broker_client *c = &b->clients[i];
        if (c->sim == NULL) {
            continue;
        }
        if (c->is_open) {
            cut(b, c);
        }
        if (!keeps_sessions) {
            end_session(c);
            c->is_will_due = false;
        }
    }
    if (!keeps_sessions) {
        memset(b->retained, 0, sizeof b->retained);
    }
}
