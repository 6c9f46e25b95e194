#ifndef PK_AUDIT_H
#define PK_AUDIT_H
/* The audit chain (WIRE "Files"): hash(n) = SHA-256(hash(n-1) ‖ u64 n ‖ u32 length ‖ JSON bytes), hash(0) =
 * 32 zero bytes, n from 1. Both integers are big-endian, as in network protocols: what is hashed can then be
 * reproduced with `printf` and `sha256sum`. Golden vector: tests/data/golden/audit_chain.json. */
#include "base/pk_json.h"
#include "base/pk_severity.h"
#include "base/pk_time.h"
#include "port/port.h"

enum {
    PK_AUDIT_JSON_BYTES = 512,
    PK_AUDIT_WORD_BYTES = 24,
    PK_AUDIT_TEXT_BYTES = 160,
    PK_AUDIT_WHO_BYTES = 48
};

/* One thing that happened: serves timeline and audit alike. */
struct pk_audit_entry {
    uint64_t n; /* 1, 2, ... over the life of the store; set by pk_audit_log_append */
    struct pk_stamp at;
    uint8_t severity;               /* enum pk_severity */
    uint32_t incident_number;       /* 0 = about the agent itself */
    char kind[PK_AUDIT_WORD_BYTES]; /* word: status, severity, note, action, approval, command, refusal,
                                       config, boot, ... */
    char who[PK_AUDIT_WHO_BYTES];   /* "agent", "key:alice", "uid:0", "rule:error_burst" */
    char text[PK_AUDIT_TEXT_BYTES];
};

struct pk_audit_head {
    uint64_t n; /* 0 = nothing yet */
    uint8_t hash[PK_SHA256_BYTES];
};

void pk_audit_genesis(struct pk_audit_head *head);
/* The entry's JSON: the bytes that are hashed and stored.
 * {"at","boot","mono_ms","quality","incident","severity","kind","who","text"}; incident is the number or
 * null. PK_E_TOO_BIG is impossible with out of PK_AUDIT_JSON_BYTES: long texts are cut. Bytes written. */
uint32_t pk_audit_entry_json(const struct pk_audit_entry *entry, char out[PK_AUDIT_JSON_BYTES]);
/* Reads what the above wrote; n is not in it. PK_OK, PK_E_BAD_MSG, PK_E_BAD_FIELD, PK_E_MISSING_FIELD. */
PK_MUST_USE int pk_audit_entry_parse(struct pk_str json, struct pk_audit_entry *out);
/* Advances the head over the next entry: head->n + 1. */
void pk_audit_step(struct pk_audit_head *head, const struct pk_port_crypto *crypto, struct pk_str json);

/* Verifies a run of stored entries: start from the head before the first one, then each in order. PK_OK;
 * PK_E_CONFLICT: its number is not the next (removed or reordered); PK_E_CORRUPT: its hash is not what the
 * chain gives (changed). On an error the head stays. */
PK_MUST_USE int pk_audit_check(struct pk_audit_head *head, const struct pk_port_crypto *crypto, uint64_t n,
                               struct pk_str json, const uint8_t hash[PK_SHA256_BYTES]);
#endif
