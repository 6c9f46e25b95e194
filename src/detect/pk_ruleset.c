#include "detect/pk_ruleset.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"
#include "detect/pk_rule_parse.h"
#include "detect/pk_window.h"

/* One walk over the operator's rules, before anything is changed. */
struct check {
    const struct pk_rule_book *shipped;
    const struct pk_rule_file *files;
    uint32_t file_count;
    const struct pk_thresholds *thresholds;
    struct pk_rule_file stored[3]; /* before the rule that changes, behind it, and the rule itself */
    struct pk_rule_ids *own;
    struct pk_rule_price sum;
    struct pk_buf *prices;
    struct pk_diag *diag;
};

static uint64_t id_hash(struct pk_str id) {
    return pk_hash64(id.p, id.n);
}

static bool has_hash(const struct pk_rule_ids *ids, uint32_t count, uint64_t hash) {
    for (uint32_t i = 0; i < count; i++) {
        if (ids->hashes[i] == hash) {
            return true;
        }
    }
    return false;
}

static bool is_own_id(const struct check *c, uint64_t hash) {
    return c->own != NULL && has_hash(c->own, c->own->count, hash);
}

/* A stored rule stands over the one of a file. */
static bool is_hidden(const struct pk_rule_ids *ids, struct pk_str id) {
    return has_hash(ids, ids->stored_count, id_hash(id));
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

static int note_file_id(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    return is_hidden(c->own, id) ? PK_OK : note_id(c, file, r, id);
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

/* The largest `keys` with which the rule fits beside those before it; 0 = none. */
static uint32_t keys_that_fit(const struct check *c, const struct pk_rule *r) {
    const uint32_t block_bytes = pk_rule_block_bytes(r);
    const uint32_t others = c->sum.keys - r->keys;
    const uint32_t other_bytes = c->sum.times_bytes - pk_rule_blocks(r) * block_bytes;
    uint32_t room = others < PK_LIMIT_KEYS ? PK_LIMIT_KEYS - others : 0u;
    if (block_bytes > 0 && !pk_rule_is_counted_across(r)) {
        const uint32_t blocks = (PK_LIMIT_WINDOW_BYTES - other_bytes) / block_bytes;
        const uint32_t keys = blocks + (r->across > 0 ? 1u : 0u);
        room = keys < room ? keys : room;
    }
    const uint32_t beside = pk_rule_keys_beside(r);
    const uint32_t least = r->across > 0 ? r->across : 1u;
    return room >= least + beside ? room - beside : 0u;
}

/* What is short, and what can be done. */
static void put_shortage(struct pk_buf *b, const struct check *c, const struct pk_rule *r) {
    if (c->sum.rules > PK_LIMIT_RULES) {
        put_figure(b, "", c->sum.rules, PK_LIMIT_RULES);
        pk_buf_puts(b, " rules; a rule of the same name takes the place of a shipped one");
        return;
    }
    if (c->sum.keys > PK_LIMIT_KEYS) {
        put_figure(b, "", c->sum.keys, PK_LIMIT_KEYS);
        pk_buf_puts(b, " windows");
    } else {
        put_figure(b, "", c->sum.times_bytes, PK_LIMIT_WINDOW_BYTES);
        pk_buf_puts(b, " bytes of blocks");
    }
    const uint32_t keys = keys_that_fit(c, r);
    if (keys == 0) {
        pk_buf_puts(b, "; lower 'keys' of other rules ('rules list --cost' tells them)");
        return;
    }
    pk_buf_puts(b, "; with 'keys = ");
    pk_buf_put_u64(b, keys);
    pk_buf_puts(b, "' it fits, it asks for ");
    pk_buf_put_u64(b, r->keys - pk_rule_keys_beside(r));
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
    pk_buf_puts(&b, "rule '{}' is over the memory budget: ");
    put_shortage(&b, c, r);
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
    parser.thresholds = c->thresholds;
    int err = pk_rule_parse_next(&parser, &r, c->diag);
    while (err == PK_OK) {
        err = each(c, name, &r, pk_rule_ref_str(text.p, r.id));
        err = err != PK_OK ? err : pk_rule_parse_next(&parser, &r, c->diag);
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

static int walk_files(struct check *c, each_rule *each) {
    int err = PK_OK;
    for (uint32_t i = 0; i < c->file_count && err == PK_OK; i++) {
        err = walk_text(c, c->files[i].name, c->files[i].text, each);
    }
    return err;
}

static int walk_stored(struct check *c, each_rule *each) {
    int err = PK_OK;
    for (uint32_t i = 0; i < PK_COUNT_OF(c->stored) && err == PK_OK; i++) {
        err = walk_text(c, c->stored[i].name, c->stored[i].text, each);
    }
    return err;
}

static int price_visible(struct check *c, const char *file, const struct pk_rule *r, struct pk_str id) {
    return is_hidden(c->own, id) ? PK_OK : price_rule(c, file, r, id);
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

static int too_much_text(const struct check *c, const char *name) {
    pk_diag_set(c->diag, name, 1, 1, "the rule files together are larger than this board keeps");
    return PK_E_CONFIG;
}

/* Each is kept with a line end behind it. */
static int fits_text(const struct check *c) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->file_count; i++) {
        bytes += (uint64_t)c->files[i].text.n + 1u;
        if (bytes > PK_LIMIT_RULE_TEXT_BYTES) {
            return too_much_text(c, c->files[i].name);
        }
    }
    for (uint32_t i = 0; i < PK_COUNT_OF(c->stored); i++) {
        bytes += c->stored[i].text.n > 0 ? (uint64_t)c->stored[i].text.n + 1u : 0u;
        if (bytes > PK_LIMIT_RULE_TEXT_BYTES) {
            return too_much_text(c, c->stored[i].name);
        }
    }
    return PK_OK;
}

static int check_all(struct check *c) {
    int err = fits_text(c);
    memset(&c->sum, 0, sizeof c->sum);
    if (c->own != NULL) {
        c->own->count = 0;
        err = err != PK_OK ? err : walk_stored(c, note_id);
        c->own->stored_count = c->own->count;
    }
    err = err != PK_OK ? err : walk_files(c, note_file_id);
    err = err != PK_OK ? err : price_shipped(c);
    err = err != PK_OK ? err : walk_files(c, price_visible);
    return err != PK_OK ? err : walk_stored(c, price_rule);
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
    const int err = check_all(&c);
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

/* What was checked a moment ago parses again, and fits. */
static void parse_own(struct pk_ruleset *s, uint32_t from, uint32_t to, bool is_stored) {
    struct pk_rule_parser parser;
    struct pk_rule r;
    struct pk_diag diag;
    pk_rule_parser_init(&parser, "rules", s->own_text, from, to - from);
    parser.thresholds = s->thresholds;
    while (pk_rule_parse_next(&parser, &r, &diag) == PK_OK) {
        if (!is_stored && is_hidden(&s->own_ids, pk_rule_ref_str(s->own_text, r.id))) {
            continue;
        }
        PK_ASSERT(s->own_count < PK_LIMIT_RULES);
        r.is_own = true;
        r.is_stored = is_stored;
        s->parsed[s->own_count++] = r;
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
    parser.thresholds = s->thresholds;
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

static void take_rows(struct pk_ruleset *s) {
    s->own_count = 0;
    s->count = 0;
    s->hash = 0;
    parse_own(s, 0, s->file_text_bytes, false);
    if (!s->is_stored_off) {
        parse_own(s, s->file_text_bytes, s->own_text_bytes, true);
    }
    s->parsed_count = s->own_count;
    if (s->shipped != NULL) {
        add_shipped(s);
    }
    for (uint32_t i = 0; i < s->own_count; i++) {
        if (!is_row(s, &s->parsed[i])) {
            add_row(s, &s->parsed[i]);
        }
    }
}

static struct pk_str stored_text(const struct pk_ruleset *s) {
    return pk_str_make(s->own_text + s->file_text_bytes, s->own_text_bytes - s->file_text_bytes);
}

static void append(struct pk_ruleset *s, struct pk_str text) {
    if (text.n > 0) {
        memcpy(s->own_text + s->own_text_bytes, text.p, text.n);
    }
    s->own_text[s->own_text_bytes + text.n] = '\n';
    s->own_text_bytes += text.n + 1u;
}

static struct pk_str without_mark(struct pk_str text) {
    return pk_str_starts(text, "\xEF\xBB\xBF") ? pk_str_make(text.p + 3, text.n - 3u) : text;
}

/* The stored rules wait at the end of the buffer meanwhile. */
static void take_files(struct pk_ruleset *s, const struct pk_rule_file *files, uint32_t file_count) {
    const struct pk_str stored = stored_text(s);
    char *parked = s->own_text + sizeof s->own_text - stored.n;
    memmove(parked, stored.p, stored.n);
    s->own_text_bytes = 0;
    for (uint32_t i = 0; i < file_count; i++) {
        append(s, without_mark(files[i].text));
    }
    s->file_text_bytes = s->own_text_bytes;
    memmove(s->own_text + s->own_text_bytes, parked, stored.n);
    s->own_text_bytes += stored.n;
}

int pk_ruleset_load(struct pk_ruleset *s, const struct pk_rule_book *shipped,
                    const struct pk_rule_file *files, uint32_t file_count, struct pk_diag *out_diag) {
    struct check c = {.shipped = shipped,
                      .files = files,
                      .file_count = file_count,
                      .stored = {{"stored rules", stored_text(s)}},
                      .thresholds = s->thresholds,
                      .own = &s->own_ids,
                      .diag = out_diag};
    const bool is_fit = fits_text(&c) == PK_OK;
    int err = check_all(&c);
    const bool is_off = err != PK_OK && s->is_stored_off;
    if (is_off) {
        c.stored[0].text = pk_str_make(NULL, 0);
        err = check_all(&c);
    }
    if (err != PK_OK) {
        return err;
    }
    if (is_off && !is_fit) {
        s->own_text_bytes = s->file_text_bytes; /* the store has them still: the next start tries again */
    }
    s->is_stored_off = is_off;
    s->shipped = shipped;
    take_files(s, files, file_count);
    take_rows(s);
    PK_ASSERT(s->count == c.sum.rules);
    return PK_OK;
}

/* ---- rules made at run time ---- */

struct pk_str pk_ruleset_section_id(struct pk_str text) {
    struct pk_str line = {NULL, 0};
    while (pk_str_split(&text, '\n', &line) && (line.n == 0 || line.p[0] != '[')) {
    }
    if (!pk_str_starts(line, "[rule ")) {
        return pk_str_make(NULL, 0);
    }
    line = pk_str_make(line.p + 6, line.n - 6u);
    uint32_t n = 0;
    while (n < line.n && line.p[n] != ']') {
        n++;
    }
    return pk_str_trim(pk_str_make(line.p, n));
}

/* Section of this id among the stored ones, with its line end. They are found by their heads: rules that do
 * not load any more must be replaceable, too. Empty and at the end when there is none. */
static struct pk_str find_stored(const struct pk_ruleset *s, struct pk_str id) {
    const struct pk_str all = stored_text(s);
    struct pk_str rest = all;
    struct pk_str line;
    const char *from = NULL;
    while (pk_str_split(&rest, '\n', &line)) {
        if (line.n == 0 || line.p[0] != '[') {
            continue;
        }
        if (from != NULL) {
            return pk_str_make(from, (size_t)(line.p - from));
        }
        from = pk_str_eq(pk_ruleset_section_id(line), id) ? line.p : NULL;
    }
    const char *end = s->own_text + s->own_text_bytes;
    from = from != NULL ? from : end;
    return pk_str_make(from, (size_t)(end - from));
}

/* What there would be with another section in the place of `old`. */
static int check_change(struct pk_ruleset *s, struct pk_str old, const char *name, struct pk_str text,
                        struct pk_diag *diag) {
    const struct pk_str all = stored_text(s);
    const uint32_t before = (uint32_t)(old.p - all.p);
    const struct pk_rule_file files = {"rules.d", pk_str_make(s->own_text, s->file_text_bytes)};
    struct check c = {.shipped = s->shipped,
                      .files = &files,
                      .file_count = 1,
                      .stored = {{"stored rules", pk_str_make(all.p, before)},
                                 {"stored rules", pk_str_make(old.p + old.n, all.n - before - old.n)},
                                 {name, text}},
                      .thresholds = s->thresholds,
                      .own = &s->own_ids,
                      .diag = diag};
    return check_all(&c);
}

static void cut(struct pk_ruleset *s, struct pk_str old) {
    const char *end = s->own_text + s->own_text_bytes;
    const char *behind = old.p + old.n;
    memmove(s->own_text + (old.p - s->own_text), behind, (size_t)(end - behind));
    s->own_text_bytes -= old.n;
}

int pk_ruleset_set_stored(struct pk_ruleset *s, struct pk_str text, struct pk_diag *out_diag) {
    s->own_text_bytes = s->file_text_bytes;
    const int err = check_change(s, stored_text(s), "stored rules", text, out_diag);
    s->is_stored_off = err != PK_OK;
    if (text.n > 0 && text.n < sizeof s->own_text - s->own_text_bytes) {
        append(s, text);
    }
    if (err == PK_OK) {
        take_rows(s);
    }
    return err;
}

static int read_put(const struct pk_ruleset *s, const char *name, struct pk_str text, struct pk_rule_put *out,
                    struct pk_diag *diag) {
    struct pk_rule_parser parser;
    struct pk_rule r;
    pk_rule_parser_init(&parser, name, text.p, 0, text.n);
    parser.thresholds = s->thresholds;
    int err = pk_rule_parse_next(&parser, &r, diag);
    if (err == PK_E_NOT_FOUND) {
        pk_diag_set(diag, name, 1, 1, "there is no [rule NAME]");
        return PK_E_CONFIG;
    }
    if (err != PK_OK) {
        return err;
    }
    out->id = pk_rule_ref_str(text.p, r.id);
    out->section = pk_rule_ref_str(text.p, r.text);
    err = pk_rule_parse_next(&parser, &r, diag);
    if (err == PK_OK) {
        pk_diag_set(diag, name, r.line, 1, "one rule at a time; a file of several belongs into rules.d");
        return PK_E_CONFIG;
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

int pk_ruleset_put(struct pk_ruleset *s, const char *name, struct pk_str text, struct pk_rule_put *out_put,
                   struct pk_diag *out_diag) {
    int err = read_put(s, name, text, out_put, out_diag);
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str old = find_stored(s, out_put->id);
    err = check_change(s, old, name, text, out_diag);
    if (err != PK_OK) {
        return err;
    }
    cut(s, old);
    append(s, out_put->section);
    s->is_stored_off = false;
    take_rows(s);
    return PK_OK;
}

int pk_ruleset_remove(struct pk_ruleset *s, struct pk_str id, struct pk_diag *out_diag) {
    const struct pk_str old = find_stored(s, id);
    if (old.n == 0) {
        return PK_E_NOT_FOUND;
    }
    const int err = check_change(s, old, "stored rules", pk_str_make(NULL, 0), out_diag);
    if (err != PK_OK && !s->is_stored_off) {
        return err;
    }
    cut(s, old);
    if (err == PK_OK) {
        s->is_stored_off = false;
        take_rows(s);
    }
    return PK_OK;
}

/* ---- switches ---- */

static uint32_t switch_index(const struct pk_ruleset *s, struct pk_str id) {
    const uint64_t hash = id_hash(id);
    uint32_t i = 0;
    while (i < s->switch_count && s->switches[i].id_hash != hash) {
        i++;
    }
    return i;
}

const struct pk_rule_switch *pk_ruleset_find_switch(const struct pk_ruleset *s, struct pk_str id) {
    const uint32_t i = switch_index(s, id);
    return i < s->switch_count ? &s->switches[i] : NULL;
}

int pk_ruleset_switch(struct pk_ruleset *s, struct pk_str id, bool is_enabled) {
    const uint32_t i = switch_index(s, id);
    if (i == PK_LIMIT_RULES) {
        return PK_E_FULL;
    }
    s->switches[i] = (struct pk_rule_switch){id_hash(id), is_enabled};
    s->switch_count += i == s->switch_count ? 1u : 0u;
    return PK_OK;
}

void pk_ruleset_forget_switch(struct pk_ruleset *s, struct pk_str id) {
    const uint32_t i = switch_index(s, id);
    if (i < s->switch_count) {
        s->switches[i] = s->switches[--s->switch_count];
    }
}

bool pk_ruleset_is_enabled(const struct pk_ruleset *s, uint32_t index) {
    const struct pk_rule *r = s->rows[index];
    const struct pk_rule_switch *w = pk_ruleset_find_switch(s, pk_ruleset_str(s, r, r->id));
    return w != NULL ? w->is_enabled : r->is_enabled;
}

/* ---- look-up ---- */

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
