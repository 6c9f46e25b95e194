#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

PK_TEST(rules__every_page_with_its_filter) {
    const struct ctl_rig_step one[] = {
        CTL_RIG_OK("{\"rules\":[{\"rule_id\":\"b\",\"enabled\":true}],\"more\":false}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, one, 1, "rules list --enabled"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"rules\":[{\"rule_id\":\"b\",\"enabled\":true}]}\n");
    CHECK(strstr(rig.requests, "\"args\":{\"enabled\":true}") != NULL);
    const struct ctl_rig_step two[] = {
        CTL_RIG_OK("{\"rules\":[{\"rule_id\":\"a\"},{\"rule_id\":\"b\"}],\"more\":true}"),
        CTL_RIG_OK("{\"rules\":[{\"rule_id\":\"c\"}],\"more\":false}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, two, 2, "incidents rules list --cost"), 0);
    CHECK(strstr(rig.requests, "\"args\":{\"cost\":true}") != NULL);
    CHECK(strstr(rig.requests, "\"args\":{\"cost\":true,\"after\":\"b\"}") != NULL);
    CHECK_STR(rig.out, "{\"v\":1,\"rules\":[{\"rule_id\":\"a\"},{\"rule_id\":\"b\"},{\"rule_id\":\"c\"}]}\n");
    /* A page that leads nowhere is the last one. */
    const struct ctl_rig_step empty[] = {CTL_RIG_OK("{\"rules\":[],\"more\":true}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, empty, 1, "rules list"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"rules\":[]}\n");
}

PK_TEST(decide__both_ways) {
    const struct ctl_rig_step ok[] = {CTL_RIG_OK("{\"approval_id\":\"apr_1_2\",\"state\":\"approved\"}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "approve apr_1_2 --reason sure"), 0);
    CHECK(strstr(rig.requests,
                 "\"cmd\":\"approval.decide\",\"args\":{\"approval_id\":\"apr_1_2\",\"reason\":\"sure\","
                 "\"decision\":\"approve\"}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, ok, 1, "reject apr_1_2"), 0);
    CHECK(strstr(rig.requests, "\"decision\":\"reject\"") != NULL);
}

PK_TEST(mode__shown_and_set) {
    const struct ctl_rig_step status[] = {CTL_RIG_OK("{\"mode\":\"safe\",\"boot\":1}")};
    const struct ctl_rig_step odd[] = {CTL_RIG_OK("{\"boot\":1}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, status, 1, "mode --format table"), 0);
    CHECK_STR(rig.out, "mode          safe\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, odd, 1, "mode"), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"mode\":null}\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, status, 1, "mode set off"), 0);
    CHECK(strstr(rig.requests, "\"cmd\":\"mode.set\",\"args\":{\"mode\":\"off\"}") != NULL);
}

PK_TEST_MAIN(rules__every_page_with_its_filter, decide__both_ways, mode__shown_and_set)
