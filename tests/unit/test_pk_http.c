#include "event/pk_http.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_http http;
static char the_body[4096];
static uint32_t body_bytes;

/* Feeds a whole answer in pieces of `step` bytes; PK_OK or the error. */
static int feed(const char *text, uint32_t n, uint32_t step) {
    pk_http_init(&http);
    body_bytes = 0;
    for (uint32_t at = 0; at < n;) {
        const uint32_t piece = n - at < step ? n - at : step;
        uint32_t done = 0;
        while (done < piece && http.state != PK_HTTP_END) {
            struct pk_str body;
            const int taken = pk_http_feed(&http, text + at + done, piece - done, &body);
            if (taken < 0) {
                return taken;
            }
            CHECK(taken > 0);
            if (body.n > 0 && body_bytes + body.n <= sizeof the_body) {
                memcpy(the_body + body_bytes, body.p, body.n);
                body_bytes += body.n;
            }
            done += (uint32_t)taken;
        }
        at += piece;
    }
    return PK_OK;
}

static int feed_text(const char *text, uint32_t step) {
    return feed(text, (uint32_t)strlen(text), step);
}

static bool has_body(const char *text) {
    return body_bytes == strlen(text) && memcmp(the_body, text, body_bytes) == 0;
}

PK_TEST(get__what_is_asked) {
    char text[256];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_http_get(&b, pk_str_of("web.example"), 0, pk_str_of("/x?y=1"), pk_str_of("*/*")), PK_OK);
    CHECK_STR(text, "GET /x?y=1 HTTP/1.1\r\nHost: web.example\r\nUser-Agent: picketd\r\nAccept: */*\r\n"
                    "Connection: close\r\n\r\n");
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_http_get(&b, pk_str_of("::1"), 0, pk_str_of("/"), pk_str_of("*/*")), PK_OK);
    CHECK(strstr(text, "Host: [::1]\r\n") != NULL);
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_http_get(&b, pk_str_of("::1"), 8080, pk_str_of("/"), pk_str_of("*/*")), PK_OK);
    CHECK(strstr(text, "Host: [::1]:8080\r\n") != NULL);
    static const char *const bad[][2] = {{"web example", "/"},  {"", "/"},
                                         {"web", "no-slash"},   {"web", "/a b"},
                                         {"web", "/a\r\nX: y"}, {"web", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pk_buf_init(&b, text, sizeof text);
        CHECK_EQ_INT(pk_http_get(&b, pk_str_of(bad[i][0]), 0, pk_str_of(bad[i][1]), pk_str_of("*/*")),
                     PK_E_BAD_FIELD);
    }
    pk_buf_init(&b, text, 20);
    CHECK_EQ_INT(pk_http_get(&b, pk_str_of("web"), 0, pk_str_of("/"), pk_str_of("*/*")), PK_E_TOO_BIG);
}

PK_TEST(answer__in_pieces_of_any_size) {
    static const char *const text = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 11\r\n\r\nhello world";
    for (uint32_t step = 1; step < 70; step++) {
        CHECK_EQ_INT(feed_text(text, step), PK_OK);
        CHECK_EQ_INT(http.status, 200);
        CHECK(pk_http_has_head(&http) && pk_http_is_whole(&http) && has_body("hello world"));
    }
}

PK_TEST(answer__chunks_and_trailers) {
    static const char *const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "5;name=x\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n";
    for (uint32_t step = 1; step < 120; step++) {
        CHECK_EQ_INT(feed_text(text, step), PK_OK);
        CHECK(pk_http_is_whole(&http) && has_body("hello world"));
    }
    CHECK_EQ_INT(feed(text, (uint32_t)strlen(text) - 4u, 64), PK_OK);
    CHECK(!pk_http_is_whole(&http)); /* its end did not come */
}

PK_TEST(answer__without_length_lasts_as_long_as_the_connection) {
    CHECK_EQ_INT(feed_text("HTTP/1.0 404 Not Found\nContent-Type: text/plain\n\nno such page", 7), PK_OK);
    CHECK_EQ_INT(http.status, 404);
    CHECK(pk_http_is_whole(&http) && has_body("no such page"));
    CHECK_EQ_INT(feed_text("HTTP/1.1 204 No Content\r\n\r\n", 100), PK_OK);
    CHECK(pk_http_is_whole(&http) && http.state == PK_HTTP_END);
    CHECK_EQ_INT(feed_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", 100), PK_OK);
    CHECK(!pk_http_is_whole(&http));
    CHECK_EQ_INT(feed_text("HTTP/1.1 200 OK\r\nContent-Le", 100), PK_OK);
    CHECK(!pk_http_has_head(&http) && !pk_http_is_whole(&http));
}

PK_TEST(answer__interim_ones_are_passed_over) {
    CHECK_EQ_INT(feed_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 9),
                 PK_OK);
    CHECK_EQ_INT(http.status, 200);
    CHECK(has_body("ok"));
}

PK_TEST(answer__what_is_no_answer_is_refused) {
    static const char *const bad[] = {
        "220 mail.example ESMTP\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 600 High\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(feed_text(bad[i], 1000), PK_E_BAD_MSG);
        CHECK_EQ_INT(feed_text(bad[i], 1), PK_E_BAD_MSG);
    }
    static const char nul[] = "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n";
    CHECK_EQ_INT(feed(nul, sizeof nul - 1u, 100), PK_E_BAD_MSG);
}

PK_TEST(answer__a_head_without_end_is_bounded) {
    static char text[PK_HTTP_HEAD_BYTES + 8192];
    int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n");
    while (n + 1200 < (int)sizeof text) { /* lines longer than what is kept of one are fine */
        n += snprintf(text + n, sizeof text - (size_t)n, "X-Filler: %01000d\r\n", 1);
    }
    CHECK_EQ_INT(feed(text, (uint32_t)n, 4096), PK_E_TOO_BIG);
    CHECK_EQ_INT(feed(text, 10000, 4096), PK_OK);
    CHECK(!pk_http_has_head(&http));
}

PK_TEST_MAIN(get__what_is_asked, answer__in_pieces_of_any_size, answer__chunks_and_trailers,
             answer__without_length_lasts_as_long_as_the_connection, answer__interim_ones_are_passed_over,
             answer__what_is_no_answer_is_refused, answer__a_head_without_end_is_bounded)
