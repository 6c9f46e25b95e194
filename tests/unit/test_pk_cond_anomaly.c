#include "detect/pk_anomaly.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

enum { MINUTE_MS = 60000 };

static struct detect_rig rig;
static struct pk_finding f;

#define HEAD "[rule x]\non = type = temp\ntype = custom\nseverity = low\nclear = stable for 30s\n"

static int give(double value) {
    const struct pk_event e = detect_rig_value(&rig, "temp", "a", value);
    detect_rig_give(&rig, &e);
    return detect_rig_finding(&rig, &f);
}

/* Between 20 and 29 without order, once a minute; returns the first finding. */
static int live(uint32_t samples) {
    for (uint32_t i = 0; i < samples; i++) {
        const int kind = give(20 + i * 7919u % 997u % 10u);
        if (kind != -1) {
            return kind;
        }
        detect_rig_wait(&rig, MINUTE_MS);
    }
    return detect_rig_finding(&rig, &f);
}

PK_TEST(anomaly__value_never_seen__fires_once_and_clears) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly\n") == PK_OK);
    CHECK_EQ_INT(live(20), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN); /* still learning */
    CHECK_EQ_INT(live(130), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    CHECK_EQ_INT(give(60), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    CHECK(strncmp(f.words, "anomaly, score 0.", 17) == 0);
    CHECK(strstr(f.words, ", threshold >= 0.2, condition anomaly") != NULL);
    CHECK_EQ_U64(f.event_number_count, 1);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(give(21), -1);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(anomaly__threshold_of_the_rule__asks_for_more) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly > 0.99 by source\n") == PK_OK);
    CHECK_EQ_INT(live(500), -1);
    CHECK_EQ_INT(give(35), -1); /* an alert, but not such a one */
}

/* The same scores as the detector alone. */
PK_TEST(anomaly__agrees_with_the_detector) {
    struct pk_anomaly a;
    uint32_t alerts = 0;
    pk_anomaly_init(&a);
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly\nkeys = 1\n") == PK_OK);
    for (uint32_t i = 0; i < 3000; i++) {
        const double value = 50 + (i * 7919u) % 13u + (i % 700u == 699u ? 40.0 * (1 + i / 700u) : 0);
        double score = 0;
        struct pk_event e = detect_rig_value(&rig, "temp", "a", value);
        e.wall_ms = 1700000000000 + (int64_t)i * 120000;
        CHECK_EQ_INT(pk_anomaly_push(&a, value, e.wall_ms, true, &score), PK_OK);
        detect_rig_give(&rig, &e);
        const bool is_alert = score >= PK_ANOMALY_ALERT;
        alerts += is_alert ? 1u : 0u;
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), is_alert ? PK_FINDING_FIRE : -1);
        detect_rig_wait(&rig, 1000);
        struct pk_event calm = detect_rig_value(&rig, "temp", "a", 55);
        calm.wall_ms = e.wall_ms + 60000;
        CHECK_EQ_INT(pk_anomaly_push(&a, 55, calm.wall_ms, true, &score), PK_OK);
        detect_rig_give(&rig, &calm);
        detect_rig_wait(&rig, 31000);
        while (detect_rig_finding(&rig, &f) != -1) {
        }
    }
    CHECK(alerts >= 2);
}

/* A board without a battery: what it takes for the time of day says nothing, until it knows better. */
PK_TEST(anomaly__clock_is_unsure__the_series_alone_is_judged) {
    struct pk_anomaly a;
    pk_anomaly_init(&a);
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly\nkeys = 1\n") == PK_OK);
    for (uint32_t i = 0; i < 600; i++) {
        const double value = 50 + (i * 7919u) % 13u + (i % 200u == 199u ? 60.0 : 0);
        const bool is_known = i >= 300;
        double score = 0;
        struct pk_event e = detect_rig_value(&rig, "temp", "a", value);
        e.wall_ms = (is_known ? 1700000000000 : 3600000) + (int64_t)i * 60000;
        e.flags |= (uint8_t)(is_known ? 0 : PK_EVENT_CLOCK_UNSURE);
        CHECK_EQ_INT(pk_anomaly_push(&a, value, e.wall_ms, is_known, &score), PK_OK);
        detect_rig_give(&rig, &e);
        const bool has_fired = detect_rig_finding(&rig, &f) == PK_FINDING_FIRE;
        CHECK_EQ_INT(has_fired, score >= PK_ANOMALY_ALERT);
        CHECK(i < 300 || i > 310 || !has_fired); /* that the clock is known now is no news of the series */
        detect_rig_wait(&rig, 35000);
        while (detect_rig_finding(&rig, &f) != -1) {
        }
    }
}

/* Between 0.2 and 0.4: three times as much is unusual, and nothing to anybody. */
static int live_fast(uint32_t samples) {
    for (uint32_t i = 0; i < samples; i++) {
        const int kind = give(0.2 + 0.02 * (i * 7919u % 997u % 11u));
        if (kind != -1) {
            return kind;
        }
        detect_rig_wait(&rig, MINUTE_MS);
    }
    return detect_rig_finding(&rig, &f);
}

PK_TEST(anomaly__least_difference__only_what_is_as_far_fires) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly\n") == PK_OK);
    CHECK_EQ_INT(live_fast(300), PK_FINDING_FIRE); /* as the numbers see it */
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly min 50\n") == PK_OK);
    CHECK_EQ_INT(live_fast(300), -1);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_EQ_INT(give(0.9 + i), -1);
        detect_rig_wait(&rig, MINUTE_MS);
    }
    CHECK_EQ_INT(give(50.2), -1); /* the mean is about 0.3 */
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(give(150), PK_FINDING_FIRE); /* what was passed over does not stand in its way */
    CHECK(strstr(f.words, "condition anomaly min 50") != NULL);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(live_fast(1), PK_FINDING_CLEARED);
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly min 50\n") == PK_OK);
    CHECK_EQ_INT(live_fast(300), -1);
    CHECK_EQ_INT(give(50.4), PK_FINDING_FIRE);
}

PK_TEST(anomaly__least_difference__holds_downwards_too) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly > 0.2 min 20\n") == PK_OK);
    CHECK_EQ_INT(live(300), -1);
    CHECK_EQ_INT(give(6), -1); /* 18.5 below the mean */
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(give(-10), PK_FINDING_FIRE);
    CHECK(strstr(f.words, "condition anomaly > 0.2 min 20") != NULL);
}

PK_TEST(anomaly__fault_and_silence__are_unknown) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly\nstale = 5m\n") == PK_OK);
    CHECK_EQ_INT(live(100), -1);
    CHECK_EQ_INT(give(99), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 60 * MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* nobody says that it is over */
    struct pk_event e = detect_rig_event(&rig, "temp", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(give(25), -1);
    detect_rig_wait(&rig, MINUTE_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(read__score_and_price) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = anomaly(severity = info) > 0.5 for 10s\n") == PK_OK);
    CHECK_EQ_U64(pk_rule_block_bytes(pk_engine_rule(&rig.engine, 0)), 512);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly > 1\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "a score is between 0 and 1; 0.2 is an alert");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly > 0\n"), PK_E_CONFIG);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly >= 0.5\n"), PK_E_CONFIG);
    static const char *const LEASTS[] = {"0", "-5"};
    for (uint32_t i = 0; i < 2; i++) {
        char text[256];
        snprintf(text, sizeof text, HEAD "when = anomaly min %s\n", LEASTS[i]);
        CHECK_EQ_INT(detect_rig_init(&rig, text), PK_E_CONFIG);
        CHECK_STR(rig.diag.message, "the least difference must be above 0");
    }
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly min\n"), PK_E_CONFIG);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly min much\n"), PK_E_CONFIG);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly min 5 > 0.5\n"), PK_E_CONFIG);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = anomaly min $max_latency\n"), PK_OK);
}

PK_TEST_MAIN(anomaly__value_never_seen__fires_once_and_clears, anomaly__threshold_of_the_rule__asks_for_more,
             anomaly__agrees_with_the_detector, anomaly__clock_is_unsure__the_series_alone_is_judged,
             anomaly__least_difference__only_what_is_as_far_fires,
             anomaly__least_difference__holds_downwards_too, anomaly__fault_and_silence__are_unknown,
             read__score_and_price)
