/* Programs the supervisor runs for actions. No shell, no inherited state; what they write is kept in a
 * bounded ring. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"
#include "port/linux/pk_dir.h"
#include "port/linux/pk_super.h"

enum { ERROR_FD = 3, DRAIN_ROUNDS = 16, DRAIN_BYTES = 4096 };

static char *const clean_environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "LANG=C", NULL};

/* A daemon that an action restarted must not count as a part of us: whoever stops our group would stop it. */
static void leave_cgroup(void) {
    static const char *const files[] = {
        "/sys/fs/cgroup/cgroup.procs",         "/sys/fs/cgroup/unified/cgroup.procs",
        "/sys/fs/cgroup/systemd/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs",
        "/sys/fs/cgroup/memory/cgroup.procs",  "/sys/fs/cgroup/cpu/cgroup.procs",
        "/sys/fs/cgroup/blkio/cgroup.procs",   "/sys/fs/cgroup/freezer/cgroup.procs",
        "/sys/fs/cgroup/devices/cgroup.procs",
    };
    for (size_t i = 0; i < PK_COUNT_OF(files); i++) {
        (void)pk_child_write_text(files[i], "0");
    }
}

static int child_prepare(const struct pk_exec *e, const struct pk_exec_request *request, int output_fd,
                         int error_fd) {
    pk_child_reset_signals();
    if (setsid() < 0) {
        return -1;
    }
    const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* The pipes may sit on 0..3 themselves: lift them out of the way first. */
    const int output_high = fcntl(output_fd, F_DUPFD_CLOEXEC, 10);
    const int error_high = fcntl(error_fd, F_DUPFD_CLOEXEC, 10);
    if (null_fd < 0 || output_high < 0 || error_high < 0 || dup2(null_fd, 0) < 0 ||
        dup2(output_high, 1) < 0 || dup2(output_high, 2) < 0 || dup3(error_high, ERROR_FD, O_CLOEXEC) < 0) {
        return -1;
    }
    if (null_fd == 0 && fcntl(0, F_SETFD, 0) < 0) {
        return -1;
    }
    pk_child_close_from(ERROR_FD + 1);
    (void)umask(022);
    if (chdir("/") != 0) {
        return -1;
    }
    (void)pk_child_write_text("/proc/self/oom_score_adj", "0");
    if (request->leaves_children && e->moves_cgroup) {
        leave_cgroup();
    }
    return 0;
}

_Noreturn static void child_main(const struct pk_exec *e, const struct pk_exec_request *request,
                                 int output_fd, int error_fd) {
    if (child_prepare(e, request, output_fd, error_fd) == 0 &&
        (!request->as_agent || !e->drops_root || pk_child_drop_root(e->uid, e->gid, 0))) {
        /* execve takes char *const[] for history's sake and writes to none of it. */
        union {
            const char *const *in;
            char *const *out;
        } argv = {.in = request->argv};
        (void)execve(argv.out[0], argv.out, clean_environment);
    }
    const int why = errno;
    const ssize_t written = write(ERROR_FD, &why, sizeof why);
    _exit(written == (ssize_t)sizeof why ? 127 : 126);
}

static int error_of(int why) {
    if (why == ENOENT || why == ENOTDIR) {
        return PK_E_NOT_FOUND;
    }
    return why == EACCES || why == EPERM ? PK_E_DENIED : PK_E_IO;
}

/* Waits, some microseconds, until the child has become the program or says why not. */
static int exec_outcome(int error_fd, pid_t pid) {
    int why = 0;
    ssize_t n;
    do {
        n = read(error_fd, &why, sizeof why);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        return PK_OK;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return n == (ssize_t)sizeof why ? error_of(why) : PK_E_IO;
}

static int launch(const struct pk_exec *e, const struct pk_exec_request *request, int *out_fd,
                  pid_t *out_pid) {
    int output[2], error[2];
    if (pipe2(output, O_CLOEXEC) != 0) {
        return PK_E_IO;
    }
    if (pipe2(error, O_CLOEXEC) != 0) {
        (void)close(output[0]);
        (void)close(output[1]);
        return PK_E_IO;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        child_main(e, request, output[1], error[1]);
    }
    (void)close(output[1]);
    (void)close(error[1]);
    const int outcome = pid < 0 ? PK_E_IO : exec_outcome(error[0], pid);
    (void)close(error[0]);
    if (outcome != PK_OK || fcntl(output[0], F_SETFL, O_NONBLOCK) != 0) {
        (void)close(output[0]);
        return outcome;
    }
    *out_fd = output[0];
    *out_pid = pid;
    return PK_OK;
}

static int exec_start(void *ctx, const struct pk_exec_request *request) {
    struct pk_exec *e = ctx;
    uint32_t argc = 0;
    while (argc <= PK_ARGV_MAX && request->argv[argc] != NULL) {
        argc++;
    }
    if (argc == 0 || argc > PK_ARGV_MAX || request->argv[0][0] != '/') {
        return PK_E_NOT_FOUND;
    }
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        struct pk_exec_slot *slot = &e->slots[i];
        if (slot->state != PK_EXEC_FREE) {
            continue;
        }
        int fd = -1;
        pid_t pid = 0;
        const int started = launch(e, request, &fd, &pid);
        if (started != PK_OK) {
            return started;
        }
        slot->state = PK_EXEC_RUNNING;
        slot->pid = pid;
        slot->pipe_fd = fd;
        slot->leaves_children = request->leaves_children;
        slot->is_timed_out = false;
        slot->wait_status = 0;
        slot->output_bytes = 0;
        slot->started_ms = pk_super_mono_ms();
        slot->deadline_ms = slot->started_ms + request->timeout_ms;
        return i;
    }
    return PK_E_BUSY;
}

/* Bounded, so that a program that only writes cannot keep us from the others. */
static void drain(struct pk_exec_slot *slot) {
    uint8_t chunk[DRAIN_BYTES];
    for (int round = 0; slot->pipe_fd >= 0 && round < DRAIN_ROUNDS; round++) {
        const ssize_t n = read(slot->pipe_fd, chunk, sizeof chunk);
        if (n < 0) {
            return; /* nothing there now */
        }
        if (n == 0) {
            (void)close(slot->pipe_fd);
            slot->pipe_fd = -1;
            return;
        }
        for (ssize_t i = 0; i < n; i++) {
            slot->ring[slot->output_bytes % PK_EXEC_OUTPUT_BYTES] = chunk[i];
            slot->output_bytes++;
        }
    }
}

/* Parses the session of /proc/PID/stat: the fourth number after the name, which may itself hold ')' and
 * blanks. */
static long session_of(const char *stat_text) {
    const char *p = strrchr(stat_text, ')');
    if (p == NULL) {
        return -1;
    }
    uint32_t field = 0;
    long value = 0;
    for (p++; *p != '\0' && field < 5; p++) {
        if (*p == ' ') {
            field++;
            if (field < 5) {
                value = 0;
            }
        } else if (*p >= '0' && *p <= '9' && value < 100000000) {
            value = value * 10 + (*p - '0');
        }
    }
    return field == 5 ? value : -1;
}

static void signal_if_in_session(const char *pid_text, pid_t session, int signal_number) {
    char path[40];
    struct pk_buf b;
    pk_buf_init(&b, path, sizeof path);
    pk_buf_puts(&b, "/proc/");
    pk_buf_puts(&b, pid_text);
    pk_buf_puts(&b, "/stat");
    const int fd = b.is_cut ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    char text[256];
    const ssize_t n = read(fd, text, sizeof text - 1u);
    (void)close(fd);
    if (n <= 0) {
        return;
    }
    text[n] = '\0';
    uint64_t pid = 0;
    if (session_of(text) == (long)session && pk_parse_u64(pk_str_of(pid_text), &pid) == PK_OK) {
        (void)kill((pid_t)pid, signal_number);
    }
}

/* The whole session, not only its first process group: a program may have made more. */
static void signal_session(pid_t session, int signal_number) {
    (void)kill(-session, signal_number);
    struct pk_dir_walk walk;
    if (pk_dir_open(&walk, "/proc") != PK_OK) {
        return;
    }
    const char *name;
    while ((name = pk_dir_next(&walk)) != NULL) {
        if (name[0] >= '1' && name[0] <= '9') {
            signal_if_in_session(name, session, signal_number);
        }
    }
    pk_dir_close(&walk);
}

static void keep_draining(struct pk_exec *e, int fd) {
    for (int i = 0; i < PK_EXEC_DRAINS; i++) {
        if (e->drains[i] < 0) {
            e->drains[i] = fd;
            return;
        }
    }
    (void)close(e->drains[0]); /* the oldest; so many daemons that keep our pipe are not sane */
    memmove(&e->drains[0], &e->drains[1], sizeof e->drains - sizeof e->drains[0]);
    e->drains[PK_EXEC_DRAINS - 1] = fd;
}

static void reap(struct pk_exec *e, struct pk_exec_slot *slot, uint64_t now_ms) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    /* Not reaped yet: while it is a zombie its number, and so its session's, belongs to nobody else. */
    if (waitid(P_PID, (id_t)slot->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != slot->pid) {
        return;
    }
    if (!slot->leaves_children) {
        signal_session(slot->pid, SIGKILL);
    }
    drain(slot);
    if (slot->pipe_fd >= 0 && slot->leaves_children) {
        keep_draining(e, slot->pipe_fd);
    } else if (slot->pipe_fd >= 0) {
        (void)close(slot->pipe_fd);
    }
    slot->pipe_fd = -1;
    (void)waitpid(slot->pid, &slot->wait_status, 0);
    slot->ended_ms = now_ms;
    slot->state = PK_EXEC_ENDED;
}

static void enforce(struct pk_exec_slot *slot, uint64_t now_ms) {
    if (now_ms < slot->deadline_ms) {
        return;
    }
    if (slot->state == PK_EXEC_RUNNING) {
        slot->is_timed_out = true;
        slot->state = PK_EXEC_TERMINATING;
        slot->deadline_ms = now_ms + PK_EXEC_TERM_MS;
        signal_session(slot->pid, SIGTERM);
        return;
    }
    if (slot->state == PK_EXEC_TERMINATING) {
        slot->state = PK_EXEC_KILLED;
        slot->deadline_ms = UINT64_MAX;
        signal_session(slot->pid, SIGKILL);
    }
}

static bool is_active(const struct pk_exec_slot *slot) {
    return slot->state == PK_EXEC_RUNNING || slot->state == PK_EXEC_TERMINATING ||
           slot->state == PK_EXEC_KILLED;
}

static void discard(struct pk_exec *e) {
    uint8_t chunk[DRAIN_BYTES];
    for (int i = 0; i < PK_EXEC_DRAINS; i++) {
        for (int round = 0; e->drains[i] >= 0 && round < DRAIN_ROUNDS; round++) {
            const ssize_t n = read(e->drains[i], chunk, sizeof chunk);
            if (n == 0) {
                (void)close(e->drains[i]);
                e->drains[i] = -1;
            } else if (n < 0) {
                break;
            }
        }
    }
}

void pk_exec_advance(struct pk_exec *e, uint64_t now_ms) {
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        struct pk_exec_slot *slot = &e->slots[i];
        if (!is_active(slot)) {
            continue;
        }
        drain(slot);
        reap(e, slot, now_ms);
        if (is_active(slot)) {
            enforce(slot, now_ms);
        }
    }
    discard(e);
}

static int exec_finished(void *ctx, struct pk_exec_result *out) {
    struct pk_exec *e = ctx;
    pk_exec_advance(e, pk_super_mono_ms());
    for (uint32_t i = 0; i < PK_EXEC_SLOTS; i++) {
        struct pk_exec_slot *slot = &e->slots[i];
        if (slot->state != PK_EXEC_ENDED) {
            continue;
        }
        const int status = slot->wait_status;
        out->slot = i;
        out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        out->is_timed_out = slot->is_timed_out;
        out->duration_ms = (uint32_t)(slot->ended_ms - slot->started_ms);
        out->output_bytes = slot->output_bytes;
        slot->state = PK_EXEC_FREE;
        return PK_OK;
    }
    return PK_E_AGAIN;
}

static int exec_output(void *ctx, uint32_t slot_index, uint32_t from, void *out, uint32_t cap_bytes) {
    const struct pk_exec *e = ctx;
    if (slot_index >= PK_EXEC_SLOTS) {
        return 0;
    }
    const struct pk_exec_slot *slot = &e->slots[slot_index];
    const uint32_t kept =
        slot->output_bytes < PK_EXEC_OUTPUT_BYTES ? (uint32_t)slot->output_bytes : PK_EXEC_OUTPUT_BYTES;
    uint8_t *bytes = out;
    uint32_t n = 0;
    for (uint32_t at = from; at < kept && n < cap_bytes; at++) {
        bytes[n++] = slot->ring[(slot->output_bytes - kept + at) % PK_EXEC_OUTPUT_BYTES];
    }
    return (int)n;
}

static void exec_stop(void *ctx, uint32_t slot_index) {
    struct pk_exec *e = ctx;
    if (slot_index >= PK_EXEC_SLOTS || e->slots[slot_index].state != PK_EXEC_RUNNING) {
        return;
    }
    struct pk_exec_slot *slot = &e->slots[slot_index];
    slot->state = PK_EXEC_TERMINATING;
    slot->deadline_ms = pk_super_mono_ms() + PK_EXEC_TERM_MS;
    signal_session(slot->pid, SIGTERM);
}

void pk_exec_open(struct pk_exec *e, bool moves_cgroup, struct pk_port_exec *out) {
    pk_zero(e, sizeof *e);
    e->moves_cgroup = moves_cgroup;
    for (int i = 0; i < PK_EXEC_DRAINS; i++) {
        e->drains[i] = -1;
    }
    *out = (struct pk_port_exec){
        .ctx = e, .start = exec_start, .finished = exec_finished, .output = exec_output, .stop = exec_stop};
}

uint32_t pk_exec_poll_fds(const struct pk_exec *e, struct pollfd *out) {
    uint32_t n = 0;
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        if (e->slots[i].state != PK_EXEC_FREE && e->slots[i].pipe_fd >= 0) {
            out[n++] = (struct pollfd){.fd = e->slots[i].pipe_fd, .events = POLLIN};
        }
    }
    for (int i = 0; i < PK_EXEC_DRAINS; i++) {
        if (e->drains[i] >= 0) {
            out[n++] = (struct pollfd){.fd = e->drains[i], .events = POLLIN};
        }
    }
    return n;
}

uint64_t pk_exec_deadline_ms(const struct pk_exec *e) {
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        if (is_active(&e->slots[i]) && e->slots[i].deadline_ms < first) {
            first = e->slots[i].deadline_ms;
        }
    }
    return first;
}

bool pk_exec_owns(const struct pk_exec *e, pid_t pid) {
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        if (is_active(&e->slots[i]) && e->slots[i].pid == pid) {
            return true;
        }
    }
    return false;
}
