#include "detect/pk_threshold.h"

#include <stdio.h>
#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct pk_thresholds names;
static struct detect_rig rig;

static bool has(const struct pk_thresholds *t, const char *name, double want) {
    double got = 0.0;
    return pk_thresholds_get(t, pk_str_of(name), &got) == PK_OK && got > want - 1e-9 && got < want + 1e-9;
}

PK_TEST(thresholds__defaults__are_those_of_the_requirements) {
    pk_thresholds_defaults(&names);
    CHECK(has(&names, "max_cpu", 85) && has(&names, "max_memory", 90) && has(&names, "max_latency", 1000));
    CHECK(has(&names, "min_throughput", 50) && has(NULL, "min_throughput", 50));
    double value = 0.0;
    CHECK_EQ_INT(pk_thresholds_get(&names, pk_str_of("max_cp"), &value), PK_E_NOT_FOUND);
    CHECK_STR(pk_thresholds_suggest(&names, pk_str_of("max_cp")), "max_cpu");
    CHECK(pk_thresholds_suggest(NULL, pk_str_of("something")) == NULL);
}

PK_TEST(thresholds__own_names__until_the_table_is_full) {
    pk_thresholds_defaults(&names);
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of("max_cpu"), 70), PK_OK);
    CHECK(has(&names, "max_cpu", 70) && has(NULL, "max_cpu", 85));
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of(""), 1), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of("a b"), 1), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of("a_name_that_is_longer_than_there_is"), 1),
                 PK_E_BAD_FIELD);
    while (names.count < PK_LIMIT_THRESHOLDS) {
        char name[16];
        (void)snprintf(name, sizeof name, "own%u", names.count);
        REQUIRE(pk_thresholds_set(&names, pk_str_of(name), 1) == PK_OK);
    }
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of("more"), 1), PK_E_FULL);
    CHECK_EQ_INT(pk_thresholds_set(&names, pk_str_of("own9"), 2), PK_OK);
}

PK_TEST(rule__named__follows_the_number_and_is_another_rule_then) {
    static const char RULE[] =
        "[rule r]\non = type = level and value > $floor\nwhen = value > 90% of $max_level\n"
        "clear = value < 50% of $max_level\ntype = custom\n"
        "severity = low -> high if value > $max_level\n";
    pk_thresholds_defaults(&names);
    REQUIRE(pk_thresholds_set(&names, pk_str_of("max_level"), 10) == PK_OK);
    REQUIRE(pk_thresholds_set(&names, pk_str_of("floor"), -5) == PK_OK);
    REQUIRE(detect_rig_init(&rig, "") == PK_OK);
    rig.engine.rules.thresholds = &names;
    REQUIRE(detect_rig_load(&rig, RULE) == PK_OK);
    struct pk_finding f;
    struct pk_event e = detect_rig_value(&rig, "level", "s", 9);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    e = detect_rig_value(&rig, "level", "s", 9.1);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    const uint64_t hash = pk_engine_rule(&rig.engine, 0)->hash;
    REQUIRE(detect_rig_load(&rig, RULE) == PK_OK);
    CHECK_EQ_U64(pk_engine_rule(&rig.engine, 0)->hash, hash);
    REQUIRE(pk_thresholds_set(&names, pk_str_of("max_level"), 20) == PK_OK);
    REQUIRE(detect_rig_load(&rig, RULE) == PK_OK);
    CHECK(pk_engine_rule(&rig.engine, 0)->hash != hash);
    CHECK(pk_engine_rule(&rig.engine, 0)->when.value > 17.9 &&
          pk_engine_rule(&rig.engine, 0)->when.value < 18.1);
}

PK_TEST(rule__unknown_name__is_an_error_with_a_suggestion) {
    static const struct {
        const char *when, *message;
    } CASES[] = {
        {"value > $max_cpuu", "'max_cpuu' is not a name of [thresholds]; did you mean 'max_cpu'?"},
        {"value > $", "'' is not a name of [thresholds]: max_cpu, max_memory, max_latency, min_throughput, "
                      "max_disk, max_gpu, max_temperature, min_convergence"},
        {"value > 90% of $max_cpuu", "'max_cpuu' is not a name of [thresholds]; did you mean 'max_cpu'?"},
        {"value > 90% of 5", "unexpected '%'"},
        {"value > max_cpu", "expected a number, not 'max_cpu'"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "[rule r]\non = any\nwhen = %s\ntype = custom\nseverity = low\n",
                       CASES[i].when);
        CHECK_EQ_INT(detect_rig_init(&rig, text), PK_E_CONFIG);
        CHECK_STR(rig.diag.message, CASES[i].message);
        CHECK_EQ_U64(rig.diag.line, 3);
    }
}

PK_TEST_MAIN(thresholds__defaults__are_those_of_the_requirements,
             thresholds__own_names__until_the_table_is_full,
             rule__named__follows_the_number_and_is_another_rule_then,
             rule__unknown_name__is_an_error_with_a_suggestion)
