/* distinct and consecutive.
 *
 * distinct(...) >= K in T: the K values seen last, each with the newest time it was seen. Exact: K values lie
 * in the window when the oldest of these does. Two are taken for one when the 64 bits of their hashes agree
 * (for 64 values at once, one chance in 10^16); sources by name, since the number of a source that was
 * forgotten is given to another one. Each event costs a walk over the K. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "detect/pk_cond.h"

struct seen {
    uint64_t time_ms, hash;
};

struct distinct_state {
    uint32_t used, reserved;
    struct seen seen[]; /* K of them, newest first */
};

static int read_distinct(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    static const char *const WORDS[] = {"source"};
    uint32_t count = 0;
    int err = pk_rule_expect(c, "(");
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str what = pk_rule_peek(c);
    if (pk_str_starts(what, "data.")) {
        err = pk_rule_read_data_name(c, &cond->field);
    } else if (!pk_rule_take_if(c, "source")) {
        return pk_rule_fail_word(c, c->at, "'{}' is not source or data.NAME", what, WORDS,
                                 PK_COUNT_OF(WORDS));
    }
    err = err != PK_OK ? err : pk_rule_expect(c, ")");
    if (err == PK_OK && pk_rule_take_if(c, "of")) {
        err = pk_rule_need_inner(c, r, &cond->term_first, &cond->term_count);
    }
    err = err != PK_OK ? err : pk_rule_expect(c, ">=");
    err = err != PK_OK ? err : pk_rule_read_integer(c, 2, PK_COND_DISTINCT_MAX, &count);
    err = err != PK_OK ? err : pk_rule_expect(c, "in");
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
    cond->count = (uint16_t)count;
    return err;
}

static void put_distinct(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                         const struct pk_rule_cond *c) {
    pk_buf_puts(b, "distinct(");
    if (c->field.n == 0) {
        pk_buf_puts(b, "source");
    } else {
        pk_buf_puts(b, "data.");
        pk_buf_put_str(b, e != NULL ? pk_engine_str(e, r, c->field) : pk_str_of("..."));
    }
    pk_buf_puts(b, c->term_count > 0 ? ") of " : ")");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, " >= ");
    pk_buf_put_u64(b, c->count);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, c->within_ms);
}

static uint32_t distinct_bytes(const struct pk_rule_cond *c) {
    return (uint32_t)(sizeof(struct distinct_state) + c->count * sizeof(struct seen));
}

/* false when the event does not have the field. */
static bool hash_of(const struct pk_cond_at *at, const struct pk_event *event, uint64_t *out) {
    if (at->c->field.n == 0) {
        const char *source = pk_sources_name(at->e->world.sources, event->source_id);
        *out = pk_hash64(source, strlen(source));
        return true;
    }
    struct pk_field f;
    const struct pk_str name = pk_engine_str(at->e, at->r, at->c->field);
    if (!pk_field_find(pk_textring_fields(at->e->world.text, event), name, &f)) {
        return false;
    }
    *out = pk_hash64(f.value.p, f.value.n);
    return true;
}

static bool feed_distinct(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct distinct_state *s = at->state;
    uint64_t hash = 0;
    if (!hash_of(at, in->event, &hash)) {
        return false;
    }
    uint32_t from = 0;
    while (from < s->used && s->seen[from].hash != hash) {
        from++;
    }
    const bool is_known = from < s->used;
    if (!is_known && s->used == at->c->count) {
        from = s->used - 1u; /* the one unseen for the longest time makes room */
    }
    if (from < s->used && s->seen[from].time_ms >= in->time_ms) {
        return true; /* counted; it was seen later, or is too old to matter */
    }
    s->used += from == s->used ? 1u : 0u;
    while (from > 0 && s->seen[from - 1u].time_ms < in->time_ms) {
        s->seen[from] = s->seen[from - 1u];
        from--;
    }
    s->seen[from] = (struct seen){in->time_ms, hash};
    return true;
}

static struct pk_judgement judge_distinct(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct distinct_state *s = at->state;
    const bool is_full = s->used == at->c->count;
    const uint64_t ends_ms = is_full ? s->seen[s->used - 1u].time_ms + at->c->within_ms : 0u;
    if (ends_ms > now_ms) {
        return pk_judgement_of(PK_TRUE, now_ms, ends_ms);
    }
    return pk_judgement_of(PK_FALSE, is_full ? ends_ms : now_ms, UINT64_MAX);
}

static uint32_t distinct_within(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct distinct_state *s = at->state;
    uint32_t n = 0;
    while (n < s->used && s->seen[n].time_ms + at->c->within_ms > now_ms) {
        n++;
    }
    return n;
}

static uint64_t distinct_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct distinct_state *s = at->state;
    const uint32_t n = distinct_within(at, now_ms);
    return n > 0 ? s->seen[n - 1u].time_ms : now_ms;
}

static void put_distinct_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct distinct_state *s = at->state;
    const uint32_t n = distinct_within(at, now_ms);
    pk_buf_put_u64(b, n);
    pk_buf_puts(b, n == s->used && n == at->c->count ? " or more of " : " of ");
    pk_buf_put_u64(b, at->c->count);
    pk_buf_puts(b, at->c->field.n == 0 ? " sources in " : " values in ");
    pk_buf_put_duration(b, at->c->within_ms);
}

const struct pk_cond_ops PK_COND_DISTINCT_OPS = {
    .word = "distinct",
    .read = read_distinct,
    .put = put_distinct,
    .state_bytes = distinct_bytes,
    .feed = feed_distinct,
    .judge = judge_distinct,
    .first_ms = distinct_first_ms,
    .put_numbers = put_distinct_numbers,
};

/* -- consecutive(X) >= N: events of `on` that satisfy X, with none between that does not. Exact; an event
 * older than the last one does not change the run. -- */

struct run_state {
    uint64_t first_ms, last_ms; /* of the run; of the last event */
    uint32_t run;
    uint16_t was_seen, is_adopted; /* adopted: the run began before what was seen */
};

static int read_run(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    uint32_t count = 0;
    int err = pk_rule_need_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_expect(c, ">=");
    err = err != PK_OK ? err : pk_rule_read_integer(c, 2, UINT16_MAX, &count);
    cond->count = (uint16_t)count;
    return err;
}

static void put_run(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                    const struct pk_rule_cond *c) {
    pk_buf_puts(b, "consecutive");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, " >= ");
    pk_buf_put_u64(b, c->count);
}

static uint32_t run_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct run_state);
}

static bool feed_run(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct run_state *s = at->state;
    if (s->was_seen != 0 && in->time_ms < s->last_ms) {
        return false;
    }
    s->was_seen = 1;
    s->last_ms = in->time_ms;
    s->first_ms = s->run == 0 ? in->time_ms : s->first_ms;
    const uint32_t longer = s->run < UINT32_MAX ? s->run + 1u : s->run;
    s->run = in->is_first ? longer : 0u;
    s->is_adopted = in->is_first ? s->is_adopted : 0u;
    return in->is_first;
}

static void adopt_run(const struct pk_cond_at *at) {
    struct run_state *s = at->state;
    s->is_adopted = 1;
}

static struct pk_judgement judge_run(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct run_state *s = at->state;
    if (s->was_seen == 0) {
        return pk_judgement_of(PK_STALE, now_ms, UINT64_MAX);
    }
    const enum pk_verdict short_run = s->is_adopted != 0 ? PK_STALE : PK_FALSE;
    return pk_judgement_of(s->run >= at->c->count ? PK_TRUE : short_run, s->last_ms, UINT64_MAX);
}

static uint64_t run_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct run_state *s = at->state;
    return s->run > 0 ? s->first_ms : now_ms;
}

static void put_run_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct run_state *s = at->state;
    (void)now_ms;
    pk_buf_put_u64(b, s->run);
    pk_buf_puts(b, " in a row, threshold ");
    pk_buf_put_u64(b, at->c->count);
}

const struct pk_cond_ops PK_COND_CONSECUTIVE_OPS = {
    .word = "consecutive",
    .traits = PK_COND_TAKES_ALL,
    .read = read_run,
    .put = put_run,
    .state_bytes = run_bytes,
    .adopt = adopt_run,
    .feed = feed_run,
    .judge = judge_run,
    .first_ms = run_first_ms,
    .put_numbers = put_run_numbers,
};
