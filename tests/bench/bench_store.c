/* What a commit costs alone and in company, beside a plain write and flush of a page in the same folder and
 * the same minute; and what verifying a signed command costs. bench_store [FOLDER]; exit 1 when 64 records in
 * one batch, as a tick hands them over, or 64 batches of one that wait for the writer, are not 30 times
 * faster than 64 alone, or a verification takes more than 5 ms of a processor. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_batch.h"
#include "port/linux/pk_linux.h"
#include "port/lmdb/pk_lmdb.h"
#include "port/mbedtls/pk_crypto.h"

enum {
    ROUNDS = 7,
    ALONE = 64,  /* commits of a round */
    GROUP = 64,  /* records of a group */
    GROUPS = 16, /* of a round */
    VALUE_BYTES = 200,
    VERIFIES = 200,
    RATIO_MIN = 30,
    VERIFY_MAX_US = 5000
};

static struct pk_lmdb store;
static struct pk_port_store port;
static uint64_t next_key;

static void die(const char *what) {
    (void)fprintf(stderr, "bench_store: %s\n", what);
    exit(2);
}

/* A batch of so many records, as an entry of the journal is large. Its number. */
static uint64_t submit(int records) {
    static uint8_t bytes[PK_LIMIT_BATCH_BYTES], value[VALUE_BYTES];
    struct pk_store_batch b;
    char key[24];
    uint64_t seq = 0;
    pk_batch_init(&b, bytes, sizeof bytes);
    for (int i = 0; i < records; i++) {
        const int n = snprintf(key, sizeof key, "L%020llu", (unsigned long long)next_key++);
        memset(value, (int)(next_key & 0xFFu), sizeof value);
        if (pk_batch_put(&b, PK_TREE_JOURNAL, pk_str_make(key, (size_t)n),
                         pk_str_make((const char *)value, sizeof value)) != PK_OK) {
            die("a batch is too small");
        }
    }
    while (port.submit(port.ctx, &b, &seq) != PK_OK) { /* the queue is full: the writer makes room */
        (void)usleep(20);
    }
    return seq;
}

static void await_durable(uint64_t seq) {
    while (port.durable(port.ctx) < seq) {
        (void)usleep(20);
    }
}

/* Microseconds a record. */
static uint64_t alone_us(void) {
    const uint64_t begin_us = pk_linux_mono_us();
    for (int i = 0; i < ALONE; i++) {
        await_durable(submit(1));
    }
    return (pk_linux_mono_us() - begin_us) / ALONE;
}

static uint64_t grouped_us(void) {
    const uint64_t begin_us = pk_linux_mono_us();
    for (int k = 0; k < GROUPS; k++) {
        await_durable(submit(GROUP));
    }
    return (pk_linux_mono_us() - begin_us) / (GROUPS * GROUP);
}

/* Batches of one record each that queue up while the writer flushes something before them; from there until
 * the last is durable. *out_commits: transactions the writer made of them. */
static uint64_t queued_us(uint64_t *out_commits) {
    uint64_t took_us = 0;
    for (int k = 0; k < GROUPS; k++) {
        struct pk_store_status before, after;
        uint64_t seq = 0;
        uint64_t begin_us = pk_linux_mono_us();
        const uint64_t first = submit(1);
        for (int i = 0; i < GROUP; i++) {
            seq = submit(1);
        }
        await_durable(first);
        port.status(port.ctx, &before);
        const bool is_apart = port.durable(port.ctx) == first;
        begin_us = is_apart ? pk_linux_mono_us() : begin_us;
        await_durable(seq);
        took_us += pk_linux_mono_us() - begin_us;
        port.status(port.ctx, &after);
        *out_commits += is_apart ? after.commit_count - before.commit_count : 1u;
    }
    return took_us / (GROUPS * GROUP);
}

/* Batches of one record as they come: the writer takes together what gathers while it flushes. */
static uint64_t stream_us(void) {
    uint64_t seq = 0;
    const uint64_t begin_us = pk_linux_mono_us();
    for (int i = 0; i < GROUPS * GROUP; i++) {
        seq = submit(1);
    }
    await_durable(seq);
    return (pk_linux_mono_us() - begin_us) / (GROUPS * GROUP);
}

/* A page written and flushed. */
static uint64_t plain_us(const char *dir) {
    char path[512];
    static uint8_t page[4096];
    (void)snprintf(path, sizeof path, "%s/plain", dir);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        die("cannot write there");
    }
    for (int i = 0; i < 2 * ALONE; i++) { /* its blocks are there before it is measured */
        if (pwrite(fd, page, sizeof page, (off_t)i * (off_t)sizeof page) < 0) {
            die("cannot write there");
        }
    }
    (void)fsync(fd);
    const uint64_t begin_us = pk_linux_mono_us();
    for (int i = 0; i < ALONE; i++) {
        page[0] = (uint8_t)i;
        if (pwrite(fd, page, sizeof page, (off_t)i * (off_t)sizeof page) < 0 || fdatasync(fd) != 0) {
            die("cannot flush there");
        }
    }
    const uint64_t took_us = (pk_linux_mono_us() - begin_us) / ALONE;
    (void)close(fd);
    (void)unlink(path);
    return took_us;
}

static int order(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *v, int n) {
    qsort(v, (size_t)n, sizeof *v, order);
    return v[n / 2];
}

static bool bench_commits(const char *dir) {
    const struct pk_lmdb_config config = {
        .state_dir = dir, .map_bytes = 64u << 20, .wake_fd = -1, .now_us = pk_linux_mono_us};
    uint64_t plain[ROUNDS], alone[ROUNDS], grouped[ROUNDS], queued[ROUNDS], stream[ROUNDS], ratio[ROUNDS],
        queued_ratio[ROUNDS], commits = 0;
    if (pk_lmdb_open(&store, &config, &port) != PK_OK) {
        die("the store cannot be opened");
    }
    await_durable(submit(1));
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = plain_us(dir);
        alone[i] = alone_us();
        grouped[i] = grouped_us() + 1u;
        queued[i] = queued_us(&commits) + 1u;
        stream[i] = stream_us() + 1u;
        ratio[i] = alone[i] * 10u / grouped[i];
        queued_ratio[i] = alone[i] * 10u / queued[i];
        printf("# round %d: a page and its flush %llu us; a record alone %llu us, of %d in a batch %llu us, "
               "of %d batches queued %llu us, of a stream of batches %llu us\n",
               i + 1, (unsigned long long)plain[i], (unsigned long long)alone[i], GROUP,
               (unsigned long long)grouped[i], GROUP, (unsigned long long)queued[i],
               (unsigned long long)stream[i]);
    }
    pk_lmdb_close(&store);
    const uint64_t times = median(ratio, ROUNDS), page_us = median(plain, ROUNDS),
                   one_us = median(alone, ROUNDS);
    printf("records alone %llu a second, %d in a batch %llu a second: %llu.%llu times (at least %d); a "
           "stream of "
           "batches %llu a second\n",
           1000000ull / (unsigned long long)one_us, GROUP,
           1000000ull / (unsigned long long)median(grouped, ROUNDS), (unsigned long long)(times / 10u),
           (unsigned long long)(times % 10u), RATIO_MIN,
           1000000ull / (unsigned long long)median(stream, ROUNDS));
    printf("%d batches of one record queued: %llu records a second, %llu.%llu times, in %llu.%llu "
           "transactions\n",
           GROUP, 1000000ull / (unsigned long long)median(queued, ROUNDS),
           (unsigned long long)(median(queued_ratio, ROUNDS) / 10u),
           (unsigned long long)(median(queued_ratio, ROUNDS) % 10u),
           (unsigned long long)(commits / (ROUNDS * GROUPS)),
           (unsigned long long)(commits * 10u / (ROUNDS * GROUPS) % 10u));
    printf("  beside it: a page written and flushed takes %llu us, a record alone %llu.%llu times that\n",
           (unsigned long long)page_us, (unsigned long long)(one_us / page_us),
           (unsigned long long)(one_us * 10u / page_us % 10u));
    return times >= RATIO_MIN * 10u && median(queued_ratio, ROUNDS) >= RATIO_MIN * 10u;
}

/* Of this process's processor: what else runs weighs little. */
static uint64_t cpu_us(void) {
    struct timespec ts;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static bool bench_verify(void) {
    static char message[900]; /* header and claims of a command with arguments */
    static uint64_t took_us[VERIFIES];
    static struct pk_crypto crypto;
    uint8_t private_key[PK_ES256_PRIVATE_BYTES], public_key[PK_ES256_PUBLIC_BYTES],
        signature[PK_ES256_SIGNATURE_BYTES], hash[PK_SHA256_BYTES];
    struct pk_port_entropy entropy;
    struct pk_port_crypto c;
    pk_linux_entropy_open(&entropy);
    pk_crypto_open(&crypto, &entropy, pk_linux_mono_us, &c);
    memset(message, 'e', sizeof message);
    const struct pk_str text = pk_str_make(message, sizeof message);
    if (c.es256_keygen(c.ctx, private_key, public_key) != PK_OK ||
        c.es256_sign(c.ctx, private_key, text, signature) != PK_OK) {
        die("no key");
    }
    for (int i = 0; i < VERIFIES; i++) {
        const uint64_t begin_us = cpu_us();
        if (c.es256_verify(c.ctx, public_key, text, signature) != PK_OK) {
            die("a good signature is refused");
        }
        took_us[i] = cpu_us() - begin_us;
    }
    const uint64_t begin_us = cpu_us();
    for (int i = 0; i < VERIFIES; i++) {
        c.sha256(c.ctx, &text, 1, hash);
    }
    const uint64_t sha_us = (cpu_us() - begin_us) / VERIFIES;
    const uint64_t middle_us = median(took_us, VERIFIES), p99_us = took_us[VERIFIES * 99 / 100];
    printf("an ES256 signature verified in %llu us, p99 %llu us (at most %d); its SHA-256 alone %llu us\n",
           (unsigned long long)middle_us, (unsigned long long)p99_us, VERIFY_MAX_US,
           (unsigned long long)sha_us);
    return p99_us <= VERIFY_MAX_US;
}

int main(int argc, char **argv) {
    char dir[300];
    (void)snprintf(dir, sizeof dir, "%s/picket-bench-XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
    if (mkdtemp(dir) == NULL) {
        die("no folder to work in");
    }
    const bool is_grouped = bench_commits(dir), is_verified = bench_verify();
    char path[400];
    (void)snprintf(path, sizeof path, "%s/" PK_STORE_FILE, dir);
    (void)unlink(path);
    (void)rmdir(dir);
    return is_grouped && is_verified ? 0 : 1;
}
