#include "report/pk_audit_log.h"

#include <string.h>

#include "base/pk_assert.h"

void pk_audit_log_init(struct pk_audit_log *log, const struct pk_port_crypto *crypto,
                       const struct pk_meta *meta) {
    *log = (struct pk_audit_log){.crypto = crypto};
    if (meta != NULL) {
        log->base = meta->log_base;
        log->head = meta->log_checkpoint;
    }
}

int pk_audit_log_load(struct pk_audit_log *log, struct pk_str key, struct pk_str value) {
    struct pk_log_record record;
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    if (n <= log->head.n) {
        return PK_OK;
    }
    if (pk_record_log_unpack(value, &record) != PK_OK || record.n != n) {
        log->damaged_count++;
        /* The number stays used: what is appended later must not take its key. */
        log->head.n = n;
        return PK_E_BAD_MSG;
    }
    const int err = pk_audit_check(&log->head, log->crypto, n, record.json, record.hash);
    log->gap_count += err == PK_E_CONFLICT ? 1u : 0u;
    log->damaged_count += err == PK_E_CORRUPT ? 1u : 0u;
    log->head.n = n;
    memcpy(log->head.hash, record.hash, sizeof log->head.hash);
    return PK_OK;
}

int pk_audit_log_append(struct pk_audit_log *log, struct pk_store_batch *batch,
                        struct pk_audit_entry *entry) {
    char json[PK_AUDIT_JSON_BYTES];
    uint8_t value[PK_RECORD_LOG_BYTES];
    struct pk_audit_head next = log->head;
    struct pk_record_key key;
    const struct pk_str text = pk_str_make(json, pk_audit_entry_json(entry, json));
    pk_audit_step(&next, log->crypto, text);
    struct pk_log_record record = {
        .n = next.n, .incident_number = entry->incident_number, .wall_ms = entry->at.wall_ms, .json = text};
    memcpy(record.hash, next.hash, sizeof record.hash);
    const uint32_t n = pk_record_log_pack(&record, value, sizeof value);
    PK_ASSERT(n > 0);
    pk_record_key_log(&key, next.n);
    const int err =
        pk_batch_put(batch, PK_TREE_JOURNAL, pk_record_key_str(&key), pk_str_make((const char *)value, n));
    if (err != PK_OK) {
        log->refused_count++;
        return err;
    }
    log->head = next;
    log->appended_count++;
    entry->n = next.n;
    return PK_OK;
}

uint64_t pk_audit_log_excess(const struct pk_audit_log *log, uint64_t keep_count) {
    const uint64_t kept = log->head.n - log->base.n;
    return kept > keep_count ? kept - keep_count : 0;
}

int pk_audit_log_trim(struct pk_audit_log *log, struct pk_store_batch *batch, uint64_t keep_count,
                      struct pk_str key, struct pk_str value) {
    struct pk_log_record record;
    uint64_t n = 0;
    if (pk_audit_log_excess(log, keep_count) == 0) {
        return PK_E_NOT_FOUND;
    }
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_BAD_MSG;
    }
    /* After a gap (lost entries) the oldest one left is higher than base + 1. */
    if (n <= log->base.n || n > log->head.n) {
        return PK_E_CONFLICT;
    }
    const int err = pk_batch_delete(batch, PK_TREE_JOURNAL, key);
    if (err != PK_OK) {
        return err;
    }
    if (pk_record_log_unpack(value, &record) != PK_OK || record.n != n) {
        /* It has to go like the others; the zero hash then shows where the chain is broken. */
        log->damaged_count++;
        memset(record.hash, 0, sizeof record.hash);
    }
    log->base.n = n;
    memcpy(log->base.hash, record.hash, sizeof log->base.hash);
    log->trimmed_count++;
    return PK_OK;
}

void pk_audit_log_meta(const struct pk_audit_log *log, struct pk_meta *meta) {
    meta->log_base = log->base;
    meta->log_checkpoint = log->head;
}
