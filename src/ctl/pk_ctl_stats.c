/* `incidents stats`: counts and means over all pages of the incident list (REQUIREMENTS S0-76, S1-57). */
#include <string.h>

#include "ctl/pk_ctl_case.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_pages.h"
#include "incident/pk_incident_words.h"

enum { WORDS_MAX = 30, WORD_BYTES = 32 };
enum { BY_STATUS, BY_SEVERITY, BY_TYPE, BY_COUNT };
enum { MTTD, MTTA, MTTR, MTTF, MEAN_COUNT };

struct tally {
    char words[WORDS_MAX][WORD_BYTES];
    uint64_t counts[WORDS_MAX];
    uint32_t count;
};
struct mean {
    uint64_t sum_ms, count;
};
struct stats {
    struct tally by[BY_COUNT];
    struct mean means[MEAN_COUNT];
    uint64_t total, active, resolved, auto_resolved, resolver_unknown, drills, events;
    struct pk_str responses; /* of the agent's own counts */
};
static const char *const MEMBERS[BY_COUNT] = {"status", "severity", "incident_type"};
static const char *const NAMES[BY_COUNT] = {"status", "severity", "type"};
static const struct {
    const char *member, *name, *count_name, *formula;
} MEANS[MEAN_COUNT] = {
    {"mttd_seconds", "avg_mttd_seconds", "mttd_count", "mean(detected - first contributing event)"},
    {"mtta_seconds", "avg_mtta_seconds", "mtta_count", "mean(acknowledged - detected)"},
    {"mttr_seconds", "avg_mttr_seconds", "mttr_count", "mean(resolved - detected)"},
    /* No incident's own: between two of one fingerprint, as the agent counts it since its start. */
    {NULL, "avg_mttf_seconds", "mttf_count", "mean(next detected - resolved), per fingerprint"},
};

static void add(struct tally *t, struct pk_str word) {
    uint32_t i = 0;
    while (i < t->count && !pk_str_eq_c(word, t->words[i])) {
        i++;
    }
    /* More words than the protocol has: the last place takes them all. */
    if (i == t->count && t->count < WORDS_MAX) {
        (void)pk_str_copy_cut(word, t->words[i], WORD_BYTES);
        t->counts[i] = 0;
        t->count++;
    }
    t->counts[i < WORDS_MAX ? i : WORDS_MAX - 1]++;
}

/* The last step to resolved was taken by the agent itself, or by a person. */
static void take_resolver(struct stats *s, struct pk_str timeline) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    bool is_known = false, is_auto = false;
    pk_ctl_walk_init(&walk, timeline);
    while (pk_ctl_walk_next(&walk, &entry)) {
        const struct pk_str source = pk_ctl_word(pk_ctl_member(entry.json, "source"));
        if (pk_str_eq_c(pk_ctl_word(pk_ctl_member(entry.json, "event")), "status") &&
            pk_ctl_leads_to(pk_ctl_member(entry.json, "message").json, "resolved")) {
            is_known = true;
            is_auto = !pk_str_eq_c(source, "operator") && !pk_str_eq_c(source, "hub");
        }
    }
    s->auto_resolved += is_known && is_auto ? 1 : 0;
    s->resolver_unknown += is_known ? 0 : 1;
}

static int take_incident(struct pk_ctl *c, struct stats *s, struct pk_str row) {
    char args[160];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_ctl_answer answer;
    uint64_t ms = 0;
    uint8_t status = PK_INC_STATUS_COUNT, stage = 0;
    if (pk_ctl_is_true(pk_ctl_member(row, "drill"))) {
        s->drills++;
        return 0;
    }
    s->total++;
    for (uint32_t k = 0; k < BY_COUNT; k++) {
        add(&s->by[k], pk_ctl_word(pk_ctl_member(row, MEMBERS[k])));
    }
    const int err = pk_incident_status_parse(pk_ctl_word(pk_ctl_member(row, "status")), &status, &stage);
    const bool is_resolved = status == PK_INC_RESOLVED || status == PK_INC_CLOSED;
    s->active += err == PK_OK && pk_incident_status_is_active(status) ? 1 : 0;
    s->resolved += is_resolved ? 1 : 0;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "incident_id", pk_ctl_word(pk_ctl_member(row, "incident_id")));
    pk_jw_bool(&w, "timeline", is_resolved);
    pk_jw_object_end(&w);
    pk_ctl_ask(c, PK_CMD_INCIDENTS_GET, pk_buf_str(&b), &answer);
    /* It may have made room for another since the list was made. */
    if (answer.exit_code != 0 && answer.exit_code != pk_err_exit_code(PK_E_NOT_FOUND)) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
        return answer.exit_code;
    }
    for (uint32_t k = 0; k < MTTF; k++) {
        if (pk_ctl_seconds_ms(pk_ctl_member(pk_ctl_member(answer.result, "incident").json, MEANS[k].member),
                              &ms)) {
            s->means[k].sum_ms += ms;
            s->means[k].count++;
        }
    }
    if (is_resolved) {
        take_resolver(s, pk_ctl_member(answer.result, "timeline").json);
    }
    return 0;
}

/* ---- showing ---- */

static void put_tally(struct pk_ctl_text *t, const struct tally *tally, const char *name) {
    char row[WORD_BYTES * 6 + 64];
    for (uint32_t i = 0; i < tally->count; i++) {
        struct pk_buf b;
        struct pk_json_writer w;
        pk_buf_init(&b, row, sizeof row);
        pk_jw_init(&w, &b);
        pk_jw_object(&w, NULL);
        pk_jw_cstr(&w, "by", name);
        pk_jw_cstr(&w, "word", tally->words[i]);
        pk_jw_u64(&w, "count", tally->counts[i]);
        pk_jw_object_end(&w);
        pk_ctl_text_puts(t, t->p[t->n - 1] == '[' ? "" : ",");
        pk_ctl_text_put_str(t, pk_buf_str(&b));
    }
}

static void put_means(struct pk_json_writer *w, const struct stats *s) {
    for (uint32_t k = 0; k < MEAN_COUNT; k++) {
        const struct mean *m = &s->means[k];
        if (m->count == 0) {
            pk_jw_null(w, MEANS[k].name);
        } else {
            pk_jw_ms_as_seconds(w, MEANS[k].name, m->sum_ms / m->count);
        }
        pk_jw_u64(w, MEANS[k].count_name, m->count);
    }
    pk_jw_object(w, "formulas");
    for (uint32_t k = 0; k < MEAN_COUNT; k++) {
        pk_jw_cstr(w, MEANS[k].name, MEANS[k].formula);
    }
    pk_jw_object_end(w);
}

static void put_counts(struct pk_ctl *c, struct pk_ctl_text *t, const struct stats *s) {
    const bool by_type = pk_ctl_args_has(&c->args, "by-type");
    const bool by_severity = pk_ctl_args_has(&c->args, "by-severity");
    pk_ctl_text_puts(t, ",\"counts\":[");
    if (!by_type && !by_severity) {
        put_tally(t, &s->by[BY_STATUS], NAMES[BY_STATUS]);
    }
    if (by_severity) {
        put_tally(t, &s->by[BY_SEVERITY], NAMES[BY_SEVERITY]);
    }
    if (by_type) {
        put_tally(t, &s->by[BY_TYPE], NAMES[BY_TYPE]);
    }
    pk_ctl_text_puts(t, "]}");
}

static void show(struct pk_ctl *c, const struct stats *s) {
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_ctl_text t = {0};
    /* Nothing more is asked. */
    pk_buf_init(&b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "total", s->total);
    pk_jw_u64(&w, "total_incidents", s->total);
    pk_jw_u64(&w, "incidents_detected", s->total);
    pk_jw_u64(&w, "active_incidents", s->active);
    pk_jw_u64(&w, "resolved_incidents", s->resolved);
    pk_jw_u64(&w, "incidents_auto_resolved", s->auto_resolved);
    pk_jw_u64(&w, "resolver_unknown", s->resolver_unknown);
    if (s->drills > 0) {
        pk_jw_u64(&w, "drills", s->drills);
    }
    pk_jw_u64(&w, "events_processed", s->events);
    put_means(&w, s);
    /* The object stays open. */
    pk_ctl_text_put_str(&t, pk_buf_str(&b));
    if (s->responses.n > 0) {
        pk_ctl_text_puts(&t, ",\"responses\":");
        pk_ctl_text_put_str(&t, s->responses);
    }
    put_counts(c, &t, s);
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&t));
    pk_ctl_text_free(&t);
}

/* Of the whole time since the agent started: it keeps no count of a day. */
static int take_events(struct pk_ctl *c, struct stats *s) {
    struct pk_str result;
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_STATUS, pk_str_of("{}"), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    uint64_t mean_ms = 0;
    s->events = pk_ctl_u64(pk_ctl_member(result, "events.taken"), 0);
    s->means[MTTF].count = pk_ctl_u64(pk_ctl_member(result, "metrics.mttf.count"), 0);
    if (pk_ctl_seconds_ms(pk_ctl_member(result, "metrics.mttf.mean_seconds"), &mean_ms)) {
        s->means[MTTF].sum_ms = mean_ms * s->means[MTTF].count;
    }
    s->responses = pk_ctl_member(result, "responses").json;
    return exit_code;
}

int pk_ctl_do_stats(struct pk_ctl *c) {
    struct stats s;
    struct pk_ctl_pages pages;
    struct pk_str row;
    bool has_since = false;
    uint64_t since_ms = 0;
    memset(&s, 0, sizeof s);
    int exit_code = pk_ctl_take_since(c, &has_since, &since_ms);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_pages_init(c, &pages, pk_str_make(NULL, 0), NULL);
    while (exit_code == 0 && pk_ctl_pages_next(c, &pages, &row)) {
        if (!has_since || pk_ctl_row_is_recent(c, row, since_ms)) {
            exit_code = take_incident(c, &s, row);
        }
    }
    exit_code = exit_code != 0 ? exit_code : pages.exit_code;
    pk_ctl_pages_free(&pages);
    exit_code = exit_code != 0 ? exit_code : take_events(c, &s);
    if (exit_code == 0) {
        show(c, &s);
    }
    return exit_code;
}
