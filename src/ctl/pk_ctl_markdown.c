#include "ctl/pk_ctl_markdown.h"

#include <string.h>

/* What starts markup anywhere in a line; '|' ends a cell, '&' starts an entity, '$' a formula. */
static const char OBEYED[] = "\\`*|~&$";

static bool is_word(char c) {
    return pk_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A tag needs its name right behind the '<', a link its address right behind the ']'. What stands behind the
 * text is ours and begins neither. */
static bool opens_tag_or_link(struct pk_str s, uint32_t at) {
    const char next = at + 1 < s.n ? s.p[at + 1] : ' ';
    if (s.p[at] == '<') {
        return next != ' ' && next != '=';
    }
    return s.p[at] == ']' && (next == '(' || next == '[' || next == ':');
}

/* An underscore inside a word is a letter; elsewhere it emphasises. */
static bool emphasises(struct pk_str s, uint32_t at) {
    return s.p[at] == '_' && !(at > 0 && at + 1 < s.n && is_word(s.p[at - 1]) && is_word(s.p[at + 1]));
}

/* "- ", "> ", "# " and "1. " make lists, quotes and headings where a line begins with them. */
static bool opens_block(struct pk_str s, uint32_t at) {
    if (at == 0) {
        return memchr("-+=>#", s.p[0], 5) != NULL;
    }
    if ((s.p[at] != '.' && s.p[at] != ')') || (at + 1 < s.n && s.p[at + 1] != ' ')) {
        return false;
    }
    for (uint32_t i = 0; i < at; i++) {
        if (!pk_is_digit(s.p[i])) {
            return false;
        }
    }
    return true;
}

/* Bare addresses become links without any markup. */
static bool opens_link(struct pk_str s, uint32_t at) {
    const struct pk_str rest = pk_str_make(s.p + at, s.n - at);
    if (s.p[at] == ':') {
        return pk_str_starts(rest, "://");
    }
    return s.p[at] == '.' && at >= 3 && pk_str_eq_nocase(pk_str_make(s.p + at - 3, 3), "www");
}

void pk_ctl_md_text(struct pk_ctl_text *t, struct pk_str s) {
    struct pk_ctl_text safe = {0};
    pk_ctl_text_put_safe(&safe, s, false);
    const struct pk_str text = pk_str_trim(pk_ctl_text_str(&safe));
    for (uint32_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        /* A plain search: strchr would find the terminator too. */
        if (memchr(OBEYED, c, sizeof OBEYED - 1) != NULL || emphasises(text, i) || opens_block(text, i) ||
            opens_link(text, i) || opens_tag_or_link(text, i)) {
            pk_ctl_text_putc(t, '\\');
        }
        pk_ctl_text_putc(t, c);
    }
    t->is_cut = t->is_cut || safe.is_cut;
    pk_ctl_text_free(&safe);
}

void pk_ctl_md_code(struct pk_ctl_text *t, struct pk_str s) {
    struct pk_ctl_text safe = {0};
    pk_ctl_text_put_safe(&safe, s, false);
    const struct pk_str text = pk_str_trim(pk_ctl_text_str(&safe));
    if (text.n > 0) {
        pk_ctl_text_putc(t, '`');
        for (uint32_t i = 0; i < text.n; i++) {
            const char c = text.p[i];
            pk_ctl_text_putc(t, c == '`' ? '\'' : c == '|' ? '/' : c);
        }
        pk_ctl_text_putc(t, '`');
    }
    t->is_cut = t->is_cut || safe.is_cut;
    pk_ctl_text_free(&safe);
}

bool pk_ctl_md_is_given(struct pk_ctl_value v) {
    return v.kind != PK_JSON_END && v.kind != PK_JSON_NULL && !pk_str_eq_c(v.json, "\"\"") &&
           !pk_str_eq_c(v.json, "[]");
}

static void put_scalar(struct pk_ctl_text *t, struct pk_ctl_value v, bool is_code) {
    struct pk_ctl_text plain = {0};
    if (v.kind == PK_JSON_STRING) {
        pk_ctl_put_string(&plain, v);
    } else {
        pk_ctl_put_value(&plain, v, false);
    }
    if (is_code) {
        pk_ctl_md_code(t, pk_ctl_text_str(&plain));
    } else {
        pk_ctl_md_text(t, pk_ctl_text_str(&plain));
    }
    t->is_cut = t->is_cut || plain.is_cut;
    pk_ctl_text_free(&plain);
}

static void put_value(struct pk_ctl_text *t, struct pk_ctl_value v, bool is_code) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value item;
    const char *separator = "";
    if (v.kind != PK_JSON_ARRAY) {
        put_scalar(t, v, is_code);
        return;
    }
    pk_ctl_walk_init(&walk, v.json);
    while (pk_ctl_walk_next(&walk, &item)) {
        pk_ctl_text_puts(t, separator);
        put_scalar(t, item, is_code);
        separator = ", ";
    }
}

void pk_ctl_md_value(struct pk_ctl_text *t, struct pk_ctl_value v) {
    put_value(t, v, false);
}

void pk_ctl_md_value_code(struct pk_ctl_text *t, struct pk_ctl_value v) {
    put_value(t, v, true);
}

static void put_mark(struct pk_ctl_text *t, const char *before, const char *what) {
    pk_ctl_text_puts(t, "_(");
    pk_ctl_text_puts(t, before);
    pk_ctl_text_puts(t, what[0] != '\0' ? ": " : "");
    pk_ctl_text_puts(t, what);
    pk_ctl_text_puts(t, ")_");
}

void pk_ctl_md_blank(struct pk_ctl_text *t, const char *what) {
    put_mark(t, "to be filled in", what);
}

void pk_ctl_md_unknown(struct pk_ctl_text *t, const char *why) {
    put_mark(t, "not known here", why);
}
