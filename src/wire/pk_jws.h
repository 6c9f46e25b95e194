#ifndef PK_JWS_H
#define PK_JWS_H
/* Commands as JWS compact ES256 (RFC 7515, RFC 7518 3.4, claims of RFC 7519; WIRE "Command"). Form only: no
 * key, no clock, no cryptography. One or two signatures: the second is a whole compact JWS on the next line
 * with the same payload, byte for byte. */
#include "base/pk_json.h"

enum {
    PK_JWS_BYTES_MAX = 4096,
    PK_JWS_HEADER_BYTES_MAX = 256,
    PK_JWS_KID_BYTES = 33, /* with terminator, as all below */
    PK_JWS_JTI_BYTES = 37,
    PK_JWS_AUD_BYTES = 72,
    PK_JWS_CMD_BYTES = 33,
    PK_JWS_ID_BYTES = 65,
    PK_JWS_SIGNATURES_MAX = 2,
    PK_JWS_SIGNATURE_BYTES = 64,
    PK_JWS_LIFETIME_MAX_S = 86400,
    PK_JWS_OUTER_BYTES_MAX = 2 * PK_JWS_BYTES_MAX, /* with what is around it */
    PK_JWS_REPLY_TO_BYTES = 256,
    PK_JWS_CORR_BYTES = 65
};

struct pk_jws_signature {
    char kid[PK_JWS_KID_BYTES];
    struct pk_str
        signing_input; /* BASE64URL(header) '.' BASE64URL(payload), into the input: what is signed */
    uint8_t signature[PK_JWS_SIGNATURE_BYTES]; /* R || S */
};

struct pk_jws {
    struct pk_jws_signature signatures[PK_JWS_SIGNATURES_MAX];
    uint32_t signature_count;
    uint8_t payload[PK_JWS_BYTES_MAX]; /* decoded claims */
    uint32_t payload_bytes;
};

struct pk_claims {
    char iss[PK_JWS_KID_BYTES]; /* operator */
    char aud[PK_JWS_AUD_BYTES]; /* gateway name, "site:x" or "fleet" */
    char jti[PK_JWS_JTI_BYTES]; /* [A-Za-z0-9_-], so that it can stand in a topic */
    char cmd[PK_JWS_CMD_BYTES];
    char incident_id[PK_JWS_ID_BYTES], approval_id[PK_JWS_ID_BYTES]; /* "" = not given */
    int64_t iat_s, exp_s;                                            /* Unix seconds, whole */
    struct pk_str args; /* JSON object as it stands in the payload */
};

/* Splits and decodes. *out is valid as long as `text` is. A trailing line end is accepted. On an error *why
 * is a constant text. PK_E_TOO_BIG: over 4 KiB; PK_E_BAD_MSG: not one or two compact JWS, bad base64url,
 * header no JSON, signature not 64 bytes, payloads differ, kids equal; PK_E_BAD_FIELD: alg, kid or typ is not
 * what it must be; PK_E_UNKNOWN_FIELD: the header has another member (this refuses `crit`, `jwk`, `x5u`, ...
 * by name and by kind); PK_E_MISSING_FIELD. */
PK_MUST_USE int pk_jws_parse(struct pk_str text, struct pk_jws *out, const char **why);
/* The claims in jws->payload. PK_OK; PK_E_BAD_MSG, PK_E_TOO_DEEP; PK_E_UNKNOWN_FIELD; PK_E_MISSING_FIELD;
 * PK_E_BAD_FIELD (form, a claim given twice, exp <= iat, exp more than 24 h after iat, two operators'
 * names...); *out_field names the claim ("" else). */
PK_MUST_USE int pk_claims_parse(const uint8_t *payload, uint32_t n, struct pk_claims *out,
                                const char **out_field);

/* What MQTT 5 has properties for, as JSON around the command (CONVENTIONS E.1, docs/wire-additions.md):
 * {"reply_to":"...","corr":"...","expires":...,"jws":"..."}. Nothing of it is signed, as no property is. */
struct pk_jws_outer {
    char reply_to[PK_JWS_REPLY_TO_BYTES]; /* "" = not given, as corr */
    char corr[PK_JWS_CORR_BYTES];
    int64_t expires_ms; /* Unix; 0 = not given */
};
/* Whether there is JSON around it. */
bool pk_jws_is_wrapped(struct pk_str text);
/* The command into `jws`, terminated: its length. PK_E_TOO_BIG (outside or inside), PK_E_BAD_MSG,
 * PK_E_TOO_DEEP, PK_E_BAD_FIELD, PK_E_MISSING_FIELD, PK_E_UNKNOWN_FIELD; *out_field names the field (""
 * else), and *out holds what stands before it, so that an error can be answered. */
PK_MUST_USE int pk_jws_unwrap(struct pk_str text, char jws[PK_JWS_BYTES_MAX + 4], struct pk_jws_outer *out,
                              const char **out_field);

/* Making one (picketctl, hub): header and claims as BASE64URL(header) '.' BASE64URL(payload), ready to be
 * signed. PK_OK, PK_E_TOO_BIG, PK_E_BAD_FIELD (kid). `payload` is claims JSON, see pk_claims_write. */
PK_MUST_USE int pk_jws_signing_input(struct pk_buf *out, struct pk_str kid, struct pk_str payload);
/* Appends '.' BASE64URL(signature). Whether it fitted: out->is_cut. */
void pk_jws_finish(struct pk_buf *out, const uint8_t signature[PK_JWS_SIGNATURE_BYTES]);
void pk_claims_write(struct pk_buf *out, const struct pk_claims *claims);
#endif
