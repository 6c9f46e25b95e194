#ifndef PK_PATTERN_H
#define PK_PATTERN_H
/* What a line of a log means: literal texts with fields between them, e.g. "Failed password for {user} from
 * {ip} port". The model and the walk over one message; pk_pattern_parse.h reads config/patterns/ (grammar in
 * its README), pk_patterns.h finds the row of a message among all of them at once. */
#include "base/pk_log_format.h"
#include "base/pk_severity.h"
#include "base/pk_text.h"

enum {
    PK_PATTERNS_MAX = 256,          /* what a row counts them with */
    PK_PATTERN_FIELDS_MAX = 6,      /* named fields of one text */
    PK_PATTERN_ONCE_MAX = 4,        /* patterns of one `once` word */
    PK_PATTERN_GAP_BYTES_MAX = 256, /* longest field */
    PK_PATTERN_LITERAL_BYTES_MIN =
        4 /* of the longest literal of a text: shorter ones would be met everywhere */
};

struct pk_pattern_ref { /* bytes of the book's text */
    uint16_t at, n;
};

struct pk_pattern { /* what any of its texts means; 32 bytes */
    struct pk_pattern_ref id, event, source, programs;
    struct pk_pattern_ref family; /* name of its file */
    struct pk_pattern_ref value;  /* name of the field it is in; n 0: value_whole when has_value */
    int16_t value_whole;
    uint8_t once;        /* patterns of one number say the same thing of a source in other words; 0 = none */
    uint8_t once_member; /* which of them, 0 .. PK_PATTERN_ONCE_MAX - 1 */
    uint8_t formats;     /* 1 << enum pk_log_format; 0 = all; parsed: all but access when none is said */
    uint8_t severity;    /* enum pk_severity; PK_SEV_COUNT = that of the line */
    bool has_value;
    uint8_t reserved;
};
struct pk_pattern_row { /* one text; 8 bytes */
    struct pk_pattern_ref match;
    uint8_t pattern;
    uint8_t anchor_at, anchor_bytes; /* what pk_pattern_anchor says of match; 0 bytes: it is too far behind */
    bool is_at_start;                /* text begins where the message does */
};
_Static_assert(sizeof(struct pk_pattern) == 32u && sizeof(struct pk_pattern_row) == 8u,
               "no holes: the tables are read-only data of small boards");

/* Patterns, their rows and their strings; memory belongs to the caller. pattern_cap <= PK_PATTERNS_MAX. */
struct pk_pattern_book {
    struct pk_pattern *patterns;
    struct pk_pattern_row *rows;
    char *text;
    uint32_t pattern_count, pattern_cap, row_count, row_cap, text_bytes, text_cap; /* text_cap <= 65536 */
};
inline struct pk_str pk_pattern_ref_str(const char *text, struct pk_pattern_ref ref) {
    return (struct pk_str){text + ref.at, ref.n};
}

/* One piece of a text: a field, then the literal behind it. */
struct pk_pattern_piece {
    bool has_field;        /* false only in front of a text that begins with a literal */
    struct pk_str name;    /* empty: a gap nobody wants */
    struct pk_str literal; /* empty: the text ends with the field */
};
/* Cuts the next piece off *rest. PK_OK; PK_E_NOT_FOUND at the end; PK_E_BAD_FIELD (brace not closed, or a
 * name that is not [a-z_]). */
PK_MUST_USE int pk_pattern_piece_next(struct pk_str *rest, struct pk_pattern_piece *out);
/* The same of a text that was found good when it was parsed; false at the end. */
inline bool pk_pattern_piece_known(struct pk_str *rest, struct pk_pattern_piece *out) {
    const char *at = rest->p, *end = at + rest->n, *name = NULL;
    if (at == end) {
        return false;
    }
    out->has_field = *at == '{';
    if (out->has_field) {
        name = ++at;
        while (*at != '}') {
            at++;
        }
        at++;
    }
    out->name = (struct pk_str){name, out->has_field ? (uint32_t)(at - 1 - name) : 0};
    const char *literal = at;
    while (at < end && *at != '{') {
        at++;
    }
    out->literal = (struct pk_str){literal, (uint32_t)(at - literal)};
    *rest = (struct pk_str){at, (uint32_t)(end - at)};
    return true;
}
/* The literal that is searched for: the longest, the first of equal ones; empty when there is none. */
struct pk_str pk_pattern_anchor(struct pk_str match);
/* The same for a row, which knows it. */
struct pk_str pk_pattern_row_anchor(const char *text, const struct pk_pattern_row *row);

/* Whether the literal stands there; ASCII letters match in both cases. at <= message.n. */
bool pk_pattern_is_at(struct pk_str message, uint32_t at, struct pk_str literal);

struct pk_pattern_field {
    struct pk_str name, value; /* into the pattern's and the message's text */
};
struct pk_pattern_fields {
    struct pk_pattern_field items[PK_PATTERN_FIELDS_MAX];
    uint32_t count;
};
/* The anchor of `match` stands at message.p + at: walks the rest to both sides. ASCII letters match in both
 * cases. `ip` takes digits, letters and . : _ -, `value` a decimal number, `text` the rest of the line; any
 * other field everything up to the literal behind it, or to the next blank, quote or bracket where none
 * follows. */
bool pk_pattern_walk(struct pk_str match, bool is_at_start, struct pk_str message, uint32_t at,
                     struct pk_pattern_fields *out);
/* The same for a row whose anchor does stand there. */
bool pk_pattern_walk_row(const char *text, const struct pk_pattern_row *row, struct pk_str message,
                         uint32_t at, struct pk_pattern_fields *out);
/* Empty when there is no such field. */
struct pk_str pk_pattern_field(const struct pk_pattern_fields *fields, struct pk_str name);
#endif
