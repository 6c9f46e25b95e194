/* `test-pattern`: what patterns make of a line or a log, before they are put into use. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_time.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_recorded.h"
#include "event/pk_logevent.h"

enum { ROWS_MAX = 2 * PK_PATTERNS_MAX, RESULT_BYTES = 4 << 20, ROW_JSON_BYTES = 6144 };

struct row {
    uint64_t line_count, event_count;
    struct pk_event_in first;
};
struct test_pattern {
    struct pk_ctl *c;
    struct pk_ctl_patterns patterns;
    struct row *rows; /* the operator's, then the shipped ones */
    struct pk_log_reader reader;
    struct pk_logline line;
    struct pk_logevent_once once;
    struct pk_event_in event;
    uint64_t line_count, known_count, error_count;
    char result[RESULT_BYTES];
};

static struct row *row_of(struct test_pattern *t, const struct pk_logevent_pattern *pattern) {
    const uint32_t index = pattern->table->rows[pattern->row].pattern;
    return &t->rows[pattern->table == &PK_SHIPPED_PATTERNS ? PK_PATTERNS_MAX + index : index];
}

static void take_line(struct test_pattern *t, struct pk_str text) {
    struct pk_logevent_pattern pattern;
    pk_logline_parse(&t->reader, text, &t->line);
    t->line_count++;
    const int err = pk_logevent_make(&t->patterns.tables, &t->line, &t->once, &t->event, &pattern);
    if (pattern.table == NULL) {
        t->error_count += err == PK_OK ? 1u : 0u;
        return;
    }
    struct row *row = row_of(t, &pattern);
    t->known_count++;
    row->line_count++;
    if (err == PK_OK && row->event_count++ == 0) {
        row->first = t->event;
    }
}

/* A row that finds no room is left out: only the first event of very many patterns is that long. */
static void put_row(struct test_pattern *t, struct pk_json_writer *w, const struct pk_patterns *p,
                    uint32_t index) {
    const bool is_own = p != &PK_SHIPPED_PATTERNS;
    const struct row *row = &t->rows[is_own ? index : PK_PATTERNS_MAX + index];
    if (!is_own && row->line_count == 0) {
        return;
    }
    pk_jw_object(w, NULL);
    pk_jw_str(w, "pattern", pk_pattern_ref_str(p->text, p->patterns[index].id));
    pk_jw_str(w, "file", pk_pattern_ref_str(p->text, p->patterns[index].family));
    pk_jw_bool(w, "shipped", !is_own);
    pk_jw_u64(w, "lines", row->line_count);
    pk_jw_u64(w, "events", row->event_count);
    if (row->event_count > 0) {
        pk_ctl_recorded_event(w, "first", &row->first);
    }
    pk_jw_object_end(w);
}

static void put_rows(struct test_pattern *t, struct pk_json_writer *w, const struct pk_buf *b,
                     const struct pk_patterns *p) {
    for (uint32_t i = 0; i < p->pattern_count; i++) {
        if (b->cap_bytes - b->n > ROW_JSON_BYTES) {
            put_row(t, w, p, i);
        }
    }
}

static void show(struct test_pattern *t) {
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, t->result, sizeof t->result);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "patterns_read", t->patterns.own.pattern_count);
    pk_jw_u64(&w, "texts_read", t->patterns.own.row_count);
    pk_jw_u64(&w, "lines", t->line_count);
    pk_jw_u64(&w, "known", t->known_count);
    pk_jw_u64(&w, "log_errors", t->error_count);
    pk_jw_array(&w, "patterns");
    put_rows(t, &w, &b, &t->patterns.use.own);
    put_rows(t, &w, &b, &PK_SHIPPED_PATTERNS);
    pk_jw_array_end(&w);
    pk_jw_object_end(&w);
    pk_ctl_show(t->c, t->c->command->view, pk_buf_str(&b));
}

static int take_log(struct test_pattern *t, const char *path) {
    struct pk_ctl_input in;
    struct pk_str text;
    unsigned rest = 0;
    const int exit_code = pk_ctl_recorded_open(t->c, path, &in);
    if (exit_code != 0) {
        return exit_code;
    }
    struct pk_ctl_input_lines lines = {.in = &in};
    pk_time_to_civil(in.changed_ms, &t->reader.year, &rest, &rest, &rest, &rest, &rest);
    while (pk_ctl_input_next(&lines, &text)) {
        take_line(t, text);
    }
    pk_ctl_input_close(&in);
    return 0;
}

static int run(struct test_pattern *t) {
    const char *line = pk_ctl_args_text(&t->c->args, "line"), *log = pk_ctl_args_text(&t->c->args, "file");
    int exit_code = pk_ctl_recorded_patterns(t->c, &t->patterns);
    if (exit_code == 0 && line == NULL && log == NULL && t->patterns.own.pattern_count == 0) {
        exit_code = pk_ctl_fail(t->c, PK_E_USAGE, "nothing to test: a log, --line TEXT or --patterns FILE",
                                pk_str_make(NULL, 0));
    }
    if (exit_code == 0 && line != NULL) {
        take_line(t, pk_str_of(line));
    }
    if (exit_code == 0 && log != NULL) {
        exit_code = take_log(t, log);
    }
    if (exit_code == 0) {
        show(t);
    }
    return exit_code;
}

int pk_ctl_do_test_pattern(struct pk_ctl *c) {
    struct test_pattern *t = calloc(1, sizeof *t);
    struct row *rows = calloc(ROWS_MAX, sizeof *rows);
    int exit_code = 0;
    if (t == NULL || rows == NULL) {
        exit_code = pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    } else {
        t->c = c;
        t->rows = rows;
        exit_code = run(t);
    }
    free(rows);
    free(t);
    return exit_code;
}
