#include "wire/pk_role.h"

#include "base/pk_assert.h"

static const char *const WORDS[PK_ROLE_COUNT] = {"none", "viewer", "responder", "approver", "admin", "hub"};

const char *pk_role_word(enum pk_role role) {
    return (unsigned)role < PK_ROLE_COUNT ? WORDS[role] : WORDS[PK_ROLE_NONE];
}

int pk_role_parse(struct pk_str s, enum pk_role *out) {
    for (unsigned i = PK_ROLE_VIEWER; i < PK_ROLE_COUNT; i++) {
        if (pk_str_eq_nocase(s, WORDS[i])) {
            *out = (enum pk_role)i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

bool pk_role_reaches(enum pk_role held, enum pk_role needed) {
    PK_ASSERT((unsigned)held < PK_ROLE_COUNT);
    PK_ASSERT((unsigned)needed < PK_ROLE_COUNT);
    if (held == PK_ROLE_HUB || needed == PK_ROLE_HUB) {
        return held == needed;
    }
    return held != PK_ROLE_NONE && held >= needed;
}
