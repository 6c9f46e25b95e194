#include "roles/pk_super_policy.h"

#include <string.h>

#include "respond/pk_action_parse.h"
#include "support/pk_test.h"

enum { LOW, MEDIUM, HIGH, CRITICAL, ASKS, TARGETED, OFF_ROW, BACK };
static const char actions_text[] = "[action low]\nrisk = low\nargv = /bin/true\nverify = "
                                   "/bin/true\nverify_within = 10s\nper_hour = 2\ncooldown = 60s\n"
                                   "[action medium]\nrisk = medium\nargv = /bin/true\ncooldown = 0\n"
                                   "[action high]\nrisk = high\nargv = /bin/true\ncooldown = 0\n"
                                   "[action critical]\nrisk = critical\nargv = /bin/true\ncooldown = 0\n"
                                   "[action kill_queries]\nrisk = low\nargv = /bin/true\ncooldown = 0\n"
                                   "[action targeted]\nrisk = low\nargv = /bin/echo {target}\ntargets = "
                                   "a\ncritical_targets = b\ncooldown = 0\n"
                                   "[action off_row]\nrisk = low\nargv = /bin/true\nenabled = no\n"
                                   "[action back]\nrisk = low\nargv = /bin/true\nundo = /bin/false\n";

static struct pk_action_table the_table;
static struct pk_super_policy the_policy;
static struct pk_stamp the_now;
static struct pk_super_verdict the_verdict;

static void setup(uint8_t mode) {
    struct pk_diag diag;
    memset(&the_policy, 0, sizeof the_policy);
    pk_actions_init(&the_table);
    diag.message[0] = 0;
    const int parsed = pk_actions_parse(&the_table, pk_str_of(actions_text), "t", &diag);
    CHECK_STR(parsed == PK_OK ? "" : diag.message, "");
    CHECK_EQ_INT(pk_actions_finish(&the_table, "t", &diag), PK_OK);
    pk_budget_init(&the_policy.budget);
    the_policy.actions = &the_table;
    the_policy.mode = mode;
    the_policy.is_safe_mode = true;
    the_now = (struct pk_stamp){.boot = 1, .mono_ms = 10000000};
}

static struct pk_ipc_run request(uint16_t index, const char *target, bool is_approved) {
    struct pk_ipc_run r;
    memset(&r, 0, sizeof r);
    r.actions_crc = the_table.crc;
    r.action_index = index;
    r.is_approved = is_approved ? 1 : 0;
    (void)pk_str_copy_cut(pk_str_of(target), r.target, sizeof r.target);
    return r;
}

static int take(const struct pk_ipc_run *r, uint32_t id, uint32_t running) {
    pk_super_policy_take(&the_policy, id, r, running, &the_now, &the_verdict);
    return the_verdict.error;
}

static int act(uint16_t index, const char *target, bool is_approved) {
    static uint32_t id = 1000;
    const struct pk_ipc_run r = request(index, target, is_approved);
    return take(&r, id++, 0);
}

PK_TEST(policy__mode_by_risk__whole_table) {
    /* [mode][risk]: without an approval, with one */
    static const int want[PK_MODE_COUNT][4][2] = {
        [PK_MODE_OFF] = {{PK_E_POLICY, PK_E_POLICY},
                         {PK_E_POLICY, PK_E_POLICY},
                         {PK_E_POLICY, PK_E_POLICY},
                         {PK_E_POLICY, PK_E_POLICY}},
        [PK_MODE_OBSERVE] = {{PK_E_POLICY, PK_E_POLICY},
                             {PK_E_POLICY, PK_E_POLICY},
                             {PK_E_POLICY, PK_E_POLICY},
                             {PK_E_POLICY, PK_E_POLICY}},
        [PK_MODE_SAFE] = {{PK_OK, PK_OK},
                          {PK_E_NEEDS_APPROVAL, PK_OK},
                          {PK_E_NEEDS_APPROVAL, PK_OK},
                          {PK_E_NEEDS_APPROVAL, PK_OK}},
        [PK_MODE_AUTO] = {{PK_OK, PK_OK},
                          {PK_OK, PK_OK},
                          {PK_E_NEEDS_APPROVAL, PK_OK},
                          {PK_E_NEEDS_APPROVAL, PK_OK}},
    };
    for (uint8_t mode = 0; mode < PK_MODE_COUNT; mode++) {
        for (uint16_t risk = LOW; risk <= CRITICAL; risk++) {
            for (int approved = 0; approved < 2; approved++) {
                setup(mode);
                CHECK_EQ_INT(act(risk, "", approved == 1), want[mode][risk][approved]);
                CHECK(the_verdict.why[0] != '\0');
            }
        }
    }
}

PK_TEST(policy__safe_mode__asks_for_the_named_actions_in_every_mode) {
    setup(PK_MODE_AUTO);
    CHECK_EQ_INT(act(ASKS, "", false), PK_E_NEEDS_APPROVAL);
    CHECK_EQ_INT(act(ASKS, "", true), PK_OK);
    setup(PK_MODE_AUTO);
    the_policy.is_safe_mode = false;
    CHECK_EQ_INT(act(ASKS, "", false), PK_OK);
}

PK_TEST(policy__targets__only_those_of_the_row) {
    setup(PK_MODE_SAFE);
    CHECK_EQ_INT(act(TARGETED, "a", false), PK_OK);
    CHECK_EQ_INT(act(TARGETED, "c", false), PK_E_POLICY);
    CHECK_EQ_INT(act(TARGETED, "", false), PK_E_BAD_FIELD);
    CHECK_EQ_INT(act(TARGETED, "a;b", false), PK_E_BAD_FIELD);
    CHECK_EQ_INT(act(TARGETED, "b", false), PK_E_NEEDS_APPROVAL); /* critical target: medium risk */
    CHECK_EQ_INT(act(LOW, "a", false), PK_E_BAD_FIELD);
    CHECK_EQ_INT(act(OFF_ROW, "", false), PK_E_POLICY);
}

PK_TEST(policy__hostile_fields__are_refused_before_anything_else) {
    setup(PK_MODE_SAFE);
    struct pk_ipc_run r = request(LOW, "", false);
    memset(r.target, 'a', sizeof r.target); /* no end */
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_BAD_MSG);
    r = request(LOW, "", false);
    CHECK_EQ_INT(take(&r, 0, 0), PK_E_BAD_MSG);
    r.phase = 2;
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_BAD_MSG);
    r = request(LOW, "", false);
    r.is_approved = 2;
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_BAD_MSG);
    r = request(LOW, "", false);
    r.actions_crc++;
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_STALE);
    r = request(60000, "", false);
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_NOT_FOUND);
    r = request(MEDIUM, "", false);
    r.phase = PK_PHASE_VERIFY;
    CHECK_EQ_INT(take(&r, 1, 0), PK_E_NOT_FOUND); /* it has none */
    CHECK_EQ_INT(act(LOW, "", false), PK_OK);     /* and nothing of that was counted */
}

PK_TEST(policy__cap_and_cooldown__hold_whatever_was_approved) {
    setup(PK_MODE_SAFE);
    CHECK_EQ_INT(act(LOW, "", true), PK_OK);
    CHECK_EQ_INT(act(LOW, "", true), PK_E_COOLDOWN);
    CHECK_EQ_U64(the_verdict.wait_ms, 60000);
    the_now.mono_ms += 60000;
    CHECK_EQ_INT(act(LOW, "", true), PK_OK);
    the_now.mono_ms += 60000;
    CHECK_EQ_INT(act(LOW, "", true), PK_E_BUDGET);
    CHECK(the_verdict.wait_ms > 50u * 60000u && the_verdict.wait_ms <= 65u * 60000u);
    the_now.mono_ms += the_verdict.wait_ms;
    CHECK_EQ_INT(act(LOW, "", true), PK_OK);
    CHECK_EQ_INT(act(MEDIUM, "", true), PK_OK); /* another action has its own count */
}

PK_TEST(policy__incident_numbers__change_nothing) {
    setup(PK_MODE_AUTO);
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < 40; i++) { /* far more than an incident's iterations */
        struct pk_ipc_run r = request(MEDIUM, "", false);
        r.incident_number = i % 3u;
        allowed += take(&r, 100 + i, 0) == PK_OK ? 1u : 0u;
    }
    CHECK_EQ_INT(allowed, the_table.rows[MEDIUM].per_hour);
}

PK_TEST(policy__concurrency__is_bounded) {
    setup(PK_MODE_SAFE);
    const struct pk_ipc_run r = request(LOW, "", false);
    CHECK_EQ_INT(take(&r, 1, PK_SUPER_CONCURRENT), PK_E_BUSY);
    CHECK(the_verdict.wait_ms > 0);
    CHECK_EQ_INT(take(&r, 1, PK_SUPER_CONCURRENT - 1), PK_OK); /* being busy was not a start */
}

PK_TEST(policy__verify__only_what_was_started_and_so_often) {
    setup(PK_MODE_SAFE);
    struct pk_ipc_run verify = request(LOW, "", false);
    verify.phase = PK_PHASE_VERIFY;
    CHECK_EQ_INT(take(&verify, 7, 0), PK_E_STALE);
    const struct pk_ipc_run start = request(LOW, "", false);
    CHECK_EQ_INT(take(&start, 7, 0), PK_OK);
    CHECK_EQ_INT(take(&verify, 8, 0), PK_E_STALE);
    const uint32_t seconds = the_policy.actions->rows[LOW].verify_within_ms / 1000;
    for (uint32_t i = 0; i < seconds + PK_SUPER_VERIFIES_SPARE; i++) {
        CHECK_EQ_INT(take(&verify, 7, 0), PK_OK);
    }
    CHECK_EQ_INT(take(&verify, 7, 0), PK_E_BUDGET);
    setup(PK_MODE_SAFE);
    CHECK_EQ_INT(take(&start, 7, 0), PK_OK);
    the_policy.mode = PK_MODE_OBSERVE;
    CHECK_EQ_INT(take(&verify, 7, 0), PK_E_POLICY);
    the_policy.mode = PK_MODE_SAFE;
    pk_super_policy_forget_verifiable(&the_policy);
    CHECK_EQ_INT(take(&verify, 7, 0), PK_E_STALE);
}

PK_TEST(policy__distrusted_budget__starts_nothing_for_an_hour) {
    setup(PK_MODE_AUTO);
    pk_budget_distrust(&the_policy.budget, &the_now);
    CHECK_EQ_INT(act(LOW, "", true), PK_E_BUDGET);
    /* Some undos pass all the same when the counters were lost: one may be the cure. */
    struct pk_ipc_run undo = request(BACK, "", false);
    undo.phase = PK_PHASE_UNDO;
    CHECK_EQ_INT(take(&undo, 5, 0), PK_E_BUDGET);
    the_policy.blind_undos = PK_SUPER_BLIND_UNDOS;
    CHECK_EQ_INT(act(LOW, "", true), PK_E_BUDGET);
    for (int i = 0; i < PK_SUPER_BLIND_UNDOS; i++) {
        CHECK_EQ_INT(take(&undo, 6, 0), PK_OK);
    }
    CHECK_EQ_INT(take(&undo, 6, 0), PK_E_BUDGET);
    the_now.mono_ms += 3600000u;
    CHECK_EQ_INT(act(LOW, "", true), PK_OK);
}

PK_TEST_MAIN(policy__mode_by_risk__whole_table, policy__safe_mode__asks_for_the_named_actions_in_every_mode,
             policy__targets__only_those_of_the_row, policy__hostile_fields__are_refused_before_anything_else,
             policy__cap_and_cooldown__hold_whatever_was_approved, policy__incident_numbers__change_nothing,
             policy__concurrency__is_bounded, policy__verify__only_what_was_started_and_so_often,
             policy__distrusted_budget__starts_nothing_for_an_hour)
