#include "ctl/pk_ctl_reference.h"

#include "ctl/pk_ctl_commands.h"
#include "ctl/pk_ctl_markdown.h"

static const char INTRO[] = "# picketctl\n\n"
                            "Made from the command table by `picketctl help --markdown`; a test fails when "
                            "it is not what that says.\n\n"
                            "`picketctl COMMAND [arguments] [options]`. The word `incidents` may be left out "
                            "where that is clear, and put "
                            "before any other command. Options may stand anywhere; `--name value` and "
                            "`--name=value` are the same; `--` "
                            "ends them.\n";
static const char EXIT_CODES[] =
    "\n## Exit codes\n\n"
    "| Code | Meaning |\n|---|---|\n"
    "| 0 | ok |\n| 1 | failed |\n| 2 | wrong usage |\n| 3 | not found |\n| 4 | needs approval |\n"
    "| 5 | refused by policy or role |\n| 6 | the agent cannot be reached |\n| 7 | timed out |\n"
    "| 8 | conflict |\n| 9 | invalid configuration |\n\n"
    "`picketctl check` has those of a monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n"
    "`picketctl doctor` exits 1 when something is in error.\n";

/* Our own words may hold code; a bar would end the cell. */
static void put_words(struct pk_ctl_text *t, const char *words) {
    for (const char *p = words; *p != '\0'; p++) {
        pk_ctl_text_puts(t, *p == '|' ? "\\" : "");
        pk_ctl_text_putc(t, *p);
    }
}

static void put_option(struct pk_ctl_text *t, const struct pk_ctl_option *o) {
    struct pk_str rest = pk_str_of(o->names), name;
    const bool is_positional = (o->flags & PK_CTL_POSITIONAL) != 0;
    pk_ctl_text_puts(t, "| ");
    if (is_positional) {
        pk_ctl_md_code(t, pk_str_of(o->placeholder));
    }
    for (const char *separator = ""; !is_positional && pk_str_split(&rest, '|', &name); separator = ", ") {
        pk_ctl_text_puts(t, separator);
        pk_ctl_text_puts(t, name.n == 1 ? "`-" : "`--");
        pk_ctl_text_put_str(t, name);
        if (o->kind != PK_CTL_FLAG) {
            pk_ctl_text_putc(t, ' ');
            pk_ctl_text_puts(t, o->placeholder);
        }
        pk_ctl_text_putc(t, '`');
    }
    pk_ctl_text_puts(t, " | ");
    put_words(t, pk_ctl_option_help(o));
    pk_ctl_text_puts(t, (o->flags & PK_CTL_REQUIRED) != 0 ? "; required" : "");
    pk_ctl_text_puts(t, " |\n");
}

static void put_options(struct pk_ctl_text *t, enum pk_ctl_command_id id) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(id, &count);
    if (count > 0) {
        pk_ctl_text_puts(t, "\n| | |\n|---|---|\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        put_option(t, &rows[i]);
    }
}

static void put_command(struct pk_ctl_text *t, enum pk_ctl_command_id id) {
    const struct pk_ctl_command *command = pk_ctl_command(id);
    pk_ctl_text_puts(t, "\n### ");
    pk_ctl_text_puts(t, command->words);
    pk_ctl_text_puts(t, "\n\n");
    put_words(t, command->help);
    pk_ctl_text_puts(t, ".");
    if (command->other_words != NULL) {
        pk_ctl_text_puts(t, " Also: ");
        pk_ctl_md_code(t, pk_str_of(command->other_words));
        pk_ctl_text_puts(t, ".");
    }
    if (command->cmd != PK_CMD_COUNT) {
        const struct pk_cmd_row *row = pk_cmd_row(command->cmd);
        pk_ctl_text_puts(t, " Asks the agent for ");
        pk_ctl_md_code(t, pk_str_of(row->name));
        pk_ctl_text_puts(t, ", which needs the role ");
        pk_ctl_text_puts(t, pk_role_word(row->role));
        pk_ctl_text_puts(
            t, (row->flags & PK_CMD_BY_RISK) != 0 ? ", or more when the risk of the action asks for it" : "");
        pk_ctl_text_puts(t, ".");
    }
    pk_ctl_text_putc(t, '\n');
    put_options(t, id);
}

void pk_ctl_reference(struct pk_ctl_text *t) {
    pk_ctl_text_puts(t, INTRO);
    pk_ctl_text_puts(t, "\n## Options of every command\n");
    put_options(t, PK_CTL_GLOBAL);
    pk_ctl_text_puts(t, "\n## Commands\n");
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        put_command(t, (enum pk_ctl_command_id)i);
    }
    pk_ctl_text_puts(t, EXIT_CODES);
}
