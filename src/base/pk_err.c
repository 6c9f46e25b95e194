#include "base/pk_err.h"

#include <string.h>

#include "base/pk_assert.h"

struct err_row {
    const char *word;
    const char *text;
    int exit_code;
};

static const struct err_row ERR_ROWS[] = {
#define PK_ERR(symbol, value, word, exit_code, text) [-(value)] = {(word), (text), (exit_code)},
#include "base/pk_err.def"
};

static const struct err_row *row_of(int err) {
    static const struct err_row UNKNOWN = {"unknown", "unknown error", PK_EXIT_FAILED};
    if (err > 0 || err <= -(int)PK_COUNT_OF(ERR_ROWS)) {
        return &UNKNOWN;
    }
    const struct err_row *row = &ERR_ROWS[-err];
    return row->word != NULL ? row : &UNKNOWN;
}

const char *pk_err_word(int err) {
    return row_of(err)->word;
}

const char *pk_err_text(int err) {
    return row_of(err)->text;
}

int pk_err_exit_code(int err) {
    return row_of(err)->exit_code;
}

int pk_err_from_word(const char *word) {
    for (int i = 0; i < (int)PK_COUNT_OF(ERR_ROWS); i++) {
        if (ERR_ROWS[i].word != NULL && strcmp(ERR_ROWS[i].word, word) == 0) {
            return -i;
        }
    }
    return PK_E_NOT_FOUND;
}
