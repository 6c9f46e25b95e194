#ifndef HUB_MODEL_H
#define HUB_MODEL_H
/* What a hub does with what reaches it: checks every message against WIRE, de-duplicates by (gateway, boot,
 * seq), keeps the latest revision of each incident and the newest status of each gateway. The first breach is
 * kept. */
#include "support/broker_model.h"
#include "wire/pk_incident_json.h"
#include "wire/pk_jws.h"

enum { HUB_TO_SAY = 1024, HUB_JWS_BYTES = PK_JWS_BYTES_MAX + 100 };
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

/* An entry of an outbox that arrived, once more or for the first time. */
struct hub_receipt {
    uint32_t gateway, boot; /* index of gateways */
    uint64_t seq;
};

/* Who signs, and when by his clock. */
struct hub_signer {
    const struct pk_port_crypto *crypto;
    const uint8_t *private_key;
    const char *kid;
    int64_t wall_s;
};

struct hub_model {
    bool skips_dedupe; /* canary */
    bool acks;         /* keeps what hub_model_ack is to say */
    struct hub_receipt to_say[HUB_TO_SAY];
    uint32_t to_say_count, ack_count;
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
/* A signed message into out (HUB_JWS_BYTES). */
void hub_model_sign(const struct hub_signer *s, const char *cmd, const char *args, const char *jti,
                    const char *aud, char *out);
/* The signed `ack` for what arrived from that gateway since the last one, of one of its boots. False: nothing
 * did. */
bool hub_model_ack(struct hub_model *h, const struct hub_signer *s, const char *gateway, char *out);
bool hub_model_has_reply(const struct hub_model *h, const char *jti);
#endif
