#include "ctl/pk_ctl_call.h"

#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

PK_TEST(call__arguments_become_the_daemons) {
    const struct ctl_rig_step steps[] = {CTL_RIG_OK("{\"events\":[],\"more\":false}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "events list --source api* --limit 3 --format json"), 0);
    CHECK_STR(rig.requests,
              "{\"v\":1,\"id\":1,\"cmd\":\"events.list\",\"args\":{\"source\":\"api*\",\"limit\":3}}\n");
    CHECK_STR(rig.out, "{\"v\":1,\"events\":[],\"more\":false}\n");
    CHECK_STR(rig.err, "");
}

PK_TEST(call__refusals_become_exit_codes) {
    static const struct {
        struct ctl_rig_step step;
        int exit_code;
        const char *err;
    } ROWS[] = {
        {CTL_RIG_REFUSED(3, "not_found", "there is no such incident here"), 3,
         "picketctl: there is no such incident here\n"},
        {CTL_RIG_REFUSED(4, "needs_approval", "needs approval"), 4, "picketctl: needs approval\n"},
        {CTL_RIG_REFUSED(5, "refused", "no"), 5, "picketctl: no\n"},
        {CTL_RIG_REFUSED(7, "busy", "busy"), 7, "picketctl: busy\n"},
        {CTL_RIG_REFUSED(8, "conflict", ""), 8, "picketctl: conflict\n"},
        {CTL_RIG_REFUSED(9, "config", "bad"), 9, "picketctl: bad\n"},
        /* Codes outside the contract; a message that would move the cursor. */
        {CTL_RIG_REFUSED(77, "odd", "odd"), 1, "picketctl: odd\n"},
        {CTL_RIG_REFUSED(0, "odd", "odd"), 1, "picketctl: odd\n"},
        {CTL_RIG_REFUSED(2, "bad_field", "no \\u001b[2J\\\"x\\\""), 2, "picketctl: no ?[2J\"x\"\n"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(ctl_rig_once(&rig, &ROWS[i].step, 1, "close inc_1"), ROWS[i].exit_code);
        CHECK_STR(rig.err, ROWS[i].err);
        CHECK_STR(rig.out, "");
    }
}

PK_TEST(call__answers_that_are_none) {
    static const struct {
        struct ctl_rig_step step;
        int exit_code;
        const char *words;
    } ROWS[] = {
        {{.reply = "this is not JSON"}, 6, "something that is no answer"},
        {{.reply = "[1,2]"}, 6, "something that is no answer"},
        {{.reply = "{\"id\":99,\"ok\":true,\"result\":{}}"}, 6, "another question"},
        {{.reply = "{\"id\":$ID,\"ok\":true}"}, 6, "without a result"},
        {{.reply = "{\"id\":$ID,\"ok\":true,\"result\":{\"a\":1}", .is_torn = true, .closes = true},
         6,
         "in the middle of an answer"},
        {{.closes = true}, 6, "without an answer"},
        {{.floods = true}, 6, "longer than 64 KiB"},
        {{.reply = NULL}, 7, "does not answer in time"},
        {{.reply = "{\"id\":$ID,\"ok\":true,\"result\":{}}", .delay_ms = 60000},
         7,
         "does not answer in time"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        /* Only who waits in vain may be in a hurry. */
        const char *words = ROWS[i].exit_code == 7 ? "status --timeout 300ms" : "status --timeout 60s";
        CHECK_EQ_INT(ctl_rig_once(&rig, &ROWS[i].step, 1, words), ROWS[i].exit_code);
        CHECK(strstr(rig.err, ROWS[i].words) != NULL);
        CHECK(strstr(rig.err, rig.socket_path) != NULL);
        CHECK_STR(rig.out, "");
    }
}

PK_TEST(call__a_slow_answer_in_time_counts) {
    const struct ctl_rig_step step = {.reply = "{\"id\":$ID,\"ok\":true,\"result\":{\"version\":\"1\"}}",
                                      .delay_ms = 100};
    CHECK_EQ_INT(ctl_rig_once(&rig, &step, 1, "ping --format table"), 0);
    CHECK_STR(rig.out, "version       1\n");
}

PK_TEST(call__an_answer_without_id_can_only_be_a_refusal) {
    const struct ctl_rig_step step = {
        .reply = "{\"id\":0,\"ok\":false,\"code\":2,\"error\":\"too_big\",\"message\":\"too long\"}"};
    CHECK_EQ_INT(ctl_rig_once(&rig, &step, 1, "ping"), 2);
    CHECK_STR(rig.err, "picketctl: too long\n");
}

PK_TEST(call__nobody_there) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "status"), 6);
    CHECK(strstr(rig.err, "picketctl: cannot reach picketd at ") == rig.err);
    CHECK(strstr(rig.err, "is it running?") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST(dry_run__sends_nothing_that_changes) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "ack inc_1 --note hi+there --dry-run"), 0);
    CHECK_STR(rig.out, "would send incidents.ack {\"incident_id\":\"inc_1\",\"note\":\"hi there\"}\n");
    CHECK_EQ_INT(ctl_rig_run(&rig, "mode set off --dry-run"), 0);
    CHECK_STR(rig.out, "would send mode.set {\"mode\":\"off\"}\n");
    /* What only reads is done as ever. */
    CHECK_EQ_INT(ctl_rig_run(&rig, "status --dry-run"), 6);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(call__arguments_become_the_daemons, call__refusals_become_exit_codes,
             call__answers_that_are_none, call__a_slow_answer_in_time_counts,
             call__an_answer_without_id_can_only_be_a_refusal, call__nobody_there,
             dry_run__sends_nothing_that_changes)
