/* The system calls a sealed agent may make: what musl, the LMDB writer, sockets, epoll and files need, and no
 * more. The most frequent come first, since the filter goes through them in order. Calls an ISA does not have
 * are left out. */
#include <sys/syscall.h>

#include "base/pk_assert.h"
#include "port/linux/pk_sandbox.h"

struct call {
    long number;
    const char *name;
};
#define CALL(name)                                                                                           \
    { SYS_##name, #name }

static const struct call calls[] = {
    CALL(read),
    CALL(write),
    CALL(epoll_pwait),
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
    CALL(futex),
#ifdef SYS_futex_time64
    CALL(futex_time64),
#endif
#ifdef SYS_clock_gettime
    CALL(clock_gettime),
#endif
#ifdef SYS_clock_gettime32
    CALL(clock_gettime32), /* musl's name of the 32-bit call an old kernel has */
#endif
#ifdef SYS_clock_gettime64
    CALL(clock_gettime64),
#endif
    CALL(pread64),
    CALL(pwrite64),
    CALL(readv),
    CALL(writev),
    CALL(preadv),
    CALL(pwritev),
    CALL(fdatasync),
    CALL(fallocate), /* the store's spare room */
    CALL(fsync),
    CALL(recvfrom),
    CALL(sendto),
    CALL(recvmsg),
    CALL(sendmsg),
#ifdef SYS_recv
    CALL(recv),
    CALL(send),
#endif
    CALL(openat),
#ifdef SYS_open
    CALL(open),
#endif
    CALL(close),
    /* waiting */
    CALL(epoll_ctl),
    CALL(epoll_create1),
    CALL(ppoll),
#ifdef SYS_ppoll_time64
    CALL(ppoll_time64),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
    CALL(nanosleep),
#ifdef SYS_clock_nanosleep
    CALL(clock_nanosleep),
#endif
#ifdef SYS_clock_nanosleep_time32
    CALL(clock_nanosleep_time32), /* musl's name of the 32-bit call an old kernel has */
#endif
#ifdef SYS_clock_nanosleep_time64
    CALL(clock_nanosleep_time64),
#endif
    CALL(sched_yield),
    CALL(restart_syscall),
    CALL(eventfd2),
    CALL(signalfd4),
    /* connections; socket itself is looked at by family */
    CALL(connect),
    CALL(accept4),
    CALL(shutdown),
    CALL(getsockname),
    CALL(getpeername),
    CALL(getsockopt),
    CALL(setsockopt),
    /* files */
    CALL(fcntl),
#ifdef SYS_fcntl64
    CALL(fcntl64),
#endif
    CALL(lseek),
#ifdef SYS__llseek
    CALL(_llseek),
#endif
    CALL(fstat),
#ifdef SYS_fstat64
    CALL(fstat64),
#endif
#ifdef SYS_newfstatat
    CALL(newfstatat),
#endif
#ifdef SYS_fstatat64
    CALL(fstatat64),
#endif
#ifdef SYS_stat
    CALL(stat),
    CALL(lstat),
#endif
#ifdef SYS_stat64
    CALL(stat64),
    CALL(lstat64),
#endif
#ifdef SYS_statx
    CALL(statx),
#endif
    CALL(statfs),
    CALL(fstatfs),
#ifdef SYS_statfs64
    CALL(statfs64),
    CALL(fstatfs64),
#endif
    CALL(ftruncate),
#ifdef SYS_ftruncate64
    CALL(ftruncate64),
#endif
    CALL(fchmod),
    CALL(getdents64),
    CALL(readlinkat),
#ifdef SYS_readlink
    CALL(readlink),
#endif
    CALL(faccessat),
#ifdef SYS_access
    CALL(access),
#endif
    CALL(unlinkat),
#ifdef SYS_unlink
    CALL(unlink),
#endif
#ifdef SYS_renameat
    CALL(renameat),
#endif
    CALL(renameat2),
#ifdef SYS_rename
    CALL(rename),
#endif
    CALL(munmap), /* the store's map at the end */
    /* itself */
    CALL(getpid),
    CALL(gettid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
#ifdef SYS_getuid32
    CALL(getuid32),
    CALL(geteuid32),
    CALL(getgid32),
    CALL(getegid32),
#endif
    CALL(getrusage),
    CALL(sysinfo),
    CALL(uname),
    CALL(getrandom),
#ifdef SYS_gettimeofday
    CALL(gettimeofday),
#endif
#ifdef SYS_gettimeofday_time32
    CALL(gettimeofday_time32), /* musl's name of the 32-bit call an old kernel has */
#endif
    /* adjtimex of musl, to ask whether a time source disciplines the clock; setting it needs a capability */
    CALL(clock_adjtime),
#ifdef SYS_clock_adjtime64
    CALL(clock_adjtime64),
#endif
    CALL(adjtimex),
    /* signals and the end */
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
#ifdef SYS_sigreturn
    CALL(sigreturn),
#endif
    CALL(rt_sigtimedwait),
    CALL(tkill), /* abort() of musl; the user has no other process worth a signal */
    CALL(exit),
    CALL(exit_group),
};

const char *pk_sandbox_allowed(uint32_t index, long *out_number) {
    if (index >= PK_COUNT_OF(calls)) {
        return NULL;
    }
    *out_number = calls[index].number;
    return calls[index].name;
}

/* Nothing honest makes these after the seal: whoever does has taken the process over. */
static const long killers[] = {
    SYS_execve,
    SYS_execveat,
    SYS_clone,
#ifdef SYS_clone3
    SYS_clone3,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
};

bool pk_sandbox_killer(uint32_t index, long *out_number) {
    if (index >= PK_COUNT_OF(killers)) {
        return false;
    }
    *out_number = killers[index];
    return true;
}
