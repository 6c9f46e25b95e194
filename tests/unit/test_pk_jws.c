#include "wire/pk_jws.h"

#include <string.h>

#include "base/pk_base64.h"
#include "support/pk_golden.h"
#include "support/pk_real_crypto.h"
#include "support/pk_test.h"

static char text[8192];
static struct pk_jws jws;
static struct pk_claims claims;
static const char *why, *field;

static int parse_file(const char *name) {
    char path[80];
    (void)snprintf(path, sizeof path, "jws/%s.jws", name);
    return pk_jws_parse(pk_golden(path, text, sizeof text), &jws, &why);
}

static int claims_of(const char *name) {
    CHECK_EQ_INT(parse_file(name), PK_OK);
    return pk_claims_parse(jws.payload, jws.payload_bytes, &claims, &field);
}

PK_TEST(jws__golden__gives_header_claims_and_signature) {
    CHECK_EQ_INT(claims_of("good"), PK_OK);
    CHECK_EQ_U64(jws.signature_count, 1);
    CHECK_STR(jws.signatures[0].kid, "alice");
    CHECK_EQ_U64(jws.signatures[0].signing_input.n, strrchr(text, '.') - text);
    CHECK_STR(claims.iss, "alice");
    CHECK_STR(claims.aud, "gw-1");
    CHECK(claims.iat_s == 1790000000);
    CHECK(claims.exp_s == 1790000300);
    CHECK_STR(claims.jti, "c0ffee00-0000-4000-8000-000000000001");
    CHECK_STR(claims.cmd, "incidents.ack");
    CHECK(pk_str_eq_c(
        claims.args,
        "{\"incident_id\":\"inc_gw-1_7_00042\",\"note\":\"Ich schau nach: \xC3\x96l \xE2\x89\xA0 Wasser\"}"));
    CHECK_STR(claims.incident_id, "");
}

PK_TEST(jws__two_signatures__have_one_payload) {
    CHECK_EQ_INT(claims_of("two-signatures"), PK_OK);
    CHECK_EQ_U64(jws.signature_count, 2);
    CHECK_STR(jws.signatures[0].kid, "alice");
    CHECK_STR(jws.signatures[1].kid, "bob");
    CHECK(!pk_str_eq(jws.signatures[0].signing_input, jws.signatures[1].signing_input));
    CHECK_STR(claims.approval_id, "apr_7_3");
    CHECK_EQ_INT(parse_file("good-fleet-line-end"), PK_OK);
    CHECK_EQ_U64(jws.signature_count, 1);
}

PK_TEST(jws__form__each_vector_has_its_error) {
    static const struct {
        const char *name;
        int err;
        const char *why;
    } CASES[] = {
        {"two-same-kid", PK_E_BAD_MSG, "both signatures are of one key"},
        {"two-payloads", PK_E_BAD_MSG, "the two signatures are over different payloads"},
        {"three-signatures", PK_E_BAD_MSG, "more than two signatures"},
        {"alg-none", PK_E_BAD_MSG, "the signature is not base64url of 64 bytes"},
        {"alg-hs256", PK_E_BAD_FIELD, "alg is not ES256"},
        {"typ-jwt", PK_E_BAD_FIELD, "typ is not picket+jws"},
        {"header-jwk", PK_E_UNKNOWN_FIELD, "the header holds something other than alg, kid and typ"},
        {"header-crit", PK_E_UNKNOWN_FIELD, "the header holds something other than alg, kid and typ"},
        {"no-kid", PK_E_MISSING_FIELD, "the header holds something other than alg, kid and typ"},
        {"too-big", PK_E_TOO_BIG, "larger than 4 KiB"},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(parse_file(CASES[i].name), CASES[i].err);
        CHECK_STR(why, CASES[i].why);
    }
}

PK_TEST(jws__claims__each_vector_has_its_field) {
    static const struct {
        const char *name;
        int err;
        const char *field;
    } CASES[] = {
        {"lives-too-long", PK_E_BAD_FIELD, "exp"},
        {"unknown-claim", PK_E_UNKNOWN_FIELD, ""},
        {"missing-jti", PK_E_MISSING_FIELD, "jti"},
        {"jti-with-slash", PK_E_BAD_FIELD, "jti"},
        {"jti-too-long", PK_E_BAD_FIELD, "jti"},
        {"claim-twice", PK_E_BAD_FIELD, "jti"},
        {"deep", PK_E_TOO_DEEP, "args"},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(claims_of(CASES[i].name), CASES[i].err);
        CHECK_STR(field, CASES[i].field);
    }
}

PK_TEST(jws__garbage__is_refused) {
    static const char *const CASES[] = {
        "", "\n", ".", "..", "...", "a.b.c", "e30.e30.", " e30.e30.e30", "{\"alg\":\"ES256\"}", "\n\n\n"};
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK(pk_jws_parse(pk_str_of(CASES[i]), &jws, &why) < 0);
        CHECK(why[0] != '\0');
    }
    /* Every cut of a good one, and every changed character: refused, or still a JWS of the same form. */
    const struct pk_str good = pk_golden("jws/good.jws", text, sizeof text);
    for (uint32_t n = 0; n < good.n; n++) {
        CHECK(pk_jws_parse(pk_str_make(good.p, n), &jws, &why) < 0);
    }
    for (uint32_t i = 0; i < good.n; i++) {
        const char was = text[i];
        text[i] = '=';
        CHECK(pk_jws_parse(good, &jws, &why) < 0);
        text[i] = was;
    }
}

PK_TEST(jws__made_here__verifies_and_parses) {
    struct pk_real_crypto t;
    uint8_t secret[PK_ES256_PRIVATE_BYTES], public_key[PK_ES256_PUBLIC_BYTES],
        signature[PK_JWS_SIGNATURE_BYTES];
    char payload[1024];
    struct pk_buf b, p;
    pk_real_crypto_open(&t);
    CHECK_EQ_INT(t.port.es256_keygen(t.port.ctx, secret, public_key), PK_OK);
    const struct pk_claims made = {.iss = "rose",
                                   .aud = "site:plant",
                                   .jti = "j-1",
                                   .cmd = "approval.decide",
                                   .approval_id = "apr_7_3",
                                   .iat_s = 1790000000,
                                   .exp_s = 1790000060,
                                   .args =
                                       pk_str_of("{\"approval_id\":\"apr_7_3\",\"decision\":\"reject\"}")};
    pk_buf_init(&p, payload, sizeof payload);
    pk_claims_write(&p, &made);
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_jws_signing_input(&b, pk_str_of("rose/2"), pk_buf_str(&p)), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_jws_signing_input(&b, pk_str_of("rose"), pk_buf_str(&p)), PK_OK);
    CHECK_EQ_INT(t.port.es256_sign(t.port.ctx, secret, pk_buf_str(&b), signature), PK_OK);
    pk_jws_finish(&b, signature);
    CHECK_EQ_INT(pk_jws_parse(pk_buf_str(&b), &jws, &why), PK_OK);
    CHECK_MEM(jws.signatures[0].signature, signature, sizeof signature);
    CHECK_EQ_INT(t.port.es256_verify(t.port.ctx, public_key, jws.signatures[0].signing_input,
                                     jws.signatures[0].signature),
                 PK_OK);
    CHECK_EQ_INT(pk_claims_parse(jws.payload, jws.payload_bytes, &claims, &field), PK_OK);
    CHECK_STR(claims.jti, "j-1");
    CHECK_STR(claims.approval_id, "apr_7_3");
    CHECK(pk_str_eq(claims.args, made.args));
    pk_buf_init(&b, text, 40);
    CHECK_EQ_INT(pk_jws_signing_input(&b, pk_str_of("rose"), pk_buf_str(&p)), PK_E_TOO_BIG);
}

PK_TEST_MAIN(jws__golden__gives_header_claims_and_signature, jws__two_signatures__have_one_payload,
             jws__form__each_vector_has_its_error, jws__claims__each_vector_has_its_field,
             jws__garbage__is_refused, jws__made_here__verifies_and_parses)
