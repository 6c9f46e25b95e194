#include <string.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const struct ctl_rig_step STEPS[] = {SAMPLE_STEPS};
enum { STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

static int run(const char *words) {
    return ctl_rig_once(&rig, STEPS, STEP_COUNT, words);
}

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

PK_TEST(doctor__fails_on_errors_only) {
    CHECK_EQ_INT(run("doctor --config /nonexistent --format table"), 0);
    CHECK(strstr(rig.out, "OK  clock: fine\n") == rig.out);
    CHECK(said("WARNING  files: /nonexistent: "));
    CHECK(said("to do "));
    const struct ctl_rig_step ill[] = {
        CTL_RIG_FOR("doctor",
                    "{\"findings\":[{\"check\":\"store\",\"verdict\":\"error\",\"what\":\"full\",\"cure\":"
                    "\"\"}]}"),
        CTL_RIG_FOR("actions.list", "{\"actions\":[]}"), CTL_RIG_FOR("rules.list", "{\"rules\":[]}"),
        CTL_RIG_FOR("status", SAMPLE_STATUS), CTL_RIG_FOR("approval.list", "{\"approvals\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, ill, 5, "doctor --config /nonexistent"), 1);
    CHECK(said("full"));
}

PK_TEST(doctor__a_failure_on_the_way_is_the_result) {
    const struct ctl_rig_step refused[] = {CTL_RIG_REFUSED(5, "denied", "no")};
    const struct ctl_rig_step later[] = {CTL_RIG_OK("{\"findings\":[]}"), CTL_RIG_REFUSED(5, "denied", "no")};
    CHECK_EQ_INT(ctl_rig_once(&rig, refused, 1, "doctor"), 5);
    CHECK_EQ_INT(ctl_rig_once(&rig, later, 2, "doctor"), 5);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(doctor__fails_on_errors_only, doctor__a_failure_on_the_way_is_the_result)
