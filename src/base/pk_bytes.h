#ifndef PK_BYTES_H
#define PK_BYTES_H
/* Little-endian packing of stored records and frames: explicit widths, no struct bytes leave a process. */
#include "base/pk_text.h"

struct pk_writer {
    uint8_t *p;
    uint32_t cap_bytes, n;
    bool is_full; /* a put did not fit; nothing more is written */
};
struct pk_reader {
    const uint8_t *p;
    uint32_t n, at;
    bool is_bad; /* a get ran past the end; zeros were returned */
};

void pk_writer_init(struct pk_writer *w, void *p, uint32_t cap_bytes);
void pk_put_u8(struct pk_writer *w, uint8_t v);
void pk_put_u16(struct pk_writer *w, uint16_t v);
void pk_put_u32(struct pk_writer *w, uint32_t v);
void pk_put_u64(struct pk_writer *w, uint64_t v);
void pk_put_i64(struct pk_writer *w, int64_t v);
void pk_put_double(struct pk_writer *w, double v); /* IEEE-754 bits */
void pk_put_bytes(struct pk_writer *w, const void *p, uint32_t n);
/* u16 length and the bytes; n <= 65535. */
void pk_put_text(struct pk_writer *w, struct pk_str s);

/* CRC-32C of all that was put so far. */
enum { PK_CRC_BYTES = 4 };
void pk_put_crc(struct pk_writer *w);

void pk_reader_init(struct pk_reader *r, const void *p, uint32_t n);
/* Of what stands before the CRC at the end; of nothing when the CRC is not its own. */
void pk_reader_init_crc(struct pk_reader *r, const void *p, uint32_t n);
uint8_t pk_get_u8(struct pk_reader *r);
uint16_t pk_get_u16(struct pk_reader *r);
uint32_t pk_get_u32(struct pk_reader *r);
uint64_t pk_get_u64(struct pk_reader *r);
int64_t pk_get_i64(struct pk_reader *r);
double pk_get_double(struct pk_reader *r);
void pk_get_bytes(struct pk_reader *r, void *out, uint32_t n);
struct pk_str pk_get_text(struct pk_reader *r); /* points into the input; empty when bad */
/* True when nothing ran over and everything was read: a record must be consumed exactly. */
bool pk_reader_done(const struct pk_reader *r);
#endif
