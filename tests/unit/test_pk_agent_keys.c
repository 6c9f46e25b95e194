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

PK_TEST_MAIN(keys__are_kept_over_a_crash, keys__wrong_arguments_change_nothing,
             keys__a_record_that_cannot_be_read_is_said)
