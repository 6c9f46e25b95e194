/* The grammar in config/rules/README.md is the one the parser has: it is read here, texts are made from it at
 * random, and the parser must take every one. */
#include <stdio.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_rng.h"
#include "detect/pk_rule_expr.h"
#include "detect/pk_rule_parse.h"
#include "support/pk_test.h"

enum { README_MAX = 65536, RULES_MAX = 80, STACK_MAX = 64, TEXT_MAX = 4096, TRIES = 4000 };

struct production {
    struct pk_str name, body;
};

static char readme[README_MAX];
static struct production productions[RULES_MAX];
static uint32_t production_count;
static struct pk_rng rng;
static enum pk_cond_kind
    in_when; /* QUANTILE, EXPIRES: an escalation may be about it, of which it alone is true */

static bool read_readme(void) {
    FILE *f = fopen(PK_SOURCE_DIR "/config/rules/README.md", "rb");
    if (f == NULL) {
        return false;
    }
    const size_t n = fread(readme, 1, sizeof readme - 1, f);
    fclose(f);
    readme[n] = '\0';
    char *p = strstr(readme, "```ebnf\n");
    char *end = p != NULL ? strstr(p + 8, "```") : NULL;
    if (end == NULL) {
        return false;
    }
    struct pk_str rest = pk_str_make(p + 8, (size_t)(end - (p + 8)));
    struct pk_str one;
    production_count = 0;
    while (pk_str_split(&rest, ';', &one) && production_count < RULES_MAX) {
        const char *equals = memchr(one.p, '=', one.n);
        if (equals == NULL) {
            continue;
        }
        productions[production_count].name = pk_str_trim(pk_str_make(one.p, (size_t)(equals - one.p)));
        productions[production_count].body =
            pk_str_trim(pk_str_make(equals + 1, (size_t)(one.p + one.n - equals - 1)));
        production_count++;
    }
    return production_count > 10;
}

/* Length of the item at the start of s: a bracketed group, a literal, a token or a word. */
static uint32_t item_length(struct pk_str s) {
    const char open = s.p[0];
    if (open == '"' || open == '?') {
        uint32_t i = 1;
        while (i < s.n && s.p[i] != open) {
            i++;
        }
        return i + 1u;
    }
    uint32_t depth = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '"') {
            i++;
            while (i < s.n && s.p[i] != '"') {
                i++;
            }
        }
        depth += c == '(' || c == '[' || c == '{' ? 1u : 0u;
        depth -= c == ')' || c == ']' || c == '}' ? 1u : 0u;
        const bool is_group = open == '(' || open == '[' || open == '{';
        if (is_group && depth == 0) {
            return i + 1u;
        }
        if (!is_group && (c == ',' || c == '|' || c == ' ' || c == '\n')) {
            return i;
        }
    }
    return s.n;
}

/* One of the alternatives of a body, chosen at random. */
static struct pk_str choose(struct pk_str body) {
    struct pk_str parts[16];
    uint32_t count = 0;
    uint32_t from = 0;
    uint32_t i = 0;
    while (i <= body.n) {
        if (i == body.n || body.p[i] == '|') {
            PK_ASSERT(count < 16);
            parts[count++] = pk_str_trim(pk_str_make(body.p + from, i - from));
            from = i + 1u;
            i++;
            continue;
        }
        i += strchr("\"?([{", body.p[i]) != NULL ? item_length(pk_str_make(body.p + i, body.n - i)) : 1u;
    }
    return parts[pk_rng_below(&rng, count)];
}

static const char *token_text(struct pk_str token) {
    static const char *const ROWS[][4] = {
        {"?severity?", "high", "warning", "P0"},
        {"?number?", "90", "-2.5", "1e3"},
        {"?name?", "$max_cpu", "$min_throughput", "$max_latency"},
        {"?share?", "90", "12.5", "150"},
        {"?data?", "data.code", "data.x_1", "data.a-b"},
        {"?glob?", "api*", "db?", "a.b"},
        {"?quoted?", "\"a b\"", "\"x\"", "\"=\""},
        {"?count?", "3", "1", "50"},
        {"?span?", "5m", "30s", "7d"},
        {"?sources?", "2", "9", "64"},
        {"?factor?", "1x", "3x", "10x"},
        {"?percent?", "0", "50", "99"},
        {"?low?", "low", "info", "low"},
        {"?medium?", "medium", "warning", "MEDIUM"},
        {"?high?", "high", "error", "HIGH"},
        {"?critical?", "critical", "P0", "critical"},
        {"?more?", "64", "60", "51"},
        {"?kinds?", "2", "9", "60"},
        {"?large?", "0", "63", "1000000000"},
        {"?some?", "1", "50", "99"},
        {"?days?", "30d", "3650d", "12h"},
        {"?sooner?", "7d", "1d", "12h"},
        {"?quantile?", "p50", "p95", "P99"},
        {"?threshold?", "1000", "0.5", "1e-3"},
        {"?times?", "3x", "0.25x", "1000x"},
        {"?score?", "0.5", "0.01", "0.99"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (pk_str_eq_c(token, ROWS[i][0])) {
            return ROWS[i][1 + pk_rng_below(&rng, 3)];
        }
    }
    return NULL;
}

static bool push(struct pk_str *stack, uint32_t *depth, struct pk_str s) {
    if (*depth >= STACK_MAX) {
        return false;
    }
    stack[(*depth)++] = s;
    return true;
}

static struct pk_str body_of(struct pk_str name) {
    for (uint32_t i = 0; i < production_count; i++) {
        if (pk_str_eq(productions[i].name, name)) {
            return productions[i].body;
        }
    }
    return pk_str_make(NULL, 0);
}

/* Writes one sentence of the production: sequences wait on a stack, their first item is worked on. */
static bool generate(const char *name, struct pk_buf *out) {
    struct pk_str stack[STACK_MAX];
    uint32_t depth = 0;
    (void)push(stack, &depth, choose(body_of(pk_str_of(name))));
    while (depth > 0) {
        struct pk_str seq = pk_str_trim(stack[--depth]);
        if (seq.n == 0) {
            continue;
        }
        if (seq.p[0] == ',') {
            seq = pk_str_trim(pk_str_make(seq.p + 1, seq.n - 1u));
        }
        const uint32_t n = item_length(seq);
        const struct pk_str item = pk_str_make(seq.p, n);
        const struct pk_str inside = n > 2 ? pk_str_make(item.p + 1, n - 2u) : item;
        bool is_fine = push(stack, &depth, pk_str_make(seq.p + n, seq.n - n));
        if (item.p[0] == '"') {
            pk_buf_put_str(out, inside);
            pk_buf_putc(out, ' ');
        } else if (item.p[0] == '?') {
            const char *text = token_text(item);
            is_fine = is_fine && text != NULL;
            pk_buf_puts(out, text != NULL ? text : "");
            pk_buf_putc(out, ' ');
        } else if (item.p[0] == '(') {
            is_fine = is_fine && push(stack, &depth, choose(inside));
        } else if (item.p[0] == '[' || item.p[0] == '{') {
            is_fine = is_fine && (pk_rng_below(&rng, 2) == 0 || push(stack, &depth, choose(inside)));
        } else {
            const struct pk_str body = body_of(item);
            is_fine = is_fine && body.n > 0 && push(stack, &depth, choose(body));
        }
        if (!is_fine) {
            return false;
        }
    }
    return !out->is_cut;
}

typedef int reader(struct pk_rule_cursor *c, struct pk_rule *r);

/* What only beside another `when` could be said. */
static bool is_of_another_when(const char *message) {
    return (in_when == PK_COND_QUANTILE && strstr(message, "this needs 'when = expires within'") != NULL) ||
           (in_when == PK_COND_EXPIRES && strstr(message, "a quantile here needs one in 'when'") != NULL);
}

static void try_all(const char *name, reader *read) {
    static char text[TEXT_MAX];
    for (uint32_t i = 0; i < TRIES; i++) {
        struct pk_rule r;
        struct pk_diag diag;
        struct pk_buf b;
        memset(&r, 0, sizeof r);
        memset(&diag, 0, sizeof diag);
        r.when.kind = (uint8_t)in_when;
        r.when.whole = in_when == PK_COND_EXPIRES ? UINT64_MAX : 0u;
        pk_buf_init(&b, text, sizeof text);
        if (!generate(name, &b)) {
            CHECK(false);
            return;
        }
        struct pk_rule_cursor c = {name, text, pk_str_of(text), 0, 1, 1, &diag, NULL};
        const int err = read(&c, &r);
        const bool is_never = strncmp(diag.message, "no event is both ", 17) == 0; /* no matter of grammar */
        if (err != PK_OK && !is_never && strcmp(diag.message, "a rule has at most 12 comparisons") != 0 &&
            !is_of_another_when(diag.message)) {
            printf("# %s = %s\n# %u: %s\n", name, text, (unsigned)diag.column, diag.message);
            CHECK(false);
            return;
        }
    }
    CHECK(true);
}

PK_TEST(grammar__what_the_readme_generates__is_taken) {
    pk_rng_seed(&rng, 1);
    REQUIRE(read_readme());
    try_all("on", pk_rule_read_on);
    try_all("when", pk_rule_read_when);
    in_when = PK_COND_QUANTILE;
    try_all("severity", pk_rule_read_severity);
    in_when = PK_COND_EXPIRES;
    try_all("severity", pk_rule_read_severity);
    in_when = PK_COND_NONE;
    try_all("clear", pk_rule_read_clear);
}

/* Lines of the block ```rules: each in a rule of its own, the rest of which fits it. */
PK_TEST(examples__of_the_readme__load) {
    static char rule[1024];
    REQUIRE(read_readme());
    char *p = strstr(readme, "```rules\n");
    REQUIRE(p != NULL);
    p += strlen("```rules\n");
    uint32_t count = 0;
    while (*p != '`' && *p != '\0') {
        char *end = strchr(p, '\n');
        REQUIRE(end != NULL);
        const struct pk_str line = pk_str_make(p, (size_t)(end - p));
        const bool is_when = pk_str_starts(line, "when");
        const bool is_severity = pk_str_starts(line, "severity");
        const char *when = strstr(p, "expires") != NULL && strstr(p, "expires") < end ? "expires within 30d"
                                                                                      : "rate > 500 per 1m";
        struct pk_buf b;
        pk_buf_init(&b, rule, sizeof rule);
        pk_buf_puts(&b, "[rule x]\non = any\ntype = custom\n");
        pk_buf_puts(&b, is_when ? "" : "when = ");
        pk_buf_puts(&b, is_when ? "" : when);
        pk_buf_puts(&b, is_severity ? "\n" : "\nseverity = low\n");
        pk_buf_put_str(&b, line);
        pk_buf_puts(&b, "\n");
        struct pk_rule_parser parser;
        struct pk_rule r;
        struct pk_diag diag;
        memset(&diag, 0, sizeof diag);
        pk_rule_parser_init(&parser, "README.md", rule, 0, (uint32_t)strlen(rule));
        const int err = pk_rule_parse_next(&parser, &r, &diag);
        if (err != PK_OK) {
            printf("# %s# line %u: %s\n", rule, (unsigned)diag.line, diag.message);
        }
        CHECK_EQ_INT(err, PK_OK);
        count++;
        p = end + 1;
    }
    CHECK(count >= 15);
}

PK_TEST_MAIN(grammar__what_the_readme_generates__is_taken, examples__of_the_readme__load)
