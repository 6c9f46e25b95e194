/* What an event costs in a rule of each form of condition: one rule, 64 sources, values as gauges have them.
 */
#include <stdio.h>
#include <time.h>

#include "base/pk_rng.h"
#include "support/detect_rig.h"

enum { EVENTS = 1 << 14, ROUNDS = 40, SOURCES = 64, TEXT_BYTES = 512 };

static struct detect_rig rig;
static struct pk_event events[EVENTS];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_events(void) {
    struct pk_rng r;
    pk_rng_seed(&r, 1);
    for (uint32_t i = 0; i < EVENTS; i++) {
        char source[12];
        snprintf(source, sizeof source, "s%u", (unsigned)pk_rng_below(&r, SOURCES));
        events[i] = detect_rig_value(&rig, "t", source, 100.0 + (double)pk_rng_below(&r, 400));
    }
}

/* 16 events a millisecond of the rig, so that windows of seconds turn. */
static double run_ns(const char *when) {
    static char text[TEXT_BYTES];
    snprintf(text, sizeof text,
             "[rule x]\non = type = t\ntype = custom\nseverity = low\nkeys = 64\nwhen = %s\n", when);
    if (detect_rig_init(&rig, text) != PK_OK) {
        fprintf(stderr, "%s: %s\n", when, rig.diag.message);
        return 0.0;
    }
    make_events();
    struct pk_finding f;
    uint64_t start_ns = 0;
    for (uint32_t round = 0; round <= ROUNDS; round++) {
        start_ns = round == 1 ? now_ns() : start_ns;
        for (uint32_t i = 0; i < EVENTS; i++) {
            rig.now_ms += i % 16u == 0 ? 1u : 0u;
            events[i].event_ms = rig.now_ms;
            pk_engine_event(&rig.engine, &events[i], rig.now_ms);
        }
        while (pk_engine_next_finding(&rig.engine, &f)) {
        }
    }
    return (double)(now_ns() - start_ns) / ((double)ROUNDS * EVENTS);
}

int main(void) {
    static const char *const FORMS[] = {"value > 1000 for 1m",
                                        "count >= 32 in 1ms by source",
                                        "p95 > 1000 in 10s by source",
                                        "all of (p95 > 1000 in 10s, p50 > 500 in 10s) by source",
                                        "drop >= 1000 in 10s",
                                        "rise >= 5000% in 10s",
                                        "trend reaches 1e6 within 40s",
                                        "value > 10x usual",
                                        "anomaly > 0.999"};
    printf("%-60s %s\n", "condition", "ns an event");
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        printf("%-60s %.0f\n", FORMS[i], run_ns(FORMS[i]));
    }
    return 0;
}
