#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
#define ROW(id, severity, status, type, age)                                                                 \
    "{\"incident_id\":\"inc_g_1_" id "\",\"severity\":\"" severity "\",\"status\":\"" status                 \
    "\",\"incident_type\":\"" type "\",\"detected_at\":\"2026-01-01T00:00:00.000Z\",\"age_seconds\":" age    \
    "}"

#define ENDED(source, mttr)                                                                                  \
    "{\"incident\":{\"mttd_seconds\":1.000,\"mtta_seconds\":null,\"mttr_seconds\":" mttr "},\"timeline\":[{" \
    "\"event\":\"status\",\"source\":\"" source "\",\"message\":\"mitigated -> resolved: why\"}]}"

static const struct ctl_rig_step PAGES[] = {
    CTL_RIG_FOR_ARGS(
        "incidents.list", "\"before\"",
        "{\"incidents\":[" ROW("00001", "high", "resolved", "service_down", "9000") "],\"more\":false}"),
    CTL_RIG_FOR("incidents.list",
                "{\"incidents\":[" ROW("00003", "high", "detected", "cpu_high", "10") "," ROW(
                    "00002", "low", "resolved", "cpu_high", "7000") "],\"more\":true}"),
    CTL_RIG_FOR_ARGS("incidents.get", "00001", ENDED("agent", "10.000")),
    CTL_RIG_FOR_ARGS("incidents.get", "00002", ENDED("operator", "21.001")),
    CTL_RIG_FOR_ARGS("incidents.get", "00003",
                     "{\"incident\":{\"mttd_seconds\":4.000,\"mttr_seconds\":null}}"),
    CTL_RIG_FOR(
        "status",
        "{\"events\":{\"taken\":77},\"metrics\":{\"mttf\":{\"mean_seconds\":3600.500,\"count\":2}},"
        "\"responses\":{\"total_responses\":4,\"succeeded\":3,\"failed\":1,\"refused\":2,\"tasks\":[]}}"),
};
enum { PAGE_COUNT = sizeof PAGES / sizeof PAGES[0] };

PK_TEST(stats__reads_all_pages) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, PAGE_COUNT, "incidents stats"), 0);
    CHECK_STR(
        rig.out,
        "{\"v\":1,\"total\":3,\"total_incidents\":3,\"incidents_detected\":3,\"active_incidents\":1,"
        "\"resolved_incidents\":2,\"incidents_auto_resolved\":1,\"resolver_unknown\":0,\"events_processed\":"
        "77,"
        "\"avg_mttd_seconds\":2.000,\"mttd_count\":3,\"avg_mtta_seconds\":null,\"mtta_count\":0,"
        "\"avg_mttr_seconds\":15.500,\"mttr_count\":2,\"avg_mttf_seconds\":3600.500,\"mttf_count\":2,"
        "\"formulas\":{\"avg_mttd_seconds\":\"mean(detected - "
        "first contributing event)\",\"avg_mtta_seconds\":\"mean(acknowledged - detected)\","
        "\"avg_mttr_seconds\":\"mean(resolved - detected)\",\"avg_mttf_seconds\":\"mean(next detected - "
        "resolved), "
        "per "
        "fingerprint\"},\"responses\":{\"total_responses\":4,\"succeeded\":3,\"failed\":1,\"refused\":2,"
        "\"tasks\":[]},\"counts\":[{\"by\":\"status\",\"word\":"
        "\"detected\",\"count\":1},{\"by\":\"status\",\"word\":\"resolved\",\"count\":2}]}\n");
    CHECK(strstr(rig.requests, "\"before\":\"inc_g_1_00002\"") != NULL);
}

PK_TEST(stats__by_severity_and_type) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, PAGE_COUNT, "stats --by-severity --by-type --format table"), 0);
    CHECK(strstr(rig.out, "BY        WORD          COUNT\n"
                          "severity  high              2\n"
                          "severity  low               1\n"
                          "type      cpu_high          2\n"
                          "type      service_down      1\n"
                          "3 in all, 1 active, 2 resolved, 1 of them without a person\n") == rig.out);
    CHECK(strstr(rig.out, "to resolve      15.500s  mean(resolved - detected), over 2\n") != NULL);
    CHECK(strstr(rig.out, "to acknowledge") == NULL);
    CHECK(strstr(rig.out, "to the next one 1h  mean(next detected - resolved), per fingerprint, over 2\n") !=
          NULL);
    CHECK(strstr(rig.out, "4 actions ran, 3 succeeded, 1 failed, 2 were refused\n") != NULL);
}

PK_TEST(stats__of_the_last_hours) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, PAGE_COUNT, "stats --since 2h --by-severity --format csv"), 0);
    CHECK_STR(rig.out, "by,word,count\nseverity,high,1\nseverity,low,1\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, PAGE_COUNT, "stats --since lately"), 2);
}

PK_TEST(stats__drills_are_beside_and_in_nothing_else) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("incidents.list",
                    "{\"incidents\":[{\"incident_id\":\"inc_g_1_00009\",\"status\":\"detected\","
                    "\"severity\":\"critical\",\"drill\":true}],\"more\":false}"),
        PAGES[5]};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 2, "stats --format table"), 0);
    CHECK(strstr(rig.out, "no incidents\n0 in all, 0 active, 0 resolved, 0 of them without a person\n"
                          "1 fire drills beside them, in no figure\n") == rig.out);
}

PK_TEST(stats__an_incident_that_is_gone_meanwhile) {
    const struct ctl_rig_step steps[] = {PAGES[0], PAGES[1], PAGES[5]};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "stats"), 0);
    CHECK(strstr(rig.out, "\"incidents_auto_resolved\":0,\"resolver_unknown\":2") != NULL);
    CHECK(strstr(rig.out, "\"avg_mttr_seconds\":null") != NULL);
}

PK_TEST(stats__no_incidents) {
    const struct ctl_rig_step empty[] = {CTL_RIG_FOR("incidents.list", "{\"incidents\":[],\"more\":true}"),
                                         PAGES[5]};
    CHECK_EQ_INT(ctl_rig_once(&rig, empty, 2, "stats --format table"), 0);
    CHECK_STR(rig.out, "no incidents\n0 in all, 0 active, 0 resolved, 0 of them without a person\n"
                       "to the next one 1h  mean(next detected - resolved), per fingerprint, over 2\n"
                       "4 actions ran, 3 succeeded, 1 failed, 2 were refused\n"
                       "77 events processed since the agent started\n");
}

PK_TEST(stats__a_refusal_on_the_way_is_the_result) {
    const struct ctl_rig_step pages[] = {CTL_RIG_OK("{\"incidents\":[],\"more\":false}"),
                                         CTL_RIG_REFUSED(7, "busy", "busy")};
    CHECK_EQ_INT(ctl_rig_once(&rig, pages, 2, "stats"), 7);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(stats__reads_all_pages, stats__by_severity_and_type, stats__of_the_last_hours,
             stats__an_incident_that_is_gone_meanwhile, stats__no_incidents,
             stats__drills_are_beside_and_in_nothing_else, stats__a_refusal_on_the_way_is_the_result)
