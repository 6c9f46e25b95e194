#include "base/pk_batch.h"

#include <string.h>

#include "support/pk_test.h"

PK_TEST(batch__puts_and_deletes__come_back_in_order) {
    uint8_t bytes[256];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of("k1"), pk_str_of("value one")), PK_OK);
    CHECK_EQ_INT(pk_batch_delete(&b, PK_TREE_OBJECTS, pk_str_of("k2")), PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("k3"), pk_str_of("")), PK_OK);
    CHECK_EQ_U64(b.op_count, 3);

    uint32_t at = 0;
    struct pk_batch_op op;
    REQUIRE(pk_batch_next(&b, &at, &op) == PK_OK);
    CHECK(!op.is_delete && op.tree == PK_TREE_JOURNAL);
    CHECK(pk_str_eq_c(op.key, "k1") && pk_str_eq_c(op.value, "value one"));
    REQUIRE(pk_batch_next(&b, &at, &op) == PK_OK);
    CHECK(op.is_delete && op.tree == PK_TREE_OBJECTS);
    CHECK(pk_str_eq_c(op.key, "k2"));
    CHECK_EQ_U64(op.value.n, 0);
    REQUIRE(pk_batch_next(&b, &at, &op) == PK_OK);
    CHECK(!op.is_delete && pk_str_eq_c(op.key, "k3"));
    CHECK_EQ_U64(op.value.n, 0);
    CHECK_EQ_INT(pk_batch_next(&b, &at, &op), PK_E_NOT_FOUND);
    CHECK_EQ_U64(at, b.n);
}

PK_TEST(batch__largest_key_and_value__fit_exactly) {
    uint8_t bytes[5 + PK_STORE_KEY_BYTES + PK_STORE_VALUE_BYTES];
    char key[PK_STORE_KEY_BYTES], value[PK_STORE_VALUE_BYTES];
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes - 1);
    CHECK_EQ_INT(
        pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_make(key, sizeof key), pk_str_make(value, sizeof value)),
        PK_E_FULL);
    CHECK_EQ_U64(b.n, 0);
    CHECK_EQ_U64(b.op_count, 0);
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_make(key, sizeof key),
                         pk_str_make(value, sizeof value)) == PK_OK);
    CHECK_EQ_U64(b.n, sizeof bytes);
    CHECK_EQ_INT(pk_batch_delete(&b, PK_TREE_JOURNAL, pk_str_of("x")), PK_E_FULL);
    uint32_t at = 0;
    struct pk_batch_op op;
    REQUIRE(pk_batch_next(&b, &at, &op) == PK_OK);
    CHECK_EQ_U64(op.value.n, sizeof value);
    CHECK_MEM(op.value.p, value, sizeof value);
}

PK_TEST(batch__clear__forgets_everything) {
    uint8_t bytes[64];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_delete(&b, PK_TREE_JOURNAL, pk_str_of("x")) == PK_OK);
    pk_batch_clear(&b);
    uint32_t at = 0;
    struct pk_batch_op op;
    CHECK_EQ_INT(pk_batch_next(&b, &at, &op), PK_E_NOT_FOUND);
}

PK_TEST(batch_next__every_cut_and_wrong_bytes__is_refused) {
    uint8_t bytes[64];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of("key"), pk_str_of("value")) == PK_OK);
    const uint32_t whole = b.n;
    struct pk_batch_op op;
    for (uint32_t n = 1; n < whole; n++) {
        uint32_t at = 0;
        b.n = n;
        CHECK_EQ_INT(pk_batch_next(&b, &at, &op), PK_E_BAD_MSG);
        CHECK_EQ_U64(at, 0);
    }
    b.n = whole;
    static const struct {
        uint8_t at, value;
    } wrong[] = {{0, 0}, {0, 3}, {0, 2}, {1, PK_TREE_COUNT}, {2, 0}, {2, 41}, {2, 255}, {4, 8}, {4, 255}};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const uint8_t kept = bytes[wrong[i].at];
        bytes[wrong[i].at] = wrong[i].value;
        uint32_t at = 0;
        CHECK_EQ_INT(pk_batch_next(&b, &at, &op), PK_E_BAD_MSG);
        bytes[wrong[i].at] = kept;
    }
    uint32_t beyond = whole + 1;
    CHECK_EQ_INT(pk_batch_next(&b, &beyond, &op), PK_E_BAD_MSG);
}

PK_TEST(batch_has_delete__only_when_one_does) {
    uint8_t bytes[128];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK(!pk_batch_has_delete(&b));
    REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of("a"), pk_str_of("value")) == PK_OK);
    CHECK(!pk_batch_has_delete(&b));
    REQUIRE(pk_batch_delete(&b, PK_TREE_OBJECTS, pk_str_of("b")) == PK_OK);
    REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("c"), pk_str_of("")) == PK_OK);
    CHECK(pk_batch_has_delete(&b));
}

PK_TEST(fetch_next__walks_records_and_refuses_cuts) {
    /* u8 tree, u8 key length, u16 value length, key, value */
    static const uint8_t records[] = {0, 1, 2, 0, 'a', 'x', 'y', 0, 2, 0, 0, 'b', 'c'};
    uint32_t at = 0;
    struct pk_str key, value;
    REQUIRE(pk_fetch_next(records, sizeof records, &at, &key, &value) == PK_OK);
    CHECK(pk_str_eq_c(key, "a") && pk_str_eq_c(value, "xy"));
    REQUIRE(pk_fetch_next(records, sizeof records, &at, &key, &value) == PK_OK);
    CHECK(pk_str_eq_c(key, "bc"));
    CHECK_EQ_U64(value.n, 0);
    CHECK_EQ_INT(pk_fetch_next(records, sizeof records, &at, &key, &value), PK_E_NOT_FOUND);
    at = 0;
    CHECK_EQ_INT(pk_fetch_next(records, 6, &at, &key, &value), PK_E_BAD_MSG);
    at = 20;
    CHECK_EQ_INT(pk_fetch_next(records, sizeof records, &at, &key, &value), PK_E_BAD_MSG);
}

PK_TEST_MAIN(batch__puts_and_deletes__come_back_in_order, batch__largest_key_and_value__fit_exactly,
             batch__clear__forgets_everything, batch_next__every_cut_and_wrong_bytes__is_refused,
             batch_has_delete__only_when_one_does, fetch_next__walks_records_and_refuses_cuts)
