#include "detect/pk_finding.h"

#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_cond_quantile.h"
#include "detect/pk_match.h"

const char *pk_finding_kind_word(enum pk_finding_kind k) {
    static const char *const WORDS[PK_FINDING_KIND_COUNT] = {"fire", "raised", "still", "cleared"};
    PK_ASSERT(k < PK_FINDING_KIND_COUNT);
    return WORDS[k];
}

/* Whether it is an event of the group at all. */
static bool is_of_group(const struct pk_engine *e, const struct pk_window *w, const struct pk_event *event) {
    uint64_t key = 0;
    return pk_match_group(e, e->rules.rows[w->rule], event, &key, NULL) && key == w->key &&
           pk_match_event(e, w->rule, event);
}

/* Of an event of the group: whether it counted. */
static bool speaks(const struct pk_engine *e, const struct pk_window *w, const struct pk_event *event) {
    const struct pk_rule *r = e->rules.rows[w->rule];
    if (!r->is_plain) {
        return pk_cond_is_evidence(e, r, event);
    }
    return pk_match_terms(e, r, r->when.term_first, r->when.term_count, event) &&
           (r->when.kind != PK_COND_VALUE ||
            ((event->flags & PK_EVENT_HAS_VALUE) != 0 &&
             pk_cmp_doubles(event->value, (enum pk_cmp)r->when.cmp, r->when.value)));
}

static bool is_evidence(const struct pk_engine *e, const struct pk_window *w, const struct pk_event *event) {
    return is_of_group(e, w, event) && speaks(e, w, event);
}

/* By their own time; of equal ones the first, which came last. */
static const struct pk_event *newer(const struct pk_event *a, const struct pk_event *b) {
    return a == NULL || b->event_ms > a->event_ms ? b : a;
}

const struct pk_event *pk_finding_newest_event(const struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_event *of_group = NULL;
    const struct pk_event *best = NULL;
    for (uint32_t age = 0; age < PK_ENGINE_EVIDENCE_SCAN; age++) {
        const struct pk_event *event = pk_history_at(e->world.history, age);
        if (event == NULL) {
            break;
        }
        if (!is_of_group(e, w, event)) {
            continue;
        }
        of_group = newer(of_group, event);
        best = speaks(e, w, event) ? newer(best, event) : best;
        if (best != NULL && (event->flags & PK_EVENT_LATE) == 0 && best->event_ms >= event->event_ms) {
            break; /* what came before one that was on time is older than it */
        }
    }
    return best != NULL ? best : of_group;
}

/* Of the firing, as far back as the history is looked at. */
static const struct pk_event *evidence_at(const struct pk_engine *e, uint32_t age,
                                          const struct pk_active *a) {
    const struct pk_event *event = pk_history_at(e->world.history, age);
    return event == NULL || (!a->is_replayed && event->receive_ms < a->first_ms) ? NULL : event;
}

uint32_t pk_finding_look_back(struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    struct pk_active *a = &e->active[w->active];
    uint32_t count = 0;
    for (uint32_t age = 0; age < PK_ENGINE_EVIDENCE_SCAN; age++) {
        const struct pk_event *event = evidence_at(e, age, a);
        if (event == NULL) {
            break;
        }
        if (is_evidence(e, w, event)) {
            pk_judge_note(e, a, e->rules.rows[w->rule], event);
            count++;
        }
    }
    return count;
}

static void add_component(struct pk_finding *f, uint16_t source_id) {
    for (uint32_t i = 0; i < f->component_count; i++) {
        if (f->components[i] == source_id) {
            return;
        }
    }
    if (f->component_count < PK_FINDING_COMPONENTS) {
        f->components[f->component_count++] = source_id;
    }
}

/* Newest first while collecting: the last place is for the earliest seen so far. */
static void add_number(struct pk_finding *f, uint32_t number) {
    if (f->event_number_count < PK_FINDING_EVENTS) {
        f->event_number_count++;
    }
    f->event_numbers[f->event_number_count - 1u] = number;
}

static void reverse_numbers(struct pk_finding *f) {
    for (uint32_t i = 0; i < f->event_number_count / 2u; i++) {
        const uint32_t other = f->event_number_count - 1u - i;
        const uint32_t kept = f->event_numbers[i];
        f->event_numbers[i] = f->event_numbers[other];
        f->event_numbers[other] = kept;
    }
}

static void collect(const struct pk_engine *e, const struct pk_window *w, const struct pk_active *a,
                    struct pk_finding *f) {
    for (uint32_t age = 0; age < PK_ENGINE_EVIDENCE_SCAN; age++) {
        const struct pk_event *event = evidence_at(e, age, a);
        if (event == NULL) {
            break;
        }
        if (is_evidence(e, w, event)) {
            add_number(f, event->number);
            add_component(f, event->source_id);
        }
    }
    reverse_numbers(f);
}

/* Sources of an across rule that hold now, or counted in the window: their events may be older than those
 * that the count needed. */
static void collect_children(const struct pk_engine *e, const struct pk_window *group, struct pk_finding *f) {
    const struct pk_rule *r = e->rules.rows[group->rule];
    for (uint32_t s = e->windows.rows.newest[group->rule]; s != PK_WINDOW_NONE;
         s = e->windows.slots[s].older) {
        const struct pk_window *w = &e->windows.slots[s];
        const bool is_counted = pk_rule_is_counted_across(r) &&
                                r->when.within_ms > group->last_ms - w->last_ms &&
                                ((w->key ^ group->key) & PK_MATCH_REPLAYED) == 0;
        if ((w->held > 0 || is_counted) && pk_judge_is_child(r, w)) {
            add_component(f, w->source_id);
        }
    }
}

static void put_fire_count(struct pk_buf *b, const struct pk_rule *r, const struct pk_active *a) {
    pk_buf_put_u64(b, a->event_count);
    pk_buf_puts(b, a->event_count == 1 ? " event in " : " events in ");
    pk_buf_put_duration(b, r->when.within_ms);
    pk_buf_puts(b, ", threshold ");
    pk_buf_put_u64(b, r->when.count);
    if (r->across > 0) {
        pk_buf_puts(b, " across ");
        pk_buf_put_u64(b, r->across);
        pk_buf_puts(b, " sources");
    }
}

static void put_fire_value(struct pk_buf *b, const struct pk_rule *r, const struct pk_window *w,
                           const struct pk_active *a) {
    if (r->across > 0) {
        pk_buf_put_u64(b, w->held);
        pk_buf_puts(b, " sources with ");
        pk_cond_put(b, NULL, r, &r->when);
        return;
    }
    pk_buf_puts(b, "value ");
    pk_buf_put_double(b, a->value);
    pk_buf_puts(b, ", condition ");
    pk_cond_put(b, NULL, r, &r->when);
}

static void put_fire_absent(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                            const struct pk_window *w) {
    if (r->across > 0) {
        pk_buf_put_u64(b, w->held);
        pk_buf_puts(b, " sources are silent, threshold ");
        pk_buf_put_u64(b, r->across);
        return;
    }
    pk_buf_puts(b, "silent for ");
    pk_buf_put_duration(b, e->now_ms - pk_judge_full_ms(e->now_ms, w->last_ms));
    if (r->when.promised_factor > 0 && w->gap_ms > 0) {
        pk_buf_puts(b, ", promised every ");
        pk_buf_put_duration(b, w->gap_ms);
    }
    pk_buf_puts(b, ", condition ");
    pk_cond_put(b, NULL, r, &r->when);
}

/* A rule whose conditions have a state of their own. */
static void put_fire_conds(struct pk_buf *b, const struct pk_engine *e, uint32_t slot,
                           const struct pk_event *event) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    if (r->across > 0) {
        pk_buf_put_u64(b, w->held);
        pk_buf_puts(b, " sources, threshold ");
        pk_buf_put_u64(b, r->across);
    } else {
        const bool is_replayed = event != NULL && (event->flags & PK_EVENT_REPLAYED) != 0;
        pk_cond_put_numbers(b, e, slot, is_replayed ? pk_cond_clock(e, event) : e->now_ms, true);
    }
    pk_buf_puts(b, ", condition ");
    pk_cond_put(b, NULL, r, &r->when);
}

static void put_fire(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, const struct pk_active *a,
                     const struct pk_event *event) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    if (!r->is_plain) {
        put_fire_conds(b, e, slot, event);
    } else if (r->when.kind == PK_COND_COUNT) {
        put_fire_count(b, r, a);
    } else if (r->when.kind == PK_COND_VALUE) {
        put_fire_value(b, r, w, a);
    } else {
        put_fire_absent(b, e, r, w);
    }
}

/* The step that was taken is the one with the severity the firing has now. */
static void put_raise(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, const struct pk_active *a) {
    const struct pk_rule *r = e->rules.rows[e->windows.slots[slot].rule];
    const struct pk_rule_raise *raise = &r->raises[0];
    for (uint32_t i = 0; i < r->raise_count; i++) {
        raise = r->raises[i].severity == a->severity ? &r->raises[i] : raise;
    }
    uint32_t counted = 0;
    uint32_t all = 0;
    switch ((enum pk_raise_kind)raise->kind) {
    case PK_RAISE_NONE:
        return;
    case PK_RAISE_RATIO:
        pk_judge_ratio_sums(&e->windows, slot, r->when.within_ms, e->now_ms, &counted, &all);
        pk_buf_put_u64(b, counted);
        pk_buf_puts(b, " of ");
        pk_buf_put_u64(b, all);
        pk_buf_puts(b, " events, threshold above ");
        pk_buf_put_u64(b, raise->percent);
        pk_buf_puts(b, "%");
        return;
    case PK_RAISE_VALUE:
        pk_buf_puts(b, "value ");
        pk_buf_put_double(b, a->value);
        pk_buf_puts(b, ", escalates at value ");
        pk_buf_puts(b, pk_cmp_word((enum pk_cmp)raise->cmp));
        pk_buf_putc(b, ' ');
        pk_buf_put_double(b, raise->value);
        return;
    case PK_RAISE_COUNT:
        pk_buf_puts(b, "at least ");
        pk_buf_put_u64(b, raise->min_count);
        pk_buf_puts(b, " events in ");
        pk_buf_put_duration(b, r->when.within_ms);
        return;
    case PK_RAISE_QUANTILE:
        pk_cond_put_quantile_raise(b, e, slot, raise, e->now_ms);
        return;
    case PK_RAISE_LASTING:
        pk_buf_puts(b, "lasting for ");
        pk_buf_put_duration(b, pk_active_lasted_ms(a, e->now_ms));
        pk_buf_puts(b, ", escalates after ");
        pk_buf_put_duration(b, raise->for_ms);
        return;
    case PK_RAISE_EXPIRES:
        pk_cond_put_numbers(b, e, slot, e->now_ms, false);
        pk_buf_puts(b, ", escalates at ");
        pk_buf_put_duration(b, raise->whole);
        return;
    case PK_RAISE_EVENT:
        pk_buf_puts(b, "an event asks for it: ");
        pk_cond_put_terms(b, e, r, raise->term_first, raise->term_count);
        return;
    }
}

static void put_words(struct pk_finding *f, const struct pk_engine *e, uint32_t slot,
                      const struct pk_active *a, const struct pk_event *event) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    struct pk_buf b;
    pk_buf_init(&b, f->words, sizeof f->words);
    switch ((enum pk_finding_kind)f->kind) {
    case PK_FINDING_FIRE:
        put_fire(&b, e, slot, a, event);
        return;
    case PK_FINDING_RAISED:
        put_raise(&b, e, slot, a);
        return;
    case PK_FINDING_STILL:
        pk_buf_put_u64(&b, a->event_count);
        pk_buf_puts(&b, " events in ");
        pk_buf_put_duration(&b, e->now_ms - a->first_ms);
        pk_buf_puts(&b, ", it goes on");
        return;
    case PK_FINDING_CLEARED:
        pk_buf_puts(&b, "clear condition held: ");
        pk_cond_put(&b, NULL, r, &r->clear);
        return;
    case PK_FINDING_KIND_COUNT:
        break;
    }
    PK_ASSERT(false);
}

static void fill(const struct pk_engine *e, uint32_t slot, const struct pk_event *event,
                 struct pk_finding *f) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    const struct pk_active *a = &e->active[w->active];
    f->at_ms = e->now_ms;
    f->first_event_ms = a->first_ms;
    f->key = w->key;
    f->value = a->value;
    f->has_value = a->has_value;
    f->event_count = a->event_count;
    f->rule_index = w->rule;
    f->severity = a->severity;
    f->is_replayed = a->is_replayed;
    f->is_drill = a->is_drill;
    f->was_put_off = w->put_off_count > 0 && a->severity <= w->put_off_severity;
    memcpy(f->group_key, a->group_key, sizeof f->group_key);
    if (f->kind == PK_FINDING_FIRE) {
        collect(e, w, a, f);
    } else if (event != NULL) {
        add_number(f, event->number);
        add_component(f, event->source_id);
    }
    if (r->group == PK_GROUP_SOURCE) {
        add_component(f, w->source_id);
    }
    if (r->across > 0) {
        collect_children(e, w, f);
    }
    put_words(f, e, slot, a, event);
}

bool pk_finding_push(struct pk_engine *e, enum pk_finding_kind kind, uint32_t slot,
                     const struct pk_event *event) {
    PK_ASSERT(e->windows.slots[slot].active < PK_ENGINE_ACTIVE);
    if (e->finding_count >= PK_ENGINE_FINDINGS) {
        return false;
    }
    struct pk_finding *f = &e->findings[(e->finding_head + e->finding_count) % PK_ENGINE_FINDINGS];
    memset(f, 0, sizeof *f);
    f->kind = (uint8_t)kind;
    fill(e, slot, event, f);
    e->finding_count++;
    e->finding_high = e->finding_count > e->finding_high ? e->finding_count : e->finding_high;
    return true;
}

struct pk_str pk_finding_correlation(const struct pk_engine *e, const struct pk_finding *f) {
    enum { LOOK_BACK = 256 };
    struct pk_field field;
    const uint32_t wanted = f->event_number_count > 0 ? f->event_numbers[f->event_number_count - 1u] : 0;
    for (uint32_t age = 0; wanted != 0 && age < LOOK_BACK; age++) {
        const struct pk_event *event = pk_history_at(e->world.history, age);
        if (event == NULL || event->number == wanted) {
            const bool is_found =
                event != NULL && event->correlation != 0 &&
                pk_field_find(pk_textring_fields(e->world.text, event), pk_str_make(NULL, 0), &field);
            return is_found ? field.value : pk_str_make(NULL, 0);
        }
    }
    return pk_str_make(NULL, 0);
}
