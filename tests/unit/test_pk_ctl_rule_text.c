#include "ctl/pk_ctl_rule_text.h"

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

PK_TEST(rules__one_by_one_with_their_text) {
    CHECK_EQ_INT(run("explain action off_one --format table"), 0);
    CHECK(strstr(rig.requests, "\"rule\":\"error_burst\"") != NULL);
    CHECK(strstr(rig.requests, "\"rule\":\"gone\"") != NULL);
    CHECK(said("quiet (asks)"));
}

PK_TEST(rules__actions_of_a_text) {
    struct pk_ctl_rule_text rule = {.actions = pk_str_of("a, b_2 ,,c")};
    struct pk_str rest = rule.actions, one;
    CHECK(pk_ctl_rule_names(&rule, pk_str_of("b_2")));
    CHECK(pk_ctl_rule_names(&rule, pk_str_of("c")));
    CHECK(!pk_ctl_rule_names(&rule, pk_str_of("b")));
    CHECK(!pk_ctl_rule_names(&rule, pk_str_of("")));
    uint32_t n = 0;
    while (pk_ctl_rule_next_action(&rest, &one)) {
        n++;
    }
    CHECK_EQ_INT(n, 3);
    rule.actions = pk_str_make(NULL, 0);
    CHECK(!pk_ctl_rule_names(&rule, pk_str_of("a")));
}

PK_TEST_MAIN(rules__one_by_one_with_their_text, rules__actions_of_a_text)
