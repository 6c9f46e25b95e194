/* Commands about the agent as a whole that are more than one question and its answer. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_rule_text.h"

int pk_ctl_do_rules(struct pk_ctl *c) {
    struct pk_str args_json;
    struct pk_ctl_text rows = {0}, all = {0};
    int exit_code = pk_ctl_args_json(c, &args_json);
    if (exit_code == 0) {
        exit_code = pk_ctl_rules_all(c, args_json, &rows);
    }
    if (exit_code == 0) {
        pk_ctl_text_puts(&all, "{\"rules\":");
        pk_ctl_text_put_str(&all, pk_ctl_text_str(&rows));
        pk_ctl_text_puts(&all, "}");
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&all));
    }
    pk_ctl_text_free(&rows);
    pk_ctl_text_free(&all);
    return exit_code;
}

int pk_ctl_do_decide(struct pk_ctl *c) {
    struct pk_ctl_args_writer w;
    struct pk_str args_json;
    pk_ctl_args_begin(c, &w);
    pk_jw_cstr(&w.w, "decision",
               c->args.command == PK_CTL_APPROVE    ? "approve"
               : c->args.command == PK_CTL_DELEGATE ? "delegate"
                                                    : "reject");
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
