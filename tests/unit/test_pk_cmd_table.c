#include "report/pk_cmd_table.h"

#include <string.h>

#include "report/pk_args.h"
#include "support/pk_test.h"

PK_TEST(cmd_table__names__are_unique_and_found) {
    for (unsigned i = 0; i < PK_CMD_COUNT; i++) {
        enum pk_cmd found = PK_CMD_COUNT;
        const struct pk_cmd_row *row = pk_cmd_row((enum pk_cmd)i);
        CHECK(pk_cmd_help((enum pk_cmd)i)[0] != '\0');
        CHECK(strlen(row->name) < 32);
        CHECK_EQ_INT(pk_cmd_find(pk_str_of(row->name), &found), PK_OK);
        CHECK_EQ_INT(found, i);
    }
    enum pk_cmd found = PK_CMD_PING;
    CHECK_EQ_INT(pk_cmd_find(pk_str_of("nothing"), &found), PK_E_UNKNOWN_CMD);
    CHECK_EQ_INT(pk_cmd_find(pk_str_of("STATUS"), &found), PK_E_UNKNOWN_CMD);
    CHECK_STR(pk_cmd_suggest(pk_str_of("incidents.lst")), "incidents.list");
    CHECK(pk_cmd_suggest(pk_str_of("something else")) == NULL);
}

PK_TEST(cmd_table__arguments__fit_what_is_kept_of_them) {
    uint32_t total = 0;
    for (unsigned i = 0; i < PK_CMD_COUNT; i++) {
        uint32_t count = 0, text_bytes = 0;
        const struct pk_cmd_arg_row *rows = pk_cmd_args((enum pk_cmd)i, &count);
        CHECK((rows == NULL) == (count == 0));
        CHECK(count <= PK_ARGS_MAX);
        for (uint32_t k = 0; k < count; k++) {
            CHECK_EQ_INT(rows[k].cmd, i); /* arguments stand behind their command */
            CHECK((rows[k].type == PK_ARG_TEXT || rows[k].type == PK_ARG_OBJECT ||
                   rows[k].type == PK_ARG_LINES) == (rows[k].max_bytes > 0));
            text_bytes += rows[k].type == PK_ARG_TEXT ? rows[k].max_bytes + 1 : 0;
            CHECK(pk_arg_type_word(rows[k].type)[0] != '\0');
            CHECK(pk_cmd_arg_help(&rows[k])[0] != '\0');
            CHECK(strlen(rows[k].name) < PK_ARGS_FIELD_BYTES);
        }
        CHECK(text_bytes < PK_ARGS_TEXT_BYTES);
        total += count;
    }
    CHECK(total > 30);
}

PK_TEST(cmd_table__roles__as_the_contract_has_them) {
    static const struct {
        enum pk_cmd cmd;
        enum pk_role least;
        bool hub;
    } CASES[] = {
        {PK_CMD_STATUS, PK_ROLE_VIEWER, true},
        {PK_CMD_INCIDENTS_ACK, PK_ROLE_RESPONDER, false},
        {PK_CMD_MITIGATE, PK_ROLE_RESPONDER, false},
        {PK_CMD_MODE_SET, PK_ROLE_ADMIN, false},
        {PK_CMD_LOG_LEVEL, PK_ROLE_ADMIN, false},
        {PK_CMD_TIME_SET, PK_ROLE_ADMIN, true},
        {PK_CMD_APPROVAL_DECIDE, PK_ROLE_RESPONDER, false},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (unsigned role = PK_ROLE_NONE; role <= PK_ROLE_ADMIN; role++) {
            CHECK_EQ_INT(pk_cmd_role_check(CASES[i].cmd, (enum pk_role)role),
                         role >= CASES[i].least ? PK_OK : PK_E_DENIED);
        }
        CHECK_EQ_INT(pk_cmd_role_check(CASES[i].cmd, PK_ROLE_HUB), CASES[i].hub ? PK_OK : PK_E_DENIED);
    }
    /* What changes something is never open to a mere viewer. */
    for (unsigned i = 0; i < PK_CMD_COUNT; i++) {
        const struct pk_cmd_row *row = pk_cmd_row((enum pk_cmd)i);
        CHECK((row->flags & PK_CMD_MUTATES) == 0 || row->role > PK_ROLE_VIEWER);
        CHECK((row->flags & PK_CMD_STREAM) == 0 || (row->flags & PK_CMD_LOCAL) != 0);
    }
}

PK_TEST_MAIN(cmd_table__names__are_unique_and_found, cmd_table__arguments__fit_what_is_kept_of_them,
             cmd_table__roles__as_the_contract_has_them)
