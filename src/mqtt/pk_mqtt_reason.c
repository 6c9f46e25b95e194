#include "mqtt/pk_mqtt_reason.h"

#include <string.h>

#include "base/pk_assert.h"

static const uint8_t VALUES[] = {
#define PK_MQTT_REASON(symbol, value, word) (value),
#include "mqtt/pk_mqtt_reason.def"
#undef PK_MQTT_REASON
};

/* One text in the order of VALUES, words ended by zero: a table of pointers would be relocated, two words a
 * row. */
static const char WORDS[] =
#define PK_MQTT_REASON(symbol, value, word) word "\0"
#include "mqtt/pk_mqtt_reason.def"
#undef PK_MQTT_REASON
    ;

_Static_assert(PK_COUNT_OF(VALUES) == PK_MQTT_REASON_UNKNOWN_SLOT, "one slot a row, and one for the unknown");

uint32_t pk_mqtt_reason_slot(uint8_t reason) {
    uint32_t slot = 0;
    while (slot < PK_COUNT_OF(VALUES) && VALUES[slot] != reason) {
        slot++;
    }
    return slot;
}

const char *pk_mqtt_reason_slot_word(uint32_t slot) {
    if (slot >= PK_COUNT_OF(VALUES)) {
        return "unknown";
    }
    const char *word = WORDS;
    for (; slot > 0; slot--) {
        word += strlen(word) + 1;
    }
    return word;
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
