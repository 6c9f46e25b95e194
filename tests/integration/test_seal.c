/* The seal, tried for real: each case seals a child of its own and lets it do one thing.
 * ctest: lane=default timeout=60 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_sandbox.h"
#include "support/pk_test.h"

enum { EXIT_NOT_SEALED = 99, EXIT_SURVIVED = 98 };

/* Wait status of a child that seals itself and then runs `act`, whose answer is its exit code. */
static int in_sealed_child(int (*act)(void), const char *const *read_paths, const char *const *write_paths,
                           uint32_t wanted) {
    const pid_t pid = fork();
    if (pid == 0) {
        const uint32_t bits = pk_sandbox_apply(PK_SANDBOX_AGENT, read_paths, write_paths);
        _exit((bits & wanted) == wanted ? act() : EXIT_NOT_SEALED);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return status;
}

static bool is_missing(uint32_t bits) {
    const pid_t pid = fork();
    if (pid == 0) {
        _exit((pk_sandbox_apply(PK_SANDBOX_AGENT, NULL, NULL) & bits) == bits ? 0 : 1);
    }
    int ended = 0;
    (void)waitpid(pid, &ended, 0);
    return !WIFEXITED(ended) || WEXITSTATUS(ended) != 0;
}

static bool died_of_sigsys(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static int exit_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int do_execve(void) {
    char *const argv[] = {(char[]){"true"}, NULL};
    (void)syscall(SYS_execve, "/bin/true", argv, NULL);
    return EXIT_SURVIVED;
}
static int do_clone(void) {
    (void)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    return EXIT_SURVIVED;
}
static int do_ptrace(void) {
    (void)syscall(SYS_ptrace, 0, 0, 0, 0);
    return EXIT_SURVIVED;
}
static int do_vm_read(void) {
    (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
    return EXIT_SURVIVED;
}
#ifdef SYS_mmap
#define OWN_MMAP SYS_mmap
#else
#define OWN_MMAP SYS_mmap2
#endif
static int do_mmap_anonymous(void) {
    (void)syscall(OWN_MMAP, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return EXIT_SURVIVED;
}
static int do_mmap_executable(void) {
    (void)syscall(OWN_MMAP, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, 0);
    return EXIT_SURVIVED;
}
static int do_mprotect_executable(void) {
    (void)syscall(SYS_mprotect, (uintptr_t)&do_mprotect_executable & ~(uintptr_t)4095, 4096,
                  PROT_READ | PROT_EXEC);
    return EXIT_SURVIVED;
}

PK_TEST(seal__forbidden_calls__end_the_process) {
    static int (*const acts[])(void) = {do_execve,
                                        do_clone,
                                        do_ptrace,
                                        do_vm_read,
                                        do_mmap_anonymous,
                                        do_mmap_executable,
                                        do_mprotect_executable};
    if (is_missing(PK_SEAL_SECCOMP)) {
        SKIP("no seccomp here");
    }
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        CHECK(died_of_sigsys(in_sealed_child(acts[i], NULL, NULL, PK_SEAL_SECCOMP)));
    }
}

/* Exit code: errno of the call, 0 when it worked. */
static int do_unknown(void) {
    return syscall(1000) == 0 ? 0 : errno;
}
static int do_keyctl(void) {
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0 ? 0 : errno;
}
static int do_prctl(void) {
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) >= 0 ? 0 : errno;
}
static int do_mmap_file(void) {
    return syscall(OWN_MMAP, 0, 4096, PROT_READ, MAP_PRIVATE, 0, 0) >= 0 ? 0 : errno;
}
static int do_madvise_other(void) {
    static _Alignas(4096) char page[4096];
    return syscall(SYS_madvise, page, sizeof page, MADV_WILLNEED) == 0 ? 0 : errno;
}
static int do_madvise_dontneed(void) {
    static _Alignas(4096) char page[4096];
    return syscall(SYS_madvise, page, sizeof page, MADV_DONTNEED) == 0 ? 0 : errno;
}
static int do_socket_inet(void) {
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}
static int do_socket_unix(void) {
    return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}
static int do_bind(void) {
    const int fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in any;
    memset(&any, 0, sizeof any);
    any.sin_family = AF_INET;
    return bind(fd, (struct sockaddr *)&any, sizeof any) == 0 ? 0 : errno;
}
static int do_socket_packet(void) {
    return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0) >= 0 ? 0 : errno;
}
static int do_tgkill_other(void) {
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 0 : errno;
}
static int do_read_write(void) {
    char c = 'x';
    int pair[2];
    (void)pair;
    const int fd = open("/dev/null", O_RDWR);
    return fd >= 0 && write(fd, &c, 1) == 1 && read(fd, &c, 1) == 0 && close(fd) == 0 ? 0 : 1;
}

PK_TEST(seal__unknown_calls__get_enosys_and_the_process_lives) {
    if (is_missing(PK_SEAL_SECCOMP)) {
        SKIP("no seccomp here");
    }
    CHECK_EQ_INT(exit_of(in_sealed_child(do_unknown, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_keyctl, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_prctl, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_mmap_file, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
}

PK_TEST(seal__arguments__are_looked_at) {
    if (is_missing(PK_SEAL_SECCOMP)) {
        SKIP("no seccomp here");
    }
    CHECK_EQ_INT(exit_of(in_sealed_child(do_madvise_dontneed, NULL, NULL, PK_SEAL_SECCOMP)), 0);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_madvise_other, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_socket_inet, NULL, NULL, PK_SEAL_SECCOMP)), 0);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_socket_unix, NULL, NULL, PK_SEAL_SECCOMP)), EACCES);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_bind, NULL, NULL, PK_SEAL_SECCOMP)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_socket_packet, NULL, NULL, PK_SEAL_SECCOMP)), EACCES);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_tgkill_other, NULL, NULL, PK_SEAL_SECCOMP)), EPERM);
}

/* A directory to see, one to write, one that must stay out of sight. */
static char the_dir[64], the_readable[96], the_writable[96], the_hidden[96];

static bool make_tree(void) {
    (void)strcpy(the_dir, "/tmp/pk_seal_XXXXXX");
    if (mkdtemp(the_dir) == NULL) {
        return false;
    }
    (void)strcat(strcpy(the_readable, the_dir), "/readable");
    (void)strcat(strcpy(the_writable, the_dir), "/writable");
    (void)strcat(strcpy(the_hidden, the_dir), "/hidden");
    return mkdir(the_readable, 0755) == 0 && mkdir(the_writable, 0755) == 0 && mkdir(the_hidden, 0755) == 0;
}

static void remove_tree(void) {
    static const char *const names[] = {"/writable/new", "/writable/kept", "/readable/new", "/hidden/new"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(strcat(strcpy(path, the_dir), names[i]));
    }
    (void)rmdir(the_readable);
    (void)rmdir(the_writable);
    (void)rmdir(the_hidden);
    (void)rmdir(the_dir);
}

static int try_open(const char *dir, const char *name, int flags) {
    char path[160];
    const int fd = open(strcat(strcpy(path, dir), name), flags, 0600);
    return fd >= 0 ? 0 : errno;
}
static int do_list_readable(void) {
    return try_open(the_readable, "", O_RDONLY | O_DIRECTORY);
}
static int do_create_readable(void) {
    return try_open(the_readable, "/new", O_WRONLY | O_CREAT);
}
static int do_create_writable(void) {
    return try_open(the_writable, "/new", O_WRONLY | O_CREAT);
}
static int do_rename_writable(void) {
    char from[160], to[160];
    if (try_open(the_writable, "/new", O_WRONLY | O_CREAT | O_TRUNC) != 0) {
        return 1;
    }
    return renameat(AT_FDCWD, strcat(strcpy(from, the_writable), "/new"), AT_FDCWD,
                    strcat(strcpy(to, the_writable), "/kept")) == 0
               ? 0
               : errno;
}
static int do_list_hidden(void) {
    return try_open(the_hidden, "", O_RDONLY | O_DIRECTORY);
}
static int do_read_passwd(void) {
    return try_open("/etc", "/passwd", O_RDONLY);
}

PK_TEST(seal__file_view__is_what_was_named) {
    if (is_missing(PK_SEAL_LANDLOCK)) {
        SKIP("no Landlock here");
    }
    REQUIRE(make_tree());
    const char *const readable[] = {the_readable, "/does/not/exist", NULL};
    const char *const writable[] = {the_writable, NULL};
    CHECK_EQ_INT(exit_of(in_sealed_child(do_list_readable, readable, writable, PK_SEAL_LANDLOCK)), 0);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_create_readable, readable, writable, PK_SEAL_LANDLOCK)), EACCES);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_create_writable, readable, writable, PK_SEAL_LANDLOCK)), 0);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_rename_writable, readable, writable, PK_SEAL_LANDLOCK)), 0);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_list_hidden, readable, writable, PK_SEAL_LANDLOCK)), EACCES);
    CHECK_EQ_INT(exit_of(in_sealed_child(do_read_passwd, readable, writable, PK_SEAL_LANDLOCK)), EACCES);
    const char *const null_device[] = {"/dev/null", NULL};
    CHECK_EQ_INT(exit_of(in_sealed_child(do_read_write, NULL, null_device, PK_SEAL_LANDLOCK)), 0);
    remove_tree();
}

/* ---- a thread that was there before ---- */

static atomic_int is_sealed, thread_answer;
static int (*the_thread_act)(void);

static void *thread_main(void *arg) {
    (void)arg;
    while (atomic_load(&is_sealed) == 0) {
        (void)sched_yield();
    }
    const int answer = the_thread_act();
    atomic_store(&thread_answer, answer + 1);
    return NULL;
}

static int in_sealed_thread(int (*act)(void), bool blocks_signals, uint32_t *out_bits) {
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0) {
        return -1;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        sigset_t all;
        the_thread_act = act;
        (void)sigfillset(&all);
        if (blocks_signals) {
            (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
        }
        if (pthread_create(&thread, NULL, thread_main, NULL) != 0) {
            _exit(EXIT_NOT_SEALED);
        }
        const uint32_t bits =
            pk_sandbox_apply(PK_SANDBOX_AGENT, (const char *const[]){"/dev/null", NULL}, NULL);
        (void)!write(pipe_fds[1], &bits, sizeof bits);
        atomic_store(&is_sealed, 1);
        while (atomic_load(&thread_answer) == 0) {
            (void)sched_yield();
        }
        _exit(atomic_load(&thread_answer) - 1);
    }
    (void)close(pipe_fds[1]);
    *out_bits = 0;
    (void)!read(pipe_fds[0], out_bits, sizeof *out_bits);
    (void)close(pipe_fds[0]);
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return status;
}

PK_TEST(seal__second_thread__is_under_it_too) {
    uint32_t bits = 0;
    if (is_missing(PK_SEAL_SECCOMP | PK_SEAL_LANDLOCK)) {
        SKIP("no seccomp or no Landlock here");
    }
    CHECK(died_of_sigsys(in_sealed_thread(do_execve, false, &bits)));
    CHECK_EQ_INT(bits, PK_SEAL_SECCOMP | PK_SEAL_LANDLOCK | PK_SEAL_NO_NEW_PRIVS);
    CHECK_EQ_INT(exit_of(in_sealed_thread(do_unknown, false, &bits)), ENOSYS);
    CHECK_EQ_INT(exit_of(in_sealed_thread(do_read_passwd, false, &bits)), EACCES);
}

PK_TEST(seal__thread_that_cannot_be_reached__costs_the_landlock_bit) {
    uint32_t bits = 0;
    if (is_missing(PK_SEAL_SECCOMP | PK_SEAL_LANDLOCK)) {
        SKIP("no seccomp or no Landlock here");
    }
    CHECK(died_of_sigsys(in_sealed_thread(do_execve, true, &bits)));
    CHECK_EQ_INT(bits, PK_SEAL_SECCOMP | PK_SEAL_NO_NEW_PRIVS);
}

static int do_nothing(void) {
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno == ENOSYS ? 0 : 1;
}

PK_TEST(seal__everything_in_this_kernel__is_reported) {
    if (is_missing(PK_SEAL_SECCOMP)) {
        SKIP("no seccomp here");
    }
    CHECK_EQ_INT(exit_of(in_sealed_child(do_nothing, NULL, NULL, PK_SEAL_SECCOMP | PK_SEAL_NO_NEW_PRIVS)), 0);
}

PK_TEST(seal__filter__fits_and_starts_with_the_architecture) {
    struct sock_filter filter[PK_SANDBOX_FILTER_MAX];
    const int n = pk_sandbox_build(PK_SANDBOX_AGENT, filter, PK_SANDBOX_FILTER_MAX, 1234, 0x80000000u);
    REQUIRE(n > 0 && n <= PK_SANDBOX_FILTER_MAX);
    CHECK_EQ_INT(filter[0].k, 4); /* seccomp_data.arch */
    CHECK_EQ_U64(filter[n - 1].k, 0x00050000u | (uint32_t)ENOSYS);
    for (int i = 0; i < n; i++) {
        if ((filter[i].code & 0x07) == 0x05) { /* every jump stays inside */
            CHECK(i + 1 + filter[i].jt < n && i + 1 + filter[i].jf < n);
        }
    }
    CHECK_EQ_INT(pk_sandbox_build(PK_SANDBOX_AGENT, filter, 10, 1234, 0x80000000u), PK_E_FULL);
}

PK_TEST_MAIN(seal__forbidden_calls__end_the_process, seal__unknown_calls__get_enosys_and_the_process_lives,
             seal__arguments__are_looked_at, seal__file_view__is_what_was_named,
             seal__second_thread__is_under_it_too,
             seal__thread_that_cannot_be_reached__costs_the_landlock_bit,
             seal__everything_in_this_kernel__is_reported,
             seal__filter__fits_and_starts_with_the_architecture)
