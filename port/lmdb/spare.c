/* Blocks the file owns beyond its last page, so that a commit finds room where the file system has none left
 * (src/decisions/0097-acting-on-a-full-disk.md). Blocks that only were asked for are not read or written. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "port/lmdb/writer.h"

enum { STEP_BYTES = 64 * 1024, ZERO_BYTES = 1024, STAT_BLOCK_BYTES = 512 };

static int file_of(const struct pk_lmdb *s) {
    int fd = -1;
    return mdb_env_get_fd(s->env, &fd) == 0 ? fd : -1;
}

bool pk_lmdb_has_free(const struct pk_lmdb *s, uint64_t bytes) {
    struct statvfs v;
    /* ramfs counts nothing. */
    return fstatvfs(file_of(s), &v) != 0 || v.f_blocks == 0 || (uint64_t)v.f_bavail * v.f_frsize >= bytes;
}

static bool is_out_of_space(int code) {
    return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

/* Where a file system cannot set blocks aside (ext3, ramfs), what is written is there. Nothing that a page
 * refers to lies behind `from`. */
static int write_zeros(int fd, uint64_t from, uint64_t to) {
    const uint8_t zeros[ZERO_BYTES] = {0};
    while (from < to) {
        const uint64_t n = to - from < sizeof zeros ? to - from : sizeof zeros;
        const ssize_t r = pwrite(fd, zeros, (size_t)n, (off_t)from);
        if (r <= 0) {
            return r < 0 ? errno : EIO;
        }
        from += (uint64_t)r;
    }
    return 0;
}

static int take(int fd, uint64_t from, uint64_t to) {
    /* The size stays what LMDB makes it. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? write_zeros(fd, from, to) : errno;
}

void pk_lmdb_spare_find(struct pk_lmdb *s) {
    struct stat st;
    s->owned_bytes = fstat(file_of(s), &st) == 0 ? (uint64_t)st.st_blocks * STAT_BLOCK_BYTES : 0u;
    s->owned_bytes -= s->owned_bytes % s->page_bytes;
}

/* Nothing more is to be had from the disk: free pages of the file serve as well. Twice as many, because those
 * of a commit are used again only two commits later. */
static int room_left(const struct pk_lmdb *s) {
    return s->owned_bytes - s->status.used_bytes >= 2u * (uint64_t)s->spare_bytes ? PK_OK : PK_E_NO_SPACE;
}

int pk_lmdb_spare_keep(struct pk_lmdb *s) {
    MDB_envinfo info;
    if (mdb_env_info(s->env, &info) != 0) {
        return PK_OK;
    }
    const uint64_t pages_bytes = ((uint64_t)info.me_last_pgno + 1u) * s->page_bytes;
    s->owned_bytes = s->owned_bytes > pages_bytes ? s->owned_bytes : pages_bytes;
    const uint64_t least = pages_bytes + s->spare_bytes;
    const uint64_t wanted = least < s->map_bytes ? least : s->map_bytes;
    if (s->owned_bytes >= wanted) {
        return PK_OK;
    }
    const uint64_t from = s->owned_bytes;
    const uint64_t to = s->map_bytes - wanted > STEP_BYTES ? wanted + STEP_BYTES : s->map_bytes;
    if (!pk_lmdb_has_free(s, s->keep_free_bytes + (to - from))) {
        return room_left(s);
    }
    const int code = take(file_of(s), from, to);
    if (code != 0) {
        /* Whoever refuses this otherwise says nothing about the room there is. */
        return is_out_of_space(code) ? room_left(s) : PK_OK;
    }
    s->owned_bytes = to;
    return PK_OK;
}
