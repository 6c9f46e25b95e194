#ifndef PK_ERR_H
#define PK_ERR_H
/* One list of errors for all programs. Negative = error, zero or positive = success or a count. */

enum pk_err {
#define PK_ERR(symbol, value, word, exit_code, text) symbol = (value),
#include "base/pk_err.def"
};
enum pk_exit {
#define PK_EXIT(symbol, value) symbol = (value),
#include "base/pk_err.def"
};

#define PK_MUST_USE __attribute__((warn_unused_result))

/* Word on the wire ("not_found"); "unknown" for a value that is not in the list. Never NULL. */
const char *pk_err_word(int err);
/* Sentence for people. Never NULL. */
const char *pk_err_text(int err);
/* Process exit code (CONVENTIONS E.9); 1 for a value that is not in the list. */
int pk_err_exit_code(int err);
/* The error with this word, or PK_E_NOT_FOUND. */
int pk_err_from_word(const char *word);
#endif
