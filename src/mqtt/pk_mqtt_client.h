#ifndef PK_MQTT_CLIENT_H
#define PK_MQTT_CLIENT_H
/* MQTT 5.0 client session (3.1.1 by configuration): bytes in, bytes out. No sockets, no clock, no allocation,
 * no callbacks.
 *
 * One turn of the caller's loop:
 *
 *     transport readable:  p = pk_mqtt_rx_space(c, &cap); n = recv(p, cap); pk_mqtt_rx_done(c, n, now);
 *     always:              while (pk_mqtt_next(c, &event)) { ... }      store messages, pk_mqtt_ack() once
 * they are durable something to send:   while (pk_mqtt_resend_peek(c, &token)) { pk_mqtt_resend(c,
 * message_of(token), token); } pk_mqtt_publish(c, &message, token); timer:               pk_mqtt_tick(c,
 * now);                        next call at pk_mqtt_next_deadline_ms(c) once, at the end:    n =
 * pk_mqtt_output(c, &p); sent = send(p, n); pk_mqtt_output_done(c, sent, now); pk_mqtt_is_finished: close the
 * transport, pk_mqtt_lost(c)
 *
 * Delivery guarantee. The caller keeps a QoS 1 or 2 message under its token until PK_MQTT_EV_PUBLISHED. When
 * the connection is lost before, the client still knows token and packet id; after the next successful
 * CONNACK it names those tokens, oldest first, and sends no newer message before they are sent again (DUP and
 * the same packet id when the server kept the session, a first sending when it did not). So every message
 * arrives at least once, in its original order, with and without Session Present; QoS 2 exactly once as long
 * as the server keeps the session.
 *
 * Subscriptions. Subscribe when PK_MQTT_EV_CONNECTED says subscribe_again, with all filters before waiting
 * for an answer. It is said until every SUBSCRIBE of a connection was answered, and again after a CONNECT
 * whose CONNACK was lost: the server may have begun a new session then, and would call it present the next
 * time. A refusal is an answer: asking for that filter again, on this connection or a later one, is the
 * caller's.
 *
 * Rejected by the server (reason >= 0x80 in PK_MQTT_EV_PUBLISHED) also ends the token: whether to try again
 * later is the caller's.
 */
#include "base/pk_text.h"
#include "mqtt/pk_mqtt_alias.h"
#include "mqtt/pk_mqtt_inflight.h"
#include "mqtt/pk_mqtt_props.h"
#include "mqtt/pk_mqtt_reason.h"
#include "mqtt/pk_mqtt_shapes.h"

enum {
    PK_MQTT_REQUESTS_MAX = 8, /* SUBSCRIBE and UNSUBSCRIBE unanswered at a time */
    PK_MQTT_TX_RESERVE_BYTES =
        128, /* of the tx buffer, kept from publications for PINGREQ, acknowledgements, DISCONNECT */
    PK_MQTT_RX_BYTES_MIN = 256,
    PK_MQTT_TX_BYTES_MIN = 512,
    PK_MQTT_CLOSE_FLUSH_MS = 2000 /* how long a queued DISCONNECT may take to leave */
};

/* Owned by the caller, exclusively the client's from init on. Sizes: rx >= PK_MQTT_RX_BYTES_MIN and >= the
 * largest packet to be received; tx >= PK_MQTT_TX_BYTES_MIN and >= the largest packet to be sent +
 * PK_MQTT_TX_RESERVE_BYTES; arrays 1..32767 slots; aliases may be none. */
struct pk_mqtt_memory {
    uint8_t *rx;
    uint32_t rx_bytes;
    uint8_t *tx;
    uint32_t tx_bytes;
    struct pk_mqtt_out_slot *out;
    uint32_t out_count;
    struct pk_mqtt_in_slot *in;
    uint32_t in_count;
    struct pk_mqtt_alias_slot *aliases;
    uint32_t alias_count;
};

/* What the server allows; the defaults of the specification where it is silent. */
struct pk_mqtt_limits {
    uint32_t max_packet_bytes;
    uint32_t session_expiry_s;
    uint16_t receive_maximum;
    uint16_t keep_alive_s;
    uint16_t topic_alias_maximum;
    uint8_t max_qos;
    bool has_retain, has_wildcards, has_subscription_ids, has_shared;
};

enum pk_mqtt_event_kind {
    PK_MQTT_EV_CONNECTED,    /* CONNACK accepted: connected, limits */
    PK_MQTT_EV_REFUSED,      /* CONNACK with a failure: refused. The connection is finished. */
    PK_MQTT_EV_MESSAGE,      /* message */
    PK_MQTT_EV_PUBLISHED,    /* published: the server has answered for this token for good */
    PK_MQTT_EV_SUBSCRIBED,   /* answered */
    PK_MQTT_EV_UNSUBSCRIBED, /* answered */
    PK_MQTT_EV_DISCONNECTED, /* refused: the server says why it closes. The connection is finished. */
    PK_MQTT_EV_ERROR /* error: the server broke the protocol or is silent; DISCONNECT is queued where it may
                        be */
};

enum pk_mqtt_error_kind { PK_MQTT_ERROR_PROTOCOL, PK_MQTT_ERROR_CONNECT_TIMEOUT, PK_MQTT_ERROR_PING_TIMEOUT };

/* All pointers reach into the rx buffer (the topic perhaps into the aliases): valid until the next call of
 * pk_mqtt_next, pk_mqtt_rx_space, pk_mqtt_input or pk_mqtt_lost. */
struct pk_mqtt_event {
    enum pk_mqtt_event_kind kind;
    struct pk_mqtt_props props; /* of the packet; all zero in 3.1.1 and for ERROR */
    union {
        struct {
            bool session_present;
            bool subscribe_again;  /* the server has, or may have, lost the subscriptions, or never confirmed
                                      them */
            uint32_t resend_count; /* tokens that pk_mqtt_resend_peek will name */
        } connected;
        struct {
            uint8_t reason; /* pk_mqtt_reason_word(); reason string and server reference are in props */
        } refused;
        struct {
            struct pk_str topic;
            const uint8_t *payload;
            uint32_t payload_bytes;
            uint32_t handle; /* for pk_mqtt_ack; 0 for QoS 0 */
            uint16_t packet_id;
            uint8_t qos;
            bool is_retained;
            bool is_dup;
        } message;
        struct {
            uint64_t token;
            uint8_t reason; /* < 0x80: the server has it (also 16, no matching subscribers) */
        } published;
        struct {
            uint64_t token;
            const uint8_t *
                codes; /* one a filter, in their order; >= 0x80 refused. NULL: accepted (UNSUBACK of 3.1.1) */
            uint32_t code_count;
        } answered;
        struct {
            enum pk_mqtt_error_kind kind;
            uint8_t reason;
            const char *what; /* constant text */
        } error;
    } u;
};

struct pk_mqtt_counters {
    uint64_t messages_in, messages_out; /* PUBLISH; a resent one counts again */
    uint64_t bytes_in, bytes_out;
    uint64_t acks_in, acks_out; /* PUBACK PUBREC PUBREL PUBCOMP */
    uint64_t acks_unknown;      /* acknowledgements of a packet id that waits for none: ignored */
    uint64_t acks_stale;        /* pk_mqtt_ack for a message of an earlier connection */
    uint64_t duplicates_in;     /* QoS 2 deliveries recognised as repeats */
    uint64_t resent;
    uint64_t pings;
    uint64_t oversized_skipped;       /* messages larger than our limit (3.1.1 only; 5.0 closes) */
    uint64_t aliases_in, aliases_out; /* messages without their topic */
    uint64_t connects;                /* CONNACKs with success */
    uint64_t errors;                  /* protocol errors of the server */
    uint32_t by_reason[PK_MQTT_REASON_SLOT_COUNT]; /* failures >= 0x80, ours and the server's, by name */
};

enum pk_mqtt_state {
    PK_MQTT_IDLE,       /* no transport */
    PK_MQTT_CONNECTING, /* CONNECT queued, no CONNACK yet */
    PK_MQTT_CONNECTED,
    PK_MQTT_CLOSING /* only output is left; then close the transport */
};

struct pk_mqtt_request {
    uint64_t token;
    uint16_t packet_id;
    uint16_t filter_count; /* 0: free */
    bool is_unsubscribe;
};

struct pk_mqtt_client {
    const struct pk_mqtt_config *config;
    enum pk_mqtt_state state;
    uint8_t *rx;
    uint32_t rx_bytes, rx_at, rx_end; /* unread: [rx_at, rx_end) */
    uint32_t rx_skip_bytes;           /* rest of an oversized packet still to come */
    uint8_t *tx;
    uint32_t tx_bytes, tx_at, tx_end; /* unsent: [tx_at, tx_end) */
    struct pk_mqtt_out out;
    struct pk_mqtt_in in;
    struct pk_mqtt_alias_in alias_in;
    struct pk_mqtt_alias_out alias_out;
    struct pk_mqtt_request requests[PK_MQTT_REQUESTS_MAX];
    struct pk_mqtt_limits limits;
    struct pk_mqtt_counters counters;
    struct pk_mqtt_fault pending_error;
    enum pk_mqtt_error_kind pending_error_kind;
    uint64_t now_ms;
    uint64_t started_ms, last_rx_ms, last_tx_ms;
    uint64_t ping_sent_ms, closing_ms;
    uint32_t max_packet_bytes; /* ours, of this connection */
    uint16_t receive_maximum;  /* ours, of this connection */
    uint16_t alias_maximum;    /* ours, of this connection */
    uint16_t epoch;            /* connection number, part of every handle */
    uint16_t request_turn;
    bool has_session;     /* a connection of this object was accepted */
    bool is_clean;        /* this connection asked for a new session */
    bool is_connect_sent; /* at least in part, and not answered yet */
    bool needs_subscribe;
    bool session_present; /* of this connection */
    bool has_pending_error;
    bool is_ping_open;
    bool is_stalled;     /* received packets wait for room on our side: silence is not the server's fault */
    bool holds_messages; /* pk_mqtt_hold */
    bool is_finished;
};

/* Asserts the sizes of `memory`. */
void pk_mqtt_init(struct pk_mqtt_client *c, const struct pk_mqtt_config *config,
                  const struct pk_mqtt_memory *memory);

/* The transport is connected (IDLE only): queues CONNECT. PK_OK; PK_E_TOO_BIG when it does not fit the tx
 * buffer, PK_E_BAD_FIELD when the configuration holds something that cannot be sent (bad topic, text that is
 * not UTF-8, QoS > 2): state stays IDLE. */
PK_MUST_USE int pk_mqtt_start(struct pk_mqtt_client *c, uint64_t now_ms);
/* Queues DISCONNECT with PK_MQTT_SUCCESS, or PK_MQTT_DISCONNECT_WITH_WILL to have the will sent (in 3.1.1 the
 * connection then ends without a DISCONNECT). No effect unless connecting or connected. */
void pk_mqtt_stop(struct pk_mqtt_client *c, uint8_t reason, uint64_t now_ms);
/* The transport is gone, whoever closed it. Unread events are lost, the session is kept. Always ends in IDLE.
 */
void pk_mqtt_lost(struct pk_mqtt_client *c);
/* The transport must be closed: nothing is left to say, or the time to say it is over. */
bool pk_mqtt_is_finished(const struct pk_mqtt_client *c);
bool pk_mqtt_is_connected(const struct pk_mqtt_client *c);

/* Where to read the next bytes to, without a copy; *cap_bytes is 0 when the buffer is full of events to be
 * pulled first. Invalidates the last event. */
uint8_t *pk_mqtt_rx_space(struct pk_mqtt_client *c, uint32_t *cap_bytes);
void pk_mqtt_rx_done(struct pk_mqtt_client *c, uint32_t n, uint64_t now_ms);
/* The same with a copy. Bytes taken, fewer than n when events must be pulled first. */
uint32_t pk_mqtt_input(struct pk_mqtt_client *c, const void *p, uint32_t n, uint64_t now_ms);

/* Next event; false when there is none now (or when the tx buffer has no room for what a packet must be
 * answered with: send first). */
bool pk_mqtt_next(struct pk_mqtt_client *c, struct pk_mqtt_event *event);
/* While it is held no MESSAGE comes: the next one waits in the buffer with all that is behind it, what is in
 * front of it goes on, and the server is not blamed for silence. Over connections too. */
void pk_mqtt_hold(struct pk_mqtt_client *c, bool is_held);

/* All bytes that wait to be sent, acknowledgements included: their count and *p. Valid until the next call on
 * c. */
uint32_t pk_mqtt_output(struct pk_mqtt_client *c, const uint8_t **p);
void pk_mqtt_output_done(struct pk_mqtt_client *c, uint32_t n, uint64_t now_ms);
/* True when pk_mqtt_output would return bytes. */
bool pk_mqtt_has_output(const struct pk_mqtt_client *c);

/* Time passes: keep-alive and timeouts. Errors come as events. */
void pk_mqtt_tick(struct pk_mqtt_client *c, uint64_t now_ms);
/* When pk_mqtt_tick has something to do; UINT64_MAX when never. */
uint64_t pk_mqtt_next_deadline_ms(const struct pk_mqtt_client *c);

/* The application has stored (or refuses, with a failure of table 3-4) the message: PUBACK or PUBREC leaves
 * with the next output, in the order of arrival whatever the order of calls (MQTT-4.6.0-2). PK_OK (handle 0
 * too); PK_E_STALE when the message came on an earlier connection and the server will send it again. */
int pk_mqtt_ack(struct pk_mqtt_client *c, uint32_t handle, uint8_t reason);
/* The same for every message that was pulled so far and not acknowledged: the count. */
uint32_t pk_mqtt_ack_all(struct pk_mqtt_client *c);

/* Exactly once over a crash of this process. What a message of QoS 2 caused and its packet id are made
 * durable together, then it is acknowledged; the id is forgotten, durably too, before PUBCOMP lets the server
 * use it again:
 *
 *     a message caused something:  pk_mqtt_keep(c, handle); pk_mqtt_kept(c, ids, cap) go with it into the
 * store any time:                    if (pk_mqtt_forget_begin(c) > 0) the ids that pk_mqtt_kept now gives
 * into the store; when they are durable pk_mqtt_forget_done(c) at start, before the first pk_mqtt_start, with
 * resumes_session: pk_mqtt_restore(c, id) for each
 *
 * A message that is not kept has caused nothing that outlives the process, so bringing it again repeats
 * nothing. */
/* False: not a message of QoS 2, or of an earlier connection and not known any more. */
bool pk_mqtt_keep(struct pk_mqtt_client *c, uint32_t handle);
/* Has another value when pk_mqtt_kept may give other ids. */
uint32_t pk_mqtt_kept_turn(const struct pk_mqtt_client *c);
/* How many ids are to be remembered; at most cap are written. */
uint32_t pk_mqtt_kept(const struct pk_mqtt_client *c, uint16_t *ids, uint32_t cap);
/* The server has released some: how many. From here on they are not among the kept ones. */
uint32_t pk_mqtt_forget_begin(struct pk_mqtt_client *c);
/* All that was begun is durable: PUBCOMP leaves with the next output. */
void pk_mqtt_forget_done(struct pk_mqtt_client *c);
/* PK_OK, PK_E_FULL, PK_E_BAD_FIELD (0). */
PK_MUST_USE int pk_mqtt_restore(struct pk_mqtt_client *c, uint16_t packet_id);

/* PK_OK; nothing is queued else:
 * PK_E_CLOSED not connected; PK_E_AGAIN messages wait to be sent again first; PK_E_FULL no room in the tx
 * buffer, no free slot, or the server's Receive Maximum is used up: try after output or an event;
 * PK_E_TOO_BIG larger than the server's Maximum Packet Size or than the tx buffer can ever hold;
 * PK_E_UNSUPPORTED QoS or retain the server does not offer; PK_E_BAD_FIELD bad topic, text or QoS. The token
 * is the caller's name for the message; unused for QoS 0. */
PK_MUST_USE int pk_mqtt_publish(struct pk_mqtt_client *c, const struct pk_mqtt_publish *message,
                                uint64_t token);
/* Oldest token that must be sent again; false when there is none (or not connected). */
bool pk_mqtt_resend_peek(const struct pk_mqtt_client *c, uint64_t *out_token);
/* Sends that message again. Errors as pk_mqtt_publish, and PK_E_CONFLICT when it is not the token of
 * pk_mqtt_resend_peek. */
PK_MUST_USE int pk_mqtt_resend(struct pk_mqtt_client *c, const struct pk_mqtt_publish *message,
                               uint64_t token);
/* The caller no longer wants an unfinished message sent again (evicted, a birth that was replaced). PK_OK or
 * PK_E_NOT_FOUND. One that is on its way on this connection is finished all the same, with
 * PK_MQTT_EV_PUBLISHED. */
int pk_mqtt_forget(struct pk_mqtt_client *c, uint64_t token);
/* Publications whose end is not known. */
uint32_t pk_mqtt_inflight_count(const struct pk_mqtt_client *c);

/* Answered by PK_MQTT_EV_SUBSCRIBED / _UNSUBSCRIBED with the token; an unanswered one is forgotten when the
 * connection is lost. subscription_id 0: none. PK_OK; PK_E_CLOSED; PK_E_FULL; PK_E_TOO_BIG; PK_E_BAD_FIELD
 * (filter, options, count 0); PK_E_UNSUPPORTED (wildcards, shared subscriptions, identifiers the server does
 * not offer; QoS 2 without accepts_qos2). */
PK_MUST_USE int pk_mqtt_subscribe(struct pk_mqtt_client *c, const struct pk_mqtt_filter *filters,
                                  uint32_t count, uint32_t subscription_id, uint64_t token);
PK_MUST_USE int pk_mqtt_unsubscribe(struct pk_mqtt_client *c, const struct pk_str *filters, uint32_t count,
                                    uint64_t token);
#endif
