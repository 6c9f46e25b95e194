#include "base/pk_base64.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static int decode(const char *text, uint8_t *out, size_t cap_bytes) {
    return pk_base64url_decode(pk_str_of(text), out, cap_bytes);
}

PK_TEST(base64url__rfc_4648_vectors__both_ways) {
    static const char *const ROWS[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char text[32];
        uint8_t out[32];
        struct pk_buf b;
        const size_t n = strlen(ROWS[i][0]);
        pk_buf_init(&b, text, sizeof text);
        pk_base64url_encode(&b, (const uint8_t *)ROWS[i][0], n);
        CHECK_STR(text, ROWS[i][1]);
        CHECK_EQ_INT(decode(ROWS[i][1], out, sizeof out), n);
        CHECK_MEM(out, ROWS[i][0], n);
    }
}

PK_TEST(base64url__characters_62_and_63__are_minus_and_underscore) {
    static const uint8_t BYTES[] = {0xFB, 0xEF, 0xFF};
    char text[8];
    uint8_t out[3];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_base64url_encode(&b, BYTES, sizeof BYTES);
    CHECK_STR(text, "--__");
    CHECK_EQ_INT(decode("--__", out, sizeof out), 3);
    CHECK_MEM(out, BYTES, 3);
}

PK_TEST(base64url_decode__anything_loose__is_refused) {
    static const char *const BAD[] = {"A",   "AAAAA", "Zg==", "Zg=",  "Zh",   "Zm9",  "+w",       "/w",
                                      "Z g", " Zg",   "Zg ",  "Zg\n", "Zm8_", "Zm.v", "\xC3\xA4Z"};
    uint8_t out[16];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const bool is_fine = strcmp(BAD[i], "Zm8_") == 0; /* three whole bytes: the control */
        CHECK_EQ_INT(decode(BAD[i], out, sizeof out), is_fine ? 3 : PK_E_BAD_FIELD);
    }
    CHECK_EQ_INT(pk_base64url_decode(pk_str_make("Zg\0A", 4), out, sizeof out), PK_E_BAD_FIELD);
}

PK_TEST(base64url_decode__output_too_small__is_too_big) {
    uint8_t out[6] = {0};
    CHECK_EQ_INT(decode("Zm9vYmFy", out, 5), PK_E_TOO_BIG);
    CHECK_EQ_INT(decode("Zm9vYmFy", out, 6), 6);
    CHECK_EQ_INT(decode("", out, 0), 0);
}

PK_TEST(base64url_encode__no_room__cuts_whole) {
    char text[9];
    struct pk_buf b;
    pk_buf_init(&b, text, 8);
    pk_base64url_encode(&b, (const uint8_t *)"foobar", 6);
    CHECK(b.is_cut);
    CHECK_STR(text, "");
    pk_buf_init(&b, text, 9);
    pk_base64url_encode(&b, (const uint8_t *)"foobar", 6);
    CHECK(!b.is_cut);
    CHECK_STR(text, "Zm9vYmFy");
    pk_buf_init(&b, text, 3);
    pk_base64url_encode(&b, (const uint8_t *)"f", 1);
    CHECK_STR(text, "Zg");
    pk_buf_init(&b, text, 2);
    pk_base64url_encode(&b, (const uint8_t *)"f", 1);
    CHECK(b.is_cut);
}

PK_TEST(base64url__random_bytes__round_trip_and_one_text_each) {
    struct pk_rng r;
    pk_rng_seed(&r, 64);
    for (uint32_t n = 0; n < 200; n++) {
        uint8_t bytes[200];
        uint8_t back[200];
        char text[300];
        struct pk_buf b;
        for (uint32_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)pk_rng_u64(&r);
        }
        pk_buf_init(&b, text, sizeof text);
        pk_base64url_encode(&b, bytes, n);
        REQUIRE(!b.is_cut);
        CHECK_EQ_U64(b.n, (n * 4u + 2u) / 3u);
        CHECK_EQ_INT(pk_base64url_decode(pk_buf_str(&b), back, n), n);
        CHECK_MEM(back, bytes, n);
    }
}

PK_TEST_MAIN(base64url__rfc_4648_vectors__both_ways,
             base64url__characters_62_and_63__are_minus_and_underscore,
             base64url_decode__anything_loose__is_refused, base64url_decode__output_too_small__is_too_big,
             base64url_encode__no_room__cuts_whole, base64url__random_bytes__round_trip_and_one_text_each)
