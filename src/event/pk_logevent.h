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

/* PK_OK and *out; PK_E_NOT_FOUND when the line says nothing. *out_row: row of the pattern, -1 = none. The
 * source is what the pattern says, else the program, else "log"; has_time is that of the line. */
PK_MUST_USE int pk_logevent_make(const struct pk_patterns *patterns, const struct pk_logline *line,
                                 struct pk_event_in *out, int *out_row);
#endif
