#include "roles/pk_options.h"

#include "support/pk_test.h"

static struct pk_options the_options;
static char the_error[120];

static int parse(char *a, char *b, char *c) {
    char name[] = "picketd";
    char *argv[] = {name, a, b, c, NULL};
    int argc = 1;
    while (argv[argc] != NULL) {
        argc++;
    }
    struct pk_buf error;
    pk_buf_init(&error, the_error, sizeof the_error);
    return pk_options_parse(&the_options, argc, argv, NULL, &error);
}
#define ARG(text) ((char[]){text})

PK_TEST(options__none__is_the_supervisor_with_the_default_file) {
    CHECK_EQ_INT(parse(NULL, NULL, NULL), PK_OK);
    CHECK_EQ_INT(the_options.process, PK_PROCESS_SUPERVISOR);
    CHECK_EQ_INT(the_options.task, PK_TASK_RUN);
    CHECK_STR(the_options.config_path, "/etc/picket/picketd.conf");
    CHECK(the_options.resolve_name == NULL);
}

PK_TEST(options__every_task__is_known) {
    static const struct {
        const char *flag;
        enum pk_task task;
    } tasks[] = {
        {"-t", PK_TASK_CHECK_CONFIG},        {"--memory", PK_TASK_MEMORY}, {"--selftest", PK_TASK_SELFTEST},
        {"--version", PK_TASK_VERSION},      {"-h", PK_TASK_HELP},         {"--help", PK_TASK_HELP},
        {"--dump-state", PK_TASK_DUMP_STATE}};
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        char flag[20];
        (void)pk_str_copy_cut(pk_str_of(tasks[i].flag), flag, sizeof flag);
        CHECK_EQ_INT(parse(flag, NULL, NULL), PK_OK);
        CHECK_EQ_INT(the_options.task, tasks[i].task);
    }
    CHECK_EQ_INT(parse(ARG("-t"), ARG("-c"), ARG("x.conf")), PK_OK);
    CHECK_STR(the_options.config_path, "x.conf");
    CHECK_EQ_INT(parse(ARG("-t"), ARG("--memory"), NULL), PK_E_USAGE);
    CHECK_STR(the_error, "only one task at a time");
    CHECK_EQ_INT(parse(ARG("-h"), ARG("--help"), NULL), PK_OK); /* the same twice */
}

PK_TEST(options__roles__and_what_goes_with_them) {
    CHECK_EQ_INT(parse(ARG("--role=agent"), NULL, NULL), PK_OK);
    CHECK_EQ_INT(the_options.process, PK_PROCESS_AGENT);
    CHECK_EQ_INT(parse(ARG("--role=check-store"), NULL, NULL), PK_OK);
    CHECK_EQ_INT(the_options.process, PK_PROCESS_CHECK_STORE);
    CHECK_EQ_INT(parse(ARG("--role=move-store"), NULL, NULL), PK_OK);
    CHECK_EQ_INT(the_options.process, PK_PROCESS_MOVE_STORE);
    CHECK_EQ_INT(parse(ARG("--role=check-config"), NULL, NULL), PK_OK);
    CHECK_EQ_INT(the_options.process, PK_PROCESS_CHECK_CONFIG);
    CHECK_EQ_INT(parse(ARG("--role=resolve"), ARG("--name"), ARG("broker")), PK_OK);
    CHECK_STR(the_options.resolve_name, "broker");
    CHECK_EQ_INT(parse(ARG("--role=resolve"), NULL, NULL), PK_E_USAGE);
    CHECK_EQ_INT(parse(ARG("--name"), ARG("broker"), NULL), PK_E_USAGE);
    CHECK_EQ_INT(parse(ARG("--role=agent"), ARG("-t"), NULL), PK_E_USAGE);
    CHECK_EQ_INT(parse(ARG("--role=supervisor"), NULL, NULL), PK_E_USAGE); /* that is no role to ask for */
    CHECK_EQ_INT(parse(ARG("--role="), NULL, NULL), PK_E_USAGE);
    CHECK_STR(pk_process_word(PK_PROCESS_CHECK_STORE), "check-store");
    CHECK_STR(pk_process_word(PK_PROCESS_COUNT), "unknown");
}

PK_TEST(options__mistakes__are_named) {
    CHECK_EQ_INT(parse(ARG("-x"), NULL, NULL), PK_E_USAGE);
    CHECK_STR(the_error, "unknown argument: -x");
    CHECK_EQ_INT(parse(ARG("-c"), NULL, NULL), PK_E_USAGE);
    CHECK_STR(the_error, "a value is missing after -c");
    CHECK_EQ_INT(parse(ARG("-c"), ARG(""), NULL), PK_E_USAGE);
    CHECK_EQ_INT(parse(ARG("stray"), NULL, NULL), PK_E_USAGE);
    CHECK(pk_str_starts(pk_str_of(pk_options_usage()), "usage: picketd"));
}

PK_TEST_MAIN(options__none__is_the_supervisor_with_the_default_file, options__every_task__is_known,
             options__roles__and_what_goes_with_them, options__mistakes__are_named)
