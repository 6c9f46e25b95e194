/* For a test program that checks assertions: replaces the harness's pk_panic() with one that comes back to
 * the check. What the call changes and the test looks at afterwards must be static: the jump does not keep
 * locals. */
#ifndef PK_TEST_PANIC_H
#define PK_TEST_PANIC_H

#include <setjmp.h>

#include "base/pk_assert.h"
#include "support/pk_test.h"

static jmp_buf pk_test_after_panic;

_Noreturn void pk_panic(const char *file, int line) {
    (void)file;
    (void)line;
    longjmp(pk_test_after_panic, 1);
}

#define CHECK_PANICS(call)                                                                                   \
    do {                                                                                                     \
        if (setjmp(pk_test_after_panic) == 0) {                                                              \
            call;                                                                                            \
            (void)pk_test_check(false, "asserts: " #call, __FILE__, __LINE__);                               \
        } else {                                                                                             \
            (void)pk_test_check(true, "asserts: " #call, __FILE__, __LINE__);                                \
        }                                                                                                    \
    } while (0)

#endif
