#include "wire/pk_incident_json.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_escalation.h"
#include "incident/pk_impact.h"
#include "incident/pk_incident_id.h"
#include "wire/pk_fields.h"

/* ---- writing
 * -------------------------------------------------------------------------------------------------------------------
 */

static void write_text(struct pk_json_writer *w, const char *key, const char *text) {
    if (text[0] == '\0') {
        pk_jw_null(w, key);
    } else {
        pk_jw_cstr(w, key, text);
    }
}

static void write_duration(struct pk_json_writer *w, const char *key, const struct pk_incident *i,
                           enum pk_incident_metric metric) {
    uint64_t ms = 0;
    if (pk_incident_duration_ms(i, metric, &ms)) {
        pk_jw_ms_as_seconds(w, key, ms);
    } else {
        pk_jw_null(w, key);
    }
}

static void write_identity(struct pk_json_writer *w, const struct pk_incident *i,
                           const struct pk_incident_view *view) {
    uint8_t fingerprint[8];
    char text[17];
    struct pk_buf b;
    for (unsigned k = 0; k < sizeof fingerprint; k++) {
        fingerprint[k] = (uint8_t)(i->fingerprint >> (56u - 8u * k));
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, fingerprint, sizeof fingerprint);
    pk_jw_u64(w, "v", PK_INCIDENT_JSON_VERSION);
    pk_jw_u64(w, "rev", i->rev);
    pk_jw_cstr(w, "incident_id", i->id);
    pk_jw_str(w, "site", view->site);
    pk_jw_str(w, "gateway", view->gateway);
    pk_jw_u64(w, "boot", view->boot);
    pk_jw_u64(w, "seq", view->seq);
    pk_jw_cstr(w, "incident_type", i->type);
    pk_jw_cstr(w, "rule_id", i->rule_id);
    pk_jw_str(w, "fingerprint", pk_buf_str(&b));
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)i->severity));
    pk_jw_cstr(w, "status", pk_incident_status_word(i->status));
    pk_jw_cstr(w, "stage", pk_incident_stage_word(i->stage));
    pk_jw_bool(w, "acked", i->is_acked);
    write_text(w, "acknowledged_by", i->acked_by);
    pk_jw_time(w, "ack_expires_at", i->ack_until.wall_ms);
    pk_jw_bool(w, "announced", i->is_announced);
    pk_jw_u64(w, "silenced_by", i->silenced_by);
    pk_jw_bool(w, "severity_by_person", i->is_severity_set);
    pk_jw_cstr(w, "title", i->title);
    write_text(w, "description", i->description);
}

static void write_times(struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_time(w, "first_event_at", i->first_event.wall_ms);
    pk_jw_time(w, "detected_at", i->detected.wall_ms);
    pk_jw_time(w, "acknowledged_at", i->acknowledged.wall_ms);
    pk_jw_time(w, "mitigated_at", i->mitigated.wall_ms);
    pk_jw_time(w, "resolved_at", i->resolved.wall_ms);
    pk_jw_time(w, "closed_at", i->closed.wall_ms);
    write_duration(w, "mttd_seconds", i, PK_MTTD);
    write_duration(w, "mtta_seconds", i, PK_MTTA);
    write_duration(w, "mttr_seconds", i, PK_MTTR);
}

/* Time spent in each stage, the present one up to now not counted. */
static void write_stages(struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_object(w, "stage_seconds");
    for (uint8_t k = 0; k < PK_STAGE_COUNT; k++) {
        pk_jw_ms_as_seconds(w, pk_incident_stage_word(k), i->stage_ms[k]);
    }
    pk_jw_object_end(w);
    pk_jw_time(w, "stage_since", i->stage_since.wall_ms);
}

/* null: nobody was called and nobody will be by itself. */
static void write_escalation(struct pk_json_writer *w, const struct pk_incident *i) {
    if (i->escalation_tier == 0 && !pk_stamp_is_set(&i->escalate_due)) {
        pk_jw_null(w, "escalation");
        return;
    }
    pk_jw_object(w, "escalation");
    pk_jw_u64(w, "tier", i->escalation_tier);
    pk_jw_time(w, "at", i->escalated.wall_ms);
    write_text(w, "reason", pk_escalation_reason_word(i->escalation_reason));
    pk_jw_time(w, "next_at", i->escalate_due.wall_ms);
    pk_jw_object_end(w);
}

static void write_impact(struct pk_json_writer *w, const struct pk_incident *i) {
    const struct pk_impact m = pk_impact_of(i);
    pk_jw_object(w, "impact");
    pk_jw_cstr(w, "level", pk_impact_level_word(m.level));
    pk_jw_cstr(w, "reach", pk_impact_reach_word(m.reach));
    pk_jw_u64(w, "affected", m.affected_count);
    pk_jw_u64(w, "depending", i->blast_count);
    pk_jw_object_end(w);
}

static void write_components(struct pk_json_writer *w, const char *key, const struct pk_incident *i) {
    pk_jw_array(w, key);
    for (uint32_t k = 0; k < i->component_count; k++) {
        pk_jw_cstr(w, NULL, i->components[k]);
    }
    pk_jw_array_end(w);
}

static void write_what(struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_u64(w, "event_count", i->event_count);
    pk_jw_array(w, "source_events");
    for (uint32_t k = 0; k < i->source_event_count; k++) {
        char text[24];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_put_u64(&b, i->source_events[k].boot);
        pk_buf_putc(&b, '-');
        pk_buf_put_u64(&b, i->source_events[k].sequence);
        pk_jw_str(w, NULL, pk_buf_str(&b));
    }
    pk_jw_array_end(w);
    write_components(w, "affected_components", i);
    pk_jw_object(w, "overflow");
    pk_jw_u64(w, "source_events", i->source_events_overflow);
    pk_jw_u64(w, "affected_components", i->components_overflow);
    pk_jw_u64(w, "actions", i->actions_overflow);
    pk_jw_u64(w, "texts", i->texts_overflow);
    pk_jw_object_end(w);
    write_text(w, "correlation_id", i->correlation_id);
    write_text(w, "root_cause", i->root_cause);
}

static void write_causes(struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_array(w, "causes");
    for (uint32_t k = 0; k < i->cause_count; k++) {
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "cause", i->causes[k].cause);
        /* Thousandths written as a decimal: the same three digits serve. */
        pk_jw_ms_as_seconds(w, "confidence", i->causes[k].confidence_milli);
        write_text(w, "evidence", i->causes[k].evidence);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    write_text(w, "caused_by", i->caused_by);
    pk_jw_u64(w, "children", i->child_count);
    pk_jw_u64(w, "blast_radius", i->blast_count);
}

static void write_actions(struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_array(w, "actions");
    for (uint32_t k = 0; k < i->action_count; k++) {
        const struct pk_incident_action *a = &i->actions[k];
        char run[16];
        struct pk_buf b;
        pk_buf_init(&b, run, sizeof run);
        pk_buf_put_u64(&b, a->run);
        pk_jw_object(w, NULL);
        pk_jw_str(w, "run_id", pk_buf_str(&b));
        pk_jw_cstr(w, "action", a->action);
        write_text(w, "target", a->target);
        pk_jw_cstr(w, "state", pk_run_state_word(a->state));
        pk_jw_time(w, "at", a->at_wall_ms);
        write_text(w, "result", a->result);
        pk_jw_i64(w, "exit_code", a->exit_code);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_array(w, "recommended");
    for (uint32_t k = 0; k < i->recommended_count; k++) {
        pk_jw_cstr(w, NULL, i->recommended[k]);
    }
    pk_jw_array_end(w);
}

void pk_incident_json_write(struct pk_json_writer *w, const char *key, const struct pk_incident *incident,
                            const struct pk_incident_view *view) {
    pk_jw_object(w, key);
    write_identity(w, incident, view);
    write_times(w, incident);
    write_stages(w, incident);
    write_escalation(w, incident);
    write_impact(w, incident);
    if (view->response_team.n > 0) {
        pk_jw_str(w, "response_team", view->response_team);
    } else {
        pk_jw_null(w, "response_team");
    }
    write_what(w, incident);
    write_causes(w, incident);
    write_actions(w, incident);
    write_text(w, "assigned_to", incident->assigned_to);
    pk_jw_array(w, "tags");
    pk_jw_array_end(w);
    pk_jw_object(w, "metadata");
    write_text(w, "group_key", incident->group_key);
    pk_jw_u64(w, "flap_count", incident->flap_count);
    pk_jw_object_end(w);
    pk_jw_bool(w, "flapping", incident->is_flapping);
    pk_jw_bool(w, "drill", incident->is_drill);
    pk_jw_bool(w, "replayed", incident->is_replayed);
    pk_jw_bool(w, "auto_resolved", incident->is_auto_resolved);
    pk_jw_cstr(w, "time_quality", pk_time_quality_word((enum pk_time_quality)incident->detected.quality));
    if (view->with_aliases) {
        write_components(w, "affected_systems", incident);
        write_duration(w, "mttd", incident, PK_MTTD);
        write_duration(w, "mttr", incident, PK_MTTR);
        pk_jw_time(w, "timestamp", incident->detected.wall_ms);
    }
    pk_jw_object_end(w);
}

/* ---- reading
 * -------------------------------------------------------------------------------------------------------------------
 */

/* The document is read twice: once into the record by a table, once for the members that need a second look.
 */
#define DOC(name, kind, flags, member)                                                                       \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct pk_incident_doc, member),                               \
            (uint32_t)sizeof(((struct pk_incident_doc *)NULL)->member)                                       \
    }
#define INC(name, kind, flags, member) DOC(name, kind, flags, incident.member)

static const struct pk_field DOC_ROWS[] = {
    INC("incident_id", PK_FIELD_TEXT, PK_FIELD_REQUIRED, id),
    INC("rev", PK_FIELD_U32, PK_FIELD_REQUIRED, rev),
    DOC("site", PK_FIELD_TEXT, PK_FIELD_NULLABLE, site),
    DOC("gateway", PK_FIELD_TEXT, PK_FIELD_NULLABLE, gateway),
    DOC("boot", PK_FIELD_U32, PK_FIELD_NULLABLE, boot),
    DOC("seq", PK_FIELD_U64, PK_FIELD_NULLABLE, seq),
    INC("incident_type", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, type),
    INC("rule_id", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, rule_id),
    INC("acked", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_acked),
    INC("acknowledged_by", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, acked_by),
    INC("ack_expires_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, ack_until.wall_ms),
    INC("announced", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_announced),
    INC("severity_by_person", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_severity_set),
    INC("auto_resolved", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_auto_resolved),
    INC("stage_since", PK_FIELD_TIME, PK_FIELD_NULLABLE, stage_since.wall_ms),
    INC("title", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, title),
    INC("description", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, description),
    INC("first_event_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, first_event.wall_ms),
    INC("detected_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, detected.wall_ms),
    INC("acknowledged_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, acknowledged.wall_ms),
    INC("mitigated_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, mitigated.wall_ms),
    INC("resolved_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, resolved.wall_ms),
    INC("closed_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, closed.wall_ms),
    INC("event_count", PK_FIELD_U32, PK_FIELD_NULLABLE, event_count),
    INC("correlation_id", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, correlation_id),
    INC("root_cause", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, root_cause),
    INC("caused_by", PK_FIELD_TEXT, PK_FIELD_NULLABLE, caused_by),
    INC("assigned_to", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, assigned_to),
    INC("flapping", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_flapping),
    INC("drill", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_drill),
    INC("replayed", PK_FIELD_BOOL, PK_FIELD_NULLABLE, is_replayed),
};

struct second {
    uint64_t v, mttd_ms, mtta_ms, mttr_ms, mttd_alias_ms, mttr_alias_ms;
    int64_t timestamp_wall_ms;
    struct pk_str fingerprint, severity, status, stage, time_quality;
    uint32_t silenced_by, children, blast_radius;
    struct pk_str stage_seconds, escalation;
    struct pk_str source_events, components, components_alias, overflow, causes, actions, recommended,
        metadata;
};
enum { AT_V, AT_MTTD, AT_MTTA, AT_MTTR, AT_MTTD_ALIAS, AT_MTTR_ALIAS };
#define SEC(name, kind, flags, member)                                                                       \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct second, member),                                        \
            (uint32_t)sizeof(((struct second *)NULL)->member)                                                \
    }

static const struct pk_field SECOND_ROWS[] = {
    [AT_V] = SEC("v", PK_FIELD_U64, 0, v),
    [AT_MTTD] = SEC("mttd_seconds", PK_FIELD_MS, PK_FIELD_NULLABLE, mttd_ms),
    [AT_MTTA] = SEC("mtta_seconds", PK_FIELD_MS, PK_FIELD_NULLABLE, mtta_ms),
    [AT_MTTR] = SEC("mttr_seconds", PK_FIELD_MS, PK_FIELD_NULLABLE, mttr_ms),
    [AT_MTTD_ALIAS] = SEC("mttd", PK_FIELD_MS, PK_FIELD_NULLABLE, mttd_alias_ms),
    [AT_MTTR_ALIAS] = SEC("mttr", PK_FIELD_MS, PK_FIELD_NULLABLE, mttr_alias_ms),
    SEC("timestamp", PK_FIELD_TIME, PK_FIELD_NULLABLE, timestamp_wall_ms),
    SEC("fingerprint", PK_FIELD_SLICE, PK_FIELD_NULLABLE, fingerprint),
    SEC("severity", PK_FIELD_SLICE, PK_FIELD_REQUIRED, severity),
    SEC("status", PK_FIELD_SLICE, PK_FIELD_REQUIRED, status),
    SEC("stage", PK_FIELD_SLICE, PK_FIELD_NULLABLE, stage),
    SEC("time_quality", PK_FIELD_SLICE, PK_FIELD_NULLABLE, time_quality),
    SEC("source_events", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, source_events),
    SEC("affected_components", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, components),
    SEC("affected_systems", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, components_alias),
    SEC("silenced_by", PK_FIELD_U32, PK_FIELD_NULLABLE, silenced_by),
    SEC("children", PK_FIELD_U32, PK_FIELD_NULLABLE, children),
    SEC("blast_radius", PK_FIELD_U32, PK_FIELD_NULLABLE, blast_radius),
    SEC("stage_seconds", PK_FIELD_OBJECT, PK_FIELD_NULLABLE, stage_seconds),
    SEC("escalation", PK_FIELD_OBJECT, PK_FIELD_NULLABLE, escalation),
    SEC("overflow", PK_FIELD_OBJECT, PK_FIELD_NULLABLE, overflow),
    SEC("causes", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, causes),
    SEC("actions", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, actions),
    SEC("recommended", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, recommended),
    SEC("metadata", PK_FIELD_OBJECT, PK_FIELD_NULLABLE, metadata),
};

static const struct pk_field OVERFLOW_ROWS[] = {
    {"source_events", PK_FIELD_U32, 0, (uint32_t)offsetof(struct pk_incident, source_events_overflow), 0},
    {"affected_components", PK_FIELD_U32, 0, (uint32_t)offsetof(struct pk_incident, components_overflow), 0},
    {"actions", PK_FIELD_U32, 0, (uint32_t)offsetof(struct pk_incident, actions_overflow), 0},
};
struct texts_overflow {
    uint32_t count;
};
static const struct pk_field TEXTS_ROWS[] = {
    {"texts", PK_FIELD_U32, 0, (uint32_t)offsetof(struct texts_overflow, count), 0},
};
static const struct pk_field METADATA_ROWS[] = {
    {"group_key", PK_FIELD_TEXT_CUT, PK_FIELD_NULLABLE, (uint32_t)offsetof(struct pk_incident, group_key),
     PK_INC_NAME_BYTES},
    {"flap_count", PK_FIELD_U32, PK_FIELD_NULLABLE, (uint32_t)offsetof(struct pk_incident, flap_count), 0},
};

/* In the order of the enum. */
struct stages {
    uint64_t ms[PK_STAGE_COUNT];
};
#define STAGE(name, symbol)                                                                                  \
    {                                                                                                        \
        name, PK_FIELD_MS, 0,                                                                                \
            (uint32_t)(offsetof(struct stages, ms) + PK_STAGE_##symbol * sizeof(uint64_t)), 0                \
    }
static const struct pk_field STAGE_ROWS[] = {
    STAGE("assess", ASSESS),       STAGE("contain", CONTAIN), STAGE("investigate", INVESTIGATE),
    STAGE("remediate", REMEDIATE), STAGE("recover", RECOVER), STAGE("postmortem", POSTMORTEM),
};
#undef STAGE

static int read_rows(struct pk_str json, const struct pk_field *rows, uint32_t row_count, void *out) {
    struct pk_fields_result result;
    return json.p == NULL ? PK_OK
                          : pk_fields_read(json.p, json.n, rows, row_count, PK_FIELDS_LENIENT, out, &result);
}

/* Items of an array slice. PK_OK, PK_E_NOT_FOUND at its end. The slice was validated when it was cut out. */
static int next_item(struct pk_json_reader *r, struct pk_json_token *t) {
    const int err = pk_json_next(r, t);
    if (err != PK_OK) {
        return err;
    }
    return t->kind == PK_JSON_CLOSE ? PK_E_NOT_FOUND : PK_OK;
}

/* PK_OK: stands before the first item; PK_E_NOT_FOUND: there is no array. */
static int open_array(struct pk_json_reader *r, struct pk_str json) {
    struct pk_json_token t;
    if (json.p == NULL) {
        return PK_E_NOT_FOUND;
    }
    pk_json_init(r, json.p, json.n);
    return pk_json_next(r, &t);
}

static int read_texts(struct pk_str json, char *items, uint32_t item_bytes, uint32_t item_max,
                      uint8_t *out_count, uint32_t *overflow) {
    struct pk_json_reader r;
    struct pk_json_token t;
    int err = open_array(&r, json);
    while (err == PK_OK && (err = next_item(&r, &t)) == PK_OK) {
        if (t.kind != PK_JSON_STRING) {
            return PK_E_BAD_FIELD;
        }
        if (*out_count == item_max) {
            *overflow += 1;
            continue;
        }
        const int n = pk_json_string(&t, items + (size_t)*out_count * item_bytes, item_bytes);
        if (n < 0 && n != PK_E_TOO_BIG) {
            return PK_E_BAD_FIELD;
        }
        *out_count = (uint8_t)(*out_count + 1);
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

static int read_source_events(struct pk_str json, struct pk_incident *i) {
    struct pk_json_reader r;
    struct pk_json_token t;
    int err = open_array(&r, json);
    while (err == PK_OK && (err = next_item(&r, &t)) == PK_OK) {
        struct pk_str rest = t.raw;
        struct pk_str boot;
        uint64_t boot_number = 0;
        uint64_t sequence = 0;
        if (t.kind != PK_JSON_STRING || !pk_str_split(&rest, '-', &boot) || rest.p == NULL ||
            pk_parse_u64(boot, &boot_number) != PK_OK || pk_parse_u64(rest, &sequence) != PK_OK ||
            boot_number > UINT32_MAX || sequence > UINT32_MAX) {
            return PK_E_BAD_FIELD;
        }
        if (i->source_event_count == PK_INC_SOURCE_EVENTS) {
            i->source_events_overflow++;
            continue;
        }
        i->source_events[i->source_event_count++] =
            (struct pk_incident_event_ref){.boot = (uint32_t)boot_number, .sequence = (uint32_t)sequence};
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

struct cause_item {
    char cause[PK_INC_CAUSE_BYTES], evidence[PK_INC_EVIDENCE_BYTES];
    uint64_t confidence_milli;
};
#define CAUSE(name, kind, member)                                                                            \
    {                                                                                                        \
        name, kind, PK_FIELD_NULLABLE, (uint32_t)offsetof(struct cause_item, member),                        \
            (uint32_t)sizeof(((struct cause_item *)NULL)->member)                                            \
    }
static const struct pk_field CAUSE_ROWS[] = {
    CAUSE("cause", PK_FIELD_TEXT_CUT, cause), CAUSE("evidence", PK_FIELD_TEXT_CUT, evidence),
    CAUSE("confidence", PK_FIELD_MS,
          confidence_milli), /* thousandths of one, as MS are thousandths of a second */
};

static struct pk_str item_slice(const struct pk_json_reader *r, uint32_t start) {
    return pk_str_make(r->p + start, r->at_byte - start);
}

static int read_causes(struct pk_str json, struct pk_incident *i) {
    struct pk_json_reader r;
    struct pk_json_token t;
    int err = open_array(&r, json);
    while (err == PK_OK && (err = next_item(&r, &t)) == PK_OK) {
        struct cause_item item = {0};
        if (t.kind != PK_JSON_OBJECT || pk_json_skip(&r, &t) != PK_OK ||
            read_rows(item_slice(&r, t.at_byte), CAUSE_ROWS, PK_COUNT_OF(CAUSE_ROWS), &item) != PK_OK ||
            item.confidence_milli > 1000) {
            return PK_E_BAD_FIELD;
        }
        if (i->cause_count == PK_INC_CAUSES) {
            i->texts_overflow++;
            continue;
        }
        struct pk_incident_cause *cause = &i->causes[i->cause_count++];
        memcpy(cause->cause, item.cause, sizeof cause->cause);
        memcpy(cause->evidence, item.evidence, sizeof cause->evidence);
        cause->confidence_milli = (uint16_t)item.confidence_milli;
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

struct action_item {
    struct pk_str run_id, state;
    int64_t exit_code;
    struct pk_incident_action action;
};
#define ACTION(name, kind, member)                                                                           \
    {                                                                                                        \
        name, kind, PK_FIELD_NULLABLE, (uint32_t)offsetof(struct action_item, member),                       \
            (uint32_t)sizeof(((struct action_item *)NULL)->member)                                           \
    }
static const struct pk_field ACTION_ROWS[] = {
    ACTION("run_id", PK_FIELD_SLICE, run_id),           ACTION("state", PK_FIELD_SLICE, state),
    ACTION("exit_code", PK_FIELD_I64, exit_code),       ACTION("action", PK_FIELD_TEXT_CUT, action.action),
    ACTION("target", PK_FIELD_TEXT_CUT, action.target), ACTION("at", PK_FIELD_TIME, action.at_wall_ms),
    ACTION("result", PK_FIELD_TEXT_CUT, action.result),
};

static int read_actions(struct pk_str json, struct pk_incident *i) {
    struct pk_json_reader r;
    struct pk_json_token t;
    int err = open_array(&r, json);
    while (err == PK_OK && (err = next_item(&r, &t)) == PK_OK) {
        struct action_item item = {0};
        uint64_t run = 0;
        if (t.kind != PK_JSON_OBJECT || pk_json_skip(&r, &t) != PK_OK ||
            read_rows(item_slice(&r, t.at_byte), ACTION_ROWS, PK_COUNT_OF(ACTION_ROWS), &item) != PK_OK ||
            pk_parse_u64(item.run_id, &run) != PK_OK || run > UINT32_MAX ||
            pk_run_state_parse(item.state, &item.action.state) != PK_OK || item.exit_code > INT32_MAX ||
            item.exit_code < INT32_MIN) {
            return PK_E_BAD_FIELD;
        }
        if (i->action_count == PK_INC_ACTIONS) {
            i->actions_overflow++;
            continue;
        }
        item.action.run = (uint32_t)run;
        item.action.exit_code = (int32_t)item.exit_code;
        i->actions[i->action_count++] = item.action;
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

static int read_lists(const struct second *s, struct pk_incident *i, const char **out_field) {
    const struct pk_str components = s->components.p != NULL ? s->components : s->components_alias;
    uint32_t recommended_overflow = 0;
    struct texts_overflow texts = {0};
    *out_field = "overflow";
    if (read_rows(s->overflow, OVERFLOW_ROWS, PK_COUNT_OF(OVERFLOW_ROWS), i) != PK_OK ||
        read_rows(s->overflow, TEXTS_ROWS, PK_COUNT_OF(TEXTS_ROWS), &texts) != PK_OK ||
        texts.count > UINT16_MAX) {
        return PK_E_BAD_FIELD;
    }
    i->texts_overflow = (uint16_t)texts.count;
    *out_field = "metadata";
    if (read_rows(s->metadata, METADATA_ROWS, PK_COUNT_OF(METADATA_ROWS), i) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "source_events";
    if (read_source_events(s->source_events, i) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "affected_components";
    if (read_texts(components, i->components[0], PK_INC_NAME_BYTES, PK_INC_COMPONENTS, &i->component_count,
                   &i->components_overflow) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "causes";
    if (read_causes(s->causes, i) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "actions";
    if (read_actions(s->actions, i) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "recommended";
    return read_texts(s->recommended, i->recommended[0], PK_INC_ACTION_BYTES, PK_INC_RECOMMENDED,
                      &i->recommended_count, &recommended_overflow);
}

static uint16_t saturated(uint32_t v) {
    return v > UINT16_MAX ? UINT16_MAX : (uint16_t)v;
}

static int read_stages(const struct second *s, struct pk_incident *i, const char **out_field) {
    struct stages stages = {{0}};
    *out_field = "stage_seconds";
    if (read_rows(s->stage_seconds, STAGE_ROWS, PK_COUNT_OF(STAGE_ROWS), &stages) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t k = 0; k < PK_STAGE_COUNT; k++) {
        i->stage_ms[k] = stages.ms[k] > UINT32_MAX ? UINT32_MAX : (uint32_t)stages.ms[k];
    }
    i->silenced_by = saturated(s->silenced_by);
    i->child_count = saturated(s->children);
    i->blast_count = saturated(s->blast_radius);
    return PK_OK;
}

struct escalation_item {
    uint32_t tier;
    int64_t at, next_at;
    struct pk_str reason;
};
#define ESCALATION(name, kind, flags, member)                                                                \
    { name, kind, flags, (uint32_t)offsetof(struct escalation_item, member), 0 }
static const struct pk_field ESCALATION_ROWS[] = {
    ESCALATION("tier", PK_FIELD_U32, PK_FIELD_REQUIRED, tier),
    ESCALATION("at", PK_FIELD_TIME, PK_FIELD_NULLABLE, at),
    ESCALATION("next_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, next_at),
    ESCALATION("reason", PK_FIELD_SLICE, PK_FIELD_NULLABLE, reason),
};
#undef ESCALATION

static int read_escalation(const struct second *s, struct pk_incident *i, const char **out_field) {
    struct escalation_item e = {0};
    *out_field = "escalation";
    if (s->escalation.p == NULL) {
        return PK_OK;
    }
    if (read_rows(s->escalation, ESCALATION_ROWS, PK_COUNT_OF(ESCALATION_ROWS), &e) != PK_OK ||
        e.tier > PK_ESC_TIERS_MAX || (e.tier > 0) != (e.reason.p != NULL) ||
        (e.tier > 0 && pk_escalation_reason_parse(e.reason, &i->escalation_reason) != PK_OK)) {
        return PK_E_BAD_FIELD;
    }
    i->escalation_tier = (uint8_t)e.tier;
    i->escalated.wall_ms = e.at;
    i->escalate_due.wall_ms = e.next_at;
    return PK_OK;
}

static int read_quality(struct pk_str word, struct pk_incident *i) {
    if (word.p == NULL) {
        return PK_OK;
    }
    for (unsigned q = 0; q < PK_TIME_QUALITY_COUNT; q++) {
        if (pk_str_eq_c(word, pk_time_quality_word((enum pk_time_quality)q))) {
            struct pk_stamp *const stamps[] = {
                &i->first_event, &i->detected,  &i->acknowledged, &i->mitigated, &i->resolved,
                &i->closed,      &i->ack_until, &i->stage_since,  &i->escalated, &i->escalate_due};
            for (unsigned k = 0; k < PK_COUNT_OF(stamps); k++) {
                stamps[k]->quality = (uint8_t)q;
            }
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

static int read_words(const struct second *s, struct pk_incident *i, const char **out_field) {
    enum pk_severity severity;
    *out_field = "severity";
    if (pk_severity_parse(s->severity, &severity) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    i->severity = (uint8_t)severity;
    *out_field = "status";
    if (pk_incident_status_parse(s->status, &i->status, &i->stage) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "stage";
    if (s->stage.p != NULL && pk_incident_stage_parse(s->stage, &i->stage) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "fingerprint";
    if (s->fingerprint.p != NULL &&
        (s->fingerprint.n != 16 || pk_parse_hex_u64(s->fingerprint, &i->fingerprint) != PK_OK)) {
        return PK_E_BAD_FIELD;
    }
    *out_field = "time_quality";
    return read_quality(s->time_quality, i);
}

/* Boot and number stand in the id as well. */
static int read_id(struct pk_incident *i) {
    struct pk_incident_ref ref;
    if (pk_incident_id_parse(pk_str_of(i->id), &ref) != PK_OK || ref.is_short) {
        return PK_E_BAD_FIELD;
    }
    i->number = ref.number;
    i->boot = ref.boot;
    return PK_OK;
}

static struct pk_span_ms span_of(const struct pk_fields_result *result, uint32_t row, uint64_t ms,
                                 uint32_t alias_row, uint64_t alias_ms) {
    if (pk_fields_has(result, row)) {
        return (struct pk_span_ms){true, ms};
    }
    const bool is_known = alias_row != row && pk_fields_has(result, alias_row);
    return (struct pk_span_ms){is_known, is_known ? alias_ms : 0};
}

int pk_incident_json_read(const void *p, uint32_t n, struct pk_incident_doc *out, const char **out_field) {
    struct second s = {.v = PK_INCIDENT_JSON_VERSION};
    struct pk_fields_result result;
    *out = (struct pk_incident_doc){0};
    int err = pk_fields_read(p, n, DOC_ROWS, PK_COUNT_OF(DOC_ROWS), PK_FIELDS_LENIENT, out, &result);
    *out_field = result.field;
    if (err != PK_OK) {
        return err;
    }
    err = pk_fields_read(p, n, SECOND_ROWS, PK_COUNT_OF(SECOND_ROWS), PK_FIELDS_LENIENT, &s, &result);
    *out_field = result.field;
    if (err != PK_OK) {
        return err;
    }
    if (s.v > PK_INCIDENT_JSON_VERSION) {
        *out_field = "v";
        return PK_E_UNSUPPORTED;
    }
    out->mttd = span_of(&result, AT_MTTD, s.mttd_ms, AT_MTTD_ALIAS, s.mttd_alias_ms);
    out->mtta = span_of(&result, AT_MTTA, s.mtta_ms, AT_MTTA, 0);
    out->mttr = span_of(&result, AT_MTTR, s.mttr_ms, AT_MTTR_ALIAS, s.mttr_alias_ms);
    if (out->incident.detected.wall_ms == 0) {
        out->incident.detected.wall_ms = s.timestamp_wall_ms;
    }
    *out_field = "incident_id";
    if ((err = read_id(&out->incident)) != PK_OK ||
        (err = read_words(&s, &out->incident, out_field)) != PK_OK ||
        (err = read_stages(&s, &out->incident, out_field)) != PK_OK ||
        (err = read_escalation(&s, &out->incident, out_field)) != PK_OK ||
        (err = read_lists(&s, &out->incident, out_field)) != PK_OK) {
        return err;
    }
    *out_field = "";
    return PK_OK;
}
