#include "ctl/pk_ctl_case.h"

#include <string.h>

#include "base/pk_time.h"

enum { COMPONENTS_MAX = 8, ARGS_BYTES = 512, EVENT_LIMIT = 500, OTHER_LIMIT = 200 };
/* Earlier events are no part of what is told. */
enum { BEFORE_MS = 10 * 60 * 1000 };

static const char *const GAUGES[] = {"cpu_pct", "memory_pct", "disk_pct", "load_1m"};

void pk_ctl_case_free(struct pk_ctl_case *k) {
    pk_ctl_text_free(&k->incident);
    pk_ctl_text_free(&k->timeline);
    pk_ctl_text_free(&k->status);
    pk_ctl_text_free(&k->rule);
    pk_ctl_text_free(&k->events);
    pk_ctl_text_free(&k->gauges);
    pk_ctl_text_free(&k->others);
    pk_ctl_text_free(&k->capsule);
}

struct pk_ctl_value pk_ctl_case_get(const struct pk_ctl_case *k, const char *path) {
    return pk_ctl_member(pk_ctl_text_str(&k->incident), path);
}

bool pk_ctl_case_time(const struct pk_ctl_case *k, const char *path, int64_t *out_ms) {
    return pk_time_parse(pk_ctl_word(pk_ctl_case_get(k, path)), out_ms) == PK_OK;
}

void pk_ctl_case_span(const struct pk_ctl_case *k, int64_t now_ms, int64_t *out_from_ms, int64_t *out_to_ms) {
    if (!pk_ctl_case_time(k, "first_event_at", out_from_ms) &&
        !pk_ctl_case_time(k, "detected_at", out_from_ms)) {
        *out_from_ms = now_ms;
    }
    if (!pk_ctl_case_time(k, "resolved_at", out_to_ms)) {
        *out_to_ms = now_ms;
    }
}

struct pk_str pk_ctl_case_rule_line(const struct pk_ctl_case *k, const char *name,
                                    struct pk_ctl_text *buffer) {
    buffer->n = 0;
    pk_ctl_put_string(buffer, pk_ctl_member(pk_ctl_text_str(&k->rule), "explain"));
    struct pk_str rest = pk_ctl_text_str(buffer), line;
    const size_t n = strlen(name);
    while (pk_str_split(&rest, '\n', &line)) {
        if (pk_str_starts(line, name) && pk_str_starts(pk_str_make(line.p + n, line.n - n), ": ")) {
            return pk_str_make(line.p + n + 2, line.n - n - 2);
        }
    }
    return pk_str_make(NULL, 0);
}

bool pk_ctl_leads_to(struct pk_str message, const char *word) {
    static const char ARROW[] = " -> ";
    for (uint32_t i = 0; i + sizeof ARROW - 1 < message.n; i++) {
        if (memcmp(message.p + i, ARROW, sizeof ARROW - 1) == 0) {
            const uint32_t at = i + (uint32_t)sizeof ARROW - 1;
            return pk_str_starts(pk_str_make(message.p + at, message.n - at), word);
        }
    }
    return false;
}

void pk_ctl_put_detail(struct pk_ctl_text *t, struct pk_str incident, struct pk_str timeline, bool is_cut) {
    pk_ctl_text_put(t, incident.p, incident.n - 1);
    pk_ctl_text_puts(t, ",\"timeline\":");
    pk_ctl_text_put_str(t, timeline);
    pk_ctl_text_puts(t, is_cut ? ",\"timeline_cut\":true}" : "}");
}

/* ---- asking ---- */

static bool is_gone(int exit_code) {
    return exit_code == pk_err_exit_code(PK_E_UNREACHABLE) || exit_code == pk_err_exit_code(PK_E_TIMEOUT);
}

/* What is not the incident itself may be refused (a lower role, a rule that is gone): then it stays unknown.
 */
static int ask(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json, struct pk_str *out_result) {
    struct pk_ctl_answer answer;
    pk_ctl_ask(c, cmd, args_json, &answer);
    *out_result = answer.result;
    if (is_gone(answer.exit_code)) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
        return answer.exit_code;
    }
    return 0;
}

static int ask_into(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json, struct pk_ctl_text *out) {
    struct pk_str result;
    const int exit_code = ask(c, cmd, args_json, &result);
    pk_ctl_text_put_str(out, result);
    return exit_code;
}

/* Appends the items of `array` to an array that is left open. */
static void add_items(struct pk_ctl_text *t, struct pk_str array, int64_t from_ms, int64_t to_ms) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value item;
    int64_t at_ms = 0;
    pk_ctl_walk_init(&walk, array);
    while (pk_ctl_walk_next(&walk, &item)) {
        const bool is_timed = pk_time_parse(pk_ctl_word(pk_ctl_member(item.json, "time")), &at_ms) == PK_OK;
        if (!is_timed || at_ms < from_ms || at_ms > to_ms) {
            continue;
        }
        pk_ctl_text_puts(t, t->n > 1 ? "," : "");
        pk_ctl_text_put_str(t, item.json);
    }
}

struct event_query {
    const char *member; /* source or type */
    struct pk_str word;
    const char *severity; /* least one, or NULL */
    int64_t from_ms, to_ms;
};

/* *out_oldest_ms: time of the last event of an answer that left some out; left alone else. */
static int ask_events(struct pk_ctl *c, const struct event_query *q, struct pk_ctl_text *out,
                      int64_t *out_oldest_ms) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value event;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, q->member, q->word);
    if (q->severity != NULL) {
        pk_jw_cstr(&w, "severity", q->severity);
    }
    pk_jw_u64(&w, "limit", EVENT_LIMIT);
    pk_jw_object_end(&w);
    const int exit_code = ask(c, PK_CMD_EVENTS_LIST, pk_buf_str(&b), &result);
    const struct pk_str events = pk_ctl_member(result, "events").json;
    add_items(out, events, q->from_ms, q->to_ms);
    const bool has_more = pk_ctl_is_true(pk_ctl_member(result, "more"));
    pk_ctl_walk_init(&walk, events);
    while (has_more && pk_ctl_walk_next(&walk, &event)) {
        int64_t at_ms = 0;
        const struct pk_ctl_value time = pk_ctl_member(event.json, "time");
        *out_oldest_ms = pk_time_parse(pk_ctl_word(time), &at_ms) == PK_OK ? at_ms : *out_oldest_ms;
    }
    return exit_code;
}

/* The newest events, and behind them the errors alone: an answer that holds only those reaches further back.
 */
static int ask_component(struct pk_ctl *c, struct pk_str component, int64_t from_ms, int64_t to_ms,
                         struct pk_ctl_text *out) {
    struct event_query q = {.member = "source", .word = component, .from_ms = from_ms, .to_ms = to_ms};
    int64_t oldest_ms = INT64_MIN, ignored_ms = 0;
    const int exit_code = ask_events(c, &q, out, &oldest_ms);
    if (exit_code != 0 || oldest_ms <= from_ms) {
        return exit_code;
    }
    q.severity = "medium";
    q.to_ms = oldest_ms - 1 < to_ms ? oldest_ms - 1 : to_ms;
    return ask_events(c, &q, out, &ignored_ms);
}

static int ask_all_events(struct pk_ctl *c, struct pk_ctl_case *k) {
    int64_t from_ms = 0, to_ms = 0, ignored_ms = 0;
    int exit_code = 0;
    struct pk_ctl_walk walk;
    struct pk_ctl_value component;
    uint32_t count = 0;
    pk_ctl_case_span(k, c->look.now_ms, &from_ms, &to_ms);
    pk_ctl_text_puts(&k->events, "[");
    pk_ctl_text_puts(&k->gauges, "[");
    pk_ctl_walk_init(&walk, pk_ctl_case_get(k, "affected_components").json);
    while (exit_code == 0 && count < COMPONENTS_MAX && pk_ctl_walk_next(&walk, &component)) {
        exit_code = ask_component(c, pk_ctl_word(component), from_ms - BEFORE_MS, to_ms, &k->events);
        count++;
    }
    for (uint32_t i = 0; exit_code == 0 && i < sizeof GAUGES / sizeof GAUGES[0]; i++) {
        const struct event_query q = {.member = "type",
                                      .word = pk_str_of(GAUGES[i]),
                                      .from_ms = from_ms - BEFORE_MS,
                                      .to_ms = to_ms + BEFORE_MS};
        exit_code = ask_events(c, &q, &k->gauges, &ignored_ms);
    }
    pk_ctl_text_puts(&k->events, "]");
    pk_ctl_text_puts(&k->gauges, "]");
    return exit_code;
}

static int ask_rule(struct pk_ctl *c, struct pk_ctl_case *k) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "rule", pk_ctl_word(pk_ctl_case_get(k, "rule_id")));
    pk_jw_object_end(&w);
    return ask_into(c, PK_CMD_RULES_SHOW, pk_buf_str(&b), &k->rule);
}

/* Detected while this one was open, up to BEFORE_MS before it began. */
static int ask_others(struct pk_ctl *c, struct pk_ctl_case *k) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    int64_t from_ms = 0, to_ms = 0, at_ms = 0;
    const struct pk_str id = pk_ctl_word(pk_ctl_case_get(k, "incident_id"));
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "limit", OTHER_LIMIT);
    pk_jw_object_end(&w);
    const int exit_code = ask(c, PK_CMD_INCIDENTS_LIST, pk_buf_str(&b), &result);
    pk_ctl_case_span(k, c->look.now_ms, &from_ms, &to_ms);
    pk_ctl_text_puts(&k->others, "[");
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "incidents").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, "incident_id")), id) ||
            pk_time_parse(pk_ctl_word(pk_ctl_member(row.json, "detected_at")), &at_ms) != PK_OK ||
            at_ms < from_ms - BEFORE_MS || at_ms > to_ms) {
            continue;
        }
        pk_ctl_text_puts(&k->others, k->others.n > 1 ? "," : "");
        pk_ctl_text_put_str(&k->others, row.json);
    }
    pk_ctl_text_puts(&k->others, "]");
    return exit_code;
}

static int ask_incident(struct pk_ctl *c, struct pk_ctl_case *k, const char *incident_id) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "incident_id", incident_id);
    pk_jw_bool(&w, "timeline", true);
    pk_jw_object_end(&w);
    if (b.is_cut) {
        return pk_ctl_fail(c, PK_E_USAGE, "the incident id is too long", pk_str_make(NULL, 0));
    }
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_GET, pk_buf_str(&b), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    const struct pk_ctl_value incident = pk_ctl_member(result, "incident"),
                              timeline = pk_ctl_member(result, "timeline");
    if (incident.kind != PK_JSON_OBJECT) {
        return pk_ctl_fail(c, PK_E_PROTOCOL, "the answer holds no incident", pk_str_make(NULL, 0));
    }
    pk_ctl_text_put_str(&k->incident, incident.json);
    pk_ctl_text_put_str(&k->timeline, timeline.kind == PK_JSON_ARRAY ? timeline.json : pk_str_of("[]"));
    k->is_timeline_cut = pk_ctl_is_true(pk_ctl_member(result, "timeline_cut"));
    return 0;
}

/* A page of its lines; *inout_from: the line to begin with, then that of the next page, or 0. */
static int ask_capsule_page(struct pk_ctl *c, struct pk_ctl_case *k, uint64_t *inout_from) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value line;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "incident_id", pk_ctl_word(pk_ctl_case_get(k, "incident_id")));
    pk_jw_u64(&w, "from", *inout_from);
    pk_jw_object_end(&w);
    const int exit_code = ask(c, PK_CMD_INCIDENTS_CAPSULE, pk_buf_str(&b), &result);
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "lines").json);
    while (pk_ctl_walk_next(&walk, &line)) {
        pk_ctl_text_puts(&k->capsule, k->capsule.n > 1 ? "," : "");
        pk_ctl_text_put_str(&k->capsule, line.json);
    }
    const uint64_t next = pk_ctl_u64(pk_ctl_member(result, "next"), 0);
    *inout_from = next > *inout_from ? next : 0;
    return exit_code;
}

static int ask_capsule(struct pk_ctl *c, struct pk_ctl_case *k) {
    uint64_t from = 0;
    pk_ctl_text_puts(&k->capsule, "[");
    int exit_code = ask_capsule_page(c, k, &from);
    while (exit_code == 0 && from > 0) {
        exit_code = ask_capsule_page(c, k, &from);
    }
    pk_ctl_text_puts(&k->capsule, "]");
    return exit_code;
}

int pk_ctl_case_open(struct pk_ctl *c, struct pk_ctl_case *k, const char *incident_id) {
    *k = (struct pk_ctl_case){0};
    int exit_code = ask_incident(c, k, incident_id);
    if (exit_code == 0) {
        exit_code = ask_into(c, PK_CMD_STATUS, pk_str_of("{}"), &k->status);
    }
    if (exit_code == 0) {
        exit_code = ask_rule(c, k);
    }
    if (exit_code == 0) {
        exit_code = ask_all_events(c, k);
    }
    if (exit_code == 0) {
        exit_code = ask_capsule(c, k);
    }
    return exit_code != 0 ? exit_code : ask_others(c, k);
}
