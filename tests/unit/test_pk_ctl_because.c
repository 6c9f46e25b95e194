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

PK_TEST(because__lines_in_order) {
    CHECK_EQ_INT(run("explain incident inc_2 --format csv"), 0);
    CHECK(strstr(rig.out, "about,text\nstate,\"resolved, stage postmortem, severity high, 12 events\"\n") ==
          rig.out);
    CHECK_EQ_INT(run("explain incident inc_2 --format json"), 0);
    CHECK(
        strstr(
            rig.out,
            "{\"v\":1,\"subject\":\"inc_gw_1_00002 [high] <b>Burst</b> | on `api`\",\"because\":[{\"about\":"
            "\"state\",") == rig.out);
}

PK_TEST(because__foreign_text_is_harmless_in_each_form) {
    CHECK_EQ_INT(run("explain inc_2 --format table"), 0);
    CHECK(said("12 events in 5m?[31m"));
    CHECK_EQ_INT(run("explain inc_2 --format ndjson"), 0);
    CHECK(strchr(rig.out, '\x1b') == NULL);
}

PK_TEST_MAIN(because__lines_in_order, because__foreign_text_is_harmless_in_each_form)
