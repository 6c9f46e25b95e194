/* `incidents capsule`: all lines of one, over as many answers as it takes. */
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_pages.h"

static int ask(struct pk_ctl *c, uint64_t from, struct pk_str *out_result) {
    struct pk_str args_json;
    struct pk_ctl_args_writer w;
    *out_result = pk_str_make(NULL, 0);
    pk_ctl_args_begin(c, &w);
    if (from > 0) {
        pk_jw_u64(&w.w, "from", from);
    }
    if (pk_ctl_args_end(&w, &args_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    return pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_CAPSULE, args_json, out_result);
}

static void put_lines(struct pk_ctl_text *kept, struct pk_str result, bool *is_first) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value line;
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "lines").json);
    while (pk_ctl_walk_next(&walk, &line)) {
        pk_ctl_text_puts(kept, *is_first ? "" : ",");
        pk_ctl_text_put_str(kept, line.json);
        *is_first = false;
    }
}

static void put_member(struct pk_ctl_text *kept, struct pk_str result, const char *name) {
    const struct pk_str json = pk_ctl_member(result, name).json;
    pk_ctl_text_puts(kept, ",\"");
    pk_ctl_text_puts(kept, name);
    pk_ctl_text_puts(kept, "\":");
    pk_ctl_text_put_str(kept, json.n > 0 ? json : pk_str_of("null"));
}

int pk_ctl_do_capsule(struct pk_ctl *c) {
    struct pk_ctl_text kept = {0};
    struct pk_str result;
    uint64_t from = 0, next = 0;
    bool is_first = true;
    pk_ctl_text_puts(&kept, "{\"lines\":[");
    int exit_code = ask(c, from, &result);
    while (exit_code == 0) {
        put_lines(&kept, result, &is_first);
        next = 0;
        if (pk_parse_u64(pk_ctl_member(result, "next").json, &next) < 0 || next <= from) {
            break;
        }
        from = next;
        exit_code = ask(c, from, &result);
    }
    if (exit_code == 0) {
        pk_ctl_text_puts(&kept, "]");
        put_member(&kept, result, "incident_id");
        put_member(&kept, result, "whole");
        put_member(&kept, result, "bytes");
        put_member(&kept, result, "upload");
        put_member(&kept, result, "acked_chunks");
        put_member(&kept, result, "chunks");
        put_member(&kept, result, "evicted_capsules");
        put_member(&kept, result, "missed_capsules");
        pk_ctl_text_puts(&kept, "}");
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&kept));
    }
    pk_ctl_text_free(&kept);
    return exit_code;
}
