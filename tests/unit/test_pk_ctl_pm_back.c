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

PK_TEST(back__from_the_actions_to_the_sign_off) {
    static const char *const SECTIONS[] = {"## Actions taken",
                                           "### Resolution timeline",
                                           "### Verification steps",
                                           "## Lessons",
                                           "### What went well",
                                           "### What to improve",
                                           "### Process gaps",
                                           "## Action items",
                                           "### Preventive",
                                           "### Detection",
                                           "### Response",
                                           "### Documentation",
                                           "## Metrics",
                                           "- **Data loss:**",
                                           "### System before and after",
                                           "## Appendices",
                                           "### A. Events",
                                           "### B. Logs and graphs",
                                           "### C. Communication log",
                                           "### D. Related incidents",
                                           "## Sign-off",
                                           "- **Version:** draft, from revision 7",
                                           "- **Last updated:**"};
    CHECK_EQ_INT(run("incidents postmortem inc_2 --form long"), 0);
    const char *at = rig.out;
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        at = strstr(at, SECTIONS[i]);
        REQUIRE(at != NULL);
    }
    CHECK(said("| 2026-01-01T00:03:00.000Z | see https\\://evil.example/ and [this\\](x) | operator |\n"));
    CHECK(said("- An action completed and was verified.\n- It was resolved without a person.\n"));
    CHECK(said("| Item | Owner | Priority | Due | Status |\n"));
    CHECK(said("| `cpu_pct of cpu` | 20 | 97 | 12.5 | \n"));
    CHECK(said("3 events lost by the agent since it started"));
    CHECK(said("| 2026-01-01T00:02:10.000Z | high | api | api_error | 1 | up\\|stream |\n"));
    CHECK(said("| inc_gw_1_00003 | [low] Other | low | detected | 2026-01-01T00:01:30.000Z |\n"));
}

PK_TEST(back__tables_without_rows_say_so) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("incidents.get", "{\"incident\":{\"incident_id\":\"inc_gw_1_00001\"},\"timeline\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "postmortem inc_1 --form long"), 0);
    CHECK(said("The timeline has no such entry.\n"));
    CHECK(said("_(not known here: none is in the agent's memory any more)_"));
    CHECK(said("ten minutes before.\n\nNone.\n"));
}

PK_TEST_MAIN(back__from_the_actions_to_the_sign_off, back__tables_without_rows_say_so)
