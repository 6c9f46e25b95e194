#include "detect/pk_cond_quantile.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

#define HEAD "[rule slow]\non = type = latency\ntype = custom\n"

static void give(const char *source, double value) {
    const struct pk_event e = detect_rig_value(&rig, "latency", source, value);
    detect_rig_give(&rig, &e);
}

static void give_many(const char *source, double value, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        give(source, value);
    }
}

PK_TEST(p95__just_above_the_threshold__fires_and_at_it_does_not) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "severity = high\nwhen = p95 > 1000 in 5m\nclear = stable for 10s\n") == PK_OK);
    give_many("a", 5, 18);
    give_many("b", 1000, 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    give("a", 1001);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* of 21 the twentieth: 1000 */
    give("a", 1001);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE); /* of 22 the twenty-first */
    CHECK_STR(f.words, "p95 1012 in 5m, threshold > 1000, condition p95 > 1000 in 5m");
    CHECK_STR(f.group_key, "");
    CHECK_EQ_U64(f.event_number_count, 2); /* those above the threshold */
    give_many("a", 5, 20);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(p95__too_few_numbers__is_unknown_and_neither_fires_nor_clears) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = high\nwhen = p95 > 1000 in 1m by source\n"
                                       "clear = stable for 10s\n") == PK_OK);
    give_many("a", 2000, 19);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    give("a", 2000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    detect_rig_wait(&rig, 600000); /* nothing comes: the window is empty, not healthy */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give_many("a", 1, 19);
    detect_rig_wait(&rig, 15000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give_many("a", 1, 1);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(min__of_the_rule__replaces_the_usual_number) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = low\nwhen = p99 >= 10 within 1m min 3\n") == PK_OK);
    give_many("a", 10, 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 10);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(time__takes_the_fast_ones_away__and_it_fires_when_they_are_gone) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = low\nwhen = p50 > 100 in 40s\n") == PK_OK);
    give_many("a", 1, 12);
    detect_rig_wait(&rig, 20000);
    give_many("a", 500, 10);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 20000); /* quarters of ten seconds: 1,000,000 is the begin of one */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, 1040000);
}

PK_TEST(clear_and_escalation__are_exact_cuts_of_the_same_state) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = high -> critical if p95 > 10000\n"
                                       "when = p95 > 1000 in 1m min 1 by source\n"
                                       "clear = p95 < 800 in 1m for 1s\n") == PK_OK);
    CHECK_EQ_U64(pk_rule_block_bytes(pk_engine_rule(&rig.engine, 0)), 1024);
    give("a", 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_HIGH);
    give("a", 10000.001);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    CHECK_STR(f.words, "p95 above 10000 in 1m, escalates at > 10000");
    detect_rig_wait(&rig, 61000);
    give("a", 800);
    detect_rig_wait(&rig, 2000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 59000);
    give("a", 799.999);
    detect_rig_wait(&rig, 2000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    CHECK_STR(f.words, "clear condition held: p95 < 800 in 1m min 1 for 1s");
}

PK_TEST(three_quantiles__share_one_state) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = low\n"
                                       "when = all of (p50 > 100 in 1m, p99 > 1000 in 1m min 2)\n"
                                       "clear = p50 < 50 in 1m for 1s\n") == PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    CHECK_EQ_U64(pk_rule_block_bytes(r), 1024);
    CHECK_EQ_U64(r->clauses[0].state_at, r->clauses[1].state_at);
    CHECK_EQ_U64(r->clauses[0].state_at, r->clear.state_at);
    give("a", 500);
    give("a", 500);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK(strncmp(f.words, "p50 4", 5) == 0 || strncmp(f.words, "p50 5", 5) == 0);
    CHECK(strstr(f.words, "p99 above ") != NULL); /* the grid is about the first threshold */
}

PK_TEST(fault__is_no_latency) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = low\nwhen = p95 > 100 in 1m min 1 by source\n") == PK_OK);
    give("a", 5);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    struct pk_event e = detect_rig_event(&rig, "latency", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FAULT);
    give("a", 5);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
}

PK_TEST(replayed__are_judged_in_their_own_time) {
    REQUIRE(detect_rig_init(&rig, HEAD "severity = low\nwhen = p50 > 100 in 1m min 3\n") == PK_OK);
    for (uint32_t i = 0; i < 6; i++) {
        struct pk_event e = detect_rig_value(&rig, "latency", "a", 200);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms = 1600000020000 + (int64_t)i * (i < 3 ? 60000 : 1000); /* apart, then together */
        detect_rig_give(&rig, &e);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), i == 3 ? -1 : i == 4 ? -1 : i == 5 ? -1 : -1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct pk_event e = detect_rig_value(&rig, "latency", "a", 200);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms = 1600001000000 + (int64_t)i * 1000;
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK(f.is_replayed);
}

static const char *refusal(const char *rest) {
    static char text[512];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, HEAD);
    pk_buf_puts(&b, rest);
    return detect_rig_init(&rig, text) == PK_OK ? "" : rig.diag.message;
}

PK_TEST(read__what_cannot_be__is_told) {
    CHECK_STR(refusal("severity = low\nwhen = p95 > 0 in 1m\n"),
              "a quantile needs a threshold that is not 0");
    CHECK_STR(refusal("severity = low\nwhen = p95 = 5 in 1m\n"), "a quantile is compared with < <= > or >=");
    CHECK_STR(refusal("severity = low\nwhen = p49 > 5 in 1m\n"),
              "'p49' is not a condition: percentiles are p50 to p99");
    CHECK_STR(refusal("severity = low\nwhen = p95 > 5\n"), "expected 'in' at the end");
    CHECK_STR(refusal("severity = low -> high if p95 > 3\nwhen = count >= 3 in 1m\n"),
              "a quantile here needs one in 'when'");
    CHECK_STR(refusal("severity = low -> high if p95 > 3\nwhen = p95 > 2 in 1m across 2 sources\n"),
              "a quantile cannot escalate a rule with 'across'");
    CHECK_STR(refusal("severity = low -> medium if p95 > 3, high if p95 > 4\nwhen = p95 > 2 in 1m\n"),
              "a rule has at most three quantiles, one of them in 'severity'");
    CHECK_STR(refusal("severity = low\nwhen = p95 > 2 in 1m\nclear = p95 < 3 in 1m\n"),
              "the rule would clear while its condition holds");
    CHECK_STR(refusal("severity = low\nwhen = p95 > 2 in 1m\nclear = p95 < 1 in 2m\n"),
              "these conditions need 2048 bytes for each group, at most 1024 are possible");
    CHECK_EQ_U64(pk_cond_percent_of(pk_str_of("p99")), 99);
    CHECK_EQ_U64(pk_cond_percent_of(pk_str_of("p100")), 0);
    CHECK_EQ_U64(pk_cond_percent_of(pk_str_of("p-5")), 0);
}

PK_TEST(explain__tells_figure_and_rule) {
    static char text[4096];
    struct pk_buf b;
    REQUIRE(detect_rig_init(&rig, HEAD
                            "severity = low -> high if p99 >= 500\n"
                            "when = p95(severity = info) > 100 in 1m min 2 for 5s by source\n") == PK_OK);
    give("a", 50);
    pk_buf_init(&b, text, sizeof text);
    pk_engine_explain(&rig.engine, 0, rig.now_ms, &b);
    pk_buf_putc(&b, '\0');
    CHECK(strstr(text, "p95(severity = info) > 100 in 1m min 2 for 5s") != NULL);
    CHECK(strstr(text, "high if p99 >= 500") != NULL);
    CHECK(strstr(text, "quantile unknown, 1 of 2 numbers in 1m (unknown)") != NULL);
    give("a", 50);
    pk_buf_init(&b, text, sizeof text);
    pk_engine_explain(&rig.engine, 0, rig.now_ms, &b);
    pk_buf_putc(&b, '\0');
    CHECK(strstr(text, " in 1m, threshold > 100 (no)") != NULL);
}

PK_TEST_MAIN(p95__just_above_the_threshold__fires_and_at_it_does_not,
             p95__too_few_numbers__is_unknown_and_neither_fires_nor_clears,
             min__of_the_rule__replaces_the_usual_number,
             time__takes_the_fast_ones_away__and_it_fires_when_they_are_gone,
             clear_and_escalation__are_exact_cuts_of_the_same_state, three_quantiles__share_one_state,
             fault__is_no_latency, replayed__are_judged_in_their_own_time, read__what_cannot_be__is_told,
             explain__tells_figure_and_rule)
