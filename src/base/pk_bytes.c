#include "base/pk_bytes.h"

#include <string.h>

#include "base/pk_hash.h"

void pk_writer_init(struct pk_writer *w, void *p, uint32_t cap_bytes) {
    *w = (struct pk_writer){.p = p, .cap_bytes = cap_bytes};
}

/* Room for n bytes; NULL, and nothing fits from then on, when there is not enough. */
static uint8_t *writer_room(struct pk_writer *w, uint32_t n) {
    if (w->is_full || n > w->cap_bytes - w->n) {
        w->is_full = true;
        return NULL;
    }
    uint8_t *room = w->p + w->n;
    w->n += n;
    return room;
}

static void put_le(struct pk_writer *w, uint64_t v, uint32_t width) {
    uint8_t *room = writer_room(w, width);
    for (uint32_t i = 0; room != NULL && i < width; i++) {
        room[i] = (uint8_t)(v >> (8u * i));
    }
}

void pk_put_u8(struct pk_writer *w, uint8_t v) {
    put_le(w, v, 1);
}

void pk_put_u16(struct pk_writer *w, uint16_t v) {
    put_le(w, v, 2);
}

void pk_put_u32(struct pk_writer *w, uint32_t v) {
    put_le(w, v, 4);
}

void pk_put_u64(struct pk_writer *w, uint64_t v) {
    put_le(w, v, 8);
}

void pk_put_i64(struct pk_writer *w, int64_t v) {
    put_le(w, (uint64_t)v, 8);
}

void pk_put_double(struct pk_writer *w, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_le(w, bits, 8);
}

void pk_put_bytes(struct pk_writer *w, const void *p, uint32_t n) {
    uint8_t *room = writer_room(w, n);
    if (room != NULL && n > 0) {
        memcpy(room, p, n);
    }
}

void pk_put_text(struct pk_writer *w, struct pk_str s) {
    if (s.n > UINT16_MAX || (uint64_t)s.n + 2u > w->cap_bytes - w->n) {
        w->is_full = true;
        return;
    }
    pk_put_u16(w, (uint16_t)s.n);
    pk_put_bytes(w, s.p, s.n);
}

void pk_put_crc(struct pk_writer *w) {
    pk_put_u32(w, pk_crc32c(0, w->p, w->n));
}

void pk_reader_init(struct pk_reader *r, const void *p, uint32_t n) {
    *r = (struct pk_reader){.p = p, .n = n};
}

void pk_reader_init_crc(struct pk_reader *r, const void *p, uint32_t n) {
    const uint32_t bytes = n >= PK_CRC_BYTES ? n - PK_CRC_BYTES : 0;
    struct pk_reader tail;
    pk_reader_init(&tail, (const uint8_t *)p + bytes, n - bytes);
    const uint32_t crc = pk_get_u32(&tail);
    pk_reader_init(r, p, !tail.is_bad && crc == pk_crc32c(0, p, bytes) ? bytes : 0);
}

/* The next n bytes; NULL, and nothing can be read from then on, when there are fewer. */
static const uint8_t *reader_take(struct pk_reader *r, uint32_t n) {
    if (r->is_bad || n > r->n - r->at) {
        r->is_bad = true;
        return NULL;
    }
    const uint8_t *taken = r->p + r->at;
    r->at += n;
    return taken;
}

static uint64_t get_le(struct pk_reader *r, uint32_t width) {
    const uint8_t *taken = reader_take(r, width);
    uint64_t v = 0;
    for (uint32_t i = 0; taken != NULL && i < width; i++) {
        v |= (uint64_t)taken[i] << (8u * i);
    }
    return v;
}

uint8_t pk_get_u8(struct pk_reader *r) {
    return (uint8_t)get_le(r, 1);
}

uint16_t pk_get_u16(struct pk_reader *r) {
    return (uint16_t)get_le(r, 2);
}

uint32_t pk_get_u32(struct pk_reader *r) {
    return (uint32_t)get_le(r, 4);
}

uint64_t pk_get_u64(struct pk_reader *r) {
    return get_le(r, 8);
}

int64_t pk_get_i64(struct pk_reader *r) {
    return (int64_t)get_le(r, 8);
}

double pk_get_double(struct pk_reader *r) {
    const uint64_t bits = get_le(r, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void pk_get_bytes(struct pk_reader *r, void *out, uint32_t n) {
    const uint8_t *taken = reader_take(r, n);
    if (n == 0) {
        return;
    }
    if (taken == NULL) {
        memset(out, 0, n);
    } else {
        memcpy(out, taken, n);
    }
}

struct pk_str pk_get_text(struct pk_reader *r) {
    const uint16_t n = pk_get_u16(r);
    const uint8_t *taken = reader_take(r, n);
    if (taken == NULL) {
        return (struct pk_str){NULL, 0};
    }
    return (struct pk_str){(const char *)taken, n};
}

bool pk_reader_done(const struct pk_reader *r) {
    return !r->is_bad && r->at == r->n;
}
