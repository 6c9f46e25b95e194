#ifndef PK_MQTT_INFLIGHT_H
#define PK_MQTT_INFLIGHT_H
/* The two halves of a session's message state, over the caller's arrays: what we sent and the server has not
 * finished acknowledging
 * (`out`), and what we received and have not finished acknowledging (`in`). Knows packet ids and order, not
 * bytes. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"

#define PK_MQTT_NO_SLOT 0xFFFFu

/* Packet ids of publications are 1..PK_MQTT_PUBLISH_ID_MAX; above are SUBSCRIBE and UNSUBSCRIBE, so that a
 * full window never blocks a subscription. */
enum { PK_MQTT_PUBLISH_ID_MAX = 0xFEFF };

enum pk_mqtt_out_state {
    PK_MQTT_OUT_FREE,
    PK_MQTT_OUT_SENT,    /* PUBLISH queued on this connection, waits for PUBACK or PUBREC */
    PK_MQTT_OUT_WAITING, /* sent on an earlier connection, its turn to be sent again has not come */
    PK_MQTT_OUT_RELEASED /* QoS 2: PUBREC came, PUBREL queued, waits for PUBCOMP */
};

struct pk_mqtt_out_slot {
    uint64_t token;
    uint16_t packet_id;
    uint16_t next, prev; /* in the order of first sending; free list uses next */
    uint8_t state;       /* enum pk_mqtt_out_state */
    uint8_t qos;
};

struct pk_mqtt_out {
    struct pk_mqtt_out_slot *slots;
    uint16_t count;
    uint16_t head, tail;           /* oldest, newest */
    uint16_t free_head, free_tail; /* first freed is first reused, so an id rests as long as possible */
    uint16_t used;
    uint16_t resend; /* oldest WAITING slot, or PK_MQTT_NO_SLOT */
    uint16_t high;
};

enum pk_mqtt_in_state {
    PK_MQTT_IN_FREE,
    PK_MQTT_IN_DELIVERED, /* the application has it and has not answered */
    PK_MQTT_IN_ANSWERED,  /* the application answered; PUBACK or PUBREC waits for its turn */
    PK_MQTT_IN_RELEASE    /* QoS 2: PUBREC sent, waits for PUBREL */
};

struct pk_mqtt_in_slot {
    uint32_t handle;
    uint16_t packet_id;
    uint16_t next;
    uint8_t state; /* enum pk_mqtt_in_state */
    uint8_t qos;
    uint8_t reason;
};

struct pk_mqtt_in {
    struct pk_mqtt_in_slot *slots;
    uint16_t count;
    uint16_t head, tail; /* received on this connection, in order, PUBACK or PUBREC not sent */
    uint16_t held;       /* QoS 2 ids that outlive PUBREC or the connection */
    uint16_t free_head;
    uint16_t pending; /* length of head..tail */
    uint16_t used;
    uint16_t high;
};
#endif
