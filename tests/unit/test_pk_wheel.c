#include "base/pk_wheel.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { NODES = 64 };

#define SPAN_MS ((uint64_t)1 << 36)

PK_TEST(wheel_advance__one_timer__fires_at_its_time_and_never_before) {
    static const uint64_t DISTANCES[] = {
        1,      2,      63,       64,         65,          127,     4095,        4096,           4097,
        262143, 262144, 16777216, 1000000007, SPAN_MS - 1, SPAN_MS, SPAN_MS + 1, 3 * SPAN_MS + 5};
    static const uint64_t STARTS[] = {0, 1, 63, 64, 4095, 123456789, SPAN_MS - 1, SPAN_MS, 5 * SPAN_MS - 64};
    for (size_t s = 0; s < sizeof STARTS / sizeof STARTS[0]; s++) {
        for (size_t d = 0; d < sizeof DISTANCES / sizeof DISTANCES[0]; d++) {
            const uint64_t due_ms = STARTS[s] + DISTANCES[d];
            struct pk_wheel_node nodes[1];
            struct pk_wheel w;
            pk_wheel_init(&w, nodes, 1, STARTS[s]);
            pk_wheel_arm(&w, 0, due_ms);
            REQUIRE(pk_wheel_is_armed(&w, 0));
            REQUIRE(pk_wheel_next_ms(&w) <= due_ms);
            REQUIRE(pk_wheel_advance(&w, due_ms - 1u) == PK_WHEEL_NONE);
            REQUIRE(pk_wheel_next_ms(&w) == due_ms);
            REQUIRE(pk_wheel_advance(&w, due_ms) == 0);
            REQUIRE(!pk_wheel_is_armed(&w, 0));
            REQUIRE(pk_wheel_advance(&w, due_ms) == PK_WHEEL_NONE);
            REQUIRE(pk_wheel_next_ms(&w) == UINT64_MAX);
            REQUIRE(w.armed_count == 0);
        }
    }
}

PK_TEST(wheel_next_ms__followed_step_by_step__never_late_and_soon_there) {
    static const uint64_t DISTANCES[] = {5, 100, 5000, 400000, 30000000, 5000000000, SPAN_MS + 12345};
    for (size_t d = 0; d < sizeof DISTANCES / sizeof DISTANCES[0]; d++) {
        struct pk_wheel_node nodes[1];
        struct pk_wheel w;
        const uint64_t due_ms = 777 + DISTANCES[d];
        uint32_t wake_count = 0;
        pk_wheel_init(&w, nodes, 1, 777);
        pk_wheel_arm(&w, 0, due_ms);
        uint32_t fired = PK_WHEEL_NONE;
        while (fired == PK_WHEEL_NONE && wake_count < 20u) {
            const uint64_t next_ms = pk_wheel_next_ms(&w);
            REQUIRE(next_ms <= due_ms);
            fired = pk_wheel_advance(&w, next_ms);
            REQUIRE(fired == PK_WHEEL_NONE || next_ms == due_ms);
            wake_count++;
        }
        CHECK_EQ_U64(fired, 0);
        CHECK(wake_count <= PK_WHEEL_LEVELS + 1u);
    }
}

PK_TEST(wheel_arm__due_in_the_past__fires_at_the_next_advance) {
    struct pk_wheel_node nodes[3];
    struct pk_wheel w;
    pk_wheel_init(&w, nodes, 3, 1000);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), PK_WHEEL_NONE);
    pk_wheel_arm(&w, 0, 1000);
    pk_wheel_arm(&w, 1, 3);
    pk_wheel_arm(&w, 2, 0);
    CHECK(pk_wheel_is_armed(&w, 2));
    CHECK_EQ_U64(pk_wheel_next_ms(&w), 1000);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), 0);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), 1);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), 2);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), PK_WHEEL_NONE);
}

PK_TEST(wheel_advance__clock_behind__fires_nothing_and_keeps_the_time) {
    struct pk_wheel_node nodes[1];
    struct pk_wheel w;
    pk_wheel_init(&w, nodes, 1, 5000);
    pk_wheel_arm(&w, 0, 4000);
    CHECK_EQ_U64(pk_wheel_advance(&w, 4500), PK_WHEEL_NONE);
    CHECK_EQ_U64(w.now_ms, 5000);
    CHECK_EQ_U64(pk_wheel_advance(&w, 5000), 0);
}

PK_TEST(wheel_advance__same_millisecond__first_armed_fires_first) {
    struct pk_wheel_node nodes[NODES];
    struct pk_wheel w;
    pk_wheel_init(&w, nodes, NODES, 0);
    for (uint32_t i = 0; i < NODES; i++) {
        pk_wheel_arm(&w, (i * 5u) % NODES, 100000);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        CHECK_EQ_U64(pk_wheel_advance(&w, 200000), (i * 5u) % NODES);
    }
}

PK_TEST(wheel_arm__armed_again__moves_and_fires_once) {
    struct pk_wheel_node nodes[1];
    struct pk_wheel w;
    pk_wheel_init(&w, nodes, 1, 0);
    pk_wheel_arm(&w, 0, 10);
    pk_wheel_arm(&w, 0, 100000);
    pk_wheel_arm(&w, 0, 50);
    CHECK_EQ_U64(w.armed_count, 1);
    CHECK_EQ_U64(pk_wheel_advance(&w, 49), PK_WHEEL_NONE);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000000), 0);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000000), PK_WHEEL_NONE);
}

PK_TEST(wheel_cancel__first_middle_last_and_only__leaves_the_others) {
    for (uint32_t victim = 0; victim < 3; victim++) {
        struct pk_wheel_node nodes[3];
        struct pk_wheel w;
        pk_wheel_init(&w, nodes, 3, 0);
        for (uint32_t i = 0; i < 3; i++) {
            pk_wheel_arm(&w, i, 500);
        }
        pk_wheel_cancel(&w, victim);
        pk_wheel_cancel(&w, victim); /* no effect */
        CHECK(!pk_wheel_is_armed(&w, victim));
        CHECK_EQ_U64(w.armed_count, 2);
        CHECK_EQ_U64(pk_wheel_advance(&w, 500), victim == 0 ? 1 : 0);
        CHECK_EQ_U64(pk_wheel_advance(&w, 500), victim == 2 ? 1 : 2);
        CHECK_EQ_U64(pk_wheel_advance(&w, 500), PK_WHEEL_NONE);
    }
    struct pk_wheel_node nodes[1];
    struct pk_wheel w;
    pk_wheel_init(&w, nodes, 1, 0);
    pk_wheel_arm(&w, 0, 500);
    pk_wheel_cancel(&w, 0);
    CHECK_EQ_U64(pk_wheel_next_ms(&w), UINT64_MAX);
    CHECK_EQ_U64(pk_wheel_advance(&w, 1000), PK_WHEEL_NONE);
}

PK_TEST(wheel_advance__armed_while_draining__the_periodic_timer_keeps_its_pace) {
    struct pk_wheel_node nodes[1];
    struct pk_wheel w;
    uint32_t fired_count = 0;
    pk_wheel_init(&w, nodes, 1, 0);
    pk_wheel_arm(&w, 0, 10);
    for (uint64_t due_ms = 10; pk_wheel_advance(&w, 1000) == 0; fired_count++) {
        due_ms += 10;
        pk_wheel_arm(&w, 0, due_ms);
    }
    CHECK_EQ_U64(fired_count, 100); /* 10, 20, .. 1000: none lost in the jump */
    CHECK_EQ_U64(pk_wheel_next_ms(&w), 1010);
}

struct model {
    uint64_t due_ms[NODES]; /* 0 = not armed */
    uint64_t now_ms;
    struct pk_wheel_node nodes[NODES];
    struct pk_wheel wheel;
    struct pk_rng rng;
};

/* From one millisecond to years, every size equally likely. */
static uint64_t random_span_ms(struct pk_rng *r) {
    return pk_rng_u64(r) >> (25 + pk_rng_below(r, 39));
}

static uint64_t model_next_ms(const struct model *m) {
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < NODES; i++) {
        if (m->due_ms[i] != 0 && m->due_ms[i] < next_ms) {
            next_ms = m->due_ms[i];
        }
    }
    return next_ms;
}

static bool model_advance(struct model *m) {
    uint64_t last_ms = 0;
    uint32_t armed_count = 0;
    for (;;) {
        const uint32_t fired = pk_wheel_advance(&m->wheel, m->now_ms);
        if (fired == PK_WHEEL_NONE) {
            break;
        }
        /* The earliest that is left, and due. */
        if (fired >= NODES || m->due_ms[fired] == 0 || m->due_ms[fired] > m->now_ms) {
            return false;
        }
        if (m->due_ms[fired] < last_ms || m->due_ms[fired] != model_next_ms(m)) {
            return false;
        }
        last_ms = m->due_ms[fired];
        m->due_ms[fired] = 0;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        armed_count += m->due_ms[i] != 0 ? 1u : 0u;
        if (pk_wheel_is_armed(&m->wheel, i) != (m->due_ms[i] != 0)) {
            return false;
        }
    }
    const uint64_t next_ms = pk_wheel_next_ms(&m->wheel);
    return model_next_ms(m) > m->now_ms && next_ms <= model_next_ms(m) && next_ms > m->now_ms &&
           armed_count == m->wheel.armed_count;
}

PK_TEST(wheel__random_arms_cancels_and_jumps__agree_with_a_plain_list) {
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct model m;
        memset(&m, 0, sizeof m);
        pk_rng_seed(&m.rng, seed);
        m.now_ms = seed % 4 == 0 ? SPAN_MS - 1000 : pk_rng_u64(&m.rng) >> 20;
        pk_wheel_init(&m.wheel, m.nodes, NODES, m.now_ms);
        for (int step = 0; step < 4000; step++) {
            const uint32_t node = (uint32_t)pk_rng_below(&m.rng, NODES);
            const uint64_t what = pk_rng_below(&m.rng, 10);
            if (what < 6) {
                m.due_ms[node] = m.now_ms + 1u + random_span_ms(&m.rng);
                pk_wheel_arm(&m.wheel, node, m.due_ms[node]);
            } else if (what < 7) {
                m.due_ms[node] = 0;
                pk_wheel_cancel(&m.wheel, node);
            } else {
                const uint64_t next_ms = model_next_ms(&m);
                if (what == 7 && next_ms != UINT64_MAX) {
                    m.now_ms = next_ms - pk_rng_below(&m.rng, 2); /* exactly then, or just before */
                } else {
                    m.now_ms += random_span_ms(&m.rng);
                }
                REQUIRE(model_advance(&m));
            }
        }
    }
}

PK_TEST_MAIN(wheel_advance__one_timer__fires_at_its_time_and_never_before,
             wheel_next_ms__followed_step_by_step__never_late_and_soon_there,
             wheel_arm__due_in_the_past__fires_at_the_next_advance,
             wheel_advance__clock_behind__fires_nothing_and_keeps_the_time,
             wheel_advance__same_millisecond__first_armed_fires_first,
             wheel_arm__armed_again__moves_and_fires_once,
             wheel_cancel__first_middle_last_and_only__leaves_the_others,
             wheel_advance__armed_while_draining__the_periodic_timer_keeps_its_pace,
             wheel__random_arms_cancels_and_jumps__agree_with_a_plain_list)
