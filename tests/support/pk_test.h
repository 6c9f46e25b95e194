/*
 * Test harness: no heap, no registration tricks. A test program is a list of plain functions:
 *
 *     #include "support/pk_test.h"
 *
 *     PK_TEST(ring_push__when_full__drops_oldest_and_counts) {
 *         CHECK_EQ_U64(ring.dropped, 1);
 *     }
 *
 *     PK_TEST_MAIN(ring_push__when_full__drops_oldest_and_counts)
 *
 * It prints TAP on stdout. `./test_x` runs all, `./test_x FILTER` those whose name contains FILTER,
 * `./test_x --list` prints the names. Exit: 0 all passed, 1 a test failed, 2 the filter matched nothing,
 * 77 every selected test was skipped (ctest then shows the program as skipped, not as passed).
 *
 * A failed CHECK* is printed with file and line and fails the test, which goes on. REQUIRE leaves the test
 * function as well, for when what follows could only crash.
 * A test that ends without one check fails: a test that asserts nothing is a defect.
 * A PK_ASSERT that fires ends the program by SIGABRT; a test file may define a pk_panic() of its own.
 */
#ifndef PK_TEST_H
#define PK_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arguments are evaluated once; `what` is their source text. Each returns whether the check held. */
bool pk_test_check(bool held, const char *what, const char *file, int line);
bool pk_test_eq_int(long long got, long long want, const char *what, const char *file, int line);
bool pk_test_eq_u64(uint64_t got, uint64_t want, const char *what, const char *file, int line);
/* NULL equals only NULL. */
bool pk_test_eq_str(const char *got, const char *want, const char *what, const char *file, int line);
/* On a difference prints its first offset and the bytes from there on. */
bool pk_test_eq_mem(const void *got, const void *want, size_t size_bytes, const char *what, const char *file,
                    int line);
/* A file dir/name with this text; a failure is one of the test. */
void pk_test_put_file(const char *dir, const char *name, const char *text);
/* Marks the running test as skipped; the reason is shown in the TAP line. A failed check still wins. */
void pk_test_skip(const char *reason);

/* `names` is the comma separated source text of the function list, in the order of `runs`. */
int pk_test_main(void (*const *runs)(void), size_t run_count, const char *names, int argc, char **argv);

#define PK_TEST(name) static void name(void)

#define PK_TEST_MAIN(...)                                                                                    \
    int main(int argc, char **argv) {                                                                        \
        static void (*const runs[])(void) = {__VA_ARGS__};                                                   \
        return pk_test_main(runs, sizeof runs / sizeof runs[0], #__VA_ARGS__, argc, argv);                   \
    }

#define CHECK(cond) ((void)pk_test_check((cond), #cond, __FILE__, __LINE__))
#define CHECK_EQ_INT(got, want)                                                                              \
    ((void)pk_test_eq_int((long long)(got), (long long)(want), #got " == " #want, __FILE__, __LINE__))
#define CHECK_EQ_U64(got, want)                                                                              \
    ((void)pk_test_eq_u64((uint64_t)(got), (uint64_t)(want), #got " == " #want, __FILE__, __LINE__))
#define CHECK_STR(got, want) ((void)pk_test_eq_str((got), (want), #got " == " #want, __FILE__, __LINE__))
#define CHECK_MEM(got, want, size_bytes)                                                                     \
    ((void)pk_test_eq_mem((got), (want), (size_bytes), #got " == " #want, __FILE__, __LINE__))
#define REQUIRE(cond)                                                                                        \
    do {                                                                                                     \
        if (!pk_test_check((cond), #cond, __FILE__, __LINE__)) {                                             \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)
#define SKIP(reason)                                                                                         \
    do {                                                                                                     \
        pk_test_skip(reason);                                                                                \
        return;                                                                                              \
    } while (0)

#endif
