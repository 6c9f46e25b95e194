#ifndef PK_JSON_H
#define PK_JSON_H
/* JSON (RFC 8259) without allocation or recursion: a pull reader over bytes in memory and a bounded writer.
 * The reader is strict: no trailing commas, comments, NaN, control characters in strings, lone surrogates,
 * bad UTF-8, duplicate handling is the caller's. Depth <= PK_JSON_DEPTH_MAX. */
#include "base/pk_text.h"

enum { PK_JSON_DEPTH_MAX = 16 };

enum pk_json_kind {
    PK_JSON_END,    /* the whole document was read; only white space followed */
    PK_JSON_OBJECT, /* { */
    PK_JSON_ARRAY,  /* [ */
    PK_JSON_CLOSE,  /* } or ] */
    PK_JSON_STRING, /* raw: between the quotes, escapes not yet resolved */
    PK_JSON_NUMBER, /* raw: the digits */
    PK_JSON_TRUE,
    PK_JSON_FALSE,
    PK_JSON_NULL
};

struct pk_json_token {
    enum pk_json_kind kind;
    bool has_key;    /* the token is a member of an object */
    bool has_escape; /* raw holds at least one backslash */
    bool key_has_escape;
    uint8_t depth; /* depth of the container the token is in (0 = top); a CLOSE has the depth of its opening
                      token */
    struct pk_str key; /* raw member name */
    struct pk_str raw; /* text of a string or number */
    uint32_t at_byte;  /* where the value starts */
};

struct pk_json_reader {
    const char *p;
    uint32_t n;
    uint32_t at_byte; /* on error: where */
    uint8_t depth;
    uint8_t state;
    uint32_t object_bits; /* bit d: container at depth d is an object */
};

void pk_json_init(struct pk_json_reader *r, const void *p, uint32_t n);
/* Next token. PK_OK; PK_E_BAD_MSG (syntax, UTF-8, control byte) or PK_E_TOO_DEEP with r->at_byte set; the
 * reader stays failed. */
PK_MUST_USE int pk_json_next(struct pk_json_reader *r, struct pk_json_token *out);
/* After an OBJECT or ARRAY token: reads to its CLOSE. No effect after a scalar. */
PK_MUST_USE int pk_json_skip(struct pk_json_reader *r, const struct pk_json_token *token);
/* True when the member name equals `terminated` (escapes resolved). */
bool pk_json_key_is(const struct pk_json_token *t, const char *terminated);
/* Resolves escapes into out, terminated (the text itself may hold U+0000). Length, or PK_E_TOO_BIG (out then
 * holds what fitted, cut at a character), PK_E_BAD_FIELD if not a string. */
PK_MUST_USE int pk_json_string(const struct pk_json_token *t, char *out, size_t cap_bytes);
/* The same for the member name. */
PK_MUST_USE int pk_json_key(const struct pk_json_token *t, char *out, size_t cap_bytes);
/* PK_E_BAD_FIELD when not a number / not whole / out of range. */
PK_MUST_USE int pk_json_u64(const struct pk_json_token *t, uint64_t *out);
PK_MUST_USE int pk_json_i64(const struct pk_json_token *t, int64_t *out);
PK_MUST_USE int pk_json_double(const struct pk_json_token *t, double *out);
PK_MUST_USE int pk_json_bool(const struct pk_json_token *t, bool *out);

/* Writer over a pk_buf; commas are its business. When the buffer is cut the document is invalid: check
 * b->is_cut at the end. */
struct pk_json_writer {
    struct pk_buf *b;
    uint32_t has_item_bits; /* bit d: something was already written at depth d */
    uint8_t depth;
};

void pk_jw_init(struct pk_json_writer *w, struct pk_buf *b);
/* key == NULL inside arrays and at the top. Keys are our own words and are written as they are. */
void pk_jw_object(struct pk_json_writer *w, const char *key);
void pk_jw_object_end(struct pk_json_writer *w);
void pk_jw_array(struct pk_json_writer *w, const char *key);
void pk_jw_array_end(struct pk_json_writer *w);
/* Escapes; bytes that are not UTF-8 become U+FFFD, so that what we emit is always valid. */
void pk_jw_str(struct pk_json_writer *w, const char *key, struct pk_str v);
void pk_jw_cstr(struct pk_json_writer *w, const char *key, const char *v); /* NULL is written as null */
void pk_jw_u64(struct pk_json_writer *w, const char *key, uint64_t v);
void pk_jw_i64(struct pk_json_writer *w, const char *key, int64_t v);
void pk_jw_double(struct pk_json_writer *w, const char *key, double v);
void pk_jw_bool(struct pk_json_writer *w, const char *key, bool v);
void pk_jw_null(struct pk_json_writer *w, const char *key);
/* Milliseconds as a JSON number of seconds with three decimals ("1.250"): exact, no double involved. */
void pk_jw_ms_as_seconds(struct pk_json_writer *w, const char *key, uint64_t ms);
/* RFC 3339 UTC with milliseconds; null when wall_ms <= 0. */
void pk_jw_time(struct pk_json_writer *w, const char *key, int64_t wall_ms);
/* A value that is JSON already (not checked). */
void pk_jw_raw(struct pk_json_writer *w, const char *key, struct pk_str json);
/* A member name that is data, e.g. a table name: escaped. The value must follow with key == NULL. */
void pk_jw_key(struct pk_json_writer *w, struct pk_str key);
#endif
