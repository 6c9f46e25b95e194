/* JSON event lines a second, as they come on the events socket, in this process: reading them, taking them
 * in, and the whole way to the decision of the shipped rules with the reply. Beside it, in the same run, what
 * looking through the same bytes with memchr and copying them costs. bench_json [FILE] writes the lines to
 * FILE as well, for a peer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/event_lines.h"
#include "detect/pk_engine.h"
#include "event/pk_history.h"
#include "event/pk_intake.h"

enum { LINES = 1 << 14, RUN_NS = 500000000, START_MS = 1000000, REPLY_BYTES = 32768 };

static char bytes[LINES * EVENT_LINE_BYTES_MAX];
static char copies[LINES * EVENT_LINE_BYTES_MAX];
static struct pk_str lines[LINES];
static uint32_t byte_count;
static struct pk_event_in parsed;
static struct pk_event_in kept[256];
static struct pk_intake intake;
static struct pk_history history;
static struct pk_engine engine;
static struct pk_intake_clock clock_now = {START_MS, 1792497600000, true};
static char replies[REPLY_BYTES];
static uint64_t finding_count;

/* Of the processor: what else the machine does weighs little. */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_lines(void) {
    for (uint32_t i = 0; i < LINES; i++) {
        const int n = event_line(bytes + byte_count, EVENT_LINE_BYTES_MAX, i);
        lines[i] = pk_str_make(bytes + byte_count, (size_t)n);
        byte_count += (uint32_t)n;
        bytes[byte_count++] = '\n';
    }
}

static void start(void) {
    struct pk_diag diag;
    pk_intake_init(&intake, 0, 1);
    pk_history_init(&history, 0, 0);
    const struct pk_engine_world world = {.types = &intake.types,
                                          .sources = &intake.sources,
                                          .text = &intake.text,
                                          .history = &history,
                                          .heartbeat_type_id = intake.heartbeat_type_id,
                                          .heartbeat_default_ms = intake.heartbeat_default_ms};
    pk_engine_init(&engine, &world, clock_now.mono_ms);
    if (pk_engine_load(&engine, &PK_SHIPPED_RULES, NULL, 0, clock_now.mono_ms, &diag) != PK_OK) {
        fprintf(stderr, "bench_json: %s\n", diag.message);
        exit(1);
    }
}

static void look_through(void) {
    for (uint32_t i = 0; i < LINES; i++) {
        const char *end = memchr(lines[i].p, '\n', lines[i].n + 1u);
        __asm__ volatile("" : : "r"(end) : "memory");
    }
}

static void copy(void) {
    for (uint32_t i = 0; i < LINES; i++) {
        memcpy(copies + (lines[i].p - bytes), lines[i].p, lines[i].n);
        __asm__ volatile("" : : "r"(copies) : "memory");
    }
}

static void parse(void) {
    struct pk_event_error error;
    for (uint32_t i = 0; i < LINES; i++) {
        if (pk_event_json_parse(lines[i], &parsed, &error) != PK_OK) {
            fprintf(stderr, "bench_json: line %u: %s: %s\n", (unsigned)i, error.field, error.message);
            exit(1);
        }
    }
}

static void offer(void) {
    struct pk_event e;
    uint32_t number = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        kept[i % 256u].event_id_hash = 0;
        if (pk_intake_offer(&intake, &kept[i % 256u], &clock_now, &number) != PK_OK) {
            exit(1);
        }
        (void)pk_intake_pop(&intake, &e);
    }
}

/* As the agent does it: a buffer of lines, their replies, then the events through the rules. */
static void decide(void) {
    struct pk_event e;
    struct pk_finding f;
    pk_engine_tick(&engine, clock_now.mono_ms);
    while (pk_intake_pop(&intake, &e)) {
        pk_history_put(&history, &e);
        pk_engine_event(&engine, &e, clock_now.mono_ms);
        while (pk_engine_next_finding(&engine, &f)) {
            finding_count++;
        }
    }
}

static void whole_way(void) {
    struct pk_event_error error;
    struct pk_buf b;
    uint32_t number = 0;
    pk_buf_init(&b, replies, sizeof replies);
    for (uint32_t i = 0; i < LINES; i++) {
        if (pk_event_json_parse(lines[i], &parsed, &error) == PK_OK &&
            pk_intake_offer(&intake, &parsed, &clock_now, &number) == PK_OK) {
            pk_event_reply_ok(&b, 1, number);
        } else {
            pk_event_reply_error(&b, &error);
        }
        pk_buf_putc(&b, '\n');
        if (intake.count == PK_LIMIT_INTAKE_EVENTS - 1u || b.cap_bytes - b.n < 256u || i == LINES - 1u) {
            clock_now.mono_ms++;
            clock_now.wall_ms++;
            decide();
            pk_buf_init(&b, replies, sizeof replies);
        }
    }
}

static double measure(void (*run)(void)) {
    uint64_t rounds = 0;
    run();
    const uint64_t start_ns = now_ns();
    do {
        run();
        rounds++;
    } while (now_ns() - start_ns < RUN_NS);
    return (double)(now_ns() - start_ns) / ((double)rounds * LINES);
}

static void report(const char *what, double ns, double copy_ns) {
    printf("%-34s %7.1f ns a line, %6.2f million lines/s, %5.0f MB/s, %6.1f times a copy\n", what, ns,
           1000.0 / ns, (double)byte_count / LINES * 1000.0 / ns, ns / copy_ns);
}

int main(int argc, char **argv) {
    struct pk_event_error error;
    make_lines();
    start();
    if (argc > 1) {
        FILE *f = fopen(argv[1], "wb");
        if (f == NULL || fwrite(bytes, 1, byte_count, f) != byte_count || fclose(f) != 0) {
            fprintf(stderr, "bench_json: cannot write %s\n", argv[1]);
            return 1;
        }
    }
    for (uint32_t i = 0; i < 256u; i++) {
        if (pk_event_json_parse(lines[i], &kept[i], &error) != PK_OK) {
            return 1;
        }
    }
    const double copy_ns = measure(copy);
    printf("%.0f bytes a line, %u rules\n", (double)byte_count / LINES,
           (unsigned)pk_engine_rule_count(&engine));
    report("copying the line", copy_ns, copy_ns);
    report("looking for its end", measure(look_through), copy_ns);
    report("reading it", measure(parse), copy_ns);
    report("taking the event in", measure(offer), copy_ns);
    report("line to decision, with the reply", measure(whole_way), copy_ns);
    printf("findings %llu, windows evicted %llu, refused %llu\n", (unsigned long long)finding_count,
           (unsigned long long)engine.windows.evicted_count, (unsigned long long)intake.bad_count);
    return 0;
}
