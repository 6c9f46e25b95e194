#include "detect/pk_forget.h"

#include <string.h>

#include "base/pk_bitset.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static uint64_t bits[PK_BITSET_WORDS(PK_LIMIT_SOURCES)];

static void give(const char *source, uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        const struct pk_event e = detect_rig_event(&rig, "t", source, PK_SEV_HIGH);
        detect_rig_give(&rig, &e);
    }
}

static uint32_t id_of(const char *source) {
    const int id = pk_sources_find(&rig.sources, pk_str_of(source));
    CHECK(id >= 0);
    return (uint32_t)id;
}

static void forget(const char *const *names) {
    memset(bits, 0, sizeof bits);
    for (uint32_t i = 0; names[i] != NULL; i++) {
        pk_bitset_set(bits, PK_LIMIT_SOURCES, id_of(names[i]));
    }
    pk_engine_forget_sources(&rig.engine, bits);
}

#define COUNT3 "when = count >= 3 in 5m by source\ntype = custom\nseverity = high\nclear = never\nkeys = 8\n"

PK_TEST(forget__what_fires__stays_and_the_rest_starts_over) {
    struct pk_finding f;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = t\n" COUNT3) == PK_OK);
    give("firing", 3);
    give("idle", 2);
    give("other", 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    const uint32_t used = rig.engine.windows.used;
    static const char *const NAMES[] = {"firing", "idle", NULL};
    forget(NAMES);
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("firing")));
    CHECK(pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("idle")));
    CHECK_EQ_U64(rig.engine.windows.used, used - 1u);
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 1);
    give("idle", 1); /* as if somebody new had its id: the two before do not count */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("other", 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(forget__groups_that_are_no_sources__are_left_alone) {
    struct pk_finding f;
    REQUIRE(detect_rig_init(
                &rig, "[rule r]\non = type = t\nwhen = count >= 3 in 5m\ntype = custom\nseverity = high\n"
                      "clear = never\n") == PK_OK);
    give("a", 2);
    static const char *const NAMES[] = {"a", NULL};
    forget(NAMES);
    give("b", 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(forget__who_is_waited_for__stays) {
    struct pk_finding f;
    REQUIRE(detect_rig_init(&rig,
                            "[rule a]\non = type = t and source = nas\nwhen = absent for 10s\ntype = "
                            "custom\nseverity = high\n"
                            "[rule w]\non = type = t | u and source = job\nwhen = event(type = t) without "
                            "event(type = u) within 20s "
                            "by source\ntype = custom\nseverity = high\n") == PK_OK);
    give("nas", 1);
    give("job", 1);
    static const char *const NAMES[] = {"nas", "job", NULL};
    forget(NAMES);
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("nas")));
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("job")));
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "nas");
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "job");
}

/* Rules that name a source by glob: what was settled for the old name does not hold for the new one. */
static void value(const char *source, double v) {
    const struct pk_event e = detect_rig_value(&rig, "t", source, v);
    detect_rig_give(&rig, &e);
}

PK_TEST(forget__sources_of_an_across_rule__leave_its_group) {
    struct pk_finding f;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = t\nwhen = value > 1 across 2 sources\nstale = 1m\n"
                                  "type = custom\nseverity = high\nclear = stable for 10s\n") == PK_OK);
    value("first", 0); /* the group is made with it */
    detect_rig_wait(&rig, 60000);
    value("a", 2); /* one of two holds */
    static const char *const FIRST[] = {"first", "a", NULL};
    forget(FIRST);
    CHECK(pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("first")));
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("a"))); /* it holds */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    value("b", 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    value("c", 0);
    detect_rig_wait(&rig, 50000);
    value("a", 2);
    value("b", 2);
    detect_rig_wait(&rig, 50000);
    static const char *const C[] = {"c", NULL};
    forget(C);
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("c"))); /* idle, but of a group that fires */
    value("a", 0);
    value("b", 0);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    forget(C);
    CHECK(pk_bitset_has(bits, PK_LIMIT_SOURCES, id_of("c")));
}

PK_TEST(forget__an_id_with_a_new_name__has_its_own_rules) {
    struct pk_finding f;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = t and source = plc-*\n" COUNT3) == PK_OK);
    const int old = pk_sources_intern_foreign(&rig.sources, pk_str_of("plc-1"));
    give("plc-1", 2);
    rig.sources.state[old].is_foreign = true;
    rig.sources.foreign_count = 1;
    static const char *const NAMES[] = {"plc-1", NULL};
    forget(NAMES);
    pk_sources_forget(&rig.sources, (uint16_t)old);
    CHECK_EQ_INT(pk_sources_intern(&rig.sources, pk_str_of("oven")), old);
    give("oven", 5);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

PK_TEST_MAIN(forget__sources_of_an_across_rule__leave_its_group,
             forget__what_fires__stays_and_the_rest_starts_over,
             forget__groups_that_are_no_sources__are_left_alone, forget__who_is_waited_for__stays,
             forget__an_id_with_a_new_name__has_its_own_rules)
