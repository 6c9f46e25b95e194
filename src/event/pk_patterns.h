#ifndef PK_PATTERNS_H
#define PK_PATTERNS_H
/* All patterns at once: the beginnings of their anchors are one trie in a double array, and a table of three
 * bytes says how far the next place is where one of them may begin, so most bytes of a message are never
 * looked at whatever the number of patterns. Constant after the build: the shipped one is read-only data. Few
 * patterns, as an operator has, take chains of rows in the place of the trie: 6 KB instead of 600 to build.
 */
#include "base/pk_bitset.h"
#include "event/pk_pattern.h"
#include "pk_limits.h"

enum {
    PK_PATTERNS_ROWS_MAX = 1024,
    PK_PATTERNS_ANCHOR_BYTES = 8, /* of an anchor that the trie knows; the walk compares the rest */
    PK_PATTERNS_SKIPS = 4096,
    PK_PATTERNS_LAST = 0x8000, /* with a row: no other row ends in its state */
    PK_PATTERNS_NODES_MAX = 16384,
    PK_PATTERNS_CELLS_MAX = 32768,
    PK_PATTERNS_HEADS = 64, /* chains */
    /* Places of one line where a text is looked at closely, each of which costs some hundred bytes' walk at
     * most; what stands behind them in a line made for that is not looked at. */
    PK_PATTERNS_TRIES_MAX = 2048
};

/* One state. The child for class c of a state is the cell at base + c, when its label is c: no two states
 * share a base. */
struct pk_patterns_cell { /* 6 bytes */
    uint16_t base;
    uint16_t end;  /* of the list of the rows whose anchor ends here, + 1; 0 = none does */
    uint8_t label; /* class of the byte that leads here; 0 = nobody comes here */
    uint8_t reserved;
};

struct pk_patterns {
    const struct pk_pattern *patterns;
    const struct pk_pattern_row *rows;
    const char *text;
    const struct pk_patterns_cell *cells;
    const uint16_t *ends;   /* one for each row, PK_PATTERNS_LAST where those of a state end */
    const uint8_t *classes; /* 256: byte to class, letters of both cases alike; 0 = in no anchor */
    const uint8_t *skips; /* PK_PATTERNS_SKIPS: by the three bytes that end a window of window_bytes, how far
                             the window may move on; 0 = an anchor may begin with it */
    const uint16_t *heads, *next; /* chains instead of cells, ends and classes: row + 1, 0 = end */
    uint32_t pattern_count, row_count, cell_count;
    uint32_t window_bytes; /* of the shortest anchor, as far as the trie knows it */
};
/* config/patterns/ (tools/gen_patterns.c). */
extern const struct pk_patterns PK_SHIPPED_PATTERNS;

/* Room for building one, 600 KB; belongs to the caller, and what *out of build points to is in it. */
struct pk_patterns_node {
    uint16_t child, sibling, state;
    uint8_t label;
};
struct pk_patterns_build {
    struct pk_patterns_node nodes[PK_PATTERNS_NODES_MAX];
    uint16_t queue[PK_PATTERNS_NODES_MAX];
    uint32_t node_count, cell_count, class_count;
    uint8_t is_base[PK_PATTERNS_CELLS_MAX];
    struct pk_patterns_cell cells[PK_PATTERNS_CELLS_MAX];
    struct {
        uint16_t state, row;
    } found[PK_PATTERNS_ROWS_MAX]; /* where the anchors of the rows end */
    uint16_t ends[PK_PATTERNS_ROWS_MAX];
    uint8_t classes[256], skips[PK_PATTERNS_SKIPS];
};
/* PK_OK, or PK_E_FULL when the rows are too many. The book lives as long as *out. */
PK_MUST_USE int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                                  struct pk_patterns *out);

/* Few of them. Belongs to the caller, and what *out points to is in it; the book lives as long as *out, and
 * has at most PK_LIMIT_PATTERN_TEXTS rows. */
struct pk_patterns_chains {
    uint16_t heads[PK_PATTERNS_HEADS], next[PK_LIMIT_PATTERN_TEXTS];
    uint8_t skips[PK_PATTERNS_SKIPS];
};
void pk_patterns_chain(struct pk_patterns_chains *c, const struct pk_pattern_book *book,
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
