#ifndef PK_PATTERNS_H
#define PK_PATTERNS_H
/* All patterns at once: their anchors are one Aho-Corasick automaton in a double array, so a message is read
 * once whatever their number. Constant after the build: the shipped one is read-only data. */
#include "event/pk_pattern.h"

enum {
    PK_PATTERNS_MAX = 256,
    PK_PATTERNS_ROWS_MAX = 1024,
    PK_PATTERNS_ANCHOR_BYTES = 8, /* of an anchor that the automaton knows; the walk compares the rest */
    PK_PATTERNS_NODES_MAX = 16384,
    PK_PATTERNS_CELLS_MAX = 32768
};

/* One state. The child for class c of a state is the cell at base + c, when its label is c: no two states
 * share a base. */
struct pk_patterns_cell { /* 6 bytes */
    uint16_t base, fail;  /* fail: state of the longest suffix that is a prefix too */
    uint8_t label;        /* class of the byte that leads here; 0 = nobody comes here */
    uint8_t flags;        /* enum pk_patterns_flag */
};
enum pk_patterns_flag { PK_PATTERNS_ENDS = 1 /* an anchor ends here */, PK_PATTERNS_SUFFIX_ENDS = 2 };

struct pk_patterns_end { /* ordered by state, then row */
    uint16_t state, row;
};

struct pk_patterns {
    const struct pk_pattern *patterns;
    const struct pk_pattern_row *rows;
    const char *text;
    const struct pk_patterns_cell *cells;
    const struct pk_patterns_end *ends; /* one for each row */
    const uint8_t *classes; /* 256: byte to class, letters of both cases alike; 0 = in no anchor */
    uint32_t row_count, cell_count;
};
/* config/patterns/ (tools/gen_patterns.c). */
extern const struct pk_patterns PK_SHIPPED_PATTERNS;

/* Room for building one, 600 KB; belongs to the caller, and what *out of build points to is in it. */
struct pk_patterns_node {
    uint16_t child, sibling, fail, state;
    uint8_t label, depth, flags;
};
struct pk_patterns_build {
    struct pk_patterns_node nodes[PK_PATTERNS_NODES_MAX];
    uint16_t queue[PK_PATTERNS_NODES_MAX];
    uint32_t node_count, cell_count, class_count;
    uint8_t is_base[PK_PATTERNS_CELLS_MAX];
    struct pk_patterns_cell cells[PK_PATTERNS_CELLS_MAX];
    struct pk_patterns_end ends[PK_PATTERNS_ROWS_MAX];
    uint8_t classes[256];
};
/* PK_OK, or PK_E_FULL when the rows are too many. The book lives as long as *out. */
PK_MUST_USE int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                                  struct pk_patterns *out);

/* The message of one line and where it came from. */
struct pk_patterns_query {
    struct pk_str message;
    struct pk_str program; /* empty: not known, then `programs` of a row does not matter */
    uint8_t format;        /* enum pk_log_format */
};
/* Index of the first row in the order of the files that fits, and its fields; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_patterns_find(const struct pk_patterns *p, const struct pk_patterns_query *q,
                                 struct pk_pattern_fields *out_fields);
#endif
