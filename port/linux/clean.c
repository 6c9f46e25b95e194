/* Deleting old files below a folder that root named, as root. Nothing here follows a link or leaves the file
 * system of the folder, whoever may write below it and whatever they change meanwhile: every step is one name
 * in a descriptor that was opened without following links, and each is looked at again before it is deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/pk_dir.h"
#include "port/super.h"

#ifndef SYS_openat2
#define SYS_openat2                                                                                          \
    437 /* the same number on every architecture (Documentation: syscalls are unified from 424 on) */
#endif
enum {
    DEPTH_MAX = 16, /* folders in folders; deeper ones stay */
    AGES = 64,      /* classes of age, four to a doubling */
    LEAST_DEPTH = 2 /* /var is nobody's root, /var/tmp is */
};
/* linux/openat2.h, which headers of a sysroot may not have. */
struct open_how {
    uint64_t flags, mode, resolve;
};
enum { RESOLVE_NO_XDEV = 0x01, RESOLVE_NO_SYMLINKS = 0x04, RESOLVE_BENEATH = 0x08 };

struct walk {
    const struct pk_clean *order;
    struct pk_cleaned *out;
    uint64_t bytes_by_age[AGES];
    int64_t now_s;
    dev_t device;
    uint32_t oldest_class; /* second round: files of this class of age and older go while there is too much */
    uint64_t kept_bytes;
    bool is_second;
    uint32_t depth;
    struct pk_dir_walk levels[DEPTH_MAX];
};

_Static_assert(sizeof(struct walk) <= PK_CLEAN_SCRATCH_BYTES, "what the caller has fits");

static int open_below(int at, const char *name) {
    const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    const long fd = syscall(SYS_openat2, at, name, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) {
        return (int)fd;
    }
    /* Before Linux 5.6, or forbidden; the device is compared as well, which does not see a bind mount. */
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The root itself, name by name: none of them may be a link. Mounts on the way are the machine's own affair.
 */
static int open_root(const char *path, int *out_fd) {
    char name[PK_CLEAN_NAME_BYTES];
    uint32_t depth = 0;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (path[0] != '/') {
        (void)close(fd);
        return PK_E_BAD_FIELD;
    }
    for (const char *p = path; fd >= 0 && *p != '\0';) {
        const size_t n = strcspn(p, "/");
        if (n >= sizeof name || (n <= 2 && strncmp(p, "..", n) == 0 && n > 0)) {
            (void)close(fd);
            return PK_E_BAD_FIELD;
        }
        memcpy(name, p, n);
        name[n] = '\0';
        p += n + (p[n] == '/' ? 1u : 0u);
        if (n == 0) {
            continue;
        }
        const int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(fd);
        fd = next;
        depth++;
    }
    if (fd < 0) {
        return errno == ENOENT ? PK_E_NOT_FOUND : PK_E_DENIED;
    }
    if (depth < LEAST_DEPTH) {
        (void)close(fd);
        return PK_E_POLICY;
    }
    *out_fd = fd;
    return PK_OK;
}

/* Four classes to a doubling of the age in minutes. */
static uint32_t age_class(int64_t age_s) {
    uint64_t quarters = age_s > 0 ? (uint64_t)age_s / 15u : 0u;
    uint32_t doublings = 0;
    while (quarters >= 8u) {
        quarters >>= 1u;
        doublings++;
    }
    const uint32_t class = doublings * 4u + (uint32_t)quarters;
    return class < AGES ? class : AGES - 1u;
}

static void delete_file(struct walk *w, int at, const char *name, const struct stat *st) {
    if (unlinkat(at, name, 0) == 0) {
        w->out->file_count++;
        w->out->byte_count += (uint64_t)st->st_blocks * 512u;
    } else if (errno != ENOENT) {
        w->out->failed_count++;
    }
}

static void look_at_file(struct walk *w, int at, const char *name, const struct stat *st) {
    const int64_t age_s = w->now_s - (int64_t)st->st_mtime;
    const uint64_t bytes = (uint64_t)st->st_blocks * 512u;
    const bool is_old = w->order->older_s > 0 && age_s > 0 && (uint64_t)age_s > w->order->older_s;
    if (!w->is_second && is_old) {
        delete_file(w, at, name, st);
    } else if (!w->is_second) {
        w->kept_bytes += bytes;
        w->bytes_by_age[age_class(age_s)] += bytes;
    } else if (w->kept_bytes > w->order->keep_bytes && age_class(age_s) >= w->oldest_class) {
        delete_file(w, at, name, st);
        w->kept_bytes -= bytes < w->kept_bytes ? bytes : w->kept_bytes;
    }
}

static void look(struct walk *w, int at, const char *name) {
    struct stat st;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != w->device) {
        w->out->passed_count++;
        return;
    }
    if (S_ISREG(st.st_mode)) {
        look_at_file(w, at, name, &st);
        return;
    }
    if (!S_ISDIR(st.st_mode) || w->depth == DEPTH_MAX) {
        w->out->passed_count++; /* links, sockets, pipes, devices; too deep */
        return;
    }
    const int fd = open_below(at, name);
    struct stat inside;
    if (fd < 0 || fstat(fd, &inside) != 0 || inside.st_dev != w->device) {
        w->out->passed_count++;
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    pk_dir_begin(&w->levels[w->depth++], fd);
}

static void walk(struct walk *w, int root) {
    const int fd = dup(root);
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        w->out->failed_count++;
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    pk_dir_begin(&w->levels[0], fd);
    w->depth = 1;
    while (w->depth > 0) {
        struct pk_dir_walk *level = &w->levels[w->depth - 1u];
        const char *name = pk_dir_next(level);
        if (name == NULL) {
            pk_dir_close(level);
            w->depth--;
        } else {
            look(w, level->fd, name);
        }
    }
}

int pk_platform_clean(const struct pk_clean *order, uint64_t scratch[PK_CLEAN_SCRATCH_BYTES / 8],
                      struct pk_cleaned *out) {
    struct walk *const w = (struct walk *)scratch;
    struct stat st;
    struct timespec now;
    int root = -1;
    memset(out, 0, sizeof *out);
    memset(w, 0, sizeof *w);
    const int err = open_root(order->path, &root);
    if (err < 0) {
        return err;
    }
    if (fstat(root, &st) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) {
        (void)close(root);
        return PK_E_IO;
    }
    w->order = order;
    w->out = out;
    w->device = st.st_dev;
    w->now_s = (int64_t)now.tv_sec;
    walk(w, root);
    uint64_t bytes = w->kept_bytes;
    if (order->keep_bytes > 0 && bytes > order->keep_bytes) {
        w->oldest_class = AGES;
        while (w->oldest_class > 0 && bytes > order->keep_bytes) {
            bytes -= w->bytes_by_age[--w->oldest_class];
        }
        w->is_second = true;
        walk(w, root);
    }
    out->kept_bytes = w->kept_bytes;
    (void)close(root);
    return PK_OK;
}
