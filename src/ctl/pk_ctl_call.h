#ifndef PK_CTL_CALL_H
#define PK_CTL_CALL_H
/* Questions to the daemon. */
#include "ctl/pk_ctl.h"

/* Why a question had no good answer. */
struct pk_ctl_answer {
    int exit_code;        /* 0: result is there */
    struct pk_str result; /* JSON, valid until the next question */
    char why[400];        /* sentence when exit_code is not 0, harmless on a terminal */
};
/* Connects when that was not done yet, asks, waits. */
void pk_ctl_ask(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json, struct pk_ctl_answer *out);
/* The same; a failure is said on standard error. Exit code. */
int pk_ctl_ask_or_fail(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json, struct pk_str *out_result);
/* Sends a request and returns: for streams. Exit code; a failure is said. */
int pk_ctl_send(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json);
/* Reads one line as a reply to the newest request. out->result may be empty. *out_is_done: the stream ended.
 */
void pk_ctl_read(struct pk_ctl *c, struct pk_ctl_answer *out, bool *out_is_done);

/* The arguments of the daemon's command as the command line has them, in c->args_json: open for more members
 * until pk_ctl_args_end. */
struct pk_ctl_args_writer {
    struct pk_buf b;
    struct pk_json_writer w;
};
void pk_ctl_args_begin(struct pk_ctl *c, struct pk_ctl_args_writer *w);
/* Closes the object. PK_E_TOO_BIG when it does not fit. */
PK_MUST_USE int pk_ctl_args_end(struct pk_ctl_args_writer *w, struct pk_str *out_json);
/* Begin and end: exit code, a failure is said. */
int pk_ctl_args_json(struct pk_ctl *c, struct pk_str *out_json);

/* --dry-run of a command that changes something: says what would be sent and gives true. */
bool pk_ctl_is_dry_run(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json);
/* Asks and shows by the view of the command. Exit code. */
int pk_ctl_ask_and_show(struct pk_ctl *c, struct pk_str args_json);
#endif
