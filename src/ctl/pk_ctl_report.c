/* `incidents report`: JSON files for readers that do not speak to the agent (REQUIREMENTS S2-28). */
#include <string.h>

#include "base/pk_time.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_pages.h"
#include "ctl/pk_ctl_pm.h"

enum { PATH_BYTES = 1024, ID_BYTES = 80 };

static void put_member(struct pk_ctl_text *t, const char *name, struct pk_str json, const char *missing) {
    pk_ctl_text_puts(t, ",\"");
    pk_ctl_text_puts(t, name);
    pk_ctl_text_puts(t, "\":");
    if (json.n > 0) {
        pk_ctl_text_put_json(t, json);
    } else {
        pk_ctl_text_puts(t, missing);
    }
}

static void put_tally(struct pk_ctl_text *t, const char *name, const struct pk_ctl_tally *tally) {
    pk_ctl_text_puts(t, ",\"");
    pk_ctl_text_puts(t, name);
    pk_ctl_text_puts(t, "\":{");
    for (uint32_t i = 0; i < tally->count; i++) {
        pk_ctl_text_puts(t, i > 0 ? "," : "");
        pk_ctl_text_put_quoted(t, pk_str_of(tally->words[i]));
        pk_ctl_text_putc(t, ':');
        pk_ctl_text_put_u64(t, tally->counts[i]);
    }
    pk_ctl_text_putc(t, '}');
}

static void put_primary(struct pk_ctl_text *t, const char *name, const struct pk_ctl_tally *tally) {
    const struct pk_str word = pk_ctl_tally_first(tally);
    pk_ctl_text_puts(t, ",\"");
    pk_ctl_text_puts(t, name);
    pk_ctl_text_puts(t, "\":");
    if (word.n > 0) {
        pk_ctl_text_put_quoted(t, word);
    } else {
        pk_ctl_text_puts(t, "null");
    }
}

/* REQUIREMENTS S1-26. */
static void put_assessment(struct pk_ctl_text *t, const struct pk_ctl_case *k, int64_t now_ms) {
    struct pk_ctl_figures f;
    char at[PK_TIME_TEXT_BYTES];
    pk_ctl_figures_count(&f, k, now_ms);
    pk_time_format(now_ms, at);
    pk_ctl_text_puts(t, ",\"assessment\":{\"assessed_at\":\"");
    pk_ctl_text_puts(t, at);
    pk_ctl_text_puts(t, "\"");
    put_primary(t, "primary_error_type", &f.types);
    put_primary(t, "primary_source", &f.sources);
    put_tally(t, "error_distribution", &f.types);
    put_tally(t, "source_distribution", &f.sources);
    pk_ctl_text_puts(t, ",\"errors_in_memory\":");
    pk_ctl_text_put_u64(t, f.error_count);
    pk_ctl_text_puts(t, ",\"peak_errors_per_minute\":");
    pk_ctl_text_put_u64(t, f.peak_per_minute);
    pk_ctl_text_puts(t, ",\"formula\":\"most errors within any 60 s; an error is an event of severity medium "
                        "or above, or one the incident was opened for\"}");
}

static void put_report(struct pk_ctl_text *t, const struct pk_ctl_case *k, int64_t now_ms) {
    struct pk_ctl_text part = {0};
    char at[PK_TIME_TEXT_BYTES];
    pk_time_format(now_ms, at);
    pk_ctl_text_puts(t, "{\"v\":1,\"kind\":\"incident_report\",\"generated_at\":\"");
    pk_ctl_text_puts(t, at);
    pk_ctl_text_puts(t, "\",\"generator\":\"picketctl " PK_VERSION "\"");
    pk_ctl_put_detail(&part, pk_ctl_text_str(&k->incident), pk_ctl_text_str(&k->timeline),
                      k->is_timeline_cut);
    put_member(t, "incident", pk_ctl_text_str(&part), "null");
    put_assessment(t, k, now_ms);
    put_member(t, "rule", pk_ctl_text_str(&k->rule), "null");
    put_member(t, "agent", pk_ctl_text_str(&k->status), "null");
    put_member(t, "events", pk_ctl_text_str(&k->events), "[]");
    put_member(t, "measurements", pk_ctl_text_str(&k->gauges), "[]");
    put_member(t, "capsule", pk_ctl_text_str(&k->capsule), "[]");
    put_member(t, "related", pk_ctl_text_str(&k->others), "[]");
    part.n = 0;
    pk_ctl_pm_write(&part, k, PK_CTL_PM_SHORT, now_ms);
    pk_ctl_text_puts(t, ",\"postmortem\":");
    pk_ctl_text_put_quoted(t, pk_ctl_text_str(&part));
    pk_ctl_text_puts(t, "}\n");
    t->is_cut = t->is_cut || part.is_cut;
    pk_ctl_text_free(&part);
}

/* The id becomes a file name, so it must be one. */
static int path_of(struct pk_ctl *c, struct pk_str id, char out[PATH_BYTES]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PATH_BYTES);
    pk_buf_puts(&b, pk_ctl_args_text(&c->args, "out"));
    pk_buf_putc(&b, '/');
    pk_buf_put_str(&b, id);
    pk_buf_puts(&b, ".json");
    if (!pk_text_is_id(id, "", ID_BYTES)) {
        return pk_ctl_fail(c, PK_E_PROTOCOL, "'{}' is no incident id", id);
    }
    return b.is_cut ? pk_ctl_fail(c, PK_E_USAGE, "the path is too long", pk_str_make(NULL, 0)) : 0;
}

/* Writes one file and adds its row to `rows`. */
static int report_one(struct pk_ctl *c, const char *id, struct pk_ctl_text *rows) {
    struct pk_ctl_case k;
    struct pk_ctl_text text = {0};
    char path[PATH_BYTES];
    int exit_code = pk_ctl_case_open(c, &k, id);
    const struct pk_str full_id = pk_ctl_word(pk_ctl_case_get(&k, "incident_id"));
    if (exit_code == 0) {
        exit_code = path_of(c, full_id, path);
    }
    if (exit_code == 0) {
        put_report(&text, &k, c->look.now_ms);
        exit_code = c->is_dry_run ? 0 : pk_ctl_write_file(c, path, &text);
    }
    if (exit_code == 0) {
        pk_ctl_text_puts(rows, rows->p[rows->n - 1] == '[' ? "" : ",");
        pk_ctl_text_puts(rows, "{\"incident_id\":\"");
        pk_ctl_text_put_str(rows, full_id);
        pk_ctl_text_puts(rows, "\",\"bytes\":");
        pk_ctl_text_put_u64(rows, text.n);
        pk_ctl_text_puts(rows, ",\"file\":");
        pk_ctl_text_put_quoted(rows, pk_str_of(path));
        pk_ctl_text_putc(rows, '}');
    }
    pk_ctl_text_free(&text);
    pk_ctl_case_free(&k);
    return exit_code;
}

static int report_since(struct pk_ctl *c, uint64_t since_ms, struct pk_ctl_text *rows) {
    struct pk_ctl_pages pages;
    struct pk_str row;
    char id[ID_BYTES];
    int exit_code = 0;
    pk_ctl_pages_init(c, &pages, pk_str_make(NULL, 0), NULL);
    while (exit_code == 0 && pk_ctl_pages_next(c, &pages, &row)) {
        if (pk_ctl_row_is_recent(c, row, since_ms)) {
            (void)pk_str_copy_cut(pk_ctl_word(pk_ctl_member(row, "incident_id")), id, sizeof id);
            exit_code = report_one(c, id, rows);
        }
    }
    exit_code = exit_code != 0 ? exit_code : pages.exit_code;
    pk_ctl_pages_free(&pages);
    return exit_code;
}

int pk_ctl_do_report(struct pk_ctl *c) {
    struct pk_ctl_text rows = {0};
    bool has_since = false;
    uint64_t since_ms = 0;
    const char *id = pk_ctl_args_text(&c->args, "id");
    int exit_code = pk_ctl_take_since(c, &has_since, &since_ms);
    if (exit_code == 0 && has_since == (id != NULL)) {
        exit_code =
            pk_ctl_fail(c, PK_E_USAGE, "say either an incident or --since TIME", pk_str_make(NULL, 0));
    }
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_text_puts(&rows, "{\"reports\":[");
    exit_code = has_since ? report_since(c, since_ms, &rows) : report_one(c, id, &rows);
    if (exit_code == 0) {
        pk_ctl_text_puts(&rows, c->is_dry_run ? "],\"written\":false}" : "],\"written\":true}");
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&rows));
    }
    pk_ctl_text_free(&rows);
    return exit_code;
}
