#include "event/pk_dns.h"

#include <string.h>

enum {
    HEADER_BYTES = 12,
    QUESTION_TAIL_BYTES = 4, /* type, class */
    RECORD_HEAD_BYTES = 10,  /* type, class, time to live, length */
    CLASS_IN = 1,
    TYPE_CNAME = 5,
    RECORDS_MAX = 64,
    JUMPS_MAX = 16
};

static uint16_t get16(const uint8_t *p) {
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}
static void put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8 & 255u);
    p[1] = (uint8_t)(v & 255u);
}

/* A name in its plain form: length, label, …, 0; lower case. */
struct name {
    uint8_t bytes[PK_DNS_NAME_BYTES];
    uint32_t n;
};

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool add_label(struct name *name, const uint8_t *label, uint32_t n) {
    if (name->n + n + 1u > sizeof name->bytes) {
        return false;
    }
    name->bytes[name->n++] = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) {
        name->bytes[name->n++] = lower(label[i]);
    }
    return true;
}

static bool is_same_name(const struct name *a, const struct name *b) {
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* Reads a name at *at and moves *at behind it. Compression only ever points back (RFC 1035 4.1.4), so it
 * ends.
 */
static bool read_name(const uint8_t *p, uint32_t n, uint32_t *at, struct name *out) {
    uint32_t from = *at, jumps = 0, lowest = *at;
    out->n = 0;
    while (from < n) {
        const uint32_t length = p[from];
        if (length == 0) {
            *at = jumps == 0 ? from + 1u : *at;
            return add_label(out, NULL, 0);
        }
        if ((length & 0xC0u) == 0xC0u) {
            if (from + 1u >= n || ++jumps > JUMPS_MAX) {
                return false;
            }
            const uint32_t to = (length & 0x3Fu) << 8 | p[from + 1u];
            *at = jumps == 1 ? from + 2u : *at;
            if (to >= lowest) {
                return false;
            }
            from = lowest = to;
            continue;
        }
        if (length > 63 || from + 1u + length > n || !add_label(out, p + from + 1u, length)) {
            return false;
        }
        from += 1u + length;
    }
    return false;
}

int pk_dns_query(struct pk_str name, enum pk_dns_type type, uint16_t id, uint8_t *out, uint32_t cap_bytes) {
    struct name plain = {.n = 0};
    struct pk_str rest = name, label;
    if (rest.n > 0 && rest.p[rest.n - 1u] == '.') {
        rest.n--;
    }
    while (pk_str_split(&rest, '.', &label)) {
        if (!pk_text_is_id(label, "", 63) || !add_label(&plain, (const uint8_t *)label.p, label.n)) {
            return PK_E_BAD_FIELD;
        }
    }
    const uint32_t bytes = HEADER_BYTES + plain.n + 1u + QUESTION_TAIL_BYTES;
    if (plain.n == 0 || !add_label(&plain, NULL, 0) || bytes > cap_bytes) {
        return PK_E_BAD_FIELD;
    }
    memset(out, 0, bytes);
    put16(out, id);
    out[2] = 1; /* recursion desired */
    out[5] = 1; /* one question */
    memcpy(out + HEADER_BYTES, plain.bytes, plain.n);
    put16(out + HEADER_BYTES + plain.n, type);
    put16(out + HEADER_BYTES + plain.n + 2u, CLASS_IN);
    return (int)bytes;
}

struct answers {
    const uint8_t *p;
    uint32_t n, at;
    uint16_t type;
    struct name owner; /* whose address is looked for: the question's, then what it is an alias of */
    struct pk_dns_answer *out;
};

static bool take_record(struct answers *a) {
    struct name owner;
    if (!read_name(a->p, a->n, &a->at, &owner) || a->at + RECORD_HEAD_BYTES > a->n) {
        return false;
    }
    const uint8_t *head = a->p + a->at;
    const uint32_t type = get16(head), class = get16(head + 2), length = get16(head + 8);
    a->at += RECORD_HEAD_BYTES;
    uint32_t data = a->at;
    if (data + length > a->n) {
        return false;
    }
    a->at = data + length;
    if (class != CLASS_IN || !is_same_name(&owner, &a->owner)) {
        return true; /* nobody asked */
    }
    if (type == TYPE_CNAME) {
        return read_name(a->p, a->at, &data, &a->owner) && data == a->at;
    }
    if (type != a->type) {
        return true;
    }
    const uint32_t bytes = type == PK_DNS_A ? 4u : 16u;
    if (length != bytes) {
        return false;
    }
    if (a->out->address_count < PK_DNS_ADDRESSES) {
        memcpy(a->out->address[a->out->address_count++], a->p + data, bytes);
    }
    return true;
}

int pk_dns_answer(const uint8_t *query, uint32_t query_bytes, const uint8_t *p, uint32_t n,
                  struct pk_dns_answer *out) {
    struct name asked;
    memset(out, 0, sizeof *out);
    if (n < HEADER_BYTES || get16(p) != get16(query) || (p[2] & 0x80u) == 0) {
        return PK_E_AGAIN;
    }
    uint32_t query_at = HEADER_BYTES;
    struct answers a = {.p = p, .n = n, .at = HEADER_BYTES, .out = out};
    if (!read_name(query, query_bytes, &query_at, &asked) || query_at + QUESTION_TAIL_BYTES > query_bytes) {
        return PK_E_BAD_MSG;
    }
    a.type = get16(query + query_at);
    if ((p[2] & 0x78u) != 0 || get16(p + 4) != 1 || !read_name(p, n, &a.at, &a.owner) ||
        a.at + QUESTION_TAIL_BYTES > n) {
        return PK_E_BAD_MSG;
    }
    if (!is_same_name(&a.owner, &asked) || memcmp(p + a.at, query + query_at, QUESTION_TAIL_BYTES) != 0) {
        return PK_E_AGAIN; /* an answer to another question: not ours, whatever its number */
    }
    a.at += QUESTION_TAIL_BYTES;
    out->rcode = p[3] & 0x0Fu;
    out->is_cut = (p[2] & 0x02u) != 0;
    const uint32_t count = get16(p + 6);
    for (uint32_t i = 0; i < count && !out->is_cut; i++) {
        if (i == RECORDS_MAX || !take_record(&a)) {
            return PK_E_BAD_MSG;
        }
    }
    return PK_OK;
}
