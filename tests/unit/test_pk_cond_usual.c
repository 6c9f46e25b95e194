#include "detect/pk_cond_usual.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

static struct detect_rig rig;
static struct pk_finding f;

#define HEAD "[rule x]\non = type = load\ntype = custom\nseverity = low\nclear = stable for 1m\n"

static int give(double value) {
    const struct pk_event e = detect_rig_value(&rig, "load", "a", value);
    detect_rig_give(&rig, &e);
    return detect_rig_finding(&rig, &f);
}

/* Five-minute samples: `night` and, from the eighth to the twentieth hour of the rig's day, `day`. */
static int live(uint32_t hours, double night, double day) {
    for (uint32_t i = 0; i < hours * 12; i++) {
        const uint64_t hour = rig.now_ms / HOUR_MS % 24;
        const int kind = give(hour >= 8 && hour < 20 ? day : night);
        if (kind != -1) {
            return kind;
        }
        detect_rig_wait(&rig, 5 * MINUTE_MS);
    }
    return detect_rig_finding(&rig, &f);
}

PK_TEST(usual__by_night__is_not_usual_by_day) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = value > 3x usual\n") == PK_OK);
    for (uint32_t i = 0; i < 12; i++) {
        CHECK_EQ_INT(give(i < 11 ? 10 : 1000), -1); /* nothing is usual yet */
        CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
        detect_rig_wait(&rig, 5 * MINUTE_MS);
    }
    CHECK_EQ_INT(give(30.2), PK_FINDING_FIRE); /* an hour is behind it; the spike in it counts for little */
    CHECK_STR(f.words, "value 30.2, usual 10 so far, condition value > 3x usual");
    REQUIRE(detect_rig_init(&rig, HEAD "when = value > 3x usual\n") == PK_OK);
    CHECK_EQ_INT(live(4 * 24 + 2, 10, 25), -1); /* never three times as much as over all hours */
    CHECK_EQ_INT(give(30), -1);                 /* exactly three times what is usual at night */
    CHECK_EQ_INT(give(30.2), PK_FINDING_FIRE);
    CHECK_STR(f.words, "value 30.2, usual 10 at this hour, condition value > 3x usual");
    CHECK_EQ_INT(give(10), -1);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    CHECK_EQ_INT(live(10, 10, 30), -1); /* by day that is nothing */
    CHECK_EQ_INT(give(70), -1);
    CHECK_EQ_INT(give(75.5), PK_FINDING_FIRE);
}

PK_TEST(usual__below__tells_what_is_missing) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = value < 0.5x usual\n") == PK_OK);
    CHECK_EQ_INT(live(5, 100, 100), -1);
    CHECK_EQ_INT(give(50), -1);
    CHECK_EQ_INT(give(49.5), PK_FINDING_FIRE);
    CHECK_STR(f.words, "value 49.5, usual 100 over all hours, condition value < 0.5x usual");
}

PK_TEST(usual_of_zero__has_no_multiples__unless_min_is_told) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = value > 3x usual\n"
                                       "[rule y]\non = type = load\ntype = custom\nseverity = low\n"
                                       "when = value > 3x usual min 4\n") == PK_OK);
    CHECK_EQ_INT(live(5, 0, 0), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 1), PK_RULE_OK);
    CHECK_EQ_INT(give(4), -1);
    CHECK_EQ_INT(give(4.5), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 1);
}

PK_TEST(stale_or_fault__is_unknown) {
    REQUIRE(detect_rig_init(&rig, HEAD "stale = 10m\nwhen = value > 3x usual\n") == PK_OK);
    CHECK_EQ_INT(live(5, 10, 10), -1);
    CHECK_EQ_INT(give(99), PK_FINDING_FIRE);
    struct pk_event e = detect_rig_event(&rig, "load", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 3 * HOUR_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(give(10), -1);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(read__factor_and_sharing) {
    REQUIRE(detect_rig_init(&rig,
                            "[rule x]\non = any\ntype = custom\nseverity = low\n"
                            "when = value > 1.5x usual min 2\nclear = value < 1.2x usual for 1m\n") == PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    CHECK_EQ_INT(r->when.kind, PK_COND_USUAL);
    CHECK_EQ_INT(r->clear.kind, PK_COND_USUAL);
    CHECK_EQ_U64(pk_rule_block_bytes(r), 512); /* one state for both */
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = value > 0x usual\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "'0x' must be a factor above 0x and at most 1000x");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = value = 2x usual\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "usual is compared with < <= > or >=");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = value > 2x normal\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "expected 'usual' before 'normal'");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = value > 2x usual min -1\n"), PK_E_CONFIG);
}

PK_TEST_MAIN(usual__by_night__is_not_usual_by_day, usual__below__tells_what_is_missing,
             usual_of_zero__has_no_multiples__unless_min_is_told, stale_or_fault__is_unknown,
             read__factor_and_sharing)
