#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "port/linux/pk_linux.h"

enum { EVENTS_A_CALL = 16, LONGEST_SLEEP_MS = 3600 * 1000 };

int pk_linux_loop_add(struct pk_linux_loop *l, struct pk_fd *f, int fd, bool want_out) {
    PK_ASSERT(fd >= 0);
    if (l->count == PK_LINUX_LOOP_FDS) {
        return PK_E_FULL;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (want_out ? (uint32_t)EPOLLOUT : 0u),
                            .data = {.ptr = f}};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        return PK_E_IO;
    }
    *f = (struct pk_fd){.fd = fd, .is_out_armed = want_out};
    l->list[l->count++] = f;
    return PK_OK;
}

void pk_linux_loop_drop(struct pk_linux_loop *l, struct pk_fd *f) {
    if (f->fd < 0) {
        return;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->list[i] == f) {
            l->list[i] = l->list[--l->count];
            break;
        }
    }
    /* A copy of the descriptor may live in the supervisor, so closing alone would leave it in the epoll set.
     */
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, f->fd, NULL);
    close(f->fd);
    *f = (struct pk_fd){.fd = -1};
}

int pk_linux_loop_wake_fd(const struct pk_linux_loop *l) {
    return l->wake.fd;
}

static void arm_out(struct pk_linux_loop *l, struct pk_fd *f, bool want_out) {
    if (f->is_out_armed == want_out) {
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (want_out ? (uint32_t)EPOLLOUT : 0u),
                            .data = {.ptr = f}};
    epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, f->fd, &e);
    f->is_out_armed = want_out;
}

int pk_linux_fd_recv(struct pk_fd *f, void *out, uint32_t cap_bytes) {
    if (f->fd < 0) {
        return PK_E_CLOSED;
    }
    if (!f->is_readable || cap_bytes == 0) {
        return 0;
    }
    const uint32_t cap = cap_bytes > INT32_MAX ? (uint32_t)INT32_MAX : cap_bytes;
    ssize_t n = recv(f->fd, out, cap, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR) {
        n = recv(f->fd, out, cap, MSG_DONTWAIT);
    }
    if (n > 0) {
        /* Fewer bytes than asked for empty the buffer; but the end of the stream may stand behind them, and
         * its edge is used up. */
        f->is_readable = (uint32_t)n == cap || f->is_hung_up;
        f->is_unfinished = f->is_readable;
        return (int)n;
    }
    f->is_unfinished = false;
    if (n == 0) {
        return PK_E_CLOSED;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        f->is_readable = false;
        return 0;
    }
    return PK_E_IO;
}

int pk_linux_fd_send(struct pk_linux_loop *l, struct pk_fd *f, const void *p, uint32_t n) {
    if (f->fd < 0) {
        return PK_E_CLOSED;
    }
    if (f->is_out_armed && !f->is_writable) {
        return 0;
    }
    ssize_t r = send(f->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR) {
        r = send(f->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (r >= 0) {
        return (int)r;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        f->is_writable = false;
        arm_out(l, f, true);
        return 0;
    }
    return errno == EPIPE || errno == ECONNRESET ? PK_E_CLOSED : PK_E_IO;
}

static uint32_t take_signals(struct pk_linux_loop *l) {
    uint32_t bits = 0;
    struct signalfd_siginfo info;
    while (read(l->signals.fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGHUP:
            bits |= PK_SIG_RELOAD;
            break;
        case SIGUSR1:
            bits |= PK_SIG_DUMP;
            break;
        case SIGUSR2:
            bits |= PK_SIG_LOG_LEVEL;
            break;
        default:
            bits |= PK_SIG_STOP;
            break;
        }
    }
    l->signals.is_readable = false;
    return bits;
}

/* Milliseconds to sleep: none while somebody left input behind. */
static int sleep_ms(struct pk_linux_loop *l, uint64_t until_mono_ms) {
    bool is_unfinished = false;
    for (uint32_t i = 0; i < l->count; i++) {
        is_unfinished = is_unfinished || l->list[i]->is_unfinished;
        l->list[i]->is_unfinished = false;
    }
    const uint64_t now_us = pk_linux_mono_us();
    if (until_mono_ms > now_us / 1000u + LONGEST_SLEEP_MS) {
        return is_unfinished ? 0 : LONGEST_SLEEP_MS;
    }
    if (is_unfinished || until_mono_ms * 1000u <= now_us) {
        return 0;
    }
    /* Rounded up: waking before the deadline would only mean another round. */
    return (int)((until_mono_ms * 1000u - now_us + 999u) / 1000u);
}

static void note_event(struct pk_linux_loop *l, const struct epoll_event *e) {
    struct pk_fd *f = e->data.ptr;
    f->is_hung_up = f->is_hung_up || (e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    f->is_readable = f->is_readable || f->is_hung_up || (e->events & EPOLLIN) != 0;
    if ((e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        f->is_writable = true;
        arm_out(l, f, false);
    }
}

/* In a flood each message would wake us by itself, which costs its sender more than its message: a short rest
 * lets them come together. */
static void rest(struct pk_linux_loop *l, uint64_t now_us) {
    enum { WAITS_A_MS = 10, REST_US = 300 };
    if (now_us - l->busy_from_us > 1000u) {
        l->busy_from_us = now_us;
        l->busy_count = 0;
    }
    if (++l->busy_count > WAITS_A_MS) {
        const struct timespec pause = {.tv_nsec = REST_US * 1000L};
        (void)nanosleep(&pause, NULL);
    }
}

static uint32_t loop_wait(void *ctx, uint64_t until_mono_ms) {
    struct pk_linux_loop *l = ctx;
    struct epoll_event events[EVENTS_A_CALL];
    int timeout_ms = sleep_ms(l, until_mono_ms);
    if (timeout_ms != 0) {
        const uint64_t now_us = pk_linux_mono_us();
        pk_image_drop(&l->image, now_us / 1000u);
        rest(l, now_us);
    }
    int n = epoll_wait(l->epoll_fd, events, EVENTS_A_CALL, timeout_ms);
    l->round++;
    l->wake_count += timeout_ms > 0 ? 1u : 0u;
    while (n > 0) {
        for (int i = 0; i < n; i++) {
            note_event(l, &events[i]);
        }
        n = n == EVENTS_A_CALL ? epoll_wait(l->epoll_fd, events, EVENTS_A_CALL, 0) : 0;
    }
    if (l->wake.is_readable) {
        uint64_t count;
        const ssize_t r = read(l->wake.fd, &count, sizeof count);
        (void)r; /* nothing to read is as good */
        l->wake.is_readable = false;
    }
    return l->signals.is_readable ? take_signals(l) : 0u;
}

int pk_linux_loop_open(struct pk_linux_loop *l, struct pk_port_loop *out) {
    *l = (struct pk_linux_loop){.epoll_fd = -1, .signals = {.fd = -1}, .wake = {.fd = -1}};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        return PK_E_IO;
    }
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) != 0) { /* the log writes to pipes */
        return PK_E_IO;
    }
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || signal_fd < 0 || wake_fd < 0 ||
        pk_linux_loop_add(l, &l->signals, signal_fd, false) != PK_OK ||
        pk_linux_loop_add(l, &l->wake, wake_fd, false) != PK_OK) {
        return PK_E_IO;
    }
    *out = (struct pk_port_loop){.ctx = l, .wait = loop_wait};
    return PK_OK;
}

void pk_linux_loop_close(struct pk_linux_loop *l) {
    pk_linux_loop_drop(l, &l->signals);
    pk_linux_loop_drop(l, &l->wake);
    if (l->epoll_fd >= 0) {
        close(l->epoll_fd);
        l->epoll_fd = -1;
    }
}
