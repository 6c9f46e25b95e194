#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool is_known(const char *type) {
    return pk_types_find(&gw.agent.intake.types, pk_str_of(type)) >= 0;
}

/* As a local process that names its events as it likes. */
static void flood_types(uint32_t count) {
    char line[80];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"m%u\",\"source\":\"stranger\"}\n", (unsigned)i);
        (void)gateway_events(&gw, line);
    }
}

PK_TEST(types__that_rules_patterns_and_rows_name__are_there_at_the_start) {
    static const struct gateway_setup SETUP = {
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[map m]\ntopic = a/+\ntype = opened\nsource = {1}\n"
                  "[map n]\ntopic = b/+\ntype = {1}\nsource = b\n",
        .rules = "[rule own]\non = type = pump_dry | pump_wet | well_*\nwhen = count >= 1 in 1m\n"
                 "type = custom\nseverity = low\n",
        .has_no_broker = true};
    prepare(&SETUP);
    REQUIRE(gateway_boot(&gw));
    CHECK(is_known("pump_dry") && is_known("pump_wet") && is_known("opened"));
    CHECK(is_known("fs_readonly") && is_known("auth_failed") && is_known("crash_loop")); /* shipped */
    CHECK(!is_known("well_*") && !is_known("{1}") && !is_known("none"));
    CHECK_EQ_U64(gw.agent.intake.types.foreign_count, 0);
    /* And what this board ships with leaves room for the operator. */
    CHECK(gw.agent.intake.types.count + 32u <= PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN);
}

PK_TEST(types__a_flood_of_names__leaves_room_for_ours_and_opens_one_incident) {
    begin(NULL);
    flood_types(PK_LIMIT_TYPES + 10u);
    CHECK_EQ_U64(gw.agent.intake.types.foreign_count, PK_LIMIT_TYPES_FOREIGN);
    CHECK(says(0, "sources.get", "{\"source\":\"stranger\"}", "\"type_table\""));
    CHECK(says(0, "rules.create",
               "{\"text\":\"[rule late]\\non = type = late_type\\nwhen = count >= 1 in 1m\\ntype = "
               "custom\\nseverity = low\\n\"}",
               "\"loaded\":true"));
    (void)gateway_events(&gw, "{\"type\":\"late_type\",\"source\":\"stranger\"}\n");
    wait_ms(100);
    CHECK(gateway_incident(&gw, "late") != NULL);
    wait_ms(60000);
    const struct pk_incident *i = gateway_incident(&gw, "names_short");
    REQUIRE(i != NULL);
    const uint32_t number = i->number;
    wait_ms(240000);
    i = gateway_incident(&gw, "names_short");
    CHECK(i->number == number && i->status == PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(create__a_rule_on_a_type_without_room__is_refused) {
    char name[24];
    begin(NULL);
    for (uint32_t i = 0; gw.agent.intake.types.count + 1u < PK_LIMIT_TYPES; i++) {
        (void)snprintf(name, sizeof name, "filler%u", (unsigned)i);
        REQUIRE(pk_types_intern(&gw.agent.intake.types, pk_str_of(name)) >= 0);
    }
    CHECK(says(0, "rules.create",
               "{\"text\":\"[rule two]\\non = type = new_a | new_b\\nwhen = count >= 1 in 1m\\ntype = "
               "custom\\nseverity = low\\n\"}",
               "no room for the event types it names"));
    CHECK(says(0, "rules.show", "{\"rule\":\"two\"}", "not_found"));
    CHECK(!is_known("new_a") && !is_known("new_b"));
    CHECK(says(0, "rules.create",
               "{\"text\":\"[rule one]\\non = type = new_a | filler1 | cpu_*\\nwhen = count >= 1 in "
               "1m\\ntype = custom\\nseverity = low\\n\"}",
               "\"loaded\":true"));
    CHECK(is_known("new_a"));
    check_sound();
}

PK_TEST_MAIN(types__that_rules_patterns_and_rows_name__are_there_at_the_start,
             types__a_flood_of_names__leaves_room_for_ours_and_opens_one_incident,
             create__a_rule_on_a_type_without_room__is_refused)
