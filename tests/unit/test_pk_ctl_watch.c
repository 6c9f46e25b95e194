#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
#define MORE(json) "{\"id\":$ID,\"more\":true,\"result\":" json "}\n"
#define INCIDENT                                                                                             \
    "{\"kind\":\"incident\",\"change\":\"created\",\"at\":\"2026-01-01T00:00:01.000Z\",\"incident_id\":"     \
    "\"inc_gw_1_00002\",\"title\":\"[high] Error burst on "                                                  \
    "api\",\"severity\":\"high\",\"status\":\"detected\","                                                   \
    "\"stage\":\"assess\"}"
#define ENTRY                                                                                                \
    "{\"kind\":\"timeline\",\"at\":\"2026-01-01T00:00:02.000Z\",\"incident_id\":\"inc_gw_1_00003\","         \
    "\"severity\":\"info\",\"source\":\"operator\",\"event\":\"note\",\"message\":\"a\\u001bb\"}"
#define EVENT                                                                                                \
    "{\"kind\":\"event\",\"event\":{\"event_id\":\"1-1\",\"type\":\"temp\",\"source\":\"s1\",\"severity\":"  \
    "\"low\",\"value\":71.5,\"time\":\"2026-01-01T00:00:03.000Z\",\"message\":\"hot, hot\"}}"
#define ODD "{\"kind\":\"parade\"}"

static const struct ctl_rig_step ALL[] = {{
    .reply = MORE(INCIDENT) MORE(ENTRY) MORE(EVENT) MORE(ODD) "{\"id\":$ID,\"done\":true}",
}};

PK_TEST(watch__for_people) {
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch --events --severity low --format table"), 0);
    CHECK_STR(
        rig.out,
        "00:00:01Z [HIGH] incident: created inc_gw_1_00002 [high] Error burst on api (detected, assess)\n"
        "00:00:02Z [INFO] operator: a?b (inc_gw_1_00003)\n"
        "00:00:03Z [LOW] s1: temp 71.5 hot, hot\n"
        "{\"kind\":\"parade\"}\n");
    CHECK(strstr(rig.requests, "\"cmd\":\"watch\",\"args\":{\"events\":true,\"severity\":\"low\"}") != NULL);
}

PK_TEST(watch__for_programs) {
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch"), 0);
    CHECK(strstr(rig.out, "{\"v\":1,\"kind\":\"incident\"") == rig.out);
    CHECK(strstr(rig.out, "\n{\"v\":1,\"kind\":\"timeline\"") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch --format csv"), 0);
    CHECK_STR(rig.out, "time,kind,severity,source,message,subject\n"
                       "2026-01-01T00:00:01.000Z,incident,high,,,inc_gw_1_00002\n"
                       "2026-01-01T00:00:02.000Z,timeline,info,operator,a?b,inc_gw_1_00003\n"
                       "2026-01-01T00:00:03.000Z,event,low,s1,\"hot, hot\",temp\n"
                       ",parade,,,,\n");
}

PK_TEST(watch__of_one_incident) {
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch inc_gw_1_00003 --format table"), 0);
    CHECK_STR(rig.out, "00:00:02Z [INFO] operator: a?b (inc_gw_1_00003)\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch inc_3 --format table"), 0);
    CHECK_STR(rig.out, "00:00:02Z [INFO] operator: a?b (inc_gw_1_00003)\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, ALL, 1, "watch inc_30 --format table"), 0);
    CHECK_STR(rig.out, "");
}

PK_TEST(watch__shows_what_came_before_the_connection_broke) {
    const struct ctl_rig_step cut[] = {
        {.reply = MORE(INCIDENT) "{\"id\":$ID,\"mo", .is_torn = true, .closes = true}};
    const struct ctl_rig_step refused[] = {CTL_RIG_REFUSED(2, "bad_field", "severity is not one")};
    CHECK_EQ_INT(ctl_rig_once(&rig, cut, 1, "watch --format table"), 6);
    CHECK(strstr(rig.out, "inc_gw_1_00002") != NULL);
    CHECK(strstr(rig.err, "in the middle of an answer") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, refused, 1, "watch --severity purple"), 2);
    CHECK_STR(rig.err, "picketctl: severity is not one\n");
}

PK_TEST(watch__quiet_times_are_no_fault) {
    const struct ctl_rig_step late[] = {
        {.reply = MORE(INCIDENT) "{\"id\":$ID,\"done\":true}", .delay_ms = 400}};
    CHECK_EQ_INT(ctl_rig_once(&rig, late, 1, "watch --timeout 100ms --format table"), 0);
    CHECK(rig.out[0] != '\0');
}

PK_TEST_MAIN(watch__for_people, watch__for_programs, watch__of_one_incident,
             watch__shows_what_came_before_the_connection_broke, watch__quiet_times_are_no_fault)
