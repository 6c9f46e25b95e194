/* ctest: lane=quick timeout=60
 * The store where there is no disk: submit commits, and the writer stands by. */
#include <pthread.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "contract/rig.h"

static struct pk_lmdb store;
static struct pk_port_store port;
static char dir[RIG_PATH_BYTES];
static uint8_t bytes[PK_LIMIT_BATCH_BYTES];
static _Atomic uint64_t slow_us; /* the clock goes on by this with each look */
static _Atomic uint64_t clock_us;
static _Atomic bool is_waiting; /* and each look gives up the processor, as one who waits for a page does */
static bool is_clock_real;

/* Stands still, so that a commit is slow only when the test says so. */
static uint64_t now_us(void) {
    clock_us += slow_us;
    if (is_waiting) {
        poll(NULL, 0, 1);
    }
    return is_clock_real ? pk_linux_mono_us() : clock_us;
}

static void make_dir(void) {
    /* Any file system will do; on this one it is soon done. */
    snprintf(dir, sizeof dir, "%s/pk-store-XXXXXX", pk_linux_is_in_memory("/dev/shm") ? "/dev/shm" : "/tmp");
    if (mkdtemp(dir) == NULL) {
        rig_die("mkdtemp");
    }
}

static void begin(bool is_in_memory) {
    const struct pk_lmdb_config c = {.state_dir = dir,
                                     .map_bytes = 4u << 20,
                                     .wake_fd = -1,
                                     .is_in_memory = is_in_memory,
                                     .now_us = now_us};
    slow_us = 0;
    is_waiting = false;
    clock_us = 1;
    REQUIRE(pk_lmdb_open(&store, &c, &port) == PK_OK);
}

static int put(const char *key, uint32_t value_bytes, uint64_t *out_seq) {
    static char value[PK_STORE_VALUE_BYTES];
    struct pk_store_batch b;
    memset(value, 'v', sizeof value);
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of(key), pk_str_make(value, value_bytes)), PK_OK);
    return port.submit(port.ctx, &b, out_seq);
}

static bool is_durable_within(uint64_t seq, uint32_t ms) {
    for (uint32_t i = 0; i < ms && port.durable(port.ctx) < seq; i++) {
        poll(NULL, 0, 1);
    }
    return port.durable(port.ctx) >= seq;
}

static bool is_soon_durable(uint64_t seq) {
    return is_durable_within(seq, 30000);
}

static int count(void *arg, struct pk_str key, struct pk_str value) {
    (void)key;
    (void)value;
    ++*(uint32_t *)arg;
    return PK_OK;
}

static uint32_t count_all(void) {
    uint32_t n = 0;
    CHECK_EQ_INT(port.load(port.ctx, PK_TREE_OBJECTS, pk_str_of(""), count, &n), PK_OK);
    return n;
}

PK_TEST(submit__in_memory__is_durable_when_it_returns) {
    struct pk_store_status s;
    uint64_t seq = 0;
    make_dir();
    begin(true);
    for (uint32_t i = 1; i <= 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        CHECK_EQ_INT(put(key, 100 + i, &seq), PK_OK);
        CHECK_EQ_U64(seq, i);
        CHECK_EQ_U64(port.durable(port.ctx), i);
    }
    port.status(port.ctx, &s);
    CHECK_EQ_U64(s.commit_count, 40);
    CHECK_EQ_U64(s.queued_bytes, 0);
    CHECK(s.written_bytes > 40u * 4096u);
    pk_lmdb_close(&store);
    begin(true);
    CHECK_EQ_U64(count_all(), 40);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

PK_TEST(submit__in_memory_while_the_environment_is_busy__goes_to_the_writer) {
    uint64_t seq = 0;
    make_dir();
    begin(true);
    pthread_mutex_lock(&store.env_lock); /* as while a read is answered */
    CHECK_EQ_INT(put("a", 10, &seq), PK_OK);
    CHECK_EQ_INT(put("b", 10, &seq), PK_OK); /* behind it, in order */
    CHECK_EQ_U64(port.durable(port.ctx), 0);
    pthread_mutex_unlock(&store.env_lock);
    CHECK(is_soon_durable(2));
    CHECK_EQ_INT(put("c", 10, &seq), PK_OK);
    CHECK(is_soon_durable(3));
    CHECK_EQ_U64(count_all(), 3);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

/* How often this thread gave up the processor, or waited for a page. */
static uint64_t wait_count(void) {
    struct rusage usage;
    CHECK_EQ_INT(getrusage(RUSAGE_THREAD, &usage), 0);
    return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_majflt;
}

PK_TEST(submit__after_a_commit_in_memory_that_only_lost_the_processor__goes_on_by_itself) {
    uint64_t seq = 0, before = 0;
    bool has_waited = true;
    make_dir();
    begin(true);
    for (uint32_t i = 0; i < 100 && has_waited;
         i++) { /* for its own reasons: a page, a lock of the emulator */
        clock_us += 10000000;
        CHECK(is_soon_durable(seq));
        pthread_mutex_lock(&store.env_lock); /* until the writer is done with its pages, too */
        pthread_mutex_unlock(&store.env_lock);
        before = wait_count();
        slow_us = 20000;
        CHECK_EQ_INT(put("slow", 10, &seq), PK_OK);
        slow_us = 0;
        has_waited = wait_count() != before;
    }
    REQUIRE(!has_waited);
    CHECK_EQ_INT(put("next", 10, &seq), PK_OK);
    CHECK_EQ_U64(port.durable(port.ctx), seq);
    CHECK_EQ_U64(store.inline_from_us, 0);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

PK_TEST(submit__after_a_commit_in_memory_that_waited__leaves_the_next_ones_to_the_writer) {
    uint64_t seq = 0;
    make_dir();
    begin(true);
    slow_us = 20000;
    is_waiting = true;
    CHECK_EQ_INT(put("slow", 10, &seq), PK_OK);
    CHECK_EQ_U64(port.durable(port.ctx), 1);
    slow_us = 0;
    is_waiting = false;
    pthread_mutex_lock(&store.env_lock); /* the writer cannot have been so fast */
    CHECK_EQ_INT(put("next", 10, &seq), PK_OK);
    CHECK(!store.is_taken);
    pthread_mutex_unlock(&store.env_lock);
    CHECK(is_soon_durable(2));
    clock_us += 10000000;
    pthread_mutex_lock(&store.env_lock); /* until the writer is done with its pages, too */
    pthread_mutex_unlock(&store.env_lock);
    CHECK_EQ_INT(put("again", 10, &seq), PK_OK);
    CHECK_EQ_U64(port.durable(port.ctx), 3);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

PK_TEST(submit__on_a_disk__is_the_writers) {
    uint64_t seq = 0;
    make_dir();
    begin(false);
    pthread_mutex_lock(&store.env_lock);
    CHECK_EQ_INT(put("a", 10, &seq), PK_OK);
    CHECK_EQ_U64(seq, 1);
    CHECK_EQ_U64(port.durable(port.ctx), 0);
    pthread_mutex_unlock(&store.env_lock);
    CHECK(is_soon_durable(1));
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

/* The tick asks, the writer reads; neither loses a batch of the other's. */
PK_TEST(submit__in_memory_beside_reads__keeps_order_and_loses_nothing) {
    static uint8_t out[8192];
    struct pk_store_fetch f = {
        .tree = PK_TREE_OBJECTS, .max_records = 20, .out = out, .out_cap_bytes = sizeof out};
    uint64_t seq = 0;
    uint32_t used = 0;
    uint32_t answered = 0;
    make_dir();
    begin(true);
    f.to[0] = 0xFF;
    f.to_bytes = 1;
    for (uint32_t i = 1; i <= 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i % 100u);
        if (i % 3u == 0 && port.fetch(port.ctx, &f) == PK_OK) {
            answered++;
        }
        CHECK_EQ_INT(put(key, 50, &seq), PK_OK);
        CHECK_EQ_U64(seq, i);
        const int r = port.fetched(port.ctx, &used);
        CHECK(r == PK_E_AGAIN || r == PK_E_NOT_FOUND || (r > 0 && used > 0));
    }
    CHECK(answered > 0);
    CHECK(is_soon_durable(300));
    CHECK_EQ_U64(port.durable(port.ctx), 300);
    CHECK_EQ_U64(count_all(), 100);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

PK_TEST(full__in_memory__the_writer_goes_on_trying) {
    struct pk_store_status s;
    uint64_t seq = 0;
    uint32_t i = 0;
    int err = PK_OK;
    make_dir();
    if (mount("none", dir, "tmpfs", 0, "size=600k") != 0) {
        rig_remove_dir(dir);
        SKIP("cannot mount a small file system here");
    }
    CHECK(pk_linux_is_in_memory(dir));
    is_clock_real = true;
    begin(true);
    do {
        char key[16];
        snprintf(key, sizeof key, "k%04u", i++);
        err = put(key, 1800, &seq);
    } while ((err == PK_OK || is_durable_within(seq, 600)) && i < 5000);
    CHECK_EQ_INT(err, PK_E_FULL); /* the room that was set aside is used up as well, and the queue is full */
    port.status(port.ctx, &s);
    CHECK_EQ_INT(s.last_error, PK_E_NO_SPACE);
    CHECK(port.durable(port.ctx) < seq);
    REQUIRE(mount("none", dir, "tmpfs", MS_REMOUNT, "size=2m") == 0);
    CHECK(is_soon_durable(seq));
    CHECK_EQ_INT(put("healed", 10, &seq), PK_OK);
    CHECK(is_soon_durable(seq));
    CHECK_EQ_U64(count_all(), seq);
    pk_lmdb_close(&store);
    is_clock_real = false;
    CHECK_EQ_INT(umount(dir), 0);
    rmdir(dir);
}

PK_TEST(is_in_memory__tells_file_systems_apart) {
    CHECK(!pk_linux_is_in_memory("/proc"));
    CHECK(!pk_linux_is_in_memory("/nonexistent/state"));
}

PK_TEST_MAIN(submit__in_memory__is_durable_when_it_returns,
             submit__in_memory_while_the_environment_is_busy__goes_to_the_writer,
             submit__after_a_commit_in_memory_that_only_lost_the_processor__goes_on_by_itself,
             submit__after_a_commit_in_memory_that_waited__leaves_the_next_ones_to_the_writer,
             submit__on_a_disk__is_the_writers, submit__in_memory_beside_reads__keeps_order_and_loses_nothing,
             full__in_memory__the_writer_goes_on_trying, is_in_memory__tells_file_systems_apart)
