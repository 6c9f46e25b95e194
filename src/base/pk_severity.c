#include "base/pk_severity.h"

#include "base/pk_assert.h"

const char *pk_severity_word(enum pk_severity s) {
    static const char *const WORDS[PK_SEV_COUNT] = {"info", "low", "medium", "high", "critical"};
    PK_ASSERT((unsigned)s < PK_SEV_COUNT);
    return WORDS[s];
}

int pk_severity_parse(struct pk_str s, enum pk_severity *out) {
    static const struct {
        const char *word;
        enum pk_severity severity;
    } ALIASES[] = {
        {"info", PK_SEV_INFO},
        {"information", PK_SEV_INFO},
        {"informational", PK_SEV_INFO},
        {"debug", PK_SEV_INFO},
        {"low", PK_SEV_LOW},
        {"notice", PK_SEV_LOW},
        {"p3", PK_SEV_LOW},
        {"medium", PK_SEV_MEDIUM},
        {"warning", PK_SEV_MEDIUM},
        {"warn", PK_SEV_MEDIUM},
        {"p2", PK_SEV_MEDIUM},
        {"high", PK_SEV_HIGH},
        {"error", PK_SEV_HIGH},
        {"err", PK_SEV_HIGH},
        {"p1", PK_SEV_HIGH},
        {"critical", PK_SEV_CRITICAL},
        {"crit", PK_SEV_CRITICAL},
        {"fatal", PK_SEV_CRITICAL},
        {"emergency", PK_SEV_CRITICAL},
        {"emerg", PK_SEV_CRITICAL},
        {"alert", PK_SEV_CRITICAL},
        {"p0", PK_SEV_CRITICAL},
    };
    for (size_t i = 0; i < PK_COUNT_OF(ALIASES); i++) {
        if (pk_str_eq_nocase(s, ALIASES[i].word)) {
            *out = ALIASES[i].severity;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}
