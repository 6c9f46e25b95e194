#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
#define STATUS(active, link, store)                                                                          \
    CTL_RIG_OK("{\"incidents\":{\"active\":" active                                                          \
               "},\"events\":{\"taken\":7,\"lost\":1},\"links\":[{\"name\":"                                 \
               "\"site\",\"state\":\"" link "\"}],\"store\":{\"state\":\"" store "\",\"outbox\":3}}")
#define NONE CTL_RIG_OK("{\"incidents\":[],\"more\":false}")
#define ONE(severity)                                                                                        \
    CTL_RIG_OK("{\"incidents\":[{\"incident_id\":\"inc_g_1_00001\",\"title\":\"[" severity                   \
               "] a|b\\nc\",\"severity\":\"" severity "\"}],\"more\":false}")
#define PERF(active) " | active=" active " events=7c lost=1c outbox=3\n"

PK_TEST(check__all_is_well) {
    const struct ctl_rig_step steps[] = {STATUS("0", "online", "ok"), NONE, NONE, NONE, NONE, NONE};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 6, "check"), 0);
    CHECK_STR(rig.out, "OK - 0 active incidents" PERF("0"));
}

PK_TEST(check__the_worst_incident_decides) {
    const struct ctl_rig_step critical[] = {STATUS("2", "online", "ok"), ONE("critical")};
    const struct ctl_rig_step high[] = {STATUS("2", "online", "ok"), NONE, ONE("high")};
    const struct ctl_rig_step medium[] = {STATUS("2", "online", "ok"), NONE, NONE, ONE("medium")};
    const struct ctl_rig_step low[] = {STATUS("2", "online", "ok"), NONE, NONE, NONE, ONE("low")};
    const struct ctl_rig_step info[] = {STATUS("2", "online", "ok"), NONE, NONE, NONE, NONE, ONE("info")};
    CHECK_EQ_INT(ctl_rig_once(&rig, critical, 2, "check"), 2);
    CHECK_STR(rig.out, "CRITICAL - 2 active incidents, worst [critical] a/b c (inc_g_1_00001)" PERF("2"));
    CHECK_EQ_INT(ctl_rig_once(&rig, high, 3, "check"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, medium, 4, "check"), 1);
    CHECK_EQ_INT(ctl_rig_once(&rig, low, 5, "check"), 1);
    CHECK_EQ_INT(ctl_rig_once(&rig, info, 6, "check"), 0);
}

PK_TEST(check__a_fire_drill_is_no_alarm_and_hides_none) {
    const struct ctl_rig_step alone[] = {
        STATUS("0", "online", "ok"),
        CTL_RIG_OK("{\"incidents\":[{\"incident_id\":\"inc_g_1_00002\",\"title\":\"Fire drill\","
                   "\"severity\":\"critical\",\"drill\":true}],\"more\":false}"),
        NONE,
        NONE,
        NONE,
        NONE};
    const struct ctl_rig_step beside[] = {
        STATUS("1", "online", "ok"),
        CTL_RIG_OK("{\"incidents\":[{\"incident_id\":\"inc_g_1_00002\",\"title\":\"Fire drill\","
                   "\"severity\":\"critical\",\"drill\":true},{\"incident_id\":\"inc_g_1_00001\",\"title\":"
                   "\"real\",\"severity\":\"critical\",\"drill\":false}],\"more\":false}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, alone, 6, "check"), 0);
    CHECK_STR(rig.out, "OK - 0 active incidents" PERF("0"));
    CHECK_EQ_INT(ctl_rig_once(&rig, beside, 2, "check"), 2);
    CHECK_STR(rig.out, "CRITICAL - 1 active incidents, worst real (inc_g_1_00001)" PERF("1"));
}

PK_TEST(check__link_and_store_warn) {
    const struct ctl_rig_step link[] = {STATUS("0", "waiting", "ok"), NONE, NONE, NONE, NONE, NONE};
    const struct ctl_rig_step store[] = {STATUS("0", "online", "no_space"), NONE, NONE, NONE, NONE, NONE};
    CHECK_EQ_INT(ctl_rig_once(&rig, link, 6, "check"), 1);
    CHECK_STR(rig.out, "WARNING - 0 active incidents, link site waiting" PERF("0"));
    CHECK_EQ_INT(ctl_rig_once(&rig, store, 6, "check"), 1);
    CHECK_STR(rig.out, "WARNING - 0 active incidents, store no_space" PERF("0"));
}

PK_TEST(check__report__fails_only_when_nobody_answers) {
    const struct ctl_rig_step critical[] = {STATUS("2", "waiting", "ok"), ONE("critical")};
    CHECK_EQ_INT(ctl_rig_once(&rig, critical, 2, "check --report"), 0);
    CHECK(strncmp(rig.out, "CRITICAL - 2 active incidents, link site waiting, worst ", 56) == 0);
    const struct ctl_rig_step refused[] = {CTL_RIG_OK("{}"), NONE, NONE, NONE, NONE, NONE};
    CHECK_EQ_INT(ctl_rig_once(&rig, refused, 6, "check --report"), 3); /* it answered, and said nothing */
    const struct ctl_rig_step silent[] = {{.reply = NULL}};
    CHECK_EQ_INT(ctl_rig_once(&rig, silent, 1, "check --report --timeout 100ms"), 2);
}

PK_TEST(check__an_agent_that_does_not_answer_is_critical) {
    const struct ctl_rig_step silent[] = {{.reply = NULL}};
    const struct ctl_rig_step hangs_later[] = {STATUS("0", "online", "ok")};
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "check"), 2);
    CHECK(strstr(rig.out, "CRITICAL - cannot reach picketd at ") == rig.out);
    CHECK_STR(rig.err, "");
    ctl_rig_end(&rig);
    CHECK_EQ_INT(ctl_rig_once(&rig, silent, 1, "check --timeout 100ms"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, hangs_later, 1, "check --timeout 100ms"), 2);
    CHECK(strchr(rig.out, '|') == NULL);
}

PK_TEST(check__an_answer_that_says_nothing_is_unknown) {
    const struct ctl_rig_step refused[] = {CTL_RIG_REFUSED(5, "denied", "not | allowed")};
    CHECK_EQ_INT(ctl_rig_once(&rig, refused, 1, "check"), 3);
    CHECK_STR(rig.out, "UNKNOWN - not / allowed\n");
}

PK_TEST(check__a_wrong_command_line_is_unknown) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "check --crit|ical 3"), 3);
    CHECK(strstr(rig.out, "UNKNOWN - unknown option --crit/ical") == rig.out);
    CHECK_EQ_INT(ctl_rig_run(&rig, "check --timeout soon"), 3);
    CHECK(strstr(rig.out, "UNKNOWN - ") == rig.out);
    CHECK_EQ_INT(ctl_rig_run(&rig, "check please"), 3);
    CHECK_EQ_INT(ctl_rig_run(&rig, "check --help"), 0);
    ctl_rig_end(&rig);
}

PK_TEST(check__figures_that_are_missing_are_not_none) {
    const struct ctl_rig_step steps[] = {CTL_RIG_OK("{\"links\":[]}"), NONE, NONE, NONE, NONE, NONE};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 6, "check"), 3);
    CHECK_STR(rig.out, "UNKNOWN - the agent does not say how many incidents are active | active=U events=U "
                       "lost=U outbox=U\n");
}

PK_TEST_MAIN(check__report__fails_only_when_nobody_answers, check__a_wrong_command_line_is_unknown,
             check__figures_that_are_missing_are_not_none, check__a_fire_drill_is_no_alarm_and_hides_none,
             check__all_is_well, check__the_worst_incident_decides, check__link_and_store_warn,
             check__an_agent_that_does_not_answer_is_critical, check__an_answer_that_says_nothing_is_unknown)
