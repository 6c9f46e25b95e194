/* Commands about one incident that are more than one question and its answer. */
#include <string.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

/* {"timeline":true} beside the id, whatever the command line said. */
static int ask_incident(struct pk_ctl *c, bool with_timeline, struct pk_str *out_result) {
    struct pk_str args_json;
    struct pk_ctl_args_writer w;
    *out_result = pk_str_make(NULL, 0);
    pk_ctl_args_begin(c, &w);
    if (with_timeline && !pk_ctl_args_has(&c->args, "timeline")) {
        pk_jw_bool(&w.w, "timeline", true);
    }
    if (pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    return pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_GET, args_json, out_result);
}

/* The incident and its timeline as one object (REQUIREMENTS S1-67). */
static void join_detail(struct pk_ctl_text *t, struct pk_str result) {
    const struct pk_ctl_value incident = pk_ctl_member(result, "incident"),
                              timeline = pk_ctl_member(result, "timeline"),
                              is_cut = pk_ctl_member(result, "timeline_cut");
    if (incident.kind != PK_JSON_OBJECT || timeline.kind == PK_JSON_END) {
        pk_ctl_text_put_str(t, incident.kind == PK_JSON_OBJECT ? incident.json : result);
        return;
    }
    pk_ctl_text_put(t, incident.json.p, incident.json.n - 1);
    pk_ctl_text_puts(t, ",\"timeline\":");
    pk_ctl_text_put_str(t, timeline.json);
    pk_ctl_text_puts(t, pk_ctl_is_true(is_cut) ? ",\"timeline_cut\":true}" : "}");
}

int pk_ctl_do_incident(struct pk_ctl *c) {
    struct pk_str result;
    struct pk_ctl_text detail = {0};
    const int exit_code = ask_incident(c, false, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    join_detail(&detail, result);
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&detail));
    pk_ctl_text_free(&detail);
    if (c->format == PK_CTL_TABLE && pk_ctl_args_has(&c->args, "timeline")) {
        pk_ctl_text_putc(&c->out, '\n');
        pk_ctl_view_table(&c->out, &PK_CTL_VIEW_timeline, result, &c->look);
    }
    return 0;
}

/* ---- timeline ---- */

static bool is_wanted(const struct pk_ctl *c, const char *option, struct pk_str entry, const char *member) {
    const char *wanted = pk_ctl_args_text(&c->args, option);
    return wanted == NULL || pk_str_eq_nocase(pk_ctl_word(pk_ctl_member(entry, member)), wanted);
}

static bool entry_is_wanted(const struct pk_ctl *c, struct pk_str entry) {
    return is_wanted(c, "event-type", entry, "event") && is_wanted(c, "source", entry, "source");
}

int pk_ctl_do_timeline(struct pk_ctl *c) {
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    const int exit_code = ask_incident(c, true, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    const struct pk_str all = pk_ctl_member(result, "timeline").json;
    uint64_t count = 0;
    pk_ctl_walk_init(&walk, all);
    while (pk_ctl_walk_next(&walk, &entry)) {
        count += entry_is_wanted(c, entry.json) ? 1 : 0;
    }
    const uint64_t limit = pk_ctl_args_u64(&c->args, "limit", UINT64_MAX);
    uint64_t skip = count > limit ? count - limit : 0;
    struct pk_ctl_text kept = {0};
    const char *separator = "";
    pk_ctl_text_puts(&kept, "{\"timeline\":[");
    pk_ctl_walk_init(&walk, all);
    while (pk_ctl_walk_next(&walk, &entry)) {
        if (!entry_is_wanted(c, entry.json)) {
            continue;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        pk_ctl_text_puts(&kept, separator);
        pk_ctl_text_put_str(&kept, entry.json);
        separator = ",";
    }
    pk_ctl_text_puts(&kept, pk_ctl_is_true(pk_ctl_member(result, "timeline_cut"))
                                ? "],\"timeline_cut\":true}"
                                : "],\"timeline_cut\":false}");
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&kept));
    pk_ctl_text_free(&kept);
    return 0;
}

/* ---- assign, update ---- */

int pk_ctl_do_assign(struct pk_ctl *c) {
    const bool has_user = pk_ctl_args_has(&c->args, "user");
    if (has_user == pk_ctl_args_has(&c->args, "unassign")) {
        return pk_ctl_fail(c, PK_E_USAGE, "say either who it is assigned to or --unassign",
                           pk_str_make(NULL, 0));
    }
    return pk_ctl_do_call(c);
}

static int assign_too(struct pk_ctl *c, const char *user, bool shows_answer) {
    struct pk_ctl_args_writer w;
    struct pk_str args_json, result;
    pk_buf_init(&w.b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w.w, &w.b);
    pk_jw_object(&w.w, NULL);
    pk_jw_cstr(&w.w, "incident_id", pk_ctl_args_text(&c->args, "id"));
    pk_jw_cstr(&w.w, "user", user);
    if (pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    if (pk_ctl_is_dry_run(c, PK_CMD_INCIDENTS_ASSIGN, args_json)) {
        return 0;
    }
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_ASSIGN, args_json, &result);
    if (exit_code == 0 && shows_answer) {
        pk_ctl_show(c, c->command->view, result);
    }
    return exit_code;
}

int pk_ctl_do_update(struct pk_ctl *c) {
    const char *user = pk_ctl_args_text(&c->args, "assigned-to");
    const bool has_change = pk_ctl_args_has(&c->args, "status") || pk_ctl_args_has(&c->args, "stage") ||
                            pk_ctl_args_has(&c->args, "severity") || pk_ctl_args_has(&c->args, "note");
    if (!has_change && user == NULL) {
        return pk_ctl_fail(c, PK_E_USAGE, "nothing to update: --status, --stage, --note or --assigned-to",
                           pk_str_make(NULL, 0));
    }
    if (!has_change) {
        return assign_too(c, user, true);
    }
    const int exit_code = pk_ctl_do_call(c);
    return exit_code != 0 || user == NULL ? exit_code : assign_too(c, user, false);
}

/* ---- mitigate ---- */

static int list_actions(struct pk_ctl *c) {
    struct pk_str result;
    struct pk_ctl_text recommended = {0};
    int exit_code = ask_incident(c, false, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    /* The answer is gone with the next question. */
    pk_ctl_put_value(&recommended, pk_ctl_member(result, "incident.recommended"), false);
    exit_code = pk_ctl_ask_or_fail(c, PK_CMD_ACTIONS_LIST, pk_str_of("{}"), &result);
    if (exit_code == 0) {
        if (c->format == PK_CTL_TABLE && !pk_str_eq_c(pk_ctl_text_str(&recommended), "-")) {
            pk_ctl_text_puts(&c->out, "recommended: ");
            pk_ctl_text_put_str(&c->out, pk_ctl_text_str(&recommended));
            pk_ctl_text_puts(&c->out, "\n\n");
        }
        pk_ctl_show(c, &PK_CTL_VIEW_actions, result);
    }
    pk_ctl_text_free(&recommended);
    return exit_code;
}

int pk_ctl_do_mitigate(struct pk_ctl *c) {
    struct pk_ctl_args_writer w;
    struct pk_str args_json, result;
    const bool is_list = pk_ctl_args_has(&c->args, "list-actions");
    if (is_list == pk_ctl_args_has(&c->args, "action")) {
        return pk_ctl_fail(c, PK_E_USAGE, "say either --list-actions or --action A", pk_str_make(NULL, 0));
    }
    if (is_list) {
        return list_actions(c);
    }
    pk_ctl_args_begin(c, &w);
    if (c->is_dry_run) {
        /* The agent knows mode, budget and targets: it says what would happen. */
        pk_jw_bool(&w.w, "dry_run", true);
    }
    if (pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_MITIGATE, args_json, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_show(c, c->command->view, result);
    /* It was taken, but does not run before somebody says so. */
    return pk_str_eq_c(pk_ctl_word(pk_ctl_member(result, "state")), "awaiting_approval")
               ? pk_err_exit_code(PK_E_NEEDS_APPROVAL)
               : 0;
}
