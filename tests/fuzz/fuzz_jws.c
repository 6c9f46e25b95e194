/* A signed command as it arrives: form, header, claims. Nothing of it may be read out of bounds, and what is
 * accepted keeps its promises. */
#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    return 0;
}
