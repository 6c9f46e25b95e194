#ifndef PK_OPTIONS_H
#define PK_OPTIONS_H
/* The command line of picketd. One binary, several processes: the role says which one this is. */
#include <stdbool.h>

#include "base/pk_text.h"

enum pk_process {
    PK_PROCESS_SUPERVISOR, /* no --role: what an operator or an init system starts */
    PK_PROCESS_AGENT,
    PK_PROCESS_CHECK_STORE,  /* exit 0: sound or not there yet, 1: damaged */
    PK_PROCESS_MOVE_STORE,   /* moves a damaged store aside; exit 0 when there is none any more */
    PK_PROCESS_CHECK_CONFIG, /* exit 0: the agent would take what is in the files now, 78: it would not */
    PK_PROCESS_RESOLVE,      /* one host name to addresses; result frame on the inherited descriptor */
    PK_PROCESS_CLEAN,        /* deletes old files of a folder; an action of root, says what it did */
    PK_PROCESS_PROBE,        /* one measurement: order and result frame on the inherited descriptor */
    PK_PROCESS_COUNT
};

enum pk_task {
    PK_TASK_RUN,
    PK_TASK_CHECK_CONFIG, /* -t */
    PK_TASK_MEMORY,
    PK_TASK_SELFTEST,
    PK_TASK_DUMP_STATE,
    PK_TASK_VERSION,
    PK_TASK_HELP
};

struct pk_options {
    enum pk_process process;
    enum pk_task task;
    const char *config_path;                  /* never NULL */
    const char *resolve_name;                 /* RESOLVE only, else NULL */
    const char *clean_path;                   /* CLEAN only, else NULL */
    uint64_t clean_older_s, clean_keep_bytes; /* CLEAN: one at least is not 0 */
    const char *const *environment;           /* NULL-terminated "NAME=value"; the caller's, not copied */
};

#define PK_OPTIONS_CONFIG_DEFAULT "/etc/picket/picketd.conf"

/* PK_OK, or PK_E_USAGE with a sentence in *error. Strings in *out point into argv. */
PK_MUST_USE int pk_options_parse(struct pk_options *out, int argc, char *const *argv,
                                 const char *const *environment, struct pk_buf *error);
/* The text of -h. */
const char *pk_options_usage(void);
const char *pk_process_word(enum pk_process process);
#endif
