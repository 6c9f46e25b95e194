#include "base/pk_err.h"

#include <string.h>

#include "support/pk_test.h"

PK_TEST(err_word__every_error__reads_back_as_itself) {
    static const int ERRORS[] = {
#define PK_ERR(symbol, value, word, exit_code, text) symbol,
#include "base/pk_err.def"
    };
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        CHECK_EQ_INT(pk_err_from_word(pk_err_word(ERRORS[i])), ERRORS[i]);
        CHECK(strlen(pk_err_text(ERRORS[i])) > 1);
        CHECK(pk_err_exit_code(ERRORS[i]) >= 0);
        CHECK(pk_err_exit_code(ERRORS[i]) <= 9);
    }
}

PK_TEST(err_list__the_wire_contract__keeps_values_words_and_exit_codes) {
    CHECK_EQ_INT(PK_OK, 0);
    CHECK_EQ_INT(pk_err_exit_code(PK_OK), 0);
    CHECK_EQ_INT(PK_E_NOT_FOUND, -6);
    CHECK_STR(pk_err_word(PK_E_NOT_FOUND), "not_found");
    CHECK_EQ_INT(pk_err_exit_code(PK_E_NOT_FOUND), 3);
    CHECK_STR(pk_err_word(PK_E_POLICY), "refused");
    CHECK_EQ_INT(pk_err_exit_code(PK_E_POLICY), 5);
    CHECK_EQ_INT(PK_E_NO_SPACE, -36);
    CHECK_STR(pk_err_text(PK_E_NO_SPACE), "the disk is full");
}

PK_TEST(err_word__value_outside_the_list__is_unknown) {
    static const int STRANGERS[] = {1, 7, -1000, -37, 2147483647, -2147483647 - 1};
    for (size_t i = 0; i < sizeof STRANGERS / sizeof STRANGERS[0]; i++) {
        CHECK_STR(pk_err_word(STRANGERS[i]), "unknown");
        CHECK_STR(pk_err_text(STRANGERS[i]), "unknown error");
        CHECK_EQ_INT(pk_err_exit_code(STRANGERS[i]), 1);
    }
}

PK_TEST(err_from_word__no_such_word__is_not_found) {
    CHECK_EQ_INT(pk_err_from_word("no_such_word"), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_err_from_word(""), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_err_from_word("OK"), PK_E_NOT_FOUND);
}

PK_TEST_MAIN(err_word__every_error__reads_back_as_itself,
             err_list__the_wire_contract__keeps_values_words_and_exit_codes,
             err_word__value_outside_the_list__is_unknown, err_from_word__no_such_word__is_not_found)
