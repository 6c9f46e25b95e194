/* ctest: lane=default timeout=120
 * Every form of condition, alone and combined, against an oracle that recomputes it from all events. A case
 * that disagrees prints its number and its rules; run `test_oracle_cond` with it in PK_ORACLE_CASE. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support/oracle_cond.h"
#include "support/pk_test.h"

enum { CASES = PK_IS_SLOW ? 40 : 120, ROTATING = PK_IS_SLOW ? 5 : 40 };

PK_TEST(conditions__random_rules_and_streams__agree_with_the_oracle) {
    const char *one = getenv("PK_ORACLE_CASE");
    if (one != NULL) {
        CHECK_EQ_U64(oracle_cases(strtoull(one, NULL, 10), 1), 0);
        return;
    }
    CHECK_EQ_U64(oracle_cases(1, CASES), 0);
    CHECK(oracle_saw_all()); /* it was not agreement on silence */
}

PK_TEST(conditions__cases_of_the_day__agree_with_the_oracle) {
    const uint64_t first = (uint64_t)time(NULL) / 86400u * 1000000u;
    CHECK_EQ_U64(oracle_cases(first, ROTATING), 0);
}

PK_TEST_MAIN(conditions__random_rules_and_streams__agree_with_the_oracle,
             conditions__cases_of_the_day__agree_with_the_oracle)
