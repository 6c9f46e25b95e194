/* Events a second through the engine alone: 64 rules, 256 sources, a mix of types as a gateway has it. Beside
 * it, in the same run, what copying the same records costs, and the cost with the number of rules that do not
 * match. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/pk_rng.h"
#include "support/detect_rig.h"

enum { EVENTS = 1 << 14, ROUNDS = 100, SOURCES = 256, TYPES = 24, TEXT_BYTES = 65536 };

static struct detect_rig rig;
static struct pk_event events[EVENTS];
static struct pk_event copies[EVENTS];
static char text[TEXT_BYTES];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* `matching` rules on the types that are sent, the rest on types nobody sends. */
static void make_rules(uint32_t rule_count, uint32_t matching) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < rule_count; i++) {
        pk_buf_puts(&b, "[rule r");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, i < matching ? "]\non = type = t" : "]\non = type = other");
        pk_buf_put_u64(&b, i % TYPES);
        pk_buf_puts(&b, i % 4 == 0 ? "\nwhen = count >= 32 in 1s by source" : "\nwhen = value > 2 for 1m");
        pk_buf_puts(&b, "\ntype = custom\nseverity = low\nkeys = 12\n");
    }
}

/* Each type comes from some sources of its own, as collectors and devices do. */
static void make_events(void) {
    struct pk_rng r;
    pk_rng_seed(&r, 1);
    for (uint32_t i = 0; i < EVENTS; i++) {
        char type[12];
        char source[12];
        const unsigned kind = (unsigned)pk_rng_below(&r, TYPES);
        snprintf(type, sizeof type, "t%u", kind);
        snprintf(source, sizeof source, "s%u", (kind * 11u + (unsigned)pk_rng_below(&r, 11)) % SOURCES);
        events[i] = detect_rig_value(&rig, type, source, (double)pk_rng_below(&r, 2));
    }
}

static double run_ns(uint32_t rule_count, uint32_t matching) {
    make_rules(rule_count, matching);
    if (detect_rig_init(&rig, text) != PK_OK) {
        fprintf(stderr, "%s:%u: %s\n", rig.diag.file, (unsigned)rig.diag.line, rig.diag.message);
        return 0.0;
    }
    make_events();
    uint64_t start_ns = 0;
    struct pk_finding f;
    for (uint32_t round = 0; round <= ROUNDS; round++) {
        start_ns = round == 1 ? now_ns() : start_ns; /* the first one fills caches and windows */
        for (uint32_t i = 0; i < EVENTS; i++) {
            rig.now_ms += i % 64u == 0 ? 1u : 0u;
            events[i].event_ms = rig.now_ms;
            pk_engine_event(&rig.engine, &events[i], rig.now_ms);
        }
        while (pk_engine_next_finding(&rig.engine, &f)) {
        }
    }
    return (double)(now_ns() - start_ns) / ((double)ROUNDS * EVENTS);
}

static double copy_ns(void) {
    const uint64_t start_ns = now_ns();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < EVENTS; i++) {
            memcpy(&copies[i], &events[i], sizeof copies[i]);
            __asm__ volatile("" : : "r"(&copies[i]) : "memory");
        }
    }
    return (double)(now_ns() - start_ns) / ((double)ROUNDS * EVENTS);
}

int main(void) {
    const double engine_ns = run_ns(64, 48);
    const double memory_ns = copy_ns();
    if (engine_ns <= 0.0 || memory_ns <= 0.0) {
        return 1;
    }
    const struct pk_engine *e = &rig.engine;
    printf("engine: %.1f ns an event, %.2f million events/s; 64 rules, %.2f matched, %u windows, fires %llu, "
           "evictions %llu\n",
           engine_ns, 1000.0 / engine_ns, (double)e->match_count / (double)e->event_count,
           (unsigned)e->windows.used, (unsigned long long)e->fire_count,
           (unsigned long long)e->windows.evicted_count);
    printf("copying the record: %.2f ns, ratio %.1f\n", memory_ns, engine_ns / memory_ns);
    for (uint32_t rules = 16; rules <= PK_LIMIT_RULES; rules *= 2u) {
        printf("%u rules, 16 of them matching: %.1f ns an event\n", (unsigned)rules, run_ns(rules, 16));
    }
    return 0;
}
