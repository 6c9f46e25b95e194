#include "event/pk_logline.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "event/pk_loghead.h"
#include "event/pk_logjson.h"

static struct pk_str behind(struct pk_str s, uint32_t n) {
    return (struct pk_str){s.p + n, s.n - n};
}

static struct pk_str skip_blanks(struct pk_str s) {
    while (s.n > 0 && s.p[0] == ' ') {
        s = behind(s, 1);
    }
    return s;
}

/* ---- time ---- */

/* Lines come in order but for some of the month before that are late; further back means that a year ended.
 */
static int year_of(struct pk_log_reader *r, unsigned month) {
    if (r->month == 1 && month == 12u) {
        return r->year != 0 ? r->year - 1 : 0;
    }
    if (month + 1u < r->month) {
        r->wrap_count++;
        r->year += r->year != 0 ? 1 : 0;
    }
    if (month + 1u != r->month) {
        r->month = (uint8_t)month;
    }
    return r->year;
}

static void take_time(struct pk_log_reader *r, struct pk_logtime *t, struct pk_logline *out) {
    out->has_zone = t->has_zone || t->is_uptime;
    if (t->is_uptime) {
        r->uptime_ms = t->uptime_ms;
        out->has_time = r->boot_wall_ms != 0;
        out->wall_ms = r->boot_wall_ms + (int64_t)t->uptime_ms;
        return;
    }
    if (t->needs_year) {
        const int year = year_of(r, t->month);
        if (year == 0) {
            return;
        }
        pk_logtime_set_year(t, year);
    }
    out->has_time = t->wall_ms > 0;
    out->wall_ms = t->wall_ms;
}

/* ---- forms, by how they begin ---- */

static bool is_syslog_time(struct pk_str line, const struct pk_logtime *t) {
    const char c = line.p[0];
    return c >= 'A' && c <= 'Z' && (!t->has_weekday || line.p[3] == ' ');
}

/* Many lines of a log begin with the time of the line before. Where a time ends is decided by the few bytes
 * behind it (a zone, a year), so those belong to what must be the same. */
static uint32_t stamp_of(struct pk_log_reader *r, struct pk_str line, struct pk_logtime *out) {
    if (r->stamp_bytes > 0 && line.n >= r->stamp_bytes && pk_is_same(line.p, r->stamp, r->stamp_bytes)) {
        *out = r->stamp_time;
        return r->stamp_bytes - PK_LOG_STAMP_AHEAD_BYTES;
    }
    const uint32_t n = pk_logtime_parse(line, out);
    const uint32_t whole = n + PK_LOG_STAMP_AHEAD_BYTES;
    r->stamp_bytes = 0;
    if (n > 0 && whole <= line.n && whole <= sizeof r->stamp) {
        pk_copy(r->stamp, line.p, whole);
        r->stamp_bytes = (uint8_t)whole;
        r->stamp_time = *out;
    }
    return n;
}

/* A head that host, tag and a blank make says the same wherever it stands: nothing behind it is looked at,
 * but for the blanks that belong to it. Apart are the kernel's tag, which has a time behind it, and columns
 * between bars. */
static void keep_head(struct pk_log_reader *r, struct pk_str rest, const struct pk_logline *out) {
    const uint32_t bytes = (uint32_t)(out->message.p - rest.p);
    r->head_bytes = 0;
    if (out->host.n == 0 || out->program.n == 0 || rest.p[0] == '|' || bytes > sizeof r->head ||
        out->program.p + out->program.n >= out->message.p || out->message.p[-1] != ' ' ||
        pk_str_eq_c(out->program, "kernel")) {
        return;
    }
    pk_copy(r->head, rest.p, bytes);
    r->head_bytes = (uint8_t)bytes;
    r->head_format = out->format;
    r->head_host_at = (uint8_t)(out->host.p - rest.p);
    r->head_host_bytes = (uint8_t)out->host.n;
    r->head_program_at = (uint8_t)(out->program.p - rest.p);
    r->head_program_bytes = (uint8_t)out->program.n;
}

static bool is_same_head(const struct pk_log_reader *r, struct pk_str rest, struct pk_logline *out) {
    if (r->head_bytes == 0 || r->head_format != out->format || rest.n <= r->head_bytes ||
        rest.p[r->head_bytes] == ' ' || !pk_is_same(rest.p, r->head, r->head_bytes)) {
        return false;
    }
    out->host = (struct pk_str){rest.p + r->head_host_at, r->head_host_bytes};
    out->program = (struct pk_str){rest.p + r->head_program_at, r->head_program_bytes};
    out->message = behind(rest, r->head_bytes);
    return true;
}

static bool take_at_start(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_logtime t;
    const uint32_t n = stamp_of(r, line, &t);
    if (n == 0) {
        return false;
    }
    const struct pk_str rest = behind(line, n);
    take_time(r, &t, out);
    out->format = is_syslog_time(line, &t) ? PK_LOG_FORMAT_SYSLOG : PK_LOG_FORMAT_STAMPED;
    if (is_same_head(r, rest, out)) {
        return true;
    }
    if (out->format == PK_LOG_FORMAT_SYSLOG) {
        pk_loghead_syslog(rest, out);
    } else {
        pk_loghead_stamped(rest, out);
    }
    keep_head(r, rest, out);
    return true;
}

/* [   12.345678] text */
static bool take_dmesg(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_logtime t;
    if (line.n < 4u || line.p[0] != '[') {
        return false;
    }
    const struct pk_str inner = behind(line, 1);
    const uint32_t n = pk_logtime_parse_uptime(inner, &t);
    if (n == 0 || n >= inner.n || inner.p[n] != ']') {
        return false;
    }
    take_time(r, &t, out);
    out->format = PK_LOG_FORMAT_KERNEL;
    out->program = pk_str_of("kernel");
    out->message = skip_blanks(behind(inner, n + 1u));
    return true;
}

/* [Sun Dec 04 04:47:44 2005] [error] text; other times in brackets are those of applications. */
static bool take_bracketed(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_logtime t;
    if (line.n < 12u || line.p[0] != '[') {
        return false;
    }
    const struct pk_str inner = behind(line, 1);
    const uint32_t n = pk_logtime_parse(inner, &t);
    const char *end = n > 0 ? memchr(inner.p + n, ']', inner.n - n) : NULL;
    if (end == NULL || end - (inner.p + n) > 8) {
        return false;
    }
    take_time(r, &t, out);
    const struct pk_str rest = behind(inner, (uint32_t)(end - inner.p) + 1u);
    if (t.has_weekday) {
        out->format = PK_LOG_FORMAT_HTTPD;
        pk_loghead_httpd(rest, out);
        return true;
    }
    out->format = PK_LOG_FORMAT_STAMPED;
    pk_loghead_stamped(rest, out);
    return true;
}

/* 6,1234,5678901,-;text of /dev/kmsg */
static bool take_kmsg(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_str rest = line, piece;
    uint64_t numbers[3] = {0};
    uint32_t digits = 0;
    while (digits < line.n && pk_is_digit(line.p[digits])) {
        digits++;
    }
    if (line.n < 8u || digits == 0 || digits == line.n || line.p[digits] != ',') {
        return false;
    }
    for (unsigned i = 0; i < 3u; i++) {
        if (!pk_str_split(&rest, ',', &piece) || rest.p == NULL ||
            pk_parse_u64(piece, &numbers[i]) != PK_OK) {
            return false;
        }
    }
    const char *text = rest.n > 0 ? memchr(rest.p, ';', rest.n) : NULL;
    if (text == NULL) {
        return false;
    }
    struct pk_logtime t = {.is_uptime = true, .uptime_ms = numbers[2] / 1000u};
    take_time(r, &t, out);
    out->format = PK_LOG_FORMAT_KERNEL;
    out->program = pk_str_of("kernel");
    out->severity = pk_loghead_syslog_severity((unsigned)(numbers[0] & 7u));
    out->has_severity = true;
    out->message = behind(rest, (uint32_t)(text - rest.p) + 1u);
    return true;
}

/* 1 2003-10-11T22:14:15.003Z host app procid msgid [data] text, behind the priority */
static bool take_syslog5(struct pk_log_reader *r, struct pk_str rest, struct pk_logline *out) {
    struct pk_logtime t;
    if (rest.n < 8u || rest.p[0] != '1' || rest.p[1] != ' ') {
        return false;
    }
    rest = behind(rest, 2);
    const struct pk_str stamp = pk_loghead_word(&rest);
    if (!pk_str_eq_c(stamp, "-")) {
        if (pk_logtime_parse(stamp, &t) == 0) {
            return false;
        }
        take_time(r, &t, out);
    }
    out->format = PK_LOG_FORMAT_SYSLOG5;
    const struct pk_str host = pk_loghead_word(&rest), program = pk_loghead_word(&rest);
    out->host = pk_str_eq_c(host, "-") ? out->host : host;
    out->program = pk_str_eq_c(program, "-") ? out->program : program;
    (void)pk_loghead_word(&rest); /* process */
    (void)pk_loghead_word(&rest); /* kind of message */
    rest = skip_blanks(rest);
    while (rest.n > 0 && rest.p[0] == '[') { /* structured data: quoted values may hold brackets */
        uint32_t n = 1;
        for (bool is_quoted = false; n < rest.n && (is_quoted || rest.p[n] != ']'); n++) {
            is_quoted = rest.p[n] == '"' && rest.p[n - 1u] != '\\' ? !is_quoted : is_quoted;
        }
        rest = behind(rest, n < rest.n ? n + 1u : n);
    }
    rest = rest.n > 0 && rest.p[0] == '-' ? behind(rest, 1) : rest;
    rest = skip_blanks(rest);
    out->message = pk_str_starts(rest, "\xEF\xBB\xBF") ? behind(rest, 3) : rest;
    return true;
}

/* <34>... */
static bool take_priority(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    uint32_t n = 1;
    unsigned priority = 0;
    if (line.n < 4u || line.p[0] != '<' || !pk_is_digit(line.p[1])) {
        return false;
    }
    for (; n < 5u && n < line.n && pk_is_digit(line.p[n]); n++) {
        priority = priority * 10u + (unsigned)(line.p[n] - '0');
    }
    if (n >= line.n || line.p[n] != '>' || priority > 191u) {
        return false;
    }
    const struct pk_str rest = behind(line, n + 1u);
    if (!take_syslog5(r, rest, out) && !take_dmesg(r, rest, out) && !take_at_start(r, rest, out)) {
        out->format = PK_LOG_FORMAT_SYSLOG;
        out->message = skip_blanks(rest);
    }
    out->severity = pk_loghead_syslog_severity(priority);
    out->has_severity = true;
    return true;
}

/* Length of the time in brackets of an access log, 0 = none; *out: from it on. The name of the user stands in
 * front of it and may be of any bytes, brackets as well: such a line must not pass for one of another form.
 */
static uint32_t access_time(struct pk_str line, struct pk_str *out, struct pk_logtime *out_time) {
    const char *end = line.p + line.n, *bracket = memchr(line.p, '[', line.n);
    if (bracket == line.p) {
        return 0;
    }
    for (; bracket != NULL && bracket + 24 <= end;
         bracket = memchr(bracket + 1, '[', (size_t)(end - bracket - 1))) {
        if (bracket[3] != '/') {
            continue;
        }
        *out = behind(line, (uint32_t)(bracket - line.p) + 1u);
        const uint32_t n = pk_logtime_parse(*out, out_time);
        if (n > 0 && n + 2u < out->n && out->p[n] == ']') {
            return n;
        }
    }
    return 0;
}

/* 192.0.2.1 - user [21/Nov/2026:05:04:50 +0000] "GET / HTTP/1.1" 200 12 */
static bool take_access(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_str inner;
    struct pk_logtime t;
    const uint32_t n = access_time(line, &inner, &t);
    if (n == 0) {
        return false;
    }
    struct pk_str rest = line;
    take_time(r, &t, out);
    out->format = PK_LOG_FORMAT_ACCESS;
    out->ip = pk_loghead_word(&rest);
    out->program = pk_str_of("http");
    out->message = behind(inner, n + 2u);
    return true;
}

/* The same as the message of another form: web servers write to syslog, containers to their engine. */
static void take_access_message(struct pk_logline *out) {
    const struct pk_str line = out->message;
    struct pk_str rest, inner;
    struct pk_logtime t;
    const char first = line.n > 24u ? line.p[0] : ' ';
    if (!pk_is_digit(first) && first != ':' && (first < 'a' || first > 'f')) {
        return; /* no address begins with it */
    }
    const uint32_t most = line.n < 46u ? line.n : 46u, blank = pk_find_byte(line.p, most, ' ');
    rest = behind(line, blank < most ? blank : 0);
    const bool is_access = rest.n > 1u && rest.p[1] == '-' && pk_str_starts(rest, " - ");
    const uint32_t n = is_access ? access_time(line, &inner, &t) : 0;
    if (n > 0) {
        out->format = PK_LOG_FORMAT_ACCESS;
        out->ip = (struct pk_str){line.p, line.n - rest.n};
        out->message = behind(inner, n + 2u);
    }
}

/* E0521 12:34:56.789012    1 file.go:123] text */
static bool take_klog(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    static const char LETTERS[] = "IWEF";
    static const uint8_t SEVERITIES[] = {PK_SEV_INFO, PK_SEV_MEDIUM, PK_SEV_HIGH, PK_SEV_CRITICAL};
    char stamp[16];
    struct pk_logtime t;
    const char *letter = line.n > 22u && line.p[0] != '\0' ? strchr(LETTERS, line.p[0]) : NULL;
    if (letter == NULL || !pk_is_digit(line.p[1]) || !pk_is_digit(line.p[4]) || line.p[5] != ' ') {
        return false;
    }
    memcpy(stamp, line.p + 1, 2);
    stamp[2] = '-';
    memcpy(stamp + 3, line.p + 3, 2);
    memcpy(stamp + 5, line.p + 5, 9);
    if (pk_logtime_parse(pk_str_make(stamp, 14), &t) == 0) {
        return false;
    }
    take_time(r, &t, out);
    out->format = PK_LOG_FORMAT_STAMPED;
    out->severity = SEVERITIES[letter - LETTERS];
    out->has_severity = true;
    out->message = behind(line, 14);
    const char *end = memchr(out->message.p, ']', out->message.n);
    if (end != NULL) {
        out->message = skip_blanks(behind(out->message, (uint32_t)(end - out->message.p) + 1u));
    }
    return true;
}

/* A time behind some words, as big machines write it: "- 1117838570 2005.06.03 R02-M1 ..." */
static bool take_further_on(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_str rest = line;
    if (line.n == 0 || line.p[0] == ' ' || line.p[0] == '\t') {
        return false; /* the line before goes on */
    }
    for (unsigned words = 0; words < 5u && rest.n > 0; words++) {
        struct pk_logtime t;
        struct pk_str candidate = rest;
        /* time="..." of logfmt */
        const struct pk_str word = pk_loghead_word(&rest);
        const char *equals = word.n > 0 ? memchr(word.p, '=', word.n < 10u ? word.n : 10u) : NULL;
        candidate = equals != NULL ? behind(candidate, (uint32_t)(equals - candidate.p) + 1u)
                                   : skip_blanks(candidate);
        candidate = candidate.n > 0 && (candidate.p[0] == '"' || candidate.p[0] == '[') ? behind(candidate, 1)
                                                                                        : candidate;
        const uint32_t n = pk_logtime_parse(candidate, &t);
        if (n == 0) {
            continue;
        }
        take_time(r, &t, out);
        out->format = PK_LOG_FORMAT_STAMPED;
        struct pk_str tail = behind(candidate, n), inner = tail;
        /* Thunderbird: "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond[2915]: text" */
        (void)pk_loghead_word(&inner);
        (void)pk_loghead_word(&inner);
        inner = skip_blanks(inner);
        const uint32_t again = inner.n > 0 && !pk_is_digit(inner.p[0]) ? pk_logtime_parse(inner, &t) : 0;
        if (again > 0) {
            pk_loghead_syslog(behind(inner, again), out);
        } else {
            pk_loghead_stamped(tail, out);
        }
        return true;
    }
    return false;
}

/* NUL, or not UTF-8; the bytes before `at` are neither. */
static bool is_odd(struct pk_str line, uint32_t at) {
    const struct pk_str rest = behind(line, at);
    return rest.n > 0 && (memchr(rest.p, '\0', rest.n) != NULL || !pk_text_is_utf8(rest));
}

/* A stack trace is of the program whose error it follows. */
static void keep_program(struct pk_log_reader *r, struct pk_logline *out) {
    if (out->format == PK_LOG_FORMAT_PLAIN) {
        out->program = (struct pk_str){r->last_program, r->last_program_bytes};
        out->is_plain = out->is_plain && pk_text_plain_run(out->program) == out->program.n;
        return;
    }
    const struct pk_str p = out->program;
    r->last_program_bytes = (uint8_t)(p.n < PK_LOG_NAME_BYTES_MAX ? p.n : PK_LOG_NAME_BYTES_MAX);
    if (p.n > 0) {
        pk_copy(r->last_program, p.p, r->last_program_bytes);
    }
}

void pk_log_reader_keep(const struct pk_log_reader *r, struct pk_log_memory *out) {
    memcpy(out->last_program, r->last_program, sizeof out->last_program);
    out->last_program_bytes = r->last_program_bytes;
}

void pk_log_reader_resume(struct pk_log_reader *r, const struct pk_log_memory *memory, int year) {
    memcpy(r->last_program, memory->last_program, sizeof r->last_program);
    r->last_program_bytes = memory->last_program_bytes;
    r->year = year;
    r->month = 0;
}

/* What is tried on a line, in this order. */
enum {
    TRY_JSON = 1,
    TRY_PRIORITY = 2,
    TRY_KMSG = 4,
    TRY_DMESG = 8,
    TRY_START = 16,
    TRY_BRACKETED = 32,
    TRY_ACCESS = 64,
    TRY_KLOG = 128,
    TRY_FURTHER_ON = 256,
    TRY_ALL = 511
};
static const uint16_t TRIES[PK_LOG_FORMAT_COUNT + 1] = {
    [PK_LOG_FORM_AUTO] = TRY_ALL,
    [1 + PK_LOG_FORMAT_PLAIN] = 0,
    [1 + PK_LOG_FORMAT_SYSLOG] = TRY_PRIORITY | TRY_START,
    [1 + PK_LOG_FORMAT_SYSLOG5] = TRY_PRIORITY,
    [1 + PK_LOG_FORMAT_KERNEL] = TRY_PRIORITY | TRY_KMSG | TRY_DMESG,
    [1 + PK_LOG_FORMAT_JSON] = TRY_JSON,
    [1 + PK_LOG_FORMAT_ACCESS] = TRY_ACCESS,
    [1 + PK_LOG_FORMAT_HTTPD] = TRY_BRACKETED,
    [1 + PK_LOG_FORMAT_STAMPED] = TRY_START | TRY_BRACKETED | TRY_KLOG | TRY_FURTHER_ON,
};

static bool take_form(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    const unsigned tries = TRIES[r->form];
    const char first = line.p[0];
    return (first == '{' && (tries & TRY_JSON) != 0 && pk_logjson_parse(r, line, out)) ||
           (first == '<' && (tries & TRY_PRIORITY) != 0 && take_priority(r, line, out)) ||
           ((tries & TRY_KMSG) != 0 && take_kmsg(r, line, out)) ||
           (first == '[' && (tries & TRY_DMESG) != 0 && take_dmesg(r, line, out)) ||
           ((tries & TRY_START) != 0 && take_at_start(r, line, out)) ||
           ((tries & TRY_BRACKETED) != 0 && take_bracketed(r, line, out)) ||
           ((tries & TRY_ACCESS) != 0 && take_access(r, line, out)) ||
           ((tries & TRY_KLOG) != 0 && take_klog(r, line, out)) ||
           ((tries & TRY_FURTHER_ON) != 0 && take_further_on(r, line, out));
}

/* rsyslog with $RepeatedMsgReduction, which is how some distributions ship it, writes the second to last of a
 * run of equal messages as one line. */
static void take_repeated(struct pk_logline *out) {
    enum { COUNT_DIGITS_MAX = 6 };
    static const char HEAD[] = "message repeated ", MIDDLE[] = " times: [";
    struct pk_str text = out->message;
    uint32_t digits = 0, count = 0;
    if (!pk_str_starts(text, HEAD) || text.p[text.n - 1u] != ']') {
        return;
    }
    text = behind(text, sizeof HEAD - 1u);
    for (; digits < text.n && digits < COUNT_DIGITS_MAX && text.p[digits] >= '0' && text.p[digits] <= '9';
         digits++) {
        count = count * 10u + (uint32_t)(text.p[digits] - '0');
    }
    text = behind(text, digits);
    if (count == 0 || !pk_str_starts(text, MIDDLE)) {
        return;
    }
    text = behind(text, sizeof MIDDLE - 1u);
    text.n--;
    out->message = pk_str_trim(text);
    out->repeat_count = count;
}

void pk_logline_parse(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    memset(out, 0, sizeof *out);
    out->repeat_count = 1;
    r->line_count++;
    line.p = line.n > 0 ? line.p : "";
    if (line.n > PK_LOG_LINE_BYTES_MAX) {
        line.n = PK_LOG_LINE_BYTES_MAX;
        r->cut_count++;
    }
    const uint32_t plain = pk_text_plain_run(line);
    out->is_plain = plain == line.n;
    r->odd_byte_count += !out->is_plain && is_odd(line, plain) ? 1u : 0u;
    while (line.n > 0 && (line.p[line.n - 1u] == '\r' || line.p[line.n - 1u] == '\0')) {
        line.n--;
    }
    /* A hole in a file that was cut while it was written reads as NUL bytes. */
    while (line.n > 0 && line.p[0] == '\0') {
        line = behind(line, 1);
    }
    if (!out->is_plain && pk_str_starts(line, "\xEF\xBB\xBF")) {
        line = behind(line, 3);
    }
    out->message = line;
    out->format = PK_LOG_FORMAT_PLAIN;
    const bool is_taken = line.n > 0 && take_form(r, line, out);
    if (is_taken && out->format != PK_LOG_FORMAT_ACCESS) {
        take_access_message(out);
    }
    /* A stamped line with a host is what syslog daemons write with ISO times. */
    if (out->format == PK_LOG_FORMAT_SYSLOG || out->format == PK_LOG_FORMAT_SYSLOG5 ||
        (out->format == PK_LOG_FORMAT_STAMPED && out->host.n > 0)) {
        take_repeated(out);
    }
    if (!out->has_severity && out->format != PK_LOG_FORMAT_ACCESS && out->message.n > 0) {
        pk_loghead_inner(out);
    }
    r->other_form_count += !is_taken && r->form > 1 + PK_LOG_FORMAT_PLAIN ? 1u : 0u;
    keep_program(r, out);
    r->time_count += out->has_time ? 1u : 0u;
    r->format_count[out->format]++;
}
