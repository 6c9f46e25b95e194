#ifndef PK_SEVERITY_H
#define PK_SEVERITY_H
#include "base/pk_text.h"

enum pk_severity { PK_SEV_INFO, PK_SEV_LOW, PK_SEV_MEDIUM, PK_SEV_HIGH, PK_SEV_CRITICAL, PK_SEV_COUNT };

const char *pk_severity_word(enum pk_severity s);
/* Any case, and every alias of WIRE "Words and values". PK_E_BAD_FIELD else. */
PK_MUST_USE int pk_severity_parse(struct pk_str s, enum pk_severity *out);
#endif
