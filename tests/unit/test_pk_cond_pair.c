#include <string.h>

#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;
static char text[1024];

#define HEAD "[rule x]\non = any\ntype = custom\nseverity = low\n"

static void give(const char *type, const char *source, uint64_t before_ms) {
    struct pk_event e = detect_rig_event(&rig, type, source, PK_SEV_INFO);
    e.event_ms -= before_ms;
    e.flags |= (uint8_t)(before_ms > 0 ? PK_EVENT_LATE : 0);
    detect_rig_give(&rig, &e);
}

PK_TEST(then__in_order_and_in_time_only) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) then event(type = b) within 10s by source\n"
                                       "clear = stable for 1s\n") == PK_OK);
    give("b", "s", 0);
    give("a", "s", 0);
    detect_rig_wait(&rig, 10000);
    give("b", "s", 0); /* ten seconds are over */
    detect_rig_wait(&rig, 1);
    give("a", "s", 0);
    detect_rig_wait(&rig, 9999);
    give("b", "other", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("b", "s", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_U64(f.first_event_ms, rig.now_ms - 9999);
    CHECK_EQ_INT(f.event_number_count, 2);
    CHECK_STR(f.words,
              "both events came, the first 9.999s ago, condition event(...) then event(...) within 10s");
    detect_rig_wait(&rig, 1001);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(then__late_second__is_matched_by_its_own_time) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "when = event(type = a) then event(type = b) within 10s by source\n") == PK_OK);
    give("a", "s", 0);
    detect_rig_wait(&rig, 2000);
    give("a", "s", 0);
    give("b", "s", 3000); /* before both */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("b", "s", 1000); /* between them */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_U64(f.first_event_ms, rig.now_ms - 2000);
}

PK_TEST(without__each_first_waits_for_its_own_second) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) without event(type = b) within 10s by source\n"
                                       "clear = stable for 1s\n") == PK_OK);
    give("a", "s", 0);
    detect_rig_wait(&rig, 9000);
    give("b", "s", 0);
    give("a", "s", 0);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "s");
    CHECK_STR(f.words,
              "no second event for 10s, limit 10s, condition event(...) without event(...) within 10s");
    give("b", "s", 9999); /* it had come in time: a late answer is an answer */
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(without__late_and_replayed_firsts__trip_nothing) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) without event(type = b) within 10s\n") ==
            PK_OK);
    give("a", "s", 20000);
    give("a", "s", 1);
    struct pk_event e = detect_rig_event(&rig, "a", "s", PK_SEV_INFO);
    e.flags |= PK_EVENT_REPLAYED;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

PK_TEST(without__more_wait_than_are_kept__never_early) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) without event(type = b) within 100s\n") ==
            PK_OK);
    for (uint32_t i = 0; i < 9; i++) {
        give("a", "s", 0);
        detect_rig_wait(&rig, 1000);
    }
    give("b", "s", 3000); /* answers those of the first seconds; the last one is left for sure */
    detect_rig_wait(&rig, 98000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(without__adopted__goes_on_until_a_second_comes) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) without event(type = b) within 10s by source\n"
                                       "clear = stable for 1s\n") == PK_OK);
    CHECK(pk_sources_intern(&rig.sources, pk_str_of("s")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("s"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 3600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("b", "s", 0);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(without__its_rule_changed__goes_on_until_a_second_comes) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = event(type = a) without event(type = b) within 10s by source\n"
                                       "clear = stable for 1s\n") == PK_OK);
    give("a", "s", 0);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    REQUIRE(detect_rig_load(&rig, HEAD "when = event(type = a) without event(type = b) within 11s by source\n"
                                       "clear = stable for 1s\n") == PK_OK);
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("b", "s", 0);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

static void refuse(const char *when, uint32_t column, const char *message) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, HEAD "when = ");
    pk_buf_puts(&b, when);
    pk_buf_puts(&b, "\n");
    CHECK_EQ_INT(detect_rig_init(&rig, text), PK_E_CONFIG);
    CHECK_EQ_U64(rig.diag.column, column);
    CHECK_STR(rig.diag.message, message);
}

PK_TEST(defects__are_told_with_their_place) {
    refuse("event(type = a) than event(type = b) within 5s", 24,
           "expected 'then' or 'without', not 'than'; did you mean 'then'?");
    refuse("event(type = a) then (type = b) within 5s", 29, "expected 'event' before '('");
    refuse("event(type = a) then event(type = a) within 5s", 34,
           "both events are the same: 'count >= 2' counts repetitions");
    refuse("event(type = a) then event(type = b) in 5s", 45, "expected 'within' before 'in'");
    refuse("event then event(type = b) within 5s", 14, "expected '(' before 'then'");
}

PK_TEST_MAIN(then__in_order_and_in_time_only, then__late_second__is_matched_by_its_own_time,
             without__each_first_waits_for_its_own_second, without__late_and_replayed_firsts__trip_nothing,
             without__more_wait_than_are_kept__never_early, without__adopted__goes_on_until_a_second_comes,
             without__its_rule_changed__goes_on_until_a_second_comes, defects__are_told_with_their_place)
