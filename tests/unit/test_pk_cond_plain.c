/* count, value and absent as conditions with a state of their own, next to the plain rules of the same words:
 * they must say the same. */
#include <string.h>

#include "base/pk_rng.h"
#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;

/* A second condition that never decides sends the rule the other way. A gauge alone counts `for` from the own
 * time of its sample, several conditions from when they were seen to hold: so gauges here are never late. */
static const char RULES[] =
    "[rule a]\non = any\nwhen = count >= 5 in 3s by source\ntype = custom\nseverity = low\n"
    "clear = stable for 2s\n"
    "[rule b]\non = any\nwhen = any of (count >= 5 in 3s, count(value > 1000) >= 1 in 1s) "
    "by source\ntype = custom\nseverity = low\nclear = stable for 2s\n"
    "[rule c]\non = type = v\nwhen = value > 6 for 2s\nclear = stable for 1s\nstale = 20s\n"
    "type = custom\nseverity = low\n"
    "[rule d]\non = type = v\nwhen = all of (value > 6, count >= 1 in 7d) for 2s\n"
    "clear = stable for 1s\nstale = 20s\ntype = custom\nseverity = low\n"
    "[rule e]\non = any\nwhen = absent for 8s\nclear = stable for 1s\n"
    "type = custom\nseverity = low\n"
    "[rule f]\non = any\nwhen = all of (absent for 8s, count >= 1 in 7d)\n"
    "clear = stable for 1s\ntype = custom\nseverity = low\n";

static void random_event(struct pk_rng *r) {
    static const char *const SOURCES[] = {"x", "y"};
    const bool is_gauge = pk_rng_below(r, 2) == 0;
    struct pk_event e = detect_rig_value(&rig, is_gauge ? "v" : "t", SOURCES[pk_rng_below(r, 2)],
                                         (double)pk_rng_below(r, 10));
    if (!is_gauge && pk_rng_below(r, 12) == 0) {
        e.event_ms -= pk_rng_below(r, 4000);
        e.flags |= PK_EVENT_LATE;
    }
    if (pk_rng_below(r, 30) == 0) {
        e.flags &= (uint8_t)~PK_EVENT_HAS_VALUE;
        e.flags |= PK_EVENT_FAULT;
    }
    detect_rig_give(&rig, &e);
}

PK_TEST(states_of_their_own__say_what_plain_rules_say) {
    struct pk_rng r;
    uint32_t fires[6] = {0};
    uint32_t ends[6] = {0};
    pk_rng_seed(&r, 5);
    REQUIRE(detect_rig_init(&rig, RULES) == PK_OK);
    for (uint32_t step = 0; step < 60000; step++) {
        detect_rig_wait(&rig, 100);
        if (pk_rng_below(&r, 1000) < (step / 200u % 3u) * 80u) {
            random_event(&r);
        }
        struct pk_finding f;
        while (pk_engine_next_finding(&rig.engine, &f)) {
            fires[f.rule_index] += f.kind == PK_FINDING_FIRE ? 1u : 0u;
            ends[f.rule_index] += f.kind == PK_FINDING_CLEARED ? 1u : 0u;
        }
    }
    for (uint32_t i = 0; i < 6; i += 2) {
        CHECK(fires[i] > 5);
        CHECK_EQ_U64(fires[i], fires[i + 1]);
        CHECK_EQ_U64(ends[i], ends[i + 1]);
    }
}

PK_TEST(count__late_events__take_their_place) {
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = any\ntype = custom\nseverity = low\n"
                                  "when = all of (count >= 3 in 10s, value > 0)\n") == PK_OK);
    static const uint32_t BEFORE_MS[] = {0, 9999, 30000};
    for (size_t i = 0; i < 3; i++) {
        struct pk_event e = detect_rig_value(&rig, "t", "s", 1);
        e.event_ms -= BEFORE_MS[i];
        detect_rig_give(&rig, &e);
    }
    struct pk_finding f;
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* the third is older than the window */
    struct pk_event e = detect_rig_value(&rig, "t", "s", 1);
    e.event_ms -= 5000;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_U64(f.first_event_ms, rig.now_ms - 9999);
}

PK_TEST(absent__fault_and_late_first_sight__say_nothing) {
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = any\ntype = custom\nseverity = low\n"
                                  "when = any of (absent for 5s, value > 100)\n") == PK_OK);
    struct pk_event e = detect_rig_value(&rig, "t", "s", 1);
    e.flags |= PK_EVENT_LATE;
    e.event_ms -= 60000;
    detect_rig_give(&rig, &e);
    struct pk_finding f;
    detect_rig_wait(&rig, 20000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    e = detect_rig_value(&rig, "t", "s", 1);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 4999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST_MAIN(states_of_their_own__say_what_plain_rules_say, count__late_events__take_their_place,
             absent__fault_and_late_first_sight__say_nothing)
