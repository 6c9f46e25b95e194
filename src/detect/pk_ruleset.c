#include "detect/pk_ruleset.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"
#include "detect/pk_rule_parse.h"
#include "detect/pk_window.h"

/* One walk over the operator's files, before anything is changed. */
struct check {
    const struct pk_rule_book *shipped;
    const struct pk_rule_file *files;
    uint32_t file_count;
    struct pk_rule_ids *own;
    struct pk_rule_price sum;
    struct pk_buf *prices;
    struct pk_diag *diag;
};

static uint64_t id_hash(struct pk_str id) {
    return pk_hash64(id.p, id.n);
}

static bool is_own_id(const struct check *c, uint64_t hash) {
    for (uint32_t i = 0; c->own != NULL && i < c->own->count; i++) {
        if (c->own->hashes[i] == hash) {
            return true;
        }
    }
    return false;
}

static int fail(struct pk_diag *diag, const char *file, const struct pk_rule *r, const char *message,
                struct pk_str arg) {
    pk_diag_set1(diag, file, r->line, 1, message, arg);
    return PK_E_CONFIG;
}

static int note_id(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    const uint64_t hash = id_hash(id);
    if (is_own_id(c, hash)) {
        return fail(c->diag, file, r, "rule '{}' is defined twice", id);
    }
    if (c->own->count >= PK_LIMIT_RULES) {
        return fail(c->diag, file, r, "rule '{}' does not fit: the table of rules is full", id);
    }
    c->own->hashes[c->own->count++] = hash;
    return PK_OK;
}

static void put_price(struct pk_buf *out, struct pk_str id, const struct pk_rule *r) {
    if (out == NULL) {
        return;
    }
    pk_buf_put_str(out, id);
    pk_buf_puts(out, ": ");
    pk_buf_put_u64(out, r->keys);
    pk_buf_puts(out, " windows, ");
    pk_buf_put_u64(out, pk_rule_price_bytes(r));
    pk_buf_puts(out, " bytes\n");
}

static void add_price(struct check *c, struct pk_str id, const struct pk_rule *r) {
    put_price(c->prices, id, r);
    c->sum.rules++;
    c->sum.keys += r->keys;
    c->sum.times_bytes += pk_rule_blocks(r) * pk_rule_block_bytes(r);
    c->sum.total_bytes += pk_rule_price_bytes(r);
}

static void put_figure(struct pk_buf *b, const char *word, uint64_t have, uint64_t max) {
    pk_buf_puts(b, word);
    pk_buf_put_u64(b, have);
    pk_buf_puts(b, " of ");
    pk_buf_put_u64(b, max);
}

/* The rule with which the set stops fitting is the one told. */
static int within_budget(const struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    const bool is_fit = c->sum.rules <= PK_LIMIT_RULES && c->sum.keys <= PK_LIMIT_KEYS &&
                        c->sum.times_bytes <= PK_LIMIT_WINDOW_BYTES;
    if (is_fit) {
        return PK_OK;
    }
    char message[160];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "rule '{}' is over the memory budget, with it the set takes");
    put_figure(&b, " rules ", c->sum.rules, PK_LIMIT_RULES);
    put_figure(&b, ", windows ", c->sum.keys, PK_LIMIT_KEYS);
    put_figure(&b, ", bytes of times ", c->sum.times_bytes, PK_LIMIT_WINDOW_BYTES);
    return fail(c->diag, file, r, message, id);
}

typedef int each_rule(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id);

static int price_rule(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    add_price(c, id, r);
    return within_budget(c, file, r, id);
}

static int walk_text(struct check *c, const char *name, struct pk_str text, each_rule *each) {
    struct pk_rule_parser parser;
    struct pk_rule r;
    pk_rule_parser_init(&parser, name, text.p, 0, text.n);
    int err = pk_rule_parse_next(&parser, &r, c->diag);
    while (err == PK_OK) {
        err = each(c, name, &r, pk_rule_ref_str(text.p, r.id));
        err = err != PK_OK ? err : pk_rule_parse_next(&parser, &r, c->diag);
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

static int walk(struct check *c, each_rule *each) {
    int err = PK_OK;
    for (uint32_t i = 0; i < c->file_count && err == PK_OK; i++) {
        err = walk_text(c, c->files[i].name, c->files[i].text, each);
    }
    return err;
}

static int price_missing(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    return is_own_id(c, id_hash(id)) ? PK_OK : price_rule(c, file, r, id);
}

static struct pk_str text_of(const struct pk_rule_book *b) {
    return (struct pk_str){b->text, b->text_bytes};
}

static int price_shipped(struct check *c) {
    return c->shipped != NULL ? walk_text(c, "shipped", text_of(c->shipped), price_missing) : PK_OK;
}

/* Each file is kept with a line end behind it. */
static int fits_text(const struct check *c) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->file_count; i++) {
        bytes += (uint64_t)c->files[i].text.n + 1u;
        if (bytes > PK_LIMIT_RULE_TEXT_BYTES) {
            pk_diag_set(c->diag, c->files[i].name, 1, 1,
                        "the rule files together are larger than this board keeps");
            return PK_E_CONFIG;
        }
    }
    return PK_OK;
}

int pk_ruleset_check(const struct pk_rule_book *shipped, const struct pk_rule_file *files,
                     uint32_t file_count, struct pk_rule_ids *ids, struct pk_buf *prices,
                     struct pk_rule_price *out_price, struct pk_diag *out_diag) {
    struct check c = {.shipped = shipped,
                      .files = files,
                      .file_count = file_count,
                      .own = ids,
                      .prices = prices,
                      .diag = out_diag};
    PK_ASSERT(file_count == 0 || ids != NULL);
    if (ids != NULL) {
        ids->count = 0;
    }
    int err = fits_text(&c);
    err = err != PK_OK ? err : walk(&c, note_id);
    err = err != PK_OK ? err : price_shipped(&c);
    err = err != PK_OK ? err : walk(&c, price_rule);
    *out_price = c.sum;
    if (prices != NULL) {
        put_figure(prices, "total: windows ", c.sum.keys, PK_LIMIT_KEYS);
        put_figure(prices, ", bytes of times ", c.sum.times_bytes, PK_LIMIT_WINDOW_BYTES);
        pk_buf_putc(prices, '\n');
    }
    return err;
}

void pk_ruleset_init(struct pk_ruleset *s) {
    pk_zero(s, sizeof *s);
}

/* What was checked a moment ago parses again, and fits: at the end the parser leaves the row behind the last
 * one alone. */
static void copy_own(struct pk_ruleset *s, const struct pk_rule_file *files, uint32_t file_count) {
    struct pk_diag diag;
    s->own_count = 0;
    s->own_text_bytes = 0;
    for (uint32_t i = 0; i < file_count; i++) {
        const uint32_t base = s->own_text_bytes;
        const struct pk_str text = files[i].text;
        if (text.n > 0) {
            memcpy(s->own_text + base, text.p, text.n);
        }
        s->own_text[base + text.n] = '\n';
        s->own_text_bytes += text.n + 1u;
        struct pk_rule_parser parser;
        pk_rule_parser_init(&parser, files[i].name, s->own_text, base, text.n);
        while (pk_rule_parse_next(&parser, &s->parsed[s->own_count], &diag) == PK_OK) {
            s->parsed[s->own_count].is_own = true;
            s->own_count++;
        }
    }
}

static const struct pk_rule *own_with_id(const struct pk_ruleset *s, struct pk_str id) {
    for (uint32_t i = 0; i < s->own_count; i++) {
        if (pk_str_eq(pk_rule_ref_str(s->own_text, s->parsed[i].id), id)) {
            return &s->parsed[i];
        }
    }
    return NULL;
}

static bool is_row(const struct pk_ruleset *s, const struct pk_rule *r) {
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->rows[i] == r) {
            return true;
        }
    }
    return false;
}

static void add_row(struct pk_ruleset *s, const struct pk_rule *r) {
    PK_ASSERT(s->count < PK_LIMIT_RULES);
    s->rows[s->count++] = r;
    s->hash = pk_hash64_mix(s->hash, r->hash);
}

static void add_shipped(struct pk_ruleset *s) {
    struct pk_rule_parser parser;
    struct pk_rule r;
    struct pk_diag diag;
    const struct pk_str text = text_of(s->shipped);
    pk_rule_parser_init(&parser, "shipped", text.p, 0, text.n);
    while (pk_rule_parse_next(&parser, &r, &diag) == PK_OK) {
        const struct pk_rule *own = own_with_id(s, pk_rule_ref_str(text.p, r.id));
        if (own == NULL) {
            PK_ASSERT(s->parsed_count < PK_LIMIT_RULES);
            s->parsed[s->parsed_count] = r;
            own = &s->parsed[s->parsed_count++];
        }
        add_row(s, own);
    }
}

int pk_ruleset_load(struct pk_ruleset *s, const struct pk_rule_book *shipped,
                    const struct pk_rule_file *files, uint32_t file_count, struct pk_diag *out_diag) {
    struct pk_rule_price price;
    const int err = pk_ruleset_check(shipped, files, file_count, &s->own_ids, NULL, &price, out_diag);
    if (err != PK_OK) {
        return err;
    }
    copy_own(s, files, file_count);
    s->shipped = shipped;
    s->count = 0;
    s->hash = 0;
    s->parsed_count = s->own_count;
    if (shipped != NULL) {
        add_shipped(s);
    }
    for (uint32_t i = 0; i < s->own_count; i++) {
        if (!is_row(s, &s->parsed[i])) {
            add_row(s, &s->parsed[i]);
        }
    }
    PK_ASSERT(s->count == price.rules);
    return PK_OK;
}

struct pk_str pk_ruleset_str(const struct pk_ruleset *s, const struct pk_rule *r, struct pk_rule_ref ref) {
    return pk_rule_ref_str(r->is_own ? s->own_text : s->shipped->text, ref);
}

static bool has_alias(struct pk_str aliases, struct pk_str id) {
    struct pk_str one;
    while (pk_str_split(&aliases, ',', &one)) {
        if (pk_str_eq(pk_str_trim(one), id)) {
            return true;
        }
    }
    return false;
}

int pk_ruleset_find(const struct pk_ruleset *s, struct pk_str id) {
    for (uint32_t i = 0; i < s->count; i++) {
        if (pk_str_eq(pk_ruleset_str(s, s->rows[i], s->rows[i]->id), id)) {
            return (int)i;
        }
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (id.n > 0 && has_alias(pk_ruleset_str(s, s->rows[i], s->rows[i]->aliases), id)) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}
