/* How late silence is noticed, with 10,000 sources that send heartbeats: the engine with its timer wheel,
 * once on a clock that is moved by hand and once on the real one with the loop the agent sleeps in. Late =
 * from the deadline to the finding in hand. bench_heartbeat; exit 1 when one is later than 10 ms or missing,
 * or one fires that is not due. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/linux/pk_linux.h"
#include "support/detect_rig.h"

enum {
    SOURCES = 10000,
    EVERY_MS = 1000, /* each sends so often, a few in each millisecond */
    SILENCE_MS = 2000,
    SILENT_EACH = 20, /* one source in so many falls silent */
    ROUNDS = 5,
    SLEEPS = 1500,
    LATE_MAX_MS = 10
};

_Static_assert(SOURCES + 16 <= PK_LIMIT_SOURCES, "built with the limits of `standard`");

static const char RULES[] =
    "[rule silent]\non = type = heartbeat\nwhen = absent for 2s\ntype = heartbeat_lost\n"
    "severity = high\ncooldown = 1h\nkeys = 10000\n";

static struct detect_rig rig;
static struct pk_event beats[SOURCES];
static uint64_t last_ms[SOURCES];
static bool is_silent[SOURCES];
static uint32_t late_count_us[SOURCES], late_total;
static uint32_t wrong_count;

static void start(uint64_t now_ms) {
    if (detect_rig_init(&rig, RULES) != PK_OK) {
        fprintf(stderr, "bench_heartbeat: %s\n", rig.diag.message);
        exit(1);
    }
    rig.now_ms = now_ms;
    late_total = 0;
    wrong_count = 0;
    for (uint32_t i = 0; i < SOURCES; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        beats[i] = detect_rig_event(&rig, "heartbeat", name, PK_SEV_INFO);
        is_silent[i] = i % SILENT_EACH == 7u;
        last_ms[i] = 0;
    }
}

static void beat(uint32_t source, uint64_t now_ms) {
    beats[source].receive_ms = now_ms;
    beats[source].event_ms = now_ms;
    last_ms[source] = now_ms;
    detect_rig_give(&rig, &beats[source]);
}

/* Each silence is noted and its incident ended at once: the table of those that are open is smaller. */
static void take_findings(uint64_t now_us) {
    struct pk_finding f;
    while (pk_engine_next_finding(&rig.engine, &f)) {
        if (f.kind != PK_FINDING_FIRE || late_total == SOURCES) {
            continue;
        }
        const uint32_t source = f.components[0];
        const uint64_t due_us = (last_ms[source] + SILENCE_MS) * 1000u;
        wrong_count += !is_silent[source] || now_us < due_us ? 1u : 0u;
        late_count_us[late_total++] = now_us > due_us ? (uint32_t)(now_us - due_us) : 0u;
        if (pk_engine_release(&rig.engine, f.rule_index, pk_str_of(f.group_key), now_us / 1000u) != PK_OK) {
            wrong_count++;
        }
    }
}

/* Sources whose turn comes in this millisecond. In the last round the silent ones do not speak. */
static void send_beats(uint64_t start_ms, uint64_t from_ms, uint64_t to_ms) {
    for (uint64_t ms = from_ms; ms < to_ms; ms++) {
        const uint64_t passed_ms = ms - start_ms;
        for (uint32_t i = (uint32_t)(passed_ms % EVERY_MS); i < SOURCES; i += EVERY_MS) {
            if (!is_silent[i] || passed_ms < EVERY_MS) {
                beat(i, ms);
            }
        }
    }
}

static int by_size(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool report(const char *what, uint32_t machine_us) {
    const uint32_t wanted = SOURCES / SILENT_EACH;
    qsort(late_count_us, late_total, sizeof late_count_us[0], by_size);
    const uint32_t longest_us = late_total > 0 ? late_count_us[late_total - 1u] : 0;
    printf("%-28s %u of %u silences noticed, late p50 %.3f ms, p99 %.3f ms, longest %.3f ms, wrong %u, "
           "timers %u\n",
           what, (unsigned)late_total, (unsigned)wanted,
           late_total > 0 ? late_count_us[late_total / 2u] / 1000.0 : 0.0,
           late_total > 0 ? late_count_us[late_total * 99u / 100u] / 1000.0 : 0.0, longest_us / 1000.0,
           (unsigned)wrong_count, (unsigned)rig.engine.wheel.armed_count);
    return late_total == wanted && wrong_count == 0 && longest_us <= LATE_MAX_MS * 1000u + machine_us;
}

static bool run_by_hand(uint32_t machine_us) {
    const uint64_t start_ms = 1000000;
    start(start_ms);
    for (uint64_t now_ms = start_ms; now_ms < start_ms + (uint64_t)ROUNDS * EVERY_MS + SILENCE_MS; now_ms++) {
        pk_engine_tick(&rig.engine, now_ms);
        take_findings(now_ms * 1000u);
        send_beats(start_ms, now_ms, now_ms + 1u);
    }
    return report("clock moved by hand", machine_us);
}

/* As agent_role.c: sleep until the engine or the next beat is due, then everything that is. */
static bool run_on_loop(uint32_t machine_us) {
    static struct pk_linux_loop loop;
    struct pk_port_loop port;
    if (pk_linux_loop_open(&loop, &port) != PK_OK) {
        fprintf(stderr, "bench_heartbeat: no loop\n");
        return false;
    }
    const uint64_t start_ms = pk_linux_mono_us() / 1000u;
    const uint64_t end_ms = start_ms + (uint64_t)ROUNDS * EVERY_MS + SILENCE_MS;
    uint64_t sent_ms = start_ms;
    uint64_t now_ms = start_ms;
    start(start_ms);
    while (now_ms < end_ms) {
        const uint64_t due_ms = pk_engine_next_ms(&rig.engine);
        (void)port.wait(port.ctx, due_ms < sent_ms + 1u ? due_ms : sent_ms + 1u);
        now_ms = pk_linux_mono_us() / 1000u;
        pk_engine_tick(&rig.engine, now_ms);
        take_findings(pk_linux_mono_us());
        send_beats(start_ms, sent_ms, now_ms);
        sent_ms = now_ms;
    }
    return report("real clock, loop of the agent", machine_us);
}

/* How late this machine wakes a process that only sleeps, on the same loop: nobody can be better.
 * Microseconds. */
static uint32_t sleeper_late_us(void) {
    static struct pk_linux_loop loop;
    struct pk_port_loop port;
    uint32_t longest_us = 0;
    if (pk_linux_loop_open(&loop, &port) != PK_OK) {
        return 0;
    }
    uint64_t due_ms = pk_linux_mono_us() / 1000u;
    for (uint32_t i = 0; i < SLEEPS; i++) {
        due_ms += 2u;
        (void)port.wait(port.ctx, due_ms);
        const uint64_t now_us = pk_linux_mono_us();
        const uint32_t late_us = now_us > due_ms * 1000u ? (uint32_t)(now_us - due_ms * 1000u) : 0u;
        longest_us = late_us > longest_us ? late_us : longest_us;
        due_ms = now_us / 1000u > due_ms ? now_us / 1000u : due_ms;
    }
    return longest_us;
}

int main(void) {
    const uint32_t before_us = sleeper_late_us();
    const bool by_hand = run_by_hand(0);
    const bool on_loop = run_on_loop(before_us);
    printf("a process that only sleeps    longest %.3f ms late before, %.3f ms after\n", before_us / 1000.0,
           sleeper_late_us() / 1000.0);
    return by_hand && on_loop ? 0 : 1;
}
