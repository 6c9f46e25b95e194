#ifndef PK_LOGLINE_H
#define PK_LOGLINE_H
/* One line of a log taken apart: when, where, who, how bad, what. The form is recognised line by line, or is
 * the one the reader was told. Lines are hostile input: any bytes, any length; nothing is refused, what
 * cannot be told stays empty. */
#include "base/pk_severity.h"
#include "event/pk_logtime.h"
#include "event/pk_pattern.h"

enum {
    PK_LOG_STAMP_BYTES_MAX = 48,
    PK_LOG_HEAD_BYTES_MAX = 96,
    PK_LOG_STAMP_AHEAD_BYTES = 8, /* behind a time that decide where it ends */
    PK_LOG_LINE_BYTES_MAX = 8192, /* of a line that are looked at */
    PK_LOG_NAME_BYTES_MAX = 64,   /* host and program */
    PK_LOG_CURSOR_BYTES = 200,    /* of the journal */
    PK_LOG_REPEATS_MAX = 100      /* events of one line that says how often it was said */
};

struct pk_logline {
    struct pk_str message;           /* slices of the line, or of the reader: until the next line */
    struct pk_str host, program, ip; /* ip: client of an access log */
    int64_t wall_ms;                 /* has_time */
    uint32_t
        repeat_count; /* how often it was said: N of "message repeated N times: [ text ]"; 0 and 1 are once */
    uint8_t format;   /* enum pk_log_format */
    uint8_t severity; /* enum pk_severity, meaningful when has_severity */
    bool has_time, has_severity;
    bool has_zone; /* has_time: it is not of a clock on the wall somewhere */
    bool is_plain; /* the texts are known to be of bytes from the blank to the tilde */
};

/* What must be remembered from line to line of one file. Belongs to the caller; zero it, or use the
 * initializer. */
struct pk_log_reader {
    uint8_t form; /* PK_LOG_FORM_AUTO: recognised; else 1 + enum pk_log_format, and what is not of it is plain
                     text */
    int year;     /* of the next line that names none; 0 = not known, such a line has no time */
    uint8_t month;        /* of the last such line; 0 = none yet */
    uint32_t wrap_count;  /* times such lines went from December to January */
    int64_t boot_wall_ms; /* when the kernel's clock was 0; 0 = not known */
    uint64_t uptime_ms;   /* newest the kernel's lines said; 0 = none yet */
    uint64_t line_count, cut_count /* longer than PK_LOG_LINE_BYTES_MAX */,
        odd_byte_count /* lines with NUL or not UTF-8 */, other_form_count /* not of `form` */;
    uint64_t time_count; /* lines with a time of their own */
    uint64_t format_count[PK_LOG_FORMAT_COUNT];
    char decoded[PK_LOG_LINE_BYTES_MAX];      /* message of a JSON line */
    char names[2][PK_LOG_NAME_BYTES_MAX];     /* program and host of a JSON line */
    char last_program[PK_LOG_NAME_BYTES_MAX]; /* of the last line that had a time: lines without go on with it
                                               */
    uint8_t last_program_bytes;
    uint8_t stamp_bytes; /* of the newest time at the start of a line, and what it says; 0 = none */
    char stamp[PK_LOG_STAMP_BYTES_MAX]; /* with the bytes behind it */
    struct pk_logtime stamp_time;
    /* What stands behind the time of syslog lines is mostly that of the line before: "host tag[pid]: ". Where
     * host and tag stand in it; 0 head_bytes = nothing is known. */
    uint8_t head_bytes, head_format, head_host_at, head_host_bytes, head_program_at, head_program_bytes;
    char head[PK_LOG_HEAD_BYTES_MAX];
    char cursor[PK_LOG_CURSOR_BYTES]; /* "__CURSOR" of the last JSON line that had one; terminated */
};

/* What a reader must remember of one file while it reads others. */
struct pk_log_memory {
    char last_program[PK_LOG_NAME_BYTES_MAX];
    uint8_t last_program_bytes;
};
void pk_log_reader_keep(const struct pk_log_reader *r, struct pk_log_memory *out);
/* Goes on with another file: lines without a year are of `year` (0 = not known). */
void pk_log_reader_resume(struct pk_log_reader *r, const struct pk_log_memory *memory, int year);

/* line without its end. Fills *out whole. A told form takes what goes by its name in other files as well:
 * syslog also RFC 3164 with an ISO time, kernel also behind a priority. */
void pk_logline_parse(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out);
#endif
