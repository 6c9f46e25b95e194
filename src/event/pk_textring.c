#include "event/pk_textring.h"

#include <string.h>

#include "base/pk_zero.h"

_Static_assert((PK_LIMIT_TEXT_RING_BYTES & (PK_LIMIT_TEXT_RING_BYTES - 1u)) == 0u, "positions wrap by mask");
_Static_assert(PK_LIMIT_TEXT_RING_BYTES / 4u >= PK_EVENT_MESSAGE_BYTES + PK_FIELDS_BYTES_MAX,
               "the largest record fits");

enum { MASK = PK_LIMIT_TEXT_RING_BYTES - 1 };

void pk_textring_init(struct pk_textring *r) {
    pk_zero(r, sizeof *r);
}

uint32_t pk_textring_put(struct pk_textring *r, struct pk_str message, struct pk_str fields) {
    PK_ASSERT(message.n <= PK_LIMIT_TEXT_RING_BYTES / 4u);
    PK_ASSERT(fields.n <= PK_LIMIT_TEXT_RING_BYTES / 4u);
    const uint32_t n = message.n + fields.n;
    const uint32_t room = PK_LIMIT_TEXT_RING_BYTES - (r->end & MASK);
    if (n > room) {
        r->end += room;
    }
    const uint32_t at = r->end;
    uint8_t *to = &r->bytes[at & MASK];
    pk_copy(to, message.p, message.n);
    pk_copy(to + message.n, fields.p, fields.n);
    r->end += n;
    return at;
}

/* The record of the event, or empty when newer ones took its place. */
static struct pk_str record(const struct pk_textring *r, const struct pk_event *e) {
    const uint32_t n = (uint32_t)e->text_bytes + e->field_bytes;
    const uint32_t behind = r->end - e->text_ref;
    if (n == 0 || behind < n || behind > PK_LIMIT_TEXT_RING_BYTES ||
        n > PK_LIMIT_TEXT_RING_BYTES - (e->text_ref & MASK)) {
        return pk_str_make(NULL, 0);
    }
    return pk_str_make((const char *)&r->bytes[e->text_ref & MASK], n);
}

struct pk_str pk_textring_message(const struct pk_textring *r, const struct pk_event *e) {
    struct pk_str s = record(r, e);
    if (s.n > 0) {
        s.n = e->text_bytes;
    }
    return s;
}

struct pk_str pk_textring_fields(const struct pk_textring *r, const struct pk_event *e) {
    const struct pk_str s = record(r, e);
    return s.n > 0 ? pk_str_make(s.p + e->text_bytes, e->field_bytes) : s;
}

extern inline int pk_field_pack(uint8_t *out, uint32_t cap_bytes, uint32_t *io_n, const struct pk_field *f);

bool pk_field_next(struct pk_str *rest, struct pk_field *out) {
    const uint8_t *p = (const uint8_t *)rest->p;
    if (rest->n < PK_FIELD_HEADER_BYTES) {
        rest->n = 0;
        return false;
    }
    const uint32_t name_n = p[0];
    const uint32_t value_n = (uint32_t)p[2] | ((uint32_t)p[3] << 8);
    const uint32_t n = PK_FIELD_HEADER_BYTES + name_n + value_n;
    if (n > rest->n || p[1] < PK_FIELD_STRING || p[1] > PK_FIELD_CORRELATION) {
        rest->n = 0;
        return false;
    }
    out->kind = (enum pk_field_kind)p[1];
    out->name = pk_str_make(rest->p + PK_FIELD_HEADER_BYTES, name_n);
    out->value = pk_str_make(rest->p + PK_FIELD_HEADER_BYTES + name_n, value_n);
    *rest = pk_str_make(rest->p + n, rest->n - n);
    return true;
}

bool pk_field_find(struct pk_str fields, struct pk_str name, struct pk_field *out) {
    while (pk_field_next(&fields, out)) {
        if (pk_str_eq(out->name, name)) {
            return true;
        }
    }
    return false;
}
