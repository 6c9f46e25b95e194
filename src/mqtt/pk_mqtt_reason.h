#ifndef PK_MQTT_REASON_H
#define PK_MQTT_REASON_H
/* Reason codes by name. In 3.1.1 the few return codes of CONNACK and SUBACK are mapped to these values. */
#include <stdbool.h>
#include <stdint.h>

/* Not a switch set: a peer may send any byte. Compare with these names. */
enum pk_mqtt_reason {
#define PK_MQTT_REASON(symbol, value, word) symbol = (value),
#include "mqtt/pk_mqtt_reason.def"
#undef PK_MQTT_REASON
};

/* Position of a code in the list, for counters by reason; the last position stands for every code that is not
 * in the list. */
enum pk_mqtt_reason_slot {
#define PK_MQTT_REASON(symbol, value, word) symbol##_SLOT,
#include "mqtt/pk_mqtt_reason.def"
#undef PK_MQTT_REASON
    PK_MQTT_REASON_UNKNOWN_SLOT,
    PK_MQTT_REASON_SLOT_COUNT
};

uint32_t pk_mqtt_reason_slot(uint8_t reason);
/* "not_authorized"; "unknown" for a code that is not in the list. Never NULL. */
const char *pk_mqtt_reason_word(uint8_t reason);
const char *pk_mqtt_reason_slot_word(uint32_t slot);

/* The packets whose reason codes a server chooses. */
enum pk_mqtt_reason_use {
    PK_MQTT_IN_CONNACK,
    PK_MQTT_IN_PUBACK, /* and PUBREC */
    PK_MQTT_IN_PUBREL, /* and PUBCOMP */
    PK_MQTT_IN_SUBACK,
    PK_MQTT_IN_UNSUBACK,
    PK_MQTT_IN_DISCONNECT
};
/* Failures (>= 0x80) are taken as failures wherever they come, so that a code a later revision adds does not
 * cut the link; of the others only those the packet's own table lists have a meaning. */
bool pk_mqtt_reason_is_allowed(uint8_t reason, enum pk_mqtt_reason_use use);
#endif
