#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "port/linux/pk_linux.h"

enum { NAME_BYTES = 64, PATH_BYTES = 512 };
/* statfs(2) */
#define TMPFS_KIND 0x01021994u
#define RAMFS_KIND 0x858458f6u

static int error_of(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return PK_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
    case ENXIO:
        return PK_E_DENIED;
    case ENOSPC:
    case EDQUOT:
        return PK_E_NO_SPACE;
    default:
        return PK_E_IO;
    }
}

static int read_open(int fd, void *out, uint32_t cap_bytes) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return PK_E_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        return PK_E_DENIED;
    }
    uint8_t *p = out;
    uint32_t n = 0;
    while (n < cap_bytes) {
        const ssize_t r = read(fd, p + n, cap_bytes - n);
        if (r == 0) {
            return (int)n;
        }
        if (r < 0 && errno != EINTR) {
            return error_of(errno);
        }
        n += r > 0 ? (uint32_t)r : 0u;
    }
    uint8_t more;
    return read(fd, &more, 1) == 0 ? (int)n : PK_E_TOO_BIG;
}

static int files_read(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    (void)ctx;
    /* O_NONBLOCK: opening a FIFO must not hang. Links are followed, as certificate tools make them: who may
     * put one here may also put a file here. */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return error_of(errno);
    }
    const int n = read_open(fd, out, cap_bytes);
    close(fd);
    return n;
}

static bool ends_with(const char *name, const char *suffix) {
    const size_t n = strlen(name);
    const size_t m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Keeps the names sorted while they come in. PK_OK, or PK_E_FULL. */
static int insert_name(char (*names)[NAME_BYTES], int count, const char *name) {
    if (count == PK_FILES_LIST_MAX || strlen(name) >= NAME_BYTES) {
        return PK_E_FULL;
    }
    int at = count;
    while (at > 0 && strcmp(names[at - 1], name) > 0) {
        memcpy(names[at], names[at - 1], NAME_BYTES);
        at--;
    }
    memcpy(names[at], name, strlen(name) + 1);
    return PK_OK;
}

static int files_list(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    (void)ctx;
    DIR *d = opendir(dir);
    if (d == NULL) {
        return error_of(errno);
    }
    char names[PK_FILES_LIST_MAX][NAME_BYTES];
    int count = 0;
    int err = PK_OK;
    for (struct dirent *e = readdir(d); e != NULL && err == PK_OK; e = readdir(d)) {
        struct stat st;
        if (!ends_with(e->d_name, suffix)) {
            continue;
        }
        /* A link to nothing is named, so that reading it says so. */
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && !S_ISREG(st.st_mode)) {
            continue;
        }
        err = insert_name(names, count, e->d_name);
        count += err == PK_OK ? 1 : 0;
    }
    closedir(d);
    if (err != PK_OK) {
        return err;
    }
    for (int i = 0; i < count; i++) {
        each(arg, names[i]);
    }
    return count;
}

static int write_all(int fd, const uint8_t *p, uint32_t n) {
    uint32_t done = 0;
    while (done < n) {
        const ssize_t r = write(fd, p + done, n - done);
        if (r < 0 && errno != EINTR) {
            return error_of(errno);
        }
        done += r > 0 ? (uint32_t)r : 0u;
    }
    return PK_OK;
}

static int write_whole(int fd, const uint8_t *p, uint32_t n) {
    const int err = write_all(fd, p, n);
    return err != PK_OK ? err : fsync(fd) == 0 ? PK_OK : error_of(errno);
}

/* NULL: its name is too long. */
static const char *folder_of(const char *path, char folder[PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    const size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (n >= PATH_BYTES) {
        return NULL;
    }
    memcpy(folder, path, n);
    folder[n] = '\0';
    return slash == NULL ? "." : n == 0 ? "/" : folder;
}

/* The new name is on the medium only when its directory is. */
static int sync_folder_of(const char *path) {
    char folder[PATH_BYTES];
    const char *name = folder_of(path, folder);
    if (name == NULL) {
        return PK_E_IO;
    }
    const int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_of(errno);
    }
    const int err = fsync(fd) == 0 ? PK_OK : error_of(errno);
    close(fd);
    return err;
}

int pk_linux_file_replace(const char *path, const void *p, uint32_t n) {
    char temporary[PATH_BYTES];
    struct pk_buf name;
    pk_buf_init(&name, temporary, sizeof temporary);
    pk_buf_puts(&name, path);
    pk_buf_puts(&name, ".new");
    if (name.is_cut) {
        return PK_E_IO;
    }
    struct stat st;
    mode_t mode = 0600;
    if (lstat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            return PK_E_DENIED;
        }
        mode = st.st_mode & 0777;
    }
    unlink(temporary); /* left by a crash */
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return error_of(errno);
    }
    int err = write_whole(fd, p, n);
    if (close(fd) != 0 && err == PK_OK) {
        err = error_of(errno);
    }
    if (err == PK_OK && rename(temporary, path) != 0) {
        err = error_of(errno);
    }
    if (err != PK_OK) {
        unlink(temporary);
        return err;
    }
    return sync_folder_of(path);
}

static int files_replace(void *ctx, const char *path, const void *p, uint32_t n) {
    (void)ctx;
    return pk_linux_file_replace(path, p, n);
}

bool pk_linux_is_in_memory(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) {
        return false;
    }
    const uint32_t kind = (uint32_t)s.f_type; /* signed on some */
    return kind == TMPFS_KIND || kind == RAMFS_KIND;
}

/* What was begun, with `at` bytes in it, to be gone on with; at 0 a new one, for everybody to read. */
static int open_part(const char *temporary, uint32_t at) {
    struct stat st;
    if (at > 0) {
        const int fd = open(temporary, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == at)) {
            return fd < 0 ? PK_E_STALE : fd;
        }
        close(fd);
        return PK_E_STALE;
    }
    unlink(temporary); /* left by a crash */
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0 && fchmod(fd, 0644) != 0) { /* our umask lets nobody read */
        const int err = error_of(errno);
        close(fd);
        unlink(temporary);
        return err;
    }
    return fd < 0 ? error_of(errno) : fd;
}

static int files_publish(void *ctx, const char *path, uint32_t at, const void *p, uint32_t n, bool is_last) {
    char temporary[PATH_BYTES], folder[PATH_BYTES];
    struct stat st;
    struct pk_buf name;
    (void)ctx;
    pk_buf_init(&name, temporary, sizeof temporary);
    pk_buf_puts(&name, path);
    pk_buf_puts(&name, ".new");
    const char *dir = folder_of(path, folder);
    if (name.is_cut || dir == NULL) {
        return PK_E_IO;
    }
    if (stat(dir, &st) != 0) {
        return error_of(errno);
    }
    if (!pk_linux_is_in_memory(dir)) {
        return PK_E_UNSUPPORTED;
    }
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return PK_E_DENIED;
    }
    const int fd = open_part(temporary, at);
    if (fd < 0) {
        return fd;
    }
    int err = write_all(fd, p, n);
    if (close(fd) != 0 && err == PK_OK) {
        err = error_of(errno);
    }
    if (err == PK_OK && is_last && rename(temporary, path) != 0) {
        err = error_of(errno);
    }
    if (err != PK_OK) {
        unlink(temporary);
    }
    return err;
}

void pk_linux_files_open(struct pk_port_files *out) {
    *out = (struct pk_port_files){.ctx = NULL,
                                  .read = files_read,
                                  .list = files_list,
                                  .replace = files_replace,
                                  .publish = files_publish};
}
