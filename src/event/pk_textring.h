#ifndef PK_TEXTRING_H
#define PK_TEXTRING_H
/* Message and fields of recent events, by absolute position (u32, wraps). A record never crosses the end of
 * the buffer, so it reads as one piece; it is gone once newer records took its place. */
#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "event/pk_event.h"
#include "pk_limits.h"

enum pk_field_kind {
    PK_FIELD_STRING = 1,
    PK_FIELD_NUMBER,
    PK_FIELD_BOOL,
    PK_FIELD_CORRELATION /* name is empty, value the correlation id */
};
enum { PK_FIELD_HEADER_BYTES = 4, PK_FIELD_NAME_BYTES_MAX = 64, PK_FIELDS_BYTES_MAX = 2048 };

struct pk_textring {
    uint8_t bytes[PK_LIMIT_TEXT_RING_BYTES];
    uint32_t end; /* absolute position after the newest record */
};

struct pk_field {
    enum pk_field_kind kind;
    struct pk_str name, value; /* of a number: its digits; of a bool: "true" or "false" */
};

void pk_textring_init(struct pk_textring *r);
/* Writes message then fields as one record; its position. text_bytes + field_bytes <= ring size / 4, asserted
 * (intake bounds them). */
uint32_t pk_textring_put(struct pk_textring *r, struct pk_str message, struct pk_str fields);
/* Empty when the event has none or it is gone. Valid until the next put. */
struct pk_str pk_textring_message(const struct pk_textring *r, const struct pk_event *e);
struct pk_str pk_textring_fields(const struct pk_textring *r, const struct pk_event *e);
/* Packs one field behind *io_n bytes of out. PK_OK; PK_E_FULL when it does not fit (nothing written). */
PK_MUST_USE inline int pk_field_pack(uint8_t *out, uint32_t cap_bytes, uint32_t *io_n,
                                     const struct pk_field *f) {
    PK_ASSERT(f->name.n <= PK_FIELD_NAME_BYTES_MAX);
    PK_ASSERT(*io_n <= cap_bytes);
    const uint32_t need = PK_FIELD_HEADER_BYTES + f->name.n + f->value.n;
    if (f->value.n > UINT16_MAX || need > cap_bytes - *io_n) {
        return PK_E_FULL;
    }
    uint8_t *p = out + *io_n;
    p[0] = (uint8_t)f->name.n;
    p[1] = (uint8_t)f->kind;
    p[2] = (uint8_t)(f->value.n & 0xFFu);
    p[3] = (uint8_t)(f->value.n >> 8);
    pk_copy(p + PK_FIELD_HEADER_BYTES, f->name.p, f->name.n);
    pk_copy(p + PK_FIELD_HEADER_BYTES + f->name.n, f->value.p, f->value.n);
    *io_n += need;
    return PK_OK;
}
/* Cuts the next field off *rest. false at the end or at bytes that are not a field (rest is emptied). */
bool pk_field_next(struct pk_str *rest, struct pk_field *out);
/* The field of this name, or the correlation id with name "" . */
bool pk_field_find(struct pk_str fields, struct pk_str name, struct pk_field *out);
#endif
