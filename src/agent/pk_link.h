#ifndef PK_LINK_H
#define PK_LINK_H
/* One broker connection: name, stream, MQTT session, back-off. It moves bytes and keeps the session; what is
 * published and what a message means is its owner's business. Nothing blocks; at most one public-key
 * operation a step. */
#include "agent/pk_config.h"
#include "base/pk_rng.h"
#include "mqtt/pk_mqtt_client.h"
#include "port/port.h"
#include "wire/pk_cloudevents.h"
#include "wire/pk_topic.h"

enum pk_link_state {
    PK_LINK_OFF,       /* not configured, or stopped */
    PK_LINK_WAITING,   /* for the next try */
    PK_LINK_RESOLVING, /* the owner asks the supervisor for the address */
    PK_LINK_CONNECTING,
    PK_LINK_GREETING, /* CONNECT is out, CONNACK is not here */
    PK_LINK_ONLINE,
    PK_LINK_STATE_COUNT
};
const char *pk_link_state_word(enum pk_link_state state);

enum {
    PK_LINK_WILL_BYTES = 512,
    PK_LINK_ADDRESSES = 4,
    PK_LINK_RESOLVE_TIMEOUT_MS = 10000,
    PK_LINK_CONNECT_TIMEOUT_MS = 20000,
    PK_LINK_SOON_MS = 1000,        /* the first back-off is at most this before the first connection */
    PK_LINK_STABLE_MS = 10000,     /* online for so long: the next failure starts the back-off anew */
    PK_LINK_CONTESTED_COUNT = 4,   /* connections in a row that ended sooner */
    PK_LINK_CONTESTED_FACTOR = 4,  /* of reconnect_max, then */
    PK_LINK_ENVELOPE_BYTES = 512,  /* around the will, where it is part of the payload */
    PK_LINK_FALLBACK_MS = 86400000 /* of 3.1.1, then 5 is tried again */
};

struct pk_link {
    const struct pk_config_broker *config;
    const struct pk_port_stream *stream;
    enum pk_link_state state;
    struct pk_mqtt_client mqtt;
    struct pk_mqtt_config mqtt_config;
    char client_id[PK_CONFIG_NAME_BYTES];
    char will_topic[PK_TOPIC_BYTES];
    union {
        struct { /* MQTT 5 */
            char payload[PK_LINK_WILL_BYTES];
            struct pk_ce_attributes attributes;
            struct pk_mqtt_user_property user[PK_CE_ATTRIBUTES_MAX];
        } binary;
        char structured[PK_LINK_WILL_BYTES + PK_LINK_ENVELOPE_BYTES]; /* 3.1.1 */
    } will;
    char password[128];
    struct pk_endpoint endpoint;
    char addresses[PK_LINK_ADDRESSES][PK_ADDRESS_BYTES];
    uint32_t address_count, address_next;
    struct pk_rng rng;
    uint64_t deadline_ms;     /* of the state: next try, or give up */
    uint64_t spread_until_ms; /* the end of the first bound since the link was well */
    uint32_t attempt;
    uint32_t short_count; /* connections in a row that did not become stable */
    bool is_taken_over;   /* the broker gave this connection's place to another client of our name */
    bool is_stopping;
    bool is_level_refused; /* the broker does not speak the level of this try */
    bool has_plain_will;   /* the broker takes none with QoS 1 */
    bool has_passing_will; /* nor one that is retained */
    bool is_will_refused;  /* with this try, for the first time */
    uint64_t v5_again_ms;  /* until then the next try speaks 3.1.1 though 5 is preferred; 0: it does not */
    int64_t connected_wall_ms; /* of this connection, in birth and will */
    int64_t wall_floor_ms;     /* best known time at the beginning of the try */
    uint64_t online_since_ms, connect_count, failure_count, lost_count;
    char error[96]; /* why the last try or connection ended */
    uint8_t rx[PK_LIMIT_MQTT_RX_BYTES], tx[PK_LIMIT_MQTT_TX_BYTES];
    struct pk_mqtt_out_slot out[PK_LIMIT_INFLIGHT];
    struct pk_mqtt_in_slot in[2 * PK_LIMIT_INFLIGHT]; /* QoS 2 holds two at a time */
    struct pk_mqtt_alias_slot aliases[PK_LIMIT_TOPIC_ALIASES];
};

/* Configuration is kept by reference. is_set == false: the link stays OFF. */
void pk_link_init(struct pk_link *l, const struct pk_config_broker *config,
                  const struct pk_port_stream *stream, const char *client_id, uint64_t seed, uint64_t now_ms);
/* Before the first connection: what the broker holds for an earlier client of our name is thrown away with
 * it, until one is accepted: its subscriptions, and messages to us that came or were repeated since. Who
 * lost the client's half of a session must not take up the broker's half (MQTT-3.2.2-4): its packet ids mean
 * something else now, and nobody would unsubscribe. In 3.1.1 the session of that first connection ends with
 * it, too. */
void pk_link_begin_anew(struct pk_link *l);
/* Before a connection: what the will says (JSON), and the envelope around it. It has QoS 1 and is retained,
 * until the broker refused a connection because of the one or the other: it has to (MQTT-3.2.2-12, -13), and
 * every try would end so. That holds until pk_link_init, or until a connection says that it
 * has them now. All is copied. PK_OK,
 * PK_E_TOO_BIG, PK_E_BAD_FIELD (site or gateway of the envelope): then there is no will. */
PK_MUST_USE int pk_link_set_will(struct pk_link *l, struct pk_str topic, struct pk_str payload,
                                 const struct pk_ce *ce);
/* For the next connection; copied. PK_E_TOO_BIG, then there is none. */
PK_MUST_USE int pk_link_set_password(struct pk_link *l, struct pk_str password);
/* Advances the connection and reads what came. True when the owner must resolve the host name now (once per
 * try). */
bool pk_link_step(struct pk_link *l, uint64_t now_ms);
/* The answer: addresses, or an error. Ignored unless the link waits for it. */
void pk_link_resolved(struct pk_link *l, int err, const char (*addresses)[PK_ADDRESS_BYTES], uint32_t count,
                      uint64_t now_ms);
/* Next MQTT event; false when there is none. CONNECTED makes the link ONLINE. */
bool pk_link_next(struct pk_link *l, struct pk_mqtt_event *out, uint64_t now_ms);
/* Writes what waits: once at the end of a tick. */
void pk_link_flush(struct pk_link *l, uint64_t now_ms);
/* Orderly end: DISCONNECT, then OFF. */
void pk_link_stop(struct pk_link *l, uint64_t now_ms);
/* Ends the connection now and tries again after the back-off. */
void pk_link_drop(struct pk_link *l, const char *why, uint64_t now_ms);
bool pk_link_is_online(const struct pk_link *l);
/* 3.1.1 is spoken, on this connection or the next one: messages have no properties. */
bool pk_link_is_311(const struct pk_link *l);
/* Who fell back to 3.1.1 tries 5 again: at once, a connection that stands is ended for it. Else no effect. */
void pk_link_try_newest(struct pk_link *l, uint64_t now_ms);
/* Another client seems to use our name (the broker says so, or just ends every connection soon): we try less
 * often, because each of our tries throws the other one out. */
bool pk_link_is_contested(const struct pk_link *l);
/* When step has something to do without input; UINT64_MAX when never. */
uint64_t pk_link_next_ms(const struct pk_link *l);
#endif
