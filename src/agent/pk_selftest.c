#include "agent/pk_selftest.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_base64.h"
#include "base/pk_hash.h"
#include "base/pk_json.h"
#include "base/pk_time.h"
#include "detect/pk_ruleset.h"

static bool test_crc(const struct pk_port *port) {
    (void)port;
    return pk_crc32c(0, "123456789", 9) == 0xE3069283u; /* RFC 3720 B.4's polynomial, the usual check value */
}

/* FIPS 180-4: SHA-256 of "abc". */
static bool test_sha256(const struct pk_port *port) {
    static const uint8_t WANT[PK_SHA256_BYTES] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    const struct pk_str parts[] = {{"a", 1}, {"bc", 2}};
    uint8_t got[PK_SHA256_BYTES];
    port->crypto.sha256(port->crypto.ctx, parts, 2, got);
    return memcmp(got, WANT, sizeof got) == 0;
}

static bool test_es256(const struct pk_port *port) {
    const struct pk_port_crypto *c = &port->crypto;
    uint8_t private_key[PK_ES256_PRIVATE_BYTES], public_key[PK_ES256_PUBLIC_BYTES],
        signature[PK_ES256_SIGNATURE_BYTES];
    const struct pk_str message = pk_str_of("picket");
    if (c->es256_keygen(c->ctx, private_key, public_key) != PK_OK ||
        c->es256_sign(c->ctx, private_key, message, signature) != PK_OK) {
        return false;
    }
    const bool is_good = c->es256_verify(c->ctx, public_key, message, signature) == PK_OK;
    signature[10] ^= 1u;
    const bool is_forged = c->es256_verify(c->ctx, public_key, message, signature) == PK_OK;
    memset(private_key, 0, sizeof private_key);
    return is_good && !is_forged;
}

static bool test_entropy(const struct pk_port *port) {
    uint8_t a[16], b[16];
    return port->entropy.fill(port->entropy.ctx, a, sizeof a) == PK_OK &&
           port->entropy.fill(port->entropy.ctx, b, sizeof b) == PK_OK && memcmp(a, b, sizeof a) != 0;
}

static bool test_clock(const struct pk_port *port) {
    const uint64_t a = port->clock.mono_ms(port->clock.ctx);
    return a > 0 && port->clock.mono_ms(port->clock.ctx) >= a;
}

static bool test_json(const struct pk_port *port) {
    static const char DOC[] = "{\"a\":[1,2.5,\"x\\u00e9\"],\"b\":null}";
    struct pk_json_reader r;
    struct pk_json_token t;
    uint32_t tokens = 0;
    (void)port;
    pk_json_init(&r, DOC, sizeof DOC - 1);
    while (pk_json_next(&r, &t) == PK_OK && t.kind != PK_JSON_END) {
        tokens++;
    }
    return tokens == 8 && t.kind == PK_JSON_END;
}

static bool test_text(const struct pk_port *port) {
    uint8_t bytes[8];
    int64_t wall_ms = 0;
    char text[PK_TIME_TEXT_BYTES];
    (void)port;
    pk_time_format(1795237490123, text);
    return pk_base64url_decode(pk_str_of("Zm9v"), bytes, sizeof bytes) == 3 && memcmp(bytes, "foo", 3) == 0 &&
           pk_time_parse(pk_str_of(text), &wall_ms) == PK_OK && wall_ms == 1795237490123;
}

static bool test_rules(const struct pk_port *port) {
    struct pk_rule_price price;
    struct pk_diag diag;
    (void)port;
    return pk_ruleset_check(&PK_SHIPPED_RULES, NULL, 0, NULL, NULL, &price, &diag) == PK_OK &&
           price.rules > 0;
}

static const struct {
    const char *name;
    bool (*run)(const struct pk_port *port);
} TESTS[] = {{"crc32c", test_crc},      {"sha256", test_sha256},      {"es256", test_es256},
             {"entropy", test_entropy}, {"clock", test_clock},        {"json", test_json},
             {"text", test_text},       {"shipped rules", test_rules}};

uint32_t pk_selftest(const struct pk_port *port, struct pk_buf *out) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < PK_COUNT_OF(TESTS); i++) {
        const bool is_ok = TESTS[i].run(port);
        failed += is_ok ? 0 : 1;
        pk_buf_puts(out, is_ok ? "ok     " : "FAILED ");
        pk_buf_puts(out, TESTS[i].name);
        pk_buf_putc(out, '\n');
    }
    return failed;
}
