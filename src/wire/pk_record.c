#include "wire/pk_record.h"

#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_jws.h"

enum { VERSION = 1 };

/* ---- keys
 * ----------------------------------------------------------------------------------------------------------------------
 */

struct pk_str pk_record_key_str(const struct pk_record_key *key) {
    return pk_str_make((const char *)key->bytes, key->n);
}

static void key_word(struct pk_record_key *key, const char *word) {
    key->n = (uint32_t)strlen(word);
    memcpy(key->bytes, word, key->n);
}

static void key_number(struct pk_record_key *key, uint64_t v, uint32_t width) {
    PK_ASSERT(key->n + width <= sizeof key->bytes);
    for (uint32_t i = 0; i < width; i++) {
        key->bytes[key->n + i] = (uint8_t)(v >> (8u * (width - 1u - i)));
    }
    key->n += width;
}

void pk_record_key_log(struct pk_record_key *out, uint64_t n) {
    key_word(out, "L");
    key_number(out, n, 8);
}

void pk_record_key_outbox(struct pk_record_key *out, uint8_t lane, uint32_t boot, uint64_t seq) {
    key_word(out, "O");
    key_number(out, lane, 1);
    key_number(out, boot, 4);
    key_number(out, seq, 8);
}

void pk_record_key_incident(struct pk_record_key *out, uint32_t number) {
    key_word(out, "i");
    key_number(out, number, 4);
}

void pk_record_key_run(struct pk_record_key *out, uint32_t boot, uint32_t run) {
    key_word(out, "r");
    key_number(out, boot, 4);
    key_number(out, run, 4);
}

void pk_record_key_jti(struct pk_record_key *out, uint64_t hash) {
    key_word(out, "j");
    key_number(out, hash, 8);
}

void pk_record_key_key(struct pk_record_key *out, uint8_t slot) {
    key_word(out, "k");
    key_number(out, slot, 1);
}

void pk_record_key_rule(struct pk_record_key *out, uint64_t hash) {
    key_word(out, "u");
    key_number(out, hash, 8);
}

void pk_record_key_session(struct pk_record_key *out, uint8_t link) {
    key_word(out, "q");
    key_number(out, link, 1);
}

void pk_record_key_learned(struct pk_record_key *out, uint16_t row) {
    key_word(out, "l");
    key_number(out, row, 2);
}

void pk_record_key_capsule(struct pk_record_key *out, uint32_t number, uint8_t chunk) {
    key_word(out, "f");
    key_number(out, number, 4);
    key_number(out, chunk, 1);
}

void pk_record_key_meta(struct pk_record_key *out) {
    key_word(out, "meta");
}

void pk_record_key_schema(struct pk_record_key *out) {
    key_word(out, "schema");
}

static uint64_t number_at(struct pk_str key, uint32_t at, uint32_t width) {
    uint64_t v = 0;
    for (uint32_t i = 0; i < width; i++) {
        v = v << 8 | (uint8_t)key.p[at + i];
    }
    return v;
}

int pk_record_key_log_parse(struct pk_str key, uint64_t *out_n) {
    if (key.n != 9 || key.p[0] != 'L') {
        return PK_E_BAD_MSG;
    }
    *out_n = number_at(key, 1, 8);
    return PK_OK;
}

int pk_record_key_session_parse(struct pk_str key, uint8_t *out_link) {
    if (key.n != 2 || key.p[0] != 'q') {
        return PK_E_BAD_MSG;
    }
    *out_link = (uint8_t)key.p[1];
    return PK_OK;
}

int pk_record_key_learned_parse(struct pk_str key, uint16_t *out_row) {
    if (key.n != 3 || key.p[0] != 'l') {
        return PK_E_BAD_MSG;
    }
    *out_row = (uint16_t)number_at(key, 1, 2);
    return PK_OK;
}

int pk_record_key_capsule_parse(struct pk_str key, uint32_t *out_number, uint8_t *out_chunk) {
    if (key.n != 6 || key.p[0] != 'f') {
        return PK_E_BAD_MSG;
    }
    *out_number = (uint32_t)number_at(key, 1, 4);
    *out_chunk = (uint8_t)number_at(key, 5, 1);
    return PK_OK;
}

int pk_record_key_outbox_parse(struct pk_str key, uint8_t *out_lane, uint32_t *out_boot, uint64_t *out_seq) {
    if (key.n != 14 || key.p[0] != 'O') {
        return PK_E_BAD_MSG;
    }
    *out_lane = (uint8_t)key.p[1];
    *out_boot = (uint32_t)number_at(key, 2, 4);
    *out_seq = number_at(key, 6, 8);
    return PK_OK;
}

/* ---- what all records share
 * ------------------------------------------------------------------------------------------------------ */

static void put_head(struct pk_writer *w, enum pk_record_kind kind) {
    pk_put_u8(w, (uint8_t)kind);
    pk_put_u8(w, VERSION);
}

static int get_head(struct pk_reader *r, struct pk_str value, enum pk_record_kind kind) {
    pk_reader_init(r, value.p, value.n);
    const uint8_t found_kind = pk_get_u8(r);
    const uint8_t version = pk_get_u8(r);
    if (r->is_bad || found_kind != (uint8_t)kind || version == 0) {
        return PK_E_BAD_MSG;
    }
    return version > VERSION ? PK_E_UNSUPPORTED : PK_OK;
}

static uint32_t packed_bytes(const struct pk_writer *w) {
    return w->is_full ? 0 : w->n;
}

static int unpacked(const struct pk_reader *r) {
    return pk_reader_done(r) ? PK_OK : PK_E_BAD_MSG;
}

/* ---- log, meta, schema, outbox, command ids
 * -------------------------------------------------------------------------------------- */

uint32_t pk_record_log_pack(const struct pk_log_record *record, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_LOG);
    pk_put_u64(&w, record->n);
    pk_put_u32(&w, record->incident_number);
    pk_put_i64(&w, record->wall_ms);
    pk_put_bytes(&w, record->hash, sizeof record->hash);
    pk_put_text(&w, record->json);
    return packed_bytes(&w);
}

int pk_record_log_unpack(struct pk_str value, struct pk_log_record *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_LOG);
    if (err != PK_OK) {
        return err;
    }
    out->n = pk_get_u64(&r);
    out->incident_number = pk_get_u32(&r);
    out->wall_ms = pk_get_i64(&r);
    pk_get_bytes(&r, out->hash, sizeof out->hash);
    out->json = pk_get_text(&r);
    return unpacked(&r);
}

static void put_audit_head(struct pk_writer *w, const struct pk_audit_head *head) {
    pk_put_u64(w, head->n);
    pk_put_bytes(w, head->hash, sizeof head->hash);
}

static void get_audit_head(struct pk_reader *r, struct pk_audit_head *out) {
    out->n = pk_get_u64(r);
    pk_get_bytes(r, out->hash, sizeof out->hash);
}

uint32_t pk_record_capsule_pack(struct pk_str piece, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_CAPSULE);
    pk_put_bytes(&w, piece.p, piece.n);
    return packed_bytes(&w);
}

int pk_record_capsule_unpack(struct pk_str value, struct pk_str *out_piece) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_CAPSULE);
    *out_piece = err == PK_OK ? pk_str_make(value.p + PK_RECORD_CAPSULE_HEAD_BYTES,
                                            value.n - PK_RECORD_CAPSULE_HEAD_BYTES)
                              : pk_str_make(NULL, 0);
    return err;
}

uint32_t pk_record_meta_pack(const struct pk_meta *meta, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_META);
    pk_put_u32(&w, meta->boot);
    pk_put_u32(&w, meta->next_incident_number);
    pk_put_i64(&w, meta->wall_floor_ms);
    put_audit_head(&w, &meta->log_base);
    put_audit_head(&w, &meta->log_checkpoint);
    pk_put_i64(&w, meta->ids_from_s);
    pk_put_u64(&w, meta->kernel_boot);
    pk_put_u32(&w, meta->trace_crc);
    pk_put_u8(&w, (uint8_t)((meta->is_clean ? 1u : 0u) | (uint32_t)meta->shown_bits << 1));
    for (uint32_t i = 0; i < PK_META_SPENDS; i++) {
        pk_put_u64(&w, meta->spends[i].used_bytes);
        pk_put_u32(&w, meta->spends[i].period);
        pk_put_u32(&w, meta->spends[i].elapsed_s);
    }
    for (uint32_t i = 0; i < PK_META_LOSSES; i++) {
        pk_put_u64(&w, meta->losses[i].count);
        pk_put_u64(&w, meta->losses[i].first_seq);
        pk_put_u64(&w, meta->losses[i].last_seq);
    }
    for (uint32_t i = 0; i < PK_META_FIXES && meta->fixes[i].boot != 0; i++) {
        pk_put_u32(&w, meta->fixes[i].boot);
        pk_put_i64(&w, meta->fixes[i].wall_minus_mono_ms);
        pk_put_u8(&w, meta->fixes[i].quality);
    }
    return packed_bytes(&w);
}

/* As many as there are. False: one that cannot be. */
static bool get_fixes(struct pk_reader *r, bool has_fixes, struct pk_meta *out) {
    bool is_good = true;
    for (uint32_t i = 0; i < PK_META_FIXES; i++) {
        struct pk_time_fix *fix = &out->fixes[i];
        *fix = (struct pk_time_fix){0};
        if (has_fixes && !pk_reader_done(r)) {
            fix->boot = pk_get_u32(r);
            fix->wall_minus_mono_ms = pk_get_i64(r);
            fix->quality = pk_get_u8(r);
            is_good = is_good && fix->boot != 0 && fix->quality >= PK_TIME_NTP &&
                      fix->quality < PK_TIME_QUALITY_COUNT;
        }
    }
    return is_good;
}

int pk_record_meta_unpack(struct pk_str value, struct pk_meta *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_META);
    if (err != PK_OK) {
        return err;
    }
    out->boot = pk_get_u32(&r);
    out->next_incident_number = pk_get_u32(&r);
    out->wall_floor_ms = pk_get_i64(&r);
    get_audit_head(&r, &out->log_base);
    get_audit_head(&r, &out->log_checkpoint);
    const int64_t ids_from_s = pk_get_i64(&r); /* another number before schema 3 */
    const bool has_end = !pk_reader_done(&r);
    out->kernel_boot = has_end ? pk_get_u64(&r) : 0;
    out->trace_crc = has_end ? pk_get_u32(&r) : 0;
    const uint8_t bits = has_end ? pk_get_u8(&r) : 0;
    out->is_clean = (bits & 1u) != 0;
    out->shown_bits = (uint8_t)(bits >> 1);
    const bool has_spends = has_end && !pk_reader_done(&r);
    for (uint32_t i = 0; i < PK_META_SPENDS; i++) {
        out->spends[i].used_bytes = has_spends ? pk_get_u64(&r) : 0;
        out->spends[i].period = has_spends ? pk_get_u32(&r) : 0;
        out->spends[i].elapsed_s = has_spends ? pk_get_u32(&r) : 0;
    }
    enum { LOSSES_BYTES = PK_META_LOSSES * 24 }; /* more than all fixes are, which follow */
    const bool has_losses = has_spends && r.n - r.at >= LOSSES_BYTES;
    out->ids_from_s = has_losses ? ids_from_s : 0;
    for (uint32_t i = 0; i < PK_META_LOSSES; i++) {
        out->losses[i].count = has_losses ? pk_get_u64(&r) : 0;
        out->losses[i].first_seq = has_losses ? pk_get_u64(&r) : 0;
        out->losses[i].last_seq = has_losses ? pk_get_u64(&r) : 0;
    }
    const bool is_good = get_fixes(&r, has_spends, out) && out->log_checkpoint.n >= out->log_base.n;
    return is_good ? unpacked(&r) : PK_E_BAD_MSG;
}

uint32_t pk_record_schema_pack(uint32_t schema, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u32(&w, schema);
    return packed_bytes(&w);
}

int pk_record_schema_unpack(struct pk_str value, uint32_t *out) {
    struct pk_reader r;
    pk_reader_init(&r, value.p, value.n);
    *out = pk_get_u32(&r);
    if (!pk_reader_done(&r) || *out == 0) {
        return PK_E_BAD_MSG;
    }
    return *out > PK_SCHEMA_VERSION ? PK_E_UNSUPPORTED : PK_OK;
}

enum { OUT_OPEN = 1, OUT_THEN_CLEAR = 2, OUT_UNSURE = 4, OUT_FLAGS = 7, OUT_ID_BYTES_MAX = 64 };

uint32_t pk_record_outbox_pack(const struct pk_out_record *record, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(record->id.n > 0 && record->id.n <= OUT_ID_BYTES_MAX);
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_OUTBOX);
    pk_put_u8(&w, record->kind);
    pk_put_u8(&w, record->severity);
    const bool is_unsure = record->unsure_mono_ms != 0;
    pk_put_u8(&w, (uint8_t)((record->is_open ? OUT_OPEN : 0) | (record->then_clear ? OUT_THEN_CLEAR : 0) |
                            (is_unsure ? OUT_UNSURE : 0)));
    pk_put_u32(&w, record->subject);
    pk_put_u32(&w, record->rev);
    pk_put_i64(&w, record->wall_ms);
    if (is_unsure) {
        pk_put_u64(&w, record->unsure_mono_ms);
    }
    pk_put_text(&w, record->id);
    pk_put_text(&w, record->body);
    return packed_bytes(&w);
}

int pk_record_outbox_unpack(struct pk_str value, struct pk_out_record *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_OUTBOX);
    if (err != PK_OK) {
        return err;
    }
    out->kind = pk_get_u8(&r);
    out->severity = pk_get_u8(&r);
    const uint8_t flags = pk_get_u8(&r);
    out->is_open = (flags & OUT_OPEN) != 0;
    out->then_clear = (flags & OUT_THEN_CLEAR) != 0;
    out->is_late = false;
    out->subject = pk_get_u32(&r);
    out->rev = pk_get_u32(&r);
    out->wall_ms = pk_get_i64(&r);
    out->unsure_mono_ms = (flags & OUT_UNSURE) != 0 ? pk_get_u64(&r) : 0;
    out->id = pk_get_text(&r);
    out->body = pk_get_text(&r);
    if (out->kind >= PK_OUT_KIND_COUNT || out->severity >= PK_SEV_COUNT || flags > OUT_FLAGS ||
        out->id.n == 0 || out->id.n > OUT_ID_BYTES_MAX) {
        return PK_E_BAD_MSG;
    }
    return unpacked(&r);
}

uint32_t pk_record_jti_pack(const struct pk_jti_record *record, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(record->jti.n < PK_JWS_JTI_BYTES);
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_JTI);
    pk_put_i64(&w, record->exp_s);
    pk_put_text(&w, record->jti);
    return packed_bytes(&w);
}

int pk_record_jti_unpack(struct pk_str value, struct pk_jti_record *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_JTI);
    if (err != PK_OK) {
        return err;
    }
    out->exp_s = pk_get_i64(&r);
    out->jti = pk_get_text(&r);
    if (out->exp_s <= 0 || !pk_text_is_id(out->jti, "", PK_JWS_JTI_BYTES - 1)) {
        return PK_E_BAD_MSG;
    }
    return unpacked(&r);
}

enum { RULE_IS_SWITCHED = 1, RULE_IS_ENABLED = 2, RULE_ID_BYTES_MAX = 47 };

uint32_t pk_record_rule_pack(const struct pk_rule_record *record, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(record->id.n <= RULE_ID_BYTES_MAX && record->text.n <= PK_RECORD_RULE_TEXT_BYTES);
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_RULE);
    pk_put_u8(&w, (uint8_t)((record->is_switched ? RULE_IS_SWITCHED : 0) |
                            (record->is_enabled ? RULE_IS_ENABLED : 0)));
    pk_put_text(&w, record->id);
    pk_put_text(&w, record->text);
    return packed_bytes(&w);
}

int pk_record_rule_unpack(struct pk_str value, struct pk_rule_record *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_RULE);
    if (err != PK_OK) {
        return err;
    }
    const uint8_t flags = pk_get_u8(&r);
    out->is_switched = (flags & RULE_IS_SWITCHED) != 0;
    out->is_enabled = (flags & RULE_IS_ENABLED) != 0;
    out->id = pk_get_text(&r);
    out->text = pk_get_text(&r);
    if (flags > (RULE_IS_SWITCHED | RULE_IS_ENABLED) || !pk_text_is_id(out->id, "", RULE_ID_BYTES_MAX) ||
        out->text.n > PK_RECORD_RULE_TEXT_BYTES || !pk_text_is_utf8(out->text)) {
        return PK_E_BAD_MSG;
    }
    return unpacked(&r);
}

uint32_t pk_record_session_pack(const struct pk_session_record *record, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(record->count <= PK_RECORD_SESSION_IDS);
    pk_writer_init(&w, out, cap_bytes);
    put_head(&w, PK_RECORD_SESSION);
    pk_put_u64(&w, record->session);
    pk_put_u16(&w, (uint16_t)record->count);
    for (uint32_t i = 0; i < record->count; i++) {
        pk_put_u16(&w, record->ids[i]);
    }
    return packed_bytes(&w);
}

int pk_record_session_unpack(struct pk_str value, struct pk_session_record *out) {
    struct pk_reader r;
    const int err = get_head(&r, value, PK_RECORD_SESSION);
    if (err != PK_OK) {
        return err;
    }
    out->session = pk_get_u64(&r);
    out->count = pk_get_u16(&r);
    if (out->count > PK_RECORD_SESSION_IDS) {
        return PK_E_BAD_MSG;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        out->ids[i] = pk_get_u16(&r);
        if (out->ids[i] == 0) {
            return PK_E_BAD_MSG;
        }
    }
    return unpacked(&r);
}
