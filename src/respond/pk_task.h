#ifndef PK_TASK_H
#define PK_TASK_H
/* The maintenance schedule (REQUIREMENTS S2-12 to S2-15, S2-22): rows of the configuration that run an action
 * at intervals or at times of day, or open a maintenance window then, and what became of them. Times of day
 * are UTC; while the clock is not sure they wait, and a moment that passed while nobody was there, or that a
 * clock jumped over, is not made up for. No I/O. */
#include "base/pk_rng.h"
#include "base/pk_time.h"
#include "pk_limits.h"
#include "respond/pk_action.h"

enum {
    PK_TASK_NAME_BYTES = 33,
    PK_TASK_ABOUT_BYTES = 80,
    PK_TASK_SAID_BYTES = 80,
    PK_TASK_KEY_BYTES = 9,
    PK_TASK_VALUE_BYTES = 48,
    PK_TASK_RECENT = 32,        /* outcomes the share is taken of */
    PK_TASK_LATE_MS = 600000,   /* a time of day that is longer ago is past */
    PK_TASK_EVERY_MS = 7200000, /* when nothing is said */
    PK_TASK_NO_TIME = 0xFFFF
};

struct pk_task_row {
    char name[PK_TASK_NAME_BYTES], about[PK_TASK_ABOUT_BYTES];
    char action[PK_ACTION_NAME_BYTES], target[PK_ACTION_TARGET_BYTES];
    char component[PK_ACTION_TARGET_BYTES]; /* glob, of a window; empty: any */
    uint32_t every_ms, jitter_ms;
    uint32_t
        window_ms; /* it opens a maintenance window that long instead of running an action; 0 = it does not */
    uint16_t at_min; /* minute of the day; PK_TASK_NO_TIME: every_ms counts */
    uint8_t days;    /* bit 0 Monday ... bit 6 Sunday; 0 = all; with at_min */
    bool is_on;
};
struct pk_task_rows {
    struct pk_task_row rows[PK_LIMIT_TASKS];
    uint32_t count;
};

enum pk_task_result {
    PK_TASK_NEVER,
    PK_TASK_COMPLETED,
    PK_TASK_FAILED,
    PK_TASK_TIMED_OUT,
    PK_TASK_STOPPED,
    PK_TASK_REFUSED,
    PK_TASK_RESULT_COUNT
};
struct pk_task_state { /* by row */
    int64_t last_wall_ms;
    uint64_t last_mono_ms; /* 0 = not since this start */
    uint64_t due_mono_ms;  /* of an interval */
    int64_t due_wall_ms;   /* of a time of day; 0 = to be worked out */
    uint32_t run_count, completed_count;
    uint32_t recent; /* bit 0: the newest run completed */
    uint8_t recent_count;
    uint8_t result; /* enum pk_task_result */
    bool is_dirty;
    bool is_guess; /* due_mono_ms: the clock could not say how long ago the last run was */
    char said[PK_TASK_SAID_BYTES];
};
struct pk_tasks {
    struct pk_task_state states[PK_LIMIT_TASKS];
    struct pk_task_state spare[PK_LIMIT_TASKS]; /* for a reload */
    struct pk_rng rng;
    uint64_t seed;
};

const char *pk_task_result_word(uint8_t result);
/* A new row with its defaults. Index, or PK_E_FULL; PK_E_BAD_FIELD: not a name. A name that is there already
 * gets its row. */
PK_MUST_USE int pk_task_open(struct pk_task_rows *t, struct pk_str name);
/* NULL, or why the value is wrong; PK_TASK_UNKNOWN_KEY. */
const char *pk_task_set(struct pk_task_row *r, struct pk_str key, struct pk_str value);
extern const char PK_TASK_UNKNOWN_KEY[];
const char *pk_task_key_word(uint32_t index); /* NULL at the end */
/* After everything was read: NULL, or what a row lacks. */
const char *pk_task_lacks(const struct pk_task_row *r);
/* "every 6h", "at 03:30 UTC on Mon, Thu" */
void pk_task_put_when(const struct pk_task_row *r, struct pk_buf *out);

void pk_tasks_init(struct pk_tasks *t, uint64_t seed);
/* The rows are others now: states of rows that stay stay, and so do times of rows that come as often. */
void pk_tasks_take(struct pk_tasks *t, const struct pk_task_rows *old, const struct pk_task_rows *rows,
                   const struct pk_stamp *now);
/* A row whose time has come, or -1. Works out what is not yet. */
int pk_tasks_due(struct pk_tasks *t, const struct pk_task_rows *rows, const struct pk_stamp *now);
/* How long until the row runs; UINT64_MAX: it does not, or nobody knows. */
uint64_t pk_tasks_wait_ms(const struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                          const struct pk_stamp *now);
/* It runs now: its next time is worked out anew. */
void pk_tasks_begin(struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                    const struct pk_stamp *now);
/* said: for people, cut. REFUSED is no run. */
void pk_tasks_end(struct pk_tasks *t, uint32_t row, uint8_t result, struct pk_str said);
/* Percent of the newest runs that completed; 100 before there was one. */
uint32_t pk_tasks_share(const struct pk_task_state *s);

/* Stored as 't' and 8 bytes of the name's hash. */
void pk_tasks_pack(const struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                   uint8_t key[PK_TASK_KEY_BYTES], uint8_t value[PK_TASK_VALUE_BYTES], uint32_t *out_bytes);
/* PK_OK; PK_E_NOT_FOUND: the row is no more; PK_E_CORRUPT. */
PK_MUST_USE int pk_tasks_restore(struct pk_tasks *t, const struct pk_task_rows *rows, struct pk_str key,
                                 struct pk_str value);
#endif
