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

PK_TEST(short__has_every_section) {
    static const char *const SECTIONS[] = {"## Summary",    "## Impact",     "## Timeline",
                                           "## Root cause", "## Resolution", "## Actions",
                                           "## Follow-ups", "## Metrics",    "Generated at "};
    CHECK_EQ_INT(run("incidents postmortem inc_2"), 0);
    const char *at = rig.out;
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        at = strstr(at, SECTIONS[i]);
        REQUIRE(at != NULL);
    }
    CHECK(said("- **Affected components:** `api` and 3 more\n"));
    CHECK(said("- **Users affected:** _(to be filled in: a gateway does not see users)_\n"));
    CHECK(said("- **Duration:** 5m (resolved - first event)\n"));
    CHECK(said("- 00:00:02Z [HIGH] detect: opened # \\| by rule\n"));
}

PK_TEST(short__without_a_timeline) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("incidents.get", "{\"incident\":{\"incident_id\":\"inc_gw_1_00001\"}}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "postmortem inc_1"), 0);
    CHECK(said("_(not known here: the timeline is no longer in the agent's memory)_"));
    CHECK(said("No action was taken."));
    CHECK(said("Not resolved yet."));
    CHECK(said("- **MTTR:** not yet defined (resolved - detected)"));
}

PK_TEST_MAIN(short__has_every_section, short__without_a_timeline)
