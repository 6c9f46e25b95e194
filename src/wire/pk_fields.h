#ifndef PK_FIELDS_H
#define PK_FIELDS_H
/* Reads one JSON object into a struct by a table of its members: names, forms and bounds are data, so every
 * codec of wire/ refuses the same things in the same way. */
#include "base/pk_json.h"

enum pk_field_kind {
    PK_FIELD_TEXT,     /* char[size]: longer is PK_E_BAD_FIELD */
    PK_FIELD_TEXT_CUT, /* char[size]: longer is cut at a character */
    PK_FIELD_SLICE,    /* struct pk_str: the string as it stands; one with escapes is PK_E_BAD_FIELD */
    PK_FIELD_RAW,      /* struct pk_str: any value as it stands in the input, quotes included */
    PK_FIELD_OBJECT,   /* struct pk_str: an object as it stands */
    PK_FIELD_ARRAY,    /* struct pk_str: an array as it stands */
    PK_FIELD_U8,
    PK_FIELD_U32,
    PK_FIELD_U64,
    PK_FIELD_I64,
    PK_FIELD_BOOL,
    PK_FIELD_TIME, /* int64_t Unix ms from RFC 3339, years 1970 to 9999 */
    PK_FIELD_MS    /* uint64_t milliseconds from a number of seconds */
};
enum pk_field_flag { PK_FIELD_REQUIRED = 1, PK_FIELD_NULLABLE = 2 }; /* null = not given */

struct pk_field {
    const char *name;
    enum pk_field_kind kind;
    uint32_t flags;
    uint32_t offset; /* offsetof the member */
    uint32_t size;   /* TEXT: its bytes */
};
enum { PK_FIELDS_MAX = 64 };
enum pk_fields_mode {
    PK_FIELDS_LENIENT, /* unknown members are skipped, of a repeated one the last counts */
    PK_FIELDS_STRICT   /* both are refused */
};

struct pk_fields_result {
    uint64_t seen_bits; /* bit i: row i was given (and not null) */
    const char *field;  /* on an error: the row's name, "" when it is none of them */
    uint32_t at_byte;   /* on an error: where */
};

/* p holds one object and nothing else. PK_OK; PK_E_BAD_MSG (no object too), PK_E_TOO_DEEP, PK_E_BAD_FIELD,
 * PK_E_UNKNOWN_FIELD, PK_E_MISSING_FIELD. Members that are not given keep what *out held. */
PK_MUST_USE int pk_fields_read(const void *p, uint32_t n, const struct pk_field *rows, uint32_t row_count,
                               enum pk_fields_mode mode, void *out, struct pk_fields_result *result);
bool pk_fields_has(const struct pk_fields_result *result, uint32_t row);
#endif
