#include "event/pk_patterns_own.h"

#include <string.h>

#include "base/pk_assert.h"

void pk_patterns_own_init(struct pk_patterns_own *o) {
    o->pattern_count = o->row_count = o->text_bytes = 0;
}

static struct pk_pattern_book book_of(struct pk_patterns_own *o) {
    return (struct pk_pattern_book){.patterns = o->patterns,
                                    .rows = o->rows,
                                    .text = o->text,
                                    .pattern_count = o->pattern_count,
                                    .pattern_cap = PK_LIMIT_PATTERNS,
                                    .row_count = o->row_count,
                                    .row_cap = PK_LIMIT_PATTERN_TEXTS,
                                    .text_bytes = o->text_bytes,
                                    .text_cap = PK_LIMIT_PATTERN_TEXT_BYTES};
}

int pk_patterns_own_add(struct pk_patterns_own *o, const char *file, struct pk_str text,
                        struct pk_diag *out_diag) {
    struct pk_pattern_book book = book_of(o);
    const int err = pk_pattern_parse(&book, file, text, out_diag);
    o->pattern_count = book.pattern_count;
    o->row_count = book.row_count;
    o->text_bytes = book.text_bytes;
    return err;
}

void pk_patterns_use(struct pk_patterns_use *u, struct pk_patterns_own *own) {
    const struct pk_patterns *shipped = &PK_SHIPPED_PATTERNS;
    const struct pk_pattern_book book = book_of(own);
    pk_patterns_build_few(&u->few, &book, &u->own);
    u->is_replacing = false;
    pk_bitset_clear_all(u->shipped.bits, PK_PATTERNS_MAX);
    for (uint32_t i = 0; i < shipped->pattern_count; i++) {
        const struct pk_str id = pk_pattern_ref_str(shipped->text, shipped->patterns[i].id);
        if (pk_patterns_find_id(&u->own, id) < 0) {
            pk_bitset_set(u->shipped.bits, PK_PATTERNS_MAX, i);
        } else {
            u->is_replacing = true;
        }
    }
}

void pk_patterns_use_pick(const struct pk_patterns_use *u, struct pk_str words,
                          struct pk_patterns_picked *out) {
    struct pk_str word;
    memset(out, 0, sizeof *out);
    out->is_all = words.n == 0;
    while (words.n > 0 && pk_str_split(&words, ',', &word)) {
        (void)pk_patterns_pick(&u->own, pk_str_trim(word), &out->own);
        (void)pk_patterns_pick(&PK_SHIPPED_PATTERNS, pk_str_trim(word), &out->shipped);
    }
    for (size_t i = 0; i < PK_COUNT_OF(out->shipped.bits); i++) {
        out->shipped.bits[i] &= u->shipped.bits[i];
    }
}

bool pk_patterns_own_knows(struct pk_patterns_own *o, struct pk_str words, struct pk_str *out_unknown) {
    const struct pk_patterns own = {
        .patterns = o->patterns, .text = o->text, .pattern_count = o->pattern_count};
    struct pk_patterns_set set;
    struct pk_str word;
    memset(&set, 0, sizeof set);
    while (words.n > 0 && pk_str_split(&words, ',', &word)) {
        word = pk_str_trim(word);
        if (pk_patterns_pick(&own, word, &set) + pk_patterns_pick(&PK_SHIPPED_PATTERNS, word, &set) == 0) {
            *out_unknown = word;
            return false;
        }
    }
    return true;
}

void pk_patterns_use_tables(const struct pk_patterns_use *u, const struct pk_patterns_picked *picked,
                            struct pk_patterns_tables *out) {
    const bool is_all = picked == NULL || picked->is_all;
    const struct pk_patterns_set *shipped = u->is_replacing ? &u->shipped : NULL;
    out->count = 0;
    if (u->own.row_count > 0) {
        out->only[out->count] = is_all ? NULL : &picked->own;
        out->tables[out->count++] = &u->own;
    }
    out->only[out->count] = is_all ? shipped : &picked->shipped;
    out->tables[out->count++] = &PK_SHIPPED_PATTERNS;
}
