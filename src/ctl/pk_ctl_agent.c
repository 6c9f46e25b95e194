/* Commands about the agent as a whole that are more than one question and its answer. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

int pk_ctl_do_rules(struct pk_ctl *c) {
    struct pk_str args_json, result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    struct pk_ctl_text kept = {0};
    const char *separator = "";
    int exit_code = pk_ctl_args_json(c, &args_json);
    if (exit_code != 0 || !pk_ctl_args_has(&c->args, "enabled")) {
        return exit_code != 0 ? exit_code : pk_ctl_ask_and_show(c, args_json);
    }
    exit_code = pk_ctl_ask_or_fail(c, c->command->cmd, args_json, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_text_puts(&kept, "{\"rules\":[");
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "rules").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_ctl_is_true(pk_ctl_member(row.json, "enabled"))) {
            pk_ctl_text_puts(&kept, separator);
            pk_ctl_text_put_str(&kept, row.json);
            separator = ",";
        }
    }
    pk_ctl_text_puts(&kept, "]}");
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&kept));
    pk_ctl_text_free(&kept);
    return 0;
}

int pk_ctl_do_decide(struct pk_ctl *c) {
    struct pk_ctl_args_writer w;
    struct pk_str args_json;
    pk_ctl_args_begin(c, &w);
    pk_jw_cstr(&w.w, "decision", c->args.command == PK_CTL_APPROVE ? "approve" : "reject");
    if (pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    return pk_ctl_ask_and_show(c, args_json);
}

int pk_ctl_do_mode(struct pk_ctl *c) {
    struct pk_str result;
    struct pk_ctl_text mode = {0};
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_STATUS, pk_str_of("{}"), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_text_puts(&mode, "{\"mode\":");
    const struct pk_ctl_value v = pk_ctl_member(result, "mode");
    pk_ctl_text_put_str(&mode, v.kind == PK_JSON_END ? pk_str_of("null") : v.json);
    pk_ctl_text_puts(&mode, "}");
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&mode));
    pk_ctl_text_free(&mode);
    return 0;
}
