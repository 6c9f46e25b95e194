/* The supervisor's platform: what it waits on, whom it tells. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_hash.h"
#include "port/linux/pk_accounts.h"
#include "port/linux/pk_last_words.h"
#include "port/linux/pk_super_platform.h"

/* One supervisor per process: signals, the lock and its children belong to the process as a whole. */
static struct pk_super_platform the_platform;

static uint64_t mono_ms(void *ctx) {
    (void)ctx;
    return pk_super_mono_ms();
}

static uint32_t random_u32(void *ctx) {
    (void)ctx;
    uint32_t v = 0;
    return getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v ? v : 0u;
}

static uint64_t boot_id(void *ctx) {
    const struct pk_super_platform *p = ctx;
    return p->boot_id;
}

static uint64_t read_boot_id(void) {
    uint8_t text[64];
    const int n = pk_super_read_owned("/proc/sys/kernel/random/boot_id", text, sizeof text);
    const uint64_t id = n > 0 ? pk_hash64(text, (size_t)n) : 1u;
    return id != 0 ? id : 1u;
}

static int kernel_dump(void *ctx, void *out, uint32_t cap_bytes) {
    (void)ctx;
    return pk_last_words_dump("/", out, cap_bytes);
}

static bool has_watchdog_fired(void *ctx) {
    const struct pk_super_platform *p = ctx;
    return pk_watchdog_has_fired(&p->watchdog) || pk_last_words_watchdog("/");
}

static uint64_t oom_kill_count(void *ctx) {
    (void)ctx;
    return pk_last_words_oom_kills("/");
}

static void log_write(void *ctx, enum pk_log_level level, const char *text) {
    (void)ctx;
    char line[400];
    struct pk_buf b;
    pk_buf_init(&b, line, sizeof line);
    pk_buf_putc(&b, '<');
    pk_buf_put_u64(&b, (uint64_t)level);
    pk_buf_puts(&b, ">picketd: ");
    (void)pk_str_copy_cut(pk_str_of(text), line + b.n, sizeof line - b.n - 2u);
    const size_t n = strlen(line);
    line[n] = '\n';
    const ssize_t written = write(STDERR_FILENO, line, n + 1u);
    (void)written; /* a log nobody reads must not stop us */
}

static void notify(void *ctx, const char *text) {
    const struct pk_super_platform *p = ctx;
    if (strcmp(text, "RELOADING=1") != 0) {
        pk_notify_send(&p->notify, text);
        return;
    }
    /* sd_notify(3): with the moment, on the clock that stops in suspend. */
    char line[64];
    struct pk_buf b;
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    pk_buf_init(&b, line, sizeof line);
    pk_buf_puts(&b, "RELOADING=1\nMONOTONIC_USEC=");
    pk_buf_put_u64(&b, (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u);
    pk_notify_send(&p->notify, line);
}

static void feed_watchdog(void *ctx) {
    struct pk_super_platform *p = ctx;
    if (p->notify.watchdog_ms > 0) {
        pk_notify_send(&p->notify, "WATCHDOG=1");
    }
    pk_watchdog_feed(&p->watchdog);
}

static uint32_t watchdog_ms(void *ctx) {
    const struct pk_super_platform *p = ctx;
    uint32_t ms = p->notify.watchdog_ms / 2u;
    if (p->watchdog.fd >= 0 && (ms == 0 || p->watchdog.timeout_ms / 2u < ms)) {
        ms = p->watchdog.timeout_ms / 2u;
    }
    return ms;
}

static int read_owned(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    (void)ctx;
    return pk_super_read_owned(path, out, cap_bytes);
}

static uint32_t bit_of_signal(uint32_t number) {
    switch (number) {
    case SIGTERM:
    case SIGINT:
        return PK_SIG_STOP;
    case SIGHUP:
        return PK_SIG_RELOAD;
    case SIGUSR1:
        return PK_SIG_DUMP;
    case SIGUSR2:
        return PK_SIG_LOG_LEVEL;
    default:
        return PK_SUPER_CHILD_ENDED;
    }
}

static uint32_t read_signals(const struct pk_super_platform *p) {
    uint32_t bits = 0;
    struct signalfd_siginfo info;
    while (read(p->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        bits |= bit_of_signal(info.ssi_signo);
    }
    return bits;
}

static int timeout_of(uint64_t until_ms, uint64_t now_ms) {
    enum { LONGEST_MS = 3600000 };
    if (until_ms <= now_ms) {
        return 0;
    }
    if (until_ms == UINT64_MAX) {
        return -1;
    }
    return until_ms - now_ms > LONGEST_MS ? LONGEST_MS : (int)(until_ms - now_ms);
}

static short poll_events(uint32_t wanted) {
    return (short)((wanted & PK_SUPER_FRAME_READY ? POLLIN : 0) |
                   (wanted & PK_SUPER_FRAME_ROOM ? POLLOUT : 0));
}

static uint32_t wait_ready(void *ctx, uint64_t until_mono_ms, uint32_t wanted) {
    struct pk_super_platform *p = ctx;
    struct pollfd fds[2 + PK_EXEC_POLL_FDS];
    fds[0] = (struct pollfd){.fd = p->signal_fd, .events = POLLIN};
    /* A negative descriptor is passed over. With nothing wanted a hung-up socket would still wake us, again
     * and again. */
    const short events = poll_events(wanted);
    fds[1] = (struct pollfd){.fd = events != 0 ? p->children[PK_SUPER_AGENT].fd : -1, .events = events};
    const uint32_t count = 2u + pk_exec_poll_fds(&p->exec, &fds[2]);
    const uint64_t exec_ms = pk_exec_deadline_ms(&p->exec);
    const uint64_t until = exec_ms < until_mono_ms ? exec_ms : until_mono_ms;
    pk_slots_seal(&p->state);
    pk_image_drop(&p->image, pk_super_mono_ms());
    const int ready = poll(fds, count, timeout_of(until, pk_super_mono_ms()));
    pk_exec_advance(&p->exec, pk_super_mono_ms());
    if (ready <= 0) {
        return 0;
    }
    uint32_t bits = fds[0].revents != 0 ? read_signals(p) : 0u;
    if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        bits |= PK_SUPER_FRAME_READY;
    }
    if ((fds[1].revents & POLLOUT) != 0) {
        bits |= PK_SUPER_FRAME_ROOM;
    }
    return bits;
}

static int open_signals(struct pk_super_platform *p) {
    sigset_t set;
    (void)sigemptyset(&set);
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)sigaddset(&set, numbers[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return PK_E_IO;
    }
    p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signal_fd >= 0 ? PK_OK : PK_E_IO;
}

static int find_user(struct pk_super_platform *p, struct pk_buf *why) {
    p->is_root = geteuid() == 0;
    p->uid = geteuid();
    p->gid = getegid();
    if (!p->is_root) {
        return PK_OK;
    }
    uint32_t id = 0;
    int err = pk_account_id("/etc/passwd", p->config.user, &id);
    if (err != PK_OK || id == 0) {
        pk_buf_puts(why, err != PK_OK ? "no such user: " : "the agent must not run as root: ");
        pk_buf_puts(why, p->config.user);
        return PK_E_CONFIG;
    }
    p->uid = id;
    err = pk_account_id("/etc/group", p->config.group, &id);
    if (err != PK_OK || id == 0) {
        pk_buf_puts(why, err != PK_OK ? "no such group: " : "the agent must not have root's group: ");
        pk_buf_puts(why, p->config.group);
        return PK_E_CONFIG;
    }
    p->gid = id;
    return PK_OK;
}

static int open_all(struct pk_super_platform *p, struct pk_buf *why) {
    int err = find_user(p, why);
    if (err == PK_OK) {
        err = pk_super_open_dirs(p, why);
    }
    if (err == PK_OK) {
        err = pk_super_open_listeners(p, why);
    }
    if (err != PK_OK) {
        return err;
    }
    if (open_signals(p) != PK_OK) {
        pk_buf_puts(why, "signals cannot be collected");
        return PK_E_IO;
    }
    err = pk_watchdog_open(&p->watchdog, p->config.watchdog_device);
    if (err != PK_OK) {
        pk_buf_puts(why, "the watchdog cannot be opened: ");
        pk_buf_puts(why, p->config.watchdog_device);
    }
    return err;
}

static void close_all(struct pk_super_platform *p) {
    pk_super_inlets_close(p);
    pk_super_close_files(p);
    pk_notify_close(&p->notify);
    pk_watchdog_close(&p->watchdog);
    for (int c = 0; c < PK_SUPER_CHILD_COUNT; c++) {
        if (p->children[c].fd >= 0) {
            (void)close(p->children[c].fd);
            p->children[c].fd = -1;
        }
    }
    if (p->signal_fd >= 0) {
        (void)close(p->signal_fd);
        p->signal_fd = -1;
    }
}

int pk_super_platform_check(const struct pk_super_platform_config *config, struct pk_buf *why) {
    the_platform.config = *config;
    const int err = find_user(&the_platform, why);
    return err == PK_OK ? pk_super_check_memory(config, why) : err;
}

int pk_super_platform_open(const struct pk_super_platform_config *config, struct pk_port_super *out,
                           struct pk_buf *why) {
    struct pk_super_platform *p = &the_platform;
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->signal_fd = p->lock_fd = p->own_dir_fd = p->watchdog.fd = -1;
    p->listener_fd[PK_LISTEN_CONTROL] = p->listener_fd[PK_LISTEN_EVENTS] = -1;
    p->boot_id = read_boot_id();
    pk_super_children_init(p);
    pk_super_inlets_init(p);
    pk_notify_open(&p->notify, config->environment);
    *out = (struct pk_port_super){
        .ctx = p,
        .mono_ms = mono_ms,
        .random = random_u32,
        .boot_id = boot_id,
        .kernel_dump = kernel_dump,
        .has_watchdog_fired = has_watchdog_fired,
        .oom_kill_count = oom_kill_count,
        .wait = wait_ready,
        .spawn = pk_super_spawn,
        .ended = pk_super_ended,
        .kill = pk_super_kill,
        .probe = pk_super_probe,
        .resolved = pk_super_resolved,
        .probed = pk_super_probed,
        .inlet = pk_super_inlet,
        .inlet_place = pk_super_inlet_place,
        .inlet_dropped = pk_super_inlet_dropped,
        .inlet_close = pk_super_inlet_close,
        .inlet_swap = pk_super_inlet_swap,
        .send = pk_super_send,
        .recv = pk_super_recv,
        .read_owned = read_owned,
        .load_state = pk_super_load_state,
        .save_state = pk_super_save_state,
        .load_places = pk_super_load_places,
        .save_places = pk_super_save_places,
        .load_armed = pk_super_load_armed,
        .save_armed = pk_super_save_armed,
        .notify = notify,
        .feed_watchdog = feed_watchdog,
        .watchdog_ms = watchdog_ms,
        .log = log_write,
    };
    pk_exec_open(&p->exec, p->notify.fd < 0, &out->exec);
    const int err = open_all(p, why);
    p->exec.drops_root = p->is_root;
    p->exec.uid = p->uid;
    p->exec.gid = p->gid;
    if (err != PK_OK) {
        close_all(p);
    }
    return err;
}

void pk_super_platform_close(struct pk_port_super *port) {
    close_all(port->ctx);
}
