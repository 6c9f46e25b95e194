#include "event/pk_logline.h"
#include <stdio.h>

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_time.h"
#include "support/pk_test.h"

static struct pk_log_reader reader;
static struct pk_logline line;
static char program[80], message[256], when[PK_TIME_TEXT_BYTES];

static void take(const char *text) {
    pk_logline_parse(&reader, pk_str_of(text), &line);
    (void)pk_str_copy_cut(line.program, program, sizeof program);
    (void)pk_str_copy_cut(line.message, message, sizeof message);
    pk_time_format(line.has_time ? line.wall_ms : 0, when);
}

static void begin(void) {
    memset(&reader, 0, sizeof reader);
    reader.year = 2024;
    reader.boot_wall_ms = pk_time_from_civil(2024, 1, 1, 0, 0, 0);
}

PK_TEST(parse__recognises_the_forms) {
    static const struct {
        const char *text;
        enum pk_log_format format;
        const char *program, *message, *when;
        int severity;
    } ROWS[] = {
        {"Jun 14 15:16:01 combo sshd[1]: x y", PK_LOG_FORMAT_SYSLOG, "sshd", "x y",
         "2024-06-14T15:16:01.000Z", -1},
        {"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", PK_LOG_FORMAT_SYSLOG, "su", "'su root' failed",
         "2024-10-11T22:14:15.000Z", PK_SEV_CRITICAL},
        {"<165>1 2003-10-11T22:14:15.003Z host app 12 ID47 [a b=\"]\"][c] \xEF\xBB\xBFtext",
         PK_LOG_FORMAT_SYSLOG5, "app", "text", "2003-10-11T22:14:15.003Z", PK_SEV_LOW},
        {"<13>1 - - - - - - text", PK_LOG_FORMAT_SYSLOG5, "", "text", "1970-01-01T00:00:00.000Z", PK_SEV_LOW},
        {"[Sun Dec 04 04:47:44 2005] [error] mod_jk x", PK_LOG_FORMAT_HTTPD, "httpd", "mod_jk x",
         "2005-12-04T04:47:44.000Z", PK_SEV_HIGH},
        {"192.0.2.7 - bob [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12", PK_LOG_FORMAT_ACCESS,
         "http", "\"GET / HTTP/1.1\" 200 12", "2026-11-21T05:04:50.000Z", -1},
        {"[   12.345678] usb 1-1: gone", PK_LOG_FORMAT_KERNEL, "kernel", "usb 1-1: gone",
         "2024-01-01T00:00:12.345Z", -1},
        {"<3>[   12.345678] usb 1-1: gone", PK_LOG_FORMAT_KERNEL, "kernel", "usb 1-1: gone",
         "2024-01-01T00:00:12.345Z", PK_SEV_HIGH},
        {"6,339,5140900,-;NET: Registered", PK_LOG_FORMAT_KERNEL, "kernel", "NET: Registered",
         "2024-01-01T00:00:05.140Z", PK_SEV_INFO},
        {"2015-07-29 17:41:44,747 - WARN  [main:Quorum@774] - late", PK_LOG_FORMAT_STAMPED, "Quorum", "late",
         "2015-07-29T17:41:44.747Z", PK_SEV_MEDIUM},
        {"E0521 12:34:56.789012    1 pod.go:12] it failed", PK_LOG_FORMAT_STAMPED, "", "it failed",
         "2024-05-21T12:34:56.000Z", PK_SEV_HIGH},
        {"time=\"2024-01-02T03:04:05Z\" level=error msg=x", PK_LOG_FORMAT_STAMPED, "", "msg=x",
         "2024-01-02T03:04:05.000Z", PK_SEV_HIGH},
        {"- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.363779 R02 RAS KERNEL INFO cache parity",
         PK_LOG_FORMAT_STAMPED, "", "cache parity", "2005-06-03T22:42:50.000Z", PK_SEV_INFO},
        {"- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: session closed",
         PK_LOG_FORMAT_STAMPED, "crond", "session closed", "2005-11-09T20:01:01.000Z", -1},
        {"134681 node-246 unix.hw state_change 1077804742 1 Component State", PK_LOG_FORMAT_STAMPED, "",
         "1 Component State", "2004-02-26T14:12:22.000Z", -1},
        {"just words", PK_LOG_FORMAT_PLAIN, "", "just words", "1970-01-01T00:00:00.000Z", -1},
        {"\tat org.example.Main(Main.java:12) 2024-01-01 00:00:00", PK_LOG_FORMAT_PLAIN, "",
         "\tat org.example.Main(Main.java:12) 2024-01-01 00:00:00", "1970-01-01T00:00:00.000Z", -1},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        begin();
        take(ROWS[i].text);
        CHECK_STR(pk_log_format_word((enum pk_log_format)line.format), pk_log_format_word(ROWS[i].format));
        CHECK_STR(message, ROWS[i].message);
        CHECK_STR(when, ROWS[i].when);
        CHECK_EQ_INT(line.has_severity ? line.severity : -1, ROWS[i].severity);
        if (ROWS[i].program[0] != '\0') {
            CHECK_STR(program, ROWS[i].program);
        }
        CHECK_EQ_U64(reader.format_count[ROWS[i].format], 1);
    }
}

PK_TEST(year__goes_over_the_new_year_and_back_for_late_lines) {
    begin();
    take("Dec 31 23:59:59 h a: x");
    CHECK_STR(when, "2024-12-31T23:59:59.000Z");
    take("Jan  1 00:00:01 h a: x");
    CHECK_STR(when, "2025-01-01T00:00:01.000Z");
    take("Dec 31 23:59:58 h a: late");
    CHECK_STR(when, "2024-12-31T23:59:58.000Z");
    take("Jan  1 00:00:02 h a: x");
    CHECK_STR(when, "2025-01-01T00:00:02.000Z");
    CHECK_EQ_U64(reader.wrap_count, 1);
    /* Years may have months without a line; a line of the month before is only late. */
    take("Aug  2 00:00:00 h a: x");
    take("Jul 31 00:00:00 h a: late");
    CHECK_STR(when, "2025-07-31T00:00:00.000Z");
    take("Mar  2 00:00:00 h a: x");
    CHECK_STR(when, "2026-03-02T00:00:00.000Z");
    memset(&reader, 0, sizeof reader);
    take("Jan  1 00:00:02 h a: x");
    CHECK(!line.has_time);
    CHECK_STR(message, "x");
}

PK_TEST(odd_bytes__are_counted_and_harmless) {
    begin();
    pk_logline_parse(&reader, pk_str_make("a\0b", 3), &line);
    CHECK_EQ_U64(reader.odd_byte_count, 1);
    take("Jun 14 15:16:01 h app: caf\xE9");
    CHECK_EQ_U64(reader.odd_byte_count, 2);
    CHECK_STR(program, "app");
    pk_logline_parse(&reader, pk_str_make("\0\0\0Jun 14 15:16:01 h app: x\r", 29), &line);
    CHECK(line.has_time);
    CHECK(pk_str_eq_c(line.message, "x"));
    static char long_line[1 << 20];
    memset(long_line, 'x', sizeof long_line);
    memcpy(long_line, "Jun 14 15:16:01 h app: ", 23);
    pk_logline_parse(&reader, pk_str_make(long_line, sizeof long_line), &line);
    CHECK_EQ_U64(reader.cut_count, 1);
    CHECK_EQ_U64(line.message.n, PK_LOG_LINE_BYTES_MAX - 23);
    pk_logline_parse(&reader, pk_str_make(NULL, 0), &line);
    CHECK_EQ_U64(line.message.n, 0);
    CHECK_EQ_U64(reader.line_count, 5);
}

PK_TEST(repeated__is_what_was_said_and_how_often) {
    begin();
    take("Jun 14 15:16:01 h sshd[7]: message repeated 5 times: [ Failed password for root from ::1 port 2 "
         "ssh2]");
    CHECK_STR(program, "sshd");
    CHECK_STR(message, "Failed password for root from ::1 port 2 ssh2");
    CHECK_EQ_U64(line.repeat_count, 5);
    take("Jun 14 15:16:01 h app: message repeated 999999 times: [x]");
    CHECK_STR(message, "x");
    CHECK_EQ_U64(line.repeat_count, 999999);
    static const char *const NONE[] = {
        "message repeated 5 times: [ x",   "message repeated 0 times: [ x]",
        "message repeated -1 times: [ x]", "message repeated 1000000 times: [x]",
        "message repeated times: [x]",     "a message repeated 5 times: [ x]"};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++) {
        char text[96];
        (void)snprintf(text, sizeof text, "Jun 14 15:16:01 h app: %s", NONE[i]);
        take(text);
        CHECK_STR(message, NONE[i]);
        CHECK_EQ_U64(line.repeat_count, 1);
    }
    take("2026-11-21T05:04:50.123456+01:00 host sshd[7]: message repeated 5 times: [ Failed password]");
    CHECK_STR(message, "Failed password");
    CHECK_EQ_U64(line.repeat_count, 5);
    take("message repeated 5 times: [ x]"); /* not of the syslog */
    CHECK_EQ_U64(line.repeat_count, 1);
}

/* Every beginning of a line is a line. */
PK_TEST(parse__takes_any_cut) {
    static const char *const LINES[] = {
        "<165>1 2003-10-11T22:14:15.003Z host app 12 ID47 [a b=\"c\"] text",
        "6,339,5140900,-;NET: x",
        "192.0.2.7 - bob [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12",
        "E0521 12:34:56.789012    1 pod.go:12] it",
        "[Sun Dec 04 04:47:44 2005] [core:error] [pid 1:tid 2] [client 192.0.2.7] x",
        "2015-07-29 17:41:44,747 - WARN  [main:Quorum@774] - late",
        "{\"MESSAGE\":\"x\",\"PRIORITY\":\"3\"}"};
    begin();
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        for (uint32_t n = 0; n <= strlen(LINES[i]); n++) {
            char copy[128];
            memcpy(copy, LINES[i], n);
            pk_logline_parse(&reader, pk_str_make(copy, n), &line);
            CHECK(line.message.n <= n);
        }
    }
}

PK_TEST(parse__a_time_that_was_just_read__means_the_same_as_read_anew) {
    static const char *const STAMPS[] = {
        "2024-05-01T12:00:00Z", "2024-05-01T12:00:00",      "2024-05-01 12:00:00.5",
        "May  1 12:00:00",      "Wed May 01 12:00:00 2024", "1714564800",
        "1714564800.25",        "24/05/01 12:00:00",        "240501 120000"};
    static const char *const REST[] = {" gw app[7]: text",
                                       " +0100 gw app: text",
                                       " UTC gw app: x",
                                       "+01:00 gw app: x",
                                       " 2024 gw app: text",
                                       " gw app: other",
                                       "123 gw",
                                       " ",
                                       "",
                                       ": x",
                                       " +01000 gw app: x",
                                       " 20245 gw app: y",
                                       "Z gw app: z"};
    static struct pk_log_reader fresh;
    struct pk_logline other;
    begin();
    for (size_t i = 0; i < PK_COUNT_OF(STAMPS) * PK_COUNT_OF(REST) * PK_COUNT_OF(REST); i++) {
        char text[96];
        struct pk_buf b;
        for (unsigned turn = 0; turn < 2u; turn++) { /* the second of two lines with the same beginning */
            pk_buf_init(&b, text, sizeof text);
            pk_buf_puts(&b, STAMPS[i % PK_COUNT_OF(STAMPS)]);
            pk_buf_puts(&b, REST[turn == 0 ? i / PK_COUNT_OF(STAMPS) % PK_COUNT_OF(REST)
                                           : i / PK_COUNT_OF(STAMPS) / PK_COUNT_OF(REST)]);
            pk_logline_parse(&reader, pk_buf_str(&b), &line);
        }
        memset(&fresh, 0, sizeof fresh);
        fresh.year = 2024;
        fresh.boot_wall_ms = reader.boot_wall_ms;
        pk_logline_parse(&fresh, pk_buf_str(&b), &other);
        CHECK_EQ_INT(line.format, other.format);
        CHECK_EQ_INT(line.has_time, other.has_time);
        CHECK(line.wall_ms == other.wall_ms);
        CHECK(pk_str_eq(line.message, other.message));
        CHECK(pk_str_eq(line.host, other.host));
    }
}

/* The beginnings of forms that look alike, each behind each other: what a line says is its own. */
PK_TEST(parse__a_head_like_that_of_the_line_before__means_the_same_as_read_anew) {
    static const char *const HEADS[] = {
        " gw1 app[77]: ",    " gw1 app[77]:",      " gw1 app[77]:  ",     " gw1 app: ",
        " gw1 kernel: ",     " |gw1 app: ",        " stdout F gw1 app: ", " daemon.err a: ",
        " gw.example app: ", " gw1 app(pam)[7]: ", " WARN app: ",         " gw1 last message "};
    static const char *const TEXTS[] = {"text",  "",      " text", "[ 1.5] x",
                                        "a|b|c", "[9] x", "\tx",   "WARN x: y"};
    static const char *const STAMPS[] = {"2024-06-15T14:58:01Z", "Jun 15 14:58:01", "<34>Jun 15 14:58:02"};
    enum { HEAD_COUNT = PK_COUNT_OF(HEADS), TEXT_COUNT = PK_COUNT_OF(TEXTS) };
    static struct pk_log_reader fresh;
    struct pk_logline other;
    begin();
    for (size_t i = 0; i < PK_COUNT_OF(STAMPS) * HEAD_COUNT * HEAD_COUNT * TEXT_COUNT * TEXT_COUNT; i++) {
        char text[96];
        struct pk_buf b;
        for (size_t turn = 0, k = i / PK_COUNT_OF(STAMPS); turn < 2u; turn++) {
            pk_buf_init(&b, text, sizeof text);
            pk_buf_puts(&b, STAMPS[i % PK_COUNT_OF(STAMPS)]);
            pk_buf_puts(&b, HEADS[k % HEAD_COUNT]);
            k /= HEAD_COUNT;
            pk_buf_puts(&b, TEXTS[k % TEXT_COUNT]);
            k /= TEXT_COUNT;
            pk_logline_parse(&reader, pk_buf_str(&b), &line);
        }
        memset(&fresh, 0, sizeof fresh);
        fresh.year = 2024;
        fresh.boot_wall_ms = reader.boot_wall_ms;
        pk_logline_parse(&fresh, pk_buf_str(&b), &other);
        CHECK_EQ_INT(line.format, other.format);
        CHECK(pk_str_eq(line.message, other.message));
        CHECK(pk_str_eq(line.host, other.host));
        CHECK(pk_str_eq(line.program, other.program));
        CHECK_EQ_INT(line.has_severity, other.has_severity);
        CHECK_EQ_INT(line.severity, other.severity);
    }
}

PK_TEST(is_plain__of_texts_without_anything_to_look_for) {
    begin();
    take("2024-06-15T14:58:01Z gw app: x");
    CHECK(line.is_plain);
    take("2024-06-15T14:58:01Z gw app: \x07");
    CHECK(!line.is_plain);
    take("2024-06-15T14:58:01Z gw p\xC3\xA4: x");
    CHECK(!line.is_plain);
    take("  at line 7"); /* its program is that of the line before */
    CHECK(!line.is_plain);
    take("{\"MESSAGE\":\"\\u0007\"}");
    CHECK(!line.is_plain);
}

PK_TEST(zone__is_told_where_there_is_one) {
    begin();
    take("2024-06-15T14:58:01+02:00 gw app: x");
    CHECK(line.has_time && line.has_zone);
    take("Jun 15 14:58:01 gw app: x");
    CHECK(line.has_time && !line.has_zone);
    take("{\"__REALTIME_TIMESTAMP\":\"1795237490123456\",\"MESSAGE\":\"x\"}");
    CHECK(line.has_time && line.has_zone);
}

PK_TEST(memory__of_one_file_among_others) {
    struct pk_log_memory a = {.last_program_bytes = 0}, b = {.last_program_bytes = 0};
    begin();
    pk_log_reader_resume(&reader, &a, 2025);
    take("Jun 15 14:58:01 gw app: Exception");
    CHECK_STR(when, "2025-06-15T14:58:01.000Z");
    pk_log_reader_keep(&reader, &a);
    pk_log_reader_resume(&reader, &b, 2025);
    take("  at other");
    CHECK_STR(program, "");
    pk_log_reader_keep(&reader, &b);
    pk_log_reader_resume(&reader, &a, 2025);
    take("  at line 7");
    CHECK_STR(program, "app"); /* what goes on is of the line before it in the same file */
}

/* Each line under each told form: its own (and those that name the same lines), or plain text. */
PK_TEST(parse__a_told_form__is_the_only_one) {
    static const struct {
        const char *text;
        uint8_t format;
        uint16_t told; /* bits of the forms that take it */
    } ROWS[] = {
        {"Jun 14 15:16:01 combo sshd[1]: x y", PK_LOG_FORMAT_SYSLOG,
         1u << PK_LOG_FORMAT_SYSLOG | 1u << PK_LOG_FORMAT_STAMPED},
        {"2026-03-01T10:00:00Z gw sshd[1]: x y", PK_LOG_FORMAT_STAMPED,
         1u << PK_LOG_FORMAT_SYSLOG | 1u << PK_LOG_FORMAT_STAMPED},
        {"<13>1 - - - - - - text", PK_LOG_FORMAT_SYSLOG5,
         1u << PK_LOG_FORMAT_SYSLOG | 1u << PK_LOG_FORMAT_SYSLOG5 | 1u << PK_LOG_FORMAT_KERNEL},
        {"6,339,5140900,-;NET: Registered", PK_LOG_FORMAT_KERNEL, 1u << PK_LOG_FORMAT_KERNEL},
        {"[   12.345678] usb 1-1: gone", PK_LOG_FORMAT_KERNEL, 1u << PK_LOG_FORMAT_KERNEL},
        {"{\"MESSAGE\":\"x\",\"SYSLOG_IDENTIFIER\":\"sshd\"}", PK_LOG_FORMAT_JSON, 1u << PK_LOG_FORMAT_JSON},
        {"192.0.2.7 - bob [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12", PK_LOG_FORMAT_ACCESS,
         1u << PK_LOG_FORMAT_ACCESS | 1u << PK_LOG_FORMAT_STAMPED},
        {"[Sun Dec 04 04:47:44 2005] [error] mod_jk x", PK_LOG_FORMAT_HTTPD,
         1u << PK_LOG_FORMAT_HTTPD | 1u << PK_LOG_FORMAT_STAMPED},
        {"E0521 12:34:56.789012    1 pod.go:12] it failed", PK_LOG_FORMAT_STAMPED,
         1u << PK_LOG_FORMAT_STAMPED},
        {"nothing in particular", PK_LOG_FORMAT_PLAIN, 0},
    };
    for (size_t i = 0; i < PK_COUNT_OF(ROWS); i++) {
        for (unsigned form = 0; form < PK_LOG_FORMAT_COUNT; form++) {
            begin();
            reader.form = (uint8_t)(1u + form);
            take(ROWS[i].text);
            const bool is_taken = (ROWS[i].told & (1u << form)) != 0;
            CHECK_EQ_INT(line.format != PK_LOG_FORMAT_PLAIN, is_taken);
            CHECK_EQ_U64(reader.other_form_count, !is_taken && form != PK_LOG_FORMAT_PLAIN ? 1u : 0u);
            CHECK(is_taken || strcmp(message, ROWS[i].text) == 0);
        }
        begin();
        take(ROWS[i].text);
        CHECK_EQ_INT(line.format, ROWS[i].format);
        CHECK_EQ_U64(reader.other_form_count, 0);
    }
}

PK_TEST(access__whatever_the_user_is_called) {
    static const char *const USERS[] = {"-", "[x", "[01/", "[ab/", "a [b] c d e f", "[01/Jan/2026:00:00:00"};
    for (size_t i = 0; i < PK_COUNT_OF(USERS); i++) {
        char text[256];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "192.0.2.1 - ");
        pk_buf_puts(&b, USERS[i]);
        pk_buf_puts(&b, " [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12");
        begin();
        take(text);
        CHECK_EQ_INT(line.format, PK_LOG_FORMAT_ACCESS);
        CHECK_STR(message, "\"GET / HTTP/1.1\" 200 12");
    }
}

PK_TEST(access__as_the_message_of_another_form) {
    static const char *const LINES[] = {
        "Nov 21 05:04:50 gw nginx: 192.0.2.1 - - [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12",
        "<190>Nov 21 05:04:50 gw nginx: 192.0.2.1 - - [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12",
        "2026-11-21T05:04:50Z g nginx: 192.0.2.1 - [x [21/Nov/2026:05:04:50 +0000] \"GET / HTTP/1.1\" 200 12",
    };
    for (size_t i = 0; i < PK_COUNT_OF(LINES); i++) {
        begin();
        take(LINES[i]);
        CHECK_EQ_INT(line.format, PK_LOG_FORMAT_ACCESS);
        CHECK(pk_str_eq_c(line.program, "nginx"));
        CHECK(pk_str_eq_c(line.ip, "192.0.2.1"));
        CHECK_STR(message, "\"GET / HTTP/1.1\" 200 12");
    }
    begin();
    take("Nov 21 05:04:50 gw haproxy: 192.0.2.1:4711 [21/Nov/2026:05:04:50.000] http~ web/web1 0/0");
    CHECK_EQ_INT(line.format, PK_LOG_FORMAT_SYSLOG);
    begin();
    take("Nov 21 05:04:50 gw app: 12 - 3");
    CHECK_EQ_INT(line.format, PK_LOG_FORMAT_SYSLOG);
}

PK_TEST_MAIN(access__as_the_message_of_another_form, access__whatever_the_user_is_called,
             parse__recognises_the_forms, parse__a_told_form__is_the_only_one,
             year__goes_over_the_new_year_and_back_for_late_lines, odd_bytes__are_counted_and_harmless,
             parse__takes_any_cut, parse__a_time_that_was_just_read__means_the_same_as_read_anew,
             parse__a_head_like_that_of_the_line_before__means_the_same_as_read_anew,
             is_plain__of_texts_without_anything_to_look_for, zone__is_told_where_there_is_one,
             memory__of_one_file_among_others, repeated__is_what_was_said_and_how_often)
