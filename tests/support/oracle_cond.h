/* A slow, obvious judge of conditions: it keeps every event and recomputes every condition from all of them,
 * at each step of the clock and after each event. Random rules over all forms, random streams; every FIRE and
 * CLEARED of the engine must agree in rule, group and time. Steps are a tenth of a second, or minutes: then a
 * case takes days, and what is usual is learned. Events come late, replayed, as faults, and with a clock of
 * doubtful quality; rules change and sources are forgotten in the middle.
 *
 * A form is one row of ORACLE_FORMS (oracle_forms.c): how a random condition of it is made and written, and
 * one function that says from a list of events whether it holds. Nothing of it may look like the engine's
 * way. */
#ifndef ORACLE_COND_H
#define ORACLE_COND_H

#include "base/pk_rng.h"
#include "detect/pk_rule.h"

enum {
    ORACLE_SOURCES = 3,
    ORACLE_TYPES = 4, /* a b c x; x carries days left */
    ORACLE_USERS = 6,
    ORACLE_SITES = 2
};

extern uint32_t oracle_step_ms; /* everything in rules and streams is a multiple of it */

extern uint32_t oracle_generation; /* of the rules: what is remembered of other ones is void */

struct oracle_event {
    uint64_t at_ms; /* its own time; replayed: on the wall clock */
    uint64_t wall_ms;
    double value;
    uint32_t type, source, severity, number;
    uint32_t user, site; /* ORACLE_USERS, ORACLE_SITES = none */
    bool has_value, is_late, is_fault, is_replayed, is_unsure;
};

/* What brackets ask. */
struct oracle_match {
    bool is_there;
    uint32_t type;     /* ORACLE_TYPES = not asked */
    int more_than;     /* -1 = not asked */
    uint32_t user;     /* ORACLE_USERS = not asked */
    uint32_t severity; /* at least */
};

struct oracle_cond {
    const struct oracle_form *form;
    struct oracle_match first, second;
    uint32_t n, within_ms, percent, stale_ms, tenths;
    uint64_t ahead_ms;
    int value;
    bool is_clear, is_less, is_source;
};

/* Events of one group in the order they came, from the first on that a condition of `when` took. */
struct oracle_view {
    const struct oracle_event *const *events;
    uint32_t count;
};

enum oracle_answer { ORACLE_NO, ORACLE_YES, ORACLE_UNKNOWN };

struct oracle_says {
    enum oracle_answer answer;
    uint64_t from_ms;
};

enum oracle_trait {
    ORACLE_NEEDS_VALUE = 1,
    ORACLE_IS_OF_TIME = 2,       /* can begin to hold without an event */
    ORACLE_MAY_CLEAR = 4,        /* make() knows c->is_clear */
    ORACLE_NOT_ACROSS = 8,       /* or only in a way the other oracle looks at */
    ORACLE_BY_SOURCE_ALONE = 16, /* alone it is judged for each source only */
    ORACLE_FOR_IS_ITS_OWN = 32,
    ORACLE_TAKES_ALL = 128, /* an event its brackets refuse counts, too */
    ORACLE_IS_LARGE = 64    /* alone in its rule, which is cleared by itself or by the same numbers */
};

struct oracle_form {
    const char *name;
    uint32_t traits;
    void (*make)(struct pk_rng *r, struct oracle_cond *c);
    void (*put)(struct pk_buf *b, const struct oracle_cond *c);
    struct oracle_says (*judge)(const struct oracle_cond *c, const struct oracle_view *v, uint64_t now_ms);
};

extern const struct oracle_form ORACLE_FORMS[];
extern const uint32_t ORACLE_FORM_COUNT;

/* -- for forms -- */
uint32_t oracle_between(struct pk_rng *r, uint32_t low, uint32_t high);
/* Random brackets, at times none unless they must be there. */
struct oracle_match oracle_match_make(struct pk_rng *r, bool must_be_there);
bool oracle_matches(const struct oracle_match *m, const struct oracle_event *e);
/* The first brackets hold and the form is fed the event. */
bool oracle_takes(const struct oracle_cond *c, const struct oracle_event *e);
void oracle_put_match(struct pk_buf *b, const struct oracle_match *m); /* "(...)" or nothing */
void oracle_put_ms(struct pk_buf *b, const char *word, uint64_t ms);

/* -- forms on numbers, oracle_numbers.c -- */
void oracle_quantile_make(struct pk_rng *r, struct oracle_cond *c);
void oracle_quantile_put(struct pk_buf *b, const struct oracle_cond *c);
struct oracle_says oracle_quantile_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                         uint64_t now_ms);
void oracle_extreme_make(struct pk_rng *r, struct oracle_cond *c);
void oracle_extreme_put(struct pk_buf *b, const struct oracle_cond *c);
struct oracle_says oracle_extreme_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms);
void oracle_trend_make(struct pk_rng *r, struct oracle_cond *c);
void oracle_trend_put(struct pk_buf *b, const struct oracle_cond *c);
struct oracle_says oracle_trend_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms);

/* -- forms that learn, oracle_learned.c -- */
void oracle_usual_make(struct pk_rng *r, struct oracle_cond *c);
void oracle_usual_put(struct pk_buf *b, const struct oracle_cond *c);
struct oracle_says oracle_usual_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms);
void oracle_anomaly_make(struct pk_rng *r, struct oracle_cond *c);
void oracle_anomaly_put(struct pk_buf *b, const struct oracle_cond *c);
struct oracle_says oracle_anomaly_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms);

/* Runs one case; false when engine and oracle differ (told on stdout). *out_findings, *out_events are added
 * to. */
bool oracle_case(uint64_t seed, uint64_t *out_findings, uint64_t *out_events);
/* Cases [first, first + count); the number of those that differ, at most 3. */
uint32_t oracle_cases(uint64_t first, uint32_t count);
/* Every form fired and every form was in a rule that cleared, in what was run so far. */
bool oracle_saw_all(void);

#endif
