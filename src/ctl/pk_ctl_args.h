#ifndef PK_CTL_ARGS_H
#define PK_CTL_ARGS_H
/* The command line, checked against the command table. */
#include "ctl/pk_ctl_commands.h"

enum { PK_CTL_VALUES_MAX = 64, PK_CTL_WHY_BYTES = 256, PK_CTL_REST_BYTES = 1024 };

struct pk_ctl_arg {
    const struct pk_ctl_option *option;
    const char *value; /* "" for a flag; points into argv or `rest` */
};
struct pk_ctl_args {
    enum pk_ctl_command_id command;
    struct pk_ctl_arg values[PK_CTL_VALUES_MAX];
    uint32_t count;
    char rest[PK_CTL_REST_BYTES]; /* words of a REST argument, joined */
};

/* argv without the program's name. PK_OK, PK_E_USAGE or PK_E_UNKNOWN_CMD with a sentence in `why`. Options
 * may stand anywhere; "--" ends them. `--version` and a lone `--help` are the commands of that name. */
PK_MUST_USE int pk_ctl_args_parse(struct pk_ctl_args *args, int argc, char *const *argv,
                                  char why[PK_CTL_WHY_BYTES]);
bool pk_ctl_args_has(const struct pk_ctl_args *args, const char *name);
/* NULL when it was not given. `name` is the shown one. */
const char *pk_ctl_args_text(const struct pk_ctl_args *args, const char *name);
uint64_t pk_ctl_args_u64(const struct pk_ctl_args *args, const char *name, uint64_t fallback);
#endif
