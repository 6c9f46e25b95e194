#include "incident/pk_incident_record.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_incident i;

static void fresh(void) {
    memset(&i, 0, sizeof i);
    i.number = 5;
    i.boot = 2;
    strcpy(i.id, "inc_gw_2_00005");
    strcpy(i.type, "service_down");
    i.severity = PK_SEV_HIGH;
}

PK_TEST(events__first_and_newest_stay_each_once) {
    fresh();
    for (uint32_t k = 1; k <= 20; k++) {
        const struct pk_incident_event_ref pair[2] = {{.boot = 2, .sequence = k > 1 ? k - 1 : k},
                                                      {.boot = 2, .sequence = k}};
        pk_incident_add_events(&i, pair, 2);
    }
    CHECK_EQ_INT(i.source_event_count, PK_INC_SOURCE_EVENTS);
    CHECK_EQ_U64(i.source_events[0].sequence, 1);
    CHECK_EQ_U64(i.source_events[7].sequence, 20);
    CHECK_EQ_U64(i.source_events[1].sequence, 14);
    CHECK_EQ_U64(i.source_events_overflow, 12);
}

PK_TEST(components__each_once_then_counted) {
    char name[8] = "c0";
    fresh();
    for (int k = 0; k < 10; k++) {
        name[1] = (char)('0' + k);
        CHECK_EQ_INT(pk_incident_add_component(&i, pk_str_of(name)), k < PK_INC_COMPONENTS);
        CHECK(!pk_incident_add_component(&i, pk_str_of("c0")));
    }
    CHECK(!pk_incident_add_component(&i, pk_str_of("")));
    CHECK_EQ_INT(i.component_count, PK_INC_COMPONENTS);
    CHECK_EQ_U64(i.components_overflow, 2);
}

static struct pk_incident_action action(uint32_t run, uint8_t state) {
    struct pk_incident_action a = {.run = run, .state = state};
    strcpy(a.action, "restart");
    return a;
}

PK_TEST(actions__updated_in_place_and_finished_ones_make_room) {
    fresh();
    for (uint32_t run = 1; run <= PK_INC_ACTIONS; run++) {
        const struct pk_incident_action a = action(run, PK_RUN_EXECUTING);
        CHECK(pk_incident_put_action(&i, &a));
    }
    struct pk_incident_action a = action(99, PK_RUN_EXECUTING);
    CHECK(!pk_incident_put_action(&i, &a));
    CHECK_EQ_U64(i.actions_overflow, 1);
    a = action(3, PK_RUN_COMPLETED);
    CHECK(pk_incident_put_action(&i, &a));
    CHECK_EQ_INT(i.action_count, PK_INC_ACTIONS);
    CHECK_EQ_INT(i.actions[2].state, PK_RUN_COMPLETED);
    a = action(99, PK_RUN_EXECUTING);
    CHECK(pk_incident_put_action(&i, &a));
    CHECK_EQ_U64(i.actions[5].run, 99);
    CHECK_EQ_U64(i.actions[2].run, 4);
    CHECK_EQ_U64(i.actions_overflow, 2);
}

PK_TEST(recommended__bounded) {
    char name[PK_INC_ACTION_BYTES + 1];
    fresh();
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("a")), PK_OK);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("a")), PK_OK);
    CHECK_EQ_INT(i.recommended_count, 1);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("b")), PK_OK);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("c")), PK_OK);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("d")), PK_OK);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("e")), PK_E_FULL);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_of("")), PK_E_BAD_FIELD);
    memset(name, 'x', sizeof name);
    CHECK_EQ_INT(pk_incident_add_recommended(&i, pk_str_make(name, PK_INC_ACTION_BYTES)), PK_E_BAD_FIELD);
}

PK_TEST(title__from_words_or_from_type_and_component) {
    char words[300];
    fresh();
    pk_incident_make_title(&i, pk_str_of(""));
    CHECK_STR(i.title, "[high] Service down");
    (void)pk_incident_add_component(&i, pk_str_of("api"));
    pk_incident_make_title(&i, pk_str_of(""));
    CHECK_STR(i.title, "[high] Service down on api");
    (void)pk_incident_add_component(&i, pk_str_of("web"));
    (void)pk_incident_add_component(&i, pk_str_of("db"));
    pk_incident_make_title(&i, pk_str_of(""));
    CHECK_STR(i.title, "[high] Service down on api and 2 more");
    i.component_count = 1;
    pk_incident_make_title(&i, pk_str_of("High Error Rate [x]"));
    CHECK_STR(i.title, "[high] High Error Rate [x]");
    i.severity = PK_SEV_CRITICAL;
    pk_incident_retitle(&i);
    CHECK_STR(i.title, "[critical] High Error Rate [x]");
    memset(words, 'w', sizeof words);
    pk_incident_make_title(&i, pk_str_make(words, sizeof words));
    CHECK_EQ_U64(strlen(i.title), PK_INC_TITLE_BYTES - 1);
    strcpy(i.type, "own_type");
    pk_incident_make_title(&i, pk_str_of(""));
    CHECK_STR(i.title, "[critical] Incident on api");
}

PK_TEST(check__refuses_what_no_record_may_hold) {
    fresh();
    CHECK_EQ_INT(pk_incident_check(&i), PK_OK);
    i.status = PK_INC_STATUS_COUNT;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.severity = 9;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.number = 6;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    strcpy(i.id, "inc_00005");
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    memset(i.title, 'x', sizeof i.title);
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.root_cause[0] = (char)0xFF;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.action_count = PK_INC_ACTIONS + 1;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.action_count = 1;
    i.actions[0].state = PK_RUN_STATE_COUNT;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.cause_count = 1;
    i.causes[0].confidence_milli = 1001;
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
    fresh();
    i.component_count = 1;
    memset(i.components[0], 'x', sizeof i.components[0]);
    CHECK_EQ_INT(pk_incident_check(&i), PK_E_BAD_FIELD);
}

PK_TEST(run_states__final_ones) {
    CHECK(!pk_run_state_is_final(PK_RUN_PLANNED) && !pk_run_state_is_final(PK_RUN_AWAITING_APPROVAL));
    CHECK(!pk_run_state_is_final(PK_RUN_APPROVED) && !pk_run_state_is_final(PK_RUN_EXECUTING));
    for (uint8_t s = PK_RUN_EXECUTING + 1; s < PK_RUN_STATE_COUNT; s++) {
        CHECK(pk_run_state_is_final(s));
    }
    CHECK(pk_run_state_is_final(PK_RUN_REJECTED) && pk_run_state_is_final(PK_RUN_WOULD_RUN));
}

PK_TEST_MAIN(events__first_and_newest_stay_each_once, components__each_once_then_counted,
             actions__updated_in_place_and_finished_ones_make_room, recommended__bounded,
             title__from_words_or_from_type_and_component, check__refuses_what_no_record_may_hold,
             run_states__final_ones)
