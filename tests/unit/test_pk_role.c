#include "wire/pk_role.h"

#include "support/pk_test.h"

PK_TEST(role__words__go_both_ways_but_for_none) {
    for (unsigned i = PK_ROLE_VIEWER; i < PK_ROLE_COUNT; i++) {
        enum pk_role role = PK_ROLE_NONE;
        CHECK_EQ_INT(pk_role_parse(pk_str_of(pk_role_word((enum pk_role)i)), &role), PK_OK);
        CHECK_EQ_INT(role, i);
    }
    enum pk_role role = PK_ROLE_ADMIN;
    CHECK_EQ_INT(pk_role_parse(pk_str_of("Approver"), &role), PK_OK);
    CHECK_EQ_INT(role, PK_ROLE_APPROVER);
    CHECK_EQ_INT(pk_role_parse(pk_str_of("none"), &role), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_role_parse(pk_str_of("root"), &role), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_role_parse(pk_str_of(""), &role), PK_E_BAD_FIELD);
    CHECK_EQ_INT(role, PK_ROLE_APPROVER);
    CHECK_STR(pk_role_word((enum pk_role)99), "none");
}

PK_TEST(role__ladder__is_exactly_this_table) {
    static const bool WANT[PK_ROLE_COUNT][PK_ROLE_COUNT] = {
        /* needed:     none   viewer responder approver admin  hub */
        /* none */ {false, false, false, false, false, false},
        /* viewer */ {true, true, false, false, false, false},
        /* responder */ {true, true, true, false, false, false},
        /* approver */ {true, true, true, true, false, false},
        /* admin */ {true, true, true, true, true, false},
        /* hub */ {false, false, false, false, false, true},
    };
    for (unsigned held = 0; held < PK_ROLE_COUNT; held++) {
        for (unsigned needed = 0; needed < PK_ROLE_COUNT; needed++) {
            CHECK_EQ_INT(pk_role_reaches((enum pk_role)held, (enum pk_role)needed), WANT[held][needed]);
        }
    }
}

PK_TEST_MAIN(role__words__go_both_ways_but_for_none, role__ladder__is_exactly_this_table)
