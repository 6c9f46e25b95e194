#ifndef PK_ARGS_H
#define PK_ARGS_H
/* Arguments of a command, checked against its rows of the command table before a handler sees them. */
#include "base/pk_json.h"
#include "report/pk_cmd_table.h"

enum { PK_ARGS_MAX = 12, PK_ARGS_TEXT_BYTES = 1024 };

struct pk_arg_value {
    bool is_given;
    struct pk_str text; /* TEXT: unescaped, in args->text; OBJECT, LINES: raw JSON, in the input */
    uint64_t number;    /* U64; BOOL 0 or 1 */
};
struct pk_args {
    enum pk_cmd cmd;
    struct pk_arg_value values[PK_ARGS_MAX]; /* in the order of pk_cmd_args */
    char text[PK_ARGS_TEXT_BYTES];
    uint32_t text_bytes;
};

/* args_json: one JSON object. Text values point into *out: do not copy the struct; objects and lines point
 * into args_json. PK_OK; PK_E_BAD_MSG, PK_E_TOO_DEEP; PK_E_UNKNOWN_FIELD; PK_E_MISSING_FIELD; PK_E_BAD_FIELD
 * (type, given twice, text with a control character); PK_E_TOO_BIG (text over its bound). out_field (of
 * PK_ARGS_FIELD_BYTES) names the argument, "" when none. */
enum { PK_ARGS_FIELD_BYTES = 40 };
PK_MUST_USE int pk_args_parse(enum pk_cmd cmd, struct pk_str args_json, struct pk_args *out,
                              char out_field[PK_ARGS_FIELD_BYTES]);

/* By name; the name must be one of the command's (asserted). Not given: empty text with p NULL, the fallback,
 * false. */
struct pk_str pk_args_text(const struct pk_args *args, const char *name);
/* LINES into out, unescaped and terminated: length (0 when not given) or PK_E_TOO_BIG. */
PK_MUST_USE int pk_args_lines(const struct pk_args *args, const char *name, char *out, size_t cap_bytes);
uint64_t pk_args_u64(const struct pk_args *args, const char *name, uint64_t fallback);
bool pk_args_bool(const struct pk_args *args, const char *name);
bool pk_args_has(const struct pk_args *args, const char *name);
#endif
