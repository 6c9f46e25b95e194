#include "incident/pk_incidents.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_rng.h"
#include "incident/pk_incident_people.h"
#include "incident/pk_incident_record.h"
#include "incident/pk_incident_words.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

static struct pk_incidents t;
static struct pk_stamp now;
static uint32_t kinds;

static void fresh(void) {
    struct pk_incidents_settings s;
    pk_incidents_settings_defaults(&s);
    now = (struct pk_stamp){.boot = 4, .mono_ms = 10000, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), now.boot, &s);
}

static void pass(uint64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
}

static struct pk_incident_signal signal_for(const char *rule, const char *group, uint8_t kind,
                                            uint8_t severity, uint32_t count) {
    struct pk_incident_signal s = {.rule_id = pk_str_of(rule),
                                   .group_key = pk_str_of(group),
                                   .type = pk_str_of("error_burst"),
                                   .component = pk_str_of(group),
                                   .kind = kind,
                                   .severity = severity,
                                   .event_count = count,
                                   .event_ref_count = 1};
    s.first_event = now;
    s.first_event.mono_ms -= 250;
    s.event_refs[0] = (struct pk_incident_event_ref){.boot = 4, .sequence = count};
    return s;
}

static int64_t fire(const char *group, uint8_t kind, uint8_t severity, uint32_t count) {
    const struct pk_incident_signal s = signal_for("r1", group, kind, severity, count);
    return pk_incidents_signal(&t, &s, &now, &kinds);
}

static void drain(void) {
    struct pk_incident_change c;
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
    }
}

static const struct pk_incident_actor ANN = {.source = PK_TL_BY_OPERATOR, .name = {"ann", 3}};

PK_TEST(signal__events_that_are_counted_and_not_named__are_the_overflow) {
    fresh();
    struct pk_incident_signal s = signal_for("r1", "api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 10);
    for (uint32_t k = 0; k < PK_INC_SOURCE_EVENTS; k++) {
        s.event_refs[k] = (struct pk_incident_event_ref){.boot = 4, .sequence = 3 + k};
    }
    s.event_ref_count = PK_INC_SOURCE_EVENTS;
    CHECK_EQ_INT(pk_incidents_signal(&t, &s, &now, &kinds), 1);
    const struct pk_incident *i = pk_incidents_get(&t, 1);
    REQUIRE(i != NULL);
    CHECK_EQ_U64(i->source_event_count, 8);
    CHECK_EQ_U64(i->source_events_overflow, 2);
    s.kind = PK_SIGNAL_STILL;
    s.event_count = 15;
    s.event_refs[0].sequence = 15;
    s.event_ref_count = 1;
    CHECK_EQ_INT(pk_incidents_signal(&t, &s, &now, &kinds), 1);
    CHECK_EQ_U64(i->event_count, 15);
    CHECK_EQ_U64(i->source_events_overflow, 7);
    /* Silence has no events: nothing is left out. */
    s = signal_for("r2", "press", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    s.event_ref_count = 0;
    CHECK_EQ_INT(pk_incidents_signal(&t, &s, &now, &kinds), 2);
    CHECK_EQ_U64(pk_incidents_get(&t, 2)->source_events_overflow, 0);
}

PK_TEST(signal__opens_with_id_title_and_times) {
    struct pk_incident_change c;
    fresh();
    CHECK_EQ_INT(fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 10), 1);
    CHECK_EQ_U64(kinds, PK_INC_CHANGED_CREATED);
    const struct pk_incident *i = pk_incidents_get(&t, 1);
    REQUIRE(i != NULL);
    CHECK_STR(i->id, "inc_gw_4_00001");
    CHECK_STR(i->title, "[high] Error burst on api");
    CHECK_EQ_INT(i->status, PK_INC_DETECTED);
    CHECK_EQ_U64(i->rev, 1);
    CHECK_EQ_U64(i->event_count, 10);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTD].sum_ms, 250);
    CHECK_EQ_INT(pk_incidents_next_change(&t, &c), PK_OK);
    CHECK_EQ_U64(c.number, 1);
    CHECK(c.incident == i);
    CHECK_EQ_INT(pk_incidents_next_change(&t, &c), PK_E_NOT_FOUND);
    CHECK(!pk_incidents_has_changes(&t));
    pk_incidents_put_back(&t, &(struct pk_incident_change){.number = 1, .kinds = PK_INC_CHANGED_CREATED});
    CHECK(pk_incidents_has_changes(&t));
}

static int64_t fire_drill(uint8_t kind) {
    struct pk_incident_signal s = signal_for("fire_drill", "drill", kind, PK_SEV_CRITICAL, 1);
    s.is_drill = true;
    return pk_incidents_signal(&t, &s, &now, &kinds);
}

/* Opened, joined, resolved, back again, another one, called false: no figure and no card hears of it. */
PK_TEST(drill__is_in_no_figure_but_its_own) {
    uint32_t by_status[PK_INC_STATUS_COUNT], by_severity[PK_SEV_COUNT];
    fresh();
    CHECK_EQ_INT(fire_drill(PK_SIGNAL_FIRED), 1);
    CHECK_EQ_INT(fire_drill(PK_SIGNAL_FIRED), 1);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_OK);
    pass(5000);
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("fire_drill"), pk_str_of("drill"), 0, &now), 1);
    const struct pk_incident *i = pk_incidents_get(&t, 1);
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    pass(1000);
    CHECK_EQ_INT(fire_drill(PK_SIGNAL_FIRED), 1); /* within the flap window */
    CHECK(pk_incident_status_is_active(i->status));
    pk_incidents_count(&t, by_status, by_severity);
    CHECK_EQ_U64(by_status[i->status] + by_severity[PK_SEV_CRITICAL], 0);
    pk_incidents_count_active(&t, by_severity);
    CHECK_EQ_U64(by_severity[PK_SEV_CRITICAL], 0);
    pass(5000);
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("fire_drill"), pk_str_of("drill"), 0, &now), 1);
    pass(24u * 3600000u);
    CHECK_EQ_INT(fire_drill(PK_SIGNAL_FIRED), 2);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 2, PK_INC_FALSE_POSITIVE, PK_STAGE_COUNT, ANN, &now), PK_OK);
    const struct pk_incident_metrics own = {.drill_count = 2};
    CHECK(memcmp(&t.metrics, &own, sizeof own) == 0);
    CHECK_EQ_U64(t.cards.count, 0);
    uint64_t ms = 0;
    CHECK(pk_incident_duration_ms(i, PK_MTTR, &ms)); /* its own record has its times */
    CHECK(!pk_incidents_mttf_ms(&t, 2, &ms));
}

PK_TEST(signal__open_fingerprint_absorbs_and_tells_when_the_count_doubled) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 10);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 15), 1);
    CHECK_EQ_U64(kinds, 0);
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->event_count, 15);
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->rev, 1);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 20), 1);
    CHECK_EQ_U64(kinds, PK_INC_CHANGED_EVENTS);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 3), 1);
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->event_count, 23);
    CHECK_EQ_INT(fire("db", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 2);
    CHECK_EQ_U64(t.open_count, 2);
}

PK_TEST(signal__severity_rises_and_never_falls) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_MEDIUM, 1);
    (void)fire("api", PK_SIGNAL_RAISED, PK_SEV_CRITICAL, 1);
    CHECK_EQ_U64(kinds, PK_INC_CHANGED_SEVERITY);
    CHECK_STR(pk_incidents_get(&t, 1)->title, "[critical] Error burst on api");
    (void)fire("api", PK_SIGNAL_STILL, PK_SEV_LOW, 1);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->severity, PK_SEV_CRITICAL);
}

PK_TEST(cleared__recovers_and_resolves) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    pass(5000);
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now), 1);
    const struct pk_incident *i = pk_incidents_get(&t, 1);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK_EQ_INT(i->stage, PK_STAGE_POSTMORTEM);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].sum_ms, 5000);
    CHECK_EQ_U64(t.metrics.auto_resolved_count, 1);
    CHECK_EQ_U64(t.open_count, 0);
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now), PK_E_NOT_FOUND);
}

PK_TEST(cleared__waits_the_recovery_time_and_a_relapse_starts_over) {
    struct pk_incidents_settings s;
    fresh();
    pk_incidents_settings_defaults(&s);
    s.recover_ms = 60000;
    pk_incidents_configure(&t, &s);
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATED);
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), now.mono_ms + 60000);
    pass(30000);
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_INVESTIGATING);
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->flap_count, 1);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
    pass(59999);
    (void)pk_incidents_tick(&t, &now);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATED);
    pass(1);
    (void)pk_incidents_tick(&t, &now);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_RESOLVED);
}

/* The rule knows better how soon its trouble is over; it never makes people wait longer than the settings do.
 */
PK_TEST(cleared__a_rule_may_shorten_the_recovery_time_only) {
    static const struct {
        uint32_t settings_ms, rule_ms, expected_ms;
    } CASES[] = {{300000, 0, 300000}, {300000, 60000, 60000}, {30000, 60000, 30000}};
    for (uint32_t k = 0; k < (uint32_t)(sizeof CASES / sizeof CASES[0]); k++) {
        struct pk_incidents_settings settings;
        uint32_t seen = 0;
        fresh();
        pk_incidents_settings_defaults(&settings);
        settings.recover_ms = CASES[k].settings_ms;
        pk_incidents_configure(&t, &settings);
        struct pk_incident_signal s = {.rule_id = pk_str_of("r1"),
                                       .group_key = pk_str_of("api"),
                                       .type = pk_str_of("service_down"),
                                       .component = pk_str_of("api"),
                                       .kind = PK_SIGNAL_FIRED,
                                       .severity = PK_SEV_CRITICAL,
                                       .event_count = 1,
                                       .recover_ms = CASES[k].rule_ms};
        CHECK_EQ_INT(pk_incidents_signal(&t, &s, &now, &seen), 1);
        CHECK_EQ_INT(pk_incidents_cleared(&t, s.rule_id, s.group_key, 0, &now), 1);
        pass(CASES[k].expected_ms - 1);
        (void)pk_incidents_tick(&t, &now);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATED);
        pass(1);
        (void)pk_incidents_tick(&t, &now);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_RESOLVED);
    }
}

/* Found by the simulation, seed 10014: it stayed open for ever. */
PK_TEST(cleared__an_action_on_what_is_clear_already__does_not_keep_it_open) {
    for (uint32_t ok = 0; ok < 2; ok++) {
        struct pk_incidents_settings s;
        fresh();
        pk_incidents_settings_defaults(&s);
        s.recover_ms = 60000;
        pk_incidents_configure(&t, &s);
        (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
        (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
        pass(50000);
        struct pk_incident_action a = {.run = 1, .state = PK_RUN_EXECUTING};
        CHECK_EQ_INT(pk_incidents_set_action(&t, 1, &a, true, &now), PK_OK);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATING);
        pass(50000);
        (void)pk_incidents_tick(&t, &now);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATING);
        a.state = ok == 1 ? PK_RUN_COMPLETED : PK_RUN_FAILED;
        CHECK_EQ_INT(pk_incidents_set_action(&t, 1, &a, true, &now), PK_OK);
        pass(59999);
        (void)pk_incidents_tick(&t, &now);
        CHECK(pk_incident_status_is_active(pk_incidents_get(&t, 1)->status));
        pass(1);
        (void)pk_incidents_tick(&t, &now);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_RESOLVED);
    }
}

PK_TEST(still__takes_mitigated_back_only_after_the_grace) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    pass(119999);
    (void)fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 1);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_MITIGATED);
    pass(1);
    (void)fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 1);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->status, PK_INC_INVESTIGATING);
}

PK_TEST(flap__reopens_within_the_window_and_counts) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    for (uint32_t k = 1; k <= 3; k++) {
        (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
        CHECK_EQ_U64(t.metrics.metric[PK_MTTR].count, 1);
        pass(600000);
        CHECK_EQ_INT(fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 1);
        CHECK_EQ_U64(t.metrics.metric[PK_MTTR].count, 0);
        CHECK_EQ_U64(pk_incidents_get(&t, 1)->flap_count, k);
        CHECK_EQ_INT(pk_incidents_get(&t, 1)->is_flapping, k >= 3);
    }
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
    pass(600001);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 2);
    uint64_t ms = 0;
    CHECK(pk_incidents_mttf_ms(&t, 2, &ms));
    CHECK_EQ_U64(ms, 600001);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTF].count, 1);
}

PK_TEST(ended_by_a_person__a_rule_that_goes_on_is_stale) {
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_FALSE_POSITIVE, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 2), PK_E_STALE);
    CHECK_EQ_INT(fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 2), 2);
    CHECK_EQ_U64(t.metrics.false_positive_count, 1);
}

PK_TEST(full__room_is_kept_for_the_severe_and_open_ones_never_go) {
    char group[16];
    struct pk_incident_drop drop;
    struct pk_incident_change c;
    bool was_removed = false;
    fresh();
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        (void)snprintf(group, sizeof group, "low%u", k);
        CHECK_EQ_INT(fire(group, PK_SIGNAL_FIRED, PK_SEV_LOW, 1) > 0, k < PK_LIMIT_INCIDENTS * 3u / 4u);
    }
    CHECK_EQ_U64(t.dropped_by_severity[PK_SEV_LOW], PK_LIMIT_INCIDENTS / 4u);
    for (uint32_t k = 0; k < 3; k++) { /* different ones, and nothing asks in between */
        (void)snprintf(group, sizeof group, "info%u", k);
        CHECK_EQ_INT(fire(group, PK_SIGNAL_FIRED, PK_SEV_INFO, 1), PK_E_FULL);
    }
    struct pk_incident_signal again = signal_for("r1", "another", PK_SIGNAL_FIRED, PK_SEV_LOW, 1);
    again.was_dropped = true;
    CHECK_EQ_INT(pk_incidents_signal(&t, &again, &now, &kinds), PK_E_FULL);
    CHECK_EQ_U64(t.dropped_by_severity[PK_SEV_LOW], PK_LIMIT_INCIDENTS / 4u);
    CHECK_EQ_INT(pk_incidents_next_drop(&t, &drop), PK_OK);
    CHECK_STR(drop.rule_id, "r1");
    CHECK_EQ_U64(drop.count, PK_LIMIT_INCIDENTS / 4u + 3u);
    CHECK_EQ_U64(drop.by_severity[PK_SEV_LOW], PK_LIMIT_INCIDENTS / 4u);
    CHECK_EQ_U64(drop.by_severity[PK_SEV_INFO], 3);
    CHECK_EQ_U64(drop.by_severity[PK_SEV_CRITICAL], 0);
    CHECK_EQ_INT(pk_incidents_next_drop(&t, &drop), PK_E_NOT_FOUND);
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        (void)snprintf(group, sizeof group, "crit%u", k);
        CHECK_EQ_INT(fire(group, PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1) > 0, k < PK_LIMIT_INCIDENTS / 4u);
    }
    CHECK_EQ_U64(t.used_count, PK_LIMIT_INCIDENTS);
    /* Resolved, but its last change was not pulled: stays. */
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("low3"), 0, &now);
    CHECK_EQ_INT(fire("more", PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1), PK_E_FULL);
    drain();
    CHECK(fire("more", PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1) > 0);
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
        was_removed |= (c.kinds & PK_INC_CHANGED_REMOVED) != 0 && c.number == 4 && c.incident == NULL;
    }
    CHECK(was_removed);
    CHECK(pk_incidents_get(&t, 4) == NULL);
    CHECK_EQ_U64(t.open_count, PK_LIMIT_INCIDENTS);
}

PK_TEST(change_of_one__is_pulled_alone_and_once) {
    struct pk_incident_change c;
    fresh();
    CHECK_EQ_INT(fire("one", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 1);
    CHECK_EQ_INT(fire("two", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 2);
    CHECK_EQ_INT(pk_incidents_next_change_of(&t, 3, &c), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_next_change_of(&t, 2, &c), PK_OK);
    CHECK_EQ_U64(c.number, 2);
    CHECK(c.kinds == PK_INC_CHANGED_CREATED && c.incident == pk_incidents_get(&t, 2));
    CHECK_EQ_INT(pk_incidents_next_change_of(&t, 2, &c), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_next_change(&t, &c), PK_OK);
    CHECK_EQ_U64(c.number, 1);
    CHECK(!pk_incidents_has_changes(&t));
}

PK_TEST(full__what_is_over_and_is_named_as_a_cause_again__makes_room_all_the_same) {
    char group[16];
    struct pk_incident_change c;
    fresh();
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        (void)snprintf(group, sizeof group, "crit%u", k);
        CHECK(fire(group, PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1) > 0);
    }
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("crit0"), 0, &now), 1);
    CHECK_EQ_INT(pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("crit1"), 0, &now), 2);
    drain();
    pk_incident_table_touch(&t, 0, PK_INC_CHANGED_CAUSE); /* it has one more consequence */
    pk_incident_table_touch(&t, 1, PK_INC_CHANGED_NOTE);  /* and here is a word that nobody has stored */
    CHECK_EQ_INT(fire("more", PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1), (int64_t)PK_LIMIT_INCIDENTS + 1);
    CHECK(pk_incidents_get(&t, 1) == NULL);
    CHECK_EQ_INT(fire("still more", PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1), PK_E_FULL);
    uint32_t seen = 0;
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
        seen |= c.number == 1 ? 1u : c.number == 2 ? 2u : c.number == PK_LIMIT_INCIDENTS + 1u ? 4u : 8u;
        CHECK((c.number == 1) == (c.incident == NULL));
    }
    CHECK_EQ_U64(seen, 7);
    CHECK_EQ_U64(t.changed_count, 0);
    CHECK(fire("still more", PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1) > 0);
}

PK_TEST(restore__open_ones_wait_for_their_rule_and_numbers_go_on) {
    static struct pk_incident stored[2];
    uint32_t cursor = 0;
    struct pk_incidents_settings s;
    fresh();
    (void)fire("api", PK_SIGNAL_FIRED, PK_SEV_HIGH, 5);
    (void)fire("db", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("db"), 0, &now);
    stored[0] = *pk_incidents_get(&t, 1);
    stored[1] = *pk_incidents_get(&t, 2);
    pk_incidents_settings_defaults(&s);
    now.boot = 5;
    now.mono_ms = 100;
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), 5, &s);
    CHECK_EQ_INT(pk_incidents_restore(&t, &stored[0], &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_restore(&t, &stored[0], &now), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_incidents_restore(&t, &stored[1], &now), PK_OK);
    stored[1].status = 77;
    CHECK_EQ_INT(pk_incidents_restore(&t, &stored[1], &now), PK_E_BAD_FIELD);
    const struct pk_incident *i = pk_incidents_next_unconfirmed(&t, &cursor);
    REQUIRE(i != NULL);
    CHECK_EQ_U64(i->number, 1);
    CHECK(pk_incidents_next_unconfirmed(&t, &cursor) == NULL);
    CHECK(!pk_incidents_has_changes(&t));
    CHECK_EQ_INT(fire("api", PK_SIGNAL_STILL, PK_SEV_HIGH, 1), 1);
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->event_count, 6);
    cursor = 0;
    CHECK(pk_incidents_next_unconfirmed(&t, &cursor) == NULL);
    pk_incidents_set_next_number(&t, 50);
    CHECK_EQ_INT(fire("new", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 50);
    CHECK_STR(pk_incidents_get(&t, 50)->id, "inc_gw_5_00050");
    pass(3000);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("api"), 0, &now);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].count, 1);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].sum_ms, 3000);
}

PK_TEST(owed__restored__gives_no_place_away_and_is_a_change_when_there_is_room) {
    enum { OWED = PK_LIMIT_INCIDENTS * 7 / 8 }; /* low ones, which have room in three quarters of the table */
    static struct pk_incident stored[PK_LIMIT_INCIDENTS];
    struct pk_incidents_settings s;
    struct pk_incident_change c;
    char group[16];
    uint8_t severity = 0;
    fresh();
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        (void)snprintf(group, sizeof group, "g%u", k);
        CHECK(fire(group, PK_SIGNAL_FIRED, PK_SEV_CRITICAL, 1) > 0);
        (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of(group), 0, &now);
        stored[k] = *pk_incidents_get(&t, k + 1u);
        stored[k].severity = PK_SEV_LOW;
        stored[k].owes_report = k >= PK_LIMIT_INCIDENTS - OWED;
    }
    pk_incidents_settings_defaults(&s);
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), 5, &s);
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        CHECK_EQ_INT(pk_incidents_restore(&t, &stored[k], &now), PK_OK);
    }
    CHECK_EQ_U64(t.owed_count, OWED);
    drain();
    stored[0].number = PK_LIMIT_INCIDENTS + 1u;
    (void)snprintf(stored[0].id, sizeof stored[0].id, "inc_gw_4_%05u", PK_LIMIT_INCIDENTS + 1u);
    while (pk_incidents_restore(&t, &stored[0], &now) == PK_OK) { /* until there is nothing else to let go */
        stored[0].number++;
        (void)snprintf(stored[0].id, sizeof stored[0].id, "inc_gw_4_%05u", stored[0].number);
        REQUIRE(stored[0].number < 2u * PK_LIMIT_INCIDENTS);
    }
    CHECK_EQ_U64(t.owed_count, OWED);
    CHECK_EQ_INT(pk_incidents_next_owed_lost(&t, &severity), PK_E_NOT_FOUND);
    drain();
    pk_incidents_bring_owed(&t, 0);
    CHECK(!pk_incidents_has_changes(&t));
    pk_incidents_bring_owed(&t, 3);
    CHECK_EQ_U64(t.changed_count, 3);
    pk_incidents_bring_owed(&t, 2); /* not one of them again */
    CHECK_EQ_U64(t.changed_count, 5);
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
        CHECK_EQ_U64(c.kinds, PK_INC_CHANGED_OWED);
        CHECK(c.incident->owes_report);
        CHECK_EQ_U64(c.incident->rev, stored[c.number - 1u].rev + 1u);
        pk_incidents_owe(&t, c.number, false);
    }
    pk_incidents_bring_owed(&t, UINT32_MAX);
    CHECK_EQ_U64(t.changed_count, OWED - 5u);
    CHECK_EQ_U64(t.owed_count, OWED - 5u);
}

PK_TEST(find_next_and_count) {
    const struct pk_incident *i = NULL;
    uint32_t below = UINT32_MAX, by_status[PK_INC_STATUS_COUNT], by_severity[PK_SEV_COUNT], active = 0;
    fresh();
    (void)fire("a", PK_SIGNAL_FIRED, PK_SEV_LOW, 1);
    (void)fire("b", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)fire("c", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("b"), 0, &now);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("inc_00002"), &i), PK_OK);
    CHECK_EQ_U64(i->number, 2);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("inc_gw_4_00002"), &i), PK_OK);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("inc_gw_3_00002"), &i), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("inc_other_4_00002"), &i), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("inc_00009"), &i), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_find(&t, pk_str_of("../1"), &i), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("active"), &active), PK_OK);
    i = pk_incidents_next(&t, active, PK_SEV_INFO, &below);
    CHECK(i != NULL && i->number == 3);
    i = pk_incidents_next(&t, active, PK_SEV_INFO, &below);
    CHECK(i != NULL && i->number == 1);
    CHECK(pk_incidents_next(&t, active, PK_SEV_INFO, &below) == NULL);
    below = UINT32_MAX;
    (void)pk_incidents_next(&t, active, PK_SEV_HIGH, &below);
    CHECK(pk_incidents_next(&t, active, PK_SEV_HIGH, &below) == NULL);
    pk_incidents_count(&t, by_status, by_severity);
    CHECK_EQ_U64(by_status[PK_INC_DETECTED], 2);
    CHECK_EQ_U64(by_status[PK_INC_RESOLVED], 1);
    CHECK_EQ_U64(by_severity[PK_SEV_HIGH], 2);
    CHECK(pk_incidents_is_live(&t, 1) && !pk_incidents_is_live(&t, 2) && !pk_incidents_is_live(&t, 0));
}

PK_TEST(correct_wall__this_boot_only_and_once) {
    fresh();
    now.quality = PK_TIME_UNSET;
    now.wall_ms = 0;
    (void)fire("a", PK_SIGNAL_FIRED, PK_SEV_LOW, 1);
    drain();
    const struct pk_time_fix fix = {.wall_minus_mono_ms = 1000000, .boot = t.boot, .quality = PK_TIME_NTP};
    const struct pk_time_fix other = {.wall_minus_mono_ms = 5, .boot = t.boot + 1, .quality = PK_TIME_NTP};
    CHECK_EQ_U64(pk_incidents_correct_wall(&t, &other), 0);
    CHECK_EQ_U64(pk_incidents_correct_wall(&t, &fix), 1);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->detected.wall_ms, 1010000);
    CHECK_EQ_INT(pk_incidents_get(&t, 1)->resolved.wall_ms, 0);
    CHECK(pk_incidents_has_changes(&t));
    CHECK_EQ_U64(pk_incidents_correct_wall(&t, &fix), 0);
}

PK_TEST(fingerprint__rule_nul_group) {
    const uint64_t a = pk_incident_fingerprint(&RIG_CRYPTO, pk_str_of("ab"), pk_str_of("c"));
    const uint64_t b = pk_incident_fingerprint(&RIG_CRYPTO, pk_str_of("a"), pk_str_of("bc"));
    CHECK(a != b);
    CHECK_EQ_U64(a, pk_incident_fingerprint(&RIG_CRYPTO, pk_str_of("ab"), pk_str_of("c")));
}

PK_TEST(postpone__from_the_cursor_on_and_count_of_what_is_open) {
    fresh();
    t.settings.recover_ms = 1000;
    for (uint32_t k = 0; k < 3; k++) {
        const char group[] = {'g', (char)('0' + (int)k), '\0'};
        REQUIRE(fire(group, PK_SIGNAL_FIRED, k == 0 ? PK_SEV_CRITICAL : PK_SEV_HIGH, 1) > 0);
        REQUIRE(pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of(group), 0, &now) > 0);
    }
    uint32_t by_severity[PK_SEV_COUNT], cursor = 0;
    pk_incidents_count_active(&t, by_severity);
    CHECK_EQ_U64(by_severity[PK_SEV_CRITICAL], 1);
    CHECK_EQ_U64(by_severity[PK_SEV_HIGH], 2);
    CHECK_EQ_U64(by_severity[PK_SEV_LOW], 0);
    const struct pk_incident *i = NULL;
    pass(t.settings.recover_ms);
    REQUIRE(pk_incidents_is_recovered(&t, &cursor, &now, &i));
    pk_incidents_postpone(&t, cursor, 100, &now);
    CHECK(!pk_incidents_is_recovered(&t, &cursor, &now, &i));
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), now.mono_ms + 100);
    CHECK_EQ_U64(t.open_count, 2); /* the one that was looked at ended */
    pk_incidents_count_active(&t, by_severity);
    CHECK_EQ_U64(by_severity[PK_SEV_CRITICAL], 0);
    CHECK_EQ_U64(by_severity[PK_SEV_HIGH], 2);
    pass(100);
    (void)pk_incidents_tick(&t, &now);
    CHECK_EQ_U64(t.open_count, 0);
}

/* Whatever comes, counts and index stay true, and only the table of states moves a status. */
PK_TEST(random__invariants_hold) {
    struct pk_rng rng;
    char group[4] = "g0";
    fresh();
    pk_rng_seed(&rng, 3);
    for (uint32_t step = 0; step < 100000; step++) {
        const uint32_t what = (uint32_t)pk_rng_below(&rng, 10);
        group[1] = (char)('0' + (int)pk_rng_below(&rng, 70));
        pass(pk_rng_below(&rng, 100000));
        if (what < 4) {
            (void)!fire(group, (uint8_t)pk_rng_below(&rng, 3), (uint8_t)pk_rng_below(&rng, PK_SEV_COUNT), 1);
        } else if (what < 5) {
            (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of(group), 0, &now);
        } else if (what < 7) {
            (void)!pk_incidents_set_status(&t, t.numbers[pk_rng_below(&rng, PK_LIMIT_INCIDENTS)],
                                           (uint8_t)pk_rng_below(&rng, PK_INC_STATUS_COUNT), PK_STAGE_COUNT,
                                           ANN, &now);
        } else if (what < 8) {
            pk_incidents_prepare(&t);
        } else if (what < 9) {
            (void)pk_incidents_retire(&t, 0, 8, 2, &now);
        } else {
            drain();
        }
        (void)pk_incidents_tick(&t, &now);
        uint32_t used = 0, open = 0, changed = 0;
        for (uint32_t k = 0; step % 50 == 0 && k < PK_LIMIT_INCIDENTS; k++) {
            const struct pk_incident *i = &t.slots[k].incident;
            if (t.numbers[k] == 0) {
                CHECK_EQ_U64(t.change_kinds[k], 0);
                continue;
            }
            used++;
            CHECK(pk_incidents_get(&t, t.numbers[k]) == i);
            open += pk_incident_status_is_active(i->status) ? 1u : 0u;
            changed += t.change_kinds[k] != 0 ? 1u : 0u;
            /* The tick comes in time for it. */
            CHECK(!t.slots[k].is_cleared || t.due_ms <= t.slots[k].recover_due_ms);
            CHECK_EQ_INT(pk_incident_check(i), PK_OK);
            CHECK(pk_incident_stage_fits(i->status, i->stage));
            CHECK_EQ_INT(pk_stamp_is_set(&i->resolved),
                         i->status == PK_INC_RESOLVED || i->status == PK_INC_CLOSED);
        }
        if (step % 50 == 0) {
            CHECK_EQ_U64(used, t.used_count);
            CHECK_EQ_U64(open, t.open_count);
            CHECK_EQ_U64(changed, t.changed_count);
        }
    }
}

PK_TEST(retired__a_slot_below_the_prepared_one__hides_nobody) {
    fresh();
    (void)fire("a", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)fire("b", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1);
    (void)!pk_incidents_cleared(&t, pk_str_of("r1"), pk_str_of("a"), 0, &now);
    drain();
    pk_incidents_prepare(&t);
    pass(2);
    CHECK_EQ_U64(pk_incidents_retire(&t, 1, 0, 10, &now), 1);
    CHECK_EQ_INT(fire("c", PK_SIGNAL_FIRED, PK_SEV_HIGH, 1), 3);
    CHECK(pk_incidents_get(&t, 3) != NULL);
    CHECK(pk_incidents_get(&t, 1) == NULL);
}

PK_TEST_MAIN(change_of_one__is_pulled_alone_and_once,
             owed__restored__gives_no_place_away_and_is_a_change_when_there_is_room,
             signal__events_that_are_counted_and_not_named__are_the_overflow,
             signal__opens_with_id_title_and_times,
             signal__open_fingerprint_absorbs_and_tells_when_the_count_doubled,
             drill__is_in_no_figure_but_its_own, signal__severity_rises_and_never_falls,
             cleared__recovers_and_resolves, cleared__waits_the_recovery_time_and_a_relapse_starts_over,
             cleared__a_rule_may_shorten_the_recovery_time_only,
             cleared__an_action_on_what_is_clear_already__does_not_keep_it_open,
             still__takes_mitigated_back_only_after_the_grace, flap__reopens_within_the_window_and_counts,
             ended_by_a_person__a_rule_that_goes_on_is_stale,
             full__room_is_kept_for_the_severe_and_open_ones_never_go,
             full__what_is_over_and_is_named_as_a_cause_again__makes_room_all_the_same,
             restore__open_ones_wait_for_their_rule_and_numbers_go_on, find_next_and_count,
             correct_wall__this_boot_only_and_once, fingerprint__rule_nul_group,
             postpone__from_the_cursor_on_and_count_of_what_is_open, random__invariants_hold,
             retired__a_slot_below_the_prepared_one__hides_nobody)
