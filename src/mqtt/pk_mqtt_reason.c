#include "mqtt/pk_mqtt_reason.h"

#include "base/pk_assert.h"

struct row {
    uint8_t value;
    const char *word;
};

static const struct row ROWS[] = {
#define PK_MQTT_REASON(symbol, value, word) {(value), (word)},
#include "mqtt/pk_mqtt_reason.def"
#undef PK_MQTT_REASON
};

_Static_assert(PK_COUNT_OF(ROWS) == PK_MQTT_REASON_UNKNOWN_SLOT, "one slot a row, and one for the unknown");

uint32_t pk_mqtt_reason_slot(uint8_t reason) {
    for (uint32_t i = 0; i < PK_COUNT_OF(ROWS); i++) {
        if (ROWS[i].value == reason) {
            return i;
        }
    }
    return PK_MQTT_REASON_UNKNOWN_SLOT;
}

const char *pk_mqtt_reason_slot_word(uint32_t slot) {
    return slot < PK_COUNT_OF(ROWS) ? ROWS[slot].word : "unknown";
}

const char *pk_mqtt_reason_word(uint8_t reason) {
    return pk_mqtt_reason_slot_word(pk_mqtt_reason_slot(reason));
}

bool pk_mqtt_reason_is_allowed(uint8_t reason, enum pk_mqtt_reason_use use) {
    if (reason == PK_MQTT_SUCCESS || reason >= PK_MQTT_UNSPECIFIED_ERROR) {
        return true;
    }
    switch (use) {
    case PK_MQTT_IN_PUBACK:
        return reason == PK_MQTT_NO_MATCHING_SUBSCRIBERS;
    case PK_MQTT_IN_SUBACK:
        return reason == PK_MQTT_GRANTED_QOS_1 || reason == PK_MQTT_GRANTED_QOS_2;
    case PK_MQTT_IN_UNSUBACK:
        return reason == PK_MQTT_NO_SUBSCRIPTION_EXISTED;
    case PK_MQTT_IN_CONNACK:
    case PK_MQTT_IN_PUBREL:
    case PK_MQTT_IN_DISCONNECT:
        return false;
    }
    return false;
}
