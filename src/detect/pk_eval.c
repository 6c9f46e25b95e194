#include "detect/pk_eval.h"

#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_finding.h"
#include "detect/pk_judge.h"
#include "detect/pk_match.h"

enum { RETRY_MS = 100, STEPS_MAX = 6 };

/* One evaluation: what the state functions share. */
struct step {
    struct pk_engine *e;
    const struct pk_rule *r;
    struct pk_rule_status *status;
    struct pk_window *w;
    uint32_t slot;
    const struct pk_event *event;
    uint64_t due_ms; /* when to look again */
};

static struct step step_of(struct pk_engine *e, uint32_t slot, const struct pk_event *event) {
    struct pk_window *w = &e->windows.slots[slot];
    return (struct step){e, e->rules.rows[w->rule], &e->status[w->rule], w, slot, event, UINT64_MAX};
}

static void look_again(struct step *s, uint64_t due_ms) {
    s->due_ms = due_ms < s->due_ms ? due_ms : s->due_ms;
}

/* A timer that is early is left: it looks, and arms the right moment then. So a busy window does not re-arm
 * for each event. */
static void arm(struct pk_engine *e, uint32_t slot, uint64_t due_ms) {
    if (due_ms == UINT64_MAX) {
        pk_wheel_cancel(&e->wheel, slot);
        return;
    }
    if (due_ms <= e->now_ms) {
        due_ms = e->now_ms + 1u; /* never twice in one tick: a window cannot keep the tick from ending */
    }
    const bool is_armed = pk_wheel_is_armed(&e->wheel, slot);
    if (!is_armed || e->nodes[slot].due_ms > due_ms) {
        pk_wheel_arm(&e->wheel, slot, due_ms);
    }
}

void pk_eval_set_verdict(struct pk_engine *e, uint32_t slot, enum pk_verdict v) {
    struct pk_window *w = &e->windows.slots[slot];
    struct pk_rule_status *status = &e->status[w->rule];
    status->fault_count -= w->verdict == PK_FAULT ? 1u : 0u;
    status->fault_count += v == PK_FAULT ? 1u : 0u;
    w->verdict = (uint8_t)v;
}

static void set_state(struct step *s, enum pk_window_state state) {
    s->status->pending_count -= s->w->state == PK_WIN_PENDING ? 1u : 0u;
    s->status->pending_count += state == PK_WIN_PENDING ? 1u : 0u;
    s->w->state = (uint8_t)state;
}

bool pk_eval_activate(struct pk_engine *e, uint32_t slot) {
    if (e->active_count >= PK_ENGINE_ACTIVE) {
        return false;
    }
    uint32_t i = 0;
    while (e->active[i].is_used) {
        i++;
    }
    memset(&e->active[i], 0, sizeof e->active[i]);
    e->active[i].is_used = true;
    e->active[i].slot = slot;
    e->active_count++;
    e->active_high = e->active_count > e->active_high ? e->active_count : e->active_high;
    e->status[e->windows.slots[slot].rule].active_count++;
    pk_windows_pin(&e->windows, slot, (uint16_t)i);
    return true;
}

void pk_eval_deactivate(struct pk_engine *e, uint32_t slot, enum pk_window_state next) {
    struct step s = step_of(e, slot, NULL);
    PK_ASSERT(s.w->active < PK_ENGINE_ACTIVE);
    e->active[s.w->active].is_used = false;
    e->active_count--;
    s.status->active_count--;
    pk_windows_unpin(&e->windows, slot);
    set_state(&s, next);
}

static void set_held(struct pk_engine *e, uint32_t slot, bool is_held) {
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t parent = pk_windows_find(&e->windows, w->rule, 0);
    if ((w->held > 0) == is_held) {
        return;
    }
    w->held = is_held ? 1u : 0u;
    if (parent != PK_WINDOW_NONE) {
        e->windows.slots[parent].held += is_held ? 1u : UINT32_MAX;
        pk_wheel_arm(&e->wheel, parent,
                     e->now_ms); /* so that the group is judged again even when nobody else asks */
    }
}

void pk_eval_drop(struct pk_engine *e, uint32_t slot, bool is_eviction) {
    struct step s = step_of(e, slot, NULL);
    /* Without a look at the rule: while a rule set is being replaced its rows are other ones already. */
    if (s.w->held > 0 && (s.w->key & ~PK_MATCH_REPLAYED) != 0) {
        set_held(e, slot, false);
    }
    if (s.w->active != PK_WINDOW_NO_ACTIVE) {
        pk_eval_deactivate(e, slot, PK_WIN_IDLE);
    }
    set_state(&s, PK_WIN_IDLE);
    pk_eval_set_verdict(e, slot, PK_STALE);
    pk_wheel_cancel(&e->wheel, slot);
    if (is_eviction) {
        pk_windows_evict(&e->windows, slot);
    } else {
        pk_windows_free(&e->windows, slot);
    }
}

/* The group of an across rule is not stale while its sources are there. */
static uint32_t not_a_group(const struct pk_engine *e, uint16_t rule, uint32_t slot) {
    const bool has_parent = e->rules.rows[rule]->across > 0;
    while (has_parent && slot != PK_WINDOW_NONE && (e->windows.slots[slot].key & ~PK_MATCH_REPLAYED) == 0) {
        slot = e->windows.slots[slot].newer;
    }
    return slot;
}

/* Sources of an across rule have a block when they are judged one by one, their group when it counts. */
static uint8_t block_class(const struct pk_rule *r, uint64_t key) {
    const bool is_source = (key & ~PK_MATCH_REPLAYED) != 0;
    if (r->across > 0 && is_source == pk_rule_is_counted_across(r)) {
        return PK_WINDOW_NO_RING;
    }
    return r->ring_class;
}

uint32_t pk_eval_get(struct pk_engine *e, uint16_t rule, uint64_t key, uint16_t source_id, bool *out_is_new) {
    const struct pk_rule *r = e->rules.rows[rule];
    uint32_t slot = pk_windows_find(&e->windows, rule, key);
    *out_is_new = slot == PK_WINDOW_NONE;
    if (slot != PK_WINDOW_NONE) {
        return slot;
    }
    const uint32_t victim = not_a_group(e, rule, pk_windows_victim(&e->windows, rule, r->keys));
    if (victim != PK_WINDOW_NONE) {
        pk_eval_drop(e, victim, true);
    }
    const uint8_t ring_class = block_class(r, key);
    slot = pk_windows_make(&e->windows, rule, key, ring_class, r->keys);
    const uint32_t other = not_a_group(e, rule, e->windows.rows.oldest[rule]);
    if (slot == PK_WINDOW_NONE && other != PK_WINDOW_NONE && ring_class != PK_WINDOW_NO_RING) {
        /* Pages are cut up so that no block of this size is left: one of our own makes room. */
        pk_eval_drop(e, other, true);
        slot = pk_windows_make(&e->windows, rule, key, ring_class, r->keys);
    }
    if (slot != PK_WINDOW_NONE) {
        e->windows.slots[slot].source_id = source_id;
        if (!r->is_plain && ring_class != PK_WINDOW_NO_RING) {
            pk_cond_init(e, slot);
        }
    }
    return slot;
}

static void put_group(struct step *s, struct pk_active *a) {
    const struct pk_event *event = s->event != NULL ? s->event : pk_finding_newest_event(s->e, s->slot);
    uint64_t key = 0;
    struct pk_str text = {NULL, 0};
    if (s->r->group == PK_GROUP_SOURCE) {
        text = pk_str_of(pk_sources_name(s->e->world.sources, s->w->source_id));
    } else if (event != NULL) {
        (void)pk_match_group(s->e, s->r, event, &key, &text);
    }
    (void)pk_str_copy_cut(text, a->group_key, sizeof a->group_key);
}

static bool has_own_state(const struct step *s) {
    return !s->r->is_plain && s->w->ring != PK_WINDOW_NONE;
}

/* First event that contributed: the oldest time inside the window, the start of the violation, the last sign
 * of life. */
static uint64_t first_ms(const struct step *s, uint64_t from_ms) {
    if (has_own_state(s)) {
        return pk_cond_first_ms(s->e, s->slot, s->e->now_ms);
    }
    const uint32_t cap = s->r->ring_cap;
    if (s->r->when.kind != PK_COND_COUNT || !s->r->is_plain) {
        const bool is_silence = s->r->when.kind == PK_COND_ABSENT && s->r->across == 0;
        return is_silence ? pk_judge_full_ms(s->e->now_ms, s->w->last_ms) : from_ms;
    }
    const uint32_t now = (uint32_t)s->e->now_ms;
    const uint32_t count = pk_windows_count_within(&s->e->windows, s->slot, cap, now, s->r->when.within_ms);
    uint32_t time_ms = now;
    if (count > 0) {
        (void)pk_windows_nth(&s->e->windows, s->slot, cap, count, &time_ms);
    }
    return pk_judge_full_ms(s->e->now_ms, time_ms);
}

/* Contributing events so far; a rule that keeps no count of them takes those the history still has. */
static uint32_t first_count(const struct step *s) {
    const bool must_look = !s->r->is_plain || pk_rule_raise_of(s->r, PK_RAISE_EVENT) != NULL;
    const uint32_t seen_count = must_look ? pk_finding_look_back(s->e, s->slot) : 0u;
    if (!s->r->is_plain) {
        return seen_count;
    }
    if (s->r->when.kind == PK_COND_COUNT) {
        return pk_windows_count_within(&s->e->windows, s->slot, s->r->ring_cap, (uint32_t)s->e->now_ms,
                                       s->r->when.within_ms);
    }
    return s->r->when.kind == PK_COND_VALUE ? s->w->run : 0u;
}

/* The highest step that holds. */
static void raise_if_due(struct step *s, bool is_silent) {
    struct pk_active *a = &s->e->active[s->w->active];
    for (uint32_t i = s->r->raise_count; i > 0; i--) {
        const struct pk_rule_raise *raise = &s->r->raises[i - 1u];
        if (a->severity >= raise->severity) {
            return;
        }
        const struct pk_judgement j = pk_judge_raise(s->e, s->slot, raise, s->e->now_ms);
        look_again(s, j.until_ms);
        if (j.verdict != PK_TRUE) {
            continue;
        }
        const uint8_t before = a->severity;
        a->severity = raise->severity;
        if (!is_silent && !pk_finding_push(s->e, PK_FINDING_RAISED, s->slot, s->event)) {
            a->severity = before;
            s->e->finding_delayed_count++;
            look_again(s, s->e->now_ms + RETRY_MS);
        }
        return;
    }
}

/* Opens the firing. What cannot be told now is tried again: a finding of this kind is never dropped. */
static bool fire(struct step *s, uint64_t from_ms, bool is_replayed) {
    struct pk_engine *e = s->e;
    if (e->finding_count >= PK_ENGINE_FINDINGS || !pk_eval_activate(e, s->slot)) {
        e->finding_delayed_count++;
        look_again(s, e->now_ms + RETRY_MS);
        return false;
    }
    struct pk_active *a = &e->active[s->w->active];
    a->fired_ms = e->now_ms;
    a->told_ms = e->now_ms;
    a->first_ms = is_replayed && s->event != NULL ? s->event->receive_ms : first_ms(s, from_ms);
    a->is_replayed = is_replayed;
    a->event_count = first_count(s);
    a->event_count = is_replayed && s->r->is_plain ? s->r->when.count : a->event_count;
    a->severity = s->r->severity;
    const struct pk_event *newest = s->event != NULL ? s->event : pk_finding_newest_event(e, s->slot);
    a->is_drill = newest != NULL && (newest->flags & PK_EVENT_DRILL) != 0;
    a->has_value = newest != NULL && (newest->flags & PK_EVENT_HAS_VALUE) != 0;
    a->value = a->has_value ? newest->value : 0.0;
    put_group(s, a);
    raise_if_due(s, true);
    set_state(s, PK_WIN_FIRING);
    const bool is_told = pk_finding_push(e, PK_FINDING_FIRE, s->slot, s->event);
    PK_ASSERT(is_told);
    e->fire_count++;
    s->status->fire_count++;
    s->status->fired_ms = e->now_ms;
    return true;
}

static void cool(struct step *s, uint64_t until_ms) {
    const bool must_wait = until_ms > s->e->now_ms;
    pk_eval_deactivate(s->e, s->slot, must_wait ? PK_WIN_COOLING : PK_WIN_IDLE);
    s->w->since_ms = (uint32_t)until_ms;
    s->w->put_off_count = 0;
}

static bool clear(struct step *s) {
    const struct pk_active *a = &s->e->active[s->w->active];
    const uint64_t left_ms = a->lasted_ms < s->r->cooldown_ms ? s->r->cooldown_ms - a->lasted_ms : 0u;
    const uint64_t until_ms = a->fired_ms + left_ms;
    if (!pk_finding_push(s->e, PK_FINDING_CLEARED, s->slot, NULL)) {
        s->e->finding_delayed_count++;
        look_again(s, s->e->now_ms + RETRY_MS);
        return false;
    }
    s->e->cleared_count++;
    s->status->cleared_count++;
    cool(s, until_ms);
    return true;
}

static void still_if_due(struct step *s) {
    struct pk_active *a = &s->e->active[s->w->active];
    if (s->event == NULL || s->e->now_ms - a->told_ms < s->r->repeat_ms) {
        return;
    }
    a->told_ms = s->e->now_ms;
    if (!pk_finding_push(s->e, PK_FINDING_STILL, s->slot, s->event)) {
        s->e->still_dropped_count++;
    }
}

/* State functions: true when the state changed and the new one has a say at this same moment. */
static bool step_idle(struct step *s) {
    const struct pk_judgement j = pk_judge_when(s->e, s->slot, s->e->now_ms);
    look_again(s, s->r->when.kind == PK_COND_ABSENT || !s->r->is_plain ? j.until_ms : UINT64_MAX);
    if (j.verdict != PK_TRUE) {
        s->w->put_off_count = 0;
        return false;
    }
    s->w->since_ms = (uint32_t)j.from_ms;
    set_state(s, PK_WIN_PENDING);
    return true;
}

static bool step_pending(struct step *s) {
    const struct pk_judgement j = pk_judge_when(s->e, s->slot, s->e->now_ms);
    const bool is_counted = pk_rule_is_counted_across(s->r);
    const bool is_child = pk_judge_is_child(s->r, s->w) && !is_counted;
    if (j.verdict != PK_TRUE) {
        set_state(s, PK_WIN_IDLE);
        return true;
    }
    const bool is_timed = s->r->when.kind != PK_COND_ABSENT && (s->r->across == 0 || is_child || is_counted);
    const uint64_t since_ms = pk_judge_full_ms(s->e->now_ms, s->w->since_ms);
    const uint64_t due_ms = is_timed ? since_ms + s->r->when.for_ms : since_ms;
    if (s->e->now_ms < due_ms) {
        look_again(s, due_ms < j.until_ms ? due_ms : j.until_ms);
        return false;
    }
    if (is_child) {
        set_state(s, PK_WIN_FIRING);
        set_held(s->e, s->slot, true);
        return true;
    }
    return fire(s, since_ms, false);
}

/* A source of an across rule holds until its condition does not; only its group tells anybody. */
static bool step_child_firing(struct step *s) {
    const struct pk_judgement j = pk_judge_when(s->e, s->slot, s->e->now_ms);
    if (j.verdict == PK_TRUE) {
        look_again(s, j.until_ms);
        return false;
    }
    set_held(s->e, s->slot, false);
    set_state(s, PK_WIN_IDLE);
    return true;
}

static bool step_firing(struct step *s) {
    if (s->w->active == PK_WINDOW_NO_ACTIVE) {
        return step_child_firing(s);
    }
    const struct pk_judgement j = pk_judge_clear(s->e, s->slot, s->e->now_ms);
    raise_if_due(s, false);
    if (j.verdict == PK_TRUE) {
        s->w->since_ms = (uint32_t)j.from_ms;
        set_state(s, PK_WIN_CLEARING);
        return true;
    }
    still_if_due(s);
    look_again(s, j.until_ms);
    return false;
}

static bool step_clearing(struct step *s) {
    const bool is_replayed = (s->w->key & PK_MATCH_REPLAYED) != 0;
    struct pk_judgement j = {PK_TRUE, s->e->now_ms, UINT64_MAX};
    if (!is_replayed) {
        j = pk_judge_clear(s->e, s->slot, s->e->now_ms);
    }
    if (j.verdict != PK_TRUE) {
        set_state(s, PK_WIN_FIRING);
        return true;
    }
    const uint64_t due_ms = pk_judge_full_ms(s->e->now_ms, s->w->since_ms) + s->r->clear.for_ms;
    if (s->e->now_ms >= due_ms) {
        return clear(s);
    }
    look_again(s, due_ms < j.until_ms ? due_ms : j.until_ms);
    return false;
}

static bool step_cooling(struct step *s) {
    const int32_t left_ms = (int32_t)(s->w->since_ms - (uint32_t)s->e->now_ms);
    if (left_ms <= 0) {
        set_state(s, PK_WIN_IDLE);
        return true;
    }
    look_again(s, s->e->now_ms + (uint32_t)left_ms);
    const bool is_replayed = (s->w->key & PK_MATCH_REPLAYED) != 0;
    if (!is_replayed && s->event != NULL && pk_judge_when(s->e, s->slot, s->e->now_ms).verdict == PK_TRUE) {
        s->status->held_back_count++;
    }
    return false;
}

static bool step_once(struct step *s) {
    switch ((enum pk_window_state)s->w->state) {
    case PK_WIN_IDLE:
        return step_idle(s);
    case PK_WIN_PENDING:
        return step_pending(s);
    case PK_WIN_FIRING:
        return step_firing(s);
    case PK_WIN_CLEARING:
        return step_clearing(s);
    case PK_WIN_COOLING:
        return step_cooling(s);
    }
    PK_ASSERT(false);
    return false;
}

/* True when the group of an across rule has to be judged as well. */
static bool run(struct pk_engine *e, uint32_t slot, const struct pk_event *event) {
    struct step s = step_of(e, slot, event);
    const uint32_t held = s.w->held;
    s.status->evaluation_count++;
    s.status->evaluated_ms = e->now_ms;
    for (uint32_t i = 0; i < STEPS_MAX && step_once(&s); i++) {
    }
    arm(e, slot, s.due_ms);
    return s.w->held != held && pk_judge_is_child(s.r, s.w);
}

/* It does not hold, and its timer is right. */
static bool is_waiting(const struct pk_engine *e, uint32_t slot, struct pk_judgement j) {
    const bool is_armed = pk_wheel_is_armed(&e->wheel, slot) && e->nodes[slot].due_ms <= j.until_ms;
    return j.verdict != PK_TRUE && (j.until_ms == UINT64_MAX || is_armed);
}

static void note_evaluation(struct pk_engine *e, uint32_t slot) {
    struct pk_rule_status *status = &e->status[e->windows.slots[slot].rule];
    status->evaluation_count++;
    status->evaluated_ms = e->now_ms;
}

/* The usual event changes nothing: an idle window whose condition plainly does not hold needs no judgement
 * and no timer. */
static bool is_quiet(const struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    if (w->state != PK_WIN_IDLE || r->across > 0) {
        return false;
    }
    if (!r->is_plain) {
        return is_waiting(e, slot, pk_cond_judge_when(e, slot, e->now_ms));
    }
    if (r->when.kind == PK_COND_COUNT) {
        return w->count < r->when.count;
    }
    if (r->when.kind == PK_COND_VALUE) {
        return w->verdict != PK_TRUE;
    }
    return w->verdict == PK_FALSE && pk_wheel_is_armed(&e->wheel, slot) &&
           e->nodes[slot].due_ms <= pk_judge_deadline_ms(r, w, e->now_ms);
}

/* It fires, and too few of its sources were known to say that it is over: those that come back after a
 * restart may. */
static bool waits_for_sources(const struct pk_engine *e, uint32_t parent) {
    const struct pk_window *w = &e->windows.slots[parent];
    const struct pk_rule *r = e->rules.rows[w->rule];
    return w->state == PK_WIN_FIRING && w->held < r->across && r->clear.kind == PK_COND_STABLE;
}

static void eval_loud(struct pk_engine *e, uint32_t slot, const struct pk_event *event) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    const bool is_changed = run(e, slot, event);
    if (r->across == 0 || pk_rule_is_counted_across(r) || !pk_judge_is_child(r, w)) {
        return;
    }
    const uint32_t parent = pk_windows_find(&e->windows, w->rule, 0);
    if (parent != PK_WINDOW_NONE && (is_changed || waits_for_sources(e, parent))) {
        pk_wheel_cancel(&e->wheel, parent);
        (void)run(e, parent, event);
    }
}

void pk_eval_window(struct pk_engine *e, uint32_t slot, const struct pk_event *event) {
    if (is_quiet(e, slot)) {
        note_evaluation(e, slot);
        return;
    }
    eval_loud(e, slot, event);
}

void pk_eval_judged(struct pk_engine *e, uint32_t slot, const struct pk_event *event, struct pk_judgement j) {
    const struct pk_window *w = &e->windows.slots[slot];
    if (w->state == PK_WIN_IDLE && e->rules.rows[w->rule]->across == 0 && is_waiting(e, slot, j)) {
        note_evaluation(e, slot);
        return;
    }
    eval_loud(e, slot, event);
}

/* The group of an across rule is judged once all its sources are that change at this moment. */
static void settle_sources(struct pk_engine *e, uint16_t rule) {
    uint32_t slot = e->windows.rows.newest[rule];
    while (slot != PK_WINDOW_NONE) {
        const uint32_t older = e->windows.slots[slot].older;
        const bool is_due = pk_wheel_is_armed(&e->wheel, slot) && e->nodes[slot].due_ms <= e->now_ms;
        if (is_due && e->windows.slots[slot].key != 0) {
            pk_wheel_cancel(&e->wheel, slot);
            (void)run(e, slot, NULL);
        }
        slot = older;
    }
}

void pk_eval_timer(struct pk_engine *e, uint32_t slot) {
    struct step s = step_of(e, slot, NULL);
    if ((s.w->key & PK_MATCH_REPLAYED) == 0) {
        if (s.r->across == 0) {
            pk_eval_window(e, slot, NULL);
            return;
        }
        if (s.w->key == 0 && !pk_rule_is_counted_across(s.r)) {
            settle_sources(e, s.w->rule);
            pk_wheel_cancel(&e->wheel, slot);
        }
        (void)run(e, slot, NULL); /* a source that changed has armed its group */
        return;
    }
    /* Only the ends of a replayed firing happen in our time. */
    if (s.w->state == PK_WIN_CLEARING) {
        (void)step_clearing(&s);
    }
    if (s.w->state == PK_WIN_COOLING) {
        (void)step_cooling(&s);
    }
    arm(e, slot, s.due_ms);
}

static void fire_replayed(struct step *s) {
    if (!fire(s, s->e->now_ms, true)) {
        return; /* the next replayed event tries again */
    }
    if (s->r->clear.kind == PK_COND_NEVER) {
        return;
    }
    s->w->since_ms = (uint32_t)s->e->now_ms;
    set_state(s, PK_WIN_CLEARING);
    pk_wheel_arm(&s->e->wheel, s->slot, s->e->now_ms + s->r->clear.for_ms);
}

void pk_eval_replayed(struct pk_engine *e, uint32_t slot, const struct pk_event *event, uint32_t time_ms,
                      bool holds) {
    struct step s = step_of(e, slot, event);
    s.status->evaluation_count++;
    s.status->evaluated_ms = e->now_ms;
    if (!holds) {
        s.w->put_off_count = 0;
        if (s.w->state == PK_WIN_PENDING) {
            set_state(&s, PK_WIN_IDLE);
        }
        return;
    }
    if (s.w->state == PK_WIN_CLEARING) {
        s.w->since_ms = (uint32_t)e->now_ms;
        still_if_due(&s);
        return;
    }
    if (s.w->state == PK_WIN_IDLE) {
        s.w->since_ms = time_ms;
        set_state(&s, PK_WIN_PENDING);
    }
    if (s.w->state == PK_WIN_PENDING && time_ms - s.w->since_ms >= s.r->when.for_ms) {
        fire_replayed(&s);
    }
}
