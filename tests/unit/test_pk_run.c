#include "respond/pk_run.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"
#include "wire/pk_role.h"

static struct pk_run full(void) {
    struct pk_run r = {.id = 12,
                       .boot = 3,
                       .incident = 44,
                       .state = PK_RUN_EXECUTING,
                       .step = PK_RUN_AT_RUNNING,
                       .risk = PK_RISK_HIGH,
                       .role = PK_ROLE_APPROVER,
                       .approvals_needed = 2,
                       .approvals_have = 2,
                       .is_manual = true,
                       .is_intent = true,
                       .is_idempotent = true,
                       .exit_code = -3,
                       .duration_ms = 77,
                       .expires_wall_ms = 1700000000000,
                       .expires_ms = 9};
    r.planned = (struct pk_stamp){.boot = 3, .mono_ms = 5, .wall_ms = 1700000000001, .quality = PK_TIME_HUB};
    memset(r.action, 'a', sizeof r.action - 1);
    memset(r.target, 't', sizeof r.target - 1);
    memset(r.requested_by, 'q', sizeof r.requested_by - 1);
    memset(r.approved_by[0], 'p', sizeof r.approved_by[0] - 1);
    memset(r.approved_by[1], 's', sizeof r.approved_by[1] - 1);
    memset(r.result, 'r', sizeof r.result - 1);
    return r;
}

PK_TEST(pack__longest_run_comes_back) {
    uint8_t stored[PK_RUN_STORED_BYTES];
    struct pk_run r = full(), back;
    const int n = pk_run_pack(&r, stored, sizeof stored);
    CHECK(n > 0);
    CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)n)), PK_OK);
    CHECK_EQ_INT(back.action_index, -1);
    back.action_index = 0;
    CHECK_STR(back.action, r.action);
    CHECK_STR(back.target, r.target);
    CHECK_STR(back.requested_by, r.requested_by);
    CHECK_STR(back.approved_by[1], r.approved_by[1]);
    CHECK_STR(back.result, r.result);
    CHECK_EQ_U64(back.id, 12);
    CHECK_EQ_U64(back.incident, 44);
    CHECK_EQ_INT(back.state, PK_RUN_EXECUTING);
    CHECK_EQ_INT(back.step, PK_RUN_AT_RUNNING);
    CHECK_EQ_INT(back.exit_code, -3);
    CHECK(back.is_manual && back.is_intent && back.is_idempotent && !back.is_auto && !back.is_read_only);
    CHECK_EQ_INT(back.planned.wall_ms, 1700000000001);
    CHECK_EQ_INT(back.expires_wall_ms, 1700000000000);
}

PK_TEST(unpack__refuses_short_long_and_out_of_range) {
    uint8_t stored[PK_RUN_STORED_BYTES + 1] = {0};
    struct pk_run r = full(), back;
    const int n = pk_run_pack(&r, stored, PK_RUN_STORED_BYTES);
    for (int cut = 0; cut < n; cut++) {
        CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)cut)), PK_E_CORRUPT);
    }
    CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)n + 1)), PK_E_CORRUPT);
    r = full();
    r.state = PK_RUN_STATE_COUNT;
    (void)!pk_run_pack(&r, stored, PK_RUN_STORED_BYTES);
    CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)n)), PK_E_CORRUPT);
    r = full();
    r.state = PK_RUN_COMPLETED; /* over, and yet not at its end */
    r.step = PK_RUN_AT_WAIT;
    (void)!pk_run_pack(&r, stored, PK_RUN_STORED_BYTES);
    CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)n)), PK_E_CORRUPT);
    r = full();
    strcpy(r.target, "../etc");
    const int m = pk_run_pack(&r, stored, PK_RUN_STORED_BYTES);
    CHECK_EQ_INT(pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)m)), PK_E_CORRUPT);
}

PK_TEST(unpack__any_bytes_never_harm) {
    uint8_t stored[PK_RUN_STORED_BYTES];
    struct pk_run r = full(), back;
    struct pk_rng rng;
    pk_rng_seed(&rng, 2);
    for (uint32_t i = 0; i < 20000; i++) {
        const int n = pk_run_pack(&r, stored, sizeof stored);
        for (uint32_t k = 0; k <= pk_rng_below(&rng, 4); k++) {
            stored[pk_rng_below(&rng, (uint64_t)n)] = (uint8_t)pk_rng_u64(&rng);
        }
        if (pk_run_unpack(&back, pk_str_make((const char *)stored, (size_t)n)) == PK_OK) {
            CHECK(back.state < PK_RUN_STATE_COUNT && back.step < PK_RUN_STEP_COUNT && back.id != 0);
        }
    }
}

PK_TEST(approval_id__both_ways) {
    char id[PK_RUN_APPROVAL_ID_BYTES];
    uint32_t boot = 0, run = 0;
    const struct pk_run r = {.id = UINT32_MAX, .boot = UINT32_MAX};
    static const char *const BAD[] = {"",
                                      "apr_",
                                      "apr_1",
                                      "apr_1_",
                                      "apr_1_0",
                                      "apr__1",
                                      "apr_1_2_3",
                                      "apr_1_x",
                                      "apr_4294967296_1",
                                      "APR_1_1",
                                      "apr_1_4294967296"};
    pk_run_approval_id(&r, id);
    CHECK_EQ_INT(pk_run_approval_parse(pk_str_of(id), &boot, &run), PK_OK);
    CHECK_EQ_U64(boot, UINT32_MAX);
    CHECK_EQ_U64(run, UINT32_MAX);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_STR(pk_run_approval_parse(pk_str_of(BAD[i]), &boot, &run) == PK_E_BAD_FIELD ? "refused"
                                                                                          : BAD[i],
                  "refused");
    }
}

PK_TEST(to_action__as_the_incident_lists_it) {
    struct pk_run r = full();
    struct pk_incident_action a;
    pk_run_to_action(&r, &a);
    CHECK_EQ_U64(a.run, 12);
    CHECK_EQ_INT(a.state, PK_RUN_EXECUTING);
    CHECK_EQ_INT(a.at_wall_ms, 1700000000001);
    CHECK_STR(a.target, r.target);
    r.finished = (struct pk_stamp){.boot = 3, .mono_ms = 9, .wall_ms = 1700000000009};
    pk_run_to_action(&r, &a);
    CHECK_EQ_INT(a.at_wall_ms, 1700000000009);
}

PK_TEST_MAIN(pack__longest_run_comes_back, unpack__refuses_short_long_and_out_of_range,
             unpack__any_bytes_never_harm, approval_id__both_ways, to_action__as_the_incident_lists_it)
