#include "report/pk_command.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bitset.h"
#include "base/pk_time.h"
#include "base/pk_zero.h"
#include "wire/pk_topic.h"

enum { MINUTE_MS = 60000, TOKEN_MILLI = 1000 };

void pk_command_init(struct pk_command_gate *g, const struct pk_command_config *config) {
    pk_zero(g, sizeof *g);
    g->config = config;
    pk_replay_init(&g->replay);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        g->unproved[0][i].tokens_milli = PK_COMMAND_FALSE_BURST * TOKEN_MILLI;
        g->unproved[1][i].tokens_milli = PK_COMMAND_FALSE_BURST * TOKEN_MILLI;
    }
    g->hub_acks.tokens_milli = PK_COMMAND_BURST * TOKEN_MILLI;
}

bool pk_command_is_busy(const struct pk_command_gate *g) {
    return g->stage != PK_COMMAND_IDLE;
}

void pk_command_done(struct pk_command_gate *g) {
    g->stage = PK_COMMAND_IDLE;
}

static void say(char why[PK_COMMAND_WHY_BYTES], const char *text, const char *detail) {
    struct pk_buf b;
    pk_buf_init(&b, why, PK_COMMAND_WHY_BYTES);
    pk_buf_puts(&b, text);
    if (detail != NULL && detail[0] != '\0') {
        pk_buf_puts(&b, ": ");
        pk_buf_puts(&b, detail);
    }
}

/* The end of a command that is not carried out. It waits to be answered. */
static int refuse(struct pk_command_gate *g, int err, const char *text, const char *detail) {
    PK_ASSERT(err < 0);
    say(g->why, text, detail);
    g->stage = PK_COMMAND_ANSWERED;
    g->counters.refused_count++;
    g->counters.hub_ack_refused_count += g->is_hub_ack ? 1u : 0u;
    const unsigned index = (unsigned)-err;
    if (index < PK_COUNT_OF(g->counters.refused_by_error)) {
        g->counters.refused_by_error[index]++;
    }
    return err;
}

/* ---- before the signature
 * -------------------------------------------------------------------------------------------------------- */

/* MQTT 5 lets the sender name any topic for the answer: one we could not publish to is refused, not half
 * obeyed. */
static bool keep_reply_address(struct pk_request *r, const struct pk_command_input *in) {
    if (in->correlation.n > sizeof r->correlation) {
        return false;
    }
    if (in->correlation.n > 0) {
        memcpy(r->correlation, in->correlation.p, in->correlation.n);
    }
    r->correlation_bytes = in->correlation.n;
    for (uint32_t i = 0; i < in->response_topic.n; i++) {
        const char c = in->response_topic.p[i];
        if (c == '+' || c == '#' || (unsigned char)c < 0x20u) {
            return false;
        }
    }
    if (in->response_topic.n > 0 && in->response_topic.p[0] == '$') {
        return false;
    }
    /* Anybody who may send a command could have an answer of ours published as an incident or a status. */
    struct pk_topic topic;
    if (pk_str_starts(in->response_topic, "picket/") &&
        (pk_topic_parse(in->response_topic, &topic) != PK_OK || topic.kind != PK_TOPIC_REPLY)) {
        return false;
    }
    return pk_str_copy(in->response_topic, r->reply_topic, sizeof r->reply_topic) >= 0;
}

static int read_claims(struct pk_command_gate *g, const struct pk_command_input *in) {
    const char *field = "";
    struct pk_request *r = &g->request;
    const int err = pk_claims_parse(g->jws.payload, g->jws.payload_bytes, &r->claims, &field);
    if (pk_text_is_id(pk_str_of(r->claims.jti), "", PK_JWS_JTI_BYTES - 1)) {
        memcpy(r->jti, r->claims.jti, sizeof r->jti);
    }
    if (err != PK_OK) {
        return refuse(g, err, "bad claim", field);
    }
    if (!pk_str_eq_c(in->name, r->claims.cmd)) {
        return refuse(g, PK_E_BAD_FIELD, "the topic names another command than cmd", r->claims.cmd);
    }
    return PK_OK;
}

static const struct pk_key *key_of(const struct pk_command_gate *g, uint32_t signature) {
    return &g->signers[signature];
}

static void name_signers(struct pk_command_gate *g) {
    struct pk_buf b;
    pk_buf_init(&b, g->request.who, sizeof g->request.who);
    pk_buf_puts(&b, "key:");
    for (uint32_t i = 0; i < PK_JWS_SIGNATURES_MAX; i++) {
        const char *owner = i < g->jws.signature_count ? key_of(g, i)->owner : "";
        (void)pk_str_copy_cut(pk_str_of(owner), g->request.people[i], sizeof g->request.people[i]);
    }
    pk_buf_puts(&b, key_of(g, 0)->kid);
    if (g->jws.signature_count == 2) {
        /* As much of the second name as there is room for: the audit holds both kids anyway when they are
         * short. */
        char second[PK_JWS_KID_BYTES];
        const uint32_t room = b.cap_bytes - b.n - 1;
        pk_buf_putc(&b, '+');
        (void)pk_str_copy_cut(pk_str_of(key_of(g, 1)->kid), second,
                              room < sizeof second ? room : sizeof second);
        pk_buf_puts(&b, second);
    }
}

static int find_keys(struct pk_command_gate *g) {
    const struct pk_keys *keys = g->config->keys;
    struct pk_request *r = &g->request;
    bool is_issuer_known = false;
    for (uint32_t i = 0; i < g->jws.signature_count; i++) {
        const char *kid = g->jws.signatures[i].kid;
        const int index = pk_keys_find_obeyed(keys, pk_str_of(kid));
        if (index < 0) {
            return refuse(g, PK_E_UNKNOWN_KEY,
                          keys->is_distrusted ? "no key is obeyed: a stored revocation cannot be read"
                                              : "no such key here",
                          kid);
        }
        g->signers[i] = keys->items[index];
        const struct pk_key *key = key_of(g, i);
        is_issuer_known =
            is_issuer_known || strcmp(r->claims.iss, key->owner) == 0 || strcmp(r->claims.iss, key->kid) == 0;
    }
    const struct pk_key *first = key_of(g, 0);
    r->role = (enum pk_role)first->role;
    r->signer_count = g->jws.signature_count;
    name_signers(g);
    if (!is_issuer_known) {
        return refuse(g, PK_E_BAD_FIELD, "iss is neither owner nor name of the key", r->claims.iss);
    }
    if (r->signer_count < 2) {
        return PK_OK;
    }
    const struct pk_key *second = key_of(g, 1);
    if (strcmp(first->owner, second->owner) == 0) {
        return refuse(g, PK_E_DENIED, "both signatures are of one operator", first->owner);
    }
    if (first->role == PK_ROLE_HUB || second->role == PK_ROLE_HUB) {
        return refuse(g, PK_E_DENIED, "a hub key cannot stand for an operator", NULL);
    }
    r->role = (enum pk_role)(first->role < second->role ? first->role : second->role);
    return PK_OK;
}

static int check_audience(struct pk_command_gate *g) {
    static const char SITE[] = "site:";
    const struct pk_str aud = pk_str_of(g->request.claims.aud);
    if (pk_str_eq(aud, g->config->gateway) || (!g->is_hub_ack && pk_str_eq_c(aud, "fleet"))) {
        return PK_OK;
    }
    if (!g->is_hub_ack && pk_str_starts(aud, SITE) &&
        pk_str_eq(pk_str_make(aud.p + sizeof SITE - 1, aud.n - (sizeof SITE - 1)), g->config->site)) {
        return PK_OK;
    }
    return refuse(g, PK_E_WRONG_AUDIENCE, "meant for another gateway", g->request.claims.aud);
}

static bool is_clock_sure(const struct pk_command_time *now) {
    return now->quality == PK_TIME_NTP || now->quality == PK_TIME_HUB;
}

static int64_t judging_s(const struct pk_command_time *now) {
    return is_clock_sure(now) ? now->wall_ms / 1000 : 0;
}

/* The last second in which it is taken; its id is kept through it. */
static int64_t last_accepted_s(const struct pk_claims *c) {
    return c->exp_s + PK_COMMAND_SKEW_S;
}

/* The clock of who signed it may be ahead as far as we allow. */
static int check_issued(struct pk_command_gate *g, const struct pk_command_time *now) {
    const bool is_known =
        now->known_from_s <= 0 || g->request.claims.iat_s > now->known_from_s + PK_COMMAND_SKEW_S;
    return is_known ? PK_OK
                    : refuse(g, PK_E_EXPIRED,
                             "issued before this gateway began to keep what was used, or within a minute "
                             "after: sign it again",
                             NULL);
}

static int check_time(struct pk_command_gate *g, const struct pk_command_time *now) {
    const struct pk_claims *c = &g->request.claims;
    const int64_t now_s = now->wall_ms / 1000;
    if (!is_clock_sure(now)) {
        const bool may_come = g->is_hub_ack || ((pk_cmd_row(g->request.cmd)->flags & PK_CMD_ANY_CLOCK) != 0 &&
                                                g->request.role == PK_ROLE_HUB);
        if (!may_come) {
            return refuse(g, PK_E_CLOCK_UNSURE, "the clock here is not sure enough to judge exp",
                          pk_time_quality_word((enum pk_time_quality)now->quality));
        }
        /* An unsure clock is a lower bound at least: what was over then is over. */
        if (now->quality == PK_TIME_FLOOR && last_accepted_s(c) < now_s) {
            return refuse(g, PK_E_EXPIRED, "expired before the last known time", NULL);
        }
        return check_issued(g, now);
    }
    if (last_accepted_s(c) < now_s) {
        return refuse(g, PK_E_EXPIRED, "expired", NULL);
    }
    if (c->iat_s - PK_COMMAND_SKEW_S > now_s) {
        return refuse(g, PK_E_EXPIRED, "iat lies in the future", NULL);
    }
    return check_issued(g, now);
}

/* A bucket of `burst` tokens that gains `rate` a minute, filled up to now. */
static void refill(struct pk_command_tokens *t, uint64_t rate, uint32_t burst, uint64_t now_ms) {
    const uint64_t past_ms = now_ms > t->refilled_ms ? now_ms - t->refilled_ms : 0;
    const uint64_t full = (uint64_t)burst * TOKEN_MILLI;
    /* After an hour every bucket is full: keeps the product small. */
    const uint64_t counted_ms = past_ms < 60u * MINUTE_MS ? past_ms : 60u * MINUTE_MS;
    const uint64_t gained = counted_ms * rate * TOKEN_MILLI / MINUTE_MS;
    if (t->tokens_milli + gained >= full) {
        t->tokens_milli = (uint32_t)full;
        t->refilled_ms = now_ms;
    } else if (gained > 0) {
        t->tokens_milli += (uint32_t)gained;
        /* Only the time that was paid out: what is left of it is not lost. */
        t->refilled_ms += gained * MINUTE_MS / (rate * TOKEN_MILLI);
    }
}

static struct pk_command_tokens *tokens_of(struct pk_command_gate *g, const char *kid, uint64_t now_ms) {
    struct pk_command_bucket *oldest = &g->buckets[0];
    for (uint32_t i = 0; i < PK_LIMIT_KEYS_PUBLIC; i++) {
        struct pk_command_bucket *b = &g->buckets[i];
        if (strcmp(b->kid, kid) == 0) {
            return &b->tokens;
        }
        if (b->kid[0] == '\0' ||
            (oldest->kid[0] != '\0' && b->tokens.refilled_ms < oldest->tokens.refilled_ms)) {
            oldest = b;
        }
    }
    /* There are as many buckets as keys: only a reload that renames keys takes one away. */
    *oldest = (struct pk_command_bucket){
        .tokens = {.refilled_ms = now_ms, .tokens_milli = PK_COMMAND_BURST * TOKEN_MILLI}};
    (void)pk_str_copy_cut(pk_str_of(kid), oldest->kid, sizeof oldest->kid);
    return &oldest->tokens;
}

/* Not charged yet: whoever knows a name could use up the rate of its key. */
static bool has_token(struct pk_command_gate *g, const char *kid, uint64_t now_ms) {
    const uint64_t rate =
        g->config->rate_per_minute > 0 ? g->config->rate_per_minute : PK_COMMAND_RATE_DEFAULT;
    struct pk_command_tokens *t = tokens_of(g, kid, now_ms);
    refill(t, rate, PK_COMMAND_BURST, now_ms);
    return t->tokens_milli >= TOKEN_MILLI;
}

/* The link is charged for each signature to be checked, before it is. */
static bool take_unproved(struct pk_command_gate *g, uint64_t now_ms) {
    struct pk_command_tokens *t = &g->unproved[g->is_hub_ack][g->link];
    const uint32_t cost = g->jws.signature_count * TOKEN_MILLI;
    refill(t, PK_COMMAND_FALSE_PER_MINUTE, PK_COMMAND_FALSE_BURST, now_ms);
    if (t->tokens_milli < cost) {
        return false;
    }
    t->tokens_milli -= cost;
    return true;
}

/* What MQTT 5 leaves to the broker: an answer nobody waits for any more is none to act for. */
static int check_outer_expiry(struct pk_command_gate *g, int64_t expires_ms,
                              const struct pk_command_time *now) {
    const bool is_known = expires_ms > 0 && now->quality != PK_TIME_UNSET;
    return is_known && expires_ms < now->wall_ms - PK_COMMAND_SKEW_S * 1000
               ? refuse(g, PK_E_EXPIRED, "expires, around the command, is over", NULL)
               : PK_OK;
}

static void pay(struct pk_command_tokens *t) {
    /* Looked at when it was taken; there is one command at a time. */
    t->tokens_milli -= t->tokens_milli >= TOKEN_MILLI ? TOKEN_MILLI : t->tokens_milli;
}

/* All of its signatures are genuine: its keys pay for it, and the link does not. */
static void charge(struct pk_command_gate *g, uint64_t now_ms) {
    for (uint32_t i = 0; i < g->jws.signature_count; i++) {
        pay(g->is_hub_ack ? &g->hub_acks : tokens_of(g, key_of(g, i)->kid, now_ms));
    }
    g->unproved[g->is_hub_ack][g->link].tokens_milli +=
        g->jws.signature_count * TOKEN_MILLI; /* what it paid */
}

static int check_replay_and_rate(struct pk_command_gate *g, int64_t expires_ms,
                                 const struct pk_command_time *now) {
    int err = pk_replay_check(&g->replay, pk_str_of(g->request.jti), judging_s(now));
    if (err == PK_E_REPLAYED) {
        return refuse(g, err, "this command was seen before", g->request.jti);
    }
    if (err != PK_OK) {
        return refuse(g, err, "the store of used command ids is full of unexpired ones", NULL);
    }
    /* After the ids: one that was carried out and comes again is answered as it was. */
    err = check_outer_expiry(g, expires_ms, now);
    if (err != PK_OK) {
        return err;
    }
    for (uint32_t i = 0; i < g->jws.signature_count; i++) {
        if (!has_token(g, key_of(g, i)->kid, now->mono_ms)) {
            return refuse(g, PK_E_RATE, "too many commands of this key", key_of(g, i)->kid);
        }
    }
    return PK_OK;
}

/* The command itself into g->text, *out_bytes of it, and where the answer goes. */
static int open_message(struct pk_command_gate *g, const struct pk_command_input *input, uint32_t *out_bytes,
                        int64_t *out_expires_ms) {
    struct pk_command_input in = *input;
    struct pk_jws_outer outer = {.expires_ms = 0};
    const char *field = "";
    const bool is_wrapped = pk_jws_is_wrapped(in.text);
    const int n = is_wrapped ? pk_jws_unwrap(in.text, g->text, &outer, &field) : (int)in.text.n;
    if (in.response_topic.n == 0) {
        in.response_topic = pk_str_of(outer.reply_to);
    }
    if (in.correlation.n == 0) {
        in.correlation = pk_str_of(outer.corr);
        g->request.is_correlation_json = in.correlation.n > 0;
    }
    if (!keep_reply_address(&g->request, &in)) {
        return refuse(g, PK_E_BAD_FIELD, "response topic or correlation data cannot be used", NULL);
    }
    if (in.is_retained) {
        g->counters.retained_count++;
        return refuse(g, PK_E_POLICY, "a retained command is never obeyed", NULL);
    }
    if (n == PK_E_TOO_BIG || n > PK_JWS_BYTES_MAX) {
        return refuse(g, PK_E_TOO_BIG, "larger than 4 KiB", field);
    }
    if (n < 0) {
        return refuse(g, n, "bad JSON around the command", field);
    }
    if (!is_wrapped && n > 0) {
        memcpy(g->text, in.text.p, (uint32_t)n);
    }
    *out_bytes = (uint32_t)n;
    *out_expires_ms = outer.expires_ms;
    return PK_OK;
}

static int check_command(struct pk_command_gate *g, int64_t expires_ms, const struct pk_command_time *now) {
    if (pk_cmd_find(pk_str_of(g->request.claims.cmd), &g->request.cmd) != PK_OK) {
        return refuse(g, PK_E_UNKNOWN_CMD, "no such command", g->request.claims.cmd);
    }
    const int err = check_time(g, now);
    return err == PK_OK ? check_replay_and_rate(g, expires_ms, now) : err;
}

static int check_hub_ack(struct pk_command_gate *g, const struct pk_command_time *now) {
    if (g->request.role != PK_ROLE_HUB) {
        return refuse(g, PK_E_DENIED, "only a key of role hub may say it", pk_role_word(g->request.role));
    }
    const int err = check_time(g, now);
    if (err != PK_OK) {
        return err;
    }
    /* One that is not heard is said again, and no command pays for it. */
    refill(&g->hub_acks, PK_COMMAND_HUB_ACKS_PER_MINUTE, PK_COMMAND_BURST, now->mono_ms);
    return g->hub_acks.tokens_milli >= TOKEN_MILLI ? PK_OK : refuse(g, PK_E_RATE, "too many of them", NULL);
}

int pk_command_take(struct pk_command_gate *g, const struct pk_command_input *input,
                    const struct pk_command_time *now) {
    const char *why = "";
    uint32_t n = 0;
    int64_t expires_ms = 0;
    if (g->stage != PK_COMMAND_IDLE) {
        return PK_E_BUSY;
    }
    memset(&g->request, 0, sizeof g->request);
    g->request.is_remote = true;
    g->is_hub_ack = input->is_hub_ack;
    g->verified_count = 0;
    PK_ASSERT(input->link < PK_LINKS);
    g->link = input->link;
    g->counters.taken_count++;
    int err = open_message(g, input, &n, &expires_ms);
    if (err != PK_OK) {
        return err;
    }
    err = pk_jws_parse(pk_str_make(g->text, n), &g->jws, &why);
    if (err != PK_OK) {
        return refuse(g, err, "not a signed command", why);
    }
    if ((err = read_claims(g, input)) != PK_OK) {
        return err;
    }
    if ((err = find_keys(g)) != PK_OK || (err = check_audience(g)) != PK_OK) {
        return err;
    }
    err = g->is_hub_ack ? check_hub_ack(g, now) : check_command(g, expires_ms, now);
    if (err != PK_OK) {
        return err;
    }
    if (!take_unproved(g, now->mono_ms)) {
        return refuse(g, PK_E_RATE, "too many with false signatures came this way", NULL);
    }
    g->stage = PK_COMMAND_TAKEN;
    return PK_OK;
}

/* ---- the signature and after it
 * --------------------------------------------------------------------------------------------------- */

int pk_command_policy_check(const struct pk_command_config *config, enum pk_cmd cmd) {
    const struct pk_cmd_row *row = pk_cmd_row(cmd);
    if ((row->flags & PK_CMD_LOCAL) != 0) {
        return PK_E_UNSUPPORTED;
    }
    switch (config->policy) {
    case PK_POLICY_OFF:
        return PK_E_POLICY;
    case PK_POLICY_READ_ONLY:
        return (row->flags & PK_CMD_MUTATES) != 0 ? PK_E_POLICY : PK_OK;
    case PK_POLICY_LIST:
        return pk_bitset_has(config->allow, PK_CMD_COUNT, (uint32_t)cmd) ? PK_OK : PK_E_POLICY;
    }
    PK_ASSERT(false);
    return PK_E_POLICY;
}

static const char *args_sentence(int err) {
    switch (err) {
    case PK_E_UNKNOWN_FIELD:
        return "unknown argument";
    case PK_E_MISSING_FIELD:
        return "missing argument";
    case PK_E_TOO_BIG:
        return "argument too long";
    case PK_E_BAD_FIELD:
        return "bad argument";
    default:
        return "the arguments are not a JSON object";
    }
}

/* The claims may name what the command is about; then they have to agree with it. */
static bool claim_agrees(const struct pk_args *args, const char *name, const char *claim) {
    uint32_t row_count = 0;
    const struct pk_cmd_arg_row *rows = pk_cmd_args(args->cmd, &row_count);
    for (uint32_t i = 0; i < row_count && claim[0] != '\0'; i++) {
        if (strcmp(rows[i].name, name) == 0 && args->values[i].is_given) {
            return pk_str_eq_c(args->values[i].text, claim);
        }
    }
    return true;
}

static int judge(struct pk_command_gate *g) {
    struct pk_request *r = &g->request;
    char field[PK_ARGS_FIELD_BYTES];
    if (pk_cmd_role_check(r->cmd, r->role) != PK_OK) {
        return refuse(g, PK_E_DENIED, "the key's role does not reach this command", pk_role_word(r->role));
    }
    int err = pk_command_policy_check(g->config, r->cmd);
    if (err == PK_E_UNSUPPORTED) {
        return refuse(g, err, "only on the local socket", r->claims.cmd);
    }
    if (err != PK_OK) {
        return refuse(g, err, "[remote] of this gateway does not allow it", r->claims.cmd);
    }
    err = pk_args_parse(r->cmd, r->claims.args, &r->args, field);
    if (err != PK_OK) {
        return refuse(g, err, args_sentence(err), field);
    }
    if (!claim_agrees(&r->args, "incident_id", r->claims.incident_id) ||
        !claim_agrees(&r->args, "approval_id", r->claims.approval_id)) {
        return refuse(g, PK_E_BAD_FIELD, "claim and argument name different things", NULL);
    }
    return PK_OK;
}

/* The keys may have been read anew since the command was taken. */
static bool is_key_unchanged(const struct pk_keys *keys, const struct pk_key *key) {
    const int index = pk_keys_find_obeyed(keys, pk_str_of(key->kid));
    if (index < 0) {
        return false;
    }
    const struct pk_key *now = &keys->items[index];
    return now->role == key->role && strcmp(now->owner, key->owner) == 0 &&
           memcmp(now->public_key, key->public_key, sizeof now->public_key) == 0;
}

int pk_command_step(struct pk_command_gate *g, const struct pk_port_crypto *crypto,
                    const struct pk_command_time *now) {
    if (g->stage != PK_COMMAND_TAKEN) {
        return PK_E_NOT_FOUND;
    }
    PK_ASSERT(g->verified_count < g->jws.signature_count);
    const struct pk_jws_signature *s = &g->jws.signatures[g->verified_count];
    const struct pk_key *key = key_of(g, g->verified_count);
    if (!is_key_unchanged(g->config->keys, key)) {
        return refuse(g, PK_E_UNKNOWN_KEY, "the key was changed or taken away", s->kid);
    }
    const int found = crypto->es256_verify(crypto->ctx, key->public_key, s->signing_input, s->signature);
    if (found == PK_E_AGAIN) {
        return PK_E_AGAIN;
    }
    g->counters.verify_count++;
    if (found != PK_OK) {
        return refuse(g, PK_E_BAD_SIGNATURE, "the signature is not of this key", s->kid);
    }
    g->verified_count++;
    if (g->verified_count < g->jws.signature_count) {
        return PK_E_AGAIN;
    }
    /* From here on it is genuine, and used up, whatever becomes of it. */
    charge(g, now->mono_ms);
    if (g->is_hub_ack) {
        g->stage = PK_COMMAND_ANSWERED;
        return PK_OK;
    }
    int err = pk_replay_add(&g->replay, pk_str_of(g->request.jti), last_accepted_s(&g->request.claims) + 1,
                            judging_s(now));
    if (err != PK_OK) {
        return refuse(g, err, "its id could not be kept", g->request.jti);
    }
    err = judge(g);
    if (err != PK_OK) {
        return err;
    }
    g->stage = PK_COMMAND_ANSWERED;
    g->counters.accepted_count++;
    return PK_OK;
}

/* ---- the local socket
 * --------------------------------------------------------------------------------------------------------------
 */

int pk_command_local(struct pk_str cmd, struct pk_str args, enum pk_role role, struct pk_request *out,
                     char why[PK_COMMAND_WHY_BYTES]) {
    char field[PK_ARGS_FIELD_BYTES];
    memset(out, 0, sizeof *out);
    why[0] = '\0';
    out->role = role;
    out->signer_count = 1;
    if (pk_cmd_find(cmd, &out->cmd) != PK_OK) {
        const char *near = pk_cmd_suggest(cmd);
        say(why, near != NULL ? "no such command; did you mean" : "no such command", near);
        return PK_E_UNKNOWN_CMD;
    }
    if (pk_cmd_role_check(out->cmd, role) != PK_OK) {
        say(why, "your role does not reach this command", pk_role_word(role));
        return PK_E_DENIED;
    }
    const int err = pk_args_parse(out->cmd, args, &out->args, field);
    if (err != PK_OK) {
        say(why, args_sentence(err), field);
    }
    return err;
}
