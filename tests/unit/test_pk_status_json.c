#include "wire/pk_status_json.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static char text[1024];

static struct pk_status sample(bool is_online) {
    return (struct pk_status){.is_online = is_online,
                              .boot = 7,
                              .connected_wall_ms = 1790000000000,
                              .version = pk_str_of("0.1.0"),
                              .isa = pk_str_of("armv7"),
                              .board = pk_str_of("armv7"),
                              .config_hash = 0x0000beef,
                              .rules_hash = 0xdeadbeef,
                              .mode = pk_str_of("safe"),
                              .remote = pk_str_of("read-only"),
                              .queue_depth = 3,
                              .time_quality = PK_TIME_NTP,
                              .reason = is_online ? (struct pk_str){0} : pk_str_of("connection lost")};
}

static struct pk_str write(const struct pk_status *s) {
    static struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_status_json_write(&w, NULL, s);
    CHECK(!b.is_cut);
    return pk_buf_str(&b);
}

PK_TEST(status_json__birth_and_will__are_the_golden_vectors) {
    static const char *const FILES[] = {"status_will.json", "status_birth.json"};
    for (unsigned online = 0; online < 2; online++) {
        char want[1024];
        struct pk_status back;
        const struct pk_status s = sample(online == 1);
        const struct pk_str golden = pk_str_trim(pk_golden(FILES[online], want, sizeof want));
        want[golden.n] = '\0';
        const struct pk_str got = write(&s);
        CHECK_STR(text, want);
        CHECK_EQ_INT(pk_status_json_read(got.p, got.n, &back), PK_OK);
        CHECK_EQ_INT(back.is_online, online);
        CHECK_EQ_U64(back.boot, 7);
        CHECK(back.connected_wall_ms == s.connected_wall_ms);
        CHECK_EQ_U64(back.config_hash, s.config_hash);
        CHECK_EQ_U64(back.rules_hash, s.rules_hash);
        CHECK(pk_str_eq(back.remote, s.remote));
        CHECK(pk_str_eq(back.reason, s.reason));
        CHECK_EQ_U64(back.queue_depth, 3);
        CHECK_EQ_INT(back.time_quality, PK_TIME_NTP);
    }
}

PK_TEST(status_json__clock_unset__still_names_the_connection) {
    struct pk_status s = sample(true), back;
    s.connected_wall_ms = 0;
    const struct pk_str got = write(&s);
    CHECK(strstr(text, "\"connected_at\":\"1970-01-01T00:00:00.000Z\"") != NULL);
    CHECK_EQ_INT(pk_status_json_read(got.p, got.n, &back), PK_OK);
    CHECK(back.connected_wall_ms == 0);
}

PK_TEST(status_json__bad__is_refused) {
    static const struct {
        const char *json;
        int err;
    } CASES[] = {
        {"", PK_E_BAD_MSG},
        {"{\"online\":true}", PK_E_MISSING_FIELD},
        {"{\"online\":1,\"boot\":1,\"connected_at\":\"2026-01-01T00:00:00Z\"}", PK_E_BAD_FIELD},
        {"{\"online\":true,\"boot\":-1,\"connected_at\":\"2026-01-01T00:00:00Z\"}", PK_E_BAD_FIELD},
        {"{\"online\":true,\"boot\":1,\"connected_at\":null}", PK_E_BAD_FIELD},
        {"{\"online\":true,\"boot\":1,\"connected_at\":\"2026-01-01T00:00:00Z\",\"rules_hash\":\"12\"}",
         PK_E_BAD_FIELD},
        {"{\"online\":true,\"boot\":1,\"connected_at\":\"2026-01-01T00:00:00Z\",\"time_quality\":\"good\"}",
         PK_E_BAD_FIELD},
        {"{\"online\":true,\"boot\":1,\"connected_at\":\"2026-01-01T00:00:00Z\",\"new\":[]}", PK_OK},
    };
    struct pk_status back;
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(pk_status_json_read(CASES[i].json, (uint32_t)strlen(CASES[i].json), &back),
                     CASES[i].err);
    }
}

PK_TEST(status__old_will__does_not_overwrite_a_newer_birth) {
    struct pk_status birth = sample(true), will = sample(false);
    CHECK(pk_status_is_newer(&will, &birth));
    CHECK(!pk_status_is_newer(&birth, &will));
    CHECK(!pk_status_is_newer(&birth, &birth));
    birth.connected_wall_ms++;
    CHECK(!pk_status_is_newer(&will, &birth));
    CHECK(pk_status_is_newer(&birth, &will));
    birth = sample(true);
    birth.boot++;
    birth.connected_wall_ms = 0; /* a clock that was reset does not matter */
    CHECK(pk_status_is_newer(&birth, &will));
    CHECK(!pk_status_is_newer(&will, &birth));
    birth.boot = 0x80000001u; /* both counters were lost */
    will.boot = 0x90000000u;
    CHECK(pk_status_is_newer(&birth, &will));
}

PK_TEST_MAIN(status_json__birth_and_will__are_the_golden_vectors,
             status_json__clock_unset__still_names_the_connection, status_json__bad__is_refused,
             status__old_will__does_not_overwrite_a_newer_birth)
