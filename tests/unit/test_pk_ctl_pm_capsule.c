#include <string.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

#define LINES                                                                                                \
    "{\"part\":\"head\",\"incident_id\":\"inc_gw_1_00002\"},"                                                \
    "{\"part\":\"metric\",\"type\":\"disk_pct\",\"source\":\"root\",\"value\":97.5,\"seconds_ago\":0},"      \
    "{\"part\":\"probe\",\"name\":\"plc\",\"probes\":[{\"kind\":\"tcp\",\"result\":\"up\"}]},"               \
    "{\"part\":\"log\",\"line\":\"no space | left `here`\"}"
#define MORE_LINES                                                                                           \
    "{\"part\":\"process\",\"name\":\"dd|x\",\"pid\":7,\"cpu_pct\":91.5,\"rss_bytes\":2048},"                \
    "{\"part\":\"process\",\"name\":\"idle\",\"pid\":8,\"rss_bytes\":1024},"                                 \
    "{\"part\":\"end\",\"lines_cut\":0}"
static const struct ctl_rig_step STEPS[] = {
    CTL_RIG_FOR_ARGS("incidents.capsule", "\"from\":0", "{\"lines\":[" LINES "],\"next\":4}"),
    CTL_RIG_FOR_ARGS("incidents.capsule", "\"from\":4", "{\"lines\":[" MORE_LINES "]}"), SAMPLE_STEPS};
static const struct ctl_rig_step WITHOUT[] = {SAMPLE_STEPS};
enum { STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

static void check_recorded(void) {
    CHECK(said("| `dd/x` | 7 | 91.5 | 2 |\n"));
    CHECK(said("| `idle` | 8 | - | 1 |\n"));
    CHECK(said("- `disk_pct` of `root`: 97.5\n"));
    CHECK(said("- `plc` (tcp): up\n"));
    CHECK(said("- `no space / left 'here'`\n"));
    CHECK(said("picketctl incidents capsule inc_gw_1_00002`"));
}

PK_TEST(recorded__in_both_forms__over_two_pages) {
    CHECK_EQ_INT(ctl_rig_once(&rig, STEPS, STEP_COUNT, "postmortem inc_2"), 0);
    CHECK(said("### Recorded at the opening\n"));
    check_recorded();
    CHECK_EQ_INT(ctl_rig_once(&rig, STEPS, STEP_COUNT, "postmortem inc_2 --form long"), 0);
    CHECK(said("### B. Logs and graphs\n"));
    check_recorded();
}

PK_TEST(recorded__nothing__is_said) {
    CHECK_EQ_INT(ctl_rig_once(&rig, WITHOUT, STEP_COUNT - 2, "postmortem inc_2"), 0);
    CHECK(said("nothing was recorded at the opening, or it made room for newer incidents"));
    CHECK(!said("| Process |"));
}

PK_TEST_MAIN(recorded__in_both_forms__over_two_pages, recorded__nothing__is_said)
