/* The alert number of a refusing peer has no accessor in the library. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "port/mbedtls/pk_tls.h"

#include <string.h>
#include <time.h>

#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <psa/crypto.h>

#include "base/pk_time.h"

#include "port/mbedtls/tls_error.h"

/* A step longer than this did a public-key operation: the tick gets its turn before the next one. */
enum { LONG_STEP_US = 300, STEPS_A_CALL = 8, TICKETS_A_CALL = 4 };
/* OpenSSL puts our own certificate into its tickets; larger ones are not worth the heap. */
enum { TICKET_BYTES_MAX = 3072 };

/* The library's hooks for randomness and time have no context, so these are per process, as its heap is. */
static const struct pk_port_entropy *library_entropy;
static const struct pk_port_clock *library_clock;
static int64_t library_floor_s;

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output,
                                             size_t output_size, size_t *output_length) {
    (void)context;
    if (library_entropy == NULL ||
        library_entropy->fill(library_entropy->ctx, output, (uint32_t)output_size) != PK_OK) {
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    }
    *output_length = output_size;
    return PSA_SUCCESS;
}

static int library_random(void *ctx, unsigned char *out, size_t n) {
    (void)ctx;
    size_t got = 0;
    return mbedtls_psa_external_get_random(NULL, out, n, &got) == PSA_SUCCESS
               ? 0
               : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *seconds, struct tm *out) {
    int year = 0;
    unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
    pk_time_to_civil((int64_t)*seconds * 1000, &year, &month, &day, &hour, &minute, &second);
    *out = (struct tm){.tm_year = year - 1900,
                       .tm_mon = (int)month - 1,
                       .tm_mday = (int)day,
                       .tm_hour = (int)hour,
                       .tm_min = (int)minute,
                       .tm_sec = (int)second};
    return out;
}

static mbedtls_time_t library_time(mbedtls_time_t *out) {
    bool is_synced;
    const int64_t clock_s = library_clock->wall_ms(library_clock->ctx, &is_synced) / 1000;
    const mbedtls_time_t now = (mbedtls_time_t)(clock_s > library_floor_s ? clock_s : library_floor_s);
    if (out != NULL) {
        *out = now;
    }
    return now;
}

int pk_tls_library_open(const struct pk_port_entropy *entropy, const struct pk_port_clock *clock) {
    pk_mbedtls_heap_open();
    library_entropy = entropy;
    library_clock = clock;
    mbedtls_platform_set_time(library_time);
    return psa_crypto_init() == PSA_SUCCESS ? PK_OK : PK_E_TLS;
}

void pk_tls_library_floor(int64_t wall_ms) {
    library_floor_s = wall_ms / 1000;
}

static void set_error(struct pk_tls *t, const char *what) {
    struct pk_buf b;
    pk_buf_init(&b, t->error, sizeof t->error);
    pk_buf_puts(&b, what);
}

static int fail(struct pk_tls *t, int code) {
    struct pk_buf b;
    pk_buf_init(&b, t->error, sizeof t->error);
    const uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);
    /* A check of the peer that lacked memory says something else. */
    if (pk_tls_is_no_memory(code) || pk_mbedtls_heap.status.failed_count != t->refused_before) {
        t->no_memory_count++;
        pk_buf_puts(&b, "out of TLS memory: ");
        pk_buf_put_u64(&b, pk_mbedtls_heap.status.high_bytes);
        pk_buf_puts(&b, " of ");
        pk_buf_put_u64(&b, pk_mbedtls_heap.status.capacity_bytes);
        pk_buf_puts(&b, " bytes");
    } else if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ||
               (code == MBEDTLS_ERR_SSL_BAD_CERTIFICATE && flags != 0 && flags != UINT32_MAX)) {
        pk_tls_verify_text(&b, flags, t->server_name);
    } else if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && t->ssl.in_msg != NULL) {
        pk_tls_alert_text(&b, t->ssl.in_msg[1]);
    } else if (code == MBEDTLS_ERR_SSL_CONN_EOF && !t->is_over) {
        /* Its alert is lost when the connection is reset, or comes under keys we do not have yet. */
        pk_buf_puts(
            &b, t->is_shown
                    ? "the peer closed the connection at our certificate: is it signed by a CA it knows?"
                    : "the peer closed the connection in the TLS handshake: does it speak TLS on this port?");
    } else {
        pk_tls_code_text(&b, code);
    }
    return code == MBEDTLS_ERR_SSL_CONN_EOF ? PK_E_CLOSED : PK_E_TLS;
}

/* ---- certificates and keys */
static void identity_init(struct pk_tls_identity *id) {
    mbedtls_x509_crt_init(&id->ca);
    mbedtls_x509_crt_init(&id->own);
    mbedtls_pk_init(&id->key);
    id->is_set = false;
    mbedtls_platform_zeroize(id->psk, sizeof id->psk);
    id->psk_bytes = 0;
}

static void identity_free(struct pk_tls_identity *id) {
    mbedtls_x509_crt_free(&id->ca);
    mbedtls_x509_crt_free(&id->own);
    mbedtls_pk_free(&id->key);
    identity_init(id);
}

/* The library reads PEM only when a terminator follows it. The copy may hold a key, so it is wiped. */
static int with_terminated(struct pk_str pem, void *object, const struct pk_tls *t,
                           int (*parse)(void *object, const struct pk_tls *t, const unsigned char *p,
                                        size_t n)) {
    unsigned char *copy = mbedtls_calloc(1, (size_t)pem.n + 1);
    if (copy == NULL) {
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    }
    memcpy(copy, pem.p, pem.n);
    const int code = parse(object, t, copy, (size_t)pem.n + 1);
    mbedtls_platform_zeroize(copy, pem.n);
    mbedtls_free(copy);
    return code;
}

static int parse_certificates(void *object, const struct pk_tls *t, const unsigned char *p, size_t n) {
    (void)t;
    return mbedtls_x509_crt_parse(object, p, n);
}

static int parse_key(void *object, const struct pk_tls *t, const unsigned char *p, size_t n) {
    return mbedtls_pk_parse_key(object, p, n, NULL, 0, library_random, (void *)(uintptr_t)t);
}

static int refuse(struct pk_tls *t, struct pk_tls_identity *id, const char *what, int code) {
    struct pk_buf b;
    pk_buf_init(&b, t->error, sizeof t->error);
    pk_buf_puts(&b, what);
    if (pk_tls_is_no_memory(code)) {
        t->no_memory_count++;
        pk_buf_puts(&b, " (out of TLS memory)");
    }
    identity_free(id);
    return PK_E_TLS;
}

/* ---- sessions */
static void forget_session(struct pk_tls *t) {
    mbedtls_ssl_session_free(&t->session);
    mbedtls_ssl_session_init(&t->session);
    t->has_session = false;
}

/* The peer's chain is not needed to come back, and large. */
static void keep_session(struct pk_tls *t) {
    forget_session(t);
    if (mbedtls_ssl_get_session(&t->ssl, &t->session) != 0) {
        forget_session(t);
        return;
    }
    if (t->session.peer_cert != NULL) {
        mbedtls_x509_crt_free(t->session.peer_cert);
        mbedtls_free(t->session.peer_cert);
        t->session.peer_cert = NULL;
    }
    if (t->session.ticket == NULL || t->session.ticket_len > TICKET_BYTES_MAX) {
        forget_session(t);
        return;
    }
    t->has_session = true;
    memcpy(t->session_name, t->server_name, sizeof t->session_name);
}

/* Whether the handshake begins with the ticket. */
static bool offer_session(struct pk_tls *t) {
    const bool is_same = strcmp(t->session_name, t->server_name) == 0;
    if (!is_same) {
        forget_session(t);
        t->is_session_refused = false;
    }
    return t->has_session && !t->is_session_refused && mbedtls_ssl_set_session(&t->ssl, &t->session) == 0;
}

static int set_psk(struct pk_tls *t, struct pk_tls_identity *id, const struct pk_tls_config *c) {
    if (c->psk.n < PK_PSK_BYTES_MIN || c->psk.n > PK_PSK_BYTES_MAX || c->psk_identity.n == 0 ||
        pk_str_copy(c->psk_identity, id->psk_identity, sizeof id->psk_identity) < 0) {
        return refuse(t, id, "the shared secret needs an identity and 16 to 64 bytes", 0);
    }
    memcpy(id->psk, c->psk.p, c->psk.n);
    id->psk_bytes = c->psk.n;
    return PK_OK;
}

static int set_certificates(struct pk_tls *t, struct pk_tls_identity *id, const struct pk_tls_config *c) {
    int code = c->ca.n > 0 ? with_terminated(c->ca, &id->ca, t, parse_certificates) : 1;
    if (code != 0) {
        return refuse(t, id,
                      code < 0 ? "the CA file holds no readable certificate"
                               : "the CA file holds a certificate that cannot be read",
                      code);
    }
    if (c->certificate.n > 0 || c->key.n > 0) {
        code = with_terminated(c->certificate, &id->own, t, parse_certificates);
        if (code != 0) {
            return refuse(t, id, "the certificate file cannot be read as a certificate", code);
        }
        code = with_terminated(c->key, &id->key, t, parse_key);
        if (code != 0) {
            return refuse(t, id, "the key file cannot be read as a private key", code);
        }
        code = mbedtls_pk_check_pair(&id->own.pk, &id->key, library_random, NULL);
        if (code != 0) {
            return refuse(t, id, "the key does not belong to the certificate", code);
        }
    }
    return PK_OK;
}

int pk_tls_set(struct pk_tls *t, const struct pk_tls_config *c) {
    struct pk_tls_identity fresh;
    struct pk_tls_identity *id = &fresh;
    identity_init(id);
    if (pk_str_copy(c->alpn, id->alpn, sizeof id->alpn) < 0) {
        return refuse(t, id, "the name of the protocol is too long", 0);
    }
    const int err = c->psk.n > 0 || c->psk_identity.n > 0 ? set_psk(t, id, c) : set_certificates(t, id, c);
    if (err != PK_OK) {
        return err;
    }
    id->is_tls12_allowed = c->is_tls12_allowed && id->psk_bytes == 0;
    id->is_set = true;
    struct pk_tls_identity *next = &t->identity[1u - t->current];
    identity_free(next);
    *next = fresh; /* it holds pointers into the heap, none into itself */
    mbedtls_platform_zeroize(fresh.psk, sizeof fresh.psk);
    t->has_next = true;
    set_error(t, "");
    return PK_OK;
}

/* ---- transport hooks */
static int bio_send(void *ctx, const unsigned char *p, size_t n) {
    struct pk_tls *t = ctx;
    const int r = t->io.send(t->io.ctx, p, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
    if (r == 0) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    return r > 0 ? r : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int bio_recv(void *ctx, unsigned char *out, size_t n) {
    struct pk_tls *t = ctx;
    const int r = t->io.recv(t->io.ctx, out, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
    if (r == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    return r > 0 ? r : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* ---- connection */
void pk_tls_init(struct pk_tls *t, struct pk_crypto *crypto, struct pk_tls_io io) {
    memset(t, 0, sizeof *t);
    t->crypto = crypto;
    t->io = io;
    identity_init(&t->identity[0]);
    identity_init(&t->identity[1]);
    mbedtls_ssl_config_init(&t->config);
    mbedtls_ssl_init(&t->ssl);
    mbedtls_ssl_session_init(&t->session);
}

/* With a shared secret nobody shows certificates; else a secret is only ever a ticket. */
static int set_up_identity(struct pk_tls *t, struct pk_tls_identity *id) {
    int code = 0;
    mbedtls_ssl_conf_ca_chain(&t->config, &id->ca, NULL);
    if (id->psk_bytes > 0) {
        mbedtls_ssl_conf_tls13_key_exchange_modes(&t->config,
                                                  MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
        code = mbedtls_ssl_conf_psk(&t->config, id->psk, id->psk_bytes,
                                    (const unsigned char *)id->psk_identity, strlen(id->psk_identity));
    } else if (id->own.raw.p != NULL) {
        code = mbedtls_ssl_conf_own_cert(&t->config, &id->own, &id->key);
    }
    if (code == 0 && id->alpn[0] != '\0') {
        t->alpn[0] = id->alpn;
        code = mbedtls_ssl_conf_alpn_protocols(&t->config, t->alpn);
    }
    return code;
}

static int set_up(struct pk_tls *t, struct pk_tls_identity *id) {
    int code = mbedtls_ssl_config_defaults(&t->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                           MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) {
        return code;
    }
    mbedtls_ssl_conf_authmode(&t->config,
                              t->is_probe ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(&t->config, library_random, NULL);
    mbedtls_ssl_conf_min_tls_version(&t->config, id->is_tls12_allowed || t->is_probe
                                                     ? MBEDTLS_SSL_VERSION_TLS1_2
                                                     : MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_session_tickets(&t->config, t->is_probe ? MBEDTLS_SSL_SESSION_TICKETS_DISABLED
                                                             : MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &t->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    code = set_up_identity(t, id);
    if (code == 0) {
        code = mbedtls_ssl_setup(&t->ssl, &t->config);
    }
    return code != 0 ? code : mbedtls_ssl_set_hostname(&t->ssl, t->server_name);
}

int pk_tls_begin(struct pk_tls *t, const char *server_name) {
    pk_tls_end(t, false);
    if (t->has_next) {
        identity_free(&t->identity[t->current]);
        t->current = 1u - t->current;
        t->has_next = false;
        t->is_session_refused = false;
        forget_session(t); /* who we are is shown anew */
    }
    struct pk_tls_identity *id = &t->identity[t->current];
    if (!id->is_set && !t->is_probe) {
        set_error(t, "no CA certificate is configured");
        return PK_E_TLS;
    }
    if (server_name[0] == '\0' ||
        pk_str_copy(pk_str_of(server_name), t->server_name, sizeof t->server_name) < 0) {
        set_error(t, "the broker's name is empty or too long");
        return PK_E_TLS;
    }
    t->is_begun = true;
    t->refused_before = pk_mbedtls_heap.status.failed_count;
    const int code = set_up(t, id);
    if (code != 0) {
        const int err = fail(t, code);
        pk_tls_end(t, false);
        return err;
    }
    t->is_resuming = offer_session(t);
    mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_recv, NULL);
    set_error(t, "");
    return PK_OK;
}

static void end_handshake(struct pk_tls *t) {
    t->resumed_count += t->is_resuming && !t->has_certificate ? 1 : 0;
    t->is_resuming = false;
    if (mbedtls_ssl_get_version_number(&t->ssl) == MBEDTLS_SSL_VERSION_TLS1_2 && !t->is_probe) {
        keep_session(t); /* 1.3 sends tickets later */
    }
}

int pk_tls_step(struct pk_tls *t) {
    if (!t->is_begun) {
        return PK_E_CLOSED;
    }
    for (uint32_t i = 0; i < STEPS_A_CALL && !t->is_over; i++) {
        const uint64_t start_us = t->crypto->now_us != NULL ? t->crypto->now_us() : 0;
        t->is_shown = t->is_shown || t->ssl.state == MBEDTLS_SSL_CLIENT_CERTIFICATE;
        t->has_certificate = t->has_certificate || t->ssl.state == MBEDTLS_SSL_SERVER_CERTIFICATE;
        const int code = mbedtls_ssl_handshake_step(&t->ssl);
        pk_crypto_note_step(t->crypto, start_us);
        if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) {
            return PK_E_AGAIN;
        }
        if (code != 0) {
            t->is_session_refused = t->is_session_refused || t->is_resuming;
            return fail(t, code);
        }
        t->is_over = mbedtls_ssl_is_handshake_over(&t->ssl) != 0;
        if (t->is_over) {
            end_handshake(t);
        }
        if (t->crypto->now_us == NULL || t->crypto->now_us() - start_us > LONG_STEP_US) {
            break;
        }
    }
    return t->is_over ? PK_OK : PK_E_BUSY;
}

static bool is_later(int code) {
    return code == MBEDTLS_ERR_SSL_WANT_WRITE || code == MBEDTLS_ERR_SSL_WANT_READ ||
           code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

/* A ticket may come in the middle of writing, too: the library reads on before it writes. */
static int write_record(struct pk_tls *t, const void *p, size_t n) {
    int code = mbedtls_ssl_write(&t->ssl, p, n);
    for (uint32_t i = 0; i < TICKETS_A_CALL && code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET; i++) {
        keep_session(t);
        code = mbedtls_ssl_write(&t->ssl, p, n);
    }
    return code;
}

/* While a record waits, a write sends that one and takes nothing. But a ticket that has begun is read to its
 * end first; that sends the record as well, and so may reading. Once it is out nothing may be written here:
 * hence the look at what is left, and a write of no bytes, because the library may go on to it in the same
 * call. */
int pk_tls_flush(struct pk_tls *t) {
    if (!t->is_flushing) {
        return PK_OK;
    }
    const int code = t->ssl.out_left != 0 ? mbedtls_ssl_write(&t->ssl, (const unsigned char *)"", 0) : 0;
    if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        keep_session(t);
    }
    const bool is_lost = code < 0 && !is_later(code);
    t->is_flushing = !is_lost && t->ssl.out_left != 0;
    if (is_lost) {
        return fail(t, code);
    }
    return t->is_flushing ? PK_E_AGAIN : PK_OK;
}

int pk_tls_send(struct pk_tls *t, const void *p, uint32_t n) {
    if (!t->is_over) {
        return PK_E_CLOSED;
    }
    const int held = pk_tls_flush(t);
    if (held != PK_OK || n == 0) {
        return held == PK_E_AGAIN ? 0 : held;
    }
    const int most = mbedtls_ssl_get_max_out_record_payload(&t->ssl);
    if (most <= 0) {
        return fail(t, most);
    }
    const uint32_t piece = n < (uint32_t)most ? n : (uint32_t)most;
    const int code = write_record(t, p, piece);
    if (is_later(code) && code != MBEDTLS_ERR_SSL_WANT_WRITE) {
        return 0; /* nothing was taken: the library waits for the rest of what it reads */
    }
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE) {
        /* The record is made and kept by the library, so its bytes count as accepted; asking the caller to
         * repeat them exactly would tie his hands. */
        t->is_flushing = true;
        return (int)piece;
    }
    return code < 0 ? fail(t, code) : code;
}

static int read_record(struct pk_tls *t, uint8_t *out, uint32_t cap_bytes) {
    int code = mbedtls_ssl_read(&t->ssl, out, cap_bytes);
    for (uint32_t i = 0; i < TICKETS_A_CALL && code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET; i++) {
        keep_session(t);
        code = mbedtls_ssl_read(&t->ssl, out, cap_bytes);
    }
    return code;
}

/* Brokers put each message into a record of its own: as many as fit, or each would cost its reader a turn.
 * What ended the reading is told with the next call. */
int pk_tls_recv(struct pk_tls *t, void *out, uint32_t cap_bytes) {
    if (!t->is_over) {
        return PK_E_CLOSED;
    }
    const int held = pk_tls_flush(t);
    if (held < 0 && held != PK_E_AGAIN) {
        return held;
    }
    uint32_t got = 0;
    int code = t->end_code;
    while (got < cap_bytes && !t->has_ended) {
        code = read_record(t, (uint8_t *)out + got, cap_bytes - got);
        if (code <= 0) {
            t->has_ended = !is_later(code);
            t->end_code = code;
            break;
        }
        got += (uint32_t)code;
    }
    if (got > 0 || !t->has_ended) {
        return (int)got;
    }
    if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) { /* 0: without a close alert */
        set_error(t, "the peer closed the connection");
        return PK_E_CLOSED;
    }
    return fail(t, code);
}

bool pk_tls_has_more(const struct pk_tls *t) {
    return t->is_over && (t->has_ended || mbedtls_ssl_check_pending(&t->ssl) != 0);
}

void pk_tls_end(struct pk_tls *t, bool may_send) {
    if (!t->is_begun) {
        return;
    }
    if (may_send && t->is_over && !t->is_flushing) {
        (void)mbedtls_ssl_close_notify(&t->ssl);
    }
    mbedtls_ssl_free(&t->ssl);
    mbedtls_ssl_config_free(&t->config);
    mbedtls_ssl_init(&t->ssl);
    mbedtls_ssl_config_init(&t->config);
    t->is_begun = false;
    t->is_over = false;
    t->is_shown = false;
    t->has_ended = false;
    t->end_code = 0;
    t->has_certificate = false;
    t->is_resuming = false;
    t->is_flushing = false;
}

void pk_tls_free(struct pk_tls *t) {
    pk_tls_end(t, false);
    forget_session(t);
    identity_free(&t->identity[0]);
    identity_free(&t->identity[1]);
    t->has_next = false;
}
