/* ctest: lane=ci timeout=1500 trees=host
 * Two hundred seeds of the simulated world. */
#include "support/pk_test.h"
#include "support/sim_world.h"

#if defined(__x86_64__)
enum { SEEDS = 200 };
#else
enum { SEEDS = 20 }; /* under an emulator */
#endif

PK_TEST(swarm__two_hundred_seeds) {
    CHECK_EQ_U64(world_swarm(10000, SEEDS, false), 0);
}

PK_TEST_MAIN(swarm__two_hundred_seeds)
