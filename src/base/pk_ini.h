#ifndef PK_INI_H
#define PK_INI_H
/* The one text form an operator edits: `[kind name]` sections of `key = value` lines. Used by picketd.conf,
 * actions.conf and *.rules.
 * '#' starts a comment at a line start or after white space (not inside "...", where a backslash keeps the
 * next character). A line that starts with white space continues the value of the line right above it; a
 * comment or an empty line ends the value. UTF-8 (a byte order mark is skipped), LF or CRLF. Pull reader, no
 * allocation. */
#include "base/pk_text.h"

enum pk_ini_kind { PK_INI_END, PK_INI_SECTION, PK_INI_PAIR };

struct pk_ini_item {
    enum pk_ini_kind kind;
    struct pk_str section_kind, section_name; /* of the section the item is in or opens; name may be empty */
    struct pk_str key, value; /* PAIR only; value trimmed, one enclosing pair of quotes kept as it is */
    uint32_t line, column;    /* of the key, or of the '[' (1-based, column in bytes) */
    uint32_t value_line, value_column;
};

struct pk_ini_reader {
    const char *p;
    uint32_t n, at_byte, line;
    struct pk_str section_kind, section_name;
    const char *error; /* after PK_E_CONFIG: what is wrong */
    uint32_t error_line, error_column;
};

enum { PK_INI_LINE_BYTES_MAX = 2048 };

void pk_ini_init(struct pk_ini_reader *r, const char *p, uint32_t n);
/* PK_OK or PK_E_CONFIG with r->error, error_line, error_column set (bad section header, no '=', no key, bad
 * UTF-8, control byte, line too long, quote left open, indented line that continues nothing); the reader
 * stays failed. A continued value is returned with its line breaks as they stand. */
PK_MUST_USE int pk_ini_next(struct pk_ini_reader *r, struct pk_ini_item *out);

/* Where the section first begins, or where its key stands last (key empty: the section). false: not in this
 * text. */
bool pk_ini_find(struct pk_str text, struct pk_str kind, struct pk_str name, struct pk_str key,
                 uint32_t *out_line, uint32_t *out_column);

/* A diagnostic as every file check prints it: "file:line:column: message". */
struct pk_diag {
    char file[64];
    uint32_t line, column;
    char message[200];
};
void pk_diag_set(struct pk_diag *d, const char *file, uint32_t line, uint32_t column, const char *message);
/* message with one argument put in place of the first "{}". */
void pk_diag_set1(struct pk_diag *d, const char *file, uint32_t line, uint32_t column, const char *message,
                  struct pk_str argument);
void pk_diag_format(const struct pk_diag *d, struct pk_buf *out);
#endif
