#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define OK_ALL "doctor", "{}"

PK_TEST(doctor__sound_gateway__finds_nothing) {
    begin(NULL);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/press-7/heartbeat", "30", 2, "");
    wait_ms(35000);
    const char *a = gateway_command(&gw, 1000, OK_ALL);
    REQUIRE(a != NULL);
    CHECK(strstr(a, "\"verdict\":\"error\"") == NULL);
    static const char *const CHECKS[] = {"clock", "broker central", "store", "seal", "rules", "actions"};
    for (uint32_t i = 0; i < PK_COUNT_OF(CHECKS); i++) {
        char want[60];
        (void)snprintf(want, sizeof want, "{\"check\":\"%s\",\"verdict\":\"ok\"", CHECKS[i]);
        CHECK(strstr(a, want) != NULL);
    }
}

PK_TEST(doctor__names_what_is_wrong_and_its_cure) {
    prepare(&(struct gateway_setup){
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[agent]\nmode = observe\n[sources]\nprocess = 5s\n"});
    gw.sim.is_wall_synced = false;
    REQUIRE(gateway_boot(&gw));
    gw.agent.start.seal_bits = 0;
    wait_ms(100);
    gw.sim.store.is_disk_full = true;
    gateway_process(&gw, "web", false);
    wait_ms(6000);
    const char *a = gateway_command(&gw, 0, OK_ALL);
    REQUIRE(a != NULL);
    CHECK(strstr(a, "{\"check\":\"clock\",\"verdict\":\"warning\"") != NULL);
    CHECK(strstr(a, "{\"check\":\"broker\",\"verdict\":\"warning\"") != NULL);
    CHECK(strstr(a, "{\"check\":\"store\",\"verdict\":\"error\"") != NULL);
    CHECK(strstr(a, "{\"check\":\"seal\",\"verdict\":\"error\"") != NULL);
    CHECK(strstr(a, "{\"check\":\"actions\",\"verdict\":\"warning\"") != NULL);
}

PK_TEST(doctor__broker_that_refuses__is_an_error_with_the_reason) {
    prepare(NULL);
    gw.sim.links[1].answer = PK_SIM_TLS_FAILS;
    REQUIRE(gateway_boot(&gw));
    wait_ms(20000);
    CHECK(says(1000, "doctor", "{}", "{\"check\":\"broker central\",\"verdict\":\"error\""));
    CHECK(says(1000, "doctor", "{}", "certificate"));
}

PK_TEST(doctor__refused_reload_and_lost_events_are_shown) {
    begin(NULL);
    (void)pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", "[nonsense]\n", 11);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    (void)gateway_events(&gw, "rubbish\n");
    wait_ms(10);
    CHECK(says(1000, "doctor", "{}", "{\"check\":\"configuration\",\"verdict\":\"error\""));
    CHECK(says(1000, "doctor", "{}", "picketd.conf:1"));
    CHECK(says(1000, "doctor", "{}", "{\"check\":\"losses\",\"verdict\":\"warning\""));
}

PK_TEST(doctor__source_that_cannot_be_measured__is_a_warning) {
    begin(NULL);
    gw.sim.collector_error[PK_COLLECT_PROCESS] = PK_E_IO;
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 0.0, PK_E_IO);
    wait_ms(40000);
    CHECK(says(1000, "doctor", "{}", "{\"check\":\"rules\",\"verdict\":\"warning\""));
}

PK_TEST(doctor__store_in_memory__is_a_warning_until_it_is_meant) {
    begin(NULL);
    gw.sim.store.status.is_in_memory = true;
    CHECK(says(1000, "doctor", "{}",
               "{\"check\":\"store\",\"verdict\":\"warning\",\"what\":\"writing, in memory"));
    CHECK(says(1000, "doctor", "{}", "or say [store] memory = yes"));
    gw.agent.config.is_store_in_memory = true;
    CHECK(
        says(1000, "doctor", "{}", "{\"check\":\"store\",\"verdict\":\"ok\",\"what\":\"writing, in memory"));
    CHECK(says(1000, "status", "{}", "\"store\":{\"medium\":\"memory\",\"fresh\":true,"));
}

PK_TEST(doctor__record_of_the_supervisor_is_lost__says_what_that_means) {
    begin(NULL);
    gw.agent.start.record_lost = 1;
    CHECK(says(1000, "doctor", "{}", "{\"check\":\"supervisor record\",\"verdict\":\"error\""));
    CHECK(says(1000, "doctor", "{}", "known from their copy"));
    gw.agent.start.record_lost = 2;
    CHECK(says(1000, "doctor", "{}", "waited to be confirmed is NOT undone"));
}

PK_TEST_MAIN(doctor__record_of_the_supervisor_is_lost__says_what_that_means,
             doctor__sound_gateway__finds_nothing, doctor__names_what_is_wrong_and_its_cure,
             doctor__broker_that_refuses__is_an_error_with_the_reason,
             doctor__refused_reload_and_lost_events_are_shown,
             doctor__source_that_cannot_be_measured__is_a_warning,
             doctor__store_in_memory__is_a_warning_until_it_is_meant)
