/* The roles of this binary as child processes: re-executed, so that nothing of root's memory is left in them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_super_platform.h"

/* The socket is at 3 for every role; the agent also keeps the instance lock, at 4, so that no second one can
 * start before it is gone. */
enum { ROLE_FD = 3, LOCK_FD = 4, RESOLVER_ADDRESS_SPACE = 128 * 1024 * 1024 };

static bool is_prober(enum pk_super_child which) {
    return which >= PK_SUPER_PROBE_0 && which < PK_SUPER_PROBE_0 + PK_SUPER_PROBERS;
}

static bool is_resolver(enum pk_super_child which) {
    return which == PK_SUPER_RESOLVE_0 || which == PK_SUPER_RESOLVE_1;
}

static bool has_socket(enum pk_super_child which) {
    return which == PK_SUPER_AGENT || is_resolver(which) || is_prober(which);
}

static const char *role_flag(enum pk_super_child which) {
    switch (which) {
    case PK_SUPER_AGENT:
        return "--role=agent";
    case PK_SUPER_CHECK_STORE:
        return "--role=check-store";
    case PK_SUPER_MOVE_STORE:
        return "--role=move-store";
    case PK_SUPER_CHECK_CONFIG:
        return "--role=check-config";
    case PK_SUPER_PROBE_0:
    case PK_SUPER_PROBE_1:
    case PK_SUPER_PROBE_2:
    case PK_SUPER_PROBE_3:
        return "--role=probe";
    case PK_SUPER_RESOLVE_0:
    case PK_SUPER_RESOLVE_1:
    case PK_SUPER_CHILD_COUNT:
        break;
    }
    return "--role=resolve";
}

/* The system call: libcs disagree about the type of the first argument and the width of the rest. */
static void limit(int what, uint64_t value) {
    struct {
        uint64_t current, max;
    } old = {0, 0}, new = {value, value};
    if (syscall(SYS_prlimit64, 0, what, NULL, &old) == 0 && old.max > value) {
        (void)syscall(SYS_prlimit64, 0, what, &new, NULL);
    }
}

static void limit_child(enum pk_super_child which) {
    limit(RLIMIT_CORE, 0); /* a core file would hold keys */
    if (which == PK_SUPER_AGENT) {
        return;
    }
    limit(RLIMIT_CPU, PK_SUPER_RLIMIT_CPU_S);
    limit(RLIMIT_NOFILE, 32);
    /* No limit on file sizes: stderr may be a file, and the limit's signal would look like a damaged store.
     */
    if (is_resolver(which) || is_prober(which)) {
        limit(RLIMIT_AS, RESOLVER_ADDRESS_SPACE);
        limit(RLIMIT_CPU, 10);
    }
}

static bool place_descriptors(int socket_fd, int second_fd) {
    const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int lock_high = fcntl(second_fd, F_DUPFD_CLOEXEC, 10);
    const int socket_high = socket_fd >= 0 ? fcntl(socket_fd, F_DUPFD_CLOEXEC, 10) : -1;
    if (null_fd < 0 || lock_high < 0 || dup2(null_fd, 0) < 0 || dup2(lock_high, LOCK_FD) < 0) {
        return false;
    }
    if (null_fd == 0 && fcntl(0, F_SETFD, 0) != 0) {
        return false;
    }
    if (socket_fd < 0) {
        (void)close(ROLE_FD);
    } else if (socket_high < 0 || dup2(socket_high, ROLE_FD) < 0) {
        return false;
    }
    pk_child_close_from(LOCK_FD + 1);
    return true;
}

/* What a prober gets in place of the lock, which is not its business: a raw socket for echoes when it may not
 * have a ping socket of its own. */
static int second_descriptor(const struct pk_super_platform *p, enum pk_super_child which, int icmp_family) {
    if (!is_prober(which)) {
        return p->lock_fd;
    }
    const int protocol = icmp_family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    const int fd = icmp_family == 0 ? -1 : socket(icmp_family, SOCK_RAW | SOCK_CLOEXEC, protocol);
    return fd >= 0 ? fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

_Noreturn static void child_main(const struct pk_super_platform *p, enum pk_super_child which, int socket_fd,
                                 const char *argument, int icmp_family, pid_t parent) {
    const char *argv[8] = {"picketd", role_flag(which), "-c", p->config.config_path, NULL};
    if (argument != NULL) {
        argv[4] = "--name";
        argv[5] = argument;
    }
    pk_child_reset_signals();
    (void)setsid();
    (void)umask(077);
    limit_child(which);
    /* In the sticky state directory only root can rename what somebody restored there as root. It renames and
     * unlinks names in that one directory and looks into none of them. */
    const bool stays_root = which == PK_SUPER_MOVE_STORE;
    /* The death signal comes after the change of identity, which clears it. */
    if (!place_descriptors(socket_fd, second_descriptor(p, which, icmp_family)) || chdir("/") != 0 ||
        (!stays_root && p->is_root && !pk_child_drop_root(p->uid, p->gid, 0)) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
        getppid() != parent) {
        _exit(126);
    }
    union {
        const char *const *in;
        char *const *out;
    } arguments = {.in = argv}, environment = {.in = p->child_environment};
    (void)execve(p->config.exe_path, arguments.out, environment.out);
    _exit(127);
}

static int spawn(struct pk_super_platform *p, enum pk_super_child which, const char *argument,
                 int icmp_family) {
    struct pk_super_child_state *child = &p->children[which];
    if (child->pid != 0) {
        return PK_E_BUSY;
    }
    if (child->fd >= 0) {
        (void)close(child->fd);
        child->fd = -1;
    }
    int pair[2] = {-1, -1};
    if (has_socket(which) &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return PK_E_IO;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        child_main(p, which, pair[1], argument, icmp_family, parent);
    }
    if (pair[1] >= 0) {
        (void)close(pair[1]);
    }
    if (pid < 0) {
        if (pair[0] >= 0) {
            (void)close(pair[0]);
        }
        return PK_E_IO;
    }
    child->pid = pid;
    child->fd = pair[0];
    return (int)pid;
}

int pk_super_spawn(void *ctx, enum pk_super_child which, const char *argument) {
    return spawn(ctx, which, argument, 0);
}

int pk_super_probe(void *ctx, enum pk_super_child which, const struct pk_ipc_probe_order *order) {
    enum { KIND_ICMP = 4 }; /* enum pk_probe_kind, of a module the port does not know */
    struct pk_super_platform *p = ctx;
    const int family = strchr(order->host, ':') != NULL ? AF_INET6 : AF_INET;
    const int pid = spawn(p, which, NULL, order->kind == KIND_ICMP ? family : 0);
    if (pid > 0 && send(p->children[which].fd, order, sizeof *order, MSG_NOSIGNAL | MSG_DONTWAIT) !=
                       (ssize_t)sizeof *order) {
        pk_super_kill(p, which, PK_SUPER_KILL_KILL); /* its end says that there is no result */
    }
    return pid;
}

/* As process 1 of a container we inherit what others leave behind. */
static void reap_strays(const struct pk_super_platform *p) {
    siginfo_t info;
    for (int i = 0; getpid() == 1 && i < 64; i++) {
        memset(&info, 0, sizeof info);
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
            return;
        }
        for (int c = 0; c < PK_SUPER_CHILD_COUNT; c++) {
            if (p->children[c].pid == info.si_pid) {
                return;
            }
        }
        if (pk_exec_owns(&p->exec, info.si_pid) || pk_super_inlets_own(p, info.si_pid)) {
            return;
        }
        (void)waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* Not SIGKILL, which is also the out-of-memory killer's and an operator's. */
static bool is_fault(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGFPE ||
           number == SIGILL || number == SIGSYS;
}

int pk_super_ended(void *ctx, struct pk_super_exit *out) {
    struct pk_super_platform *p = ctx;
    for (int c = 0; c < PK_SUPER_CHILD_COUNT; c++) {
        struct pk_super_child_state *child = &p->children[c];
        int status = 0;
        if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) {
            continue;
        }
        child->pid = 0;
        if (c == PK_SUPER_AGENT && child->fd >= 0) {
            (void)close(child->fd);
            child->fd = -1;
        }
        out->child = (enum pk_super_child)c;
        out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        out->wait_status = (uint32_t)status;
        out->is_fault = WIFSIGNALED(status) && is_fault(WTERMSIG(status));
        return PK_OK;
    }
    pk_super_inlets_reap(p);
    reap_strays(p);
    return PK_E_AGAIN;
}

void pk_super_kill(void *ctx, enum pk_super_child which, enum pk_super_kill how) {
    static const int numbers[] = {
        [PK_SUPER_KILL_TERM] = SIGTERM,  [PK_SUPER_KILL_KILL] = SIGKILL, [PK_SUPER_KILL_ABORT] = SIGABRT,
        [PK_SUPER_KILL_RELOAD] = SIGHUP, [PK_SUPER_KILL_DUMP] = SIGUSR1, [PK_SUPER_KILL_LOG_LEVEL] = SIGUSR2,
    };
    const struct pk_super_platform *p = ctx;
    if (p->children[which].pid > 0) {
        (void)kill(p->children[which].pid, numbers[how]);
    }
}

void pk_super_children_init(struct pk_super_platform *p) {
    for (int c = 0; c < PK_SUPER_CHILD_COUNT; c++) {
        p->children[c] = (struct pk_super_child_state){.pid = 0, .fd = -1};
    }
    uint32_t n = 0;
    p->child_environment[n++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    p->child_environment[n++] = "LANG=C";
    for (uint32_t i = 0; p->config.environment != NULL && p->config.environment[i] != NULL &&
                         n < PK_SUPER_ENVIRONMENT_MAX + 2;
         i++) {
        if (strncmp(p->config.environment[i], "PICKET_", 7) == 0) {
            p->child_environment[n++] = p->config.environment[i];
        }
    }
    p->child_environment[n] = NULL;
}
