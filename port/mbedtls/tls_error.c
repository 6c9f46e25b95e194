#include "port/mbedtls/tls_error.h"

#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

static const struct {
    uint32_t flag;
    const char *text;
} verify_texts[] = {
    {MBEDTLS_X509_BADCERT_EXPIRED, "expired"},
    {MBEDTLS_X509_BADCERT_FUTURE, "not yet valid (or our clock is behind)"},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another name than"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "wrong CA (not signed by ours)"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "its key is too weak"},
    {MBEDTLS_X509_BADCERT_BAD_MD, "its signature hash is too weak"},
    {MBEDTLS_X509_BADCERT_BAD_PK, "its signature algorithm is not accepted"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE, "its key usage does not allow a server"},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "its extended key usage does not allow a server"},
    {MBEDTLS_X509_BADCERT_MISSING, "the peer sent none"},
};

void pk_tls_verify_text(struct pk_buf *b, uint32_t flags, const char *server_name) {
    pk_buf_puts(b, "certificate verify failed: ");
    bool is_first = true;
    for (size_t i = 0; i < sizeof verify_texts / sizeof verify_texts[0]; i++) {
        if ((flags & verify_texts[i].flag) == 0) {
            continue;
        }
        pk_buf_puts(b, is_first ? "" : ", ");
        pk_buf_puts(b, verify_texts[i].text);
        if (verify_texts[i].flag == MBEDTLS_X509_BADCERT_CN_MISMATCH) {
            pk_buf_putc(b, ' ');
            pk_buf_puts(b, server_name);
        }
        is_first = false;
    }
    if (is_first) {
        pk_buf_puts(b, "reason ");
        pk_buf_put_u64(b, flags);
    }
}

static const struct {
    uint8_t alert;
    const char *text;
} alert_texts[] = {
    {MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE, "no common cipher or signature algorithm"},
    {MBEDTLS_SSL_ALERT_MSG_BAD_CERT, "our certificate is bad"},
    {MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, "our certificate is of an unsupported kind"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, "our certificate is revoked"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, "our certificate has expired"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, "our certificate is not accepted"},
    {MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, "our certificate is signed by a CA it does not know"},
    {MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, "access denied"},
    {MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, "it speaks only an older TLS version (1.1 or less)"},
    {MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME, "it does not know the server name"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_REQUIRED, "it wants a client certificate"},
};

void pk_tls_alert_text(struct pk_buf *b, uint8_t alert) {
    const char *text = "";
    for (size_t i = 0; i < sizeof alert_texts / sizeof alert_texts[0]; i++) {
        if (alert_texts[i].alert == alert) {
            text = alert_texts[i].text;
        }
    }
    pk_buf_puts(b, "refused by the peer: ");
    pk_buf_puts(b, text);
    pk_buf_puts(b, text[0] != '\0' ? " (TLS alert " : "TLS alert ");
    pk_buf_put_u64(b, alert);
    pk_buf_puts(b, text[0] != '\0' ? ")" : "");
}

bool pk_tls_is_no_memory(int code) {
    /* A high-level code carries a low-level one in its last seven bits; both mean the same. */
    const int high = -(-code & 0xFF80);
    const int low = -(-code & 0x7F);
    switch (high) {
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED:
    case MBEDTLS_ERR_PK_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_PEM_ALLOC_FAILED:
        return true;
    default:
        return low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
               code == PSA_ERROR_INSUFFICIENT_MEMORY;
    }
}

static const struct {
    int code;
    const char *text;
} code_texts[] = {
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "the peer speaks only an older TLS version (1.1 or less)"},
    {MBEDTLS_ERR_SSL_CONN_EOF, "the peer closed the connection"},
    {MBEDTLS_ERR_SSL_INVALID_RECORD, "the peer does not speak TLS (not a TLS record)"},
    {MBEDTLS_ERR_SSL_INVALID_MAC, "a record was altered on the way"},
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "no common cipher or signature algorithm"},
    {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, "the peer broke the protocol (unexpected message)"},
    {MBEDTLS_ERR_SSL_DECODE_ERROR, "the peer broke the protocol (malformed message)"},
    {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, "the peer broke the protocol (illegal parameter)"},
    {MBEDTLS_ERR_SSL_BAD_CERTIFICATE, "the peer's certificate cannot be used"},
    {MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED, "no CA certificate is configured"},
    {MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL, "a message of the peer is too large"},
};

void pk_tls_code_text(struct pk_buf *b, int code) {
    for (size_t i = 0; i < sizeof code_texts / sizeof code_texts[0]; i++) {
        if (code_texts[i].code == code) {
            pk_buf_puts(b, code_texts[i].text);
            return;
        }
    }
    const uint32_t number = (uint32_t)-code;
    const uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    pk_buf_puts(b, "TLS failed, mbedTLS error -0x");
    pk_buf_put_hex(b, bytes, sizeof bytes);
}
