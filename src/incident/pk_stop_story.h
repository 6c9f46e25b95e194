#ifndef PK_STOP_STORY_H
#define PK_STOP_STORY_H
/* Why what ran before ended (DESIGN 9, "Reboot story"): told from marks that were left on purpose (the clean
 * stop in the store, the kernel's boot id beside it), by the kernel (pstore, the watchdog's boot status, its
 * count of kills for memory) and by the supervisor (wait status, whether it ended an agent that hung). Pure.
 */
#include <stdbool.h>

#include "base/pk_text.h"

enum pk_stop {
    PK_STOP_UNKNOWN, /* nothing is known of a run before: the first start, a new store */
    PK_STOP_CLEAN,
    PK_STOP_WATCHDOG,
    PK_STOP_PANIC,
    PK_STOP_OOM,
    PK_STOP_POWER,
    PK_STOP_CRASH,  /* of picketd: by its own fault */
    PK_STOP_KILLED, /* of picketd: by somebody, or with an exit of its own that was not asked for */
    PK_STOP_STORE,  /* of picketd: by itself, to open its store anew */
    PK_STOP_COUNT
};

/* What a dump of the kernel's log says; of several the later one. */
enum pk_stop_trace {
    PK_STOP_TRACE_NONE,
    PK_STOP_TRACE_OOPS, /* something broke, and the kernel went on */
    PK_STOP_TRACE_PANIC,
    PK_STOP_TRACE_LOCKUP, /* panic of the kernel's own watchdogs */
    PK_STOP_TRACE_OOM     /* panic for want of memory */
};

#define PK_STOP_NO_EXIT 0xFFFFFFFFu
enum { PK_STOP_LINE_BYTES = 124, PK_STOP_STORY_BYTES = 240 };

struct pk_stop_facts {
    uint64_t kernel_boot, kernel_boot_before; /* 0 = not known */
    bool was_clean;                           /* the store has the mark of a clean stop */
    bool was_hung;                            /* the supervisor ended it because it did not tick */
    bool has_watchdog_fired;                  /* the board's, before this boot */
    bool is_trace_new;                        /* it was not told at a start before */
    uint8_t trace;                            /* enum pk_stop_trace */
    uint32_t exit_status;                     /* wait status of the agent before, 0xFFFFFFFF: none */
    uint32_t oom_kill_count;                  /* by the kernel while that agent ran */
    int64_t alive_wall_ms;                    /* last known good time before; 0 = none */
    const char *line;                         /* of the trace, terminated */
};

/* Reads a dump; *out_line gets the telling line without its time, cut and made printable. */
enum pk_stop_trace pk_stop_trace_of(struct pk_str dump, char out_line[PK_STOP_LINE_BYTES]);
/* *out_is_machine: the machine started anew, not only picketd. */
enum pk_stop pk_stop_of(const struct pk_stop_facts *f, bool *out_is_machine);
const char *pk_stop_word(enum pk_stop stop);
/* Nobody asked for it: worth an incident. One that was killed was killed by somebody. */
bool pk_stop_is_unexpected(enum pk_stop stop);
/* One sentence with the facts it stands on. */
void pk_stop_story(const struct pk_stop_facts *f, enum pk_stop stop, bool is_machine, struct pk_buf *out);
#endif
