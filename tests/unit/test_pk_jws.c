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

/* ---- JSON around it ---- */

static char inside[PK_JWS_BYTES_MAX + 4];
static struct pk_jws_outer outer;

static int unwrap(const char *json) {
    return pk_jws_unwrap(pk_str_of(json), inside, &outer, &field);
}

PK_TEST(outer__golden__gives_the_command_and_where_to_answer) {
    char want[PK_JWS_BYTES_MAX + 4];
    static char json[2 * PK_JWS_BYTES_MAX];
    struct pk_str s = pk_golden("command.json", json, sizeof json);
    struct pk_str good = pk_str_trim(pk_golden("jws/good.jws", want, sizeof want));
    CHECK(pk_jws_is_wrapped(s));
    CHECK(!pk_jws_is_wrapped(good));
    CHECK(!pk_jws_is_wrapped(pk_str_of("")));
    CHECK_EQ_INT(pk_jws_unwrap(s, inside, &outer, &field), (int)good.n);
    CHECK(pk_str_eq_c(good, inside));
    CHECK_STR(outer.reply_to, "replies/me");
    CHECK_STR(outer.corr, "q-17");
    CHECK(outer.expires_ms == 1790000300000);
    s = pk_golden("command_two.json", json, sizeof json);
    good = pk_str_trim(pk_golden("jws/two-signatures.jws", want, sizeof want));
    CHECK_EQ_INT(pk_jws_unwrap(s, inside, &outer, &field), (int)good.n);
    CHECK(pk_str_eq_c(good, inside));
    CHECK(outer.expires_ms == 1790000300000);
    for (uint32_t n = 0; n < pk_str_trim(s).n; n++) {
        CHECK(pk_jws_unwrap(pk_str_make(s.p, n), inside, &outer, &field) < 0);
    }
    CHECK_EQ_INT(unwrap(" \n{\"jws\":\"a.b.c\"}"), 5);
    CHECK_STR(outer.reply_to, "");
    CHECK_STR(outer.corr, "");
    CHECK(outer.expires_ms == 0);
}

PK_TEST(outer__hostile__each_has_its_error_and_field) {
    static const struct {
        const char *json;
        int err;
        const char *field;
    } CASES[] = {
        {"{}", PK_E_MISSING_FIELD, "jws"},
        {"{\"reply_to\":\"r\"}", PK_E_MISSING_FIELD, "jws"},
        {"{\"jws\":null}", PK_E_BAD_FIELD, "jws"},
        {"{\"jws\":17}", PK_E_BAD_FIELD, "jws"},
        {"{\"jws\":[\"a\"]}", PK_E_BAD_FIELD, "jws"},
        {"{\"jws\":{\"jws\":\"a\"}}", PK_E_BAD_FIELD, "jws"},
        {"{\"jws\":\"a\",\"jws\":\"b\"}", PK_E_BAD_FIELD, "jws"},
        {"{\"jws\":\"a\",\"reply_to\":5}", PK_E_BAD_FIELD, "reply_to"},
        {"{\"jws\":\"a\",\"reply_to\":null}", PK_E_BAD_FIELD, "reply_to"},
        {"{\"jws\":\"a\",\"reply_to\":\"a\\u0000b\"}", PK_E_BAD_FIELD, "reply_to"},
        {"{\"jws\":\"a\",\"corr\":{}}", PK_E_BAD_FIELD, "corr"},
        {"{\"jws\":\"a\",\"corr\":\"\\u0000\"}", PK_E_BAD_FIELD, "corr"},
        {"{\"jws\":\"a\",\"expires\":\"noon\"}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":-1}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":0}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":1.5}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":99999999999999999999}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":true}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"expires\":[]}", PK_E_BAD_FIELD, "expires"},
        {"{\"jws\":\"a\",\"to\":\"r\"}", PK_E_UNKNOWN_FIELD, ""},
        {"{\"jws\":\"a\"} x", PK_E_BAD_MSG, ""},
        {"{\"jws\":\"a\"}{\"jws\":\"a\"}", PK_E_BAD_MSG, ""},
        {"[\"a\"]", PK_E_BAD_MSG, ""},
        {"{\"jws\":\"\xFF\"}", PK_E_BAD_MSG, ""},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const int err = unwrap(CASES[i].json);
        if (err != CASES[i].err) {
            CHECK_STR(CASES[i].json, "");
        }
        CHECK_EQ_INT(err, CASES[i].err);
        if (CASES[i].field[0] != '\0') {
            CHECK_STR(field, CASES[i].field);
        }
    }
    /* What stands before the fault is there, so that it can be answered. */
    CHECK_EQ_INT(unwrap("{\"reply_to\":\"r/1\",\"corr\":\"c\",\"jws\":5}"), PK_E_BAD_FIELD);
    CHECK_STR(outer.reply_to, "r/1");
    CHECK_STR(outer.corr, "c");
}

static int unwrap_long(const char *name, uint32_t n, uint32_t spaces) {
    static char json[2 * PK_JWS_OUTER_BYTES_MAX];
    struct pk_buf b;
    pk_buf_init(&b, json, sizeof json);
    pk_buf_puts(&b, "{\"jws\":\"a.b.c\",\"");
    pk_buf_puts(&b, name);
    pk_buf_puts(&b, "\":\"");
    for (uint32_t i = 0; i < n; i++) {
        pk_buf_putc(&b, 'x');
    }
    pk_buf_puts(&b, "\"");
    for (uint32_t i = 0; i < spaces; i++) {
        pk_buf_putc(&b, ' ');
    }
    pk_buf_puts(&b, "}");
    CHECK(!b.is_cut);
    return pk_jws_unwrap(pk_buf_str(&b), inside, &outer, &field);
}

PK_TEST(outer__lengths__are_bounded_each) {
    static char json[2 * PK_JWS_BYTES_MAX];
    CHECK_EQ_INT(unwrap_long("reply_to", PK_JWS_REPLY_TO_BYTES - 1, 0), 5);
    CHECK_EQ_INT(unwrap_long("reply_to", PK_JWS_REPLY_TO_BYTES, 0), PK_E_BAD_FIELD);
    CHECK_EQ_INT(unwrap_long("corr", PK_JWS_CORR_BYTES - 1, 0), 5);
    CHECK_EQ_INT(unwrap_long("corr", PK_JWS_CORR_BYTES, 0), PK_E_BAD_FIELD);
    const uint32_t around = (uint32_t)strlen("{\"jws\":\"a.b.c\",\"corr\":\"x\"}");
    CHECK_EQ_INT(unwrap_long("corr", 1, PK_JWS_OUTER_BYTES_MAX - around), 5);
    CHECK_EQ_INT(unwrap_long("corr", 1, PK_JWS_OUTER_BYTES_MAX - around + 1), PK_E_TOO_BIG);
    for (uint32_t more = 0; more < 2; more++) {
        struct pk_buf b;
        pk_buf_init(&b, json, sizeof json);
        pk_buf_puts(&b, "{\"jws\":\"");
        for (uint32_t i = 0; i < PK_JWS_BYTES_MAX + more; i++) {
            pk_buf_putc(&b, 'x');
        }
        pk_buf_puts(&b, "\"}");
        CHECK_EQ_INT(pk_jws_unwrap(pk_buf_str(&b), inside, &outer, &field),
                     more == 0 ? PK_JWS_BYTES_MAX : PK_E_TOO_BIG);
    }
    CHECK_STR(field, "jws");
}

PK_TEST_MAIN(outer__golden__gives_the_command_and_where_to_answer,
             outer__hostile__each_has_its_error_and_field, outer__lengths__are_bounded_each,
             jws__golden__gives_header_claims_and_signature, jws__two_signatures__have_one_payload,
             jws__form__each_vector_has_its_error, jws__claims__each_vector_has_its_field,
             jws__garbage__is_refused, jws__made_here__verifies_and_parses)
