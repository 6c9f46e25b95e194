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

PK_TEST(explain_action__mode_budget_rules) {
    CHECK_EQ_INT(run("explain action restart_service --format table"), 0);
    CHECK(said("  mode and risk: high risk asks, answered by a approver; on a critical target: critical risk "
               "asks two, "
               "answered by a approver\n") ||
          said("  mode and risk: high risk asks, answered by role approver; on a critical target: critical "
               "risk asks two, "
               "answered by role approver\n"));
    CHECK(said("  targets: only api\n"));
    CHECK(
        said("  budget: at most 3 starts an hour on one target, 5m apart, 30s each; 10 for one incident\n"));
    CHECK(said("  so far: 2 went well, 1 failed since the agent started\n"));
    CHECK(said("  rules that name it: error_burst (auto)\n"));
    CHECK(said("  waits for approval: restart_service api"));
}

PK_TEST(explain_action__what_stands_in_the_way) {
    CHECK_EQ_INT(run("explain action clear_cache --incident inc_2 --target api --format table"), 0);
    CHECK(said("  targets: none is listed in actions.conf"));
    CHECK(said("  for this incident: would not run now (cooldown): cooling down, free in 4m\n"));
    CHECK(strstr(rig.requests, "\"action\":\"clear_cache\",\"target\":\"api\",\"dry_run\":true") != NULL);
    CHECK_EQ_INT(run("actions explain off_one --format table"), 0);
    CHECK(said("  disabled: its row says enabled = no"));
    CHECK(said("  rules that name it: quiet (asks)\n"));
    CHECK_EQ_INT(run("explain action missing"), 3);
    CHECK(strstr(rig.err, "there is no 'missing' here") != NULL);
}

PK_TEST(explain_action__a_failure_on_the_way_is_the_result) {
    const struct ctl_rig_step steps[] = {CTL_RIG_OK(SAMPLE_ACTIONS), CTL_RIG_OK(SAMPLE_STATUS),
                                         CTL_RIG_REFUSED(5, "denied", "no")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "explain action clear_cache"), 5);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(explain_action__mode_budget_rules, explain_action__what_stands_in_the_way,
             explain_action__a_failure_on_the_way_is_the_result)
