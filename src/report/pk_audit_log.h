#ifndef PK_AUDIT_LOG_H
#define PK_AUDIT_LOG_H
/* The log in the journal: every entry numbered and chained when it is appended (timeline and audit are the
 * same entries). */
#include "base/pk_batch.h"
#include "wire/pk_record.h"

struct pk_audit_log {
    const struct pk_port_crypto *crypto;
    struct pk_audit_head head; /* newest appended, durable or not */
    struct pk_audit_head base; /* before the oldest kept entry */
    uint64_t appended_count, refused_count, trimmed_count;
    uint64_t gap_count, damaged_count; /* found at load: entries missing, hashes that do not fit */
};

/* meta: as stored, or NULL for a new store. */
void pk_audit_log_init(struct pk_audit_log *log, const struct pk_port_crypto *crypto,
                       const struct pk_meta *meta);
/* Reads on from the checkpoint at start: one stored journal record with a key from
 * pk_record_key_log(checkpoint n + 1) on, in order. Keys of another sort are not ours: PK_E_NOT_FOUND (end
 * the walk). A gap or a wrong hash is counted and the chain goes on from the stored hash: the damage stays
 * visible to `audit verify`. PK_OK, PK_E_NOT_FOUND, PK_E_BAD_MSG (counted as damaged). */
PK_MUST_USE int pk_audit_log_load(struct pk_audit_log *log, struct pk_str key, struct pk_str value);
/* Numbers, hashes and packs the entry into the batch; entry->n is set. PK_OK, or PK_E_FULL: nothing happened,
 * try with the next batch. */
PK_MUST_USE int pk_audit_log_append(struct pk_audit_log *log, struct pk_store_batch *batch,
                                    struct pk_audit_entry *entry);
/* Deletes the oldest kept entry when there are more than keep_count. The caller read it (fetch from base.n +
 * 1): its hash becomes the new base. PK_OK: the delete is in the batch and the base advanced (store the meta
 * record in the same batch); PK_E_NOT_FOUND: nothing to trim; PK_E_CONFLICT: not an entry of the kept range;
 * PK_E_BAD_MSG: not a log key; PK_E_FULL. */
PK_MUST_USE int pk_audit_log_trim(struct pk_audit_log *log, struct pk_store_batch *batch, uint64_t keep_count,
                                  struct pk_str key, struct pk_str value);
/* How many entries could be trimmed now. */
uint64_t pk_audit_log_excess(const struct pk_audit_log *log, uint64_t keep_count);
/* Copies base and head into the record to be stored. Call when the batch with the newest entry is the same or
 * was submitted before. */
void pk_audit_log_meta(const struct pk_audit_log *log, struct pk_meta *meta);
#endif
