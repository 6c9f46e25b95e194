#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

PK_TEST(postmortem__forms) {
    CHECK_EQ_INT(run("incidents postmortem inc_2 --form short"), 0);
    CHECK(!said("## Sign-off"));
    CHECK_EQ_INT(run("postmortem inc_2 --form=long --format json"), 0);
    CHECK(said("## Sign-off"));
    CHECK_EQ_INT(run("postmortem inc_2 --form tall"), 2);
    CHECK(strstr(rig.err, "--form is short or long, not 'tall'") != NULL);
    CHECK_EQ_INT(run("postmortem"), 2);
}

PK_TEST(postmortem__into_a_file) {
    char words[256], text[64];
    ctl_rig_begin(&rig, STEPS, STEP_COUNT);
    (void)snprintf(words, sizeof words, "postmortem inc_2 --output %s/pm.md", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    CHECK_STR(rig.out, "");
    (void)snprintf(words, sizeof words, "%s/pm.md", rig.dir);
    FILE *f = fopen(words, "r");
    REQUIRE(f != NULL);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    (void)unlink(words);
    text[n] = '\0';
    CHECK(strstr(text, "# Post-mortem: ") == text);
    CHECK_EQ_INT(ctl_rig_run(&rig, "postmortem inc_2 --output /nonexistent/pm.md"), 3);
    CHECK(strstr(rig.err, "cannot write /nonexistent/pm.md") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "postmortem inc_2 --output /nonexistent/pm.md --dry-run"), 0);
    CHECK(said("# Post-mortem: "));
    ctl_rig_end(&rig);
}

PK_TEST(postmortem__of_nothing) {
    const struct ctl_rig_step none[] = {CTL_RIG_REFUSED(3, "not_found", "there is no such incident here")};
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "postmortem inc_9"), 3);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(postmortem__forms, postmortem__into_a_file, postmortem__of_nothing)
