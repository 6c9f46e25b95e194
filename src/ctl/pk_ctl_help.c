/* Help, made from the command tables. */
#include <string.h>

#include "ctl/pk_ctl.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_reference.h"

enum { NAME_WIDTH = 24, OPTION_WIDTH = 22, WORDS_MAX = 4, TEXT_BYTES = 96 };

static const char INTRO[] =
    "picketctl talks to the Picket agent of this gateway and signs commands for others.\n\n"
    "usage: picketctl COMMAND [arguments] [options]\n\ncommands:\n";
static const char OUTRO[] =
    "\nThe word 'incidents' may be left out where that is clear, and put before any other command.\n"
    "'picketctl help COMMAND' shows arguments and options of a command.\n"
    "\nexit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 needs approval, 5 refused, 6 unreachable, 7 "
    "timed out,\n"
    "            8 conflict, 9 invalid configuration. 'check' has those of a monitoring plugin.\n";

static void put_column(struct pk_ctl_text *t, const struct pk_ctl_text *left, uint32_t width,
                       const char *right) {
    const struct pk_str s = pk_ctl_text_str(left);
    pk_ctl_text_puts(t, "  ");
    pk_ctl_text_put_str(t, s);
    pk_ctl_text_fill(t, ' ', s.n < width ? width - s.n : 1);
    pk_ctl_text_puts(t, right);
    pk_ctl_text_putc(t, '\n');
}

static void put_options(struct pk_ctl_text *t, enum pk_ctl_command_id id, const char *heading) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(id, &count);
    struct pk_ctl_text left = {0};
    if (count > 0) {
        pk_ctl_text_puts(t, heading);
    }
    for (uint32_t i = 0; i < count; i++) {
        left.n = 0;
        if ((rows[i].flags & PK_CTL_POSITIONAL) == 0) {
            pk_ctl_text_puts(&left, "--");
            pk_ctl_text_put_str(&left, pk_ctl_option_name(&rows[i]));
            pk_ctl_text_puts(&left, rows[i].kind == PK_CTL_FLAG ? "" : " ");
        }
        pk_ctl_text_puts(&left, rows[i].placeholder);
        put_column(t, &left, OPTION_WIDTH, pk_ctl_option_help(&rows[i]));
    }
    pk_ctl_text_free(&left);
}

static void put_usage(struct pk_ctl_text *t, enum pk_ctl_command_id id) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(id, &count);
    bool has_options = false;
    pk_ctl_text_puts(t, "usage: picketctl ");
    pk_ctl_text_puts(t, pk_ctl_command(id)->words);
    for (uint32_t i = 0; i < count; i++) {
        const bool is_required = (rows[i].flags & PK_CTL_REQUIRED) != 0;
        const bool is_positional = (rows[i].flags & PK_CTL_POSITIONAL) != 0;
        has_options = has_options || (!is_positional && !is_required);
        if (!is_positional && !is_required) {
            continue;
        }
        pk_ctl_text_puts(t, is_required ? " " : " [");
        if (!is_positional) {
            pk_ctl_text_puts(t, "--");
            pk_ctl_text_put_str(t, pk_ctl_option_name(&rows[i]));
            pk_ctl_text_putc(t, ' ');
        }
        pk_ctl_text_puts(t, rows[i].placeholder);
        pk_ctl_text_puts(t, (rows[i].flags & (PK_CTL_REST | PK_CTL_REPEAT)) != 0 ? "..." : "");
        pk_ctl_text_puts(t, is_required ? "" : "]");
    }
    pk_ctl_text_puts(t, has_options ? " [options]\n" : "\n");
}

static void help_command(struct pk_ctl_text *t, enum pk_ctl_command_id id) {
    const struct pk_ctl_command *command = pk_ctl_command(id);
    put_usage(t, id);
    if (command->other_words != NULL) {
        pk_ctl_text_puts(t, "also:  picketctl ");
        pk_ctl_text_puts(t, command->other_words);
        pk_ctl_text_puts(t, " ...\n");
    }
    pk_ctl_text_putc(t, '\n');
    pk_ctl_text_puts(t, command->help);
    pk_ctl_text_puts(t, ".\n");
    if (command->cmd != PK_CMD_COUNT) {
        const struct pk_cmd_row *row = pk_cmd_row(command->cmd);
        pk_ctl_text_puts(t, "Asks the agent for ");
        pk_ctl_text_puts(t, row->name);
        pk_ctl_text_puts(t, ": needs the role ");
        pk_ctl_text_puts(t, pk_role_word(row->role));
        pk_ctl_text_puts(t, " or a higher one.\n");
    }
    put_options(t, id, "\narguments and options:\n");
    put_options(t, PK_CTL_GLOBAL, "\noptions of every command:\n");
}

static void help_all(struct pk_ctl_text *t) {
    struct pk_ctl_text left = {0};
    pk_ctl_text_puts(t, INTRO);
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        const struct pk_ctl_command *command = pk_ctl_command((enum pk_ctl_command_id)i);
        left.n = 0;
        pk_ctl_text_puts(&left, command->words);
        put_column(t, &left, NAME_WIDTH, command->help);
    }
    pk_ctl_text_free(&left);
    put_options(t, PK_CTL_GLOBAL, "\noptions of every command:\n");
    pk_ctl_text_puts(t, OUTRO);
}

/* The command the words after "help" name. */
static int find_asked(const char *asked, enum pk_ctl_command_id *out, const char **out_near) {
    char texts[WORDS_MAX][TEXT_BYTES];
    const char *words[WORDS_MAX];
    struct pk_str rest = pk_str_of(asked), word;
    uint32_t count = 0, used = 0;
    while (count < WORDS_MAX && pk_str_split(&rest, ' ', &word)) {
        if (word.n > 0) {
            (void)pk_str_copy_cut(word, texts[count], TEXT_BYTES);
            words[count] = texts[count];
            count++;
        }
    }
    const int err = pk_ctl_command_find(words, count, out, &used);
    *out_near = err == PK_OK ? NULL : pk_ctl_command_suggest(words, count);
    return err;
}

int pk_ctl_do_help(struct pk_ctl *c) {
    const char *asked = c->args.command == PK_CTL_HELP ? pk_ctl_args_text(&c->args, "command") : NULL;
    enum pk_ctl_command_id id = c->args.command;
    const char *near = NULL;
    if (c->args.command == PK_CTL_HELP && pk_ctl_args_has(&c->args, "markdown")) {
        pk_ctl_reference(&c->out);
        return 0;
    }
    if (asked == NULL && (id == PK_CTL_HELP || id == PK_CTL_GLOBAL)) {
        help_all(&c->out);
        return 0;
    }
    if (asked != NULL && find_asked(asked, &id, &near) != PK_OK) {
        const int exit_code = pk_ctl_fail(c, PK_E_UNKNOWN_CMD, "unknown command '{}'", pk_str_of(asked));
        return near == NULL ? exit_code
                            : pk_ctl_fail(c, PK_E_UNKNOWN_CMD, "did you mean '{}'?", pk_str_of(near));
    }
    help_command(&c->out, id);
    return 0;
}

int pk_ctl_do_version(struct pk_ctl *c) {
    pk_ctl_text_puts(&c->out, "picketctl " PK_VERSION " (" PK_BOARD ")\n");
    return 0;
}
