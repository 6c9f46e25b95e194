/* What the flight recorder kept, in a post-mortem: processes, log, measurements and probes at the opening. */
#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

enum { LOG_LINES_SHOWN = 12, METRICS_SHOWN = 24 };

static bool is_part(struct pk_str line, const char *part) {
    return pk_str_eq_c(pk_ctl_word(pk_ctl_member(line, "part")), part);
}

static uint32_t count_of(const struct pk_ctl_pm *p, const char *part) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value line;
    uint32_t count = 0;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->capsule));
    while (pk_ctl_walk_next(&walk, &line)) {
        count += is_part(line.json, part) ? 1u : 0u;
    }
    return count;
}

/* Lines of a part, each by `put`, from the nth on, at most so many. */
static void each(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *part, uint32_t from,
                 uint32_t most, void (*put)(struct pk_ctl_text *t, struct pk_str line)) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value line;
    uint32_t n = 0;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->capsule));
    while (pk_ctl_walk_next(&walk, &line)) {
        if (!is_part(line.json, part)) {
            continue;
        }
        if (n >= from && n - from < most) {
            put(t, line.json);
        }
        n++;
    }
}

static void put_process(struct pk_ctl_text *t, struct pk_str line) {
    static const char *const PATHS[] = {"name", "pid", "cpu_pct"};
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        const struct pk_ctl_value v = pk_ctl_member(line, PATHS[i]);
        pk_ctl_text_puts(t, "| ");
        if (!pk_ctl_md_is_given(v)) {
            pk_ctl_text_putc(t, '-');
        } else if (i == 0) {
            pk_ctl_md_value_code(t, v);
        } else {
            pk_ctl_md_value(t, v);
        }
        pk_ctl_text_putc(t, ' ');
    }
    pk_ctl_text_puts(t, "| ");
    pk_ctl_text_put_u64(t, pk_ctl_u64(pk_ctl_member(line, "rss_bytes"), 0) / 1024u);
    pk_ctl_text_puts(t, " |\n");
}

static void put_metric(struct pk_ctl_text *t, struct pk_str line) {
    pk_ctl_text_puts(t, "- ");
    pk_ctl_md_value_code(t, pk_ctl_member(line, "type"));
    pk_ctl_text_puts(t, " of ");
    pk_ctl_md_value_code(t, pk_ctl_member(line, "source"));
    pk_ctl_text_puts(t, ": ");
    pk_ctl_md_value(t, pk_ctl_member(line, "value"));
    pk_ctl_text_putc(t, '\n');
}

static void put_probe(struct pk_ctl_text *t, struct pk_str line) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_member(line, "probes").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_text_puts(t, "- ");
        pk_ctl_md_value_code(t, pk_ctl_member(line, "name"));
        pk_ctl_text_puts(t, " (");
        pk_ctl_md_value(t, pk_ctl_member(row.json, "kind"));
        pk_ctl_text_puts(t, "): ");
        pk_ctl_md_value(t, pk_ctl_member(row.json, "result"));
        pk_ctl_text_putc(t, '\n');
    }
}

static void put_log(struct pk_ctl_text *t, struct pk_str line) {
    pk_ctl_text_puts(t, "- ");
    pk_ctl_md_value_code(t, pk_ctl_member(line, "line"));
    pk_ctl_text_putc(t, '\n');
}

static void put_list(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *heading, const char *part,
                     uint32_t most, bool is_newest_last,
                     void (*put)(struct pk_ctl_text *t, struct pk_str line)) {
    const uint32_t count = count_of(p, part);
    if (count > 0) {
        pk_ctl_text_puts(t, heading);
        each(t, p, part, is_newest_last && count > most ? count - most : 0, most, put);
    }
}

void pk_ctl_pm_recorded(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    if (count_of(p, "head") == 0) {
        pk_ctl_md_unknown(t, "nothing was recorded at the opening, or it made room for newer incidents");
        pk_ctl_text_putc(t, '\n');
        return;
    }
    pk_ctl_text_puts(t, "By the flight recorder; all of it: `picketctl incidents capsule ");
    pk_ctl_put_string(t, pk_ctl_case_get(p->k, "incident_id"));
    pk_ctl_text_puts(t, "`.\n");
    put_list(t, p,
             "\nThe busiest processes, then the largest:\n\n| Process | Pid | CPU % of a core | Memory KiB "
             "|\n|---|---|---|---|\n",
             "process", UINT32_MAX, false, put_process);
    put_list(t, p, "\nMeasurements:\n\n", "metric", METRICS_SHOWN, false, put_metric);
    put_list(t, p, "\nProbes:\n\n", "probe", UINT32_MAX, false, put_probe);
    put_list(t, p, "\nThe newest lines of all logs:\n\n", "log", LOG_LINES_SHOWN, true, put_log);
}
