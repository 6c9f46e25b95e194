#include "support/pk_test.h"

#include "base/pk_assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PK_TEST_EXIT_FAILED 1
#define PK_TEST_EXIT_NO_MATCH 2
#define PK_TEST_EXIT_SKIPPED 77
#define PK_TEST_NAME_BYTES 256

/* `CHECK(x)` has no room for a context argument, so the state of the running test is file state. */
static struct {
    unsigned check_count;
    unsigned failed_count;
    const char *skip_reason;
} running;

/* Weak: a test that wants to see an assertion fire brings its own. */
__attribute__((weak)) void pk_panic(const char *file, int line) {
    printf("# %s:%d: assertion failed\nBail out!\n", file, line);
    abort();
}

bool pk_test_check(bool held, const char *what, const char *file, int line) {
    running.check_count++;
    if (!held) {
        running.failed_count++;
        printf("# %s:%d: failed: %s\n", file, line, what);
    }
    return held;
}

bool pk_test_eq_int(long long got, long long want, const char *what, const char *file, int line) {
    if (pk_test_check(got == want, what, file, line)) {
        return true;
    }
    printf("#   got  %lld\n#   want %lld\n", got, want);
    return false;
}

bool pk_test_eq_u64(uint64_t got, uint64_t want, const char *what, const char *file, int line) {
    if (pk_test_check(got == want, what, file, line)) {
        return true;
    }
    printf("#   got  %llu (0x%llx)\n#   want %llu (0x%llx)\n", (unsigned long long)got,
           (unsigned long long)got, (unsigned long long)want, (unsigned long long)want);
    return false;
}

static void print_quoted(const char *label, const char *text) {
    if (text == NULL) {
        printf("#   %s NULL\n", label);
        return;
    }
    printf("#   %s \"", label);
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte >= 0x20u && byte < 0x7fu) {
            putchar(byte);
        } else {
            printf("\\x%02x", byte);
        }
    }
    printf("\"\n");
}

bool pk_test_eq_str(const char *got, const char *want, const char *what, const char *file, int line) {
    const bool is_equal = (got == NULL || want == NULL) ? got == want : strcmp(got, want) == 0;
    if (pk_test_check(is_equal, what, file, line)) {
        return true;
    }
    print_quoted("got ", got);
    print_quoted("want", want);
    return false;
}

static void print_hex(const char *label, const unsigned char *bytes, size_t size_bytes) {
    const size_t shown_bytes = size_bytes < 24u ? size_bytes : 24u;
    printf("#   %s", label);
    for (size_t i = 0; i < shown_bytes; i++) {
        printf(" %02x", bytes[i]);
    }
    printf("%s\n", shown_bytes < size_bytes ? " ..." : "");
}

bool pk_test_eq_mem(const void *got, const void *want, size_t size_bytes, const char *what, const char *file,
                    int line) {
    const unsigned char *got_bytes = got;
    const unsigned char *want_bytes = want;
    size_t same_bytes = 0;
    while (same_bytes < size_bytes && got_bytes[same_bytes] == want_bytes[same_bytes]) {
        same_bytes++;
    }
    if (pk_test_check(same_bytes == size_bytes, what, file, line)) {
        return true;
    }
    printf("#   first difference at offset %zu of %zu\n", same_bytes, size_bytes);
    print_hex("got ", got_bytes + same_bytes, size_bytes - same_bytes);
    print_hex("want", want_bytes + same_bytes, size_bytes - same_bytes);
    return false;
}

void pk_test_put_file(const char *dir, const char *name, const char *text) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!pk_test_check(f != NULL, path, __FILE__, __LINE__)) {
        return;
    }
    CHECK(fputs(text, f) >= 0);
    CHECK_EQ_INT(fclose(f), 0);
}

void pk_test_skip(const char *reason) {
    running.skip_reason = reason;
}

/* Copies the next name of the list; returns where the following one starts. */
static const char *next_name(const char *names, char out_name[PK_TEST_NAME_BYTES]) {
    while (*names == ' ' || *names == ',') {
        names++;
    }
    size_t length = strcspn(names, ", ");
    const char *rest = names + length;
    if (length >= PK_TEST_NAME_BYTES) {
        length = PK_TEST_NAME_BYTES - 1u;
    }
    memcpy(out_name, names, length);
    out_name[length] = '\0';
    return rest;
}

enum pk_test_outcome { PK_TEST_PASSED, PK_TEST_FAILED, PK_TEST_SKIPPED };

static enum pk_test_outcome run_one(void (*run)(void), const char *name, unsigned number) {
    memset(&running, 0, sizeof running);
    run();
    if (running.failed_count == 0 && running.skip_reason != NULL) {
        printf("ok %u - %s # SKIP %s\n", number, name, running.skip_reason);
        return PK_TEST_SKIPPED;
    }
    if (running.check_count == 0) {
        printf("# %s: made no check\n", name);
        running.failed_count++;
    }
    const bool has_passed = running.failed_count == 0;
    printf("%s %u - %s\n", has_passed ? "ok" : "not ok", number, name);
    return has_passed ? PK_TEST_PASSED : PK_TEST_FAILED;
}

int pk_test_main(void (*const *runs)(void), size_t run_count, const char *names, int argc, char **argv) {
    const bool lists_only = argc > 1 && strcmp(argv[1], "--list") == 0;
    const char *filter = argc > 1 && !lists_only ? argv[1] : "";
    unsigned outcome_counts[3] = {0, 0, 0};
    unsigned number = 0;

    /* Unbuffered: what a crashing test printed must not be lost. */
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < run_count; i++) {
        char name[PK_TEST_NAME_BYTES];
        names = next_name(names, name);
        if (lists_only) {
            printf("%s\n", name);
        } else if (strstr(name, filter) != NULL) {
            outcome_counts[run_one(runs[i], name, ++number)]++;
        }
    }
    if (lists_only) {
        return 0;
    }
    printf("1..%u\n", number);
    if (number == 0) {
        printf("# no test name contains \"%s\"\n", filter);
        return PK_TEST_EXIT_NO_MATCH;
    }
    if (outcome_counts[PK_TEST_FAILED] > 0) {
        printf("# %u of %u failed\n", outcome_counts[PK_TEST_FAILED], number);
        return PK_TEST_EXIT_FAILED;
    }
    return outcome_counts[PK_TEST_SKIPPED] == number ? PK_TEST_EXIT_SKIPPED : 0;
}
