#ifndef PK_MQTT_INFLIGHT_H
#define PK_MQTT_INFLIGHT_H
/* The two halves of a session's message state, over the caller's arrays: what we sent and the server has not
 * finished acknowledging
 * (`out`), and what we received and have not finished acknowledging (`in`). Knows packet ids and order, not
 * bytes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pk_err.h"

#define PK_MQTT_NO_SLOT 0xFFFFu

/* Packet ids of publications are 1..PK_MQTT_PUBLISH_ID_MAX; above are SUBSCRIBE and UNSUBSCRIBE, so that a
 * full window never blocks a subscription. */
enum { PK_MQTT_PUBLISH_ID_MAX = 0xFEFF };

enum pk_mqtt_out_state {
    PK_MQTT_OUT_FREE,
    PK_MQTT_OUT_SENT,        /* PUBLISH queued on this connection, waits for PUBACK or PUBREC */
    PK_MQTT_OUT_WAITING,     /* sent on an earlier connection, its turn to be sent again has not come */
    PK_MQTT_OUT_RELEASE_DUE, /* QoS 2: PUBREC came, PUBREL must be queued again on this connection */
    PK_MQTT_OUT_RELEASED     /* QoS 2: PUBREL queued, waits for PUBCOMP */
};

struct pk_mqtt_out_slot {
    uint64_t token;
    uint16_t packet_id;
    uint16_t next, prev; /* in the order of first sending; free list uses next */
    uint8_t state;       /* enum pk_mqtt_out_state */
    uint8_t qos;
    uint16_t release_turn; /* QoS 2 past PUBREC: PUBRELs leave in the order of the PUBRECs (MQTT-4.6.0-4) */
    bool is_forgotten;     /* QoS 2: the exchange is ended for the server's sake, nobody waits for it */
};

struct pk_mqtt_out {
    struct pk_mqtt_out_slot *slots;
    uint16_t count;
    uint16_t head, tail;           /* oldest, newest */
    uint16_t free_head, free_tail; /* first freed is first reused, so an id rests as long as possible */
    uint16_t used;
    uint16_t resend;  /* oldest WAITING slot, or PK_MQTT_NO_SLOT */
    uint16_t waiting; /* WAITING slots */
    uint16_t due;     /* RELEASE_DUE slots */
    uint16_t release_turn;
    uint16_t high;
};

enum pk_mqtt_in_state {
    PK_MQTT_IN_FREE,
    PK_MQTT_IN_DELIVERED, /* the application has it and has not answered */
    PK_MQTT_IN_ANSWERED,  /* the application answered; PUBACK or PUBREC waits for its turn */
    PK_MQTT_IN_REPEATED,  /* QoS 2: PUBREC was sent, then the message came again; PUBREC waits for its turn */
    PK_MQTT_IN_RELEASE,   /* QoS 2: PUBREC sent, waits for PUBREL */
    /* A kept one goes on, or the server would use the id again while the application still knows it: */
    PK_MQTT_IN_RELEASED,   /* PUBREL came; the application has the id */
    PK_MQTT_IN_FORGETTING, /* the application is forgetting it */
    PK_MQTT_IN_FORGOTTEN   /* PUBCOMP is due */
};

struct pk_mqtt_in_slot {
    uint32_t handle;
    uint16_t packet_id;
    uint16_t next;
    uint8_t state; /* enum pk_mqtt_in_state */
    uint8_t qos;
    uint8_t reason;
    bool is_kept;  /* QoS 2: the application knows the id even after a crash */
    bool is_asked; /* PUBREL came on this connection */
};

struct pk_mqtt_in {
    struct pk_mqtt_in_slot *slots;
    uint16_t count;
    uint16_t head, tail;      /* received on this connection, in order, PUBACK or PUBREC not sent */
    uint16_t unanswered;      /* first DELIVERED slot of head..tail */
    uint16_t held, held_tail; /* QoS 2 ids that outlive PUBREC or the connection */
    uint16_t free_head;
    uint16_t pending; /* length of head..tail */
    uint16_t used;
    uint16_t high;
    uint16_t released, forgotten; /* slots in these states */
    uint32_t kept_turn;           /* rises when pk_mqtt_in_kept may give another answer */
};

void pk_mqtt_out_init(struct pk_mqtt_out *o, struct pk_mqtt_out_slot *slots, uint32_t count);
/* A free slot with a packet id that is in no use, appended as the newest, SENT. PK_MQTT_NO_SLOT when all are
 * taken. */
uint16_t pk_mqtt_out_take(struct pk_mqtt_out *o, uint64_t token, uint8_t qos);
/* The packet id the next take will give; 0 when all slots are taken. */
uint16_t pk_mqtt_out_next_id(const struct pk_mqtt_out *o);
/* The slot that holds this packet id, or PK_MQTT_NO_SLOT. */
uint16_t pk_mqtt_out_find(const struct pk_mqtt_out *o, uint16_t packet_id);
/* Oldest slot with this token. */
uint16_t pk_mqtt_out_find_token(const struct pk_mqtt_out *o, uint64_t token);
void pk_mqtt_out_set_state(struct pk_mqtt_out *o, uint16_t slot, enum pk_mqtt_out_state state);
void pk_mqtt_out_give(struct pk_mqtt_out *o, uint16_t slot);
/* The connection is gone: what was SENT waits to be sent again. */
void pk_mqtt_out_lost(struct pk_mqtt_out *o);
/* A connection is there: with the session, half-finished QoS 2 exchanges go on with PUBREL; without it, all
 * start again. */
void pk_mqtt_out_resume(struct pk_mqtt_out *o, bool session_present);
/* The slot whose PUBREL is due next, in the order of the PUBRECs, or PK_MQTT_NO_SLOT. */
uint16_t pk_mqtt_out_due(const struct pk_mqtt_out *o);

void pk_mqtt_in_init(struct pk_mqtt_in *in, struct pk_mqtt_in_slot *slots, uint32_t count);
/* Appends a received message. false when no slot is free. */
bool pk_mqtt_in_push(struct pk_mqtt_in *in, uint32_t handle, uint16_t packet_id, uint8_t qos,
                     enum pk_mqtt_in_state state);
/* QoS 2: true when this id is known already, so that the message must not be delivered again. One of an
 * earlier connection (or past its PUBREC) is put in line to be answered again; one in line is answered once.
 */
bool pk_mqtt_in_recognise(struct pk_mqtt_in *in, uint16_t packet_id);
/* The application's answer. false when the handle is of no unanswered message. */
bool pk_mqtt_in_answer(struct pk_mqtt_in *in, uint32_t handle, uint8_t reason);
uint32_t pk_mqtt_in_answer_all(struct pk_mqtt_in *in);
/* The oldest message when its answer is ready: PUBACK or PUBREC may be sent. NULL else. */
const struct pk_mqtt_in_slot *pk_mqtt_in_ready(const struct pk_mqtt_in *in);
/* Its answer was queued: QoS 1 and refused ones end, QoS 2 waits for PUBREL. */
void pk_mqtt_in_sent(struct pk_mqtt_in *in);
enum pk_mqtt_release {
    PK_MQTT_RELEASE_UNKNOWN, /* the id waits for no PUBREL */
    PK_MQTT_RELEASE_DONE,    /* PUBCOMP may follow at once */
    PK_MQTT_RELEASE_LATER    /* once the application has forgotten the id */
};
/* PUBREL came. */
enum pk_mqtt_release pk_mqtt_in_release(struct pk_mqtt_in *in, uint16_t packet_id);
/* The application remembers the id of this message over a crash. false: no such message of QoS 2 without
 * PUBREC. */
bool pk_mqtt_in_keep(struct pk_mqtt_in *in, uint32_t handle);
/* An id kept by an earlier process. false: no free slot. */
bool pk_mqtt_in_restore(struct pk_mqtt_in *in, uint16_t packet_id);
/* The ids to be remembered: their count, as many as fit written. */
uint32_t pk_mqtt_in_kept(const struct pk_mqtt_in *in, uint16_t *ids, uint32_t cap);
/* Released ids are being forgotten: from here on they are not among the kept ones. Their count. */
uint32_t pk_mqtt_in_forget_begin(struct pk_mqtt_in *in);
/* What was begun is done. */
void pk_mqtt_in_forget_done(struct pk_mqtt_in *in);
/* A slot whose PUBCOMP is due, or PK_MQTT_NO_SLOT; and that it was queued. */
uint16_t pk_mqtt_in_completion(const struct pk_mqtt_in *in);
void pk_mqtt_in_completed(struct pk_mqtt_in *in, uint16_t slot);
/* The connection is gone: QoS 1 is forgotten (the server sends it again), QoS 2 is held. */
void pk_mqtt_in_lost(struct pk_mqtt_in *in);
/* The server has no session: nothing is left of ours. */
void pk_mqtt_in_clear(struct pk_mqtt_in *in);
#endif
