#include "base/pk_zero.h"

#include <stdint.h>
#include <string.h>

#include "support/pk_test.h"

PK_TEST(zero__any_length_and_content__only_that_range_is_zero) {
    uint8_t bytes[300];
    for (size_t n = 0; n <= 260; n++) {
        memset(bytes, 0xA5, sizeof bytes);
        memset(bytes + 20, 0, 40); /* parts that are zero already */
        pk_zero(bytes + 1, n);
        size_t set = 0;
        for (size_t i = 1; i <= n; i++) {
            set += bytes[i] != 0;
        }
        CHECK_EQ_U64(set, 0);
        CHECK_EQ_INT(bytes[0], 0xA5);
        CHECK(bytes[n + 1] == 0xA5 || (n + 1 >= 20 && n + 1 < 60 && bytes[n + 1] == 0));
    }
}

PK_TEST_MAIN(zero__any_length_and_content__only_that_range_is_zero)
