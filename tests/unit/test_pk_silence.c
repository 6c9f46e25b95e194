#include "incident/pk_silence.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_silences t;
static struct pk_stamp now;

static struct pk_stamp at(uint64_t mono_ms) {
    return (struct pk_stamp){.boot = 4, .mono_ms = mono_ms, .wall_ms = 1700000000000 + (int64_t)mono_ms};
}

static void fresh(void) {
    memset(&t, 0, sizeof t);
    now = at(10000);
}

static struct pk_silence silence(uint64_t from_ms, uint64_t until_ms) {
    return (struct pk_silence){.severity = PK_SEV_CRITICAL, .from = at(from_ms), .until = at(until_ms)};
}

static struct pk_incident incident(const char *rule, const char *type, const char *component) {
    struct pk_incident i = {.severity = PK_SEV_HIGH, .component_count = 1};
    (void)pk_str_copy_cut(pk_str_of(rule), i.rule_id, sizeof i.rule_id);
    (void)pk_str_copy_cut(pk_str_of(type), i.type, sizeof i.type);
    (void)pk_str_copy_cut(pk_str_of(component), i.components[0], sizeof i.components[0]);
    return i;
}

static uint16_t match(const struct pk_incident *i, uint32_t kinds) {
    const struct pk_silence *s = pk_silences_match(&t, i, kinds, &now);
    return s != NULL ? s->number : 0;
}

PK_TEST(match__globs_severity_and_kind) {
    const struct pk_incident i = incident("disk_full", "disk_space_low", "sda1");
    struct pk_silence s = silence(5000, 60000);
    fresh();
    CHECK_EQ_U64(match(&i, 3), 0);
    (void)pk_str_copy_cut(pk_str_of("disk_*"), s.type, sizeof s.type);
    (void)pk_str_copy_cut(pk_str_of("sd??"), s.component, sizeof s.component);
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), 1);
    CHECK_EQ_U64(match(&i, 1u << PK_SILENCE_QUIET), 1);
    CHECK_EQ_U64(match(&i, 1u << PK_SILENCE_MAINTENANCE), 0);
    const struct pk_incident other = incident("disk_full", "disk_space_low", "nvme0");
    CHECK_EQ_U64(match(&other, 3), 0);
    s = silence(5000, 60000);
    s.severity = PK_SEV_MEDIUM;
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), 2);
    CHECK_EQ_U64(match(&other, 3), 0); /* a high one is louder than that */
    struct pk_incident mild = other;
    mild.severity = PK_SEV_MEDIUM;
    CHECK_EQ_U64(match(&mild, 3), 2);
}

PK_TEST(turns__scheduled_begins_overlap_and_each_end_is_told_once) {
    const struct pk_incident i = incident("r", "custom", "a");
    struct pk_silence early = silence(20000, 40000), late = silence(30000, 50000), out;
    fresh();
    CHECK_EQ_INT(pk_silences_add(&t, &early, &now), 1);
    CHECK_EQ_INT(pk_silences_add(&t, &late, &now), 2);
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_E_NOT_FOUND);
    CHECK_EQ_U64(pk_silences_next_ms(&t, &now), 20000);
    CHECK_EQ_U64(match(&i, 3), 0);
    now = at(20000);
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_OK);
    CHECK_EQ_U64(out.number, 1);
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_E_NOT_FOUND);
    CHECK_EQ_U64(match(&i, 3), 1);
    CHECK_EQ_U64(pk_silences_next_ms(&t, &now), 30000);
    now = at(35000);
    CHECK_EQ_U64(match(&i, 3), 2); /* the one that ends last */
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_OK);
    now = at(40000);
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_OK);
    CHECK_EQ_U64(out.number, 1);
    CHECK_EQ_INT(pk_silence_phase_at(&out, &now), PK_SILENCE_OVER);
    CHECK_EQ_U64(match(&i, 3), 2);
    now = at(50000);
    CHECK_EQ_INT(pk_silences_next_turn(&t, &now, &out), PK_OK);
    CHECK_EQ_U64(t.count, 0);
    CHECK_EQ_U64(match(&i, 3), 0);
    CHECK_EQ_U64(pk_silences_next_ms(&t, &now), UINT64_MAX);
    CHECK(pk_silences_take_change(&t));
    CHECK(!pk_silences_take_change(&t));
}

PK_TEST(add__what_cannot_be_is_refused_and_a_full_table_counts) {
    struct pk_silence s = silence(30000, 20000), out;
    fresh();
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), PK_E_BAD_FIELD);
    s = silence(1000, 9000); /* over */
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), PK_E_BAD_FIELD);
    s = silence(1000, 90000);
    s.kind = PK_SILENCE_KIND_COUNT;
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), PK_E_BAD_FIELD);
    s.kind = PK_SILENCE_MAINTENANCE;
    for (uint32_t i = 0; i < PK_LIMIT_SILENCES; i++) {
        CHECK_EQ_INT(pk_silences_add(&t, &s, &now), (int)i + 1);
    }
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), PK_E_FULL);
    CHECK_EQ_U64(t.refused_count, 1);
    CHECK_EQ_INT(pk_silences_end(&t, 3, &out), PK_OK);
    CHECK_EQ_INT(pk_silences_end(&t, 3, &out), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_silences_add(&t, &s, &now), (int)PK_LIMIT_SILENCES + 1); /* not the old number */
    CHECK(pk_silences_get(&t, 3) == NULL);
}

PK_TEST(restore__after_a_reboot_the_wall_clock_decides_and_doubt_is_loud) {
    const struct pk_incident i = incident("r", "custom", "a");
    struct pk_silence s = silence(5000, 60000);
    fresh();
    s.number = 7;
    CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_OK);
    CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_E_CONFLICT);
    s.number = 0;
    CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_E_BAD_FIELD);
    now = (struct pk_stamp){.boot = 5, .mono_ms = 900, .wall_ms = 1700000000000 + 30000};
    CHECK_EQ_U64(match(&i, 3), 7);
    now.wall_ms += 30000;
    CHECK_EQ_U64(match(&i, 3), 0);
    now.wall_ms = 0; /* no clock at all */
    CHECK_EQ_U64(match(&i, 3), 0);
    s = silence(1000, 2000);
    CHECK_STR(pk_silence_phase_word(PK_SILENCE_AHEAD), "scheduled");
    CHECK_STR(pk_silence_kind_word(PK_SILENCE_MAINTENANCE), "maintenance");
    CHECK_STR(pk_silence_kind_word(9), "unknown");
}

PK_TEST(restore__the_wall_clock_went_back__no_longer_than_it_was_meant) {
    const struct pk_incident i = incident("r", "custom", "a");
    struct pk_silence s = silence(5000, 60000);
    fresh();
    s.number = 7;
    s.has_begun = true;
    now = (struct pk_stamp){.boot = 5, .mono_ms = 900, .wall_ms = 1700000000000 - 86400000};
    CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_OK);
    CHECK_EQ_U64(match(&i, 3), 7);
    now.mono_ms += 54999;
    CHECK_EQ_U64(match(&i, 3), 7);
    now.mono_ms += 1;
    CHECK_EQ_U64(match(&i, 3), 0);
    /* One that had not begun waits for its moment. */
    fresh();
    s.has_begun = false;
    now = (struct pk_stamp){.boot = 5, .mono_ms = 900, .wall_ms = 1700000000000 - 86400000};
    CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_OK);
    CHECK_EQ_U64(match(&i, 3), 0);
}

/* Ten minutes that had begun; each start stores what it has, and ends after so long. The clock moves on by
 * `passes_ms` from start to start. Starts until it was over; 0: it went on. */
static uint32_t starts_until_over(uint32_t lasts_ms, uint32_t passes_ms, uint8_t quality) {
    enum { MOST = 100 };
    struct pk_silence s = silence(5000, 605000);
    s.number = 7;
    s.has_begun = true;
    for (uint32_t n = 1; n < MOST; n++) {
        fresh();
        now = (struct pk_stamp){.boot = 4 + n, .mono_ms = 900, .wall_ms = 1700000005000, .quality = quality};
        now.wall_ms += (int64_t)(n - 1u) * passes_ms;
        CHECK_EQ_INT(pk_silences_restore(&t, &s, &now), PK_OK);
        s = *pk_silences_get(&t, 7);
        now.mono_ms += lasts_ms;
        now.wall_ms += lasts_ms;
        if (pk_silence_phase_at(&s, &now) == PK_SILENCE_OVER) {
            return n;
        }
    }
    return 0;
}

PK_TEST(restore__again_and_again_under_a_clock_that_stands__comes_to_an_end) {
    CHECK_EQ_U64(starts_until_over(540000, 0, PK_TIME_FLOOR), 2);
    CHECK_EQ_U64(starts_until_over(90000, 1000, PK_TIME_UNSET), 4); /* 600 s, 300, 150, 75 */
    CHECK(starts_until_over(1, 0, PK_TIME_UNSET) > 10);
    /* Time that a clock tells is no reason to end it early. */
    CHECK_EQ_U64(starts_until_over(60000, 60000, PK_TIME_FLOOR), 10);
    CHECK_EQ_U64(starts_until_over(10000, 10000, PK_TIME_NTP), 60);
}

PK_TEST_MAIN(restore__again_and_again_under_a_clock_that_stands__comes_to_an_end,
             restore__the_wall_clock_went_back__no_longer_than_it_was_meant, match__globs_severity_and_kind,
             turns__scheduled_begins_overlap_and_each_end_is_told_once,
             add__what_cannot_be_is_refused_and_a_full_table_counts,
             restore__after_a_reboot_the_wall_clock_decides_and_doubt_is_loud)
