/* What a correlator of log lines does, with the code of the agent: a text file is read, each line taken
 * apart, matched against patterns, made an event, counted in windows by 20 threshold rules, and each firing
 * written to a file. Says how long that took, and every loss. bench_sec LOG PATTERNS RULES OUT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "detect/pk_engine.h"
#include "event/pk_intake.h"
#include "event/pk_logevent.h"
#include "event/pk_pattern_parse.h"

enum { FILE_BYTES_MAX = 65536, TEXT_BYTES_MAX = 8192, READ_BYTES = 1 << 18, START_MS = 86400000 };

static struct pk_intake intake;
static struct pk_history history; /* firings without evidence: nothing is kept in it */
static struct pk_engine engine;
static struct pk_pattern_book book;
static struct pk_pattern patterns[32];
static struct pk_pattern_row rows[64];
static char pattern_text[TEXT_BYTES_MAX];
static char file_text[2][FILE_BYTES_MAX];
static struct pk_patterns_build build;
static struct pk_patterns table;
static struct pk_log_reader reader = {.year = 2026};
static struct pk_logevent_once once;
static struct pk_event_in event;
static char input[READ_BYTES];
static FILE *out;
static uint64_t line_count, event_count, refused_count, firing_count;
static int64_t first_wall_ms;
static uint64_t now_ms = START_MS;

static void die(const char *what, const char *which) {
    fprintf(stderr, "bench_sec: %s: %s\n", which, what);
    exit(1);
}

static struct pk_str read_file(const char *path, char *to) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        die("cannot be opened", path);
    }
    const size_t n = fread(to, 1, FILE_BYTES_MAX, f);
    fclose(f);
    return pk_str_make(to, n);
}

static void load_patterns(const char *path) {
    struct pk_diag diag;
    book = (struct pk_pattern_book){.patterns = patterns,
                                    .pattern_cap = PK_COUNT_OF(patterns),
                                    .rows = rows,
                                    .row_cap = PK_COUNT_OF(rows),
                                    .text = pattern_text,
                                    .text_cap = sizeof pattern_text};
    if (pk_pattern_parse(&book, path, read_file(path, file_text[0]), &diag) != PK_OK) {
        die(diag.message, path);
    }
    if (pk_patterns_build(&build, &book, &table) != PK_OK) {
        die("too many patterns", path);
    }
}

static void load_rules(const char *path) {
    struct pk_diag diag;
    pk_intake_init(&intake, 0, 1);
    pk_history_init(&history, 0, 0);
    const struct pk_engine_world world = {.types = &intake.types,
                                          .sources = &intake.sources,
                                          .text = &intake.text,
                                          .history = &history,
                                          .heartbeat_type_id = intake.heartbeat_type_id,
                                          .heartbeat_default_ms = intake.heartbeat_default_ms};
    pk_engine_init(&engine, &world, now_ms);
    const struct pk_rule_file file = {path, read_file(path, file_text[1])};
    if (pk_engine_load(&engine, NULL, &file, 1, now_ms, &diag) != PK_OK) {
        die(diag.message, path);
    }
}

/* The clock is that of the lines. */
static void advance(int64_t wall_ms) {
    if (first_wall_ms == 0) {
        first_wall_ms = wall_ms;
    }
    const int64_t passed_ms = wall_ms - first_wall_ms;
    if (passed_ms > 0 && START_MS + (uint64_t)passed_ms > now_ms) {
        now_ms = START_MS + (uint64_t)passed_ms;
        pk_engine_tick(&engine, now_ms);
    }
}

/* An incident is told once and over at once, so that there are as many as keys: the peer keeps none either.
 */
static void take_firings(void) {
    struct pk_finding f;
    struct pk_buf b;
    char told[1024];
    while (pk_engine_next_finding(&engine, &f)) {
        if (f.kind != PK_FINDING_FIRE) {
            continue;
        }
        const struct pk_rule *r = pk_engine_rule(&engine, f.rule_index);
        const struct pk_str id = pk_engine_str(&engine, r, r->id);
        firing_count++;
        pk_buf_init(&b, told, sizeof told);
        pk_buf_puts(&b, "INC ");
        pk_buf_put_str(&b, id);
        pk_buf_putc(&b, ' ');
        pk_buf_puts(&b, f.group_key);
        pk_buf_putc(&b, ' ');
        pk_buf_puts(&b, f.words);
        pk_buf_putc(&b, '\n');
        if (b.is_cut || fwrite(told, b.n, 1, out) != 1u) {
            die("cannot be written", "a firing");
        }
        if (pk_engine_release(&engine, f.rule_index, pk_str_of(f.group_key), now_ms) != PK_OK) {
            die("a firing group is not known", f.group_key);
        }
    }
}

static void take_line(struct pk_str text) {
    struct pk_logline line;
    struct pk_event e;
    uint32_t number = 0;
    const struct pk_patterns_tables tables = {.tables = {&table}, .count = 1};
    struct pk_logevent_pattern pattern;
    line_count++;
    pk_logline_parse(&reader, text, &line);
    if (pk_logevent_make(&tables, &line, &once, &event, &pattern) != PK_OK) {
        return;
    }
    if (event.has_time) {
        advance(event.wall_ms);
    }
    /* No rule here asks for texts, and the peer keeps none: their ring stays empty. */
    event.message_bytes = 0;
    event.field_bytes = 0;
    const struct pk_intake_clock clock = {
        .mono_ms = now_ms, .wall_ms = first_wall_ms + (int64_t)(now_ms - START_MS), .is_wall_good = true};
    if (pk_intake_offer(&intake, &event, &clock, &number) != PK_OK) {
        refused_count++;
        return;
    }
    event_count++;
    while (pk_intake_pop(&intake, &e)) {
        pk_engine_event(&engine, &e, now_ms);
        take_firings();
    }
}

static void take_log(const char *path) {
    FILE *f = fopen(path, "rb");
    size_t have = 0;
    size_t n = 0;
    if (f == NULL) {
        die("cannot be opened", path);
    }
    setvbuf(f, NULL, _IONBF, 0);
    while ((n = fread(input + have, 1, sizeof input - have, f)) > 0) {
        have += n;
        uint32_t at = 0, length = 0;
        /* As the agent cuts its files. */
        while ((length = pk_find_byte(input + at, (uint32_t)have - at, '\n')) < have - at) {
            take_line(pk_str_make(input + at, length));
            at += length + 1u;
        }
        memmove(input, input + at, have - at);
        have -= at;
    }
    fclose(f);
}

/* Of the processor. */
static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Peak of resident memory. Not ru_maxrss: that begins with what the process had that started this one. */
static unsigned long hwm_kib(void) {
    char text[128];
    unsigned long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(text, sizeof text, f) != NULL) {
        if (strncmp(text, "VmHWM:", 6) == 0) {
            kib = strtoul(text + 6, NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return kib;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        die("usage: bench_sec LOG PATTERNS RULES OUT", "arguments");
    }
    load_patterns(argv[2]);
    load_rules(argv[3]);
    out = fopen(argv[4], "wb");
    if (out == NULL) {
        die("cannot be written", argv[4]);
    }
    const double start_s = now_s();
    take_log(argv[1]);
    fflush(out);
    const double passed_s = now_s() - start_s;
    printf("lines=%llu events=%llu refused=%llu incidents=%llu windows=%u evicted=%llu windows_refused=%llu "
           "delayed=%llu "
           "seconds=%.4f lines_per_s=%.0f hwm_kib=%lu\n",
           (unsigned long long)line_count, (unsigned long long)event_count, (unsigned long long)refused_count,
           (unsigned long long)firing_count, (unsigned)engine.windows.high,
           (unsigned long long)engine.windows.evicted_count, (unsigned long long)engine.windows.refused_count,
           (unsigned long long)engine.finding_delayed_count, passed_s, (double)line_count / passed_s,
           hwm_kib());
    return 0;
}
