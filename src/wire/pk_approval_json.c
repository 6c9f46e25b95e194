#include "wire/pk_approval_json.h"

#include <stddef.h>

#include "base/pk_assert.h"
#include "wire/pk_fields.h"

static void write_list(struct pk_json_writer *w, const char *key, const struct pk_approval_list *list) {
    PK_ASSERT(list->count <= PK_APPROVAL_LIST_MAX);
    pk_jw_array(w, key);
    for (uint32_t i = 0; i < list->count; i++) {
        pk_jw_str(w, NULL, list->items[i]);
    }
    pk_jw_array_end(w);
}

static void write_optional(struct pk_json_writer *w, const char *key, struct pk_str text) {
    if (text.n > 0) {
        pk_jw_str(w, key, text);
    } else {
        pk_jw_null(w, key);
    }
}

void pk_approval_json_write(struct pk_json_writer *w, const char *key, const struct pk_approval_doc *a) {
    char run[16];
    struct pk_buf b;
    pk_buf_init(&b, run, sizeof run);
    pk_buf_put_u64(&b, a->run);
    pk_jw_object(w, key);
    pk_jw_u64(w, "v", 1);
    pk_jw_str(w, "approval_id", a->approval_id);
    pk_jw_str(w, "incident_id", a->incident_id);
    pk_jw_str(w, "run_id", pk_buf_str(&b));
    pk_jw_str(w, "action", a->action);
    write_optional(w, "target", a->target);
    pk_jw_str(w, "risk", a->risk);
    write_list(w, "risk_factors", &a->risk_factors);
    write_optional(w, "estimated_impact", a->estimated_impact);
    write_list(w, "mitigation_steps", &a->mitigation_steps);
    write_list(w, "affected_resources", &a->affected_resources);
    write_list(w, "evidence", &a->evidence);
    write_optional(w, "undo", a->undo);
    pk_jw_time(w, "requested_at", a->requested_wall_ms);
    pk_jw_time(w, "expires_at", a->expires_wall_ms);
    pk_jw_u64(w, "needs", a->needs);
    pk_jw_str(w, "role", a->role);
    pk_jw_str(w, "state", a->state);
    write_optional(w, "decided_by", a->decided_by);
    if (a->is_local) {
        pk_jw_u64(w, "have", a->have);
        write_optional(w, "delegated_to", a->delegated_to);
    }
    if (a->is_local && a->left_ms > 0) {
        pk_jw_ms_as_seconds(w, "expires_in_seconds", a->left_ms);
    }
    pk_jw_object_end(w);
}

struct reading {
    struct pk_approval_doc doc;
    struct pk_str run_id;
    struct pk_str lists[4];
};
#define ROW(name, kind, flags, member)                                                                       \
    { name, kind, flags, (uint32_t)offsetof(struct reading, member), 0 }
/* Texts are cut out as they stand, quotes included, and unescaped into the caller's buffer afterwards. */
static const struct pk_field ROWS[] = {
    ROW("approval_id", PK_FIELD_RAW, PK_FIELD_REQUIRED, doc.approval_id),
    ROW("incident_id", PK_FIELD_RAW, PK_FIELD_REQUIRED, doc.incident_id),
    ROW("action", PK_FIELD_RAW, PK_FIELD_REQUIRED, doc.action),
    ROW("state", PK_FIELD_RAW, PK_FIELD_REQUIRED, doc.state),
    ROW("run_id", PK_FIELD_SLICE, PK_FIELD_NULLABLE, run_id),
    ROW("target", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.target),
    ROW("risk", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.risk),
    ROW("estimated_impact", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.estimated_impact),
    ROW("undo", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.undo),
    ROW("role", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.role),
    ROW("decided_by", PK_FIELD_RAW, PK_FIELD_NULLABLE, doc.decided_by),
    ROW("risk_factors", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, lists[0]),
    ROW("mitigation_steps", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, lists[1]),
    ROW("affected_resources", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, lists[2]),
    ROW("evidence", PK_FIELD_ARRAY, PK_FIELD_NULLABLE, lists[3]),
    ROW("requested_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, doc.requested_wall_ms),
    ROW("expires_at", PK_FIELD_TIME, PK_FIELD_NULLABLE, doc.expires_wall_ms),
    ROW("needs", PK_FIELD_U8, PK_FIELD_NULLABLE, doc.needs),
};

struct text_space {
    char *p;
    size_t cap_bytes, n;
};

static int keep_text(struct text_space *space, const struct pk_json_token *t, struct pk_str *out) {
    if (t->kind != PK_JSON_STRING) {
        return PK_E_BAD_FIELD;
    }
    if (space->n >= space->cap_bytes) {
        return PK_E_TOO_BIG;
    }
    const int n = pk_json_string(t, space->p + space->n, space->cap_bytes - space->n);
    if (n < 0) {
        return n;
    }
    *out = pk_str_make(space->p + space->n, (size_t)n);
    space->n += (size_t)n + 1;
    return PK_OK;
}

/* Replaces a raw value by its text. */
static int resolve(struct text_space *space, struct pk_str *text) {
    struct pk_json_reader r;
    struct pk_json_token t;
    if (text->p == NULL) {
        return PK_OK;
    }
    pk_json_init(&r, text->p, text->n);
    const int err = pk_json_next(&r, &t);
    return err == PK_OK ? keep_text(space, &t, text) : err;
}

static int resolve_list(struct text_space *space, struct pk_str raw, struct pk_approval_list *out) {
    struct pk_json_reader r;
    struct pk_json_token t;
    if (raw.p == NULL) {
        return PK_OK;
    }
    pk_json_init(&r, raw.p, raw.n);
    int err = pk_json_next(&r, &t);
    while (err == PK_OK && (err = pk_json_next(&r, &t)) == PK_OK && t.kind != PK_JSON_CLOSE) {
        if (out->count == PK_APPROVAL_LIST_MAX) {
            err = t.kind == PK_JSON_STRING ? PK_OK : PK_E_BAD_FIELD;
            continue;
        }
        err = keep_text(space, &t, &out->items[out->count]);
        out->count += err == PK_OK ? 1u : 0u;
    }
    return err;
}

int pk_approval_json_read(const void *p, uint32_t n, char *text, size_t text_cap_bytes,
                          struct pk_approval_doc *out) {
    struct reading r = {.run_id = {0}};
    struct pk_fields_result result;
    struct text_space space = {text, text_cap_bytes, 0};
    int err = pk_fields_read(p, n, ROWS, PK_COUNT_OF(ROWS), PK_FIELDS_LENIENT, &r, &result);
    if (err != PK_OK) {
        return err;
    }
    struct pk_str *const texts[] = {
        &r.doc.approval_id, &r.doc.incident_id,      &r.doc.action, &r.doc.state, &r.doc.target,
        &r.doc.risk,        &r.doc.estimated_impact, &r.doc.undo,   &r.doc.role,  &r.doc.decided_by};
    struct pk_approval_list *const lists[] = {&r.doc.risk_factors, &r.doc.mitigation_steps,
                                              &r.doc.affected_resources, &r.doc.evidence};
    for (unsigned i = 0; i < PK_COUNT_OF(texts) && err == PK_OK; i++) {
        err = resolve(&space, texts[i]);
    }
    for (unsigned i = 0; i < PK_COUNT_OF(lists) && err == PK_OK; i++) {
        err = resolve_list(&space, r.lists[i], lists[i]);
    }
    if (err != PK_OK) {
        return err;
    }
    uint64_t run = 0;
    if (r.run_id.p != NULL && (pk_parse_u64(r.run_id, &run) != PK_OK || run > UINT32_MAX)) {
        return PK_E_BAD_FIELD;
    }
    r.doc.run = (uint32_t)run;
    *out = r.doc;
    return PK_OK;
}
