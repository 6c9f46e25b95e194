#ifndef PK_WITNESS_H
#define PK_WITNESS_H
/* Gateways on one LAN vouch for each other (ADR 0085): each says now and then that it is there and whether it
 * has its hub, in a datagram that only holders of a shared key can make, and says of the others in its
 * summary when they were heard last. No clock is trusted, none is needed: what was recorded earlier does not
 * count, because a datagram must name the number its hearer drew at its start. A neighbour whose store is in
 * memory draws its boot epoch: where that is lower than before, it is believed once the row was silent for
 * PK_WITNESS_HEARD_MS, and has to name a new number, which nothing recorded knows. No I/O here.
 *
 * Datagram, little-endian: "PKW1", site and gateway (u16 length each), u32 boot, u32 count (rises within a
 * boot), u64 own number, u8 has hub, u32 seconds without it, u8 n, n times u64 number of who was heard; then
 * 16 bytes of HMAC-SHA256 over all before. */
#include "base/pk_bytes.h"
#include "pk_limits.h"
#include "port/port.h"

enum {
    PK_WITNESS_BYTES_MAX = 256,
    PK_WITNESS_KEY_BYTES_MIN = 16,
    PK_WITNESS_KEY_BYTES_MAX = 64,
    PK_WITNESS_NAME_BYTES = 33,
    PK_WITNESS_HEARD_MS = 180000,   /* whose number is said: heard that short ago */
    PK_WITNESS_RENEW_MS = 180000,   /* a number of ours holds at least so long */
    PK_WITNESS_FORGET_MS = 3600000, /* not seen for so long: another may have the place */
};

struct pk_neighbour {
    char gateway[PK_WITNESS_NAME_BYTES]; /* empty: free */
    uint32_t boot, count;                /* of the newest that counted */
    uint64_t number;                     /* it draws one at its start */
    uint64_t heard_ms;                   /* anything with a good key; boot-time */
    uint64_t seen_ms;                    /* one that knew our number; 0: none yet */
    bool has_hub;
    uint32_t hubless_s;
};

struct pk_witness {
    const struct pk_port_crypto *crypto;
    char site[PK_WITNESS_NAME_BYTES], gateway[PK_WITNESS_NAME_BYTES];
    uint8_t key[PK_WITNESS_KEY_BYTES_MAX]; /* padded with zeros, as HMAC has it */
    bool has_key;
    uint32_t boot, count;
    uint64_t number;     /* at the start drawn, then one more whenever a neighbour may live anew */
    uint64_t renewed_ms; /* when it last changed; 0: since the start */
    struct pk_neighbour rows[PK_LIMIT_NEIGHBOURS];
    uint32_t used_count;
    uint64_t full_count; /* neighbours without a place */
};

/* number: drawn by the caller, not 0. */
void pk_witness_init(struct pk_witness *w, const struct pk_port_crypto *crypto, struct pk_str site,
                     struct pk_str gateway, uint32_t boot, uint64_t number);
/* One line of 32 to 128 hexadecimal digits. PK_OK, PK_E_BAD_FIELD (then there is no key). */
PK_MUST_USE int pk_witness_set_key(struct pk_witness *w, struct pk_str line);
/* Without a key nothing is made and nothing taken. Bytes, or 0. */
uint32_t pk_witness_make(struct pk_witness *w, bool has_hub, uint32_t hubless_s, uint64_t now_ms,
                         uint8_t out[PK_WITNESS_BYTES_MAX]);
/* PK_OK: it counts; PK_E_AGAIN: it is genuine, but does not know us yet, or is our own; else nothing changed:
 * PK_E_BAD_MSG, PK_E_BAD_SIGNATURE (another key, or changed on the way), PK_E_WRONG_AUDIENCE (another site),
 * PK_E_CONFLICT (another gateway with our name), PK_E_REPLAYED, PK_E_FULL. */
PK_MUST_USE int pk_witness_take(struct pk_witness *w, struct pk_str datagram, uint64_t now_ms);
#endif
