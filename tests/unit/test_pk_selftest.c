#include "agent/pk_selftest.h"

#include "base/pk_assert.h"
#include "support/gateway_test.h"

static uint32_t run(char *text, uint32_t cap) {
    struct pk_buf b;
    pk_buf_init(&b, text, cap);
    return pk_selftest(&gw.port, &b);
}

PK_TEST(selftest__sound_machine__every_line_is_ok) {
    char text[2048];
    prepare(NULL);
    CHECK_EQ_U64(run(text, sizeof text), 0);
    CHECK(strstr(text, "FAILED") == NULL);
    static const char *const NAMES[] = {"crc32c", "sha256", "es256", "entropy",
                                        "clock",  "json",   "text",  "shipped rules"};
    for (uint32_t i = 0; i < PK_COUNT_OF(NAMES); i++) {
        CHECK(strstr(text, NAMES[i]) != NULL);
    }
}

static void wrong_sha256(void *ctx, const struct pk_str *parts, uint32_t part_count,
                         uint8_t out[PK_SHA256_BYTES]) {
    (void)ctx;
    (void)parts;
    (void)part_count;
    memset(out, 0x5A, PK_SHA256_BYTES);
}

static int constant_entropy(void *ctx, void *out, uint32_t n) {
    (void)ctx;
    memset(out, 7, n);
    return PK_OK;
}

static uint64_t stopped_clock(void *ctx) {
    (void)ctx;
    return 0;
}

static int believing_verify(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                            const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    (void)ctx;
    (void)public_key;
    (void)msg;
    (void)signature;
    return PK_OK;
}

PK_TEST(selftest__broken_parts__are_named) {
    char text[2048];
    prepare(NULL);
    gw.port.crypto.sha256 = wrong_sha256;
    gw.port.crypto.es256_verify = believing_verify;
    gw.port.entropy.fill = constant_entropy;
    gw.port.clock.mono_ms = stopped_clock;
    CHECK_EQ_U64(run(text, sizeof text), 4);
    CHECK(strstr(text, "FAILED sha256") != NULL);
    CHECK(strstr(text, "FAILED es256") != NULL); /* a forged signature must not pass */
    CHECK(strstr(text, "FAILED entropy") != NULL);
    CHECK(strstr(text, "FAILED clock") != NULL);
    CHECK(strstr(text, "ok     crc32c") != NULL);
}

PK_TEST_MAIN(selftest__sound_machine__every_line_is_ok, selftest__broken_parts__are_named)
