#include "base/pk_log_format.h"

#include "base/pk_assert.h"

static const char *const WORDS[PK_LOG_FORMAT_COUNT] = {"plain", "syslog", "syslog5", "kernel",
                                                       "json",  "access", "httpd",   "stamped"};

const char *pk_log_format_word(enum pk_log_format f) {
    PK_ASSERT((unsigned)f < PK_LOG_FORMAT_COUNT);
    return WORDS[f];
}

int pk_log_format_parse(struct pk_str word, enum pk_log_format *out) {
    for (unsigned i = 0; i < PK_LOG_FORMAT_COUNT; i++) {
        if (pk_str_eq_c(word, WORDS[i])) {
            *out = (enum pk_log_format)i;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}
