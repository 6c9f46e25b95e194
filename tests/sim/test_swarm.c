/* ctest: lane=default timeout=120
 * Forty small worlds under faults, the seeds that once found something, and traces that must be the same on
 * every machine. `test_swarm --case swarm:mixed:7` runs one, `test_swarm --range FIRST COUNT` many. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pk_test.h"
#include "support/sim_world.h"

int main(int argc, char **argv) {
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
        return world_swarm(strtoull(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10), WORLD_MINUTES) >
                       0
                   ? 1
                   : 0;
    }
    return 2;
}
