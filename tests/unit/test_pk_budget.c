#include "respond/pk_budget.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static struct pk_budget b;
static struct pk_stamp now;
static uint64_t wait_ms;
enum { HOUR = 3600000, MINUTE = 60000 };

static void fresh(void) {
    pk_budget_init(&b);
    now =
        (struct pk_stamp){.boot = 1, .mono_ms = 5 * MINUTE, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};
}

static void pass(uint64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
}

static int take(const char *target, uint32_t incident, uint32_t per_hour, uint32_t cooldown_ms) {
    return pk_budget_take(&b, pk_str_of("act"), pk_str_of(target), incident, per_hour, cooldown_ms, &now,
                          &wait_ms);
}

PK_TEST(take__per_hour_cooldown_and_their_waits) {
    fresh();
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_OK);
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_E_COOLDOWN);
    CHECK_EQ_U64(wait_ms, MINUTE);
    CHECK_EQ_INT(take("y", 1, 2, MINUTE), PK_OK);
    pass(MINUTE - 1);
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_E_COOLDOWN);
    pass(1);
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_OK);
    pass(MINUTE);
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_E_BUDGET);
    CHECK(wait_ms > 0 && wait_ms <= HOUR + 5 * MINUTE);
    CHECK_EQ_U64(pk_budget_used(&b, pk_str_of("act"), pk_str_of("x"), &now), 2);
    pass(wait_ms);
    CHECK_EQ_INT(take("x", 1, 2, MINUTE), PK_OK);
}

PK_TEST(take__never_more_than_the_limit_in_any_hour) {
    static uint64_t starts[20000];
    struct pk_rng rng;
    uint32_t n = 0;
    fresh();
    pk_rng_seed(&rng, 11);
    for (uint32_t i = 0; i < 20000; i++) {
        pass(pk_rng_below(&rng, 10 * MINUTE));
        if (take("x", 1 + i, 5, 0) == PK_OK) {
            starts[n] = now.mono_ms;
            CHECK(n < 5 || starts[n] - starts[n - 5] >= HOUR);
            n++;
        }
        pk_budget_forget_incident(&b, 1 + i);
        struct pk_budget_record r;
        while (pk_budget_next_dirty(&b, &r) == PK_OK) {
        }
    }
    CHECK(n > 1000);
}

PK_TEST(take__ten_iterations_for_an_incident) {
    fresh();
    for (int i = 0; i < 10; i++) {
        CHECK_EQ_INT(take("x", 7, 60, 0), PK_OK);
    }
    CHECK_EQ_INT(take("x", 7, 60, 0), PK_E_BUDGET);
    CHECK_EQ_U64(wait_ms, UINT64_MAX);
    CHECK_EQ_INT(take("x", 8, 60, 0), PK_OK);
    CHECK_EQ_U64(pk_budget_iterations(&b, 7), 10);
    CHECK_EQ_U64(pk_budget_iterations(&b, 99), 0);
}

PK_TEST(damage__counts_as_spent) {
    fresh();
    CHECK_EQ_INT(take("x", 7, 60, 0), PK_OK);
    b.slots[0].used[0] = 0;
    CHECK_EQ_INT(take("x", 8, 60, 0), PK_E_BUDGET);
    CHECK_EQ_U64(pk_budget_used(&b, pk_str_of("act"), pk_str_of("x"), &now), 255);
    pass(2 * HOUR);
    CHECK_EQ_INT(take("x", 8, 60, 0), PK_OK);
    b.incidents[0].used = 0;
    CHECK_EQ_INT(take("y", 7, 60, 0), PK_E_BUDGET);
}

PK_TEST(distrust__everything_is_spent_for_an_hour) {
    fresh();
    pk_budget_distrust(&b, &now);
    CHECK_EQ_INT(take("x", 1, 60, 0), PK_E_BUDGET);
    CHECK_EQ_U64(wait_ms, HOUR);
    pass(HOUR - 1);
    CHECK_EQ_INT(take("x", 1, 60, 0), PK_E_BUDGET);
    pass(1);
    CHECK_EQ_INT(take("x", 1, 60, 0), PK_OK);
}

PK_TEST(full__no_counter_no_start) {
    char name[16];
    fresh();
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        (void)snprintf(name, sizeof name, "t%u", i);
        CHECK_EQ_INT(take(name, 1 + i / 8, 60, 0), PK_OK);
    }
    CHECK_EQ_INT(take("one-more", 1, 60, 0), PK_E_BUDGET);
    CHECK_EQ_U64(b.full_count, 1);
    pass(25 * HOUR);
    CHECK_EQ_INT(take("one-more", 1, 60, 0), PK_OK);
}

static struct pk_budget_record records[PK_LIMIT_BUDGETS + PK_LIMIT_INCIDENTS];

static uint32_t store(void) {
    uint32_t n = 0;
    while (pk_budget_next_dirty(&b, &records[n]) == PK_OK) {
        n++;
    }
    return n;
}

static int restore(uint32_t n) {
    int err = PK_OK;
    pk_budget_init(&b);
    for (uint32_t i = 0; i < n; i++) {
        const int e =
            pk_budget_restore(&b, pk_str_make((const char *)records[i].value, records[i].value_bytes), &now);
        err = e != PK_OK ? e : err;
    }
    return err;
}

PK_TEST(stored__survives_a_restart) {
    fresh();
    CHECK_EQ_INT(take("x", 7, 2, 0), PK_OK);
    CHECK_EQ_INT(take("x", 7, 2, 0), PK_OK);
    const uint32_t n = store();
    CHECK_EQ_U64(n, 2);
    CHECK_EQ_INT(records[0].key[0], 'b');
    CHECK_EQ_U64(records[0].key_bytes, 9);
    CHECK_EQ_U64(records[1].key_bytes, 5);
    CHECK_EQ_U64(store(), 0);
    pk_budget_dirty_all(&b);
    CHECK_EQ_U64(store(), 2);
    pass(10 * MINUTE);
    now.boot = 2;
    now.mono_ms = 400;
    CHECK_EQ_INT(restore(n), PK_OK);
    CHECK_EQ_INT(take("x", 7, 2, 0), PK_E_BUDGET);
    CHECK_EQ_U64(pk_budget_iterations(&b, 7), 2);
    CHECK_EQ_INT(take("x", 7, 3, 20 * MINUTE), PK_E_COOLDOWN);
    pass(HOUR + 5 * MINUTE);
    CHECK_EQ_INT(take("x", 7, 2, 0), PK_OK);
}

PK_TEST(stored__age_unknown_stays_spent__age_known_is_used) {
    fresh();
    CHECK_EQ_INT(take("x", 7, 1, 0), PK_OK);
    const uint32_t n = store();
    pass(3 * HOUR);
    now.boot = 2;
    now.mono_ms = 100;
    now.quality = PK_TIME_UNSET;
    CHECK_EQ_INT(restore(n), PK_OK);
    CHECK_EQ_INT(take("x", 8, 1, 0), PK_E_BUDGET);
    now.quality = PK_TIME_FLOOR; /* an undisciplined clock may be ahead */
    CHECK_EQ_INT(restore(n), PK_OK);
    CHECK_EQ_INT(take("x", 8, 1, 0), PK_E_BUDGET);
    now.quality = PK_TIME_NTP;
    CHECK_EQ_INT(restore(n), PK_OK);
    CHECK_EQ_INT(take("x", 8, 1, 0), PK_OK);
    now.wall_ms -= 4 * (int64_t)HOUR;
    CHECK_EQ_INT(restore(n), PK_OK);
    CHECK_EQ_INT(take("x", 8, 1, 0), PK_E_BUDGET);
}

PK_TEST(stored__damaged_records_fail_closed) {
    fresh();
    CHECK_EQ_INT(take("x", 7, 5, 0), PK_OK);
    const uint32_t n = store();
    for (uint32_t cut = 0; cut < records[0].value_bytes; cut++) {
        pk_budget_init(&b);
        CHECK_EQ_INT(pk_budget_restore(&b, pk_str_make((const char *)records[0].value, cut), &now),
                     PK_E_CORRUPT);
        CHECK_EQ_INT(take("other", 9, 5, 0), PK_E_BUDGET);
    }
    records[0].value[records[0].value_bytes - 1] ^= 1;
    now.boot = 2;
    CHECK_EQ_INT(restore(n), PK_OK);
    records[0].value[0] = 9;
    CHECK_EQ_INT(restore(n), PK_E_CORRUPT);
    CHECK_EQ_U64(b.corrupt_count, 1);
}

PK_TEST(forget__deletes_the_record_and_frees_the_row) {
    fresh();
    CHECK_EQ_INT(take("x", 7, 5, 0), PK_OK);
    (void)store();
    pk_budget_forget_incident(&b, 7);
    CHECK_EQ_U64(store(), 1);
    CHECK_EQ_U64(records[0].value_bytes, 0);
    CHECK_EQ_U64(records[0].key_bytes, 5);
    CHECK_EQ_INT(records[0].key[4], 7);
    CHECK_EQ_U64(b.incidents[0].number, 0);
    pk_budget_forget_incident(&b, 0);
    CHECK_EQ_U64(store(), 0);
}

PK_TEST_MAIN(take__per_hour_cooldown_and_their_waits, take__never_more_than_the_limit_in_any_hour,
             take__ten_iterations_for_an_incident, damage__counts_as_spent,
             distrust__everything_is_spent_for_an_hour, full__no_counter_no_start, stored__survives_a_restart,
             stored__age_unknown_stays_spent__age_known_is_used, stored__damaged_records_fail_closed,
             forget__deletes_the_record_and_frees_the_row)
