/* One incident with every field in use: what the golden vectors and the stored form are tested with. */
#ifndef PK_SAMPLE_H
#define PK_SAMPLE_H

#include <string.h>

#include "incident/pk_escalation.h"

static inline struct pk_incident pk_sample_incident(void) {
    const int64_t t = 1790000000000; /* 2026-09-21T14:13:20Z */
    struct pk_incident i = {
        .number = 42,
        .boot = 7,
        .rev = 9,
        .fingerprint = 0x00c0ffee12345678u,
        .id = "inc_gw-1_7_00042",
        .rule_id = "service_down",
        .type = "service_down",
        .group_key = "api",
        .title = "[high] Service down on api",
        .description = "process \"api\" is gone; last seen 14:13:18 \xE2\x80\x94 exit 137",
        .severity = PK_SEV_HIGH,
        .status = PK_INC_RESOLVED,
        .stage = PK_STAGE_POSTMORTEM,
        .is_acked = true,
        .is_flapping = true,
        .is_announced = true,
        .is_severity_set = true,
        .silenced_by = 4,
        .blast_count = 3,
        .child_count = 2,
        .acked_by = "ann",
        .ack_until = {7, 3602250, t + 3601250, PK_TIME_NTP},
        .stage_since = {7, 62250, t + 61250, PK_TIME_NTP},
        .stage_ms = {5000, 25000, 10000, 0, 19999, 0},
        .first_event = {7, 1000, t, PK_TIME_NTP},
        .detected = {7, 2250, t + 1250, PK_TIME_NTP},
        .acknowledged = {7, 32250, t + 31250, PK_TIME_NTP},
        .mitigated = {7, 42251, t + 41251, PK_TIME_NTP},
        .resolved = {7, 62250, t + 61250, PK_TIME_NTP},
        .escalation_tier = 1,
        .escalation_reason = PK_ESC_RESPONSE,
        .escalated = {7, 31250, t + 30250, PK_TIME_NTP},
        .event_count = 12,
        .source_events_overflow = 4,
        .actions_overflow = 1,
        .flap_count = 3,
        .source_event_count = 2,
        .component_count = 2,
        .cause_count = 2,
        .action_count = 1,
        .recommended_count = 2,
        .source_events = {{7, 17}, {7, 18}},
        .components = {"api", "db"},
        .causes = {{"db does not answer", "tcp probe db:5432 failed 3 times before", 875},
                   {"out of memory", "", 50}},
        .actions = {{3, PK_RUN_COMPLETED, "restart_service", "api", 1790000003000, 0, "verified"}},
        .recommended = {"collect_diagnostics", "notify_team"},
        .assigned_to = "alice",
        .caused_by = "inc_gw-1_7_00041",
        .correlation_id = "req-77",
        .root_cause = "db does not answer",
    };
    return i;
}

/* The longest texts and fullest lists a record can hold. */
static inline struct pk_incident pk_sample_fullest(void) {
    struct pk_incident i = pk_sample_incident();
    memset(i.rule_id, 'r', sizeof i.rule_id - 1);
    memset(i.type, 't', sizeof i.type - 1);
    memset(i.group_key, 'g', sizeof i.group_key - 1);
    memset(i.title, 'T', sizeof i.title - 1);
    memset(i.description, 'd', sizeof i.description - 1);
    memset(i.assigned_to, 'u', sizeof i.assigned_to - 1);
    memset(i.acked_by, 'v', sizeof i.acked_by - 1);
    memset(i.correlation_id, 'c', sizeof i.correlation_id - 1);
    memset(i.root_cause, 'R', sizeof i.root_cause - 1);
    memset(i.id, 'i', sizeof i.id - 1);
    memset(i.caused_by, 'I', sizeof i.caused_by - 1);
    i.closed = i.escalate_due = i.resolved;
    i.source_event_count = PK_INC_SOURCE_EVENTS;
    i.component_count = PK_INC_COMPONENTS;
    i.cause_count = PK_INC_CAUSES;
    i.action_count = PK_INC_ACTIONS;
    i.recommended_count = PK_INC_RECOMMENDED;
    for (unsigned k = 0; k < PK_INC_COMPONENTS; k++) {
        memset(i.components[k], 'a' + (int)k, PK_INC_NAME_BYTES - 1);
    }
    for (unsigned k = 0; k < PK_INC_CAUSES; k++) {
        memset(i.causes[k].cause, 'C', PK_INC_CAUSE_BYTES - 1);
        memset(i.causes[k].evidence, 'E', PK_INC_EVIDENCE_BYTES - 1);
    }
    for (unsigned k = 0; k < PK_INC_ACTIONS; k++) {
        i.actions[k].run = k + 1;
        memset(i.actions[k].action, 'A', PK_INC_ACTION_BYTES - 1);
        memset(i.actions[k].target, 'x', PK_INC_NAME_BYTES - 1);
        memset(i.actions[k].result, 'z', sizeof i.actions[k].result - 1);
    }
    for (unsigned k = 0; k < PK_INC_RECOMMENDED; k++) {
        memset(i.recommended[k], 'n', PK_INC_ACTION_BYTES - 1);
    }
    return i;
}
#endif
