#ifndef PK_CTL_H
#define PK_CTL_H
/* picketctl: one run of it. Everything it says is gathered here and written by pk_ctl_flush. */
#include "ctl/pk_ctl_args.h"
#include "ctl/pk_ctl_cell.h"
#include "ctl/pk_ctl_conn.h"
#include "ctl/pk_ctl_text.h"
#include "ctl/pk_ctl_views.h"
#include "port/tool.h"

enum pk_ctl_format { PK_CTL_TABLE, PK_CTL_JSON, PK_CTL_CSV, PK_CTL_NDJSON, PK_CTL_FORMAT_COUNT };

enum { PK_CTL_ARGS_JSON_BYTES = 8192, PK_CTL_TIMEOUT_MS = 5000 };

struct pk_ctl {
    /* Given by the caller. */
    int in_fd, out_fd, err_fd;
    const char *socket_env; /* $PICKET_SOCKET or NULL */
    bool no_colour;         /* $NO_COLOR */
    /* Of this run. */
    struct pk_ctl_args args;
    const struct pk_ctl_command *command;
    enum pk_ctl_format format;
    const char *socket_path;
    uint64_t timeout_ms;
    bool is_dry_run;
    struct pk_ctl_look look;
    struct pk_port_tool port;
    struct pk_ctl_text out, err;
    struct pk_ctl_conn conn;
    bool is_connected;
    uint64_t last_id; /* of the requests */
    char args_json[PK_CTL_ARGS_JSON_BYTES];
    char request[PK_CTL_ARGS_JSON_BYTES + 128];
};

/* A whole run: parses, carries out, writes. argv without the program's name. Exit code (CONVENTIONS E.9).
 * About 20 KB of struct; the caller opens nothing and frees nothing. */
int pk_ctl_run(struct pk_ctl *c, int argc, char *const *argv);

/* Writes what was said so far. false when standard output is gone; the message is then said on standard
 * error. */
bool pk_ctl_flush(struct pk_ctl *c);
/* Says "picketctl: message" on standard error, the first "{}" in it replaced by `argument`, and gives the
 * exit code of err. */
int pk_ctl_fail(struct pk_ctl *c, int err, const char *message, struct pk_str argument);
/* Puts the text into a file, whole or not at all, in place of what was there. Exit code; a failure is said.
 */
int pk_ctl_write_file(struct pk_ctl *c, const char *path, const struct pk_ctl_text *text);
/* The answer in the format asked for. */
void pk_ctl_show(struct pk_ctl *c, const struct pk_ctl_view *view, struct pk_str result);
#endif
