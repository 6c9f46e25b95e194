#include "detect/pk_rule_edit.h"

#include <stddef.h>

#include "base/pk_assert.h"
#include "base/pk_ini.h"
#include "base/pk_severity.h"

enum { SWAPS_MAX = 8, NUMBER_BYTES = 64 };

/* Where the numbers of a condition stand; empty when there is none. */
struct numbers {
    struct pk_str op, limit, span;
    uint32_t limit_count;
};

struct swap { /* these bytes of the text become those */
    struct pk_str old, new;
};

struct edit {
    const struct pk_rule_edit *want;
    struct pk_str text;
    struct pk_str when, clear, severity, interval, threshold, window; /* values of keys */
    struct swap swaps[SWAPS_MAX];
    uint32_t swap_count;
    char clear_text[NUMBER_BYTES];
    const char **why;
};

static bool is_operator(char c) {
    return c == '<' || c == '>' || c == '=' || c == '!';
}

static bool is_word(char c) {
    return !pk_is_space(c) && !is_operator(c) && c != '(' && c != ')' && c != ',' && c != '|' && c != '%' &&
           c != '"';
}

/* Next operator or word outside brackets and quotes; empty at the end. */
static struct pk_str next_token(struct pk_str s, uint32_t *at) {
    uint32_t depth = 0;
    bool is_quoted = false;
    while (*at < s.n) {
        const char c = s.p[*at];
        const uint32_t from = *at;
        *at += 1u;
        is_quoted = c == '"' ? !is_quoted : is_quoted;
        depth += !is_quoted && c == '(' ? 1u : 0u;
        depth -= !is_quoted && c == ')' && depth > 0 ? 1u : 0u;
        if (is_quoted || depth > 0 || (!is_operator(c) && !is_word(c))) {
            continue;
        }
        while (*at < s.n && is_operator(s.p[*at]) == is_operator(c) && is_word(s.p[*at]) == is_word(c)) {
            *at += 1u;
        }
        return pk_str_make(s.p + from, *at - from);
    }
    return pk_str_make(NULL, 0);
}

/* "90% of $max_cpu" is one limit. */
static struct pk_str whole_limit(struct pk_str s, struct pk_str first, uint32_t *at) {
    uint32_t ahead = *at;
    const struct pk_str of = next_token(s, &ahead);
    if (!pk_str_eq_nocase(of, "of")) {
        return first;
    }
    const struct pk_str name = next_token(s, &ahead);
    *at = ahead;
    return name.n > 0 ? pk_str_make(first.p, (size_t)(name.p + name.n - first.p)) : first;
}

static void find_numbers(struct pk_str s, struct numbers *out) {
    static const char *const SPANS[] = {"in", "within", "else", "for"}; /* the first of them that is there */
    uint32_t best = PK_COUNT_OF(SPANS), at = 0;
    struct pk_str token;
    *out = (struct numbers){.limit_count = 0};
    while ((token = next_token(s, &at)).n > 0) {
        if (is_operator(token.p[0])) {
            out->op = token;
            out->limit = whole_limit(s, next_token(s, &at), &at);
            out->limit_count++;
        }
        for (uint32_t i = 0; i < best; i++) {
            uint32_t ahead = at;
            if (pk_str_eq_nocase(token, SPANS[i])) {
                out->span = next_token(s, &ahead);
                best = i;
            }
        }
    }
}

static int fail(const struct edit *e, int err, const char *why) {
    *e->why = why;
    return err;
}

static void swap(struct edit *e, struct pk_str old, struct pk_str new) {
    uint32_t i = e->swap_count++;
    while (i > 0 && e->swaps[i - 1u].old.p > old.p) {
        e->swaps[i] = e->swaps[i - 1u];
        i--;
    }
    e->swaps[i] = (struct swap){old, new};
}

static int read_keys(struct edit *e) {
    static const struct {
        const char *key;
        uint16_t at;
    } KEYS[] = {{"when", offsetof(struct edit, when)},
                {"clear", offsetof(struct edit, clear)},
                {"severity", offsetof(struct edit, severity)},
                {"check_interval", offsetof(struct edit, interval)},
                {"check_interval_seconds", offsetof(struct edit, interval)},
                {"error_threshold", offsetof(struct edit, threshold)},
                {"confirmation_threshold", offsetof(struct edit, threshold)},
                {"threshold_value", offsetof(struct edit, threshold)},
                {"time_window_seconds", offsetof(struct edit, window)}};
    struct pk_ini_reader r;
    struct pk_ini_item item;
    pk_ini_init(&r, e->text.p, e->text.n);
    int err = pk_ini_next(&r, &item);
    while (err == PK_OK && item.kind != PK_INI_END) {
        for (size_t i = 0; item.kind == PK_INI_PAIR && i < PK_COUNT_OF(KEYS); i++) {
            if (pk_str_eq_c(item.key, KEYS[i].key)) {
                *(struct pk_str *)(void *)((char *)e + KEYS[i].at) = item.value;
            }
        }
        err = pk_ini_next(&r, &item);
    }
    return err;
}

static bool is_threshold(struct pk_str s) {
    double number = 0.0;
    return pk_parse_double(s, &number) == PK_OK ||
           (s.n > 1 && s.p[0] == '$' && pk_text_is_id(pk_str_make(s.p + 1, s.n - 1u), NULL, NUMBER_BYTES));
}

/* "88% of $max_cpu" beside "$max_cpu": the same share of the new threshold. */
static bool move_share(struct edit *e, const struct numbers *when, struct pk_str limit) {
    static const char OF[] = "% of ";
    double share = 0.0, is = 0.0;
    struct pk_buf b;
    uint32_t n = 0;
    while (n < limit.n && limit.p[n] != '%') {
        n++;
    }
    if (when->limit.p[0] != '$' || limit.n < n + sizeof OF ||
        !pk_str_starts(pk_str_make(limit.p + n, limit.n - n), OF) ||
        !pk_str_eq(pk_str_make(limit.p + n + sizeof OF - 1, limit.n - n - (uint32_t)sizeof OF + 1u),
                   when->limit) ||
        pk_parse_double(pk_str_make(limit.p, n), &share) != PK_OK) {
        return false;
    }
    pk_buf_init(&b, e->clear_text, sizeof e->clear_text);
    if (pk_parse_double(e->want->threshold, &is) == PK_OK) {
        pk_buf_put_double(&b, is * share / 100.0);
    } else {
        pk_buf_put(&b, limit.p, n);
        pk_buf_puts(&b, OF);
        pk_buf_put_str(&b, e->want->threshold);
    }
    swap(e, limit, pk_buf_str(&b));
    return true;
}

/* A rule must not clear while its condition holds: the distance between both stays. */
static void move_clear(struct edit *e, const struct numbers *when, bool is_count) {
    struct numbers clear;
    double was = 0.0, is = 0.0, back = 0.0;
    find_numbers(e->clear, &clear);
    if (clear.limit_count == 1 && move_share(e, when, clear.limit)) {
        return;
    }
    if (clear.limit_count != 1 || pk_parse_double(clear.limit, &back) != PK_OK ||
        pk_parse_double(e->want->threshold, &is) != PK_OK) {
        return;
    }
    struct pk_buf b;
    pk_buf_init(&b, e->clear_text, sizeof e->clear_text);
    if (is_count) {
        if (back > is) {
            swap(e, clear.limit, e->want->threshold);
        }
        return;
    }
    const bool is_upward = when->op.p[0] == '>';
    if (pk_parse_double(when->limit, &was) == PK_OK && (is_upward ? back >= is : back <= is)) {
        pk_buf_put_double(&b, back + (is - was));
        swap(e, clear.limit, pk_buf_str(&b));
    }
}

static int set_threshold(struct edit *e) {
    struct numbers when;
    if (e->want->threshold.n == 0) {
        return PK_OK;
    }
    if (!is_threshold(e->want->threshold)) {
        return fail(e, PK_E_BAD_FIELD, "threshold is a number or the name of one, $NAME");
    }
    if (e->threshold.n > 0) {
        swap(e, e->threshold, e->want->threshold);
    }
    if (e->when.n == 0) {
        return PK_OK; /* in the words of another tool; what is missing is added */
    }
    find_numbers(e->when, &when);
    if (when.limit_count != 1 || when.limit.n == 0) {
        return fail(e, PK_E_CONFLICT, "its condition has no single threshold; send the whole rule");
    }
    swap(e, when.limit, e->want->threshold);
    move_clear(e, &when, pk_str_starts(e->when, "count"));
    return PK_OK;
}

static int set_window(struct edit *e) {
    struct numbers when, clear;
    uint64_t ms = 0, clear_ms = 0;
    const struct pk_str window = e->want->time_window;
    if (window.n == 0) {
        return PK_OK;
    }
    if (pk_parse_duration_ms(window, &ms) != PK_OK || ms == 0) {
        return fail(e, PK_E_BAD_FIELD, "time_window is a time such as 300, 30s or 5m");
    }
    if (e->window.n > 0) {
        swap(e, e->window, window);
    }
    if (e->when.n == 0) {
        return PK_OK;
    }
    find_numbers(e->when, &when);
    if (when.span.n == 0) {
        return fail(e, PK_E_CONFLICT, "its condition has no time window; send the whole rule");
    }
    swap(e, when.span, window);
    find_numbers(e->clear, &clear);
    if (pk_str_starts(e->clear, "count") && pk_parse_duration_ms(clear.span, &clear_ms) == PK_OK &&
        clear_ms < ms) {
        swap(e, clear.span, window);
    }
    return PK_OK;
}

/* The first comma outside brackets and quotes, or the end. */
static uint32_t step_end(struct pk_str s) {
    uint32_t depth = 0, at = 0;
    bool is_quoted = false;
    while (at < s.n && (is_quoted || depth > 0 || s.p[at] != ',')) {
        is_quoted = s.p[at] == '"' ? !is_quoted : is_quoted;
        depth += !is_quoted && s.p[at] == '(' ? 1u : 0u;
        depth -= !is_quoted && s.p[at] == ')' && depth > 0 ? 1u : 0u;
        at++;
    }
    return at;
}

/* Of "-> high if A, critical if B" what still raises the severity: the steps rise, so it is an end of it. The
 * parser would refuse the others. */
static struct pk_str steps_above(struct pk_str steps, enum pk_severity severity) {
    struct pk_str rest = steps;
    if (!pk_str_starts(rest, "->")) {
        return pk_str_make(NULL, 0);
    }
    rest = pk_str_make(rest.p + 2, rest.n - 2u);
    while (rest.n > 0) {
        enum pk_severity raised = PK_SEV_INFO;
        uint32_t at = 0;
        rest = pk_str_trim(rest);
        if (pk_severity_parse(next_token(rest, &at), &raised) == PK_OK && raised > severity) {
            return rest;
        }
        const uint32_t end = step_end(rest);
        rest = end < rest.n ? pk_str_make(rest.p + end + 1u, rest.n - end - 1u) : pk_str_make(NULL, 0);
    }
    return rest;
}

static int set_severity(struct edit *e) {
    enum pk_severity severity = PK_SEV_INFO;
    if (e->want->severity.n == 0) {
        return PK_OK;
    }
    if (pk_severity_parse(e->want->severity, &severity) != PK_OK) {
        return fail(e, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    if (e->severity.n == 0) {
        return fail(e, PK_E_CONFLICT, "the rule has no severity");
    }
    uint32_t n = 0;
    while (n < e->severity.n && is_word(e->severity.p[n]) && e->severity.p[n] != '-') {
        n++;
    }
    const struct pk_str steps = pk_str_trim(pk_str_make(e->severity.p + n, e->severity.n - n));
    const struct pk_str kept = steps_above(steps, severity);
    if (kept.n == 0) {
        swap(e, e->severity, e->want->severity);
        return PK_OK;
    }
    swap(e, pk_str_make(e->severity.p, n), e->want->severity);
    if (kept.p > steps.p + 2) { /* behind the arrow */
        swap(e, pk_str_make(steps.p + 2, (size_t)(kept.p - steps.p - 2)), pk_str_of(" "));
    }
    return PK_OK;
}

static int set_interval(struct edit *e) {
    uint64_t ms = 0;
    if (e->want->check_interval.n == 0) {
        return PK_OK;
    }
    if (pk_parse_duration_ms(e->want->check_interval, &ms) != PK_OK || ms == 0) {
        return fail(e, PK_E_BAD_FIELD, "check_interval is a time such as 30, 30s or 5m");
    }
    if (e->interval.n > 0) {
        swap(e, e->interval, e->want->check_interval);
    }
    return PK_OK;
}

static void add(struct pk_buf *out, bool is_wanted, const char *key, struct pk_str value) {
    if (is_wanted && value.n > 0) {
        pk_buf_puts(out, key);
        pk_buf_put_str(out, value);
    }
}

static void write(const struct edit *e, struct pk_buf *out) {
    const char *at = e->text.p;
    for (uint32_t i = 0; i < e->swap_count; i++) {
        pk_buf_put(out, at, (size_t)(e->swaps[i].old.p - at));
        pk_buf_put_str(out, e->swaps[i].new);
        at = e->swaps[i].old.p + e->swaps[i].old.n;
    }
    pk_buf_put(out, at, (size_t)(e->text.p + e->text.n - at));
    add(out, e->when.n == 0 && e->threshold.n == 0, "\nerror_threshold = ", e->want->threshold);
    add(out, e->when.n == 0 && e->window.n == 0, "\ntime_window_seconds = ", e->want->time_window);
    add(out, e->interval.n == 0, "\ncheck_interval = ", e->want->check_interval);
    pk_buf_putc(out, '\n');
}

int pk_rule_edit(struct pk_str text, const struct pk_rule_edit *edit, struct pk_buf *out,
                 const char **out_why) {
    struct edit e = {.want = edit, .text = text, .why = out_why};
    *out_why = "";
    int err = read_keys(&e);
    err = err != PK_OK ? fail(&e, err, "the text of the rule cannot be read") : set_threshold(&e);
    err = err != PK_OK ? err : set_window(&e);
    err = err != PK_OK ? err : set_severity(&e);
    err = err != PK_OK ? err : set_interval(&e);
    if (err != PK_OK) {
        return err;
    }
    write(&e, out);
    return out->is_cut ? fail(&e, PK_E_TOO_BIG, "the rule is too long to be changed this way") : PK_OK;
}
