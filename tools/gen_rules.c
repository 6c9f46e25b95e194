/* Build tool: reads *.rules with the parser of the agent and writes them as a const table in C. A rule that
 * is wrong fails the build. gen_rules OUT.c FILE.rules... */
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
    fputs("static const char TEXT[] = {", out);
    for (uint32_t i = 0; i < b->text_bytes; i++) {
        fprintf(out, "%s%d,", i % 24u == 0 ? "\n    " : "", b->text[i]);
    }
    fputs("\n};\n\n", out);
}

static void put_ref(FILE *out, const char *name, struct pk_rule_ref ref) {
    if (ref.n > 0) {
        fprintf(out, "        .%s = {%uu, %uu, 0},\n", name, (unsigned)ref.at, (unsigned)ref.n);
    }
}

static void put_cond(FILE *out, const char *name, const struct pk_rule_cond *c) {
    fprintf(out, "        .%s = {%u, %u, %u, %u, %u, %u, 0, %uu, %uu, %a},\n", name, c->kind, c->cmp,
            c->term_first, c->term_count, c->count, c->promised_factor, (unsigned)c->within_ms,
            (unsigned)c->for_ms, c->value);
}

static void put_term(FILE *out, const struct pk_rule_term *t) {
    fprintf(out, "            {%u, %u, %s, %u, {%uu, %uu, 0}, {%uu, %uu, 0}, %a},\n", t->field, t->cmp,
            t->is_number ? "true" : "false", t->severity, (unsigned)t->name.at, (unsigned)t->name.n,
            (unsigned)t->text.at, (unsigned)t->text.n, t->number);
}

static void put_terms(FILE *out, const struct pk_rule *r) {
    const uint32_t count = (uint32_t)r->on_count + r->when.term_count + r->raise.term_count;
    if (count == 0) {
        return;
    }
    fputs("        .terms = {\n", out);
    for (uint32_t i = 0; i < count; i++) {
        put_term(out, &r->terms[i]);
    }
    fputs("        },\n", out);
}

static void put_numbers(FILE *out, const struct pk_rule *r) {
    fprintf(out, "        .group = %u, .severity = %u, .raised_severity = %u, .on_count = %u,\n", r->group,
            r->severity, r->raised_severity, r->on_count);
    fprintf(
        out,
        "        .consecutive = %u, .across = %u, .ring_class = %u, .is_enabled = %d, .is_dynamic = %d,\n",
        r->consecutive, r->across, r->ring_class, r->is_enabled, r->is_dynamic);
    fprintf(out, "        .raise = {%u, %u, %u, %u, %u, %u, %uu, %a},\n", r->raise.kind, r->raise.cmp,
            r->raise.term_first, r->raise.term_count, r->raise.percent, r->raise.min_count,
            (unsigned)r->raise.for_ms, r->raise.value);
    fprintf(out, "        .cooldown_ms = %uu, .repeat_ms = %uu, .stale_ms = %uu, .keys = %u,\n",
            (unsigned)r->cooldown_ms, (unsigned)r->repeat_ms, (unsigned)r->stale_ms, r->keys);
    fprintf(out, "        .is_auto = %d, .action_count = %u, .line = %uu, .hash = 0x%016llxu,\n", r->is_auto,
            r->action_count, (unsigned)r->line, (unsigned long long)r->hash);
}

static void put_rule(FILE *out, const struct book *b, const struct pk_rule *r) {
    const struct pk_str id = pk_rule_ref_str(b->text, r->id);
    fprintf(out, "    {\n        /* %.*s */\n", (int)id.n, id.p);
    put_cond(out, "when", &r->when);
    put_cond(out, "clear", &r->clear);
    put_numbers(out, r);
    put_ref(out, "id", r->id);
    put_ref(out, "about", r->about);
    put_ref(out, "title", r->title);
    put_ref(out, "type", r->type);
    put_ref(out, "text", r->text);
    put_ref(out, "group_field", r->group_field);
    put_ref(out, "tags", r->tags);
    put_ref(out, "metadata", r->metadata);
    put_ref(out, "aliases", r->aliases);
    for (uint32_t i = 0; i < r->action_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "actions[%u]", (unsigned)i);
        put_ref(out, name, r->actions[i]);
    }
    put_terms(out, r);
    fputs("    },\n", out);
}

static int write_book(const char *path, const struct book *b) {
    FILE *out = fopen(path, "wb");
    if (out == NULL) {
        return fail("cannot be written", path);
    }
    fputs("/* Made by tools/gen_rules.c from config/rules. */\n#include \"detect/pk_ruleset.h\"\n\n", out);
    put_text(out, b);
    fputs("static const struct pk_rule RULES[] = {\n", out);
    for (uint32_t i = 0; i < b->count; i++) {
        put_rule(out, b, &b->rules[i]);
    }
    fputs("};\n\n_Static_assert(sizeof RULES / sizeof RULES[0] <= PK_LIMIT_RULES, \"the board holds the "
          "shipped rules\");\n\n",
          out);
    fprintf(out, "const struct pk_rule_book PK_SHIPPED_RULES = {RULES, %uu, TEXT, %uu};\n",
            (unsigned)b->count, (unsigned)b->text_bytes);
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
