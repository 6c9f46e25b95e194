/* The loop of the agent on real descriptors. ctest: lane=default */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/linux/pk_linux.h"
#include "support/pk_test.h"

enum { MESSAGES = 20000, MESSAGE_BYTES = 64 };

static struct pk_linux_loop l;
static struct pk_port_loop loop;

static void *flood(void *arg) {
    const int fd = *(const int *)arg;
    char message[MESSAGE_BYTES];
    memset(message, 'x', sizeof message);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        if (send(fd, message, sizeof message, 0) != MESSAGE_BYTES) {
            return NULL;
        }
    }
    return arg;
}

/* Waits never outnumber what is allowed of them, however fast messages come; and all of them arrive. */
PK_TEST(flood__is_taken_in_few_rounds_and_whole) {
    int pair[2];
    struct pk_fd in = {.fd = -1};
    char bytes[4096];
    uint64_t got = 0, waits = 0;
    pthread_t sender;
    void *sent = NULL;
    REQUIRE(pk_linux_loop_open(&l, &loop) == PK_OK);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    REQUIRE(pk_linux_loop_add(&l, &in, pair[0], false) == PK_OK);
    const uint64_t begin_us = pk_linux_mono_us();
    REQUIRE(pthread_create(&sender, NULL, flood, &pair[1]) == 0);
    while (got < (uint64_t)MESSAGES * MESSAGE_BYTES && waits < 100u * MESSAGES) {
        (void)loop.wait(loop.ctx, pk_linux_mono_us() / 1000u + 1000u);
        waits++;
        for (int n = 1; n > 0;) {
            n = pk_linux_fd_recv(&in, bytes, sizeof bytes);
            got += n > 0 ? (uint64_t)n : 0u;
        }
    }
    const uint64_t took_ms = (pk_linux_mono_us() - begin_us) / 1000u;
    CHECK_EQ_INT(pthread_join(sender, &sent), 0);
    CHECK(sent != NULL);
    CHECK_EQ_U64(got, (uint64_t)MESSAGES * MESSAGE_BYTES);
    CHECK(waits <= (took_ms + 2u) * 14u);
    pk_linux_loop_drop(&l, &in);
    (void)close(pair[1]);
    pk_linux_loop_close(&l);
}

PK_TEST_MAIN(flood__is_taken_in_few_rounds_and_whole)
