#include "base/pk_log_format.h"

#include "base/pk_assert.h"

#include "support/pk_test.h"

PK_TEST(format__words_and_back) {
    for (unsigned i = 0; i < PK_LOG_FORMAT_COUNT; i++) {
        enum pk_log_format f = PK_LOG_FORMAT_COUNT;
        CHECK_EQ_INT(pk_log_format_parse(pk_str_of(pk_log_format_word((enum pk_log_format)i)), &f), PK_OK);
        CHECK_EQ_INT(f, i);
    }
}

PK_TEST(format__nothing_else) {
    static const char *const BAD[] = {"", "Syslog", "syslog ", "auto", "sysl"};
    for (size_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        enum pk_log_format f = PK_LOG_FORMAT_COUNT;
        CHECK_EQ_INT(pk_log_format_parse(pk_str_of(BAD[i]), &f), PK_E_NOT_FOUND);
        CHECK_EQ_INT(f, PK_LOG_FORMAT_COUNT);
    }
}

PK_TEST_MAIN(format__words_and_back, format__nothing_else)
