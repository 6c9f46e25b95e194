#ifndef PK_CTL_CONN_H
#define PK_CTL_CONN_H
/* A connection to one of picketd's sockets, line by line, with a time limit on every step. */
#include "wire/pk_control.h"

enum { PK_CTL_CONN_WHY_BYTES = 160 };

struct pk_ctl_conn {
    int fd;                          /* -1 = none; a zeroed struct must be opened or closed first */
    char *line_bytes;                /* PK_CONTROL_LINE_BYTES_MAX + 1 */
    uint32_t used, taken;            /* of line_bytes: received; handed out */
    uint64_t timeout_ms;             /* of one step; 0 = waits for ever */
    char why[PK_CTL_CONN_WHY_BYTES]; /* after an error: a sentence without the path */
};

void pk_ctl_conn_init(struct pk_ctl_conn *c, uint64_t timeout_ms);
/* PK_OK; PK_E_USAGE (path too long), PK_E_UNREACHABLE, PK_E_TIMEOUT, PK_E_FULL (memory). */
PK_MUST_USE int pk_ctl_conn_open(struct pk_ctl_conn *c, const char *path);
/* Takes over a connected socket. PK_OK or PK_E_FULL. */
PK_MUST_USE int pk_ctl_conn_adopt(struct pk_ctl_conn *c, int fd);
/* Everything or an error: PK_E_CLOSED, PK_E_TIMEOUT. */
PK_MUST_USE int pk_ctl_conn_send(struct pk_ctl_conn *c, const char *p, size_t n);
/* Next line without its end; valid until the next call. PK_OK; PK_E_CLOSED (also in the middle of a line),
 * PK_E_TIMEOUT (of the whole line), PK_E_TOO_BIG. */
PK_MUST_USE int pk_ctl_conn_line(struct pk_ctl_conn *c, struct pk_str *out);
/* The next line if it is there already: PK_OK, PK_E_AGAIN, or as above. Never waits. */
PK_MUST_USE int pk_ctl_conn_try_line(struct pk_ctl_conn *c, struct pk_str *out);
/* Part of p that the socket takes now: bytes, 0 = none, PK_E_CLOSED. */
PK_MUST_USE int pk_ctl_conn_try_send(struct pk_ctl_conn *c, const char *p, size_t n);
void pk_ctl_conn_close(struct pk_ctl_conn *c);
/* Monotonic clock of the time limits. */
uint64_t pk_ctl_mono_ms(void);
#endif
