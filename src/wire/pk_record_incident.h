#ifndef PK_RECORD_INCIDENT_H
#define PK_RECORD_INCIDENT_H
/* The stored form of an incident (PK_RECORD_INCIDENT of pk_record.h, where the rules for all records are). */
#include "base/pk_bytes.h"
#include "incident/pk_incident.h"

/* Packs the whole record when it fits in cap_bytes. When it does not, things are left out in this order, each
 * counted in texts_overflow of what is unpacked later, until it fits: evidence of causes (last first), causes
 * after the first, results of actions (oldest first), recommended actions (last first), description, actions
 * (oldest first), components after the first (last first). Bytes written; 0 only when cap_bytes <
 * PK_RECORD_INCIDENT_BYTES_MIN: what cannot be left out fits in that. */
enum { PK_RECORD_INCIDENT_BYTES_MIN = 1168, PK_RECORD_INCIDENT_BYTES_MAX = 3568 };
PK_MUST_USE uint32_t pk_record_incident_pack(const struct pk_incident *incident, uint8_t *out,
                                             uint32_t cap_bytes);
/* PK_OK; PK_E_BAD_MSG: another kind, too short, too long, a text or count over its bound, an enumerator out
 * of range; PK_E_UNSUPPORTED: a version of later software. *out is then undefined. */
PK_MUST_USE int pk_record_incident_unpack(struct pk_str value, struct pk_incident *out);
#endif
