/* A series that comes back from the store, then values of any kind: it is refused, or every score is from 0
 * to 1 and what it became can be kept again. */
#include "detect/pk_anomaly_bytes.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POINT_BYTES = 9 };

static void push(struct pk_anomaly *a, const uint8_t *point) {
    double value;
    double score = -1;
    memcpy(&value, point, sizeof value);
    const int64_t wall_ms = (int64_t)point[8] * 7654321 - 1000000000;
    const int err = pk_anomaly_push(a, value, wall_ms, point[8] % 4u != 0, &score);
    PK_ASSERT(err == PK_OK || err == PK_E_BAD_FIELD);
    PK_ASSERT(score >= 0 && score <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_anomaly a;
    uint8_t bytes[PK_ANOMALY_BYTES];
    const uint32_t head = size < PK_ANOMALY_BYTES ? (uint32_t)size : (uint32_t)PK_ANOMALY_BYTES;
    const bool is_taken = pk_anomaly_load(&a, data, head) == PK_OK;
    if (is_taken) {
        pk_anomaly_save(&a, bytes);
        PK_ASSERT(memcmp(bytes, data, sizeof bytes) == 0);
    }
    for (size_t at = is_taken ? head : 0; at + POINT_BYTES <= size; at += POINT_BYTES) {
        push(&a, data + at);
    }
    pk_anomaly_save(&a, bytes);
    if (!is_taken) { /* it began as a fresh one, so it cannot have left the bounds */
        PK_ASSERT(pk_anomaly_load(&a, bytes, sizeof bytes) == PK_OK);
    }
    return 0;
}
