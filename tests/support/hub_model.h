#ifndef HUB_MODEL_H
#define HUB_MODEL_H
/* What a hub does with what reaches it: checks every message against WIRE, de-duplicates by (gateway, boot,
 * seq), keeps the latest revision of each incident and the newest status of each gateway. The first breach is
 * kept. */
#include "support/broker_model.h"
#include "wire/pk_incident_json.h"

enum { HUB_INCIDENTS = 1024, HUB_SEEN = 65536, HUB_GATEWAYS = 4, HUB_REPLIES = 256 };

struct hub_incident {
    char id[PK_INC_ID_BYTES];
    uint64_t fingerprint;
    int64_t detected_wall_ms;
    uint32_t rev;
    uint8_t status;
    uint32_t revs_taken;
};

struct hub_seen {
    uint64_t name;    /* hash of gateway, boot, seq; 0 = free */
    uint64_t content; /* hash of the subject and revision */
};

struct hub_gateway {
    char name[33];
    bool is_online;
    uint32_t boot;
    uint64_t statuses, summaries, approvals;
    int64_t connected_wall_ms;
};

struct hub_model {
    bool skips_dedupe; /* canary */
    struct hub_incident incidents[HUB_INCIDENTS];
    uint32_t incident_count;
    struct hub_seen seen[HUB_SEEN];
    uint32_t seen_count;
    struct hub_gateway gateways[HUB_GATEWAYS];
    uint64_t taken_count, duplicate_count, cleared_count, reply_ok_count, reply_error_count;
    char replies[HUB_REPLIES][40]; /* command ids that were answered with ok */
    uint32_t reply_count;
    char breach[200];
};

void hub_model_init(struct hub_model *h);
void hub_model_accept(struct hub_model *h, const struct broker_publish *m);
const struct hub_incident *hub_model_find(const struct hub_model *h, const char *id);
const struct hub_gateway *hub_model_gateway(const struct hub_model *h, const char *name);
bool hub_model_has_reply(const struct hub_model *h, const char *jti);
#endif
