/* The engine against a slow, obvious judge: it keeps every event, and at each tenth of a second and after
 * each event counts and looks at all of them again. Random rules of every condition, random streams with late
 * events; every FIRE and CLEARED must agree in rule, group and time. Prints the case number when not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

enum {
    STEP_MS = 100,
    STEPS = 1500,
    RULES = 6,
    SOURCES = 3,
    EVENTS_MAX = 12000,
    LOG_MAX = 20000,
    CASES = PK_IS_SLOW ? 30 : 150
};

enum form { FORM_COUNT, FORM_VALUE, FORM_ABSENT, FORM_ACROSS, FORM_COUNT_IF, FORM_SUM };

enum raise { RAISE_COUNT, RAISE_LASTING, RAISE_VALUE };
struct oracle_raise {
    enum raise kind;
    uint8_t severity;
    uint32_t count, ms;
    int value;
};

struct oracle_rule {
    enum form form;
    bool by_source;
    uint32_t count, within_ms, for_ms, sources;
    bool clear_by_count, clear_by_value;
    uint32_t clear_count, clear_within_ms, clear_for_ms, cooldown_ms, stale_ms;
    int value, clear_value;
    struct oracle_raise raises[2];
    uint32_t raise_count;
};

struct oracle_event {
    uint64_t at_ms, seen_ms; /* own time, time of arrival */
    uint32_t source;
    int value;
    bool has_value, is_late;
};

enum phase { NONE, PENDING, FIRING, CLEARING, COOLING };

struct oracle_group {
    enum phase phase;
    uint64_t since_ms, fired_ms;
    uint8_t severity;
};

struct entry {
    uint64_t at_ms;
    uint16_t rule;
    uint8_t kind, group; /* group: source, or SOURCES for none */
    uint8_t severity, unused[3];
};

static struct oracle_rule rules[RULES];
static struct oracle_event events[EVENTS_MAX];
static uint32_t event_count;
static struct oracle_group groups[RULES][SOURCES + 1];
static struct entry wanted[LOG_MAX];
static struct entry got[LOG_MAX];
static uint32_t wanted_count, got_count;
static struct detect_rig rig;
static char text[8192];

static uint32_t between(struct pk_rng *r, uint32_t low, uint32_t high) {
    return low + (uint32_t)pk_rng_below(r, high - low + 1u);
}

static void make_raises(struct pk_rng *r, struct oracle_rule *o) {
    static const uint8_t SEVERITIES[] = {PK_SEV_HIGH, PK_SEV_CRITICAL};
    const bool is_counted = o->form == FORM_COUNT || o->form == FORM_COUNT_IF;
    o->raise_count = between(r, 0, 2);
    for (uint32_t i = 0; i < o->raise_count; i++) {
        struct oracle_raise *raise = &o->raises[i];
        raise->kind = (enum raise)between(r, 0, RAISE_VALUE);
        if ((raise->kind == RAISE_COUNT && !is_counted) ||
            (raise->kind == RAISE_VALUE && o->form != FORM_VALUE)) {
            raise->kind = RAISE_LASTING;
        }
        raise->severity = SEVERITIES[i];
        raise->count = o->count + between(r, 1, 8);
        raise->ms = between(r, 1, 100) * STEP_MS;
        raise->value = o->value + (int)between(r, 0, 3);
    }
}

static void make_rule(struct pk_rng *r, struct oracle_rule *o) {
    memset(o, 0, sizeof *o);
    o->form = (enum form)between(r, 0, FORM_SUM - 1);
    o->by_source =
        o->form == FORM_VALUE || o->form == FORM_ABSENT || (o->form != FORM_ACROSS && between(r, 0, 1) == 1);
    o->count = between(r, 1, 7);
    o->within_ms = between(r, 2, 60) * STEP_MS;
    o->for_ms = between(r, 0, 2) > 0 ? 0 : between(r, 1, 40) * STEP_MS;
    o->sources = between(r, 2, SOURCES);
    o->value = (int)between(r, 3, 6);
    o->clear_for_ms = between(r, 1, 50) * STEP_MS;
    o->cooldown_ms = between(r, 0, 1) * between(r, 1, 200) * STEP_MS;
    o->stale_ms = between(r, 5, 60) * STEP_MS;
    if (o->form == FORM_VALUE && between(r, 0, 1) == 1) {
        o->clear_by_value = true;
        o->clear_value = o->value - (int)between(r, 0, 2);
    } else if (o->form != FORM_VALUE && o->form != FORM_ABSENT && between(r, 0, 1) == 1) {
        o->clear_by_count = true;
        o->clear_count = between(r, 1, o->count);
        o->clear_within_ms = o->within_ms + between(r, 0, 30) * STEP_MS;
    }
    make_raises(r, o);
}

static void put_ms(struct pk_buf *b, const char *word, uint32_t ms) {
    pk_buf_puts(b, word);
    pk_buf_put_u64(b, ms);
    pk_buf_puts(b, "ms");
}

static void put_condition(struct pk_buf *b, const struct oracle_rule *o) {
    if (o->form == FORM_VALUE) {
        pk_buf_puts(b, "value > ");
        pk_buf_put_u64(b, (uint64_t)o->value);
    } else if (o->form == FORM_ABSENT) {
        put_ms(b, "absent for ", o->within_ms);
        return;
    } else {
        pk_buf_puts(b, o->form == FORM_COUNT_IF ? "count(value > " : "count");
        if (o->form == FORM_COUNT_IF) {
            pk_buf_put_u64(b, (uint64_t)o->value);
            pk_buf_puts(b, ")");
        }
        pk_buf_puts(b, " >= ");
        pk_buf_put_u64(b, o->count);
        put_ms(b, " in ", o->within_ms);
    }
    if (o->for_ms > 0) {
        put_ms(b, " for ", o->for_ms);
    }
    if (o->form == FORM_ACROSS) {
        pk_buf_puts(b, " across ");
        pk_buf_put_u64(b, o->sources);
        pk_buf_puts(b, " sources");
    } else if (o->by_source && o->form != FORM_VALUE) {
        pk_buf_puts(b, " by source");
    }
}

static void put_raises(struct pk_buf *b, const struct oracle_rule *o) {
    for (uint32_t i = 0; i < o->raise_count; i++) {
        const struct oracle_raise *raise = &o->raises[i];
        pk_buf_puts(b, i == 0 ? " -> " : ", ");
        pk_buf_puts(b, raise->severity == PK_SEV_HIGH ? "high if " : "critical if ");
        if (raise->kind == RAISE_LASTING) {
            put_ms(b, "lasting ", raise->ms);
            continue;
        }
        pk_buf_puts(b, raise->kind == RAISE_COUNT ? "count >= " : "value > ");
        pk_buf_put_u64(b, raise->kind == RAISE_COUNT ? raise->count : (uint64_t)raise->value);
    }
}

static void put_rule(struct pk_buf *b, uint32_t index, const struct oracle_rule *o) {
    pk_buf_puts(b, "[rule r");
    pk_buf_put_u64(b, index);
    pk_buf_puts(b, "]\non = type = t\nkeys = 8\ntype = custom\nseverity = low");
    put_raises(b, o);
    pk_buf_puts(b, "\nwhen = ");
    put_condition(b, o);
    if (o->clear_by_count) {
        pk_buf_puts(b, "\nclear = count < ");
        pk_buf_put_u64(b, o->clear_count);
        put_ms(b, " in ", o->clear_within_ms);
    } else if (o->clear_by_value) {
        pk_buf_puts(b, "\nclear = value < ");
        pk_buf_put_u64(b, (uint64_t)o->clear_value);
    } else {
        pk_buf_puts(b, "\nclear = stable");
    }
    put_ms(b, " for ", o->clear_for_ms);
    put_ms(b, "\ncooldown = ", o->cooldown_ms);
    if (o->form == FORM_VALUE) {
        put_ms(b, "\nstale = ", o->stale_ms);
    }
    pk_buf_putc(b, '\n');
}

static bool is_of(const struct oracle_rule *o, const struct oracle_event *e, uint32_t group) {
    return (group == SOURCES || e->source == group) &&
           (o->form != FORM_COUNT_IF || (e->has_value && e->value > o->value));
}

static uint32_t count_in(const struct oracle_rule *o, uint32_t group, uint64_t now_ms, uint32_t within_ms) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        n += is_of(o, &events[i], group) && events[i].at_ms + within_ms > now_ms ? 1u : 0u;
    }
    return n;
}

static uint32_t sources_in(const struct oracle_rule *o, uint64_t now_ms) {
    uint32_t n = 0;
    for (uint32_t s = 0; s < SOURCES; s++) {
        n += count_in(o, s, now_ms, o->within_ms) > 0 ? 1u : 0u;
    }
    return n;
}

/* Newest sample or sign of life by its own time; of equal ones the one that came last. NULL = none. */
static const struct oracle_event *newest(const struct oracle_rule *o, uint32_t group) {
    const struct oracle_event *best = NULL;
    bool was_seen = false;
    for (uint32_t i = 0; i < event_count; i++) {
        const struct oracle_event *e = &events[i];
        const bool is_kind = o->form == FORM_VALUE ? e->has_value : true;
        if (e->source != group || !is_kind || (o->form == FORM_ABSENT && !was_seen && e->is_late)) {
            continue;
        }
        was_seen = true;
        best = best == NULL || e->at_ms >= best->at_ms ? e : best;
    }
    return best;
}

enum answer { NO, YES, UNKNOWN };

static enum answer condition(const struct oracle_rule *o, uint32_t group, uint64_t now_ms) {
    if (o->form == FORM_COUNT || o->form == FORM_COUNT_IF) {
        return count_in(o, group, now_ms, o->within_ms) >= o->count ? YES : NO;
    }
    if (o->form == FORM_ACROSS) {
        return count_in(o, group, now_ms, o->within_ms) >= o->count && sources_in(o, now_ms) >= o->sources
                   ? YES
                   : NO;
    }
    const struct oracle_event *e = newest(o, group);
    if (o->form == FORM_ABSENT) {
        return e == NULL ? UNKNOWN : e->at_ms + o->within_ms <= now_ms ? YES : NO;
    }
    if (e == NULL || e->at_ms + o->stale_ms <= now_ms) {
        return UNKNOWN;
    }
    return e->value > o->value ? YES : NO;
}

static enum answer recovery(const struct oracle_rule *o, uint32_t group, uint64_t now_ms) {
    if (o->clear_by_count) {
        return count_in(o, group, now_ms, o->clear_within_ms) < o->clear_count ? YES : NO;
    }
    if (o->clear_by_value) {
        const struct oracle_event *e = newest(o, group);
        return e == NULL || e->at_ms + o->stale_ms <= now_ms ? UNKNOWN : e->value < o->clear_value ? YES : NO;
    }
    const enum answer a = condition(o, group, now_ms);
    return a == UNKNOWN ? UNKNOWN : a == YES ? NO : YES;
}

static void want(uint32_t rule, uint32_t group, uint64_t now_ms, enum pk_finding_kind kind) {
    if (wanted_count < LOG_MAX) {
        wanted[wanted_count++] = (struct entry){
            now_ms, (uint16_t)rule, (uint8_t)kind, (uint8_t)group, groups[rule][group].severity, {0}};
    }
}

/* since of a gauge that was reported late counts from its own time, as do the ends of what is known to have
 * ended. */
static uint64_t began(const struct oracle_rule *o, uint32_t group, uint64_t now_ms) {
    const struct oracle_event *e = o->form == FORM_VALUE ? newest(o, group) : NULL;
    return e != NULL ? e->at_ms : now_ms;
}

static uint64_t ended(const struct oracle_rule *o, uint32_t group, uint64_t now_ms) {
    if (o->form == FORM_VALUE) {
        return began(o, group, now_ms);
    }
    if (o->form == FORM_ABSENT) {
        return newest(o, group)->at_ms;
    }
    return now_ms;
}

static bool is_raised(const struct oracle_rule *o, const struct oracle_raise *raise, uint32_t group,
                      uint64_t fired_ms, uint64_t now_ms) {
    const struct oracle_event *e = NULL;
    switch (raise->kind) {
    case RAISE_COUNT:
        return count_in(o, group, now_ms, o->within_ms) >= raise->count;
    case RAISE_LASTING:
        return now_ms - fired_ms >= raise->ms;
    case RAISE_VALUE:
        e = newest(o, group);
        return e != NULL && e->value > raise->value;
    }
    return false;
}

/* The highest step that holds. */
static bool raise_group(uint32_t rule, uint32_t group, uint64_t now_ms) {
    const struct oracle_rule *o = &rules[rule];
    struct oracle_group *g = &groups[rule][group];
    const uint8_t before = g->severity;
    for (uint32_t i = 0; i < o->raise_count; i++) {
        if (o->raises[i].severity > g->severity && is_raised(o, &o->raises[i], group, g->fired_ms, now_ms)) {
            g->severity = o->raises[i].severity;
        }
    }
    return g->severity > before;
}

static void judge_once(uint32_t rule, uint32_t group, uint64_t now_ms) {
    const struct oracle_rule *o = &rules[rule];
    struct oracle_group *g = &groups[rule][group];
    if (g->phase == COOLING && now_ms >= g->fired_ms + o->cooldown_ms) {
        g->phase = NONE;
    }
    if (g->phase == NONE && condition(o, group, now_ms) == YES) {
        g->phase = PENDING;
        g->since_ms = began(o, group, now_ms);
    }
    if (g->phase == PENDING && condition(o, group, now_ms) != YES) {
        g->phase = NONE;
    }
    const uint32_t for_ms = o->form == FORM_ABSENT ? 0 : o->for_ms;
    if (g->phase == PENDING && now_ms - g->since_ms >= for_ms) {
        g->phase = FIRING;
        g->fired_ms = now_ms;
        g->severity = PK_SEV_LOW;
        (void)raise_group(rule, group, now_ms);
        want(rule, group, now_ms, PK_FINDING_FIRE);
    }
    if (g->phase == CLEARING && recovery(o, group, now_ms) != YES) {
        g->phase = FIRING;
    }
    if (g->phase == FIRING && raise_group(rule, group, now_ms)) {
        want(rule, group, now_ms, PK_FINDING_RAISED);
    }
    if (g->phase == FIRING && recovery(o, group, now_ms) == YES) {
        g->phase = CLEARING;
        g->since_ms = ended(o, group, now_ms);
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

static void judge_all(uint64_t now_ms) {
    for (uint32_t i = 0; i < RULES; i++) {
        for (uint32_t s = 0; s < SOURCES && rules[i].by_source; s++) {
            judge(i, s, now_ms);
        }
        if (!rules[i].by_source) {
            judge(i, SOURCES, now_ms);
        }
    }
}

static void read_findings(void) {
    struct pk_finding f;
    while (pk_engine_next_finding(&rig.engine, &f)) {
        if (f.kind != PK_FINDING_STILL && got_count < LOG_MAX) {
            const uint8_t group = (uint8_t)(f.group_key[0] == '\0' ? SOURCES : f.group_key[1] - '0');
            got[got_count++] = (struct entry){f.at_ms, f.rule_index, f.kind, group, f.severity, {0}};
        }
    }
}

static void give_random(struct pk_rng *r) {
    static const char *const NAMES[SOURCES] = {"s0", "s1", "s2"};
    if (event_count >= EVENTS_MAX) {
        return;
    }
    struct oracle_event *o = &events[event_count++];
    memset(o, 0, sizeof *o);
    o->source = between(r, 0, SOURCES - 1);
    o->has_value = between(r, 0, 9) > 0;
    o->value = (int)between(r, 0, 9);
    const uint64_t behind_ms = between(r, 0, 9) == 0 ? between(r, 1, 30) * STEP_MS : 0;
    o->at_ms = rig.now_ms - behind_ms;
    o->is_late = behind_ms > 0;
    struct pk_event e = o->has_value ? detect_rig_value(&rig, "t", NAMES[o->source], o->value)
                                     : detect_rig_event(&rig, "t", NAMES[o->source], PK_SEV_INFO);
    e.event_ms = o->at_ms;
    e.flags |= (uint8_t)(o->is_late ? PK_EVENT_LATE : 0);
    detect_rig_give(&rig, &e);
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
    const int left = ((x->rule * 8 + x->group) * 8 + x->kind) * 8 + x->severity;
    const int right = ((y->rule * 8 + y->group) * 8 + y->kind) * 8 + y->severity;
    return left - right;
}

static bool run_case(uint64_t seed) {
    struct pk_rng r;
    struct pk_buf b;
    pk_rng_seed(&r, seed);
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < RULES; i++) {
        make_rule(&r, &rules[i]);
        put_rule(&b, i, &rules[i]);
    }
    memset(groups, 0, sizeof groups);
    event_count = 0;
    wanted_count = 0;
    got_count = 0;
    if (detect_rig_init(&rig, text) != PK_OK) {
        return false;
    }
    uint32_t busy = 30;
    for (uint32_t step = 0; step < STEPS; step++) {
        rig.now_ms += STEP_MS;
        pk_engine_tick(&rig.engine, rig.now_ms);
        read_findings();
        judge_all(rig.now_ms);
        busy = between(&r, 0, 99) == 0 ? between(&r, 0, 60) : busy; /* quiet and busy times */
        while (between(&r, 0, 99) < busy) {
            give_random(&r);
        }
    }
    qsort(wanted, wanted_count, sizeof wanted[0], by_moment);
    qsort(got, got_count, sizeof got[0], by_moment);
    return wanted_count == got_count && memcmp(wanted, got, wanted_count * sizeof wanted[0]) == 0;
}

static void tell_difference(void) {
    printf("# rules:\n%s", text);
    for (uint32_t i = 0; i < wanted_count || i < got_count; i++) {
        const struct entry none = {0, 0, 0, 0, 0, {0}};
        const struct entry *w = i < wanted_count ? &wanted[i] : &none;
        const struct entry *g = i < got_count ? &got[i] : &none;
        if (by_moment(w, g) != 0) {
            printf("# entry %u: wanted rule %u group %u kind %u severity %u at %llu, got rule %u group %u "
                   "kind %u severity %u at %llu\n",
                   i, w->rule, w->group, w->kind, w->severity, (unsigned long long)w->at_ms, g->rule,
                   g->group, g->kind, g->severity, (unsigned long long)g->at_ms);
            return;
        }
    }
}

PK_TEST(engine__random_rules_and_streams__agrees_with_the_oracle) {
    uint64_t findings = 0, raised = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        const bool agrees = run_case(seed);
        findings += wanted_count;
        for (uint32_t i = 0; i < wanted_count; i++) {
            raised += wanted[i].kind == PK_FINDING_RAISED ? 1u : 0u;
        }
        if (!agrees) {
            tell_difference();
        }
        if (!pk_test_eq_u64(agrees ? 0 : seed, 0, "case that disagrees", __FILE__, __LINE__)) {
            return;
        }
    }
    CHECK(findings > CASES * 20u); /* it was not agreement on silence */
    CHECK(raised > CASES * 5u);
}

PK_TEST_MAIN(engine__random_rules_and_streams__agrees_with_the_oracle)
