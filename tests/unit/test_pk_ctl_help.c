#include <string.h>

#include "ctl/pk_ctl_commands.h"
#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

PK_TEST(help__names_every_command) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "help"), 0);
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        const struct pk_ctl_command *command = pk_ctl_command((enum pk_ctl_command_id)i);
        CHECK(strstr(rig.out, command->words) != NULL);
        CHECK(strstr(rig.out, command->help) != NULL);
    }
    CHECK(strstr(rig.out, "--socket PATH") != NULL);
    char whole[sizeof rig.out];
    memcpy(whole, rig.out, sizeof whole);
    CHECK_EQ_INT(ctl_rig_run(&rig, "--help"), 0);
    CHECK_STR(rig.out, whole);
    ctl_rig_end(&rig);
}

/* Every row of the table can be explained: options, the daemon's words included. */
PK_TEST(help__of_every_command) {
    ctl_rig_begin_alone(&rig);
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        const struct pk_ctl_command *command = pk_ctl_command((enum pk_ctl_command_id)i);
        char words[128] = "help ";
        strcat(words, command->words);
        CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
        CHECK(strstr(rig.out, "usage: picketctl ") == rig.out);
        CHECK(strstr(rig.out, command->help) != NULL);
    }
    ctl_rig_end(&rig);
}

PK_TEST(help__of_one_command_in_full) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "help incidents ack"), 0);
    CHECK(strstr(rig.out, "usage: picketctl incidents acknowledge ID [options]\n"
                          "also:  picketctl incidents ack ...\n\n"
                          "Acknowledge an incident.\nAsks the agent for incidents.ack: needs the role "
                          "responder or a higher one.\n\n"
                          "arguments and options:\n"
                          "  ID                    incident id\n"
                          "  --note TEXT           note for the timeline\n"
                          "  --expires TIME        it runs out after this time, e.g. 2h; left out: never\n\n"
                          "options of every command:\n") == rig.out);
    CHECK_EQ_INT(ctl_rig_run(&rig, "ack --help"), 0);
    CHECK(strstr(rig.out, "usage: picketctl incidents acknowledge") == rig.out);
    CHECK_EQ_INT(ctl_rig_run(&rig, "help keygen"), 0);
    CHECK(strstr(rig.out, "usage: picketctl keygen --kid KID --role ROLE --out DIR [options]\n") == rig.out);
    CHECK_EQ_INT(ctl_rig_run(&rig, "help note"), 0);
    CHECK(strstr(rig.out, "usage: picketctl incidents note ID TEXT...\n") == rig.out);
    ctl_rig_end(&rig);
}

PK_TEST(help__of_what_is_no_command) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "help incidents lst"), 2);
    CHECK_STR(rig.err,
              "picketctl: unknown command 'incidents lst'\npicketctl: did you mean 'incidents list'?\n");
    CHECK_EQ_INT(ctl_rig_run(&rig, "help frobnicate"), 2);
    CHECK_STR(rig.out, "");
    CHECK_EQ_INT(ctl_rig_run(&rig, ""), 2);
    CHECK_STR(rig.err, "picketctl: no command\nTry 'picketctl help'.\n");
    ctl_rig_end(&rig);
}

PK_TEST(version__is_one_line) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "--version"), 0);
    CHECK(strstr(rig.out, "picketctl " PK_VERSION) == rig.out);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(help__names_every_command, help__of_every_command, help__of_one_command_in_full,
             help__of_what_is_no_command, version__is_one_line)
