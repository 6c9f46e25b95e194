#ifndef PK_INCIDENT_H
#define PK_INCIDENT_H
/* The incident record (WIRE "Incident") in fixed size: bounded lists, overflow counted. One definition for
 * agent, ctl and hub. */
#include "base/pk_severity.h"
#include "base/pk_time.h"

enum pk_incident_status {
    PK_INC_DETECTED,
    PK_INC_INVESTIGATING,
    PK_INC_MITIGATING,
    PK_INC_MITIGATED,
    PK_INC_RESOLVED,
    PK_INC_CLOSED,
    PK_INC_FALSE_POSITIVE,
    PK_INC_STATUS_COUNT
};
enum pk_incident_stage {
    PK_STAGE_ASSESS,
    PK_STAGE_CONTAIN,
    PK_STAGE_INVESTIGATE,
    PK_STAGE_REMEDIATE,
    PK_STAGE_RECOVER,
    PK_STAGE_POSTMORTEM,
    PK_STAGE_COUNT
};
/* WIRE "Action run states". */
enum pk_run_state {
    PK_RUN_PLANNED,
    PK_RUN_AWAITING_APPROVAL,
    PK_RUN_APPROVED,
    PK_RUN_REJECTED,
    PK_RUN_EXPIRED,
    PK_RUN_REFUSED,
    PK_RUN_WOULD_RUN,
    PK_RUN_EXECUTING,
    PK_RUN_COMPLETED,
    PK_RUN_FAILED,
    PK_RUN_TIMED_OUT,
    PK_RUN_INTERRUPTED,
    PK_RUN_ROLLED_BACK,
    PK_RUN_UNKNOWN,
    PK_RUN_STATE_COUNT
};

enum {
    PK_INC_ID_BYTES = 60, /* "inc_" gateway<=32 "_" boot<=10 "_" n of 5 to 10 digits, and the terminator */
    PK_INC_TITLE_BYTES = 96,
    PK_INC_DESCRIPTION_BYTES = 160,
    PK_INC_NAME_BYTES = 65,
    PK_INC_RULE_BYTES = 48,
    PK_INC_TYPE_BYTES = 40,
    PK_INC_USER_BYTES = 33,
    PK_INC_CAUSE_BYTES = 96,
    PK_INC_NOTE_BYTES = 120,
    PK_INC_SOURCE_EVENTS = 8,
    PK_INC_COMPONENTS = 8,
    PK_INC_CAUSES = 3,
    PK_INC_ACTIONS = 6,
    PK_INC_RECOMMENDED = 4,
    PK_INC_EVIDENCE_BYTES = 96,
    PK_INC_ACTION_BYTES = 33
};

struct pk_incident_event_ref {
    uint32_t boot, sequence; /* event id "<boot>-<n>" */
};
struct pk_incident_cause {
    char cause[PK_INC_CAUSE_BYTES];
    char evidence[PK_INC_EVIDENCE_BYTES];
    uint16_t confidence_milli; /* 0..1000 */
};
struct pk_incident_action {
    uint32_t run;  /* run number of this boot epoch */
    uint8_t state; /* enum pk_run_state */
    char action[PK_INC_ACTION_BYTES];
    char target[PK_INC_NAME_BYTES];
    int64_t at_wall_ms; /* of the last state change */
    int32_t exit_code;  /* meaningful once finished */
    char result[48];    /* a few words */
};

struct pk_incident {
    uint32_t number;      /* n of the id, persistent, never reused */
    uint32_t boot;        /* boot epoch it was made in */
    uint32_t rev;         /* +1 on every change; higher wins */
    bool owes_report;     /* its newest state found no room on the way to the hub, and is to be told yet */
    uint64_t fingerprint; /* first 8 bytes of SHA-256(rule_id NUL group_key), big-endian */
    char id[PK_INC_ID_BYTES];
    char rule_id[PK_INC_RULE_BYTES];
    char type[PK_INC_TYPE_BYTES];
    char group_key[PK_INC_NAME_BYTES];
    char title[PK_INC_TITLE_BYTES];
    char description[PK_INC_DESCRIPTION_BYTES];
    uint8_t severity;      /* enum pk_severity */
    uint8_t status, stage; /* enums above */
    bool is_acked, is_flapping, is_drill, is_replayed;
    bool is_severity_set;  /* by a person: the rule raises it only when it escalates anew */
    bool is_announced;     /* told to people; then its end is told as well, whatever is silent by then */
    bool is_auto_resolved; /* nobody ended it: it stayed clear */
    uint16_t silenced_by;  /* number of the silence that keeps it quiet (pk_silence.h); 0 = none */
    uint16_t blast_count;  /* components that depend on those affected */
    uint16_t child_count;  /* incidents it caused */
    /* Moments; wall_ms and mono_ms 0 = has not happened. */
    struct pk_stamp first_event, detected, acknowledged, mitigated, resolved, closed;
    struct pk_stamp ack_until;         /* the acknowledgement runs out; not set = it does not */
    struct pk_stamp stage_since;       /* it is in its stage since */
    uint32_t stage_ms[PK_STAGE_COUNT]; /* spent in each stage before; UINT32_MAX = that long or longer */
    /* Calls for help (incident/pk_escalation.h): how far, why and when last; when the next comes by itself.
     */
    uint8_t escalation_tier;   /* 0 = nobody was called */
    uint8_t escalation_reason; /* enum pk_escalation_reason */
    struct pk_stamp escalated, escalate_due;
    uint32_t event_count;
    uint32_t source_events_overflow, components_overflow, actions_overflow, flap_count;
    uint8_t source_event_count, component_count, cause_count, action_count, recommended_count;
    struct pk_incident_event_ref source_events[PK_INC_SOURCE_EVENTS];
    uint16_t texts_overflow; /* parts left out because the stored form was full (wire/pk_record.h) */
    char components[PK_INC_COMPONENTS][PK_INC_NAME_BYTES];
    struct pk_incident_cause causes[PK_INC_CAUSES];
    struct pk_incident_action actions[PK_INC_ACTIONS];
    char recommended[PK_INC_RECOMMENDED][PK_INC_ACTION_BYTES];
    char assigned_to[PK_INC_USER_BYTES];
    char acked_by[PK_INC_USER_BYTES];
    char caused_by[PK_INC_ID_BYTES];
    char correlation_id[PK_INC_NAME_BYTES];
    char root_cause[PK_INC_CAUSE_BYTES];
};
#endif
