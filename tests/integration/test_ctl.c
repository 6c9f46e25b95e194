/* The picketctl that is shipped, as a process, against a scripted daemon. */
#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const char PROGRAM[] = PK_BINARY_DIR "/picketctl";

static int once(const struct ctl_rig_step *steps, uint32_t step_count, const char *words) {
    ctl_rig_begin(&rig, steps, step_count);
    const int exit_code = ctl_rig_exec(&rig, PROGRAM, words, "");
    ctl_rig_end(&rig);
    return exit_code;
}

PK_TEST(picketctl__without_a_daemon) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_exec(&rig, PROGRAM, "status", ""), 6);
    CHECK(strstr(rig.err, "picketctl: cannot reach picketd at ") == rig.err);
    CHECK_EQ_INT(ctl_rig_exec(&rig, PROGRAM, "help", ""), 0);
    CHECK(strstr(rig.out, "incidents list") != NULL);
    CHECK_EQ_INT(ctl_rig_exec(&rig, PROGRAM, "--version", ""), 0);
    CHECK_EQ_INT(ctl_rig_exec(&rig, PROGRAM, "incidents list --sevrity high", ""), 2);
    CHECK(strstr(rig.err, "did you mean --severity?") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST(picketctl__answers_and_refusals) {
    const struct ctl_rig_step list[] = {CTL_RIG_OK("{\"incidents\":[],\"more\":false}")};
    const struct ctl_rig_step refused[] = {CTL_RIG_REFUSED(3, "not_found", "there is no such incident here")};
    CHECK_EQ_INT(once(list, 1, "incidents list"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"incidents\":[],\"more\":false}\n");
    CHECK_EQ_INT(once(list, 1, "incidents list --format table"), 0);
    CHECK_STR(rig.out, "no incidents\n");
    CHECK_EQ_INT(once(refused, 1, "incidents get inc_9"), 3);
    CHECK_STR(rig.err, "picketctl: there is no such incident here\n");
}

PK_TEST(picketctl__a_daemon_that_misbehaves) {
    const struct ctl_rig_step silent[] = {{.reply = NULL}};
    const struct ctl_rig_step garbage[] = {{.reply = "\xff\xfe{{{"}};
    const struct ctl_rig_step flood[] = {{.floods = true}};
    const struct ctl_rig_step torn[] = {{.reply = "{\"id\":1,\"ok\":tr", .is_torn = true, .closes = true}};
    CHECK_EQ_INT(once(silent, 1, "status --timeout 200ms"), 7);
    CHECK_EQ_INT(once(garbage, 1, "status"), 6);
    CHECK_EQ_INT(once(flood, 1, "status"), 6);
    CHECK_EQ_INT(once(torn, 1, "status"), 6);
    CHECK_STR(rig.out, "");
    CHECK_EQ_INT(once(torn, 1, "check"), 2);
}

PK_TEST(picketctl__events_from_standard_input) {
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_exec(&rig, PROGRAM, "events send - --format table", "{\"a\":1}\n{\"bad\":1}\n"), 1);
    CHECK_STR(rig.out, "2 sent, 1 accepted, 1 refused\n");
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(picketctl__without_a_daemon, picketctl__answers_and_refusals,
             picketctl__a_daemon_that_misbehaves, picketctl__events_from_standard_input)
