#include "event/pk_patterns.h"

#include <string.h>

#include "base/pk_assert.h"

/* ---- build ---- */

enum { ROOT = 0, NONE = 0 }; /* nobody's child is the root */

static void make_classes(struct pk_patterns_build *b, const struct pk_pattern_book *book) {
    bool is_used[256] = {false};
    for (uint32_t i = 0; i < book->row_count; i++) {
        const struct pk_str anchor = pk_pattern_anchor(pk_pattern_ref_str(book->text, book->rows[i].match));
        for (uint32_t k = 0; k < anchor.n && k < PK_PATTERNS_ANCHOR_BYTES; k++) {
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
    for (uint32_t i = 0; i < anchor.n && i < PK_PATTERNS_ANCHOR_BYTES; i++) {
        const uint8_t label = b->classes[(uint8_t)anchor.p[i]];
        uint16_t child = child_of(b, node, label);
        if (child == NONE) {
            if (b->node_count >= PK_PATTERNS_NODES_MAX) {
                return PK_E_FULL;
            }
            child = (uint16_t)b->node_count++;
            b->nodes[child] = (struct pk_patterns_node){
                .sibling = b->nodes[node].child, .label = label, .depth = (uint8_t)(i + 1u)};
            b->nodes[node].child = child;
        }
        node = child;
    }
    b->nodes[node].flags |= PK_PATTERNS_ENDS;
    return node;
}

/* Fail links, breadth first: those of shallower nodes are known. */
static void link_fails(struct pk_patterns_build *b) {
    uint32_t head = 0, tail = 0;
    b->queue[tail++] = ROOT;
    while (head < tail) {
        const uint16_t node = b->queue[head++];
        for (uint16_t child = b->nodes[node].child; child != NONE; child = b->nodes[child].sibling) {
            uint16_t fail = node, found = NONE;
            while (fail != ROOT && found == NONE) {
                fail = b->nodes[fail].fail;
                found = child_of(b, fail, b->nodes[child].label);
            }
            b->nodes[child].fail = found;
            if ((b->nodes[found].flags & (PK_PATTERNS_ENDS | PK_PATTERNS_SUFFIX_ENDS)) != 0) {
                b->nodes[child].flags |= PK_PATTERNS_SUFFIX_ENDS;
            }
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
        cell->fail = b->nodes[node->fail].state;
        cell->flags = node->flags;
        cell->base = node->child == NONE ? (uint16_t)empty : cell->base;
    }
    return PK_OK;
}

static void sort_ends(struct pk_patterns_end *ends, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct pk_patterns_end end = ends[i];
        uint32_t at = i;
        for (; at > 0 && ends[at - 1u].state > end.state; at--) {
            ends[at] = ends[at - 1u];
        }
        ends[at] = end;
    }
}

int pk_patterns_build(struct pk_patterns_build *b, const struct pk_pattern_book *book,
                      struct pk_patterns *out) {
    if (book->row_count > PK_PATTERNS_ROWS_MAX) {
        return PK_E_FULL;
    }
    memset(b, 0, sizeof *b);
    b->node_count = 1;
    make_classes(b, book);
    for (uint32_t i = 0; i < book->row_count; i++) {
        const int32_t node =
            add_anchor(b, pk_pattern_anchor(pk_pattern_ref_str(book->text, book->rows[i].match)));
        if (node < 0) {
            return node;
        }
        b->ends[i] = (struct pk_patterns_end){(uint16_t)node, (uint16_t)i};
    }
    link_fails(b);
    int err = place(b);
    err = err == PK_OK ? finish_cells(b) : err;
    if (err != PK_OK) {
        return err;
    }
    for (uint32_t i = 0; i < book->row_count; i++) {
        b->ends[i].state = b->nodes[b->ends[i].state].state;
    }
    sort_ends(b->ends, book->row_count);
    *out = (struct pk_patterns){.patterns = book->patterns,
                                .rows = book->rows,
                                .text = book->text,
                                .cells = b->cells,
                                .ends = b->ends,
                                .classes = b->classes,
                                .row_count = book->row_count,
                                .cell_count = b->cell_count};
    return PK_OK;
}

/* ---- find ---- */

struct search {
    const struct pk_patterns *p;
    const struct pk_patterns_query *q;
    struct pk_pattern_fields *out;
    uint32_t best; /* row_count = none yet */
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

/* A row whose anchor, or as much of it as the automaton knows, ends before `end`. */
static void try_row(struct search *s, uint32_t index, uint32_t end) {
    const struct pk_pattern_row *row = &s->p->rows[index];
    const struct pk_str match = pk_pattern_ref_str(s->p->text, row->match);
    const struct pk_str anchor = pk_pattern_anchor(match);
    const uint32_t at = end - (anchor.n < PK_PATTERNS_ANCHOR_BYTES ? anchor.n : PK_PATTERNS_ANCHOR_BYTES);
    const struct pk_pattern *pattern = &s->p->patterns[row->pattern];
    struct pk_pattern_fields fields;
    if (pattern->formats != 0 && (pattern->formats & (1u << s->q->format)) == 0) {
        return;
    }
    if (!is_program(s->p, pattern, s->q->program) ||
        !pk_pattern_walk_anchored(match, anchor, row->is_at_start, s->q->message, at, &fields)) {
        return;
    }
    s->best = index;
    *s->out = fields;
}

/* First of the ends of a state. */
static uint32_t first_end(const struct pk_patterns *p, uint16_t state) {
    uint32_t low = 0, high = p->row_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2u;
        if (p->ends[middle].state < state) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Everything that ends with the byte before `end`: in this state and in its suffixes. */
static void try_ends(struct search *s, uint16_t state, uint32_t end) {
    const struct pk_patterns *p = s->p;
    for (;;) {
        if ((p->cells[state].flags & PK_PATTERNS_ENDS) != 0) {
            for (uint32_t i = first_end(p, state); i < p->row_count && p->ends[i].state == state; i++) {
                if (p->ends[i].row < s->best) {
                    try_row(s, p->ends[i].row, end);
                }
            }
        }
        if ((p->cells[state].flags & PK_PATTERNS_SUFFIX_ENDS) == 0) {
            return;
        }
        state = p->cells[state].fail;
    }
}

int pk_patterns_find(const struct pk_patterns *p, const struct pk_patterns_query *q,
                     struct pk_pattern_fields *out_fields) {
    struct search s = {.p = p, .q = q, .out = out_fields, .best = p->row_count};
    const struct pk_patterns_cell *cells = p->cells, *root = &cells[ROOT], *here = root;
    const uint8_t *classes = p->classes;
    const char *message = q->message.p;
    out_fields->count = 0;
    if (p->row_count == 0) {
        return PK_E_NOT_FOUND;
    }
    for (uint32_t i = 0; i < q->message.n; i++) {
        const uint8_t c = classes[(uint8_t)message[i]];
        if (c == 0) {
            here = root;
            continue;
        }
        const struct pk_patterns_cell *next = cells + here->base + c;
        while (next->label != c && here != root) {
            here = cells + here->fail;
            next = cells + here->base + c;
        }
        if (next->label != c) {
            continue; /* at the root */
        }
        here = next;
        if (here->flags != 0) {
            try_ends(&s, (uint16_t)(here - cells), i + 1u);
        }
    }
    return s.best < p->row_count ? (int)s.best : PK_E_NOT_FOUND;
}
