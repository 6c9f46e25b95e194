/* ctest: lane=quick timeout=60 */
#include "base/pk_base64.h"
#include "contract/rig.h"

static void from_hex(const char *hex, uint8_t *out) {
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static void check_sha(struct rig *r, const struct pk_str *parts, uint32_t count, const char *want_hex) {
    uint8_t want[PK_SHA256_BYTES];
    uint8_t hash[PK_SHA256_BYTES];
    from_hex(want_hex, want);
    r->port.crypto.sha256(r->port.crypto.ctx, parts, count, hash);
    CHECK_MEM(hash, want, sizeof want);
}

/* FIPS 180-4 examples. */
ON_BOTH(sha256__nist_examples__in_any_parts) {
    const struct pk_str empty = pk_str_of("");
    check_sha(rig, &empty, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha(rig, NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const struct pk_str abc[] = {pk_str_of("a"), pk_str_of(""), pk_str_of("bc")};
    check_sha(rig, abc, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const struct pk_str two_blocks = pk_str_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    check_sha(rig, &two_blocks, 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char as[100000];
    memset(as, 'a', sizeof as);
    struct pk_str million[10];
    for (uint32_t i = 0; i < 10; i++) {
        million[i] = pk_str_make(as, sizeof as);
    }
    check_sha(rig, million, 10, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 6979 A.2.5, P-256 with SHA-256. */
static const char key_hex[] = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
static const char public_hex[] = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
                                 "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
static const char sample_hex[] = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                                 "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
static const char test_hex[] = "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
                               "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083";

static int verify(struct rig *r, const uint8_t *key, const char *msg, const uint8_t *signature) {
    return r->port.crypto.es256_verify(r->port.crypto.ctx, key, pk_str_of(msg), signature);
}

ON_BOTH(es256_verify__rfc6979_vectors) {
    uint8_t key[PK_ES256_PUBLIC_BYTES];
    uint8_t sample[PK_ES256_SIGNATURE_BYTES];
    uint8_t test[PK_ES256_SIGNATURE_BYTES];
    from_hex(public_hex, key);
    from_hex(sample_hex, sample);
    from_hex(test_hex, test);
    CHECK_EQ_INT(verify(rig, key, "sample", sample), PK_OK);
    CHECK_EQ_INT(verify(rig, key, "test", test), PK_OK);
    CHECK_EQ_INT(verify(rig, key, "test", sample), PK_E_BAD_SIGNATURE);
    CHECK_EQ_INT(verify(rig, key, "sampl", sample), PK_E_BAD_SIGNATURE);
}

/* RFC 7515 A.3. */
ON_BOTH(es256_verify__rfc7515_token) {
    uint8_t key[PK_ES256_PUBLIC_BYTES];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    CHECK_EQ_INT(pk_base64url_decode(pk_str_of("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), key, 32), 32);
    CHECK_EQ_INT(pk_base64url_decode(pk_str_of("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"), key + 32, 32),
                 32);
    CHECK_EQ_INT(
        pk_base64url_decode(pk_str_of("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                                      "pmWQxfKTUJqPP3-Kg6NU1Q"),
                            signature, sizeof signature),
        64);
    CHECK_EQ_INT(
        verify(rig, key,
               "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
               "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
               signature),
        PK_OK);
}

ON_BOTH(es256_verify__bad_keys_and_signatures__never_pass) {
    uint8_t key[PK_ES256_PUBLIC_BYTES];
    uint8_t good[PK_ES256_SIGNATURE_BYTES];
    uint8_t bad[PK_ES256_SIGNATURE_BYTES];
    from_hex(public_hex, key);
    from_hex(sample_hex, good);
    for (uint32_t bit = 0; bit < 512; bit += 37) {
        memcpy(bad, good, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CHECK_EQ_INT(verify(rig, key, "sample", bad), PK_E_BAD_SIGNATURE);
    }
    memset(bad, 0, sizeof bad);
    CHECK_EQ_INT(verify(rig, key, "sample", bad), PK_E_BAD_SIGNATURE);
    memset(bad, 0xFF, sizeof bad);
    CHECK_EQ_INT(verify(rig, key, "sample", bad), PK_E_BAD_SIGNATURE);
    key[63] ^= 1; /* not on the curve */
    CHECK_EQ_INT(verify(rig, key, "sample", good), PK_E_BAD_FIELD);
    memset(key, 0, sizeof key);
    CHECK_EQ_INT(verify(rig, key, "sample", good), PK_E_BAD_FIELD);
    memset(key, 0xFF, sizeof key);
    CHECK_EQ_INT(verify(rig, key, "sample", good), PK_E_BAD_FIELD);
}

ON_BOTH(es256_sign__own_and_fresh_keys__verify) {
    uint8_t private_key[PK_ES256_PRIVATE_BYTES];
    uint8_t public_key[PK_ES256_PUBLIC_BYTES];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    const struct pk_port_crypto *c = &rig->port.crypto;
    from_hex(key_hex, private_key);
    from_hex(public_hex, public_key);
    REQUIRE(c->es256_sign(c->ctx, private_key, pk_str_of("sample"), signature) == PK_OK);
    CHECK_EQ_INT(verify(rig, public_key, "sample", signature), PK_OK);
    REQUIRE(c->es256_keygen(c->ctx, private_key, public_key) == PK_OK);
    REQUIRE(c->es256_sign(c->ctx, private_key, pk_str_of("a command"), signature) == PK_OK);
    CHECK_EQ_INT(verify(rig, public_key, "a command", signature), PK_OK);
    CHECK_EQ_INT(verify(rig, public_key, "b command", signature), PK_E_BAD_SIGNATURE);
    memset(private_key, 0, sizeof private_key);
    CHECK_EQ_INT(c->es256_sign(c->ctx, private_key, pk_str_of("x"), signature), PK_E_BAD_FIELD);
    memset(private_key, 0xFF, sizeof private_key); /* above the order of the group */
    CHECK_EQ_INT(c->es256_sign(c->ctx, private_key, pk_str_of("x"), signature), PK_E_BAD_FIELD);
}

ON_BOTH(crypto__leaves_no_memory_behind) {
    uint8_t private_key[PK_ES256_PRIVATE_BYTES];
    uint8_t public_key[PK_ES256_PUBLIC_BYTES];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES] = {0};
    const struct pk_port_crypto *c = &rig->port.crypto;
    const uint32_t before = pk_mbedtls_heap.status.used_bytes;
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_EQ_INT(c->es256_keygen(c->ctx, private_key, public_key), PK_OK);
        CHECK_EQ_INT(c->es256_sign(c->ctx, private_key, pk_str_of("x"), signature), PK_OK);
        CHECK_EQ_INT(verify(rig, public_key, "x", signature), PK_OK);
        CHECK_EQ_INT(verify(rig, public_key, "y", signature), PK_E_BAD_SIGNATURE);
    }
    CHECK_EQ_U64(pk_mbedtls_heap.status.used_bytes, before);
    CHECK(pk_heap_is_sound(&pk_mbedtls_heap));
    CHECK_EQ_U64(pk_mbedtls_heap.status.failed_count, 0);
}

ON_BOTH(entropy__fills_all_of_it_and_differs) {
    uint8_t a[300];
    uint8_t b[300];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    REQUIRE(rig->port.entropy.fill(rig->port.entropy.ctx, a, sizeof a - 1) == PK_OK);
    REQUIRE(rig->port.entropy.fill(rig->port.entropy.ctx, b, sizeof b - 1) == PK_OK);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK_EQ_INT(a[sizeof a - 1], 0); /* not beyond */
    uint32_t ones = 0;
    for (uint32_t i = 0; i < sizeof a - 1; i++) {
        ones += (uint32_t)__builtin_popcount(a[i]);
    }
    CHECK(ones > 1000 && ones < 1400); /* of 2,392 bits; 8 sigma */
    CHECK_EQ_INT(rig->port.entropy.fill(rig->port.entropy.ctx, a, 0), PK_OK);
}

CONTRACT_MAIN(BOTH(sha256__nist_examples__in_any_parts), BOTH(es256_verify__rfc6979_vectors),
              BOTH(es256_verify__rfc7515_token), BOTH(es256_verify__bad_keys_and_signatures__never_pass),
              BOTH(es256_sign__own_and_fresh_keys__verify), BOTH(crypto__leaves_no_memory_behind),
              BOTH(entropy__fills_all_of_it_and_differs))
