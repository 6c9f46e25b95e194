#include "event/pk_source.h"

#include "support/pk_test.h"

PK_TEST(state__every_way) {
    struct pk_source s = {0};
    CHECK_EQ_INT(pk_source_state_at(&s, false, 5000), PK_SOURCE_UNKNOWN);
    CHECK_EQ_INT(pk_source_state_at(&s, true, 5000), PK_SOURCE_SILENT);
    s.last_seen_ms = 1000;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 61000), PK_SOURCE_OK);
    CHECK_EQ_INT(pk_source_state_at(&s, false, 61001), PK_SOURCE_STALE);
    CHECK_EQ_INT(pk_source_state_at(&s, false, 500), PK_SOURCE_OK); /* of the same tick */
    s.gap_ms = 40000;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 121000), PK_SOURCE_OK);
    CHECK_EQ_INT(pk_source_state_at(&s, false, 121001), PK_SOURCE_STALE);
    s.expected_ms = 10000;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 21000), PK_SOURCE_OK);
    CHECK_EQ_INT(pk_source_state_at(&s, false, 21001), PK_SOURCE_SILENT);
    s.promised_ms = 20000;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 41000), PK_SOURCE_OK);
    CHECK_EQ_INT(pk_source_state_at(&s, false, 41001), PK_SOURCE_SILENT);
    s.is_fault = true;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 41001), PK_SOURCE_FAULT);
    s.is_gone = true;
    CHECK_EQ_INT(pk_source_state_at(&s, false, 1001), PK_SOURCE_SILENT);
}

PK_TEST(words__there_and_back) {
    enum pk_source_state state = PK_SOURCE_OK;
    for (unsigned i = 0; i < PK_SOURCE_STATE_COUNT; i++) {
        const struct pk_str word = pk_str_of(pk_source_state_word((enum pk_source_state)i));
        CHECK_EQ_INT(pk_source_state_parse(word, &state), PK_OK);
        CHECK_EQ_INT(state, i);
    }
    CHECK_EQ_INT(pk_source_state_parse(pk_str_of("healthy"), &state), PK_E_BAD_FIELD);
}

PK_TEST_MAIN(state__every_way, words__there_and_back)
