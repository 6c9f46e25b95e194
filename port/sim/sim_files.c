#include <string.h>

#include "port/sim/sim_parts.h"

static struct pk_sim_file *find(struct pk_sim *sim, const char *path) {
    for (uint32_t i = 0; i < PK_SIM_FILES; i++) {
        if (sim->files[i].path[0] != '\0' && strcmp(sim->files[i].path, path) == 0) {
            return &sim->files[i];
        }
    }
    return NULL;
}

int pk_sim_file_set(struct pk_sim *sim, const char *path, const void *p, uint32_t n) {
    struct pk_sim_file *f = find(sim, path);
    for (uint32_t i = 0; f == NULL && i < PK_SIM_FILES; i++) {
        f = sim->files[i].path[0] == '\0' ? &sim->files[i] : NULL;
    }
    if (f == NULL) {
        return PK_E_FULL;
    }
    if (n > sizeof f->bytes || path[0] == '\0' || strlen(path) >= sizeof f->path) {
        return PK_E_TOO_BIG;
    }
    memcpy(f->path, path, strlen(path) + 1u);
    if (n > 0) {
        memcpy(f->bytes, p, n);
    }
    f->n = n;
    return PK_OK;
}

void pk_sim_file_remove(struct pk_sim *sim, const char *path) {
    struct pk_sim_file *f = find(sim, path);
    if (f != NULL) {
        f->path[0] = '\0';
    }
}

static int files_read(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    const struct pk_sim_file *f = find(ctx, path);
    if (f == NULL) {
        return PK_E_NOT_FOUND;
    }
    if (f->n > cap_bytes) {
        return PK_E_TOO_BIG;
    }
    memcpy(out, f->bytes, f->n);
    return (int)f->n;
}

/* Name of a file directly in `dir` that ends in `suffix`, or NULL. */
static const char *name_in(const struct pk_sim_file *f, const char *dir, const char *suffix) {
    const size_t n = strlen(dir);
    if (f->path[0] == '\0' || strncmp(f->path, dir, n) != 0 || f->path[n] != '/') {
        return NULL;
    }
    const char *name = f->path + n + 1;
    const size_t length = strlen(name);
    const size_t end = strlen(suffix);
    if (strchr(name, '/') != NULL || length <= end || strcmp(name + length - end, suffix) != 0) {
        return NULL;
    }
    return name;
}

static bool is_dir(const struct pk_sim *sim, const char *dir) {
    const size_t n = strlen(dir);
    for (uint32_t i = 0; i < PK_SIM_FILES; i++) {
        if (strncmp(sim->files[i].path, dir, n) == 0 && sim->files[i].path[n] == '/') {
            return true;
        }
    }
    return false;
}

static int files_list(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    struct pk_sim *sim = ctx;
    if (!is_dir(sim, dir)) {
        return PK_E_NOT_FOUND;
    }
    const char *last = "";
    int count = 0;
    for (;;) {
        const char *next = NULL;
        for (uint32_t i = 0; i < PK_SIM_FILES; i++) {
            const char *name = name_in(&sim->files[i], dir, suffix);
            if (name != NULL && strcmp(name, last) > 0 && (next == NULL || strcmp(name, next) < 0)) {
                next = name;
            }
        }
        if (next == NULL) {
            return count;
        }
        each(arg, next);
        last = next;
        count++;
    }
}

static int files_replace(void *ctx, const char *path, const void *p, uint32_t n) {
    struct pk_sim *sim = ctx;
    if (sim->store.is_disk_full) {
        return PK_E_NO_SPACE;
    }
    return pk_sim_file_set(sim, path, p, n) == PK_OK ? PK_OK : PK_E_IO;
}

/* A path under /disk/ is on a disk. */
static int files_publish(void *ctx, const char *path, uint32_t at, const void *p, uint32_t n, bool is_last) {
    struct pk_sim *sim = ctx;
    char temporary[PK_SIM_PATH_BYTES];
    struct pk_buf name;
    pk_buf_init(&name, temporary, sizeof temporary);
    pk_buf_puts(&name, path);
    pk_buf_puts(&name, ".new");
    if (name.is_cut) {
        return PK_E_IO;
    }
    if (strncmp(path, "/disk/", 6) == 0) {
        return PK_E_UNSUPPORTED;
    }
    struct pk_sim_file *f = find(sim, temporary);
    if (at > 0 && (f == NULL || f->n != at)) {
        return PK_E_STALE;
    }
    if (at == 0) {
        const int err = pk_sim_file_set(sim, temporary, p, n);
        f = find(sim, temporary);
        if (err < 0 || f == NULL) {
            return PK_E_NO_SPACE;
        }
    } else if (n > sizeof f->bytes - at) {
        pk_sim_file_remove(sim, temporary);
        return PK_E_NO_SPACE;
    } else if (n > 0) {
        memcpy(f->bytes + at, p, n);
        f->n = at + n;
    }
    if (is_last) {
        pk_sim_file_remove(sim, path);
        memcpy(f->path, path, strlen(path) + 1u);
    }
    return PK_OK;
}

void pk_sim_files_open(struct pk_sim *sim, struct pk_port_files *out) {
    *out = (struct pk_port_files){.ctx = sim,
                                  .read = files_read,
                                  .list = files_list,
                                  .replace = files_replace,
                                  .publish = files_publish};
}
