#include "support/ctl_rig.h"

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

enum { WORDS_MAX = 48, LINE_BYTES = 16384, CONTROL = 0, EVENTS = 1 };

static void die(const char *what) {
    perror(what);
    abort();
}

static void path_of(const struct ctl_rig *rig, const char *name, char out[128]) {
    (void)snprintf(out, 128, "%s/%s", rig->dir, name);
}

/* ---- the daemon ---- */

struct play {
    const struct ctl_rig *rig;
    const struct ctl_rig_step *steps;
    uint32_t step_count, at;
    int log_fd;
};

static void send_text(int fd, const char *p, size_t n) {
    while (n > 0) {
        const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

static void send_reply(int fd, const struct ctl_rig_step *step, const char *request) {
    const char *id = strstr(request, "\"id\":");
    const unsigned long number = id != NULL ? strtoul(id + 5, NULL, 10) : 0;
    const char *at = step->reply;
    char text[32];
    for (const char *place = strstr(at, "$ID"); place != NULL; place = strstr(at, "$ID")) {
        send_text(fd, at, (size_t)(place - at));
        (void)snprintf(text, sizeof text, "%lu", number);
        send_text(fd, text, strlen(text));
        at = place + 3;
    }
    send_text(fd, at, strlen(at));
    send_text(fd, "\n", step->is_torn ? 0 : 1);
}

static void flood(int fd) {
    for (int i = 0; i < 70; i++) {
        char block[1000];
        memset(block, 'x', sizeof block);
        send_text(fd, block, sizeof block);
    }
}

static bool is_for(const struct ctl_rig_step *step, const char *line) {
    char word[80];
    (void)snprintf(word, sizeof word, "\"cmd\":\"%s\"", step->cmd);
    return strstr(line, word) != NULL && (step->args == NULL || strstr(line, step->args) != NULL);
}

/* NULL: silence. */
static const struct ctl_rig_step *next_step(struct play *p, const char *line) {
    static const struct ctl_rig_step NONE = CTL_RIG_REFUSED(3, "not_found", "there is no such thing here");
    bool all_named = p->step_count > 0;
    for (uint32_t i = 0; i < p->step_count; i++) {
        if (p->steps[i].cmd != NULL && is_for(&p->steps[i], line)) {
            return &p->steps[i];
        }
        all_named = all_named && p->steps[i].cmd != NULL;
    }
    while (p->at < p->step_count && p->steps[p->at].cmd != NULL) {
        p->at++;
    }
    if (p->at < p->step_count) {
        return &p->steps[p->at++];
    }
    return all_named ? &NONE : NULL;
}

/* False: hang up. */
static bool answer_control(struct play *p, int fd, const char *line) {
    const struct ctl_rig_step *step = next_step(p, line);
    if (step == NULL) {
        return true;
    }
    if (step->delay_ms > 0) {
        (void)poll(NULL, 0, (int)step->delay_ms);
    }
    if (step->floods) {
        flood(fd);
    }
    if (step->reply != NULL) {
        send_reply(fd, step, line);
    }
    return !step->closes;
}

static void answer_event(int fd, const char *line) {
    static const char OK[] = "{\"ok\":true,\"id\":\"1-1\"}\n";
    static const char BAD[] = "{\"ok\":false,\"error\":\"bad_field\",\"field\":\"type\",\"at\":9,\"message\":"
                              "\"not \\u001b[31m a type\"}\n";
    if (strstr(line, "bad") != NULL) {
        send_text(fd, BAD, sizeof BAD - 1);
    } else if (strstr(line, "mute") == NULL) {
        send_text(fd, OK, sizeof OK - 1);
    }
}

static void serve(struct play *p, int which, int fd) {
    static char bytes[LINE_BYTES];
    size_t used = 0;
    for (;;) {
        const ssize_t n = recv(fd, bytes + used, sizeof bytes - used - 1, 0);
        if (n <= 0) {
            return;
        }
        used += (size_t)n;
        bytes[used] = '\0';
        char *end = NULL;
        while ((end = memchr(bytes, '\n', used)) != NULL) {
            const size_t length = (size_t)(end - bytes) + 1;
            if (write(p->log_fd, bytes, length) < 0) {
                return;
            }
            *end = '\0';
            if (which == EVENTS) {
                answer_event(fd, bytes);
            } else if (!answer_control(p, fd, bytes)) {
                return;
            }
            used -= length;
            memmove(bytes, end + 1, used + 1);
        }
    }
}

static int listen_at(const struct ctl_rig *rig, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", rig->dir, name);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4) != 0) {
        die("listen");
    }
    return fd;
}

static void play(struct play *p, const int *listeners) {
    for (;;) {
        struct pollfd f[2] = {{.fd = listeners[CONTROL], .events = POLLIN},
                              {.fd = listeners[EVENTS], .events = POLLIN}};
        if (poll(f, 2, -1) < 0) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            if (f[i].revents == 0) {
                continue;
            }
            const int fd = accept(listeners[i], NULL, NULL);
            serve(p, i, fd);
            (void)close(fd);
        }
    }
}

void ctl_rig_begin_alone(struct ctl_rig *rig) {
    memset(rig, 0, sizeof *rig);
    (void)snprintf(rig->dir, sizeof rig->dir, "%s", "/tmp/pk_ctl_rig.XXXXXX");
    if (mkdtemp(rig->dir) == NULL) {
        die("mkdtemp");
    }
    path_of(rig, "control.sock", rig->socket_path);
}

void ctl_rig_begin(struct ctl_rig *rig, const struct ctl_rig_step *steps, uint32_t step_count) {
    char log[128];
    ctl_rig_begin_alone(rig);
    path_of(rig, "requests", log);
    const int listeners[2] = {listen_at(rig, "control.sock"), listen_at(rig, "events.sock")};
    const int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    rig->daemon = fork();
    if (rig->daemon < 0 || log_fd < 0) {
        die("fork");
    }
    if (rig->daemon == 0) {
        struct play p = {rig, steps, step_count, 0, log_fd};
        /* Not outliving a test that was killed. */
        (void)alarm(120);
        play(&p, listeners);
    }
    (void)close(listeners[0]);
    (void)close(listeners[1]);
    (void)close(log_fd);
}

/* ---- picketctl ---- */

struct words {
    char text[8192];
    char *argv[WORDS_MAX + 4];
    int argc;
};

static void cut_words(struct words *w, const char *words) {
    (void)snprintf(w->text, sizeof w->text, "%s", words);
    w->argc = 1;
    for (char *at = w->text; *at != '\0' && w->argc <= WORDS_MAX;) {
        char *end = strchr(at, ' ');
        w->argv[w->argc++] = at;
        at = end != NULL ? end + 1 : at + strlen(at);
        if (end != NULL) {
            *end = '\0';
        }
    }
    for (int i = 1; i < w->argc; i++) {
        for (char *p = w->argv[i]; *p != '\0'; p++) {
            *p = *p == '+' ? ' ' : *p;
        }
    }
    w->argv[w->argc] = NULL;
}

static int open_file(const struct ctl_rig *rig, const char *name, const char *content) {
    char path[128];
    path_of(rig, name, path);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const size_t n = strlen(content);
    if (fd < 0 || write(fd, content, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0) {
        die("file");
    }
    return fd;
}

static void read_file(const struct ctl_rig *rig, const char *name, char *out, size_t cap_bytes) {
    char path[128];
    path_of(rig, name, path);
    FILE *f = fopen(path, "rb");
    const size_t n = f != NULL ? fread(out, 1, cap_bytes - 1, f) : 0;
    out[n] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
}

static int run(struct ctl_rig *rig, const char *program, const char *words, const char *standard_input) {
    static struct pk_ctl ctl;
    struct words w;
    cut_words(&w, words);
    const int in = open_file(rig, "in", standard_input), out = open_file(rig, "out", ""),
              err = open_file(rig, "err", "");
    if (program == NULL) {
        memset(&ctl, 0, sizeof ctl);
        ctl.socket_env = rig->socket_path;
        ctl.in_fd = in;
        ctl.out_fd = out;
        ctl.err_fd = err;
        rig->exit_code = pk_ctl_run(&ctl, w.argc - 1, w.argv + 1);
    } else {
        int status = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            w.argv[0] = (char *)(uintptr_t)program;
            (void)setenv("PICKET_SOCKET", rig->socket_path, 1);
            if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2) {
                (void)execv(program, w.argv);
            }
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            die("wait");
        }
        rig->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    (void)close(in);
    (void)close(out);
    (void)close(err);
    read_file(rig, "out", rig->out, sizeof rig->out);
    read_file(rig, "err", rig->err, sizeof rig->err);
    return rig->exit_code;
}

int ctl_rig_run(struct ctl_rig *rig, const char *words) {
    return run(rig, NULL, words, "");
}

int ctl_rig_run_with(struct ctl_rig *rig, const char *words, const char *standard_input) {
    return run(rig, NULL, words, standard_input);
}

int ctl_rig_exec(struct ctl_rig *rig, const char *program, const char *words, const char *standard_input) {
    return run(rig, program, words, standard_input);
}

void ctl_rig_end(struct ctl_rig *rig) {
    static const char *const NAMES[] = {"control.sock", "events.sock", "requests", "in", "out", "err"};
    if (rig->daemon > 0) {
        (void)kill(rig->daemon, SIGKILL);
        (void)waitpid(rig->daemon, NULL, 0);
    }
    read_file(rig, "requests", rig->requests, sizeof rig->requests);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[128];
        path_of(rig, NAMES[i], path);
        (void)unlink(path);
    }
    (void)rmdir(rig->dir);
}

int ctl_rig_once(struct ctl_rig *rig, const struct ctl_rig_step *steps, uint32_t step_count,
                 const char *words) {
    ctl_rig_begin(rig, steps, step_count);
    const int exit_code = ctl_rig_run(rig, words);
    ctl_rig_end(rig);
    return exit_code;
}
