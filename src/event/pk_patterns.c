#include "event/pk_patterns.h"

#include <string.h>

#include "base/pk_assert.h"

/* ---- build ---- */

static uint32_t known_bytes(struct pk_str anchor) {
    return anchor.n < PK_PATTERNS_ANCHOR_BYTES ? anchor.n : PK_PATTERNS_ANCHOR_BYTES;
}

static struct pk_str anchor_of(const struct pk_pattern_book *book, uint32_t row) {
    return pk_pattern_row_anchor(book->text, &book->rows[row]);
}

#define MULTIPLIER 0x9E3779B1u

/* The first byte lowest, whatever the machine: the shipped table was made on another one. */
static inline uint32_t load4(const char *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Of the three bytes at p, letters of both cases alike. The one before them is read and left out: four are
 * one load. */
static inline uint32_t mark_slot(const char *p) {
    return (load4(p - 1) & 0x1F1F1F00u) * MULTIPLIER >> 20;
}
_Static_assert(PK_PATTERNS_MARKS == 1 << (32 - 20), "the slot is the top bits of the product");
_Static_assert(PK_PATTERNS_ANCHOR_BYTES - 2 <= 8, "a bit for each place in a window");

static void make_marks(uint8_t *marks, const struct pk_pattern_book *book, uint32_t window_bytes) {
    char anchor[1 + PK_PATTERNS_ANCHOR_BYTES] = {0};
    memset(marks, 0, PK_PATTERNS_MARKS);
    for (uint32_t i = 0; i < book->row_count; i++) {
        memcpy(anchor + 1, anchor_of(book, i).p, window_bytes);
        for (uint32_t at = 0; at + 3u <= window_bytes; at++) {
            marks[mark_slot(anchor + 1 + at)] |= (uint8_t)(1u << at);
        }
    }
}

static uint32_t shortest_anchor(const struct pk_pattern_book *book) {
    uint32_t n = PK_PATTERNS_ANCHOR_BYTES;
    for (uint32_t i = 0; i < book->row_count; i++) {
        const uint32_t known = known_bytes(anchor_of(book, i));
        n = known < n ? known : n;
    }
    PK_ASSERT(n >= PK_PATTERN_LITERAL_BYTES_MIN);
    return n;
}

enum { LETTERS = 0x1F1F1F1F, LONG_BYTES = 8 };

/* Chains of the anchors that begin with the four bytes at p, or with the eight. */
static inline uint32_t short_slot(const char *p, uint32_t shift) {
    return (load4(p) & LETTERS) * MULTIPLIER >> shift;
}
static inline uint32_t long_slot(const char *p, uint32_t shift) {
    return ((load4(p) & LETTERS) * MULTIPLIER + (load4(p + 4) & LETTERS)) * MULTIPLIER >> shift;
}
_Static_assert((int)PK_PATTERN_LITERAL_BYTES_MIN >= 4, "every anchor has the bytes of a slot");

static struct pk_patterns table_of(const struct pk_pattern_book *book) {
    return (struct pk_patterns){.patterns = book->patterns,
                                .rows = book->rows,
                                .text = book->text,
                                .pattern_count = book->pattern_count,
                                .row_count = book->row_count,
                                .window_bytes = shortest_anchor(book)};
}

/* Memory for 1 << bits heads and a `next` for each row. */
static void make_chains(const struct pk_pattern_book *book, uint32_t bits, uint16_t *heads, uint16_t *next) {
    memset(heads, 0, sizeof *heads << bits);
    for (uint32_t i = book->row_count; i > 0; i--) { /* the first ends up in front */
        const struct pk_str anchor = anchor_of(book, i - 1u);
        uint16_t *head = &heads[anchor.n < LONG_BYTES ? short_slot(anchor.p, 32u - bits)
                                                      : long_slot(anchor.p, 32u - bits)];
        next[i - 1u] = *head;
        *head = (uint16_t)i;
    }
}

int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                      struct pk_patterns *out) {
    if (book->row_count > PK_PATTERNS_ROWS_MAX) {
        return PK_E_FULL;
    }
    *out = table_of(book);
    out->marks = b->marks;
    out->heads = b->heads;
    out->next = b->next;
    out->head_bits = PK_PATTERNS_HEAD_BITS;
    make_marks(b->marks, book, out->window_bytes);
    make_chains(book, out->head_bits, b->heads, b->next);
    return PK_OK;
}

void pk_patterns_build_few(struct pk_patterns_few *f, const struct pk_pattern_book *book,
                           struct pk_patterns *out) {
    PK_ASSERT(book->row_count <= PK_LIMIT_PATTERN_TEXTS);
    *out = table_of(book);
    out->marks = f->marks;
    out->heads = f->heads;
    out->next = f->next;
    out->head_bits = PK_PATTERNS_FEW_HEAD_BITS;
    make_marks(f->marks, book, out->window_bytes);
    make_chains(book, out->head_bits, f->heads, f->next);
}

/* ---- by name ---- */

uint32_t pk_patterns_pick(const struct pk_patterns *p, struct pk_str word, struct pk_patterns_set *io_set) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->pattern_count; i++) {
        const struct pk_str id = pk_pattern_ref_str(p->text, p->patterns[i].id);
        const struct pk_str family = pk_pattern_ref_str(p->text, p->patterns[i].family);
        const bool is_begun = id.n > word.n && id.p[word.n] == '_';
        const struct pk_str begin = {id.p, is_begun ? word.n : id.n};
        if (pk_str_eq(family, word) || pk_str_eq(begin, word)) {
            pk_bitset_set(io_set->bits, PK_PATTERNS_MAX, i);
            count++;
        }
    }
    return count;
}

int pk_patterns_find_id(const struct pk_patterns *p, struct pk_str id) {
    for (uint32_t i = 0; i < p->pattern_count; i++) {
        if (pk_str_eq(pk_pattern_ref_str(p->text, p->patterns[i].id), id)) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}

/* ---- find ---- */

/* What looking at a row costs: comparing its anchor, and walking the rest of it. */
enum { COST_COMPARE = 1, COST_WALK = 7 };

struct search {
    const struct pk_patterns *p;
    const struct pk_patterns_query *q;
    struct pk_pattern_fields *best_fields, *spare;
    uint32_t best; /* row_count = none yet */
    uint32_t budget;
};

static bool is_program(const struct pk_patterns *p, const struct pk_pattern *pattern, struct pk_str program) {
    struct pk_str rest = pk_pattern_ref_str(p->text, pattern->programs), glob;
    if (rest.n == 0 || program.n == 0) {
        return true;
    }
    while (pk_str_split(&rest, '|', &glob)) {
        if (pk_glob_match(pk_str_trim(glob), program)) {
            return true;
        }
    }
    return false;
}

/* A row whose anchor may stand at `at`. */
static void try_row(struct search *s, uint32_t index, uint32_t at) {
    const struct pk_patterns *p = s->p;
    const struct pk_pattern_row *row = &p->rows[index];
    const struct pk_pattern *pattern = &p->patterns[row->pattern];
    s->budget -= COST_COMPARE;
    if (!pk_pattern_is_at(s->q->message, at, pk_pattern_row_anchor(p->text, row))) {
        return;
    }
    if (pattern->formats != 0 && (pattern->formats & (1u << s->q->format)) == 0) {
        return;
    }
    if (s->budget < COST_WALK ||
        (s->q->only != NULL && !pk_bitset_has(s->q->only->bits, PK_PATTERNS_MAX, row->pattern))) {
        return;
    }
    s->budget -= COST_WALK;
    if (!is_program(p, pattern, s->q->program) ||
        !pk_pattern_walk_row(p->text, row, s->q->message, at, s->spare)) {
        return;
    }
    struct pk_pattern_fields *was = s->best_fields;
    s->best = index;
    s->best_fields = s->spare;
    s->spare = was;
}

/* The rows of one chain, first ones first. */
static void try_chain(struct search *s, uint32_t slot, uint32_t at) {
    const struct pk_patterns *p = s->p;
    for (uint32_t row = p->heads[slot]; row != 0 && row - 1u < s->best && s->budget > 0;
         row = p->next[row - 1u]) {
        try_row(s, row - 1u, at);
    }
}

/* Every row whose anchor begins at `at`. */
static void try_at(struct search *s, uint32_t at) {
    const uint32_t shift = 32u - s->p->head_bits;
    const char *text = s->q->message.p + at;
    try_chain(s, short_slot(text, shift), at);
    if (s->q->message.n - at >= LONG_BYTES) {
        try_chain(s, long_slot(text, shift), at);
    }
}

/* The places where an anchor has the three bytes at `seen`, the first one first. */
static void try_marks(struct search *s, uint32_t seen, uint32_t bits) {
    const uint32_t last_place = s->q->message.n - s->p->window_bytes;
    while (bits != 0) {
        const uint32_t behind = 31u - (uint32_t)__builtin_clz(bits);
        bits ^= 1u << behind;
        if (seen - behind <= last_place) {
            try_at(s, seen - behind);
        }
    }
}

/* A window holds window_bytes - 2 times three bytes, so of as many one behind the other it is enough to look
 * at one: where the next look goes does not depend on what this one saw, and several are under way at once.
 */
int pk_patterns_find(const struct pk_patterns *p, const struct pk_patterns_query *q,
                     struct pk_pattern_fields *out_fields) {
    struct pk_pattern_fields spare;
    struct search s = {.p = p,
                       .q = q,
                       .best_fields = &spare,
                       .spare = out_fields,
                       .best = p->row_count,
                       .budget = PK_PATTERNS_TRIES_MAX * (COST_COMPARE + COST_WALK)};
    const uint8_t *marks = p->marks;
    const char *text = q->message.p;
    out_fields->count = 0;
    if (p->row_count == 0 || q->message.n < p->window_bytes) {
        return PK_E_NOT_FOUND;
    }
    const uint32_t step = p->window_bytes - 2u, end = q->message.n - 2u;
    for (uint32_t at = step - 1u; at < end; at += step) {
        const uint32_t bits = marks[mark_slot(text + at)];
        if (bits != 0) {
            try_marks(&s, at, bits);
        }
    }
    if (s.best == p->row_count) {
        out_fields->count = 0;
        return PK_E_NOT_FOUND;
    }
    if (s.best_fields != out_fields) {
        *out_fields = *s.best_fields;
    }
    return (int)s.best;
}
