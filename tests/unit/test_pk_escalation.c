#include "incident/pk_escalation.h"

#include <string.h>

#include "incident/pk_incidents.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

enum { MINUTE = 60000 };
static struct pk_incidents t;
static struct pk_stamp now;

static void begin(void) {
    struct pk_incidents_settings s;
    pk_incidents_settings_defaults(&s);
    s.escalate_ms = 30 * MINUTE;
    s.escalate_again_ms = 10 * MINUTE;
    now = (struct pk_stamp){.boot = 7, .mono_ms = 1000, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw-1"), now.boot, &s);
}

static uint32_t open_of(const char *group, uint8_t severity) {
    const struct pk_incident_signal s = {.rule_id = pk_str_of("r"),
                                         .group_key = pk_str_of(group),
                                         .type = pk_str_of("custom"),
                                         .component = pk_str_of(group),
                                         .severity = severity,
                                         .first_event = now,
                                         .event_count = 1};
    uint32_t kinds = 0;
    const int64_t number = pk_incidents_signal(&t, &s, &now, &kinds);
    CHECK(number > 0);
    (void)pk_incidents_tick(&t, &now);
    return (uint32_t)number;
}

static uint64_t pass(uint64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
    return pk_incidents_tick(&t, &now);
}

static uint8_t tier(uint32_t number) {
    return pk_incidents_get(&t, number)->escalation_tier;
}

static bool said(uint32_t number, const char *text) {
    struct pk_timeline_entry e = {.seq = 0};
    while (pk_timeline_next(&t.timeline, number, e.seq, &e) == PK_OK) {
        if (e.kind == PK_TL_ESCALATED && strcmp(e.text, text) == 0) {
            return true;
        }
    }
    return false;
}

static struct pk_incident_actor ann(void) {
    return (struct pk_incident_actor){.source = PK_TL_BY_OPERATOR, .name = pk_str_of("ann")};
}

PK_TEST(response__each_tier_in_its_time_and_none_behind_the_last) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 1000 + 30 * MINUTE);
    CHECK_EQ_U64(pass(30 * MINUTE - 1), 1000 + 30 * MINUTE);
    CHECK_EQ_INT(tier(n), 0);
    CHECK_EQ_U64(pk_incidents_next_escalation(&t), 0);
    (void)pass(1);
    CHECK_EQ_INT(tier(n), 1);
    CHECK_EQ_INT(pk_incidents_get(&t, n)->escalation_reason, PK_ESC_RESPONSE);
    CHECK(said(n, "tier 1 of 3: no_response, not acknowledged, not mitigated"));
    CHECK_EQ_U64(pk_incidents_next_escalation(&t), n);
    CHECK_EQ_U64(pk_incidents_next_escalation(&t), 0);
    (void)pass(10 * MINUTE);
    CHECK_EQ_INT(tier(n), 2);
    CHECK_EQ_U64(pass(10 * MINUTE), UINT64_MAX);
    CHECK_EQ_INT(tier(n), 3);
    CHECK(!pk_stamp_is_set(&pk_incidents_get(&t, n)->escalate_due));
    (void)pass(100 * MINUTE);
    CHECK_EQ_INT(tier(n), 3);
    CHECK_EQ_INT(pk_incidents_escalate(&t, n, PK_ESC_PERSON, pk_str_of("ann"), &now), PK_E_FULL);
}

PK_TEST(response__an_acknowledgement_stops_it_and_its_end_starts_it_anew) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    (void)pass(29 * MINUTE);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, n, 20 * MINUTE, ann(), &now), PK_OK);
    (void)pass(5 * MINUTE);
    CHECK_EQ_INT(tier(n), 0);
    CHECK(!pk_stamp_is_set(&pk_incidents_get(&t, n)->escalate_due));
    (void)pass(15 * MINUTE); /* it ran out */
    CHECK(!pk_incidents_get(&t, n)->is_acked);
    (void)pass(30 * MINUTE - 1);
    CHECK_EQ_INT(tier(n), 0);
    (void)pass(1);
    CHECK_EQ_INT(tier(n), 1);
}

PK_TEST(response__mitigated_and_resolved_call_nobody__a_relapse_and_a_new_episode_do) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    (void)pass(30 * MINUTE);
    CHECK_EQ_INT(tier(n), 1);
    CHECK_EQ_INT(pk_incidents_set_status(&t, n, PK_INC_MITIGATED, PK_STAGE_COUNT, ann(), &now), PK_OK);
    (void)pass(60 * MINUTE);
    CHECK_EQ_INT(tier(n), 1);
    CHECK_EQ_INT(pk_incidents_set_status(&t, n, PK_INC_INVESTIGATING, PK_STAGE_COUNT, ann(), &now), PK_OK);
    (void)pass(0);
    (void)pass(10 * MINUTE);
    CHECK_EQ_INT(tier(n), 2);
    CHECK_EQ_INT(pk_incidents_set_status(&t, n, PK_INC_RESOLVED, PK_STAGE_COUNT, ann(), &now), PK_OK);
    (void)pass(5 * MINUTE);
    CHECK_EQ_INT(tier(n), 2);
    CHECK_EQ_INT(pk_incidents_escalate(&t, n, PK_ESC_PERSON, pk_str_of(""), &now), PK_E_NOT_FOUND);
    CHECK_EQ_U64(open_of("web", PK_SEV_HIGH), n); /* it flaps: the same one goes on */
    CHECK_EQ_INT(tier(n), 0);
    (void)pass(30 * MINUTE);
    CHECK_EQ_INT(tier(n), 1);
}

PK_TEST(response__not_for_low_ones_consequences_and_what_is_kept_quiet) {
    begin();
    const uint32_t low = open_of("low", PK_SEV_LOW), child = open_of("child", PK_SEV_HIGH);
    struct pk_incident *i = &t.slots[pk_incident_table_slot(&t, child)].incident;
    pk_str_copy_cut(pk_str_of("inc_gw-1_7_00099"), i->caused_by, sizeof i->caused_by);
    const uint32_t quiet = open_of("quiet", PK_SEV_CRITICAL);
    struct pk_silence s = {.kind = PK_SILENCE_QUIET, .severity = PK_SEV_CRITICAL, .from = now, .until = now};
    memcpy(s.component, "quiet", sizeof "quiet");
    s.until.mono_ms += 40 * MINUTE;
    s.until.wall_ms += 40 * MINUTE;
    CHECK(pk_silences_add(&t.silences, &s, &now) > 0);
    pk_incidents_announce(&t, &now);
    t.slots[pk_incident_table_slot(&t, child)].orphan_due_ms = UINT64_MAX;
    (void)pass(35 * MINUTE);
    CHECK_EQ_INT(tier(low), 0);
    CHECK_EQ_INT(tier(child), 0);
    CHECK_EQ_INT(tier(quiet), 0);
    CHECK_EQ_INT(pk_incidents_escalate(&t, quiet, PK_ESC_APPROVAL, pk_str_of(""), &now), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_incidents_escalate(&t, low, PK_ESC_APPROVAL, pk_str_of(""), &now), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_incidents_escalate(&t, low, PK_ESC_RULE, pk_str_of(""), &now), PK_OK);
    CHECK_EQ_U64(pk_incidents_next_escalation(&t), 0); /* what a rule calls is a run already */
    CHECK_EQ_INT(pk_incidents_set_severity(&t, low, PK_SEV_HIGH, ann(), &now), PK_OK);
    (void)pass(0);
    (void)pass(10 * MINUTE); /* it had its first tier */
    CHECK_EQ_INT(tier(low), 2);
    struct pk_silence over;
    CHECK_EQ_INT(pk_silences_next_turn(&t.silences, &now, &over), PK_OK);
    while (pk_silences_next_turn(&t.silences, &now, &over) == PK_OK) {
    }
    pk_incidents_announce(&t, &now);
    (void)pass(0);
    (void)pass(30 * MINUTE);
    CHECK_EQ_INT(tier(quiet), 1);
}

PK_TEST(approval__expired_calls_at_once_and_leaves_the_other_timer_alone) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    struct pk_incident_action a = {
        .run = 1, .state = PK_RUN_AWAITING_APPROVAL, .action = "restart", .target = "web"};
    CHECK_EQ_INT(pk_incidents_set_action(&t, n, &a, true, &now), PK_OK);
    (void)pass(5 * MINUTE);
    a.state = PK_RUN_EXPIRED;
    CHECK_EQ_INT(pk_incidents_set_action(&t, n, &a, true, &now), PK_OK);
    CHECK_EQ_INT(tier(n), 1);
    CHECK(said(n, "tier 1 of 3: approval_expired, restart web"));
    CHECK_EQ_U64(pk_incidents_next_escalation(&t), n);
    CHECK_EQ_INT(pk_incidents_set_action(&t, n, &a, true, &now), PK_OK); /* told again: no news */
    CHECK_EQ_INT(tier(n), 1);
    (void)pass(0);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 1000 + 30 * MINUTE);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, n, 0, ann(), &now), PK_OK);
    a.run = 2;
    CHECK_EQ_INT(pk_incidents_set_action(&t, n, &a, true, &now), PK_OK);
    CHECK_EQ_INT(tier(n), 1); /* somebody has it */
    CHECK_EQ_INT(pk_incidents_escalate(&t, n, PK_ESC_PERSON, pk_str_of("ann"), &now), PK_OK);
    CHECK_EQ_INT(tier(n), 2);
}

/* The record as it was stored, taken back by an agent that starts `later`. */
static uint32_t restart(const struct pk_incident *stored, int64_t later_ms, bool has_clock) {
    struct pk_incident record = *stored;
    const int64_t wall_ms = now.wall_ms;
    begin();
    now.boot = 8;
    now.mono_ms = 5;
    now.wall_ms = has_clock ? wall_ms + later_ms : 0;
    now.quality = has_clock ? PK_TIME_NTP : PK_TIME_UNSET;
    t.boot = now.boot;
    CHECK_EQ_INT(pk_incidents_restore(&t, &record, &now), PK_OK);
    (void)pk_incidents_tick(&t, &now);
    return record.number;
}

PK_TEST(restart__deadline_goes_on_and_one_that_passed_calls_once) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    (void)pass(10 * MINUTE);
    const struct pk_incident stored = *pk_incidents_get(&t, n);
    CHECK_EQ_U64(restart(&stored, 15 * MINUTE, true), n);
    CHECK_EQ_INT(tier(n), 0);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 5 + 5 * MINUTE);
    (void)pass(5 * MINUTE);
    CHECK_EQ_INT(tier(n), 1);
    (void)restart(&stored, 500 * MINUTE, true); /* down over the time of all tiers */
    CHECK_EQ_INT(tier(n), 1);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 5 + 10 * MINUTE);
    (void)restart(&stored, 0, false); /* nobody knows how long it was: the whole time again */
    CHECK_EQ_INT(tier(n), 0);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 5 + 30 * MINUTE);
    (void)restart(&stored, -900 * MINUTE, true); /* the clock went back */
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 5 + 30 * MINUTE);
}

static void drain(void) {
    struct pk_incident_change c;
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
    }
}

static uint32_t pending(uint32_t number) {
    return t.change_kinds[pk_incident_table_slot(&t, number)];
}

PK_TEST(restart__stored_under_a_clock_that_was_never_set__the_whole_time_again) {
    begin();
    now.wall_ms = 1000;
    now.quality = PK_TIME_UNSET;
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    struct pk_incident stored = *pk_incidents_get(&t, n);
    now.wall_ms = 1700000000000;
    CHECK_EQ_U64(restart(&stored, 0, true), n);
    CHECK_EQ_INT(tier(n), 0);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, 5 + 30 * MINUTE);
    CHECK_EQ_INT(pk_incidents_get(&t, n)->escalate_due.quality, PK_TIME_NTP);
    CHECK((pending(n) & PK_INC_CHANGED_ESCALATED) != 0); /* the next start knows */
    (void)pass(30 * MINUTE);
    CHECK_EQ_INT(tier(n), 1);
}

PK_TEST(settings__a_shorter_response_holds_for_what_is_open) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    (void)pass(5 * MINUTE);
    drain();
    t.settings.escalate_ms = 10 * MINUTE;
    pk_incident_table_arm_all(&t, now.mono_ms);
    CHECK_EQ_U64(pass(0), now.mono_ms + 10 * MINUTE);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->escalate_due.mono_ms, now.mono_ms + 10 * MINUTE);
    CHECK_EQ_U64(pending(n), PK_INC_CHANGED_ESCALATED);
    (void)pass(10 * MINUTE - 1);
    CHECK_EQ_INT(tier(n), 0);
    (void)pass(1);
    CHECK_EQ_INT(tier(n), 1);
    drain();
    pk_incident_table_arm_all(&t, now.mono_ms);
    (void)pass(1); /* nothing new: nothing to store */
    CHECK_EQ_U64(pending(n), 0);
}

PK_TEST(deadline__new_beside_other_changes__is_named_for_the_store) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    CHECK((pending(n) & PK_INC_CHANGED_CREATED) != 0);
    CHECK((pending(n) & PK_INC_CHANGED_ESCALATED) != 0);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, n, MINUTE, ann(), &now), PK_OK);
    (void)pass(0);
    drain();
    pk_incident_table_touch(&t, pk_incident_table_slot(&t, n), PK_INC_CHANGED_EVENTS);
    const uint32_t rev = pk_incidents_get(&t, n)->rev;
    pk_incident_table_unack(&t, pk_incident_table_slot(&t, n), &now);
    pk_incident_table_arm_all(&t, now.mono_ms);
    (void)pass(0);
    CHECK_EQ_U64(pending(n), PK_INC_CHANGED_EVENTS | PK_INC_CHANGED_ESCALATED);
    CHECK_EQ_U64(pk_incidents_get(&t, n)->rev, rev);
}

PK_TEST(clock_jump__of_the_wall_clock__fires_nothing) {
    begin();
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    now.wall_ms += 86400000;
    (void)pass(29 * MINUTE);
    CHECK_EQ_INT(tier(n), 0);
    now.wall_ms -= 2 * 86400000;
    (void)pass(MINUTE);
    CHECK_EQ_INT(tier(n), 1);
}

PK_TEST(settings__zero_means_never) {
    begin();
    t.settings.escalate_ms = 0;
    const uint32_t n = open_of("web", PK_SEV_HIGH);
    (void)pass(100 * MINUTE);
    CHECK_EQ_INT(tier(n), 0);
    CHECK_EQ_INT(pk_incidents_escalate(&t, n, PK_ESC_APPROVAL, pk_str_of(""), &now), PK_OK);
    t.settings.escalate_tiers = 0;
    CHECK_EQ_INT(pk_incidents_escalate(&t, n, PK_ESC_APPROVAL, pk_str_of(""), &now), PK_E_FULL);
}

PK_TEST(words__both_ways) {
    uint8_t reason = 0;
    for (uint8_t i = 1; i < PK_ESC_REASON_COUNT; i++) {
        CHECK_EQ_INT(pk_escalation_reason_parse(pk_str_of(pk_escalation_reason_word(i)), &reason), PK_OK);
        CHECK_EQ_INT(reason, i);
    }
    CHECK_EQ_INT(pk_escalation_reason_parse(pk_str_of(""), &reason), PK_E_BAD_FIELD);
    CHECK_STR(pk_escalation_reason_word(PK_ESC_REASON_COUNT), "unknown");
}

PK_TEST_MAIN(response__each_tier_in_its_time_and_none_behind_the_last,
             response__an_acknowledgement_stops_it_and_its_end_starts_it_anew,
             response__mitigated_and_resolved_call_nobody__a_relapse_and_a_new_episode_do,
             response__not_for_low_ones_consequences_and_what_is_kept_quiet,
             approval__expired_calls_at_once_and_leaves_the_other_timer_alone,
             restart__deadline_goes_on_and_one_that_passed_calls_once,
             restart__stored_under_a_clock_that_was_never_set__the_whole_time_again,
             settings__a_shorter_response_holds_for_what_is_open,
             deadline__new_beside_other_changes__is_named_for_the_store,
             clock_jump__of_the_wall_clock__fires_nothing, settings__zero_means_never, words__both_ways)
