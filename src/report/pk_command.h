#ifndef PK_COMMAND_H
#define PK_COMMAND_H
/* Remote commands from bytes to a checked request. Nothing is trusted before the last step, and the cheap
 * checks come first:
 *
 *   size, retained?, form -> header -> claims -> key known -> audience -> clock, iat, exp -> jti unused ->
 * rate of the key not used up -> rate of the link
 *     -> signature(s), one public-key operation a tick -> the key is charged, the link is paid back -> role
 * of the command -> [remote] policy -> arguments
 * -> jti remembered
 *
 * One command is under verification at a time; take the next message from the client only when
 * pk_command_is_busy is false.
 *
 *     int err = pk_command_take(g, &input, now);         PK_OK: step it; else refused: answer with g->request
 * and err each tick: err = pk_command_step(g, crypto, now);  PK_E_AGAIN: go on next tick; PK_OK: g->request
 * is to be carried out; PK_E_NOT_FOUND: nothing there; else refused: answer after PK_OK: pk_replay_write()
 * into the batch of the tick, carry it out once durable, answer, pk_command_done(g) after a refusal: answer,
 * audit, pk_command_done(g)
 */
#include "pk_limits.h"
#include "report/pk_args.h"
#include "report/pk_keys.h"
#include "report/pk_replay.h"

enum pk_command_policy {
    PK_POLICY_OFF,
    PK_POLICY_READ_ONLY,
    PK_POLICY_LIST
}; /* [remote] commands; beats every key */
enum {
    PK_COMMAND_SKEW_S = 60,
    PK_COMMAND_REPLY_TOPIC_BYTES = 256,
    PK_COMMAND_CORRELATION_BYTES = 64,
    PK_COMMAND_WHY_BYTES = 280 /* a place in a rule and what is wrong there */
};

/* Borrowed, read at every use: may be swapped between commands. */
struct pk_command_config {
    struct pk_str site, gateway;
    enum pk_command_policy policy;
    const uint64_t *allow;    /* LIST: PK_BITSET_WORDS(PK_CMD_COUNT) words, by enum pk_cmd */
    uint32_t rate_per_minute; /* a key; 0 = PK_COMMAND_RATE_DEFAULT */
    const struct pk_keys *keys;
};
enum { PK_COMMAND_RATE_DEFAULT = 60, PK_COMMAND_BURST = 20, PK_COMMAND_HUB_ACKS_PER_MINUTE = 60 };
/* What a link may cost in signatures that turn out false (ADR 0098): with it a forger keeps out nobody but on
 * that link, and only with more than the rate. */
enum { PK_COMMAND_FALSE_PER_MINUTE = 120, PK_COMMAND_FALSE_BURST = 80 };

struct pk_command_time {
    uint64_t mono_ms;
    int64_t wall_ms;
    uint8_t quality; /* enum pk_time_quality */
    /* What was used before is not known (a store in memory, and a reboot; a store that was lost): only what
     * was issued later is taken. 0: all is known. */
    int64_t known_from_s;
};

/* A message as it arrived on a cmd topic. */
struct pk_command_input {
    struct pk_str name; /* last level of the topic; must be the command's name */
    struct pk_str text; /* payload: the command, or JSON around it (pk_jws_unwrap) */
    uint8_t link;       /* it came by, < PK_LINKS */
    bool is_retained;
    struct pk_str response_topic, correlation; /* MQTT 5; empty = none: those of the JSON hold */
    /* Of the topic `ack`: the hub says what it has. Signed like a command and judged like one, but: role hub
     * alone, aud this gateway alone (the same numbers are another's entries), a bucket of its own, under any
     * clock as far as that can tell, no [remote] policy, and its id is not kept, since hearing it twice
     * changes nothing. */
    bool is_hub_ack;
};

/* A request, whoever sent it: what handlers get. The socket fills it too (pk_command_local). */
struct pk_request {
    bool is_remote;
    bool is_correlation_json; /* it came as text in JSON, and goes back so */
    enum pk_cmd cmd;
    enum pk_role role;     /* of the sender; of two signers the lower one */
    uint32_t signer_count; /* operators: 1 or 2; 1 for the socket */
    char who[48];          /* "key:alice", "key:alice+bob", "uid:1000": for the audit */
    /* Each of them as a person, whatever key he used: owner of the key, or "uid:1000"; [1] "" when one asks.
     */
    char people[PK_JWS_SIGNATURES_MAX][PK_JWS_KID_BYTES];
    uint64_t id;         /* socket */
    uint32_t connection; /* socket */
    char jti[PK_JWS_JTI_BYTES];
    char reply_topic[PK_COMMAND_REPLY_TOPIC_BYTES]; /* "" = default reply/{jti} */
    uint8_t correlation[PK_COMMAND_CORRELATION_BYTES];
    uint32_t correlation_bytes;
    struct pk_claims claims; /* remote only */
    struct pk_args args;
};

enum pk_command_stage { PK_COMMAND_IDLE, PK_COMMAND_TAKEN, PK_COMMAND_ANSWERED };

struct pk_command_tokens {
    uint64_t refilled_ms;
    uint32_t tokens_milli;
};
struct pk_command_bucket {
    char kid[PK_JWS_KID_BYTES];
    struct pk_command_tokens tokens;
};
struct pk_command_counters {
    uint64_t taken_count, accepted_count, refused_count, retained_count;
    uint64_t refused_by_error[40];                 /* by -enum pk_err */
    uint64_t verify_count;                         /* public-key operations */
    uint32_t hub_ack_count, hub_ack_refused_count; /* of those above; the first by who reads its arguments */
};

struct pk_command_gate {
    const struct pk_command_config *config;
    struct pk_replay replay;
    struct pk_command_bucket buckets[PK_LIMIT_KEYS_PUBLIC]; /* genuine commands; only they are charged */
    struct pk_command_tokens hub_acks;                      /* genuine ones, of all keys of role hub */
    /* signatures not, or not yet, found genuine: [0] commands, [1] hub's words */
    struct pk_command_tokens unproved[2][PK_LINKS];
    bool is_hub_ack; /* what is under way, or was last: a hub's word, no command; g->request has its claims */
    struct pk_command_counters counters;
    /* of the command under way */
    enum pk_command_stage stage;
    uint8_t link;
    char text[PK_JWS_BYTES_MAX + 4]; /* a copy: the client's buffer goes on */
    struct pk_jws jws;
    uint32_t verified_count;
    struct pk_key signers[PK_JWS_SIGNATURES_MAX]; /* as they stood when it was taken */
    struct pk_request request;
    char why[PK_COMMAND_WHY_BYTES]; /* after a refusal: one sentence for answer, log and audit */
};

void pk_command_init(struct pk_command_gate *g, const struct pk_command_config *config);
bool pk_command_is_busy(const struct pk_command_gate *g);
/* Everything before the signature. PK_OK: taken, step it. Else refused and counted, g->why says it in words,
 * g->request holds what could be read (jti "" when none: then there is no default reply topic): PK_E_BUSY
 * (nothing changed), PK_E_TOO_BIG, PK_E_BAD_MSG, PK_E_TOO_DEEP, PK_E_BAD_FIELD, PK_E_MISSING_FIELD,
 * PK_E_UNKNOWN_FIELD, PK_E_UNKNOWN_KEY, PK_E_WRONG_AUDIENCE, PK_E_CLOCK_UNSURE, PK_E_EXPIRED (iat in the
 * future too), PK_E_REPLAYED, PK_E_FULL (jti store), PK_E_RATE, PK_E_UNKNOWN_CMD, PK_E_POLICY (retained). */
PK_MUST_USE int pk_command_take(struct pk_command_gate *g, const struct pk_command_input *input,
                                const struct pk_command_time *now);
/* At most one signature check. PK_OK, PK_E_AGAIN, PK_E_NOT_FOUND (idle or answered); or refused:
 * PK_E_BAD_SIGNATURE, PK_E_DENIED (role), PK_E_POLICY ([remote]), PK_E_UNSUPPORTED (socket only), the errors
 * of pk_args_parse, PK_E_REPLAYED, PK_E_FULL. */
PK_MUST_USE int pk_command_step(struct pk_command_gate *g, const struct pk_port_crypto *crypto,
                                const struct pk_command_time *now);
/* Answered: ready for the next one. */
void pk_command_done(struct pk_command_gate *g);

/* A request of the control socket into *out: command, role and arguments checked (no policy, no signature).
 * PK_OK; PK_E_UNKNOWN_CMD, PK_E_DENIED, errors of pk_args_parse; `why` (PK_COMMAND_WHY_BYTES) then holds a
 * sentence. args must stay valid while *out is used. */
PK_MUST_USE int pk_command_local(struct pk_str cmd, struct pk_str args, enum pk_role role,
                                 struct pk_request *out, char why[PK_COMMAND_WHY_BYTES]);
/* Whether the local policy lets a remote command through: PK_OK, PK_E_POLICY, PK_E_UNSUPPORTED (socket only).
 */
PK_MUST_USE int pk_command_policy_check(const struct pk_command_config *config, enum pk_cmd cmd);
#endif
