/* Build tool: reads *.rules with the parser of the agent and writes their text as a constant in C. A rule
 * that is wrong fails the build. gen_rules OUT.c FILE.rules... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_rule_parse.h"

enum { TEXT_BYTES_MAX = 1 << 20, RULES_MAX = 1024 };

_Noreturn void pk_panic(const char *file, int line) {
    fprintf(stderr, "%s:%d: assertion failed\n", file, line);
    abort();
}

struct book {
    char text[TEXT_BYTES_MAX];
    uint32_t text_bytes;
    struct pk_rule rules[RULES_MAX];
    uint32_t count;
};

static int fail(const char *what, const char *name) {
    fprintf(stderr, "gen_rules: %s: %s\n", name, what);
    return 1;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int parse(struct book *b, const char *path, uint32_t base, uint32_t n) {
    struct pk_rule_parser parser;
    struct pk_diag diag;
    pk_rule_parser_init(&parser, base_name(path), b->text, base, n);
    for (;;) {
        if (b->count >= RULES_MAX) {
            return fail("too many rules", path);
        }
        const int err = pk_rule_parse_next(&parser, &b->rules[b->count], &diag);
        if (err == PK_E_NOT_FOUND) {
            return 0;
        }
        if (err != PK_OK) {
            fprintf(stderr, "%s:%u:%u: %s\n", path, (unsigned)diag.line, (unsigned)diag.column, diag.message);
            return 1;
        }
        const struct pk_str id = pk_rule_ref_str(b->text, b->rules[b->count].id);
        for (uint32_t i = 0; i < b->count; i++) {
            if (pk_str_eq(pk_rule_ref_str(b->text, b->rules[i].id), id)) {
                fprintf(stderr, "%s:%u:1: rule '%.*s' is defined twice\n", path,
                        (unsigned)b->rules[b->count].line, (int)id.n, id.p);
                return 1;
            }
        }
        b->count++;
    }
}

/* Comments and alignment stay behind: the text is 8 KB of the program. */
static uint32_t tightened(char *text, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        const uint32_t next = end != NULL ? (uint32_t)(end - text) + 1u : n;
        if (text[at] == '#' || text[at] == '\n') {
            at = next;
        }
        for (; at < next; at++) {
            if (text[at] != ' ' || at + 1u >= n || text[at + 1u] != ' ') {
                text[kept++] = text[at];
            }
        }
    }
    return kept;
}

static int read_file(struct book *b, const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return fail("cannot be opened", path);
    }
    const uint32_t base = b->text_bytes;
    const size_t n = fread(b->text + base, 1, TEXT_BYTES_MAX - 1 - base, f);
    const int is_cut = !feof(f);
    fclose(f);
    if (is_cut) {
        return fail("the rule files together are too large", path);
    }
    b->text[base + n] = '\n';
    b->text_bytes = base + (uint32_t)n + 1u;
    return parse(b, path, base, (uint32_t)n);
}

/* By byte: a string of this length is beyond what a C compiler must accept. */
static void put_text(FILE *out, const struct book *b) {
    fputs("static const char RULES_TEXT[] = {", out);
    for (uint32_t i = 0; i < b->text_bytes; i++) {
        fprintf(out, "%s%d,", i % 24u == 0 ? "\n    " : "", b->text[i]);
    }
    fputs("\n};\n\n", out);
}

static int write_book(const char *path, struct book *b) {
    FILE *out = fopen(path, "wb");
    if (out == NULL) {
        return fail("cannot be written", path);
    }
    fputs("/* Made by tools/gen_rules.c from config/rules. */\n#include \"detect/pk_ruleset.h\"\n\n", out);
    b->text_bytes = tightened(b->text, b->text_bytes);
    put_text(out, b);
    fprintf(out, "_Static_assert(%uu <= PK_LIMIT_RULES, \"the board holds the shipped rules\");\n\n",
            (unsigned)b->count);
    fprintf(out, "const struct pk_rule_book PK_SHIPPED_RULES = {RULES_TEXT, %uu, %uu};\n",
            (unsigned)b->text_bytes, (unsigned)b->count);
    const int is_bad = ferror(out);
    return fclose(out) != 0 || is_bad ? fail("cannot be written", path) : 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: gen_rules OUT.c FILE.rules...\n", stderr);
        return 2;
    }
    struct book *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return fail("no memory", argv[0]);
    }
    int failed = 0;
    for (int i = 2; i < argc && failed == 0; i++) {
        failed = read_file(b, argv[i]);
    }
    if (failed == 0 && b->count == 0) {
        failed = fail("no rule", argv[2]);
    }
    failed = failed != 0 ? failed : write_book(argv[1], b);
    free(b);
    return failed;
}
