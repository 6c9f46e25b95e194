#include "event/pk_patterns.h"

#include <string.h>

#include "base/pk_assert.h"

/* ---- build ---- */

enum { ROOT = 0, NONE = 0 }; /* nobody's child is the root */

static uint32_t known_bytes(struct pk_str anchor) {
    return anchor.n < PK_PATTERNS_ANCHOR_BYTES ? anchor.n : PK_PATTERNS_ANCHOR_BYTES;
}

static struct pk_str anchor_of(const struct pk_pattern_book *book, uint32_t row) {
    return pk_pattern_row_anchor(book->text, &book->rows[row]);
}

/* Of three bytes, letters of both cases alike. */
static uint32_t skip_slot(const char *p) {
    const uint32_t bits = ((uint32_t)(uint8_t)p[0] & 31u) | ((uint32_t)(uint8_t)p[1] & 31u) << 5 |
                          ((uint32_t)(uint8_t)p[2] & 31u) << 10;
    return bits * 0x9E3779B1u >> 20;
}
_Static_assert(PK_PATTERNS_SKIPS == 1 << (32 - 20), "the slot is the top bits of the product");

static void make_skips(uint8_t *skips, const struct pk_pattern_book *book, uint32_t window_bytes) {
    memset(skips, (int)window_bytes - 2, PK_PATTERNS_SKIPS);
    for (uint32_t i = 0; i < book->row_count; i++) {
        const struct pk_str anchor = anchor_of(book, i);
        for (uint32_t at = 0; at + 3u <= window_bytes; at++) {
            uint8_t *skip = &skips[skip_slot(anchor.p + at)];
            const uint8_t left = (uint8_t)(window_bytes - 3u - at);
            *skip = left < *skip ? left : *skip;
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

static void make_classes(struct pk_patterns_build *b, const struct pk_pattern_book *book) {
    bool is_used[256] = {false};
    for (uint32_t i = 0; i < book->row_count; i++) {
        const struct pk_str anchor = anchor_of(book, i);
        for (uint32_t k = 0; k < known_bytes(anchor); k++) {
            const uint8_t c = (uint8_t)anchor.p[k];
            is_used[c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c] = true;
        }
    }
    uint8_t count = 0;
    for (unsigned c = 0; c < 256u; c++) {
        b->classes[c] = is_used[c] ? ++count : 0;
    }
    b->class_count = count;
    for (unsigned c = 'A'; c <= 'Z'; c++) {
        b->classes[c] = b->classes[c + ('a' - 'A')];
    }
}

static uint16_t child_of(const struct pk_patterns_build *b, uint16_t node, uint8_t label) {
    uint16_t child = b->nodes[node].child;
    while (child != NONE && b->nodes[child].label != label) {
        child = b->nodes[child].sibling;
    }
    return child;
}

/* The anchor of a row into the trie; the node it ends at, or PK_E_FULL. */
static int32_t add_anchor(struct pk_patterns_build *b, struct pk_str anchor) {
    uint16_t node = ROOT;
    for (uint32_t i = 0; i < known_bytes(anchor); i++) {
        const uint8_t label = b->classes[(uint8_t)anchor.p[i]];
        uint16_t child = child_of(b, node, label);
        if (child == NONE) {
            if (b->node_count >= PK_PATTERNS_NODES_MAX) {
                return PK_E_FULL;
            }
            child = (uint16_t)b->node_count++;
            b->nodes[child] = (struct pk_patterns_node){.sibling = b->nodes[node].child, .label = label};
            b->nodes[node].child = child;
        }
        node = child;
    }
    return node;
}

/* Breadth first, so that the parents come first. */
static void make_order(struct pk_patterns_build *b) {
    uint32_t head = 0, tail = 0;
    b->queue[tail++] = ROOT;
    while (head < tail) {
        const uint16_t node = b->queue[head++];
        for (uint16_t child = b->nodes[node].child; child != NONE; child = b->nodes[child].sibling) {
            b->queue[tail++] = child;
        }
    }
}

static bool fits(const struct pk_patterns_build *b, uint16_t node, uint32_t base) {
    if (b->is_base[base] != 0) {
        return false;
    }
    for (uint16_t child = b->nodes[node].child; child != NONE; child = b->nodes[child].sibling) {
        if (b->cells[base + b->nodes[child].label].label != 0) {
            return false;
        }
    }
    return true;
}

/* Places the children of each node; the parents come first, so a node's own cell is known. */
static int place(struct pk_patterns_build *b) {
    uint32_t from = 0, last = 0;
    for (uint32_t i = 0; i < b->node_count; i++) {
        const uint16_t node = b->queue[i];
        if (b->nodes[node].child == NONE) {
            continue;
        }
        uint32_t base = from;
        while (base + 256u < PK_PATTERNS_CELLS_MAX && !fits(b, node, base)) {
            base++;
        }
        if (base + 256u >= PK_PATTERNS_CELLS_MAX) {
            return PK_E_FULL;
        }
        b->is_base[base] = 1;
        /* The first cells fill up; looking there again and again is what takes time. */
        while (from < base && b->is_base[from] != 0) {
            from++;
        }
        b->cells[b->nodes[node].state].base = (uint16_t)base;
        for (uint16_t child = b->nodes[node].child; child != NONE; child = b->nodes[child].sibling) {
            const uint32_t cell = base + b->nodes[child].label;
            b->nodes[child].state = (uint16_t)cell;
            b->cells[cell].label = b->nodes[child].label;
            last = cell > last ? cell : last;
        }
    }
    b->cell_count = last + 1u;
    return PK_OK;
}

/* Leaves look for children behind the last cell, where there is none. */
static int finish_cells(struct pk_patterns_build *b) {
    const uint32_t empty = b->cell_count;
    b->cell_count += 1u + b->class_count;
    if (b->cell_count > PK_PATTERNS_CELLS_MAX) {
        return PK_E_FULL;
    }
    for (uint32_t i = 0; i < b->node_count; i++) {
        const struct pk_patterns_node *node = &b->nodes[i];
        struct pk_patterns_cell *cell = &b->cells[node->state];
        cell->base = node->child == NONE ? (uint16_t)empty : cell->base;
    }
    return PK_OK;
}

/* By state; rows that share one stay in their order. */
static void make_ends(struct pk_patterns_build *b, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const uint16_t state = b->found[i].state, row = b->found[i].row;
        uint32_t at = i;
        for (; at > 0 && b->found[at - 1u].state > state; at--) {
            b->found[at] = b->found[at - 1u];
        }
        b->found[at].state = state;
        b->found[at].row = row;
    }
    for (uint32_t i = count; i > 0; i--) {
        const uint16_t state = b->found[i - 1u].state;
        const bool is_last = i == count || b->found[i].state != state;
        b->ends[i - 1u] = (uint16_t)(b->found[i - 1u].row | (is_last ? PK_PATTERNS_LAST : 0));
        b->cells[state].end = (uint16_t)i;
    }
}

int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                      struct pk_patterns *out) {
    if (book->row_count > PK_PATTERNS_ROWS_MAX) {
        return PK_E_FULL;
    }
    memset(b, 0, sizeof *b);
    b->node_count = 1;
    const uint32_t window_bytes = shortest_anchor(book);
    make_classes(b, book);
    make_skips(b->skips, book, window_bytes);
    for (uint32_t i = 0; i < book->row_count; i++) {
        const int32_t node = add_anchor(b, anchor_of(book, i));
        if (node < 0) {
            return node;
        }
        b->found[i].state = (uint16_t)node;
        b->found[i].row = (uint16_t)i;
    }
    make_order(b);
    int err = place(b);
    err = err == PK_OK ? finish_cells(b) : err;
    if (err != PK_OK) {
        return err;
    }
    for (uint32_t i = 0; i < book->row_count; i++) {
        b->found[i].state = b->nodes[b->found[i].state].state;
    }
    make_ends(b, book->row_count);
    *out = (struct pk_patterns){.patterns = book->patterns,
                                .rows = book->rows,
                                .text = book->text,
                                .cells = b->cells,
                                .ends = b->ends,
                                .classes = b->classes,
                                .skips = b->skips,
                                .pattern_count = book->pattern_count,
                                .row_count = book->row_count,
                                .cell_count = b->cell_count,
                                .window_bytes = window_bytes};
    return PK_OK;
}

/* ---- chains ---- */

static uint32_t head_slot(const char *p) {
    const uint32_t bits = ((uint32_t)(uint8_t)p[0] & 31u) | ((uint32_t)(uint8_t)p[1] & 31u) << 5 |
                          ((uint32_t)(uint8_t)p[2] & 31u) << 10 | ((uint32_t)(uint8_t)p[3] & 31u) << 15;
    return bits * 0x9E3779B1u >> 26;
}
_Static_assert(PK_PATTERNS_HEADS == 1 << (32 - 26), "the slot is the top bits of the product");
_Static_assert((int)PK_PATTERN_LITERAL_BYTES_MIN >= 4, "every anchor has the bytes of a slot");

void pk_patterns_chain(struct pk_patterns_chains *c, const struct pk_pattern_book *book,
                       struct pk_patterns *out) {
    const uint32_t window_bytes = shortest_anchor(book);
    PK_ASSERT(book->row_count <= PK_LIMIT_PATTERN_TEXTS);
    memset(c->heads, 0, sizeof c->heads);
    make_skips(c->skips, book, window_bytes);
    for (uint32_t i = book->row_count; i > 0; i--) { /* the first ends up in front */
        uint16_t *head = &c->heads[head_slot(anchor_of(book, i - 1u).p)];
        c->next[i - 1u] = *head;
        *head = (uint16_t)i;
    }
    *out = (struct pk_patterns){.patterns = book->patterns,
                                .rows = book->rows,
                                .text = book->text,
                                .skips = c->skips,
                                .heads = c->heads,
                                .next = c->next,
                                .pattern_count = book->pattern_count,
                                .row_count = book->row_count,
                                .window_bytes = window_bytes};
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

struct search {
    const struct pk_patterns *p;
    const struct pk_patterns_query *q;
    struct pk_pattern_fields *out;
    uint32_t best; /* row_count = none yet */
    uint32_t tries_left;
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

/* A row whose anchor, or as much of it as the trie knows, stands at `at`. */
static void try_row(struct search *s, uint32_t index, uint32_t at) {
    const struct pk_pattern_row *row = &s->p->rows[index];
    const struct pk_pattern *pattern = &s->p->patterns[row->pattern];
    struct pk_pattern_fields fields;
    if (pattern->formats != 0 && (pattern->formats & (1u << s->q->format)) == 0) {
        return;
    }
    if (s->tries_left == 0 ||
        (s->q->only != NULL && !pk_bitset_has(s->q->only->bits, PK_PATTERNS_MAX, row->pattern))) {
        return;
    }
    s->tries_left--;
    if (!is_program(s->p, pattern, s->q->program) ||
        !pk_pattern_walk_row(s->p->text, row, s->q->message, at, &fields)) {
        return;
    }
    s->best = index;
    s->out->count = fields.count;
    for (uint32_t i = 0; i < fields.count; i++) {
        s->out->items[i] = fields.items[i];
    }
}

/* The rows of one list of ends. */
static void try_ends(struct search *s, uint32_t end, uint32_t at) {
    const uint16_t *ends = s->p->ends;
    for (uint32_t i = end - 1u;; i++) {
        const uint32_t row = ends[i] & ~(uint32_t)PK_PATTERNS_LAST;
        if (row < s->best) {
            try_row(s, row, at);
        }
        if ((ends[i] & PK_PATTERNS_LAST) != 0) {
            return;
        }
    }
}

/* The rows of one chain, first ones first. */
static void try_chain(struct search *s, uint32_t at) {
    const struct pk_patterns *p = s->p;
    for (uint32_t row = p->heads[head_slot(s->q->message.p + at)]; row != 0; row = p->next[row - 1u]) {
        if (row - 1u < s->best) {
            try_row(s, row - 1u, at);
        }
    }
}

/* Every row whose anchor begins at `at`. */
static void try_at(struct search *s, uint32_t at) {
    const struct pk_patterns_cell *cells = s->p->cells, *here = cells;
    const uint8_t *classes = s->p->classes;
    const char *byte = s->q->message.p + at, *end = s->q->message.p + s->q->message.n;
    if (cells == NULL) {
        try_chain(s, at);
        return;
    }
    for (; byte < end; byte++) {
        const uint8_t class = classes[(uint8_t)*byte];
        here = cells + here->base + class;
        if (class == 0 || here->label != class) {
            return;
        }
        if (here->end != 0) {
            try_ends(s, here->end, at);
        }
    }
}

int pk_patterns_find(const struct pk_patterns *p, const struct pk_patterns_query *q,
                     struct pk_pattern_fields *out_fields) {
    struct search s = {
        .p = p, .q = q, .out = out_fields, .best = p->row_count, .tries_left = PK_PATTERNS_TRIES_MAX};
    const uint8_t *skips = p->skips;
    out_fields->count = 0;
    if (p->row_count == 0 || q->message.n < p->window_bytes) {
        return PK_E_NOT_FOUND;
    }
    const char *last = q->message.p + p->window_bytes - 3u; /* three bytes of the window at 0 */
    const uint32_t places = q->message.n - p->window_bytes + 1u;
    for (uint32_t at = 0; at < places;) {
        const uint32_t skip = skips[skip_slot(last + at)];
        if (skip == 0) {
            try_at(&s, at);
        }
        at += skip > 0 ? skip : 1u;
    }
    return s.best < p->row_count ? (int)s.best : PK_E_NOT_FOUND;
}
