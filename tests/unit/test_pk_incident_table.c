#include "incident/pk_incident_table.h"

#include "incident/pk_incidents.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

static struct pk_incidents t;
static struct pk_stamp now;

static void fresh(void) {
    struct pk_incidents_settings s;
    pk_incidents_settings_defaults(&s);
    now = (struct pk_stamp){.boot = 1, .mono_ms = 100};
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), 1, &s);
}

static uint32_t put(uint32_t number, uint64_t fingerprint, uint8_t status) {
    const uint32_t slot = pk_incident_table_take(&t, PK_SEV_CRITICAL, true);
    CHECK(slot != PK_INCIDENT_NO_SLOT);
    t.slots[slot].incident.number = number;
    t.slots[slot].incident.fingerprint = fingerprint;
    t.slots[slot].incident.status = status;
    t.slots[slot].incident.detected = now;
    pk_incident_table_enter(&t, slot);
    return slot;
}

PK_TEST(match__newest_of_the_fingerprint_also_in_one_chain) {
    fresh();
    const uint32_t a = put(1, 5, PK_INC_RESOLVED);
    const uint32_t b = put(2, 5, PK_INC_RESOLVED);
    const uint32_t c = put(3, 5 + PK_INCIDENT_BUCKETS, PK_INC_DETECTED);
    CHECK_EQ_U64(pk_incident_table_match(&t, 5, false), b);
    CHECK_EQ_U64(pk_incident_table_match(&t, 5, true), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incident_table_match(&t, 5 + PK_INCIDENT_BUCKETS, true), c);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 1), a);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 0), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 9), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.open_count, 1);
}

PK_TEST(take__closed_go_before_resolved_and_the_oldest_first) {
    fresh();
    for (uint32_t n = 1; n <= PK_LIMIT_INCIDENTS; n++) {
        (void)put(n, n, n == 7 || n == 9 ? PK_INC_CLOSED : n == 3 ? PK_INC_RESOLVED : PK_INC_DETECTED);
    }
    (void)put(1000, 1000, PK_INC_DETECTED);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 7), PK_INCIDENT_NO_SLOT);
    (void)put(1001, 1001, PK_INC_DETECTED);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 9), PK_INCIDENT_NO_SLOT);
    (void)put(1002, 1002, PK_INC_DETECTED);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 3), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incident_table_take(&t, PK_SEV_CRITICAL, true), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.removed_count, 3);
    CHECK_EQ_U64(t.high_count, PK_LIMIT_INCIDENTS);
}

PK_TEST(retire__by_age_then_by_count__never_open_or_unstored) {
    enum { HOUR_MS = 3600000 };
    fresh();
    for (uint32_t n = 1; n <= 10; n++) {
        const uint32_t slot = put(n, n, n == 4 ? PK_INC_DETECTED : n == 6 ? PK_INC_CLOSED : PK_INC_RESOLVED);
        t.slots[slot].incident.resolved = (struct pk_stamp){.boot = 1, .mono_ms = n * HOUR_MS};
        if (n == 6) {
            t.slots[slot].incident.closed = (struct pk_stamp){.boot = 1, .mono_ms = 9 * HOUR_MS};
        }
    }
    t.change_kinds[pk_incident_table_slot(&t, 2)] = PK_INC_CHANGED_STATUS; /* its last word is not stored */
    now.mono_ms = 12 * HOUR_MS;
    CHECK_EQ_U64(pk_incidents_retire(&t, 0, 0, 100, &now), 0);
    CHECK_EQ_U64(pk_incidents_retire(&t, 12 * HOUR_MS, 0, 100, &now), 0);
    CHECK_EQ_U64(pk_incidents_retire(&t, 7 * HOUR_MS, 0, 1, &now), 1); /* so many a call */
    CHECK_EQ_U64(pk_incident_table_slot(&t, 1), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incidents_retire(&t, 7 * HOUR_MS, 0, 100, &now), 2); /* 3 and 5; 6 was closed later */
    CHECK(pk_incident_table_slot(&t, 2) != PK_INCIDENT_NO_SLOT);
    CHECK(pk_incident_table_slot(&t, 4) != PK_INCIDENT_NO_SLOT);
    CHECK(pk_incident_table_slot(&t, 6) != PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.used_count, 7);
    CHECK_EQ_U64(pk_incidents_retire(&t, 0, 4, 100, &now), 2); /* of six that ended; 6 is closed, then 7 */
    CHECK_EQ_U64(pk_incident_table_slot(&t, 6), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incident_table_slot(&t, 7), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 1, 100, &now), 3); /* all but the open one and the unstored */
    CHECK_EQ_U64(t.used_count, 2);
    CHECK_EQ_U64(t.open_count, 1);
    CHECK_EQ_U64(t.removed_count, 8);
}

PK_TEST(retire__another_boot_without_a_clock__is_kept) {
    fresh();
    const uint32_t slot = put(1, 1, PK_INC_RESOLVED);
    t.slots[slot].incident.resolved = (struct pk_stamp){.boot = 1, .mono_ms = 1};
    now = (struct pk_stamp){.boot = 2, .mono_ms = UINT32_MAX};
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 0, 100, &now), 0);
    t.slots[slot].incident.resolved.wall_ms = 1000;
    now.wall_ms = 1700000000000; /* set now, and was not then: no age */
    now.quality = PK_TIME_NTP;
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 0, 100, &now), 0);
    t.slots[slot].incident.resolved.quality = PK_TIME_NTP;
    now.wall_ms = 900; /* a clock that went back */
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 0, 100, &now), 0);
    now.wall_ms = 5000;
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 0, 100, &now), 1);
}

/* The severe may fill it beyond what the others may: then as many have to go as it takes. */
PK_TEST(take__where_severe_ones_took_the_room__ended_ones_make_it) {
    fresh();
    for (uint32_t n = 1; n <= PK_LIMIT_INCIDENTS; n++) {
        (void)put(n, n, PK_INC_RESOLVED);
    }
    CHECK(pk_incident_table_take(&t, PK_SEV_LOW, true) != PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.used_count, PK_LIMIT_INCIDENTS * 3u / 4u - 1u);
    CHECK_EQ_U64(pk_incident_table_slot(&t, PK_LIMIT_INCIDENTS / 4u + 1u), PK_INCIDENT_NO_SLOT);
    CHECK(pk_incident_table_slot(&t, PK_LIMIT_INCIDENTS / 4u + 2u) != PK_INCIDENT_NO_SLOT);
}

PK_TEST(retire_and_take__what_is_owed_to_the_hub__goes_after_all_else_and_is_told) {
    uint8_t severity = 0;
    fresh();
    for (uint32_t n = 1; n <= PK_LIMIT_INCIDENTS; n++) {
        const uint32_t slot = put(n, n, n <= 2 ? PK_INC_CLOSED : n <= 4 ? PK_INC_RESOLVED : PK_INC_DETECTED);
        t.slots[slot].incident.resolved = now;
        t.slots[slot].incident.severity = n == 1 ? PK_SEV_HIGH : PK_SEV_LOW;
    }
    pk_incidents_owe(&t, 1, true);
    pk_incidents_owe(&t, 3, true);
    pk_incidents_owe(&t, 3, true);
    CHECK_EQ_U64(t.owed_count, 2);
    now.mono_ms += 3600000;
    CHECK_EQ_U64(pk_incidents_retire(&t, 1000, 1, 100, &now), 2); /* 2 and 4 */
    CHECK_EQ_U64(t.owed_count, 2);
    CHECK_EQ_INT(pk_incidents_next_owed_lost(&t, &severity), PK_E_NOT_FOUND);
    (void)put(1000, 1000, PK_INC_DETECTED);
    (void)put(1001, 1001, PK_INC_DETECTED);
    CHECK_EQ_U64(pk_incident_table_take(&t, PK_SEV_CRITICAL, false), PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.owed_count, 2);
    (void)put(1002, 1002, PK_INC_DETECTED); /* nothing else is left */
    CHECK_EQ_U64(pk_incident_table_slot(&t, 1), PK_INCIDENT_NO_SLOT);
    CHECK(pk_incident_table_slot(&t, 3) != PK_INCIDENT_NO_SLOT);
    CHECK_EQ_U64(t.owed_count, 1);
    CHECK_EQ_INT(pk_incidents_next_owed_lost(&t, &severity), PK_OK);
    CHECK_EQ_INT(severity, PK_SEV_HIGH);
    CHECK_EQ_INT(pk_incidents_next_owed_lost(&t, &severity), PK_E_NOT_FOUND);
    pk_incidents_owe(&t, 3, false);
    (void)put(1003, 1003, PK_INC_DETECTED);
    CHECK_EQ_U64(t.owed_count, 0);
    CHECK_EQ_INT(pk_incidents_next_owed_lost(&t, &severity), PK_E_NOT_FOUND);
}

PK_TEST(move__illegal_changes_nothing) {
    uint32_t kinds = 0;
    fresh();
    const uint32_t slot = put(1, 1, PK_INC_CLOSED);
    CHECK_EQ_INT(
        pk_incident_table_move(&t, slot, PK_INC_ON_FIRED, PK_TL_BY_DETECT, pk_str_of(""), &now, &kinds),
        PK_E_CONFLICT);
    CHECK_EQ_INT(t.slots[slot].incident.status, PK_INC_CLOSED);
    CHECK_EQ_U64(kinds, 0);
    CHECK_EQ_U64(t.timeline.count, 0);
}

PK_TEST(move__reopened_takes_its_sample_back_even_after_a_clock_correction) {
    uint32_t kinds = 0;
    fresh();
    const uint32_t slot = put(1, 1, PK_INC_DETECTED);
    t.slots[slot].incident.detected = (struct pk_stamp){.boot = 0, .mono_ms = 50, .wall_ms = 1000};
    now.wall_ms = 5000;
    CHECK_EQ_INT(pk_incident_table_move(&t, slot, PK_INC_ON_SET_RESOLVED, PK_TL_BY_OPERATOR, pk_str_of("x"),
                                        &now, &kinds),
                 PK_OK);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].sum_ms, 4000);
    t.slots[slot].incident.resolved.wall_ms = 900000;
    CHECK_EQ_INT(
        pk_incident_table_move(&t, slot, PK_INC_ON_FIRED, PK_TL_BY_DETECT, pk_str_of("x"), &now, &kinds),
        PK_OK);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].count + t.metrics.metric[PK_MTTR].sum_ms, 0);
    CHECK_EQ_U64(t.metrics.reopened_count, 1);
    CHECK_EQ_U64(t.open_count, 1);
}

PK_TEST(touch__revision_and_kinds_add_up) {
    fresh();
    const uint32_t slot = put(1, 1, PK_INC_DETECTED);
    pk_incident_table_touch(&t, slot, PK_INC_CHANGED_NOTE);
    pk_incident_table_touch(&t, slot, PK_INC_CHANGED_ACK);
    CHECK_EQ_U64(t.slots[slot].incident.rev, 2);
    CHECK_EQ_U64(t.change_kinds[slot], PK_INC_CHANGED_NOTE | PK_INC_CHANGED_ACK);
    CHECK_EQ_U64(t.changed_count, 1);
}

PK_TEST_MAIN(retire_and_take__what_is_owed_to_the_hub__goes_after_all_else_and_is_told,
             retire__by_age_then_by_count__never_open_or_unstored,
             retire__another_boot_without_a_clock__is_kept,
             match__newest_of_the_fingerprint_also_in_one_chain,
             take__where_severe_ones_took_the_room__ended_ones_make_it,
             take__closed_go_before_resolved_and_the_oldest_first, move__illegal_changes_nothing,
             move__reopened_takes_its_sample_back_even_after_a_clock_correction,
             touch__revision_and_kinds_add_up)
