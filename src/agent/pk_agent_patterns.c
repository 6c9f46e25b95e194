/* The operator's log patterns: all files are read into the spare book, and taken together or not at all. */
#include <string.h>

#include "agent/pk_agent_priv.h"

struct pattern_files {
    struct pk_agent *a;
    const char *dir;
    struct pk_diag *diag;
    char *path; /* of the file that is read; in the payload scratch */
    int err;
};
enum { PATH_BYTES = 2 * PK_CONFIG_PATH_BYTES };
_Static_assert((unsigned)PATH_BYTES + 64u * 64u <= PK_LIMIT_PAYLOAD_BYTES, "the path and the words fit");

static void read_file(void *arg, const char *name) {
    struct pattern_files *r = arg;
    struct pk_agent *a = r->a;
    const struct pk_port_files *f = &a->port->files;
    if (r->err < 0) {
        return;
    }
    (void)pk_path_join(r->path, PATH_BYTES, r->dir, name);
    const int n = f->read(f->ctx, r->path, a->reply, sizeof a->reply);
    if (n < 0) {
        pk_diag_set1(r->diag, r->path, 1, 1, "cannot be read: {}", pk_str_of(pk_err_text(n)));
        r->err = PK_E_CONFIG;
        return;
    }
    r->err = pk_patterns_own_add(&a->patterns.books[a->patterns.index ^ 1u], r->path,
                                 pk_str_make(a->reply, (size_t)n), r->diag);
}

/* ---- what logs want ---- */

enum { WORD_BYTES = 48, WORDS_MAX = 64 };
struct words {
    char (*text)[WORD_BYTES]; /* in the payload scratch */
    const char *at[WORDS_MAX];
    uint32_t count;
};

static void add_word(struct words *w, struct pk_str word) {
    for (uint32_t i = 0; i < w->count; i++) {
        if (pk_str_eq_c(word, w->text[i])) {
            return;
        }
    }
    if (w->count < WORDS_MAX && pk_str_copy(word, w->text[w->count], WORD_BYTES) >= 0) {
        w->at[w->count] = w->text[w->count];
        w->count++;
    }
}

/* Files first, then what the names of patterns begin with. */
static void add_words(struct words *w, const char *text, const struct pk_pattern *patterns, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        add_word(w, pk_pattern_ref_str(text, patterns[i].family));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pk_str id = pk_pattern_ref_str(text, patterns[i].id), begin = id;
        (void)pk_str_split(&id, '_', &begin);
        add_word(w, begin);
    }
}

/* From where the value begins to the word in it; a value may go on in further lines. */
static void go_to_word(const char *value, const char *word, struct pk_diag *diag) {
    for (const char *p = value; p < word; p++) {
        diag->column = *p == '\n' ? 1u : diag->column + 1u;
        diag->line += *p == '\n' ? 1u : 0u;
    }
}

/* The word is of *c, and is what the message needs most. */
static int refuse_word(struct pk_agent *a, const struct pk_inlet_row *row, const char *path,
                       struct pk_str word, struct pk_diag *diag) {
    const struct pk_patterns_own *own = &a->patterns.books[a->patterns.index ^ 1u];
    struct words w = {.text = (char(*)[WORD_BYTES])(a->payload + PATH_BYTES)};
    char text[192];
    struct pk_buf b;
    add_words(&w, own->text, own->patterns, own->pattern_count);
    add_words(&w, PK_SHIPPED_PATTERNS.text, PK_SHIPPED_PATTERNS.patterns, PK_SHIPPED_PATTERNS.pattern_count);
    const char *near = pk_text_suggest(word, w.at, w.count);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_putc(&b, '[');
    pk_buf_puts(&b, row->name);
    if (b.n > 4u) {
        b.p[4] = ' '; /* the section of "log:auth" is [log auth] */
    }
    pk_buf_puts(&b, "] patterns: no file or pattern is called '{}'");
    if (near != NULL) {
        pk_buf_puts(&b, "; did you mean '");
        pk_buf_puts(&b, near);
        pk_buf_puts(&b, "'?");
    }
    struct pk_config_place place = {.key = pk_str_of("patterns")};
    place.section = pk_inlet_section(row, &place.name);
    pk_diag_set1(diag, path, 1, 1, text, word);
    pk_config_find(&a->port->files, path, &place, a->reply, sizeof a->reply, diag);
    go_to_word(row->patterns, word.p, diag);
    return PK_E_CONFIG;
}

int pk_agent_patterns_read(struct pk_agent *a, const struct pk_config *c, const char *path,
                           struct pk_diag *diag) {
    struct pk_patterns_own *own = &a->patterns.books[a->patterns.index ^ 1u];
    struct pattern_files r = {.a = a, .dir = c->patterns_dir, .diag = diag, .path = a->payload, .err = PK_OK};
    const struct pk_port_files *f = &a->port->files;
    struct pk_str unknown;
    pk_patterns_own_init(own);
    const int listed = f->list(f->ctx, c->patterns_dir, ".patterns", read_file, &r);
    if (r.err < 0) {
        return PK_E_CONFIG;
    }
    if (listed < 0 && listed != PK_E_NOT_FOUND) {
        pk_diag_set1(diag, c->patterns_dir, 1, 1, "cannot be listed: {}", pk_str_of(pk_err_text(listed)));
        return PK_E_CONFIG;
    }
    for (uint32_t i = 0; i < c->inlets.count; i++) {
        const struct pk_inlet_row *row = &c->inlets.rows[i];
        if (!pk_patterns_own_knows(own, pk_str_of(row->patterns), &unknown)) {
            return refuse_word(a, row, path, unknown, diag);
        }
    }
    return PK_OK;
}

void pk_agent_patterns_take(struct pk_agent *a) {
    struct pk_agent_patterns *p = &a->patterns;
    p->index ^= 1u;
    pk_patterns_use(&p->use, &p->books[p->index]);
    for (uint32_t i = 0; i < a->config.inlets.count; i++) {
        pk_patterns_use_pick(&p->use, pk_str_of(a->config.inlets.rows[i].patterns), &p->picked[i]);
    }
}
