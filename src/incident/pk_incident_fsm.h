#ifndef PK_INCIDENT_FSM_H
#define PK_INCIDENT_FSM_H
/* The lifecycle of an incident as one const table [status][event]; an empty cell is illegal. */
#include "incident/pk_incident.h"

enum pk_incident_event {
    PK_INC_ON_FIRED, /* the rule fired (again) for this fingerprint */
    PK_INC_ON_ACKNOWLEDGED,
    PK_INC_ON_ACTION_STARTED,
    PK_INC_ON_ACTION_SUCCEEDED, /* and verified, when the row verifies */
    PK_INC_ON_ACTION_FAILED,
    PK_INC_ON_CLEARED,  /* the rule's clear condition holds */
    PK_INC_ON_STABLE,   /* it held for the recovery time */
    PK_INC_ON_ASSESSED, /* what is affected and how badly is known, and no action has begun */
    /* by a person: `incidents status ID WORD` */
    PK_INC_ON_SET_DETECTED,
    PK_INC_ON_SET_INVESTIGATING,
    PK_INC_ON_SET_MITIGATING,
    PK_INC_ON_SET_MITIGATED,
    PK_INC_ON_SET_RESOLVED,
    PK_INC_ON_CLOSED,
    PK_INC_ON_FALSE_POSITIVE,
    PK_INC_EVENT_COUNT
};

enum pk_incident_effect {
    PK_INC_DO_ACK = 1,      /* acked, stamp acknowledged */
    PK_INC_DO_MITIGATE = 2, /* stamp mitigated */
    PK_INC_DO_RESOLVE = 4,  /* stamp resolved, count mttr */
    PK_INC_DO_CLOSE = 8,    /* stamp closed */
    PK_INC_DO_RELAPSE = 16, /* was mitigated, is not any more: take the stamp back, count a flap */
    PK_INC_DO_REOPEN =
        32, /* was resolved, is not any more: take the stamps and the mttr sample back, count a flap */
    PK_INC_DO_JOIN = 64,       /* absorb the events */
    PK_INC_DO_UNMITIGATE = 128 /* work goes on: take the mitigated stamp back, no flap */
};

struct pk_incident_cell {
    bool is_legal;
    bool keeps_stage;      /* stay in the stage it is in */
    uint8_t status, stage; /* after the event */
    uint8_t effects;       /* enum pk_incident_effect bits */
};

/* PK_OK and the cell, or PK_E_CONFLICT (illegal: nothing may change). */
PK_MUST_USE int pk_incident_fsm_next(uint8_t status, enum pk_incident_event event,
                                     struct pk_incident_cell *out);
/* The event a status word asked for by a person stands for. */
enum pk_incident_event pk_incident_fsm_event_of(uint8_t wanted_status);
const char *pk_incident_event_word(enum pk_incident_event event);
/* Of one enum pk_incident_effect bit; "unknown" for anything else. */
const char *pk_incident_effect_word(uint8_t effect);
/* One line per legal cell: "detected + fired -> detected/assess: join". About 4 KiB; check out->is_cut. */
void pk_incident_fsm_print(struct pk_buf *out);
#endif
