#include "base/pk_severity.h"

#include "support/pk_test.h"

static int parsed(const char *word) {
    enum pk_severity s = PK_SEV_COUNT;
    const int err = pk_severity_parse(pk_str_of(word), &s);
    return err < 0 ? err : (int)s;
}

PK_TEST(severity_word__each__reads_back_and_they_are_ordered) {
    for (int i = 0; i < PK_SEV_COUNT; i++) {
        CHECK_EQ_INT(parsed(pk_severity_word((enum pk_severity)i)), i);
    }
    CHECK(PK_SEV_INFO < PK_SEV_LOW && PK_SEV_LOW < PK_SEV_MEDIUM);
    CHECK(PK_SEV_MEDIUM < PK_SEV_HIGH && PK_SEV_HIGH < PK_SEV_CRITICAL);
    CHECK_STR(pk_severity_word(PK_SEV_CRITICAL), "critical");
}

PK_TEST(severity_parse__aliases_of_the_wire_contract__in_any_case) {
    static const struct {
        const char *word;
        int severity;
    } ROWS[] = {
        {"debug", PK_SEV_INFO},        {"information", PK_SEV_INFO}, {"notice", PK_SEV_LOW},
        {"warning", PK_SEV_MEDIUM},    {"warn", PK_SEV_MEDIUM},      {"error", PK_SEV_HIGH},
        {"err", PK_SEV_HIGH},          {"fatal", PK_SEV_CRITICAL},   {"emergency", PK_SEV_CRITICAL},
        {"alert", PK_SEV_CRITICAL},    {"crit", PK_SEV_CRITICAL},    {"P0", PK_SEV_CRITICAL},
        {"P1", PK_SEV_HIGH},           {"P2", PK_SEV_MEDIUM},        {"P3", PK_SEV_LOW},
        {"CRITICAL", PK_SEV_CRITICAL}, {"High", PK_SEV_HIGH},        {"WARNING", PK_SEV_MEDIUM},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(parsed(ROWS[i].word), ROWS[i].severity);
    }
}

PK_TEST(severity_parse__anything_else__is_a_bad_field) {
    static const char *const BAD[] = {"", " high", "high ", "hig", "highh", "P4", "P", "3", "none"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(parsed(BAD[i]), PK_E_BAD_FIELD);
    }
    enum pk_severity s = PK_SEV_LOW;
    CHECK_EQ_INT(pk_severity_parse((struct pk_str){NULL, 0}, &s), PK_E_BAD_FIELD);
    CHECK_EQ_INT(s, PK_SEV_LOW);
}

PK_TEST_MAIN(severity_word__each__reads_back_and_they_are_ordered,
             severity_parse__aliases_of_the_wire_contract__in_any_case,
             severity_parse__anything_else__is_a_bad_field)
