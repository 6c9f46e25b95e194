/* Rules made, changed, switched and deleted at run time: in force at once or not at all, and kept in the
 * store. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_hash.h"
#include "detect/pk_rule_edit.h"

enum {
    RULE_OP_BYTES = PK_RECORD_RULE_BYTES + 64,
    SWITCH_OP_BYTES = 160,
    SWITCHED_AT_ONCE = 32,
    TEXT_BYTES = 2048 /* decoded text of a rule, with its comments */
};
_Static_assert(2 * TEXT_BYTES + PK_RECORD_RULE_BYTES <= PK_LIMIT_PAYLOAD_BYTES,
               "a rule, its changed copy and its record fit the scratch");
_Static_assert((int)TEXT_BYTES > (int)PK_RECORD_RULE_TEXT_BYTES, "what may be stored fits the scratch");

/* ---- what is kept ---- */

static void put_record(struct pk_agent *a, struct pk_str id, struct pk_str text) {
    uint8_t *value = (uint8_t *)a->payload + 2 * TEXT_BYTES;
    struct pk_record_key key;
    const struct pk_rule_switch *w = pk_ruleset_find_switch(&a->engine.rules, id);
    const struct pk_rule_record record = {
        .id = id, .text = text, .is_switched = w != NULL, .is_enabled = w != NULL && w->is_enabled};
    pk_record_key_rule(&key, pk_hash64(id.p, id.n));
    const uint32_t n = pk_record_rule_pack(&record, value, PK_RECORD_RULE_BYTES);
    const bool is_empty = text.n == 0 && w == NULL;
    const int err = is_empty ? pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key))
                             : pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                                            pk_str_make((const char *)value, n));
    PK_ASSERT(err == PK_OK); /* room was checked */
}

int pk_agent_rules_restore(struct pk_agent *a, struct pk_str value, uint32_t *used_bytes) {
    struct pk_rule_record record;
    const int err = pk_record_rule_unpack(value, &record);
    if (err != PK_OK) {
        return err;
    }
    if (record.is_switched && pk_ruleset_switch(&a->engine.rules, record.id, record.is_enabled) < 0) {
        pk_agent_log1(a, PK_LOG_ERROR, "no room for the switch of a rule", record.id);
    }
    if (record.text.n == 0) {
        return PK_OK;
    }
    if (sizeof a->reply - *used_bytes < record.text.n + 1u) {
        return PK_E_TOO_BIG;
    }
    memcpy(a->reply + *used_bytes, record.text.p, record.text.n);
    a->reply[*used_bytes + record.text.n] = '\n';
    *used_bytes += record.text.n + 1u;
    return PK_OK;
}

void pk_agent_rules_restored(struct pk_agent *a, uint32_t used_bytes) {
    struct pk_diag diag;
    const struct pk_str text = pk_str_make(a->reply, used_bytes);
    if (pk_engine_set_stored(&a->engine, text, a->now.mono_ms, &diag) < 0) {
        char words[sizeof diag + 32];
        struct pk_buf b;
        pk_buf_init(&b, words, sizeof words);
        pk_diag_format(&diag, &b);
        a->diag = diag;
        pk_agent_log1(a, PK_LOG_ERROR, "the rules made at run time do not load and are off", pk_buf_str(&b));
    }
    pk_agent_rules_changed(a);
}

void pk_agent_rules_changed(struct pk_agent *a) {
    const struct pk_ruleset *s = &a->engine.rules;
    uint64_t hash = s->hash;
    for (uint32_t i = 0; i < s->switch_count; i++) {
        hash ^= pk_hash64_mix(s->switches[i].id_hash, s->switches[i].is_enabled ? 1u : 2u);
    }
    a->rules_hash = (uint32_t)(hash ^ (hash >> 32));
    pk_agent_types_take(a);
    if (a->now.boot != 0 && s->is_stored_off != a->are_rules_off) {
        a->are_rules_off = s->is_stored_off;
        pk_agent_report_store(a, "stored_rules_off", s->is_stored_off ? 1.0 : 0.0);
    }
}

/* ---- answers ---- */

static int fail_diag(struct pk_agent *a, const struct pk_diag *diag) {
    char words[sizeof *diag + 32];
    struct pk_buf b;
    pk_buf_init(&b, words, sizeof words);
    pk_diag_format(diag, &b);
    return pk_agent_fail(a, PK_E_CONFIG, words);
}

static int no_room(struct pk_agent *a) {
    return pk_agent_fail(a, PK_E_BUSY, "the store has no room for the change now; ask again");
}

static void note(struct pk_agent *a, struct pk_str id) {
    (void)pk_str_copy_cut(id, a->rule_note, sizeof a->rule_note);
}

static const char *origin_of(const struct pk_rule *r) {
    return r->is_stored ? "stored" : r->is_own ? "file" : "shipped";
}

void pk_agent_rule_origin(const struct pk_agent *a, struct pk_json_writer *w, uint32_t index) {
    const struct pk_rule *r = pk_engine_rule(&a->engine, index);
    const struct pk_str id = pk_engine_str(&a->engine, r, r->id);
    pk_jw_cstr(w, "origin", origin_of(r));
    pk_jw_bool(w, "switched", pk_ruleset_find_switch(&a->engine.rules, id) != NULL);
}

static void answer_row(const struct pk_agent *a, struct pk_json_writer *w, struct pk_str id) {
    const int index = pk_engine_find_rule(&a->engine, id);
    pk_jw_str(w, "rule_id", id);
    pk_jw_bool(w, "loaded", index >= 0);
    if (index >= 0) {
        pk_agent_rule_origin(a, w, (uint32_t)index);
        pk_jw_bool(w, "enabled", pk_engine_rule_status(&a->engine, (uint32_t)index)->is_enabled);
    }
}

/* Open incidents of a rule that came back are watched for their end again. */
static void adopt_incidents(struct pk_agent *a, uint32_t index) {
    uint32_t active = 0, below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    const struct pk_rule *r = pk_engine_rule(&a->engine, index);
    const struct pk_str id = pk_engine_str(&a->engine, r, r->id);
    if (pk_incident_filter_parse(pk_str_of("active"), &active) < 0) {
        return;
    }
    while ((i = pk_incidents_next(&a->incidents, active, PK_SEV_INFO, &below)) != NULL) {
        const char *why_not = pk_str_eq_c(id, i->rule_id) ? pk_agent_adopt(a, (int)index, i) : NULL;
        if (why_not != NULL) {
            pk_agent_log1(a, PK_LOG_WARNING, why_not, pk_str_of(i->id));
        }
    }
}

/* ---- create, update ---- */

/* Text of the request into the first half of the scratch. */
static int take_text(struct pk_agent *a, const struct pk_request *q, struct pk_str *out) {
    const int n = pk_args_lines(&q->args, "text", a->payload, TEXT_BYTES);
    if (n < 0) {
        return pk_agent_fail(a, PK_E_TOO_BIG, "the text is longer than 2047 bytes; use a file in rules.d");
    }
    *out = pk_str_make(a->payload, (size_t)n);
    return PK_OK;
}

static const char *file_of(const struct pk_request *q) {
    const struct pk_str file = pk_args_text(&q->args, "file");
    return file.n > 0 ? file.p : "rule";
}

static int put_rule(struct pk_agent *a, const char *file, struct pk_str text, struct pk_str *out_id) {
    struct pk_rule_put put;
    struct pk_diag diag;
    if (!pk_agent_batch_has_room(a, RULE_OP_BYTES)) {
        return no_room(a);
    }
    if (text.n > PK_RECORD_RULE_TEXT_BYTES) {
        return pk_agent_fail(a, PK_E_TOO_BIG, "the rule is longer than 1800 bytes; use a file in rules.d");
    }
    const uint32_t types_before = a->intake.types.count;
    const int fit = pk_agent_types_fit(a, file, text, &diag);
    pk_types_cut(&a->intake.types, types_before);
    if (fit < 0) {
        return fail_diag(a, &diag);
    }
    if (pk_engine_put_rule(&a->engine, file, text, a->now.mono_ms, &put, &diag) < 0) {
        return fail_diag(a, &diag);
    }
    put_record(a, put.id, put.section);
    pk_agent_rules_changed(a);
    pk_agent_remark_orphans(a);
    note(a, put.id);
    *out_id = put.id;
    return PK_OK;
}

/* The text of a rule from its fields, in the words of a rule file. */
static int compose(struct pk_agent *a, const struct pk_request *q, struct pk_str *out) {
    static const struct {
        const char *arg, *key;
    } FIELDS[] = {{"name", "title"},
                  {"description", "about"},
                  {"type", "type"},
                  {"on", "on"},
                  {"severity", "severity"},
                  {"threshold", "error_threshold"},
                  {"time_window", "time_window_seconds"},
                  {"check_interval", "check_interval_seconds"}};
    struct pk_buf b;
    const struct pk_str id = pk_args_text(&q->args, "id");
    if (!pk_text_is_id(id, NULL, PK_RULE_ID_BYTES_MAX)) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "id is missing, or not 1 to 47 of A-Z a-z 0-9 _ -");
    }
    pk_buf_init(&b, a->payload, TEXT_BYTES);
    pk_buf_puts(&b, "[rule ");
    pk_buf_put_str(&b, id);
    pk_buf_puts(&b, "]\n");
    for (size_t i = 0; i < PK_COUNT_OF(FIELDS); i++) {
        const bool is_given = pk_args_has(&q->args, FIELDS[i].arg);
        const bool is_threshold = strcmp(FIELDS[i].arg, "threshold") == 0;
        const struct pk_str value = is_given ? pk_args_text(&q->args, FIELDS[i].arg) : pk_str_of("5");
        if (!is_given && !is_threshold) {
            continue;
        }
        if (value.n > 0 && memchr(value.p, '#', value.n) != NULL) {
            return pk_agent_fail(a, PK_E_BAD_FIELD,
                                 "a # would begin a comment: leave it out, or send a text");
        }
        pk_buf_puts(&b, FIELDS[i].key);
        pk_buf_puts(&b, " = ");
        pk_buf_put_str(&b, value);
        pk_buf_putc(&b, '\n');
    }
    *out = pk_buf_str(&b);
    return PK_OK;
}

static int create(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_str text = pk_str_make(NULL, 0), id = text;
    int err = take_text(a, q, &text);
    if (err < 0) {
        return err;
    }
    if (text.n == 0) {
        err = compose(a, q, &text);
    } else if (pk_args_has(&q->args, "id")) {
        err = pk_agent_fail(a, PK_E_BAD_FIELD, "either the text of a rule or its fields, not both");
    }
    if (err < 0) {
        return err;
    }
    const int index = pk_engine_find_rule(&a->engine, pk_ruleset_section_id(text));
    if (index >= 0) {
        return pk_agent_fail(a, PK_E_CONFLICT, "there is such a rule; rules update changes it");
    }
    err = put_rule(a, file_of(q), text, &id);
    if (err == PK_OK) {
        pk_jw_object(w, "result");
        answer_row(a, w, id);
        pk_jw_object_end(w);
    }
    return err;
}

static int edit(struct pk_agent *a, const struct pk_request *q, const struct pk_rule *r, struct pk_str *out) {
    const struct pk_rule_edit e = {.threshold = pk_args_text(&q->args, "threshold"),
                                   .time_window = pk_args_text(&q->args, "time_window"),
                                   .check_interval = pk_args_text(&q->args, "check_interval"),
                                   .severity = pk_args_text(&q->args, "severity")};
    const char *why = "";
    struct pk_buf b;
    if (e.threshold.n + e.time_window.n + e.check_interval.n + e.severity.n == 0) {
        return pk_agent_fail(a, PK_E_MISSING_FIELD,
                             "nothing to change: threshold, time_window, check_interval, severity or text");
    }
    pk_buf_init(&b, a->payload + TEXT_BYTES, TEXT_BYTES);
    const int err = pk_rule_edit(pk_engine_str(&a->engine, r, r->text), &e, &b, &why);
    *out = pk_buf_str(&b);
    return err < 0 ? pk_agent_fail(a, err, why) : PK_OK;
}

static int update(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_str text = pk_str_make(NULL, 0), id = text;
    int err = take_text(a, q, &text);
    if (err < 0) {
        return err;
    }
    const struct pk_str wanted = pk_args_text(&q->args, "rule");
    const int index = pk_engine_find_rule(&a->engine, wanted);
    if (text.n > 0 && !pk_str_eq(pk_ruleset_section_id(text), wanted)) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "the text is of another rule than the one to update");
    }
    if (text.n == 0) {
        if (index < 0) {
            return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such rule");
        }
        err = edit(a, q, pk_engine_rule(&a->engine, (uint32_t)index), &text);
    } else if (index < 0 && !a->engine.rules.is_stored_off) {
        err = pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such rule; rules create makes it");
    }
    err = err < 0 ? err : put_rule(a, file_of(q), text, &id);
    if (err == PK_OK) {
        pk_jw_object(w, "result");
        answer_row(a, w, id);
        pk_jw_object_end(w);
    }
    return err;
}

/* ---- switch, delete ---- */

static bool next_id(struct pk_str *rest, struct pk_str *out) {
    uint32_t n = 0;
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == ',')) {
        *rest = pk_str_make(rest->p + 1, rest->n - 1u);
    }
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != ',') {
        n++;
    }
    *out = pk_str_make(rest->p, n);
    *rest = pk_str_make(rest->p + n, rest->n - n);
    return n > 0;
}

/* All are looked up before the first is switched. */
static int find_all(struct pk_agent *a, struct pk_str ids, uint16_t out[SWITCHED_AT_ONCE]) {
    struct pk_str id;
    int count = 0;
    while (next_id(&ids, &id)) {
        const int index = pk_engine_find_rule(&a->engine, id);
        if (index < 0) {
            char words[96];
            struct pk_buf b;
            pk_buf_init(&b, words, sizeof words);
            pk_buf_puts(&b, "there is no rule ");
            pk_buf_put_str(&b, id);
            return pk_agent_fail(a, PK_E_NOT_FOUND, words);
        }
        if (count == SWITCHED_AT_ONCE) {
            return pk_agent_fail(a, PK_E_TOO_BIG, "at most 32 rules at once");
        }
        out[count++] = (uint16_t)index;
    }
    return count > 0 ? count : pk_agent_fail(a, PK_E_MISSING_FIELD, "no rule is named");
}

static struct pk_str stored_text_of(const struct pk_agent *a, const struct pk_rule *r) {
    return r->is_stored ? pk_engine_str(&a->engine, r, r->text) : pk_str_make(NULL, 0);
}

static int switch_rules(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w,
                        bool is_enabled) {
    uint16_t rules[SWITCHED_AT_ONCE] = {0};
    const struct pk_str ids = pk_args_text(&q->args, "rules");
    const int count = find_all(a, ids, rules);
    if (count < 0) {
        return count;
    }
    uint32_t need_bytes = 0;
    for (int i = 0; i < count; i++) {
        need_bytes += SWITCH_OP_BYTES + stored_text_of(a, pk_engine_rule(&a->engine, rules[i])).n;
    }
    if (!pk_agent_batch_has_room(a, need_bytes)) {
        return no_room(a);
    }
    pk_jw_object(w, "result");
    pk_jw_array(w, "rules");
    for (int i = 0; i < count; i++) {
        const struct pk_rule *r = pk_engine_rule(&a->engine, rules[i]);
        if (pk_engine_enable(&a->engine, rules[i], is_enabled, a->now.mono_ms) < 0) {
            return pk_agent_fail(a, PK_E_FULL, "no room for another switched rule");
        }
        put_record(a, pk_engine_str(&a->engine, r, r->id), stored_text_of(a, r));
        if (is_enabled) {
            adopt_incidents(a, rules[i]);
        }
        pk_jw_object(w, NULL);
        answer_row(a, w, pk_engine_str(&a->engine, r, r->id));
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    pk_agent_rules_changed(a);
    pk_agent_remark_orphans(a);
    note(a, ids);
    return PK_OK;
}

static int delete_rule(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_diag diag;
    const struct pk_str id = pk_args_text(&q->args, "rule");
    if (!pk_agent_batch_has_room(a, RULE_OP_BYTES)) {
        return no_room(a);
    }
    const int err = pk_engine_remove_rule(&a->engine, id, a->now.mono_ms, &diag);
    if (err == PK_E_NOT_FOUND) {
        const int index = pk_engine_find_rule(&a->engine, id);
        return index < 0 ? pk_agent_fail(a, err, "there is no such rule")
                         : pk_agent_fail(a, PK_E_CONFLICT,
                                         "only rules made at run time can be deleted; disable this one");
    }
    if (err < 0) {
        return fail_diag(a, &diag);
    }
    put_record(a, id, pk_str_make(NULL, 0));
    pk_agent_rules_changed(a);
    pk_agent_remark_orphans(a);
    note(a, id);
    pk_jw_object(w, "result");
    answer_row(a, w, id);
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_rules_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    switch (q->cmd) {
    case PK_CMD_RULES_CREATE:
        return create(a, q, w);
    case PK_CMD_RULES_UPDATE:
        return update(a, q, w);
    case PK_CMD_RULES_ENABLE:
        return switch_rules(a, q, w, true);
    case PK_CMD_RULES_DISABLE:
        return switch_rules(a, q, w, false);
    case PK_CMD_RULES_DELETE:
        return delete_rule(a, q, w);
    default:
        return pk_agent_fail(a, PK_E_UNKNOWN_CMD, "no such command");
    }
}
