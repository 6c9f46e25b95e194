/* ctest: lane=ci timeout=900 trees=host
 * As test_respond_random, a million sequences that each begin with nothing, of 8 to 24 steps. */
#define PK_SEQUENCES 1000000u
#include "model/test_respond_random.c"
