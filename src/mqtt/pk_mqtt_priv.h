#ifndef PK_MQTT_PRIV_H
#define PK_MQTT_PRIV_H
/* Between the files of the client: pk_mqtt_client.c (connection, buffers, time), pk_mqtt_receive.c (packets
 * to events), pk_mqtt_send.c (what the application asks for). Not for anybody else. */
#include "mqtt/pk_mqtt_client.h"
#include "mqtt/pk_mqtt_decode.h"

enum {
    PK_MQTT_LAST_WORDS_BYTES = 8
}; /* of the tx buffer, so that PINGREQ and DISCONNECT can always be said */

static inline enum pk_mqtt_version pk_mqtt_version_of(const struct pk_mqtt_client *c) {
    return (enum pk_mqtt_version)c->config->version;
}

static inline bool pk_mqtt_is_v5(const struct pk_mqtt_client *c) {
    return c->config->version == PK_MQTT_V5;
}

void pk_mqtt_count_reason(struct pk_mqtt_client *c, uint8_t reason);
/* Room at the end of the tx buffer for n bytes while `keep_bytes` stay free, or NULL. Moves unsent bytes to
 * the front when it must. */
uint8_t *pk_mqtt_tx_room(struct pk_mqtt_client *c, uint32_t n, uint32_t keep_bytes);
/* PUBACK, PUBREC, PUBREL, PUBCOMP. false: no room. */
bool pk_mqtt_queue_puback(struct pk_mqtt_client *c, enum pk_mqtt_type type, uint16_t packet_id,
                          uint8_t reason);
/* Answers of the application whose turn it is, as many as there is room for. */
void pk_mqtt_queue_ready_acks(struct pk_mqtt_client *c);
/* PUBREL of exchanges that an earlier connection left half done. false when some are still due. */
bool pk_mqtt_queue_due_releases(struct pk_mqtt_client *c);
/* Nothing more is sent, not even what was queued. */
void pk_mqtt_close_now(struct pk_mqtt_client *c);
/* The connection is over; an ERROR event says why. Connecting or connected only. */
void pk_mqtt_fail(struct pk_mqtt_client *c, enum pk_mqtt_error_kind kind, struct pk_mqtt_fault fault);
#endif
