#ifndef PK_CMD_TABLE_H
#define PK_CMD_TABLE_H
/* The one command table, from pk_cmd_table.def. Handlers live in src/agent, by enum pk_cmd. */
#include "base/pk_text.h"
#include "wire/pk_role.h"

enum pk_cmd {
#define PK_CMD(symbol, name, role, flags, help) PK_CMD_##symbol,
#define PK_CMD_ARG(symbol, name, type, flags, max_bytes, help)
#include "report/pk_cmd_table.def"
#undef PK_CMD
#undef PK_CMD_ARG
    PK_CMD_COUNT
};

enum pk_cmd_flag {
    PK_CMD_MUTATES = 1,
    PK_CMD_STREAM = 2,
    PK_CMD_LOCAL = 4,
    PK_CMD_HUB = 8,
    PK_CMD_ANY_CLOCK = 16,
    PK_CMD_BY_RISK =
        32 /* the role of the row is the least: the risk of the action may ask for a higher one */
};
enum pk_arg_type {
    PK_ARG_TEXT, /* JSON string */
    PK_ARG_U64,  /* whole number >= 0 */
    PK_ARG_BOOL,
    PK_ARG_OBJECT, /* JSON object, handed on as it stands */
    PK_ARG_LINES   /* JSON string of several lines, handed on as it stands between its quotes */
};
enum pk_arg_flag {
    PK_ARG_REQUIRED = 1,
    PK_ARG_OR_NUMBER = 2 /* TEXT that is mostly a number: a JSON number is taken as it is written */
};

struct pk_cmd_arg_row {
    const char *name;
    uint16_t max_bytes; /* of the text or object */
    uint8_t cmd;        /* enum pk_cmd */
    uint8_t type;       /* enum pk_arg_type */
    uint8_t flags;      /* enum pk_arg_flag */
};
struct pk_cmd_row {
    const char *name;
    uint8_t role; /* enum pk_role, the least; some commands need more, by the risk of what they ask for: their
                     handler says */
    uint8_t flags; /* enum pk_cmd_flag */
};

const struct pk_cmd_row *pk_cmd_row(enum pk_cmd cmd);
/* PK_OK or PK_E_UNKNOWN_CMD. */
PK_MUST_USE int pk_cmd_find(struct pk_str name, enum pk_cmd *out);
/* Closest name, for "did you mean"; NULL when none is near. */
const char *pk_cmd_suggest(struct pk_str name);
/* The argument rows of a command, in the order of the table; NULL and *out_count 0 when it takes none. */
const struct pk_cmd_arg_row *pk_cmd_args(enum pk_cmd cmd, uint32_t *out_count);
/* One line for people. Texts of their own, so that the daemon, which shows them to nobody, does not hold
 * them. */
const char *pk_cmd_help(enum pk_cmd cmd);
const char *pk_cmd_arg_help(const struct pk_cmd_arg_row *row);
const char *pk_arg_type_word(enum pk_arg_type type); /* "text" "number" "yes/no" "object" */

/* PK_OK or PK_E_DENIED: may this role call it at all (the hub's flag included). */
PK_MUST_USE int pk_cmd_role_check(enum pk_cmd cmd, enum pk_role role);
#endif
