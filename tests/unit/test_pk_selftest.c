#include "agent/pk_selftest.h"

#include "support/gateway_test.h"

static int refuse_all(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                      const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    (void)ctx;
    (void)public_key;
    (void)msg;
    (void)signature;
    return PK_E_BAD_SIGNATURE;
}

static int accept_all(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                      const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    (void)ctx;
    (void)public_key;
    (void)msg;
    (void)signature;
    return PK_OK;
}

static int same_bytes(void *ctx, void *out, uint32_t n) {
    (void)ctx;
    memset(out, 7, n);
    return PK_OK;
}

/* Failed tests with that port; the text names each. */
static uint32_t failures(const struct pk_port *port, char *text, uint32_t cap_bytes) {
    struct pk_buf b;
    pk_buf_init(&b, text, cap_bytes);
    const uint32_t failed = pk_selftest(port, &b);
    CHECK(!b.is_cut);
    return failed;
}

PK_TEST(selftest__sound_port__passes_and_names_every_test) {
    char text[1024];
    prepare(NULL);
    CHECK_EQ_U64(failures(&gw.port, text, sizeof text), 0);
    CHECK(strstr(text, "ok     sha256\n") != NULL);
    CHECK(strstr(text, "ok     shipped rules\n") != NULL);
    CHECK(strstr(text, "FAILED") == NULL);
}

PK_TEST(selftest__broken_parts__are_found) {
    char text[1024];
    prepare(NULL);
    struct pk_port port = gw.port;
    port.crypto.es256_verify = refuse_all;
    CHECK_EQ_U64(failures(&port, text, sizeof text), 1);
    CHECK(strstr(text, "FAILED es256\n") != NULL);
    port.crypto.es256_verify = accept_all; /* a forged signature passes */
    CHECK_EQ_U64(failures(&port, text, sizeof text), 1);
    port = gw.port;
    port.entropy.fill = same_bytes;
    CHECK(failures(&port, text, sizeof text) >= 1);
    CHECK(strstr(text, "FAILED entropy\n") != NULL);
}

PK_TEST_MAIN(selftest__sound_port__passes_and_names_every_test, selftest__broken_parts__are_found)
