#ifndef PK_CONTROL_H
#define PK_CONTROL_H
/* Frames of the control socket (WIRE "Control socket") and, with the same result, the replies to commands
 * over MQTT. */
#include "base/pk_json.h"

enum { PK_CONTROL_LINE_BYTES_MAX = 65536, PK_CONTROL_CMD_BYTES = 33, PK_CONTROL_VERSION = 1 };

struct pk_control_request {
    uint64_t id; /* the caller's; repeated in every reply. 0 when none could be read */
    char cmd[PK_CONTROL_CMD_BYTES];
    struct pk_str args; /* JSON object as it stands; "{}" when not given */
};

/* One line without its end. PK_OK; PK_E_TOO_BIG; PK_E_BAD_MSG, PK_E_TOO_DEEP; PK_E_UNKNOWN_FIELD,
 * PK_E_MISSING_FIELD (v, cmd), PK_E_BAD_FIELD (a form, a field given twice); PK_E_UNSUPPORTED: v is not 1.
 * out->id is set whenever the line had one that could be read, so that an error can be answered. *out_field
 * names the field ("" else), *out_at_byte where. */
PK_MUST_USE int pk_control_parse(struct pk_str line, struct pk_control_request *out, const char **out_field,
                                 uint32_t *out_at_byte);
/* {"v":1,"id":7,"cmd":"…","args":{…}} and a line end (picketctl). */
void pk_control_write_request(struct pk_buf *b, uint64_t id, struct pk_str cmd, struct pk_str args_json);

/* Where a reply goes. Socket: {"id":7,…} and a line end. MQTT: {"jti":"…",…}; on 3.1.1 also "corr" (there is
 * no Correlation Data). */
struct pk_reply_to {
    bool is_socket;
    uint64_t id;        /* socket */
    struct pk_str jti;  /* MQTT; empty = null (the command could not be read) */
    struct pk_str corr; /* MQTT 3.1.1; empty = left out */
};
enum pk_reply_kind {
    PK_REPLY_RESULT, /* "ok":true */
    PK_REPLY_MORE,   /* "more":true: one item of a stream */
    PK_REPLY_DONE    /* "done":true: end of a stream, no result */
};
/* Opens the reply; the caller writes the member "result" with any pk_jw_* (not for DONE), then calls the end.
 */
void pk_reply_begin(struct pk_json_writer *w, struct pk_buf *b, const struct pk_reply_to *to,
                    enum pk_reply_kind kind);
void pk_reply_end(struct pk_json_writer *w, const struct pk_reply_to *to);
/* A whole refusal: "ok":false, code (exit code), error (word), message. message NULL: the text of the error
 * list. */
void pk_reply_error(struct pk_buf *b, const struct pk_reply_to *to, int err, const char *message);
/* The same with a detail after the message: "message: detail". */
void pk_reply_error_detail(struct pk_buf *b, const struct pk_reply_to *to, int err, const char *message,
                           struct pk_str detail);

/* A reply as read by picketctl and the hub. Slices point into the line; `message` may hold JSON escapes. */
struct pk_control_reply {
    uint64_t id;
    bool is_ok, is_more, is_done;
    int32_t code; /* exit code when !is_ok */
    struct pk_str error, message;
    struct pk_str result; /* JSON as it stands; empty when there is none */
};
PK_MUST_USE int pk_control_reply_parse(struct pk_str line, struct pk_control_reply *out);
#endif
