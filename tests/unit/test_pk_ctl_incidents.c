#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

#define INCIDENT                                                                                             \
    "{\"v\":1,\"rev\":3,\"incident_id\":\"inc_gw_1_00002\",\"incident_type\":\"service_down\","              \
    "\"rule_id\":\"service_down\",\"severity\":\"critical\",\"status\":\"mitigating\",\"stage\":"            \
    "\"contain\","                                                                                           \
    "\"title\":\"[critical] Service down on web\",\"detected_at\":\"2026-01-01T00:00:00.000Z\","             \
    "\"first_event_at\":\"2026-01-01T00:00:00.000Z\",\"acknowledged_at\":null,\"mttd_seconds\":0.250,"       \
    "\"event_count\":4,\"affected_components\":[\"web\"],\"recommended\":[\"restart_service\"],"             \
    "\"actions\":[{\"run_id\":1,\"action\":\"restart_service\",\"target\":\"web\",\"state\":\"executing\","  \
    "\"result\":\"\"}]}"
#define TIMELINE                                                                                             \
    "[{\"at\":\"2026-01-01T00:00:01.500Z\",\"severity\":\"high\",\"source\":\"detect\",\"event\":"           \
    "\"created\","                                                                                           \
    "\"message\":\"opened by service_down\"},"                                                               \
    "{\"at\":\"2026-01-01T00:00:02.000Z\",\"severity\":\"high\",\"source\":\"action\",\"event\":\"action\"," \
    "\"message\":\"restart_service \\u001b[31mweb\"},"                                                       \
    "{\"at\":\"2026-01-01T00:00:03.000Z\",\"severity\":\"info\",\"source\":\"operator\",\"event\":\"note\"," \
    "\"message\":\"looking\"}]"
#define CHANGED "{\"incident_id\":\"inc_gw_1_00002\",\"status\":\"mitigating\",\"rev\":4}"

static const struct ctl_rig_step GET[] = {CTL_RIG_OK("{\"incident\":" INCIDENT "}")};
static const struct ctl_rig_step GET_ALL[] = {
    CTL_RIG_OK("{\"incident\":" INCIDENT ",\"timeline\":" TIMELINE ",\"timeline_cut\":false}")};

PK_TEST(get__is_one_object_with_its_timeline) {
    CHECK_EQ_INT(ctl_rig_once(&rig, GET, 1, "incidents get inc_2"), 0);
    CHECK_STR(rig.out, INCIDENT "\n");
    CHECK(strstr(rig.requests, "\"args\":{\"incident_id\":\"inc_2\"}}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "incidents get inc_2 --timeline"), 0);
    CHECK(strstr(rig.requests, "\"args\":{\"incident_id\":\"inc_2\",\"timeline\":true}}") != NULL);
    CHECK(strstr(rig.out, "\"result\":\"\"}],\"timeline\":[{\"at\"") != NULL);
    CHECK(strstr(rig.out, "\"message\":\"looking\"}]}\n") != NULL);
}

PK_TEST(get__for_people) {
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "incidents get inc_2 --timeline --format table"), 0);
    CHECK(strstr(rig.out, "[critical] Service down on web\n") == rig.out);
    CHECK(strstr(rig.out, "\nseverity      CRITICAL\n") != NULL);
    CHECK(strstr(rig.out, "\nstatus        MITIGATING, stage contain\n") != NULL);
    CHECK(strstr(rig.out, "\ntook          250ms to detect\n") != NULL);
    CHECK(strstr(rig.out, "\naction        restart_service web: executing ") != NULL);
    CHECK(strstr(rig.out, "acknowledged") == NULL);
    CHECK(strstr(rig.out, "\n\n00:00:01Z [HIGH] detect: opened by service_down\n") != NULL);
    CHECK(strstr(rig.out, "\n00:00:02Z [HIGH] action: restart_service ?[31mweb\n") != NULL);
}

PK_TEST(timeline__is_filtered_here) {
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "timeline inc_2 --source Operator --format table"), 0);
    CHECK_STR(rig.out, "00:00:03Z [INFO] operator: looking\n");
    CHECK(strstr(rig.requests, "\"timeline\":true") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "timeline inc_2 --limit 2 --format ndjson"), 0);
    CHECK(strstr(rig.out, "opened by") == NULL);
    CHECK(strstr(rig.out, "looking") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "timeline inc_2 --event-type action --format csv"), 0);
    CHECK_STR(rig.out, "at,severity,source,event,message\n"
                       "2026-01-01T00:00:02.000Z,high,action,action,restart_service ?[31mweb\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, GET_ALL, 1, "timeline inc_2 --event-type none"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"timeline\":[],\"timeline_cut\":false}\n");
}

PK_TEST(assign__to_one_or_to_nobody) {
    const struct ctl_rig_step ok[] = {CTL_RIG_OK(CHANGED)};
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "assign inc_2 bob"), 0);
    CHECK(strstr(rig.requests,
                 "\"cmd\":\"incidents.assign\",\"args\":{\"incident_id\":\"inc_2\",\"user\":\"bob\"}") !=
          NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "assign inc_2 --unassign"), 0);
    CHECK(strstr(rig.requests, "\"args\":{\"incident_id\":\"inc_2\"}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "assign inc_2"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "assign inc_2 bob --unassign"), 2);
    CHECK_STR(rig.requests, "");
}

PK_TEST(update__may_assign_as_well) {
    const struct ctl_rig_step ok[] = {CTL_RIG_OK(CHANGED), CTL_RIG_OK("{}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 2,
                              "incidents update inc_2 --status investigating --notes seen --assigned-to bob"),
                 0);
    CHECK(strstr(rig.requests,
                 "\"id\":1,\"cmd\":\"incidents.update\",\"args\":{\"incident_id\":\"inc_2\",\"status\":"
                 "\"investigating\",\"note\":\"seen\"}") != NULL);
    CHECK(strstr(rig.requests,
                 "\"id\":2,\"cmd\":\"incidents.assign\",\"args\":{\"incident_id\":\"inc_2\",\"user\":"
                 "\"bob\"}") != NULL);
    CHECK_STR(rig.out, "{\"v\":1,"
                       "\"incident_id\":\"inc_gw_1_00002\",\"status\":\"mitigating\",\"rev\":4}\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "incidents update inc_2"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "incidents update inc_2 --assigned-to bob"), 0);
    CHECK(strstr(rig.requests, "incidents.update") == NULL);
    CHECK(strstr(rig.out, "\"rev\":4") != NULL);
}

PK_TEST(get__with_its_postmortem) {
    const struct ctl_rig_step steps[] = {CTL_RIG_FOR(
        "incidents.get", "{\"incident\":" INCIDENT ",\"timeline\":" TIMELINE ",\"timeline_cut\":false}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "incidents get inc_2 --postmortem"), 0);
    CHECK(strstr(rig.out, "\"postmortem\":\"# Post-mortem: ") != NULL);
    CHECK(strstr(rig.out, "\"timeline\":[") == NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "get inc_2 --full"), 0);
    CHECK(strstr(rig.out, "\"timeline\":[") != NULL && strstr(rig.out, "\"postmortem\":\"# ") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "get inc_2 --full --format table"), 0);
    CHECK(strstr(rig.out, "00:00:03Z [INFO] operator: looking\n\n# Post-mortem: ") != NULL);
}

PK_TEST(incident__that_is_not_there) {
    const struct ctl_rig_step none[] = {CTL_RIG_REFUSED(3, "not_found", "there is no such incident here")};
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "timeline inc_9"), 3);
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "incidents get inc_9"), 3);
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "mitigate inc_9 --list-actions"), 3);
    CHECK_STR(rig.out, "");
}

PK_TEST_MAIN(get__is_one_object_with_its_timeline, get__for_people, timeline__is_filtered_here,
             assign__to_one_or_to_nobody, update__may_assign_as_well, get__with_its_postmortem,
             incident__that_is_not_there)
