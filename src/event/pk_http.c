#include "event/pk_http.h"

#include <string.h>

#include "base/pk_assert.h"

static bool is_plain(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) {
            return false;
        }
    }
    return s.n > 0;
}

int pk_http_get(struct pk_buf *out, struct pk_str host, uint16_t port, struct pk_str path,
                struct pk_str accept) {
    if (!is_plain(host) || !is_plain(path) || path.p[0] != '/') {
        return PK_E_BAD_FIELD;
    }
    const bool is_v6 = memchr(host.p, ':', host.n) != NULL;
    pk_buf_puts(out, "GET ");
    pk_buf_put_str(out, path);
    pk_buf_puts(out, is_v6 ? " HTTP/1.1\r\nHost: [" : " HTTP/1.1\r\nHost: ");
    pk_buf_put_str(out, host);
    pk_buf_puts(out, is_v6 ? "]" : "");
    if (port != 0) {
        pk_buf_putc(out, ':');
        pk_buf_put_u64(out, port);
    }
    pk_buf_puts(out, "\r\nUser-Agent: picketd\r\nAccept: ");
    pk_buf_put_str(out, accept);
    pk_buf_puts(out, "\r\nConnection: close\r\n\r\n");
    return out->is_cut ? PK_E_TOO_BIG : PK_OK;
}

void pk_http_init(struct pk_http *h) {
    *h = (struct pk_http){.state = PK_HTTP_STATUS};
}

/* "HTTP/1.1 200 OK" */
static int parse_status(struct pk_http *h, struct pk_str line) {
    uint64_t status = 0;
    if (!pk_str_starts(line, "HTTP/1.") || line.n < 12 || line.p[8] != ' ' ||
        (line.n > 12 && line.p[12] != ' ') || pk_parse_u64(pk_str_make(line.p + 9, 3), &status) != PK_OK ||
        status < 100 || status > 599) {
        return PK_E_BAD_MSG;
    }
    h->status = (uint16_t)status;
    h->state = PK_HTTP_HEADERS;
    return PK_OK;
}

static int end_of_head(struct pk_http *h) {
    if (h->status < 200) { /* "100 Continue": the answer proper follows */
        *h = (struct pk_http){.state = PK_HTTP_STATUS, .head_bytes = h->head_bytes};
        return PK_OK;
    }
    if (h->is_chunked) {
        h->state = PK_HTTP_CHUNK_SIZE;
    } else if (h->status == 204 || h->status == 304 || (h->has_length && h->left_bytes == 0)) {
        h->state = PK_HTTP_END;
    } else {
        h->state = PK_HTTP_BODY;
    }
    return PK_OK;
}

static int parse_header(struct pk_http *h, struct pk_str line) {
    struct pk_str name;
    if (line.n == 0) {
        return end_of_head(h);
    }
    if (!pk_str_split(&line, ':', &name) || line.p == NULL || name.n == 0) {
        return PK_E_BAD_MSG;
    }
    const struct pk_str value = pk_str_trim(line);
    if (pk_str_eq_nocase(name, "transfer-encoding")) {
        h->is_chunked = pk_str_eq_nocase(value, "chunked");
        return h->is_chunked ? PK_OK : PK_E_BAD_MSG; /* we asked for no other */
    }
    if (pk_str_eq_nocase(name, "content-length")) {
        uint64_t bytes = 0;
        if (pk_parse_u64(value, &bytes) != PK_OK || (h->has_length && bytes != h->left_bytes)) {
            return PK_E_BAD_MSG; /* two that differ: somebody is being smuggled past */
        }
        h->has_length = true;
        h->left_bytes = bytes;
    }
    return PK_OK;
}

static int parse_chunk_size(struct pk_http *h, struct pk_str line) {
    struct pk_str size;
    uint64_t bytes = 0;
    if (!pk_str_split(&line, ';', &size) || pk_parse_hex_u64(pk_str_trim(size), &bytes) != PK_OK) {
        return PK_E_BAD_MSG;
    }
    h->left_bytes = bytes;
    h->state = bytes > 0 ? PK_HTTP_CHUNK : PK_HTTP_TRAILER;
    return PK_OK;
}

static int take_line(struct pk_http *h) {
    struct pk_str line = pk_str_make(h->line, h->line_bytes);
    h->line_bytes = 0;
    if (line.n > 0 && line.p[line.n - 1u] == '\r') {
        line.n--;
    }
    switch (h->state) {
    case PK_HTTP_STATUS:
        return parse_status(h, line);
    case PK_HTTP_HEADERS:
        return parse_header(h, line);
    case PK_HTTP_CHUNK_SIZE:
        return parse_chunk_size(h, line);
    case PK_HTTP_CHUNK_END:
        h->state = PK_HTTP_CHUNK_SIZE;
        return line.n == 0 ? PK_OK : PK_E_BAD_MSG;
    case PK_HTTP_TRAILER:
        h->state = line.n == 0 ? PK_HTTP_END : PK_HTTP_TRAILER;
        return PK_OK;
    case PK_HTTP_BODY:
    case PK_HTTP_CHUNK:
    case PK_HTTP_END:
        break;
    }
    return PK_E_BAD_MSG;
}

/* Up to and with a line end. */
static int feed_line(struct pk_http *h, const char *p, uint32_t n) {
    const char *end = memchr(p, '\n', n);
    const uint32_t taken = end == NULL ? n : (uint32_t)(end - p) + 1u;
    const uint32_t body = end == NULL ? taken : taken - 1u;
    h->head_bytes += taken;
    if (h->head_bytes > PK_HTTP_HEAD_BYTES) {
        return PK_E_TOO_BIG;
    }
    if (memchr(p, '\0', body) != NULL) {
        return PK_E_BAD_MSG;
    }
    const uint32_t room = PK_HTTP_LINE_BYTES - h->line_bytes;
    const uint32_t kept = body < room ? body : room;
    memcpy(h->line + h->line_bytes, p, kept);
    h->line_bytes += kept;
    if (end != NULL) {
        const int err = take_line(h);
        if (err < 0) {
            return err;
        }
    }
    return (int)taken;
}

static int feed_body(struct pk_http *h, const char *p, uint32_t n, struct pk_str *out_body) {
    const bool is_bounded = h->state == PK_HTTP_CHUNK || h->has_length;
    const uint32_t taken = is_bounded && h->left_bytes < n ? (uint32_t)h->left_bytes : n;
    *out_body = pk_str_make(p, taken);
    if (is_bounded) {
        h->left_bytes -= taken;
    }
    if (is_bounded && h->left_bytes == 0) {
        h->head_bytes = 0; /* the limit is of one head, or of one chunk's line */
        h->state = h->state == PK_HTTP_CHUNK ? PK_HTTP_CHUNK_END : PK_HTTP_END;
    }
    return (int)taken;
}

int pk_http_feed(struct pk_http *h, const char *p, uint32_t n, struct pk_str *out_body) {
    *out_body = pk_str_make(NULL, 0);
    uint32_t at = 0;
    while (at < n && h->state != PK_HTTP_END) {
        const bool is_body = h->state == PK_HTTP_BODY || h->state == PK_HTTP_CHUNK;
        const int taken = is_body ? feed_body(h, p + at, n - at, out_body) : feed_line(h, p + at, n - at);
        if (taken < 0) {
            return taken;
        }
        at += (uint32_t)taken;
        if (is_body) {
            break;
        }
    }
    PK_ASSERT(at <= n);
    return (int)at;
}

bool pk_http_has_head(const struct pk_http *h) {
    return h->state > PK_HTTP_HEADERS;
}

bool pk_http_is_whole(const struct pk_http *h) {
    return h->state == PK_HTTP_END || (h->state == PK_HTTP_BODY && !h->has_length);
}
