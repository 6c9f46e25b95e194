#ifndef PK_CTL_JSON_H
#define PK_CTL_JSON_H
/* Looking into an answer of the daemon. Slices point into the answer; what is not there is PK_JSON_END. */
#include "base/pk_json.h"
#include "ctl/pk_ctl_text.h"

struct pk_ctl_value {
    enum pk_json_kind kind; /* PK_JSON_END: not there */
    struct pk_str key;      /* raw member name, empty in an array */
    struct pk_str json;     /* the whole value as it stands */
};

/* Walks the members of an object or the items of an array. */
struct pk_ctl_walk {
    struct pk_json_reader r;
    bool is_over;
};
void pk_ctl_walk_init(struct pk_ctl_walk *walk, struct pk_str container);
/* false at the end, for a scalar, and from the first byte on that is not JSON. */
bool pk_ctl_walk_next(struct pk_ctl_walk *walk, struct pk_ctl_value *out);

/* Member by path, e.g. "incidents.active". */
struct pk_ctl_value pk_ctl_member(struct pk_str object, const char *path);
/* A string's characters as they stand between the quotes when it has no escape (ids, words of the protocol);
 * empty else. */
struct pk_str pk_ctl_word(struct pk_ctl_value v);
uint64_t pk_ctl_u64(struct pk_ctl_value v, uint64_t fallback);
bool pk_ctl_is_true(struct pk_ctl_value v);
/* Seconds (a JSON number) as ms; false when it is not one. */
bool pk_ctl_seconds_ms(struct pk_ctl_value v, uint64_t *out_ms);
/* Appends the value for people, harmless: strings unescaped, numbers as they stand, yes and no, "-" for null
 * and for what is not there, arrays of scalars joined by ", ", anything deeper as JSON. */
void pk_ctl_put_value(struct pk_ctl_text *t, struct pk_ctl_value v, bool keep_lines);
/* The string's characters, escapes resolved, not yet harmless. */
void pk_ctl_put_string(struct pk_ctl_text *t, struct pk_ctl_value v);
#endif
