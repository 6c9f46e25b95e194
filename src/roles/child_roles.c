/* The short-lived roles, and the one task that talks to a running daemon. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/super.h"
#include "roles/pk_prober.h"
#include "roles/pk_roles.h"
#include "roles/pk_say.h"
#include "roles/pk_super_config.h"

enum { CONFIG_BYTES = 65536 };

/* NULL when it is refused, which was said. One of these roles runs in a process: they share the place. */
static const struct pk_super_config *load_config(const struct pk_options *options) {
    static char scratch[CONFIG_BYTES]; /* these are too big for the stack */
    static struct pk_super_config config;
    struct pk_diag diag;
    if (pk_super_config_load(&config, options->config_path, options->environment, scratch, sizeof scratch,
                             &diag) == PK_OK) {
        return &config;
    }
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&diag, &b);
    (void)pk_say(STDERR_FILENO, "<3>picketd ", pk_process_word(options->process), ": ", text, "\n", NULL);
    return NULL;
}

int pk_check_store_main(const struct pk_options *options) {
    const struct pk_super_config *config = load_config(options);
    if (config == NULL) {
        return PK_EXIT_DAEMON_CONFIG;
    }
    char text[200];
    struct pk_buf why;
    pk_buf_init(&why, text, sizeof text);
    const int err = pk_platform_check_store(config->state_dir, config->store_map_bytes, &why);
    if (err == PK_OK) {
        return PK_EXIT_OK;
    }
    (void)pk_say(STDERR_FILENO, "<3>picketd check-store: ", pk_err_text(err), ": ", text, "\n", NULL);
    /* Only damage is damage: a disk that cannot be read now must not cost the records on it. */
    return err == PK_E_CORRUPT ? PK_EXIT_FAILED : PK_EXIT_DAEMON_CONFIG;
}

int pk_move_store_main(const struct pk_options *options) {
    const struct pk_super_config *config = load_config(options);
    if (config == NULL) {
        return PK_EXIT_DAEMON_CONFIG;
    }
    const int err = pk_platform_move_store_aside(config->state_dir);
    if (err != PK_OK) {
        (void)pk_say(STDERR_FILENO, "<3>picketd move-store: ", pk_err_text(err), "\n", NULL);
    }
    return err == PK_OK ? PK_EXIT_OK : PK_EXIT_FAILED;
}

int pk_resolve_main(const struct pk_options *options) {
    struct pk_ipc_resolved resolved;
    pk_platform_seal_resolver();
    pk_platform_resolve(options->resolve_name, &resolved);
    struct pk_ipc_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.version = PK_IPC_VERSION;
    frame.type = PK_IPC_RESOLVED;
    frame.body_bytes = sizeof resolved;
    memcpy(frame.body, &resolved, sizeof resolved);
    return pk_platform_result(PK_ROLE_FD, &frame) == PK_OK ? PK_EXIT_OK : PK_EXIT_FAILED;
}

/* One of these roles runs in a process: they share what is too big for the stack. */
enum { ROOM_BYTES = PK_PROBER_FILE_BYTES + 8 };
_Static_assert((int)ROOM_BYTES >= (int)PK_CLEAN_SCRATCH_BYTES, "the larger of the two");
static uint64_t *room(void) {
    static uint64_t bytes[ROOM_BYTES / 8];
    return bytes;
}

int pk_clean_main(const struct pk_options *options) {
    const struct pk_clean order = {.path = options->clean_path,
                                   .older_s = options->clean_older_s,
                                   .keep_bytes = options->clean_keep_bytes};
    struct pk_cleaned done;
    char text[160];
    struct pk_buf b;
    const int err = pk_platform_clean(&order, room(), &done);
    if (err != PK_OK) {
        (void)pk_say(STDERR_FILENO, "picketd clean: ", order.path, ": ",
                     err == PK_E_POLICY   ? "too near the top: at least two folders deep"
                     : err == PK_E_DENIED ? "a link is on the way, or it is no folder"
                                          : pk_err_text(err),
                     "\n", NULL);
        return PK_EXIT_FAILED;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_u64(&b, done.file_count);
    pk_buf_puts(&b, " files deleted, ");
    pk_buf_put_u64(&b, done.byte_count / 1024u);
    pk_buf_puts(&b, " KiB; ");
    pk_buf_put_u64(&b, done.kept_bytes / 1024u);
    pk_buf_puts(&b, " KiB stay, ");
    pk_buf_put_u64(&b, done.passed_count);
    pk_buf_puts(&b, " left alone, ");
    pk_buf_put_u64(&b, done.failed_count);
    pk_buf_puts(&b, " failed\n");
    (void)pk_say(STDOUT_FILENO, text, NULL);
    return done.failed_count == 0 ? PK_EXIT_OK : PK_EXIT_FAILED;
}

/* CA or certificate: root's word names the file, and the agent's user must be able to read it. */
static void read_probe_file(struct pk_prober_files *files, const struct pk_ipc_probe_order *order,
                            char *bytes) {
    const char *path = pk_prober_file(order);
    if (path[0] == '\0') {
        return;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    uint32_t n = 0;
    ssize_t got = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? 1 : -1;
    while (got > 0 && n < PK_PROBER_FILE_BYTES) {
        got = read(fd, bytes + n, PK_PROBER_FILE_BYTES - n);
        n += got > 0 ? (uint32_t)got : 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got != 0) {
        files->error = fd < 0 && errno == ENOENT   ? PK_E_NOT_FOUND
                       : fd < 0 && errno == EACCES ? PK_E_DENIED
                       : got > 0                   ? PK_E_TOO_BIG
                                                   : PK_E_IO;
        return;
    }
    bytes[n] = '\0';
    *(order->kind == PK_PROBE_CERTIFICATE ? &files->file : &files->ca) = pk_str_make(bytes, n);
}

int pk_probe_main(void) {
    static struct pk_prober prober; /* these are too big for the stack */
    static struct pk_ipc_probe_order order;
    char *const bytes = (char *)room();
    struct pk_prober_files files = {.error = PK_OK};
    struct pk_port_dial dial;
    struct pk_ipc_probed result;
    if (pk_platform_probe_order(PK_ROLE_FD, &order) != PK_OK || !pk_prober_is_order(&order) ||
        pk_platform_open_dial(&dial) != PK_OK) {
        return PK_EXIT_FAILED;
    }
    read_probe_file(&files, &order, bytes);
    pk_platform_seal_prober();
    pk_prober_run(&prober, &dial, &order, &files, &result);
    struct pk_ipc_frame frame;
    memset(&frame, 0, sizeof frame);
    frame.version = PK_IPC_VERSION;
    frame.type = PK_IPC_PROBED;
    frame.body_bytes = sizeof result;
    memcpy(frame.body, &result, sizeof result);
    return pk_platform_result(PK_ROLE_FD, &frame) == PK_OK ? PK_EXIT_OK : PK_EXIT_FAILED;
}

static pid_t read_pid(const char *run_dir) {
    char path[200], text[24];
    uint64_t pid = 0;
    if (pk_path_join(path, sizeof path, run_dir, "picketd.pid") != PK_OK) {
        return 0;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) {
        (void)close(fd);
    }
    const struct pk_str number = pk_str_trim(pk_str_make(text, n > 0 ? (size_t)n : 0));
    return pk_parse_u64(number, &pid) == PK_OK && pid > 1 && pid < 4194304 ? (pid_t)pid : 0;
}

static bool is_newer(const struct stat *now, const struct stat *before) {
    return now->st_ino != before->st_ino || now->st_mtim.tv_sec != before->st_mtim.tv_sec ||
           now->st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static int print_file(const char *path) {
    char chunk[4097];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return PK_EXIT_FAILED;
    }
    ssize_t n;
    bool is_written = true;
    while (is_written && (n = read(fd, chunk, sizeof chunk - 1u)) > 0) {
        chunk[n] = '\0'; /* JSON: no byte of it is 0 */
        is_written = pk_say(STDOUT_FILENO, chunk, NULL);
    }
    (void)close(fd);
    return n == 0 && is_written ? PK_EXIT_OK : PK_EXIT_FAILED;
}

int pk_dump_state_main(const struct pk_options *options) {
    enum { TRIES = 100, PAUSE_MS = 50 };
    const struct pk_super_config *config = load_config(options);
    char path[200];
    if (config == NULL || pk_path_join(path, sizeof path, config->state_dir, PK_DUMP_FILE) != PK_OK) {
        return PK_EXIT_DAEMON_CONFIG;
    }
    struct stat before, now;
    memset(&before, 0, sizeof before);
    (void)stat(path, &before);
    const pid_t pid = read_pid(config->run_dir);
    if (pid == 0 || kill(pid, SIGUSR1) != 0) {
        (void)pk_say(STDERR_FILENO, "picketd: no running daemon that may be asked (", config->run_dir,
                     "/picketd.pid)\n", NULL);
        return PK_EXIT_FAILED;
    }
    for (int i = 0; i < TRIES; i++) {
        const struct timespec pause = {.tv_sec = 0, .tv_nsec = PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        if (stat(path, &now) == 0 && is_newer(&now, &before)) {
            return print_file(path);
        }
    }
    (void)pk_say(STDERR_FILENO, "picketd: the daemon wrote no state into ", path, "\n", NULL);
    return PK_EXIT_FAILED;
}
