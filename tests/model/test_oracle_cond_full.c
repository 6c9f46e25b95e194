/* ctest: lane=full timeout=3600
 * As test_oracle_cond, over ten million events. */
#include "support/oracle_cond.h"
#include "support/pk_test.h"

#if defined(__x86_64__)
enum { CASES = 20000 };
#else
enum { CASES = 200 }; /* under an emulator */
#endif

PK_TEST(conditions__ten_million_events__agree_with_the_oracle) {
    CHECK_EQ_U64(oracle_cases(100000, CASES), 0);
}

PK_TEST_MAIN(conditions__ten_million_events__agree_with_the_oracle)
