#include "base/pk_bytes.h"
#include "base/pk_hash.h"
#include "port/lmdb/pk_lmdb.h"

/* The key is under the CRC too, so that a value that landed under another key is noticed. */
static uint32_t crc_of(const uint8_t head[2], struct pk_str key, struct pk_str value) {
    uint32_t crc = pk_crc32c(0, head, 2);
    crc = pk_crc32c(crc, key.p, key.n);
    return value.n > 0 ? pk_crc32c(crc, value.p, value.n) : crc;
}

void pk_store_wrap(enum pk_tree tree, struct pk_str key, struct pk_str value,
                   uint8_t out[PK_STORE_WRAP_BYTES]) {
    const uint8_t head[2] = {(uint8_t)(tree + 1), PK_STORE_WRAP_VERSION};
    struct pk_writer w;
    pk_writer_init(&w, out, PK_STORE_WRAP_BYTES);
    pk_put_bytes(&w, head, sizeof head);
    pk_put_u16(&w, 0);
    pk_put_u32(&w, crc_of(head, key, value));
}

int pk_store_unwrap(enum pk_tree tree, struct pk_str key, struct pk_str wrapped, struct pk_str *out_value) {
    if (wrapped.n < PK_STORE_WRAP_BYTES || wrapped.n > PK_STORE_WRAP_BYTES + PK_STORE_VALUE_BYTES) {
        return PK_E_CORRUPT;
    }
    struct pk_reader r;
    pk_reader_init(&r, wrapped.p, PK_STORE_WRAP_BYTES);
    const uint8_t head[2] = {pk_get_u8(&r), pk_get_u8(&r)};
    const uint16_t zero = pk_get_u16(&r);
    const uint32_t crc = pk_get_u32(&r);
    const struct pk_str value = pk_str_make(wrapped.p + PK_STORE_WRAP_BYTES, wrapped.n - PK_STORE_WRAP_BYTES);
    if (head[0] != (uint8_t)(tree + 1) || head[1] != PK_STORE_WRAP_VERSION || zero != 0 ||
        crc != crc_of(head, key, value)) {
        return PK_E_CORRUPT;
    }
    *out_value = value;
    return PK_OK;
}
