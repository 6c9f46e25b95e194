/* ctest: lane=default timeout=300 trees=host,native,asan,x86_64,clang full=native,asan,x86_64,clang
 * Worlds with one thing broken on purpose, by functions put between the agent and its ports: each must be
 * noticed, or the checks of the simulation are blind. */
#include <inttypes.h>
#include <stdio.h>

#include "support/pk_test.h"
#include "support/sim_world.h"

enum { SEEDS = 12 };

/* The seed that noticed, 0 = none did. */
static uint64_t noticed(enum world_canary canary) {
    struct world_result r;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_run(seed, WORLD_MINUTES, false, canary, &r);
        if (r.breach[0] != '\0') {
            printf("# canary:%s:%" PRIu64 ": %s\n", world_canary_word(canary), seed, r.breach);
            return seed;
        }
    }
    return 0;
}

PK_TEST(canary__store_says_durable_too_early__is_noticed) {
    CHECK(noticed(WORLD_STORE_LIES) != 0);
}
PK_TEST(canary__store_loses_a_log_entry__is_noticed) {
    CHECK(noticed(WORLD_STORE_LOSES_ENTRY) != 0);
}
PK_TEST(canary__store_loses_an_incident__is_noticed) {
    CHECK(noticed(WORLD_STORE_LOSES_OBJECT) != 0);
}
PK_TEST(canary__supervisor_runs_twice__is_noticed) {
    CHECK(noticed(WORLD_RUNS_TWICE) != 0);
}
PK_TEST(canary__runs_and_budgets_forgotten_at_a_restart__is_noticed) {
    CHECK(noticed(WORLD_RESTARTS_FORGET) != 0);
}
PK_TEST(canary__hub_does_not_deduplicate__is_noticed) {
    CHECK(noticed(WORLD_HUB_COUNTS_TWICE) != 0);
}
PK_TEST(canary__broker_acknowledges_and_forgets__is_noticed) {
    CHECK(noticed(WORLD_BROKER_FORGETS) != 0);
}
PK_TEST(canary__clock_goes_back__is_noticed) {
    CHECK(noticed(WORLD_CLOCK_GOES_BACK) != 0);
}
PK_TEST(canary__hub_misses_what_the_broker_forgot__is_noticed) {
    CHECK(noticed(WORLD_HUB_MISSES) != 0);
}
PK_TEST(hub_ack__hub_misses_what_the_broker_forgot__nothing_is_lost) {
    CHECK_EQ_U64(noticed(WORLD_HUB_MISSES_AND_ACKS), 0);
}
PK_TEST(canary__nothing_is_broken__nothing_is_noticed) {
    CHECK_EQ_U64(noticed(WORLD_SOUND), 0);
}

PK_TEST_MAIN(canary__store_says_durable_too_early__is_noticed, canary__store_loses_a_log_entry__is_noticed,
             canary__store_loses_an_incident__is_noticed, canary__supervisor_runs_twice__is_noticed,
             canary__runs_and_budgets_forgotten_at_a_restart__is_noticed,
             canary__hub_does_not_deduplicate__is_noticed,
             canary__broker_acknowledges_and_forgets__is_noticed, canary__clock_goes_back__is_noticed,
             canary__hub_misses_what_the_broker_forgot__is_noticed,
             hub_ack__hub_misses_what_the_broker_forgot__nothing_is_lost,
             canary__nothing_is_broken__nothing_is_noticed)
