#ifndef PK_PATTERNS_H
#define PK_PATTERNS_H
/* All patterns at once: a table says of three bytes whether they stand near the beginning of an anchor, and a
 * look at one of every few bytes of a message is enough to see all of them; where one may begin, its first
 * eight bytes, or four of a shorter one, give the chain of the rows to compare. What a line costs does not
 * depend on the number of patterns. Constant after the build: the shipped table is read-only data.
 */
#include "base/pk_bitset.h"
#include "event/pk_pattern.h"
#include "pk_limits.h"

enum {
    PK_PATTERNS_ROWS_MAX = 1024,
    PK_PATTERNS_ANCHOR_BYTES = 8, /* of an anchor that the marks know */
    PK_PATTERNS_MARKS = 4096,
    PK_PATTERNS_HEAD_BITS = 11,
    PK_PATTERNS_FEW_HEAD_BITS = 6,
    /* Places of one line where a text is looked at closely, each of which costs some hundred bytes' walk at
     * most; what stands behind them in a line made for that is not looked at. */
    PK_PATTERNS_TRIES_MAX = 2048
};

struct pk_patterns {
    const struct pk_pattern *patterns;
    const struct pk_pattern_row *rows;
    const char *text;
    const uint8_t *marks; /* PK_PATTERNS_MARKS: by three bytes, where in the first window_bytes of an anchor
                             they may stand: bit 0 at its beginning */
    const uint16_t *heads, *next; /* 1 << head_bits chains; row + 1, 0 = end */
    uint32_t pattern_count, row_count, head_bits;
    uint32_t window_bytes; /* of the shortest anchor, as far as the marks know it */
};
/* config/patterns/ (tools/gen_patterns.c). */
extern const struct pk_patterns PK_SHIPPED_PATTERNS;

/* Room for one; belongs to the caller, and what *out of build points to is in it. */
struct pk_patterns_build {
    uint16_t heads[1 << PK_PATTERNS_HEAD_BITS], next[PK_PATTERNS_ROWS_MAX];
    uint8_t marks[PK_PATTERNS_MARKS];
};
/* PK_OK, or PK_E_FULL when the rows are too many. The book lives as long as *out. */
PK_MUST_USE int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                                  struct pk_patterns *out);

/* Room for few of them, as an operator has. The same; the book has at most PK_LIMIT_PATTERN_TEXTS rows. */
struct pk_patterns_few {
    uint16_t heads[1 << PK_PATTERNS_FEW_HEAD_BITS], next[PK_LIMIT_PATTERN_TEXTS];
    uint8_t marks[PK_PATTERNS_MARKS];
};
void pk_patterns_build_few(struct pk_patterns_few *f, const struct pk_pattern_book *book,
                           struct pk_patterns *out);

/* A set of patterns: a bit for each. */
struct pk_patterns_set {
    uint64_t bits[PK_BITSET_WORDS(PK_PATTERNS_MAX)];
};
/* Adds those of a family, of an id, and those whose id goes on with '_' behind the word; how many fit it. */
uint32_t pk_patterns_pick(const struct pk_patterns *p, struct pk_str word, struct pk_patterns_set *io_set);
/* Index of the pattern of that id, or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_patterns_find_id(const struct pk_patterns *p, struct pk_str id);

/* The message of one line and where it came from. */
struct pk_patterns_query {
    struct pk_str message;
    struct pk_str program;              /* empty: not known, then `programs` of a row does not matter */
    uint8_t format;                     /* enum pk_log_format */
    const struct pk_patterns_set *only; /* these are looked for; NULL: all */
};
/* Index of the first row in the order of the files that fits, and its fields; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_patterns_find(const struct pk_patterns *p, const struct pk_patterns_query *q,
                                 struct pk_pattern_fields *out_fields);

/* Tables in the order they are asked: the first that has a row that fits decides. */
struct pk_patterns_tables {
    const struct pk_patterns *tables[2];
    const struct pk_patterns_set *only[2]; /* NULL: all */
    uint32_t count;
};
#endif
