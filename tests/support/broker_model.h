#ifndef BROKER_MODEL_H
#define BROKER_MODEL_H
/* A small strict MQTT 5 broker without sockets, for agents under port/sim. It takes what clients send byte by
 * byte, holds them to the specification as far as they use it, and keeps sessions, subscriptions, retained
 * messages and wills. The first breach of the protocol is kept in `breach`. What it does wrong on purpose is
 * set by the weights. */
#include "base/pk_rng.h"
#include "mqtt/pk_mqtt_decode.h"
#include "port/sim/pk_sim.h"
#include "wire/pk_topic.h"

enum {
    BROKER_CLIENTS = 4,
    BROKER_FILTERS = 8,
    BROKER_QUEUE = 64,
    BROKER_RETAINED = 128,
    BROKER_TOPIC_BYTES = PK_TOPIC_BYTES,
    BROKER_PAYLOAD_BYTES = 4608,
    BROKER_RETAINED_BYTES = 4096,
    BROKER_PACKET_BYTES = 20000
};

/* A PUBLISH as the broker accepted it; slices are valid during the call. */
struct broker_publish {
    uint32_t client;
    struct pk_str topic, payload;
    bool is_retained, is_dup, is_will;
    uint8_t qos;
    uint16_t packet_id;
    struct pk_mqtt_props props;
};

struct broker_out {
    char topic[BROKER_TOPIC_BYTES];
    uint8_t payload[BROKER_PAYLOAD_BYTES];
    uint32_t payload_bytes;
    char response_topic[BROKER_TOPIC_BYTES];
    uint16_t packet_id; /* 0: not sent on this session yet */
    bool is_sent;       /* on this connection */
    uint8_t qos;
    bool is_released; /* QoS 2 past PUBREC */
};

struct broker_client {
    /* connection */
    struct pk_sim *sim; /* NULL: never seen */
    uint32_t link;
    bool is_open, is_connected;
    uint8_t in[BROKER_PACKET_BYTES];
    uint32_t in_bytes;
    uint64_t last_rx_ms;
    uint32_t keep_alive_s, receive_maximum;
    /* session */
    bool has_session;
    char id[40];
    char filters[BROKER_FILTERS][BROKER_TOPIC_BYTES];
    uint8_t filter_qos[BROKER_FILTERS];
    uint32_t filter_count, expiry_s;
    uint64_t left_ms;
    struct broker_out queue[BROKER_QUEUE];
    uint32_t queue_count;
    uint16_t next_packet_id;
    /* will: of the connection, or waiting for its delay */
    bool has_will, is_will_due;
    bool is_will_plain, is_will_passing; /* QoS 0; not retained */
    uint64_t will_at_ms;
    uint32_t will_delay_s;
    char will_topic[BROKER_TOPIC_BYTES];
    uint8_t will_payload[1024];
    uint32_t will_payload_bytes;
    uint8_t will_props[512];
    uint32_t will_props_bytes;
    uint32_t connect_count, queue_lost_count;
};

struct broker_retained {
    char topic[BROKER_TOPIC_BYTES]; /* empty: free */
    uint8_t payload[BROKER_RETAINED_BYTES];
    uint32_t n;
};

/* Chances in 1000. */
struct broker_weights {
    uint32_t refuse_connect;
    uint32_t refuse_publish; /* PUBACK with "quota exceeded" */
    uint32_t cut_before_ack; /* takes a PUBLISH, then resets the connection */
    uint32_t cut_after_ack;
    uint32_t cut_deliver; /* resets instead of delivering */
    uint32_t swallow;     /* acknowledges a PUBLISH and forgets it: only for canaries */
};

struct broker_model {
    struct pk_rng rng;
    struct broker_weights weights;
    uint32_t server_receive_maximum; /* 0: 65535 */
    uint32_t server_max_packet;      /* 0: none */
    const char *refused_filter;      /* NULL: none; what it is part of is answered with refused_reason */
    uint8_t refused_reason;
    bool has_no_qos;    /* Maximum QoS 0, and no will above it */
    bool has_no_retain; /* and no retained will */
    uint32_t subscribe_count;
    uint32_t will_refusals[2]; /* for its QoS, for retain */
    bool is_down;
    struct broker_client clients[BROKER_CLIENTS];
    struct broker_retained retained[BROKER_RETAINED];
    uint64_t publish_count, dup_count, refused_count, delivered_count;
    char breach[160];
    void *arg;
    void (*accepted)(void *arg, const struct broker_publish *m);
};

void broker_init(struct broker_model *b, uint64_t seed);
/* The client's far end: one per link of a simulation. Index of the client, kept over reconnects. */
uint32_t broker_attach(struct broker_model *b, struct pk_sim *sim, uint32_t link);
/* Timers: keep-alive of silent clients, wills, session expiry, deliveries that wait for room. */
uint64_t broker_next_ms(const struct broker_model *b);
void broker_run(struct broker_model *b, uint64_t now_ms);
/* Somebody else publishes with QoS 1. Clients: how many sessions it was queued for. */
uint32_t broker_publish(struct broker_model *b, const char *topic, const void *payload, uint32_t n,
                        const char *response_topic);
/* A device does, with QoS 2. */
uint32_t broker_publish_qos_2(struct broker_model *b, const char *topic, const char *payload);
/* All connections end; without sessions also everything that was kept in memory. */
void broker_restart(struct broker_model *b, bool keeps_sessions);
const struct broker_retained *broker_find_retained(const struct broker_model *b, const char *topic);
#endif
