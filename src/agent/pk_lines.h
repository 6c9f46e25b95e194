#ifndef PK_LINES_H
#define PK_LINES_H
/* Cuts a byte stream into lines in a caller's buffer. A line that is too long is dropped whole up to its end,
 * and said once. */
#include "base/pk_text.h"

struct pk_lines {
    char *p;
    uint32_t cap_bytes, used_bytes, taken_bytes;
    bool is_skipping; /* inside a line that was too long */
};

void pk_lines_init(struct pk_lines *l, char *p, uint32_t cap_bytes);
/* Room for the next read; *out_room is 0 only while whole lines wait to be taken. */
char *pk_lines_room(struct pk_lines *l, uint32_t *out_room);
void pk_lines_added(struct pk_lines *l, uint32_t n);
/* PK_OK with a line (without LF or CRLF; valid until pk_lines_room); PK_E_AGAIN when there is no whole line;
 * PK_E_TOO_BIG once for a line longer than the buffer. */
PK_MUST_USE int pk_lines_next(struct pk_lines *l, struct pk_str *out);
#endif
