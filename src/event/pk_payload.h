#ifndef PK_PAYLOAD_H
#define PK_PAYLOAD_H
/* What a message of somebody else's making says under a name: JSON objects and arrays by path
 * (`state.temp`, `sensors[1].value`), anything else as pairs (`temp=21.5,unit=C`). Hostile input. */
#include "base/pk_json.h"
#include "event/pk_textring.h"

enum pk_payload_form { PK_PAYLOAD_EMPTY, PK_PAYLOAD_JSON, PK_PAYLOAD_TEXT };
enum { PK_PAYLOAD_NAME_BYTES = 65 /* one name of a path, with its end */ };

struct pk_payload {
    struct pk_str text; /* trimmed */
    enum pk_payload_form form;
};

/* Tells the form; JSON is read whole once. PK_OK; PK_E_BAD_MSG or PK_E_TOO_DEEP with *out_at_byte. */
PK_MUST_USE int pk_payload_open(struct pk_payload *p, struct pk_str text, uint32_t *out_at_byte);
/* The scalar at a path, terminated, and what it is. Its length; PK_E_NOT_FOUND: nothing there, or null;
 * PK_E_BAD_FIELD: an object or array is there; PK_E_TOO_BIG: out holds what fitted. A leading '.' of the path
 * means nothing. Of equal names the first counts. */
PK_MUST_USE int pk_payload_find(const struct pk_payload *p, struct pk_str path, char *out, size_t cap_bytes,
                                enum pk_field_kind *out_kind);
/* Whether a path is of the form names and [indices], each name shorter than PK_PAYLOAD_NAME_BYTES. */
bool pk_payload_is_path(struct pk_str path);
/* The last name of a path: "value" of "sensors[1].value". */
struct pk_str pk_payload_path_name(struct pk_str path);
#endif
