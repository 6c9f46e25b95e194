#ifndef PK_HTTP_H
#define PK_HTTP_H
/* The answer of an HTTP/1.x server, as it comes in pieces, in fixed memory (RFC 9112). The server is hostile:
 * lines and headers are bounded, what is not of the form is refused. */
#include "base/pk_text.h"

enum {
    PK_HTTP_LINE_BYTES = 512, /* of a header line that means something to us; longer ones are passed over */
    PK_HTTP_HEAD_BYTES = 32768
};

enum pk_http_state {
    PK_HTTP_STATUS,
    PK_HTTP_HEADERS,
    PK_HTTP_BODY,
    PK_HTTP_CHUNK_SIZE,
    PK_HTTP_CHUNK,
    PK_HTTP_CHUNK_END,
    PK_HTTP_TRAILER,
    PK_HTTP_END
};
struct pk_http {
    enum pk_http_state state;
    uint16_t status; /* 100..599 once the head is over */
    bool is_chunked, has_length;
    uint64_t left_bytes; /* of the body, or of the chunk */
    uint32_t head_bytes, line_bytes;
    char line[PK_HTTP_LINE_BYTES];
};

/* "GET path HTTP/1.1" with Host, Connection: close. port 0: that of the scheme, which the Host line leaves
 * out (RFC 9110, 7.2). PK_OK, PK_E_TOO_BIG, or PK_E_BAD_FIELD (a blank or control byte in host or path). */
PK_MUST_USE int pk_http_get(struct pk_buf *out, struct pk_str host, uint16_t port, struct pk_str path,
                            struct pk_str accept);
void pk_http_init(struct pk_http *h);
/* Takes bytes up to the first piece of body: that is *out_body (within p, empty while there is none). Bytes
 * taken (> 0 unless n is 0 or the answer is over); PK_E_BAD_MSG, PK_E_TOO_BIG. Interim answers (1xx) are
 * passed over. */
PK_MUST_USE int pk_http_feed(struct pk_http *h, const char *p, uint32_t n, struct pk_str *out_body);
bool pk_http_has_head(const struct pk_http *h);
/* The connection ended. Whether the answer is whole. */
bool pk_http_is_whole(const struct pk_http *h);
#endif
