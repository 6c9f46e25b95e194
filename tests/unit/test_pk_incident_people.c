#include "incident/pk_incident_people.h"

#include <string.h>

#include "incident/pk_incidents.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

static struct pk_incidents t;
static struct pk_stamp now;
static const struct pk_incident_actor ANN = {.source = PK_TL_BY_OPERATOR, .name = {"ann", 3}};

static const struct pk_incident *fresh(void) {
    struct pk_incidents_settings s;
    const struct pk_incident_signal signal = {
        .rule_id = {"r", 1}, .type = {"custom", 6}, .severity = PK_SEV_HIGH, .event_count = 1};
    struct pk_incident_change c;
    uint32_t kinds = 0;
    pk_incidents_settings_defaults(&s);
    now = (struct pk_stamp){.boot = 4, .mono_ms = 10000};
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), now.boot, &s);
    CHECK_EQ_INT(pk_incidents_signal(&t, &signal, &now, &kinds), 1);
    while (pk_incidents_next_change(&t, &c) == PK_OK) {
    }
    now.mono_ms += 2000;
    return pk_incidents_get(&t, 1);
}

static uint32_t changes(void) {
    struct pk_incident_change c;
    return pk_incidents_next_change(&t, &c) == PK_OK ? c.kinds : 0;
}

static const char *last_line(void) {
    static struct pk_timeline_entry e;
    uint32_t after = 0;
    while (pk_timeline_next(&t.timeline, 1, after, &e) == PK_OK) {
        after = e.seq;
    }
    return e.text;
}

PK_TEST(acknowledge__once) {
    const struct pk_incident *i = fresh();
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 2, 0, ANN, &now), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_OK);
    CHECK(i->is_acked);
    CHECK_EQ_U64(i->rev, 2);
    CHECK_EQ_U64(changes(), PK_INC_CHANGED_ACK);
    CHECK_STR(last_line(), "acknowledged by ann");
    CHECK_EQ_U64(t.metrics.metric[PK_MTTA].sum_ms, 2000);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_OK);
    CHECK_EQ_U64(i->rev, 2);
}

PK_TEST(acknowledge__with_an_end__runs_out_aloud_and_may_be_taken_over) {
    static const struct pk_incident_actor BOB = {.source = PK_TL_BY_OPERATOR, .name = {"bob", 3}};
    const struct pk_incident *i = fresh();
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, PK_INC_ACK_MS_MAX + 1, ANN, &now), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 60000, ANN, &now), PK_OK);
    CHECK_STR(i->acked_by, "ann");
    CHECK_STR(last_line(), "acknowledged by ann for 1m");
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), now.mono_ms + 60000);
    now.mono_ms += 59999;
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), now.mono_ms + 1);
    CHECK(i->is_acked);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 1000, BOB, &now), PK_OK); /* takes it over */
    CHECK_STR(i->acked_by, "bob");
    (void)changes();
    now.mono_ms += 1000;
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), UINT64_MAX);
    CHECK(!i->is_acked);
    CHECK_STR(i->acked_by, "");
    CHECK_EQ_U64(changes(), PK_INC_CHANGED_ACK);
    CHECK_STR(last_line(), "the acknowledgement ran out, it was by bob");
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_OK); /* for good, and counted once */
    CHECK(i->is_acked);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTA].count, 1);
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), UINT64_MAX);
}

PK_TEST(severity__of_a_person__holds_until_the_rule_has_something_new) {
    const struct pk_incident *i = fresh();
    struct pk_incident_signal signal = {.rule_id = {"r", 1},
                                        .type = {"custom", 6},
                                        .kind = PK_SIGNAL_STILL,
                                        .severity = PK_SEV_HIGH,
                                        .event_count = 2};
    uint32_t kinds = 0;
    CHECK_EQ_INT(pk_incidents_set_severity(&t, 9, PK_SEV_LOW, ANN, &now), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_set_severity(&t, 1, PK_SEV_COUNT, ANN, &now), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incidents_set_severity(&t, 1, PK_SEV_LOW, ANN, &now), PK_OK);
    CHECK_EQ_INT(i->severity, PK_SEV_LOW);
    CHECK_STR(i->title, "[low] Incident");
    CHECK_STR(last_line(), "high -> low: by ann");
    CHECK_EQ_U64(changes(), PK_INC_CHANGED_SEVERITY);
    CHECK_EQ_INT(pk_incidents_signal(&t, &signal, &now, &kinds), 1);
    CHECK_EQ_INT(i->severity, PK_SEV_LOW);
    signal.kind = PK_SIGNAL_RAISED;
    CHECK_EQ_INT(pk_incidents_signal(&t, &signal, &now, &kinds), 1);
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    CHECK(!i->is_severity_set);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_set_severity(&t, 1, PK_SEV_LOW, ANN, &now), PK_E_CONFLICT);
}

PK_TEST(stages__time_in_each_is_booked) {
    const struct pk_incident *i = fresh(); /* two seconds old */
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATING, PK_STAGE_COUNT, ANN, &now), PK_OK);
    now.mono_ms += 3000;
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATING, PK_STAGE_REMEDIATE, ANN, &now), PK_OK);
    now.mono_ms += 500;
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_INVESTIGATING, PK_STAGE_COUNT, ANN, &now), PK_OK);
    now.mono_ms += 70;
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATING, PK_STAGE_REMEDIATE, ANN, &now), PK_OK);
    now.mono_ms += 25;
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_ASSESS], 2000);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_CONTAIN], 3000);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_REMEDIATE], 525);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_INVESTIGATE], 70);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_RECOVER], 0);
    CHECK_EQ_U64(i->stage_since.mono_ms, now.mono_ms);
}

PK_TEST(report_card__counts_what_became_of_the_rule) {
    (void)fresh();
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_FALSE_POSITIVE, PK_STAGE_COUNT, ANN, &now), PK_OK);
    const struct pk_rule_card *card = pk_rule_card_get(&t.cards, pk_str_of("r"));
    REQUIRE(card != NULL);
    CHECK_EQ_U64(card->counts[PK_CARD_OPENED], 1);
    CHECK_EQ_U64(card->counts[PK_CARD_RESOLVED], 1);
    CHECK_EQ_U64(card->counts[PK_CARD_AUTO_RESOLVED], 0);
    CHECK_EQ_U64(card->counts[PK_CARD_FALSE_POSITIVE], 1);
}

PK_TEST(acknowledge__resolved_by_itself_and_seen_later) {
    const struct pk_incident *i = fresh();
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_OK);
    CHECK(i->is_acked);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_CLOSED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_acknowledge(&t, 1, 0, ANN, &now), PK_E_CONFLICT);
}

PK_TEST(assign_and_note__bounds) {
    char text[PK_TIMELINE_TEXT_BYTES + 1];
    const struct pk_incident *i = fresh();
    memset(text, 'x', sizeof text);
    CHECK_EQ_INT(pk_incidents_assign(&t, 1, pk_str_of("bob"), ANN, &now), PK_OK);
    CHECK_STR(i->assigned_to, "bob");
    CHECK_STR(last_line(), "assigned to bob by ann");
    CHECK_EQ_INT(pk_incidents_assign(&t, 1, pk_str_of("ann"), ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_assign(&t, 1, pk_str_of(""), ANN, &now), PK_OK); /* nobody */
    CHECK_STR(pk_incidents_get(&t, 1)->assigned_to, "");
    CHECK_EQ_INT(pk_incidents_assign(&t, 1, pk_str_make(text, PK_INC_USER_BYTES), ANN, &now), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_incidents_assign(&t, 9, pk_str_of("bob"), ANN, &now), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_incidents_note(&t, 1, pk_str_of("looked at it"), ANN, &now), PK_OK);
    CHECK_STR(last_line(), "looked at it");
    CHECK_EQ_INT(pk_incidents_note(&t, 1, pk_str_make(text, PK_TIMELINE_TEXT_BYTES), ANN, &now),
                 PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_incidents_note(&t, 1, pk_str_make(text, PK_TIMELINE_TEXT_BYTES - 1), ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_note(&t, 1, pk_str_of("\xFF"), ANN, &now), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incidents_set_root_cause(&t, 1, pk_str_of("disk full"), ANN, &now), PK_OK);
    CHECK_STR(i->root_cause, "disk full");
    CHECK_EQ_U64(changes(), PK_INC_CHANGED_ASSIGNED | PK_INC_CHANGED_NOTE | PK_INC_CHANGED_CAUSE);
}

PK_TEST(set_status__stage_must_fit_and_close_only_from_resolved) {
    const struct pk_incident *i = fresh();
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_CLOSED, PK_STAGE_COUNT, ANN, &now), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATING, PK_STAGE_POSTMORTEM, ANN, &now),
                 PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, 99, PK_STAGE_COUNT, ANN, &now), PK_E_BAD_FIELD);
    CHECK_EQ_U64(i->rev, 1);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_MITIGATING, PK_STAGE_REMEDIATE, ANN, &now), PK_OK);
    CHECK_EQ_INT(i->stage, PK_STAGE_REMEDIATE);
    CHECK_STR(last_line(), "detected -> mitigating: by ann");
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_U64(t.metrics.metric[PK_MTTR].sum_ms, 2000);
    CHECK_EQ_U64(t.metrics.auto_resolved_count, 0);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_CLOSED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_INVESTIGATING, PK_STAGE_COUNT, ANN, &now),
                 PK_E_CONFLICT);
    CHECK_EQ_INT(pk_incidents_assign(&t, 1, pk_str_of("bob"), ANN, &now), PK_E_CONFLICT);
    CHECK_EQ_U64(i->closed.mono_ms, now.mono_ms);
}

static void set_action(uint32_t run, uint8_t state, bool drives) {
    struct pk_incident_action a = {.run = run, .state = state};
    strcpy(a.action, "restart");
    strcpy(a.target, "web");
    CHECK_EQ_INT(pk_incidents_set_action(&t, 1, &a, drives, &now), PK_OK);
}

PK_TEST(set_action__moves_the_status_as_the_run_goes) {
    const struct pk_incident *i = fresh();
    const struct pk_incident_action a = {.run = 1};
    CHECK_EQ_INT(pk_incidents_set_action(&t, 9, &a, true, &now), PK_E_NOT_FOUND);
    set_action(1, PK_RUN_AWAITING_APPROVAL, true);
    CHECK_EQ_INT(i->status, PK_INC_DETECTED);
    set_action(1, PK_RUN_EXECUTING, true);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATING);
    CHECK_EQ_INT(i->stage, PK_STAGE_CONTAIN);
    set_action(1, PK_RUN_FAILED, true);
    CHECK_EQ_INT(i->status, PK_INC_INVESTIGATING);
    set_action(2, PK_RUN_EXECUTING, true);
    CHECK_EQ_INT(i->stage, PK_STAGE_REMEDIATE);
    set_action(2, PK_RUN_COMPLETED, true);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    set_action(3, PK_RUN_REFUSED, true);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    CHECK_EQ_INT(i->action_count, 3);
    i = fresh();
    set_action(1, PK_RUN_EXECUTING, true);
    set_action(1, PK_RUN_REFUSED, true); /* the supervisor did not start it */
    CHECK_EQ_INT(i->status, PK_INC_INVESTIGATING);
}

PK_TEST(set_action__read_only_and_late_ones_only_list) {
    const struct pk_incident *i = fresh();
    set_action(1, PK_RUN_EXECUTING, false);
    set_action(1, PK_RUN_COMPLETED, false);
    CHECK_EQ_INT(i->status, PK_INC_DETECTED);
    CHECK_EQ_INT(pk_incidents_set_status(&t, 1, PK_INC_FALSE_POSITIVE, PK_STAGE_COUNT, ANN, &now), PK_OK);
    set_action(2, PK_RUN_COMPLETED, true);
    CHECK_EQ_INT(i->status, PK_INC_FALSE_POSITIVE);
    CHECK_EQ_INT(i->action_count, 2);
    CHECK_STR(last_line(), "restart web: completed");
}

PK_TEST(recommend__once_is_one_change) {
    const struct pk_incident *i = fresh();
    CHECK_EQ_INT(pk_incidents_recommend(&t, 1, pk_str_of("restart")), PK_OK);
    CHECK_EQ_INT(pk_incidents_recommend(&t, 1, pk_str_of("restart")), PK_OK);
    CHECK_EQ_U64(i->rev, 2);
    CHECK_EQ_INT(pk_incidents_recommend(&t, 3, pk_str_of("restart")), PK_E_NOT_FOUND);
}

PK_TEST_MAIN(acknowledge__once, acknowledge__with_an_end__runs_out_aloud_and_may_be_taken_over,
             severity__of_a_person__holds_until_the_rule_has_something_new, stages__time_in_each_is_booked,
             report_card__counts_what_became_of_the_rule, acknowledge__resolved_by_itself_and_seen_later,
             assign_and_note__bounds, set_status__stage_must_fit_and_close_only_from_resolved,
             set_action__moves_the_status_as_the_run_goes, set_action__read_only_and_late_ones_only_list,
             recommend__once_is_one_change)
