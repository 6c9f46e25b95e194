/* Build tool: reads *.patterns with the parser of the run time and writes rows and search tables as constants
 * in C. A pattern that is wrong fails the build. gen_patterns OUT.c FILE.patterns... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_pattern_parse.h"
#include "event/pk_patterns.h"

enum { TEXT_BYTES_MAX = 65536, FILE_BYTES_MAX = 1 << 20 };

_Noreturn void pk_panic(const char *file, int line) {
    fprintf(stderr, "%s:%d: assertion failed\n", file, line);
    abort();
}

struct work {
    struct pk_pattern_book book;
    struct pk_pattern patterns[PK_PATTERNS_MAX];
    struct pk_pattern_row rows[PK_PATTERNS_ROWS_MAX];
    char text[TEXT_BYTES_MAX];
    char file[FILE_BYTES_MAX];
    struct pk_patterns_build build;
};

static int fail(const char *what, const char *name) {
    fprintf(stderr, "gen_patterns: %s: %s\n", name, what);
    return 1;
}

static int read_file(struct work *w, const char *path) {
    struct pk_diag diag;
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return fail("cannot be opened", path);
    }
    const size_t n = fread(w->file, 1, sizeof w->file, f);
    const int is_cut = !feof(f);
    fclose(f);
    if (is_cut) {
        return fail("the file is too large", path);
    }
    if (pk_pattern_parse(&w->book, path, pk_str_make(w->file, n), &diag) != PK_OK) {
        fprintf(stderr, "%s:%u:%u: %s\n", path, (unsigned)diag.line, (unsigned)diag.column, diag.message);
        return 1;
    }
    return 0;
}

static void put_bytes(FILE *out, const char *name, const char *type, const char *p, uint32_t n) {
    fprintf(out, "static const %s %s[] = {", type, name);
    for (uint32_t i = 0; i < n; i++) {
        fprintf(out, "%s%d,", i % 24u == 0 ? "\n    " : "", type[0] == 'c' ? p[i] : (uint8_t)p[i]);
    }
    fputs("\n};\n\n", out);
}

static void put_ref(FILE *out, struct pk_pattern_ref r) {
    fprintf(out, "{%u, %u}, ", (unsigned)r.at, (unsigned)r.n);
}

static void put_rows(FILE *out, const struct work *w) {
    fputs("static const struct pk_pattern PATTERNS[] = {\n", out);
    for (uint32_t i = 0; i < w->book.pattern_count; i++) {
        const struct pk_pattern *p = &w->patterns[i];
        fputs("    {", out);
        put_ref(out, p->id);
        put_ref(out, p->event);
        put_ref(out, p->source);
        put_ref(out, p->programs);
        put_ref(out, p->family);
        put_ref(out, p->value);
        fprintf(out, "%d, %u, %u, %u, %u, %s, 0},\n", p->value_whole, (unsigned)p->once,
                (unsigned)p->once_member, (unsigned)p->formats, (unsigned)p->severity,
                p->has_value ? "true" : "false");
    }
    fputs("};\n\nstatic const struct pk_pattern_row ROWS[] = {\n", out);
    for (uint32_t i = 0; i < w->book.row_count; i++) {
        const struct pk_pattern_row *r = &w->rows[i];
        fputs("    {", out);
        put_ref(out, r->match);
        fprintf(out, "%u, %u, %u, %s},\n", (unsigned)r->pattern, (unsigned)r->anchor_at,
                (unsigned)r->anchor_bytes, r->is_at_start ? "true" : "false");
    }
    fputs("};\n\n", out);
}

static void put_numbers(FILE *out, const char *name, const uint16_t *numbers, uint32_t count) {
    fprintf(out, "static const uint16_t %s[] = {", name);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "%s%u,", i % 16u == 0 ? "\n    " : "", (unsigned)numbers[i]);
    }
    fputs("\n};\n\n", out);
}

static void put_tables(FILE *out, const struct work *w, const struct pk_patterns *p) {
    put_numbers(out, "HEADS", p->heads, 1u << p->head_bits);
    put_numbers(out, "NEXT", p->next, p->row_count);
    put_bytes(out, "MARKS", "uint8_t", (const char *)w->build.marks, PK_PATTERNS_MARKS);
}

static int write_patterns(const char *path, struct work *w) {
    struct pk_patterns p;
    if (pk_patterns_build(&w->build, &w->book, &p) != PK_OK) {
        return fail("too many patterns", path);
    }
    FILE *out = fopen(path, "wb");
    if (out == NULL) {
        return fail("cannot be written", path);
    }
    fputs("/* Made by tools/gen_patterns.c from config/patterns. */\n#include \"event/pk_patterns.h\"\n\n",
          out);
    put_bytes(out, "TEXT", "char", w->text, w->book.text_bytes);
    put_rows(out, w);
    put_tables(out, w, &p);
    fprintf(
        out,
        "const struct pk_patterns PK_SHIPPED_PATTERNS = {.patterns = PATTERNS, .rows = ROWS, .text = TEXT, "
        ".marks = MARKS, .heads = HEADS, .next = NEXT, .pattern_count = %uu, "
        ".row_count = %uu, .head_bits = %uu, .window_bytes = %uu};\n",
        (unsigned)p.pattern_count, (unsigned)p.row_count, (unsigned)p.head_bits, (unsigned)p.window_bytes);
    const int is_bad = ferror(out);
    return fclose(out) != 0 || is_bad ? fail("cannot be written", path) : 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: gen_patterns OUT.c FILE.patterns...\n", stderr);
        return 2;
    }
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return fail("no memory", argv[0]);
    }
    w->book = (struct pk_pattern_book){.patterns = w->patterns,
                                       .rows = w->rows,
                                       .text = w->text,
                                       .pattern_cap = PK_PATTERNS_MAX,
                                       .row_cap = PK_PATTERNS_ROWS_MAX,
                                       .text_cap = TEXT_BYTES_MAX};
    int failed = 0;
    for (int i = 2; i < argc && failed == 0; i++) {
        failed = read_file(w, argv[i]);
    }
    if (failed == 0 && w->book.row_count == 0) {
        failed = fail("no pattern", argv[2]);
    }
    failed = failed != 0 ? failed : write_patterns(argv[1], w);
    free(w);
    return failed;
}
