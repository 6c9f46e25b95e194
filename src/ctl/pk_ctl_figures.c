#include "ctl/pk_ctl_figures.h"

#include <stdlib.h>
#include <string.h>

#include "base/pk_severity.h"
#include "base/pk_time.h"

enum { MINUTE_MS = 60000 };

void pk_ctl_tally_add(struct pk_ctl_tally *t, struct pk_str word) {
    char cut[PK_CTL_TALLY_BYTES];
    uint32_t i = 0;
    (void)pk_str_copy_cut(word, cut, sizeof cut);
    while (i < t->count && strcmp(cut, t->words[i]) != 0) {
        i++;
    }
    if (i == PK_CTL_TALLY_WORDS) {
        t->other_count++;
        return;
    }
    if (i == t->count) {
        memcpy(t->words[i], cut, sizeof cut);
        t->count++;
    }
    t->counts[i]++;
}

struct pk_str pk_ctl_tally_first(const struct pk_ctl_tally *t) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < t->count; i++) {
        best = t->counts[i] > t->counts[best] ? i : best;
    }
    return t->count > 0 ? pk_str_of(t->words[best]) : pk_str_make(NULL, 0);
}

/* ---- events ---- */

static bool opened_it(const struct pk_ctl_case *k, struct pk_str event) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value id;
    const struct pk_str wanted = pk_ctl_word(pk_ctl_member(event, "event_id"));
    pk_ctl_walk_init(&walk, pk_ctl_case_get(k, "source_events").json);
    while (wanted.n > 0 && pk_ctl_walk_next(&walk, &id)) {
        if (pk_str_eq(pk_ctl_word(id), wanted)) {
            return true;
        }
    }
    return false;
}

static bool is_error(const struct pk_ctl_case *k, struct pk_str event) {
    enum pk_severity severity = PK_SEV_INFO;
    const struct pk_str word = pk_ctl_word(pk_ctl_member(event, "severity"));
    return (pk_severity_parse(word, &severity) == PK_OK && severity >= PK_SEV_MEDIUM) || opened_it(k, event);
}

static int by_time(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Most of the moments within any minute. Sorts them. */
static uint32_t peak_of(int64_t *at_ms, uint32_t count) {
    uint32_t first = 0, peak = 0;
    qsort(at_ms, count, sizeof at_ms[0], by_time);
    for (uint32_t i = 0; i < count; i++) {
        while (at_ms[first] <= at_ms[i] - MINUTE_MS) {
            first++;
        }
        peak = i - first + 1 > peak ? i - first + 1 : peak;
    }
    return peak;
}

static void count_events(struct pk_ctl_figures *f, const struct pk_ctl_case *k) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value event;
    uint32_t count = 0;
    /* An event takes more bytes than its moment. */
    int64_t *at_ms = malloc(k->events.n + sizeof *at_ms);
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&k->events));
    while (at_ms != NULL && pk_ctl_walk_next(&walk, &event)) {
        f->event_count++;
        if (!is_error(k, event.json)) {
            continue;
        }
        f->error_count++;
        pk_ctl_tally_add(&f->types, pk_ctl_word(pk_ctl_member(event.json, "type")));
        pk_ctl_tally_add(&f->sources, pk_ctl_word(pk_ctl_member(event.json, "source")));
        if (pk_time_parse(pk_ctl_word(pk_ctl_member(event.json, "time")), &at_ms[count]) == PK_OK) {
            count++;
        }
    }
    f->peak_per_minute = at_ms != NULL ? peak_of(at_ms, count) : 0;
    free(at_ms);
}

/* ---- the machine ---- */

static struct pk_ctl_gauge *gauge_of(struct pk_ctl_figures *f, struct pk_str event) {
    struct pk_ctl_gauge *g = f->gauges;
    char name[sizeof g->name];
    struct pk_buf b;
    uint32_t i = 0;
    const struct pk_str source = pk_ctl_word(pk_ctl_member(event, "source"));
    pk_buf_init(&b, name, sizeof name);
    pk_buf_put_str(&b, pk_ctl_word(pk_ctl_member(event, "type")));
    pk_buf_puts(&b, " of ");
    pk_buf_put_str(&b, source);
    while (i < f->gauge_count && strcmp(name, g[i].name) != 0) {
        i++;
    }
    if (i == PK_CTL_GAUGES_MAX) {
        return NULL;
    }
    if (i == f->gauge_count) {
        g[i] = (struct pk_ctl_gauge){.before = ""};
        memcpy(g[i].name, name, sizeof name);
        f->gauge_count++;
    }
    return &g[i];
}

/* Samples come newest first. */
static void take_sample(struct pk_ctl_gauge *g, struct pk_str event, int64_t at_ms, int64_t detected_ms,
                        int64_t resolved_ms) {
    double number = 0;
    const struct pk_ctl_value v = pk_ctl_member(event, "value");
    if (v.kind != PK_JSON_NUMBER || pk_parse_double(v.json, &number) != PK_OK) {
        return;
    }
    if (at_ms <= detected_ms && g->before[0] == '\0') {
        (void)pk_str_copy_cut(v.json, g->before, sizeof g->before);
    }
    if (at_ms >= detected_ms && at_ms <= resolved_ms && (g->worst[0] == '\0' || number > g->worst_value)) {
        (void)pk_str_copy_cut(v.json, g->worst, sizeof g->worst);
        g->worst_value = number;
    }
    if (at_ms >= resolved_ms) {
        (void)pk_str_copy_cut(v.json, g->after, sizeof g->after);
    }
}

static void take_gauges(struct pk_ctl_figures *f, const struct pk_ctl_case *k, int64_t now_ms) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value event;
    int64_t detected_ms = 0, resolved_ms = 0, at_ms = 0;
    if (!pk_ctl_case_time(k, "detected_at", &detected_ms)) {
        return;
    }
    resolved_ms = pk_ctl_case_time(k, "resolved_at", &resolved_ms) ? resolved_ms : now_ms + 1;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&k->gauges));
    while (pk_ctl_walk_next(&walk, &event)) {
        struct pk_ctl_gauge *g = gauge_of(f, event.json);
        if (g != NULL && pk_time_parse(pk_ctl_word(pk_ctl_member(event.json, "time")), &at_ms) == PK_OK) {
            take_sample(g, event.json, at_ms, detected_ms, resolved_ms);
        }
    }
}

void pk_ctl_figures_count(struct pk_ctl_figures *f, const struct pk_ctl_case *k, int64_t now_ms) {
    memset(f, 0, sizeof *f);
    count_events(f, k);
    take_gauges(f, k, now_ms);
}
