/* ctest: lane=default timeout=180
 * The store on a real disk: killed, flipped, cut, full, filled again and again. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "contract/rig.h"
#include "port/super.h"

static struct pk_lmdb store;
static struct pk_port_store port;
static char dir[RIG_PATH_BYTES];
static uint8_t bytes[PK_LIMIT_BATCH_BYTES];

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int open_store(uint64_t map_bytes) {
    const struct pk_lmdb_config c = {
        .state_dir = dir, .map_bytes = map_bytes, .wake_fd = -1, .now_us = pk_linux_mono_us};
    return pk_lmdb_open(&store, &c, &port);
}

static bool wait_durable(uint64_t seq, uint32_t ms) {
    for (uint32_t i = 0; i < ms; i++) {
        if (port.durable(port.ctx) >= seq) {
            return true;
        }
        pause_ms(1);
    }
    return false;
}

static void make_dir_in(const char *folder) {
    snprintf(dir, sizeof dir, "%s/pk-store-XXXXXX", folder);
    if (mkdtemp(dir) == NULL) {
        rig_die("mkdtemp");
    }
}

static void store_file(char out[RIG_PATH_BYTES]) {
    snprintf(out, RIG_PATH_BYTES, "%.100s/" PK_STORE_FILE, dir);
}

static void make_dir(void) {
    make_dir_in("/tmp");
}

/* Thousands of commits, of which the pages are looked at: a slow disk would be all of the test. */
static void make_dir_in_memory(void) {
    make_dir_in(pk_linux_is_in_memory("/dev/shm") ? "/dev/shm" : "/tmp");
}

/* One batch: journal entry `number`, and an object that holds the same number: both or neither must survive.
 */
static int try_pair(uint64_t number, uint32_t value_bytes, uint64_t *out_seq) {
    static char value[1500];
    char key[24];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    snprintf(key, sizeof key, "%012llu", (unsigned long long)number);
    memset(value, (int)('a' + number % 26u), sizeof value);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of(key), pk_str_make(value, value_bytes)), PK_OK);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("newest"), pk_str_of(key)), PK_OK);
    return port.submit(port.ctx, &b, out_seq);
}

static uint64_t put_pair(uint64_t number, uint32_t value_bytes) {
    uint64_t seq = 0;
    int err = PK_E_FULL;
    for (uint32_t i = 0; i < 30000 && err == PK_E_FULL; i++) {
        err = try_pair(number, value_bytes, &seq);
        if (err == PK_E_FULL) {
            pause_ms(1);
        }
    }
    CHECK_EQ_INT(err, PK_OK);
    return seq;
}

struct walk {
    uint64_t count, newest, last;
    bool is_gapless;
};

static int walk_journal(void *arg, struct pk_str key, struct pk_str value) {
    struct walk *w = arg;
    uint64_t number = 0;
    (void)value;
    if (pk_parse_u64(key, &number) != PK_OK || (w->count > 0 && number != w->last + 1u)) {
        w->is_gapless = false;
    }
    w->last = number;
    w->count++;
    return PK_OK;
}

static int walk_newest(void *arg, struct pk_str key, struct pk_str value) {
    struct walk *w = arg;
    (void)key;
    return pk_parse_u64(value, &w->newest);
}

static struct walk walk_all(void) {
    struct walk w = {.is_gapless = true};
    CHECK_EQ_INT(port.load(port.ctx, PK_TREE_JOURNAL, pk_str_of(""), walk_journal, &w), PK_OK);
    CHECK_EQ_INT(port.load(port.ctx, PK_TREE_OBJECTS, pk_str_of(""), walk_newest, &w), PK_OK);
    return w;
}

/* ---- kill -9 */
static void write_until_killed(int report_fd, uint64_t first) {
    if (open_store(8u << 20) != PK_OK) {
        _exit(3);
    }
    for (uint64_t i = 1;; i++) {
        put_pair(first + i, 200);
        const uint64_t durable = first + port.durable(port.ctx);
        if (write(report_fd, &durable, sizeof durable) < 0) {
            _exit(4);
        }
    }
}

PK_TEST(kill__at_any_moment__keeps_all_that_was_durable_and_whole_batches) {
    make_dir();
    char path[RIG_PATH_BYTES];
    store_file(path);
    uint64_t first = 0;
    struct pk_rng rng;
    pk_rng_seed(&rng, 11);
    for (uint32_t round = 0; round < 30; round++) {
        int report[2];
        REQUIRE(pipe2(report, O_CLOEXEC | O_NONBLOCK) == 0);
        const pid_t pid = fork();
        if (pid == 0) {
            write_until_killed(report[1], first);
        }
        pause_ms((long)(5 + pk_rng_below(&rng, 60)));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        uint64_t durable = first;
        uint64_t value;
        while (read(report[0], &value, sizeof value) == (ssize_t)sizeof value) {
            durable = value;
        }
        close(report[0]);
        close(report[1]);

        char text[128];
        struct pk_buf why;
        struct pk_store_counts counts;
        pk_buf_init(&why, text, sizeof text);
        CHECK_EQ_INT(pk_store_check(path, &counts, &why), PK_OK);
        CHECK_STR(text, "");
        REQUIRE(open_store(8u << 20) == PK_OK);
        const struct walk w = walk_all();
        CHECK(w.is_gapless);
        CHECK(w.count == 0 || w.last == w.newest); /* the two halves of a batch agree */
        CHECK(w.newest >= durable);
        struct pk_store_status status;
        port.status(port.ctx, &status);
        CHECK(!status.was_moved_aside);
        first = w.newest;
        pk_lmdb_close(&store);
    }
    CHECK(first > 100);
    rig_remove_dir(dir);
}

/* ---- damage */
static void make_store(uint32_t records) {
    make_dir();
    if (open_store(8u << 20) != PK_OK) {
        rig_die("open");
    }
    uint64_t seq = 0;
    for (uint32_t i = 1; i <= records; i++) {
        seq = put_pair(i, 100u + i % 700u);
    }
    /* Some deletions, so that there is a free list. */
    struct pk_store_batch b;
    for (uint32_t i = 1; i <= records / 3u; i++) {
        char key[24];
        pk_batch_init(&b, bytes, sizeof bytes);
        snprintf(key, sizeof key, "%012u", (unsigned)i);
        CHECK_EQ_INT(pk_batch_delete(&b, PK_TREE_JOURNAL, pk_str_of(key)), PK_OK);
        while (port.submit(port.ctx, &b, &seq) == PK_E_FULL) {
            pause_ms(1);
        }
    }
    CHECK(wait_durable(seq, 20000));
    pk_lmdb_close(&store);
}

static uint8_t image[8u << 20];
static size_t image_bytes;

static void read_image(const char *path) {
    FILE *f = fopen(path, "rb");
    image_bytes = f != NULL ? fread(image, 1, sizeof image, f) : 0;
    if (f != NULL) {
        fclose(f);
    }
}

static void write_image(const char *path, size_t n) {
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(image, 1, n, f) != n || fclose(f) != 0) {
        rig_die("image");
    }
}

static int check_file(const char *path, char text[128]) {
    struct pk_buf why;
    struct pk_store_counts counts;
    pk_buf_init(&why, text, 128);
    return pk_store_check(path, &counts, &why);
}

static bool reads_as(const struct walk *good) {
    const int err = open_store(8u << 20);
    const struct walk w = err == PK_OK ? walk_all() : (struct walk){0};
    pk_lmdb_close(&store);
    return w.is_gapless && w.count == good->count && w.newest == good->newest && w.last == good->last;
}

/* Bytes of a page that nothing reads: the gap between pointers and records, free pages, the rest of a head.
 * Damage there changes nothing, so it need not be noticed; what the store reads must then be what it was. */
static bool is_found_or_harmless(const char *path, const struct walk *good, uint32_t *found) {
    char text[128];
    const int err = check_file(path, text);
    if (err != PK_OK) {
        ++*found;
        return err == PK_E_CORRUPT && strlen(text) > 10;
    }
    return reads_as(good);
}

static bool flip_is_found_or_harmless(const char *path, const struct walk *good, size_t at, uint8_t bit,
                                      uint32_t *found) {
    image[at] ^= bit;
    write_image(path, image_bytes);
    image[at] ^= bit;
    const bool is_ok = is_found_or_harmless(path, good, found);
    if (!is_ok) {
        fprintf(stderr, "# byte %zu, bit %#x: not found\n", at, (unsigned)bit);
    }
    return is_ok;
}

static struct walk make_image(char path[RIG_PATH_BYTES], uint32_t records) {
    char text[128];
    make_store(records);
    store_file(path);
    CHECK_EQ_INT(check_file(path, text), PK_OK);
    read_image(path);
    CHECK_EQ_INT(open_store(8u << 20), PK_OK);
    const struct walk w = walk_all();
    pk_lmdb_close(&store);
    return w;
}

/* Every bit of the two heads, and some of everywhere. */
PK_TEST(bit_flips__are_found_or_change_nothing) {
    enum { HEAD_BYTES = 160, PAGE_BYTES = 4096, HEAD_FLIPS = 2 * HEAD_BYTES * 8, ANY_FLIPS = 600 };
    char path[RIG_PATH_BYTES];
    const struct walk good = make_image(path, 600);
    REQUIRE(image_bytes > 100000);
    uint32_t found = 0;
    for (uint32_t i = 0; i < HEAD_FLIPS; i++) {
        const size_t at = i / (HEAD_BYTES * 8u) * PAGE_BYTES + i / 8u % HEAD_BYTES;
        CHECK(flip_is_found_or_harmless(path, &good, at, (uint8_t)(1u << i % 8u), &found));
    }
    struct pk_rng rng;
    pk_rng_seed(&rng, 5);
    found = 0;
    for (uint32_t i = 0; i < ANY_FLIPS; i++) {
        const size_t at = (size_t)pk_rng_below(&rng, image_bytes);
        CHECK(flip_is_found_or_harmless(path, &good, at, (uint8_t)(1u << pk_rng_below(&rng, 8)), &found));
    }
    fprintf(stderr, "# %u flips: %u found, the others in bytes nobody reads\n", (unsigned)ANY_FLIPS,
            (unsigned)found);
    CHECK(found > 200);
    rig_remove_dir(dir);
}

PK_TEST(truncated_and_foreign_files__are_found) {
    char path[RIG_PATH_BYTES];
    char text[128];
    const struct walk good = make_image(path, 300);
    uint32_t found = 0;
    uint32_t tried = 0;
    for (size_t n = 1; n < image_bytes; n += n < 20000 ? 997u : 40961u) {
        write_image(path, n);
        CHECK(is_found_or_harmless(path, &good, &found)); /* the last pages may be free */
        tried++;
    }
    CHECK(found * 10u > tried * 9u);
    memset(image, 0, 4096);
    write_image(path, image_bytes);
    CHECK_EQ_INT(check_file(path, text), PK_E_CORRUPT);
    memset(image, 'x', image_bytes);
    write_image(path, image_bytes);
    CHECK_EQ_INT(check_file(path, text), PK_E_CORRUPT);
    write_image(path, 0);
    CHECK_EQ_INT(check_file(path, text), PK_OK); /* as good as none */
    unlink(path);
    CHECK_EQ_INT(check_file(path, text), PK_OK);
    rig_remove_dir(dir);
}

/* A hostile file must end the check with an answer, whatever is in it. */
PK_TEST(random_pages__never_crash_the_check) {
    make_store(300);
    char path[RIG_PATH_BYTES];
    char text[128];
    store_file(path);
    read_image(path);
    static uint8_t kept[4096];
    struct pk_rng rng;
    pk_rng_seed(&rng, 99);
    for (uint32_t i = 0; i < 300; i++) {
        const size_t page = 2u + (size_t)pk_rng_below(&rng, image_bytes / 4096u - 2u);
        uint8_t *p = image + page * 4096u;
        memcpy(kept, p, sizeof kept);
        const uint32_t from = (uint32_t)pk_rng_below(&rng, 3) == 0 ? 0u : 16u; /* with and without its head */
        const uint32_t n = 1u + (uint32_t)pk_rng_below(&rng, i % 2 == 0 ? 40u : 4000u);
        for (uint32_t k = from; k < from + n && k < 4096u; k++) {
            p[k] = (uint8_t)pk_rng_u64(&rng);
        }
        write_image(path, image_bytes);
        const int err = check_file(path, text);
        CHECK(err == PK_OK || err == PK_E_CORRUPT || err == PK_E_FULL);
        memcpy(p, kept, sizeof kept);
    }
    rig_remove_dir(dir);
}

PK_TEST(open__damaged_head__moves_aside_and_starts_new) {
    make_store(50);
    char path[RIG_PATH_BYTES];
    store_file(path);
    read_image(path);
    memset(image, 0xA5, 8192);
    write_image(path, image_bytes);
    REQUIRE(open_store(8u << 20) == PK_OK);
    struct pk_store_status status;
    port.status(port.ctx, &status);
    CHECK(status.was_moved_aside && status.is_fresh);
    CHECK(wait_durable(put_pair(1, 10), 5000));
    pk_lmdb_close(&store);
    uint32_t aside = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        aside += strstr(e->d_name, ".bad-") != NULL ? 1u : 0u;
    }
    closedir(d);
    CHECK_EQ_U64(aside, 1);
    rig_remove_dir(dir);
}

PK_TEST(move_aside__keeps_the_newest_two) {
    make_dir();
    char path[RIG_PATH_BYTES];
    store_file(path);
    for (uint32_t i = 0; i < 5; i++) {
        FILE *f = fopen(path, "w");
        REQUIRE(f != NULL);
        fprintf(f, "store %u", (unsigned)i);
        fclose(f);
        CHECK_EQ_INT(pk_platform_move_store_aside(dir), PK_OK);
        CHECK(access(path, F_OK) != 0);
    }
    CHECK_EQ_INT(pk_platform_move_store_aside(dir), PK_OK);
    uint32_t aside = 0;
    bool has_newest = false;
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        if (strstr(e->d_name, ".bad-") != NULL) {
            char name[RIG_PATH_BYTES + 256];
            char text[16] = "";
            snprintf(name, sizeof name, "%s/%s", dir, e->d_name);
            FILE *f = fopen(name, "r");
            CHECK(f != NULL && fgets(text, sizeof text, f) != NULL);
            fclose(f);
            has_newest = has_newest || strcmp(text, "store 4") == 0;
            aside++;
        }
    }
    closedir(d);
    CHECK_EQ_U64(aside, 2);
    CHECK(has_newest);
    rig_remove_dir(dir);
}

PK_TEST(check_store__entry_point__says_what_is_wrong) {
    make_store(50);
    char path[RIG_PATH_BYTES];
    char text[128];
    struct pk_buf why;
    store_file(path);
    pk_buf_init(&why, text, sizeof text);
    CHECK_EQ_INT(pk_platform_check_store(dir, 8u << 20, &why), PK_OK);
    CHECK_STR(text, "");
    CHECK_EQ_INT(truncate(path, 5000), 0);
    CHECK_EQ_INT(pk_platform_check_store(dir, 8u << 20, &why), PK_E_CORRUPT);
    CHECK(strlen(text) > 10);
    rig_remove_dir(dir);
}

/* A value whose bytes changed on the medium: passed over, counted, the rest is read. */
PK_TEST(load__a_value_with_a_wrong_crc__is_passed_over) {
    make_dir();
    char path[RIG_PATH_BYTES];
    store_file(path);
    REQUIRE(open_store(2u << 20) == PK_OK);
    struct pk_store_batch b;
    uint64_t seq = 0;
    pk_batch_init(&b, bytes, sizeof bytes);
    for (uint32_t i = 0; i < 3; i++) {
        char key[2] = {(char)('a' + i), '\0'};
        char value[32];
        snprintf(value, sizeof value, "marked-value-%u", (unsigned)i);
        REQUIRE(pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_of(key), pk_str_of(value)) == PK_OK);
    }
    REQUIRE(port.submit(port.ctx, &b, &seq) == PK_OK);
    CHECK(wait_durable(seq, 5000));
    pk_lmdb_close(&store);
    read_image(path);
    uint32_t hits = 0;
    for (size_t i = 0; i + 14 < image_bytes; i++) {
        if (memcmp(image + i, "marked-value-1", 14) == 0) {
            image[i + 3] ^= 0x20;
            hits++;
        }
    }
    REQUIRE(hits >= 1);
    write_image(path, image_bytes);
    REQUIRE(open_store(2u << 20) == PK_OK);
    uint64_t count = 0;
    struct walk w = {.is_gapless = true};
    CHECK_EQ_INT(port.load(port.ctx, PK_TREE_JOURNAL, pk_str_of(""), walk_journal, &w), PK_OK);
    count = w.count;
    CHECK_EQ_U64(count, 2);
    struct pk_store_status status;
    port.status(port.ctx, &status);
    CHECK_EQ_U64(status.bad_value_count, 1);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

/* ---- full disk */
static void fill_disk(const char *filler) {
    FILE *f = fopen(filler, "w");
    static char block[4096];
    while (f != NULL && fwrite(block, 1, sizeof block, f) == sizeof block && fflush(f) == 0) {
    }
    if (f != NULL) {
        fclose(f);
    }
}

static uint64_t failed_commit_count(void) {
    struct pk_store_status status;
    port.status(port.ctx, &status);
    return status.failed_commit_count;
}

static bool await_error(int32_t error, uint32_t ms) {
    struct pk_store_status status;
    for (uint32_t i = 0; i < ms; i++) {
        port.status(port.ctx, &status);
        if (status.last_error == error) {
            return true;
        }
        pause_ms(1);
    }
    return false;
}

PK_TEST(full_disk__what_was_set_aside_is_there__and_then_it_waits_says_so_and_recovers) {
    make_dir();
    if (mount("none", dir, "tmpfs", 0, "size=1m") != 0) {
        rig_remove_dir(dir);
        SKIP("cannot mount a small file system here");
    }
    char filler[RIG_PATH_BYTES];
    snprintf(filler, sizeof filler, "%.100s/filler", dir);
    /* Of a map of this size as much is set aside with all limits. */
    REQUIRE(open_store(1u << 20) == PK_OK);
    CHECK(wait_durable(put_pair(1, 100), 5000));
    fill_disk(filler);
    struct pk_store_status status;
    uint64_t number = 1, last = 0;
    while (number < 100) { /* 120 KB, with as much for what is copied */
        last = put_pair(++number, 1200);
    }
    CHECK(wait_durable(last, 5000));
    CHECK(await_error(PK_E_NO_SPACE, 2000)); /* known before it is used up */
    port.status(port.ctx, &status);
    CHECK_EQ_U64(status.failed_commit_count, 0);
    /* Killed or not: what is left of it is still the file's. */
    pk_lmdb_close(&store);
    REQUIRE(open_store(1u << 20) == PK_OK);
    port.status(port.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_E_NO_SPACE);
    CHECK(wait_durable(put_pair(++number, 1200), 5000));
    /* Slowly enough that what waits in the end has its place in the map. */
    while (number < 500 && failed_commit_count() < 2) {
        number += try_pair(number + 1, 1200, &last) == PK_OK ? 1u : 0u;
        pause_ms(1);
    }
    CHECK(!wait_durable(last, 1000));
    port.status(port.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_E_NO_SPACE);
    CHECK(status.failed_commit_count >= 2);
    CHECK(status.queued_bytes > 0);
    CHECK(status.failed_commit_count < 40); /* it does not hammer */
    unlink(filler);
    CHECK(wait_durable(last, 30000));
    CHECK(await_error(PK_OK, 30000));
    fill_disk(filler);
    for (uint32_t i = 0; i < 20; i++) { /* it was set aside anew */
        last = put_pair(++number, 1200);
    }
    CHECK(wait_durable(last, 5000));
    pk_lmdb_close(&store);
    char path[RIG_PATH_BYTES];
    char text[128];
    store_file(path);
    CHECK_EQ_INT(check_file(path, text), PK_OK);
    REQUIRE(open_store(1u << 20) == PK_OK);
    const struct walk w = walk_all();
    CHECK(w.is_gapless);
    CHECK_EQ_U64(w.newest, number);
    CHECK_EQ_U64(w.count, number);
    pk_lmdb_close(&store);
    CHECK_EQ_INT(umount(dir), 0);
    rmdir(dir);
}

/* ramfs can neither set blocks aside nor say how many there are. */
PK_TEST(no_fallocate__the_room_is_written__and_the_store_is_whole) {
    struct stat st;
    char path[RIG_PATH_BYTES];
    char text[128];
    make_dir();
    if (mount("none", dir, "ramfs", 0, "") != 0) {
        rig_remove_dir(dir);
        SKIP("cannot mount ramfs here");
    }
    store_file(path);
    REQUIRE(open_store(8u << 20) == PK_OK);
    REQUIRE(stat(path, &st) == 0);
    const off_t first_bytes = st.st_size;
    CHECK(first_bytes > 128 * 1024);
    uint64_t last = 0;
    for (uint64_t i = 1; i <= 200; i++) {
        last = put_pair(i, 1200);
    }
    CHECK(wait_durable(last, 5000));
    struct pk_store_status status;
    port.status(port.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_OK);
    pk_lmdb_close(&store);
    REQUIRE(stat(path, &st) == 0);
    CHECK(st.st_size > first_bytes); /* kept up */
    CHECK_EQ_INT(check_file(path, text), PK_OK);
    REQUIRE(open_store(8u << 20) == PK_OK);
    const struct walk w = walk_all();
    CHECK(w.is_gapless);
    CHECK_EQ_U64(w.newest, 200);
    pk_lmdb_close(&store);
    CHECK_EQ_INT(umount(dir), 0);
    rmdir(dir);
}

PK_TEST(open__on_a_full_disk__is_an_error_not_a_crash) {
    make_dir();
    if (mount("none", dir, "tmpfs", 0, "size=4k") != 0) {
        rig_remove_dir(dir);
        SKIP("cannot mount a small file system here");
    }
    CHECK_EQ_INT(open_store(8u << 20), PK_E_NO_SPACE);
    CHECK_EQ_INT(umount(dir), 0);
    rmdir(dir);
    snprintf(dir, sizeof dir, "/nonexistent/state");
    CHECK(open_store(8u << 20) < 0);
}

/* ---- filled and drained again and again (src/decisions/0100) ---- */

enum { HELD_MAX = 4096, TOGETHER = 16, COMPACTION_MAP_BYTES = 1 << 20, PAGES_BESIDE = 16 };
static struct {
    uint64_t number;
    uint32_t value_bytes;
    enum pk_tree tree;
} held[HELD_MAX];
static uint32_t held_count;
static uint64_t held_bytes, next_number;
static struct pk_rng rng;

static void held_key(uint32_t i, char out[24]) {
    snprintf(out, 24, "%016llx", (unsigned long long)held[i].number);
}

static struct pk_store_status commit_batch(const struct pk_store_batch *b) {
    struct pk_store_status status;
    uint64_t seq = 0;
    CHECK_EQ_INT(port.submit(port.ctx, b, &seq), PK_OK);
    CHECK(wait_durable(seq, 10000));
    port.status(port.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_OK);
    return status;
}

/* Of all sizes, in the order of age and in none. */
static struct pk_store_status add(uint32_t count) {
    static char value[PK_STORE_VALUE_BYTES];
    struct pk_store_batch b;
    pk_batch_init(&b, bytes, sizeof bytes);
    for (uint32_t k = 0; k < count; k++) {
        char key[24];
        const uint32_t i = held_count++;
        held[i].tree = pk_rng_below(&rng, 2) == 0 ? PK_TREE_JOURNAL : PK_TREE_OBJECTS;
        held[i].number = held[i].tree == PK_TREE_JOURNAL ? next_number : pk_rng_u64(&rng);
        held[i].value_bytes = 1u + (uint32_t)pk_rng_below(&rng, sizeof value);
        held_key(i, key);
        CHECK_EQ_INT(pk_batch_put(&b, held[i].tree, pk_str_of(key), pk_str_make(value, held[i].value_bytes)),
                     PK_OK);
        held_bytes += held[i].value_bytes + 16u;
        next_number++;
    }
    return commit_batch(&b);
}

static struct pk_store_status fill(void) {
    struct pk_store_status status = {0};
    while (!status.is_map_full && held_count + TOGETHER <= HELD_MAX) {
        status = add(TOGETHER);
    }
    return status;
}

/* In no order, until so many are left, wherever they lie. */
static struct pk_store_status drain(uint32_t left) {
    struct pk_store_status status = {0};
    while (held_count > left) {
        struct pk_store_batch b;
        pk_batch_init(&b, bytes, sizeof bytes);
        for (uint32_t k = 0; k < TOGETHER && held_count > left; k++) {
            char key[24];
            const uint32_t i = (uint32_t)pk_rng_below(&rng, held_count);
            held_key(i, key);
            CHECK_EQ_INT(pk_batch_delete(&b, held[i].tree, pk_str_of(key)), PK_OK);
            held_bytes -= held[i].value_bytes + 16u;
            held[i] = held[--held_count];
        }
        status = commit_batch(&b);
    }
    return status;
}

static uint64_t file_bytes(void) {
    char path[RIG_PATH_BYTES];
    struct stat st;
    store_file(path);
    CHECK_EQ_INT(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* Nothing is ever moved: pages that are free are used again, also when a few records lie between them, so
 * each round holds what the first one held and the file stays in its map. */
PK_TEST(compaction__filled_and_drained_for_many_rounds__holds_as_much_in_the_same_file) {
    enum { ROUNDS = 12, STRAGGLERS = 24 };
    uint64_t first_bytes = 0, least_bytes = UINT64_MAX;
    make_dir_in_memory();
    pk_rng_seed(&rng, 100);
    held_count = 0;
    held_bytes = next_number = 0;
    REQUIRE(open_store(COMPACTION_MAP_BYTES) == PK_OK);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct pk_store_status status = fill();
        REQUIRE(status.is_map_full);
        CHECK(file_bytes() <= status.map_bytes);
        first_bytes = round == 0 ? held_bytes : first_bytes;
        least_bytes = held_bytes < least_bytes ? held_bytes : least_bytes;
        const uint32_t left = round % 4u == 3u ? 0 : STRAGGLERS;
        status = drain(left);
        CHECK(!status.is_map_full);
        CHECK_EQ_U64(status.record_count, left);
        /* At most a page for each that is left. */
        CHECK(status.used_bytes <= (left + PAGES_BESIDE) * (uint64_t)getpagesize());
        if (round % 4u == 1u) {
            pk_lmdb_close(&store);
            REQUIRE(open_store(COMPACTION_MAP_BYTES) == PK_OK);
        }
    }
    printf("# the first round held %llu bytes, the least of %u %llu\n", (unsigned long long)first_bytes,
           (unsigned)ROUNDS, (unsigned long long)least_bytes);
    CHECK(first_bytes > COMPACTION_MAP_BYTES / 3u);
    CHECK(least_bytes >= first_bytes / 5u * 4u);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

/* As of a gateway that lives on: what is held is replaced 20 times, and pages in use and the file are at a
 * stand. A page is at worst a quarter full before LMDB joins it with its neighbour. */
PK_TEST(compaction__records_come_and_go__used_pages_and_the_file_come_to_a_stand) {
    enum { ROUNDS = 500, SETTLED = 125, LIVE = 400 };
    uint64_t settled_bytes = 0, most_bytes = 0;
    struct pk_store_status status;
    make_dir_in_memory();
    pk_rng_seed(&rng, 101);
    held_count = 0;
    held_bytes = next_number = 0;
    REQUIRE(open_store(2u * COMPACTION_MAP_BYTES) == PK_OK);
    while (held_count < LIVE) {
        (void)add(TOGETHER);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        (void)drain(LIVE - TOGETHER);
        status = add(TOGETHER);
        CHECK(!status.is_map_full);
        settled_bytes = round < SETTLED ? file_bytes() : settled_bytes;
        most_bytes = status.used_bytes > most_bytes ? status.used_bytes : most_bytes;
        CHECK(status.used_bytes <= 3u * held_bytes + PAGES_BESIDE * (uint64_t)getpagesize());
    }
    printf("# %llu bytes held, %llu used at most, file %llu then %llu\n", (unsigned long long)held_bytes,
           (unsigned long long)most_bytes, (unsigned long long)settled_bytes,
           (unsigned long long)file_bytes());
    CHECK(file_bytes() <= settled_bytes + settled_bytes / 10u);
    pk_lmdb_close(&store);
    rig_remove_dir(dir);
}

PK_TEST_MAIN(kill__at_any_moment__keeps_all_that_was_durable_and_whole_batches,
             bit_flips__are_found_or_change_nothing, truncated_and_foreign_files__are_found,
             random_pages__never_crash_the_check, open__damaged_head__moves_aside_and_starts_new,
             move_aside__keeps_the_newest_two, check_store__entry_point__says_what_is_wrong,
             load__a_value_with_a_wrong_crc__is_passed_over,
             full_disk__what_was_set_aside_is_there__and_then_it_waits_says_so_and_recovers,
             no_fallocate__the_room_is_written__and_the_store_is_whole,
             open__on_a_full_disk__is_an_error_not_a_crash,
             compaction__filled_and_drained_for_many_rounds__holds_as_much_in_the_same_file,
             compaction__records_come_and_go__used_pages_and_the_file_come_to_a_stand)
