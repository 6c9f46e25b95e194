#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
#define ROW(id, severity, status, type, age)                                                                 \
    "{\"incident_id\":\"inc_g_1_" id "\",\"severity\":\"" severity "\",\"status\":\"" status                 \
    "\",\"incident_type\":\"" type "\",\"detected_at\":\"2026-01-01T00:00:00.000Z\",\"age_seconds\":" age    \
    "}"

static const struct ctl_rig_step PAGES[] = {
    CTL_RIG_OK("{\"incidents\":[" ROW("00003", "high", "detected", "cpu_high", "10") "," ROW(
        "00002", "low", "resolved", "cpu_high", "7000") "],\"more\":true}"),
    CTL_RIG_OK(
        "{\"incidents\":[" ROW("00001", "high", "resolved", "service_down", "9000") "],\"more\":false}"),
};

PK_TEST(stats__reads_all_pages) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents stats"), 0);
    CHECK_STR(rig.out,
              "{\"v\":1,\"total\":3,\"counts\":[{\"by\":\"status\",\"word\":\"detected\",\"count\":1},"
              "{\"by\":\"status\",\"word\":\"resolved\",\"count\":2}]}\n");
    CHECK(strstr(rig.requests, "\"before\":\"inc_g_1_00002\"") != NULL);
}

PK_TEST(stats__by_severity_and_type) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "stats --by-severity --by-type --format table"), 0);
    CHECK_STR(rig.out, "BY        WORD          COUNT\n"
                       "severity  high              2\n"
                       "severity  low               1\n"
                       "type      cpu_high          2\n"
                       "type      service_down      1\n"
                       "3 in all\n");
}

PK_TEST(stats__of_the_last_hours) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "stats --since 2h --by-severity --format csv"), 0);
    CHECK_STR(rig.out, "by,word,count\nseverity,high,1\nseverity,low,1\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "stats --since lately"), 2);
}

PK_TEST(stats__a_page_that_repeats_itself_ends_it) {
    const struct ctl_rig_step same[] = {PAGES[0], PAGES[0], PAGES[0]};
    CHECK_EQ_INT(ctl_rig_once(&rig, same, 3, "stats"), 0);
    const struct ctl_rig_step empty[] = {CTL_RIG_OK("{\"incidents\":[],\"more\":true}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, empty, 1, "stats --format table"), 0);
    CHECK_STR(rig.out, "no incidents\n0 in all\n");
}

PK_TEST(stats__a_refusal_on_the_way_is_the_result) {
    const struct ctl_rig_step pages[] = {PAGES[0], CTL_RIG_REFUSED(7, "busy", "busy")};
    CHECK_EQ_INT(ctl_rig_once(&rig, pages, 2, "stats"), 7);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(stats__reads_all_pages, stats__by_severity_and_type, stats__of_the_last_hours,
             stats__a_page_that_repeats_itself_ends_it, stats__a_refusal_on_the_way_is_the_result)
