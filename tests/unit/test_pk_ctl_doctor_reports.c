#include <string.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

#define STEPS_WITH(status, approvals)                                                                        \
    CTL_RIG_FOR("doctor", "{\"findings\":[]}"), CTL_RIG_FOR("rules.list", "{\"rules\":[]}"),                 \
        CTL_RIG_FOR("actions.list", "{\"actions\":[]}"), CTL_RIG_FOR("status", status),                      \
        CTL_RIG_FOR("approval.list", approvals)

PK_TEST(doctor_reports__history_and_requests) {
    const struct ctl_rig_step steps[] = {STEPS_WITH(SAMPLE_STATUS, SAMPLE_APPROVALS)};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 5, "doctor --config /nonexistent --format table"), 0);
    CHECK(said("OK  notifications: central: 9 messages sent, 1 connections, 0 failed, 0 lost; 0 waiting\n"));
    CHECK(said("WARNING  approvals: apr_1_5 restart_service api\n"));
    CHECK(said("OK  sources: 70 events taken, 0 refused as malformed"));
}

PK_TEST(doctor_reports__nobody_is_told) {
    const struct ctl_rig_step none[] = {
        STEPS_WITH("{\"links\":[],\"events\":{\"bad\":2}}", "{\"approvals\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 5, "doctor --config /nonexistent --format table"), 0);
    CHECK(said("WARNING  notifications: no broker is configured"));
    CHECK(said("WARNING  sources: - events taken, 2 refused as malformed"));
    CHECK(said("OK  approvals: no action waits for a person\n"));
    const struct ctl_rig_step down[] = {STEPS_WITH(
        "{\"links\":[{\"name\":\"central\",\"state\":\"waiting\",\"failures\":4}],\"store\":{\"outbox\":12}}",
        "{\"approvals\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, down, 5, "doctor --config /nonexistent --format table"), 1);
    CHECK(said("ERROR  notifications: central: ") && said("12 waiting\n"));
}

PK_TEST_MAIN(doctor_reports__history_and_requests, doctor_reports__nobody_is_told)
