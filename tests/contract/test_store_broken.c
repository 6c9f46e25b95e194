/* ctest: lane=default timeout=180
 * A meta page of the store that cannot be written, once (config/lmdb/pk_lmdb_hooks.h): LMDB gives up, the
 * store says so, and another open has everything that was durable. */
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>

#include "contract/rig.h"

enum { META_PAGES = 2, PAGE_BYTES = 4096, MAP_BYTES = 4 << 20 };

static struct pk_lmdb store;
static struct pk_port_store port;
static char dir[RIG_PATH_BYTES];
static uint8_t bytes[PK_LIMIT_BATCH_BYTES];
/* Of the next meta page: the errno it fails with, 0: none; whether the page cache has it all the same. */
static atomic_int meta_error;
static atomic_bool is_kept_in_cache;

ssize_t pk_lmdb_pwrite(int fd, const void *p, size_t size_bytes, off_t offset);
ssize_t pk_lmdb_writev(int fd, const struct iovec *parts, int part_count);
int pk_lmdb_fdatasync(int fd);

ssize_t pk_lmdb_pwrite(int fd, const void *p, size_t size_bytes, off_t offset) {
    const bool is_meta = offset < META_PAGES * PAGE_BYTES && (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    const int error = is_meta ? atomic_exchange(&meta_error, 0) : 0;
    if (error == 0 || atomic_load(&is_kept_in_cache)) {
        const ssize_t n = pwrite(fd, p, size_bytes, offset);
        if (error == 0) {
            return n;
        }
    }
    errno = error;
    return -1;
}

ssize_t pk_lmdb_writev(int fd, const struct iovec *parts, int part_count) {
    return writev(fd, parts, part_count);
}

int pk_lmdb_fdatasync(int fd) {
    return fdatasync(fd);
}

static void open_store(void) {
    const struct pk_lmdb_config c = {
        .state_dir = dir, .map_bytes = MAP_BYTES, .wake_fd = -1, .now_us = pk_linux_mono_us};
    REQUIRE(pk_lmdb_open(&store, &c, &port) == PK_OK);
}

static uint64_t put_entry(uint64_t number) {
    char key[24];
    struct pk_store_batch b;
    uint64_t seq = 0;
    pk_batch_init(&b, bytes, sizeof bytes);
    snprintf(key, sizeof key, "%012llu", (unsigned long long)number);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of(key), pk_str_of("value")), PK_OK);
    CHECK_EQ_INT(port.submit(port.ctx, &b, &seq), PK_OK);
    return seq;
}

static bool is_durable(uint64_t seq, const struct pk_store_status *s) {
    (void)s;
    return port.durable(port.ctx) >= seq;
}

static bool is_broken(uint64_t seq, const struct pk_store_status *s) {
    (void)seq;
    return s->is_broken;
}

static struct pk_store_status await(bool (*is_so)(uint64_t, const struct pk_store_status *), uint64_t seq) {
    struct pk_store_status s;
    for (uint32_t i = 0; i < 30000; i++) {
        port.status(port.ctx, &s);
        if (is_so(seq, &s)) {
            return s;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    CHECK(false);
    return s;
}

static int count_entry(void *arg, struct pk_str key, struct pk_str value) {
    (void)key;
    (void)value;
    ++*(uint64_t *)arg;
    return PK_OK;
}

static uint64_t count_entries(void) {
    uint64_t count = 0;
    CHECK_EQ_INT(port.load(port.ctx, PK_TREE_JOURNAL, pk_str_of(""), count_entry, &count), PK_OK);
    return count;
}

static void check_file(void) {
    char path[RIG_PATH_BYTES];
    char text[128];
    struct pk_buf why;
    struct pk_store_counts counts;
    snprintf(path, sizeof path, "%.100s/" PK_STORE_FILE, dir);
    pk_buf_init(&why, text, sizeof text);
    CHECK_EQ_INT(pk_store_check(path, &counts, &why), PK_OK);
    CHECK_STR(text, "");
}

/* Each of the two meta pages is the one that fails. */
static void break_and_open_anew(int error, int expected, bool is_in_cache) {
    enum { BEFORE = 6 };
    for (uint64_t more = 0; more < META_PAGES; more++) {
        snprintf(dir, sizeof dir, "%s", "/tmp/pk-store-XXXXXX");
        REQUIRE(mkdtemp(dir) != NULL);
        open_store();
        for (uint64_t i = 1; i <= BEFORE + more; i++) {
            (void)await(is_durable, put_entry(i));
        }
        atomic_store(&is_kept_in_cache, is_in_cache);
        atomic_store(&meta_error, error);
        const uint64_t lost_seq = put_entry(BEFORE + more + 1u);
        const struct pk_store_status s = await(is_broken, 0);
        CHECK_EQ_INT(s.last_error, expected); /* the cause, not what LMDB says afterwards */
        CHECK(port.durable(port.ctx) < lost_seq);
        pk_lmdb_close(&store);
        check_file();
        open_store();
        port.status(port.ctx, &(struct pk_store_status){0});
        CHECK(!store.status.is_broken && !store.status.was_moved_aside);
        CHECK_EQ_U64(count_entries(), BEFORE + more);
        (void)await(is_durable, put_entry(BEFORE + more + 1u));
        (void)await(is_durable, put_entry(BEFORE + more + 2u));
        CHECK_EQ_U64(count_entries(), BEFORE + more + 2u);
        pk_lmdb_close(&store);
        check_file();
        rig_remove_dir(dir);
    }
}

PK_TEST(meta_page__input_output_error__broken_until_it_is_opened_anew) {
    break_and_open_anew(EIO, PK_E_IO, false);
}

PK_TEST(meta_page__failed_behind_the_page_cache__the_old_state_is_opened) {
    break_and_open_anew(EIO, PK_E_IO, true);
}

PK_TEST(meta_page__no_space__broken_until_it_is_opened_anew) {
    break_and_open_anew(ENOSPC, PK_E_NO_SPACE, false);
}

PK_TEST_MAIN(meta_page__input_output_error__broken_until_it_is_opened_anew,
             meta_page__failed_behind_the_page_cache__the_old_state_is_opened,
             meta_page__no_space__broken_until_it_is_opened_anew)
