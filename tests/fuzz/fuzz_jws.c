/* A signed command as it arrives: form, header, claims. Nothing of it may be read out of bounds, and what is
 * accepted keeps its promises. */
#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The JSON that may be around it. */
static void open_outer(struct pk_str text) {
    static char jws[PK_JWS_BYTES_MAX + 4];
    struct pk_jws_outer outer;
    const char *field = NULL;
    const int n = pk_jws_unwrap(text, jws, &outer, &field);
    PK_ASSERT(field != NULL);
    PK_ASSERT(strlen(outer.reply_to) < sizeof outer.reply_to && strlen(outer.corr) < sizeof outer.corr);
    if (n >= 0) {
        PK_ASSERT(n <= PK_JWS_BYTES_MAX && jws[n] == '\0' && outer.expires_ms >= 0);
        PK_ASSERT(pk_jws_is_wrapped(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_jws jws;
    static struct pk_claims claims;
    const char *why = NULL, *field = NULL;
    if (pk_jws_parse(pk_str_make((const char *)data, size), &jws, &why) == PK_OK) {
        PK_ASSERT(jws.signature_count >= 1 && jws.signature_count <= PK_JWS_SIGNATURES_MAX);
        PK_ASSERT(jws.signatures[0].kid[0] != '\0');
        for (uint32_t i = 0; i < jws.signature_count; i++) {
            PK_ASSERT(jws.signatures[i].signing_input.n < size);
        }
        (void)(pk_claims_parse(jws.payload, jws.payload_bytes, &claims, &field) == PK_OK);
    }
    PK_ASSERT(why != NULL);
    /* The claims alone too: base64 keeps a fuzzer from them. */
    if (pk_claims_parse(data, (uint32_t)size, &claims, &field) == PK_OK) {
        PK_ASSERT(claims.exp_s > claims.iat_s && claims.jti[0] != '\0' && claims.args.n >= 2);
        PK_ASSERT(strlen(claims.aud) < sizeof claims.aud);
    }
    PK_ASSERT(field != NULL);
    open_outer(pk_str_make((const char *)data, size));
    return 0;
}
