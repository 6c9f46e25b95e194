/* The stack guard of the program as it is built: a buffer written beyond its end ends the process before the
 * function returns. Where the guard lies is told to the compiler for some ISAs (toolchains/), so it is shown,
 * not assumed. ctest: lane=quick timeout=20 */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/pk_test.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#if defined(__SSP__) || defined(__SSP_STRONG__) || defined(__SSP_ALL__)
#define IS_GUARDED 1
#endif

/* Byte by byte behind the compiler's back: it neither sees the size nor may leave a store out. */
static void write_bytes(char *at, size_t n, char c) {
    volatile char *p = at;
    for (size_t i = 0; i < n; i++) {
        p[i] = c;
    }
}
static void (*volatile write_hidden)(char *at, size_t n, char c) = write_bytes;

static int smash(size_t n, char c) {
    char buffer[16];
    memset(buffer, 1, sizeof buffer);
    write_hidden(buffer, n, c);
    return buffer[0];
}
static int (*volatile smash_hidden)(size_t n, char c) = smash;

/* 0 when the child came back from smash(), else the signal that ended it. */
static int signal_of(size_t n, char c) {
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)smash_hidden(n, c);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Behind 16 bytes comes the guard, with gcc at -O1 a gap of 8 bytes first; further up lies the return
 * address, which must not be what ends the process. */
#ifdef __GLIBC__
enum { TOO_MANY = 32 };
#else
enum { TOO_MANY = 24 };
#endif

PK_TEST(guard__writes_within_the_buffer__are_nothing_to_it) {
    CHECK_EQ_INT(signal_of(16, 'A'), 0);
}

PK_TEST(guard__writes_behind_the_buffer__end_the_process) {
#if defined(IS_SANITIZED) || !defined(IS_GUARDED)
    SKIP("built without the stack guard");
#else
    CHECK(signal_of(TOO_MANY, 'A') > 0);
    /* A guard nobody set would be zero. */
    CHECK(signal_of(TOO_MANY, '\0') > 0);
#endif
}

PK_TEST_MAIN(guard__writes_within_the_buffer__are_nothing_to_it,
             guard__writes_behind_the_buffer__end_the_process)
