#include "incident/pk_impact.h"

#include "support/pk_test.h"

static struct pk_incident incident(uint8_t severity, uint8_t components, uint16_t behind) {
    return (struct pk_incident){.severity = severity, .component_count = components, .blast_count = behind};
}

/* The whole matrix: rows severities, columns local, shared, wide; letters of the levels. */
PK_TEST(impact__each_cell) {
    static const char *const WANT[PK_SEV_COUNT] = {"nnm", "mmo", "moj", "ojs", "jss"};
    static const char LETTERS[PK_IMPACT_COUNT] = {'n', 'm', 'o', 'j', 's'};
    static const uint16_t BEHIND[PK_REACH_COUNT] = {0, 1, PK_IMPACT_WIDE};
    for (uint8_t s = 0; s < PK_SEV_COUNT; s++) {
        for (uint8_t r = 0; r < PK_REACH_COUNT; r++) {
            const struct pk_incident i = incident(s, 1, BEHIND[r]);
            const struct pk_impact m = pk_impact_of(&i);
            CHECK_EQ_INT(m.reach, r);
            CHECK_EQ_INT(LETTERS[m.level], WANT[s][r]);
        }
    }
}

PK_TEST(impact__reach__counts_the_affected_and_what_depends_on_them) {
    struct pk_incident i = incident(PK_SEV_HIGH, 0, 0);
    CHECK_EQ_INT(pk_impact_of(&i).reach, PK_REACH_LOCAL); /* nothing is named */
    i = incident(PK_SEV_HIGH, 2, 2);
    CHECK_EQ_INT(pk_impact_of(&i).reach, PK_REACH_SHARED);
    i = incident(PK_SEV_HIGH, 2, 3);
    CHECK_EQ_INT(pk_impact_of(&i).reach, PK_REACH_WIDE);
    i = incident(PK_SEV_HIGH, 1, 0);
    i.components_overflow = 4;
    CHECK_EQ_INT(pk_impact_of(&i).reach, PK_REACH_WIDE);
    CHECK_EQ_U64(pk_impact_of(&i).affected_count, 5);
    i.components_overflow = UINT32_MAX;
    CHECK_EQ_U64(pk_impact_of(&i).affected_count, 1u + UINT16_MAX);
}

PK_TEST(impact__words) {
    const struct pk_incident i = incident(PK_SEV_HIGH, 1, 3);
    char text[96];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_impact_words(&i, &b);
    CHECK_STR(text, "impact major (high, shared): 1 affected, 3 depend on it");
    CHECK_STR(pk_impact_level_word(PK_IMPACT_COUNT), "unknown");
    CHECK_STR(pk_impact_reach_word(PK_REACH_COUNT), "unknown");
}

PK_TEST_MAIN(impact__each_cell, impact__reach__counts_the_affected_and_what_depends_on_them, impact__words)
