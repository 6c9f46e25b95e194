#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/lmdb/pk_lmdb.h"
#include "port/super.h"

/* What is kept for whoever wants to know what happened; more would fill the medium of a board that damages
 * its store again and again. */
enum { KEPT_FILES = 2, FILES_A_PASS = 16, ASIDE_PATH_BYTES = PK_STORE_PATH_BYTES + 32 };
static const char aside_mark[] = ".bad-";

/* Splits PATH into its directory (terminated, "." for none) and the name in it. */
static int split_path(const char *path, char *out_dir, size_t cap_bytes, const char **out_name) {
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    const struct pk_str dir =
        slash == NULL ? pk_str_of(".") : pk_str_make(path, slash == path ? 1 : (size_t)(slash - path));
    return pk_str_copy(dir, out_dir, cap_bytes) < 0 ? PK_E_TOO_BIG : PK_OK;
}

/* The number behind NAME.bad-, or 0 when it is another file. */
static uint64_t aside_number(const char *file, const char *name) {
    struct pk_str s = pk_str_of(file);
    if (!pk_str_starts(s, name)) {
        return 0;
    }
    s = pk_str_make(s.p + strlen(name), s.n - (uint32_t)strlen(name));
    if (!pk_str_starts(s, aside_mark)) {
        return 0;
    }
    uint64_t number = 0;
    s = pk_str_make(s.p + sizeof aside_mark - 1, s.n - (uint32_t)(sizeof aside_mark - 1));
    return pk_parse_u64(s, &number) == PK_OK ? number : 0;
}

static void aside_name(struct pk_buf *b, const char *path, uint64_t number) {
    pk_buf_puts(b, path);
    pk_buf_puts(b, aside_mark);
    pk_buf_put_u64(b, number);
}

struct aside_files {
    uint32_t count;
    uint64_t oldest, newest; /* numbers; 0 = none */
};

static struct aside_files find_aside(const char *dir, const char *name) {
    struct aside_files f = {0};
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        const uint64_t number = aside_number(e->d_name, name);
        if (number == 0) {
            continue;
        }
        f.oldest = f.count == 0 || number < f.oldest ? number : f.oldest;
        f.newest = number > f.newest ? number : f.newest;
        f.count++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return f;
}

static void drop_old(const char *path, const char *dir, const char *name) {
    for (uint32_t pass = 0; pass < FILES_A_PASS; pass++) {
        const struct aside_files f = find_aside(dir, name);
        char old[ASIDE_PATH_BYTES];
        struct pk_buf b;
        pk_buf_init(&b, old, sizeof old);
        aside_name(&b, path, f.oldest);
        if (f.count <= KEPT_FILES || unlink(old) != 0) {
            return;
        }
    }
}

int pk_store_move_aside(const char *path) {
    struct stat st;
    char dir[PK_STORE_PATH_BYTES];
    const char *name;
    if (split_path(path, dir, sizeof dir, &name) != PK_OK) {
        return PK_E_TOO_BIG;
    }
    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? PK_OK : PK_E_IO;
    }
    /* Unix seconds; above every earlier one also when the clock went back, so that the newest stay. */
    const struct aside_files earlier = find_aside(dir, name);
    uint64_t number = (uint64_t)time(NULL);
    number = number > earlier.newest ? number : earlier.newest + 1u;
    char target[ASIDE_PATH_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, target, sizeof target);
    aside_name(&b, path, number);
    if (rename(path, target) != 0) {
        return errno == EACCES || errno == EPERM || errno == EROFS ? PK_E_DENIED : PK_E_IO;
    }
    drop_old(path, dir, name);
    return PK_OK;
}

static int store_path(struct pk_buf *b, const char *state_dir) {
    pk_buf_puts(b, state_dir);
    pk_buf_puts(b, "/" PK_STORE_FILE);
    return b->is_cut ? PK_E_TOO_BIG : PK_OK;
}

int pk_platform_check_store(const char *state_dir, uint64_t map_bytes, struct pk_buf *why) {
    (void)map_bytes; /* the file says how large it is */
    char path[PK_STORE_PATH_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, path, sizeof path);
    if (store_path(&b, state_dir) != PK_OK) {
        pk_buf_puts(why, "the state directory's name is too long");
        return PK_E_TOO_BIG;
    }
    struct pk_store_counts counts;
    return pk_store_check(path, &counts, why);
}

int pk_platform_move_store_aside(const char *state_dir) {
    char path[PK_STORE_PATH_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, path, sizeof path);
    const int err = store_path(&b, state_dir);
    return err != PK_OK ? err : pk_store_move_aside(path);
}
