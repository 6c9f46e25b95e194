#include "roles/pk_options.h"

#include "base/pk_assert.h"

static const char *const process_words[PK_PROCESS_COUNT] = {
    [PK_PROCESS_SUPERVISOR] = "supervisor",
    [PK_PROCESS_AGENT] = "agent",
    [PK_PROCESS_CHECK_STORE] = "check-store",
    [PK_PROCESS_MOVE_STORE] = "move-store",
    [PK_PROCESS_CHECK_CONFIG] = "check-config",
    [PK_PROCESS_RESOLVE] = "resolve",
    [PK_PROCESS_CLEAN] = "clean",
    [PK_PROCESS_PROBE] = "probe",
};

const char *pk_process_word(enum pk_process process) {
    return (unsigned)process < PK_PROCESS_COUNT ? process_words[process] : "unknown";
}

const char *pk_options_usage(void) {
    return "usage: picketd [-c FILE] [TASK]\n"
           "\n"
           "Watches this machine, opens incidents, acts on them and reports them. Runs in the foreground.\n"
           "\n"
           "  -c FILE        configuration (default " PK_OPTIONS_CONFIG_DEFAULT ")\n"
           "\n"
           "Tasks instead of running:\n"
           "  -t             check configuration, rules and actions; print the memory budget\n"
           "  --memory       print every table with its capacity and bytes\n"
           "  --selftest     run the known-answer tests of codecs and cryptography\n"
           "  --dump-state   ask the running daemon for its state and print it\n"
           "  --version      print version and board\n"
           "  -h, --help     print this\n"
           "\n"
           "Signals: HUP reload, USR1 dump state, USR2 next log level, TERM stop.\n"
           "Variables PICKET_<SECTION>_<KEY> override the configuration.\n"
           "Exit: 0 clean, 1 failed, 2 usage, 78 configuration refused.\n";
}

static int fail(struct pk_buf *error, const char *text, const char *argument) {
    pk_buf_puts(error, text);
    pk_buf_puts(error, argument);
    return PK_E_USAGE;
}

static int set_process(struct pk_options *o, const char *word, struct pk_buf *error) {
    for (unsigned i = PK_PROCESS_AGENT; i < PK_PROCESS_COUNT; i++) {
        if (pk_str_eq_c(pk_str_of(word), process_words[i])) {
            o->process = (enum pk_process)i;
            return PK_OK;
        }
    }
    return fail(error, "no such role: ", word);
}

static int set_task(struct pk_options *o, enum pk_task task, struct pk_buf *error) {
    if (o->task != PK_TASK_RUN && o->task != task) {
        return fail(error, "only one task at a time", "");
    }
    o->task = task;
    return PK_OK;
}

static bool task_of(struct pk_str flag, enum pk_task *out) {
    static const struct {
        const char *flag;
        enum pk_task task;
    } tasks[] = {
        {"-t", PK_TASK_CHECK_CONFIG},     {"--memory", PK_TASK_MEMORY},
        {"--selftest", PK_TASK_SELFTEST}, {"--dump-state", PK_TASK_DUMP_STATE},
        {"--version", PK_TASK_VERSION},   {"-h", PK_TASK_HELP},
        {"--help", PK_TASK_HELP},
    };
    for (size_t i = 0; i < PK_COUNT_OF(tasks); i++) {
        if (pk_str_eq_c(flag, tasks[i].flag)) {
            *out = tasks[i].task;
            return true;
        }
    }
    return false;
}

static int check(const struct pk_options *o, struct pk_buf *error) {
    if ((o->process == PK_PROCESS_RESOLVE) != (o->resolve_name != NULL)) {
        return fail(error, "--name goes with --role=resolve", "");
    }
    const bool has_limit = o->clean_older_s > 0 || o->clean_keep_bytes > 0;
    if ((o->process == PK_PROCESS_CLEAN) != (o->clean_path != NULL) || (o->clean_path != NULL) != has_limit) {
        return fail(error, "--role=clean takes --path, and --older or --keep", "");
    }
    if (o->process != PK_PROCESS_SUPERVISOR && o->task != PK_TASK_RUN) {
        return fail(error, "a role takes no task", "");
    }
    return PK_OK;
}

/* The value behind a flag. PK_E_NOT_FOUND: not such a flag. */
static int take_value(struct pk_options *o, struct pk_str flag, const char *value, struct pk_buf *error) {
    uint64_t ms = 0;
    if (pk_str_eq_c(flag, "-c")) {
        o->config_path = value;
    } else if (pk_str_eq_c(flag, "--name")) {
        o->resolve_name = value;
    } else if (pk_str_eq_c(flag, "--path")) {
        o->clean_path = value;
    } else if (pk_str_eq_c(flag, "--older")) {
        if (pk_parse_duration_ms(pk_str_of(value), &ms) < 0 || ms < 60000u) {
            return fail(error, "not a time of a minute or more: ", value);
        }
        o->clean_older_s = ms / 1000u;
    } else if (pk_parse_size_bytes(pk_str_of(value), &o->clean_keep_bytes) < 0 || o->clean_keep_bytes == 0) {
        return fail(error, "not a size such as 100M: ", value);
    }
    return PK_OK;
}

static bool has_value(struct pk_str flag) {
    static const char *const FLAGS[] = {"-c", "--name", "--path", "--older", "--keep"};
    for (size_t i = 0; i < PK_COUNT_OF(FLAGS); i++) {
        if (pk_str_eq_c(flag, FLAGS[i])) {
            return true;
        }
    }
    return false;
}

int pk_options_parse(struct pk_options *out, int argc, char *const *argv, const char *const *environment,
                     struct pk_buf *error) {
    *out = (struct pk_options){.config_path = PK_OPTIONS_CONFIG_DEFAULT, .environment = environment};
    for (int i = 1; i < argc; i++) {
        const struct pk_str flag = pk_str_of(argv[i]);
        enum pk_task task = PK_TASK_RUN;
        int err = PK_OK;
        if (task_of(flag, &task)) {
            err = set_task(out, task, error);
        } else if (pk_str_starts(flag, "--role=")) {
            err = set_process(out, argv[i] + 7, error);
        } else if (has_value(flag)) {
            if (i + 1 >= argc || argv[i + 1][0] == '\0') {
                return fail(error, "a value is missing after ", argv[i]);
            }
            err = take_value(out, flag, argv[++i], error);
        } else {
            err = fail(error, "unknown argument: ", argv[i]);
        }
        if (err != PK_OK) {
            return err;
        }
    }
    return check(out, error);
}
