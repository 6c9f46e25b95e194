/* An engine with what it looks at, driven by hand: for tests of detection. */
#ifndef DETECT_RIG_H
#define DETECT_RIG_H

#include "detect/pk_engine.h"

struct detect_rig {
    struct pk_types types;
    struct pk_sources sources;
    struct pk_textring text;
    struct pk_history history;
    struct pk_engine engine;
    struct pk_diag diag;
    uint64_t now_ms;
    uint32_t number;
};

/* Clock at 1,000,000 ms; the rules are one file "test.rules" and nothing shipped. Returns what the load said.
 */
int detect_rig_init(struct detect_rig *r, const char *rules);
int detect_rig_load(struct detect_rig *r, const char *rules);
/* An event at now, not yet given to the engine. */
struct pk_event detect_rig_event(struct detect_rig *r, const char *type, const char *source,
                                 enum pk_severity severity);
struct pk_event detect_rig_value(struct detect_rig *r, const char *type, const char *source, double value);
/* Adds a field: before the event is given, once per event. */
void detect_rig_field(struct detect_rig *r, struct pk_event *e, const char *name, const char *value);
void detect_rig_correlation(struct detect_rig *r, struct pk_event *e, const char *id);
/* Into history and engine. */
void detect_rig_give(struct detect_rig *r, const struct pk_event *e);
/* Advances the clock and ticks whenever the engine asks for it. */
void detect_rig_wait(struct detect_rig *r, uint64_t ms);
/* Next finding's kind, or -1; the finding is in *out. */
int detect_rig_finding(struct detect_rig *r, struct pk_finding *out);

#endif
