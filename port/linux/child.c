/* What every child does between fork and exec, and small helpers of the supervisor's side. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/pk_super.h"

uint64_t pk_super_mono_ms(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

const char *pk_environment_get(const char *const *environment, const char *name) {
    const size_t n = strlen(name);
    for (uint32_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, n) == 0 && environment[i][n] == '=') {
            return environment[i] + n + 1;
        }
    }
    return NULL;
}

void pk_child_reset_signals(void) {
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int signal_number = 1; signal_number <= 64; signal_number++) {
        (void)sigaction(signal_number, &standard,
                        NULL); /* refused for KILL, STOP and libc's own: they need none */
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void pk_child_close_from(int from) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)from, ~0u, 0u) == 0) {
        return;
    }
#endif
    /* Kernels before 5.9. Ours are close-on-exec and few; this is for what an init system left open. */
    enum { LAST_FD = 4096 };
    for (int fd = from; fd < LAST_FD; fd++) {
        (void)close(fd);
    }
}

bool pk_child_write_text(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const size_t n = strlen(text);
    const bool is_written = write(fd, text, n) == (ssize_t)n;
    (void)close(fd);
    return is_written;
}

/* The kernel's own calls: those of libc change every thread of a process, this one has a single thread, and
 * they are 1.3 KB of the ARMv7 file. The old calls of 32-bit systems take ids of 16 bits. */
#ifdef SYS_setresuid32
enum {
    CALL_SETGROUPS = SYS_setgroups32,
    CALL_SETRESGID = SYS_setresgid32,
    CALL_SETRESUID = SYS_setresuid32,
    CALL_SETUID = SYS_setuid32
};
#else
enum {
    CALL_SETGROUPS = SYS_setgroups,
    CALL_SETRESGID = SYS_setresgid,
    CALL_SETRESUID = SYS_setresuid,
    CALL_SETUID = SYS_setuid
};
#endif

bool pk_child_drop_root(uid_t uid, gid_t gid, gid_t group) {
    const int group_count = group != 0 ? 1 : 0;
    if (syscall(CALL_SETGROUPS, group_count, group_count > 0 ? &group : NULL) != 0 ||
        syscall(CALL_SETRESGID, gid, gid, gid) != 0 || syscall(CALL_SETRESUID, uid, uid, uid) != 0) {
        return false;
    }
    uid_t r = 0, e = 0, s = 0;
    gid_t rg = 0, eg = 0, sg = 0;
    if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0 || getgroups(0, NULL) != group_count) {
        return false;
    }
    return r == uid && e == uid && s == uid && rg == gid && eg == gid && sg == gid &&
           syscall(CALL_SETUID, 0) != 0;
}
