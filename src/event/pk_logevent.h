#ifndef PK_LOGEVENT_H
#define PK_LOGEVENT_H
/* A line that was taken apart, and what the patterns say to it, as an event. */
#include "event/pk_event_json.h"
#include "event/pk_logline.h"
#include "event/pk_patterns.h"

/* Type of the event for a line that no pattern knows and that calls itself an error or worse. */
#define PK_LOGEVENT_ERROR "log_error"
/* `event` of patterns whose lines are known and mean nothing. */
#define PK_LOGEVENT_NONE "none"

/* One attempt may be told in several lines ("Invalid user", "authentication failure", "Failed password").
 * Patterns with the same `once` word count apart for each source, and an event comes of a line only when its
 * pattern's count rises above all others: as many events as the most talkative of them tells. Belongs to the
 * caller, one for each log; zeroed. */
enum { PK_LOGEVENT_ONCE_SLOTS = 64, PK_LOGEVENT_ONCE_MS = 300000 /* without a line: starts over */ };
struct pk_logevent_once {
    struct {
        uint64_t key; /* hash of word and source; 0 = free */
        int64_t wall_ms;
        uint32_t counts[PK_PATTERN_ONCE_MAX], most;
    } slots[PK_LOGEVENT_ONCE_SLOTS];
    uint64_t same_count;  /* lines that told what was told already */
    uint64_t moved_count; /* slots taken over by another source */
};

/* PK_OK and *out; PK_E_NOT_FOUND when the line says nothing new. *out_pattern: the one that fitted, also
 * when it says nothing. The source is what the pattern says, else the program, else "log"; has_time is that
 * of the line. */
struct pk_logevent_pattern {
    const struct pk_patterns *table; /* NULL: none */
    uint32_t row;
    uint32_t count; /* events that come of the line: as often as it was said, less what was told already */
};
PK_MUST_USE int pk_logevent_make(const struct pk_patterns_tables *tables, const struct pk_logline *line,
                                 struct pk_logevent_once *once, struct pk_event_in *out,
                                 struct pk_logevent_pattern *out_pattern);
#endif
