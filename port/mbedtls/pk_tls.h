#ifndef PK_TLS_H
#define PK_TLS_H
/* TLS client over somebody else's bytes. Private to port/: the library's types show here. */
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "port/mbedtls/pk_crypto.h"

/* The transport. As pk_port_stream: >0 bytes, 0 = nothing now, <0 = ended. */
struct pk_tls_io {
    void *ctx;
    int (*send)(void *ctx, const void *p, uint32_t n);
    int (*recv)(void *ctx, void *out, uint32_t cap_bytes);
};

struct pk_tls_identity {
    mbedtls_x509_crt ca, own;
    mbedtls_pk_context key;
    bool is_set, is_tls12_allowed;
    char alpn[PK_ALPN_BYTES];
    char psk_identity[PK_PSK_IDENTITY_BYTES];
    uint8_t psk[PK_PSK_BYTES_MAX];
    uint32_t psk_bytes; /* 0: certificates */
};

enum { PK_TLS_ERROR_BYTES = 160 };
struct pk_tls {
    struct pk_crypto *crypto;
    struct pk_tls_io io;
    struct pk_tls_identity identity[2]; /* a new one is taken into use with the next connection */
    uint32_t current;
    bool has_next;
    bool is_begun, is_over; /* memory of a connection is held; its handshake is done */
    bool has_certificate;   /* the peer showed one: not a resumed session */
    bool is_shown;          /* our part of the handshake came to our certificate */
    bool has_ended;         /* nothing more can be read, because of: */
    int end_code;
    bool is_flushing; /* a record we accepted waits for room in the transport */
    bool is_probe; /* set before begin: the peer's certificate is looked at, a bad one ends nothing; no CA is
                      needed, TLS 1.2 is allowed */
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    const char *alpn[2]; /* list of the protocol name, for the library */
    /* The last connection's ticket: of this peer, for the identity in use. One that did not serve is not
     * asked for again until certificates or peer change: some servers end the handshake over it. */
    mbedtls_ssl_session session;
    bool has_session, is_resuming, is_session_refused;
    char session_name[PK_HOST_BYTES];
    uint64_t resumed_count;
    uint64_t refused_before;  /* by the heap, when the connection was begun */
    uint64_t no_memory_count; /* connections lost because the heap was exhausted */
    char server_name[PK_HOST_BYTES];
    char error[PK_TLS_ERROR_BYTES];
};

/* Once per process before any other: randomness and the clock that certificate dates are judged by. Both must
 * outlive the process's use of TLS. PK_OK or PK_E_TLS. */
int pk_tls_library_open(const struct pk_port_entropy *entropy, const struct pk_port_clock *clock);
/* Certificates are judged by the clock, but by no earlier time than this. */
void pk_tls_library_floor(int64_t wall_ms);

void pk_tls_init(struct pk_tls *t, struct pk_crypto *crypto, struct pk_tls_io io);
/* Parses and checks (the key belongs to the certificate). Nothing changes unless PK_OK; PK_E_TLS with why in
 * t->error. */
int pk_tls_set(struct pk_tls *t, const struct pk_tls_config *c);
/* PK_OK, PK_E_TLS. */
int pk_tls_begin(struct pk_tls *t, const char *server_name);
/* Handshake up to one public-key operation. PK_OK = done; PK_E_BUSY = call again at once; PK_E_AGAIN = waits
 * for the transport; PK_E_TLS, PK_E_CLOSED. */
int pk_tls_step(struct pk_tls *t);
/* As pk_port_stream. */
int pk_tls_send(struct pk_tls *t, const void *p, uint32_t n);
int pk_tls_recv(struct pk_tls *t, void *out, uint32_t cap_bytes);
/* Sends what a full transport held back. PK_OK (nothing left), PK_E_AGAIN, or an error. */
int pk_tls_flush(struct pk_tls *t);
/* Decrypted bytes wait inside. */
bool pk_tls_has_more(const struct pk_tls *t);
/* Ends the connection and frees its memory; may_send: with the close alert. Idempotent. */
void pk_tls_end(struct pk_tls *t, bool may_send);
/* After the handshake of a probe: Unix seconds at which the earliest certificate of the peer ends (0: it
 * showed none), and whether they verify against the CA; if not, and there is one, t->error says why. */
int64_t pk_tls_peer(struct pk_tls *t, bool *out_is_verified);
/* When the earliest certificate of what we show ends, in the identity of the next connection; 0: none. */
int64_t pk_tls_own_end(const struct pk_tls *t);
/* The same of a file: PEM followed by a terminator that is not counted, or DER. PK_OK, PK_E_BAD_MSG. */
int pk_tls_file_end(struct pk_str bytes, int64_t *out_not_after_s);
/* As end, and forgets certificates and keys. */
void pk_tls_free(struct pk_tls *t);
#endif
