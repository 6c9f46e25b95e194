#include "port/linux/pk_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"
#include "base/pk_hash.h"

enum {
    MAGIC = 0x534C5350,
    VERSION = 1,
    BLOCK_BYTES = 4096, /* of file systems and flash pages: no slot shares one with anything else */
    HEAD_BYTES = 24,    /* within a sector, so it is written whole or not at all */
    LABEL_BYTES = 16,
    LABELLED_BYTES = 12, /* of the label, before its CRC */
    SLOT_BYTES_MAX = 1 << 20
};

struct label {
    uint64_t number; /* 0: nothing that can be believed */
    uint32_t bytes;
};

void pk_slots_init(struct pk_slots *s, int dir_fd, const char *name, const char *new_name) {
    *s = (struct pk_slots){.dir_fd = dir_fd, .name = name, .new_name = new_name};
}

static off_t slot_at(uint64_t number, uint32_t slot_bytes) {
    return (off_t)(BLOCK_BYTES + (number & 1u) * slot_bytes);
}

static bool read_all(int fd, void *out, uint32_t n, off_t at) {
    uint8_t *p = out;
    while (n > 0) {
        const ssize_t got = pread(fd, p, n, at);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        const uint32_t step = got > 0 ? (uint32_t)got : 0u;
        p += step;
        n -= step;
        at += step;
    }
    return true;
}

/* ---- reading ---- */

static bool read_head(int fd, uint32_t *out_slot_bytes, uint64_t *out_sealed) {
    uint8_t head[HEAD_BYTES];
    struct pk_reader r;
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        !read_all(fd, head, sizeof head, 0)) {
        return false;
    }
    pk_reader_init(&r, head, sizeof head);
    const bool is_ours = pk_get_u32(&r) == MAGIC && pk_get_u32(&r) == VERSION;
    *out_slot_bytes = pk_get_u32(&r);
    *out_sealed = pk_get_u64(&r);
    return is_ours && pk_get_u32(&r) == pk_crc32c(0, head, HEAD_BYTES - 4) && *out_slot_bytes > LABEL_BYTES &&
           *out_slot_bytes <= SLOT_BYTES_MAX && st.st_size == BLOCK_BYTES + 2 * (off_t)*out_slot_bytes;
}

static struct label read_label(int fd, uint64_t parity, uint32_t slot_bytes) {
    uint8_t bytes[512];
    struct pk_reader r;
    off_t at = slot_at(parity, slot_bytes);
    if (!read_all(fd, bytes, LABEL_BYTES, at)) {
        return (struct label){0};
    }
    pk_reader_init(&r, bytes, LABEL_BYTES);
    struct label l = {.number = pk_get_u64(&r), .bytes = pk_get_u32(&r)};
    const uint32_t want = pk_get_u32(&r);
    if ((l.number & 1u) != parity || l.bytes > slot_bytes - LABEL_BYTES) {
        return (struct label){0};
    }
    uint32_t crc = pk_crc32c(0, bytes, LABELLED_BYTES);
    at += LABEL_BYTES;
    for (uint32_t left = l.bytes; left > 0;) {
        const uint32_t n = left < sizeof bytes ? left : (uint32_t)sizeof bytes;
        if (!read_all(fd, bytes, n, at)) {
            return (struct label){0};
        }
        crc = pk_crc32c(crc, bytes, n);
        at += n;
        left -= n;
    }
    return crc == want ? l : (struct label){0};
}

/* ---- writing ---- */

static int io_error(void) {
    return errno == ENOSPC || errno == EDQUOT ? PK_E_NO_SPACE : PK_E_IO;
}

static int write_at(int fd, const struct iovec *pieces, int count, off_t at) {
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        n += pieces[i].iov_len;
    }
    errno = 0; /* a short write leaves none */
    return pwritev(fd, pieces, count, at) == (ssize_t)n ? PK_OK : io_error();
}

static int write_head(int fd, uint32_t slot_bytes, uint64_t sealed) {
    uint8_t head[HEAD_BYTES];
    struct pk_writer w;
    pk_writer_init(&w, head, sizeof head);
    pk_put_u32(&w, MAGIC);
    pk_put_u32(&w, VERSION);
    pk_put_u32(&w, slot_bytes);
    pk_put_u64(&w, sealed);
    pk_put_u32(&w, pk_crc32c(0, head, w.n));
    const struct iovec piece = {head, w.n};
    return write_at(fd, &piece, 1, 0);
}

static int write_slot(int fd, uint32_t slot_bytes, uint64_t number, const void *p, uint32_t n) {
    uint8_t label[LABEL_BYTES];
    struct pk_writer w;
    pk_writer_init(&w, label, sizeof label);
    pk_put_u64(&w, number);
    pk_put_u32(&w, n);
    pk_put_u32(&w, pk_crc32c(pk_crc32c(0, label, LABELLED_BYTES), p, n));
    const struct iovec pieces[2] = {{label, sizeof label}, {(void *)(uintptr_t)p, n}};
    return write_at(fd, pieces, 2, slot_at(number, slot_bytes));
}

/* Every block, so that none has to be found later. */
static int write_blank(int fd, uint32_t slot_bytes) {
    const uint8_t blank[BLOCK_BYTES / 4] = {0};
    const struct iovec piece = {(void *)(uintptr_t)blank, sizeof blank};
    int err = PK_OK;
    for (off_t at = 0; err == PK_OK && at < BLOCK_BYTES + 2 * (off_t)slot_bytes; at += (off_t)sizeof blank) {
        err = write_at(fd, &piece, 1, at);
    }
    return err;
}

/* Room to grow, so that a file is seldom made again. */
static uint32_t slot_bytes_for(uint32_t n) {
    uint32_t bytes = BLOCK_BYTES;
    PK_ASSERT(n <= SLOT_BYTES_MAX - LABEL_BYTES);
    while (bytes - LABEL_BYTES < n) {
        bytes *= 2;
    }
    return bytes;
}

static int make_file(struct pk_slots *s, uint64_t number, const void *p, uint32_t n) {
    const uint32_t slot_bytes = slot_bytes_for(n);
    const int fd =
        openat(s->dir_fd, s->new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return io_error();
    }
    int err = write_blank(fd, slot_bytes);
    if (err == PK_OK) {
        err = write_slot(fd, slot_bytes, number, p, n);
    }
    if (err == PK_OK) {
        err = write_head(fd, slot_bytes, number);
    }
    if (err == PK_OK && fsync(fd) != 0) {
        err = io_error();
    }
    (void)close(fd);
    if (err == PK_OK &&
        (renameat(s->dir_fd, s->new_name, s->dir_fd, s->name) != 0 || fsync(s->dir_fd) != 0)) {
        err = io_error();
    }
    s->slot_bytes = slot_bytes;
    return err;
}

/* The file as it was loaded or made, to be written to; -1 when it is not there any more. */
static int open_again(const struct pk_slots *s) {
    if (s->number == 0) {
        return -1;
    }
    const int fd = openat(s->dir_fd, s->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    uint32_t slot_bytes = 0;
    uint64_t sealed = 0;
    if (fd >= 0 &&
        (!read_head(fd, &slot_bytes, &sealed) || slot_bytes != s->slot_bytes || sealed > s->number)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int replace(const struct pk_slots *s, int fd, uint64_t number, const void *p, uint32_t n) {
    const int err = write_slot(fd, s->slot_bytes, number, p, n);
    return err == PK_OK && fdatasync(fd) != 0 ? io_error() : err;
}

/* ---- what is offered ---- */

int pk_slots_load(struct pk_slots *s, void *out, uint32_t cap_bytes) {
    s->number = 0;
    s->is_unsealed = false;
    const int fd = openat(s->dir_fd, s->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? PK_E_NOT_FOUND : PK_E_CORRUPT;
    }
    uint64_t sealed = 0;
    struct label newest = {0};
    if (read_head(fd, &s->slot_bytes, &sealed)) {
        const struct label even = read_label(fd, 0, s->slot_bytes), odd = read_label(fd, 1, s->slot_bytes);
        newest = even.number > odd.number ? even : odd;
    }
    /* Written and not sealed: a kill came between, and it may not be on the medium yet. The record after it
     * would overwrite the only one that is. */
    const bool is_there =
        newest.number > 0 && newest.number >= sealed && newest.bytes <= cap_bytes &&
        (newest.number == sealed ||
         (fdatasync(fd) == 0 && write_head(fd, s->slot_bytes, newest.number) == PK_OK)) &&
        read_all(fd, out, newest.bytes, slot_at(newest.number, s->slot_bytes) + LABEL_BYTES);
    (void)close(fd);
    if (!is_there) {
        return PK_E_CORRUPT;
    }
    s->number = newest.number;
    return (int)newest.bytes;
}

int pk_slots_save(struct pk_slots *s, const void *p, uint32_t n) {
    const uint64_t number = s->number + 1u;
    const int fd = open_again(s);
    const bool is_room = fd >= 0 && n <= s->slot_bytes - LABEL_BYTES;
    const int err = is_room ? replace(s, fd, number, p, n) : make_file(s, number, p, n);
    if (fd >= 0) {
        (void)close(fd);
    }
    /* After a failed flush the kernel calls the pages clean: only a new file tells whether they got there. */
    s->number = err == PK_OK ? number : 0;
    s->is_unsealed = err == PK_OK && is_room;
    return err;
}

void pk_slots_seal(struct pk_slots *s) {
    if (!s->is_unsealed) {
        return;
    }
    s->is_unsealed = false;
    const int fd = open_again(s);
    if (fd < 0 || write_head(fd, s->slot_bytes, s->number) != PK_OK) {
        s->number = 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}
