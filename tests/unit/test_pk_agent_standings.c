#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char args[240];

static const char *about(const struct pk_incident *i, const char *more) {
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"%s}", i->id, more);
    return args;
}

static const char WIPE[] = ",\"action\":\"wipe\",\"target\":\"web\"";
static const char ORDER[] =
    "{\"action\":\"wipe\",\"target\":\"web\",\"duration\":\"2h\",\"uses\":2,\"reason\":\"night\"}";

PK_TEST(order__given_used_shown_and_kept_over_a_crash) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    CHECK(says(1002, "standing.create", ORDER,
               "\"order_id\":1,\"action\":\"wipe\",\"target\":\"web\",\"uses_left\":2"));
    CHECK(says(1000, "standing.list", "{}",
               "\"holds\":true,\"role\":\"approver\",\"by\":[\"uid:1002\"],\"reason\":\"night\""));
    CHECK(says(1001, "mitigate", about(i, WIPE), "\"state\":\"executing\"")); /* nobody is asked */
    wait_ms(3000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 1);
    CHECK(says(1000, "incidents.get", about(i, ",\"timeline\":true"), "standing order 1 approves"));
    CHECK(says(1000, "standing.list", "{}", "\"uses_left\":1"));
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(70000);
    CHECK(says(1000, "standing.list", "{}", "\"uses_left\":1"));
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK(says(1001, "mitigate", about(i, WIPE), "\"state\":\"executing\""));
    CHECK(says(1000, "standing.list", "{}", "\"orders\":[]"));
    wait_ms(3000);
    check_sound();
}

PK_TEST(order__who_may_give_it_and_end_it) {
    begin(NULL);
    CHECK(says(1000, "standing.create", ORDER, "\"error\":\"denied\""));
    CHECK(says(1001, "standing.create", ORDER, "the risk of this action needs a higher role"));
    CHECK(says(0, "standing.create", "{\"action\":\"nope\",\"duration\":\"1h\"}", "\"error\":\"not_found\""));
    CHECK(says(0, "standing.create", "{\"action\":\"wipe\",\"target\":\"db\",\"duration\":\"1h\"}",
               "\"error\":\"refused\""));
    CHECK(says(0, "standing.create", "{\"action\":\"wipe\",\"target\":\"web\",\"duration\":\"40d\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(0, "standing.create",
               "{\"action\":\"wipe\",\"target\":\"web\",\"duration\":\"1h\",\"uses\":251}",
               "\"error\":\"bad_field\""));
    CHECK(says(0, "standing.create", ORDER, "\"order_id\":1"));
    CHECK(says(1001, "standing.end", "{\"order_id\":7}", "\"error\":\"not_found\""));
    CHECK(says(1001, "standing.end", "{\"order_id\":1}", "\"state\":\"over\""));
    CHECK(says(1000, "standing.list", "{}", "\"orders\":[]"));
    check_sound();
}

PK_TEST(order__for_a_lower_class_does_not_approve_a_higher_one) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    CHECK(says(1001, "standing.create",
               "{\"action\":\"restart_service\",\"target\":\"core\",\"duration\":\"1h\"}", "\"order_id\":1"));
    gw.agent.actions[gw.agent.actions_index].rows[1].risk = PK_RISK_MEDIUM; /* high on a critical target */
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"restart_service\",\"target\":\"core\""),
               "awaiting_approval"));
    CHECK_STR(site.breach, "");
}

PK_TEST_MAIN(order__given_used_shown_and_kept_over_a_crash, order__who_may_give_it_and_end_it,
             order__for_a_lower_class_does_not_approve_a_higher_one)
