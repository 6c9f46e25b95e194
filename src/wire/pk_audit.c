#include "wire/pk_audit.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_fields.h"

void pk_audit_genesis(struct pk_audit_head *head) {
    *head = (struct pk_audit_head){0};
}

static void write_entry(struct pk_buf *b, const struct pk_audit_entry *e, struct pk_str text) {
    struct pk_json_writer w;
    pk_jw_init(&w, b);
    pk_jw_object(&w, NULL);
    pk_jw_time(&w, "at", e->at.wall_ms);
    pk_jw_u64(&w, "boot", e->at.boot);
    pk_jw_u64(&w, "mono_ms", e->at.mono_ms);
    pk_jw_cstr(&w, "quality", pk_time_quality_word((enum pk_time_quality)e->at.quality));
    if (e->incident_number != 0) {
        pk_jw_u64(&w, "incident", e->incident_number);
    } else {
        pk_jw_null(&w, "incident");
    }
    pk_jw_cstr(&w, "severity", pk_severity_word((enum pk_severity)e->severity));
    pk_jw_cstr(&w, "kind", e->kind);
    pk_jw_cstr(&w, "who", e->who);
    pk_jw_str(&w, "text", text);
    pk_jw_object_end(&w);
}

uint32_t pk_audit_entry_json(const struct pk_audit_entry *entry, char out[PK_AUDIT_JSON_BYTES]) {
    struct pk_buf b;
    char text[PK_AUDIT_TEXT_BYTES];
    uint32_t keep = (uint32_t)sizeof text;
    /* Escapes can make a text six times as long: halve it until the whole fits. An empty one always does. */
    for (;;) {
        const uint32_t n = keep > 1 ? pk_str_copy_cut(pk_str_of(entry->text), text, keep) : 0;
        pk_buf_init(&b, out, PK_AUDIT_JSON_BYTES);
        write_entry(&b, entry, pk_str_make(text, n));
        if (!b.is_cut) {
            return b.n;
        }
        PK_ASSERT(keep > 1);
        keep /= 2;
    }
}

struct reading {
    struct pk_audit_entry entry;
    struct pk_str quality, severity;
};
#define ROW(name, kind, flags, member)                                                                       \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct reading, member),                                       \
            (uint32_t)sizeof(((struct reading *)NULL)->member)                                               \
    }
static const struct pk_field ROWS[] = {
    ROW("at", PK_FIELD_TIME, PK_FIELD_NULLABLE, entry.at.wall_ms),
    ROW("boot", PK_FIELD_U32, PK_FIELD_REQUIRED, entry.at.boot),
    ROW("mono_ms", PK_FIELD_U64, PK_FIELD_REQUIRED, entry.at.mono_ms),
    ROW("quality", PK_FIELD_SLICE, PK_FIELD_REQUIRED, quality),
    ROW("incident", PK_FIELD_U32, PK_FIELD_NULLABLE, entry.incident_number),
    ROW("severity", PK_FIELD_SLICE, PK_FIELD_REQUIRED, severity),
    ROW("kind", PK_FIELD_TEXT, PK_FIELD_REQUIRED, entry.kind),
    ROW("who", PK_FIELD_TEXT, PK_FIELD_REQUIRED, entry.who),
    ROW("text", PK_FIELD_TEXT, PK_FIELD_REQUIRED, entry.text),
};

int pk_audit_entry_parse(struct pk_str json, struct pk_audit_entry *out) {
    struct reading r = {.quality = {0}};
    struct pk_fields_result result;
    const int err = pk_fields_read(json.p, json.n, ROWS, PK_COUNT_OF(ROWS), PK_FIELDS_LENIENT, &r, &result);
    if (err != PK_OK) {
        return err == PK_E_TOO_DEEP ? PK_E_BAD_MSG : err;
    }
    enum pk_severity severity;
    if (pk_severity_parse(r.severity, &severity) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    unsigned q = 0;
    while (q < PK_TIME_QUALITY_COUNT &&
           !pk_str_eq_c(r.quality, pk_time_quality_word((enum pk_time_quality)q))) {
        q++;
    }
    if (q == PK_TIME_QUALITY_COUNT) {
        return PK_E_BAD_FIELD;
    }
    *out = r.entry;
    out->severity = (uint8_t)severity;
    out->at.quality = (uint8_t)q;
    return PK_OK;
}

static void hash_next(const struct pk_audit_head *head, const struct pk_port_crypto *crypto,
                      struct pk_str json, uint8_t out[PK_SHA256_BYTES]) {
    uint8_t numbers[12];
    const uint64_t n = head->n + 1;
    for (unsigned i = 0; i < 8; i++) {
        numbers[i] = (uint8_t)(n >> (56u - 8u * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        numbers[8 + i] = (uint8_t)(json.n >> (24u - 8u * i));
    }
    const struct pk_str parts[] = {
        pk_str_make((const char *)head->hash, sizeof head->hash),
        pk_str_make((const char *)numbers, sizeof numbers),
        json,
    };
    crypto->sha256(crypto->ctx, parts, PK_COUNT_OF(parts), out);
}

void pk_audit_step(struct pk_audit_head *head, const struct pk_port_crypto *crypto, struct pk_str json) {
    uint8_t hash[PK_SHA256_BYTES];
    hash_next(head, crypto, json, hash);
    memcpy(head->hash, hash, sizeof hash);
    head->n++;
}

int pk_audit_check(struct pk_audit_head *head, const struct pk_port_crypto *crypto, uint64_t n,
                   struct pk_str json, const uint8_t hash[PK_SHA256_BYTES]) {
    uint8_t expected[PK_SHA256_BYTES];
    if (n != head->n + 1) {
        return PK_E_CONFLICT;
    }
    hash_next(head, crypto, json, expected);
    if (memcmp(expected, hash, sizeof expected) != 0) {
        return PK_E_CORRUPT;
    }
    memcpy(head->hash, hash, sizeof expected);
    head->n = n;
    return PK_OK;
}
