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

PK_TEST(parts__numbers_come_with_their_formula) {
    CHECK_EQ_INT(run("postmortem inc_2"), 0);
    CHECK(said("- **MTTD:** 2.500 s (detected - first contributing event)\n"));
    CHECK(said("- **MTTA:** not yet defined (acknowledged - detected)\n"));
    CHECK(said("- **MTTR:** 297.500 s (resolved - detected)\n"));
    CHECK(said("- **Events:** 12 (counted by the rule while the incident was open)\n"));
    CHECK(said(
        "- **Peak error rate:** 3 per minute (most errors within any 60 s, of the 4 in the agent's memory"));
}

PK_TEST(parts__foreign_text_stays_text) {
    CHECK_EQ_INT(run("postmortem inc_2"), 0);
    CHECK(strstr(rig.out, "# Post-mortem: [high] \\<b>Burst\\</b> \\| on \\`api\\`\n") == rig.out);
    CHECK(said("12 events in 5m?[31m"));
    CHECK(strchr(rig.out, '\x1b') == NULL);
}

PK_TEST(parts__causes_actions_and_how_it_ended) {
    CHECK_EQ_INT(run("postmortem inc_2"), 0);
    CHECK(said("- disk full, confidence 0.800 of 1, because: disk_pct 99\n"));
    CHECK(said("| `clear_cache` | `api` | completed | verified | 2026-01-01T00:01:00.000Z |\n"));
    CHECK(said("| `restart_service` | - | refused | - | - |\n"));
    CHECK(said("The record had no room for 2 more"));
    CHECK(said("Resolved at 2026-01-01T00:05:00.000Z by picketd (automatic): mitigated -> resolved: stayed "
               "clear. The "
               "rule calls it over when: count < 2 in 5m for 5m.\n"));
}

PK_TEST(parts__follow_ups_come_from_the_record) {
    CHECK_EQ_INT(run("postmortem inc_2"), 0);
    CHECK(said("- [ ] Find the root cause"));
    CHECK(said("- [ ] An action was refused, rejected"));
    CHECK(said("- [ ] It came and went"));
    CHECK(said("- [ ] Nobody acknowledged it"));
    CHECK(!said("- [ ] An action did not succeed"));
    CHECK(!said("auto = no"));
}

PK_TEST_MAIN(parts__numbers_come_with_their_formula, parts__foreign_text_stays_text,
             parts__causes_actions_and_how_it_ended, parts__follow_ups_come_from_the_record)
