#include "wire/pk_record_incident.h"

#include <string.h>

#include "port/port.h"
#include "support/pk_sample.h"
#include "support/pk_test.h"

static uint8_t bytes[4096];
static struct pk_incident back;

static int unpack(uint32_t n) {
    return pk_record_incident_unpack(pk_str_make((char *)bytes, n), &back);
}

PK_TEST(record_incident__fits__comes_back_byte_for_byte) {
    static struct pk_incident i;
    memset(&i, 0, sizeof i);
    i = pk_sample_incident();
    const uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    CHECK(n > 300 && n < 900);
    CHECK_EQ_INT(unpack(n), PK_OK);
    CHECK_STR(back.description, i.description);
    CHECK_STR(back.causes[0].evidence, i.causes[0].evidence);
    CHECK_STR(back.actions[0].result, "verified");
    CHECK_EQ_INT(back.texts_overflow, 0);
    CHECK_EQ_U64(back.detected.mono_ms, i.detected.mono_ms);
    CHECK_EQ_INT(back.detected.quality, PK_TIME_NTP);
    CHECK_EQ_U64(back.closed.mono_ms, 0);
    CHECK_STR(back.root_cause, i.root_cause);
    /* Packed again it gives the same bytes: nothing was lost on the way. */
    static uint8_t again[4096];
    CHECK_EQ_U64(pk_record_incident_pack(&back, again, sizeof again), n);
    CHECK_MEM(again, bytes, n);
}

PK_TEST(record_incident__fullest__gives_way_in_order_and_counts) {
    const struct pk_incident i = pk_sample_fullest();
    const uint32_t whole = pk_record_incident_pack(&i, bytes, sizeof bytes);
    CHECK(whole > PK_STORE_VALUE_BYTES);
    CHECK(whole <= PK_RECORD_INCIDENT_BYTES_MAX);
    CHECK_EQ_INT(unpack(whole), PK_OK);
    CHECK_EQ_INT(back.texts_overflow, 0);
    /* One byte short: the last cause's evidence goes and nothing else. */
    uint32_t n = pk_record_incident_pack(&i, bytes, whole - 1);
    CHECK_EQ_U64(n, whole - (PK_INC_EVIDENCE_BYTES - 1));
    CHECK_EQ_INT(unpack(n), PK_OK);
    CHECK_EQ_INT(back.texts_overflow, 1);
    CHECK_STR(back.causes[2].evidence, "");
    CHECK(back.causes[1].evidence[0] != '\0');
    CHECK(back.actions[5].result[0] != '\0');
    n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    CHECK(n > 0 && n <= PK_STORE_VALUE_BYTES);
    CHECK_EQ_INT(unpack(n), PK_OK);
    CHECK(back.texts_overflow > 1);
    CHECK_EQ_INT(back.cause_count, 1);
    CHECK_EQ_INT(back.component_count, PK_INC_COMPONENTS);
    CHECK_EQ_INT(back.source_event_count, PK_INC_SOURCE_EVENTS);
    n = pk_record_incident_pack(&i, bytes, PK_RECORD_INCIDENT_BYTES_MIN);
    CHECK(n > 0 && n <= PK_RECORD_INCIDENT_BYTES_MIN);
    CHECK_EQ_INT(unpack(n), PK_OK);
    CHECK_STR(back.title, i.title);
    CHECK_STR(back.root_cause, i.root_cause);
    CHECK_EQ_INT(back.component_count, 1);
    CHECK_EQ_U64(pk_record_incident_pack(&i, bytes, 100), 0);
}

PK_TEST(record_incident__what_remains_of_actions__is_the_newest) {
    const struct pk_incident i = pk_sample_fullest();
    for (uint32_t cap = PK_RECORD_INCIDENT_BYTES_MIN; cap < 2600; cap += 37) {
        const uint32_t n = pk_record_incident_pack(&i, bytes, cap);
        CHECK(n > 0 && n <= cap);
        CHECK_EQ_INT(unpack(n), PK_OK);
        if (back.action_count > 0) {
            CHECK_EQ_U64(back.actions[back.action_count - 1].run, PK_INC_ACTIONS);
        }
    }
}

/* Version 1 ended behind the lists and announced everything. */
PK_TEST(record_incident__of_version_1__is_read) {
    enum { ADDED_BYTES = 2 + 1 + 1 + PK_STAGE_COUNT * 4 + 3 * 2 + 4 }; /* nothing set */
    struct pk_incident i = pk_sample_incident();
    i.is_severity_set = i.is_announced = false;
    i.silenced_by = i.blast_count = i.child_count = 0;
    i.acked_by[0] = '\0';
    i.ack_until = i.stage_since = (struct pk_stamp){0};
    memset(i.stage_ms, 0, sizeof i.stage_ms);
    pk_escalation_reset(&i);
    const uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    bytes[1] = 1;
    CHECK_EQ_INT(unpack(n - ADDED_BYTES), PK_OK);
    CHECK(back.is_announced && back.is_acked);
    CHECK_STR(back.root_cause, i.root_cause);
    CHECK_EQ_U64(back.child_count, 0);
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
}

PK_TEST(record_incident__of_version_2__nobody_was_called) {
    struct pk_incident i = pk_sample_incident();
    pk_escalation_reset(&i);
    const uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    bytes[1] = 2;
    CHECK_EQ_INT(unpack(n - 4), PK_OK);
    CHECK_EQ_U64(back.stage_ms[1], i.stage_ms[1]);
    CHECK_EQ_INT(back.escalation_tier, 0);
}

PK_TEST(record_incident__escalation__comes_back_or_is_refused) {
    struct pk_incident i = pk_sample_incident();
    i.escalate_due = (struct pk_stamp){7, 99000, 1790000099000, PK_TIME_HUB};
    uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    CHECK_EQ_INT(unpack(n), PK_OK);
    CHECK_EQ_INT(back.escalation_tier, 1);
    CHECK_EQ_INT(back.escalation_reason, PK_ESC_RESPONSE);
    CHECK_EQ_U64(back.escalated.mono_ms, 31250);
    CHECK_EQ_U64(back.escalate_due.mono_ms, 99000);
    static const uint8_t BAD[][2] = {{10, 1}, {1, PK_ESC_REASON_COUNT}, {0, 1}, {1, 0}};
    for (size_t k = 0; k < sizeof BAD / sizeof BAD[0]; k++) {
        i.escalation_tier = BAD[k][0];
        i.escalation_reason = BAD[k][1];
        n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
        CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
    }
}

/* Earlier software reads all but these. */
PK_TEST(record_incident__owes_its_newest_state__is_of_version_4) {
    struct pk_incident i = pk_sample_incident();
    const uint32_t plain = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    CHECK_EQ_INT(bytes[1], 3);
    CHECK_EQ_INT(unpack(plain), PK_OK);
    CHECK(!back.owes_report);
    i.owes_report = true;
    CHECK_EQ_U64(pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES), plain);
    CHECK_EQ_INT(bytes[1], 4);
    CHECK_EQ_INT(unpack(plain), PK_OK);
    CHECK(back.owes_report && back.is_announced && !back.is_auto_resolved);
    CHECK_EQ_INT(back.escalation_tier, 1);
    bytes[1] = 3;
    CHECK_EQ_INT(unpack(plain), PK_E_BAD_MSG);
}

PK_TEST(record_incident__cut_or_longer_or_foreign__is_refused) {
    const struct pk_incident i = pk_sample_fullest();
    const uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(unpack(k), PK_E_BAD_MSG);
    }
    bytes[n] = 0;
    CHECK_EQ_INT(unpack(n + 1), PK_E_BAD_MSG);
    bytes[1] = 5;
    CHECK_EQ_INT(unpack(n), PK_E_UNSUPPORTED);
    bytes[1] = 4; /* which owes its newest state */
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
    bytes[1] = 0;
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
    bytes[1] = 1; /* which had less */
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
    bytes[1] = 2; /* and this, less */
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
    bytes[1] = 3;
    bytes[0] = 2;
    CHECK_EQ_INT(unpack(n), PK_E_BAD_MSG);
}

PK_TEST(record_incident__any_flipped_bit__is_taken_or_refused_but_never_out_of_bounds) {
    const struct pk_incident i = pk_sample_fullest();
    const uint32_t n = pk_record_incident_pack(&i, bytes, PK_STORE_VALUE_BYTES);
    uint32_t refused = 0;
    for (uint32_t bit = 0; bit < n * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const int err = unpack(n);
        refused += err != PK_OK ? 1u : 0u;
        CHECK(err != PK_OK || (back.status < PK_INC_STATUS_COUNT && back.action_count <= PK_INC_ACTIONS &&
                               memchr(back.title, 0, sizeof back.title) != NULL));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(refused > 100);
}

PK_TEST_MAIN(record_incident__owes_its_newest_state__is_of_version_4,
             record_incident__of_version_2__nobody_was_called,
             record_incident__escalation__comes_back_or_is_refused, record_incident__of_version_1__is_read,
             record_incident__fits__comes_back_byte_for_byte,
             record_incident__fullest__gives_way_in_order_and_counts,
             record_incident__what_remains_of_actions__is_the_newest,
             record_incident__cut_or_longer_or_foreign__is_refused,
             record_incident__any_flipped_bit__is_taken_or_refused_but_never_out_of_bounds)
