#include "detect/pk_judge.h"

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;

static uint32_t only_slot(void) {
    return rig.engine.windows.rows.newest[0];
}

PK_TEST(full_ms__the_last_moment_with_these_bits) {
    CHECK_EQ_U64(pk_judge_full_ms(0x500000010u, 0x00000010u), 0x500000010u);
    CHECK_EQ_U64(pk_judge_full_ms(0x500000010u, 0xFFFFFFF0u), 0x4FFFFFFF0u);
    CHECK_EQ_U64(pk_judge_full_ms(10, 20), 0); /* before the clock began */
}

PK_TEST(stale__by_rule_by_gap_or_by_default) {
    struct pk_rule r = {0};
    struct pk_window w = {0};
    CHECK_EQ_U64(pk_judge_stale_ms(&r, &w), 60000);
    w.gap_ms = 1000;
    CHECK_EQ_U64(pk_judge_stale_ms(&r, &w), 30000);
    w.gap_ms = 20000;
    CHECK_EQ_U64(pk_judge_stale_ms(&r, &w), 60000);
    w.gap_ms = UINT32_MAX;
    CHECK_EQ_U64(pk_judge_stale_ms(&r, &w), 3ull * UINT32_MAX);
    r.stale_ms = 5;
    CHECK_EQ_U64(pk_judge_stale_ms(&r, &w), 5);
}

PK_TEST(deadline__promised_or_not) {
    struct pk_rule r = {0};
    struct pk_window w = {0};
    r.when.for_ms = 90000;
    w.last_ms = 1000;
    CHECK_EQ_U64(pk_judge_deadline_ms(&r, &w, 2000), 91000);
    w.gap_ms = 5000;
    CHECK_EQ_U64(pk_judge_deadline_ms(&r, &w, 2000), 91000);
    r.when.promised_factor = 3;
    CHECK_EQ_U64(pk_judge_deadline_ms(&r, &w, 2000), 16000);
}

PK_TEST(when__count__tells_until_when_it_holds) {
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = any\nwhen = count >= 2 in 10s for 5m by source\ntype = "
                                  "custom\nseverity = low\n") == PK_OK);
    struct pk_event e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    struct pk_judgement j = pk_judge_when(&rig.engine, only_slot(), rig.now_ms);
    CHECK_EQ_INT(j.verdict, PK_FALSE);
    CHECK_EQ_U64(j.until_ms, UINT64_MAX);
    rig.now_ms += 3000;
    e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    j = pk_judge_when(&rig.engine, only_slot(), rig.now_ms);
    CHECK_EQ_INT(j.verdict, PK_TRUE);
    CHECK_EQ_U64(j.until_ms, 1010000);
    j = pk_judge_when(&rig.engine, only_slot(), 1010000);
    CHECK_EQ_INT(j.verdict, PK_FALSE);
    CHECK_EQ_U64(j.from_ms, 1010000);
}

PK_TEST(when__gauge__is_unknown_once_it_is_stale) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule r]\non = any\nwhen = value > 5 for 5m\nstale = 20s\ntype = custom\nseverity = low\n") ==
        PK_OK);
    const struct pk_event e = detect_rig_value(&rig, "t", "s", 6);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_judge_when(&rig.engine, only_slot(), rig.now_ms + 19999).verdict, PK_TRUE);
    CHECK_EQ_INT(pk_judge_when(&rig.engine, only_slot(), rig.now_ms + 20000).verdict, PK_STALE);
    CHECK_EQ_INT(pk_judge_clear(&rig.engine, only_slot(), rig.now_ms + 20000).verdict, PK_STALE);
}

PK_TEST(ratio__four_quarters_of_the_window__old_ones_drop_out) {
    uint32_t counted = 0;
    uint32_t all = 0;
    static struct pk_windows w;
    pk_windows_init(&w);
    const uint32_t slot = pk_windows_make(&w, 0, 1, 1, 1);
    for (uint32_t t = 100000; t < 140000; t += 1000) {
        pk_judge_ratio_add(&w, slot, 40000, t, t < 120000);
    }
    pk_judge_ratio_sums(&w, slot, 40000, 139000, &counted, &all);
    CHECK_EQ_U64(all, 40);
    CHECK_EQ_U64(counted, 20);
    pk_judge_ratio_sums(&w, slot, 40000, 140000, &counted, &all);
    CHECK_EQ_U64(all, 30);
    CHECK_EQ_U64(counted, 10);
    pk_judge_ratio_add(&w, slot, 40000, 125000, true); /* late, into its quarter */
    pk_judge_ratio_add(&w, slot, 40000, 95000, true);  /* too late */
    pk_judge_ratio_sums(&w, slot, 40000, 140000, &counted, &all);
    CHECK_EQ_U64(all, 31);
    CHECK_EQ_U64(counted, 11);
    pk_judge_ratio_sums(&w, slot, 40000, 900000, &counted, &all);
    CHECK_EQ_U64(all, 0);
}

PK_TEST(sources__of_an_across_rule__only_those_in_the_window) {
    uint32_t left_ms = 0;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = any\nwhen = count >= 9 in 10s across 2 sources\ntype = "
                                  "custom\nseverity = low\n") == PK_OK);
    const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        const struct pk_event e = detect_rig_event(&rig, "t", names[i], PK_SEV_INFO);
        detect_rig_give(&rig, &e);
        rig.now_ms += 4000;
    }
    CHECK_EQ_U64(pk_judge_sources(&rig.engine, 0, 0, 1009999, 10000, &left_ms), 3);
    CHECK_EQ_U64(left_ms, 1);
    CHECK_EQ_U64(pk_judge_sources(&rig.engine, 0, 0, 1010000, 10000, &left_ms), 2);
    CHECK_EQ_U64(left_ms, 4000);
}

PK_TEST_MAIN(full_ms__the_last_moment_with_these_bits, stale__by_rule_by_gap_or_by_default,
             deadline__promised_or_not, when__count__tells_until_when_it_holds,
             when__gauge__is_unknown_once_it_is_stale, ratio__four_quarters_of_the_window__old_ones_drop_out,
             sources__of_an_across_rule__only_those_in_the_window)
