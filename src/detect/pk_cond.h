#ifndef PK_COND_H
#define PK_COND_H
/* Forms of conditions: one row of a const table each (struct pk_cond_ops). The state machine of a window
 * (pk_eval.c) asks a rule whether its condition holds; this file asks the forms, one or several of them
 * (`all of`, `any of`), and puts their answers together by PK_VERDICT_AND and PK_VERDICT_NOT.
 *
 * HOW TO ADD A FORM
 *  1. A kind in enum pk_cond_kind (pk_rule.h), before PK_COND_KIND_COUNT. Parameters of a rule go into struct
 *     pk_rule_cond: cmp, count, within_ms, value and option are free for any form; add a member only when
 *     those do not do.
 *  2. src/detect/pk_cond_<form>.c with `const struct pk_cond_ops PK_COND_<FORM>_OPS`, a line for it below and
 *     in the table of pk_cond.c; tests/unit/test_pk_cond_<form>.c.
 *  3. Its lines in config/rules/README.md: grammar (tests/unit/test_rule_grammar.c generates rules from it),
 *     meaning, bound, state; an entry in tests/fuzz/corpus/rules/forms.rules; its slow twin in
 *     tests/model/test_oracle_cond.c: one function.
 *  Nothing else: `for`, `by`, `across`, groups, evictions, cooldown, replay, findings and prices are here.
 *
 * STATE. A form says with state_bytes() what a window needs for one condition (at most
 * PK_COND_STATE_BYTES_MAX for all conditions of a rule together). The loader gives each condition its place
 * in the window's block, 8-byte aligned, and prices it (`rules list --cost`); the block comes from the fixed
 * pool of pk_window.h, zeroed, then init() is called when there is one. Blocks move nowhere and are forgotten
 * without a word: no pointers in them. Times in them are full 64-bit milliseconds.
 *
 * TIME. in->time_ms is the event's own time, never later than now; events can come late (time before the last
 * one). A window of replayed events is a window of its own whose clock is the events' own (wall) time; its
 * `now` is the newest time seen. A form that time alone can make true has PK_COND_IS_OF_TIME: then the rule
 * gets no replayed events at all.
 *
 * JUDGE is pure. until_ms must be exact or early: the window is judged again at that moment even when no
 * event comes; UINT64_MAX when time alone changes nothing. from_ms is since when, as far as known, never
 * later than now: `for T` counts from it. A form that has no data says PK_STALE, one whose source cannot
 * measure PK_FAULT; neither fires, neither clears.
 *
 * Doubles only as STYLE says; everything else integers. Results are the same on every instruction set. */
#include "base/pk_bytes.h"
#include "detect/pk_judge.h"
#include "detect/pk_rule_words.h"

enum {
    PK_COND_STATE_BYTES_MAX = 1024,
    PK_COND_DISTINCT_MAX = 60,                  /* K of distinct: as many as fit a block */
    PK_COND_SAID_AS_RATE = 1,                   /* option of COUNT: the rule file says "rate" */
    PK_COND_CONDS_MAX = PK_RULE_CLAUSES_MAX + 1 /* of a rule: the clauses of `when`, and `clear` */
};

enum pk_cond_trait {
    PK_COND_NEEDS_VALUE = 1, /* is fed only events with a value, and faults (PK_EVENT_FAULT) */
    PK_COND_TAKES_ALL = 2,   /* is also fed events of `on` that its brackets refuse (they make no window) */
    PK_COND_IS_OF_TIME = 4,  /* time alone can make it true */
    PK_COND_STARTS_UNKNOWN = 8, /* before its first event it is unknown; others are then "no" */
    PK_COND_IS_OF_SOURCE = 16,  /* groups by source unless the rule says otherwise */
    PK_COND_FOR_IS_ITS_OWN = 32 /* read() takes `for`, which is not a time the condition has to hold */
};

/* One condition in one window. */
struct pk_cond_at {
    const struct pk_engine *e;
    const struct pk_rule *r;
    const struct pk_rule_cond *c;
    void *state;
    uint64_t ahead_ms; /* added to the time of the window: the clock of what is learned (pk_engine.h) */
};

struct pk_cond_input {
    const struct pk_event *event;
    uint64_t time_ms; /* its own, on the clock of the window */
    uint64_t now_ms;  /* of that clock; >= time_ms */
    bool is_first;    /* the terms of the (first) brackets hold; true when there are none */
    bool is_second;   /* those of the second brackets hold; false when there are none */
};

struct pk_cond_ops {
    const char *word; /* the first of the form in a rule file; NULL = not a form of its own */
    uint8_t traits;   /* enum pk_cond_trait */
    /* Reads what follows the word, up to `for`, `by`, `across` or the end. May change c->kind to a kin. Its
     * last act should be to refuse what can never hold, or always. */
    int (*read)(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond);
    /* As the rule file writes it, without `for`. e may be NULL: then brackets are "(...)". */
    void (*put)(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                const struct pk_rule_cond *cond);
    uint32_t (*state_bytes)(const struct pk_rule_cond *cond);
    /* Whether a later condition of the same kind can be judged by the state of this one: then it has none of
     * its own and is not fed. NULL = no. */
    bool (*may_share)(const struct pk_rule_cond *host, const struct pk_rule_cond *guest);
    void (*init)(const struct pk_cond_at *at); /* NULL = zeros are right */
    /* A new state of a group that fires already: what made it fire is not in it. NULL = nothing to note. */
    void (*adopt)(const struct pk_cond_at *at);
    /* What it learned, to be kept over a restart, and back into a new state: PK_OK or PK_E_CORRUPT, the state
     * is then as after init(). All times in it are of the clock of what is learned. NULL = it starts anew. */
    void (*save)(const struct pk_cond_at *at, struct pk_writer *w);
    int (*load)(const struct pk_cond_at *at, struct pk_reader *r);
    /* Whether the event speaks for the condition (it is evidence, and a STILL is due). */
    bool (*feed)(const struct pk_cond_at *at, const struct pk_cond_input *in);
    struct pk_judgement (*judge)(const struct pk_cond_at *at, uint64_t now_ms);
    /* Whether an event of the history speaks for it, as feed() said or would have. NULL = the first brackets
     * hold. */
    bool (*is_evidence)(const struct pk_rule_cond *cond, const struct pk_cond_input *in);
    /* Of a condition that holds: when what made it so began. NULL = from_ms. */
    uint64_t (*first_ms)(const struct pk_cond_at *at, uint64_t now_ms);
    /* Its numbers now against the threshold, for findings and explain: "12 of 10 events in 5m". */
    void (*put_numbers)(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms);
};

extern const struct pk_cond_ops PK_COND_COUNT_OPS, PK_COND_VALUE_OPS, PK_COND_ABSENT_OPS;
extern const struct pk_cond_ops PK_COND_RATE_OPS, PK_COND_RATIO_OPS;
extern const struct pk_cond_ops PK_COND_DISTINCT_OPS, PK_COND_CONSECUTIVE_OPS;
extern const struct pk_cond_ops PK_COND_EXPIRES_OPS, PK_COND_THEN_OPS, PK_COND_WITHOUT_OPS;
extern const struct pk_cond_ops PK_COND_QUANTILE_OPS, PK_COND_DROP_OPS, PK_COND_RISE_OPS, PK_COND_TREND_OPS,
    PK_COND_USUAL_OPS, PK_COND_ANOMALY_OPS;

/* The row of a kind; of stable, never, all of and any of, which have no state, NULL. */
const struct pk_cond_ops *pk_cond_ops(uint8_t kind);
/* Kind whose word this is, or PK_COND_NONE. */
enum pk_cond_kind pk_cond_kind_of(struct pk_str word);
/* Conditions of `when`: one, or the clauses of all of and any of. */
const struct pk_rule_cond *pk_cond_clauses(const struct pk_rule *r, uint32_t *out_count);
/* The conditions of a rule that have a state: the clauses, then `clear`. */
uint32_t pk_cond_all(const struct pk_rule *r, const struct pk_rule_cond *out[PK_COND_CONDS_MAX]);
/* Traits of all its clauses together. */
uint8_t pk_cond_traits(const struct pk_rule *r);
/* Gives every condition of a rule that is not plain its place in the block. Returns the bytes of the block,
 * which may be more than there can be. */
uint32_t pk_cond_lay_out(struct pk_rule *r);

/* -- what the engine calls, for rules that are not plain -- */
void pk_cond_init(struct pk_engine *e, uint32_t slot);  /* a new window with a block */
void pk_cond_adopt(struct pk_engine *e, uint32_t slot); /* a new window that fires already */
/* The event matches `on`. */
void pk_cond_feed(struct pk_engine *e, uint16_t rule, const struct pk_event *event);
struct pk_judgement pk_cond_judge_when(const struct pk_engine *e, uint32_t slot, uint64_t now_ms);
struct pk_judgement pk_cond_judge_clear(const struct pk_engine *e, uint32_t slot, uint64_t now_ms);
/* What a group says of which nothing is known yet. */
enum pk_verdict pk_cond_empty_verdict(const struct pk_rule *r);
/* When what made `when` hold began. */
uint64_t pk_cond_first_ms(const struct pk_engine *e, uint32_t slot, uint64_t now_ms);
/* Longest time a condition of the rule looks back; is_learned: of those that kept nothing over a restart. */
uint32_t pk_cond_memory_ms(const struct pk_rule *r, bool is_learned);
/* It lives in the state of a condition before it. */
bool pk_cond_is_guest(const struct pk_rule_cond *const *conds, uint32_t index);
/* Whether the event can have spoken for the rule's condition. */
bool pk_cond_is_evidence(const struct pk_engine *e, const struct pk_rule *r, const struct pk_event *event);

/* A condition of the rule in a window that has a block. */
struct pk_cond_at pk_cond_at_of(const struct pk_engine *e, uint32_t slot, const struct pk_rule_cond *c);

/* -- words -- */
/* Any condition, also of plain rules, with its `for`. e may be NULL. */
void pk_cond_put(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                 const struct pk_rule_cond *cond);
/* "(terms)", "(...)" without e, or nothing when count is 0. */
void pk_cond_put_inner(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r, uint8_t first,
                       uint8_t count);
void pk_cond_put_terms(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r, uint8_t first,
                       uint8_t count);
/* Numbers of every clause of `when`; is_true_only leaves out those that do not hold. */
void pk_cond_put_numbers(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, uint64_t now_ms,
                         bool is_true_only);

/* -- for forms -- */
void pk_cond_put_rate(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *cond);
/* The time of the event on the clock of its window. */
static inline uint64_t pk_cond_clock(const struct pk_engine *e, const struct pk_event *event) {
    if ((event->flags & PK_EVENT_REPLAYED) != 0) {
        return (uint64_t)event->wall_ms;
    }
    return event->event_ms < e->now_ms ? event->event_ms : e->now_ms;
}
static inline struct pk_judgement pk_judgement_of(enum pk_verdict v, uint64_t from_ms, uint64_t until_ms) {
    return (struct pk_judgement){v, from_ms, until_ms};
}
/* Both take the same events. */
bool pk_cond_is_same_inner(const struct pk_rule_cond *a, const struct pk_rule_cond *b);
/* How long a sample counts as fresh: `stale` of the rule, or three times the usual gap (0 = unknown yet). */
uint64_t pk_cond_stale_ms(const struct pk_rule *r, uint64_t gap_ms);
#endif
