/* `replay`: recorded events or a log through the engine, in their own time. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_time.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_recorded.h"
#include "event/pk_logevent.h"

struct replay {
    struct pk_ctl *c;
    const char *path;
    struct pk_ctl_input input;
    struct pk_ctl_rules rules;
    struct pk_ctl_lab *lab;  /* shipped rules */
    struct pk_ctl_lab *with; /* and those of --rules; NULL without */
    struct pk_log_reader reader;
    struct pk_logline line;
    struct pk_logevent_once once;
    struct pk_ctl_patterns patterns;
    struct pk_event_in event, copy;
    uint64_t event_count, bad_count, pattern_count, partial_count;
    char json[512];
};

/* ---- events ---- */

static void give(void *ctx, struct pk_event_in *event) {
    struct replay *r = ctx;
    r->event_count++;
    if (r->lab == NULL) {
        pk_ctl_recorded_put_event(r->c, event);
        return;
    }
    if (r->with != NULL) {
        r->copy = *event;
        pk_ctl_lab_event(r->with, &r->copy);
    }
    pk_ctl_lab_event(r->lab, event);
}

/* ---- logs ---- */

/* Years and the kernel's clock count back from the last line, which was written when the file last changed.
 */
static void look_ahead(struct replay *r) {
    struct pk_ctl_input_lines lines = {.in = &r->input};
    struct pk_str line;
    int year = 0;
    unsigned month = 0, rest = 0;
    while (pk_ctl_input_next(&lines, &line)) {
        pk_logline_parse(&r->reader, line, &r->line);
    }
    pk_time_to_civil(r->input.changed_ms, &year, &month, &rest, &rest, &rest, &rest);
    const uint32_t wraps = r->reader.wrap_count;
    const bool is_last_year = r->reader.month > month; /* a file that lay still over the new year */
    const uint64_t uptime_ms = r->reader.uptime_ms;
    memset(&r->reader, 0, sizeof r->reader);
    year = is_last_year ? year - 1 : year;
    year = (int)pk_ctl_args_u64(&r->c->args, "year", (uint64_t)year);
    r->reader.year = year - (int)wraps;
    r->reader.boot_wall_ms = r->input.changed_ms - (int64_t)uptime_ms;
}

static void take_log(struct replay *r) {
    struct pk_ctl_input_lines lines = {.in = &r->input};
    struct pk_str line;
    int64_t last_ms = r->input.changed_ms;
    look_ahead(r);
    while (pk_ctl_input_next(&lines, &line)) {
        struct pk_logevent_pattern pattern;
        pk_logline_parse(&r->reader, line, &r->line);
        /* A line without a time is of the time of the one before. */
        last_ms = r->line.has_time ? r->line.wall_ms : last_ms;
        r->line.has_time = true;
        r->line.wall_ms = last_ms;
        if (pk_logevent_make(&r->patterns.tables, &r->line, &r->once, &r->event, &pattern) != PK_OK) {
            continue;
        }
        r->event.has_time = true;
        r->event.wall_ms = last_ms;
        r->pattern_count += pattern.table != NULL ? 1u : 0u;
        for (uint32_t n = 0; n < pattern.count; n++) {
            give(r, &r->event);
        }
    }
    r->partial_count = lines.is_partial ? 1u : 0u;
    /* What the end of the log says is over, is over. */
    if (r->reader.line_count > 0 && r->lab != NULL) {
        pk_ctl_lab_advance(r->lab, last_ms);
        if (r->with != NULL) {
            pk_ctl_lab_advance(r->with, last_ms);
        }
    }
}

static void put_count(struct replay *r, uint64_t count, const char *what, bool is_always) {
    if (count == 0 && !is_always) {
        return;
    }
    pk_ctl_text_puts(&r->c->err, ", ");
    pk_ctl_text_put_u64(&r->c->err, count);
    pk_ctl_text_putc(&r->c->err, ' ');
    pk_ctl_text_puts(&r->c->err, what);
}

/* One line for people: what was read, and every kind of loss. */
static void put_summary(struct replay *r, bool is_log) {
    struct pk_ctl_text *err = &r->c->err;
    pk_ctl_text_puts(err, "picketctl: ");
    pk_ctl_text_put_safe(err, pk_str_of(r->path), false);
    pk_ctl_text_puts(err, ": ");
    pk_ctl_text_put_u64(err, r->event_count);
    pk_ctl_text_puts(err, " events");
    put_count(r, r->bad_count, "bad events passed over", false);
    if (is_log) {
        put_count(r, r->reader.line_count, "lines", true);
        for (unsigned i = 0; i < PK_LOG_FORMAT_COUNT; i++) {
            put_count(r, r->reader.format_count[i], pk_log_format_word((enum pk_log_format)i), false);
        }
        put_count(r, r->pattern_count, "known by a pattern", true);
        put_count(r, r->reader.line_count - r->reader.time_count, "lines without a time", false);
        put_count(r, r->reader.cut_count, "lines cut", false);
        put_count(r, r->reader.odd_byte_count, "lines with NUL or not UTF-8", false);
        put_count(r, r->partial_count, "line without end", false);
    }
    if (r->lab != NULL) {
        put_count(r, r->lab->record_count, "incidents", true);
        put_count(r, r->lab->refused_count, "events refused", false);
        put_count(r, r->lab->folded_count, "events of sources beyond the table", false);
        put_count(r, r->lab->dropped_count, "incidents dropped", false);
    }
    pk_ctl_text_putc(err, '\n');
}

/* ---- incidents ---- */

static void put_incidents(struct replay *r) {
    for (uint32_t i = 0; i < r->lab->record_count; i++) {
        if (r->lab->records[i].number != 0) {
            pk_ctl_recorded_put_incident(r->c, &r->lab->records[i], NULL);
        }
    }
}

/* The n-th incident of a fingerprint there, where this is the n-th here. NULL: there is none. */
static const struct pk_incident *same_in(const struct pk_ctl_lab *there, const struct pk_ctl_lab *here,
                                         uint32_t index) {
    const uint64_t fingerprint = here->records[index].fingerprint;
    uint32_t before = 0;
    for (uint32_t i = 0; i < index; i++) {
        before += here->records[i].fingerprint == fingerprint ? 1u : 0u;
    }
    for (uint32_t i = 0; i < there->record_count; i++) {
        const struct pk_incident *candidate = &there->records[i];
        if (candidate->number != 0 && candidate->fingerprint == fingerprint && before-- == 0) {
            return candidate;
        }
    }
    return NULL;
}

static bool is_same(const struct pk_incident *a, const struct pk_incident *b) {
    return a->detected.wall_ms == b->detected.wall_ms && a->resolved.wall_ms == b->resolved.wall_ms &&
           a->severity == b->severity && a->status == b->status && a->event_count == b->event_count &&
           strcmp(a->type, b->type) == 0 && strcmp(a->title, b->title) == 0;
}

/* What the new rules leave out, change and add; last the sums. */
static void put_diff(struct replay *r) {
    uint32_t removed = 0, changed = 0, added = 0, same = 0;
    for (uint32_t i = 0; i < r->lab->record_count; i++) {
        if (same_in(r->with, r->lab, i) == NULL) {
            pk_ctl_recorded_put_incident(r->c, &r->lab->records[i], "removed");
            removed++;
        }
    }
    for (uint32_t i = 0; i < r->with->record_count; i++) {
        const struct pk_incident *new = &r->with->records[i], *old = same_in(r->lab, r->with, i);
        if (old == NULL) {
            pk_ctl_recorded_put_incident(r->c, new, "added");
            added++;
        } else if (!is_same(old, new)) {
            pk_ctl_recorded_put_incident(r->c, old, "changed_from");
            pk_ctl_recorded_put_incident(r->c, new, "changed_to");
            changed++;
        } else {
            same++;
        }
    }
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, r->json, sizeof r->json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "change", "total");
    pk_jw_u64(&w, "events", r->event_count);
    pk_jw_u64(&w, "same", same);
    pk_jw_u64(&w, "changed", changed);
    pk_jw_u64(&w, "added", added);
    pk_jw_u64(&w, "removed", removed);
    pk_jw_object_end(&w);
    pk_ctl_text_put_json(&r->c->out, pk_buf_str(&b));
    pk_ctl_text_putc(&r->c->out, '\n');
}

/* ---- run ---- */

static int open_labs(struct replay *r) {
    int exit_code = pk_ctl_recorded_patterns(r->c, &r->patterns);
    exit_code = exit_code != 0 ? exit_code : pk_ctl_recorded_rules(r->c, &r->rules);
    if (exit_code == 0 && r->rules.count > 0) {
        exit_code = pk_ctl_recorded_lab(r->c, &r->rules, &r->with);
    }
    if (exit_code == 0 && !pk_ctl_args_has(&r->c->args, "as-events")) {
        exit_code = pk_ctl_recorded_lab(r->c, NULL, &r->lab);
    }
    return exit_code;
}

static int run(struct replay *r) {
    const bool is_log = pk_ctl_args_has(&r->c->args, "log");
    int exit_code = open_labs(r);
    exit_code = exit_code != 0 ? exit_code : pk_ctl_recorded_open(r->c, r->path, &r->input);
    if (exit_code != 0) {
        return exit_code;
    }
    if (is_log) {
        take_log(r);
    } else {
        exit_code = pk_ctl_recorded_events(r->c, r->path, &r->input, give, r, &r->bad_count);
    }
    pk_ctl_input_close(&r->input);
    if (exit_code != 0 || r->lab == NULL) {
        return exit_code != 0 || r->bad_count == 0 ? exit_code : PK_EXIT_FAILED;
    }
    pk_ctl_lab_finish(r->lab);
    if (r->with != NULL) {
        pk_ctl_lab_finish(r->with);
        put_diff(r);
    } else {
        put_incidents(r);
    }
    put_summary(r, is_log);
    if (r->lab->is_short) {
        return pk_ctl_fail(r->c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    return r->bad_count > 0 ? PK_EXIT_FAILED : 0; /* what is shown is not of the whole file */
}

int pk_ctl_do_replay(struct pk_ctl *c) {
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    r->c = c;
    r->path = pk_ctl_args_text(&c->args, "file");
    const int exit_code = run(r);
    pk_ctl_lab_close(r->lab);
    pk_ctl_lab_close(r->with);
    pk_ctl_recorded_rules_close(&r->rules);
    free(r);
    return exit_code;
}
