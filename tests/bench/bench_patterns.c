/* Log lines a second through all shipped patterns: finding and walking the fields of a message, and the whole
 * way from the line to the event. Beside it, in the same run, what looking through the same bytes with memchr
 * costs. bench_patterns [LOG...]; without files a mix of lines as gateways write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event/pk_logevent.h"
#include "event/pk_patterns_own.h"

enum { LINES_MAX = 1 << 16, BYTES_MAX = 1 << 24, RUN_NS = 400000000 };

static char bytes[BYTES_MAX];
static struct pk_str lines[LINES_MAX];
static struct pk_logline parsed[LINES_MAX];
static uint32_t line_count;
static struct pk_log_reader reader;
static struct pk_logevent_once once;
static struct pk_event_in event;

/* One line in five is something a pattern knows. */
static const char MIX[] =
    "Jun 14 15:16:01 gw sshd[19939]: Failed password for invalid user admin from 192.0.2.7 port 40123 ssh2\n"
    "Jun 14 15:16:02 gw systemd[1]: Started Session 2031 of user root.\n"
    "Jun 14 15:16:02 gw CRON[2291]: pam_unix(cron:session): session opened for user root by (uid=0)\n"
    "Jun 14 15:16:04 gw kernel: [12345.678901] eth0: renamed from veth1a2b3c4\n"
    "2026-06-14 15:16:05,123 - INFO  [QuorumPeer:FastLeaderElection@774] - Notification time out: 3200\n"
    "192.0.2.9 - - [14/Jun/2026:15:16:05 +0000] \"GET /api/v1/items?page=2 HTTP/1.1\" 200 5120 \"-\" "
    "\"curl/7.88.1\"\n"
    "2026-06-14 15:16:06.120 UTC [812] app@db ERROR:  deadlock detected\n"
    "Jun 14 15:16:07 gw dnsmasq-dhcp[710]: DHCPACK(br-lan) 192.168.1.23 aa:bb:cc:dd:ee:ff sensor-23\n"
    "Jun 14 15:16:08 gw mosquitto[633]: New client connected from 192.168.1.23:51234 as sensor-23 (p2, c1, "
    "k60).\n"
    "Jun 14 15:16:09 gw kernel: [12350.000001] EXT4-fs error (device mmcblk0p2): ext4_find_entry:1455: inode "
    "#2\n";

/* Of the processor: what else the machine does weighs little. */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void cut_lines(size_t n) {
    for (size_t at = 0; at < n && line_count < LINES_MAX;) {
        const char *end = memchr(bytes + at, '\n', n - at);
        const size_t length = end != NULL ? (size_t)(end - bytes) - at : n - at;
        lines[line_count++] = pk_str_make(bytes + at, length);
        at += length + 1u;
    }
}

static size_t read_files(int argc, char **argv) {
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            fprintf(stderr, "bench_patterns: cannot open %s\n", argv[i]);
            exit(1);
        }
        n += fread(bytes + n, 1, BYTES_MAX - n, f);
        fclose(f);
    }
    while (argc == 1 && n + sizeof MIX < BYTES_MAX / 8u) {
        memcpy(bytes + n, MIX, sizeof MIX - 1u);
        n += sizeof MIX - 1u;
    }
    return n;
}

/* Nanoseconds a line. `run` goes over all lines once and gives what it found. */
static double measure(uint64_t (*run)(void), uint64_t *out_found) {
    uint64_t rounds = 0;
    const uint64_t start_ns = now_ns();
    do {
        *out_found = run();
        rounds++;
    } while (now_ns() - start_ns < RUN_NS);
    return (double)(now_ns() - start_ns) / ((double)rounds * line_count);
}

static uint64_t look_through(void) {
    uint64_t found = 0;
    for (uint32_t i = 0; i < line_count; i++) {
        found += memchr(lines[i].p, '\x01', lines[i].n) != NULL ? 1u : 0u;
        __asm__ volatile("" : : "r"(found) : "memory");
    }
    return found;
}

static uint64_t find_all(void) {
    uint64_t found = 0;
    struct pk_pattern_fields fields;
    for (uint32_t i = 0; i < line_count; i++) {
        const struct pk_patterns_query q = {
            .message = parsed[i].message, .program = parsed[i].program, .format = parsed[i].format};
        found += pk_patterns_find(&PK_SHIPPED_PATTERNS, &q, &fields) >= 0 ? 1u : 0u;
    }
    return found;
}

static uint64_t parse_all(void) {
    for (uint32_t i = 0; i < line_count; i++) {
        pk_logline_parse(&reader, lines[i], &parsed[i]);
    }
    return 0;
}

static uint64_t whole_way(void) {
    uint64_t found = 0;
    struct pk_logline line;
    const struct pk_patterns_tables tables = {.tables = {&PK_SHIPPED_PATTERNS}, .count = 1};
    struct pk_logevent_pattern pattern;
    for (uint32_t i = 0; i < line_count; i++) {
        pk_logline_parse(&reader, lines[i], &line);
        found += pk_logevent_make(&tables, &line, &once, &event, &pattern) == PK_OK ? 1u : 0u;
    }
    return found;
}

/* As many patterns of an operator as the board takes, with texts of six bytes and more. */
static struct pk_patterns_own own;
static struct pk_patterns_use use;
static struct pk_patterns_tables both;

static void take_own(const char *text, int n) {
    struct pk_diag diag;
    pk_patterns_own_init(&own);
    if (pk_patterns_own_add(&own, "own", pk_str_make(text, (size_t)n), &diag) != PK_OK) {
        fprintf(stderr, "bench_patterns: %u: %s\n", (unsigned)diag.line, diag.message);
        exit(1);
    }
    pk_patterns_use(&use, &own);
    pk_patterns_use_tables(&use, NULL, &both);
}

/* Texts that begin alike and look far for what follows. */
static void make_worst(void) {
    static char text[PK_LIMIT_PATTERN_TEXT_BYTES];
    int n = snprintf(text, sizeof text, "[pattern p]\nevent = e\n");
    for (unsigned i = 0; i < PK_LIMIT_PATTERN_TEXTS; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "match = abcd{}Q%u\n", i);
    }
    take_own(text, n);
}

static void make_own(void) {
    static char text[PK_LIMIT_PATTERN_TEXT_BYTES];
    int n = 0;
    for (unsigned i = 0; i < PK_LIMIT_PATTERNS; i++) {
        n += snprintf(
            text + n, sizeof text - (size_t)n,
            "[pattern p%u]\nevent = e\nsource = {unit}\nmatch = %c%cmp %u of {unit} runs at {value} bar\n", i,
            (char)('a' + i % 26u), (char)('a' + i / 26u), i);
    }
    take_own(text, n);
}

static uint64_t whole_way_own(void) {
    uint64_t found = 0;
    struct pk_logline line;
    struct pk_logevent_pattern pattern;
    for (uint32_t i = 0; i < line_count; i++) {
        pk_logline_parse(&reader, lines[i], &line);
        found += pk_logevent_make(&both, &line, &once, &event, &pattern) == PK_OK ? 1u : 0u;
    }
    return found;
}

/* The longest line, made of nothing but beginnings of texts that are not there. */
static uint64_t worst_line(void) {
    static char message[PK_LOG_LINE_BYTES_MAX];
    static const char BEGINNING[4] = "abcd";
    struct pk_logevent_pattern pattern;
    struct pk_logline line = {.message = {message, sizeof message}};
    uint64_t found = 0;
    for (size_t i = 0; i + sizeof BEGINNING <= sizeof message; i += sizeof BEGINNING) {
        memcpy(message + i, BEGINNING, sizeof BEGINNING);
    }
    for (uint32_t i = 0; i < line_count; i += line_count / 8u + 1u) {
        found += pk_logevent_make(&both, &line, &once, &event, &pattern) == PK_OK ? 1u : 0u;
    }
    return found;
}

static void report(const char *what, double ns, double memchr_ns, double line_bytes, uint64_t found) {
    printf("%-28s %7.1f ns a line, %5.2f million lines/s, %6.0f MB/s, %5.1f times memchr, found %llu of %u\n",
           what, ns, 1000.0 / ns, line_bytes * 1000.0 / ns, ns / memchr_ns, (unsigned long long)found,
           (unsigned)line_count);
}

int main(int argc, char **argv) {
    const size_t n = read_files(argc, argv);
    uint64_t found = 0;
    reader.year = 2026;
    cut_lines(n);
    if (line_count == 0) {
        return 1;
    }
    const double line_bytes = (double)n / line_count;
    const double memchr_ns = measure(look_through, &found);
    const double parse_ns = measure(parse_all, &found);
    printf("%u patterns, %u chains, %.0f bytes a line; memchr: %.1f ns a line\n",
           (unsigned)PK_SHIPPED_PATTERNS.row_count, 1u << PK_SHIPPED_PATTERNS.head_bits, line_bytes,
           memchr_ns);
    report("form of the line", parse_ns, memchr_ns, line_bytes, found);
    const double find_ns = measure(find_all, &found);
    report("patterns and their fields", find_ns, memchr_ns, line_bytes, found);
    const double whole_ns = measure(whole_way, &found);
    report("line to event", whole_ns, memchr_ns, line_bytes, found);
    make_own();
    const double own_ns = measure(whole_way_own, &found);
    printf("with %u of an operator's      %7.1f ns a line\n", PK_LIMIT_PATTERNS, own_ns);
    make_worst();
    const double worst_ns = measure(worst_line, &found) * line_count / 8.0;
    printf("the worst line of 8 KiB      %7.1f us\n", worst_ns / 1000.0);
    return 0;
}
