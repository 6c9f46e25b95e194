#ifndef PK_RULE_H
#define PK_RULE_H
/* The rule model (DESIGN 8, grammar in config/rules/README.md). A rule is one row, constant after the load;
 * what happens to it at run time is in the results table of pk_engine.h under the same index. Rows hold no
 * pointers: text is a position in the text of the row's book. Times are integers; thresholds are doubles
 * because they are compared with event values, and nothing else is done with them. */
#include "base/pk_severity.h"
#include "pk_limits.h"

enum {
    PK_RULE_TERMS_MAX = 12,  /* of `on` and all brackets together */
    PK_RULE_CLAUSES_MAX = 4, /* of all of (...) and any of (...) */
    PK_RULE_RAISES_MAX = 3,  /* steps of escalation */
    PK_RULE_COUNT_MAX = 64,  /* N of count >= N: the largest window size class */
    PK_RULE_ACROSS_MAX = 64,
    PK_RULE_RATIO_TIMES = 8, /* words of a ring that ratio(...) keeps its counts in, behind the times */
    PK_RULE_ACTIONS_MAX = 4,
    PK_RULE_ID_BYTES_MAX = 47,
    PK_RULE_SPAN_MS_MAX = 7 * 24 * 3600 * 1000, /* windows compare 32-bit times: far inside their 24 days */
    PK_RULE_STABLE_MS = 60000, /* default of `clear`: the condition does not hold for so long */
    PK_RULE_REPEAT_MS = 30000  /* default of `check_interval`: least time between STILL findings of a group */
};

enum pk_cmp { PK_CMP_EQ, PK_CMP_NE, PK_CMP_LT, PK_CMP_LE, PK_CMP_GT, PK_CMP_GE, PK_CMP_COUNT };
enum pk_term_field { PK_TERM_TYPE, PK_TERM_SOURCE, PK_TERM_SEVERITY, PK_TERM_VALUE, PK_TERM_DATA };
enum pk_group { PK_GROUP_ALL, PK_GROUP_SOURCE, PK_GROUP_CORRELATION, PK_GROUP_DATA, PK_GROUP_COUNT };
/* Forms of conditions; how one is added: pk_cond.h. */
enum pk_cond_kind {
    PK_COND_NONE,
    PK_COND_COUNT,
    PK_COND_VALUE,
    PK_COND_ABSENT,
    PK_COND_STABLE, /* only of `clear` */
    PK_COND_NEVER,  /* only of `clear` */
    PK_COND_ALL,
    PK_COND_ANY,
    PK_COND_RATE,
    PK_COND_RATIO,
    PK_COND_DISTINCT,
    PK_COND_CONSECUTIVE,
    PK_COND_EXPIRES,
    PK_COND_THEN,
    PK_COND_WITHOUT,
    PK_COND_QUANTILE,
    PK_COND_DROP,
    PK_COND_RISE,
    PK_COND_TREND,
    PK_COND_USUAL, /* value against a multiple of what is usual */
    PK_COND_ANOMALY,
    PK_COND_KIND_COUNT
};
enum pk_raise_kind {
    PK_RAISE_NONE,
    PK_RAISE_RATIO,
    PK_RAISE_VALUE,
    PK_RAISE_COUNT,
    PK_RAISE_LASTING,
    PK_RAISE_EXPIRES, /* as `when`, with less time left */
    PK_RAISE_EVENT,   /* one of the events that speak for the firing asks for it */
    PK_RAISE_QUANTILE
};

/* "Unknown" is a value: no data yet or too old (STALE), or the source said it cannot measure (FAULT). */
enum pk_verdict { PK_FALSE, PK_TRUE, PK_STALE, PK_FAULT, PK_VERDICT_COUNT };
extern const uint8_t PK_VERDICT_AND[PK_VERDICT_COUNT][PK_VERDICT_COUNT];
extern const uint8_t PK_VERDICT_NOT[PK_VERDICT_COUNT]; /* unknown stays unknown */
const char *pk_verdict_word(enum pk_verdict v);        /* "no" "yes" "unknown" "fault" */

enum pk_rule_ref_base { PK_RULE_IN_BOOK, PK_RULE_IN_WORDS /* PK_RULE_ALIAS_TEXT */ };
struct pk_rule_ref { /* bytes at..at+n of the book's text */
    uint32_t at;
    uint16_t n, base; /* enum pk_rule_ref_base */
};

struct pk_rule_term {
    uint8_t field;           /* enum pk_term_field */
    uint8_t cmp;             /* enum pk_cmp */
    bool is_number;          /* DATA: compare as numbers */
    uint8_t severity;        /* SEVERITY */
    struct pk_rule_ref name; /* DATA: of the field */
    struct pk_rule_ref text; /* TYPE, SOURCE, DATA text: globs, alternatives separated by '|' */
    double number;
};

struct pk_rule_cond {
    uint8_t kind;                   /* enum pk_cond_kind */
    uint8_t cmp;                    /* enum pk_cmp; COUNT: PK_CMP_GE, of `clear` PK_CMP_LT */
    uint8_t term_first, term_count; /* the events it takes: what its brackets ask beyond `on` */
    uint8_t then_first, then_count; /* of a form with two brackets: the events of the second */
    uint8_t promised_factor;        /* ABSENT: times the promised interval; 0 = only for_ms */
    uint8_t option;                 /* the form's own */
    uint16_t count;                 /* COUNT: N; QUANTILE: numbers it takes to say anything */
    uint16_t state_at, state_words; /* its part of a window's block, in words of 4 bytes; at is even */
    uint16_t reserved;
    uint32_t within_ms; /* the window */
    uint32_t for_ms;    /* must hold so long; ABSENT: the silence (without a promise); STABLE: how long */
    union {
        double value;   /* threshold on event values */
        uint64_t whole; /* a whole number: of events, or of milliseconds where 32 bits do not do */
    };
    union {
        struct pk_rule_ref field; /* name of a data field */
        double least;             /* USUAL: the threshold is never below it; 0 = not told */
        uint32_t soon_ms;         /* TREND: the limit is reached within so long; within_ms is the look-back */
    };
};

struct pk_rule_raise {
    uint8_t kind;                   /* enum pk_raise_kind */
    uint8_t cmp;                    /* VALUE, QUANTILE */
    uint8_t severity;               /* it becomes; each step above the one before */
    uint8_t term_first, term_count; /* RATIO: numerator; the denominator is all events of `on`. EVENT */
    uint16_t percent, min_count;    /* RATIO: more than percent of at least min_count; COUNT: min_count in the
                                       window of `when`; QUANTILE: percent of the numbers of `when` */
    uint32_t for_ms;                /* LASTING: firing so long */
    union {
        double value;   /* VALUE */
        uint64_t whole; /* EXPIRES: milliseconds left */
    };
};

struct pk_rule { /* one row; what each event touches comes first */
    struct pk_rule_cond when;
    uint8_t group;       /* enum pk_group */
    uint8_t severity;    /* enum pk_severity */
    uint8_t on_count;    /* terms[0..on_count) are `on` */
    uint8_t consecutive; /* VALUE: so many violations in a row; COUNT: 1 = an event of `on` outside count(...)
                            starts over */
    uint8_t across;      /* least number of sources; 0 = not asked */
    uint8_t ring_class;  /* block of a window: index into PK_WINDOW_CLASS_TIMES; PK_WINDOW_NO_RING = none */
    bool is_plain;       /* count, value or absent alone, cleared by itself or by count or value: its window
                            needs no more than times (pk_feed.c, pk_judge.c); others go through pk_cond.h */
    bool is_enabled;
    bool is_dynamic; /* `on` asks for value or data, which each event has its own */
    bool is_drill;   /* it is `fire_drill` */
    uint8_t raise_count, clause_count, term_count;
    uint8_t ring_cap; /* plain count: pk_rule_ring_cap() */
    uint16_t keys;    /* windows it may hold */
    uint32_t stale_ms /* 0 = by the usual gap between samples */;
    struct pk_rule_cond clear;
    struct pk_rule_cond clauses[PK_RULE_CLAUSES_MAX]; /* of when.kind ALL or ANY */
    struct pk_rule_raise raises[PK_RULE_RAISES_MAX];
    uint32_t cooldown_ms, repeat_ms /* check_interval */;
    uint32_t recover_ms; /* its incidents are resolved when they stayed clear so long, unless [incidents]
                            recover is less; 0 = not told */
    bool is_auto, is_own /* of the operator's book */, is_stored /* and made at run time */;
    uint8_t action_count;
    uint32_t line;        /* of its section */
    uint64_t hash;        /* of its text: equal = unchanged */
    uint64_t window_hash; /* of what its windows and what they learned hang on: equal = they live on */
    struct pk_rule_ref id, about, title, type, text /* the whole section */, group_field, tags, metadata,
        aliases;
    struct pk_rule_ref actions[PK_RULE_ACTIONS_MAX];
    struct pk_rule_term terms[PK_RULE_TERMS_MAX];
};

/* Rules as text, in one piece; a ref of a row is a position in the text of its book. */
struct pk_rule_book {
    const char *text;
    uint32_t text_bytes;
    uint32_t count; /* rules in it */
};

struct pk_str pk_rule_ref_str(const char *book_text, struct pk_rule_ref ref);
const char *pk_cmp_word(enum pk_cmp c); /* ">=" */
/* NaN compares false to everything. */
bool pk_cmp_doubles(double a, enum pk_cmp c, double b);
/* True when one of the globs in "a | b*" matches. */
bool pk_rule_globs_match(struct pk_str globs, struct pk_str text);
/* The same for names, which hold no ',': it separates as well. */
bool pk_rule_names_match(struct pk_str globs, struct pk_str name);
/* The first escalation of the kind, or NULL. */
const struct pk_rule_raise *pk_rule_raise_of(const struct pk_rule *r, enum pk_raise_kind kind);
/* Times a window of a plain rule keeps: the largest count of `when`, `clear` and escalation. 0 when it keeps
 * none. */
uint32_t pk_rule_ring_cap(const struct pk_rule *r);
/* An across rule that counts over all its sources: their windows only say when they were last seen. The
 * sources of others are judged one by one, each in a window with a block. */
bool pk_rule_is_counted_across(const struct pk_rule *r);
/* Windows it holds beyond those its `keys` says: of replayed events where there is no group, of the group
 * where sources are watched one by one. */
uint32_t pk_rule_keys_beside(const struct pk_rule *r);
/* Bytes of the block of one window; 0 when it has none. */
uint32_t pk_rule_block_bytes(const struct pk_rule *r);
/* Windows of the rule that have a block, of r->keys. */
uint32_t pk_rule_blocks(const struct pk_rule *r);
/* Bytes of RAM all windows of the rule may take (keys, blocks, timers). */
uint32_t pk_rule_price_bytes(const struct pk_rule *r);
#endif
