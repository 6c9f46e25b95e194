/* The supervisor with real processes. This program is its own roles: re-executed with --role=agent it follows
 * the script named by PICKET_TEST_SCRIPT and writes what it saw to <state>/log, which the test reads.
 * ctest: lane=default timeout=300 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_hash.h"
#include "roles/pk_roles.h"
#include "roles/pk_supervisor.h"
#include "support/pk_test.h"

extern char **environ;

/* ==== the roles
 * ================================================================================================== */

static char the_state_dir[64]; /* the state directory, from the environment */

static void say(const char *format, unsigned long long a, unsigned long long b) {
    char path[96], line[200];
    (void)snprintf(path, sizeof path, "%s/log", the_state_dir);
    const int n = snprintf(line, sizeof line, format, a, b);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    (void)!write(fd, line, (size_t)n);
    (void)close(fd);
}

static void send_frame(uint16_t type, uint32_t id, const void *body, uint16_t n) {
    struct pk_ipc_frame f;
    memset(&f, 0, sizeof f);
    f.version = PK_IPC_VERSION;
    f.type = type;
    f.id = id;
    f.body_bytes = n;
    if (n > 0) {
        memcpy(f.body, body, n);
    }
    struct pollfd p = {.fd = PK_ROLE_FD, .events = POLLOUT};
    while (send(PK_ROLE_FD, &f, sizeof f, MSG_NOSIGNAL) < 0 && errno == EAGAIN) {
        (void)poll(&p, 1, 1000);
    }
}

/* The next frame, and the descriptor that came with it, within 20 s. */
static bool next_frame(struct pk_ipc_frame *out, int *out_fd) {
    struct pollfd p = {.fd = PK_ROLE_FD, .events = POLLIN};
    if (poll(&p, 1, 20000) <= 0) {
        return false;
    }
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } space;
    struct iovec part = {.iov_base = out, .iov_len = sizeof *out};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    if (recvmsg(PK_ROLE_FD, &m, 0) != (ssize_t)sizeof *out) {
        return false;
    }
    *out_fd = -1;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h != NULL && h->cmsg_type == SCM_RIGHTS) {
        memcpy(out_fd, CMSG_DATA(h), sizeof *out_fd);
    }
    return true;
}

static bool await(uint16_t type, uint32_t id, struct pk_ipc_frame *out, int *out_fd) {
    while (next_frame(out, out_fd)) {
        if (out->type == type && out->id == id) {
            return true;
        }
    }
    return false;
}

static struct pk_ipc_welcome hello(void) {
    struct pk_ipc_hello h = {.agent_version = 1, .actions_crc = 0};
    struct pk_ipc_frame f;
    struct pk_ipc_welcome w;
    int fd;
    memset(&w, 0, sizeof w);
    send_frame(PK_IPC_HELLO, 0, &h, sizeof h);
    if (await(PK_IPC_WELCOME, 0, &f, &fd)) {
        memcpy(&w, f.body, sizeof w);
    }
    return w;
}

static void ready(void) {
    const struct pk_ipc_ready r = {.seal_bits = 7, .start_ms = 1};
    send_frame(PK_IPC_READY, 0, &r, sizeof r);
}

static volatile sig_atomic_t the_signal, is_term;
static void on_signal(int number) {
    if (number == SIGTERM) { /* must not be lost while another one is said */
        is_term = 1;
    } else {
        the_signal = number;
    }
}

/* Ticks ten times a second until SIGTERM; other signals are said. */
static void tick_until_term(bool is_rising) {
    struct pk_ipc_tick t = {0, 0, 0};
    for (;;) {
        const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100000000};
        t.tick_count += is_rising ? 1u : 0u;
        send_frame(PK_IPC_TICK, 0, &t, sizeof t);
        (void)nanosleep(&pause, NULL);
        if (is_term != 0) {
            return;
        }
        if (the_signal != 0) {
            const int number = the_signal;
            the_signal = 0;
            say("signal %llu\n", (unsigned long long)number, 0);
        }
    }
}

/* Asks for a run and says how it went: "run ID refused ERROR", or "run ID done EXIT". */
static void run(const struct pk_ipc_welcome *w, uint32_t id, uint16_t index, const char *target,
                uint8_t phase) {
    struct pk_ipc_run r;
    memset(&r, 0, sizeof r);
    r.actions_crc = w->actions_crc;
    r.action_index = index;
    r.phase = phase;
    r.incident_number = 1;
    (void)snprintf(r.target, sizeof r.target, "%s", target);
    send_frame(PK_IPC_RUN, id, &r, sizeof r);
    struct pk_ipc_frame f;
    int fd;
    char text[PK_EXEC_OUTPUT_BYTES + 1];
    uint32_t n = 0;
    while (next_frame(&f, &fd)) {
        if (f.id != id) {
            continue;
        }
        if (f.type == PK_IPC_REFUSED) {
            struct pk_ipc_refused refused;
            memcpy(&refused, f.body, sizeof refused);
            say("run %llu refused %llu\n", id, (unsigned long long)-refused.error);
            return;
        }
        if (f.type == PK_IPC_OUTPUT) {
            struct pk_ipc_output o;
            memcpy(&o, f.body, sizeof o);
            if (o.offset == n && o.n <= sizeof o.bytes && n + o.n < sizeof text) {
                memcpy(text + n, o.bytes, o.n);
                n += o.n;
            }
        }
        if (f.type == PK_IPC_DONE) {
            struct pk_ipc_done d;
            memcpy(&d, f.body, sizeof d);
            say("run %llu done %llu\n", id, (unsigned long long)d.exit_code);
            say("run %llu output crc %llu\n", id, pk_crc32c(0, text, n));
            say("run %llu bytes %llu\n", id, (unsigned long long)d.output_bytes);
            return;
        }
    }
    say("run %llu lost\n", id, 0);
}

static void script_happy(void) {
    const struct pk_ipc_welcome w = hello();
    struct pk_ipc_frame f;
    int fd = -1, is_listening = 0;
    socklen_t n = sizeof is_listening;
    say("epoch %llu restarts %llu\n", w.boot_epoch, w.restart_count);
    say("uid %llu gid %llu\n", getuid(), getgid());
    say("groups %llu root again %llu\n", (unsigned long long)getgroups(0, NULL),
        setuid(0) == 0 && getuid() == 0 ? 1 : 0);
    for (int i = 0; i < 64; i++) {
        if (fcntl(i, F_GETFD) >= 0) {
            say("fd %llu\n", (unsigned long long)i, 0);
        }
    }
    say("secret %llu path %llu\n", getenv("SECRET") != NULL, getenv("PATH") != NULL);
    for (uint32_t i = 0; i < 2; i++) {
        send_frame(PK_IPC_OPEN, i, NULL, 0);
        is_listening = 0;
        if (await(PK_IPC_FD, i, &f, &fd)) {
            (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n);
        }
        say("open %llu listening %llu\n", i, (unsigned long long)is_listening);
    }
    run(&w, 1, 0, "", 0);      /* prints */
    run(&w, 2, 1, "demo", 0);  /* two steps, the second fails */
    run(&w, 3, 1, "other", 0); /* not on the list */
    run(&w, 4, 0, "", 1);      /* no verify phase */
    run(&w, 5, 2, "", 0);      /* slow: timed out */
    run(&w, 6, 3, "", 0);      /* medium risk */
    run(&w, 7, 4, "", 0);      /* flood */
    send_frame(PK_IPC_RESOLVE, 70, "127.0.0.1", 10);
    if (await(PK_IPC_RESOLVED, 70, &f, &fd)) {
        struct pk_ipc_resolved r;
        memcpy(&r, f.body, sizeof r);
        say("resolved %llu same %llu\n", (unsigned long long)r.error, strcmp(r.address[0], "127.0.0.1") == 0);
    }
    send_frame(PK_IPC_NOTIFY, 0, "fine\nREADY=0", 13);
    ready();
    tick_until_term(true);
}

static void script_crash(void) {
    const struct pk_ipc_welcome w = hello();
    say("epoch %llu restarts %llu\n", w.boot_epoch, w.restart_count);
    say("last %llu moved %llu\n", w.last_exit, w.store_moved_aside);
    if (w.restart_count < 2) {
        _exit(3);
    }
    ready();
    tick_until_term(true);
}

static void script_hostile(void) {
    struct pk_ipc_frame f;
    const struct pk_ipc_welcome w = hello();
    (void)send(PK_ROLE_FD, "short", 5, 0);
    char big[2000];
    memset(big, 'x', sizeof big);
    (void)send(PK_ROLE_FD, big, sizeof big, 0);
    memset(&f, 0xFF, sizeof f);
    (void)send(PK_ROLE_FD, &f, sizeof f, 0);
    for (int i = 0; i < 500; i++) {
        send_frame((uint16_t)(i * 7), (uint32_t)i, &f, 240);
    }
    struct pk_ipc_run r;
    memset(&r, 'A', sizeof r); /* unterminated target, wild index */
    send_frame(PK_IPC_RUN, 11, &r, sizeof r);
    send_frame(PK_IPC_OPEN, 99, NULL, 0);
    send_frame(PK_IPC_RESOLVE, 12, "-bad;name", 10);
    run(&w, 13, 0, "", 0); /* within the budget of two an hour */
    run(&w, 14, 0, "", 0);
    run(&w, 15, 0, "", 0);
    ready();
    tick_until_term(true);
}

static int role_agent(void) {
    const char *script = getenv("PICKET_TEST_SCRIPT");
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    (void)sigaction(SIGTERM, &a, NULL);
    (void)sigaction(SIGHUP, &a, NULL);
    (void)sigaction(SIGUSR1, &a, NULL);
    (void)sigaction(SIGUSR2, &a, NULL);
    say("agent %llu\n", (unsigned long long)getpid(), 0);
    if (strcmp(script, "happy") == 0) {
        script_happy();
    } else if (strcmp(script, "crash") == 0) {
        script_crash();
    } else if (strcmp(script, "hostile") == 0) {
        script_hostile();
    } else if (strcmp(script, "config") == 0) {
        return PK_EXIT_DAEMON_CONFIG;
    } else if (strcmp(script, "deaf") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        (void)hello();
        ready();
        tick_until_term(true);
    }
    return 0;
}

static int role_check(void) {
    const char *how = getenv("PICKET_TEST_CHECK");
    say("check %llu\n", (unsigned long long)getuid(), 0);
    if (how != NULL && strcmp(how, "crash") == 0) {
        (void)raise(SIGSEGV);
    }
    return how != NULL && strcmp(how, "damaged") == 0 ? 1 : 0;
}

/* Unsealed: this program has libc's allocator, which maps memory. */
static int role_resolve(const char *name) {
    struct pk_ipc_resolved r;
    pk_platform_resolve(name, &r);
    send_frame(PK_IPC_RESOLVED, 0, &r, sizeof r);
    return 0;
}

static int role_main(int argc, char **argv) {
    struct pk_options o;
    char text[100];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    (void)snprintf(the_state_dir, sizeof the_state_dir, "%s", getenv("PICKET_PATHS_STATE"));
    if (pk_options_parse(&o, argc, argv, (const char *const *)environ, &b) != PK_OK) {
        return 2;
    }
    switch (o.process) {
    case PK_PROCESS_AGENT:
        return role_agent();
    case PK_PROCESS_CHECK_STORE:
        return role_check();
    case PK_PROCESS_CHECK_CONFIG:
        return PK_EXIT_OK;
    case PK_PROCESS_MOVE_STORE:
        say("move %llu\n", (unsigned long long)getuid(), 0);
        return 0;
    case PK_PROCESS_RESOLVE:
        return role_resolve(o.resolve_name);
    case PK_PROCESS_CLEAN: /* test_maintenance.py and test_probes.py run them with the real program */
    case PK_PROCESS_PROBE:
    case PK_PROCESS_SUPERVISOR:
    case PK_PROCESS_COUNT:
        break;
    }
    return 2;
}

/* ==== the test
 * ================================================================================================== */

struct rig {
    char dir[40], config[64], state[64], run[64], actions[64], notify[64];
    int notify_fd;
    pid_t pid;
    char told[4096]; /* what the service manager heard, a line per datagram */
    uint32_t told_bytes;
};

static const char actions_text[] =
    "[action print]\nrisk = low\nargv = /bin/echo hello world\nper_hour = 2\ncooldown = 0\n"
    "[action steps]\nrisk = low\nargv = /bin/echo {target}\nargv = /bin/false\ntargets = demo\n"
    "[action slow]\nrisk = low\nargv = /bin/sleep 30\ntimeout = 1s\n"
    "[action medium]\nrisk = medium\nargv = /bin/true\n"
    "[action flood]\nrisk = low\nargv = /usr/bin/yes\ntimeout = 3s\n";

static bool put_file(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const bool is_put = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return is_put;
}

static bool rig_open(struct rig *r) {
    memset(r, 0, sizeof *r);
    (void)strcpy(r->dir, "/tmp/pk_super_XXXXXX");
    if (mkdtemp(r->dir) == NULL || chmod(r->dir, 0755) != 0) {
        return false;
    }
    (void)snprintf(r->config, sizeof r->config, "%s/picketd.conf", r->dir);
    (void)snprintf(r->state, sizeof r->state, "%s/state", r->dir);
    (void)snprintf(r->run, sizeof r->run, "%s/run", r->dir);
    (void)snprintf(r->actions, sizeof r->actions, "%s/actions.conf", r->dir);
    (void)snprintf(r->notify, sizeof r->notify, "%s/notify", r->dir);
    char text[400];
    (void)snprintf(
        text, sizeof text,
        "[paths]\nstate = %s\nrun = %s\nactions = %s\n[agent]\nuser = nobody\ngroup = nogroup\nmode = safe\n",
        r->state, r->run, r->actions);
    struct sockaddr_un to;
    memset(&to, 0, sizeof to);
    to.sun_family = AF_UNIX;
    (void)strcpy(to.sun_path, r->notify);
    r->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return put_file(r->config, text) && put_file(r->actions, actions_text) &&
           bind(r->notify_fd, (struct sockaddr *)&to, sizeof to) == 0;
}

static void rig_start(struct rig *r, const char *script, const char *check) {
    r->pid = fork();
    if (r->pid != 0) {
        return;
    }
    char watchdog_pid[20];
    (void)snprintf(watchdog_pid, sizeof watchdog_pid, "%d", (int)getpid());
    (void)setenv("PICKET_TEST_SCRIPT", script, 1);
    (void)setenv("PICKET_TEST_CHECK", check, 1);
    (void)setenv("PICKET_PATHS_STATE", r->state, 1);
    (void)setenv("NOTIFY_SOCKET", r->notify, 1);
    (void)setenv("WATCHDOG_USEC", "2000000", 1);
    (void)setenv("WATCHDOG_PID", watchdog_pid, 1);
    (void)setenv("SECRET", "x", 1);
    (void)signal(SIGALRM, SIG_IGN);
    const int extra = open("/dev/null", O_RDONLY); /* a descriptor an init system left open */
    (void)extra;
    const struct pk_options o = {.config_path = r->config, .environment = (const char *const *)environ};
    _exit(pk_supervisor_main(&o));
}

static void rig_listen(struct rig *r) {
    char text[300];
    ssize_t n;
    while ((n = recv(r->notify_fd, text, sizeof text - 1u, 0)) > 0) {
        if (r->told_bytes + (size_t)n + 2u < sizeof r->told) {
            memcpy(r->told + r->told_bytes, text, (size_t)n);
            r->told_bytes += (uint32_t)n;
            r->told[r->told_bytes++] = '\n';
        }
    }
}

static void read_log(const struct rig *r, char *out, size_t cap) {
    char path[96];
    (void)snprintf(path, sizeof path, "%s/log", r->state);
    const int fd = open(path, O_RDONLY);
    const ssize_t n = fd < 0 ? 0 : read(fd, out, cap - 1u);
    out[n > 0 ? n : 0] = '\0';
    (void)close(fd);
}

static char the_log[16384];
static bool log_has(const struct rig *r, const char *text) {
    read_log(r, the_log, sizeof the_log);
    return strstr(the_log, text) != NULL;
}

static void pause_ms(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static bool await_log(struct rig *r, const char *text, int seconds) {
    for (int i = 0; i < seconds * 20; i++) {
        rig_listen(r);
        if (log_has(r, text)) {
            return true;
        }
        pause_ms(50);
    }
    (void)printf("# not in the log: %s\n# log: %s\n", text, the_log);
    return false;
}

static bool await_told(struct rig *r, const char *text, int seconds) {
    for (int i = 0; i < seconds * 20; i++) {
        rig_listen(r);
        if (strstr(r->told, text) != NULL) {
            return true;
        }
        pause_ms(50);
    }
    (void)printf("# not told: %s\n# told: %s\n", text, r->told);
    return false;
}

/* Exit code within so many seconds, -1 when it did not end. */
static int await_exit(struct rig *r, int seconds) {
    for (int i = 0; i < seconds * 50; i++) {
        int status = 0;
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            r->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        rig_listen(r);
        pause_ms(20);
    }
    return -1;
}

static void rig_close(struct rig *r) {
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    (void)close(r->notify_fd);
    static const char *const names[] = {"state/supervisor/state",
                                        "state/supervisor/lock",
                                        "state/supervisor/state.new",
                                        "state/supervisor",
                                        "state/log",
                                        "state",
                                        "run/control.sock",
                                        "run/events.sock",
                                        "run/picketd.pid",
                                        "run",
                                        "picketd.conf",
                                        "actions.conf",
                                        "notify",
                                        ""};
    char path[120];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", r->dir, names[i]);
        (void)remove(path);
    }
}

static unsigned long agent_pid(const struct rig *r) {
    read_log(r, the_log, sizeof the_log);
    unsigned long pid = 0;
    for (const char *p = the_log; (p = strstr(p, "agent ")) != NULL; p++) {
        pid = strtoul(p + 6, NULL, 10);
    }
    return pid;
}

/* Gone, or a zombie that process 1 has yet to take. */
static bool is_gone(pid_t pid) {
    char path[40], text[200];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1u);
    text[n > 0 ? n : 0] = '\0';
    (void)close(fd);
    return n <= 0 || strstr(text, ") Z ") != NULL;
}

static bool await_gone(pid_t pid) {
    for (int i = 0; i < 400 && !is_gone(pid); i++) {
        pause_ms(50);
    }
    return is_gone(pid);
}

static unsigned int mode_of(const char *dir, const char *name) {
    char path[120];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &st) == 0 ? st.st_mode & 07777u : 0u;
}

PK_TEST(supervisor__one_life__from_start_to_stop) {
    struct rig r;
    char text[100];
    const bool is_root = geteuid() == 0;
    REQUIRE(rig_open(&r));
    rig_start(&r, "happy", "sound");
    CHECK(await_log(&r, "resolved 0 same 1", 60));
    CHECK(await_told(&r, "READY=1", 20));
    CHECK(await_told(&r, "STATUS=fine?READY=0", 20));
    CHECK(await_told(&r, "WATCHDOG=1", 20));
    (void)snprintf(text, sizeof text, "uid %u gid %u\n", is_root ? 65534u : getuid(),
                   is_root ? 65534u : getgid());
    CHECK(log_has(&r, text));
    CHECK(log_has(&r, "groups 0 root again 0\n") || !is_root);
    CHECK(log_has(&r, is_root ? "check 65534\n" : "check "));
    CHECK(log_has(&r, "restarts 0\n"));
    CHECK(log_has(&r, "fd 0\nfd 1\nfd 2\nfd 3\nfd 4\nsecret 0 path 1\n"));
    CHECK(log_has(&r, "open 0 listening 1\nopen 1 listening 1\n"));
    (void)snprintf(text, sizeof text, "run 1 done 0\nrun 1 output crc %u\nrun 1 bytes 12\n",
                   pk_crc32c(0, "hello world\n", 12));
    CHECK(log_has(&r, text));
    (void)snprintf(text, sizeof text, "run 2 done 1\nrun 2 output crc %u\n", pk_crc32c(0, "demo\n", 5));
    CHECK(log_has(&r, text));
    CHECK(log_has(&r, "run 3 refused 21\n")); /* PK_E_POLICY */
    CHECK(log_has(&r, "run 4 refused 6\n"));  /* PK_E_NOT_FOUND */
    CHECK(log_has(&r, "run 5 done 143\n"));   /* ended by TERM */
    CHECK(log_has(&r, "run 6 refused 20\n")); /* PK_E_NEEDS_APPROVAL */
    char flood[PK_EXEC_OUTPUT_BYTES];
    memset(flood, 'y', sizeof flood);
    for (size_t i = 1; i < sizeof flood; i += 2) {
        flood[i] = '\n';
    }
    (void)snprintf(text, sizeof text, "run 7 done 143\nrun 7 output crc %u\n",
                   pk_crc32c(0, flood, sizeof flood));
    CHECK(log_has(&r, text));
    CHECK_EQ_INT(mode_of(r.run, "control.sock"), 0660);
    CHECK_EQ_INT(mode_of(r.run, "events.sock"), 0660);
    CHECK_EQ_INT(mode_of(r.state, "supervisor"), 0700);
    CHECK_EQ_INT(mode_of(r.state, ""), is_root ? 01770 : 0700);
    (void)kill(r.pid, SIGHUP);
    CHECK(await_log(&r, "signal 1\n", 20));
    CHECK(await_told(&r, "RELOADING=1\nMONOTONIC_USEC=", 20));
    (void)kill(r.pid, SIGUSR1);
    CHECK(await_log(&r, "signal 10\n", 20));
    (void)kill(r.pid, SIGUSR2);
    CHECK(await_log(&r, "signal 12\n", 20));
    (void)kill(r.pid, SIGTERM);
    CHECK_EQ_INT(await_exit(&r, 20), 0);
    rig_listen(&r);
    CHECK(strstr(r.told, "STOPPING=1") != NULL);
    CHECK_EQ_INT(mode_of(r.run, "control.sock"), 0); /* gone */
    CHECK_EQ_INT(mode_of(r.run, "picketd.pid"), 0);
    rig_close(&r);
}

PK_TEST(supervisor__crashing_agent__is_started_again_with_the_next_epoch) {
    struct rig r;
    REQUIRE(rig_open(&r));
    rig_start(&r, "crash", "sound");
    CHECK(await_log(&r, "restarts 2\nlast 768 moved 0\n", 15)); /* exit code 3 as a wait status */
    CHECK(await_told(&r, "READY=1", 20));
    read_log(&r, the_log, sizeof the_log);
    const char *first = strstr(the_log, "epoch "), *second = strstr(first + 1, "epoch "),
               *third = strstr(second + 1, "epoch ");
    const unsigned long epoch = strtoul(first + 6, NULL, 10);
    CHECK(epoch >= 0x80000000ul);
    CHECK_EQ_U64(strtoul(second + 6, NULL, 10), epoch + 1u);
    CHECK_EQ_U64(strtoul(third + 6, NULL, 10), epoch + 2u);
    CHECK(strstr(first, "check ") != NULL); /* the store is looked at again after each crash */
    (void)kill(r.pid, SIGTERM);
    CHECK_EQ_INT(await_exit(&r, 20), 0);
    rig_close(&r);
}

PK_TEST(supervisor__damaged_store__is_moved_aside_and_said) {
    static const char *const kinds[] = {"damaged", "crash"};
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        REQUIRE(rig_open(&r));
        rig_start(&r, "crash", kinds[i]);
        CHECK(await_log(&r, "moved 1\n", 20));
        CHECK(
            log_has(&r, geteuid() == 0 ? "move 0\n" : "move ")); /* as root: whoever owns the damaged file */
        (void)kill(r.pid, SIGTERM);
        CHECK_EQ_INT(await_exit(&r, 20), 0);
        rig_close(&r);
    }
}

PK_TEST(supervisor__agent_refuses_configuration__both_end_with_78) {
    struct rig r;
    REQUIRE(rig_open(&r));
    rig_start(&r, "config", "sound");
    CHECK_EQ_INT(await_exit(&r, 20), 78);
    rig_close(&r);
}

PK_TEST(supervisor__bad_configuration__ends_with_78_and_starts_nothing) {
    struct rig r;
    REQUIRE(rig_open(&r));
    REQUIRE(put_file(r.actions, "[action x]\nrisk = dreadful\n"));
    rig_start(&r, "happy", "sound");
    CHECK_EQ_INT(await_exit(&r, 20), 78);
    REQUIRE(put_file(r.actions, actions_text));
    REQUIRE(chmod(r.actions, 0666) == 0); /* anybody could add an action */
    rig_start(&r, "happy", "sound");
    CHECK_EQ_INT(await_exit(&r, 20), 78);
    REQUIRE(chmod(r.actions, 0644) == 0 && chmod(r.dir, 0777) == 0); /* anybody could replace the file */
    rig_start(&r, "happy", "sound");
    CHECK_EQ_INT(await_exit(&r, 20), 78);
    CHECK(!log_has(&r, "agent"));
    rig_close(&r);
}

PK_TEST(supervisor__agent_deaf_to_term__is_killed) {
    struct rig r;
    REQUIRE(rig_open(&r));
    rig_start(&r, "deaf", "sound");
    CHECK(await_told(&r, "READY=1", 20));
    const pid_t agent = (pid_t)agent_pid(&r);
    (void)kill(r.pid, SIGTERM);
    CHECK_EQ_INT(await_exit(&r, 20), 0);
    CHECK(await_gone(agent));
    rig_close(&r);
}

PK_TEST(supervisor__killed__takes_its_agent_with_it_and_the_lock_is_free) {
    struct rig r;
    REQUIRE(rig_open(&r));
    rig_start(&r, "deaf", "sound");
    CHECK(await_told(&r, "READY=1", 20));
    const pid_t agent = (pid_t)agent_pid(&r), first = r.pid;
    rig_start(&r, "deaf", "sound"); /* a second one while the first runs */
    CHECK_EQ_INT(await_exit(&r, 20), 1);
    CHECK(!is_gone(agent));
    (void)kill(first, SIGKILL);
    (void)waitpid(first, NULL, 0);
    memset(r.told, 0, sizeof r.told);
    r.told_bytes = 0;
    rig_start(&r, "deaf", "sound");
    CHECK(await_told(&r, "READY=1", 20));
    CHECK(await_gone(agent));
    rig_close(&r);
}

PK_TEST(supervisor__hostile_agent__is_dropped_counted_and_held_to_the_budget) {
    struct rig r;
    REQUIRE(rig_open(&r));
    rig_start(&r, "hostile", "sound");
    CHECK(await_log(&r, "run 13 done 0\n", 15));
    CHECK(await_log(&r, "run 14 done 0\n", 20));
    CHECK(await_log(&r, "run 15 refused 22\n", 20)); /* PK_E_BUDGET */
    CHECK(await_told(&r, "READY=1", 20));
    (void)kill(r.pid, SIGKILL); /* the counters survive even that */
    (void)waitpid(r.pid, NULL, 0);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/log", r.state);
    (void)unlink(path);
    rig_start(&r, "hostile", "sound");
    CHECK(await_log(&r, "run 13 refused 22\n", 20));
    (void)kill(r.pid, SIGTERM);
    CHECK_EQ_INT(await_exit(&r, 20), 0);
    /* A record that does not check out: everything is spent. */
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/supervisor/state", r.state);
    REQUIRE(put_file(path, "garbage"));
    rig_start(&r, "happy", "sound");
    CHECK(await_log(&r, "run 2 refused 22\n", 20));
    rig_close(&r);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--role=", 7) == 0) {
            return role_main(argc, argv);
        }
    }
#define TESTS                                                                                                \
    supervisor__one_life__from_start_to_stop,                                                                \
        supervisor__crashing_agent__is_started_again_with_the_next_epoch,                                    \
        supervisor__damaged_store__is_moved_aside_and_said,                                                  \
        supervisor__agent_refuses_configuration__both_end_with_78,                                           \
        supervisor__bad_configuration__ends_with_78_and_starts_nothing,                                      \
        supervisor__agent_deaf_to_term__is_killed,                                                           \
        supervisor__killed__takes_its_agent_with_it_and_the_lock_is_free,                                    \
        supervisor__hostile_agent__is_dropped_counted_and_held_to_the_budget
#define TEXT_OF(...) #__VA_ARGS__
#define NAMES_OF(...) TEXT_OF(__VA_ARGS__)
    static void (*const runs[])(void) = {TESTS};
    return pk_test_main(runs, sizeof runs / sizeof runs[0], NAMES_OF(TESTS), argc, argv);
}
