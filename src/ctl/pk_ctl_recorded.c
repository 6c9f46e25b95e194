#include "ctl/pk_ctl_recorded.h"

#include <string.h>

#include "ctl/pk_ctl_conf.h"
#include "event/pk_event_json.h"

enum { INCIDENT_JSON_BYTES = 5120, EVENT_JSON_BYTES = 4608, FLUSH_BYTES = 1 << 20 };

int pk_ctl_recorded_open(struct pk_ctl *c, const char *path, struct pk_ctl_input *out) {
    const int err = pk_ctl_input_open(out, path, c->in_fd);
    return err == PK_OK            ? 0
           : err == PK_E_NOT_FOUND ? pk_ctl_fail(c, err, "there is no file {}", pk_str_of(path))
           : err == PK_E_TOO_BIG   ? pk_ctl_fail(c, err, "{} does not fit into memory", pk_str_of(path))
                                   : pk_ctl_fail(c, err, "cannot read {}", pk_str_of(path));
}

/* ---- rules ---- */

int pk_ctl_recorded_rules(struct pk_ctl *c, struct pk_ctl_rules *out) {
    out->count = 0;
    for (uint32_t i = 0; i < c->args.count; i++) {
        const char *path = c->args.values[i].value;
        if (!pk_str_eq_c(pk_ctl_option_name(c->args.values[i].option), "rules")) {
            continue;
        }
        if (out->count == PK_CTL_RULES_FILES_MAX) {
            return pk_ctl_fail(c, PK_E_USAGE, "more than 16 rules files", pk_str_make(NULL, 0));
        }
        struct pk_ctl_input *in = &out->inputs[out->count];
        const int exit_code = pk_ctl_recorded_open(c, path, in);
        if (exit_code != 0) {
            return exit_code;
        }
        out->files[out->count++] = (struct pk_rule_file){path, pk_str_make(in->p, in->n)};
        if (in->n > PK_LIMIT_RULE_TEXT_BYTES) {
            return pk_ctl_fail(c, PK_E_CONFIG, "{} is larger than the text of rules may be", pk_str_of(path));
        }
    }
    return 0;
}

void pk_ctl_recorded_rules_close(struct pk_ctl_rules *rules) {
    for (uint32_t i = 0; i < rules->count; i++) {
        pk_ctl_input_close(&rules->inputs[i]);
    }
    rules->count = 0;
}

/* The numbers of --config, where it is given. */
static int take_thresholds(struct pk_ctl *c, struct pk_ctl_lab *lab) {
    struct pk_ctl_conf conf = {.thresholds = &lab->thresholds};
    const char *path = pk_ctl_args_text(&c->args, "config");
    if (path == NULL) {
        return 0;
    }
    (void)pk_str_copy_cut(pk_str_of(path), conf.file, sizeof conf.file);
    const int err = pk_ctl_conf_read(c, &conf);
    if (err != PK_OK) {
        return pk_ctl_fail(c, err, "cannot read {}", pk_str_of(path));
    }
    if (conf.bad_threshold[0] != '\0') {
        return pk_ctl_fail(c, PK_E_CONFIG,
                           "[thresholds] '{}' is no name with a number; `picketd -t` tells more",
                           pk_str_of(conf.bad_threshold));
    }
    return 0;
}

static int fail_diag(struct pk_ctl *c, const struct pk_diag *diag) {
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(diag, &b);
    return pk_ctl_fail(c, PK_E_CONFIG, "{}", pk_buf_str(&b));
}

static int add_patterns(struct pk_ctl *c, const char *path, struct pk_patterns_own *own) {
    struct pk_ctl_input in;
    struct pk_diag diag;
    int exit_code = pk_ctl_recorded_open(c, path, &in);
    if (exit_code != 0) {
        return exit_code;
    }
    if (in.n > PK_LIMIT_REPLY_BYTES) { /* what picketd reads at once */
        exit_code =
            pk_ctl_fail(c, PK_E_CONFIG, "{} is larger than a file of patterns may be", pk_str_of(path));
    } else if (pk_patterns_own_add(own, path, pk_str_make(in.p, in.n), &diag) != PK_OK) {
        exit_code = fail_diag(c, &diag);
    }
    pk_ctl_input_close(&in);
    return exit_code;
}

int pk_ctl_recorded_patterns(struct pk_ctl *c, struct pk_ctl_patterns *out) {
    int exit_code = 0;
    pk_patterns_own_init(&out->own);
    for (uint32_t i = 0; i < c->args.count && exit_code == 0; i++) {
        if (pk_str_eq_c(pk_ctl_option_name(c->args.values[i].option), "patterns")) {
            exit_code = add_patterns(c, c->args.values[i].value, &out->own);
        }
    }
    pk_patterns_use(&out->use, &out->own);
    pk_patterns_use_tables(&out->use, NULL, &out->tables);
    return exit_code;
}

int pk_ctl_recorded_lab(struct pk_ctl *c, const struct pk_ctl_rules *rules, struct pk_ctl_lab **out) {
    struct pk_diag diag;
    *out = pk_ctl_lab_open(&c->port.crypto);
    if (*out == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    const int exit_code = take_thresholds(c, *out);
    if (exit_code != 0) {
        pk_ctl_lab_close(*out);
        *out = NULL;
        return exit_code;
    }
    const int err =
        pk_ctl_lab_rules(*out, rules != NULL ? rules->files : NULL, rules != NULL ? rules->count : 0, &diag);
    if (err == PK_OK) {
        return 0;
    }
    pk_ctl_lab_close(*out);
    *out = NULL;
    return fail_diag(c, &diag);
}

/* ---- events ---- */

struct events {
    struct pk_ctl *c;
    const char *path;
    const struct pk_ctl_input *in;
    void (*take)(void *ctx, struct pk_event_in *event);
    void *ctx;
    uint64_t *bad_count; /* NULL: the first bad one ends it */
};

static void say_bad(const struct events *e, uint64_t line, const struct pk_event_error *error) {
    char text[512];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, e->path);
    pk_buf_putc(&b, ':');
    pk_buf_put_u64(&b, line);
    pk_buf_puts(&b, ": ");
    if (error->field[0] != '\0') {
        pk_buf_puts(&b, error->field);
        pk_buf_puts(&b, ": ");
    }
    pk_buf_puts(&b, error->message);
    (void)pk_ctl_fail(e->c, error->err, "{}", pk_buf_str(&b));
}

/* Exit code: the words of the command were right; what the file says is not. */
static int bad(const struct events *e, uint64_t line, const struct pk_event_error *error) {
    if (e->bad_count == NULL) {
        say_bad(e, line, error);
        return PK_EXIT_FAILED;
    }
    if (++*e->bad_count <= PK_CTL_BAD_SHOWN) {
        say_bad(e, line, error);
    } else if (*e->bad_count == PK_CTL_BAD_SHOWN + 1u) {
        pk_ctl_text_puts(&e->c->err, "picketctl: and more bad events\n");
    }
    return 0;
}

static bool is_blank(struct pk_str s) {
    return pk_str_trim(s).n == 0;
}

static int take_lines(const struct events *e) {
    struct pk_ctl_input_lines lines = {.in = e->in};
    struct pk_event_in event;
    struct pk_event_error error;
    struct pk_str line;
    int exit_code = 0;
    while (exit_code == 0 && pk_ctl_input_next(&lines, &line)) {
        if (is_blank(line)) {
            continue;
        }
        if (pk_event_json_parse(line, &event, &error) != PK_OK) {
            exit_code = bad(e, lines.line, &error);
        } else {
            e->take(e->ctx, &event);
        }
    }
    return exit_code;
}

/* The value is skipped as JSON first, so the next one begins behind it whatever is wrong with it as an event.
 */
static int take_element(const struct events *e, struct pk_str json, size_t at) {
    struct pk_event_in event;
    struct pk_event_error error;
    if (pk_event_json_parse(json, &event, &error) != PK_OK) {
        return bad(e, pk_ctl_input_line_at(e->in, at + error.at_byte), &error);
    }
    e->take(e->ctx, &event);
    return 0;
}

static int take_array(const struct events *e) {
    const struct pk_ctl_input *in = e->in;
    struct pk_json_reader r;
    struct pk_json_token t;
    int exit_code = 0;
    if (in->n > UINT32_MAX) {
        return pk_ctl_fail(e->c, PK_E_TOO_BIG, "{} is larger than 4 GB: write JSON lines",
                           pk_str_of(e->path));
    }
    pk_json_init(&r, in->p, (uint32_t)in->n);
    int err = pk_json_next(&r, &t); /* the opening bracket, seen before */
    while (err == PK_OK && exit_code == 0 && (err = pk_json_next(&r, &t)) == PK_OK &&
           t.kind != PK_JSON_CLOSE) {
        const uint32_t at = t.at_byte;
        err = pk_json_skip(&r, &t);
        exit_code = err == PK_OK ? take_element(e, pk_str_make(in->p + at, r.at_byte - at), at) : 0;
    }
    err = err == PK_OK && exit_code == 0 ? pk_json_next(&r, &t) : err;
    const struct pk_event_error error = {.err = PK_E_BAD_MSG, .message = "not valid JSON"};
    return err == PK_OK ? exit_code : bad(e, pk_ctl_input_line_at(in, r.at_byte), &error);
}

int pk_ctl_recorded_events(struct pk_ctl *c, const char *path, const struct pk_ctl_input *in,
                           void (*take)(void *ctx, struct pk_event_in *event), void *ctx,
                           uint64_t *bad_count) {
    const struct events e = {
        .c = c, .path = path, .in = in, .take = take, .ctx = ctx, .bad_count = bad_count};
    size_t at = 0;
    while (at < in->n && strchr(" \t\r\n", in->p[at]) != NULL && in->p[at] != '\0') {
        at++;
    }
    return at < in->n && in->p[at] == '[' ? take_array(&e) : take_lines(&e);
}

/* ---- output ---- */

void pk_ctl_recorded_event(struct pk_json_writer *w, const char *key, const struct pk_event_in *e) {
    struct pk_str rest = {(const char *)e->fields, e->field_bytes};
    struct pk_field field;
    pk_jw_object(w, key);
    if (e->has_time) {
        pk_jw_time(w, "time", e->wall_ms);
    }
    pk_jw_cstr(w, "type", e->type);
    pk_jw_cstr(w, "source", e->source);
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)e->severity));
    if (e->has_value) {
        pk_jw_double(w, "value", e->value);
    }
    pk_jw_str(w, "message", pk_str_make(e->message, e->message_bytes));
    if (e->field_bytes > 0) {
        pk_jw_object(w, "metadata");
        while (pk_field_next(&rest, &field)) {
            pk_jw_key(w, field.name);
            pk_jw_str(w, NULL, field.value);
        }
        pk_jw_object_end(w);
    }
    pk_jw_object_end(w);
}

void pk_ctl_recorded_put_event(struct pk_ctl *c, const struct pk_event_in *e) {
    char json[EVENT_JSON_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, json, sizeof json);
    pk_jw_init(&w, &b);
    pk_ctl_recorded_event(&w, NULL, e);
    pk_ctl_text_put_json(&c->out, pk_buf_str(&b));
    pk_ctl_text_putc(&c->out, '\n');
    if (c->out.n > FLUSH_BYTES) {
        (void)pk_ctl_flush(c);
    }
}

void pk_ctl_recorded_put_incident(struct pk_ctl *c, const struct pk_incident *record, const char *change) {
    char json[INCIDENT_JSON_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, json, sizeof json);
    if (!pk_ctl_lab_put(record, &b)) {
        (void)pk_ctl_fail(c, PK_E_TOO_BIG, "incident {} is too long", pk_str_of(record->id));
        return;
    }
    struct pk_ctl_text *out = &c->out;
    if (change != NULL) {
        pk_ctl_text_puts(out, "{\"change\":\"");
        pk_ctl_text_puts(out, change);
        pk_ctl_text_puts(out, "\",\"incident\":");
    }
    pk_ctl_text_put_json(out, pk_buf_str(&b));
    pk_ctl_text_puts(out, change != NULL ? "}\n" : "\n");
    if (out->n > FLUSH_BYTES) {
        (void)pk_ctl_flush(c);
    }
}
