#ifndef PK_MQTT_ALIAS_H
#define PK_MQTT_ALIAS_H
/* Topic aliases of one connection (MQTT 5.0, 3.3.2.3.4): a small number that stands for a topic named once.
 * `in`: the server's, over the caller's array; `out`: ours. No alias outlives its connection (MQTT-3.3.2-7).
 */
#include "base/pk_text.h"

enum {
    PK_MQTT_ALIAS_TOPIC_BYTES = 126, /* longest topic that is remembered under an alias of the server */
    PK_MQTT_OUT_ALIASES_MAX = 8      /* numbers the application may use */
};

struct pk_mqtt_alias_slot {
    uint16_t topic_bytes; /* 0: names nothing */
    char topic[PK_MQTT_ALIAS_TOPIC_BYTES];
};

struct pk_mqtt_alias_in {
    struct pk_mqtt_alias_slot *slots; /* of alias 1, 2, ... */
    uint16_t count;
    /* A topic was too long for its slot. Whoever offers an alias must take it (MQTT-3.3.2-10), so none are
     * offered from the next connection on. */
    bool is_withdrawn;
};

struct pk_mqtt_alias_out {
    uint64_t
        topic_hash[PK_MQTT_OUT_ALIASES_MAX]; /* what the server was told on this connection; 0: nothing */
};

/* slots may be NULL with count 0: then none are offered. */
void pk_mqtt_alias_in_init(struct pk_mqtt_alias_in *a, struct pk_mqtt_alias_slot *slots, uint32_t count);
/* The connection is gone, and with it what the aliases meant. */
void pk_mqtt_alias_in_lost(struct pk_mqtt_alias_in *a);
/* Topic Alias Maximum for CONNECT. */
uint16_t pk_mqtt_alias_in_maximum(const struct pk_mqtt_alias_in *a);
/* A message has this alias. With a topic the alias is (re)defined; without one *topic becomes what it stands
 * for, valid until the next message. PK_OK; PK_E_NOT_FOUND: it stands for nothing; PK_E_TOO_BIG: it stands
 * for a topic that was too long to remember; PK_E_BAD_FIELD: 0 or above the slots. */
PK_MUST_USE int pk_mqtt_alias_in_take(struct pk_mqtt_alias_in *a, uint16_t alias, struct pk_str *topic);

/* The alias to send: `alias` when it may be used with a server of this maximum, else 0. *out_is_known: the
 * server knows it for this topic, which can be left out. */
uint16_t pk_mqtt_alias_out_find(const struct pk_mqtt_alias_out *a, uint16_t alias, uint16_t maximum,
                                struct pk_str topic, bool *out_is_known);
/* The message that names the topic was queued. */
void pk_mqtt_alias_out_told(struct pk_mqtt_alias_out *a, uint16_t alias, struct pk_str topic);
#endif
