#include "wire/pk_jws.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_base64.h"
#include "base/pk_time.h"
#include "wire/pk_fields.h"

static const char ALG[] = "ES256";
static const char TYP[] = "picket+jws";

struct header {
    char alg[8], typ[16], kid[PK_JWS_KID_BYTES];
};
#define HEADER(name, member)                                                                                 \
    {                                                                                                        \
        name, PK_FIELD_TEXT, PK_FIELD_REQUIRED, (uint32_t)offsetof(struct header, member),                   \
            (uint32_t)sizeof(((struct header *)NULL)->member)                                                \
    }
static const struct pk_field HEADER_ROWS[] = {
    HEADER("alg", alg),
    HEADER("typ", typ),
    HEADER("kid", kid),
};

static bool is_name(const char *text, uint32_t bytes_max) {
    return pk_text_is_id(pk_str_of(text), ".:@", bytes_max);
}

static int parse_header(struct pk_str segment, struct pk_jws_signature *out, const char **why) {
    uint8_t json[PK_JWS_HEADER_BYTES_MAX];
    struct header header;
    struct pk_fields_result result;
    const int n = pk_base64url_decode(segment, json, sizeof json);
    if (n < 0) {
        *why = "the header is not base64url or too long";
        return PK_E_BAD_MSG;
    }
    const int err = pk_fields_read(json, (uint32_t)n, HEADER_ROWS, PK_COUNT_OF(HEADER_ROWS), PK_FIELDS_STRICT,
                                   &header, &result);
    if (err != PK_OK) {
        *why = "the header holds something other than alg, kid and typ";
        return err == PK_E_TOO_DEEP ? PK_E_BAD_MSG : err;
    }
    if (strcmp(header.alg, ALG) != 0) {
        *why = "alg is not ES256";
        return PK_E_BAD_FIELD;
    }
    if (strcmp(header.typ, TYP) != 0) {
        *why = "typ is not picket+jws";
        return PK_E_BAD_FIELD;
    }
    if (!is_name(header.kid, PK_JWS_KID_BYTES - 1)) {
        *why = "kid is not a key name";
        return PK_E_BAD_FIELD;
    }
    memcpy(out->kid, header.kid, sizeof out->kid);
    return PK_OK;
}

/* One compact JWS. *out_payload is its payload segment, still encoded. */
static int parse_one(struct pk_str line, struct pk_jws_signature *out, struct pk_str *out_payload,
                     const char **why) {
    struct pk_str rest = line;
    struct pk_str header;
    *why = "not header.payload.signature";
    if (!pk_str_split(&rest, '.', &header) || !pk_str_split(&rest, '.', out_payload) || rest.p == NULL) {
        return PK_E_BAD_MSG;
    }
    const struct pk_str signature = rest;
    out->signing_input = pk_str_make(line.p, line.n - signature.n - 1);
    if (pk_base64url_decode(signature, out->signature, sizeof out->signature) != PK_JWS_SIGNATURE_BYTES) {
        *why = "the signature is not base64url of 64 bytes";
        return PK_E_BAD_MSG;
    }
    return parse_header(header, out, why);
}

static struct pk_str cut_line_end(struct pk_str s) {
    if (s.n > 0 && s.p[s.n - 1] == '\n') {
        s.n--;
    }
    if (s.n > 0 && s.p[s.n - 1] == '\r') {
        s.n--;
    }
    return s;
}

int pk_jws_parse(struct pk_str text, struct pk_jws *out, const char **why) {
    struct pk_str payloads[PK_JWS_SIGNATURES_MAX];
    out->signature_count = 0;
    out->payload_bytes = 0;
    *why = "larger than 4 KiB";
    if (text.n > PK_JWS_BYTES_MAX) {
        return PK_E_TOO_BIG;
    }
    struct pk_str rest = cut_line_end(text);
    struct pk_str line;
    while (pk_str_split(&rest, '\n', &line)) {
        if (out->signature_count == PK_JWS_SIGNATURES_MAX) {
            *why = "more than two signatures";
            return PK_E_BAD_MSG;
        }
        const uint32_t i = out->signature_count;
        const int err = parse_one(cut_line_end(line), &out->signatures[i], &payloads[i], why);
        if (err != PK_OK) {
            return err;
        }
        out->signature_count++;
    }
    if (out->signature_count == 0) {
        *why = "empty";
        return PK_E_BAD_MSG;
    }
    if (out->signature_count == 2 && !pk_str_eq(payloads[0], payloads[1])) {
        *why = "the two signatures are over different payloads";
        return PK_E_BAD_MSG;
    }
    if (out->signature_count == 2 && strcmp(out->signatures[0].kid, out->signatures[1].kid) == 0) {
        *why = "both signatures are of one key";
        return PK_E_BAD_MSG;
    }
    const int n = pk_base64url_decode(payloads[0], out->payload, sizeof out->payload);
    if (n < 0) {
        *why = "the payload is not base64url";
        return PK_E_BAD_MSG;
    }
    out->payload_bytes = (uint32_t)n;
    *why = "";
    return PK_OK;
}

#define CLAIM(name, kind, flags, member)                                                                     \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct pk_claims, member),                                     \
            (uint32_t)sizeof(((struct pk_claims *)NULL)->member)                                             \
    }
enum {
    CLAIM_ISS,
    CLAIM_AUD,
    CLAIM_JTI,
    CLAIM_CMD,
    CLAIM_IAT,
    CLAIM_EXP,
    CLAIM_ARGS,
    CLAIM_INCIDENT,
    CLAIM_APPROVAL
};
static const struct pk_field CLAIM_ROWS[] = {
    [CLAIM_ISS] = CLAIM("iss", PK_FIELD_TEXT, PK_FIELD_REQUIRED, iss),
    [CLAIM_AUD] = CLAIM("aud", PK_FIELD_TEXT, PK_FIELD_REQUIRED, aud),
    [CLAIM_JTI] = CLAIM("jti", PK_FIELD_TEXT, PK_FIELD_REQUIRED, jti),
    [CLAIM_CMD] = CLAIM("cmd", PK_FIELD_TEXT, PK_FIELD_REQUIRED, cmd),
    [CLAIM_IAT] = CLAIM("iat", PK_FIELD_I64, PK_FIELD_REQUIRED, iat_s),
    [CLAIM_EXP] = CLAIM("exp", PK_FIELD_I64, PK_FIELD_REQUIRED, exp_s),
    [CLAIM_ARGS] = CLAIM("args", PK_FIELD_OBJECT, PK_FIELD_REQUIRED, args),
    [CLAIM_INCIDENT] = CLAIM("incident_id", PK_FIELD_TEXT, 0, incident_id),
    [CLAIM_APPROVAL] = CLAIM("approval_id", PK_FIELD_TEXT, 0, approval_id),
};

/* Name of the first claim whose form is wrong, NULL when all are right. */
static const char *wrong_claim(const struct pk_claims *c, const struct pk_fields_result *result) {
    if (!is_name(c->iss, PK_JWS_KID_BYTES - 1)) {
        return "iss";
    }
    if (!is_name(c->aud, PK_JWS_AUD_BYTES - 1)) {
        return "aud";
    }
    if (!pk_text_is_id(pk_str_of(c->jti), "", PK_JWS_JTI_BYTES - 1)) {
        return "jti";
    }
    if (!is_name(c->cmd, PK_JWS_CMD_BYTES - 1)) {
        return "cmd";
    }
    if (c->iat_s <= 0) {
        return "iat";
    }
    if (c->exp_s <= c->iat_s || c->exp_s - c->iat_s > PK_JWS_LIFETIME_MAX_S) {
        return "exp";
    }
    if (pk_fields_has(result, CLAIM_INCIDENT) && !is_name(c->incident_id, PK_JWS_ID_BYTES - 1)) {
        return "incident_id";
    }
    if (pk_fields_has(result, CLAIM_APPROVAL) && !is_name(c->approval_id, PK_JWS_ID_BYTES - 1)) {
        return "approval_id";
    }
    return NULL;
}

int pk_claims_parse(const uint8_t *payload, uint32_t n, struct pk_claims *out, const char **out_field) {
    struct pk_fields_result result;
    *out = (struct pk_claims){.args = pk_str_of("{}")};
    const int err =
        pk_fields_read(payload, n, CLAIM_ROWS, PK_COUNT_OF(CLAIM_ROWS), PK_FIELDS_STRICT, out, &result);
    *out_field = result.field;
    if (err != PK_OK) {
        return err;
    }
    const char *wrong = wrong_claim(out, &result);
    *out_field = wrong != NULL ? wrong : "";
    return wrong != NULL ? PK_E_BAD_FIELD : PK_OK;
}

/* ---- JSON around it ---- */

struct outer {
    struct pk_jws_outer shown;
    struct pk_str expires, jws;
};
#define OUTER(name, kind, flags, member)                                                                     \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct outer, member),                                         \
            (uint32_t)sizeof(((struct outer *)NULL)->member)                                                 \
    }
static const struct pk_field OUTER_ROWS[] = {
    OUTER("reply_to", PK_FIELD_TEXT, 0, shown.reply_to),
    OUTER("corr", PK_FIELD_TEXT, 0, shown.corr),
    OUTER("expires", PK_FIELD_RAW, 0, expires),
    OUTER("jws", PK_FIELD_RAW, PK_FIELD_REQUIRED, jws),
};

bool pk_jws_is_wrapped(struct pk_str text) {
    const struct pk_str rest = pk_str_trim(text);
    return rest.n > 0 && rest.p[0] == '{';
}

/* A value that was read once already. */
static struct pk_json_token token_of(struct pk_str value) {
    struct pk_json_reader r;
    struct pk_json_token t;
    pk_json_init(&r, value.p, value.n);
    const int err = pk_json_next(&r, &t);
    PK_ASSERT(err == PK_OK);
    return t;
}

/* As all times on the wire: RFC 3339, or Unix milliseconds. */
static int read_expires(struct pk_str value, int64_t *out_ms) {
    const struct pk_json_token t = token_of(value);
    const bool is_text = t.kind == PK_JSON_STRING && !t.has_escape;
    if ((is_text ? pk_time_parse(t.raw, out_ms) : pk_json_i64(&t, out_ms)) != PK_OK || *out_ms <= 0) {
        *out_ms = 0;
        return PK_E_BAD_FIELD;
    }
    return PK_OK;
}

int pk_jws_unwrap(struct pk_str text, char jws[PK_JWS_BYTES_MAX + 4], struct pk_jws_outer *out,
                  const char **out_field) {
    struct outer o = {.expires = {0}};
    struct pk_fields_result result;
    *out = o.shown;
    *out_field = "";
    if (text.n > PK_JWS_OUTER_BYTES_MAX) {
        return PK_E_TOO_BIG;
    }
    int err =
        pk_fields_read(text.p, text.n, OUTER_ROWS, PK_COUNT_OF(OUTER_ROWS), PK_FIELDS_STRICT, &o, &result);
    *out = o.shown;
    if (err != PK_OK) {
        *out_field = result.field;
        return err;
    }
    if (o.expires.n > 0 && read_expires(o.expires, &out->expires_ms) != PK_OK) {
        *out_field = "expires";
        return PK_E_BAD_FIELD;
    }
    const struct pk_json_token t = token_of(o.jws);
    *out_field = "jws";
    err = pk_json_string(&t, jws, PK_JWS_BYTES_MAX + 1);
    if (err >= 0) {
        *out_field = "";
    }
    return err;
}

int pk_jws_signing_input(struct pk_buf *out, struct pk_str kid, struct pk_str payload) {
    char json[PK_JWS_HEADER_BYTES_MAX];
    struct pk_buf b;
    struct pk_json_writer w;
    if (!pk_text_is_id(kid, ".:@", PK_JWS_KID_BYTES - 1)) {
        return PK_E_BAD_FIELD;
    }
    pk_buf_init(&b, json, sizeof json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "alg", ALG);
    pk_jw_str(&w, "kid", kid);
    pk_jw_cstr(&w, "typ", TYP);
    pk_jw_object_end(&w);
    PK_ASSERT(!b.is_cut);
    pk_base64url_encode(out, (const uint8_t *)b.p, b.n);
    pk_buf_putc(out, '.');
    pk_base64url_encode(out, (const uint8_t *)payload.p, payload.n);
    return out->is_cut ? PK_E_TOO_BIG : PK_OK;
}

void pk_jws_finish(struct pk_buf *out, const uint8_t signature[PK_JWS_SIGNATURE_BYTES]) {
    pk_buf_putc(out, '.');
    pk_base64url_encode(out, signature, PK_JWS_SIGNATURE_BYTES);
}

void pk_claims_write(struct pk_buf *out, const struct pk_claims *claims) {
    struct pk_json_writer w;
    pk_jw_init(&w, out);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "iss", claims->iss);
    pk_jw_cstr(&w, "aud", claims->aud);
    pk_jw_i64(&w, "iat", claims->iat_s);
    pk_jw_i64(&w, "exp", claims->exp_s);
    pk_jw_cstr(&w, "jti", claims->jti);
    pk_jw_cstr(&w, "cmd", claims->cmd);
    pk_jw_raw(&w, "args", claims->args.n > 0 ? claims->args : pk_str_of("{}"));
    if (claims->incident_id[0] != '\0') {
        pk_jw_cstr(&w, "incident_id", claims->incident_id);
    }
    if (claims->approval_id[0] != '\0') {
        pk_jw_cstr(&w, "approval_id", claims->approval_id);
    }
    pk_jw_object_end(&w);
}
