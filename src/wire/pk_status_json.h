#ifndef PK_STATUS_JSON_H
#define PK_STATUS_JSON_H
/* Birth and will on the topic `status`. Boot and connect time are in it, so that an old will cannot overwrite
 * a newer birth. */
#include "base/pk_json.h"
#include "base/pk_time.h"

struct pk_status {
    bool is_online;
    uint32_t boot;
    int64_t connected_wall_ms; /* when this connection was started, same value in its birth and its will */
    struct pk_str version, isa, board;
    uint32_t config_hash, rules_hash; /* written as 8 hex digits */
    struct pk_str mode, remote;       /* words */
    uint64_t queue_depth;             /* outbox entries waiting */
    uint8_t time_quality;             /* enum pk_time_quality */
    struct pk_str reason;             /* offline: why ("connection lost" in the will); empty = null */
};

void pk_status_json_write(struct pk_json_writer *w, const char *key, const struct pk_status *status);
/* Slices of *out point into p (texts with escapes are refused: ours never have any). Unknown members are
 * ignored. PK_OK, PK_E_BAD_MSG, PK_E_TOO_DEEP, PK_E_MISSING_FIELD (online, boot or connected_at),
 * PK_E_BAD_FIELD. */
PK_MUST_USE int pk_status_json_read(const void *p, uint32_t n, struct pk_status *out);
/* A status message against the one held: true when it is newer (higher boot, or equal boot and later
 * connection, or the same connection going offline). Boots with the top bit set are random (both counters
 * were lost): they count as newer when they differ. */
bool pk_status_is_newer(const struct pk_status *candidate, const struct pk_status *held);
#endif
