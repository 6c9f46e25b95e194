#ifndef PK_RECORD_H
#define PK_RECORD_H
/* Stored records: explicit little-endian bytes, each starting with kind and version, unpacked exactly or
 * refused (DESIGN 11). The store adds type, version and CRC around them.
 *
 * Keys. Byte order is age order.
 *   journal  'L' n(8)                   timeline and audit entry n
 *            'O' lane(1) boot(4) seq(8) outbox entry, lanes in the order they are sent (report/pk_outbox.h)
 *   objects  "schema"                   u32
 *            "meta"                     struct pk_meta
 *            "i" number(4)              incident
 *            "r" boot(4) run(4)         action run (respond/pk_run.h)
 *            "j" hash(8)                used command id
 *            "l" row(2)                 what a series taught (detect/pk_learned.h)
 *            "u" hash(8)                rule made at run time, or the switch of one
 *            "s" number(4)              silence (pk_record_silence.h)
 *            "c" key(4)                 report card of a rule (the same)
 *            "o" number(4)              standing order (respond/pk_standing.h)
 *            "f" number(4) chunk(1)     piece of an incident's capsule (incident/pk_capsule.h)
 *            "b" action, target          spent budget (respond/pk_budget.h)
 *            "t" hash(8)                maintenance task (respond/pk_task.h)
 *            "q" link(1)                received half of the MQTT session of a link
 *            "k" slot(1)                change of the command keys
 *            "w" switch(1)              what a person switched off (respond/pk_switches.h)
 * Integers in keys are big-endian. */
#include "base/pk_bytes.h"
#include "incident/pk_incident.h"
#include "pk_limits.h"
#include "port/port.h"
#include "wire/pk_audit.h"
#include "wire/pk_record_incident.h"

/* 2: what is used of the budgets is in "meta" (src/decisions/0081); 3: and what the outbox lost. Records of
 * schema 1 and 2 are read. */
enum { PK_SCHEMA_VERSION = 3 };

enum pk_record_kind {
    PK_RECORD_INCIDENT = 1,
    PK_RECORD_LOG = 2,
    PK_RECORD_META = 4,
    PK_RECORD_OUTBOX = 5,
    PK_RECORD_JTI = 6,
    PK_RECORD_RULE = 7,
    PK_RECORD_LEARNED = 8,  /* packed by detect/pk_learned.h */
    PK_RECORD_SILENCE = 10, /* wire/pk_record_silence.h */
    PK_RECORD_CARD = 9,
    PK_RECORD_SESSION = 12,
    PK_RECORD_KEY = 13,      /* packed by report/pk_key_changes.h */
    PK_RECORD_STANDING = 14, /* respond/pk_standing.h */
    PK_RECORD_CAPSULE = 15,
    PK_RECORD_SWITCH = 16, /* respond/pk_switches.h */
    PK_RECORD_TASK = 20    /* respond/pk_task.h */
};

struct pk_record_key {
    uint8_t bytes[PK_STORE_KEY_BYTES];
    uint32_t n;
};
struct pk_str pk_record_key_str(const struct pk_record_key *key);
void pk_record_key_log(struct pk_record_key *out, uint64_t n);
void pk_record_key_outbox(struct pk_record_key *out, uint8_t lane, uint32_t boot, uint64_t seq);
void pk_record_key_incident(struct pk_record_key *out, uint32_t number);
void pk_record_key_run(struct pk_record_key *out, uint32_t boot, uint32_t run);
void pk_record_key_jti(struct pk_record_key *out, uint64_t hash);
void pk_record_key_rule(struct pk_record_key *out, uint64_t hash);
void pk_record_key_session(struct pk_record_key *out, uint8_t link);
void pk_record_key_key(struct pk_record_key *out, uint8_t slot);
void pk_record_key_learned(struct pk_record_key *out, uint16_t row);
void pk_record_key_meta(struct pk_record_key *out);
void pk_record_key_schema(struct pk_record_key *out);
/* PK_OK or PK_E_BAD_MSG: not such a key. */
PK_MUST_USE int pk_record_key_log_parse(struct pk_str key, uint64_t *out_n);
PK_MUST_USE int pk_record_key_learned_parse(struct pk_str key, uint16_t *out_row);
PK_MUST_USE int pk_record_key_outbox_parse(struct pk_str key, uint8_t *out_lane, uint32_t *out_boot,
                                           uint64_t *out_seq);
PK_MUST_USE int pk_record_key_session_parse(struct pk_str key, uint8_t *out_link);

void pk_record_key_capsule(struct pk_record_key *out, uint32_t number, uint8_t chunk);
PK_MUST_USE int pk_record_key_capsule_parse(struct pk_str key, uint32_t *out_number, uint8_t *out_chunk);

/* All unpack functions: PK_OK; PK_E_BAD_MSG: another kind, too short, too long, a text or count over its
 * bound, an enumerator out of range; PK_E_UNSUPPORTED: a version of later software. *out is then undefined.
 * All pack functions return bytes written. */

/* Timeline and audit entry: the JSON that was hashed, the hash, and what is needed to pick it without reading
 * the JSON. */
enum { PK_RECORD_LOG_BYTES = 64 + PK_AUDIT_JSON_BYTES };
struct pk_log_record {
    uint64_t n;
    uint32_t incident_number;
    int64_t wall_ms;
    uint8_t hash[PK_SHA256_BYTES];
    struct pk_str json;
};
PK_MUST_USE uint32_t pk_record_log_pack(const struct pk_log_record *record, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_log_unpack(struct pk_str value,
                                     struct pk_log_record *out); /* json points into value */

/* A piece of a capsule's text; it points into value. */
enum { PK_RECORD_CAPSULE_HEAD_BYTES = 2 };
PK_MUST_USE uint32_t pk_record_capsule_pack(struct pk_str piece, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_capsule_unpack(struct pk_str value, struct pk_str *out_piece);

/* What must survive a restart and is not in a record of its own. The log head is a checkpoint: at start the
 * log is read on from there. */
enum { PK_RECORD_META_BYTES = 296, PK_META_SPENDS = 2, PK_META_LOSSES = 3, PK_META_FIXES = 4 };
enum { PK_META_IDS_LOST = -1 };
/* What is used of a budget in the period that goes on. */
struct pk_meta_spend {
    uint64_t used_bytes;
    uint32_t period, elapsed_s;
};
/* What the outbox lost for one reason (enum pk_outbox_loss_reason) over the life of the store. */
struct pk_meta_loss {
    uint64_t count, first_seq, last_seq;
};
struct pk_meta {
    uint32_t boot;                 /* epoch of the last start */
    uint32_t next_incident_number; /* never reused: saved with the first record of each new incident */
    int64_t wall_floor_ms;         /* last good wall time */
    struct pk_audit_head log_base; /* the head before the oldest kept entry: trimmed entries are below */
    struct pk_audit_head log_checkpoint; /* a head at or after the base */
    /* Of commands issued up to then (Unix seconds) it is not known whether they were used; 0: of all it is,
     * PK_META_IDS_LOST: of all up to a moment nobody had a clock for yet. 0 in those of schema 1 and 2. */
    int64_t ids_from_s;
    /* How the last run ended; records of earlier software are without it. */
    uint64_t kernel_boot; /* in which it ran; 0 = not known */
    uint32_t trace_crc;   /* of the kernel's dump that was told of last; 0 = none */
    bool is_clean;        /* it was asked to stop, and this was its last word */
    uint8_t shown_bits;   /* brokers that may hold what others are shown (agent/pk_agent_shown.c); 7 bits */
    struct pk_meta_spend spends[PK_META_SPENDS]; /* report/pk_spend.h; all 0 in those of schema 1 */
    struct pk_meta_loss losses[PK_META_LOSSES];  /* all 0 in those of schema 1 and 2 */
    /* Boots whose clock became good late, newest first. Records without one are as they were before. */
    struct pk_time_fix fixes[PK_META_FIXES];
};
PK_MUST_USE uint32_t pk_record_meta_pack(const struct pk_meta *meta, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_meta_unpack(struct pk_str value, struct pk_meta *out);
PK_MUST_USE uint32_t pk_record_schema_pack(uint32_t schema, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_schema_unpack(struct pk_str value, uint32_t *out);

/* An outbox entry: what is published, and how. The body of an incident is its packed record, of an approval
 * its JSON. */
enum pk_out_kind { PK_OUT_INCIDENT, PK_OUT_APPROVAL, PK_OUT_KIND_COUNT };
enum { PK_RECORD_OUTBOX_HEAD_BYTES = 104 }; /* at most, so a body has PK_STORE_VALUE_BYTES less this */
struct pk_out_record {
    uint8_t kind;     /* enum pk_out_kind */
    uint8_t severity; /* enum pk_severity */
    bool is_open;     /* the incident is still active, or the approval undecided: published retained */
    bool then_clear;  /* last word: after it was acknowledged the retained message is emptied */
    bool is_late;     /* queued long after it happened: it goes with the backlog. Not stored */
    uint32_t subject; /* incident number (also of an approval: the incident it is about) */
    uint32_t rev;     /* of the incident */
    int64_t wall_ms;  /* when it was queued */
    /* The same by the boot-time clock, when the wall clock was not good; 0 = it was. */
    uint64_t unsure_mono_ms;
    struct pk_str id; /* incident or approval id: last part of the topic; <= 64 bytes */
    struct pk_str body;
};
PK_MUST_USE uint32_t pk_record_outbox_pack(const struct pk_out_record *record, uint8_t *out,
                                           uint32_t cap_bytes);
PK_MUST_USE int pk_record_outbox_unpack(struct pk_str value,
                                        struct pk_out_record *out); /* id and body point into value */

/* A used command id. */
enum { PK_RECORD_JTI_BYTES = 64 };
struct pk_jti_record {
    struct pk_str jti; /* [A-Za-z0-9_-]{1,36} */
    int64_t exp_s;
};
PK_MUST_USE uint32_t pk_record_jti_pack(const struct pk_jti_record *record, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_jti_unpack(struct pk_str value, struct pk_jti_record *out);

/* What was said of a rule at run time: its text, whether it is enabled, or both. */
enum { PK_RECORD_RULE_TEXT_BYTES = 1800, PK_RECORD_RULE_BYTES = PK_RECORD_RULE_TEXT_BYTES + 64 };
struct pk_rule_record {
    struct pk_str id;   /* 1 to 47 bytes */
    struct pk_str text; /* its section; empty: only switched */
    bool is_switched, is_enabled;
};
PK_MUST_USE uint32_t pk_record_rule_pack(const struct pk_rule_record *record, uint8_t *out,
                                         uint32_t cap_bytes);
PK_MUST_USE int pk_record_rule_unpack(struct pk_str value,
                                      struct pk_rule_record *out); /* id and text point into value */

/* Packet ids of QoS 2 messages that were received, caused something, and are not released yet. */
enum {
    PK_RECORD_SESSION_IDS = 2 * PK_LIMIT_INFLIGHT,
    PK_RECORD_SESSION_BYTES = 12 + 2 * PK_RECORD_SESSION_IDS
};
struct pk_session_record {
    uint64_t session; /* hash of what the session is with */
    uint32_t count;
    uint16_t ids[PK_RECORD_SESSION_IDS];
};
PK_MUST_USE uint32_t pk_record_session_pack(const struct pk_session_record *record, uint8_t *out,
                                            uint32_t cap_bytes);
PK_MUST_USE int pk_record_session_unpack(struct pk_str value, struct pk_session_record *out);
#endif
