/* An HTTP answer, in pieces: the pieces do not matter, and its body is never more than came. The first byte
 * is the size of the pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int err;
    uint16_t status;
    bool is_whole;
    size_t body_bytes;
};

static struct outcome feed(const char *p, size_t n, size_t step) {
    struct pk_http h;
    struct outcome o = {.err = PK_OK};
    pk_http_init(&h);
    for (size_t at = 0; at < n && o.err == PK_OK && h.state != PK_HTTP_END;) {
        const size_t piece = n - at < step ? n - at : step;
        struct pk_str body;
        const int taken = pk_http_feed(&h, p + at, (uint32_t)piece, &body);
        PK_ASSERT(taken != 0 && taken <= (int)piece);
        PK_ASSERT(taken < 0 || body.n == 0 || (body.p >= p + at && body.p + body.n <= p + at + piece));
        o.err = taken < 0 ? taken : PK_OK;
        at += taken > 0 ? (size_t)taken : 0;
        o.body_bytes += taken > 0 ? body.n : 0;
    }
    o.status = pk_http_has_head(&h) ? h.status : 0;
    o.is_whole = pk_http_is_whole(&h);
    PK_ASSERT(o.body_bytes <= n && (o.status == 0 || (o.status >= 200 && o.status <= 599)));
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 65536) {
        return 0;
    }
    char *copy = malloc(size - 1u);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data + 1, size - 1u);
    const struct outcome whole = feed(copy, size - 1u, size);
    const struct outcome pieces = feed(copy, size - 1u, (size_t)data[0] + 1u);
    PK_ASSERT(whole.err == pieces.err);
    PK_ASSERT(whole.err != PK_OK || (whole.status == pieces.status && whole.is_whole == pieces.is_whole &&
                                     whole.body_bytes == pieces.body_bytes));
    free(copy);
    return 0;
}
