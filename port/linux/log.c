#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/linux/pk_linux.h"

enum { LINE_BYTES = 1024 };

/* A pipe that polls writable takes up to PIPE_BUF bytes without blocking, so stderr keeps its blocking mode:
 * it may be shared with programs that do not expect another. */
static bool put_line(const struct pk_linux_log *l, const char *p, size_t n) {
    if (l->is_socket) {
        return send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
    }
    struct pollfd ready = {.fd = l->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return false;
    }
    return write(l->fd, p, n) == (ssize_t)n;
}

static void begin_line(struct pk_buf *line, char *p, enum pk_log_level level) {
    pk_buf_init(line, p, LINE_BYTES);
    pk_buf_putc(line, '<');
    pk_buf_put_u64(line, (uint64_t)level);
    pk_buf_putc(line, '>');
}

static void log_write(void *ctx, enum pk_log_level level, struct pk_str text) {
    struct pk_linux_log *l = ctx;
    char p[LINE_BYTES + 1];
    struct pk_buf line;
    if (l->dropped_count > 0) {
        begin_line(&line, p, PK_LOG_WARNING);
        pk_buf_put_u64(&line, l->dropped_count);
        pk_buf_puts(&line, " log lines were dropped");
        p[line.n++] = '\n';
        if (put_line(l, p, line.n)) {
            l->dropped_count = 0;
        }
    }
    begin_line(&line, p, level);
    line.n += pk_str_copy_cut(text, p + line.n, LINE_BYTES - line.n);
    /* Text from outside must not start a line of its own or drive a terminal. */
    for (uint32_t i = 3; i < line.n; i++) {
        const unsigned char c = (unsigned char)p[i];
        p[i] = c < 0x20u || c == 0x7Fu ? '?' : p[i];
    }
    p[line.n++] = '\n';
    if (!put_line(l, p, line.n)) {
        l->dropped_count++;
        l->dropped_total++;
    }
}

void pk_linux_log_open(struct pk_linux_log *l, int fd, struct pk_port_log *out) {
    struct stat st;
    *l = (struct pk_linux_log){.fd = fd, .is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)};
    *out = (struct pk_port_log){.ctx = l, .write = log_write};
}
