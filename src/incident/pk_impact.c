#include "incident/pk_impact.h"

#include "base/pk_assert.h"

static const uint8_t MATRIX[PK_SEV_COUNT][PK_REACH_COUNT] = {
    [PK_SEV_INFO] = {PK_IMPACT_NONE, PK_IMPACT_NONE, PK_IMPACT_MINOR},
    [PK_SEV_LOW] = {PK_IMPACT_MINOR, PK_IMPACT_MINOR, PK_IMPACT_MODERATE},
    [PK_SEV_MEDIUM] = {PK_IMPACT_MINOR, PK_IMPACT_MODERATE, PK_IMPACT_MAJOR},
    [PK_SEV_HIGH] = {PK_IMPACT_MODERATE, PK_IMPACT_MAJOR, PK_IMPACT_SEVERE},
    [PK_SEV_CRITICAL] = {PK_IMPACT_MAJOR, PK_IMPACT_SEVERE, PK_IMPACT_SEVERE}};
static const char *const LEVEL_WORDS[PK_IMPACT_COUNT] = {[PK_IMPACT_NONE] = "none",
                                                         [PK_IMPACT_MINOR] = "minor",
                                                         [PK_IMPACT_MODERATE] = "moderate",
                                                         [PK_IMPACT_MAJOR] = "major",
                                                         [PK_IMPACT_SEVERE] = "severe"};
static const char *const REACH_WORDS[PK_REACH_COUNT] = {
    [PK_REACH_LOCAL] = "local", [PK_REACH_SHARED] = "shared", [PK_REACH_WIDE] = "wide"};

struct pk_impact pk_impact_of(const struct pk_incident *i) {
    struct pk_impact m = {.affected_count = i->component_count};
    PK_ASSERT(i->severity < PK_SEV_COUNT);
    m.affected_count += i->components_overflow < UINT16_MAX ? i->components_overflow : UINT16_MAX;
    const uint32_t reached = m.affected_count + i->blast_count;
    m.reach = reached >= PK_IMPACT_WIDE ? PK_REACH_WIDE : reached > 1 ? PK_REACH_SHARED : PK_REACH_LOCAL;
    m.level = MATRIX[i->severity][m.reach];
    return m;
}

const char *pk_impact_level_word(uint8_t level) {
    return level < PK_IMPACT_COUNT ? LEVEL_WORDS[level] : "unknown";
}

const char *pk_impact_reach_word(uint8_t reach) {
    return reach < PK_REACH_COUNT ? REACH_WORDS[reach] : "unknown";
}

void pk_impact_words(const struct pk_incident *i, struct pk_buf *out) {
    const struct pk_impact m = pk_impact_of(i);
    pk_buf_puts(out, "impact ");
    pk_buf_puts(out, LEVEL_WORDS[m.level]);
    pk_buf_puts(out, " (");
    pk_buf_puts(out, pk_severity_word((enum pk_severity)i->severity));
    pk_buf_puts(out, ", ");
    pk_buf_puts(out, REACH_WORDS[m.reach]);
    pk_buf_puts(out, "): ");
    pk_buf_put_u64(out, m.affected_count);
    pk_buf_puts(out, " affected, ");
    pk_buf_put_u64(out, i->blast_count);
    pk_buf_puts(out, " depend on it");
}
