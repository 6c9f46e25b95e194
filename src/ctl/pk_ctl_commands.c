#include "ctl/pk_ctl_commands.h"

#include <string.h>

#include "base/pk_assert.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_views.h"

static const struct pk_ctl_command COMMANDS[PK_CTL_COMMAND_COUNT] = {
#define PK_CTL_CMD(symbol, words, other, cmd, handler, view, help)                                           \
    [PK_CTL_##symbol] = {words, other, cmd, pk_ctl_do_##handler, &PK_CTL_VIEW_##view, help},
#define PK_CTL_OPT(symbol, names, kind, flags, arg, placeholder, help)
#include "ctl/pk_ctl_commands.def"
#undef PK_CTL_CMD
#undef PK_CTL_OPT
};

static const struct pk_ctl_option OPTIONS[] = {
#define PK_CTL_CMD(symbol, words, other, cmd, handler, view, help)
#define PK_CTL_OPT(symbol, names, kind, flags, arg, placeholder, help)                                       \
    {PK_CTL_##symbol, names, PK_CTL_##kind, flags, arg, placeholder, help},
#include "ctl/pk_ctl_commands.def"
#undef PK_CTL_CMD
#undef PK_CTL_OPT
};

static const char PREFIX[] = "incidents ";
enum { NAME_BYTES = 96, WORDS_MAX = 3 };

const struct pk_ctl_command *pk_ctl_command(enum pk_ctl_command_id id) {
    PK_ASSERT((unsigned)id < PK_CTL_COMMAND_COUNT);
    return &COMMANDS[id];
}

const struct pk_ctl_option *pk_ctl_options(enum pk_ctl_command_id id, uint32_t *out_count) {
    const struct pk_ctl_option *first = NULL;
    *out_count = 0;
    for (uint32_t i = 0; i < PK_COUNT_OF(OPTIONS); i++) {
        if (OPTIONS[i].command == id) {
            first = first == NULL ? &OPTIONS[i] : first;
            *out_count += 1;
        }
    }
    return first;
}

const char *pk_ctl_option_help(const struct pk_ctl_option *option) {
    const enum pk_cmd cmd = COMMANDS[option->command].cmd;
    uint32_t count = 0;
    if (option->help != NULL) {
        return option->help;
    }
    PK_ASSERT(cmd != PK_CMD_COUNT && option->arg != NULL);
    const struct pk_cmd_arg_row *rows = pk_cmd_args(cmd, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, option->arg) == 0) {
            return pk_cmd_arg_help(&rows[i]);
        }
    }
    PK_ASSERT(false);
    return "";
}

struct pk_str pk_ctl_option_name(const struct pk_ctl_option *option) {
    struct pk_str rest = pk_str_of(option->names), name = pk_str_make(NULL, 0);
    (void)pk_str_split(&rest, '|', &name);
    return name;
}

bool pk_ctl_option_is(const struct pk_ctl_option *option, struct pk_str name) {
    struct pk_str rest = pk_str_of(option->names), one;
    while (pk_str_split(&rest, '|', &one)) {
        if (pk_str_eq(one, name)) {
            return true;
        }
    }
    return false;
}

static bool find_name(struct pk_str name, enum pk_ctl_command_id *out) {
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        const struct pk_ctl_command *c = &COMMANDS[i];
        if (pk_str_eq_c(name, c->words) || (c->other_words != NULL && pk_str_eq_c(name, c->other_words))) {
            *out = (enum pk_ctl_command_id)i;
            return true;
        }
    }
    return false;
}

static void join(struct pk_buf *b, const char *const *words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        pk_buf_puts(b, i > 0 ? " " : "");
        pk_buf_puts(b, words[i]);
    }
}

int pk_ctl_command_find(const char *const *words, uint32_t count, enum pk_ctl_command_id *out,
                        uint32_t *out_used) {
    char text[NAME_BYTES];
    struct pk_buf b;
    for (uint32_t used = count < WORDS_MAX ? count : WORDS_MAX; used > 0; used--) {
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, PREFIX);
        join(&b, words, used);
        if (b.is_cut) {
            continue;
        }
        *out_used = used;
        const struct pk_str prefixed = pk_buf_str(&b);
        const struct pk_str plain = pk_str_make(prefixed.p + strlen(PREFIX), prefixed.n - strlen(PREFIX));
        const struct pk_str stripped = pk_str_starts(plain, PREFIX)
                                           ? pk_str_make(plain.p + strlen(PREFIX), plain.n - strlen(PREFIX))
                                           : plain;
        if (find_name(plain, out) || find_name(prefixed, out) || find_name(stripped, out)) {
            return PK_OK;
        }
    }
    *out_used = 0;
    return PK_E_UNKNOWN_CMD;
}

const char *pk_ctl_command_suggest(const char *const *words, uint32_t count) {
    const char *names[PK_CTL_COMMAND_COUNT * 3];
    char text[NAME_BYTES];
    uint32_t n = 0;
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        const char *all = COMMANDS[i].words;
        names[n++] = all;
        if (pk_str_starts(pk_str_of(all), PREFIX)) {
            names[n++] = all + strlen(PREFIX);
        }
        if (COMMANDS[i].other_words != NULL) {
            names[n++] = COMMANDS[i].other_words;
        }
    }
    for (uint32_t used = count < 2 ? count : 2; used > 0; used--) {
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        join(&b, words, used);
        const char *found = b.is_cut ? NULL : pk_text_suggest(pk_buf_str(&b), names, n);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
