#include <unistd.h>

#include "port/linux/pk_linux.h"
#include "support/pk_test.h"

static struct pk_linux_loop the_loop;
static struct pk_port_loop the_port;
static bool the_answer;
static uint32_t the_asked_count;

static bool is_near(void *ctx) {
    CHECK(ctx == &the_answer);
    the_asked_count++;
    return the_answer;
}

static void begin(bool answer) {
    REQUIRE(pk_linux_loop_open(&the_loop, &the_port) == PK_OK);
    the_answer = answer;
    the_asked_count = 0;
    pk_linux_loop_expect(&the_loop, is_near, &the_answer);
    the_loop.has_processors = true;
}

static void wake(void) {
    const uint64_t one = 1;
    CHECK_EQ_INT(write(pk_linux_loop_wake_fd(&the_loop), &one, sizeof one), sizeof one);
}

static uint64_t now_ms(void) {
    return pk_linux_mono_us() / 1000u;
}

PK_TEST(wake_near__found_without_sleeping) {
    begin(true);
    wake();
    CHECK_EQ_U64(the_port.wait(the_port.ctx, now_ms() + 60000u), 0);
    CHECK_EQ_U64(the_loop.wake_count, 0);
    CHECK_EQ_U64(the_asked_count, 1);
    pk_linux_loop_close(&the_loop);
}

PK_TEST(wake_near__that_does_not_come__sleeps_to_the_deadline) {
    begin(true);
    const uint64_t until_ms = now_ms() + 20u;
    CHECK_EQ_U64(the_port.wait(the_port.ctx, until_ms), 0);
    CHECK(now_ms() >= until_ms);
    CHECK_EQ_U64(the_loop.wake_count, 1);
    pk_linux_loop_close(&the_loop);
}

PK_TEST(wake_far__sleeps_at_once) {
    begin(false);
    wake();
    CHECK_EQ_U64(the_port.wait(the_port.ctx, now_ms() + 60000u), 0);
    CHECK_EQ_U64(the_loop.wake_count, 1);
    pk_linux_loop_close(&the_loop);
}

PK_TEST(one_processor__nobody_is_asked) {
    begin(true);
    the_loop.has_processors = false;
    wake();
    CHECK_EQ_U64(the_port.wait(the_port.ctx, now_ms() + 60000u), 0);
    CHECK_EQ_U64(the_asked_count, 0);
    pk_linux_loop_close(&the_loop);
}

PK_TEST(nothing_to_wait_for__nobody_is_asked) {
    begin(true);
    CHECK_EQ_U64(the_port.wait(the_port.ctx, 0), 0);
    CHECK_EQ_U64(the_asked_count, 0);
    pk_linux_loop_close(&the_loop);
}

PK_TEST_MAIN(wake_near__found_without_sleeping, wake_near__that_does_not_come__sleeps_to_the_deadline,
             wake_far__sleeps_at_once, one_processor__nobody_is_asked, nothing_to_wait_for__nobody_is_asked)
