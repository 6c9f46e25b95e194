#include "roles/pk_super_record.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_budget the_budget;
static struct pk_super_record the_record;
static uint8_t the_bytes[PK_SUPER_RECORD_BYTES_MAX];
static struct pk_stamp the_now;

static int spend(struct pk_budget *b) {
    uint64_t wait_ms = 0;
    const int err = pk_budget_take(b, pk_str_of("act"), pk_str_of("target"), 1, 2, 0, &the_now, &wait_ms);
    pk_budget_forget_incident(b, 1);
    return err;
}

static int packed(void) {
    the_now = (struct pk_stamp){.boot = 9, .mono_ms = 5000000};
    pk_budget_init(&the_budget);
    the_record = (struct pk_super_record){
        .boot_epoch = 0x80000005u, .crash_count = 3, .last_exit = 139, .is_clean = true};
    CHECK_EQ_INT(spend(&the_budget), PK_OK);
    CHECK_EQ_INT(spend(&the_budget), PK_OK);
    return pk_super_record_pack(&the_record, &the_budget, the_bytes, sizeof the_bytes);
}

PK_TEST(record__round_trip__keeps_numbers_and_counters) {
    const int n = packed();
    REQUIRE(n > 0);
    struct pk_super_record back;
    static struct pk_budget counters;
    pk_budget_init(&counters);
    CHECK_EQ_INT(pk_super_record_unpack(&back, &counters, the_bytes, (uint32_t)n, &the_now), PK_OK);
    CHECK_EQ_INT(back.boot_epoch, 0x80000005u);
    CHECK_EQ_INT(back.crash_count, 3);
    CHECK_EQ_INT(back.last_exit, 139);
    CHECK(back.is_clean);
    CHECK_EQ_INT(spend(&counters), PK_E_BUDGET);
    the_now.mono_ms += 2u * 3600000u;
    CHECK_EQ_INT(spend(&counters), PK_OK);
    /* packed again from what was read: the counters are still in it */
    CHECK(pk_super_record_pack(&back, &counters, the_bytes, sizeof the_bytes) >= n);
}

PK_TEST(record__after_a_reboot__counters_count_from_now) {
    const int n = packed();
    REQUIRE(n > 0);
    struct pk_super_record back;
    static struct pk_budget counters;
    pk_budget_init(&counters);
    the_now = (struct pk_stamp){
        .boot = 10, .mono_ms = 1000}; /* another boot of the kernel, nothing known of the time between */
    CHECK_EQ_INT(pk_super_record_unpack(&back, &counters, the_bytes, (uint32_t)n, &the_now), PK_OK);
    CHECK_EQ_INT(spend(&counters), PK_E_BUDGET);
    the_now.mono_ms += 66u * 60000u;
    CHECK_EQ_INT(spend(&counters), PK_OK);
}

PK_TEST(record__every_damage__is_seen_and_fails_closed) {
    const int n = packed();
    REQUIRE(n > 0);
    for (uint32_t at = 0; at < (uint32_t)n; at++) {
        struct pk_super_record back = {.boot_epoch = 1};
        static struct pk_budget counters;
        pk_budget_init(&counters);
        the_bytes[at] ^= 0x10;
        CHECK_EQ_INT(pk_super_record_unpack(&back, &counters, the_bytes, (uint32_t)n, &the_now),
                     PK_E_CORRUPT);
        CHECK_EQ_INT(back.boot_epoch, 1);
        CHECK_EQ_INT(spend(&counters), PK_E_BUDGET);
        the_bytes[at] ^= 0x10;
        CHECK_EQ_INT(pk_super_record_unpack(&back, &counters, the_bytes, at, &the_now),
                     PK_E_CORRUPT); /* cut off */
    }
}

PK_TEST(record__too_little_room__is_said) {
    CHECK(packed() > 0);
    CHECK_EQ_INT(pk_super_record_pack(&the_record, &the_budget, the_bytes, 30), PK_E_FULL);
}

PK_TEST(record__what_is_armed__comes_back_and_nonsense_does_not) {
    static struct pk_budget counters;
    struct pk_super_record back;
    (void)packed();
    the_record.armed[1] = (struct pk_super_armed){.state = PK_SUPER_ARMED_TELL,
                                                  .run_id = 7,
                                                  .boot = 9,
                                                  .deadline_ms = 1ull << 40,
                                                  .exit_code = -3,
                                                  .action = "lock_down",
                                                  .target = "cell0"};
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i += 2) { /* the longest there are */
        the_record.armed[i].state = PK_SUPER_ARMED;
        memset(the_record.armed[i].action, 'a', PK_ACTION_NAME_BYTES - 1);
        memset(the_record.armed[i].target, 't', PK_ACTION_TARGET_BYTES - 1);
    }
    const int n = pk_super_record_pack(&the_record, &the_budget, the_bytes, sizeof the_bytes);
    REQUIRE(n > 0);
    pk_budget_init(&counters);
    REQUIRE(pk_super_record_unpack(&back, &counters, the_bytes, (uint32_t)n, &the_now) == PK_OK);
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        CHECK_EQ_INT(back.armed[i].state, the_record.armed[i].state);
        CHECK_EQ_INT(back.armed[i].run_id, the_record.armed[i].run_id);
        CHECK_EQ_INT(back.armed[i].boot, the_record.armed[i].boot);
        CHECK_EQ_U64(back.armed[i].deadline_ms, the_record.armed[i].deadline_ms);
        CHECK_EQ_INT(back.armed[i].exit_code, the_record.armed[i].exit_code);
        CHECK_STR(back.armed[i].action, the_record.armed[i].action);
        CHECK_STR(back.armed[i].target, the_record.armed[i].target);
    }
    the_record.armed[3].state = PK_SUPER_ARMED_STATE_COUNT;
    const int bad = pk_super_record_pack(&the_record, &the_budget, the_bytes, sizeof the_bytes);
    CHECK_EQ_INT(pk_super_record_unpack(&back, &counters, the_bytes, (uint32_t)bad, &the_now), PK_E_CORRUPT);
}

PK_TEST_MAIN(record__what_is_armed__comes_back_and_nonsense_does_not,
             record__round_trip__keeps_numbers_and_counters, record__after_a_reboot__counters_count_from_now,
             record__every_damage__is_seen_and_fails_closed, record__too_little_room__is_said)
