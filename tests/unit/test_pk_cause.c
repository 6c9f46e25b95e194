#include "incident/pk_cause.h"

#include "support/pk_test.h"

PK_TEST(patterns__every_row_is_reached_and_none_explains_itself) {
    uint32_t count = 0;
    const struct pk_cause_pattern *p = pk_cause_patterns(&count);
    bool is_reached[64] = {false};
    CHECK(count >= 12 && count <= 64);
    for (uint8_t c = 0; c < PK_INC_TYPE_COUNT; c++) {
        for (uint8_t e = 0; e < PK_INC_TYPE_COUNT; e++) {
            const uint8_t n = pk_cause_pattern_find(c, e);
            CHECK(n <= count);
            CHECK((pk_cause_types_before(e) >> c & 1u) == (n > 0 ? 1u : 0u));
            CHECK((pk_cause_types_after(c) >> e & 1u) == (n > 0 ? 1u : 0u));
            if (n > 0) {
                is_reached[n - 1u] = true;
                CHECK((p[n - 1u].causes >> c & 1u) != 0 && (p[n - 1u].effects >> e & 1u) != 0);
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        CHECK(is_reached[i]);
        CHECK(p[i].words[0] != '\0');
    }
    CHECK_EQ_INT(pk_cause_pattern_find(PK_INC_TYPE_CUSTOM, PK_INC_TYPE_ERROR_BURST), 0);
}

PK_TEST(changes__words_of_events) {
    uint8_t kind = 99;
    CHECK_EQ_INT(pk_change_kind_of(pk_str_of("Deployment"), &kind), PK_OK);
    CHECK_EQ_INT(kind, PK_CHANGE_DEPLOYMENT);
    CHECK_EQ_INT(pk_change_kind_of(pk_str_of("package_upgraded"), &kind), PK_OK);
    CHECK_EQ_INT(kind, PK_CHANGE_PACKAGE);
    CHECK_EQ_INT(pk_change_kind_of(pk_str_of("deployment_failed"), &kind), PK_E_NOT_FOUND);
    CHECK_STR(pk_change_kind_word(PK_CHANGE_REBOOT), "restart of the machine");
    CHECK_STR(pk_change_kind_word(PK_CHANGE_KIND_COUNT), "unknown");
}

PK_TEST_MAIN(patterns__every_row_is_reached_and_none_explains_itself, changes__words_of_events)
