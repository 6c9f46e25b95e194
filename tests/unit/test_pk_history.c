#include "event/pk_history.h"

#include <string.h>

#include "base/pk_bitset.h"
#include "support/pk_test.h"

static struct pk_history history;

static void put(uint32_t number, uint64_t receive_ms) {
    struct pk_event e;
    memset(&e, 0, sizeof e);
    e.number = number;
    e.receive_ms = receive_ms;
    pk_history_put(&history, &e);
}

PK_TEST(put__beyond_the_table__keeps_the_newest) {
    pk_history_init(&history, 0, 0);
    CHECK(pk_history_at(&history, 0) == NULL);
    for (uint32_t i = 1; i <= PK_LIMIT_EVENT_HISTORY + 10u; i++) {
        put(i, i);
    }
    CHECK_EQ_U64(pk_history_count(&history, 1), PK_LIMIT_EVENT_HISTORY);
    CHECK_EQ_U64(pk_history_at(&history, 0)->number, PK_LIMIT_EVENT_HISTORY + 10u);
    CHECK_EQ_U64(pk_history_at(&history, PK_LIMIT_EVENT_HISTORY - 1u)->number, 11);
    CHECK(pk_history_at(&history, PK_LIMIT_EVENT_HISTORY) == NULL);
}

PK_TEST(init__with_a_smaller_maximum__shows_no_more) {
    pk_history_init(&history, 3, 0);
    for (uint32_t i = 1; i <= 5; i++) {
        put(i, i);
    }
    CHECK_EQ_U64(pk_history_count(&history, 5), 3);
    CHECK_EQ_U64(pk_history_at(&history, 2)->number, 3);
    CHECK(pk_history_at(&history, 3) == NULL);
}

PK_TEST(count__with_retention__hides_what_is_older) {
    pk_history_init(&history, 0, 1000);
    for (uint32_t i = 0; i < 50; i++) {
        put(i, 100u * i);
    }
    CHECK_EQ_U64(pk_history_count(&history, 4900), 11); /* 3900 .. 4900 */
    CHECK_EQ_U64(pk_history_count(&history, 5900), 1);
    CHECK_EQ_U64(pk_history_count(&history, 5901), 0);
    CHECK_EQ_U64(pk_history_count(&history, 0), 50); /* a clock that is behind hides nothing */
}

PK_TEST(limit_and_prune__forget_for_good) {
    pk_history_init(&history, 0, 0);
    for (uint32_t i = 0; i < 50; i++) {
        put(i, 100u * i);
    }
    pk_history_limit(&history, 20, 1000);
    CHECK_EQ_U64(pk_history_count(&history, 4900), 11);
    CHECK(pk_history_at(&history, 19) != NULL && pk_history_at(&history, 20) == NULL);
    pk_history_prune(&history, 4900);
    CHECK(pk_history_at(&history, 10) != NULL && pk_history_at(&history, 11) == NULL);
    pk_history_limit(&history, 0, 0);
    CHECK_EQ_U64(pk_history_count(&history, 4900), 11);
    put(50, 5000);
    CHECK_EQ_U64(pk_history_count(&history, 5000), 12);
}

PK_TEST(forget__events_of_a_source__have_an_heir) {
    uint64_t bits[PK_BITSET_WORDS(PK_LIMIT_SOURCES)] = {0};
    struct pk_event e;
    memset(&e, 0, sizeof e);
    pk_history_init(&history, 0, 0);
    for (uint16_t id = 0; id < 5; id++) {
        e.source_id = id;
        pk_history_put(&history, &e);
    }
    pk_bitset_set(bits, PK_LIMIT_SOURCES, 1);
    pk_bitset_set(bits, PK_LIMIT_SOURCES, 4);
    pk_history_forget(&history, bits, 2);
    static const uint16_t WANTED[] = {2, 3, 2, 2, 0}; /* newest first */
    for (uint32_t age = 0; age < 5; age++) {
        CHECK_EQ_INT(pk_history_at(&history, age)->source_id, WANTED[age]);
    }
}

PK_TEST_MAIN(limit_and_prune__forget_for_good, put__beyond_the_table__keeps_the_newest,
             init__with_a_smaller_maximum__shows_no_more, count__with_retention__hides_what_is_older,
             forget__events_of_a_source__have_an_heir)
