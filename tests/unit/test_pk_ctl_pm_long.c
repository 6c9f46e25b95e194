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

PK_TEST(long__from_the_header_to_the_analysis) {
    static const char *const SECTIONS[] = {"# Post-mortem: ",
                                           "## Executive summary",
                                           "## Impact",
                                           "### Systems",
                                           "### Users",
                                           "### Geography",
                                           "### Business",
                                           "## Timeline",
                                           "## Root cause analysis",
                                           "### What happened",
                                           "### Why it happened",
                                           "### Errors",
                                           "### Contributing factors",
                                           "### Five whys",
                                           "5. Why?",
                                           "## Actions taken"};
    CHECK_EQ_INT(run("incidents postmortem inc_2 --form long"), 0);
    const char *at = rig.out;
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        at = strstr(at, SECTIONS[i]);
        REQUIRE(at != NULL);
    }
    CHECK(said("| Assigned to | nobody |\n"));
    CHECK(said("| MTTR | 297.500 s (resolved - detected) |\n"));
    CHECK(said("| 2026-01-01T00:04:00.000Z | HIGH | detect | the clear condition holds | over, as far as"));
    CHECK(said("- **Opens when:** `count >= 10 in 5m by source`\n"));
    CHECK(said("- **Primary error type:** `api_error` (counted most often)\n"));
    CHECK(said("- **Errors by type:** `api_error` 2, `timeout_error` 1, `odd` 1\n"));
    CHECK(said("- In the same time: [low] Other"));
    CHECK(said("- It came and went 2 times\n"));
}

PK_TEST(long__when_the_rule_is_gone) {
    const struct ctl_rig_step steps[] = {CTL_RIG_FOR("incidents.get", SAMPLE_GET)};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "postmortem inc_2 --form long"), 0);
    CHECK(said("_(not known here: the rule is not loaded any more)_"));
    CHECK(said("- **Primary source:** _(not known here)_"));
}

PK_TEST_MAIN(long__from_the_header_to_the_analysis, long__when_the_rule_is_gone)
