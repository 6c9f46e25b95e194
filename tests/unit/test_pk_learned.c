#include "detect/pk_learned.h"

#include <math.h>
#include <string.h>

#include "base/pk_hash.h"
#include "base/pk_rng.h"
#include "detect/pk_cond.h"
#include "detect/pk_match.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

static struct detect_rig rig;
static struct pk_finding f;
static uint8_t rows[8][PK_LEARNED_BYTES];
static uint32_t row_bytes[8];

#define HEAD "[rule x]\non = type = load\ntype = custom\nseverity = low\n"
#define USUAL HEAD "when = value > 3x usual\n"

static int give(const char *source, double value) {
    const struct pk_event e = detect_rig_value(&rig, "load", source, value);
    detect_rig_give(&rig, &e);
    return detect_rig_finding(&rig, &f);
}

/* A sample every five minutes; no finding. */
static void live(uint32_t hours, double value) {
    for (uint32_t i = 0; i < hours * 12; i++) {
        CHECK_EQ_INT(give("a", value), -1);
        detect_rig_wait(&rig, 5 * MINUTE_MS);
    }
}

/* Every window that has something; how many. */
static uint32_t save(void) {
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS && n < 8u; slot++) {
        if (pk_learned_has(&rig.engine, slot)) {
            row_bytes[n] = pk_learned_pack(&rig.engine, slot, 1600000000000, rows[n]);
            n++;
        }
    }
    return n;
}

static struct pk_str row_str(uint32_t i) {
    return pk_str_make((const char *)rows[i], row_bytes[i]);
}

/* As the agent does at a start, whose clock begins anew. */
static int restore(const char *rules, uint32_t i, uint64_t away_ms) {
    struct pk_learned row;
    if (detect_rig_init(&rig, rules) != PK_OK) {
        return PK_E_CONFIG;
    }
    int err = pk_learned_read(row_str(i), &row);
    if (err != PK_OK) {
        return err;
    }
    const uint64_t clock_ms = row.clock_ms + away_ms;
    pk_engine_set_ahead(&rig.engine, clock_ms > rig.now_ms ? clock_ms - rig.now_ms : 0u);
    const int rule = pk_learned_rule(&rig.engine, &row);
    if (rule < 0) {
        return rule;
    }
    const int id = row.source.n > 0 ? pk_sources_intern(&rig.sources, row.source) : 0;
    return id < 0 ? id : pk_learned_take(&rig.engine, (uint32_t)rule, &row, (uint16_t)id);
}

PK_TEST(usual__over_a_restart__is_still_usual_at_the_same_hour) {
    REQUIRE(detect_rig_init(&rig, USUAL) == PK_OK);
    for (uint32_t day = 0; day < 4; day++) {
        live(12, 10);
        live(12, 25);
    }
    REQUIRE(save() == 1);
    REQUIRE(restore(USUAL, 0, 13 * HOUR_MS + 1) ==
            PK_OK); /* it is one o'clock of the second half of the day */
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN); /* the newest value is not kept */
    CHECK_EQ_U64(pk_engine_rule_heard_ms(&rig.engine, 0), 0);
    CHECK_EQ_INT(give("a", 70), -1);
    CHECK_EQ_INT(give("a", 75.5), PK_FINDING_FIRE);
    CHECK(strstr(f.words, "usual 25 ") != NULL);
    REQUIRE(restore(USUAL, 0, HOUR_MS) == PK_OK); /* by night 75 is much more than usual */
    CHECK_EQ_INT(give("a", 70), PK_FINDING_FIRE);
}

PK_TEST(usual__what_is_restored_and_saved_again__is_the_same_bytes) {
    REQUIRE(detect_rig_init(&rig, USUAL) == PK_OK);
    live(30, 10);
    REQUIRE(save() == 1);
    const uint32_t n = row_bytes[0];
    memcpy(rows[7], rows[0], n);
    REQUIRE(restore(USUAL, 0, 0) == PK_OK);
    const uint64_t name = pk_learned_name(&rig.engine, 0);
    struct pk_learned row;
    REQUIRE(pk_learned_read(row_str(0), &row) == PK_OK && pk_learned_name_of(&row) == name);
    REQUIRE(save() == 1);
    CHECK_EQ_U64(row_bytes[0], n);
    CHECK(memcmp(rows[7], rows[0], n) == 0);
}

PK_TEST(bytes__are_the_same_on_every_machine) {
    static const char *const THREE =
        HEAD "when = any of (value > 3x usual, trend rises to 1000 within 4h over 2h) by source\n"
             "[rule y]\non = type = load\ntype = custom\nseverity = low\nwhen = anomaly\n";
    REQUIRE(detect_rig_init(&rig, THREE) == PK_OK);
    struct pk_rng r;
    pk_rng_seed(&r, 11);
    for (uint32_t i = 0; i < 2000; i++) {
        (void)give("a", (double)pk_rng_below(&r, 1000) / 7 + (i / 200 % 2 == 0 ? 0 : 100));
        while (detect_rig_finding(&rig, &f) >= 0) {
        }
        detect_rig_wait(&rig, 100000);
    }
    REQUIRE(save() == 2);
    CHECK_EQ_U64(pk_crc32c(0, rows[0], row_bytes[0]), 0x4d3eba20u);
    CHECK_EQ_U64(pk_crc32c(0, rows[1], row_bytes[1]), 0x2ea40379u);
}

PK_TEST(anomaly_and_trend__in_one_rule__both_are_kept) {
    static const char *const BOTH =
        HEAD "when = any of (anomaly, trend rises to 1000 within 4h over 2h) by source\n";
    REQUIRE(detect_rig_init(&rig, BOTH) == PK_OK);
    struct pk_rng r;
    pk_rng_seed(&r, 3);
    for (uint32_t i = 0; i < 1200; i++) {
        (void)give("a", 500 + (double)(pk_rng_u64(&r) % 9u));
        detect_rig_wait(&rig, MINUTE_MS);
    }
    while (detect_rig_finding(&rig, &f) >= 0) {
    }
    REQUIRE(save() == 1);
    REQUIRE(restore(BOTH, 0, 10000) == PK_OK);
    CHECK_EQ_INT(give("a", 504), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK); /* both know enough */
    REQUIRE(give("a", 700) == PK_FINDING_FIRE);
    CHECK(strstr(f.words, "anomaly, score ") != NULL);
    REQUIRE(restore(BOTH, 0, 3 * HOUR_MS) == PK_OK); /* away for longer than the trend looks back */
    (void)give("a", 504);
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    REQUIRE(pk_cond_all(pk_engine_rule(&rig.engine, 0), conds) >= 2);
    const struct pk_cond_at at = pk_cond_at_of(&rig.engine, 0, conds[1]);
    CHECK_EQ_INT(pk_cond_ops(conds[1]->kind)->judge(&at, rig.now_ms).verdict, PK_STALE);
}

PK_TEST(trend__over_a_restart__goes_on_and_need_not_wait_to_call_it_over) {
    static const char *const RULE =
        HEAD "when = trend rises to 100 within 1h over 2h\nclear = stable for 1m\n";
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    double v = 20;
    int kind = -1;
    while (kind == -1 && v < 90) {
        v += 0.5;
        kind = give("a", v);
        detect_rig_wait(&rig, MINUTE_MS);
    }
    CHECK_EQ_INT(kind, PK_FINDING_FIRE);
    REQUIRE(save() == 1);
    REQUIRE(restore(RULE, 0, 60000) == PK_OK);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    for (uint32_t i = 0; i < 30; i++) {
        v -= 2; /* somebody cleaned up */
        (void)give("a", v);
        detect_rig_wait(&rig, MINUTE_MS);
        if (pk_engine_rule_status(&rig.engine, 0)->cleared_count > 0) {
            break;
        }
    }
    CHECK_EQ_U64(pk_engine_rule_status(&rig.engine, 0)->cleared_count, 1);
}

PK_TEST(groups__of_fields_sources_and_all__find_back) {
    static const char *const RULES = "[rule f]\non = type = load\ntype = custom\nseverity = low\nwhen = all "
                                     "of (anomaly, count >= 1 in 1m) by data.job\n"
                                     "[rule s]\non = type = load\ntype = custom\nseverity = low\nwhen = "
                                     "value > 3x usual across 2 sources\n";
    REQUIRE(detect_rig_init(&rig, RULES) == PK_OK);
    for (uint32_t i = 0; i < 30; i++) {
        struct pk_event e = detect_rig_value(&rig, "load", i % 2 == 0 ? "a" : "b", 5);
        detect_rig_field(&rig, &e, "job", "night");
        detect_rig_give(&rig, &e);
        detect_rig_wait(&rig, 1000);
    }
    REQUIRE(save() == 3); /* the group of the across rule learns nothing itself */
    for (uint32_t i = 0; i < 3; i++) {
        struct pk_learned row;
        REQUIRE(pk_learned_read(row_str(i), &row) == PK_OK);
        REQUIRE(restore(RULES, i, 0) == PK_OK);
        uint32_t back = 0;
        for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
            back += pk_learned_has(&rig.engine, slot) &&
                            pk_learned_name(&rig.engine, slot) == pk_learned_name_of(&row)
                        ? 1u
                        : 0u;
        }
        CHECK_EQ_U64(back, 1);
        CHECK_EQ_INT(pk_learned_take(&rig.engine, (uint32_t)pk_learned_rule(&rig.engine, &row), &row, 0),
                     PK_E_CONFLICT);
    }
}

PK_TEST(replayed_and_plain__are_not_kept) {
    REQUIRE(detect_rig_init(
                &rig, USUAL
                "[rule p]\non = type = load\nwhen = value > 900\ntype = custom\nseverity = low\n") == PK_OK);
    struct pk_event e = detect_rig_value(&rig, "load", "a", 5);
    e.flags |= PK_EVENT_REPLAYED;
    e.wall_ms = 1600000000000;
    detect_rig_give(&rig, &e);
    CHECK(rig.engine.windows.used > 0);
    CHECK_EQ_U64(save(), 0);
}

PK_TEST(foreign_rows__of_another_text_rule_or_version__are_refused) {
    REQUIRE(detect_rig_init(&rig, USUAL) == PK_OK);
    live(5, 10);
    REQUIRE(save() == 1);
    CHECK_EQ_INT(restore(HEAD "when = value > 4x usual\n", 0, 0), PK_E_NOT_FOUND);
    CHECK_EQ_INT(
        restore("[rule y]\non = type = load\ntype = custom\nseverity = low\nwhen = value > 3x usual\n", 0, 0),
        PK_E_NOT_FOUND);
    CHECK_EQ_INT(restore(USUAL "enabled = no\n", 0, 0), PK_E_NOT_FOUND);
    rows[0][1] = 2;
    CHECK_EQ_INT(restore(USUAL, 0, 0), PK_E_UNSUPPORTED);
    rows[0][1] = 0;
    CHECK_EQ_INT(restore(USUAL, 0, 0), PK_E_BAD_MSG);
    rows[0][1] = 1;
    rows[0][0] = 7;
    CHECK_EQ_INT(restore(USUAL, 0, 0), PK_E_BAD_MSG);
}

PK_TEST(damaged_rows__take_nothing_or_a_sound_state) {
    static const char *const TWO =
        HEAD "when = any of (value > 3x usual, trend rises to 1000 within 4h over 2h) by source\n";
    REQUIRE(detect_rig_init(&rig, TWO) == PK_OK);
    live(5, 10);
    REQUIRE(save() == 1);
    const uint32_t n = row_bytes[0];
    for (uint32_t cut = 0; cut < n; cut++) {
        row_bytes[0] = cut;
        CHECK(restore(TWO, 0, 0) < 0);
        CHECK_EQ_U64(rig.engine.windows.used, 0);
    }
    row_bytes[0] = n + 1;
    CHECK(restore(TWO, 0, 0) < 0);
    row_bytes[0] = n;
    struct pk_rng r;
    pk_rng_seed(&r, 9);
    const uint32_t rounds =
        PK_LIMIT_KEYS < 10000u ? 5000u : 1000u; /* each begins with an engine of its own */
    uint32_t refused = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        const uint32_t at = (uint32_t)(pk_rng_u64(&r) % n);
        const uint8_t was = rows[0][at];
        rows[0][at] = (uint8_t)pk_rng_u64(&r);
        refused += restore(TWO, 0, 0) < 0 ? 1u : 0u;
        for (uint32_t k = 0; k < 3; k++) {
            (void)give("a", 10); /* whatever was taken can be lived with */
            detect_rig_wait(&rig, 6 * MINUTE_MS);
        }
        rows[0][at] = was;
    }
    CHECK(refused > rounds / 20u);
}

PK_TEST_MAIN(usual__over_a_restart__is_still_usual_at_the_same_hour,
             usual__what_is_restored_and_saved_again__is_the_same_bytes, bytes__are_the_same_on_every_machine,
             anomaly_and_trend__in_one_rule__both_are_kept,
             trend__over_a_restart__goes_on_and_need_not_wait_to_call_it_over,
             groups__of_fields_sources_and_all__find_back, replayed_and_plain__are_not_kept,
             foreign_rows__of_another_text_rule_or_version__are_refused,
             damaged_rows__take_nothing_or_a_sound_state)
