#include "detect/pk_match.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;

#define TAIL "\nwhen = count >= 1 in 5s by source\ntype = custom\nseverity = low\nkeys = 2\n"

static uint32_t found(const char *type, const char *source, enum pk_severity severity, uint16_t out[8]) {
    const struct pk_event e = detect_rig_event(&rig, type, source, severity);
    struct pk_match_list list;
    pk_match_find(&rig.engine, &e, &list);
    for (uint32_t i = 0; i < list.count && i < 8; i++) {
        out[i] = list.rules[i];
    }
    return list.count;
}

PK_TEST(find__type_severity_and_source__decide_and_are_cached) {
    uint16_t got[8] = {0};
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = type = x" TAIL
                                  "[rule b]\non = type = x* and severity >= high" TAIL
                                  "[rule c]\non = source = api* and source != api9" TAIL
                                  "[rule d]\non = any" TAIL) == PK_OK);
    CHECK_EQ_U64(found("x", "web", PK_SEV_INFO, got), 2);
    CHECK(got[0] == 0 && got[1] == 3);
    CHECK_EQ_U64(found("x", "web", PK_SEV_HIGH, got), 3);
    CHECK_EQ_U64(found("xy", "api1", PK_SEV_CRITICAL, got), 3);
    CHECK(got[0] == 1 && got[1] == 2 && got[2] == 3);
    CHECK_EQ_U64(found("xy", "api9", PK_SEV_INFO, got), 1);
    const uint32_t lists = rig.engine.list_count;
    CHECK_EQ_U64(found("xy", "api2", PK_SEV_CRITICAL, got), 3); /* another source of the same class */
    CHECK_EQ_U64(rig.engine.list_count, lists);
    CHECK_EQ_U64(rig.engine.class_count, 2);
}

PK_TEST(find__disabled_rule__is_in_no_list) {
    uint16_t got[8] = {0};
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = any" TAIL "[rule b]\non = any\nenabled = no" TAIL) ==
            PK_OK);
    CHECK_EQ_U64(found("x", "y", PK_SEV_INFO, got), 1);
    REQUIRE(pk_engine_enable(&rig.engine, 1, true, rig.now_ms) == PK_OK);
    CHECK_EQ_U64(found("x", "y", PK_SEV_INFO, got), 2);
}

PK_TEST(find__more_combinations_than_the_cache_holds__starts_over_and_stays_right) {
    uint16_t got[8] = {0};
    char type[8] = "t000";
    char source[8] = "s00";
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = type = t00*" TAIL "[rule b]\non = source = s1*" TAIL) ==
            PK_OK);
    for (uint32_t i = 0; i < 100; i++) {
        for (uint32_t severity = 0; severity < PK_SEV_COUNT; severity++) {
            type[2] = (char)('0' + i / 10);
            type[3] = (char)('0' + i % 10);
            for (uint32_t s = 0; s < 2; s++) {
                source[1] = (char)('0' + s);
                CHECK(found(type, source, (enum pk_severity)severity, got) == (i < 10 ? 1u : 0u) + s);
            }
        }
    }
    CHECK(rig.engine.list_flush_count > 0 || PK_ENGINE_LISTS > 2000);
}

PK_TEST(find__more_classes_than_the_table_holds__still_right_and_counted) {
    static char text[16384];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < 7; i++) { /* 2^7 signatures */
        pk_buf_puts(&b, "[rule r");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\non = source = s");
        for (uint32_t k = 0; k < 7; k++) {
            pk_buf_puts(&b, k == i ? "1" : "?");
        }
        pk_buf_puts(&b, TAIL);
    }
    REQUIRE(detect_rig_init(&rig, text) == PK_OK);
    for (uint32_t v = 0; v < 128; v++) {
        char name[9] = "s0000000";
        uint32_t bits = 0;
        for (uint32_t k = 0; k < 7; k++) {
            name[1 + k] = (v >> k & 1u) != 0 ? '1' : '0';
            bits += v >> k & 1u;
        }
        const struct pk_event e = detect_rig_event(&rig, "t", name, PK_SEV_INFO);
        const uint64_t before = rig.engine.match_count;
        detect_rig_give(&rig, &e);
        CHECK_EQ_U64(rig.engine.match_count - before, bits);
    }
    CHECK(rig.engine.class_full_count > 0 || PK_LIMIT_CLASSES >= 128);
}

PK_TEST(group__key_and_text_of_each_kind) {
    uint64_t key = 0;
    uint64_t again = 0;
    struct pk_str text;
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule a]\non = any\nwhen = count >= 1 in 5s\ntype = custom\nseverity = low\n"
            "[rule s]\non = any" TAIL
            "[rule c]\non = any\nwhen = count >= 1 in 5s by correlation\ntype = custom\nseverity = low\n"
            "[rule d]\non = any\nwhen = count >= 1 in 5s by data.host\ntype = custom\nseverity = low\n") ==
        PK_OK);
    const struct pk_engine *e = &rig.engine;
    struct pk_event plain = detect_rig_event(&rig, "t", "web", PK_SEV_INFO);
    CHECK(pk_match_group(e, e->rules.rows[0], &plain, &key, &text) && key == 0 && text.n == 0);
    CHECK(pk_match_group(e, e->rules.rows[1], &plain, &key, &text) && pk_str_eq_c(text, "web"));
    CHECK(pk_match_key(e, e->rules.rows[1], pk_str_of("web"), &again) == PK_OK && key == again);
    CHECK_EQ_INT(pk_match_key(e, e->rules.rows[1], pk_str_of("nobody"), &again), PK_E_NOT_FOUND);
    CHECK(!pk_match_group(e, e->rules.rows[2], &plain, &key, &text));
    CHECK(!pk_match_group(e, e->rules.rows[3], &plain, &key, &text));
    struct pk_event with = detect_rig_event(&rig, "t", "web", PK_SEV_INFO);
    detect_rig_correlation(&rig, &with, "job-9");
    CHECK(pk_match_group(e, e->rules.rows[2], &with, &key, &text) && pk_str_eq_c(text, "job-9"));
    CHECK(pk_match_key(e, e->rules.rows[2], pk_str_of("job-9"), &again) == PK_OK && key == again);
    detect_rig_field(&rig, &with, "host", "db1");
    CHECK(pk_match_group(e, e->rules.rows[3], &with, &key, &text) && pk_str_eq_c(text, "db1"));
    CHECK(pk_match_key(e, e->rules.rows[3], pk_str_of("db1"), &again) == PK_OK && key == again);
    with.flags |= PK_EVENT_REPLAYED;
    CHECK(pk_match_group(e, e->rules.rows[3], &with, &again, NULL) && again == (key | PK_MATCH_REPLAYED));
}

PK_TEST(event__without_the_cache__says_the_same) {
    REQUIRE(detect_rig_init(
                &rig, "[rule a]\non = type = x and source = s* and severity < high and value >= 2" TAIL) ==
            PK_OK);
    struct pk_event e = detect_rig_value(&rig, "x", "s1", 2);
    CHECK(pk_match_event(&rig.engine, 0, &e));
    e.severity = PK_SEV_HIGH;
    CHECK(!pk_match_event(&rig.engine, 0, &e));
    e = detect_rig_value(&rig, "x", "t1", 2);
    CHECK(!pk_match_event(&rig.engine, 0, &e));
    e = detect_rig_value(&rig, "y", "s1", 2);
    CHECK(!pk_match_event(&rig.engine, 0, &e));
    e = detect_rig_event(&rig, "x", "s1", PK_SEV_INFO); /* no value */
    CHECK(!pk_match_event(&rig.engine, 0, &e));
}

PK_TEST_MAIN(find__type_severity_and_source__decide_and_are_cached, find__disabled_rule__is_in_no_list,
             find__more_combinations_than_the_cache_holds__starts_over_and_stays_right,
             find__more_classes_than_the_table_holds__still_right_and_counted,
             group__key_and_text_of_each_kind, event__without_the_cache__says_the_same)
