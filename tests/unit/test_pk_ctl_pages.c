#include <string.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

#define PAGE(rows, more) "{\"incidents\":[" rows "],\"more\":" more "}"
#define ROW(id) SAMPLE_ROW(id, "detected", "60")

static const struct ctl_rig_step PAGES[] = {
    CTL_RIG_OK(PAGE(ROW("inc_g_1_00003") "," ROW("inc_g_1_00002"), "true")),
    CTL_RIG_OK(PAGE(ROW("inc_g_1_00001"), "false")),
};

PK_TEST(pages__as_many_as_were_asked_for) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents list --limit 3 --format csv"), 0);
    CHECK(said("inc_g_1_00003") && said("inc_g_1_00002") && said("inc_g_1_00001"));
    CHECK(strstr(rig.requests, "\"args\":{\"limit\":3}") != NULL);
    CHECK(strstr(rig.requests, "\"args\":{\"limit\":3,\"before\":\"inc_g_1_00002\"}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "list --limit 2 --status active --before inc_9"), 0);
    CHECK(said("\"more\":true") && !said("inc_g_1_00001"));
    CHECK(strstr(rig.requests, "{\"status\":\"active\",\"limit\":2,\"before\":\"inc_9\"}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "list --limit 1"), 0);
    CHECK(said("\"more\":true") && !said("inc_g_1_00002"));
}

PK_TEST(pages__ends_where_an_answer_leads_nowhere) {
    const struct ctl_rig_step empty[] = {CTL_RIG_OK(PAGE("", "true"))};
    const struct ctl_rig_step same[] = {CTL_RIG_OK(PAGE(ROW("inc_g_1_00003"), "true")),
                                        CTL_RIG_OK(PAGE(ROW("inc_g_1_00003"), "true")),
                                        CTL_RIG_OK(PAGE(ROW("inc_g_1_00003"), "true"))};
    CHECK_EQ_INT(ctl_rig_once(&rig, empty, 1, "list"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"incidents\":[],\"more\":false}\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, same, 3, "list --limit 100"), 0);
    const struct ctl_rig_step odd[] = {CTL_RIG_OK("{\"incidents\":7}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, odd, 1, "list"), 0);
}

PK_TEST(pages__a_failure_on_the_way_is_the_result) {
    const struct ctl_rig_step steps[] = {PAGES[0], CTL_RIG_REFUSED(5, "denied", "no")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 2, "list --limit 100"), 5);
    CHECK_STR(rig.out, "");
    char words[900] = "list --source ";
    memset(words + 14, 'x', 800);
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, words), 2);
}

PK_TEST(pages__recent) {
    const struct ctl_rig_step none[] = {CTL_RIG_OK(
        PAGE("{\"incident_id\":\"inc_g_1_00001\",\"detected_at\":\"2020-01-01T00:00:00.000Z\"}", "false"))};
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "report --since 1h --out /tmp"), 0);
    CHECK(said("\"reports\":[]"));
}

PK_TEST_MAIN(pages__as_many_as_were_asked_for, pages__ends_where_an_answer_leads_nowhere,
             pages__a_failure_on_the_way_is_the_result, pages__recent)
