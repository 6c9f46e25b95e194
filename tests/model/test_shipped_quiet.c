/* A gateway on which nothing is wrong, for two weeks of its own time, as its collectors and probes see it:
 * noise, days and nights, moments in which the machine was busy, a typing error at the door. The shipped
 * rules, as they are, have nothing to say to it. ctest: lane=default timeout=120 trees=host */
#include <stdio.h>
#include <string.h>

#include "base/pk_rng.h"
#include "base/pk_text.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

enum { STEP_MS = 5000, DAY_MS = 24 * 3600 * 1000, DAYS = 14 };
static const int64_t MONDAY_MS = 1700438400000; /* 2023-11-20 */

struct series {
    const char *type, *source;
    double base, day, noise; /* at night; so much more at noon; up to so much around it */
    uint32_t tail_ppm;       /* of the samples... */
    double tail;             /* ...so much higher, at most */
    uint32_t every;          /* steps */
};

static const struct series SERIES[] = {
    {"cpu_pct", "cpu", 12, 25, 8, 20000, 55, 2},
    {"load_1m", "load", 0.4, 1.0, 0.3, 5000, 1.5, 2},
    {"memory_pct", "memory", 55, 4, 1.5, 1000, 8, 2},
    {"swap_pct", "memory", 5, 0, 1, 0, 0, 2},
    {"psi_io_pct", "io", 1, 2, 1, 20000, 30, 2},
    {"psi_memory_pct", "memory", 0, 0, 0.5, 2000, 5, 2},
    {"disk_pct", "root", 61, 0.5, 0.1, 0, 0, 6},
    {"inodes_pct", "root", 12, 0, 0.05, 0, 0, 6},
    {"temperature_c", "soc", 48, 9, 2, 1000, 10, 6},
    {"net_errors", "eth0", 0, 0, 0, 200, 3, 6},
    {"net_drops", "eth0", 0, 0, 0, 500, 6, 6},
    {"zombies", "tasks", 0, 0, 2, 0, 0, 6},
    {"hung_tasks", "tasks", 0, 0, 0, 0, 0, 6},
    {"oom_kill", "kernel", 0, 0, 0, 0, 0, 6},
    {"process_up", "app", 1, 0, 0, 0, 0, 1},
    {"process_rss_bytes", "app", 4e7, 2e6, 5e5, 500, 1e7, 6},
    {"process_cpu_pct", "app", 8, 15, 5, 20000, 60, 6},
    {"probe_up", "lan", 1, 0, 0, 0, 0, 2},
    {"probe_up", "wan", 1, 0, 0, 0, 0, 2},
    {"probe_latency_ms", "lan", 0.25, 0.1, 0.1, 5000, 15, 2},
    {"probe_latency_ms", "wan", 32, 6, 4, 2000, 35, 2},
    {"probe_latency_ms", "shop", 60, 25, 12, 3000, 40, 2},
    {"http_status", "shop", 200, 0, 0, 0, 0, 2},
    {"certificate_days", "door", 200, 0, 0, 0, 0, 720},
    {"throughput", "line", 180, 60, 15, 0, 0, 6},
    {"queue_depth", "line", 4, 10, 4, 5000, 60, 6},
    {"quality_score", "line", 92, 0, 2, 0, 0, 12},
    {"success_pct", "maintenance:health", 100, 0, 0, 0, 0, 720},
    {"outbox_depth", "outbox", 0, 0, 3, 5000, 100, 12},
};

/* What happens now and then, and is no incident by itself: so often a day, spread evenly. */
static const struct {
    const char *type, *source;
    enum pk_severity severity;
    uint32_t a_day;
} NOW_AND_THEN[] = {
    {"auth_failed", "10.0.0.7", PK_SEV_LOW, 3},       {"log_error", "app", PK_SEV_HIGH, 40},
    {"timeout_error", "shop", PK_SEV_MEDIUM, 6},      {"cache_error", "app", PK_SEV_LOW, 12},
    {"slow_request", "shop", PK_SEV_LOW, 60},         {"workflow_failed", "night", PK_SEV_MEDIUM, 4},
    {"quality_check_failed", "line", PK_SEV_LOW, 20}, {"link_up", "eth0", PK_SEV_INFO, 1},
};

static struct detect_rig rig;
static struct pk_rng rng;

static double draw(double most) {
    return most * (double)pk_rng_below(&rng, 1u << 20) / (1u << 20);
}

/* 0 at midnight, 1 at noon. */
static double sun(uint64_t ms) {
    const uint64_t at = ms % DAY_MS;
    return (double)(at < DAY_MS / 2 ? at : DAY_MS - at) / (DAY_MS / 2);
}

static double sample(const struct series *s, uint64_t ms) {
    const double around = draw(2 * s->noise);
    const double tail = draw(s->tail);
    const bool is_tail = pk_rng_below(&rng, 1000000) < s->tail_ppm;
    return s->base + s->day * sun(ms) + (around - s->noise > -s->base ? around - s->noise : 0) +
           (is_tail ? tail : 0);
}

static void give(struct pk_event e) {
    e.wall_ms = MONDAY_MS + (int64_t)rig.now_ms;
    detect_rig_give(&rig, &e);
}

static void step(uint64_t n, uint64_t ms) {
    for (uint32_t i = 0; i < sizeof SERIES / sizeof *SERIES; i++) {
        if (n % SERIES[i].every == i % SERIES[i].every) {
            const double value = sample(&SERIES[i], ms);
            give(detect_rig_value(&rig, SERIES[i].type, SERIES[i].source, value));
        }
    }
    for (uint32_t i = 0; i < sizeof NOW_AND_THEN / sizeof *NOW_AND_THEN; i++) {
        if (pk_rng_below(&rng, DAY_MS / STEP_MS) < NOW_AND_THEN[i].a_day) {
            give(detect_rig_event(&rig, NOW_AND_THEN[i].type, NOW_AND_THEN[i].source,
                                  NOW_AND_THEN[i].severity));
        }
    }
}

static void listen(uint32_t *unusual, uint32_t *others) {
    static struct pk_finding f;
    int kind = 0;
    while ((kind = detect_rig_finding(&rig, &f)) != -1) {
        if (kind != PK_FINDING_FIRE) {
            continue;
        }
        const bool is_unusual = strstr(f.words, "condition anomaly") != NULL;
        *unusual += is_unusual;
        *others += !is_unusual;
        printf("# day %u: %s: %s\n", (unsigned)(rig.now_ms / DAY_MS), f.group_key, f.words);
    }
}

static void begin(void) {
    pk_rng_seed(&rng, 92);
    REQUIRE(detect_rig_init(&rig, "") == PK_OK);
    REQUIRE(pk_engine_load(&rig.engine, &PK_SHIPPED_RULES, NULL, 0, rig.now_ms, &rig.diag) == PK_OK);
}

PK_TEST(quiet__two_weeks_of_a_gateway_on_which_nothing_is_wrong__hardly_an_incident) {
    uint32_t unusual = 0;
    uint32_t others = 0;
    begin();
    for (uint64_t n = 0; n < (uint64_t)DAYS * DAY_MS / STEP_MS; n++) {
        step(n, rig.now_ms);
        listen(&unusual, &others);
        detect_rig_wait(&rig, STEP_MS);
    }
    CHECK_EQ_U64(others, 0);
    CHECK(unusual <= 4); /* of five series in two weeks, each low; other draws gave one to four */
}

/* The world above is not deaf: the same with one thing wrong is told. */
PK_TEST(quiet__something_is_wrong_with_it__told) {
    uint32_t unusual = 0;
    uint32_t others = 0;
    begin();
    for (uint64_t n = 0; n < DAY_MS / STEP_MS; n++) {
        step(n, rig.now_ms);
        if (n > DAY_MS / STEP_MS / 2) {
            give(detect_rig_event(&rig, "log_error", "app", PK_SEV_HIGH));
        }
        listen(&unusual, &others);
        detect_rig_wait(&rig, STEP_MS);
    }
    CHECK(others >= 1);
}

PK_TEST_MAIN(quiet__two_weeks_of_a_gateway_on_which_nothing_is_wrong__hardly_an_incident,
             quiet__something_is_wrong_with_it__told)
