#include <string.h>

#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_client.h"
#include "mqtt/pk_mqtt_decode.h"
#include "mqtt/pk_mqtt_encode.h"
#include "mqtt/pk_mqtt_priv.h"

/* What a packet led to. */
enum step { STEP_EVENT, STEP_ON, STEP_WAIT };

static enum step fail_protocol(struct pk_mqtt_client *c, uint8_t reason, const char *what) {
    pk_mqtt_fail(c, PK_MQTT_ERROR_PROTOCOL, (struct pk_mqtt_fault){.reason = reason, .what = what});
    return STEP_ON;
}

static enum step fail_fault(struct pk_mqtt_client *c, const struct pk_mqtt_fault *fault) {
    return fail_protocol(c, fault->reason, fault->what);
}

/* ---- packets ---- */

static void take_limits(struct pk_mqtt_client *c, const struct pk_mqtt_props *p) {
    struct pk_mqtt_limits *l = &c->limits;
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_MAXIMUM_PACKET)) {
        l->max_packet_bytes = p->maximum_packet_bytes;
    }
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_SESSION_EXPIRY)) {
        l->session_expiry_s = p->session_expiry_s;
    }
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_RECEIVE_MAXIMUM)) {
        l->receive_maximum = p->receive_maximum;
    }
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_SERVER_KEEP_ALIVE)) {
        l->keep_alive_s = p->server_keep_alive_s;
    }
    l->topic_alias_maximum = p->topic_alias_maximum;
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_MAXIMUM_QOS)) {
        l->max_qos = p->maximum_qos;
    }
    l->has_retain = !pk_mqtt_props_has(p, PK_MQTT_PROP_RETAIN_AVAILABLE) || p->retain_available == 1;
    l->has_wildcards = !pk_mqtt_props_has(p, PK_MQTT_PROP_WILDCARD_AVAILABLE) || p->wildcard_available == 1;
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE)) {
        l->has_subscription_ids = p->subscription_id_available == 1;
    }
    if (pk_mqtt_props_has(p, PK_MQTT_PROP_SHARED_AVAILABLE)) {
        l->has_shared = p->shared_available == 1;
    }
}

static enum step on_connack(struct pk_mqtt_client *c, const uint8_t *p, uint32_t n,
                            struct pk_mqtt_event *event) {
    struct pk_mqtt_connack ack;
    struct pk_mqtt_fault fault;
    if (c->state != PK_MQTT_CONNECTING) {
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "second CONNACK");
    }
    if (pk_mqtt_decode_connack(p, n, pk_mqtt_version_of(c), &ack, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    event->props = ack.props;
    c->is_connect_sent = false;
    if (ack.reason != PK_MQTT_SUCCESS) {
        pk_mqtt_count_reason(c, ack.reason);
        pk_mqtt_close_now(c);
        event->kind = PK_MQTT_EV_REFUSED;
        event->u.refused.reason = ack.reason;
        return STEP_EVENT;
    }
    if (pk_mqtt_props_has(&ack.props, PK_MQTT_PROP_AUTH_METHOD) ||
        pk_mqtt_props_has(&ack.props, PK_MQTT_PROP_AUTH_DATA)) { /* MQTT-4.12.0-6 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "authentication method that was not asked for");
    }
    if (ack.session_present && c->is_clean) { /* MQTT-3.2.2-2, -4 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "session present after a clean start");
    }
    take_limits(c, &ack.props);
    if (c->limits.max_packet_bytes < PK_MQTT_SHORT_BYTES_MAX) { /* MQTT-3.2.2-15 would forbid acknowledging */
        return fail_protocol(c, PK_MQTT_PACKET_TOO_LARGE, "maximum packet size too small");
    }
    c->session_present = ack.session_present;
    c->has_session = true;
    c->state = PK_MQTT_CONNECTED;
    c->counters.connects++;
    if (!ack.session_present) {
        pk_mqtt_in_clear(&c->in);
        c->needs_subscribe = true;
    }
    pk_mqtt_out_resume(&c->out, ack.session_present);
    event->kind = PK_MQTT_EV_CONNECTED;
    event->u.connected.session_present = ack.session_present;
    event->u.connected.subscribe_again = c->needs_subscribe;
    event->u.connected.resend_count = c->out.waiting;
    return STEP_EVENT;
}

/* STEP_EVENT: the message has its topic. */
static enum step resolve_alias(struct pk_mqtt_client *c, uint16_t alias, struct pk_mqtt_message *m) {
    const bool has_topic = m->topic.n > 0;
    if (alias > c->alias_maximum) {
        return fail_protocol(c, PK_MQTT_TOPIC_ALIAS_INVALID, "topic alias above our maximum");
    }
    switch (pk_mqtt_alias_in_take(&c->alias_in, alias, &m->topic)) {
    case PK_OK:
        c->counters.aliases_in += has_topic ? 0 : 1;
        return STEP_EVENT;
    case PK_E_NOT_FOUND:
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "topic alias that stands for nothing");
    case PK_E_TOO_BIG:
        return fail_protocol(c, PK_MQTT_IMPLEMENTATION_ERROR, "topic alias of a topic too long to remember");
    default:
        return fail_protocol(c, PK_MQTT_TOPIC_ALIAS_INVALID, "topic alias zero");
    }
}

/* A message of QoS 1 or 2 is entered among those to be acknowledged. STEP_EVENT: deliver it. */
static enum step enter_message(struct pk_mqtt_client *c, const struct pk_mqtt_message *m, uint32_t handle) {
    if (m->qos == 2 && pk_mqtt_in_recognise(&c->in, m->packet_id)) { /* MQTT-4.3.3-10, however often */
        c->counters.duplicates_in++;
        return STEP_ON;
    }
    if (!pk_mqtt_in_push(&c->in, handle, m->packet_id, m->qos, PK_MQTT_IN_DELIVERED)) {
        return fail_protocol(c, PK_MQTT_RECEIVE_MAXIMUM_EXCEEDED, "more messages than our receive maximum");
    }
    return STEP_EVENT;
}

static enum step on_publish(struct pk_mqtt_client *c, const uint8_t *p, uint32_t n, uint8_t flags,
                            struct pk_mqtt_event *event) {
    struct pk_mqtt_message m;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_publish(p, n, flags, pk_mqtt_version_of(c), &m, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    if (pk_mqtt_props_has(&event->props, PK_MQTT_PROP_TOPIC_ALIAS) &&
        resolve_alias(c, event->props.topic_alias, &m) != STEP_EVENT) {
        return STEP_ON;
    }
    if (m.qos == 2 && !c->config->accepts_qos2) {
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "QoS 2 that was not subscribed");
    }
    uint32_t handle = 0;
    if (m.qos > 0) {
        handle = (uint32_t)c->epoch << 16 | m.packet_id;
        const enum step entered = enter_message(c, &m, handle);
        if (entered != STEP_EVENT) {
            return entered;
        }
    }
    c->counters.messages_in++;
    event->kind = PK_MQTT_EV_MESSAGE;
    event->u.message.topic = m.topic;
    event->u.message.payload = m.payload;
    event->u.message.payload_bytes = m.payload_bytes;
    event->u.message.handle = handle;
    event->u.message.packet_id = m.packet_id;
    event->u.message.qos = m.qos;
    event->u.message.is_retained = m.is_retained;
    event->u.message.is_dup = m.is_dup;
    return STEP_EVENT;
}

/* The server has answered for good. */
static enum step finish(struct pk_mqtt_client *c, uint16_t slot, uint8_t reason,
                        struct pk_mqtt_event *event) {
    const struct pk_mqtt_out_slot *s = &c->out.slots[slot];
    const bool is_forgotten = s->is_forgotten;
    event->kind = PK_MQTT_EV_PUBLISHED;
    event->u.published.token = s->token;
    event->u.published.reason = reason;
    pk_mqtt_out_give(&c->out, slot);
    pk_mqtt_count_reason(c, reason);
    return is_forgotten ? STEP_ON : STEP_EVENT;
}

static enum step on_pubrec(struct pk_mqtt_client *c, uint16_t slot, const struct pk_mqtt_puback *ack,
                           struct pk_mqtt_event *event) {
    const uint8_t state = slot == PK_MQTT_NO_SLOT ? PK_MQTT_OUT_FREE : c->out.slots[slot].state;
    bool is_queued = true; /* room was made sure of before the packet was taken */
    if (state == PK_MQTT_OUT_SENT && ack->reason >= PK_MQTT_UNSPECIFIED_ERROR) {
        return finish(c, slot, ack->reason, event);
    }
    if (state == PK_MQTT_OUT_SENT || state == PK_MQTT_OUT_RELEASED) {
        pk_mqtt_out_set_state(&c->out, slot, PK_MQTT_OUT_RELEASED);
        is_queued = pk_mqtt_queue_puback(c, PK_MQTT_PUBREL, ack->packet_id, PK_MQTT_SUCCESS);
    } else {
        c->counters.acks_unknown++;
        if (ack->reason < PK_MQTT_UNSPECIFIED_ERROR) {
            is_queued = pk_mqtt_queue_puback(c, PK_MQTT_PUBREL, ack->packet_id, PK_MQTT_PACKET_ID_NOT_FOUND);
        }
    }
    PK_ASSERT(is_queued);
    return STEP_ON;
}

static enum step on_pubrel(struct pk_mqtt_client *c, const struct pk_mqtt_puback *ack) {
    const enum pk_mqtt_release release = pk_mqtt_in_release(&c->in, ack->packet_id);
    if (release == PK_MQTT_RELEASE_LATER) {
        return STEP_ON;
    }
    const bool is_known = release == PK_MQTT_RELEASE_DONE;
    c->counters.acks_unknown += is_known ? 0 : 1;
    const uint8_t reason = is_known ? PK_MQTT_SUCCESS : PK_MQTT_PACKET_ID_NOT_FOUND;
    const bool is_queued = pk_mqtt_queue_puback(c, PK_MQTT_PUBCOMP, ack->packet_id, reason);
    PK_ASSERT(is_queued);
    return STEP_ON;
}

static enum step on_ack(struct pk_mqtt_client *c, enum pk_mqtt_type type, const uint8_t *p, uint32_t n,
                        struct pk_mqtt_event *event) {
    struct pk_mqtt_puback ack;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_puback(p, n, type, pk_mqtt_version_of(c), &ack, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    c->counters.acks_in++;
    if (type == PK_MQTT_PUBREL) {
        return on_pubrel(c, &ack);
    }
    const uint16_t slot = pk_mqtt_out_find(&c->out, ack.packet_id);
    const bool is_known = slot != PK_MQTT_NO_SLOT;
    if (is_known && (c->out.slots[slot].qos == 1) != (type == PK_MQTT_PUBACK)) {
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "acknowledgement of another quality of service");
    }
    if (type == PK_MQTT_PUBREC) {
        return on_pubrec(c, slot, &ack, event);
    }
    const uint8_t awaited = type == PK_MQTT_PUBACK ? PK_MQTT_OUT_SENT : PK_MQTT_OUT_RELEASED;
    if (!is_known || c->out.slots[slot].state != awaited) {
        c->counters.acks_unknown++;
        return STEP_ON;
    }
    /* PUBCOMP with "packet identifier not found" ends an exchange the server had finished already. */
    return finish(c, slot, type == PK_MQTT_PUBACK ? ack.reason : PK_MQTT_SUCCESS, event);
}

static bool has_request(const struct pk_mqtt_client *c) {
    for (uint32_t i = 0; i < PK_MQTT_REQUESTS_MAX; i++) {
        if (c->requests[i].filter_count > 0) {
            return true;
        }
    }
    return false;
}

static enum step on_suback(struct pk_mqtt_client *c, enum pk_mqtt_type type, const uint8_t *p, uint32_t n,
                           struct pk_mqtt_event *event) {
    struct pk_mqtt_suback ack;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_suback(p, n, type, pk_mqtt_version_of(c), &ack, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    struct pk_mqtt_request *request = NULL;
    for (uint32_t i = 0; i < PK_MQTT_REQUESTS_MAX; i++) {
        struct pk_mqtt_request *r = &c->requests[i];
        const bool is_kind = r->is_unsubscribe == (type == PK_MQTT_UNSUBACK);
        if (r->filter_count > 0 && r->packet_id == ack.packet_id && is_kind) {
            request = r;
        }
    }
    if (request == NULL) {
        c->counters.acks_unknown++;
        return STEP_ON;
    }
    if (ack.codes != NULL && ack.code_count != request->filter_count) { /* MQTT-3.8.4-6 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "not one reason code a filter");
    }
    for (uint32_t i = 0; i < ack.code_count; i++) {
        pk_mqtt_count_reason(c, ack.codes[i]);
    }
    event->kind = type == PK_MQTT_SUBACK ? PK_MQTT_EV_SUBSCRIBED : PK_MQTT_EV_UNSUBSCRIBED;
    event->u.answered.token = request->token;
    event->u.answered.codes = ack.codes;
    event->u.answered.code_count = request->filter_count;
    *request = (struct pk_mqtt_request){0};
    c->needs_subscribe = c->needs_subscribe && (type != PK_MQTT_SUBACK || has_request(c));
    return STEP_EVENT;
}

static enum step on_disconnect(struct pk_mqtt_client *c, const uint8_t *p, uint32_t n,
                               struct pk_mqtt_event *event) {
    uint8_t reason = PK_MQTT_SUCCESS;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_disconnect(p, n, &reason, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    pk_mqtt_count_reason(c, reason);
    pk_mqtt_close_now(c);
    event->kind = PK_MQTT_EV_DISCONNECTED;
    event->u.refused.reason = reason;
    return STEP_EVENT;
}

static enum step on_packet(struct pk_mqtt_client *c, const struct pk_mqtt_frame *frame, const uint8_t *body,
                           struct pk_mqtt_event *event) {
    const enum pk_mqtt_type type = (enum pk_mqtt_type)frame->type;
    const uint32_t n = frame->body_bytes;
    if (c->state == PK_MQTT_CONNECTING && type != PK_MQTT_CONNACK) { /* MQTT-3.2.0-1 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "packet before CONNACK");
    }
    switch (type) {
    case PK_MQTT_CONNACK:
        return on_connack(c, body, n, event);
    case PK_MQTT_PUBLISH:
        return on_publish(c, body, n, frame->flags, event);
    case PK_MQTT_PUBACK:
    case PK_MQTT_PUBREC:
    case PK_MQTT_PUBREL:
    case PK_MQTT_PUBCOMP:
        return on_ack(c, type, body, n, event);
    case PK_MQTT_SUBACK:
    case PK_MQTT_UNSUBACK:
        return on_suback(c, type, body, n, event);
    case PK_MQTT_PINGRESP:
        if (n > 0) {
            return fail_protocol(c, PK_MQTT_MALFORMED_PACKET, "PINGRESP length");
        }
        c->is_ping_open = false;
        return STEP_ON;
    case PK_MQTT_DISCONNECT:
        return on_disconnect(c, body, n, event);
    case PK_MQTT_CONNECT:
    case PK_MQTT_SUBSCRIBE:
    case PK_MQTT_UNSUBSCRIBE:
    case PK_MQTT_PINGREQ:
    case PK_MQTT_AUTH:
        break; /* refused with the fixed header */
    }
    PK_ASSERT(false);
    return STEP_WAIT;
}

/* ---- packets larger than the buffer ---- */

static void skip_bytes(struct pk_mqtt_client *c) {
    const uint32_t there = c->rx_end - c->rx_at;
    const uint32_t n = there < c->rx_skip_bytes ? there : c->rx_skip_bytes;
    c->rx_at += n;
    c->rx_skip_bytes -= n;
}

/* 5.0 servers were told our limit and get DISCONNECT 149. 3.1.1 has no limit to tell: the message is
 * acknowledged, counted and skipped, else the server would send it again for ever. */
static enum step on_oversized(struct pk_mqtt_client *c, const struct pk_mqtt_frame *frame) {
    if (pk_mqtt_is_v5(c) || frame->type != PK_MQTT_PUBLISH || c->state != PK_MQTT_CONNECTED) {
        return fail_protocol(c, PK_MQTT_PACKET_TOO_LARGE, "packet larger than our maximum");
    }
    const uint8_t qos = frame->flags >> 1 & 3;
    if (qos > 0) {
        const uint8_t *body = c->rx + c->rx_at + frame->header_bytes;
        const uint32_t there = c->rx_end - c->rx_at;
        uint32_t need = frame->header_bytes + 2;
        need += there < need ? 0 : ((uint32_t)body[0] << 8 | body[1]) + 2;
        if (need > c->rx_bytes) {
            return fail_protocol(c, PK_MQTT_PACKET_TOO_LARGE, "topic larger than our buffer");
        }
        if (there < need) {
            return STEP_WAIT;
        }
        const uint8_t *id = c->rx + c->rx_at + need - 2;
        const uint16_t packet_id = (uint16_t)((unsigned)id[0] << 8 | id[1]);
        if (packet_id == 0) {
            return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "packet identifier zero");
        }
        const bool is_known = qos == 2 && pk_mqtt_in_recognise(&c->in, packet_id);
        if (!is_known && !pk_mqtt_in_push(&c->in, 0, packet_id, qos, PK_MQTT_IN_ANSWERED)) {
            c->is_stalled = true;
            return STEP_WAIT;
        }
    }
    c->counters.oversized_skipped++;
    c->rx_skip_bytes = frame->header_bytes + frame->body_bytes;
    return STEP_ON;
}

/* ---- events ---- */

/* Packets that are answered at once wait until there is room for the answer; messages until there is a slot.
 * 3.1.1 knows no receive maximum, and Mosquitto 2.0.11 sends QoS 1 far beyond it when PUBACKs come several at
 * a time: answered with DISCONNECT 147, as MQTT-3.3.4-9 would allow, it does so again after each reconnect.
 * With nothing to acknowledge no slot will come free, and the server is wrong in earnest. */
static bool can_take(struct pk_mqtt_client *c, const struct pk_mqtt_frame *frame) {
    if (frame->type == PK_MQTT_PUBREC || frame->type == PK_MQTT_PUBREL) {
        /* Our PUBREC of a repeated PUBLISH must be out before its PUBREL is looked at, or it would follow
         * PUBCOMP. */
        pk_mqtt_queue_ready_acks(c);
        if (pk_mqtt_in_ready(&c->in) != NULL) {
            return false;
        }
        return pk_mqtt_tx_room(c, PK_MQTT_SHORT_BYTES_MAX, PK_MQTT_LAST_WORDS_BYTES) != NULL;
    }
    if (frame->type == PK_MQTT_PUBLISH && c->holds_messages) {
        c->is_stalled = true;
        return false;
    }
    const uint8_t qos = frame->type == PK_MQTT_PUBLISH ? frame->flags >> 1 & 3 : 0;
    if (qos > 0 && c->in.free_head == PK_MQTT_NO_SLOT) {
        pk_mqtt_queue_ready_acks(c);
        const bool may_wait = !pk_mqtt_is_v5(c) || (qos == 1 && c->in.pending > 0);
        c->is_stalled = may_wait && c->in.free_head == PK_MQTT_NO_SLOT;
        return !c->is_stalled;
    }
    return true;
}

static enum step next_packet(struct pk_mqtt_client *c, struct pk_mqtt_event *event) {
    struct pk_mqtt_frame frame;
    struct pk_mqtt_fault fault;
    skip_bytes(c);
    if (c->rx_at == c->rx_end || !pk_mqtt_queue_due_releases(c)) {
        return STEP_WAIT;
    }
    const uint32_t there = c->rx_end - c->rx_at;
    const int r = pk_mqtt_decode_frame(c->rx + c->rx_at, there, pk_mqtt_version_of(c), &frame, &fault);
    if (r == PK_E_AGAIN) {
        return STEP_WAIT;
    }
    if (r != PK_OK) {
        return fail_fault(c, &fault);
    }
    const uint32_t total = frame.header_bytes + frame.body_bytes;
    if (total > c->max_packet_bytes) {
        return on_oversized(c, &frame);
    }
    if (there < total || !can_take(c, &frame)) {
        return STEP_WAIT;
    }
    const uint8_t *body = c->rx + c->rx_at + frame.header_bytes;
    c->rx_at += total; /* first: a handler may end the connection and drop what is unread */
    return on_packet(c, &frame, body, event);
}

static void take_error(struct pk_mqtt_client *c, struct pk_mqtt_event *event) {
    memset(&event->props, 0, sizeof event->props);
    event->kind = PK_MQTT_EV_ERROR;
    event->u.error.kind = c->pending_error_kind;
    event->u.error.reason = c->pending_error.reason;
    event->u.error.what = c->pending_error.what;
    c->has_pending_error = false;
}

bool pk_mqtt_next(struct pk_mqtt_client *c, struct pk_mqtt_event *event) {
    c->is_stalled = false;
    enum step step = STEP_ON;
    while (step == STEP_ON && (c->state == PK_MQTT_CONNECTING || c->state == PK_MQTT_CONNECTED)) {
        step = next_packet(c, event);
    }
    if (c->is_stalled) {
        c->ping_sent_ms = c->now_ms; /* the answer may lie behind what waits */
    }
    if (step == STEP_EVENT) {
        return true;
    }
    if (c->has_pending_error) {
        take_error(c, event);
        return true;
    }
    return false;
}
