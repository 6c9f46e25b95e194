#ifndef CTL_RIG_H
#define CTL_RIG_H
/* picketctl against a daemon that plays a script, in a process of its own, on real sockets. */
#include <sys/types.h>

#include "ctl/pk_ctl.h"

/* What the daemon does with the next request line. A zeroed step answers nothing. A step with a `cmd` is no
 * part of the order: it answers every request for that command (and with `args` in it, when that is given);
 * the first that fits. Where all steps are of that kind, what fits none is answered "not_found". */
struct ctl_rig_step {
    const char *cmd, *args;
    const char *reply; /* sent with its line end; "$ID" is the id of the request */
    bool is_torn;      /* without the line end */
    bool closes;       /* hangs up after it */
    bool floods;       /* 70,000 bytes without a line end instead of a reply */
    uint32_t delay_ms;
};
/* Answers every request for a command; for one with these words in its arguments. */
#define CTL_RIG_FOR(command, json)                                                                           \
    { .cmd = command, .reply = "{\"id\":$ID,\"ok\":true,\"result\":" json "}" }
#define CTL_RIG_FOR_ARGS(command, words, json)                                                               \
    { .cmd = command, .args = words, .reply = "{\"id\":$ID,\"ok\":true,\"result\":" json "}" }
/* A reply whose result is this JSON. */
#define CTL_RIG_OK(json)                                                                                     \
    { .reply = "{\"id\":$ID,\"ok\":true,\"result\":" json "}" }
#define CTL_RIG_REFUSED(code, error, message)                                                                \
    {                                                                                                        \
        .reply = "{\"id\":$ID,\"ok\":false,\"code\":" #code ",\"error\":\"" error                            \
                 "\",\"message\":\"" message "\"}"                                                           \
    }

struct ctl_rig {
    char dir[64], socket_path[128];
    pid_t daemon;
    int exit_code;
    char out[65536], err[8192]; /* terminated */
    char requests[32768]; /* every line the daemon got, those of events.sock too; filled by ctl_rig_end */
};

/* Starts the daemon: control.sock plays the steps in order over all connections, then stays silent;
 * events.sock accepts every line but those that hold "bad" (refused) and those that hold "mute" (no answer).
 */
void ctl_rig_begin(struct ctl_rig *rig, const struct ctl_rig_step *steps, uint32_t step_count);
/* A folder, but nobody at the sockets. */
void ctl_rig_begin_alone(struct ctl_rig *rig);
/* A run of picketctl in this process: words separated by one blank each, a '+' stands for a blank inside a
 * word. $PICKET_SOCKET says where the daemon is. Exit code. */
int ctl_rig_run(struct ctl_rig *rig, const char *words);
int ctl_rig_run_with(struct ctl_rig *rig, const char *words, const char *standard_input);
/* The same with the program at this path. */
int ctl_rig_exec(struct ctl_rig *rig, const char *program, const char *words, const char *standard_input);
/* Ends the daemon, reads what it got, removes the folder. */
void ctl_rig_end(struct ctl_rig *rig);
/* Begin, run, end. */
int ctl_rig_once(struct ctl_rig *rig, const struct ctl_rig_step *steps, uint32_t step_count,
                 const char *words);
#endif
