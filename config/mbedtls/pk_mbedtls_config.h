/*
 * mbedTLS as Picket needs it: a TLS 1.2/1.3 client with certificates, ES256 and SHA-256. What is not named
 * here is off. Sizes follow the memory contract: everything lives in one static buffer, a heap of our own
 * (port/heap.c).
 *
 * The port (port/mbedtls) owns hooks:
 *   - mbedtls_psa_external_get_random(): the only source of randomness for PSA; the same function feeds the
 * TLS and ECDSA calls that take an RNG argument. There is no DRBG and no entropy pool in the library.
 *   - mbedtls_platform_set_time(): certificate dates are judged by the clock of the clock port, with its
 * quality.
 *   - mbedtls_platform_gmtime_r(): our calendar.
 *   - files: the library reads none; keys and certificates are passed as bytes.
 */
#ifndef PK_MBEDTLS_CONFIG_H
#define PK_MBEDTLS_CONFIG_H

/* Platform: static memory, our clock, our randomness, no files, no sockets, no threads. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_TIME_ALT
#define MBEDTLS_PLATFORM_GMTIME_R_ALT

/* TLS 1.3 is built on PSA; volatile keys only, in the fixed slot table, and only what its key schedule calls:
 * without the list PSA offers all that is on below a second time. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_CRYPTO_CONFIG
#define MBEDTLS_PSA_CRYPTO_CONFIG_FILE "pk_psa_config.h"
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_PSA_KEY_SLOT_COUNT 16

/* Protocol: client only. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
/* A connection that was cut comes back with a ticket: no certificates on the wire, no signatures. */
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
/* A broker may send full records; we send at most 4 KiB at once. */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 4096

/* Ciphers: AEAD only. ROM tables: 2 KB of the file instead of 8 KB of RAM. GCM and CTR never decrypt a block.
 */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
/* The CPU's AES instructions where it has them: constant time, and GCM three times as fast for no size. */
#if defined(__x86_64__)
#define MBEDTLS_AESNI_C
#elif defined(__aarch64__)
#define MBEDTLS_AESCE_C
#endif

#define MBEDTLS_MD_C
#define MBEDTLS_HKDF_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C

/* Keys: EC for us, RSA up to 4096 bits for brokers that have it. */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 512
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21

/* Certificates; nobody asks for a description of one. PSS: without it a TLS 1.3 handshake with an RSA broker
 * fails. */
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_REMOVE_INFO
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C

/* A board short of flash (board.cmake): loops instead of unrolled rounds, no ready-made multiples of the
 * generators. 9 KB less; see ADR 0030 for what it costs. */
#if defined(PK_SHORT_OF_FLASH)
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#endif

#endif
