#include "respond/pk_switches.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_switches s;
static const struct pk_stamp NOW = {
    .boot = 3, .mono_ms = 1000, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};

static int set(uint8_t which, bool is_on, bool allowed, const char *why) {
    return pk_switch_set(&s, which, is_on, allowed, pk_str_of("uid:0"), pk_str_of(why), &NOW);
}

static const char *words(uint8_t which, bool allowed) {
    static char text[160];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_switch_words(&s, which, allowed, &b);
    text[b.n] = '\0';
    return text;
}

PK_TEST(words__name_each_once) {
    uint8_t which = 9;
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        CHECK_EQ_INT(pk_switch_parse(pk_str_of(pk_switch_word(i)), &which), PK_OK);
        CHECK_EQ_INT(which, i);
    }
    CHECK_EQ_INT(pk_switch_parse(pk_str_of("auto_remediation"), &which), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_switch_parse(pk_str_of(""), &which), PK_E_NOT_FOUND);
    CHECK_STR(pk_switch_word(PK_SWITCH_COUNT), "unknown");
}

PK_TEST(set__the_file_beats_everybody) {
    memset(&s, 0, sizeof s);
    CHECK_EQ_INT(set(PK_SWITCH_AUTO_ROLLBACK, true, false, ""), PK_E_POLICY);
    CHECK(!s.rows[PK_SWITCH_AUTO_ROLLBACK].is_dirty);
    CHECK_STR(words(PK_SWITCH_AUTO_ROLLBACK, true), "");
    CHECK_STR(words(PK_SWITCH_AUTO_ROLLBACK, false), "auto_rollback is off: the local file says no");
    CHECK_EQ_INT(set(PK_SWITCH_NOTIFICATIONS, false, true, "new site"), PK_OK);
    CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, true), "notifications_enabled is off: uid:0: new site");
    CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, false), "notifications_enabled is off: the local file says no");
    CHECK_EQ_INT(set(PK_SWITCH_NOTIFICATIONS, false, true, ""), PK_OK);
    CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, true), "notifications_enabled is off: uid:0");
    CHECK_EQ_INT(set(PK_SWITCH_NOTIFICATIONS, true, true, "done"), PK_OK);
    CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, true), "");
}

PK_TEST(store__off_is_a_record_and_on_deletes_it) {
    struct pk_switch_record r, none;
    char why[80];
    memset(&s, 0, sizeof s);
    memset(why, 'x', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    CHECK_EQ_INT(pk_switches_next_dirty(&s, &r), PK_E_NOT_FOUND);
    CHECK_EQ_INT(set(PK_SWITCH_AUTO_REMEDIATION, false, true, why), PK_OK);
    REQUIRE(pk_switches_next_dirty(&s, &r) == PK_OK);
    CHECK(r.value_bytes > 0 && r.value_bytes <= sizeof r.value);
    CHECK_EQ_INT(pk_switches_next_dirty(&s, &none), PK_E_NOT_FOUND);
    const struct pk_switch_row before = s.rows[PK_SWITCH_AUTO_REMEDIATION];
    memset(&s, 0, sizeof s);
    const struct pk_str key = pk_str_make((const char *)r.key, sizeof r.key);
    REQUIRE(pk_switches_restore(&s, key, pk_str_make((const char *)r.value, r.value_bytes)) == PK_OK);
    const struct pk_switch_row *row = &s.rows[PK_SWITCH_AUTO_REMEDIATION];
    CHECK(row->is_off && !row->is_dirty);
    CHECK_STR(row->by, "uid:0");
    CHECK_STR(row->why, before.why);
    CHECK_EQ_U64(strlen(row->why), sizeof row->why - 1);
    CHECK_EQ_INT(row->at.wall_ms, NOW.wall_ms);
    CHECK_EQ_INT(set(PK_SWITCH_AUTO_REMEDIATION, true, true, ""), PK_OK);
    REQUIRE(pk_switches_next_dirty(&s, &none) == PK_OK);
    CHECK_EQ_U64(none.value_bytes, 0);
    CHECK(memcmp(none.key, r.key, sizeof r.key) == 0);
}

PK_TEST(restore__whatever_is_not_whole_is_refused) {
    struct pk_switch_record r;
    memset(&s, 0, sizeof s);
    CHECK_EQ_INT(set(PK_SWITCH_NOTIFICATIONS, false, true, "why"), PK_OK);
    REQUIRE(pk_switches_next_dirty(&s, &r) == PK_OK);
    memset(&s, 0, sizeof s);
    const struct pk_str key = pk_str_make((const char *)r.key, sizeof r.key);
    for (uint32_t n = 0; n < r.value_bytes; n++) {
        memset(&s, 0, sizeof s);
        CHECK_EQ_INT(pk_switches_restore(&s, key, pk_str_make((const char *)r.value, n)), PK_E_CORRUPT);
        /* That there is one says that it was switched off. */
        CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, true),
                  "notifications_enabled is off: store: record damaged");
        CHECK(!s.rows[PK_SWITCH_NOTIFICATIONS].is_dirty);
    }
    static const uint8_t BAD[][2] = {{0, 1}, {1, 9}, {2, PK_TIME_QUALITY_COUNT}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const uint8_t kept = r.value[BAD[i][0]];
        r.value[BAD[i][0]] = BAD[i][1];
        CHECK_EQ_INT(pk_switches_restore(&s, key, pk_str_make((const char *)r.value, r.value_bytes)),
                     PK_E_CORRUPT);
        r.value[BAD[i][0]] = kept;
    }
    CHECK_EQ_INT(set(PK_SWITCH_NOTIFICATIONS, true, true, ""), PK_OK);
    CHECK_STR(words(PK_SWITCH_NOTIFICATIONS, true), "");
    const char strange[] = {'w', PK_SWITCH_COUNT}, other[] = {'x', 0};
    CHECK_EQ_INT(
        pk_switches_restore(&s, pk_str_make(strange, 2), pk_str_make((const char *)r.value, r.value_bytes)),
        PK_E_CORRUPT);
    CHECK_EQ_INT(
        pk_switches_restore(&s, pk_str_make(other, 2), pk_str_make((const char *)r.value, r.value_bytes)),
        PK_E_CORRUPT);
    CHECK_EQ_INT(
        pk_switches_restore(&s, pk_str_make("w", 1), pk_str_make((const char *)r.value, r.value_bytes)),
        PK_E_CORRUPT);
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) { /* no key of ours: nobody said anything */
        CHECK(!s.rows[i].is_off);
    }
}

PK_TEST_MAIN(words__name_each_once, set__the_file_beats_everybody, store__off_is_a_record_and_on_deletes_it,
             restore__whatever_is_not_whole_is_refused)
