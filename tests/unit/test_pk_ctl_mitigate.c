#include <string.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

PK_TEST(mitigate__recommended_first) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("incidents.get",
                    "{\"incident\":{\"recommended\":[\"restart_service\"],\"actions\":[{\"action\":"
                    "\"restart_service\",\"state\":\"failed\"},{\"action\":\"restart_service\",\"state\":"
                    "\"completed\"}]}}"),
        CTL_RIG_FOR("actions.list", SAMPLE_ACTIONS)};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 2, "mitigate inc_2 --list-actions --format csv"), 0);
    CHECK(strstr(rig.out, "action,recommended,taken,risk,cost,") == rig.out);
    CHECK(said("\nrestart_service,true,completed,high,outage,"));
    CHECK(strstr(rig.out, "\nrestart_service,true") < strstr(rig.out, "\nclear_cache,false"));
}

PK_TEST(mitigate__runs_and_tries) {
    const struct ctl_rig_step waits[] = {CTL_RIG_OK("{\"run\":4,\"state\":\"awaiting_approval\"}")};
    const struct ctl_rig_step runs[] = {CTL_RIG_OK("{\"run\":4,\"state\":\"planned\"}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, waits, 1, "mitigate inc_2 --action restart_service --target web"), 4);
    CHECK(said("awaiting_approval"));
    CHECK_EQ_INT(ctl_rig_once(&rig, runs, 1, "mitigate inc_2 --action clear_cache --approved-by ann"), 0);
    CHECK(strstr(rig.requests, "\"reason\":\"approved by ann\"") != NULL);
    CHECK(strstr(rig.requests, "approval.") == NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, runs, 1, "mitigate inc_2 --action clear_cache --dry-run"), 0);
    CHECK(strstr(rig.requests, "\"dry_run\":true}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, runs, 1, "mitigate inc_2"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, runs, 1, "mitigate inc_2 --list-actions --action x"), 2);
}

PK_TEST(mitigate__approved_by_answers_the_request) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("mitigate", "{\"run\":5,\"state\":\"awaiting_approval\"}"),
        CTL_RIG_FOR("approval.list", SAMPLE_APPROVALS),
        CTL_RIG_FOR("approval.decide", "{\"state\":\"approved\"}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "mitigate inc_2 --action restart_service --approved-by ann"),
                 0);
    CHECK(strstr(rig.requests,
                 "{\"approval_id\":\"apr_1_5\",\"decision\":\"approve\",\"reason\":\"approved by ann\"}") !=
          NULL);
    CHECK(said("approved"));
    /* Another run's request is not answered. */
    const struct ctl_rig_step other[] = {
        CTL_RIG_FOR("mitigate", "{\"run\":15,\"state\":\"awaiting_approval\"}"),
        CTL_RIG_FOR("approval.list", SAMPLE_APPROVALS)};
    CHECK_EQ_INT(ctl_rig_once(&rig, other, 2, "mitigate inc_2 --action restart_service --approved-by ann"),
                 3);
    CHECK(strstr(rig.requests, "approval.decide") == NULL);
    const struct ctl_rig_step denied[] = {steps[0], steps[1]};
    CHECK_EQ_INT(ctl_rig_once(&rig, denied, 2, "mitigate inc_2 --action restart_service --approved-by ann"),
                 3);
    CHECK_STR(rig.out, "");
}

PK_TEST(mitigate__what_waits_already) {
    const struct ctl_rig_step conflict = {
        .cmd = "mitigate",
        .reply = "{\"id\":$ID,\"ok\":false,\"code\":8,\"error\":\"conflict\",\"message\":"
                 "\"low risk runs\"}"};
    const struct ctl_rig_step steps[] = {conflict, CTL_RIG_FOR("approval.list", SAMPLE_APPROVALS),
                                         CTL_RIG_FOR("approval.decide", "{\"state\":\"approved\"}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "mitigate inc_00002 --action restart_service"), 8);
    CHECK_STR(rig.err, "picketctl: it waits for approval already: picketctl approve apr_1_5\n");
    CHECK_EQ_INT(
        ctl_rig_once(&rig, steps, 3, "mitigate inc_00002 --action restart_service --approved-by ann"), 0);
    CHECK(strstr(rig.requests, "\"approval_id\":\"apr_1_5\",\"decision\":\"approve\"") != NULL);
    CHECK_EQ_INT(
        ctl_rig_once(&rig, steps, 3, "mitigate inc_00003 --action restart_service --approved-by ann"), 8);
    CHECK_STR(rig.err, "picketctl: it runs or is planned already: low risk runs\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "mitigate inc_00002 --action clear_cache"), 8);
}

PK_TEST_MAIN(mitigate__recommended_first, mitigate__runs_and_tries, mitigate__approved_by_answers_the_request,
             mitigate__what_waits_already)
