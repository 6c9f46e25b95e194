#include "mqtt/pk_mqtt_client.h"

#include <string.h>

#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_encode.h"
#include "mqtt/pk_mqtt_priv.h"
#include "mqtt/pk_mqtt_varint.h"

enum { PACKET_HEADER_BYTES_MAX = 5 };

void pk_mqtt_count_reason(struct pk_mqtt_client *c, uint8_t reason) {
    if (reason >= PK_MQTT_UNSPECIFIED_ERROR) {
        c->counters.by_reason[pk_mqtt_reason_slot(reason)]++;
    }
}

/* ---- bytes out ---- */

uint8_t *pk_mqtt_tx_room(struct pk_mqtt_client *c, uint32_t n, uint32_t keep_bytes) {
    if (c->tx_bytes - c->tx_end < n + keep_bytes && c->tx_at > 0) {
        memmove(c->tx, c->tx + c->tx_at, c->tx_end - c->tx_at);
        c->tx_end -= c->tx_at;
        c->tx_at = 0;
    }
    return c->tx_bytes - c->tx_end >= n + keep_bytes ? c->tx + c->tx_end : NULL;
}

bool pk_mqtt_queue_puback(struct pk_mqtt_client *c, enum pk_mqtt_type type, uint16_t packet_id,
                          uint8_t reason) {
    uint8_t *p = pk_mqtt_tx_room(c, PK_MQTT_SHORT_BYTES_MAX, PK_MQTT_LAST_WORDS_BYTES);
    if (p == NULL) {
        return false;
    }
    c->tx_end += pk_mqtt_encode_puback(p, type, packet_id, reason, pk_mqtt_version_of(c));
    c->counters.acks_out++;
    return true;
}

void pk_mqtt_queue_ready_acks(struct pk_mqtt_client *c) {
    const struct pk_mqtt_in_slot *ready;
    while ((ready = pk_mqtt_in_ready(&c->in)) != NULL) {
        const enum pk_mqtt_type type = ready->qos == 2 ? PK_MQTT_PUBREC : PK_MQTT_PUBACK;
        if (!pk_mqtt_queue_puback(c, type, ready->packet_id, ready->reason)) {
            return;
        }
        pk_mqtt_in_sent(&c->in);
    }
}

static void queue_completions(struct pk_mqtt_client *c) {
    uint16_t slot;
    while ((slot = pk_mqtt_in_completion(&c->in)) != PK_MQTT_NO_SLOT) {
        if (!pk_mqtt_queue_puback(c, PK_MQTT_PUBCOMP, c->in.slots[slot].packet_id, PK_MQTT_SUCCESS)) {
            return;
        }
        pk_mqtt_in_completed(&c->in, slot);
    }
}

bool pk_mqtt_queue_due_releases(struct pk_mqtt_client *c) {
    uint16_t slot;
    while ((slot = pk_mqtt_out_due(&c->out)) != PK_MQTT_NO_SLOT) {
        if (!pk_mqtt_queue_puback(c, PK_MQTT_PUBREL, c->out.slots[slot].packet_id, PK_MQTT_SUCCESS)) {
            return false;
        }
        pk_mqtt_out_set_state(&c->out, slot, PK_MQTT_OUT_RELEASED);
    }
    return true;
}

/* A DISCONNECT of 3.1.1 withholds the will (3.14.4 there): with another reason than success it is left out.
 */
static void queue_disconnect(struct pk_mqtt_client *c, uint8_t reason) {
    if (reason == PK_MQTT_SUCCESS || pk_mqtt_is_v5(c)) {
        uint8_t *p = pk_mqtt_tx_room(c, 3, 0);
        PK_ASSERT(p != NULL);
        c->tx_end += pk_mqtt_encode_disconnect(p, reason, pk_mqtt_version_of(c));
    }
    c->state = PK_MQTT_CLOSING;
    c->closing_ms = c->now_ms;
}

void pk_mqtt_close_now(struct pk_mqtt_client *c) {
    c->tx_at = c->tx_end = 0;
    c->rx_at = c->rx_end = 0;
    c->state = PK_MQTT_CLOSING;
    c->closing_ms = c->now_ms;
    c->is_finished = true;
}

void pk_mqtt_fail(struct pk_mqtt_client *c, enum pk_mqtt_error_kind kind, struct pk_mqtt_fault fault) {
    PK_ASSERT(c->state == PK_MQTT_CONNECTING || c->state == PK_MQTT_CONNECTED);
    c->has_pending_error = true;
    c->pending_error = fault;
    c->pending_error_kind = kind;
    pk_mqtt_count_reason(c, fault.reason);
    /* Only 5.0 can say why; a DISCONNECT of 3.1.1 would withhold the will (3.14.4 there). */
    const bool may_say_why =
        kind == PK_MQTT_ERROR_PROTOCOL && c->state == PK_MQTT_CONNECTED && pk_mqtt_is_v5(c);
    if (kind == PK_MQTT_ERROR_PROTOCOL) {
        c->counters.errors++;
    }
    if (may_say_why) {
        queue_disconnect(c, fault.reason);
    } else {
        pk_mqtt_close_now(c);
    }
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
    c->needs_subscribe = true;
    pk_mqtt_out_init(&c->out, memory->out, memory->out_count);
    pk_mqtt_in_init(&c->in, memory->in, memory->in_count);
    pk_mqtt_alias_in_init(&c->alias_in, memory->aliases, memory->alias_count);
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
    memset(&c->alias_out, 0, sizeof c->alias_out);
    pk_mqtt_alias_in_lost(&c->alias_in);
    c->has_pending_error = false;
    c->session_present = false;
    c->is_connect_sent = false;
    c->is_ping_open = false;
    c->is_stalled = false;
    c->is_finished = false;
}

/* A CONNECT whose CONNACK was lost may have made a session: as long as none was accepted, 5.0 asks for a new
 * one each time. A clean session of 3.1.1 would not outlive its connection, so there the wish stands, and
 * without an expiry it is clean. */
static bool starts_clean(const struct pk_mqtt_client *c) {
    const struct pk_mqtt_config *config = c->config;
    if (config->version == PK_MQTT_V311) {
        return config->clean_start || config->session_expiry_s == 0;
    }
    return config->clean_start || (!c->has_session && !config->resumes_session);
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
    c->alias_maximum = pk_mqtt_alias_in_maximum(&c->alias_in);
    c->is_clean = starts_clean(c);
    const uint32_t cap_bytes = c->tx_bytes - PK_MQTT_LAST_WORDS_BYTES;
    const struct pk_mqtt_offer offer = {.max_packet_bytes = c->max_packet_bytes,
                                        .receive_maximum = c->receive_maximum,
                                        .topic_alias_maximum = c->alias_maximum};
    const int n = pk_mqtt_encode_connect(c->tx, cap_bytes, config, c->is_clean, &offer);
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
        pk_mqtt_queue_ready_acks(c);
    }
    queue_disconnect(c, reason);
}

void pk_mqtt_lost(struct pk_mqtt_client *c) {
    c->needs_subscribe = c->needs_subscribe || c->is_connect_sent;
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

void pk_mqtt_hold(struct pk_mqtt_client *c, bool is_held) {
    c->holds_messages = is_held;
}

/* ---- output ---- */

uint32_t pk_mqtt_output(struct pk_mqtt_client *c, const uint8_t **p) {
    if (c->state == PK_MQTT_CONNECTED) {
        (void)pk_mqtt_queue_due_releases(c); /* what does not fit follows with the next output */
        pk_mqtt_queue_ready_acks(c);
        queue_completions(c);
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
    c->is_connect_sent = c->is_connect_sent || c->state == PK_MQTT_CONNECTING;
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
    return c->state == PK_MQTT_CONNECTED &&
           (c->out.due > 0 || c->in.forgotten > 0 || pk_mqtt_in_ready(&c->in) != NULL);
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
        pk_mqtt_fail(c, PK_MQTT_ERROR_PING_TIMEOUT, fault);
        return;
    }
    if (c->now_ms < ping_due_ms(c)) {
        return;
    }
    uint8_t *p = pk_mqtt_tx_room(c, 2, PK_MQTT_LAST_WORDS_BYTES / 2);
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
            pk_mqtt_fail(c, PK_MQTT_ERROR_CONNECT_TIMEOUT, fault);
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
