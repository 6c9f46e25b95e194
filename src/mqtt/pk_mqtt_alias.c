#include "mqtt/pk_mqtt_alias.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"

enum { TOO_LONG = 0xFFFF };

void pk_mqtt_alias_in_init(struct pk_mqtt_alias_in *a, struct pk_mqtt_alias_slot *slots, uint32_t count) {
    PK_ASSERT((slots != NULL) == (count > 0) && count <= UINT16_MAX);
    *a = (struct pk_mqtt_alias_in){.slots = slots, .count = (uint16_t)count};
    pk_mqtt_alias_in_lost(a);
}

void pk_mqtt_alias_in_lost(struct pk_mqtt_alias_in *a) {
    for (uint32_t i = 0; i < a->count; i++) {
        a->slots[i].topic_bytes = 0;
    }
}

uint16_t pk_mqtt_alias_in_maximum(const struct pk_mqtt_alias_in *a) {
    return a->is_withdrawn ? 0 : a->count;
}

int pk_mqtt_alias_in_take(struct pk_mqtt_alias_in *a, uint16_t alias, struct pk_str *topic) {
    if (alias == 0 || alias > a->count) {
        return PK_E_BAD_FIELD;
    }
    struct pk_mqtt_alias_slot *s = &a->slots[alias - 1u];
    if (topic->n == 0) {
        if (s->topic_bytes == 0 || s->topic_bytes == TOO_LONG) {
            return s->topic_bytes == 0 ? PK_E_NOT_FOUND : PK_E_TOO_BIG;
        }
        *topic = pk_str_make(s->topic, s->topic_bytes);
        return PK_OK;
    }
    if (topic->n > sizeof s->topic) {
        s->topic_bytes = TOO_LONG;
        a->is_withdrawn = true;
        return PK_OK;
    }
    memcpy(s->topic, topic->p, topic->n);
    s->topic_bytes = (uint16_t)topic->n;
    return PK_OK;
}

static uint64_t hash_of(struct pk_str topic) {
    const uint64_t hash = pk_hash64(topic.p, topic.n);
    return hash == 0 ? 1 : hash;
}

uint16_t pk_mqtt_alias_out_find(const struct pk_mqtt_alias_out *a, uint16_t alias, uint16_t maximum,
                                struct pk_str topic, bool *out_is_known) {
    *out_is_known = false;
    if (alias == 0 || alias > maximum || alias > PK_MQTT_OUT_ALIASES_MAX) {
        return 0;
    }
    *out_is_known = a->topic_hash[alias - 1u] == hash_of(topic);
    return alias;
}

void pk_mqtt_alias_out_told(struct pk_mqtt_alias_out *a, uint16_t alias, struct pk_str topic) {
    PK_ASSERT(alias >= 1 && alias <= PK_MQTT_OUT_ALIASES_MAX);
    a->topic_hash[alias - 1u] = hash_of(topic);
}
