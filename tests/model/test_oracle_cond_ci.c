/* ctest: lane=ci timeout=600 trees=host
 * As test_oracle_cond, over ten times as many events. */
#include "support/oracle_cond.h"
#include "support/pk_test.h"

#if defined(__x86_64__)
enum { CASES = 1200 };
#else
enum { CASES = 60 }; /* under an emulator */
#endif

PK_TEST(conditions__thousands_of_cases__agree_with_the_oracle) {
    CHECK_EQ_U64(oracle_cases(10000, CASES), 0);
    CHECK(oracle_saw_all());
}

PK_TEST_MAIN(conditions__thousands_of_cases__agree_with_the_oracle)
