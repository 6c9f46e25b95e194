#include <string.h>

#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;
static char text[2048];

#define HEAD "[rule x]\non = any\ntype = custom\nseverity = low\n"

static void give(const char *type, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_event e = detect_rig_event(&rig, type, "s", PK_SEV_INFO);
        detect_rig_give(&rig, &e);
    }
}

PK_TEST(rate__small__is_count_and_exact) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "when = rate > 10 per 1m for 10s by source\nclear = rate < 3 per 1m\n") == PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    CHECK(r->is_plain);
    CHECK_EQ_INT(r->when.kind, PK_COND_COUNT);
    CHECK_EQ_INT(r->when.count, 11);
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_cond_put(&b, &rig.engine, r, &r->when);
    CHECK_STR(text, "rate > 10 per 1m for 10s");
    pk_buf_init(&b, text, sizeof text);
    pk_cond_put(&b, &rig.engine, r, &r->clear);
    CHECK_STR(text, "rate < 3 per 1m");
    give("t", 10);
    detect_rig_wait(&rig, 20000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("t", 1);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(rate__large__counts_in_fifteenths) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = rate > 100 per 15s\nclear = rate < 80 per 15s for 1s\n") ==
            PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    CHECK_EQ_INT(r->when.kind, PK_COND_RATE);
    CHECK_EQ_U64(pk_rule_block_bytes(r), 128);
    give("t", 60); /* at 1000000: the first millisecond of a part after the one of 999 s */
    detect_rig_wait(&rig, 13999);
    give("t", 40);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* one hundred is not above */
    give("t", 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.words, "101 events per 15s, threshold above 100, condition rate > 100 per 15s");
    CHECK_EQ_U64(f.event_count, 101);
    /* The sixty leave with their part, and one second later it is over. */
    detect_rig_wait(&rig, 1 + 1000 + 999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(rate__late_events__go_where_they_belong) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = rate > 63 per 15s\n") == PK_OK);
    give("t", 63);
    struct pk_event e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    e.event_ms -= 16000;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    e.event_ms -= 14000;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(ratio__of_all_events__and_of_some) {
    REQUIRE(detect_rig_init(
                &rig, HEAD "when = ratio(type = bad) > 20% in 15s min 10\nclear = stable for 1s\n"
                           "[rule y]\non = any\ntype = custom\nseverity = low\n"
                           "when = ratio(type = good) of (type = good | bad) < 50% in 15s min 4\n") == PK_OK);
    give("good", 7);
    give("bad", 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* 22 %, but nine events */
    give("else", 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* 20 % is not above */
    give("bad", 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 0);
    CHECK_STR(f.words,
              "3 of 11 events in 15s, threshold above 20% of at least 10, condition ratio(...) > 20% in "
              "15s min 10");
    CHECK_EQ_U64(f.event_count, 3);
    give("bad", 5);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 1);
}

PK_TEST(ratio__good_ones_leave__it_fires_by_time) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "when = ratio(type = bad) > 50% in 15s min 2\nclear = stable for 1s\n") == PK_OK);
    give("good", 5);
    detect_rig_wait(&rig, 5000);
    give("bad", 3);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 6000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(replayed__wall_times__whose_parts_have_any_number) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = rate > 64 per 1s by source\n"
                                       "[rule y]\non = any\ntype = custom\nseverity = low\n"
                                       "when = ratio(type = t) > 50% in 1s min 64 by source\n") == PK_OK);
    for (uint32_t i = 0; i < 66; i++) {
        struct pk_event e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms = 1700000000000 + (int64_t)i; /* parts of 66 ms: their numbers have bit 31 set */
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 1);
    CHECK(f.is_replayed);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 0);
}

static void refuse(const char *when, uint32_t column, const char *message) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, HEAD "when = ");
    pk_buf_puts(&b, when);
    pk_buf_puts(&b, "\n");
    CHECK_EQ_INT(detect_rig_init(&rig, text), PK_E_CONFIG);
    CHECK_EQ_U64(rig.diag.line, 5);
    CHECK_EQ_U64(rig.diag.column, column);
    CHECK_STR(rig.diag.message, message);
}

PK_TEST(defects__are_told_with_their_place) {
    refuse("rat(type = x) > 3 per 1m", 8, "'rat' is not a condition; did you mean 'rate'?");
    refuse("rate >= 3 per 1m", 13, "expected '>' before '>='");
    refuse("rate > 3 in 1m", 17, "expected 'per' before 'in'");
    refuse("rate > 2000000000 per 1m", 15, "2000000000 is outside 0 .. 1000000000");
    refuse("rate > 100 per 1m across 2 sources", 8, "a rate above 63 cannot be combined with 'across'");
    refuse("ratio > 3% in 1m min 5", 14, "expected '(' before '>'");
    refuse("ratio(type = x) = 3% in 1m min 5", 24, "expected < or >");
    refuse("ratio(type = x) > 100% in 1m min 5", 26, "100 is outside 0 .. 99");
    refuse("ratio(type = x) > 10% in 1m", 35, "expected 'min' at the end");
}

PK_TEST_MAIN(rate__small__is_count_and_exact, rate__large__counts_in_fifteenths,
             rate__late_events__go_where_they_belong, ratio__of_all_events__and_of_some,
             ratio__good_ones_leave__it_fires_by_time, replayed__wall_times__whose_parts_have_any_number,
             defects__are_told_with_their_place)
