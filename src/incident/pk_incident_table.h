#ifndef PK_INCIDENT_TABLE_H
#define PK_INCIDENT_TABLE_H
/* The rows behind pk_incidents.h: slots, the index by fingerprint, room, and the one way a status moves. For
 * src/incident itself; everybody else uses pk_incidents.h. */
#include "incident/pk_correlate.h"
#include "incident/pk_incident.h"
#include "incident/pk_incident_fsm.h"
#include "incident/pk_incident_id.h"
#include "incident/pk_incident_metrics.h"
#include "incident/pk_rule_card.h"
#include "incident/pk_silence.h"
#include "incident/pk_timeline.h"
#include "pk_limits.h"
#include "port/port.h"

struct pk_incidents_settings {
    uint32_t flap_window_ms; /* fires again this soon after it was resolved: the same incident goes on */
    uint32_t flap_count;     /* so many relapses and reopenings set is_flapping */
    uint32_t recover_ms; /* high and critical: the clear condition must have held so long, what the rule's own
                            clause waited included; lower ones end with the rule. 0 = all do */
    uint32_t escalate_ms,
        escalate_again_ms; /* no response: to the first tier, and from tier to tier; 0 = never */
    uint8_t escalate_tiers, escalate_severity; /* last tier; least enum pk_severity that calls */
    uint32_t assess_ms; /* so long after it opened it is assessed, and investigated unless an action has
                           begun; 0 = a person says so */
    uint32_t
        still_grace_ms; /* a rule that goes on this long after the incident was mitigated takes that back */
};

enum pk_incident_change_kind {
    PK_INC_CHANGED_CREATED = 1,
    PK_INC_CHANGED_STATUS = 2,
    PK_INC_CHANGED_SEVERITY = 4,
    PK_INC_CHANGED_EVENTS = 8,
    PK_INC_CHANGED_ACK = 16,
    PK_INC_CHANGED_ASSIGNED = 32,
    PK_INC_CHANGED_ACTION = 64,
    PK_INC_CHANGED_NOTE = 128,
    PK_INC_CHANGED_FLAPPING = 256,
    PK_INC_CHANGED_CAUSE = 512,
    PK_INC_CHANGED_TIME = 1024,      /* wall times were corrected */
    PK_INC_CHANGED_ESCALATED = 8192, /* a tier was called, or has its deadline */
    PK_INC_CHANGED_ANNOUNCED = 4096, /* told to people now, or kept quiet by another silence than before */
    PK_INC_CHANGED_REMOVED =
        2048, /* it left the table: the stored object may go, the journal stays; .incident is NULL */
    PK_INC_CHANGED_OWED = 16384 /* nothing but that there is room to tell the hub what it is owed */
};
struct pk_incident_change {
    uint32_t number;
    uint32_t kinds;                     /* enum pk_incident_change_kind bits since it was last pulled */
    const struct pk_incident *incident; /* valid until the table is changed */
};
/* What found no room since that was last asked for. */
struct pk_incident_drop {
    uint32_t count; /* of all severities */
    uint32_t by_severity[PK_SEV_COUNT];
    char rule_id[PK_INC_RULE_BYTES]; /* of the last one */
};

/* One row of the table. */
struct pk_incident_slot {
    struct pk_incident incident;
    bool is_unconfirmed;  /* restored open, and its rule has not spoken since the start */
    bool is_cleared;      /* mitigated by the clear condition; resolves at recover_due_ms */
    bool is_held;         /* it did not, because something is still wrong; that was said */
    bool is_mttr_counted; /* mttr_ms is in the metrics of this start */
    uint64_t mttr_ms;
    uint64_t recover_due_ms;
    uint32_t recover_ms;    /* stable time its rule asked for; 0 = that of the settings */
    uint64_t assess_due_ms; /* 0 = not waited for */
    uint64_t orphan_due_ms; /* what caused it has ended; announced when it goes on until then; 0 = not so */
    bool is_orphan;         /* it went on */
    bool is_escalation_new; /* not yet handed out */
    bool is_quiet_said;     /* that it would have been announced */
    uint32_t episode_event_count; /* of the signals of this episode, counted already */
    uint32_t told_event_count;    /* event_count when it was last marked as changed */
    uint64_t mttf_sum_ms;         /* of its fingerprint, carried from incident to incident */
    uint32_t mttf_count;
    struct pk_correlation correlation;
    uint32_t hash_next; /* chain of the fingerprint index */
};

enum {
    PK_INCIDENT_BUCKETS = PK_LIMIT_INCIDENTS,
    PK_INCIDENT_REMOVED = 64,
    PK_INCIDENT_ANY_SILENCE = 1 << PK_SILENCE_QUIET | 1 << PK_SILENCE_MAINTENANCE
};

struct pk_incidents {
    const struct pk_port_crypto *crypto;
    struct pk_incidents_settings settings;
    char gateway[PK_GATEWAY_BYTES];
    uint32_t boot;
    uint32_t next_number;
    uint32_t used_count, open_count, high_count; /* rows taken; not resolved, closed or false positive; slots
                                                    from there on were never used */
    uint32_t changed_count;                      /* slots with change kinds */
    uint64_t due_ms;        /* the earliest of slot_due_ms: pk_incidents_tick has something to do */
    uint32_t spare_slot;    /* + 1: free and zeroed already; 0 = none */
    uint32_t change_cursor; /* where next_change goes on: no slot starves */
    uint32_t buckets[PK_INCIDENT_BUCKETS]; /* slot + 1; 0 = empty */
    uint32_t removed[PK_INCIDENT_REMOVED]; /* numbers that left, for next_change */
    uint32_t removed_count;
    uint64_t removed_lost_count;
    uint32_t owed_count;              /* rows that owe their newest state to the hub */
    uint32_t owed_lost[PK_SEV_COUNT]; /* had to leave before it was told; pending */
    struct pk_incident_drop drop;     /* pending; count 0 = none */
    uint64_t dropped_by_severity[PK_SEV_COUNT];
    struct pk_incident_metrics metrics;
    struct pk_timeline timeline;
    struct pk_silences silences;
    bool is_quiet;        /* nothing is announced */
    bool has_escalations; /* some slot has a new one */
    struct pk_rule_cards cards;
    struct pk_changes changes;
    /* By slot, apart from the slots so that scans stay short. */
    uint32_t numbers[PK_LIMIT_INCIDENTS];      /* 0 = free */
    uint32_t change_kinds[PK_LIMIT_INCIDENTS]; /* not yet pulled */
    uint64_t slot_due_ms[PK_LIMIT_INCIDENTS];  /* time may have something to do there; boot-time ms */
    struct pk_correlate_key keys[PK_LIMIT_INCIDENTS];
    struct pk_incident_slot slots[PK_LIMIT_INCIDENTS];
};

#define PK_INCIDENT_NO_SLOT 0xFFFFFFFFu

/* Slot of a number, or PK_INCIDENT_NO_SLOT. */
uint32_t pk_incident_table_slot(const struct pk_incidents *t, uint32_t number);
/* Newest slot with the fingerprint that is active (resp. has ended), or PK_INCIDENT_NO_SLOT. */
uint32_t pk_incident_table_match(const struct pk_incidents *t, uint64_t fingerprint, bool is_active);
/* As pk_incidents_retire. */
uint32_t pk_incident_table_retire(struct pk_incidents *t, uint64_t keep_ms, uint32_t keep_count,
                                  uint32_t at_most, const struct pk_stamp *now);
/* A free slot for an incident of that severity, making room as pk_incidents.h says, by what is owed to the
 * hub only when it may_forget; zeroed, not yet in the index. PK_INCIDENT_NO_SLOT. */
uint32_t pk_incident_table_take(struct pk_incidents *t, uint8_t severity, bool may_forget);
/* Zeroes the slot that is taken next, when there is time: it is a page or more that nobody touched for long.
 */
void pk_incident_table_prepare(struct pk_incidents *t);
/* The slot's record has its number and fingerprint: put it into the index and the counts. */
void pk_incident_table_enter(struct pk_incidents *t, uint32_t slot);
/* One change: rev + 1, marked. */
void pk_incident_table_touch(struct pk_incidents *t, uint32_t slot, uint32_t kinds);
/* pk_incidents_tick is to look at the slot, or at all of them, at this moment at the latest. */
void pk_incident_table_arm(struct pk_incidents *t, uint32_t slot, uint64_t at_ms);
void pk_incident_table_arm_all(struct pk_incidents *t, uint64_t at_ms);
/* Changes the stage and books the time spent in the one before. */
void pk_incident_table_set_stage(struct pk_incidents *t, uint32_t slot, uint8_t stage,
                                 const struct pk_stamp *now);
/* Clear condition holds (for an incident that is mitigated already) or does not. */
void pk_incident_table_set_cleared(struct pk_incidents *t, uint32_t slot, bool is_cleared, uint64_t due_ms);
/* High and critical: it must stay clear so long. */
uint32_t pk_incident_table_stable_ms(const struct pk_incidents *t, uint32_t slot);
/* The severity changed to another one; why may be empty. Returns PK_INC_CHANGED_SEVERITY. */
uint32_t pk_incident_table_set_severity(struct pk_incidents *t, uint32_t slot, uint8_t severity,
                                        uint8_t source, struct pk_str why, const struct pk_stamp *now);
/* The acknowledgement ran out. */
void pk_incident_table_unack(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now);
/* Counts a duration of the incident, or that it is unknown. */
void pk_incident_table_sample(struct pk_incidents *t, const struct pk_incident *i, enum pk_incident_metric m);
/* Moves the status by the table of states, with stamps, flaps and metrics, and a line on the timeline when
 * something moved. why: what caused it. PK_OK with kinds added to *kinds, or PK_E_CONFLICT. */
PK_MUST_USE int pk_incident_table_move(struct pk_incidents *t, uint32_t slot, enum pk_incident_event event,
                                       uint8_t source, struct pk_str why, const struct pk_stamp *now,
                                       uint32_t *kinds);
void pk_incident_table_say(struct pk_incidents *t, uint32_t slot, uint8_t kind, uint8_t source,
                           const struct pk_stamp *now, struct pk_str text);
#endif
