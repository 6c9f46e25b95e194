/* A small service for picketd to care for: a daemon with a pid file that answers "ok" on a loopback port.
 *   picket-demo --dir DIR --service NAME --port N      starts in the background, pid in DIR/NAME.pid; exit 0
 * once it listens Started again while it runs, it says so and does nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what) {
    (void)fprintf(stderr, "picket-demo: %s: %s\n", what, strerror(errno));
    return 1;
}

static int listen_on(unsigned port) {
    const int one = 1;
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A lock that ends with the process, however it ends: a pid alone may be a zombie's or somebody else's. */
static bool take_lock(const char *pidfile) {
    char path[256];
    if (snprintf(path, sizeof path, "%s.lock", pidfile) >= (int)sizeof path) {
        return false;
    }
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int write_pid(const char *path) {
    char temporary[256];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return -1;
    }
    FILE *f = fopen(temporary, "we");
    if (f == NULL) {
        return -1;
    }
    (void)fprintf(f, "%ld\n", (long)getpid());
    if (fclose(f) != 0) {
        return -1;
    }
    return rename(temporary, path);
}

static void serve(int listener) {
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        if (write(fd, "ok\n", 3) != 3) {
            (void)fprintf(stderr, "picket-demo: a client went away\n");
        }
        (void)close(fd);
    }
}

int main(int argc, char **argv) {
    const char *dir = NULL, *service = NULL;
    char pidfile[200];
    unsigned port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--dir") == 0) {
            dir = argv[i + 1];
        }
        if (strcmp(argv[i], "--service") == 0) {
            service = argv[i + 1];
        }
        if (strcmp(argv[i], "--port") == 0) {
            port = (unsigned)strtoul(argv[i + 1], NULL, 10);
        }
    }
    if (dir == NULL || service == NULL || port == 0 || port > 65535 ||
        snprintf(pidfile, sizeof pidfile, "%s/%s.pid", dir, service) >= (int)sizeof pidfile) {
        (void)fprintf(stderr, "usage: picket-demo --dir DIR --service NAME --port N\n");
        return 2;
    }
    if (!take_lock(pidfile)) {
        (void)printf("picket-demo: already running\n");
        return 0;
    }
    const int listener = listen_on(port);
    if (listener < 0) {
        return fail("cannot listen");
    }
    const pid_t child = fork();
    if (child < 0) {
        return fail("fork");
    }
    if (child > 0) {
        return 0;
    }
    (void)setsid();
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null_fd >= 0 && fd < 3; fd++) {
        (void)dup2(null_fd, fd);
    }
    if (write_pid(pidfile) < 0) {
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    serve(listener);
    return 0;
}
