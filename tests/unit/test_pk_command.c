#include "report/pk_command.h"

#include <string.h>

#include "base/pk_bitset.h"
#include "base/pk_time.h"
#include "support/pk_golden.h"
#include "support/pk_real_crypto.h"
#include "support/pk_test.h"

static const int64_t NOW_MS = 1790000000000; /* when the vectors were signed */

static struct pk_real_crypto crypto;
static struct pk_keys keys;
static struct pk_command_config config;
static struct pk_command_gate gate;
static struct pk_command_time now;
static char text[8192];
static char topic_name[64];
static uint64_t allow[PK_BITSET_WORDS(PK_CMD_COUNT)];

static void start(void) {
    static const char *const NAMES[] = {"ada", "alice", "bob", "hub-1", "rose", "viola"};
    struct pk_diag diag;
    char file[400];
    pk_real_crypto_open(&crypto);
    pk_keys_init(&keys);
    for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[40];
        (void)snprintf(path, sizeof path, "keys/%s.key", NAMES[i]);
        CHECK_EQ_INT(pk_keys_parse(&keys, pk_golden(path, file, sizeof file), path, &diag), PK_OK);
    }
    pk_bitset_clear_all(allow, PK_CMD_COUNT);
    config = (struct pk_command_config){.site = pk_str_of("plant"),
                                        .gateway = pk_str_of("gw-1"),
                                        .policy = PK_POLICY_LIST,
                                        .allow = allow,
                                        .keys = &keys};
    pk_command_init(&gate, &config);
    now = (struct pk_command_time){.mono_ms = 1000000, .wall_ms = NOW_MS, .quality = PK_TIME_NTP};
}

static void allow_all(void) {
    for (uint32_t i = 0; i < PK_CMD_COUNT; i++) {
        pk_bitset_set(allow, PK_CMD_COUNT, i);
    }
}

/* What the vector's cmd claim says stands in the topic too. */
static struct pk_command_input input_of(const char *vector) {
    char path[80];
    const char *why, *field;
    static struct pk_jws jws;
    static struct pk_claims claims;
    (void)snprintf(path, sizeof path, "jws/%s.jws", vector);
    const struct pk_str s = pk_golden(path, text, sizeof text);
    topic_name[0] = '\0';
    if (pk_jws_parse(s, &jws, &why) == PK_OK &&
        pk_claims_parse(jws.payload, jws.payload_bytes, &claims, &field) == PK_OK) {
        (void)pk_str_copy_cut(pk_str_of(claims.cmd), topic_name, sizeof topic_name);
    }
    return (struct pk_command_input){.name = pk_str_of(topic_name), .text = s};
}

static int take(const char *vector) {
    const struct pk_command_input input = input_of(vector);
    return pk_command_take(&gate, &input, &now);
}

/* All of it; PK_OK or the refusal. */
static int run(const char *vector) {
    int err = take(vector);
    while (err == PK_OK || err == PK_E_AGAIN) {
        const int step = pk_command_step(&gate, &crypto.port, &now);
        if (step != PK_E_AGAIN) {
            err = step;
            break;
        }
    }
    pk_command_done(&gate);
    return err;
}

PK_TEST(command__good__is_carried_out_once) {
    start();
    allow_all();
    CHECK_EQ_INT(take("good"), PK_OK);
    CHECK(pk_command_is_busy(&gate));
    CHECK_EQ_INT(take("good"), PK_E_BUSY);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_NOT_FOUND);
    CHECK_EQ_INT(gate.request.cmd, PK_CMD_INCIDENTS_ACK);
    CHECK_EQ_INT(gate.request.role, PK_ROLE_APPROVER);
    CHECK_EQ_U64(gate.request.signer_count, 1);
    CHECK_STR(gate.request.who, "key:alice");
    CHECK(gate.request.is_remote);
    CHECK(pk_str_eq_c(pk_args_text(&gate.request.args, "incident_id"), "inc_gw-1_7_00042"));
    CHECK(pk_str_eq_c(pk_args_text(&gate.request.args, "note"),
                      "Ich schau nach: \xC3\x96l \xE2\x89\xA0 Wasser"));
    CHECK_EQ_U64(gate.replay.count, 1);
    pk_command_done(&gate);
    CHECK_EQ_INT(run("good"), PK_E_REPLAYED);
    CHECK_STR(gate.request.jti, "c0ffee00-0000-4000-8000-000000000001");
    CHECK_EQ_U64(gate.counters.accepted_count, 1);
    CHECK_EQ_U64(gate.counters.refused_count, 1);
    CHECK_EQ_U64(gate.counters.refused_by_error[-PK_E_REPLAYED], 1);
    CHECK_EQ_U64(gate.counters.verify_count, 1);
}

/* swarm:mixed:20368 of the simulation. */
PK_TEST(command__played_again_in_its_last_second__is_refused) {
    start();
    allow_all();
    CHECK_EQ_INT(run("good"), PK_OK);
    const int64_t last_s = gate.request.claims.exp_s + PK_COMMAND_SKEW_S;
    start();
    allow_all();
    now.wall_ms = last_s * 1000 + 400;
    CHECK_EQ_INT(run("good"), PK_OK);
    pk_command_done(&gate);
    now.wall_ms = last_s * 1000 + 900;
    CHECK_EQ_INT(run("good"), PK_E_REPLAYED);
    pk_command_done(&gate);
    now.wall_ms = (last_s + 1) * 1000;
    CHECK_EQ_INT(run("good"), PK_E_EXPIRED);
}

PK_TEST(command__what_was_used_before_is_not_known__only_later_ones_are_taken) {
    start();
    allow_all();
    REQUIRE(take("good") == PK_OK);
    const int64_t iat_s = gate.request.claims.iat_s;
    start();
    allow_all();
    now.known_from_s = iat_s; /* signed in the very second the machine started */
    CHECK_EQ_INT(run("good"), PK_E_EXPIRED);
    CHECK(strstr(gate.why, "sign it again") != NULL);
    now.known_from_s = iat_s - PK_COMMAND_SKEW_S; /* whose clock may be that far ahead */
    CHECK_EQ_INT(run("good"), PK_E_EXPIRED);
    CHECK_EQ_U64(gate.replay.count, 0);
    now.known_from_s--;
    CHECK_EQ_INT(run("good"), PK_OK);
}

/* A time.set that was recorded before: a clock that is not sure forgets nothing. */
PK_TEST(command__what_was_used_before_is_not_known__holds_without_a_clock) {
    start();
    allow_all();
    REQUIRE(take("hub-time-set") == PK_OK);
    const int64_t iat_s = gate.request.claims.iat_s;
    for (uint32_t quality = PK_TIME_UNSET; quality <= PK_TIME_FLOOR; quality++) {
        start();
        allow_all();
        now.quality = (uint8_t)quality;
        now.known_from_s = iat_s;
        CHECK_EQ_INT(run("hub-time-set"), PK_E_EXPIRED);
        now.known_from_s = iat_s - PK_COMMAND_SKEW_S - 1;
        CHECK_EQ_INT(run("hub-time-set"), PK_OK);
    }
}

PK_TEST(command__audiences__gateway_site_and_fleet) {
    start();
    allow_all();
    CHECK_EQ_INT(run("good-site"), PK_OK);
    CHECK_EQ_INT(run("good-fleet-line-end"), PK_OK);
    CHECK_EQ_INT(run("wrong-audience"), PK_E_WRONG_AUDIENCE);
    CHECK_EQ_INT(run("wrong-site"), PK_E_WRONG_AUDIENCE);
}

PK_TEST(command__every_bad_vector__has_its_error_and_costs_no_signature) {
    static const struct {
        const char *vector;
        int err;
        uint32_t verify_count;
    } CASES[] = {
        {"expired", PK_E_EXPIRED, 0},
        {"from-the-future", PK_E_EXPIRED, 0},
        {"lives-too-long", PK_E_BAD_FIELD, 0},
        {"unknown-key", PK_E_UNKNOWN_KEY, 0},
        {"foreign-issuer", PK_E_BAD_FIELD, 0},
        {"alg-none", PK_E_BAD_MSG, 0},
        {"alg-hs256", PK_E_BAD_FIELD, 0},
        {"typ-jwt", PK_E_BAD_FIELD, 0},
        {"header-jwk", PK_E_UNKNOWN_FIELD, 0},
        {"header-crit", PK_E_UNKNOWN_FIELD, 0},
        {"unknown-claim", PK_E_UNKNOWN_FIELD, 0},
        {"missing-jti", PK_E_MISSING_FIELD, 0},
        {"unknown-command", PK_E_UNKNOWN_CMD, 0},
        {"too-big", PK_E_TOO_BIG, 0},
        {"two-same-kid", PK_E_BAD_MSG, 0},
        {"forged", PK_E_BAD_SIGNATURE, 1},
        {"two-second-forged", PK_E_BAD_SIGNATURE, 2},
        {"viewer-acks", PK_E_DENIED, 1},
        {"hub-acks", PK_E_DENIED, 1},
        {"local-only", PK_E_UNSUPPORTED, 1},
        {"unknown-argument", PK_E_UNKNOWN_FIELD, 1},
        {"missing-argument", PK_E_MISSING_FIELD, 1},
        {"claim-against-argument", PK_E_BAD_FIELD, 1},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        start();
        allow_all();
        const int err = run(CASES[i].vector);
        if (err != CASES[i].err) {
            CHECK_STR(CASES[i].vector, gate.why);
        }
        CHECK_EQ_INT(err, CASES[i].err);
        CHECK_EQ_U64(gate.counters.verify_count, CASES[i].verify_count);
        CHECK_EQ_U64(gate.counters.accepted_count, 0);
        CHECK(gate.why[0] != '\0');
        CHECK(!pk_command_is_busy(&gate));
    }
}

PK_TEST(command__two_operators__one_signature_check_a_step) {
    start();
    allow_all();
    CHECK_EQ_INT(take("two-signatures"), PK_OK);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_AGAIN);
    CHECK_EQ_U64(gate.counters.verify_count, 1);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    CHECK_EQ_U64(gate.request.signer_count, 2);
    CHECK_STR(gate.request.who, "key:alice+bob");
    CHECK_EQ_INT(gate.request.cmd, PK_CMD_APPROVAL_DECIDE);
    pk_command_done(&gate);
    /* Two keys of one person are one person. */
    start();
    allow_all();
    (void)pk_str_copy_cut(pk_str_of("alice"), keys.items[pk_keys_find(&keys, pk_str_of("bob"))].owner,
                          PK_JWS_KID_BYTES);
    CHECK_EQ_INT(run("two-signatures"), PK_E_DENIED);
    /* The lower role of the two counts. */
    start();
    allow_all();
    keys.items[pk_keys_find(&keys, pk_str_of("bob"))].role = PK_ROLE_VIEWER;
    CHECK_EQ_INT(run("two-signatures"), PK_E_DENIED);
    CHECK_EQ_U64(gate.counters.verify_count, 2);
}

PK_TEST(command__keys_read_anew_under_way__are_not_trusted) {
    start();
    allow_all();
    CHECK_EQ_INT(take("good"), PK_OK);
    keys.items[pk_keys_find(&keys, pk_str_of("alice"))].public_key[0] ^= 1u;
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_UNKNOWN_KEY);
    pk_command_done(&gate);
    start();
    allow_all();
    CHECK_EQ_INT(take("good"), PK_OK);
    keys.count = 0;
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_UNKNOWN_KEY);
}

PK_TEST(command__clock__decides_what_may_come) {
    start();
    allow_all();
    now.quality = PK_TIME_FLOOR;
    CHECK_EQ_INT(run("good"), PK_E_CLOCK_UNSURE);
    CHECK_EQ_INT(run("admin-time-set"), PK_E_CLOCK_UNSURE);
    CHECK_EQ_INT(run("hub-time-set"), PK_OK);
    CHECK_EQ_INT(gate.request.role, PK_ROLE_HUB);
    /* The floor is a lower bound: what was over by then is refused even so. */
    start();
    allow_all();
    now.quality = PK_TIME_FLOOR;
    now.wall_ms = NOW_MS + 361000;
    CHECK_EQ_INT(run("hub-time-set"), PK_E_EXPIRED);
    now.quality = PK_TIME_UNSET;
    CHECK_EQ_INT(run("hub-time-set"), PK_OK);
    /* Skew of a minute both ways. */
    start();
    allow_all();
    now.wall_ms = NOW_MS + (300 + 60) * 1000;
    CHECK_EQ_INT(run("good"), PK_OK);
    start();
    allow_all();
    now.wall_ms = NOW_MS + (300 + 61) * 1000;
    CHECK_EQ_INT(run("good"), PK_E_EXPIRED);
    now.wall_ms = NOW_MS - 60000;
    CHECK_EQ_INT(run("good"), PK_OK);
}

PK_TEST(command__remote_policy__beats_every_key) {
    start();
    config.policy = PK_POLICY_OFF;
    CHECK_EQ_INT(run("good-site"), PK_E_POLICY);
    config.policy = PK_POLICY_READ_ONLY;
    CHECK_EQ_INT(run("viewer-status"), PK_OK);
    CHECK_EQ_INT(run("good"), PK_E_POLICY);
    CHECK_EQ_INT(run("good"), PK_E_REPLAYED); /* refused, and used up all the same */
    start();
    pk_bitset_set(allow, PK_CMD_COUNT, PK_CMD_STATUS);
    CHECK_EQ_INT(run("viewer-status"), PK_OK);
    CHECK_EQ_INT(run("good"), PK_E_POLICY);
    CHECK_EQ_INT(run("hub-time-set"), PK_E_POLICY);
    CHECK_EQ_INT(pk_command_policy_check(&config, PK_CMD_STATUS), PK_OK);
    CHECK_EQ_INT(pk_command_policy_check(&config, PK_CMD_DUMP_STATE), PK_E_UNSUPPORTED);
}

PK_TEST(command__retained_or_wrong_topic_or_bad_reply__is_refused) {
    start();
    allow_all();
    struct pk_command_input input = input_of("good");
    input.is_retained = true;
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_E_POLICY);
    CHECK_EQ_U64(gate.counters.retained_count, 1);
    pk_command_done(&gate);
    input = input_of("good");
    input.name = pk_str_of("status");
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_E_BAD_FIELD);
    pk_command_done(&gate);
    static const char *const BAD_TOPICS[] = {"a/#",
                                             "a/+/b",
                                             "$SYS/x",
                                             "a\nb",
                                             "picket/v1/lab/gw-01/incident/inc_1",
                                             "picket/v1/lab/gw-01/status",
                                             "picket/v9/x"};
    for (unsigned i = 0; i < sizeof BAD_TOPICS / sizeof BAD_TOPICS[0]; i++) {
        input = input_of("good");
        input.response_topic = pk_str_of(BAD_TOPICS[i]);
        CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_E_BAD_FIELD);
        pk_command_done(&gate);
    }
    static char longest[PK_COMMAND_REPLY_TOPIC_BYTES + 1];
    memset(longest, 'a', sizeof longest - 1);
    input.response_topic = pk_str_of(longest);
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_E_BAD_FIELD);
    pk_command_done(&gate);
    input = input_of("good");
    input.response_topic = pk_str_of("picket/v1/lab/hub/reply/1");
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_OK);
    pk_command_done(&gate);
    pk_replay_init(&gate.replay);
    input = input_of("good");
    input.response_topic = pk_str_of("replies/me");
    input.correlation = pk_str_make("\0\1\2", 3);
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_OK);
    CHECK_STR(gate.request.reply_topic, "replies/me");
    CHECK_EQ_U64(gate.request.correlation_bytes, 3);
    CHECK_MEM(gate.request.correlation, "\0\1\2", 3);
}

/* ---- JSON around it, where MQTT has no properties ---- */

static int take_json(const char *json) {
    const struct pk_command_input input = {.name = pk_str_of("incidents.ack"), .text = pk_str_of(json)};
    const int err = pk_command_take(&gate, &input, &now);
    pk_command_done(&gate);
    return err;
}

/* `around`: members before the command. */
static int take_wrapped(const char *around) {
    static char json[6000];
    (void)input_of("good");
    (void)snprintf(json, sizeof json, "{%s\"jws\":\"%.*s\"}", around, (int)pk_str_trim(pk_str_of(text)).n,
                   text);
    return take_json(json);
}

PK_TEST(wrapped__golden__is_taken_and_answered_as_it_asks) {
    start();
    allow_all();
    (void)input_of("good");
    char json[6000];
    struct pk_command_input input = {.name = pk_str_of("incidents.ack"),
                                     .text = pk_golden("command.json", json, sizeof json)};
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_OK);
    CHECK_STR(gate.request.reply_topic, "replies/me");
    CHECK(gate.request.is_correlation_json);
    CHECK_EQ_U64(gate.request.correlation_bytes, 4);
    CHECK_MEM(gate.request.correlation, "q-17", 4);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    CHECK_EQ_INT(gate.request.cmd, PK_CMD_INCIDENTS_ACK);
    pk_command_done(&gate);
    input.name = pk_str_of("approval.decide");
    input.text = pk_golden("command_two.json", json, sizeof json);
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_OK);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_AGAIN);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    CHECK_EQ_U64(gate.request.signer_count, 2);
    pk_command_done(&gate);
    /* The used id is the same, whatever is around it. */
    CHECK_EQ_INT(run("good"), PK_E_REPLAYED);
}

PK_TEST(wrapped__with_properties_beside__these_hold) {
    start();
    allow_all();
    char json[6000];
    const struct pk_command_input input = {.name = pk_str_of("incidents.ack"),
                                           .text = pk_golden("command.json", json, sizeof json),
                                           .response_topic = pk_str_of("replies/5"),
                                           .correlation = pk_str_make("\1\2", 2)};
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_OK);
    CHECK_STR(gate.request.reply_topic, "replies/5");
    CHECK(!gate.request.is_correlation_json);
    CHECK_EQ_U64(gate.request.correlation_bytes, 2);
}

PK_TEST(wrapped__expires__is_judged_as_exp_is) {
    static const struct {
        const char *around;
        uint8_t quality;
        int err;
    } CASES[] = {
        {"", PK_TIME_NTP, PK_OK},
        {"\"expires\":1789999940000,", PK_TIME_NTP, PK_OK}, /* a minute of skew */
        {"\"expires\":1789999939999,", PK_TIME_NTP, PK_E_EXPIRED},
        {"\"expires\":9223372036854775807,", PK_TIME_NTP, PK_OK},
        {"\"expires\":\"2026-09-21T14:12:19Z\",", PK_TIME_NTP, PK_E_EXPIRED},
        {"\"expires\":\"2026-09-21T14:12:20Z\",", PK_TIME_HUB, PK_OK},
        {"\"expires\":1789999939999,", PK_TIME_FLOOR, PK_E_CLOCK_UNSURE}, /* of an operator, as ever */
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        start();
        allow_all();
        now.quality = CASES[i].quality;
        CHECK_EQ_INT(take_wrapped(CASES[i].around), CASES[i].err);
        CHECK_EQ_U64(gate.counters.refused_by_error[-PK_E_EXPIRED], CASES[i].err == PK_E_EXPIRED ? 1 : 0);
    }
    start();
    CHECK_EQ_INT(take_wrapped("\"reply_to\":\"r/1\",\"expires\":1,"), PK_E_EXPIRED);
    CHECK_STR(gate.why, "expires, around the command, is over");
    CHECK_STR(gate.request.reply_topic, "r/1");
    CHECK(gate.request.jti[0] != '\0');
}

PK_TEST(wrapped__hostile__is_refused_in_words_counted_and_answered) {
    static const struct {
        const char *json;
        int err;
        const char *why, *reply_topic;
    } CASES[] = {
        {"{\"reply_to\":\"r/1\"}", PK_E_MISSING_FIELD, "bad JSON around the command: jws", "r/1"},
        {"{\"reply_to\":\"r/1\",\"jws\":1}", PK_E_BAD_FIELD, "bad JSON around the command: jws", "r/1"},
        {"{\"reply_to\":\"r/1\",\"jws\":\"\"}", PK_E_BAD_MSG, NULL, "r/1"},
        {"{\"reply_to\":\"r/1\",\"jws\":\"a.b.c\"}", PK_E_BAD_MSG, NULL, "r/1"},
        {"{\"reply_to\":\"r/1\",\"jws\":\"{}\"}", PK_E_BAD_MSG, NULL, "r/1"},
        {"{\"reply_to\":\"r/1\",\"x\":1}", PK_E_UNKNOWN_FIELD, "bad JSON around the command", "r/1"},
        {"{\"reply_to\":[]}", PK_E_BAD_FIELD, "bad JSON around the command: reply_to", ""},
        {"{\"expires\":\"soon\",\"jws\":\"a\"}", PK_E_BAD_FIELD, "bad JSON around the command: expires", ""},
        {"{\"reply_to\":\"a/#\",\"jws\":\"a\"}", PK_E_BAD_FIELD,
         "response topic or correlation data cannot be used", ""},
        {"{\"reply_to\":\"a/+\",\"jws\":\"a\"}", PK_E_BAD_FIELD,
         "response topic or correlation data cannot be used", ""},
        {"{\"reply_to\":\"$SYS/x\",\"jws\":\"a\"}", PK_E_BAD_FIELD,
         "response topic or correlation data cannot be used", ""},
        {"{\"reply_to\":\"a\\nb\",\"jws\":\"a\"}", PK_E_BAD_FIELD,
         "response topic or correlation data cannot be used", ""},
        {"{\"reply_to\":\"picket/v1/plant/gw-1/status\",\"jws\":\"a\"}", PK_E_BAD_FIELD,
         "response topic or correlation data cannot be used", ""},
        {"{", PK_E_BAD_MSG, "bad JSON around the command", ""},
        {"{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", PK_E_UNKNOWN_FIELD, NULL, ""},
        {"{\"jws\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", PK_E_TOO_DEEP, NULL, ""},
    };
    start();
    allow_all();
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const int err = take_json(CASES[i].json);
        if (err != CASES[i].err) {
            CHECK_STR(CASES[i].json, gate.why);
        }
        CHECK_EQ_INT(err, CASES[i].err);
        CHECK(gate.why[0] != '\0');
        if (CASES[i].why != NULL) {
            CHECK_STR(gate.why, CASES[i].why);
        }
        CHECK_STR(gate.request.reply_topic, CASES[i].reply_topic);
        CHECK_EQ_U64(gate.counters.refused_count, i + 1);
        CHECK_EQ_U64(gate.counters.verify_count, 0);
    }
    static char big[PK_JWS_OUTER_BYTES_MAX + 2];
    memset(big, ' ', sizeof big - 1);
    big[0] = '{';
    CHECK_EQ_INT(take_json(big), PK_E_TOO_BIG);
    CHECK_STR(gate.why, "larger than 4 KiB");
    /* Retained is refused with the JSON's own answer address, and before its command is looked at. */
    struct pk_command_input input = {.name = pk_str_of("incidents.ack"),
                                     .text = pk_str_of("{\"reply_to\":\"r/1\",\"jws\":\"x\"}"),
                                     .is_retained = true};
    CHECK_EQ_INT(pk_command_take(&gate, &input, &now), PK_E_POLICY);
    CHECK_STR(gate.request.reply_topic, "r/1");
    CHECK_EQ_U64(gate.counters.retained_count, 1);
}

/* Genuine, each as if it were a new one. */
static int run_anew(const char *vector) {
    pk_replay_init(&gate.replay);
    return run(vector);
}

PK_TEST(command__rate__bounds_one_key_and_refills) {
    start();
    allow_all();
    config.rate_per_minute = 6;
    uint32_t taken = 0;
    int err = PK_OK;
    while (taken < 100 && (err = run_anew("good")) == PK_OK) {
        taken++;
    }
    CHECK_EQ_INT(err, PK_E_RATE);
    CHECK_EQ_U64(taken, PK_COMMAND_BURST);
    CHECK_EQ_U64(gate.counters.verify_count, PK_COMMAND_BURST); /* the one too many cost no signature */
    /* Another key is not touched by it. */
    CHECK_EQ_INT(run_anew("viewer-status"), PK_OK);
    now.mono_ms += 9999;
    CHECK_EQ_INT(run_anew("good"), PK_E_RATE);
    now.mono_ms += 1;
    CHECK_EQ_INT(run_anew("good"), PK_OK);
    CHECK_EQ_INT(run_anew("good"), PK_E_RATE);
    now.mono_ms += 100000000;
    for (uint32_t i = 0; i < PK_COMMAND_BURST; i++) {
        CHECK_EQ_INT(run_anew("good"), PK_OK);
    }
    CHECK_EQ_INT(run_anew("good"), PK_E_RATE);
}

/* Whoever knows the name of a key, and may publish, has no say in what its owner may send. */
PK_TEST(command__forged__do_not_keep_out_the_key_they_name) {
    start();
    allow_all();
    /* "forged" has the kid of "good". Sixty at once, and sixty a minute from then on. */
    for (uint32_t i = 0; i < 60; i++) {
        CHECK_EQ_INT(run("forged"), PK_E_BAD_SIGNATURE);
    }
    CHECK_EQ_INT(run_anew("good"), PK_OK);
    for (uint32_t i = 0; i < 300; i++) {
        now.mono_ms += 1000;
        CHECK_EQ_INT(run("forged"), PK_E_BAD_SIGNATURE);
        if (i % 4 == 0) {
            CHECK_EQ_INT(run_anew("good"), PK_OK);
        }
    }
    CHECK_EQ_U64(gate.counters.refused_by_error[-PK_E_RATE], 0);
}

PK_TEST(command__forged__cost_a_link_so_much_and_no_more) {
    start();
    allow_all();
    struct pk_command_input forged = input_of("forged");
    uint32_t refused = 0;
    /* A hundred a second for three minutes. */
    for (uint32_t i = 0; i < 18000; i++) {
        now.mono_ms += 10;
        if (pk_command_take(&gate, &forged, &now) == PK_OK) {
            CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_E_BAD_SIGNATURE);
        } else {
            refused++;
        }
        pk_command_done(&gate);
    }
    const uint64_t bound = PK_COMMAND_FALSE_BURST + 3 * PK_COMMAND_FALSE_PER_MINUTE;
    CHECK(gate.counters.verify_count <= bound && gate.counters.verify_count >= bound - 1);
    CHECK_EQ_U64(refused + gate.counters.verify_count, 18000);
    CHECK_EQ_U64(gate.counters.refused_by_error[-PK_E_RATE], refused);
    CHECK_STR(gate.why, "too many with false signatures came this way");
    /* Then the honest one is told so there, and is taken on the other link. */
    CHECK_EQ_INT(run_anew("good"), PK_E_RATE);
    struct pk_command_input good = input_of("good");
    good.link = 1;
    CHECK_EQ_INT(pk_command_take(&gate, &good, &now), PK_OK);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    pk_command_done(&gate);
    /* And here once more as soon as the forger pauses. */
    now.mono_ms += 60000 / PK_COMMAND_FALSE_PER_MINUTE;
    CHECK_EQ_INT(run_anew("good"), PK_OK);
    /* One genuine signature of two pays for nothing. */
    now.mono_ms += 60000;
    CHECK_EQ_INT(run("two-second-forged"), PK_E_BAD_SIGNATURE);
    CHECK_EQ_U64(gate.unproved[0][0].tokens_milli, (PK_COMMAND_FALSE_BURST - 2) * 1000);
    CHECK_EQ_INT(run_anew("two-signatures"), PK_OK);
    CHECK_EQ_U64(gate.unproved[0][0].tokens_milli, (PK_COMMAND_FALSE_BURST - 2) * 1000);
}

PK_TEST(command__full_jti_store__refuses_before_the_signature) {
    start();
    allow_all();
    for (uint32_t i = 0; i < PK_LIMIT_REPLAY_JTI; i++) {
        char jti[20];
        (void)snprintf(jti, sizeof jti, "filler-%u", i);
        CHECK_EQ_INT(pk_replay_add(&gate.replay, pk_str_of(jti), NOW_MS / 1000 + 500, NOW_MS / 1000), PK_OK);
    }
    CHECK_EQ_INT(run("good"), PK_E_FULL);
    CHECK_EQ_U64(gate.counters.verify_count, 0);
}

PK_TEST(command__random_bytes__are_refused) {
    struct pk_rng rng;
    start();
    pk_rng_seed(&rng, 3);
    for (uint32_t i = 0; i < 2000; i++) {
        char noise[200];
        const uint32_t n = (uint32_t)pk_rng_below(&rng, sizeof noise);
        for (uint32_t k = 0; k < n; k++) {
            noise[k] = (char)pk_rng_u64(&rng);
        }
        const struct pk_command_input input = {.name = pk_str_of("status"), .text = pk_str_make(noise, n)};
        CHECK(pk_command_take(&gate, &input, &now) < 0);
        CHECK_STR(gate.request.jti, "");
        pk_command_done(&gate);
    }
    CHECK_EQ_U64(gate.counters.refused_count, 2000);
}

PK_TEST(command_local__role_and_arguments__are_checked) {
    static struct pk_request r;
    char why[PK_COMMAND_WHY_BYTES];
    start();
    CHECK_EQ_INT(pk_command_local(pk_str_of("status"), pk_str_of("{}"), PK_ROLE_VIEWER, &r, why), PK_OK);
    CHECK_EQ_INT(r.cmd, PK_CMD_STATUS);
    CHECK(!r.is_remote);
    CHECK_EQ_INT(pk_command_local(pk_str_of("statsu"), pk_str_of("{}"), PK_ROLE_VIEWER, &r, why),
                 PK_E_UNKNOWN_CMD);
    CHECK_STR(why, "no such command; did you mean: status");
    CHECK_EQ_INT(pk_command_local(pk_str_of("mode.set"), pk_str_of("{}"), PK_ROLE_APPROVER, &r, why),
                 PK_E_DENIED);
    CHECK_STR(why, "your role does not reach this command: approver");
    CHECK_EQ_INT(pk_command_local(pk_str_of("mode.set"), pk_str_of("{}"), PK_ROLE_ADMIN, &r, why),
                 PK_E_MISSING_FIELD);
    CHECK_STR(why, "missing argument: mode");
    CHECK_EQ_INT(pk_command_local(pk_str_of("dump-state"), pk_str_of("{}"), PK_ROLE_ADMIN, &r, why), PK_OK);
    CHECK_EQ_INT(pk_command_local(pk_str_of("ping"), pk_str_of("[]"), PK_ROLE_VIEWER, &r, why), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_command_local(pk_str_of("ping"), pk_str_of("{}"), PK_ROLE_NONE, &r, why), PK_E_DENIED);
}

static int not_in_this_round(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                             const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    (void)ctx, (void)public_key, (void)msg, (void)signature;
    return PK_E_AGAIN;
}

PK_TEST(command__a_handshake_has_the_round__waits_for_the_next_one) {
    start();
    allow_all();
    REQUIRE(take("good") == PK_OK);
    struct pk_port_crypto busy = crypto.port;
    busy.es256_verify = not_in_this_round;
    CHECK_EQ_INT(pk_command_step(&gate, &busy, &now), PK_E_AGAIN);
    CHECK_EQ_INT(pk_command_step(&gate, &busy, &now), PK_E_AGAIN);
    CHECK_EQ_U64(gate.counters.verify_count, 0);
    CHECK_EQ_INT(pk_command_step(&gate, &crypto.port, &now), PK_OK);
    CHECK_EQ_U64(gate.counters.verify_count, 1);
}

PK_TEST_MAIN(command__a_handshake_has_the_round__waits_for_the_next_one, command__good__is_carried_out_once,
             command__played_again_in_its_last_second__is_refused,
             command__what_was_used_before_is_not_known__only_later_ones_are_taken,
             command__what_was_used_before_is_not_known__holds_without_a_clock,
             command__audiences__gateway_site_and_fleet,
             command__every_bad_vector__has_its_error_and_costs_no_signature,
             command__two_operators__one_signature_check_a_step,
             command__keys_read_anew_under_way__are_not_trusted, command__clock__decides_what_may_come,
             command__remote_policy__beats_every_key,
             command__retained_or_wrong_topic_or_bad_reply__is_refused,
             wrapped__golden__is_taken_and_answered_as_it_asks, wrapped__with_properties_beside__these_hold,
             wrapped__expires__is_judged_as_exp_is,
             wrapped__hostile__is_refused_in_words_counted_and_answered,
             command__rate__bounds_one_key_and_refills, command__forged__do_not_keep_out_the_key_they_name,
             command__forged__cost_a_link_so_much_and_no_more,
             command__full_jti_store__refuses_before_the_signature, command__random_bytes__are_refused,
             command_local__role_and_arguments__are_checked)
