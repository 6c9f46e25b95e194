#include "support/oracle_cond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_bitset.h"
#include "detect/pk_forget.h"
#include "support/detect_rig.h"

enum {
    STEPS = 700,
    RULES = 6,
    EVENTS_MAX = 2000,
    LOG_MAX = 8000,
    CLAUSES_MAX = 4,
    GROUPS = 4,        /* sources, sites, or the one of all, which is the last */
    REPLAYED = GROUPS, /* from here on those of replayed events */
    FORMS_MAX = 32,
    TEXT_BYTES = 16384
};

enum group_kind { BY_ALL, BY_SOURCE, BY_SITE };
enum phase { NONE, PENDING, FIRING, CLEARING, COOLING };

struct rule {
    struct oracle_cond clauses[CLAUSES_MAX], clear;
    uint32_t clause_count;
    bool is_any, has_clear, is_never;
    enum group_kind group;
    uint32_t across, for_ms, clear_for_ms, cooldown_ms, stale_ms, on_type; /* ORACLE_TYPES = any */
    uint32_t version;
};

struct group {
    const struct oracle_event *events[EVENTS_MAX];
    uint32_t count; /* 0 = no window yet */
    enum phase phase;
    bool is_held;
    uint64_t since_ms, fired_ms, clock_ms; /* clock: newest time of replayed events */
};

struct entry {
    uint64_t at_ms;
    uint16_t rule;
    uint8_t kind, group;
};

static struct rule rules[RULES];
static struct oracle_event events[EVENTS_MAX];
static uint32_t event_count;
static struct group groups[RULES][GROUPS * 2];
static struct entry wanted[LOG_MAX], got[LOG_MAX];
static uint32_t wanted_count, got_count;
static struct detect_rig rig;
static char text[TEXT_BYTES];
static bool has_fired[FORMS_MAX], has_cleared[FORMS_MAX];
static uint32_t replayed_count, forgotten_count, changed_count; /* firings, sources, rules */
static uint64_t replay_ms; /* where the recording that is replayed has got to */

uint32_t oracle_step_ms;
uint32_t oracle_generation;

/* -- random rules -- */

static const struct oracle_form *pick(struct pk_rng *r, uint32_t without_traits) {
    const struct oracle_form *form = NULL;
    do {
        form = &ORACLE_FORMS[oracle_between(r, 0, ORACLE_FORM_COUNT - 1)];
    } while ((form->traits & without_traits) != 0);
    return form;
}

static void make_cond(struct pk_rng *r, struct oracle_cond *c, const struct oracle_form *form,
                      uint32_t stale_ms) {
    c->form = form;
    c->stale_ms = stale_ms;
    c->first.type = ORACLE_TYPES;
    c->second.type = ORACLE_TYPES;
    form->make(r, c);
}

static bool is_plain_alone(const struct rule *o) {
    const char *name = o->clauses[0].form->name;
    return o->clause_count == 1 && (strcmp(name, "count") == 0 || strcmp(name, "value") == 0 ||
                                    strcmp(name, "absent") == 0 || strcmp(name, "rate") == 0);
}

static bool is_large(const struct oracle_cond *c) {
    return (c->form->traits & ORACLE_IS_LARGE) != 0;
}

static void keep_large_alone(struct rule *o) {
    for (uint32_t i = 0; i < o->clause_count; i++) {
        if (is_large(&o->clauses[i])) {
            o->clauses[0] = o->clauses[i];
            o->clause_count = 1;
        }
    }
}

/* The same numbers as `when`, in the same brackets, on the other side of a threshold not beyond it. */
static void clear_by_the_same(struct pk_rng *r, struct rule *o) {
    o->clear = o->clauses[0];
    o->clear.first.is_there = false; /* shared when not told */
    o->clear.is_clear = true;
    o->clear.is_less = !o->clauses[0].is_less;
    o->clear.value += (o->clear.is_less ? -1 : 1) * (int)oracle_between(r, 0, 1);
}

static void make_clear(struct pk_rng *r, struct rule *o) {
    if (is_large(&o->clauses[0])) {
        clear_by_the_same(r, o);
        return;
    }
    const struct oracle_form *form = pick(r, ORACLE_IS_LARGE);
    while ((form->traits & ORACLE_MAY_CLEAR) == 0) {
        form = pick(r, ORACLE_IS_LARGE);
    }
    o->clear.is_clear = true;
    make_cond(r, &o->clear, form, o->stale_ms);
}

static bool is_beside(uint32_t on_type, const struct oracle_match *m) {
    return (on_type == 1 && m->type == 0) || (on_type == 3 && m->type < 2);
}

/* A condition on events that `on` keeps out is refused at load: such a rule takes any. */
static void widen_on(struct rule *o) {
    bool is_never = is_beside(o->on_type, &o->clear.first) || is_beside(o->on_type, &o->clear.second);
    for (uint32_t i = 0; i < o->clause_count; i++) {
        is_never = is_never || is_beside(o->on_type, &o->clauses[i].first) ||
                   is_beside(o->on_type, &o->clauses[i].second);
    }
    if (is_never) {
        o->on_type = ORACLE_TYPES;
    }
}

static void make_rule(struct pk_rng *r, struct rule *o) {
    memset(o, 0, sizeof *o);
    o->clause_count = oracle_between(r, 0, 2) == 0 ? oracle_between(r, 2, 3) : 1u;
    o->is_any = oracle_between(r, 0, 1) == 0;
    o->stale_ms = oracle_between(r, 5, 60) * oracle_step_ms;
    o->on_type = oracle_between(r, 0, 5); /* from ORACLE_TYPES on: any */
    const bool is_across = oracle_between(r, 0, 5) == 0;
    for (uint32_t i = 0; i < o->clause_count; i++) {
        const uint32_t without = is_across ? (uint32_t)ORACLE_NOT_ACROSS : 0u;
        make_cond(r, &o->clauses[i], pick(r, without), o->stale_ms);
    }
    keep_large_alone(o);
    const struct oracle_form *alone = o->clause_count == 1 ? o->clauses[0].form : NULL;
    const bool has_own_for = alone != NULL && (alone->traits & ORACLE_FOR_IS_ITS_OWN) != 0;
    o->group = (enum group_kind)oracle_between(r, 0, 2);
    if (alone != NULL && (alone->traits & ORACLE_BY_SOURCE_ALONE) != 0) {
        o->group = BY_SOURCE;
    }
    if (is_across && !(alone != NULL && strcmp(alone->name, "count") == 0)) {
        o->across = 2;
        o->group = BY_SOURCE;
    }
    o->for_ms = has_own_for || oracle_between(r, 0, 2) > 0 ? 0u : oracle_between(r, 1, 40) * oracle_step_ms;
    o->clear_for_ms = oracle_between(r, 1, 30) * oracle_step_ms;
    o->cooldown_ms = oracle_between(r, 0, 1) * oracle_between(r, 1, 100) * oracle_step_ms;
    o->is_never = oracle_between(r, 0, 11) == 0;
    o->has_clear = !o->is_never && o->across == 0 && !is_plain_alone(o) && oracle_between(r, 0, 2) == 0;
    o->clear.first.type = ORACLE_TYPES;
    o->clear.second.type = ORACLE_TYPES;
    if (o->has_clear) {
        make_clear(r, o);
    }
    widen_on(o);
}

static bool asks_for_values(const struct rule *o) {
    uint32_t traits = o->has_clear ? o->clear.form->traits : 0;
    for (uint32_t i = 0; i < o->clause_count; i++) {
        traits |= o->clauses[i].form->traits;
    }
    return (traits & ORACLE_NEEDS_VALUE) != 0;
}

static void put_rule(struct pk_buf *b, uint32_t index, const struct rule *o) {
    static const char *const ONS[] = {"type = a | b | c | x", "type != a", "severity >= low", "type = c | x"};
    static const char *const BYS[] = {" by all", " by source", " by data.site"};
    pk_buf_puts(b, "[rule r");
    pk_buf_put_u64(b, index);
    pk_buf_putc(b, '_');
    pk_buf_put_u64(b, o->version);
    pk_buf_puts(b, "]\ntype = custom\nseverity = low\nkeys = 8\non = ");
    pk_buf_puts(b, o->on_type < 4 ? ONS[o->on_type] : "any");
    pk_buf_puts(b, "\nwhen = ");
    pk_buf_puts(b, o->clause_count == 1 ? "" : o->is_any ? "any of (" : "all of (");
    for (uint32_t i = 0; i < o->clause_count; i++) {
        pk_buf_puts(b, i > 0 ? ", " : "");
        o->clauses[i].form->put(b, &o->clauses[i]);
    }
    pk_buf_puts(b, o->clause_count == 1 ? "" : ")");
    if (o->for_ms > 0) {
        oracle_put_ms(b, " for ", o->for_ms);
    }
    pk_buf_puts(b, o->across > 0 ? " across 2 sources" : BYS[o->group]);
    pk_buf_puts(b, "\nclear = ");
    if (o->has_clear) {
        o->clear.form->put(b, &o->clear);
    } else {
        pk_buf_puts(b, o->is_never ? "never" : "stable");
    }
    if (!o->is_never) {
        oracle_put_ms(b, " for ", o->clear_for_ms);
    }
    oracle_put_ms(b, "\ncooldown = ", o->cooldown_ms);
    if (asks_for_values(o)) {
        oracle_put_ms(b, "\nstale = ", o->stale_ms);
    }
    pk_buf_putc(b, '\n');
}

static bool is_on(const struct rule *o, const struct oracle_event *e) {
    switch (o->on_type) {
    case 1:
        return e->type != 0;
    case 2:
        return e->severity >= 1;
    case 3:
        return e->type >= 2;
    default:
        return true;
    }
}

/* -- what holds -- */

static struct oracle_says ask(const struct oracle_cond *c, const struct group *g, uint64_t now_ms) {
    const struct oracle_view v = {g->events, g->count};
    return c->form->judge(c, &v, now_ms);
}

static struct oracle_says condition(const struct rule *o, const struct group *g, uint64_t now_ms) {
    if (o->clause_count == 1) {
        return ask(&o->clauses[0], g, now_ms);
    }
    uint32_t counts[3] = {0};
    for (uint32_t i = 0; i < o->clause_count; i++) {
        counts[ask(&o->clauses[i], g, now_ms).answer]++;
    }
    const enum oracle_answer decides = o->is_any ? ORACLE_YES : ORACLE_NO;
    const enum oracle_answer else_answer = o->is_any ? ORACLE_NO : ORACLE_YES;
    const enum oracle_answer a = counts[decides] > 0          ? decides
                                 : counts[ORACLE_UNKNOWN] > 0 ? ORACLE_UNKNOWN
                                                              : else_answer;
    return (struct oracle_says){a, now_ms};
}

static struct oracle_says opposite(struct oracle_says s) {
    s.answer = s.answer == ORACLE_UNKNOWN ? ORACLE_UNKNOWN : s.answer == ORACLE_YES ? ORACLE_NO : ORACLE_YES;
    return s;
}

static struct oracle_says across(uint32_t rule, uint64_t now_ms) {
    uint32_t held = 0;
    uint32_t known = 0;
    for (uint32_t s = 0; s < ORACLE_SOURCES; s++) {
        held += groups[rule][s].is_held ? 1u : 0u;
        known += groups[rule][s].count > 0 ? 1u : 0u;
    }
    const enum oracle_answer a = held >= rules[rule].across   ? ORACLE_YES
                                 : known < rules[rule].across ? ORACLE_UNKNOWN
                                                              : ORACLE_NO;
    return (struct oracle_says){a, now_ms};
}

/* -- the life of a group -- */

static void want(uint32_t rule, uint32_t group, uint64_t now_ms, enum pk_finding_kind kind) {
    if (wanted_count < LOG_MAX) {
        wanted[wanted_count++] = (struct entry){now_ms, (uint16_t)rule, (uint8_t)kind, (uint8_t)group};
    }
    for (uint32_t i = 0; i < rules[rule].clause_count; i++) {
        const uint32_t form = (uint32_t)(rules[rule].clauses[i].form - ORACLE_FORMS);
        has_fired[form] = true;
        has_cleared[form] = has_cleared[form] || kind == PK_FINDING_CLEARED;
    }
}

static struct oracle_says holds(uint32_t rule, const struct group *g, uint64_t now_ms) {
    return rules[rule].across > 0 ? across(rule, now_ms) : condition(&rules[rule], g, now_ms);
}

static struct oracle_says recovers(uint32_t rule, const struct group *g, uint64_t now_ms) {
    if (rules[rule].is_never) {
        return (struct oracle_says){ORACLE_NO, now_ms};
    }
    const struct oracle_says when = holds(rule, g, now_ms);
    if (!rules[rule].has_clear) {
        return opposite(when);
    }
    struct oracle_says clear = ask(&rules[rule].clear, g, now_ms);
    clear.from_ms = now_ms;
    return when.answer == ORACLE_YES ? opposite(when) : clear; /* both at once is no recovery */
}

static void judge_once(uint32_t rule, uint32_t group, uint64_t now_ms) {
    const struct rule *o = &rules[rule];
    struct group *g = &groups[rule][group];
    if (g->phase == COOLING && now_ms >= g->fired_ms + o->cooldown_ms) {
        g->phase = NONE;
    }
    const struct oracle_says when = holds(rule, g, now_ms);
    if (g->phase == NONE && when.answer == ORACLE_YES) {
        g->phase = PENDING;
        g->since_ms = when.from_ms;
    }
    if (g->phase == PENDING && when.answer != ORACLE_YES) {
        g->phase = NONE;
    }
    const uint32_t for_ms = o->across > 0 ? 0u : o->for_ms; /* of each source */
    if (g->phase == PENDING && now_ms - g->since_ms >= for_ms) {
        g->phase = FIRING;
        g->fired_ms = now_ms;
        want(rule, group, now_ms, PK_FINDING_FIRE);
    }
    const struct oracle_says clear = recovers(rule, g, now_ms);
    if (g->phase == CLEARING && clear.answer != ORACLE_YES) {
        g->phase = FIRING;
    }
    if (g->phase == FIRING && clear.answer == ORACLE_YES) {
        g->phase = CLEARING;
        g->since_ms = clear.from_ms;
    }
    if (g->phase == CLEARING && now_ms - g->since_ms >= o->clear_for_ms) {
        want(rule, group, now_ms, PK_FINDING_CLEARED);
        g->phase = now_ms < g->fired_ms + o->cooldown_ms ? COOLING : NONE;
    }
}

/* What follows from a change may follow at the same moment. */
static void judge(uint32_t rule, uint32_t group, uint64_t now_ms) {
    enum phase before = NONE;
    do {
        before = groups[rule][group].phase;
        judge_once(rule, group, now_ms);
    } while (groups[rule][group].phase != before);
}

static void judge_source(const struct rule *o, struct group *g, uint64_t now_ms) {
    const struct oracle_says when = condition(o, g, now_ms);
    if (when.answer != ORACLE_YES) {
        g->phase = NONE;
        g->is_held = false;
        return;
    }
    g->since_ms = g->phase == NONE ? when.from_ms : g->since_ms;
    g->phase = PENDING;
    g->is_held = g->is_held || now_ms - g->since_ms >= o->for_ms;
}

static void judge_across(uint32_t rule, uint64_t now_ms) {
    bool is_known = false;
    for (uint32_t s = 0; s < ORACLE_SOURCES; s++) {
        struct group *g = &groups[rule][s];
        if (g->count > 0) {
            judge_source(&rules[rule], g, now_ms);
            is_known = true;
        }
    }
    if (is_known) {
        judge(rule, GROUPS - 1, now_ms);
    }
}

/* -- replayed events: in their own time, only the end is in ours -- */

static bool is_of_time(const struct rule *o) {
    for (uint32_t i = 0; i < o->clause_count; i++) {
        if ((o->clauses[i].form->traits & ORACLE_IS_OF_TIME) != 0) {
            return true;
        }
    }
    return o->across > 0;
}

static void judge_replayed(uint32_t rule, uint32_t group, uint64_t now_ms) {
    const struct rule *o = &rules[rule];
    struct group *g = &groups[rule][group];
    if (condition(o, g, g->clock_ms).answer != ORACLE_YES) {
        g->phase = g->phase == PENDING ? NONE : g->phase;
        return;
    }
    if (g->phase == CLEARING) {
        g->since_ms = now_ms;
    }
    if (g->phase == NONE) {
        g->phase = PENDING;
        g->since_ms = g->clock_ms;
    }
    if (g->phase == PENDING && g->clock_ms - g->since_ms >= o->for_ms) {
        want(rule, group, now_ms, PK_FINDING_FIRE);
        replayed_count++;
        g->phase = o->is_never ? FIRING : CLEARING;
        g->since_ms = now_ms;
        g->fired_ms = now_ms;
    }
}

static void end_replayed(uint32_t rule, uint64_t now_ms) {
    const struct rule *o = &rules[rule];
    for (uint32_t i = REPLAYED; i < GROUPS * 2; i++) {
        struct group *g = &groups[rule][i];
        if (g->phase == CLEARING && now_ms - g->since_ms >= o->clear_for_ms) {
            want(rule, i, now_ms, PK_FINDING_CLEARED);
            g->phase = COOLING;
        }
        if (g->phase == COOLING && now_ms >= g->fired_ms + o->cooldown_ms) {
            g->phase = NONE;
        }
    }
}

static void judge_all(uint64_t now_ms) {
    for (uint32_t i = 0; i < RULES; i++) {
        end_replayed(i, now_ms);
        if (rules[i].across > 0) {
            judge_across(i, now_ms);
            continue;
        }
        for (uint32_t g = 0; g < GROUPS; g++) {
            if (groups[i][g].count > 0) {
                judge(i, g, now_ms);
            }
        }
    }
}

/* -- random streams -- */

static bool begins(const struct rule *o, const struct oracle_event *e) {
    for (uint32_t i = 0; i < o->clause_count; i++) {
        if (oracle_takes(&o->clauses[i], e)) {
            return true;
        }
    }
    return false;
}

/* One of its conditions is told of the event. */
static bool is_fed(const struct rule *o, const struct oracle_event *e) {
    for (uint32_t i = 0; i <= o->clause_count; i++) {
        const struct oracle_cond *c = i < o->clause_count ? &o->clauses[i] : &o->clear;
        if (i == o->clause_count && !o->has_clear) {
            continue;
        }
        const bool is_pair = strcmp(c->form->name, "then") == 0 || strcmp(c->form->name, "ratio") == 0;
        if (oracle_takes(c, e) || (c->form->traits & ORACLE_TAKES_ALL) != 0 ||
            (is_pair && oracle_matches(&c->second, e))) {
            return true;
        }
    }
    return false;
}

static void note_replayed(uint32_t rule, uint32_t at, const struct oracle_event *e) {
    const struct rule *o = &rules[rule];
    struct group *g = &groups[rule][REPLAYED + at];
    if (is_of_time(o) || !is_fed(o, e) || (g->count == 0 && !begins(o, e))) {
        return;
    }
    const bool is_older = g->count > 0 && e->at_ms < g->clock_ms;
    if (is_older && is_plain_alone(o) && strcmp(o->clauses[0].form->name, "value") == 0) {
        return; /* a gauge of its own is not looked at again for what it knew better already */
    }
    g->clock_ms = is_older ? g->clock_ms : e->at_ms;
    g->events[g->count++] = e;
    judge_replayed(rule, REPLAYED + at, rig.now_ms);
}

static void note(const struct oracle_event *e) {
    for (uint32_t i = 0; i < RULES; i++) {
        const struct rule *o = &rules[i];
        const uint32_t at = o->group == BY_ALL    ? (uint32_t)GROUPS - 1u
                            : o->group == BY_SITE ? e->site
                                                  : e->source;
        if (!is_on(o, e) || (o->group == BY_SITE && e->site == ORACLE_SITES)) {
            continue;
        }
        struct group *g = &groups[i][at];
        if (e->is_replayed) {
            note_replayed(i, at, e);
        } else if (g->count > 0 || begins(o, e)) {
            g->events[g->count++] = e;
        }
    }
}

static void put_fields(struct pk_event *e, const struct oracle_event *o) {
    uint8_t packed[64];
    uint32_t n = 0;
    const char user[2] = {'u', (char)('0' + o->user)};
    const char site[2] = {'g', (char)('0' + o->site)};
    const struct pk_field fields[2] = {{PK_FIELD_STRING, pk_str_of("user"), {user, 2}},
                                       {PK_FIELD_STRING, pk_str_of("site"), {site, 2}}};
    const bool has[2] = {o->user < ORACLE_USERS, o->site < ORACLE_SITES};
    for (uint32_t i = 0; i < 2; i++) {
        if (has[i] && pk_field_pack(packed, sizeof packed, &n, &fields[i]) != PK_OK) {
            return;
        }
    }
    e->field_bytes = (uint16_t)n;
    e->text_ref = pk_textring_put(&rig.text, pk_str_make(NULL, 0), pk_str_make((const char *)packed, n));
}

static void give(const struct oracle_event *o) {
    static const char *const NAMES[ORACLE_SOURCES] = {"s0", "s1", "s2"};
    static const char *const TYPES[ORACLE_TYPES] = {"a", "b", "c", "x"};
    struct pk_event e =
        detect_rig_event(&rig, TYPES[o->type], NAMES[o->source], (enum pk_severity)o->severity);
    e.value = o->value;
    e.event_ms = o->is_replayed ? rig.now_ms : o->at_ms;
    e.wall_ms = (int64_t)o->wall_ms;
    e.flags = (uint8_t)((o->has_value ? PK_EVENT_HAS_VALUE : 0) | (o->is_fault ? PK_EVENT_FAULT : 0) |
                        (o->is_late ? PK_EVENT_LATE : 0) | (o->is_replayed ? PK_EVENT_REPLAYED : 0) |
                        (o->is_unsure ? PK_EVENT_CLOCK_UNSURE : 0));
    put_fields(&e, o);
    detect_rig_give(&rig, &e);
}

static void read_findings(void) {
    struct pk_finding f;
    while (pk_engine_next_finding(&rig.engine, &f)) {
        if ((f.kind == PK_FINDING_FIRE || f.kind == PK_FINDING_CLEARED) && got_count < LOG_MAX) {
            const int group = f.group_key[0] == '\0' ? GROUPS - 1 : f.group_key[1] - '0';
            const uint8_t at = (uint8_t)(group + (f.is_replayed ? REPLAYED : 0));
            got[got_count++] = (struct entry){f.at_ms, f.rule_index, f.kind, at};
        }
    }
}

static void give_random(struct pk_rng *r) {
    if (event_count >= EVENTS_MAX) {
        return;
    }
    struct oracle_event *o = &events[event_count++];
    memset(o, 0, sizeof *o);
    o->type = oracle_between(r, 0, ORACLE_TYPES - 1);
    o->source = oracle_between(r, 0, ORACLE_SOURCES - 1);
    o->user = oracle_between(r, 0, ORACLE_USERS);
    o->site = oracle_between(r, 0, ORACLE_SITES);
    o->severity = oracle_between(r, 0, 4);
    o->is_fault = oracle_between(r, 0, 39) == 0;
    o->has_value = !o->is_fault && oracle_between(r, 0, 9) > 0;
    o->value = (double)oracle_between(r, 0, 9);
    const uint32_t behind_ms = oracle_between(r, 0, 9) == 0 ? oracle_between(r, 1, 30) * oracle_step_ms : 0u;
    o->at_ms = rig.now_ms - behind_ms;
    o->wall_ms = 1700000000000u + o->at_ms;
    o->is_late = behind_ms > 0;
    o->is_unsure = oracle_between(r, 0, 14) == 0;
    o->is_replayed = oracle_between(r, 0, 7) == 0;
    if (o->is_replayed) {
        replay_ms += oracle_between(r, 0, 6) * oracle_step_ms;
        o->wall_ms =
            replay_ms - (oracle_between(r, 0, 5) == 0 ? oracle_between(r, 1, 30) * oracle_step_ms : 0u);
        o->at_ms = o->wall_ms;
        o->is_late = false;
    }
    const uint32_t left_ms = oracle_between(r, 0, 150) * oracle_step_ms;
    if (o->type == ORACLE_TYPES - 1 && o->has_value) {
        o->value = ((double)left_ms + 0.4) / 86400000.0; /* whole milliseconds once cut */
    }
    if (o->type == ORACLE_TYPES - 1 && o->has_value && oracle_between(r, 0, 2) == 0) {
        o->value = (double)(o->wall_ms + left_ms / 1000u * 1000u) / 1000.0;
    }
    give(o);
    note(o);
    read_findings();
    judge_all(rig.now_ms);
}

/* Within one moment the order of rules does not matter. */
static int by_moment(const void *a, const void *b) {
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    const int left = x->rule * 64 + x->group * 8 + x->kind;
    const int right = y->rule * 64 + y->group * 8 + y->kind;
    return left - right;
}

static void tell_difference(uint64_t seed) {
    printf("# case %llu, rules:\n%s", (unsigned long long)seed, text);
    for (uint32_t i = 0; i < wanted_count || i < got_count; i++) {
        const struct entry none = {0, 0, 0, 0};
        const struct entry *w = i < wanted_count ? &wanted[i] : &none;
        const struct entry *g = i < got_count ? &got[i] : &none;
        if (by_moment(w, g) != 0) {
            printf(
                "# entry %u: wanted rule %u group %u kind %u at %llu, got rule %u group %u kind %u at %llu\n",
                i, w->rule, w->group, w->kind, (unsigned long long)w->at_ms, g->rule, g->group, g->kind,
                (unsigned long long)g->at_ms);
            return;
        }
    }
}

static void put_rules(void) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < RULES; i++) {
        put_rule(&b, i, &rules[i]);
    }
}

static void reset(struct group *g) {
    g->count = 0;
    g->phase = NONE;
    g->is_held = false;
}

static void reset_rule(uint32_t rule) {
    for (uint32_t g = 0; g < GROUPS * 2; g++) {
        reset(&groups[rule][g]);
    }
}

static bool is_chance_too_much(void) {
    return strstr(rig.diag.message, "a rule has at most 12 comparisons") != NULL ||
           strstr(rig.diag.message, "bytes for each group") != NULL;
}

static bool is_in_use(uint32_t rule) {
    for (uint32_t g = 0; g < GROUPS * 2; g++) {
        const enum phase p = groups[rule][g].phase;
        if (p == FIRING || p == CLEARING) {
            return true;
        }
    }
    return false;
}

/* Another rule in the place of one: of the same name when nothing fires (what fires is judged by the new text
 * then), else of another. The others go on as if nothing had happened. */
static void change_rule(struct pk_rng *r) {
    const uint32_t i = oracle_between(r, 0, RULES - 1);
    const struct rule before = rules[i];
    make_rule(r, &rules[i]);
    rules[i].version = before.version + (is_in_use(i) ? 1u : oracle_between(r, 0, 1));
    put_rules();
    if (detect_rig_load(&rig, text) != PK_OK) {
        if (!is_chance_too_much()) {
            want(0, 0, 0, PK_FINDING_FIRE); /* shown as a difference */
        }
        rules[i] = before;
        put_rules();
        return;
    }
    changed_count++;
    oracle_generation++;
    reset_rule(i);
    if (getenv("PK_ORACLE_CASE") != NULL) {
        printf("# at %llu rule %u changed:\n%s", (unsigned long long)rig.now_ms, i, text);
    }
}

/* A source whose name was given away: what is idle of it goes, unless it is waited for. */
static void forget_source(struct pk_rng *r) {
    static const char *const NAMES[ORACLE_SOURCES] = {"s0", "s1", "s2"};
    const uint32_t source = oracle_between(r, 0, ORACLE_SOURCES - 1);
    uint64_t bits[PK_BITSET_WORDS(PK_LIMIT_SOURCES)] = {0};
    const int id = pk_sources_find(&rig.sources, pk_str_of(NAMES[source]));
    if (id < 0) {
        return;
    }
    pk_bitset_set(bits, PK_LIMIT_SOURCES, (uint32_t)id);
    pk_engine_forget_sources(&rig.engine, bits);
    if (!pk_bitset_has(bits, PK_LIMIT_SOURCES, (uint32_t)id)) {
        return;
    }
    forgotten_count++;
    oracle_generation++;
    for (uint32_t i = 0; i < RULES; i++) {
        if (rules[i].group != BY_SOURCE) {
            continue;
        }
        for (uint32_t g = source; g < GROUPS * 2; g += REPLAYED) {
            if (groups[i][g].phase != NONE) {
                want(i, g, 0, PK_FINDING_FIRE); /* it was waited for: shown as a difference */
            }
            reset(&groups[i][g]);
        }
    }
}

static bool start(struct pk_rng *r) {
    static const uint32_t STEPS_MS[] = {100, 100, 100, 60000, 600000};
    oracle_step_ms = STEPS_MS[oracle_between(r, 0, 4)];
    oracle_generation++;
    replay_ms = UINT64_C(1600000000000);
    for (uint32_t i = 0; i < RULES; i++) {
        make_rule(r, &rules[i]);
        reset_rule(i);
    }
    put_rules();
    event_count = 0;
    wanted_count = 0;
    got_count = 0;
    const int err = detect_rig_init(&rig, text);
    const uint64_t from_ms = (uint64_t)oracle_step_ms * 2000u; /* room for what comes late */
    if (rig.now_ms < from_ms) {
        rig.now_ms = from_ms;
        pk_engine_tick(&rig.engine, rig.now_ms);
    }
    return err == PK_OK;
}

bool oracle_case(uint64_t seed, uint64_t *out_findings, uint64_t *out_events) {
    struct pk_rng r;
    pk_rng_seed(&r, seed);
    if (!start(&r)) {
        if (is_chance_too_much()) {
            return true; /* the chance wanted too much */
        }
        printf("# case %llu is refused: line %u: %s\n%s", (unsigned long long)seed, (unsigned)rig.diag.line,
               rig.diag.message, text);
        return false;
    }
    uint32_t busy = 30;
    for (uint32_t step = 0; step < STEPS; step++) {
        rig.now_ms += oracle_step_ms;
        pk_engine_tick(&rig.engine, rig.now_ms);
        read_findings();
        judge_all(rig.now_ms);
        if (oracle_between(&r, 0, 149) == 0) {
            change_rule(&r);
        }
        if (oracle_between(&r, 0, 39) == 0) {
            forget_source(&r);
        }
        busy = oracle_between(&r, 0, 49) == 0 ? oracle_between(&r, 0, 70) : busy; /* quiet and busy times */
        while (oracle_between(&r, 0, 99) < busy) {
            give_random(&r);
        }
    }
    qsort(wanted, wanted_count, sizeof wanted[0], by_moment);
    qsort(got, got_count, sizeof got[0], by_moment);
    *out_findings += wanted_count;
    *out_events += event_count;
    const bool agrees =
        wanted_count == got_count && memcmp(wanted, got, wanted_count * sizeof wanted[0]) == 0;
    if (!agrees) {
        tell_difference(seed);
    }
    return agrees;
}

uint32_t oracle_cases(uint64_t first, uint32_t count) {
    uint64_t findings = 0;
    uint64_t given = 0;
    uint32_t wrong = 0;
    for (uint64_t seed = first; seed < first + count && wrong < 3; seed++) {
        wrong += oracle_case(seed, &findings, &given) ? 0u : 1u;
    }
    printf("# cases from %llu: %llu events, %llu findings, %u of them of replayed events, %u rules changed, "
           "%u sources "
           "forgotten\n",
           (unsigned long long)first, (unsigned long long)given, (unsigned long long)findings, replayed_count,
           changed_count, forgotten_count);
    return wrong;
}

bool oracle_saw_all(void) {
    bool is_all = replayed_count > 0 && changed_count > 0 && forgotten_count > 0;
    for (uint32_t i = 0; i < ORACLE_FORM_COUNT && i < FORMS_MAX; i++) {
        if (!has_fired[i] || !has_cleared[i]) {
            printf("# form %s never %s\n", ORACLE_FORMS[i].name, has_fired[i] ? "cleared" : "fired");
            is_all = false;
        }
    }
    return is_all;
}
