/* `incidents mitigate`: what can be run for an incident, and running it. `undo`: taking it back. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"
#include "incident/pk_incident_id.h"

enum { ID_BYTES = 80 };

static bool has_item(struct pk_str array, struct pk_str word) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value item;
    pk_ctl_walk_init(&walk, array);
    while (pk_ctl_walk_next(&walk, &item)) {
        if (pk_str_eq(pk_ctl_word(item), word)) {
            return true;
        }
    }
    return false;
}

/* The newest run of the action for this incident: its state, empty when it was never taken. */
static struct pk_str taken_state(struct pk_str taken, struct pk_str action) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    struct pk_str state = pk_str_make("", 0);
    pk_ctl_walk_init(&walk, taken);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (row.kind == PK_JSON_OBJECT && pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, "action")), action)) {
            state = pk_ctl_word(pk_ctl_member(row.json, "state"));
        }
    }
    return state;
}

struct about {
    struct pk_str recommended, taken; /* of the incident, as JSON arrays */
};

static void put_rows(struct pk_ctl_text *t, struct pk_str actions, const struct about *about,
                     bool is_recommended) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, actions);
    while (pk_ctl_walk_next(&walk, &row)) {
        const struct pk_str action =
            row.kind == PK_JSON_OBJECT ? pk_ctl_word(pk_ctl_member(row.json, "action")) : pk_str_make("", 0);
        if (row.kind != PK_JSON_OBJECT || has_item(about->recommended, action) != is_recommended) {
            continue;
        }
        pk_ctl_text_puts(t, t->p[t->n - 1] == '[' ? "" : ",");
        pk_ctl_text_put(t, row.json.p, row.json.n - 1);
        pk_ctl_text_puts(t, is_recommended ? ",\"recommended\":true" : ",\"recommended\":false");
        pk_ctl_text_puts(t, ",\"taken\":\"");
        pk_ctl_text_put_str(t, taken_state(about->taken, action));
        pk_ctl_text_puts(t, "\"}");
    }
}

/* Recommended ones first. */
static int list_actions(struct pk_ctl *c) {
    struct pk_str args_json, result;
    struct pk_ctl_text recommended = {0}, taken = {0}, rows = {0};
    int exit_code = pk_ctl_args_json(c, &args_json);
    if (exit_code == 0) {
        exit_code = pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_GET, args_json, &result);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    /* The answer is gone with the next question. */
    pk_ctl_text_put_str(&recommended, pk_ctl_member(result, "incident.recommended").json);
    pk_ctl_text_put_str(&taken, pk_ctl_member(result, "incident.actions").json);
    exit_code = pk_ctl_ask_or_fail(c, PK_CMD_ACTIONS_LIST, pk_str_of("{}"), &result);
    if (exit_code == 0) {
        const struct about about = {pk_ctl_text_str(&recommended), pk_ctl_text_str(&taken)};
        const struct pk_str actions = pk_ctl_member(result, "actions").json;
        pk_ctl_text_puts(&rows, "{\"actions\":[");
        put_rows(&rows, actions, &about, true);
        put_rows(&rows, actions, &about, false);
        pk_ctl_text_puts(&rows, "]}");
        pk_ctl_show(c, &PK_CTL_VIEW_actions, pk_ctl_text_str(&rows));
    }
    pk_ctl_text_free(&rows);
    pk_ctl_text_free(&taken);
    pk_ctl_text_free(&recommended);
    return exit_code;
}

/* ---- running ---- */

static int put_reason(struct pk_ctl_args_writer *w, const char *user, char *out, size_t cap_bytes) {
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    pk_buf_puts(&b, "approved by ");
    pk_buf_puts(&b, user);
    pk_jw_str(&w->w, "reason", pk_buf_str(&b));
    return b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

/* Which open request is meant: that of this run, or one that waits for this action and incident already. */
struct wanted {
    uint64_t run; /* UINT64_MAX: by action and incident */
    const char *action, *incident_id;
};

/* Ids are equal, or one is the short form of the other. */
static bool is_incident(struct pk_str id, const char *wanted_id) {
    struct pk_incident_ref a, b;
    if (pk_str_eq_c(id, wanted_id)) {
        return true;
    }
    return pk_incident_id_parse(id, &a) == PK_OK && pk_incident_id_parse(pk_str_of(wanted_id), &b) == PK_OK &&
           (a.is_short || b.is_short) && a.number == b.number;
}

/* The id of a request ends in "_RUN". */
static bool is_run(struct pk_str approval_id, uint64_t run) {
    uint32_t at = approval_id.n;
    uint64_t number = 0;
    while (at > 0 && approval_id.p[at - 1] != '_') {
        at--;
    }
    return pk_parse_u64(pk_str_make(approval_id.p + at, approval_id.n - at), &number) == PK_OK &&
           number == run;
}

static bool is_wanted(struct pk_str row, const struct wanted *w) {
    if (w->run != UINT64_MAX) {
        return is_run(pk_ctl_word(pk_ctl_member(row, "approval_id")), w->run);
    }
    return pk_str_eq_c(pk_ctl_word(pk_ctl_member(row, "action")), w->action) &&
           is_incident(pk_ctl_word(pk_ctl_member(row, "incident_id")), w->incident_id);
}

static bool find_approval(struct pk_ctl *c, const struct wanted *w, char *out_id, size_t cap_bytes) {
    struct pk_ctl_answer answer;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_ask(c, PK_CMD_APPROVAL_LIST, pk_str_of("{}"), &answer);
    pk_ctl_walk_init(&walk, pk_ctl_member(answer.result, "approvals").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (is_wanted(row.json, w)) {
            return pk_str_copy(pk_ctl_word(pk_ctl_member(row.json, "approval_id")), out_id, cap_bytes) > 0;
        }
    }
    return false;
}

/* Says yes with the rights of whoever called us; `user` is for the record. */
static int approve(struct pk_ctl *c, const char *id, const char *user, struct pk_str *out_result) {
    char reason[PK_CTL_WHY_BYTES];
    struct pk_ctl_args_writer w;
    struct pk_str args_json;
    pk_buf_init(&w.b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w.w, &w.b);
    pk_jw_object(&w.w, NULL);
    pk_jw_cstr(&w.w, "approval_id", id);
    pk_jw_cstr(&w.w, "decision", "approve");
    if (put_reason(&w, user, reason, sizeof reason) != PK_OK || pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "--approved-by is too long", pk_str_make(NULL, 0));
    }
    return pk_ctl_ask_or_fail(c, PK_CMD_APPROVAL_DECIDE, args_json, out_result);
}

static bool awaits_approval(struct pk_str result) {
    return pk_str_eq_c(pk_ctl_word(pk_ctl_member(result, "state")), "awaiting_approval");
}

static int run_args(struct pk_ctl *c, const char *user, struct pk_str *out_json) {
    struct pk_ctl_args_writer w;
    char reason[PK_CTL_WHY_BYTES];
    int err = PK_OK;
    pk_ctl_args_begin(c, &w);
    if (user != NULL && !pk_ctl_args_has(&c->args, "reason")) {
        err = put_reason(&w, user, reason, sizeof reason);
    }
    if (c->is_dry_run) {
        /* The agent knows mode, budget and targets: it says what would happen. */
        pk_jw_bool(&w.w, "dry_run", true);
    }
    if (pk_ctl_args_end(&w, out_json) != PK_OK || err != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    return 0;
}

/* The agent has the action on its list for this incident: a rule that may not act by itself asked for it. */
static int waits_already(struct pk_ctl *c, const char *user, const char *why, struct pk_str *out_result) {
    char id[ID_BYTES];
    const struct wanted w = {.run = UINT64_MAX,
                             .action = pk_ctl_args_text(&c->args, "action"),
                             .incident_id = pk_ctl_args_text(&c->args, "id")};
    const int exit_code = pk_err_exit_code(PK_E_CONFLICT);
    if (!find_approval(c, &w, id, sizeof id)) {
        (void)pk_ctl_fail(c, PK_OK, "it runs or is planned already: {}", pk_str_of(why));
        return exit_code;
    }
    if (user != NULL) {
        return approve(c, id, user, out_result);
    }
    (void)pk_ctl_fail(c, PK_OK, "it waits for approval already: picketctl approve {}", pk_str_of(id));
    return exit_code;
}

static int ask_for_it(struct pk_ctl *c, const char *user, struct pk_str args_json,
                      struct pk_str *out_result) {
    struct pk_ctl_answer answer;
    char id[ID_BYTES];
    pk_ctl_ask(c, PK_CMD_MITIGATE, args_json, &answer);
    *out_result = answer.result;
    if (answer.exit_code == pk_err_exit_code(PK_E_CONFLICT)) {
        return waits_already(c, user, answer.why, out_result);
    }
    if (answer.exit_code != 0) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
        return answer.exit_code;
    }
    if (user == NULL || !awaits_approval(answer.result)) {
        return 0;
    }
    const struct wanted w = {.run = pk_ctl_u64(pk_ctl_member(answer.result, "run"), UINT64_MAX - 1)};
    if (!find_approval(c, &w, id, sizeof id)) {
        return pk_ctl_fail(c, PK_E_NOT_FOUND, "its approval request is not open any more",
                           pk_str_make(NULL, 0));
    }
    return approve(c, id, user, out_result);
}

int pk_ctl_do_mitigate(struct pk_ctl *c) {
    struct pk_str args_json, result;
    const char *user = pk_ctl_args_text(&c->args, "approved-by");
    const bool is_list = pk_ctl_args_has(&c->args, "list-actions");
    if (is_list == pk_ctl_args_has(&c->args, "action")) {
        return pk_ctl_fail(c, PK_E_USAGE, "say either --list-actions or --action A", pk_str_make(NULL, 0));
    }
    if (is_list) {
        return list_actions(c);
    }
    int exit_code = run_args(c, user, &args_json);
    exit_code = exit_code != 0 ? exit_code : ask_for_it(c, user, args_json, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_show(c, c->command->view, result);
    /* It was taken, but does not run before somebody says so. */
    return awaits_approval(result) ? pk_err_exit_code(PK_E_NEEDS_APPROVAL) : 0;
}

int pk_ctl_do_undo(struct pk_ctl *c) {
    struct pk_str args_json, result;
    int exit_code = run_args(c, NULL, &args_json);
    exit_code = exit_code != 0 ? exit_code : pk_ctl_ask_or_fail(c, PK_CMD_UNDO, args_json, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_show(c, c->command->view, result);
    return awaits_approval(result) ? pk_err_exit_code(PK_E_NEEDS_APPROVAL) : 0;
}
