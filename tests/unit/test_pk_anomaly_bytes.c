#include "detect/pk_anomaly_bytes.h"

#include <math.h>
#include <string.h>

#include "base/pk_hash.h"
#include "base/pk_rng.h"
#include "support/pk_test.h"

/* Values with every kind of rounding in them, made from integers: a day's wave, drift, bursts, noise. */
static double value_at(struct pk_rng *r, unsigned i) {
    const double day = (double)(i % 288u) / 288.0;
    const double wave = day * (1.0 - day) * 400.0;
    const double burst = i % 1777u == 1776u ? 1000.0 / (1.0 + i % 7u) : 0.0;
    return 1e4 / 3.0 + wave + (double)i / 977.0 + burst + (double)pk_rng_below(r, 10007) / 331.0;
}

struct run {
    struct pk_anomaly a;
    struct pk_rng rng;
    unsigned at;
    uint64_t score_hash;
};

static void go(struct run *r, unsigned count, bool has_clock) {
    for (unsigned end = r->at + count; r->at < end; r->at++) {
        double score = -1;
        uint64_t bits;
        CHECK_EQ_INT(
            pk_anomaly_push(&r->a, value_at(&r->rng, r->at), r->at * (int64_t)299993, has_clock, &score),
            PK_OK);
        memcpy(&bits, &score, sizeof bits);
        r->score_hash = pk_hash64_mix(r->score_hash, bits);
    }
}

static void begin(struct run *r) {
    memset(r, 0, sizeof *r);
    pk_anomaly_init(&r->a);
    pk_rng_seed(&r->rng, 40);
}

static uint64_t state_hash(const struct run *r) {
    uint8_t bytes[PK_ANOMALY_BYTES];
    pk_anomaly_save(&r->a, bytes);
    return pk_hash64(bytes, sizeof bytes);
}

/* The figures are part of the test: every tree runs it, so every instruction set and compiler must reach
 * them. */
PK_TEST(bytes__after_a_fixed_stream__are_the_same_on_every_machine) {
    static struct run r;
    begin(&r);
    go(&r, 20000, true);
    CHECK_EQ_U64(state_hash(&r), UINT64_C(0x585a2086e94f989c));
    CHECK_EQ_U64(r.score_hash, UINT64_C(0x7f7da67f6b13efd7));
    begin(&r);
    go(&r, 20000, false);
    CHECK_EQ_U64(state_hash(&r), UINT64_C(0x22c1c55cdf409dd2));
    CHECK_EQ_U64(r.score_hash, UINT64_C(0xd16441dce5d756bf));
}

PK_TEST(bytes__saved_and_loaded__goes_on_as_if_never_stopped) {
    for (int has_clock = 0; has_clock < 2; has_clock++) {
        static struct run a;
        static struct run b;
        uint8_t bytes[PK_ANOMALY_BYTES];
        begin(&a);
        go(&a, 3333, has_clock);
        b = a;
        memset(&b.a, 0xA5, sizeof b.a);
        pk_anomaly_save(&a.a, bytes);
        CHECK_EQ_INT(pk_anomaly_load(&b.a, bytes, sizeof bytes), PK_OK);
        go(&a, 3333, has_clock);
        go(&b, 3333, has_clock);
        CHECK_EQ_U64(state_hash(&a), state_hash(&b));
        CHECK_EQ_U64(a.score_hash, b.score_hash);
    }
}

PK_TEST(bytes__fresh_series__can_be_kept) {
    struct pk_anomaly a;
    struct pk_anomaly b;
    uint8_t bytes[PK_ANOMALY_BYTES];
    uint8_t again[PK_ANOMALY_BYTES];
    pk_anomaly_init(&a);
    pk_anomaly_save(&a, bytes);
    CHECK_EQ_INT(pk_anomaly_load(&b, bytes, sizeof bytes), PK_OK);
    pk_anomaly_save(&b, again);
    CHECK_MEM(bytes, again, sizeof bytes);
}

static bool is_fresh(const struct pk_anomaly *a) {
    struct pk_anomaly fresh;
    uint8_t want[PK_ANOMALY_BYTES];
    uint8_t got[PK_ANOMALY_BYTES];
    pk_anomaly_init(&fresh);
    pk_anomaly_save(&fresh, want);
    pk_anomaly_save(a, got);
    return memcmp(want, got, sizeof want) == 0;
}

PK_TEST(bytes__wrong_length_or_version__is_refused) {
    static struct run r;
    struct pk_anomaly a;
    uint8_t bytes[PK_ANOMALY_BYTES + 1] = {0};
    begin(&r);
    go(&r, 500, true);
    pk_anomaly_save(&r.a, bytes);
    for (uint32_t n = 0; n < PK_ANOMALY_BYTES; n++) {
        CHECK_EQ_INT(pk_anomaly_load(&a, bytes, n), PK_E_CORRUPT);
        CHECK(is_fresh(&a));
    }
    CHECK_EQ_INT(pk_anomaly_load(&a, bytes, sizeof bytes), PK_E_CORRUPT);
    bytes[0] = 2;
    CHECK_EQ_INT(pk_anomaly_load(&a, bytes, PK_ANOMALY_BYTES), PK_E_UNSUPPORTED);
    CHECK(is_fresh(&a));
}

/* Whatever the bytes are: refused, or a series that goes on with scores in [0, 1]. */
PK_TEST(bytes__any_damage__is_refused_or_harmless) {
    static struct run r;
    static const uint8_t ODD[] = {0x00, 0x7F, 0x80, 0xFF};
    uint8_t bytes[PK_ANOMALY_BYTES];
    unsigned refused_count = 0;
    begin(&r);
    go(&r, 2000, true);
    pk_anomaly_save(&r.a, bytes);
    for (unsigned i = 1; i < PK_ANOMALY_BYTES; i++) {
        for (unsigned k = 0; k < sizeof ODD; k++) {
            struct pk_anomaly a;
            const uint8_t was = bytes[i];
            bytes[i] = ODD[k];
            const int err = pk_anomaly_load(&a, bytes, sizeof bytes);
            refused_count += err == PK_E_CORRUPT;
            CHECK(err == PK_OK || (err == PK_E_CORRUPT && is_fresh(&a)));
            for (int j = 0; j < 70; j++) {
                double score = -1;
                CHECK_EQ_INT(pk_anomaly_push(&a, j * 3.7, j * (int64_t)3600000, true, &score), PK_OK);
                CHECK(score >= 0 && score <= 1);
            }
            bytes[i] = was;
        }
    }
    CHECK(refused_count > 100);
}

PK_TEST_MAIN(bytes__after_a_fixed_stream__are_the_same_on_every_machine,
             bytes__saved_and_loaded__goes_on_as_if_never_stopped, bytes__fresh_series__can_be_kept,
             bytes__wrong_length_or_version__is_refused, bytes__any_damage__is_refused_or_harmless)
