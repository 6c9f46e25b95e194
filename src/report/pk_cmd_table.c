#include "report/pk_cmd_table.h"

#include "base/pk_assert.h"

static const struct pk_cmd_row ROWS[PK_CMD_COUNT] = {
#define PK_CMD(symbol, name, role, flags, help) [PK_CMD_##symbol] = {name, PK_ROLE_##role, flags},
#define PK_CMD_ARG(symbol, name, type, flags, max_bytes, help)
#include "report/pk_cmd_table.def"
#undef PK_CMD
#undef PK_CMD_ARG
};

static const struct pk_cmd_arg_row ARG_ROWS[] = {
#define PK_CMD(symbol, name, role, flags, help)
#define PK_CMD_ARG(symbol, name, type, flags, max_bytes, help)                                               \
    {name, max_bytes, PK_CMD_##symbol, type, flags},
#include "report/pk_cmd_table.def"
#undef PK_CMD
#undef PK_CMD_ARG
};

static const char *const HELP[PK_CMD_COUNT] = {
#define PK_CMD(symbol, name, role, flags, help) [PK_CMD_##symbol] = help,
#define PK_CMD_ARG(symbol, name, type, flags, max_bytes, help)
#include "report/pk_cmd_table.def"
#undef PK_CMD
#undef PK_CMD_ARG
};

static const char *const ARG_HELP[] = {
#define PK_CMD(symbol, name, role, flags, help)
#define PK_CMD_ARG(symbol, name, type, flags, max_bytes, help) help,
#include "report/pk_cmd_table.def"
#undef PK_CMD
#undef PK_CMD_ARG
};

const struct pk_cmd_row *pk_cmd_row(enum pk_cmd cmd) {
    PK_ASSERT((unsigned)cmd < PK_CMD_COUNT);
    return &ROWS[cmd];
}

int pk_cmd_find(struct pk_str name, enum pk_cmd *out) {
    for (unsigned i = 0; i < PK_CMD_COUNT; i++) {
        if (pk_str_eq_c(name, ROWS[i].name)) {
            *out = (enum pk_cmd)i;
            return PK_OK;
        }
    }
    return PK_E_UNKNOWN_CMD;
}

const char *pk_cmd_suggest(struct pk_str name) {
    const char *words[PK_CMD_COUNT];
    for (unsigned i = 0; i < PK_CMD_COUNT; i++) {
        words[i] = ROWS[i].name;
    }
    return pk_text_suggest(name, words, PK_CMD_COUNT);
}

const struct pk_cmd_arg_row *pk_cmd_args(enum pk_cmd cmd, uint32_t *out_count) {
    PK_ASSERT((unsigned)cmd < PK_CMD_COUNT);
    const struct pk_cmd_arg_row *first = NULL;
    *out_count = 0;
    for (unsigned i = 0; i < PK_COUNT_OF(ARG_ROWS); i++) {
        if (ARG_ROWS[i].cmd != cmd) {
            continue;
        }
        if (first == NULL) {
            first = &ARG_ROWS[i];
        }
        *out_count += 1;
    }
    return first;
}

const char *pk_cmd_help(enum pk_cmd cmd) {
    PK_ASSERT((unsigned)cmd < PK_CMD_COUNT);
    return HELP[cmd];
}

const char *pk_cmd_arg_help(const struct pk_cmd_arg_row *row) {
    PK_ASSERT(row >= ARG_ROWS && row < ARG_ROWS + PK_COUNT_OF(ARG_ROWS));
    return ARG_HELP[row - ARG_ROWS];
}

const char *pk_arg_type_word(enum pk_arg_type type) {
    switch (type) {
    case PK_ARG_TEXT:
        return "text";
    case PK_ARG_U64:
        return "number";
    case PK_ARG_BOOL:
        return "yes/no";
    case PK_ARG_OBJECT:
        return "object";
    case PK_ARG_LINES:
        return "lines";
    }
    PK_ASSERT(false);
    return "";
}

int pk_cmd_role_check(enum pk_cmd cmd, enum pk_role role) {
    const struct pk_cmd_row *row = pk_cmd_row(cmd);
    if (role == PK_ROLE_HUB) {
        return (row->flags & PK_CMD_HUB) != 0 ? PK_OK : PK_E_DENIED;
    }
    return pk_role_reaches(role, (enum pk_role)row->role) ? PK_OK : PK_E_DENIED;
}
