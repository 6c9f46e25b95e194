/* `watch`: what happens, as it happens. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

struct kind {
    const char *word;   /* member "kind" */
    const char *object; /* path of what the template is about, NULL: the whole */
    const char *text;   /* REQUIREMENTS S1-68: HH:MM:SSZ [SEV] source: message */
};
static const struct kind KINDS[] = {
    {"incident", NULL,
     "{at:clock} [{severity:severity}] incident: {change} {incident_id} {title} ({status}, {stage})"},
    {"timeline", NULL, "{at:clock} [{severity:severity}] {source}: {message} ({incident_id})"},
    {"event", "event", "{time:clock} [{severity:severity}] {source}: {type}"},
};

static void put_event_rest(struct pk_ctl *c, struct pk_str event) {
    if (pk_ctl_member(event, "value").kind != PK_JSON_END) {
        pk_ctl_put_template(&c->out, " {value}", event, &c->look);
    }
    if (pk_ctl_member(event, "message").kind != PK_JSON_END) {
        pk_ctl_put_template(&c->out, " {message}", event, &c->look);
    }
}

static void put_people_line(struct pk_ctl *c, struct pk_str item) {
    const struct pk_str word = pk_ctl_word(pk_ctl_member(item, "kind"));
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        const struct kind *k = &KINDS[i];
        if (!pk_str_eq_c(word, k->word)) {
            continue;
        }
        const struct pk_str object = k->object != NULL ? pk_ctl_member(item, k->object).json : item;
        pk_ctl_put_template(&c->out, k->text, object, &c->look);
        if (k->object != NULL) {
            put_event_rest(c, object);
        }
        pk_ctl_text_putc(&c->out, '\n');
        return;
    }
    /* A kind of a newer agent. */
    pk_ctl_text_put_json(&c->out, item);
    pk_ctl_text_putc(&c->out, '\n');
}

static void put_csv_line(struct pk_ctl *c, struct pk_str item) {
    static const char *const PATHS[][2] = {
        {"at", "event.time"},           {"kind", "kind"},
        {"severity", "event.severity"}, {"source", "event.source"},
        {"message", "event.message"},   {"incident_id", "event.type"},
    };
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        const struct pk_ctl_value v = pk_ctl_member(item, PATHS[i][0]);
        pk_ctl_text_puts(&c->out, i > 0 ? "," : "");
        pk_ctl_put_csv_field(&c->out, v.kind != PK_JSON_END ? v : pk_ctl_member(item, PATHS[i][1]));
    }
    pk_ctl_text_putc(&c->out, '\n');
}

/* Ids are equal, or the wanted one is a short form: inc_00123 of inc_gw1_7_00123. */
static bool is_incident(struct pk_str item, const char *wanted) {
    const struct pk_str id = pk_ctl_word(pk_ctl_member(item, "incident_id"));
    const struct pk_str w = pk_str_of(wanted);
    if (wanted == NULL || pk_str_eq(id, w)) {
        return true;
    }
    uint64_t a = 0, b = 0;
    uint32_t at = id.n;
    while (at > 0 && id.p[at - 1] != '_') {
        at--;
    }
    return pk_str_starts(w, "inc_") && at > 0 && pk_parse_u64(pk_str_make(w.p + 4, w.n - 4), &a) == PK_OK &&
           pk_parse_u64(pk_str_make(id.p + at, id.n - at), &b) == PK_OK && a == b;
}

static void put_item(struct pk_ctl *c, struct pk_str item) {
    const char *wanted = pk_ctl_args_text(&c->args, "id");
    if (wanted != NULL && !is_incident(item, wanted)) {
        return;
    }
    switch (c->format) {
    case PK_CTL_TABLE:
        put_people_line(c, item);
        return;
    case PK_CTL_CSV:
        put_csv_line(c, item);
        return;
    case PK_CTL_JSON:
    case PK_CTL_NDJSON:
    case PK_CTL_FORMAT_COUNT:
        pk_ctl_view_json(&c->out, item);
        return;
    }
}

int pk_ctl_do_watch(struct pk_ctl *c) {
    struct pk_str args_json;
    struct pk_ctl_answer answer;
    bool is_done = false;
    int exit_code = pk_ctl_args_json(c, &args_json);
    if (exit_code == 0) {
        exit_code = pk_ctl_send(c, PK_CMD_WATCH, args_json);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    if (c->format == PK_CTL_CSV) {
        pk_ctl_text_puts(&c->out, "time,kind,severity,source,message,subject\n");
    }
    /* Quiet times are no fault. */
    c->conn.timeout_ms = 0;
    for (;;) {
        pk_ctl_read(c, &answer, &is_done);
        if (answer.exit_code != 0) {
            (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
            return answer.exit_code;
        }
        if (is_done) {
            return 0;
        }
        if (answer.result.n > 0) {
            put_item(c, answer.result);
        }
        if (!pk_ctl_flush(c)) {
            return pk_err_exit_code(PK_E_IO);
        }
    }
}
