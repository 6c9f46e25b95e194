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

PK_TEST(doctor_rules__what_cannot_find_or_act) {
    CHECK_EQ_INT(run("doctor --config /nonexistent --format table"), 0);
    CHECK(said("WARNING  rules enabled: these find nothing: gone\n"));
    CHECK(said("OK  rules with data: no data yet") && said(": quiet\n"));
    CHECK(said("WARNING  actions of rules: off_one is disabled (rule quiet names it); missing_one is not "
               "configured (rule quiet names it)\n"));
    CHECK(said("OK  rules that act: these wait for a person (auto = no): quiet\n"));
    CHECK(said("WARNING  conflicting handlers: error_burst and other_burst both handle error_burst\n"));
    CHECK(said("              conflicting handlers: give rules of one incident type the same `actions`"));
}

PK_TEST(doctor_rules__all_is_well) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("doctor", "{\"findings\":[]}"),
        CTL_RIG_FOR("rules.list",
                    "{\"rules\":[" SAMPLE_RULE("a", "t", "", "true", "true", "ok") "," SAMPLE_RULE(
                        "b", "t", "", "true", "true", "ok") "]}"),
        /* What costs nothing conflicts with nothing. */
        CTL_RIG_FOR_ARGS("rules.show", "\"a\"", SAMPLE_RULE_SHOWN("a", "t", "one, look", "true")),
        CTL_RIG_FOR_ARGS("rules.show", "\"b\"", SAMPLE_RULE_SHOWN("b", "t", "one", "true")),
        CTL_RIG_FOR("actions.list",
                    "{\"actions\":[" SAMPLE_ACTION("one", "low", "slow", "true", "[]") "," SAMPLE_ACTION(
                        "look", "low", "none", "true", "[]") "]}"),
        CTL_RIG_FOR("status", SAMPLE_STATUS), CTL_RIG_FOR("approval.list", "{\"approvals\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 7, "doctor --config /nonexistent --format table"), 0);
    CHECK(said("OK  rules enabled: every rule is enabled\n"));
    CHECK(said("OK  rules with data: every rule has data\n"));
    CHECK(said("OK  actions of rules: every action a rule names is configured\n"));
    CHECK(said("OK  conflicting handlers: "));
}

PK_TEST_MAIN(doctor_rules__what_cannot_find_or_act, doctor_rules__all_is_well)
