#ifndef PK_BASE64_H
#define PK_BASE64_H
/* base64url without padding (RFC 4648 section 5), as JWS uses it. Strict: no white space, no padding, no
 * stray bits. */
#include "base/pk_text.h"

/* Bytes written, or PK_E_BAD_FIELD / PK_E_TOO_BIG. */
PK_MUST_USE int pk_base64url_decode(struct pk_str s, uint8_t *out, size_t cap_bytes);
void pk_base64url_encode(struct pk_buf *b, const uint8_t *p, size_t n);
#endif
