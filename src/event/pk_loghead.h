#ifndef PK_LOGHEAD_H
#define PK_LOGHEAD_H
/* What stands between the time of a line and its text: host and tag of syslog, level, thread and class of
 * log4j and its many relatives. Fills host, program, severity and message of the line. */
#include "event/pk_logline.h"

/* Next word of *rest, cut at blanks; empty at the end. */
struct pk_str pk_loghead_word(struct pk_str *rest);
/* Level words of all programs: "WARN", "[error]", "core:error]", "ERROR:", "level=warning". */
bool pk_loghead_level(struct pk_str word, uint8_t *out_severity);
/* syslog 0..7 */
uint8_t pk_loghead_syslog_severity(unsigned priority);
/* "host tag[pid]: message" behind the time of RFC 3164. */
void pk_loghead_syslog(struct pk_str rest, struct pk_logline *out);
/* Anything behind a time. */
void pk_loghead_stamped(struct pk_str rest, struct pk_logline *out);
/* " [level] [pid 1] text" behind the bracket of Apache's time. */
void pk_loghead_httpd(struct pk_str rest, struct pk_logline *out);
/* A message that is not empty, of a line whose head names no level: "E0521 12:34:56.7 ...", "ERROR text",
 * "[error] text", "time=... level=error msg=...". Fills the severity. */
void pk_loghead_inner(struct pk_logline *out);
#endif
