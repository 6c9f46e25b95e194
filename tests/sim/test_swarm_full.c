/* ctest: lane=full timeout=3600
 * Five thousand seeds, each of eight virtual hours. */
#include "support/pk_test.h"
#include "support/sim_world.h"

#if defined(__x86_64__)
enum { SEEDS = 5000 };
#else
enum { SEEDS = 50 }; /* under an emulator */
#endif

PK_TEST(swarm__five_thousand_seeds) {
    CHECK_EQ_U64(world_swarm(100000, SEEDS, true), 0);
}

PK_TEST_MAIN(swarm__five_thousand_seeds)
