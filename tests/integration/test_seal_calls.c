/* The agent of another ISA under qemu-user, which knows no seccomp but lists every system call: each one made
 * after the seal must be on that ISA's list. The test plays the supervisor, itself under qemu.
 * ctest: lane=default timeout=90 emulated */
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
#include <unistd.h>

#include "port/ipc.h"
#include "roles/pk_roles.h"
#include "support/pk_test.h"

enum { TEXT_MAX = 8 << 20, NAMES_MAX = 200 };

struct rig {
    char dir[40], config[64], calls[64], run[64];
    int fd, listeners[2];
    pid_t pid;
};
static struct rig the_rig;
static char the_text[TEXT_MAX];
static char the_names[NAMES_MAX][32];
static long the_numbers[NAMES_MAX];
static int the_name_count;

static int listen_at(const char *dir, const char *name) {
    struct sockaddr_un a;
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    if (snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", dir, name) >= (int)sizeof a.sun_path) {
        return -1;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4) == 0 ? fd : -1;
}

static void answer(uint16_t type, uint32_t id, const void *body, size_t n, int fd) {
    struct pk_ipc_frame f;
    memset(&f, 0, sizeof f);
    f.version = PK_IPC_VERSION;
    f.type = type;
    f.id = id;
    f.body_bytes = (uint16_t)n;
    if (n > 0) {
        memcpy(f.body, body, n);
    }
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } space;
    struct iovec part = {.iov_base = &f, .iov_len = sizeof f};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = &space;
        m.msg_controllen = CMSG_SPACE(sizeof fd);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(h), &fd, sizeof fd);
    }
    (void)!sendmsg(the_rig.fd, &m, MSG_NOSIGNAL);
}

/* Answers frames for so long, or until READY when asked. */
static bool serve(int ms, bool until_ready) {
    struct pk_ipc_frame f;
    for (int waited = 0; waited < ms; waited += 50) {
        struct pollfd p = {.fd = the_rig.fd, .events = POLLIN};
        (void)poll(&p, 1, 50);
        while (recv(the_rig.fd, &f, sizeof f, MSG_DONTWAIT) == (ssize_t)sizeof f) {
            if (f.type == PK_IPC_HELLO) {
                struct pk_ipc_hello hello;
                memcpy(&hello, f.body, sizeof hello);
                const struct pk_ipc_welcome w = {
                    .boot_epoch = 5, .actions_crc = hello.actions_crc, .last_exit = 0xFFFFFFFFu};
                answer(PK_IPC_WELCOME, 0, &w, sizeof w, -1);
            } else if (f.type == PK_IPC_OPEN && f.id < 2) {
                answer(PK_IPC_FD, f.id, NULL, 0, the_rig.listeners[f.id]);
            } else if (f.type == PK_IPC_OPEN) {
                const struct pk_ipc_refused r = {.error = PK_E_NOT_FOUND};
                answer(PK_IPC_REFUSED, f.id, &r, sizeof r, -1);
            } else if (f.type == PK_IPC_RESOLVE) {
                const struct pk_ipc_resolved r = {.address_count = 1, .address = {"127.0.0.1"}};
                answer(PK_IPC_RESOLVED, f.id, &r, sizeof r, -1);
            } else if (f.type == PK_IPC_READY && until_ready) {
                return true;
            }
        }
    }
    return !until_ready;
}

static bool put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    return f != NULL && fputs(text, f) >= 0 && fclose(f) == 0;
}

static bool rig_open(void) {
    struct rig *r = &the_rig;
    char text[700], path[100];
    memset(r, 0, sizeof *r);
    (void)strcpy(r->dir, "/tmp/pk_calls_XXXXXX");
    if (mkdtemp(r->dir) == NULL) {
        return false;
    }
    (void)snprintf(r->config, sizeof r->config, "%.39s/picketd.conf", r->dir);
    (void)snprintf(r->calls, sizeof r->calls, "%.39s/calls", r->dir);
    (void)snprintf(path, sizeof path, "%.39s/state", r->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%.39s/rules.d", r->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%.39s/keys", r->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%.39s/actions.conf", r->dir);
    /* A broker that refuses: the link's calls are made too. */
    (void)snprintf(text, sizeof text,
                   "[gateway]\nsite = lab\ngateway = q\n[paths]\nstate = %.39s/state\nrun = %.39s\nrules = "
                   "%.39s/rules.d\nkeys = %.39s/keys\nactions = %s\n"
                   "[agent]\nseal = best-effort\n[broker site]\nhost = broker.example\nport = 9\ntls = "
                   "no\n[sources]\ndisk = 1s\nprocess = 1s\n[disk root]\npath = /\n"
                   "[process init]\npidfile = /run/init.pid\n[process sshd]\n",
                   r->dir, r->dir, r->dir, r->dir, path);
    r->listeners[0] = listen_at(r->dir, "control.sock");
    r->listeners[1] = listen_at(r->dir, "events.sock");
    return put(path, "") && put(r->config, text) && r->listeners[0] >= 0 && r->listeners[1] >= 0;
}

static void rig_close(void) {
    char command[120];
    (void)snprintf(command, sizeof command, "rm -rf %s", the_rig.dir);
    (void)close(the_rig.fd);
    (void)close(the_rig.listeners[0]);
    (void)close(the_rig.listeners[1]);
    (void)!system(command);
}

static void start_agent(const char *qemu, const char *picketd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) {
        return;
    }
    the_rig.fd = pair[0];
    the_rig.pid = fork();
    if (the_rig.pid == 0) {
        const int high = fcntl(pair[1], F_DUPFD, 20);
        (void)dup2(high, PK_ROLE_FD);
        for (int fd = PK_ROLE_FD + 1; fd < 64; fd++) {
            (void)close(fd);
        }
        (void)execlp(qemu, qemu, "-strace", "-D", the_rig.calls, picketd, "--role=agent", "-c",
                     the_rig.config, (char *)NULL);
        _exit(127);
    }
    (void)close(pair[1]);
}

/* A whole life: events in, a control request, a dump, a reload, the end. */
static void live(void) {
    struct sockaddr_un a;
    static const char event[] =
        "{\"type\":\"service_unavailable\",\"source\":\"api\",\"severity\":\"high\",\"message\":\"x\"}\n";
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    for (int s = 0; s < 2; s++) {
        (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", the_rig.dir,
                       s == 0 ? "events.sock" : "control.sock");
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        (void)connect(fd, (struct sockaddr *)&a, sizeof a);
        for (int i = 0; i < 10; i++) {
            static const char request[] = "{\"v\":1,\"id\":7,\"cmd\":\"status\",\"args\":{}}\n";
            (void)!write(fd, s == 0 ? event : request, strlen(s == 0 ? event : request));
        }
        (void)serve(1500, false);
        (void)close(fd);
    }
    (void)kill(the_rig.pid, SIGUSR1);
    (void)serve(700, false);
    (void)kill(the_rig.pid, SIGHUP);
    (void)serve(1500, false);
    (void)kill(the_rig.pid, SIGTERM);
    (void)serve(1500, false);
}

static bool read_allowed(const char *qemu, const char *tool) {
    char command[300];
    (void)snprintf(command, sizeof command, "%s %s", qemu, tool);
    FILE *f = popen(command, "r");
    the_name_count = 0;
    while (f != NULL && the_name_count < NAMES_MAX &&
           fscanf(f, "%ld %31s", &the_numbers[the_name_count], the_names[the_name_count]) == 2) {
        the_name_count++;
    }
    return f != NULL && pclose(f) == 0 && the_name_count > 50;
}

/* qemu writes the number where it has no name. */
static bool is_allowed(const char *name, long number) {
    for (int i = 0; i < the_name_count; i++) {
        if (strcmp(the_names[i], name) == 0 || (number >= 0 && the_numbers[i] == number)) {
            return true;
        }
    }
    return false;
}

/* Calls after the seal; each strange one is printed. */
static int count_strangers(int *out_seen) {
    const int fd = open(the_rig.calls, O_RDONLY);
    const ssize_t n = read(fd, the_text, sizeof the_text - 1u);
    (void)close(fd);
    the_text[n > 0 ? n : 0] = '\0';
    int strangers = 0;
    *out_seen = 0;
    char *after = NULL;
    for (char *p = the_text; (p = strstr(p, "prctl(")) != NULL; p++) {
        after = p; /* the seal's are the last */
    }
    if (after == NULL || (after = strchr(after, '\n')) == NULL) {
        return -1;
    }
    /* The attempts at Landlock and seccomp themselves end with the last line that names neither. */
    for (char *line = strtok(after, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[32];
        long number = -1;
        if (sscanf(line, "%*d Unknown syscall %ld", &number) != 1 &&
            sscanf(line, "%*d %31[a-z0-9_](", name) != 1) {
            continue; /* a signal, or the rest of a line */
        }
        if (number >= 0) {
            (void)snprintf(name, sizeof name, "%ld", number);
        }
        const bool is_seal = strstr(line, "seccomp") != NULL || strncmp(name, "landlock", 8) == 0 ||
                             (number >= 444 && number <= 446);
        (*out_seen)++;
        if (!is_seal && !is_allowed(name, number)) {
            (void)printf("# not on the list: %s\n", line);
            strangers++;
        }
    }
    return strangers;
}

PK_TEST(seal_calls__are_all_on_the_list) {
    const char *picketd = PK_BINARY_DIR "/picketd";
    const char *tool = PK_BINARY_DIR "/tests/tools/seal_calls";
    const char *board = getenv("PK_BOARD");
    char runner[40], command[80];
    REQUIRE(board != NULL);
    (void)snprintf(runner, sizeof runner, "qemu-%s", strcmp(board, "armv7") == 0 ? "arm" : board);
    (void)snprintf(command, sizeof command, "command -v %s >/dev/null", runner);
    if (system(command) != 0) {
        (void)strcat(runner, "-static");
    }
    REQUIRE(read_allowed(runner, tool));
    REQUIRE(rig_open());
    start_agent(runner, picketd);
    CHECK(serve(20000, true)); /* READY: past the seal */
    live();
    int status = 0;
    (void)kill(the_rig.pid, SIGKILL);
    (void)waitpid(the_rig.pid, &status, 0);
    int seen = 0;
    CHECK_EQ_INT(count_strangers(&seen), 0);
    CHECK(seen > 200);
    (void)printf("# %s: %d calls after the seal\n", board, seen);
    rig_close();
}

PK_TEST_MAIN(seal_calls__are_all_on_the_list)
