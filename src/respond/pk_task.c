#include "respond/pk_task.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"
#include "base/pk_hash.h"
#include "wire/pk_record.h"

enum { RECORD_VERSION = 1, DAY_MIN = 1440, MIN_MS = 60000, FIRST_MS = 60000 };
static const uint64_t EVERY_MS_MAX = 30ull * 86400000u;
static const int64_t DAY_MS = 86400000;

const char PK_TASK_UNKNOWN_KEY[] = "unknown key '{}'";

static const char *const RESULTS[PK_TASK_RESULT_COUNT] = {
    [PK_TASK_NEVER] = "never",         [PK_TASK_COMPLETED] = "completed", [PK_TASK_FAILED] = "failed",
    [PK_TASK_TIMED_OUT] = "timed_out", [PK_TASK_STOPPED] = "stopped",     [PK_TASK_REFUSED] = "refused"};
static const char *const DAYS[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const KEYS[] = {"about", "action", "target", "every",     "at",
                                   "days",  "jitter", "window", "component", "enabled"};

const char *pk_task_result_word(uint8_t result) {
    return result < PK_TASK_RESULT_COUNT ? RESULTS[result] : "unknown";
}

const char *pk_task_key_word(uint32_t index) {
    return index < sizeof KEYS / sizeof KEYS[0] ? KEYS[index] : NULL;
}

int pk_task_open(struct pk_task_rows *t, struct pk_str name) {
    if (!pk_text_is_id(name, "", PK_TASK_NAME_BYTES - 1)) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        if (pk_str_eq_c(name, t->rows[i].name)) {
            return (int)i;
        }
    }
    if (t->count == PK_LIMIT_TASKS) {
        return PK_E_FULL;
    }
    struct pk_task_row *r = &t->rows[t->count];
    *r = (struct pk_task_row){
        .every_ms = PK_TASK_EVERY_MS, .jitter_ms = UINT32_MAX, .at_min = PK_TASK_NO_TIME, .is_on = true};
    (void)pk_str_copy_cut(name, r->name, sizeof r->name);
    return (int)t->count++;
}

/* ---- values ---- */

static const char *set_span(uint32_t *out, struct pk_str value, uint64_t least_ms, uint64_t most_ms) {
    uint64_t ms = 0;
    if (pk_parse_duration_ms(value, &ms) < 0) {
        return "'{}' is not a duration such as 30s, 5m, 1h";
    }
    if (ms < least_ms || ms > most_ms) {
        return "'{}' is too short or too long";
    }
    *out = (uint32_t)ms;
    return NULL;
}

static const char *set_time(uint16_t *out, struct pk_str value) {
    uint64_t hour = 0, minute = 0;
    if (value.n != 5 || value.p[2] != ':' || pk_parse_u64(pk_str_make(value.p, 2), &hour) < 0 ||
        pk_parse_u64(pk_str_make(value.p + 3, 2), &minute) < 0 || hour > 23 || minute > 59) {
        return "'{}' is not a time of day, UTC, such as 03:30";
    }
    *out = (uint16_t)(hour * 60u + minute);
    return NULL;
}

static const char *set_days(uint8_t *out, struct pk_str value) {
    struct pk_str piece;
    uint8_t days = 0;
    while (pk_str_split(&value, ',', &piece)) {
        const uint8_t before = days;
        for (unsigned d = 0; d < 7; d++) {
            days |= pk_str_eq_nocase(pk_str_trim(piece), DAYS[d]) ? (uint8_t)(1u << d) : 0;
        }
        if (days == before) {
            return "'{}' is not a list of different days: mon, tue, wed, thu, fri, sat, sun";
        }
    }
    *out = days;
    return NULL;
}

static const char *set_text(char *out, size_t cap_bytes, struct pk_str value) {
    return value.n == 0 || pk_str_copy(value, out, cap_bytes) < 0 ? "'{}' is empty or too long" : NULL;
}

const char *pk_task_set(struct pk_task_row *r, struct pk_str key, struct pk_str value) {
    if (pk_str_eq_c(key, "about")) {
        return set_text(r->about, sizeof r->about, value);
    }
    if (pk_str_eq_c(key, "action")) {
        return pk_text_is_id(value, "", PK_ACTION_NAME_BYTES - 1)
                   ? set_text(r->action, sizeof r->action, value)
                   : "'{}' is not the name of an action";
    }
    if (pk_str_eq_c(key, "target")) {
        return pk_action_target_is_valid(value) ? set_text(r->target, sizeof r->target, value)
                                                : "'{}' cannot be a target";
    }
    if (pk_str_eq_c(key, "component")) {
        return set_text(r->component, sizeof r->component, value);
    }
    if (pk_str_eq_c(key, "every")) {
        return set_span(&r->every_ms, value, 1000, EVERY_MS_MAX);
    }
    if (pk_str_eq_c(key, "jitter")) {
        return set_span(&r->jitter_ms, value, 0, 86400000u);
    }
    if (pk_str_eq_c(key, "window")) {
        return set_span(&r->window_ms, value, 1000, EVERY_MS_MAX);
    }
    if (pk_str_eq_c(key, "at")) {
        return set_time(&r->at_min, value);
    }
    if (pk_str_eq_c(key, "days")) {
        return set_days(&r->days, value);
    }
    if (pk_str_eq_c(key, "enabled")) {
        return pk_parse_bool(value, &r->is_on) < 0 ? "'{}' is not yes or no" : NULL;
    }
    return PK_TASK_UNKNOWN_KEY;
}

const char *pk_task_lacks(const struct pk_task_row *r) {
    if ((r->action[0] == '\0') == (r->window_ms == 0)) {
        return "[maintenance {}] needs either an action or a window";
    }
    return r->days != 0 && r->at_min == PK_TASK_NO_TIME ? "[maintenance {}] has days, but no time: at" : NULL;
}

static void put_two(struct pk_buf *b, uint32_t n) {
    pk_buf_puts(b, n < 10 ? "0" : "");
    pk_buf_put_u64(b, n);
}

void pk_task_put_when(const struct pk_task_row *r, struct pk_buf *out) {
    if (r->at_min == PK_TASK_NO_TIME) {
        pk_buf_puts(out, "every ");
        pk_buf_put_duration(out, r->every_ms);
        return;
    }
    pk_buf_puts(out, "at ");
    put_two(out, r->at_min / 60u);
    pk_buf_puts(out, ":");
    put_two(out, r->at_min % 60u);
    pk_buf_puts(out, " UTC");
    const char *before = " on ";
    for (unsigned d = 0; d < 7; d++) {
        if ((r->days & 1u << d) != 0) {
            pk_buf_puts(out, before);
            pk_buf_puts(out, DAYS[d]);
            before = ", ";
        }
    }
}

/* ---- when ---- */

/* A tenth of the interval, at most ten minutes, so that a fleet does not move in step. */
static uint64_t jitter_of(struct pk_tasks *t, const struct pk_task_row *r) {
    const uint32_t tenth_ms = r->every_ms / 10u < 600000u ? r->every_ms / 10u : 600000u;
    const uint32_t most_ms = r->jitter_ms != UINT32_MAX     ? r->jitter_ms
                             : r->at_min == PK_TASK_NO_TIME ? tenth_ms
                                                            : 0u;
    return pk_rng_below(&t->rng, (uint64_t)most_ms + 1u);
}

static bool is_clock_sure(const struct pk_stamp *now) {
    return now->quality >= PK_TIME_NTP && now->wall_ms > 0;
}

/* The first moment of the row after `after`. */
static int64_t next_moment(const struct pk_task_row *r, int64_t after_ms) {
    const int64_t day = after_ms / DAY_MS;
    for (int64_t k = 0; k < 9; k++) {
        const int64_t moment = (day + k) * DAY_MS + (int64_t)r->at_min * MIN_MS;
        const unsigned weekday =
            (unsigned)((day + k + 3) % 7); /* the first day of Unix time was a Thursday */
        if (moment > after_ms && (r->days == 0 || (r->days & 1u << weekday) != 0)) {
            return moment;
        }
    }
    return INT64_MAX;
}

static void schedule(struct pk_tasks *t, const struct pk_task_row *r, struct pk_task_state *s,
                     const struct pk_stamp *now) {
    s->due_wall_ms = 0;
    s->due_mono_ms = 0;
    s->is_guess = false;
    if (r->at_min != PK_TASK_NO_TIME) {
        s->due_wall_ms = is_clock_sure(now) ? next_moment(r, now->wall_ms) + (int64_t)jitter_of(t, r) : 0;
        return;
    }
    uint64_t wait_ms = r->every_ms;
    const bool is_of_before = s->last_mono_ms == 0 && s->last_wall_ms > 0;
    s->is_guess = is_of_before && !is_clock_sure(now);
    if (is_of_before && is_clock_sure(now) && now->wall_ms > s->last_wall_ms) {
        const uint64_t ago_ms = (uint64_t)(now->wall_ms - s->last_wall_ms);
        const uint64_t left_ms = ago_ms < wait_ms ? wait_ms - ago_ms : 0u;
        wait_ms =
            left_ms > FIRST_MS || left_ms >= r->every_ms ? left_ms : FIRST_MS; /* not while all starts */
    }
    wait_ms = wait_ms < r->every_ms ? wait_ms : r->every_ms;
    s->due_mono_ms = now->mono_ms + wait_ms + jitter_of(t, r);
}

static bool is_due(struct pk_tasks *t, const struct pk_task_row *r, struct pk_task_state *s,
                   const struct pk_stamp *now) {
    if (r->at_min == PK_TASK_NO_TIME) {
        if (s->due_mono_ms == 0 || (s->is_guess && is_clock_sure(now))) {
            schedule(t, r, s, now);
        }
        return now->mono_ms >= s->due_mono_ms;
    }
    if (!is_clock_sure(now)) {
        return false;
    }
    /* The clock was set back by more than there is between two times, or jumped over one. */
    const bool is_far = s->due_wall_ms - now->wall_ms > 9 * DAY_MS;
    if (s->due_wall_ms == 0 || is_far || now->wall_ms - s->due_wall_ms > PK_TASK_LATE_MS) {
        schedule(t, r, s, now);
    }
    return now->wall_ms >= s->due_wall_ms;
}

int pk_tasks_due(struct pk_tasks *t, const struct pk_task_rows *rows, const struct pk_stamp *now) {
    int found = -1;
    for (uint32_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].is_on && is_due(t, &rows->rows[i], &t->states[i], now) && found < 0) {
            found = (int)i;
        }
    }
    return found;
}

uint64_t pk_tasks_wait_ms(const struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                          const struct pk_stamp *now) {
    PK_ASSERT(row < rows->count);
    const struct pk_task_row *r = &rows->rows[row];
    const struct pk_task_state *s = &t->states[row];
    if (!r->is_on ||
        (r->at_min != PK_TASK_NO_TIME ? s->due_wall_ms == 0 || !is_clock_sure(now) : s->due_mono_ms == 0)) {
        return UINT64_MAX;
    }
    if (r->at_min != PK_TASK_NO_TIME) {
        return s->due_wall_ms > now->wall_ms ? (uint64_t)(s->due_wall_ms - now->wall_ms) : 0u;
    }
    return s->due_mono_ms > now->mono_ms ? s->due_mono_ms - now->mono_ms : 0u;
}

/* ---- runs ---- */

void pk_tasks_init(struct pk_tasks *t, uint64_t seed) {
    memset(t, 0, sizeof *t);
    t->seed = seed;
    pk_rng_seed(&t->rng, seed);
}

/* A row that was off may have been due long ago. */
static bool is_as_often(const struct pk_task_row *a, const struct pk_task_row *b) {
    return a->every_ms == b->every_ms && a->at_min == b->at_min && a->days == b->days &&
           a->jitter_ms == b->jitter_ms && a->is_on == b->is_on;
}

void pk_tasks_take(struct pk_tasks *t, const struct pk_task_rows *old, const struct pk_task_rows *rows,
                   const struct pk_stamp *now) {
    struct pk_task_state *kept = t->spare;
    memset(t->spare, 0, sizeof t->spare);
    for (uint32_t i = 0; i < rows->count; i++) {
        for (uint32_t k = 0; k < old->count; k++) {
            if (strcmp(rows->rows[i].name, old->rows[k].name) != 0) {
                continue;
            }
            kept[i] = t->states[k];
            if (!is_as_often(&rows->rows[i], &old->rows[k])) {
                schedule(t, &rows->rows[i], &kept[i], now);
            }
        }
    }
    memcpy(t->states, t->spare, sizeof t->states);
}

void pk_tasks_begin(struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                    const struct pk_stamp *now) {
    PK_ASSERT(row < rows->count);
    struct pk_task_state *s = &t->states[row];
    s->last_mono_ms = now->mono_ms > 0 ? now->mono_ms : 1u;
    s->last_wall_ms = now->wall_ms;
    s->is_dirty = true;
    schedule(t, &rows->rows[row], s, now);
}

void pk_tasks_end(struct pk_tasks *t, uint32_t row, uint8_t result, struct pk_str said) {
    PK_ASSERT(row < PK_LIMIT_TASKS && result < PK_TASK_RESULT_COUNT);
    struct pk_task_state *s = &t->states[row];
    s->result = result;
    s->is_dirty = true;
    (void)pk_str_copy_cut(said, s->said, sizeof s->said);
    if (result == PK_TASK_REFUSED) {
        return;
    }
    const bool is_well = result == PK_TASK_COMPLETED;
    if (s->run_count < UINT32_MAX) { /* both stay: what is stored has to be possible */
        s->run_count++;
        s->completed_count += is_well ? 1u : 0u;
    }
    s->recent = s->recent << 1u | (is_well ? 1u : 0u);
    s->recent_count = (uint8_t)(s->recent_count + (s->recent_count < PK_TASK_RECENT ? 1u : 0u));
}

uint32_t pk_tasks_share(const struct pk_task_state *s) {
    uint32_t well = 0;
    for (uint32_t i = 0; i < s->recent_count; i++) {
        well += s->recent >> i & 1u;
    }
    return s->recent_count == 0 ? 100u : well * 100u / s->recent_count;
}

/* ---- the store ---- */

void pk_tasks_pack(const struct pk_tasks *t, const struct pk_task_rows *rows, uint32_t row,
                   uint8_t key[PK_TASK_KEY_BYTES], uint8_t value[PK_TASK_VALUE_BYTES], uint32_t *out_bytes) {
    PK_ASSERT(row < rows->count);
    const struct pk_task_state *s = &t->states[row];
    const uint64_t hash = pk_hash64(rows->rows[row].name, strlen(rows->rows[row].name));
    struct pk_writer w;
    key[0] = (uint8_t)'t';
    for (unsigned i = 0; i < 8; i++) {
        key[1 + i] = (uint8_t)(hash >> (56u - 8u * i));
    }
    pk_writer_init(&w, value, PK_TASK_VALUE_BYTES);
    pk_put_u8(&w, PK_RECORD_TASK);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_i64(&w, s->last_wall_ms);
    pk_put_u32(&w, s->run_count);
    pk_put_u32(&w, s->completed_count);
    pk_put_u32(&w, s->recent);
    pk_put_u8(&w, s->recent_count);
    pk_put_u8(&w, s->result);
    PK_ASSERT(!w.is_full);
    *out_bytes = w.n;
}

static bool is_of(const struct pk_task_row *r, struct pk_str key) {
    const uint64_t hash = pk_hash64(r->name, strlen(r->name));
    for (unsigned i = 0; i < 8; i++) {
        if ((uint8_t)key.p[1 + i] != (uint8_t)(hash >> (56u - 8u * i))) {
            return false;
        }
    }
    return true;
}

int pk_tasks_restore(struct pk_tasks *t, const struct pk_task_rows *rows, struct pk_str key,
                     struct pk_str value) {
    struct pk_task_state s = {0};
    struct pk_reader r;
    if (key.n != PK_TASK_KEY_BYTES) {
        return PK_E_CORRUPT;
    }
    pk_reader_init(&r, value.p, value.n);
    const bool is_kind = pk_get_u8(&r) == PK_RECORD_TASK && pk_get_u8(&r) == RECORD_VERSION;
    s.last_wall_ms = pk_get_i64(&r);
    s.run_count = pk_get_u32(&r);
    s.completed_count = pk_get_u32(&r);
    s.recent = pk_get_u32(&r);
    s.recent_count = pk_get_u8(&r);
    s.result = pk_get_u8(&r);
    if (!is_kind || !pk_reader_done(&r) || s.result >= PK_TASK_RESULT_COUNT ||
        s.recent_count > PK_TASK_RECENT || s.completed_count > s.run_count || s.last_wall_ms < 0) {
        return PK_E_CORRUPT;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        if (is_of(&rows->rows[i], key)) {
            t->states[i] = s;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}
