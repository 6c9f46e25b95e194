/* TLS towards a stranger whose certificate is looked at, whether it is good or not. */
#include <string.h>

#include "base/pk_time.h"
#include "port/mbedtls/pk_tls.h"
#include "port/mbedtls/tls_error.h"

static int64_t end_of(const mbedtls_x509_crt *chain) {
    int64_t earliest_s = 0;
    for (const mbedtls_x509_crt *c = chain; c != NULL && c->raw.p != NULL; c = c->next) {
        const mbedtls_x509_time *t = &c->valid_to;
        const int64_t end_s = pk_time_from_civil(t->year, (unsigned)t->mon, (unsigned)t->day,
                                                 (unsigned)t->hour, (unsigned)t->min, (unsigned)t->sec) /
                              1000;
        earliest_s = earliest_s == 0 || end_s < earliest_s ? end_s : earliest_s;
    }
    return earliest_s;
}

int64_t pk_tls_peer(struct pk_tls *t, bool *out_is_verified) {
    struct pk_buf b;
    const uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);
    const bool has_ca = t->identity[t->current].is_set;
    *out_is_verified = has_ca && flags == 0;
    if (has_ca && flags != 0) {
        pk_buf_init(&b, t->error, sizeof t->error);
        pk_tls_verify_text(&b, flags, t->server_name);
    }
    return end_of(mbedtls_ssl_get_peer_cert(&t->ssl));
}

int64_t pk_tls_own_end(const struct pk_tls *t) {
    return end_of(&t->identity[t->has_next ? 1u - t->current : t->current].own);
}

int pk_tls_file_end(struct pk_str bytes, int64_t *out_not_after_s) {
    mbedtls_x509_crt chain;
    mbedtls_x509_crt_init(&chain);
    /* PEM is read with its terminator. */
    const bool is_pem = bytes.n > 0 && memchr(bytes.p, '\0', bytes.n) == NULL &&
                        strstr(bytes.p, "-----BEGIN CERTIFICATE-----") != NULL;
    const int code =
        mbedtls_x509_crt_parse(&chain, (const unsigned char *)bytes.p, (size_t)bytes.n + (is_pem ? 1u : 0u));
    *out_not_after_s = end_of(&chain);
    mbedtls_x509_crt_free(&chain);
    return code == 0 && *out_not_after_s != 0 ? PK_OK : PK_E_BAD_MSG;
}
