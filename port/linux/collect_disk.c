/* Room on watched mounts, as df counts it: what root keeps for itself is not free. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "port/linux/pk_collect.h"

/* used of used + left, in percent. PK_E_BAD_MSG when the figures do not fit each other. */
static int percent(uint64_t all, uint64_t free_all, uint64_t left, double *out) {
    if (free_all > all || left > free_all) {
        return PK_E_BAD_MSG;
    }
    const uint64_t used = all - free_all;
    if (used + left == 0) {
        return PK_E_BAD_MSG;
    }
    *out = 100.0 * (double)used / (double)(used + left);
    return PK_OK;
}

/* Files without a name of their own are called after the mount: "/" root, "/var/log" var-log. */
static void source_name(const struct pk_watch *w, char out[64]) {
    if (w->name[0] != '\0') {
        (void)pk_str_copy_cut(pk_str_of(w->name), out, 64);
        return;
    }
    const char *path = w->path[0] == '/' ? w->path + 1 : w->path;
    (void)pk_str_copy_cut(pk_str_of(path[0] == '\0' ? "root" : path), out, 64);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '/' ? '-' : *c;
    }
}

/* Whether another file system begins at the path. */
static bool is_mount(const char *path) {
    char parent[sizeof((struct pk_watch *)0)->path + 4];
    struct pk_buf b;
    struct stat here, above;
    pk_buf_init(&b, parent, sizeof parent);
    pk_buf_puts(&b, path);
    pk_buf_puts(&b, "/..");
    return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

/* PK_OK, or why the figures are not those of the watched file system. */
static int look(struct pk_source_watch *w, struct statvfs *out) {
    if (statvfs(w->watch.path, out) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? PK_E_NOT_FOUND : PK_E_IO;
    }
    const bool is_mounted = is_mount(w->watch.path);
    if (w->was_mount && !is_mounted) {
        return PK_E_NOT_FOUND; /* unmounted, or fallen off its bus: the folder beneath has room, but not ours
                                */
    }
    w->was_mount = is_mounted;
    return PK_OK;
}

/* What /proc/mounts says of the path; the last mount at a place counts. is_readonly: false also when nothing
 * is mounted at the path itself. */
struct mount_says {
    int over_bytes;
    bool is_readonly, is_network;
};

static void take_line(struct mount_says *m, struct pk_str line, const char *path) {
    bool is_readonly = false, is_network = false;
    if (pk_proc_parse_mount(line, path, &is_readonly) == PK_OK) {
        m->is_readonly = is_readonly;
    }
    const int n = pk_proc_parse_mount_over(line, path, &is_network);
    if (n > 0 && n >= m->over_bytes) {
        m->over_bytes = n;
        m->is_network = is_network;
    }
}

static struct mount_says read_mounts(const struct pk_source *s, const char *path) {
    enum { TEXT_BYTES = 2048, FILE_BYTES_MAX = 1 << 18 };
    char file[PK_COLLECT_PATH_BYTES], text[TEXT_BYTES];
    struct mount_says m = {.over_bytes = 0};
    off_t at = 0;
    ssize_t n;
    const int fd =
        pk_collect_path(file, s->proc_root, "mounts", NULL, NULL) ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    while (fd >= 0 && at < FILE_BYTES_MAX && (n = pread(fd, text, sizeof text, at)) > 0) {
        struct pk_str rest = pk_str_make(text, (size_t)n), line;
        ssize_t used = 0;
        while (used < n && pk_str_split(&rest, '\n', &line) && rest.p != NULL) {
            take_line(&m, line, path);
            used = rest.p - text;
        }
        at += used > 0 ? used : n; /* a line longer than the buffer is passed over */
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return m;
}

int pk_collect_disk(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->watch_count && n + 3u <= cap_count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        if (w->watch.collector != PK_COLLECT_DISK) {
            continue;
        }
        char name[64];
        struct statvfs v;
        double pct = 0;
        source_name(&w->watch, name);
        const struct mount_says m = read_mounts(s, w->watch.path);
        int err = m.is_network ? PK_E_UNSUPPORTED : look(w, &v); /* its server may hang, and with it we */
        if (err != PK_OK) {
            pk_collect_put(&out[n++], "disk_pct", name, 0, err);
            continue;
        }
        err = percent(v.f_blocks, v.f_bfree, v.f_bavail, &pct);
        pk_collect_put(&out[n++], "disk_pct", name, pct, err);
        /* One that is read-only by design never was anything else. */
        const bool is_readonly = (v.f_flag & ST_RDONLY) != 0 || m.is_readonly;
        w->was_writable = w->was_writable || !is_readonly;
        if (w->was_writable) {
            pk_collect_put(&out[n++], "fs_readonly", name, is_readonly ? 1.0 : 0.0, PK_OK);
        }
        if (v.f_files == 0) {
            continue; /* a file system without inodes cannot run out of them */
        }
        pct = 0;
        err = percent(v.f_files, v.f_ffree, v.f_ffree, &pct);
        pk_collect_put(&out[n++], "inodes_pct", name, pct, err);
    }
    return (int)n;
}
