#include "incident/pk_incident_id.h"

#include "base/pk_assert.h"

enum { NUMBER_DIGITS_MIN = 5, U32_DIGITS = 10 };

void pk_incident_id_make(char out[PK_INC_ID_BYTES], struct pk_str gateway, uint32_t boot, uint32_t number) {
    struct pk_buf b;
    PK_ASSERT(pk_text_is_id(gateway, "", PK_GATEWAY_BYTES - 1));
    PK_ASSERT(number > 0);
    pk_buf_init(&b, out, PK_INC_ID_BYTES);
    pk_buf_puts(&b, "inc_");
    pk_buf_put_str(&b, gateway);
    pk_buf_putc(&b, '_');
    pk_buf_put_u64(&b, boot);
    pk_buf_putc(&b, '_');
    pk_buf_put_u64_pad(&b, number, NUMBER_DIGITS_MIN);
    PK_ASSERT(!b.is_cut);
}

/* Cuts the digits behind the last '_' off the end. */
static int cut_number(struct pk_str *s, uint32_t *out, uint32_t *out_digits) {
    uint32_t digits = 0;
    while (digits < s->n && s->p[s->n - 1 - digits] >= '0' && s->p[s->n - 1 - digits] <= '9') {
        digits++;
    }
    if (digits == 0 || digits > U32_DIGITS || digits == s->n || s->p[s->n - 1 - digits] != '_') {
        return PK_E_BAD_FIELD;
    }
    uint64_t v = 0;
    const int err = pk_parse_u64(pk_str_make(s->p + s->n - digits, digits), &v);
    if (err != PK_OK || v > UINT32_MAX) {
        return PK_E_BAD_FIELD;
    }
    *out = (uint32_t)v;
    *out_digits = digits;
    s->n -= digits + 1u;
    return PK_OK;
}

/* Only the spelling that is made: no zeros beyond the padding. */
static bool is_canonical(uint32_t value, uint32_t digits, uint32_t width) {
    uint32_t needed = 1;
    for (uint32_t v = value; v >= 10u; v /= 10u) {
        needed++;
    }
    return digits == (needed > width ? needed : width);
}

int pk_incident_id_parse(struct pk_str s, struct pk_incident_ref *out) {
    uint32_t number = 0, digits = 0;
    *out = (struct pk_incident_ref){0};
    if (!pk_str_starts(s, "inc_") || s.n >= PK_INC_ID_BYTES) {
        return PK_E_BAD_FIELD;
    }
    struct pk_str rest = s;
    if (cut_number(&rest, &number, &digits) != PK_OK || number == 0) {
        return PK_E_BAD_FIELD;
    }
    out->number = number;
    if (pk_str_eq_c(rest, "inc")) {
        out->is_short = true;
        return PK_OK;
    }
    if (!is_canonical(number, digits, NUMBER_DIGITS_MIN)) {
        return PK_E_BAD_FIELD;
    }
    if (cut_number(&rest, &out->boot, &digits) != PK_OK || !is_canonical(out->boot, digits, 1)) {
        return PK_E_BAD_FIELD;
    }
    if (!pk_str_starts(rest, "inc_")) {
        return PK_E_BAD_FIELD;
    }
    const struct pk_str gateway = pk_str_make(rest.p + 4, rest.n - 4u);
    if (!pk_text_is_id(gateway, "", PK_GATEWAY_BYTES - 1)) {
        return PK_E_BAD_FIELD;
    }
    return pk_str_copy(gateway, out->gateway, sizeof out->gateway) >= 0 ? PK_OK : PK_E_BAD_FIELD;
}
