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

PK_TEST(explain__an_incident) {
    CHECK_EQ_INT(run("explain incident inc_2 --format table"), 0);
    CHECK(said("  opened: 2026-01-01T00:00:02.500Z by rule error_burst: 12 events"));
    CHECK(said("  mode: safe, safe_mode yes\n"));
    CHECK(said("  switched off: notifications_enabled is off: uid:0: tests\n"));
    CHECK(said("  it is over when: count < 2 in 5m for 5m\n"));
    CHECK(said("  its condition now: idle, condition no\n"));
    CHECK(said("  action: clear_cache api: completed verified\n"));
    CHECK(said("  once more clear_cache: would not run now (cooldown): cooling down, free in 4m\n"));
    CHECK(said("  waits for approval: restart_service api, risk high: 0 of 1 given, rejected in 2m; "
               "picketctl approve "
               "apr_1_5\n"));
    CHECK(said("  then: 00:04:00Z detect: the clear condition holds\n"));
    CHECK(strstr(rig.requests, "\"dry_run\":true") != NULL);
}

PK_TEST(explain__whatever_has_the_id) {
    CHECK_EQ_INT(run("explain inc_2 --format table"), 0);
    CHECK(said("  opened: "));
    CHECK_EQ_INT(run("explain error_burst --format table"), 0);
    CHECK(said("when: count >= 10 in 5m by source"));
    CHECK_EQ_INT(run("explain clear_cache --format table"), 0);
    CHECK(said("  mode and risk: "));
    CHECK_EQ_INT(run("explain nothing_of_it"), 3);
    CHECK_EQ_INT(run("explain"), 2);
}

PK_TEST(explain__a_refused_dry_run_is_a_line) {
    const struct ctl_rig_step steps[] = {CTL_RIG_FOR("incidents.get", SAMPLE_GET)};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "explain inc_2 --format table"), 0);
    CHECK(said("the agent does not say: there is no such thing here"));
    CHECK(said("  rule: it is not loaded any more\n"));
}

PK_TEST_MAIN(explain__an_incident, explain__whatever_has_the_id, explain__a_refused_dry_run_is_a_line)
