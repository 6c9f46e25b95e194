#include "detect/pk_eval.h"

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

#define ONE                                                                                                  \
    "[rule r]\non = any\nwhen = count >= 1 in 10s by source\ntype = custom\nseverity = low\nclear = stable " \
    "for 5s\nkeys = 2\n"

PK_TEST(get__makes_once_and_evicts_what_is_not_firing) {
    bool is_new = false;
    REQUIRE(detect_rig_init(&rig, ONE) == PK_OK);
    const uint32_t a = pk_eval_get(&rig.engine, 0, 10, 3, &is_new);
    CHECK(a != PK_WINDOW_NONE && is_new);
    CHECK_EQ_INT(rig.engine.windows.slots[a].source_id, 3);
    CHECK(pk_eval_get(&rig.engine, 0, 10, 3, &is_new) == a && !is_new);
    CHECK(pk_eval_activate(&rig.engine, a));
    const uint32_t b = pk_eval_get(&rig.engine, 0, 11, 4, &is_new);
    const uint32_t c = pk_eval_get(&rig.engine, 0, 12, 5, &is_new);
    CHECK(c != PK_WINDOW_NONE && c == b);
    CHECK_EQ_U64(pk_windows_find(&rig.engine.windows, 0, 11), PK_WINDOW_NONE);
    CHECK(pk_eval_activate(&rig.engine, c));
    CHECK_EQ_U64(pk_eval_get(&rig.engine, 0, 13, 6, &is_new), PK_WINDOW_NONE);
    CHECK_EQ_U64(rig.engine.windows.refused_count, 1);
    pk_eval_deactivate(&rig.engine, a, PK_WIN_IDLE);
    CHECK(pk_eval_get(&rig.engine, 0, 13, 6, &is_new) != PK_WINDOW_NONE);
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 2);
}

PK_TEST(activate__table_full__is_refused) {
    static char text[4096];
    struct pk_buf b;
    bool is_new = false;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "[rule r]\non = any\nwhen = value > 1\ntype = custom\nseverity = low\nkeys = ");
    pk_buf_put_u64(&b, PK_ENGINE_ACTIVE + 1u);
    pk_buf_putc(&b, '\n');
    REQUIRE(detect_rig_init(&rig, text) == PK_OK);
    for (uint32_t i = 0; i <= PK_ENGINE_ACTIVE; i++) {
        const uint32_t slot = pk_eval_get(&rig.engine, 0, i + 1u, 0, &is_new);
        CHECK(pk_eval_activate(&rig.engine, slot) == (i < PK_ENGINE_ACTIVE));
    }
    CHECK_EQ_U64(rig.engine.active_count, PK_ENGINE_ACTIVE);
    CHECK_EQ_U64(rig.engine.status[0].active_count, PK_ENGINE_ACTIVE);
}

PK_TEST(drop__of_a_firing_window__gives_back_everything) {
    REQUIRE(detect_rig_init(&rig, ONE) == PK_OK);
    const struct pk_event e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    const uint32_t slot = rig.engine.active[0].slot;
    CHECK(pk_wheel_is_armed(&rig.engine.wheel, slot));
    pk_eval_drop(&rig.engine, slot, false);
    CHECK_EQ_U64(rig.engine.active_count, 0);
    CHECK_EQ_U64(rig.engine.status[0].active_count, 0);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
    CHECK_EQ_U64(pk_engine_next_ms(&rig.engine), UINT64_MAX);
}

PK_TEST(fire__no_room_for_the_group__is_tried_again_until_there_is) {
    static char text[256];
    struct pk_buf b;
    bool is_new = false;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "[rule r]\non = any\nwhen = value > 1\ntype = custom\nseverity = low\nkeys = ");
    pk_buf_put_u64(&b, PK_ENGINE_ACTIVE + 8u);
    pk_buf_putc(&b, '\n');
    REQUIRE(detect_rig_init(&rig, text) == PK_OK);
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE; i++) {
        CHECK(pk_eval_activate(&rig.engine, pk_eval_get(&rig.engine, 0, 1000u + i, 0, &is_new)));
    }
    const struct pk_event e = detect_rig_value(&rig, "t", "late", 2);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK(rig.engine.finding_delayed_count >= 10);
    pk_eval_deactivate(&rig.engine, rig.engine.active[0].slot, PK_WIN_IDLE);
    detect_rig_wait(&rig, 100);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "late");
    CHECK_EQ_U64(f.first_event_ms, 1000000);
}

PK_TEST(absent__a_shorter_promise__is_due_earlier_than_the_timer_that_was_armed) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule h]\non = type = heartbeat\nwhen = absent for promised else 90s\ntype = heartbeat_lost\n"
            "severity = low\n") == PK_OK);
    struct pk_event e = detect_rig_value(&rig, "heartbeat", "a", 600);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 1000);
    e = detect_rig_value(&rig, "heartbeat", "a", 2);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 2000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(set_verdict__faults_are_counted_once) {
    bool is_new = false;
    REQUIRE(detect_rig_init(&rig, ONE) == PK_OK);
    const uint32_t slot = pk_eval_get(&rig.engine, 0, 1, 0, &is_new);
    pk_eval_set_verdict(&rig.engine, slot, PK_FAULT);
    pk_eval_set_verdict(&rig.engine, slot, PK_FAULT);
    CHECK_EQ_U64(rig.engine.status[0].fault_count, 1);
    pk_eval_drop(&rig.engine, slot, true);
    CHECK_EQ_U64(rig.engine.status[0].fault_count, 0);
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 1);
}

PK_TEST_MAIN(get__makes_once_and_evicts_what_is_not_firing, activate__table_full__is_refused,
             drop__of_a_firing_window__gives_back_everything,
             fire__no_room_for_the_group__is_tried_again_until_there_is, set_verdict__faults_are_counted_once,
             absent__a_shorter_promise__is_due_earlier_than_the_timer_that_was_armed)
