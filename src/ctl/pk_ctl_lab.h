#ifndef PK_CTL_LAB_H
#define PK_CTL_LAB_H
/* The engine and the incidents of a gateway without a gateway: events in, incidents out, in the time the
 * events bring. The same events give the same bytes. About 2 MB with the limits of a small board; from the
 * heap. */
#include "detect/pk_engine.h"
#include "detect/pk_threshold.h"
#include "event/pk_intake.h"
#include "incident/pk_incidents.h"

struct pk_ctl_lab {
    struct pk_intake intake;
    struct pk_history history;
    struct pk_thresholds thresholds; /* the defaults; may be changed before the rules are given */
    struct pk_engine engine;
    struct pk_incidents incidents;
    struct pk_stamp now;
    struct pk_incident *records; /* by number - 1: as they were last seen */
    uint32_t record_count, record_cap;
    uint64_t event_count;
    uint64_t refused_count;    /* duplicates, and what found no room: the ledger has the reasons */
    uint64_t folded_count;     /* events whose source found no room among the names: of the source "others" */
    uint64_t dropped_count;    /* incidents that found no room */
    bool is_started, is_short; /* is_short: memory ran out */
    /* Called for every finding before it becomes an incident; NULL = nobody. */
    void (*on_finding)(void *ctx, const struct pk_ctl_lab *lab, const struct pk_finding *finding);
    void *ctx;
};

/* NULL when memory is short. crypto is kept. */
struct pk_ctl_lab *pk_ctl_lab_open(const struct pk_port_crypto *crypto);
void pk_ctl_lab_close(struct pk_ctl_lab *lab); /* NULL is fine */
/* Before the first event. As pk_engine_load. */
PK_MUST_USE int pk_ctl_lab_rules(struct pk_ctl_lab *lab, const struct pk_rule_file *files,
                                 uint32_t file_count, struct pk_diag *out_diag);
/* Moves time on to the event's own and gives it to the engine. An event that brings no time is at the time of
 * the one before. The first one sets the clock. Fields source and has_time may be changed. */
void pk_ctl_lab_event(struct pk_ctl_lab *lab, struct pk_event_in *event);
/* Time alone: what is due until then happens. */
void pk_ctl_lab_advance(struct pk_ctl_lab *lab, int64_t wall_ms);
/* After the last event: the records are what they are now. */
void pk_ctl_lab_finish(struct pk_ctl_lab *lab);
/* One JSON object without line end; false when it does not fit. */
bool pk_ctl_lab_put(const struct pk_incident *record, struct pk_buf *out);
#endif
