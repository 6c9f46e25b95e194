#include "respond/pk_task.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

/* Saturday 2026-11-21 00:00 UTC */
#define DAY 1795219200000
#define HOUR 3600000

static struct pk_task_rows rows, old_rows;
static struct pk_tasks t;
static struct pk_stamp now;

static struct pk_task_row *row(const char *name) {
    const int i = pk_task_open(&rows, pk_str_of(name));
    return i < 0 ? NULL : &rows.rows[i];
}

static const char *set(struct pk_task_row *r, const char *key, const char *value) {
    return pk_task_set(r, pk_str_of(key), pk_str_of(value));
}

static void fresh(void) {
    memset(&rows, 0, sizeof rows);
    pk_tasks_init(&t, 7);
    now = (struct pk_stamp){.boot = 2, .mono_ms = 1000, .wall_ms = DAY + 2 * HOUR, .quality = PK_TIME_NTP};
}

static void pass(uint64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
}

PK_TEST(set__values_good_and_bad) {
    static const char *const GOOD[][2] = {
        {"about", "x"},  {"action", "tidy"},   {"target", "a.b"}, {"every", "90m"},      {"jitter", "0"},
        {"at", "23:59"}, {"days", "Mon, sun"}, {"window", "2h"},  {"component", "nas*"}, {"enabled", "no"}};
    static const char *const BAD[][2] = {
        {"about", ""},      {"action", "a b"}, {"target", "../x"}, {"every", "0"},      {"every", "31d"},
        {"at", "24:00"},    {"at", "1:00"},    {"at", "01:60"},    {"at", "+1:00"},     {"days", "mon, mon"},
        {"days", "monday"}, {"days", ""},      {"jitter", "2d"},   {"window", "never"}, {"enabled", "maybe"}};
    fresh();
    struct pk_task_row *r = row("a");
    REQUIRE(r != NULL);
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        CHECK(set(r, GOOD[i][0], GOOD[i][1]) == NULL);
    }
    const struct pk_task_row before = *r;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK(set(r, BAD[i][0], BAD[i][1]) != NULL);
    }
    CHECK(memcmp(&before, r, sizeof before) == 0);
    CHECK(set(r, "evry", "1h") == PK_TASK_UNKNOWN_KEY);
    CHECK_EQ_U64(r->days, 0x41);
    CHECK_EQ_U64(r->at_min, 1439);
    CHECK(row("a") == r);
    CHECK(row("bad name") == NULL);
    CHECK(pk_task_key_word(0) != NULL && pk_task_key_word(100) == NULL);
}

PK_TEST(lacks__either_an_action_or_a_window) {
    fresh();
    struct pk_task_row *r = row("a");
    CHECK(pk_task_lacks(r) != NULL);
    CHECK(set(r, "action", "x") == NULL);
    CHECK(pk_task_lacks(r) == NULL);
    CHECK(set(r, "days", "tue") == NULL);
    CHECK(pk_task_lacks(r) != NULL);
    CHECK(set(r, "at", "01:00") == NULL);
    CHECK(pk_task_lacks(r) == NULL);
    CHECK(set(r, "window", "1h") == NULL);
    CHECK(pk_task_lacks(r) != NULL);
}

PK_TEST(open__no_more_than_the_board_keeps) {
    char name[16];
    fresh();
    for (uint32_t i = 0; i < PK_LIMIT_TASKS; i++) {
        (void)snprintf(name, sizeof name, "t%u", (unsigned)i);
        CHECK_EQ_INT(pk_task_open(&rows, pk_str_of(name)), (int)i);
    }
    CHECK_EQ_INT(pk_task_open(&rows, pk_str_of("more")), PK_E_FULL);
}

PK_TEST(every__waits_the_interval_and_jitter_stays_within) {
    fresh();
    struct pk_task_row *r = row("a");
    (void)set(r, "every", "1h");
    for (uint32_t k = 0; k < 50; k++) {
        CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
        const uint64_t wait_ms = pk_tasks_wait_ms(&t, &rows, 0, &now);
        CHECK(wait_ms >= HOUR && wait_ms <= HOUR + HOUR / 10);
        pass(wait_ms - 1);
        CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
        pass(1);
        CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), 0);
        pk_tasks_begin(&t, &rows, 0, &now);
    }
    r->is_on = false;
    pass(10 * HOUR);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK(pk_tasks_wait_ms(&t, &rows, 0, &now) == UINT64_MAX);
}

PK_TEST(every__goes_on_after_a_restart_but_never_at_once) {
    uint8_t key[PK_TASK_KEY_BYTES], value[PK_TASK_VALUE_BYTES];
    uint32_t n = 0;
    static const struct {
        uint64_t away_ms;
        uint8_t quality;
        uint64_t expected_ms;
    } CASES[] = {{20 * 60000, PK_TIME_NTP, 40 * 60000},
                 {5 * HOUR, PK_TIME_NTP, 60000},
                 {20 * 60000, PK_TIME_FLOOR, HOUR}};
    for (uint32_t k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        fresh();
        (void)set(row("a"), "every", "1h");
        (void)set(row("a"), "jitter", "0");
        pk_tasks_begin(&t, &rows, 0, &now);
        pk_tasks_end(&t, 0, PK_TASK_COMPLETED, pk_str_of("fine"));
        pk_tasks_pack(&t, &rows, 0, key, value, &n);
        pk_tasks_init(&t, 9);
        now.boot++;
        now.mono_ms = 500;
        now.wall_ms += (int64_t)CASES[k].away_ms;
        now.quality = CASES[k].quality;
        CHECK_EQ_INT(pk_tasks_restore(&t, &rows, pk_str_make((const char *)key, sizeof key),
                                      pk_str_make((const char *)value, n)),
                     PK_OK);
        CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
        CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), CASES[k].expected_ms);
        CHECK_EQ_U64(t.states[0].completed_count, 1);
    }
}

PK_TEST(at__on_its_days_and_never_what_passed_or_was_jumped_over) {
    fresh();
    (void)set(row("a"), "at", "03:30");
    (void)set(row("a"), "days", "sun, wed");
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1); /* Saturday 02:00 */
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 25 * HOUR + HOUR / 2);
    pass(25 * HOUR + HOUR / 2);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), 0);
    pk_tasks_begin(&t, &rows, 0, &now);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 72 * HOUR);
    now.wall_ms += 73 * HOUR; /* a clock that jumps fires nothing */
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 95 * HOUR);
    now.wall_ms -= 300 * HOUR;
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK(pk_tasks_wait_ms(&t, &rows, 0, &now) <= 96 * HOUR);
    now.quality = PK_TIME_FLOOR;
    pass(200 * HOUR);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK(pk_tasks_wait_ms(&t, &rows, 0, &now) == UINT64_MAX);
}

PK_TEST(end__counts_shares_and_a_refusal_is_no_run) {
    fresh();
    (void)row("a");
    CHECK_EQ_U64(pk_tasks_share(&t.states[0]), 100);
    for (uint32_t k = 0; k < 40; k++) {
        pk_tasks_end(&t, 0, k < 36 ? PK_TASK_COMPLETED : PK_TASK_FAILED, pk_str_of("x"));
    }
    CHECK_EQ_U64(pk_tasks_share(&t.states[0]), 87); /* 28 of the newest 32 */
    pk_tasks_end(&t, 0, PK_TASK_REFUSED, pk_str_of("mode off"));
    CHECK_EQ_U64(t.states[0].run_count, 40);
    CHECK_EQ_U64(t.states[0].completed_count, 36);
    CHECK_STR(t.states[0].said, "mode off");
    CHECK_STR(pk_task_result_word(t.states[0].result), "refused");
    CHECK_STR(pk_task_result_word(99), "unknown");
}

PK_TEST(take__states_follow_their_names) {
    fresh();
    (void)row("a");
    (void)row("b");
    pk_tasks_end(&t, 1, PK_TASK_FAILED, pk_str_of("x"));
    old_rows = rows;
    memset(&rows, 0, sizeof rows);
    (void)row("b");
    (void)row("c");
    pk_tasks_take(&t, &old_rows, &rows, &now);
    CHECK_EQ_U64(t.states[0].run_count, 1);
    CHECK_EQ_U64(t.states[1].run_count, 0);
}

static void reload(void (*change)(void)) {
    old_rows = rows;
    change();
    pk_tasks_take(&t, &old_rows, &rows, &now);
}

static void change_nothing(void) {
}

static void change_words(void) {
    (void)set(row("a"), "about", "other words");
}

static void change_interval(void) {
    (void)set(row("a"), "every", "2h");
}

static void switch_on(void) {
    (void)set(row("a"), "enabled", "yes");
}

PK_TEST(take__reloads_do_not_put_off_what_comes_as_often) {
    fresh();
    (void)set(row("a"), "every", "1h");
    (void)set(row("a"), "jitter", "0");
    (void)set(row("b"), "at", "03:00");
    (void)set(row("b"), "jitter", "30m");
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    const int64_t due_wall_ms = t.states[1].due_wall_ms;
    for (uint32_t k = 0; k < 6; k++) {
        CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
        pass(10 * 60000);
        reload(k % 2 == 0 ? change_nothing : change_words);
    }
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), 0);
    CHECK(t.states[1].due_wall_ms == due_wall_ms); /* 03:00 is now: within its jitter it still comes */
    reload(change_interval);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 2 * HOUR);
}

PK_TEST(take__what_was_off_is_not_due_at_once) {
    fresh();
    (void)set(row("a"), "every", "1h");
    (void)set(row("a"), "jitter", "0");
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    (void)set(row("a"), "enabled", "no");
    pass(5 * HOUR);
    reload(switch_on);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), HOUR);
}

PK_TEST(every__after_a_restart_is_worked_out_again_when_the_clock_is_sure) {
    fresh();
    (void)set(row("a"), "every", "1h");
    (void)set(row("a"), "jitter", "0");
    t.states[0].last_wall_ms = now.wall_ms - 40 * 60000;
    now.quality = PK_TIME_FLOOR;
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), HOUR);
    pass(5 * 60000);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 55 * 60000);
    now.quality = PK_TIME_NTP;
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 15 * 60000);
    now.quality = PK_TIME_FLOOR; /* once is enough */
    pass(60000);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    now.quality = PK_TIME_NTP;
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), -1);
    CHECK_EQ_U64(pk_tasks_wait_ms(&t, &rows, 0, &now), 14 * 60000);
    pass(14 * 60000);
    CHECK_EQ_INT(pk_tasks_due(&t, &rows, &now), 0);
}

PK_TEST(restore__damaged_records_are_refused) {
    uint8_t key[PK_TASK_KEY_BYTES], value[PK_TASK_VALUE_BYTES];
    uint32_t n = 0;
    fresh();
    (void)row("a");
    pk_tasks_end(&t, 0, PK_TASK_COMPLETED, pk_str_of("x"));
    pk_tasks_pack(&t, &rows, 0, key, value, &n);
    const struct pk_str k = pk_str_make((const char *)key, sizeof key);
    for (uint32_t cut = 0; cut < n; cut++) {
        CHECK_EQ_INT(pk_tasks_restore(&t, &rows, k, pk_str_make((const char *)value, cut)), PK_E_CORRUPT);
    }
    value[n - 1] = 200; /* no such outcome */
    CHECK_EQ_INT(pk_tasks_restore(&t, &rows, k, pk_str_make((const char *)value, n)), PK_E_CORRUPT);
    value[n - 1] = PK_TASK_COMPLETED;
    CHECK_EQ_INT(pk_tasks_restore(&t, &rows, pk_str_of("t"), pk_str_make((const char *)value, n)),
                 PK_E_CORRUPT);
    key[3] ^= 1u;
    CHECK_EQ_INT(pk_tasks_restore(&t, &rows, k, pk_str_make((const char *)value, n)), PK_E_NOT_FOUND);
}

PK_TEST_MAIN(set__values_good_and_bad, lacks__either_an_action_or_a_window,
             open__no_more_than_the_board_keeps, every__waits_the_interval_and_jitter_stays_within,
             every__goes_on_after_a_restart_but_never_at_once,
             at__on_its_days_and_never_what_passed_or_was_jumped_over,
             end__counts_shares_and_a_refusal_is_no_run, take__states_follow_their_names,
             take__reloads_do_not_put_off_what_comes_as_often, take__what_was_off_is_not_due_at_once,
             every__after_a_restart_is_worked_out_again_when_the_clock_is_sure,
             restore__damaged_records_are_refused)
