#include "respond/pk_decision.h"

#include <string.h>

#include "support/pk_test.h"

/* REQUIREMENTS A.0, by mode and risk: r refuse, w would run, R run, a ask, A ask two. */
static const char WANTED[PK_MODE_COUNT][PK_RISK_COUNT + 1] = {
    [PK_MODE_OFF] = "rrrr", [PK_MODE_OBSERVE] = "wwww", [PK_MODE_SAFE] = "RaaA", [PK_MODE_AUTO] = "RRaA"};
static const char LETTERS[] = "rwRaA";

PK_TEST(decide__every_cell_with_every_context) {
    for (uint8_t mode = 0; mode < PK_MODE_COUNT; mode++) {
        for (uint8_t risk = 0; risk < PK_RISK_COUNT; risk++) {
            for (unsigned bits = 0; bits < 16; bits++) {
                const struct pk_decision_input in = {.risk = risk,
                                                     .mode = mode,
                                                     .is_safe_mode = (bits & 1u) != 0,
                                                     .asks_in_safe_mode = (bits & 2u) != 0,
                                                     .is_critical_target = (bits & 4u) != 0,
                                                     .is_risky_now = (bits & 8u) != 0};
                struct pk_decision d;
                uint8_t raised =
                    in.is_critical_target && risk < PK_RISK_CRITICAL ? (uint8_t)(risk + 1) : risk;
                /* Circumstances alone ask no two people. */
                raised = in.is_risky_now && raised < PK_RISK_HIGH ? (uint8_t)(raised + 1) : raised;
                char wanted = WANTED[mode][raised];
                if (wanted == 'R' && in.is_safe_mode && in.asks_in_safe_mode) {
                    wanted = 'a';
                }
                pk_decide(&in, &d);
                CHECK_EQ_INT(LETTERS[d.kind], wanted);
                CHECK_EQ_INT(d.risk, raised);
                CHECK_EQ_INT(d.approvals_needed, wanted == 'A' ? 2 : wanted == 'a' ? 1 : 0);
                CHECK_EQ_INT(d.role, d.approvals_needed == 0  ? PK_ROLE_NONE
                                     : raised >= PK_RISK_HIGH ? PK_ROLE_APPROVER
                                                              : PK_ROLE_RESPONDER);
                CHECK(d.reason != NULL && strlen(d.reason) > 0 && strlen(d.reason) < 48);
            }
        }
    }
}

PK_TEST(decide__nonsense_is_refused) {
    const struct pk_decision_input in[] = {
        {.mode = PK_MODE_COUNT}, {.mode = PK_MODE_AUTO, .risk = PK_RISK_COUNT}, {.mode = 255, .risk = 255}};
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        struct pk_decision d;
        pk_decide(&in[i], &d);
        CHECK_EQ_INT(d.kind, PK_DECIDE_REFUSE);
    }
}

PK_TEST(print__one_line_for_each_cell) {
    char text[1024];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_decision_print(&b);
    CHECK(!b.is_cut);
    CHECK(strstr(text, "safe + medium -> ask\n") != NULL);
    CHECK(strstr(text, "auto + critical -> ask_two\n") != NULL);
    CHECK_STR(pk_decision_word(PK_DECIDE_WOULD_RUN), "would_run");
    CHECK_STR(pk_decision_word(PK_DECIDE_COUNT), "unknown");
}

PK_TEST_MAIN(decide__every_cell_with_every_context, decide__nonsense_is_refused,
             print__one_line_for_each_cell)
