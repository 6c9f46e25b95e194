#include "wire/pk_fields.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_time.h"

static void store_slice(void *at, struct pk_str s) {
    memcpy(at, &s, sizeof s);
}

static int read_text(const struct pk_json_token *t, const struct pk_field *row, char *at) {
    const int n = pk_json_string(t, at, row->size);
    if (n == PK_E_TOO_BIG && row->kind == PK_FIELD_TEXT_CUT) {
        return PK_OK;
    }
    /* What we keep are terminated texts: one that holds U+0000 would silently end there. */
    return n < 0 || strlen(at) != (size_t)n ? PK_E_BAD_FIELD : PK_OK;
}

/* The value as it stands, containers read to their end. */
static int read_raw(struct pk_json_reader *r, const struct pk_json_token *t, const struct pk_field *row,
                    void *at) {
    if ((row->kind == PK_FIELD_OBJECT && t->kind != PK_JSON_OBJECT) ||
        (row->kind == PK_FIELD_ARRAY && t->kind != PK_JSON_ARRAY)) {
        return PK_E_BAD_FIELD;
    }
    const int err = pk_json_skip(r, t);
    if (err == PK_OK) {
        store_slice(at, pk_str_make(r->p + t->at_byte, r->at_byte - t->at_byte));
    }
    return err;
}

static int read_number(const struct pk_json_token *t, enum pk_field_kind kind, void *at) {
    uint64_t v = 0;
    if (pk_json_u64(t, &v) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    if (kind == PK_FIELD_U64) {
        memcpy(at, &v, sizeof v);
        return PK_OK;
    }
    if (kind == PK_FIELD_U32 && v <= UINT32_MAX) {
        const uint32_t narrow = (uint32_t)v;
        memcpy(at, &narrow, sizeof narrow);
        return PK_OK;
    }
    if (kind == PK_FIELD_U8 && v <= UINT8_MAX) {
        const uint8_t narrow = (uint8_t)v;
        memcpy(at, &narrow, sizeof narrow);
        return PK_OK;
    }
    return PK_E_BAD_FIELD;
}

static int read_time(const struct pk_json_token *t, void *at) {
    static const int64_t LAST_MS = 253402300799999; /* end of the year 9999: what we can write again */
    int64_t wall_ms = 0;
    if (t->kind != PK_JSON_STRING || t->has_escape || pk_time_parse(t->raw, &wall_ms) != PK_OK ||
        wall_ms < 0 || wall_ms > LAST_MS) {
        return PK_E_BAD_FIELD;
    }
    memcpy(at, &wall_ms, sizeof wall_ms);
    return PK_OK;
}

static int read_ms(const struct pk_json_token *t, void *at) {
    static const double SECONDS_MAX =
        1e12; /* far beyond any duration, far below where a double loses milliseconds */
    double seconds = 0;
    if (pk_json_double(t, &seconds) != PK_OK || !(seconds >= 0) || seconds > SECONDS_MAX) {
        return PK_E_BAD_FIELD;
    }
    const uint64_t ms = (uint64_t)(seconds * 1000.0 + 0.5);
    memcpy(at, &ms, sizeof ms);
    return PK_OK;
}

static int read_value(struct pk_json_reader *r, const struct pk_json_token *t, const struct pk_field *row,
                      uint8_t *at) {
    switch (row->kind) {
    case PK_FIELD_TEXT:
    case PK_FIELD_TEXT_CUT:
        return read_text(t, row, (char *)at);
    case PK_FIELD_SLICE:
        if (t->kind != PK_JSON_STRING || t->has_escape) {
            return PK_E_BAD_FIELD;
        }
        store_slice(at, t->raw);
        return PK_OK;
    case PK_FIELD_RAW:
    case PK_FIELD_OBJECT:
    case PK_FIELD_ARRAY:
        return read_raw(r, t, row, at);
    case PK_FIELD_U8:
    case PK_FIELD_U32:
    case PK_FIELD_U64:
        return read_number(t, row->kind, at);
    case PK_FIELD_I64: {
        int64_t v = 0;
        if (pk_json_i64(t, &v) != PK_OK) {
            return PK_E_BAD_FIELD;
        }
        memcpy(at, &v, sizeof v);
        return PK_OK;
    }
    case PK_FIELD_BOOL: {
        bool v = false;
        if (pk_json_bool(t, &v) != PK_OK) {
            return PK_E_BAD_FIELD;
        }
        memcpy(at, &v, sizeof v);
        return PK_OK;
    }
    case PK_FIELD_TIME:
        return read_time(t, at);
    case PK_FIELD_MS:
        return read_ms(t, at);
    }
    PK_ASSERT(false);
    return PK_E_BAD_FIELD;
}

static uint32_t find_row(const struct pk_json_token *t, const struct pk_field *rows, uint32_t row_count) {
    for (uint32_t i = 0; i < row_count; i++) {
        if (pk_json_key_is(t, rows[i].name)) {
            return i;
        }
    }
    return row_count;
}

static int read_member(struct pk_json_reader *r, const struct pk_json_token *t, const struct pk_field *rows,
                       uint32_t row_count, enum pk_fields_mode mode, uint8_t *out,
                       struct pk_fields_result *result) {
    const uint32_t i = find_row(t, rows, row_count);
    if (i == row_count) {
        return mode == PK_FIELDS_STRICT ? PK_E_UNKNOWN_FIELD : pk_json_skip(r, t);
    }
    const uint64_t bit = (uint64_t)1 << i;
    result->field = rows[i].name;
    if (mode == PK_FIELDS_STRICT && (result->seen_bits & bit) != 0) {
        return PK_E_BAD_FIELD;
    }
    if (t->kind == PK_JSON_NULL && (rows[i].flags & PK_FIELD_NULLABLE) != 0) {
        result->seen_bits &= ~bit;
        return PK_OK;
    }
    result->seen_bits |= bit;
    return read_value(r, t, &rows[i], out + rows[i].offset);
}

static int read_object(struct pk_json_reader *r, const struct pk_field *rows, uint32_t row_count,
                       enum pk_fields_mode mode, uint8_t *out, struct pk_fields_result *result) {
    struct pk_json_token t;
    int err = pk_json_next(r, &t);
    if (err != PK_OK || t.kind != PK_JSON_OBJECT) {
        return err != PK_OK ? err : PK_E_BAD_MSG;
    }
    for (;;) {
        result->field = "";
        err = pk_json_next(r, &t);
        if (err != PK_OK) {
            return err;
        }
        if (t.kind == PK_JSON_CLOSE) {
            break;
        }
        err = read_member(r, &t, rows, row_count, mode, out, result);
        if (err != PK_OK) {
            /* A field's fault is where its value starts; a fault of the syntax where the reader stopped. */
            result->at_byte = err == PK_E_BAD_MSG || err == PK_E_TOO_DEEP ? r->at_byte : t.at_byte;
            return err;
        }
    }
    return pk_json_next(r, &t);
}

int pk_fields_read(const void *p, uint32_t n, const struct pk_field *rows, uint32_t row_count,
                   enum pk_fields_mode mode, void *out, struct pk_fields_result *result) {
    PK_ASSERT(row_count <= PK_FIELDS_MAX);
    struct pk_json_reader r;
    *result = (struct pk_fields_result){.field = ""};
    pk_json_init(&r, p, n);
    const int err = read_object(&r, rows, row_count, mode, out, result);
    if (err != PK_OK) {
        if (result->at_byte == 0) {
            result->at_byte = r.at_byte;
        }
        return err;
    }
    for (uint32_t i = 0; i < row_count; i++) {
        if ((rows[i].flags & PK_FIELD_REQUIRED) != 0 && !pk_fields_has(result, i)) {
            result->field = rows[i].name;
            result->at_byte = n;
            return PK_E_MISSING_FIELD;
        }
    }
    return PK_OK;
}

bool pk_fields_has(const struct pk_fields_result *result, uint32_t row) {
    PK_ASSERT(row < PK_FIELDS_MAX);
    return (result->seen_bits >> row & 1u) != 0;
}
