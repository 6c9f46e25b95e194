#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_client.h"
#include "mqtt/pk_mqtt_encode.h"
#include "mqtt/pk_mqtt_priv.h"
#include "mqtt/pk_mqtt_topic.h"

enum { FIRST_REQUEST_ID = PK_MQTT_PUBLISH_ID_MAX + 1 };

/* ---- acknowledging, publishing ---- */

/* Tables 3-4 and 3-5, of the receiver of a message. */
static bool is_answer(uint8_t reason) {
    switch (reason) {
    case PK_MQTT_SUCCESS:
    case PK_MQTT_UNSPECIFIED_ERROR:
    case PK_MQTT_IMPLEMENTATION_ERROR:
    case PK_MQTT_NOT_AUTHORIZED:
    case PK_MQTT_TOPIC_NAME_INVALID:
    case PK_MQTT_QUOTA_EXCEEDED:
    case PK_MQTT_PAYLOAD_FORMAT_INVALID:
        return true;
    default:
        return false;
    }
}

int pk_mqtt_ack(struct pk_mqtt_client *c, uint32_t handle, uint8_t reason) {
    PK_ASSERT(is_answer(reason));
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

bool pk_mqtt_keep(struct pk_mqtt_client *c, uint32_t handle) {
    return pk_mqtt_in_keep(&c->in, handle);
}

uint32_t pk_mqtt_kept_turn(const struct pk_mqtt_client *c) {
    return c->in.kept_turn;
}

uint32_t pk_mqtt_kept(const struct pk_mqtt_client *c, uint16_t *ids, uint32_t cap) {
    return pk_mqtt_in_kept(&c->in, ids, cap);
}

uint32_t pk_mqtt_forget_begin(struct pk_mqtt_client *c) {
    return pk_mqtt_in_forget_begin(&c->in);
}

void pk_mqtt_forget_done(struct pk_mqtt_client *c) {
    pk_mqtt_in_forget_done(&c->in);
}

int pk_mqtt_restore(struct pk_mqtt_client *c, uint16_t packet_id) {
    PK_ASSERT(c->state == PK_MQTT_IDLE && !c->has_session);
    if (packet_id == 0) {
        return PK_E_BAD_FIELD;
    }
    return pk_mqtt_in_restore(&c->in, packet_id) ? PK_OK : PK_E_FULL;
}

/* Writes the packet straight into the tx buffer, or nothing. */
static int queue_publish(struct pk_mqtt_client *c, const struct pk_mqtt_publish *m, uint16_t packet_id,
                         bool is_dup) {
    if (c->tx_at > 0 && c->tx_bytes - c->tx_end < c->tx_bytes / 2) {
        (void)pk_mqtt_tx_room(c, c->tx_bytes, 0);
    }
    const uint32_t room = c->tx_bytes - c->tx_end;
    const uint32_t cap_bytes = room > PK_MQTT_TX_RESERVE_BYTES ? room - PK_MQTT_TX_RESERVE_BYTES : 0;
    bool is_known = false;
    struct pk_mqtt_publish wire = *m;
    wire.topic_alias = pk_mqtt_alias_out_find(&c->alias_out, m->topic_alias, c->limits.topic_alias_maximum,
                                              m->topic, &is_known);
    wire.topic.n = is_known ? 0 : m->topic.n;
    const int n =
        pk_mqtt_encode_publish(c->tx + c->tx_end, cap_bytes, &wire, packet_id, is_dup, pk_mqtt_version_of(c));
    if (n < 0 || m->topic.n == 0) {
        return n < 0 ? n : PK_E_BAD_FIELD;
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
    c->counters.aliases_out += is_known ? 1 : 0;
    if (wire.topic_alias > 0 && !is_known) {
        pk_mqtt_alias_out_told(&c->alias_out, wire.topic_alias, m->topic);
    }
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

/* Section 4.9. What an earlier connection left at PUBREL counts too: with it the server never holds more than
 * it offered. */
static bool is_window_full(const struct pk_mqtt_client *c) {
    return c->out.used - c->out.waiting >= c->limits.receive_maximum;
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
    if (is_window_full(c) || packet_id == 0) {
        return PK_E_FULL;
    }
    const int queued = queue_publish(c, message, packet_id, false);
    if (queued != PK_OK) {
        return queued;
    }
    const uint16_t slot = pk_mqtt_out_take(&c->out, token, message->qos);
    PK_ASSERT(slot != PK_MQTT_NO_SLOT && c->out.slots[slot].packet_id == packet_id);
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
    if (is_window_full(c)) {
        return PK_E_FULL;
    }
    const int queued = queue_publish(c, message, c->out.slots[slot].packet_id, c->session_present);
    if (queued != PK_OK) {
        return queued;
    }
    pk_mqtt_out_set_state(&c->out, slot, PK_MQTT_OUT_SENT);
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
    (void)pk_mqtt_tx_room(c, c->tx_bytes, 0);
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
                                           packet_id, pk_mqtt_version_of(c));
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
    const int n = pk_mqtt_encode_unsubscribe(c->tx + c->tx_end, cap_bytes, filters, count, packet_id,
                                             pk_mqtt_version_of(c));
    const struct pk_mqtt_request with = {token, packet_id, (uint16_t)count, true};
    return enter_request(c, request, with, n, cap_bytes);
}
