#include "mqtt/pk_mqtt_client.h"

#include <string.h>

#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_decode.h"
#include "mqtt/pk_mqtt_encode.h"
#include "mqtt/pk_mqtt_topic.h"
#include "mqtt/pk_mqtt_varint.h"

enum {
    LAST_WORDS_BYTES = 8, /* kept free for PINGREQ and DISCONNECT, so that both can always be said */
    FIRST_REQUEST_ID = PK_MQTT_PUBLISH_ID_MAX + 1,
    PACKET_HEADER_BYTES_MAX = 5
};

/* What a packet led to. */
enum step { STEP_EVENT, STEP_ON, STEP_WAIT };

static enum pk_mqtt_version version_of(const struct pk_mqtt_client *c) {
    return (enum pk_mqtt_version)c->config->version;
}

static bool is_v5(const struct pk_mqtt_client *c) {
    return c->config->version == PK_MQTT_V5;
}

static bool is_clean(const struct pk_mqtt_client *c) {
    return c->config->clean_start || (!is_v5(c) && c->config->session_expiry_s == 0);
}

static void count_reason(struct pk_mqtt_client *c, uint8_t reason) {
    if (reason >= PK_MQTT_UNSPECIFIED_ERROR) {
        c->counters.by_reason[pk_mqtt_reason_slot(reason)]++;
    }
}

/* ---- bytes out ---- */

/* Room for n bytes while `keep_bytes` stay free, or NULL. */
static uint8_t *tx_room(struct pk_mqtt_client *c, uint32_t n, uint32_t keep_bytes) {
    if (c->tx_bytes - c->tx_end < n + keep_bytes && c->tx_at > 0) {
        memmove(c->tx, c->tx + c->tx_at, c->tx_end - c->tx_at);
        c->tx_end -= c->tx_at;
        c->tx_at = 0;
    }
    return c->tx_bytes - c->tx_end >= n + keep_bytes ? c->tx + c->tx_end : NULL;
}

static bool queue_puback(struct pk_mqtt_client *c, enum pk_mqtt_type type, uint16_t packet_id,
                         uint8_t reason) {
    uint8_t *p = tx_room(c, PK_MQTT_SHORT_BYTES_MAX, LAST_WORDS_BYTES);
    if (p == NULL) {
        return false;
    }
    c->tx_end += pk_mqtt_encode_puback(p, type, packet_id, reason, version_of(c));
    c->counters.acks_out++;
    return true;
}

static void queue_ready_acks(struct pk_mqtt_client *c) {
    const struct pk_mqtt_in_slot *ready;
    while ((ready = pk_mqtt_in_ready(&c->in)) != NULL) {
        const enum pk_mqtt_type type = ready->qos == 2 ? PK_MQTT_PUBREC : PK_MQTT_PUBACK;
        if (!queue_puback(c, type, ready->packet_id, ready->reason)) {
            return;
        }
        pk_mqtt_in_sent(&c->in);
    }
}

/* PUBREL of exchanges that an earlier connection left half done. false when some are still due. */
static bool queue_due_releases(struct pk_mqtt_client *c) {
    uint16_t slot;
    while ((slot = pk_mqtt_out_due(&c->out)) != PK_MQTT_NO_SLOT) {
        if (!queue_puback(c, PK_MQTT_PUBREL, c->out.slots[slot].packet_id, PK_MQTT_SUCCESS)) {
            return false;
        }
        pk_mqtt_out_set_state(&c->out, slot, PK_MQTT_OUT_RELEASED);
    }
    return true;
}

static void queue_disconnect(struct pk_mqtt_client *c, uint8_t reason) {
    uint8_t *p = tx_room(c, 3, 0);
    PK_ASSERT(p != NULL);
    c->tx_end += pk_mqtt_encode_disconnect(p, reason, version_of(c));
    c->state = PK_MQTT_CLOSING;
    c->closing_ms = c->now_ms;
}

/* Nothing more is sent, not even what was queued. */
static void close_now(struct pk_mqtt_client *c) {
    c->tx_at = c->tx_end = 0;
    c->rx_at = c->rx_end = 0;
    c->state = PK_MQTT_CLOSING;
    c->closing_ms = c->now_ms;
    c->is_finished = true;
}

static void fail(struct pk_mqtt_client *c, enum pk_mqtt_error_kind kind, struct pk_mqtt_fault fault) {
    PK_ASSERT(c->state == PK_MQTT_CONNECTING || c->state == PK_MQTT_CONNECTED);
    c->has_pending_error = true;
    c->pending_error = fault;
    c->pending_error_kind = kind;
    count_reason(c, fault.reason);
    /* Only 5.0 can say why; a DISCONNECT of 3.1.1 would withhold the will (3.14.4 there). */
    const bool may_say_why = kind == PK_MQTT_ERROR_PROTOCOL && c->state == PK_MQTT_CONNECTED && is_v5(c);
    if (kind == PK_MQTT_ERROR_PROTOCOL) {
        c->counters.errors++;
    }
    if (may_say_why) {
        queue_disconnect(c, fault.reason);
    } else {
        close_now(c);
    }
}

static enum step fail_protocol(struct pk_mqtt_client *c, uint8_t reason, const char *what) {
    fail(c, PK_MQTT_ERROR_PROTOCOL, (struct pk_mqtt_fault){.reason = reason, .what = what});
    return STEP_ON;
}

static enum step fail_fault(struct pk_mqtt_client *c, const struct pk_mqtt_fault *fault) {
    return fail_protocol(c, fault->reason, fault->what);
}

/* ---- life of a connection ---- */

void pk_mqtt_init(struct pk_mqtt_client *c, const struct pk_mqtt_config *config,
                  const struct pk_mqtt_memory *memory) {
    PK_ASSERT(config != NULL && memory != NULL && memory->rx != NULL && memory->tx != NULL);
    PK_ASSERT(memory->rx_bytes >= PK_MQTT_RX_BYTES_MIN && memory->tx_bytes >= PK_MQTT_TX_BYTES_MIN);
    PK_ASSERT(memory->rx_bytes <= 0x7FFFFFFFu && memory->tx_bytes <= 0x7FFFFFFFu);
    memset(c, 0, sizeof *c);
    c->config = config;
    c->rx = memory->rx;
    c->rx_bytes = memory->rx_bytes;
    c->tx = memory->tx;
    c->tx_bytes = memory->tx_bytes;
    pk_mqtt_out_init(&c->out, memory->out, memory->out_count);
    pk_mqtt_in_init(&c->in, memory->in, memory->in_count);
}

/* What the specification lets a client assume until the server says otherwise (5.0 section 3.2.2.3). */
static struct pk_mqtt_limits default_limits(const struct pk_mqtt_config *config) {
    return (struct pk_mqtt_limits){.max_packet_bytes = PK_MQTT_VARINT_MAX + PACKET_HEADER_BYTES_MAX,
                                   .session_expiry_s = config->session_expiry_s,
                                   .receive_maximum = 65535,
                                   .keep_alive_s = config->keep_alive_s,
                                   .max_qos = 2,
                                   .has_retain = true,
                                   .has_wildcards = true,
                                   .has_subscription_ids = config->version == PK_MQTT_V5,
                                   .has_shared = config->version == PK_MQTT_V5};
}

static void reset_connection(struct pk_mqtt_client *c) {
    c->rx_at = c->rx_end = c->rx_skip_bytes = 0;
    c->tx_at = c->tx_end = 0;
    memset(c->requests, 0, sizeof c->requests);
    c->has_pending_error = false;
    c->session_present = false;
    c->is_ping_open = false;
    c->is_stalled = false;
    c->is_finished = false;
    c->send_quota = 0;
}

int pk_mqtt_start(struct pk_mqtt_client *c, uint64_t now_ms) {
    PK_ASSERT(c->state == PK_MQTT_IDLE);
    const struct pk_mqtt_config *config = c->config;
    const uint32_t slots = config->accepts_qos2 && c->in.count > 1 ? c->in.count / 2u : c->in.count;
    const bool has_wish = config->receive_maximum > 0 && config->receive_maximum < slots;
    c->receive_maximum = has_wish ? config->receive_maximum : (uint16_t)slots;
    const bool has_limit = config->max_packet_bytes > 0 && config->max_packet_bytes < c->rx_bytes;
    c->max_packet_bytes = has_limit ? config->max_packet_bytes : c->rx_bytes;

    reset_connection(c);
    const uint32_t cap_bytes = c->tx_bytes - LAST_WORDS_BYTES;
    const int n = pk_mqtt_encode_connect(c->tx, cap_bytes, config, c->receive_maximum, c->max_packet_bytes);
    if (n < 0) {
        return n;
    }
    if ((uint32_t)n > cap_bytes) {
        return PK_E_TOO_BIG;
    }
    c->tx_end = (uint32_t)n;
    c->limits = default_limits(config);
    c->epoch = c->epoch == 0xFFFFu ? 1 : (uint16_t)(c->epoch + 1); /* never 0: a handle of 0 is QoS 0 */
    c->now_ms = c->started_ms = c->last_rx_ms = c->last_tx_ms = now_ms;
    c->state = PK_MQTT_CONNECTING;
    return PK_OK;
}

void pk_mqtt_stop(struct pk_mqtt_client *c, uint8_t reason, uint64_t now_ms) {
    if (c->state != PK_MQTT_CONNECTING && c->state != PK_MQTT_CONNECTED) {
        return;
    }
    c->now_ms = now_ms;
    if (c->state == PK_MQTT_CONNECTED) {
        queue_ready_acks(c);
    }
    queue_disconnect(c, reason);
}

void pk_mqtt_lost(struct pk_mqtt_client *c) {
    reset_connection(c);
    pk_mqtt_out_lost(&c->out);
    pk_mqtt_in_lost(&c->in);
    c->state = PK_MQTT_IDLE;
}

bool pk_mqtt_is_finished(const struct pk_mqtt_client *c) {
    return c->state == PK_MQTT_CLOSING && !c->has_pending_error && (c->is_finished || c->tx_at == c->tx_end);
}

bool pk_mqtt_is_connected(const struct pk_mqtt_client *c) {
    return c->state == PK_MQTT_CONNECTED;
}

/* ---- bytes in ---- */

uint8_t *pk_mqtt_rx_space(struct pk_mqtt_client *c, uint32_t *cap_bytes) {
    if (c->state == PK_MQTT_CLOSING) {
        c->rx_at = c->rx_end = 0; /* read so that the peer can go on, but not looked at any more */
    }
    /* Moved only when less than half is left behind the unread part: at most one move a read, usually of
     * nothing. */
    const bool is_short = c->rx_bytes - c->rx_end < c->rx_bytes / 2;
    if (c->rx_at == c->rx_end) {
        c->rx_at = c->rx_end = 0;
    } else if (is_short && c->rx_at > 0) {
        memmove(c->rx, c->rx + c->rx_at, c->rx_end - c->rx_at);
        c->rx_end -= c->rx_at;
        c->rx_at = 0;
    }
    *cap_bytes = c->state == PK_MQTT_IDLE ? 0 : c->rx_bytes - c->rx_end;
    return c->rx + c->rx_end;
}

void pk_mqtt_rx_done(struct pk_mqtt_client *c, uint32_t n, uint64_t now_ms) {
    PK_ASSERT(n <= c->rx_bytes - c->rx_end);
    c->now_ms = now_ms;
    if (n == 0) {
        return;
    }
    c->last_rx_ms = now_ms;
    c->rx_end += n;
    c->counters.bytes_in += n;
}

uint32_t pk_mqtt_input(struct pk_mqtt_client *c, const void *p, uint32_t n, uint64_t now_ms) {
    uint32_t cap_bytes = 0;
    uint8_t *space = pk_mqtt_rx_space(c, &cap_bytes);
    const uint32_t taken = n < cap_bytes ? n : cap_bytes;
    if (taken > 0) {
        memcpy(space, p, taken);
    }
    pk_mqtt_rx_done(c, taken, now_ms);
    return taken;
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
    if (pk_mqtt_decode_connack(p, n, version_of(c), &ack, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    event->props = ack.props;
    if (ack.reason != PK_MQTT_SUCCESS) {
        count_reason(c, ack.reason);
        close_now(c);
        event->kind = PK_MQTT_EV_REFUSED;
        event->u.refused.reason = ack.reason;
        return STEP_EVENT;
    }
    if (pk_mqtt_props_has(&ack.props, PK_MQTT_PROP_AUTH_METHOD) ||
        pk_mqtt_props_has(&ack.props, PK_MQTT_PROP_AUTH_DATA)) { /* MQTT-4.12.0-6 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "authentication method that was not asked for");
    }
    const bool is_known = !is_clean(c) && (c->has_session || c->config->resumes_session);
    if (ack.session_present && !is_known) { /* MQTT-3.2.2-4 */
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "session present that is not ours");
    }
    take_limits(c, &ack.props);
    c->send_quota = c->limits.receive_maximum;
    c->session_present = ack.session_present;
    c->has_session = true;
    c->state = PK_MQTT_CONNECTED;
    c->counters.connects++;
    if (!ack.session_present) {
        pk_mqtt_in_clear(&c->in);
    }
    pk_mqtt_out_resume(&c->out, ack.session_present);
    event->kind = PK_MQTT_EV_CONNECTED;
    event->u.connected.session_present = ack.session_present;
    event->u.connected.resend_count = c->out.waiting;
    return STEP_EVENT;
}

/* A message of QoS 1 or 2 is entered among those to be acknowledged. STEP_EVENT: deliver it. */
static enum step enter_message(struct pk_mqtt_client *c, const struct pk_mqtt_message *m, uint32_t handle) {
    bool is_outstanding = false;
    if (m->qos == 2 && pk_mqtt_in_recognise(&c->in, m->packet_id, &is_outstanding)) {
        c->counters.duplicates_in++;
        if (is_outstanding && is_v5(c)) { /* MQTT-4.4.0-1: again only on a new connection */
            return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "packet identifier in use");
        }
        return STEP_ON;
    }
    if (c->in.pending >= c->receive_maximum && is_v5(c)) { /* section 4.9 */
        return fail_protocol(c, PK_MQTT_RECEIVE_MAXIMUM_EXCEEDED, "more messages than our receive maximum");
    }
    if (!pk_mqtt_in_push(&c->in, handle, m->packet_id, m->qos, PK_MQTT_IN_DELIVERED)) {
        return fail_protocol(c, PK_MQTT_RECEIVE_MAXIMUM_EXCEEDED, "no slot left for a message");
    }
    return STEP_EVENT;
}

static enum step on_publish(struct pk_mqtt_client *c, const uint8_t *p, uint32_t n, uint8_t flags,
                            struct pk_mqtt_event *event) {
    struct pk_mqtt_message m;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_publish(p, n, flags, version_of(c), &m, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    if (pk_mqtt_props_has(&event->props, PK_MQTT_PROP_TOPIC_ALIAS)) { /* our Topic Alias Maximum is 0 */
        return fail_protocol(c, PK_MQTT_TOPIC_ALIAS_INVALID, "topic alias above our maximum");
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
    if (c->send_quota < c->limits.receive_maximum) {
        c->send_quota++;
    }
    count_reason(c, reason);
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
        is_queued = queue_puback(c, PK_MQTT_PUBREL, ack->packet_id, PK_MQTT_SUCCESS);
    } else {
        c->counters.acks_unknown++;
        if (ack->reason < PK_MQTT_UNSPECIFIED_ERROR) {
            is_queued = queue_puback(c, PK_MQTT_PUBREL, ack->packet_id, PK_MQTT_PACKET_ID_NOT_FOUND);
        }
    }
    PK_ASSERT(is_queued);
    return STEP_ON;
}

static enum step on_pubrel(struct pk_mqtt_client *c, const struct pk_mqtt_puback *ack) {
    const bool is_known = pk_mqtt_in_release(&c->in, ack->packet_id);
    c->counters.acks_unknown += is_known ? 0 : 1;
    const uint8_t reason = is_known ? PK_MQTT_SUCCESS : PK_MQTT_PACKET_ID_NOT_FOUND;
    const bool is_queued = queue_puback(c, PK_MQTT_PUBCOMP, ack->packet_id, reason);
    PK_ASSERT(is_queued);
    return STEP_ON;
}

static enum step on_ack(struct pk_mqtt_client *c, enum pk_mqtt_type type, const uint8_t *p, uint32_t n,
                        struct pk_mqtt_event *event) {
    struct pk_mqtt_puback ack;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_puback(p, n, type, version_of(c), &ack, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    c->counters.acks_in++;
    if (type == PK_MQTT_PUBREL) {
        return on_pubrel(c, &ack);
    }
    const uint16_t slot = pk_mqtt_out_find(&c->out, ack.packet_id);
    const struct pk_mqtt_out_slot *s = slot == PK_MQTT_NO_SLOT ? NULL : &c->out.slots[slot];
    if (s != NULL && (s->qos == 1) != (type == PK_MQTT_PUBACK)) {
        return fail_protocol(c, PK_MQTT_PROTOCOL_ERROR, "acknowledgement of another quality of service");
    }
    if (type == PK_MQTT_PUBREC) {
        return on_pubrec(c, slot, &ack, event);
    }
    const uint8_t awaited = type == PK_MQTT_PUBACK ? PK_MQTT_OUT_SENT : PK_MQTT_OUT_RELEASED;
    if (s == NULL || s->state != awaited) {
        c->counters.acks_unknown++;
        return STEP_ON;
    }
    /* PUBCOMP with "packet identifier not found" ends an exchange the server had finished already. */
    return finish(c, slot, type == PK_MQTT_PUBACK ? ack.reason : PK_MQTT_SUCCESS, event);
}

static enum step on_suback(struct pk_mqtt_client *c, enum pk_mqtt_type type, const uint8_t *p, uint32_t n,
                           struct pk_mqtt_event *event) {
    struct pk_mqtt_suback ack;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_suback(p, n, type, version_of(c), &ack, &event->props, &fault) != PK_OK) {
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
        count_reason(c, ack.codes[i]);
    }
    event->kind = type == PK_MQTT_SUBACK ? PK_MQTT_EV_SUBSCRIBED : PK_MQTT_EV_UNSUBSCRIBED;
    event->u.answered.token = request->token;
    event->u.answered.codes = ack.codes;
    event->u.answered.code_count = request->filter_count;
    *request = (struct pk_mqtt_request){0};
    return STEP_EVENT;
}

static enum step on_disconnect(struct pk_mqtt_client *c, const uint8_t *p, uint32_t n,
                               struct pk_mqtt_event *event) {
    uint8_t reason = PK_MQTT_SUCCESS;
    struct pk_mqtt_fault fault;
    if (pk_mqtt_decode_disconnect(p, n, &reason, &event->props, &fault) != PK_OK) {
        return fail_fault(c, &fault);
    }
    count_reason(c, reason);
    close_now(c);
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
    if (is_v5(c) || frame->type != PK_MQTT_PUBLISH || c->state != PK_MQTT_CONNECTED) {
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
        bool is_outstanding = false;
        const bool is_known = qos == 2 && pk_mqtt_in_recognise(&c->in, packet_id, &is_outstanding);
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

/* Packets that are answered at once wait until there is room for the answer; messages of 3.1.1, which knows
 * no receive maximum, until the application has acknowledged some. */
static bool can_take(struct pk_mqtt_client *c, const struct pk_mqtt_frame *frame) {
    if (frame->type == PK_MQTT_PUBREC || frame->type == PK_MQTT_PUBREL) {
        return tx_room(c, PK_MQTT_SHORT_BYTES_MAX, LAST_WORDS_BYTES) != NULL;
    }
    const bool takes_slot = frame->type == PK_MQTT_PUBLISH && (frame->flags & 6) != 0;
    if (takes_slot && !is_v5(c) && c->in.free_head == PK_MQTT_NO_SLOT) {
        queue_ready_acks(c);
        c->is_stalled = c->in.free_head == PK_MQTT_NO_SLOT;
        return !c->is_stalled;
    }
    return true;
}

static enum step next_packet(struct pk_mqtt_client *c, struct pk_mqtt_event *event) {
    struct pk_mqtt_frame frame;
    struct pk_mqtt_fault fault;
    skip_bytes(c);
    if (c->rx_at == c->rx_end || !queue_due_releases(c)) {
        return STEP_WAIT;
    }
    const uint32_t there = c->rx_end - c->rx_at;
    const int r = pk_mqtt_decode_frame(c->rx + c->rx_at, there, version_of(c), &frame, &fault);
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
    if (step == STEP_EVENT) {
        return true;
    }
    if (c->has_pending_error) {
        take_error(c, event);
        return true;
    }
    return false;
}

/* ---- output ---- */

uint32_t pk_mqtt_output(struct pk_mqtt_client *c, const uint8_t **p) {
    if (c->state == PK_MQTT_CONNECTED) {
        (void)queue_due_releases(c); /* what does not fit follows with the next output */
        queue_ready_acks(c);
    }
    *p = c->tx + c->tx_at;
    return c->tx_end - c->tx_at;
}

void pk_mqtt_output_done(struct pk_mqtt_client *c, uint32_t n, uint64_t now_ms) {
    PK_ASSERT(n <= c->tx_end - c->tx_at);
    c->now_ms = now_ms;
    if (n == 0) {
        return;
    }
    c->last_tx_ms = now_ms;
    c->counters.bytes_out += n;
    c->tx_at += n;
    if (c->tx_at == c->tx_end) {
        c->tx_at = c->tx_end = 0;
    }
}

bool pk_mqtt_has_output(const struct pk_mqtt_client *c) {
    if (c->tx_at < c->tx_end) {
        return true;
    }
    return c->state == PK_MQTT_CONNECTED && (c->out.due > 0 || pk_mqtt_in_ready(&c->in) != NULL);
}

/* ---- time ---- */

static uint64_t keep_alive_ms(const struct pk_mqtt_client *c) {
    return (uint64_t)c->limits.keep_alive_s * 1000u;
}

/* A little before the promised interval, so that a coarse timer keeps the promise (MQTT-3.1.2-20). */
static uint64_t idle_ms(const struct pk_mqtt_client *c) {
    const uint64_t margin_ms = keep_alive_ms(c) / 4;
    return keep_alive_ms(c) - (margin_ms < 2000 ? margin_ms : 2000);
}

/* Silence of ours must be broken for the server; silence of the server's is asked about, or a half-open
 * connection on which we only publish QoS 0 would never be noticed. */
static uint64_t ping_due_ms(const struct pk_mqtt_client *c) {
    const uint64_t rx_ms = c->is_ping_open ? UINT64_MAX : c->last_rx_ms;
    return (c->last_tx_ms < rx_ms ? c->last_tx_ms : rx_ms) + idle_ms(c);
}

static uint64_t ping_deadline_ms(const struct pk_mqtt_client *c) {
    if (!c->is_ping_open || c->is_stalled) {
        return UINT64_MAX;
    }
    const uint64_t timeout_ms =
        c->config->ping_timeout_ms > 0 ? c->config->ping_timeout_ms : keep_alive_ms(c) / 2;
    const uint64_t life_ms = c->last_rx_ms > c->ping_sent_ms ? c->last_rx_ms : c->ping_sent_ms;
    return life_ms + timeout_ms;
}

static void keep_alive(struct pk_mqtt_client *c) {
    if (c->limits.keep_alive_s == 0) {
        return;
    }
    if (c->now_ms >= ping_deadline_ms(c)) {
        const struct pk_mqtt_fault fault = {PK_MQTT_KEEP_ALIVE_TIMEOUT, "no answer to PINGREQ"};
        fail(c, PK_MQTT_ERROR_PING_TIMEOUT, fault);
        return;
    }
    if (c->now_ms < ping_due_ms(c)) {
        return;
    }
    uint8_t *p = tx_room(c, 2, LAST_WORDS_BYTES / 2);
    if (p !=
        NULL) { /* else the buffer has not moved for a whole interval: the answer is missing all the same */
        c->tx_end += pk_mqtt_encode_pingreq(p);
        c->counters.pings++;
    }
    c->last_tx_ms = c->now_ms;
    if (!c->is_ping_open) {
        c->is_ping_open = true;
        c->ping_sent_ms = c->now_ms;
    }
}

void pk_mqtt_tick(struct pk_mqtt_client *c, uint64_t now_ms) {
    c->now_ms = now_ms;
    switch (c->state) {
    case PK_MQTT_IDLE:
        break;
    case PK_MQTT_CONNECTING:
        if (now_ms >= c->started_ms + c->config->connect_timeout_ms) {
            const struct pk_mqtt_fault fault = {PK_MQTT_SERVER_UNAVAILABLE, "no CONNACK in time"};
            fail(c, PK_MQTT_ERROR_CONNECT_TIMEOUT, fault);
        }
        break;
    case PK_MQTT_CONNECTED:
        keep_alive(c);
        break;
    case PK_MQTT_CLOSING:
        if (now_ms >= c->closing_ms + PK_MQTT_CLOSE_FLUSH_MS) {
            c->is_finished = true;
        }
        break;
    }
}

uint64_t pk_mqtt_next_deadline_ms(const struct pk_mqtt_client *c) {
    switch (c->state) {
    case PK_MQTT_IDLE:
        return UINT64_MAX;
    case PK_MQTT_CONNECTING:
        return c->started_ms + c->config->connect_timeout_ms;
    case PK_MQTT_CONNECTED:
        break;
    case PK_MQTT_CLOSING:
        return c->is_finished ? UINT64_MAX : c->closing_ms + PK_MQTT_CLOSE_FLUSH_MS;
    }
    if (c->limits.keep_alive_s == 0) {
        return UINT64_MAX;
    }
    const uint64_t due_ms = ping_due_ms(c), deadline_ms = ping_deadline_ms(c);
    return due_ms < deadline_ms ? due_ms : deadline_ms;
}

/* ---- acknowledging, publishing ---- */

int pk_mqtt_ack(struct pk_mqtt_client *c, uint32_t handle, uint8_t reason) {
    PK_ASSERT(reason == PK_MQTT_SUCCESS || reason >= PK_MQTT_UNSPECIFIED_ERROR);
    if (handle == 0) {
        return PK_OK;
    }
    if (!pk_mqtt_in_answer(&c->in, handle, reason)) {
        c->counters.acks_stale++;
        return PK_E_STALE;
    }
    return PK_OK;
}

uint32_t pk_mqtt_ack_all(struct pk_mqtt_client *c) {
    return pk_mqtt_in_answer_all(&c->in);
}

/* Writes the packet straight into the tx buffer, or nothing. */
static int queue_publish(struct pk_mqtt_client *c, const struct pk_mqtt_publish *m, uint16_t packet_id,
                         bool is_dup) {
    if (c->tx_at > 0 && c->tx_bytes - c->tx_end < c->tx_bytes / 2) {
        (void)tx_room(c, c->tx_bytes, 0);
    }
    const uint32_t room = c->tx_bytes - c->tx_end;
    const uint32_t cap_bytes = room > PK_MQTT_TX_RESERVE_BYTES ? room - PK_MQTT_TX_RESERVE_BYTES : 0;
    const int n = pk_mqtt_encode_publish(c->tx + c->tx_end, cap_bytes, m, packet_id, is_dup, version_of(c));
    if (n < 0) {
        return n;
    }
    const uint32_t total = (uint32_t)n;
    if (total > c->limits.max_packet_bytes || total > c->tx_bytes - PK_MQTT_TX_RESERVE_BYTES) {
        return PK_E_TOO_BIG;
    }
    if (total > cap_bytes) {
        return PK_E_FULL;
    }
    c->tx_end += total;
    c->counters.messages_out++;
    return PK_OK;
}

static int check_offer(const struct pk_mqtt_client *c, const struct pk_mqtt_publish *m) {
    if (c->state != PK_MQTT_CONNECTED) {
        return PK_E_CLOSED;
    }
    if (m->qos > 2) {
        return PK_E_BAD_FIELD;
    }
    const bool is_offered = m->qos <= c->limits.max_qos && (!m->is_retained || c->limits.has_retain);
    return is_offered ? PK_OK : PK_E_UNSUPPORTED;
}

int pk_mqtt_publish(struct pk_mqtt_client *c, const struct pk_mqtt_publish *message, uint64_t token) {
    const int offered = check_offer(c, message);
    if (offered != PK_OK) {
        return offered;
    }
    if (c->out.waiting > 0 && !message->may_overtake) {
        return PK_E_AGAIN;
    }
    if (message->qos == 0) {
        return queue_publish(c, message, 0, false);
    }
    const uint16_t packet_id = pk_mqtt_out_next_id(&c->out);
    if (c->send_quota == 0 || packet_id == 0) {
        return PK_E_FULL;
    }
    const int queued = queue_publish(c, message, packet_id, false);
    if (queued != PK_OK) {
        return queued;
    }
    const uint16_t slot = pk_mqtt_out_take(&c->out, token, message->qos);
    PK_ASSERT(slot != PK_MQTT_NO_SLOT && c->out.slots[slot].packet_id == packet_id);
    c->send_quota--;
    return PK_OK;
}

bool pk_mqtt_resend_peek(const struct pk_mqtt_client *c, uint64_t *out_token) {
    if (c->state != PK_MQTT_CONNECTED || c->out.resend == PK_MQTT_NO_SLOT) {
        return false;
    }
    *out_token = c->out.slots[c->out.resend].token;
    return true;
}

int pk_mqtt_resend(struct pk_mqtt_client *c, const struct pk_mqtt_publish *message, uint64_t token) {
    const int offered = check_offer(c, message);
    if (offered != PK_OK) {
        return offered;
    }
    const uint16_t slot = c->out.resend;
    if (slot == PK_MQTT_NO_SLOT || c->out.slots[slot].token != token ||
        c->out.slots[slot].qos != message->qos) {
        return PK_E_CONFLICT;
    }
    if (c->send_quota == 0) {
        return PK_E_FULL;
    }
    const int queued = queue_publish(c, message, c->out.slots[slot].packet_id, c->session_present);
    if (queued != PK_OK) {
        return queued;
    }
    pk_mqtt_out_set_state(&c->out, slot, PK_MQTT_OUT_SENT);
    c->send_quota--;
    c->counters.resent++;
    return PK_OK;
}

int pk_mqtt_forget(struct pk_mqtt_client *c, uint64_t token) {
    const uint16_t slot = pk_mqtt_out_find_token(&c->out, token);
    if (slot == PK_MQTT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    struct pk_mqtt_out_slot *s = &c->out.slots[slot];
    if (s->state == PK_MQTT_OUT_SENT) {
        return PK_OK;
    }
    if (s->qos == 1) {
        pk_mqtt_out_give(&c->out, slot);
        return PK_OK;
    }
    /* The server may know the id: a new message under it would be taken for this one. PUBREL frees the id on
     * both sides. */
    s->is_forgotten = true;
    if (s->state == PK_MQTT_OUT_WAITING) {
        const bool is_server_ready = c->state == PK_MQTT_CONNECTED;
        pk_mqtt_out_set_state(&c->out, slot,
                              is_server_ready ? PK_MQTT_OUT_RELEASE_DUE : PK_MQTT_OUT_RELEASED);
    }
    return PK_OK;
}

uint32_t pk_mqtt_inflight_count(const struct pk_mqtt_client *c) {
    return c->out.used;
}

/* ---- subscriptions ---- */

static bool has_request_id(const struct pk_mqtt_client *c, uint16_t packet_id) {
    for (uint32_t i = 0; i < PK_MQTT_REQUESTS_MAX; i++) {
        if (c->requests[i].filter_count > 0 && c->requests[i].packet_id == packet_id) {
            return true;
        }
    }
    return false;
}

/* A free request with an unused packet id, not yet entered; NULL when all are taken. */
static struct pk_mqtt_request *free_request(struct pk_mqtt_client *c, uint16_t *out_packet_id) {
    for (uint32_t i = 0; i < PK_MQTT_REQUESTS_MAX; i++) {
        if (c->requests[i].filter_count > 0) {
            continue;
        }
        do {
            *out_packet_id = (uint16_t)(FIRST_REQUEST_ID + c->request_turn % (0x10000 - FIRST_REQUEST_ID));
            c->request_turn++;
        } while (has_request_id(c, *out_packet_id));
        return &c->requests[i];
    }
    return NULL;
}

static int check_filters(const struct pk_mqtt_client *c, const struct pk_mqtt_filter *filters,
                         uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_mqtt_filter *f = &filters[i];
        if ((!c->limits.has_shared && pk_mqtt_filter_is_shared(f->filter)) ||
            (!c->limits.has_wildcards && pk_mqtt_filter_has_wildcard(f->filter)) ||
            (f->qos == 2 && !c->config->accepts_qos2)) {
            return PK_E_UNSUPPORTED;
        }
    }
    return PK_OK;
}

/* Commits a request packet of n bytes that was encoded at the end of the tx buffer with `cap_bytes` of room.
 */
static int enter_request(struct pk_mqtt_client *c, struct pk_mqtt_request *request,
                         struct pk_mqtt_request with, int n, uint32_t cap_bytes) {
    if (n < 0) {
        return n;
    }
    if ((uint32_t)n > c->limits.max_packet_bytes || (uint32_t)n > c->tx_bytes - PK_MQTT_TX_RESERVE_BYTES) {
        return PK_E_TOO_BIG;
    }
    if ((uint32_t)n > cap_bytes) {
        return PK_E_FULL;
    }
    c->tx_end += (uint32_t)n;
    *request = with;
    return PK_OK;
}

static uint32_t request_room(struct pk_mqtt_client *c) {
    (void)tx_room(c, c->tx_bytes, 0);
    const uint32_t room = c->tx_bytes - c->tx_end;
    return room > PK_MQTT_TX_RESERVE_BYTES ? room - PK_MQTT_TX_RESERVE_BYTES : 0;
}

int pk_mqtt_subscribe(struct pk_mqtt_client *c, const struct pk_mqtt_filter *filters, uint32_t count,
                      uint32_t subscription_id, uint64_t token) {
    if (c->state != PK_MQTT_CONNECTED) {
        return PK_E_CLOSED;
    }
    if (count > UINT16_MAX) {
        return PK_E_TOO_BIG;
    }
    const int offered = check_filters(c, filters, count);
    if (offered != PK_OK) {
        return offered;
    }
    if (subscription_id > 0 && !c->limits.has_subscription_ids) {
        return PK_E_UNSUPPORTED;
    }
    uint16_t packet_id = 0;
    struct pk_mqtt_request *request = free_request(c, &packet_id);
    if (request == NULL) {
        return PK_E_FULL;
    }
    const uint32_t cap_bytes = request_room(c);
    const int n = pk_mqtt_encode_subscribe(c->tx + c->tx_end, cap_bytes, filters, count, subscription_id,
                                           packet_id, version_of(c));
    const struct pk_mqtt_request with = {token, packet_id, (uint16_t)count, false};
    return enter_request(c, request, with, n, cap_bytes);
}

int pk_mqtt_unsubscribe(struct pk_mqtt_client *c, const struct pk_str *filters, uint32_t count,
                        uint64_t token) {
    if (c->state != PK_MQTT_CONNECTED) {
        return PK_E_CLOSED;
    }
    if (count > UINT16_MAX) {
        return PK_E_TOO_BIG;
    }
    uint16_t packet_id = 0;
    struct pk_mqtt_request *request = free_request(c, &packet_id);
    if (request == NULL) {
        return PK_E_FULL;
    }
    const uint32_t cap_bytes = request_room(c);
    const int n =
        pk_mqtt_encode_unsubscribe(c->tx + c->tx_end, cap_bytes, filters, count, packet_id, version_of(c));
    const struct pk_mqtt_request with = {token, packet_id, (uint16_t)count, true};
    return enter_request(c, request, with, n, cap_bytes);
}
