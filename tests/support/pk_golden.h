/* Golden vectors: files of tests/data/golden, shared by all programs. For unit tests (PK_SOURCE_DIR). */
#ifndef PK_GOLDEN_H
#define PK_GOLDEN_H

#include <stdio.h>

#include "base/pk_text.h"
#include "support/pk_test.h"

/* Whole file, terminated; a missing one fails the test and reads as empty. */
static inline struct pk_str pk_golden(const char *name, char *out, size_t cap_bytes) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/data/golden/%s", PK_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    out[0] = '\0';
    if (!pk_test_check(f != NULL, path, __FILE__, __LINE__)) {
        return pk_str_make(out, 0);
    }
    const size_t n = fread(out, 1, cap_bytes - 1, f);
    (void)pk_test_check(n < cap_bytes - 1, "the vector fits the buffer", __FILE__, __LINE__);
    (void)fclose(f);
    out[n] = '\0';
    return pk_str_make(out, n);
}
#endif
