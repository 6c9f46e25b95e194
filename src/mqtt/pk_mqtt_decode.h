#ifndef PK_MQTT_DECODE_H
#define PK_MQTT_DECODE_H
/* Packets a server may send, decoded strictly. Results point into the packet. Every function: PK_OK, or
 * PK_E_PROTOCOL with *fault set to the reason code of DISCONNECT and a constant text. */
#include "mqtt/pk_mqtt_props.h"
#include "mqtt/pk_mqtt_shapes.h"

enum pk_mqtt_type {
    PK_MQTT_CONNECT = 1,
    PK_MQTT_CONNACK = 2,
    PK_MQTT_PUBLISH = 3,
    PK_MQTT_PUBACK = 4,
    PK_MQTT_PUBREC = 5,
    PK_MQTT_PUBREL = 6,
    PK_MQTT_PUBCOMP = 7,
    PK_MQTT_SUBSCRIBE = 8,
    PK_MQTT_SUBACK = 9,
    PK_MQTT_UNSUBSCRIBE = 10,
    PK_MQTT_UNSUBACK = 11,
    PK_MQTT_PINGREQ = 12,
    PK_MQTT_PINGRESP = 13,
    PK_MQTT_DISCONNECT = 14,
    PK_MQTT_AUTH = 15
};

struct pk_mqtt_frame {
    uint8_t type; /* enum pk_mqtt_type, only those a server may send */
    uint8_t flags;
    uint32_t header_bytes;
    uint32_t body_bytes;
};

/* The fixed header. PK_E_AGAIN when it is not whole yet (the body need not be there). */
PK_MUST_USE int pk_mqtt_decode_frame(const uint8_t *p, uint32_t n, enum pk_mqtt_version version,
                                     struct pk_mqtt_frame *out, struct pk_mqtt_fault *fault);

struct pk_mqtt_connack {
    bool session_present;
    uint8_t reason;
    struct pk_mqtt_props props;
};

struct pk_mqtt_message {
    struct pk_str topic; /* empty: named by its alias */
    const uint8_t *payload;
    uint32_t payload_bytes;
    uint16_t packet_id; /* 0 for QoS 0 */
    uint8_t qos;
    bool is_retained, is_dup;
};

struct pk_mqtt_puback {
    uint16_t packet_id;
    uint8_t reason;
};

struct pk_mqtt_suback {
    uint16_t packet_id;
    const uint8_t *codes;
    uint32_t code_count; /* 0 for UNSUBACK of 3.1.1 */
};

/* p, n: the body. */
PK_MUST_USE int pk_mqtt_decode_connack(const uint8_t *p, uint32_t n, enum pk_mqtt_version version,
                                       struct pk_mqtt_connack *out, struct pk_mqtt_fault *fault);
PK_MUST_USE int pk_mqtt_decode_publish(const uint8_t *p, uint32_t n, uint8_t flags,
                                       enum pk_mqtt_version version, struct pk_mqtt_message *out,
                                       struct pk_mqtt_props *props, struct pk_mqtt_fault *fault);
/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
PK_MUST_USE int pk_mqtt_decode_puback(const uint8_t *p, uint32_t n, enum pk_mqtt_type type,
                                      enum pk_mqtt_version version, struct pk_mqtt_puback *out,
                                      struct pk_mqtt_props *props, struct pk_mqtt_fault *fault);
/* SUBACK, UNSUBACK. */
PK_MUST_USE int pk_mqtt_decode_suback(const uint8_t *p, uint32_t n, enum pk_mqtt_type type,
                                      enum pk_mqtt_version version, struct pk_mqtt_suback *out,
                                      struct pk_mqtt_props *props, struct pk_mqtt_fault *fault);
/* Only 5.0 has a DISCONNECT from the server. */
PK_MUST_USE int pk_mqtt_decode_disconnect(const uint8_t *p, uint32_t n, uint8_t *out_reason,
                                          struct pk_mqtt_props *props, struct pk_mqtt_fault *fault);
#endif
