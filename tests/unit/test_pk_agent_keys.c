#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

/* Commands with signatures: tests/integration/test_commands.py. Here uid 0, admin on the gateway. */
#define PUBLIC "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

PK_TEST(keys__are_kept_over_a_crash) {
    begin(NULL);
    CHECK(says(1002, "keys.add", "{\"kid\":\"n1\",\"role\":\"admin\",\"public\":\"" PUBLIC "\"}",
               "\"denied\""));
    CHECK(says(0, "keys.add",
               "{\"kid\":\"n1\",\"role\":\"viewer\",\"public\":\"" PUBLIC "\",\"owner\":\"nina\"}",
               "\"kid\":\"n1\""));
    CHECK(
        says(0, "keys.add", "{\"kid\":\"n2\",\"role\":\"hub\",\"public\":\"" PUBLIC "\"}", "\"kid\":\"n2\""));
    CHECK(says(0, "keys.revoke", "{\"kid\":\"n2\"}", "\"kid\":\"n2\""));
    wait_ms(1000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(1000);
    CHECK(says(1000, "keys.list", "{}", "{\"kid\":\"n1\",\"role\":\"viewer\",\"owner\":\"nina\"}"));
    CHECK(says(1000, "keys.list", "{}", "\"revoked\":[\"n2\"]"));
    CHECK(says(0, "keys.add", "{\"kid\":\"n2\",\"role\":\"hub\",\"public\":\"" PUBLIC "\"}", "\"conflict\""));
    check_sound();
}

PK_TEST(keys__wrong_arguments_change_nothing) {
    static const char *const WRONG[] = {"{\"kid\":\"a b\",\"role\":\"admin\",\"public\":\"" PUBLIC "\"}",
                                        "{\"kid\":\"n\",\"role\":\"king\",\"public\":\"" PUBLIC "\"}",
                                        "{\"kid\":\"n\",\"role\":\"admin\",\"public\":\"AAAA\"}",
                                        "{\"kid\":\"n\",\"role\":\"admin\",\"public\":\"" PUBLIC
                                        "\",\"owner\":\"a/b\"}"};
    begin(NULL);
    const uint32_t count = gw.agent.keys[gw.agent.keys_index].count;
    for (unsigned i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        CHECK(says(0, "keys.add", WRONG[i], "\"bad_field\""));
    }
    CHECK(says(0, "keys.revoke", "{\"kid\":\"nobody\"}", "\"unknown_key\""));
    CHECK_EQ_U64(gw.agent.keys[gw.agent.keys_index].count, count);
    CHECK(says(1000, "keys.list", "{}", "\"revoked\":[]"));
    check_sound();
}

PK_TEST(keys__a_record_that_cannot_be_read_is_said) {
    begin(NULL);
    CHECK_EQ_INT(pk_agent_keys_restore(&gw.agent, pk_str_of("k\x01"), pk_str_of("rubbish")), PK_E_BAD_MSG);
    CHECK(gateway_log_has(&gw, "change of the command keys cannot be read"));
    pk_agent_keys_apply(&gw.agent, &gw.agent.keys[gw.agent.keys_index]);
    CHECK(says(1000, "keys.list", "{}", "\"distrusted\":true"));
    CHECK(says(1000, "doctor", "{}", "no signed command is obeyed"));
    pk_agent_keys_tell(&gw.agent);
    wait_ms(1000);
    CHECK(gw.agent.incidents.next_number > 1); /* an incident of its own */
    CHECK(says(0, "keys.revoke", "{\"kid\":\"lost\"}", "\"kid\":\"lost\""));
    CHECK(says(1000, "keys.list", "{}", "\"distrusted\":false,\"revoked\":[\"lost\"]"));
    CHECK(!says(1000, "doctor", "{}", "no signed command is obeyed"));
}

static void give_order(const char *target, const char *first, const char *second) {
    struct pk_standing s = {
        .role = PK_ROLE_APPROVER, .left = 3, .until = gw.agent.now, .action = "restart_service"};
    s.until.mono_ms += 3600000;
    s.until.wall_ms += 3600000;
    (void)pk_str_copy_cut(pk_str_of(target), s.target, sizeof s.target);
    (void)pk_str_copy_cut(pk_str_of(first), s.by[0], sizeof s.by[0]);
    (void)pk_str_copy_cut(pk_str_of(second), s.by[1], sizeof s.by[1]);
    CHECK(pk_standings_add(&gw.agent.respond.standings, &s, &gw.agent.now) > 0);
}

static bool holds(const char *target) {
    bool is_held = false;
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        const struct pk_standing *s = &gw.agent.respond.standings.rows[i];
        is_held = is_held ||
                  (s->number != 0 && strcmp(s->target, target) == 0 && pk_standing_holds(s, &gw.agent.now));
    }
    return is_held;
}

PK_TEST(keys__standing_orders_end_with_the_key_of_one_who_gave_them) {
    begin(NULL);
    CHECK(says(0, "keys.add",
               "{\"kid\":\"n1\",\"role\":\"approver\",\"public\":\"" PUBLIC "\",\"owner\":\"nina\"}",
               "\"kid\":\"n1\""));
    give_order("a", "nina", "");
    give_order("b", "otto", "nina");
    give_order("c", "otto", "");
    CHECK(holds("a") && holds("b") && holds("c"));
    CHECK(says(0, "keys.revoke", "{\"kid\":\"n1\"}", "\"kid\":\"n1\""));
    CHECK(!holds("a") && !holds("b") && holds("c"));
    CHECK(gateway_log_has(&gw, "a standing order ended with the key that gave it"));
    wait_ms(1000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(!holds("a") && !holds("b"));
}

PK_TEST_MAIN(keys__standing_orders_end_with_the_key_of_one_who_gave_them, keys__are_kept_over_a_crash,
             keys__wrong_arguments_change_nothing, keys__a_record_that_cannot_be_read_is_said)
