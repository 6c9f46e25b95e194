/* Commands about one incident that are more than one question and its answer. */
#include <string.h>

#include "base/pk_assert.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_pages.h"
#include "ctl/pk_ctl_pm.h"

enum { LIST_LIMIT = 20, SOURCES_LIMIT = 1000 };

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

/* With the post-mortem the whole case is asked for (REQUIREMENTS S1-67). */
static int show_with_postmortem(struct pk_ctl *c, bool with_timeline) {
    struct pk_ctl_case k;
    struct pk_ctl_text detail = {0}, text = {0};
    const int exit_code = pk_ctl_case_open(c, &k, pk_ctl_args_text(&c->args, "id"));
    if (exit_code == 0) {
        const struct pk_str timeline = pk_ctl_text_str(&k.timeline);
        pk_ctl_pm_write(&text, &k, PK_CTL_PM_SHORT, c->look.now_ms);
        if (with_timeline) {
            pk_ctl_put_detail(&detail, pk_ctl_text_str(&k.incident), timeline, k.is_timeline_cut);
        } else {
            pk_ctl_text_put_str(&detail, pk_ctl_text_str(&k.incident));
        }
        detail.n -= 1; /* the closing brace */
        pk_ctl_text_puts(&detail, ",\"postmortem\":");
        pk_ctl_text_put_quoted(&detail, pk_ctl_text_str(&text));
        pk_ctl_text_putc(&detail, '}');
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&detail));
    }
    if (exit_code == 0 && c->format == PK_CTL_TABLE) {
        if (with_timeline) {
            pk_ctl_text_putc(&c->out, '\n');
            pk_ctl_view_table(&c->out, &PK_CTL_VIEW_timeline, pk_ctl_text_str(&detail), &c->look);
        }
        pk_ctl_text_putc(&c->out, '\n');
        pk_ctl_text_put_str(&c->out, pk_ctl_text_str(&text));
    }
    pk_ctl_text_free(&text);
    pk_ctl_text_free(&detail);
    pk_ctl_case_free(&k);
    return exit_code;
}

static int show_incident(struct pk_ctl *c) {
    struct pk_str result;
    struct pk_ctl_text detail = {0};
    const int exit_code = ask_incident(c, false, &result);
    if (exit_code != 0) {
        return exit_code;
    }
    const struct pk_ctl_value incident = pk_ctl_member(result, "incident"),
                              timeline = pk_ctl_member(result, "timeline");
    if (incident.kind == PK_JSON_OBJECT && timeline.kind == PK_JSON_ARRAY) {
        pk_ctl_put_detail(&detail, incident.json, timeline.json,
                          pk_ctl_is_true(pk_ctl_member(result, "timeline_cut")));
    } else {
        pk_ctl_text_put_str(&detail, incident.kind == PK_JSON_OBJECT ? incident.json : result);
    }
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&detail));
    pk_ctl_text_free(&detail);
    if (c->format == PK_CTL_TABLE && pk_ctl_args_has(&c->args, "timeline")) {
        pk_ctl_text_putc(&c->out, '\n');
        pk_ctl_view_table(&c->out, &PK_CTL_VIEW_timeline, result, &c->look);
    }
    return 0;
}

int pk_ctl_do_incident(struct pk_ctl *c) {
    const bool is_full = pk_ctl_args_has(&c->args, "full");
    if (is_full || pk_ctl_args_has(&c->args, "postmortem")) {
        return show_with_postmortem(c, is_full || pk_ctl_args_has(&c->args, "timeline"));
    }
    return show_incident(c);
}

/* ---- list ---- */

static const struct {
    struct pk_ctl_pages_of of;
    uint32_t limit; /* unless --limit says otherwise */
} LISTS[] = {
    {{PK_CMD_INCIDENTS_LIST, "incidents", "incident_id"}, LIST_LIMIT},
    {{PK_CMD_EVENTS_LIST, "events", "event_id"}, LIST_LIMIT},
    {{PK_CMD_SOURCES_LIST, "sources", "source"}, SOURCES_LIMIT},
};

static uint32_t list_of(const struct pk_ctl *c) {
    uint32_t i = 0;
    while (LISTS[i].of.cmd != c->command->cmd) {
        i++;
        PK_ASSERT(i < PK_COUNT_OF(LISTS));
    }
    return i;
}

/* As many rows as were asked for, however few go into one answer. */
int pk_ctl_do_list(struct pk_ctl *c) {
    struct pk_ctl_pages pages;
    struct pk_ctl_text kept = {0};
    struct pk_str filter, row;
    char filter_bytes[PK_CTL_PAGES_FILTER_BYTES];
    const uint32_t which = list_of(c);
    const uint64_t limit = pk_ctl_args_u64(&c->args, "limit", LISTS[which].limit);
    uint64_t count = 0;
    int exit_code = pk_ctl_args_json(c, &filter);
    if (exit_code != 0) {
        return exit_code;
    }
    /* The pages are asked for from where the arguments are now. */
    if (pk_str_copy(filter, filter_bytes, sizeof filter_bytes) < 0) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    pk_ctl_pages_init(c, &pages, pk_str_of(filter_bytes), pk_ctl_args_text(&c->args, "before"));
    pages.rows = limit < PK_CTL_PAGE_ROWS ? (uint32_t)limit : PK_CTL_PAGE_ROWS;
    pages.of = LISTS[which].of;
    pk_ctl_text_puts(&kept, "{\"");
    pk_ctl_text_puts(&kept, pages.of.list);
    pk_ctl_text_puts(&kept, "\":[");
    while (count < limit && pk_ctl_pages_next(c, &pages, &row)) {
        pk_ctl_text_puts(&kept, count > 0 ? "," : "");
        pk_ctl_text_put_str(&kept, row);
        count++;
    }
    const bool has_more = count == limit && pk_ctl_pages_has_more(&pages);
    exit_code = pages.exit_code;
    pk_ctl_text_puts(&kept, has_more ? "],\"more\":true}" : "],\"more\":false}");
    if (exit_code == 0) {
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&kept));
    }
    pk_ctl_text_free(&kept);
    pk_ctl_pages_free(&pages);
    return exit_code;
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
