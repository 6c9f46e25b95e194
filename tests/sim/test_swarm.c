/* ctest: lane=default timeout=300 full=native
 * Small worlds under faults: the cases that once found something, forty seeds more, and one twice over. For
 * people and tools/sim-replay: `--case ID` runs one, `--explain ID` also shows logs and what stayed open,
 * `--range FIRST COUNT` many, `--trace` prints what must be equal on every machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pk_test.h"
#include "support/sim_world.h"

/* Forty where it is fast: with the small limits of this machine's tree. Under an emulator the instruction set
 * is the question; under sanitizers, or with larger limits, every code path. */
enum {
    SEEDS = PK_IS_EMULATED                      ? 3
            : PK_IS_SLOW || PK_LIMIT_RUNS > 32u ? 12
                                                : 40,
    TRACES = PK_IS_SLOW ? 2 : 4
};

PK_TEST(swarm__same_seed_twice__same_trace) {
    struct world_result first, again;
    for (uint64_t seed = 1000; seed < 1000 + TRACES; seed++) {
        world_run(seed, 60, false, WORLD_SOUND, &first);
        world_run(seed, 60, false, WORLD_SOUND, &again);
        CHECK_EQ_U64(again.trace, first.trace);
        CHECK_EQ_U64(again.ticks, first.ticks);
    }
    world_run(1000, 60, false, WORLD_SOUND, &again);
    CHECK(again.trace != first.trace);
}

PK_TEST(swarm__calm_site__nothing_is_lost_or_said_twice) {
    struct world_result r;
    world_run(1, 60, true, WORLD_SOUND, &r);
    CHECK_STR(r.breach, "");
    CHECK_EQ_U64(r.duplicates, 0);
    CHECK(r.incidents > 5 && r.starts > 3);
}

PK_TEST(swarm__many_seeds__safe_under_faults_and_quiet_after_them) {
    CHECK_EQ_U64(world_swarm(1, SEEDS, false), 0);
}

PK_TEST(swarm__seeds_that_found_something) {
    char line[256];
    uint32_t count = 0;
    FILE *f = fopen(PK_SOURCE_DIR "/tests/sim/seeds.txt", "r");
    REQUIRE(f != NULL);
    while (fgets(line, sizeof line, f) != NULL) {
        struct world_result r;
        line[strcspn(line, " \n")] = '\0';
        const uint64_t seed = strrchr(line, ':') != NULL ? strtoull(strrchr(line, ':') + 1, NULL, 10) : 0;
        const bool was_run = strncmp(line, "swarm:mixed:", 12) == 0 && seed >= 1 && seed <= SEEDS;
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        count++;
        if (was_run || (count > SEEDS)) {
            continue;
        }
        CHECK(world_run_case(line, &r));
        CHECK_STR(r.breach, "");
    }
    fclose(f);
    CHECK(count > 0);
}

static int print_traces(void) {
    struct world_result r;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        world_run(seed, 60, false, WORLD_SOUND, &r);
        printf("%" PRIu64 " %016" PRIx64 "%s\n", seed, r.trace, r.breach);
    }
    return 0;
}

int main(int argc, char **argv) {
    static void (*const TESTS[])(void) = {
        swarm__same_seed_twice__same_trace, swarm__calm_site__nothing_is_lost_or_said_twice,
        swarm__many_seeds__safe_under_faults_and_quiet_after_them, swarm__seeds_that_found_something};
    struct world_result r;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && (strcmp(argv[1], "--case") == 0 || strcmp(argv[1], "--explain") == 0)) {
        if (!world_run_case(argv[2], &r)) {
            printf("not a case: %s\n", argv[2]);
            return 2;
        }
        if (strcmp(argv[1], "--explain") == 0) {
            world_explain();
        }
        world_print(argv[2], &r);
        return r.breach[0] != '\0' ? 1 : 0;
    }
    if (argc == 4 && strcmp(argv[1], "--range") == 0) {
        const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
        return world_swarm(strtoull(argv[2], NULL, 10), count, false) > 0 ? 1 : 0;
    }
    if (argc == 2 && strcmp(argv[1], "--trace") == 0) {
        return print_traces();
    }
    return pk_test_main(
        TESTS, sizeof TESTS / sizeof TESTS[0],
        "swarm__same_seed_twice__same_trace, swarm__calm_site__nothing_is_lost_or_said_twice, "
        "swarm__many_seeds__safe_under_faults_and_quiet_after_them, "
        "swarm__seeds_that_found_something",
        argc, argv);
}
