#include "port/mbedtls/pk_crypto.h"

#include <string.h>

#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

#include "pk_limits.h"

enum { POINT_BYTES = 1 + PK_ES256_PUBLIC_BYTES };

struct pk_heap pk_mbedtls_heap;
static _Alignas(PK_HEAP_ALIGN_BYTES) uint8_t heap_bytes[PK_LIMIT_TLS_HEAP_BYTES];

static void *heap_calloc(size_t count, size_t each) {
    if (each != 0 && count > SIZE_MAX / each) {
        return NULL;
    }
    void *p = pk_heap_alloc(&pk_mbedtls_heap, count * each);
    if (p != NULL) {
        memset(p, 0, count * each);
    }
    return p;
}

static void heap_free(void *p) {
    pk_heap_free(&pk_mbedtls_heap, p);
}

void pk_mbedtls_heap_open(void) {
    if (pk_mbedtls_heap.base == NULL) {
        pk_heap_init(&pk_mbedtls_heap, heap_bytes, sizeof heap_bytes);
        mbedtls_platform_set_calloc_free(heap_calloc, heap_free);
    }
}

static int random_bytes(void *ctx, unsigned char *out, size_t n) {
    const struct pk_crypto *c = ctx;
    return c->entropy->fill(c->entropy->ctx, out, (uint32_t)n) == PK_OK ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

void pk_crypto_note_step(struct pk_crypto *c, uint64_t start_us) {
    if (c->now_us == NULL) {
        return;
    }
    const uint64_t took_us = c->now_us() - start_us;
    if (took_us > c->longest_us) {
        c->longest_us = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
    }
}

static uint64_t start_step(const struct pk_crypto *c) {
    return c->now_us != NULL ? c->now_us() : 0;
}

static int error_of(int code) {
    switch (code) {
    case 0:
        return PK_OK;
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
        return PK_E_FULL;
    case MBEDTLS_ERR_ECP_RANDOM_FAILED:
        return PK_E_IO;
    case MBEDTLS_ERR_ECP_VERIFY_FAILED:
        return PK_E_BAD_SIGNATURE;
    default:
        return PK_E_BAD_FIELD;
    }
}

static void sha256(void *ctx, const struct pk_str *parts, uint32_t part_count, uint8_t out[PK_SHA256_BYTES]) {
    (void)ctx;
    /* None of these calls can fail with the software implementation of the library. */
    mbedtls_sha256_context s;
    mbedtls_sha256_init(&s);
    mbedtls_sha256_starts(&s, 0);
    for (uint32_t i = 0; i < part_count; i++) {
        if (parts[i].n > 0) {
            mbedtls_sha256_update(&s, (const unsigned char *)parts[i].p, parts[i].n);
        }
    }
    mbedtls_sha256_finish(&s, out);
    mbedtls_sha256_free(&s);
}

/* What all three operations work with. */
struct work {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi r, s, d;
};

static int begin_work(struct work *w) {
    mbedtls_ecp_group_init(&w->group);
    mbedtls_ecp_point_init(&w->point);
    mbedtls_mpi_init(&w->r);
    mbedtls_mpi_init(&w->s);
    mbedtls_mpi_init(&w->d);
    return mbedtls_ecp_group_load(&w->group, MBEDTLS_ECP_DP_SECP256R1);
}

static void end_work(struct work *w) {
    mbedtls_ecp_group_free(&w->group);
    mbedtls_ecp_point_free(&w->point);
    mbedtls_mpi_free(&w->r);
    mbedtls_mpi_free(&w->s);
    mbedtls_mpi_free(&w->d);
}

static int load_point(struct work *w, const uint8_t public_key[PK_ES256_PUBLIC_BYTES]) {
    uint8_t encoded[POINT_BYTES];
    encoded[0] = 4; /* uncompressed (SEC 1, 2.3.3) */
    memcpy(encoded + 1, public_key, PK_ES256_PUBLIC_BYTES);
    const int code = mbedtls_ecp_point_read_binary(&w->group, &w->point, encoded, sizeof encoded);
    return code != 0 ? code : mbedtls_ecp_check_pubkey(&w->group, &w->point);
}

bool pk_crypto_has_turn(const struct pk_crypto *c, const void *who) {
    return c->round == NULL || c->turn_of == NULL || c->turn_of == who || c->turn_round != *c->round;
}

void pk_crypto_take_turn(struct pk_crypto *c, const void *who) {
    c->turn_of = who;
    c->turn_round = c->round != NULL ? *c->round : 0;
}

static int es256_verify(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                        const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    struct pk_crypto *c = ctx;
    if (!pk_crypto_has_turn(c, c)) {
        return PK_E_AGAIN;
    }
    pk_crypto_take_turn(c, c);
    const uint64_t start_us = start_step(c);
    uint8_t hash[PK_SHA256_BYTES];
    sha256(NULL, &msg, 1, hash);
    struct work w;
    int code = begin_work(&w);
    if (code == 0) {
        code = load_point(&w, public_key);
    }
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&w.r, signature, PK_ES256_SIGNATURE_BYTES / 2);
    }
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&w.s, signature + PK_ES256_SIGNATURE_BYTES / 2,
                                       PK_ES256_SIGNATURE_BYTES / 2);
    }
    if (code == 0) {
        code = mbedtls_ecdsa_verify(&w.group, hash, sizeof hash, &w.point, &w.r, &w.s);
    }
    end_work(&w);
    pk_crypto_note_step(c, start_us);
    return error_of(code);
}

static int es256_sign(void *ctx, const uint8_t private_key[PK_ES256_PRIVATE_BYTES], struct pk_str msg,
                      uint8_t out_signature[PK_ES256_SIGNATURE_BYTES]) {
    struct pk_crypto *c = ctx;
    const uint64_t start_us = start_step(c);
    uint8_t hash[PK_SHA256_BYTES];
    sha256(NULL, &msg, 1, hash);
    struct work w;
    int code = begin_work(&w);
    if (code == 0) {
        code = mbedtls_mpi_read_binary(&w.d, private_key, PK_ES256_PRIVATE_BYTES);
    }
    if (code == 0) {
        code = mbedtls_ecp_check_privkey(&w.group, &w.d);
    }
    if (code == 0) {
        code = mbedtls_ecdsa_sign(&w.group, &w.r, &w.s, &w.d, hash, sizeof hash, random_bytes, c);
    }
    if (code == 0) {
        code = mbedtls_mpi_write_binary(&w.r, out_signature, PK_ES256_SIGNATURE_BYTES / 2);
    }
    if (code == 0) {
        code = mbedtls_mpi_write_binary(&w.s, out_signature + PK_ES256_SIGNATURE_BYTES / 2,
                                        PK_ES256_SIGNATURE_BYTES / 2);
    }
    end_work(&w);
    pk_crypto_note_step(c, start_us);
    return error_of(code);
}

static int es256_keygen(void *ctx, uint8_t out_private[PK_ES256_PRIVATE_BYTES],
                        uint8_t out_public[PK_ES256_PUBLIC_BYTES]) {
    struct pk_crypto *c = ctx;
    const uint64_t start_us = start_step(c);
    struct work w;
    int code = begin_work(&w);
    if (code == 0) {
        code = mbedtls_ecp_gen_keypair(&w.group, &w.d, &w.point, random_bytes, c);
    }
    uint8_t encoded[POINT_BYTES];
    size_t n = 0;
    if (code == 0) {
        code = mbedtls_ecp_point_write_binary(&w.group, &w.point, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, encoded,
                                              sizeof encoded);
    }
    if (code == 0) {
        code = mbedtls_mpi_write_binary(&w.d, out_private, PK_ES256_PRIVATE_BYTES);
    }
    if (code == 0) {
        memcpy(out_public, encoded + 1, PK_ES256_PUBLIC_BYTES);
    }
    end_work(&w);
    pk_crypto_note_step(c, start_us);
    return error_of(code);
}

void pk_crypto_open(struct pk_crypto *c, const struct pk_port_entropy *entropy, uint64_t (*now_us)(void),
                    struct pk_port_crypto *out) {
    pk_mbedtls_heap_open();
    *c = (struct pk_crypto){.entropy = entropy, .now_us = now_us};
    *out = (struct pk_port_crypto){.ctx = c,
                                   .sha256 = sha256,
                                   .es256_verify = es256_verify,
                                   .es256_sign = es256_sign,
                                   .es256_keygen = es256_keygen};
}
