#include "detect/pk_explain.h"

#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_match.h"

enum { GROUPS_SHOWN = 8 };

const char *pk_rule_state_word(enum pk_rule_state s) {
    static const char *const WORDS[PK_RULE_STATE_COUNT] = {"disabled", "unknown", "ok",
                                                           "pending",  "firing",  "fault"};
    PK_ASSERT(s < PK_RULE_STATE_COUNT);
    return WORDS[s];
}

/* A gauge or a heartbeat nobody sends is not healthy; counting nothing is. */
static bool is_unknown(const struct pk_engine *e, uint16_t rule) {
    const struct pk_rule *r = e->rules.rows[rule];
    if (pk_cond_empty_verdict(r) == PK_FALSE) {
        return false;
    }
    bool has_any = false;
    for (uint32_t s = e->windows.rows.newest[rule]; s != PK_WINDOW_NONE; s = e->windows.slots[s].older) {
        has_any = true;
        if (pk_judge_when(e, s, e->now_ms).verdict == PK_STALE) {
            return true;
        }
    }
    return !has_any;
}

enum pk_rule_state pk_engine_rule_state(const struct pk_engine *e, uint32_t rule_index) {
    PK_ASSERT(rule_index < e->rules.count);
    const struct pk_rule_status *s = &e->status[rule_index];
    if (!s->is_enabled) {
        return PK_RULE_DISABLED;
    }
    if (s->active_count > 0) {
        return PK_RULE_FIRING;
    }
    if (s->fault_count > 0) {
        return PK_RULE_FAULT;
    }
    if (s->pending_count > 0) {
        return PK_RULE_PENDING;
    }
    return is_unknown(e, (uint16_t)rule_index) ? PK_RULE_UNKNOWN : PK_RULE_OK;
}

static void put_ref(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r, const char *word,
                    struct pk_rule_ref ref) {
    if (ref.n == 0) {
        return;
    }
    pk_buf_puts(b, word);
    pk_buf_put_str(b, pk_ruleset_str(&e->rules, r, ref));
    pk_buf_putc(b, '\n');
}

static void put_step(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                     const struct pk_rule_raise *raise) {
    switch ((enum pk_raise_kind)raise->kind) {
    case PK_RAISE_NONE:
        break;
    case PK_RAISE_RATIO:
        pk_buf_puts(b, "ratio");
        pk_cond_put_inner(b, e, r, raise->term_first, raise->term_count);
        pk_buf_puts(b, " > ");
        pk_buf_put_u64(b, raise->percent);
        pk_buf_puts(b, "% min ");
        pk_buf_put_u64(b, raise->min_count);
        break;
    case PK_RAISE_VALUE:
        pk_buf_puts(b, "value ");
        pk_buf_puts(b, pk_cmp_word((enum pk_cmp)raise->cmp));
        pk_buf_putc(b, ' ');
        pk_buf_put_double(b, raise->value);
        break;
    case PK_RAISE_QUANTILE:
        pk_buf_putc(b, 'p');
        pk_buf_put_u64(b, raise->percent);
        pk_buf_putc(b, ' ');
        pk_buf_puts(b, pk_cmp_word((enum pk_cmp)raise->cmp));
        pk_buf_putc(b, ' ');
        pk_buf_put_double(b, raise->value);
        break;
    case PK_RAISE_COUNT:
        pk_buf_puts(b, "count >= ");
        pk_buf_put_u64(b, raise->min_count);
        break;
    case PK_RAISE_LASTING:
        pk_buf_puts(b, "lasting ");
        pk_buf_put_duration(b, raise->for_ms);
        break;
    case PK_RAISE_EXPIRES:
        pk_buf_puts(b, "expires within ");
        pk_buf_put_duration(b, raise->whole);
        break;
    case PK_RAISE_EVENT:
        pk_buf_puts(b, "event");
        pk_cond_put_inner(b, e, r, raise->term_first, raise->term_count);
        break;
    }
}

static void put_raise(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r) {
    pk_buf_puts(b, "severity: ");
    pk_buf_puts(b, pk_severity_word((enum pk_severity)r->severity));
    for (uint32_t i = 0; i < r->raise_count; i++) {
        pk_buf_puts(b, i == 0 ? " -> " : ", ");
        pk_buf_puts(b, pk_severity_word((enum pk_severity)r->raises[i].severity));
        pk_buf_puts(b, " if ");
        put_step(b, e, r, &r->raises[i]);
    }
    pk_buf_putc(b, '\n');
}

static void put_definition(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r) {
    put_ref(b, e, r, "about: ", r->about);
    pk_buf_puts(b, "on: ");
    pk_buf_puts(b, r->on_count == 0 ? "any" : "");
    pk_cond_put_terms(b, e, r, 0, r->on_count);
    pk_buf_puts(b, "\nwhen: ");
    pk_cond_put(b, e, r, &r->when);
    if (r->across > 0) {
        pk_buf_puts(b, ", across ");
        pk_buf_put_u64(b, r->across);
        pk_buf_puts(b, " sources");
    }
    pk_buf_puts(b, "\nclear: ");
    pk_cond_put(b, e, r, &r->clear);
    pk_buf_putc(b, '\n');
    put_raise(b, e, r);
}

static void put_ago(struct pk_buf *b, const char *word, uint64_t at_ms, uint64_t now_ms) {
    pk_buf_puts(b, word);
    if (at_ms == 0) {
        pk_buf_puts(b, "never");
        return;
    }
    pk_buf_put_duration(b, now_ms > at_ms ? now_ms - at_ms : 0u);
    pk_buf_puts(b, " ago");
}

static void put_status(struct pk_buf *b, const struct pk_engine *e, uint32_t rule, uint64_t now_ms) {
    const struct pk_rule_status *s = &e->status[rule];
    pk_buf_puts(b, "state: ");
    pk_buf_puts(b, pk_rule_state_word(pk_engine_rule_state(e, rule)));
    put_ago(b, ", last evaluated ", s->evaluated_ms, now_ms);
    if (s->fired_ms == 0 && s->active_count > 0) {
        pk_buf_puts(b, ", last fired before the start");
    } else {
        put_ago(b, ", last fired ", s->fired_ms, now_ms);
    }
    pk_buf_puts(b, "\nevaluated ");
    pk_buf_put_u64(b, s->evaluation_count);
    pk_buf_puts(b, ", fired ");
    pk_buf_put_u64(b, s->fire_count);
    pk_buf_puts(b, ", held back by cooldown ");
    pk_buf_put_u64(b, s->held_back_count);
    pk_buf_puts(b, ", groups ");
    pk_buf_put_u64(b, e->windows.rows.keys[rule]);
    pk_buf_puts(b, " of ");
    pk_buf_put_u64(b, e->rules.rows[rule]->keys);
    pk_buf_puts(b, ", evicted ");
    pk_buf_put_u64(b, e->windows.rows.evicted[rule]);
    pk_buf_putc(b, '\n');
}

static void put_group(struct pk_buf *b, const struct pk_engine *e, const struct pk_window *w) {
    const struct pk_rule *r = e->rules.rows[w->rule];
    const bool is_source = r->group == PK_GROUP_SOURCE || pk_judge_is_child(r, w);
    pk_buf_puts(b, "group ");
    if (w->active != PK_WINDOW_NO_ACTIVE) {
        const char *text = e->active[w->active].group_key;
        pk_buf_puts(b, text[0] != '\0' ? text : "(all)");
    } else if (is_source) {
        pk_buf_puts(b, pk_sources_name(e->world.sources, w->source_id));
    } else {
        pk_buf_puts(b, (w->key & ~PK_MATCH_REPLAYED) == 0 ? "(all)" : "(last from ");
        if ((w->key & ~PK_MATCH_REPLAYED) != 0) {
            pk_buf_puts(b, pk_sources_name(e->world.sources, w->source_id));
            pk_buf_putc(b, ')');
        }
    }
    pk_buf_puts(b, (w->key & PK_MATCH_REPLAYED) != 0 ? " (replayed): " : ": ");
}

/* When the last event came, and from when on the numbers are of what came before a restart or a change of the
 * rule nothing. */
static void put_known(struct pk_buf *b, const struct pk_engine *e, const struct pk_window *w,
                      uint64_t now_ms) {
    const struct pk_active *a = w->active != PK_WINDOW_NO_ACTIVE ? &e->active[w->active] : NULL;
    if (w->is_heard) {
        put_ago(b, ", last event ", pk_judge_full_ms(now_ms, w->last_ms), now_ms);
    } else {
        pk_buf_puts(b, ", no event yet");
    }
    if (a != NULL && a->adopted_ms > 0) {
        pk_buf_puts(b, ", firing for ");
        pk_buf_put_duration(b, pk_active_lasted_ms(a, now_ms));
        put_ago(b, ", counted anew since ", a->adopted_ms, now_ms);
    }
}

static void put_numbers(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    if (!r->is_plain && w->ring != PK_WINDOW_NONE && (w->key & PK_MATCH_REPLAYED) == 0) {
        pk_cond_put_numbers(b, e, slot, now_ms, false);
    } else if (r->is_plain && r->when.kind == PK_COND_COUNT && w->ring != PK_WINDOW_NONE) {
        const uint32_t cap = r->ring_cap;
        pk_buf_put_u64(b,
                       pk_windows_count_within(&e->windows, slot, cap, (uint32_t)now_ms, r->when.within_ms));
        pk_buf_puts(b, " of ");
        pk_buf_put_u64(b, r->when.count);
        pk_buf_puts(b, " in ");
        pk_buf_put_duration(b, r->when.within_ms);
    } else if (w->held > 0 || (r->across > 0 && !pk_judge_is_child(r, w))) {
        pk_buf_put_u64(b, w->held);
        pk_buf_puts(b, " sources hold");
    } else {
        pk_buf_puts(b, "condition ");
        pk_buf_puts(b, pk_verdict_word(r->is_plain ? pk_judge_when(e, slot, now_ms).verdict
                                                   : (enum pk_verdict)w->verdict));
    }
    put_known(b, e, w, now_ms);
    if (pk_wheel_is_armed(&e->wheel, slot) && e->nodes[slot].due_ms > now_ms) {
        pk_buf_puts(b, ", looks again in ");
        pk_buf_put_duration(b, e->nodes[slot].due_ms - now_ms);
    }
}

static void put_window(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    static const char *const STATES[] = {"idle", "pending", "firing", "clearing", "cooling down"};
    const struct pk_window *w = &e->windows.slots[slot];
    put_group(b, e, w);
    pk_buf_puts(b, STATES[w->state]);
    pk_buf_puts(b, ", ");
    put_numbers(b, e, slot, now_ms);
    pk_buf_putc(b, '\n');
}

uint64_t pk_engine_rule_heard_ms(const struct pk_engine *e, uint32_t rule_index) {
    uint64_t heard_ms = 0;
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        const struct pk_window *w = &e->windows.slots[slot];
        if (!pk_windows_is_used(&e->windows, slot) || w->rule != rule_index ||
            (w->key & PK_MATCH_REPLAYED) != 0 || !w->is_heard) {
            continue;
        }
        const uint64_t last_ms = pk_judge_full_ms(e->now_ms, w->last_ms);
        heard_ms = last_ms > heard_ms ? last_ms : heard_ms;
    }
    return heard_ms;
}

void pk_engine_explain(const struct pk_engine *e, uint32_t rule_index, uint64_t now_ms, struct pk_buf *out) {
    PK_ASSERT(rule_index < e->rules.count);
    const struct pk_rule *r = e->rules.rows[rule_index];
    uint32_t shown = 0;
    put_ref(out, e, r, "rule: ", r->id);
    put_definition(out, e, r);
    put_status(out, e, rule_index, now_ms);
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE && shown < GROUPS_SHOWN; i++) {
        if (e->active[i].is_used && e->windows.slots[e->active[i].slot].rule == rule_index) {
            put_window(out, e, e->active[i].slot, now_ms);
            shown++;
        }
    }
    for (uint32_t s = e->windows.rows.newest[rule_index]; s != PK_WINDOW_NONE && shown < GROUPS_SHOWN;
         s = e->windows.slots[s].older) {
        put_window(out, e, s, now_ms);
        shown++;
    }
}
