#ifndef PK_APPROVAL_JSON_H
#define PK_APPROVAL_JSON_H
/* An approval request (WIRE "Approval"). */
#include "base/pk_json.h"
#include "incident/pk_incident.h"

enum { PK_APPROVAL_LIST_MAX = 8, PK_APPROVAL_ID_BYTES = 64 };

struct pk_approval_list {
    struct pk_str items[PK_APPROVAL_LIST_MAX];
    uint32_t count;
};

struct pk_approval_doc {
    struct pk_str approval_id, incident_id, action, target, risk, estimated_impact, undo;
    uint32_t run; /* run_id: its number as text */
    struct pk_approval_list risk_factors, mitigation_steps, affected_resources, evidence;
    int64_t requested_wall_ms, expires_wall_ms;
    uint8_t needs;            /* operators: 1 or 2 */
    struct pk_str role;       /* they need at least */
    struct pk_str state;      /* run state word: awaiting_approval, approved, rejected, expired */
    struct pk_str decided_by; /* empty while undecided */
    /* For those who ask here; not on the wire, where they would be old at once. */
    bool is_local;
    struct pk_str delegated_to; /* empty: whoever reaches the role */
    uint8_t have;               /* operators who approved so far */
    uint64_t left_ms;           /* until it expires; 0 = it does not wait */
};

void pk_approval_json_write(struct pk_json_writer *w, const char *key,
                            const struct pk_approval_doc *approval);
/* Slices of *out point into `text`, into which the texts are unescaped (text_cap_bytes >= n is always
 * enough). Unknown members ignored; items beyond PK_APPROVAL_LIST_MAX are dropped. PK_OK, PK_E_BAD_MSG,
 * PK_E_TOO_DEEP, PK_E_TOO_BIG, PK_E_BAD_FIELD, PK_E_MISSING_FIELD (approval_id, incident_id, action or
 * state). */
PK_MUST_USE int pk_approval_json_read(const void *p, uint32_t n, char *text, size_t text_cap_bytes,
                                      struct pk_approval_doc *out);
#endif
