/* Room on watched mounts, as df counts it: what root keeps for itself is not free. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

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

int pk_collect_disk(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->watch_count && n + 2u <= cap_count; i++) {
        const struct pk_watch *w = &s->watches[i].watch;
        if (w->collector != PK_COLLECT_DISK) {
            continue;
        }
        char name[64];
        struct statvfs v;
        double pct = 0;
        source_name(w, name);
        if (statvfs(w->path, &v) != 0) {
            const int err = errno == ENOENT || errno == ENOTDIR ? PK_E_NOT_FOUND : PK_E_IO;
            pk_collect_put(&out[n++], "disk_pct", name, 0, err);
            continue;
        }
        int err = percent(v.f_blocks, v.f_bfree, v.f_bavail, &pct);
        pk_collect_put(&out[n++], "disk_pct", name, pct, err);
        if (v.f_files == 0) {
            continue; /* a file system without inodes cannot run out of them */
        }
        pct = 0;
        err = percent(v.f_files, v.f_ffree, v.f_ffree, &pct);
        pk_collect_put(&out[n++], "inodes_pct", name, pct, err);
    }
    return (int)n;
}
