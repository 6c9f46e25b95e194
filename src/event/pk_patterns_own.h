#ifndef PK_PATTERNS_OWN_H
#define PK_PATTERNS_OWN_H
/* The patterns of an operator, read at run time (config/patterns/README.md), in fixed memory: a book that
 * files are added to until all are in, then a table to look in. */
#include "event/pk_pattern_parse.h"
#include "event/pk_patterns.h"

struct pk_patterns_own {
    struct pk_pattern patterns[PK_LIMIT_PATTERNS];
    struct pk_pattern_row rows[PK_LIMIT_PATTERN_TEXTS];
    char text[PK_LIMIT_PATTERN_TEXT_BYTES];
    uint32_t pattern_count, row_count, text_bytes;
};
_Static_assert(PK_LIMIT_PATTERNS <= (unsigned)PK_PATTERNS_MAX &&
                   PK_LIMIT_PATTERN_TEXTS <= (unsigned)PK_PATTERNS_ROWS_MAX &&
                   PK_LIMIT_PATTERN_TEXT_BYTES <= 65536u,
               "what rows and references count with");

void pk_patterns_own_init(struct pk_patterns_own *o);
/* Adds a file behind those that are in; as pk_pattern_parse. */
PK_MUST_USE int pk_patterns_own_add(struct pk_patterns_own *o, const char *file, struct pk_str text,
                                    struct pk_diag *out_diag);

/* What an event is made of: the operator's patterns first, then the shipped ones but for those that the
 * operator has by the same id. Belongs to the caller; points into `own` and itself, so it is not copied. */
struct pk_patterns_use {
    struct pk_patterns own;
    struct pk_patterns_few few;
    struct pk_patterns_set shipped; /* those that count */
    bool is_replacing;              /* not all of them do */
};
void pk_patterns_use(struct pk_patterns_use *u, struct pk_patterns_own *own);

/* Those of both that one log wants. */
struct pk_patterns_picked {
    struct pk_patterns_set own, shipped;
    bool is_all;
};
/* words: "ssh, kernel", empty = all; each as pk_patterns_pick takes it. */
void pk_patterns_use_pick(const struct pk_patterns_use *u, struct pk_str words,
                          struct pk_patterns_picked *out);
/* Whether each of the words picks something of the book or of what is shipped; else *out_unknown. */
bool pk_patterns_own_knows(struct pk_patterns_own *o, struct pk_str words, struct pk_str *out_unknown);
/* picked: NULL = all. *out points into both. */
void pk_patterns_use_tables(const struct pk_patterns_use *u, const struct pk_patterns_picked *picked,
                            struct pk_patterns_tables *out);
#endif
