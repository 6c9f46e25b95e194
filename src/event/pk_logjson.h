#ifndef PK_LOGJSON_H
#define PK_LOGJSON_H
/* Log lines that are one JSON object: journalctl -o json, and what programs and container engines write. */
#include "event/pk_logline.h"

/* false when it is none: *out is as it was. */
bool pk_logjson_parse(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out);
#endif
