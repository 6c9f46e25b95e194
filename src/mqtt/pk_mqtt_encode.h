#ifndef PK_MQTT_ENCODE_H
#define PK_MQTT_ENCODE_H
/* Packets a client sends. Each function returns the packet's bytes; it is written only when it fits
 * cap_bytes, so a call with p = NULL, cap_bytes = 0 measures. PK_E_BAD_FIELD: something in it may not be sent
 * (bad UTF-8, U+0000, topic, QoS, more than 65535 bytes). PK_E_TOO_BIG: larger than the protocol's limit of
 * 268,435,455. */
#include "mqtt/pk_mqtt_decode.h"
#include "mqtt/pk_mqtt_shapes.h"

/* What we let the server do on this connection. */
struct pk_mqtt_offer {
    uint32_t max_packet_bytes;
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
};

PK_MUST_USE int pk_mqtt_encode_connect(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_config *config,
                                       bool is_clean, const struct pk_mqtt_offer *offer);
/* An empty topic only with its topic_alias. */
PK_MUST_USE int pk_mqtt_encode_publish(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_publish *message,
                                       uint16_t packet_id, bool is_dup, enum pk_mqtt_version version);
PK_MUST_USE int pk_mqtt_encode_subscribe(uint8_t *p, uint32_t cap_bytes, const struct pk_mqtt_filter *filters,
                                         uint32_t count, uint32_t subscription_id, uint16_t packet_id,
                                         enum pk_mqtt_version version);
PK_MUST_USE int pk_mqtt_encode_unsubscribe(uint8_t *p, uint32_t cap_bytes, const struct pk_str *filters,
                                           uint32_t count, uint16_t packet_id, enum pk_mqtt_version version);

/* The short ones always fit PK_MQTT_SHORT_BYTES_MAX: bytes written. */
enum { PK_MQTT_SHORT_BYTES_MAX = 5 };
/* PUBACK, PUBREC, PUBREL, PUBCOMP; 3.1.1 leaves the reason out. */
uint32_t pk_mqtt_encode_puback(uint8_t *p, enum pk_mqtt_type type, uint16_t packet_id, uint8_t reason,
                               enum pk_mqtt_version version);
uint32_t pk_mqtt_encode_pingreq(uint8_t *p);
uint32_t pk_mqtt_encode_disconnect(uint8_t *p, uint8_t reason, enum pk_mqtt_version version);
#endif
