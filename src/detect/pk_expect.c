#include "detect/pk_expect.h"

#include "detect/pk_eval.h"
#include "detect/pk_finding.h"
#include "detect/pk_match.h"

static uint32_t owed_ms(const struct pk_source *s) {
    return s->promised_ms > 0 ? s->promised_ms : s->expected_ms;
}

/* What a heartbeat of the source would look like; it is only compared with rules and never taken. */
static struct pk_event likeness(const struct pk_engine *e, uint16_t source_id) {
    return (struct pk_event){.receive_ms = e->now_ms,
                             .event_ms = e->now_ms,
                             .value = (double)owed_ms(&e->world.sources->state[source_id]) / 1000.0,
                             .type_id = e->world.heartbeat_type_id,
                             .source_id = source_id,
                             .severity = PK_SEV_INFO,
                             .flags = PK_EVENT_HAS_VALUE};
}

static bool waits_for(struct pk_engine *e, const struct pk_match_list *list, uint32_t i,
                      const struct pk_event *event) {
    const struct pk_rule *r = e->rules.rows[list->rules[i]];
    return r->when.kind == PK_COND_ABSENT &&
           (!list->must_check_source || pk_match_source(e, r, event->source_id)) &&
           (!r->is_dynamic || pk_match_terms(e, r, 0, r->on_count, event));
}

static void begin(struct pk_engine *e, uint16_t rule, uint16_t source_id) {
    const struct pk_rule *r = e->rules.rows[rule];
    const struct pk_source *s = &e->world.sources->state[source_id];
    bool is_new = false;
    if (r->across > 0 && pk_eval_get(e, rule, 0, source_id, &is_new) == PK_WINDOW_NONE) {
        return;
    }
    const uint32_t slot = pk_eval_get(e, rule, source_id + 1u, source_id, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const bool is_started = w->verdict != PK_STALE;
    if (r->when.promised_factor > 0 && (!is_started || s->promised_ms == 0)) {
        w->gap_ms = owed_ms(s);
    }
    /* One that fires since before a restart was not heard of in this life: that is no sign of life. */
    if (!is_started && w->active == PK_WINDOW_NO_ACTIVE) {
        pk_eval_set_verdict(e, slot, PK_FALSE);
        pk_windows_touch(&e->windows, slot, (uint32_t)e->now_ms);
        w->is_heard = false; /* a wait is no event */
    }
    pk_eval_window(e, slot, NULL);
}

void pk_expect_begin(struct pk_engine *e, uint16_t source_id, uint64_t now_ms) {
    struct pk_match_list list;
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    if (e->world.sources->state[source_id].expected_ms == 0) {
        return;
    }
    const struct pk_event event = likeness(e, source_id);
    pk_match_find(e, &event, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        if (waits_for(e, &list, i, &event)) {
            begin(e, list.rules[i], source_id);
        }
    }
}

void pk_expect_begin_all(struct pk_engine *e) {
    for (uint32_t i = 0; i < e->world.sources->count; i++) {
        pk_expect_begin(e, (uint16_t)i, e->now_ms);
    }
}

static bool end(struct pk_engine *e, uint16_t rule, uint16_t source_id) {
    const uint32_t slot = pk_windows_find(&e->windows, rule, source_id + 1u);
    if (slot == PK_WINDOW_NONE) {
        return true;
    }
    if (e->windows.slots[slot].active != PK_WINDOW_NO_ACTIVE) {
        if (!pk_finding_push(e, PK_FINDING_CLEARED, slot, NULL)) {
            return false;
        }
        e->cleared_count++;
        e->status[rule].cleared_count++;
    }
    pk_eval_drop(e, slot, false);
    return true;
}

int pk_expect_end(struct pk_engine *e, uint16_t source_id, uint64_t now_ms) {
    struct pk_match_list list;
    const struct pk_event event = likeness(e, source_id);
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    pk_match_find(e, &event, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        if (waits_for(e, &list, i, &event) && !end(e, list.rules[i], source_id)) {
            return PK_E_FULL;
        }
    }
    return PK_OK;
}
