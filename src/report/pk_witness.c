#include "report/pk_witness.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"

enum { MAC_BYTES = 16, BLOCK_BYTES = 64, HEARD_MAX = 16 };
static const char MAGIC[] = "PKW1";
_Static_assert(PK_LIMIT_NEIGHBOURS <= HEARD_MAX, "all of them fit a datagram");
_Static_assert(4 + 2 * (2 + 32) + 4 + 4 + 8 + 1 + 4 + 1 + 8 * HEARD_MAX + MAC_BYTES <= PK_WITNESS_BYTES_MAX,
               "the largest fits");

/* RFC 2104 over SHA-256; a key is never longer than its block. */
static void make_mac(const struct pk_witness *w, const void *p, uint32_t n, uint8_t out[PK_SHA256_BYTES]) {
    uint8_t inner[BLOCK_BYTES], outer[BLOCK_BYTES];
    for (uint32_t i = 0; i < BLOCK_BYTES; i++) {
        inner[i] = w->key[i] ^ 0x36u;
        outer[i] = w->key[i] ^ 0x5cu;
    }
    const struct pk_str first[] = {pk_str_make((const char *)inner, sizeof inner), pk_str_make(p, n)};
    w->crypto->sha256(w->crypto->ctx, first, PK_COUNT_OF(first), out);
    const struct pk_str second[] = {pk_str_make((const char *)outer, sizeof outer),
                                    pk_str_make((const char *)out, PK_SHA256_BYTES)};
    w->crypto->sha256(w->crypto->ctx, second, PK_COUNT_OF(second), out);
    pk_zero(inner, sizeof inner);
    pk_zero(outer, sizeof outer);
}

/* In the same time wherever they differ. */
static bool is_mac_good(const struct pk_witness *w, struct pk_str datagram) {
    uint8_t mac[PK_SHA256_BYTES];
    uint8_t differing = 0;
    const uint32_t n = (uint32_t)datagram.n - MAC_BYTES;
    make_mac(w, datagram.p, n, mac);
    for (uint32_t i = 0; i < MAC_BYTES; i++) {
        differing |= (uint8_t)(mac[i] ^ (uint8_t)datagram.p[n + i]);
    }
    return differing == 0;
}

void pk_witness_init(struct pk_witness *w, const struct pk_port_crypto *crypto, struct pk_str site,
                     struct pk_str gateway, uint32_t boot, uint64_t number) {
    PK_ASSERT(number != 0);
    memset(w, 0, sizeof *w);
    w->crypto = crypto;
    w->boot = boot;
    w->number = number;
    (void)pk_str_copy_cut(site, w->site, sizeof w->site);
    (void)pk_str_copy_cut(gateway, w->gateway, sizeof w->gateway);
}

int pk_witness_set_key(struct pk_witness *w, struct pk_str line) {
    const uint32_t n = (uint32_t)line.n / 2u;
    pk_zero(w->key, sizeof w->key);
    w->has_key = false;
    if (line.n % 2u != 0 || n < PK_WITNESS_KEY_BYTES_MIN || n > PK_WITNESS_KEY_BYTES_MAX) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t byte = 0;
        if (pk_parse_hex_u64(pk_str_make(line.p + 2u * i, 2), &byte) != PK_OK) {
            pk_zero(w->key, sizeof w->key);
            return PK_E_BAD_FIELD;
        }
        w->key[i] = (uint8_t)byte;
    }
    w->has_key = true;
    return PK_OK;
}

static bool is_heard(const struct pk_neighbour *n, uint64_t now_ms) {
    return n->gateway[0] != '\0' && now_ms - n->heard_ms <= PK_WITNESS_HEARD_MS;
}

uint32_t pk_witness_make(struct pk_witness *w, bool has_hub, uint32_t hubless_s, uint64_t now_ms,
                         uint8_t out[PK_WITNESS_BYTES_MAX]) {
    struct pk_writer to;
    uint8_t mac[PK_SHA256_BYTES], heard = 0;
    if (!w->has_key) {
        return 0;
    }
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        heard = (uint8_t)(heard + (is_heard(&w->rows[i], now_ms) ? 1u : 0u));
    }
    pk_writer_init(&to, out, PK_WITNESS_BYTES_MAX);
    pk_put_bytes(&to, MAGIC, sizeof MAGIC - 1);
    pk_put_text(&to, pk_str_of(w->site));
    pk_put_text(&to, pk_str_of(w->gateway));
    pk_put_u32(&to, w->boot);
    pk_put_u32(&to, ++w->count);
    pk_put_u64(&to, w->number);
    pk_put_u8(&to, has_hub ? 1 : 0);
    pk_put_u32(&to, has_hub ? 0 : hubless_s);
    pk_put_u8(&to, heard);
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        if (is_heard(&w->rows[i], now_ms)) {
            pk_put_u64(&to, w->rows[i].number);
        }
    }
    make_mac(w, out, to.n, mac);
    pk_put_bytes(&to, mac, MAC_BYTES);
    PK_ASSERT(!to.is_full);
    return to.n;
}

/* ---- what comes ---- */

struct claim {
    struct pk_str site, gateway;
    uint32_t boot, count, hubless_s;
    uint64_t number;
    bool has_hub, knows_us;
};

static bool read_claim(const struct pk_witness *w, struct pk_str datagram, struct claim *out) {
    struct pk_reader r;
    char magic[sizeof MAGIC - 1];
    pk_reader_init(&r, datagram.p, (uint32_t)datagram.n - MAC_BYTES);
    pk_get_bytes(&r, magic, sizeof magic);
    out->site = pk_get_text(&r);
    out->gateway = pk_get_text(&r);
    out->boot = pk_get_u32(&r);
    out->count = pk_get_u32(&r);
    out->number = pk_get_u64(&r);
    const uint8_t hub = pk_get_u8(&r);
    out->has_hub = hub == 1;
    out->hubless_s = pk_get_u32(&r);
    const uint8_t heard = pk_get_u8(&r);
    out->knows_us = false;
    for (uint32_t i = 0; i < heard && !r.is_bad; i++) {
        out->knows_us = pk_get_u64(&r) == w->number || out->knows_us;
    }
    return pk_reader_done(&r) && memcmp(magic, MAGIC, sizeof magic) == 0 && hub <= 1 && out->number != 0 &&
           pk_text_is_id(out->site, "", PK_WITNESS_NAME_BYTES - 1) &&
           pk_text_is_id(out->gateway, "", PK_WITNESS_NAME_BYTES - 1);
}

/* The row of that name; else a free one, or that of who was not seen for longest, if long enough. */
static struct pk_neighbour *row_for(struct pk_witness *w, struct pk_str gateway, uint64_t now_ms) {
    struct pk_neighbour *best = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        struct pk_neighbour *n = &w->rows[i];
        if (pk_str_eq_c(gateway, n->gateway)) {
            return n;
        }
        const bool is_free = n->gateway[0] == '\0' || now_ms - n->heard_ms > PK_WITNESS_FORGET_MS;
        if (is_free && (best == NULL || n->heard_ms < best->heard_ms)) {
            best = n;
        }
    }
    return best;
}

/* A boot has one number. Of an earlier boot, or not newer within it: somebody recorded it. */
static bool is_old(const struct pk_neighbour *n, const struct claim *c) {
    if (n->gateway[0] == '\0' || c->boot > n->boot) {
        return false;
    }
    return c->boot < n->boot || (n->seen_ms != 0 && (c->number != n->number || c->count <= n->count));
}

/* An earlier boot of who was silent: a store in memory does not count its boots, so it may live anew. It is
 * believed when it names a number that no recording can. */
static bool is_new_life(struct pk_witness *w, const struct pk_neighbour *n, const struct claim *c,
                        uint64_t now_ms) {
    const bool may_renew = w->renewed_ms == 0 || now_ms - w->renewed_ms >= PK_WITNESS_RENEW_MS;
    if (c->boot >= n->boot || is_heard(n, now_ms) || !may_renew) {
        return false;
    }
    w->number += w->number < UINT64_MAX ? 1u : 2u; /* never 0 */
    w->renewed_ms = now_ms;
    return true;
}

static int take_claim(struct pk_witness *w, const struct claim *c, uint64_t now_ms) {
    struct pk_neighbour *n = row_for(w, c->gateway, now_ms);
    if (n == NULL) {
        w->full_count++;
        return PK_E_FULL;
    }
    if (!pk_str_eq_c(c->gateway, n->gateway)) {
        w->used_count += n->gateway[0] == '\0' ? 1u : 0u;
        memset(n, 0, sizeof *n);
        (void)pk_str_copy_cut(c->gateway, n->gateway, sizeof n->gateway);
    } else if (is_old(n, c) && !is_new_life(w, n, c, now_ms)) {
        return PK_E_REPLAYED;
    }
    n->heard_ms = now_ms;
    if (c->boot < n->boot) { /* what it said before stays until it is believed again */
        n->boot = n->count = 0;
        n->number = c->number;
        return PK_E_AGAIN;
    }
    if (!c->knows_us) { /* it will, once it heard that we know its number */
        n->number = c->number;
        return PK_E_AGAIN;
    }
    n->boot = c->boot;
    n->number = c->number;
    n->count = c->count;
    n->seen_ms = now_ms;
    n->has_hub = c->has_hub;
    n->hubless_s = c->hubless_s;
    return PK_OK;
}

int pk_witness_take(struct pk_witness *w, struct pk_str datagram, uint64_t now_ms) {
    struct claim c;
    if (!w->has_key || datagram.n <= MAC_BYTES || datagram.n > PK_WITNESS_BYTES_MAX) {
        return PK_E_BAD_MSG;
    }
    if (!is_mac_good(w, datagram)) {
        return PK_E_BAD_SIGNATURE;
    }
    if (!read_claim(w, datagram, &c)) {
        return PK_E_BAD_MSG;
    }
    if (!pk_str_eq_c(c.site, w->site)) {
        return PK_E_WRONG_AUDIENCE;
    }
    if (pk_str_eq_c(c.gateway, w->gateway)) { /* a broadcast comes back to its sender */
        const bool is_ours = c.number == w->number || (w->renewed_ms != 0 && c.number == w->number - 1u);
        return is_ours ? PK_E_AGAIN : PK_E_CONFLICT;
    }
    return take_claim(w, &c, now_ms);
}
