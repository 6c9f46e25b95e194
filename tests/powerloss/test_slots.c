/* ctest: lane=default timeout=120
 * Power cuts in the supervisor's record, enumerated: what the file held at its last flush, and any of the
 * sectors that were written since. Before a save returns, the record before it is there or this one; after,
 * this one is, or everything is known to be lost. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pk_rng.h"
#include "port/linux/pk_slots.h"
#include "support/pk_test.h"

enum {
    SECTOR_BYTES = 512, /* what a disk writes whole or not at all */
    FILE_BYTES_MAX = 4096 + 2 * 65536,
    SECTORS_MAX = FILE_BYTES_MAX / SECTOR_BYTES,
    SAVES = 24,
    SUBSETS = 200
};

struct image {
    uint8_t bytes[FILE_BYTES_MAX];
    uint32_t n;
};

static char dir[64];
static int dir_fd = -1;
static struct image flushed, now, tried;
static bool has_flushed, fails_flush;
static unsigned flush_count;
static uint8_t record[65536], before[65536], got[65536];

static void read_image(int fd, struct image *out) {
    const ssize_t n = pread(fd, out->bytes, sizeof out->bytes, 0);
    out->n = n > 0 ? (uint32_t)n : 0;
}

static void read_file(struct image *out) {
    const int fd = openat(dir_fd, "state", O_RDONLY);
    read_image(fd, out);
    (void)close(fd);
}

static void write_file(const struct image *i) {
    const int fd = openat(dir_fd, "state", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const ssize_t n = write(fd, i->bytes, i->n);
    (void)close(fd);
    CHECK_EQ_INT(n, i->n);
}

/* Takes the place of the system's: what is called here is on the medium. */
int fdatasync(int fd) {
    if (fails_flush) {
        return -1;
    }
    read_image(fd, &flushed);
    has_flushed = true;
    flush_count++;
    return 0;
}

static void setup(struct pk_slots *s) {
    (void)strcpy(dir, "/tmp/pk_slots_XXXXXX");
    (void)mkdtemp(dir);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    has_flushed = fails_flush = false;
    flush_count = 0;
    pk_slots_init(s, dir_fd, "state", "state.new");
}

static void teardown(void) {
    (void)unlinkat(dir_fd, "state", 0);
    (void)unlinkat(dir_fd, "state.new", 0);
    (void)close(dir_fd);
    CHECK_EQ_INT(rmdir(dir), 0);
}

static void fill(uint8_t *out, uint32_t n, uint32_t seed) {
    struct pk_rng rng;
    pk_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (uint8_t)pk_rng_below(&rng, 256);
    }
}

static int load_anew(void) {
    struct pk_slots s;
    pk_slots_init(&s, dir_fd, "state", "state.new");
    return pk_slots_load(&s, got, sizeof got);
}

static bool is_record(int n, const uint8_t *p, uint32_t want) {
    return n == (int)want && memcmp(got, p, want) == 0;
}

/* The sectors of `b` that differ from `a`. */
static uint32_t changed(const struct image *a, const struct image *b, uint32_t out[SECTORS_MAX]) {
    uint32_t count = 0;
    for (uint32_t at = 0; at < b->n; at += SECTOR_BYTES) {
        if (memcmp(a->bytes + at, b->bytes + at, SECTOR_BYTES) != 0) {
            out[count++] = at;
        }
    }
    return count;
}

/* From `a` to `b`, any of the sectors: every subset where they are few, else some of them. */
static void try_cuts(const struct image *a, const struct image *b, struct pk_rng *rng,
                     void (*check)(uint32_t n, uint32_t n_before), uint32_t n, uint32_t n_before) {
    uint32_t sectors[SECTORS_MAX];
    const uint32_t count = changed(a, b, sectors);
    const uint32_t subsets = count < 7 ? 1u << count : SUBSETS;
    for (uint32_t i = 0; i < subsets; i++) {
        tried = *a;
        for (uint32_t k = 0; k < count; k++) {
            if (count < 7 ? (i >> k & 1u) != 0 : pk_rng_below(rng, 2) != 0) {
                memcpy(tried.bytes + sectors[k], b->bytes + sectors[k], SECTOR_BYTES);
            }
        }
        write_file(&tried);
        check(n, n_before);
    }
    write_file(b);
}

static void one_of_both(uint32_t n, uint32_t n_before) {
    const int r = load_anew();
    CHECK(is_record(r, record, n) || is_record(r, before, n_before));
}

static void the_new_one(uint32_t n, uint32_t n_before) {
    (void)n_before;
    CHECK(is_record(load_anew(), record, n));
}

static void cut_while_saving(uint32_t bytes_max) {
    struct pk_slots s;
    struct pk_rng rng;
    pk_rng_seed(&rng, bytes_max);
    setup(&s);
    CHECK_EQ_INT(pk_slots_load(&s, got, sizeof got), PK_E_NOT_FOUND);
    uint32_t n_before = bytes_max;
    fill(before, n_before, 1);
    CHECK_EQ_INT(pk_slots_save(&s, before, n_before), PK_OK);
    read_file(&flushed); /* a new file is flushed before it gets its name */
    for (uint32_t i = 0; i < SAVES; i++) {
        const uint32_t n = 1u + (uint32_t)pk_rng_below(&rng, bytes_max);
        const struct image medium = flushed; /* with what was flushed last: the seal after it may be lost */
        fill(record, n, i + 2u);
        CHECK_EQ_INT(pk_slots_save(&s, record, n), PK_OK);
        if (i % 4 != 3) { /* else another save comes first */
            pk_slots_seal(&s);
        }
        CHECK_EQ_INT(flush_count, i + 1u); /* one, whatever the size */
        read_file(&now);
        const struct image after = now, at_flush = flushed;
        try_cuts(&medium, &at_flush, &rng, one_of_both, n, n_before);
        flush_count = i + 1u;
        try_cuts(&at_flush, &after, &rng, the_new_one, n, n_before);
        flushed = at_flush;
        flush_count = i + 1u;
        memcpy(before, record, n);
        n_before = n;
    }
    teardown();
}

PK_TEST(cut_while_saving__small_record__the_one_before_or_this_one) {
    cut_while_saving(400);
}

PK_TEST(cut_while_saving__many_sectors__the_one_before_or_this_one) {
    cut_while_saving(12000);
}

/* Every byte that counts, one bit of each. */
PK_TEST(damage__to_what_was_saved__is_never_an_older_record) {
    struct pk_slots s;
    uint32_t lost = 0;
    setup(&s);
    for (uint32_t i = 0; i < 3; i++) {
        fill(record, 900, i);
        CHECK_EQ_INT(pk_slots_save(&s, record, 900), PK_OK);
        pk_slots_seal(&s);
    }
    read_file(&now);
    for (uint32_t at = 0; at < now.n; at++) {
        tried = now;
        tried.bytes[at] ^= (uint8_t)(1u << at % 8u);
        write_file(&tried);
        const int n = load_anew();
        lost += n == PK_E_CORRUPT ? 1u : 0u;
        CHECK(n == PK_E_CORRUPT || is_record(n, record, 900));
    }
    CHECK_EQ_INT(lost, 24 + 16 + 900); /* the head, and the newest with its label; not the one before */
    teardown();
}

PK_TEST(damage__cut_emptied_or_replaced__is_corrupt) {
    struct pk_slots s;
    setup(&s);
    fill(record, 100, 1);
    CHECK_EQ_INT(pk_slots_save(&s, record, 100), PK_OK);
    read_file(&now);
    CHECK_EQ_INT(now.n, 3 * 4096);
    const uint32_t sizes[] = {0, 1, 23, 24, 4096, 8192, 3 * 4096 - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tried = now;
        tried.n = sizes[i];
        write_file(&tried);
        CHECK_EQ_INT(load_anew(), PK_E_CORRUPT);
    }
    CHECK_EQ_INT(unlinkat(dir_fd, "state", 0), 0);
    CHECK_EQ_INT(symlinkat("/etc/passwd", dir_fd, "state"), 0);
    CHECK_EQ_INT(load_anew(), PK_E_CORRUPT);
    CHECK_EQ_INT(unlinkat(dir_fd, "state", 0), 0);
    CHECK_EQ_INT(mkdirat(dir_fd, "state", 0700), 0);
    CHECK_EQ_INT(load_anew(), PK_E_CORRUPT);
    CHECK_EQ_INT(unlinkat(dir_fd, "state", AT_REMOVEDIR), 0);
    write_file(&now);
    CHECK(is_record(load_anew(), record, 100));
    struct pk_slots small;
    pk_slots_init(&small, dir_fd, "state", "state.new");
    CHECK_EQ_INT(pk_slots_load(&small, got, 99), PK_E_CORRUPT);
    teardown();
}

/* Killed between writing and flushing: what is in the page cache is read, so it must get to the medium before
 * the slot of the one before is written to. */
PK_TEST(load__written_and_not_sealed__is_flushed_and_sealed_first) {
    struct pk_slots s;
    setup(&s);
    fill(before, 500, 1);
    CHECK_EQ_INT(pk_slots_save(&s, before, 500), PK_OK);
    read_file(&now);
    fill(record, 500, 2);
    CHECK_EQ_INT(pk_slots_save(&s, record, 500), PK_OK);
    read_file(&tried);
    CHECK_MEM(tried.bytes, now.bytes, SECTOR_BYTES); /* the head of the one before */
    flush_count = 0;
    CHECK(is_record(load_anew(), record, 500));
    CHECK_EQ_INT(flush_count, 1);
    CHECK(is_record(load_anew(), record, 500));
    CHECK_EQ_INT(flush_count, 1); /* sealed now */
    write_file(&tried);
    fails_flush = true;
    CHECK_EQ_INT(load_anew(), PK_E_CORRUPT);
    teardown();
}

PK_TEST(save__outgrows_its_slot__goes_to_a_larger_file) {
    struct pk_slots s;
    setup(&s);
    for (uint32_t n = 100; n <= 60000; n = n * 3 / 2) {
        fill(record, n, n);
        CHECK_EQ_INT(pk_slots_save(&s, record, n), PK_OK);
        CHECK(is_record(load_anew(), record, n));
    }
    read_file(&now);
    CHECK_EQ_INT(now.n, 4096 + 2 * 65536);
    fill(record, 10, 7); /* and stays there */
    CHECK_EQ_INT(pk_slots_save(&s, record, 10), PK_OK);
    CHECK(is_record(load_anew(), record, 10));
    CHECK_EQ_INT(pk_slots_save(&s, record, 0), PK_OK);
    CHECK_EQ_INT(load_anew(), 0);
    teardown();
}

PK_TEST(save__flush_fails__says_so_and_makes_a_new_file) {
    struct pk_slots s;
    struct stat first, second;
    setup(&s);
    fill(before, 50, 1);
    fill(record, 50, 2);
    CHECK_EQ_INT(pk_slots_save(&s, before, 50), PK_OK);
    CHECK_EQ_INT(fstatat(dir_fd, "state", &first, 0), 0);
    fails_flush = true;
    CHECK_EQ_INT(pk_slots_save(&s, record, 50), PK_E_IO);
    fails_flush = false;
    CHECK_EQ_INT(pk_slots_save(&s, record, 50), PK_OK);
    CHECK_EQ_INT(fstatat(dir_fd, "state", &second, 0), 0);
    CHECK(first.st_ino != second.st_ino);
    CHECK(is_record(load_anew(), record, 50));
    /* Somebody removed or replaced it: it is made anew, never written into what is there now. */
    CHECK_EQ_INT(unlinkat(dir_fd, "state", 0), 0);
    CHECK_EQ_INT(pk_slots_save(&s, before, 50), PK_OK);
    CHECK(is_record(load_anew(), before, 50));
    tried = (struct image){.n = 5, .bytes = "other"};
    write_file(&tried);
    CHECK_EQ_INT(pk_slots_save(&s, record, 50), PK_OK);
    CHECK(is_record(load_anew(), record, 50));
    teardown();
}

PK_TEST_MAIN(cut_while_saving__small_record__the_one_before_or_this_one,
             cut_while_saving__many_sectors__the_one_before_or_this_one,
             damage__to_what_was_saved__is_never_an_older_record, damage__cut_emptied_or_replaced__is_corrupt,
             load__written_and_not_sealed__is_flushed_and_sealed_first,
             save__outgrows_its_slot__goes_to_a_larger_file, save__flush_fails__says_so_and_makes_a_new_file)
