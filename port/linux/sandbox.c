/* The seal. Once on, it holds for every thread until the process ends. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/pk_dir.h"
#include "port/linux/pk_sandbox.h"

/* Landlock (Documentation/userspace-api/landlock.rst), stated here because the headers of a sysroot may be
 * older than the kernel. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
enum {
    LL_VERSION_FLAG = 1,
    LL_RULE_PATH = 1,
    LL_EXECUTE = 1 << 0,
    LL_WRITE_FILE = 1 << 1,
    LL_READ_FILE = 1 << 2,
    LL_READ_DIR = 1 << 3,
    LL_REMOVE_FILE = 1 << 5,
    LL_MAKE_REG = 1 << 8,
    LL_ALL_V1 = (1 << 13) - 1,
    LL_REFER = 1 << 13,     /* ABI 2 */
    LL_TRUNCATE = 1 << 14,  /* ABI 3 */
    LL_BIND_TCP = 1 << 0,   /* ABI 4 */
    LL_IOCTL_DEV = 1 << 15, /* ABI 5 */
    LL_SCOPE_ALL = 3        /* ABI 6: abstract sockets, signals */
};
struct ruleset {
    uint64_t files, network, scoped;
};
struct path_rule {
    uint64_t access;
    int32_t parent_fd;
} __attribute__((packed));

/* A signal handler has no argument of ours: these are of the process, as the seal is. */
static atomic_int the_ruleset_fd = -1;
static atomic_int the_restricted_count;

static bool restrict_this_thread(int ruleset_fd) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, ruleset_fd, 0) == 0;
}

static void on_signal(int number) {
    (void)number;
    const int before = errno;
    if (restrict_this_thread(atomic_load(&the_ruleset_fd))) {
        (void)atomic_fetch_add(&the_restricted_count, 1);
    }
    errno = before;
}

static uint64_t files_of_abi(long abi) {
    uint64_t files = LL_ALL_V1;
    files |= abi >= 2 ? (uint64_t)LL_REFER : 0u;
    files |= abi >= 3 ? (uint64_t)LL_TRUNCATE : 0u;
    files |= abi >= 5 ? (uint64_t)LL_IOCTL_DEV : 0u;
    return files;
}

/* False when the path is there and the kernel refused the rule. */
static bool allow_path(int ruleset_fd, const char *path, uint64_t access) {
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return true; /* nothing there to be seen */
    }
    struct stat st;
    uint64_t mask = access;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        mask &= (uint64_t)(LL_READ_FILE | LL_WRITE_FILE | LL_TRUNCATE);
    }
    const struct path_rule rule = {.access = mask, .parent_fd = fd};
    const bool is_added = syscall(SYS_landlock_add_rule, ruleset_fd, LL_RULE_PATH, &rule, 0) == 0;
    (void)close(fd);
    return is_added;
}

/* Descriptor, or -1 when the kernel has no Landlock or refuses. */
static int make_ruleset(const char *const *read_paths, const char *const *write_paths) {
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION_FLAG);
    if (abi < 1) {
        return -1;
    }
    const struct ruleset set = {.files = files_of_abi(abi),
                                .network = abi >= 4 ? LL_BIND_TCP : 0,
                                .scoped = abi >= 6 ? LL_SCOPE_ALL : 0};
    const size_t set_bytes = abi >= 6 ? sizeof set : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &set, set_bytes, 0);
    const uint64_t readable = LL_READ_FILE | LL_READ_DIR;
    const uint64_t writable =
        (readable | (uint64_t)(LL_WRITE_FILE | LL_REMOVE_FILE | LL_MAKE_REG | LL_TRUNCATE)) & set.files;
    bool is_whole = fd >= 0;
    for (uint32_t i = 0; is_whole && read_paths != NULL && read_paths[i] != NULL; i++) {
        is_whole = allow_path(fd, read_paths[i], readable);
    }
    for (uint32_t i = 0; is_whole && write_paths != NULL && write_paths[i] != NULL; i++) {
        is_whole = allow_path(fd, write_paths[i], writable);
    }
    if (!is_whole && fd >= 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Signals every thread but this one. How many. */
static int signal_others(void) {
    struct pk_dir_walk walk;
    const long self = syscall(SYS_gettid);
    const long pid = (long)getpid();
    int count = 0;
    if (pk_dir_open(&walk, "/proc/self/task") != PK_OK) {
        return -1;
    }
    const char *name;
    while ((name = pk_dir_next(&walk)) != NULL) {
        uint64_t tid = 0;
        if (pk_parse_u64(pk_str_of(name), &tid) == PK_OK && (long)tid != self &&
            syscall(SYS_tgkill, pid, (long)tid, PK_SANDBOX_SIGNAL) == 0) {
            count++;
        }
    }
    pk_dir_close(&walk);
    return count;
}

static bool restrict_other_threads(int ruleset_fd) {
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    atomic_store(&the_ruleset_fd, ruleset_fd);
    atomic_store(&the_restricted_count, 0);
    if (sigaction(PK_SANDBOX_SIGNAL, &action, &before) != 0) {
        return false;
    }
    const int count = signal_others();
    for (int waited_ms = 0;
         waited_ms < PK_SANDBOX_SIGNAL_WAIT_MS && atomic_load(&the_restricted_count) < count; waited_ms++) {
        const struct timespec pause = {.tv_sec = 0, .tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    }
    const bool is_whole = count >= 0 && atomic_load(&the_restricted_count) == count;
    if (is_whole) {
        (void)sigaction(PK_SANDBOX_SIGNAL, &before, NULL);
    } /* else a late signal must still find the handler, not the default, which ends the process */
    return is_whole;
}

static bool apply_landlock(const char *const *read_paths, const char *const *write_paths) {
    const int fd = make_ruleset(read_paths, write_paths);
    if (fd < 0) {
        return false;
    }
    /* Others first: once under it, signals may no longer leave this thread's domain (ABI 6). */
    const bool are_others = restrict_other_threads(fd);
    const bool is_own = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    if (are_others) { /* else a late signal still needs it */
        (void)close(fd);
    }
    return are_others && is_own;
}

static bool apply_seccomp(enum pk_sandbox_for who) {
    struct sock_filter filter[PK_SANDBOX_FILTER_MAX];
    uint32_t kill_action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill_action) != 0) {
        kill_action =
            SECCOMP_RET_KILL; /* before Linux 4.14: the thread; the supervisor sees that nothing ticks */
    }
    const int n = pk_sandbox_build(who, filter, PK_SANDBOX_FILTER_MAX, (uint32_t)getpid(), kill_action);
    if (n < 0) {
        return false;
    }
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    const unsigned long tsync = SECCOMP_FILTER_FLAG_TSYNC;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, tsync | SECCOMP_FILTER_FLAG_LOG, &program) == 0) {
        return true;
    }
    return errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, tsync, &program) == 0;
}

uint32_t pk_sandbox_apply(enum pk_sandbox_for who, const char *const *read_paths,
                          const char *const *write_paths) {
    uint32_t bits = 0;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* keys are in memory: no core, no debugger of the same user */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return PK_SEAL_NONE;
    }
    bits |= PK_SEAL_NO_NEW_PRIVS;
    if (apply_landlock(read_paths, write_paths)) {
        bits |= PK_SEAL_LANDLOCK;
    }
    if (apply_seccomp(who)) {
        bits |= PK_SEAL_SECCOMP;
    }
    return bits;
}

uint32_t pk_platform_seal(struct pk_port *port, const char *const *read_dirs, const char *const *write_dirs) {
    (void)port; /* the seal is of the process */
    return pk_sandbox_apply(PK_SANDBOX_AGENT, read_dirs, write_dirs);
}
