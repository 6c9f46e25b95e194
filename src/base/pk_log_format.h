#ifndef PK_LOG_FORMAT_H
#define PK_LOG_FORMAT_H
/* How a line of a log was written. */
#include "base/pk_text.h"

enum pk_log_format {
    PK_LOG_FORMAT_PLAIN,   /* no time */
    PK_LOG_FORMAT_SYSLOG,  /* RFC 3164 and what programs write like it */
    PK_LOG_FORMAT_SYSLOG5, /* RFC 5424 */
    PK_LOG_FORMAT_KERNEL,  /* kmsg, dmesg */
    PK_LOG_FORMAT_JSON,    /* journalctl -o json and programs that write objects */
    PK_LOG_FORMAT_ACCESS,  /* common and combined log of web servers */
    PK_LOG_FORMAT_HTTPD,   /* error log of Apache: [time] [level] text */
    PK_LOG_FORMAT_STAMPED, /* a time, then text of any form: log4j, databases, containers */
    PK_LOG_FORMAT_COUNT
};
enum { PK_LOG_FORM_AUTO = 0 };                        /* where a form is 1 + enum pk_log_format */
const char *pk_log_format_word(enum pk_log_format f); /* "plain" "syslog" ... */
/* PK_OK, or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_log_format_parse(struct pk_str word, enum pk_log_format *out);
#endif
