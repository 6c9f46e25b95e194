/* `rules create` and `rules update`: of options, or of a file. */
#include <string.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_recorded.h"

enum { NAME_BYTES = 64 };

static bool has_field(struct pk_ctl *c) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(c->args.command, &count);
    for (uint32_t i = 0; i < c->args.count; i++) {
        const struct pk_ctl_option *o = c->args.values[i].option;
        if (o >= rows && o < rows + count && o->arg != NULL && (o->flags & PK_CTL_POSITIONAL) == 0) {
            return true;
        }
    }
    return false;
}

/* The last part of the path names the text in what the agent says of it. */
static struct pk_str base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    const struct pk_str name = pk_str_of(slash != NULL ? slash + 1 : path);
    return pk_str_make(name.p, name.n < NAME_BYTES ? name.n : NAME_BYTES - 1u);
}

static int put_file(struct pk_ctl *c, const char *path) {
    struct pk_ctl_input in;
    struct pk_ctl_args_writer w;
    struct pk_str args_json;
    int exit_code = pk_ctl_recorded_open(c, path, &in);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_ctl_args_begin(c, &w);
    pk_jw_str(&w.w, "text", pk_str_make(in.p, in.n));
    pk_jw_str(&w.w, "file", base_name(path));
    const int err = pk_ctl_args_end(&w, &args_json);
    pk_ctl_input_close(&in);
    if (err != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE,
                           "'{}' is longer than a rule may be at run time; put it into rules.d",
                           pk_str_of(path));
    }
    return pk_ctl_ask_and_show(c, args_json);
}

int pk_ctl_do_rule_put(struct pk_ctl *c) {
    const char *path = pk_ctl_args_text(&c->args, "file");
    if (path == NULL) {
        return pk_ctl_do_call(c);
    }
    if (has_field(c)) {
        return pk_ctl_fail(c, PK_E_USAGE, "--file has the whole rule: no other option beside it",
                           pk_str_make(NULL, 0));
    }
    return put_file(c, path);
}
