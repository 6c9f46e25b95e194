/* ctest: lane=default timeout=300
 * Power cuts, enumerated: every write and sync of the real LMDB is recorded while batches are committed, then
 * the file is built as a disk may hold it after each of them, with what was not synced there, gone, reordered
 * or torn at a sector. Each such file must pass the check and hold every batch that was called durable,
 * whole, and no half of another. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_batch.h"
#include "base/pk_decimal.h"
#include "base/pk_rng.h"
#include "port/linux/pk_linux.h"
#include "port/lmdb/pk_lmdb.h"
#include "support/pk_test.h"

enum {
    MAP_BYTES = 1 << 20,
    SECTOR_BYTES = 512, /* what a disk writes whole or not at all */
    OPS_MAX = 4096,
    LOG_BYTES_MAX = 8 << 20,
    BATCHES = 60,
    KEEP = 12, /* journal entries that stay, so that freed pages are used again */
    VARIANTS = 7
};

/* ---- what reached the disk ---- */

enum op_kind { OP_WRITE, OP_WRITE_SYNC /* on a descriptor that syncs itself */, OP_SYNC, OP_DURABLE };
struct op {
    enum op_kind kind;
    uint32_t at, n; /* bytes in log_bytes */
    off_t offset;   /* of OP_WRITE; OP_DURABLE: the batch */
};
static struct op ops[OPS_MAX];
static uint8_t log_bytes[LOG_BYTES_MAX];
static uint32_t op_count, log_used;
static bool is_recording;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void record(enum op_kind kind, const void *p, size_t n, off_t offset) {
    (void)pthread_mutex_lock(&log_lock);
    if (is_recording && op_count < OPS_MAX && n <= LOG_BYTES_MAX - log_used) {
        ops[op_count++] = (struct op){.kind = kind, .at = log_used, .n = (uint32_t)n, .offset = offset};
        if (n > 0) {
            memcpy(log_bytes + log_used, p, n);
        }
        log_used += (uint32_t)n;
    }
    (void)pthread_mutex_unlock(&log_lock);
}

/* The names config/lmdb/pk_lmdb_hooks.h gives the library's calls. */
ssize_t pk_lmdb_pwrite(int fd, const void *bytes, size_t size_bytes, off_t offset);
ssize_t pk_lmdb_writev(int fd, const struct iovec *parts, int part_count);
int pk_lmdb_fdatasync(int fd);

ssize_t pk_lmdb_pwrite(int fd, const void *bytes, size_t size_bytes, off_t offset) {
    const bool is_sync = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    record(is_sync ? OP_WRITE_SYNC : OP_WRITE, bytes, size_bytes, offset);
    return pwrite(fd, bytes, size_bytes, offset);
}

ssize_t pk_lmdb_writev(int fd, const struct iovec *parts, int part_count) {
    off_t offset = lseek(fd, 0, SEEK_CUR);
    for (int i = 0; i < part_count; i++) {
        record(OP_WRITE, parts[i].iov_base, parts[i].iov_len, offset);
        offset += (off_t)parts[i].iov_len;
    }
    return writev(fd, parts, part_count);
}

int pk_lmdb_fdatasync(int fd) {
    const int result = fdatasync(fd);
    record(OP_SYNC, NULL, 0, 0);
    return result;
}

/* ---- the store ---- */

static struct pk_lmdb store;
static struct pk_port_store port;
static char dir[64], path[96];
static uint8_t batch_bytes[PK_LIMIT_BATCH_BYTES];

static int open_store(void) {
    const struct pk_lmdb_config c = {
        .state_dir = dir, .map_bytes = MAP_BYTES, .wake_fd = -1, .now_us = pk_linux_mono_us};
    return pk_lmdb_open(&store, &c, &port);
}

static void entry_key(char key[24], uint64_t number) {
    (void)snprintf(key, 24, "%012llu", (unsigned long long)number);
}

/* One batch: a journal entry, an object that names it, and the end of an old entry. All or nothing. */
static uint64_t put_batch(uint64_t number) {
    static char value[1500];
    char key[24], old[24];
    struct pk_store_batch b;
    uint64_t seq = 0;
    pk_batch_init(&b, batch_bytes, sizeof batch_bytes);
    entry_key(key, number);
    memset(value, (int)('a' + number % 26u), sizeof value);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of(key),
                              pk_str_make(value, 100u + (size_t)(number * 313u % 1400u))),
                 PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("newest"), pk_str_of(key)), PK_OK);
    if (number > KEEP) {
        entry_key(old, number - KEEP);
        CHECK_EQ_INT(pk_batch_delete(&b, PK_TREE_JOURNAL, pk_str_of(old)), PK_OK);
    }
    CHECK_EQ_INT(port.submit(port.ctx, &b, &seq), PK_OK);
    return seq;
}

static bool wait_durable(uint64_t seq) {
    for (int i = 0; i < 20000; i++) {
        if (port.durable(port.ctx) >= seq) {
            return true;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return false;
}

/* Runs the workload; the log then holds it. Every third batch is not waited for, so that commits queue up. */
static void record_workload(void) {
    is_recording = true;
    REQUIRE(open_store() == PK_OK);
    for (uint64_t i = 1; i <= BATCHES; i++) {
        const uint64_t seq = put_batch(i);
        if (i % 3u != 0) {
            REQUIRE(wait_durable(seq));
            record(OP_DURABLE, NULL, 0, (off_t)i);
        }
    }
    pk_lmdb_close(&store);
    is_recording = false;
    REQUIRE(op_count < OPS_MAX && log_used < LOG_BYTES_MAX - 65536);
}

/* ---- the disk after a cut ---- */

static uint8_t image[2 * MAP_BYTES];
static uint32_t image_bytes;

static void apply(const struct op *o, uint32_t from, uint32_t n) {
    const uint32_t at = (uint32_t)o->offset + from;
    memcpy(image + at, log_bytes + o->at + from, n);
    image_bytes = at + n > image_bytes ? at + n : image_bytes;
}

/* Torn: each sector of it is there or not. */
static void apply_torn(const struct op *o, struct pk_rng *rng) {
    for (uint32_t from = 0; from < o->n; from += SECTOR_BYTES) {
        if (pk_rng_below(rng, 2) == 0) {
            apply(o, from, o->n - from < SECTOR_BYTES ? o->n - from : SECTOR_BYTES);
        }
    }
}

/* The file after the first `count` operations. Writes before the last sync are there; of the others variant 0
 * has all, 1 none, 2 all but the first, 3 only the last, and the rest are torn and chosen by chance. */
static void build_image(uint32_t count, uint32_t variant) {
    struct pk_rng rng;
    uint32_t synced = 0, last = 0, seen = 0;
    memset(image, 0, sizeof image);
    image_bytes = 0;
    pk_rng_seed(&rng, (uint64_t)count * VARIANTS + variant);
    for (uint32_t i = 0; i < count; i++) {
        synced = ops[i].kind == OP_SYNC ? i : synced;
        last = ops[i].kind == OP_WRITE || ops[i].kind == OP_WRITE_SYNC ? i : last;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct op *o = &ops[i];
        if (o->kind != OP_WRITE && o->kind != OP_WRITE_SYNC) {
            continue;
        }
        /* The newest write may be under way, whatever descriptor it is on. */
        if (i < synced || (o->kind == OP_WRITE_SYNC && i != count - 1)) {
            apply(o, 0, o->n);
            continue;
        }
        seen++;
        if (variant == 0 || (variant == 2 && seen > 1) || (variant == 3 && i == last)) {
            apply(o, 0, o->n);
        } else if (variant > 3) {
            apply_torn(o, &rng);
        }
    }
}

static bool write_image(void) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool is_written = fd >= 0 && write(fd, image, image_bytes) == (ssize_t)image_bytes;
    return fd >= 0 && close(fd) == 0 && is_written;
}

struct found {
    uint64_t count, last, newest;
    bool is_whole;
};

static int walk_journal(void *arg, struct pk_str key, struct pk_str value) {
    struct found *f = arg;
    uint64_t number = 0;
    f->is_whole =
        f->is_whole && pk_parse_u64(key, &number) == PK_OK && (f->count == 0 || number == f->last + 1u) &&
        value.n == 100u + (size_t)(number * 313u % 1400u) && value.p[0] == (char)('a' + number % 26u);
    f->last = number;
    f->count++;
    return PK_OK;
}

static int walk_objects(void *arg, struct pk_str key, struct pk_str value) {
    struct found *f = arg;
    return pk_str_eq_c(key, "newest") ? pk_parse_u64(value, &f->newest) : PK_OK;
}

static uint64_t durable_before(uint32_t count) {
    uint64_t durable = 0;
    for (uint32_t i = 0; i < count; i++) {
        durable = ops[i].kind == OP_DURABLE ? (uint64_t)ops[i].offset : durable;
    }
    return durable;
}

/* True when the file is what it must be; else it has said what is wrong. */
static bool survives(uint32_t count, uint32_t variant) {
    char why_text[160], what[96];
    struct pk_buf why;
    struct pk_store_counts counts;
    struct found f = {.is_whole = true};
    const uint64_t durable = durable_before(count);
    (void)snprintf(what, sizeof what, "cut after operation %u, variant %u", count, variant);
    pk_buf_init(&why, why_text, sizeof why_text);
    build_image(count, variant);
    if (!write_image()) {
        return pk_test_check(false, "the image can be written", __FILE__, __LINE__);
    }
    const int checked = pk_store_check(path, &counts, &why);
    if (checked !=
        PK_OK) { /* a store that was never finished may be begun anew, as nothing was durable in it */
        return durable == 0 || pk_test_check(false, what, __FILE__, __LINE__);
    }
    if (open_store() != PK_OK) {
        return pk_test_check(false, what, __FILE__, __LINE__);
    }
    const bool is_loaded = port.load(port.ctx, PK_TREE_JOURNAL, pk_str_of(""), walk_journal, &f) == PK_OK &&
                           port.load(port.ctx, PK_TREE_OBJECTS, pk_str_of(""), walk_objects, &f) == PK_OK;
    pk_lmdb_close(&store);
    const bool is_right = is_loaded && f.is_whole && f.last == f.newest && f.newest >= durable &&
                          f.newest <= BATCHES && f.count == (f.newest < KEEP ? f.newest : KEEP);
    return is_right || pk_test_check(false, what, __FILE__, __LINE__);
}

PK_TEST(powerloss__after_every_write__all_that_was_durable_and_no_half_batch) {
    (void)snprintf(dir, sizeof dir, "/tmp/pk-powerloss-XXXXXX");
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/" PK_STORE_FILE, dir);
    record_workload();
    uint32_t writes = 0, syncs = 0, failed = 0;
    for (uint32_t count = 1; count <= op_count && failed < 5; count++) {
        const enum op_kind kind = ops[count - 1].kind;
        writes += kind == OP_WRITE || kind == OP_WRITE_SYNC ? 1 : 0;
        syncs += kind == OP_SYNC || kind == OP_WRITE_SYNC ? 1 : 0;
        for (uint32_t variant = 0; variant < VARIANTS && failed < 5; variant++) {
            failed += survives(count, variant) ? 0 : 1;
        }
    }
    (void)unlink(path);
    (void)rmdir(dir);
    /* The recorder saw what it is for: each commit writes pages, syncs them, then writes its meta page. */
    CHECK(writes >= 3u * BATCHES / 2u && syncs >= BATCHES);
    (void)printf("# %u operations, %u writes, %u syncs, %u files\n", op_count, writes, syncs,
                 op_count * VARIANTS);
}

/* The enumeration must be able to find something: without the sync between pages and meta page it has to. */
PK_TEST(powerloss__pages_not_synced_before_the_meta_page__are_caught) {
    (void)snprintf(dir, sizeof dir, "/tmp/pk-powerloss-XXXXXX");
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/" PK_STORE_FILE, dir);
    REQUIRE(op_count > 0);
    for (uint32_t i = 0; i < op_count; i++) {
        ops[i].kind = ops[i].kind == OP_SYNC ? OP_WRITE : ops[i].kind; /* of no bytes: it does nothing */
    }
    uint32_t caught = 0;
    for (uint32_t count = op_count / 2; count <= op_count; count++) {
        struct pk_store_counts counts;
        struct pk_buf why;
        char text[160];
        pk_buf_init(&why, text, sizeof text);
        build_image(count, 1);
        REQUIRE(write_image());
        caught += pk_store_check(path, &counts, &why) != PK_OK ? 1 : 0;
    }
    CHECK(caught > op_count / 4);
    (void)unlink(path);
    (void)rmdir(dir);
}

PK_TEST_MAIN(powerloss__after_every_write__all_that_was_durable_and_no_half_batch,
             powerloss__pages_not_synced_before_the_meta_page__are_caught)
