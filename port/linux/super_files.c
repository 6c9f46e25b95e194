/* Files of the supervisor: who owns what, the lock, the record, the listening sockets.
 *
 * The state directory belongs to root, with the agent's group allowed to write and the sticky bit set: the
 * agent makes and renames its own store in it, but cannot remove or replace <state_dir>/supervisor, where the
 * counters are that limit it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/pk_dir.h"
#include "port/linux/pk_linux.h"
#include "port/linux/pk_super_platform.h"

enum { LOCK_TRIES = 60, LOCK_PAUSE_MS = 50, BACKLOG = 16 };

static int fail(struct pk_buf *why, const char *path, const char *text, int error) {
    pk_buf_puts(why, path);
    pk_buf_puts(why, ": ");
    pk_buf_puts(why, text);
    return error;
}

/* Makes it when it is missing (one level); *out_is_new tells. It must be a directory that belongs to us. */
static int own_directory(const char *path, bool *out_is_new, struct pk_buf *why) {
    *out_is_new = mkdir(path, 0700) == 0;
    if (!*out_is_new && errno != EEXIST) {
        return fail(why, path, errno == ENOENT ? "the directory above it does not exist" : "cannot be made",
                    PK_E_IO);
    }
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return fail(why, path, "is not a directory", PK_E_DENIED);
    }
    return PK_OK;
}

static int share_directory(const struct pk_super_platform *p, const char *path, gid_t gid, mode_t mode,
                           struct pk_buf *why) {
    if (p->is_root && chown(path, 0, gid) != 0) {
        return fail(why, path, "cannot be given to the agent's group", PK_E_IO);
    }
    if (chmod(path, mode) != 0) {
        return fail(why, path, "its mode cannot be set (does it belong to somebody else?)", PK_E_DENIED);
    }
    return PK_OK;
}

static int take_lock(struct pk_super_platform *p, struct pk_buf *why) {
    p->lock_fd = openat(p->own_dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->lock_fd < 0) {
        return fail(why, p->config.state_dir, "the lock in supervisor/ cannot be opened", PK_E_IO);
    }
    /* The agent holds it too. After a crash of the supervisor its agent is killed by the kernel, which may
     * take a moment when it is writing. */
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0) {
            return PK_OK;
        }
        const struct timespec pause = {.tv_sec = 0, .tv_nsec = LOCK_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return fail(why, p->config.state_dir, "another picketd uses it", PK_E_BUSY);
}

static int write_pid_file(const struct pk_super_platform *p, struct pk_buf *why) {
    char path[PK_SUPER_PATH_BYTES], text[16];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_u64(&b, (uint64_t)getpid());
    pk_buf_putc(&b, '\n');
    if (pk_path_join(path, sizeof path, p->config.run_dir, "picketd.pid") != PK_OK) {
        return fail(why, p->config.run_dir, "is too long", PK_E_TOO_BIG);
    }
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    const bool is_written = fd >= 0 && write(fd, text, b.n) == (ssize_t)b.n;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_written ? PK_OK : fail(why, path, "cannot be written", PK_E_IO);
}

/* Where the agent may put what others on this machine read ([report] textfile). */
static int make_metrics_directory(const struct pk_super_platform *p, struct pk_buf *why) {
    char path[PK_SUPER_PATH_BYTES];
    bool is_new = false;
    if (pk_path_join(path, sizeof path, p->config.run_dir, "metrics") != PK_OK) {
        return fail(why, p->config.run_dir, "is too long", PK_E_TOO_BIG);
    }
    const int err = own_directory(path, &is_new, why);
    return err == PK_OK ? share_directory(p, path, p->gid, 0775, why) : err;
}

/* The folder may have to be made yet: then where it will be. */
int pk_super_check_memory(const struct pk_super_platform_config *config, struct pk_buf *why) {
    char path[PK_SUPER_PATH_BYTES];
    if (!config->is_memory_wanted) {
        return PK_OK;
    }
    (void)pk_str_copy_cut(pk_str_of(config->state_dir), path, sizeof path); /* its length was checked */
    while (access(path, F_OK) != 0 && strrchr(path, '/') != NULL) {
        *strrchr(path, '/') = '\0';
    }
    if (pk_linux_is_in_memory(path)) {
        return PK_OK;
    }
    return fail(why, config->state_dir,
                "is not in memory (tmpfs or ramfs), and [store] memory = yes allows nothing else",
                PK_E_CONFIG);
}

int pk_super_open_dirs(struct pk_super_platform *p, struct pk_buf *why) {
    char own[PK_SUPER_PATH_BYTES];
    bool is_new = false;
    int err = pk_super_check_memory(&p->config, why);
    if (err == PK_OK) {
        err = own_directory(p->config.state_dir, &is_new, why);
    }
    if (err == PK_OK) {
        err = share_directory(p, p->config.state_dir, p->gid, p->is_root ? 01770 : 0700, why);
    }
    if (err == PK_OK) {
        err = pk_path_join(own, sizeof own, p->config.state_dir, "supervisor");
    }
    if (err == PK_OK) {
        err = own_directory(own, &p->is_state_new, why);
    }
    if (err != PK_OK) {
        return err;
    }
    p->own_dir_fd = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    pk_slots_init(&p->state, p->own_dir_fd, "state", "state.new");
    struct stat st;
    if (p->own_dir_fd < 0 || fstat(p->own_dir_fd, &st) != 0 || st.st_uid != geteuid() ||
        (st.st_mode & 022u) != 0) {
        return fail(why, own, "belongs to somebody else or may be written by others: remove it", PK_E_DENIED);
    }
    err = take_lock(p, why);
    if (err == PK_OK) {
        err = own_directory(p->config.run_dir, &is_new, why);
    }
    if (err == PK_OK) {
        err = share_directory(p, p->config.run_dir, 0, 0755, why);
    }
    if (err == PK_OK) {
        err = make_metrics_directory(p, why);
    }
    return err == PK_OK ? write_pid_file(p, why) : err;
}

static const char *const listener_names[PK_LISTENER_COUNT] = {
    [PK_LISTEN_CONTROL] = "control.sock",
    [PK_LISTEN_EVENTS] = "events.sock",
};

static int open_listener(struct pk_super_platform *p, int i, struct pk_buf *why) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    if (pk_path_join(address.sun_path, sizeof address.sun_path, p->config.run_dir, listener_names[i]) !=
        PK_OK) {
        return fail(why, p->config.run_dir, "is too long for a socket", PK_E_TOO_BIG);
    }
    (void)unlink(address.sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail(why, address.sun_path, "no socket", PK_E_IO);
    }
    p->listener_fd[i] = fd;
    const mode_t before = umask(0177); /* nobody gets in between bind and chmod */
    const int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    (void)umask(before);
    if (bound != 0 || (p->is_root && chown(address.sun_path, 0, p->gid) != 0) ||
        chmod(address.sun_path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
        return fail(why, address.sun_path, "cannot listen there", PK_E_IO);
    }
    return PK_OK;
}

int pk_super_open_listeners(struct pk_super_platform *p, struct pk_buf *why) {
    for (int i = 0; i < PK_LISTENER_COUNT; i++) {
        const int err = open_listener(p, i, why);
        if (err != PK_OK) {
            return err;
        }
    }
    return PK_OK;
}

static void close_fd(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void pk_super_close_files(struct pk_super_platform *p) {
    char path[PK_SUPER_PATH_BYTES];
    pk_slots_seal(&p->state);
    for (int i = 0; i < PK_LISTENER_COUNT; i++) {
        if (p->listener_fd[i] >= 0 &&
            pk_path_join(path, sizeof path, p->config.run_dir, listener_names[i]) == PK_OK) {
            (void)unlink(path);
        }
        close_fd(&p->listener_fd[i]);
    }
    if (p->lock_fd >= 0 && pk_path_join(path, sizeof path, p->config.run_dir, "picketd.pid") == PK_OK) {
        (void)unlink(path);
    }
    close_fd(&p->own_dir_fd);
    close_fd(&p->lock_fd);
}

static int read_whole(int fd, void *out, uint32_t cap_bytes) {
    uint8_t *bytes = out;
    uint32_t n = 0;
    for (;;) {
        if (n == cap_bytes) {
            char more;
            return read(fd, &more, 1) == 0 ? (int)n : PK_E_TOO_BIG;
        }
        const ssize_t got = read(fd, bytes + n, cap_bytes - n);
        if (got == 0) {
            return (int)n;
        }
        if (got < 0 && errno != EINTR) {
            return PK_E_IO;
        }
        n += got > 0 ? (uint32_t)got : 0u;
    }
}

static int load_own(const struct pk_super_platform *p, const char *name, void *out, uint32_t cap_bytes) {
    const int fd = openat(p->own_dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? PK_E_NOT_FOUND : PK_E_CORRUPT;
    }
    struct stat st;
    int n = PK_E_CORRUPT;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid()) {
        n = read_whole(fd, out, cap_bytes);
    }
    (void)close(fd);
    return n < 0 ? PK_E_CORRUPT : n;
}

static int save_own(const struct pk_super_platform *p, const char *name, const char *new_name,
                    const void *bytes, uint32_t n) {
    const int fd =
        openat(p->own_dir_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno == ENOSPC ? PK_E_NO_SPACE : PK_E_IO;
    }
    const ssize_t written = write(fd, bytes, n);
    const bool is_full = written < 0 && errno == ENOSPC;
    const bool is_safe = written == (ssize_t)n && fsync(fd) == 0;
    (void)close(fd);
    if (!is_safe || renameat(p->own_dir_fd, new_name, p->own_dir_fd, name) != 0) {
        return is_full ? PK_E_NO_SPACE : PK_E_IO;
    }
    return fsync(p->own_dir_fd) == 0 ? PK_OK : PK_E_IO;
}

int pk_super_load_state(void *ctx, void *out, uint32_t cap_bytes) {
    struct pk_super_platform *p = ctx;
    const int n = pk_slots_load(&p->state, out, cap_bytes);
    return n == PK_E_NOT_FOUND && !p->is_state_new ? PK_E_CORRUPT : n;
}

int pk_super_save_state(void *ctx, const void *bytes, uint32_t n) {
    struct pk_super_platform *p = ctx;
    return pk_slots_save(&p->state, bytes, n);
}

int pk_super_load_places(void *ctx, void *out, uint32_t cap_bytes) {
    return load_own(ctx, "places", out, cap_bytes);
}

int pk_super_save_places(void *ctx, const void *bytes, uint32_t n) {
    return save_own(ctx, "places", "places.new", bytes, n);
}

int pk_super_load_armed(void *ctx, void *out, uint32_t cap_bytes) {
    return load_own(ctx, "armed", out, cap_bytes);
}

int pk_super_save_armed(void *ctx, const void *bytes, uint32_t n) {
    return save_own(ctx, "armed", "armed.new", bytes, n);
}

static bool is_trusted(const struct stat *st) {
    return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & 022u) == 0;
}

/* Whoever may write into the directory may replace the file. */
static bool is_directory_trusted(const char *path) {
    char dir[PK_SUPER_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    const size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (n >= sizeof dir) {
        return false;
    }
    memcpy(dir, path, n);
    dir[n] = '\0';
    struct stat st;
    return stat(n > 0 ? dir : (slash == NULL ? "." : "/"), &st) == 0 && is_trusted(&st);
}

int pk_super_read_owned(const char *path, void *out, uint32_t cap_bytes) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return PK_E_NOT_FOUND;
        }
        return errno == EACCES || errno == EPERM ? PK_E_DENIED : PK_E_IO;
    }
    struct stat st;
    int n = PK_E_DENIED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_trusted(&st) && is_directory_trusted(path)) {
        n = read_whole(fd, out, cap_bytes);
    }
    (void)close(fd);
    return n;
}

/* Selection by repeated smallest-next: at most 64 files, read at start and reload, so no table is worth its
 * memory. */
int pk_super_list(const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    char last[256] = "", best[256];
    for (int count = 0; count <= PK_FILES_LIST_MAX; count++) {
        struct pk_dir_walk walk;
        if (pk_dir_open(&walk, dir) != PK_OK) {
            return PK_E_NOT_FOUND;
        }
        best[0] = '\0';
        const char *name;
        while ((name = pk_dir_next(&walk)) != NULL) {
            const size_t n = strlen(name), suffix_n = strlen(suffix);
            if (n < sizeof best && n > suffix_n && strcmp(name + n - suffix_n, suffix) == 0 &&
                strcmp(name, last) > 0 && (best[0] == '\0' || strcmp(name, best) < 0)) {
                memcpy(best, name, n + 1u);
            }
        }
        pk_dir_close(&walk);
        if (best[0] == '\0') {
            return count;
        }
        if (count < PK_FILES_LIST_MAX) {
            each(arg, best);
        }
        memcpy(last, best, sizeof last);
    }
    return PK_E_FULL;
}
