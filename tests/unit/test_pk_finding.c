#include "detect/pk_finding.h"

#include "support/detect_rig.h"
#include "support/pk_test_panic.h"

static struct detect_rig rig;
static struct pk_finding f;

static void give(const char *type, const char *source) {
    const struct pk_event e = detect_rig_event(&rig, type, source, PK_SEV_HIGH);
    detect_rig_give(&rig, &e);
}

PK_TEST(evidence__more_than_eight__the_newest_seven_and_the_earliest) {
    REQUIRE(detect_rig_init(
                &rig, "[rule r]\non = type = t\nwhen = count >= 12 in 5m\ntype = custom\nseverity = low\n") ==
            PK_OK);
    for (int i = 0; i < 12; i++) {
        give("t", i < 3 ? "a" : "b");
        give("noise", "c");
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    REQUIRE(f.event_number_count == PK_FINDING_EVENTS);
    CHECK_EQ_U64(f.event_numbers[0], 1);
    for (uint32_t i = 1; i < PK_FINDING_EVENTS; i++) {
        CHECK_EQ_U64(f.event_numbers[i], 23u - 2u * (PK_FINDING_EVENTS - 1u - i));
    }
    CHECK_EQ_INT(f.component_count, 2);
    CHECK_STR(f.words, "12 events in 5m, threshold 12");
}

PK_TEST(evidence__more_sources_than_places__eight_each_once) {
    REQUIRE(detect_rig_init(
                &rig, "[rule r]\non = type = t\nwhen = count >= 20 in 5m\ntype = custom\nseverity = low\n") ==
            PK_OK);
    for (int i = 0; i < 20; i++) {
        char name[2] = {(char)('a' + i % 10), '\0'};
        give("t", name);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.component_count, PK_FINDING_COMPONENTS);
    for (uint32_t i = 1; i < f.component_count; i++) {
        CHECK(f.components[i] != f.components[0]);
    }
}

PK_TEST(newest_event__of_the_group_only) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule r]\non = type = t\nwhen = count >= 9 in 5m by source\ntype = custom\nseverity = low\n") ==
        PK_OK);
    give("t", "a");
    give("t", "b");
    give("x", "a");
    const uint32_t slot = pk_windows_find(&rig.engine.windows, 0, 1); /* source 0 */
    REQUIRE(slot != PK_WINDOW_NONE);
    const struct pk_event *e = pk_finding_newest_event(&rig.engine, slot);
    REQUIRE(e != NULL);
    CHECK_EQ_U64(e->number, 1);
    CHECK_PANICS((void)pk_finding_push(&rig.engine, PK_FINDING_STILL, slot, NULL)); /* it is not firing */
}

PK_TEST(group_text__when_time_fires__comes_from_the_history) {
    REQUIRE(detect_rig_init(&rig, "[rule fire_drill]\non = type = t\nwhen = count >= 1 in 60s for 10s by "
                                  "data.host\ntype = custom\nseverity = low\n") == PK_OK);
    struct pk_event e = detect_rig_event(&rig, "t", "a", PK_SEV_HIGH);
    detect_rig_field(&rig, &e, "host", "db1");
    e.flags |= PK_EVENT_DRILL;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 10000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "db1");
    CHECK(f.is_drill);
}

PK_TEST(kind_word__each) {
    CHECK_STR(pk_finding_kind_word(PK_FINDING_FIRE), "fire");
    CHECK_STR(pk_finding_kind_word(PK_FINDING_CLEARED), "cleared");
}

PK_TEST_MAIN(evidence__more_than_eight__the_newest_seven_and_the_earliest,
             evidence__more_sources_than_places__eight_each_once, newest_event__of_the_group_only,
             group_text__when_time_fires__comes_from_the_history, kind_word__each)
