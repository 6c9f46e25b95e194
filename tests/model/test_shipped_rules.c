/* Every shipped rule on the edge of its threshold: one step short it is silent, on it it fires with its
 * severity, and when its clear condition holds it clears. Inputs are made from the rule's own rows; what the
 * numbers must be stands in REQUIREMENTS A.0 and is checked below. */
#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

static void start(void) {
    CHECK_EQ_INT(detect_rig_init(&rig, ""), PK_OK);
    CHECK_EQ_INT(pk_engine_load(&rig.engine, &PK_SHIPPED_RULES, NULL, 0, rig.now_ms, &rig.diag), PK_OK);
}

/* A type the rule looks at. */
static void type_of(const struct pk_rule *r, char out[65]) {
    (void)pk_str_copy_cut(pk_str_of("anything"), out, 65);
    for (uint32_t i = 0; i < r->on_count; i++) {
        struct pk_str globs = pk_engine_str(&rig.engine, r, r->terms[i].text);
        struct pk_str one;
        if (r->terms[i].field == PK_TERM_TYPE && pk_str_split(&globs, '|', &one)) {
            (void)pk_str_copy_cut(pk_str_trim(one), out, 65);
        }
    }
}

static void give(const struct pk_rule *r, double value) {
    char type[65];
    type_of(r, type);
    struct pk_event e = detect_rig_value(&rig, type, "unit1", value);
    e.severity = PK_SEV_HIGH;
    detect_rig_give(&rig, &e);
}

/* Whether the rule gave a finding of this kind since the last call. */
static bool has_told(uint32_t rule, enum pk_finding_kind kind) {
    bool told = false;
    struct pk_finding next;
    while (pk_engine_next_finding(&rig.engine, &next)) {
        if (next.rule_index == rule && next.kind == (uint8_t)kind) {
            told = true;
            f = next;
        }
    }
    return told;
}

static void try_count(uint32_t index, const struct pk_rule *r) {
    for (uint32_t i = 1; i < r->when.count; i++) {
        give(r, 99);
    }
    CHECK(!has_told(index, PK_FINDING_FIRE));
    give(r, 99);
    for (uint32_t s = 0; s * 1000u < r->when.for_ms; s++) {
        CHECK(!has_told(index, PK_FINDING_FIRE));
        detect_rig_wait(&rig, 1000);
        for (uint32_t i = 0; i < r->when.count; i++) {
            give(r, 99);
        }
    }
    CHECK(has_told(index, PK_FINDING_FIRE));
}

static void try_value(uint32_t index, const struct pk_rule *r) {
    const double step = r->when.cmp == PK_CMP_LT || r->when.cmp == PK_CMP_LE ? -1.0 : 1.0;
    for (uint32_t s = 0; s <= r->when.for_ms / 10000u; s++) {
        give(r, r->when.value);
        detect_rig_wait(&rig, 10000);
    }
    CHECK(!has_told(index, PK_FINDING_FIRE));
    for (uint32_t s = 0; s * 10000u < r->when.for_ms; s++) {
        give(r, r->when.value + step);
        CHECK(!has_told(index, PK_FINDING_FIRE));
        detect_rig_wait(&rig, 10000);
    }
    give(r, r->when.value + step);
    CHECK(has_told(index, PK_FINDING_FIRE));
}

static void try_absent(uint32_t index, const struct pk_rule *r) {
    give(r, 10);
    const uint64_t due_ms = r->when.promised_factor > 0 ? r->when.promised_factor * 10000u : r->when.for_ms;
    detect_rig_wait(&rig, due_ms - 1u);
    CHECK(!has_told(index, PK_FINDING_FIRE));
    detect_rig_wait(&rig, 1);
    CHECK(has_told(index, PK_FINDING_FIRE));
}

/* The good state for as long as the rule may ask. */
static void try_clear(uint32_t index, const struct pk_rule *r) {
    bool is_cleared = false;
    for (uint32_t s = 0; s < 5000 && !is_cleared; s++) {
        if (r->clear.kind == PK_COND_VALUE) {
            give(r, r->clear.cmp == PK_CMP_GE ? r->clear.value : r->clear.value - 1.0);
        } else if (r->when.kind == PK_COND_ABSENT) {
            give(r, 10);
        }
        detect_rig_wait(&rig, 1000);
        is_cleared = has_told(index, PK_FINDING_CLEARED);
    }
    CHECK(is_cleared == (r->clear.kind != PK_COND_NEVER));
}

PK_TEST(shipped__each_rule__fires_on_its_edge_and_clears) {
    for (uint32_t i = 0; i < PK_SHIPPED_RULES.count; i++) {
        start();
        const struct pk_rule *r = pk_engine_rule(&rig.engine, i);
        REQUIRE(r != NULL);
        if (r->when.kind == PK_COND_COUNT) {
            try_count(i, r);
        } else if (r->when.kind == PK_COND_VALUE) {
            try_value(i, r);
        } else {
            try_absent(i, r);
        }
        CHECK(f.severity >= r->severity);
        CHECK(f.words[0] != '\0');
        try_clear(i, r);
    }
}

static const struct pk_rule *rule(const char *id) {
    const int index = pk_engine_find_rule(&rig.engine, pk_str_of(id));
    CHECK(index >= 0);
    return pk_engine_rule(&rig.engine, index >= 0 ? (uint32_t)index : 0u);
}

static void check_count(const char *id, uint32_t count, uint32_t within_s, enum pk_severity severity) {
    const struct pk_rule *r = rule(id);
    CHECK_EQ_INT(r->when.kind, PK_COND_COUNT);
    CHECK_EQ_U64(r->when.count, count);
    CHECK_EQ_U64(r->when.within_ms, within_s * 1000u);
    CHECK_EQ_INT(r->severity, severity);
}

PK_TEST(shipped__numbers__are_those_of_the_requirements) {
    start();
    check_count("error_burst", 10, 300, PK_SEV_HIGH);
    check_count("service_down", 5, 60, PK_SEV_CRITICAL);
    check_count("quality_drop", 5, 600, PK_SEV_MEDIUM);
    check_count("workflow_failure_spike", 8, 300, PK_SEV_HIGH);
    check_count("memory_exhaustion", 3, 120, PK_SEV_CRITICAL);
    check_count("performance_degradation", 10, 300, PK_SEV_MEDIUM);
    const struct pk_rule *disk = rule("disk_space_low");
    CHECK(disk->when.value > 89.9 && disk->when.value < 90.1 && disk->raises[0].value > 94.9 &&
          disk->raises[0].value < 95.1);
    CHECK_EQ_INT(disk->raises[0].severity, PK_SEV_CRITICAL);
    const struct pk_rule *cpu = rule("cpu_high");
    CHECK(cpu->when.value > 84.9 && cpu->when.value < 85.1);
    CHECK_EQ_U64(cpu->when.for_ms, 300000);
}

PK_TEST(shipped__a_killed_service__is_told_with_the_first_missing_sample) {
    start();
    struct pk_event e = detect_rig_value(&rig, "process_up", "demo", 1);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 1000);
    e = detect_rig_value(&rig, "process_up", "demo", 0);
    detect_rig_give(&rig, &e);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, rig.now_ms);
    CHECK_STR(f.group_key, "demo");
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    CHECK(pk_str_eq_c(pk_engine_str(&rig.engine, rule("process_lost"), rule("process_lost")->type),
                      "service_down"));
    for (int i = 0; i < 4; i++) {
        detect_rig_wait(&rig, 1000);
        e = detect_rig_value(&rig, "process_up", "demo", 1);
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST_MAIN(shipped__each_rule__fires_on_its_edge_and_clears,
             shipped__numbers__are_those_of_the_requirements,
             shipped__a_killed_service__is_told_with_the_first_missing_sample)
