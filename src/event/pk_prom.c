#include "event/pk_prom.h"

#include <string.h>

#include "base/pk_assert.h"

static bool is_name_byte(char c, bool is_first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!is_first && c >= '0' && c <= '9');
}

static void skip_blanks(struct pk_str *s) {
    while (s->n > 0 && pk_is_blank(s->p[0])) {
        s->p++;
        s->n--;
    }
}

static struct pk_str take(struct pk_str *s, uint32_t n) {
    const struct pk_str piece = pk_str_make(s->p, n);
    s->p += n;
    s->n -= n;
    return piece;
}

static bool take_byte(struct pk_str *s, char c) {
    skip_blanks(s);
    if (s->n == 0 || s->p[0] != c) {
        return false;
    }
    (void)take(s, 1);
    return true;
}

static struct pk_str take_name(struct pk_str *s) {
    uint32_t n = 0;
    skip_blanks(s);
    while (n < s->n && is_name_byte(s->p[n], n == 0)) {
        n++;
    }
    return take(s, n);
}

/* "…" with \\ \" \n inside; what is between the quotes, as written. */
static bool take_quoted(struct pk_str *s, struct pk_str *out) {
    if (!take_byte(s, '"')) {
        return false;
    }
    uint32_t n = 0;
    while (n < s->n && s->p[n] != '"') {
        n += s->p[n] == '\\' ? 2u : 1u;
    }
    if (n >= s->n) {
        return false;
    }
    *out = take(s, n);
    (void)take(s, 1);
    return true;
}

/* One label="value" and the comma after it. 1, 0 at the closing brace, PK_E_BAD_MSG. */
static int take_label(struct pk_str *s, struct pk_str *out_name, struct pk_str *out_value) {
    if (take_byte(s, '}')) {
        return 0;
    }
    *out_name = take_name(s);
    if (out_name->n == 0 || !take_byte(s, '=') || !take_quoted(s, out_value)) {
        return PK_E_BAD_MSG;
    }
    skip_blanks(s);
    return take_byte(s, ',') || (s->n > 0 && s->p[0] == '}') ? 1 : PK_E_BAD_MSG;
}

int pk_prom_selector_parse(struct pk_str text, struct pk_prom_selector *out) {
    struct pk_str rest = pk_str_trim(text);
    *out = (struct pk_prom_selector){.name = take_name(&rest)};
    if (out->name.n == 0) {
        return PK_E_BAD_FIELD;
    }
    if (rest.n == 0) {
        return PK_OK;
    }
    if (!take_byte(&rest, '{')) {
        return PK_E_BAD_FIELD;
    }
    for (;;) {
        struct pk_str name, value;
        const int taken = take_label(&rest, &name, &value);
        if (taken == 0) {
            return rest.n == 0 ? PK_OK : PK_E_BAD_FIELD;
        }
        if (taken < 0 || out->label_count == PK_PROM_LABELS) {
            return PK_E_BAD_FIELD;
        }
        out->labels[out->label_count].name = name;
        out->labels[out->label_count].value = value;
        out->label_count++;
    }
}

void pk_prom_init(struct pk_prom *p, const struct pk_prom_selector *selectors, uint32_t count) {
    PK_ASSERT(count <= PK_PROM_SERIES);
    memset(p, 0, sizeof *p);
    p->selectors = selectors;
    p->selector_count = count;
}

/* A bit for each selector label that the series has. Both sides are compared as written: exporters and
 * operators escape alike. */
static uint32_t label_bits(const struct pk_prom_selector *s, struct pk_str name, struct pk_str value) {
    uint32_t bits = 0;
    for (uint32_t i = 0; i < s->label_count; i++) {
        if (pk_str_eq(s->labels[i].name, name) && pk_str_eq(s->labels[i].value, value)) {
            bits |= 1u << i;
        }
    }
    return bits;
}

/* PK_OK: a number. PK_E_UNSUPPORTED: NaN or an infinity. PK_E_BAD_MSG. */
static int parse_value(struct pk_str *rest, double *out) {
    uint32_t n = 0;
    skip_blanks(rest);
    while (n < rest->n && !pk_is_blank(rest->p[n])) {
        n++;
    }
    struct pk_str word = take(rest, n);
    if (pk_str_eq_nocase(word, "nan") || pk_str_eq_nocase(word, "+inf") || pk_str_eq_nocase(word, "-inf") ||
        pk_str_eq_nocase(word, "inf")) {
        return PK_E_UNSUPPORTED;
    }
    if (word.n > 1 && word.p[0] == '+') {
        (void)take(&word, 1);
    }
    return pk_parse_double(word, out) == PK_OK ? PK_OK : PK_E_BAD_MSG;
}

/* What may follow the value: a time, and in OpenMetrics an exemplar. */
static bool is_tail(struct pk_str rest) {
    double time = 0;
    skip_blanks(&rest);
    if (rest.n == 0 || rest.p[0] == '#') {
        return true;
    }
    if (parse_value(&rest, &time) != PK_OK) {
        return false;
    }
    skip_blanks(&rest);
    return rest.n == 0 || rest.p[0] == '#';
}

static void keep(struct pk_prom *p, uint32_t i, int err, double value) {
    if (p->found[i] != PK_PROM_MISSING) {
        p->found[i] = PK_PROM_SEVERAL;
        return;
    }
    p->found[i] = err == PK_OK ? PK_PROM_FOUND : PK_PROM_NO_NUMBER;
    p->value[i] = err == PK_OK ? value : 0.0;
}

static int read_sample(struct pk_prom *p, struct pk_str line) {
    uint32_t bits[PK_PROM_SERIES] = {0};
    const struct pk_str name = take_name(&line);
    if (name.n == 0) {
        return PK_E_BAD_MSG;
    }
    int taken = take_byte(&line, '{') ? 1 : 0;
    while (taken > 0) {
        struct pk_str label, value;
        taken = take_label(&line, &label, &value);
        for (uint32_t i = 0; taken > 0 && i < p->selector_count; i++) {
            bits[i] |= label_bits(&p->selectors[i], label, value);
        }
    }
    double value = 0;
    const int err = taken < 0 ? taken : parse_value(&line, &value);
    if (err == PK_E_BAD_MSG || !is_tail(line)) {
        return PK_E_BAD_MSG;
    }
    for (uint32_t i = 0; i < p->selector_count; i++) {
        const struct pk_prom_selector *s = &p->selectors[i];
        if (pk_str_eq(s->name, name) && bits[i] == (1u << s->label_count) - 1u) {
            keep(p, i, err, value);
        }
    }
    return PK_OK;
}

static void end_line(struct pk_prom *p) {
    struct pk_str line = pk_str_trim(pk_str_make(p->line, p->line_bytes));
    const bool is_too_long = p->is_too_long;
    p->line_bytes = 0;
    p->is_too_long = false;
    if (line.n == 0 || line.p[0] == '#') {
        return;
    }
    if (is_too_long || read_sample(p, line) != PK_OK) {
        p->bad_count++;
    } else {
        p->line_count++;
    }
}

void pk_prom_feed(struct pk_prom *p, struct pk_str bytes) {
    while (bytes.n > 0) {
        const char *end = memchr(bytes.p, '\n', bytes.n);
        const uint32_t n = end == NULL ? bytes.n : (uint32_t)(end - bytes.p);
        const uint32_t room = PK_PROM_LINE_BYTES - p->line_bytes;
        const uint32_t kept = n < room ? n : room;
        memcpy(p->line + p->line_bytes, bytes.p, kept);
        p->line_bytes += kept;
        p->is_too_long = p->is_too_long || kept < n;
        (void)take(&bytes, n);
        if (end != NULL) {
            (void)take(&bytes, 1);
            end_line(p);
        }
    }
}

int pk_prom_end(struct pk_prom *p) {
    end_line(p);
    return p->line_count == 0 && p->bad_count > 0 ? PK_E_BAD_MSG : PK_OK;
}
