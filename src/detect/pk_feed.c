#include "detect/pk_feed.h"

#include "detect/pk_cond.h"
#include "detect/pk_eval.h"
#include "detect/pk_match.h"

enum { PROMISE_S_MAX = 7 * 24 * 3600, PROMISE_MS_MAX = PROMISE_S_MAX * 1000 };

static bool is_replayed(const struct pk_event *event) {
    return (event->flags & PK_EVENT_REPLAYED) != 0;
}

/* Brackets, which most rules do not have. */
static bool is_in_brackets(const struct pk_engine *e, const struct pk_rule *r, const struct pk_event *event) {
    return r->when.term_count == 0 || pk_match_terms(e, r, r->when.term_first, r->when.term_count, event);
}

/* The clock of the window: replayed events are among themselves, on the clock they were stamped with. */
static uint32_t window_time(const struct pk_engine *e, const struct pk_event *event) {
    return (uint32_t)pk_cond_clock(e, event);
}

static bool is_later(uint32_t a_ms, uint32_t b_ms) {
    return (int32_t)(a_ms - b_ms) > 0;
}

static void note_value(struct pk_engine *e, const struct pk_window *w, const struct pk_event *event,
                       bool is_counted) {
    if (w->active == PK_WINDOW_NO_ACTIVE) {
        return;
    }
    struct pk_active *a = &e->active[w->active];
    if ((event->flags & PK_EVENT_HAS_VALUE) != 0) {
        a->has_value = true;
        a->value = event->value;
    }
    a->event_count += is_counted ? 1u : 0u;
    pk_judge_note(e, a, e->rules.rows[w->rule], is_counted ? event : NULL);
}

/* Every event of `on` weighs in a ratio. */
static void add_ratio(struct pk_engine *e, uint32_t slot, const struct pk_rule *r,
                      const struct pk_event *event) {
    const struct pk_rule_raise *raise = r->raise_count > 0 ? pk_rule_raise_of(r, PK_RAISE_RATIO) : NULL;
    if (raise != NULL) {
        pk_judge_ratio_add(&e->windows, slot, r->when.within_ms, pk_cond_clock(e, event),
                           pk_match_terms(e, r, raise->term_first, raise->term_count, event));
    }
}

/* An event of `on` outside count(...): it breaks a run, weighs in a ratio, and may show recovery. */
static void feed_uncounted(struct pk_engine *e, uint32_t slot, const struct pk_rule *r,
                           const struct pk_event *event) {
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t time_ms = window_time(e, event);
    add_ratio(e, slot, r, event);
    if (r->consecutive > 0) {
        pk_windows_clear_times(&e->windows, slot);
    }
    if (w->active != PK_WINDOW_NO_ACTIVE && is_later(time_ms, w->last_ms)) {
        w->gap_ms = time_ms - w->last_ms;
        w->last_ms = time_ms;
        w->is_heard = true;
    }
    note_value(e, w, event, false);
    if (!is_replayed(event)) {
        pk_eval_window(e, slot, NULL);
    }
}

static void touch_source(struct pk_engine *e, uint16_t rule, const struct pk_event *event, uint32_t time_ms) {
    const uint64_t key = (event->source_id + 1u) | (is_replayed(event) ? PK_MATCH_REPLAYED : 0u);
    bool is_new = false;
    const uint32_t slot = pk_eval_get(e, rule, key, event->source_id, &is_new);
    if (slot != PK_WINDOW_NONE && (is_new || is_later(time_ms, e->windows.slots[slot].last_ms))) {
        pk_windows_touch(&e->windows, slot, time_ms);
    }
}

static void feed_count(struct pk_engine *e, uint16_t rule, const struct pk_rule *r,
                       const struct pk_event *event) {
    uint64_t key = 0;
    if (!pk_match_group(e, r, event, &key, NULL)) {
        return;
    }
    const bool is_counted = is_in_brackets(e, r, event);
    if (!is_counted) {
        const uint32_t have = pk_windows_find(&e->windows, rule, key);
        if (have != PK_WINDOW_NONE) {
            feed_uncounted(e, have, r, event);
        }
        return;
    }
    bool is_new = false;
    const uint32_t slot = pk_eval_get(e, rule, key, event->source_id, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t time_ms = window_time(e, event);
    const bool is_newest = is_new || !is_later(w->last_ms, time_ms);
    pk_windows_push(&e->windows, slot, r->ring_cap, time_ms);
    add_ratio(e, slot, r, event);
    if (is_newest) {
        pk_windows_touch(&e->windows, slot, time_ms);
    }
    if (r->across > 0) {
        touch_source(e, rule, event, time_ms);
    }
    note_value(e, w, event, true);
    if (is_replayed(event)) {
        /* Its clock is the newest time counted: one that comes late does not turn it back. */
        uint32_t newest_ms = time_ms;
        (void)pk_windows_nth(&e->windows, slot, r->ring_cap, 1, &newest_ms);
        pk_eval_replayed(e, slot, event, newest_ms, pk_judge_replayed_count(e, slot));
    } else {
        pk_eval_window(e, slot, event);
    }
}

/* The window that judges one source: its group, or a child of the group of an across rule. */
static uint32_t source_window(struct pk_engine *e, uint16_t rule, const struct pk_rule *r,
                              const struct pk_event *event, bool *out_is_new) {
    const uint64_t key = (event->source_id + 1u) | (is_replayed(event) ? PK_MATCH_REPLAYED : 0u);
    bool is_new = false;
    if (r->across > 0 && pk_eval_get(e, rule, 0, event->source_id, &is_new) == PK_WINDOW_NONE) {
        return PK_WINDOW_NONE;
    }
    return pk_eval_get(e, rule, key, event->source_id, out_is_new);
}

static enum pk_verdict sample_verdict(const struct pk_rule *r, const struct pk_event *event) {
    if ((event->flags & PK_EVENT_HAS_VALUE) == 0) {
        return PK_FAULT;
    }
    return pk_cmp_doubles(event->value, (enum pk_cmp)r->when.cmp, r->when.value) ? PK_TRUE : PK_FALSE;
}

/* A gauge takes samples: events with a value, and faults. */
static void feed_value(struct pk_engine *e, uint16_t rule, const struct pk_rule *r,
                       const struct pk_event *event) {
    if ((event->flags & (PK_EVENT_HAS_VALUE | PK_EVENT_FAULT)) == 0 ||
        (is_replayed(event) && r->across > 0) || !is_in_brackets(e, r, event)) {
        return;
    }
    bool is_new = false;
    const uint32_t slot = source_window(e, rule, r, event, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t time_ms = window_time(e, event);
    if (!is_new && is_later(w->last_ms, time_ms)) {
        return; /* older than what is known */
    }
    const uint32_t gap_ms = w->is_heard ? time_ms - w->last_ms : 0u;
    const enum pk_verdict v = sample_verdict(r, event);
    if (w->run > 0 && (v != PK_TRUE || gap_ms >= pk_judge_stale_ms(r, w))) {
        w->run = 0; /* judged by the gap that was usual before this one */
    }
    w->run = (uint8_t)(v == PK_TRUE && w->run < UINT8_MAX ? w->run + 1u : w->run);
    w->gap_ms = gap_ms > 0 ? gap_ms : w->gap_ms;
    if (w->verdict != (uint8_t)v) {
        pk_eval_set_verdict(e, slot, v);
    }
    pk_windows_touch(&e->windows, slot, time_ms);
    note_value(e, w, event, v == PK_TRUE);
    if (is_replayed(event)) {
        pk_eval_replayed(e, slot, event, time_ms, v == PK_TRUE && w->run >= r->consecutive);
    } else {
        pk_eval_window(e, slot, v == PK_TRUE ? event : NULL);
    }
}

uint32_t pk_feed_promise_ms(const struct pk_engine *e, const struct pk_event *event) {
    if (event->type_id != e->world.heartbeat_type_id) {
        return 0;
    }
    if ((event->flags & PK_EVENT_HAS_VALUE) == 0 || !(event->value > 0.0)) {
        const uint32_t expected_ms = e->world.sources->state[event->source_id].expected_ms;
        return expected_ms > 0 ? expected_ms : e->world.heartbeat_default_ms;
    }
    const double limit_s = (double)PROMISE_S_MAX;
    const uint32_t ms = event->value < limit_s ? (uint32_t)(event->value * 1000.0) : (uint32_t)PROMISE_MS_MAX;
    return ms > 0 ? ms : 1u;
}

/* A sign of life. Replayed ones say nothing about now; a late one is no first sight; a fault is none at all.
 */
static void feed_absent(struct pk_engine *e, uint16_t rule, const struct pk_rule *r,
                        const struct pk_event *event) {
    if (is_replayed(event) || (event->flags & PK_EVENT_FAULT) != 0 || !is_in_brackets(e, r, event)) {
        return;
    }
    const bool is_late = (event->flags & PK_EVENT_LATE) != 0;
    if (is_late && pk_windows_find(&e->windows, rule, event->source_id + 1u) == PK_WINDOW_NONE) {
        return;
    }
    bool is_new = false;
    const uint32_t slot = source_window(e, rule, r, event, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t time_ms = window_time(e, event);
    if (!is_new && is_later(w->last_ms, time_ms)) {
        return;
    }
    w->gap_ms = r->when.promised_factor > 0 ? pk_feed_promise_ms(e, event) : 0u;
    pk_eval_set_verdict(e, slot, PK_FALSE);
    pk_windows_touch(&e->windows, slot, time_ms);
    note_value(e, w, event, false);
    pk_eval_window(e, slot, NULL);
}

void pk_feed_rule(struct pk_engine *e, uint16_t rule_index, const struct pk_event *event) {
    const struct pk_rule *r = e->rules.rows[rule_index];
    if (!r->is_plain) {
        pk_cond_feed(e, rule_index, event);
    } else if (r->when.kind == PK_COND_COUNT) {
        feed_count(e, rule_index, r, event);
    } else if (r->when.kind == PK_COND_VALUE) {
        feed_value(e, rule_index, r, event);
    } else {
        feed_absent(e, rule_index, r, event);
    }
}
