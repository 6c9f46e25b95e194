#ifndef PK_ROLE_H
#define PK_ROLE_H
/* Who may do what (WIRE "Command"): viewer < responder < approver < admin. `hub` stands apart: it may do what
 * the command table marks for it and nothing else. */
#include "base/pk_text.h"

enum pk_role {
    PK_ROLE_NONE,
    PK_ROLE_VIEWER,
    PK_ROLE_RESPONDER,
    PK_ROLE_APPROVER,
    PK_ROLE_ADMIN,
    PK_ROLE_HUB,
    PK_ROLE_COUNT
};

/* "none" "viewer" "responder" "approver" "admin" "hub"; "none" for a value out of range. Never NULL. */
const char *pk_role_word(enum pk_role role);
/* Any case. PK_E_BAD_FIELD for anything else, "none" included: nobody is given that on purpose. */
PK_MUST_USE int pk_role_parse(struct pk_str s, enum pk_role *out);
/* `held` reaches `needed` on the ladder. PK_ROLE_HUB reaches nothing but itself, and only it reaches
 * PK_ROLE_HUB. */
bool pk_role_reaches(enum pk_role held, enum pk_role needed);
#endif
