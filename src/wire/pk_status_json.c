#include "wire/pk_status_json.h"

#include <stddef.h>

#include "base/pk_assert.h"
#include "wire/pk_fields.h"

static void write_hash(struct pk_json_writer *w, const char *key, uint32_t hash) {
    const uint8_t bytes[4] = {(uint8_t)(hash >> 24), (uint8_t)(hash >> 16), (uint8_t)(hash >> 8),
                              (uint8_t)hash};
    char text[9];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, bytes, sizeof bytes);
    pk_jw_str(w, key, pk_buf_str(&b));
}

void pk_status_json_write(struct pk_json_writer *w, const char *key, const struct pk_status *status) {
    pk_jw_object(w, key);
    pk_jw_u64(w, "v", 1);
    pk_jw_bool(w, "online", status->is_online);
    pk_jw_u64(w, "boot", status->boot);
    /* An unset clock still has to give birth and will the same name: never null. */
    char time[PK_TIME_TEXT_BYTES];
    pk_time_format(status->connected_wall_ms, time);
    pk_jw_cstr(w, "connected_at", time);
    pk_jw_str(w, "version", status->version);
    pk_jw_str(w, "isa", status->isa);
    pk_jw_str(w, "board", status->board);
    write_hash(w, "config_hash", status->config_hash);
    write_hash(w, "rules_hash", status->rules_hash);
    pk_jw_str(w, "mode", status->mode);
    pk_jw_str(w, "remote", status->remote);
    pk_jw_u64(w, "queue_depth", status->queue_depth);
    pk_jw_cstr(w, "time_quality", pk_time_quality_word((enum pk_time_quality)status->time_quality));
    if (status->reason.n > 0) {
        pk_jw_str(w, "reason", status->reason);
    } else {
        pk_jw_null(w, "reason");
    }
    pk_jw_object_end(w);
}

struct reading {
    struct pk_status status;
    struct pk_str config_hash, rules_hash, time_quality;
};
#define ROW(name, kind, flags, member)                                                                       \
    { name, kind, flags, (uint32_t)offsetof(struct reading, member), 0 }

static const struct pk_field ROWS[] = {
    ROW("online", PK_FIELD_BOOL, PK_FIELD_REQUIRED, status.is_online),
    ROW("boot", PK_FIELD_U32, PK_FIELD_REQUIRED, status.boot),
    ROW("connected_at", PK_FIELD_TIME, PK_FIELD_REQUIRED, status.connected_wall_ms),
    ROW("version", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.version),
    ROW("isa", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.isa),
    ROW("board", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.board),
    ROW("config_hash", PK_FIELD_SLICE, PK_FIELD_NULLABLE, config_hash),
    ROW("rules_hash", PK_FIELD_SLICE, PK_FIELD_NULLABLE, rules_hash),
    ROW("mode", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.mode),
    ROW("remote", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.remote),
    ROW("queue_depth", PK_FIELD_U64, PK_FIELD_NULLABLE, status.queue_depth),
    ROW("time_quality", PK_FIELD_SLICE, PK_FIELD_NULLABLE, time_quality),
    ROW("reason", PK_FIELD_SLICE, PK_FIELD_NULLABLE, status.reason),
};

static int read_hash(struct pk_str text, uint32_t *out) {
    uint64_t v = 0;
    if (text.p == NULL) {
        return PK_OK;
    }
    if (text.n != 8 || pk_parse_hex_u64(text, &v) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    *out = (uint32_t)v;
    return PK_OK;
}

int pk_status_json_read(const void *p, uint32_t n, struct pk_status *out) {
    struct reading r = {.status = {0}};
    struct pk_fields_result result;
    const int err = pk_fields_read(p, n, ROWS, PK_COUNT_OF(ROWS), PK_FIELDS_LENIENT, &r, &result);
    if (err != PK_OK) {
        return err;
    }
    if (read_hash(r.config_hash, &r.status.config_hash) != PK_OK ||
        read_hash(r.rules_hash, &r.status.rules_hash) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    if (r.time_quality.p != NULL) {
        unsigned q = 0;
        while (q < PK_TIME_QUALITY_COUNT &&
               !pk_str_eq_c(r.time_quality, pk_time_quality_word((enum pk_time_quality)q))) {
            q++;
        }
        if (q == PK_TIME_QUALITY_COUNT) {
            return PK_E_BAD_FIELD;
        }
        r.status.time_quality = (uint8_t)q;
    }
    *out = r.status;
    return PK_OK;
}

bool pk_status_is_newer(const struct pk_status *candidate, const struct pk_status *held) {
    const uint32_t random_bit = 0x80000000u;
    if (candidate->boot != held->boot) {
        return ((candidate->boot | held->boot) & random_bit) != 0 || candidate->boot > held->boot;
    }
    if (candidate->connected_wall_ms != held->connected_wall_ms) {
        return candidate->connected_wall_ms > held->connected_wall_ms;
    }
    return held->is_online && !candidate->is_online;
}
