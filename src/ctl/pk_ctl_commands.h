#ifndef PK_CTL_COMMANDS_H
#define PK_CTL_COMMANDS_H
/* The command table of picketctl, from pk_ctl_commands.def. */
#include "report/pk_cmd_table.h"

struct pk_ctl;
struct pk_ctl_view;

enum pk_ctl_command_id {
#define PK_CTL_CMD(symbol, words, other, cmd, handler, view, help) PK_CTL_##symbol,
#define PK_CTL_OPT(symbol, names, kind, flags, arg, placeholder, help)
#include "ctl/pk_ctl_commands.def"
#undef PK_CTL_CMD
#undef PK_CTL_OPT
    PK_CTL_COMMAND_COUNT
};

enum pk_ctl_kind { PK_CTL_TEXT, PK_CTL_NUMBER, PK_CTL_FLAG };
enum pk_ctl_option_flag {
    PK_CTL_POSITIONAL = 1,
    PK_CTL_REQUIRED = 2,
    PK_CTL_REST = 4,  /* positional: all words that are left, joined by a space */
    PK_CTL_REPEAT = 8 /* may be given several times */
};

struct pk_ctl_option {
    enum pk_ctl_command_id command;
    const char *names; /* without dashes, '|' between */
    enum pk_ctl_kind kind;
    uint32_t flags;
    const char *arg; /* argument of the daemon's command it becomes, NULL: none */
    const char *placeholder;
    const char *help; /* NULL: that of the daemon's argument */
};

struct pk_ctl_command {
    const char *words;
    const char *other_words; /* or NULL */
    enum pk_cmd cmd;         /* PK_CMD_COUNT: not a command of the daemon */
    int (*handler)(struct pk_ctl *c);
    const struct pk_ctl_view *view;
    const char *help;
};

const struct pk_ctl_command *pk_ctl_command(enum pk_ctl_command_id id);
/* The option rows of a command, in the order of the table. */
const struct pk_ctl_option *pk_ctl_options(enum pk_ctl_command_id id, uint32_t *out_count);
/* Help of an option, taken from the daemon's table where it has none of its own. */
const char *pk_ctl_option_help(const struct pk_ctl_option *option);
/* The first of its names. Never empty. */
struct pk_str pk_ctl_option_name(const struct pk_ctl_option *option);
bool pk_ctl_option_is(const struct pk_ctl_option *option, struct pk_str name);

/* Finds the command that the leading words name, the longest form first; *out_used says how many words it
 * took. PK_OK or PK_E_UNKNOWN_CMD. */
PK_MUST_USE int pk_ctl_command_find(const char *const *words, uint32_t count, enum pk_ctl_command_id *out,
                                    uint32_t *out_used);
/* Nearest command for words that name none, or NULL. */
const char *pk_ctl_command_suggest(const char *const *words, uint32_t count);
#endif
