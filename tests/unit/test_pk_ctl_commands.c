#include "ctl/pk_ctl_commands.h"

#include <string.h>

#include "support/pk_test.h"

static int find(const char *a, const char *b, const char *c, enum pk_ctl_command_id *id, uint32_t *used) {
    const char *words[3] = {a, b, c};
    return pk_ctl_command_find(words, a == NULL ? 0 : b == NULL ? 1 : c == NULL ? 2 : 3, id, used);
}

PK_TEST(find__takes_every_spelling) {
    static const struct {
        const char *words[3];
        enum pk_ctl_command_id id;
        uint32_t used;
    } ROWS[] = {
        {{"incidents", "list", NULL}, PK_CTL_INCIDENTS_LIST, 2},
        {{"incidents", "ack", "inc_1"}, PK_CTL_INCIDENTS_ACK, 2},
        {{"incidents", "acknowledge", "inc_1"}, PK_CTL_INCIDENTS_ACK, 2},
        {{"ack", "inc_1", NULL}, PK_CTL_INCIDENTS_ACK, 1},
        {{"assign", "inc_1", "bob"}, PK_CTL_INCIDENTS_ASSIGN, 1},
        {{"incidents", "rules", "list"}, PK_CTL_RULES_LIST, 3},
        {{"incidents", "watch", NULL}, PK_CTL_WATCH, 2},
        {{"watch", NULL, NULL}, PK_CTL_WATCH, 1},
        {{"timeline", "inc_1", NULL}, PK_CTL_TIMELINE, 1},
        {{"mode", NULL, NULL}, PK_CTL_MODE, 1},
        {{"mode", "set", "safe"}, PK_CTL_MODE_SET, 2},
        {{"explain", "rule", "x"}, PK_CTL_EXPLAIN, 2},
        {{"dump-state", NULL, NULL}, PK_CTL_DUMP_STATE, 1},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        enum pk_ctl_command_id id = PK_CTL_GLOBAL;
        uint32_t used = 0;
        CHECK_EQ_INT(find(ROWS[i].words[0], ROWS[i].words[1], ROWS[i].words[2], &id, &used), PK_OK);
        CHECK_EQ_INT(id, ROWS[i].id);
        CHECK_EQ_U64(used, ROWS[i].used);
    }
}

PK_TEST(find__refuses_what_is_none_and_has_a_suggestion) {
    enum pk_ctl_command_id id = PK_CTL_GLOBAL;
    uint32_t used = 9;
    const char *const words[] = {"incidents", "lst"};
    CHECK_EQ_INT(find("frobnicate", NULL, NULL, &id, &used), PK_E_UNKNOWN_CMD);
    CHECK_EQ_U64(used, 0);
    CHECK_EQ_INT(find("", NULL, NULL, &id, &used), PK_E_UNKNOWN_CMD);
    CHECK_STR(pk_ctl_command_suggest(words, 2), "incidents list");
    const char *const one[] = {"doctr"};
    CHECK_STR(pk_ctl_command_suggest(one, 1), "doctor");
    const char *const far_off[] = {"frobnicate"};
    CHECK(pk_ctl_command_suggest(far_off, 1) == NULL);
}

/* The command line is cut into words before the command is known, but for options behind it. */
PK_TEST(options__of_one_name_agree_on_taking_a_value) {
    for (unsigned a = 0; a < PK_CTL_COMMAND_COUNT; a++) {
        uint32_t count = 0;
        const struct pk_ctl_option *rows = pk_ctl_options((enum pk_ctl_command_id)a, &count);
        for (unsigned b = 0; b < PK_CTL_COMMAND_COUNT; b++) {
            uint32_t other_count = 0;
            const struct pk_ctl_option *others = pk_ctl_options((enum pk_ctl_command_id)b, &other_count);
            for (uint32_t i = 0; i < count * other_count; i++) {
                const struct pk_ctl_option *x = &rows[i / other_count], *y = &others[i % other_count];
                /* A flag of `watch`, a file of `test-rule`: told by the command that stands before it. */
                if (pk_str_eq_c(pk_ctl_option_name(x), "events")) {
                    continue;
                }
                const bool both = (x->flags & PK_CTL_POSITIONAL) == 0 && (y->flags & PK_CTL_POSITIONAL) == 0;
                if (both && pk_str_eq(pk_ctl_option_name(x), pk_ctl_option_name(y))) {
                    CHECK_EQ_INT(x->kind == PK_CTL_FLAG, y->kind == PK_CTL_FLAG);
                }
            }
        }
    }
}

/* Every option that becomes an argument of the daemon names one that its command has, with a fitting type;
 * every required argument can be given. */
PK_TEST(options__fit_the_daemons_table) {
    for (unsigned a = PK_CTL_GLOBAL; a < PK_CTL_COMMAND_COUNT; a++) {
        const struct pk_ctl_command *command = pk_ctl_command((enum pk_ctl_command_id)a);
        uint32_t count = 0, arg_count = 0;
        const struct pk_ctl_option *rows = pk_ctl_options((enum pk_ctl_command_id)a, &count);
        const struct pk_cmd_arg_row *args =
            command->cmd != PK_CMD_COUNT ? pk_cmd_args(command->cmd, &arg_count) : NULL;
        for (uint32_t i = 0; i < count; i++) {
            CHECK(pk_ctl_option_help(&rows[i])[0] != '\0');
            CHECK(rows[i].kind == PK_CTL_FLAG || rows[i].placeholder[0] != '\0');
            bool is_found = rows[i].arg == NULL;
            for (uint32_t k = 0; k < arg_count && !is_found; k++) {
                is_found = strcmp(args[k].name, rows[i].arg) == 0;
                CHECK(!is_found || (args[k].type == PK_ARG_U64) == (rows[i].kind == PK_CTL_NUMBER));
                CHECK(!is_found || (args[k].type == PK_ARG_BOOL) == (rows[i].kind == PK_CTL_FLAG));
            }
            CHECK(is_found);
        }
    }
}

PK_TEST(daemon__every_command_can_be_called) {
    for (unsigned cmd = 0; cmd < PK_CMD_COUNT; cmd++) {
        bool is_there = false;
        for (unsigned a = PK_CTL_GLOBAL + 1; a < PK_CTL_COMMAND_COUNT; a++) {
            is_there = is_there || (unsigned)pk_ctl_command((enum pk_ctl_command_id)a)->cmd == cmd;
        }
        CHECK(is_there);
    }
}

PK_TEST(option__has_several_names) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(PK_CTL_INCIDENTS_ACK, &count);
    CHECK_EQ_U64(count, 3);
    CHECK(pk_ctl_option_is(&rows[1], pk_str_of("note")));
    CHECK(pk_ctl_option_is(&rows[1], pk_str_of("notes")));
    CHECK(!pk_ctl_option_is(&rows[1], pk_str_of("note|notes")));
    CHECK(pk_str_eq_c(pk_ctl_option_name(&rows[1]), "note"));
    CHECK_STR(pk_ctl_option_help(&rows[1]), "note for the timeline");
}

PK_TEST_MAIN(find__takes_every_spelling, find__refuses_what_is_none_and_has_a_suggestion,
             options__of_one_name_agree_on_taking_a_value, options__fit_the_daemons_table,
             daemon__every_command_can_be_called, option__has_several_names)
