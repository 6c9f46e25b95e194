#include "event/pk_intake.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_intake intake;
static struct pk_event_in in;
static struct pk_event_error error;
static struct pk_event e;
static struct pk_intake_clock now;
static uint32_t number;

static void start(uint32_t rate_per_s, uint32_t burst) {
    pk_intake_init(&intake, rate_per_s, burst);
    now = (struct pk_intake_clock){1000000, 1700000000000, true};
}

static int offer(const char *json) {
    const int err = pk_event_json_parse(pk_str_of(json), &in, &error);
    return err != PK_OK ? err : pk_intake_offer(&intake, &in, &now, &number);
}

PK_TEST(offer__then_pop__a_whole_record) {
    start(0, 1);
    CHECK(!pk_intake_pop(&intake, &e));
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"severity\":\"high\",\"value\":3,\"message\":\"hi\","
                  "\"correlation_id\":\"c\"}") == PK_OK);
    CHECK_EQ_U64(number, 1);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_STR(pk_types_name(&intake.types, e.type_id), "t");
    CHECK_STR(pk_sources_name(&intake.sources, e.source_id), "s");
    CHECK_EQ_U64(e.number, 1);
    CHECK_EQ_U64(e.sequence, 1);
    CHECK_EQ_U64(e.receive_ms, 1000000);
    CHECK_EQ_U64(e.event_ms, 1000000);
    CHECK_EQ_INT(e.wall_ms, 1700000000000);
    CHECK_EQ_INT(e.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(e.flags, PK_EVENT_HAS_VALUE);
    CHECK(e.correlation != 0);
    CHECK(pk_str_eq_c(pk_textring_message(&intake.text, &e), "hi"));
    CHECK_EQ_U64(intake.sources.state[e.source_id].last_seen_ms, 1000000);
}

PK_TEST(offer__above_the_rate__is_refused_counted_and_recovers) {
    start(10, 3);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\"}"), i < 3 ? (int)PK_OK : (int)PK_E_RATE);
    }
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"other\"}"), PK_OK); /* each source has its own bucket */
    const struct pk_loss *l = pk_ledger_at(&intake.ledger, 0);
    REQUIRE(l != NULL);
    CHECK_EQ_INT(l->reason, PK_LOSS_RATE);
    CHECK_EQ_U64(l->from, 4);
    CHECK_EQ_U64(l->to, 5);
    now.mono_ms += 99;
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\"}"), PK_E_RATE);
    now.mono_ms += 1;
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\"}"), PK_OK);
    now.mono_ms += 86400000;
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\"}"), i < 3 ? (int)PK_OK : (int)PK_E_RATE);
    }
    REQUIRE(pk_event_sample("t", "s", 1.0, PK_OK, &in) == PK_OK);
    CHECK_EQ_INT(pk_intake_offer(&intake, &in, &now, &number), PK_OK); /* our own are not limited */
}

PK_TEST(offer__seen_event_id__is_a_duplicate_of_that_source_only) {
    start(0, 1);
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\",\"event_id\":\"x\"}"), PK_OK);
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\",\"event_id\":\"x\"}"), PK_E_REPLAYED);
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"r\",\"event_id\":\"x\"}"), PK_OK);
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\",\"event_id\":\"y\"}"), PK_OK);
    CHECK_EQ_U64(intake.ledger.total[PK_LOSS_DUPLICATE], 1);
    CHECK_EQ_U64(pk_ledger_at(&intake.ledger, 0)->from, 2);
}

PK_TEST(offer__ring_full__the_event_id_may_come_again) {
    start(0, 1);
    for (uint32_t i = 0; i < PK_LIMIT_INTAKE_EVENTS; i++) {
        CHECK(offer("{\"type\":\"t\",\"source\":\"s\"}") == PK_OK);
    }
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\",\"event_id\":\"x\"}"), PK_E_FULL);
    CHECK_EQ_U64(intake.ledger.total[PK_LOSS_INTAKE_FULL], 1);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(offer("{\"type\":\"t\",\"source\":\"s\",\"event_id\":\"x\"}"), PK_OK);
    uint32_t last = 0;
    uint32_t gaps = 0;
    while (pk_intake_pop(&intake, &e)) {
        gaps += last != 0 && e.sequence != last + 1u ? 1u : 0u;
        last = e.sequence;
    }
    CHECK_EQ_U64(gaps, 1); /* and the ledger names it */
    CHECK_EQ_U64(pk_ledger_at(&intake.ledger, 0)->from, PK_LIMIT_INTAKE_EVENTS + 1u);
}

PK_TEST(text_room__ends_before_one_that_waits_loses_its_text) {
    char json[2400];
    uint32_t count = 0;
    start(0, 1);
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"t\",\"source\":\"s\",\"message\":\"%0200d\",\"metadata\":{\"a\":\"%0900d\"}}",
                   7, 8);
    while (count < PK_LIMIT_INTAKE_EVENTS && pk_intake_has_text_room(&intake)) {
        REQUIRE(offer(json) == PK_OK);
        count++;
    }
    CHECK(count >= 10);
    while (pk_intake_pop(&intake, &e)) {
        CHECK_EQ_U64(pk_textring_message(&intake.text, &e).n, 200);
        count--;
    }
    CHECK_EQ_U64(count, 0);
    CHECK(pk_intake_has_text_room(&intake));
}

PK_TEST(offer__name_tables_full__refused_with_their_reason) {
    char json[96];
    start(0, 1);
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES + 1u; i++) {
        snprintf(json, sizeof json, "{\"type\":\"t\",\"source\":\"s%u\"}", (unsigned)i);
        CHECK(offer(json) == (i < PK_LIMIT_SOURCES ? (int)PK_OK : (int)PK_E_FULL));
        (void)pk_intake_pop(&intake, &e);
    }
    CHECK_EQ_U64(intake.ledger.total[PK_LOSS_SOURCE_TABLE], 1);
    CHECK_EQ_U64(pk_ledger_at(&intake.ledger, 0)->source_id, PK_LEDGER_NO_SOURCE);
    const uint32_t room = PK_LIMIT_TYPES - intake.types.count;
    for (uint32_t i = 0; i < room + 2u; i++) {
        snprintf(json, sizeof json, "{\"type\":\"x%u\",\"source\":\"s1\"}", (unsigned)i);
        CHECK(offer(json) == (i < room ? (int)PK_OK : (int)PK_E_FULL));
        (void)pk_intake_pop(&intake, &e);
    }
    CHECK_EQ_U64(intake.ledger.total[PK_LOSS_TYPE_TABLE], 2);
}

PK_TEST(offer__types_of_senders_full__refused_under_their_source_and_ours_go_on) {
    char json[96];
    start(0, 1);
    const int inlet = pk_sources_intern(&intake.sources, pk_str_of("statsd"));
    for (uint32_t i = 0; i < PK_LIMIT_TYPES_FOREIGN + 2u; i++) {
        snprintf(json, sizeof json, "{\"type\":\"x%u\",\"source\":\"s1\"}", (unsigned)i);
        REQUIRE(pk_event_json_parse(pk_str_of(json), &in, &error) == PK_OK);
        in.is_type_foreign = true;
        in.via = (uint16_t)(inlet + 1);
        CHECK_EQ_INT(pk_intake_offer(&intake, &in, &now, &number),
                     i < PK_LIMIT_TYPES_FOREIGN ? PK_OK : PK_E_FULL);
        (void)pk_intake_pop(&intake, &e);
    }
    const struct pk_loss *l = pk_ledger_at(&intake.ledger, 0);
    REQUIRE(l != NULL);
    CHECK(l->reason == PK_LOSS_TYPE_TABLE && l->count == 2);
    CHECK_EQ_U64(pk_sources_state(&intake.sources, (uint16_t)inlet)->loss_count, 2);
    CHECK_EQ_INT(l->source_id, pk_sources_find(&intake.sources, pk_str_of("s1")));
    CHECK_EQ_INT(offer("{\"type\":\"cpu_pct\",\"source\":\"s1\"}"), PK_OK);
}

PK_TEST(offer__heartbeat_without_room_for_its_name__is_refused) {
    char json[96];
    start(0, 1);
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES_FOREIGN + 2u; i++) {
        snprintf(json, sizeof json, "{\"type\":\"%s\",\"source\":\"s%u\",\"value\":5}",
                 i < PK_LIMIT_SOURCES_FOREIGN ? "t" : "heartbeat", (unsigned)i);
        REQUIRE(pk_event_json_parse(pk_str_of(json), &in, &error) == PK_OK);
        in.is_foreign = true;
        CHECK_EQ_INT(pk_intake_offer(&intake, &in, &now, &number),
                     i < PK_LIMIT_SOURCES_FOREIGN ? PK_OK : PK_E_FULL);
        (void)pk_intake_pop(&intake, &e);
    }
    const int others = pk_sources_find(&intake.sources, pk_str_of(PK_SOURCE_OTHERS));
    REQUIRE(others >= 0);
    CHECK_EQ_U64(pk_sources_state(&intake.sources, (uint16_t)others)->promised_ms, 0);
    CHECK_EQ_U64(pk_sources_state(&intake.sources, (uint16_t)others)->loss_count, 2);
    CHECK_EQ_U64(intake.sources.refused_count, 2);
}

PK_TEST(known__types__are_there_before_anybody_says_them) {
    start(0, 1);
    CHECK_EQ_INT(pk_types_find(&intake.types, pk_str_of("heartbeat")), intake.heartbeat_type_id);
    CHECK_EQ_INT(pk_types_find(&intake.types, pk_str_of("source_up")), intake.source_up_type_id);
    CHECK(pk_types_find(&intake.types, pk_str_of("api_error")) >= 0);
    CHECK(pk_types_find(&intake.types, pk_str_of("timeout_error")) >= 0);
}

PK_TEST(source__gap_and_gone__follow_what_it_says) {
    start(0, 1);
    REQUIRE(offer("{\"type\":\"source_up\",\"source\":\"s\",\"value\":1}") == PK_OK);
    const struct pk_source *s = &intake.sources.state[0];
    CHECK(!s->is_gone && s->gap_ms == 0);
    now.mono_ms += 8000;
    REQUIRE(offer("{\"type\":\"source_up\",\"source\":\"s\",\"value\":0}") == PK_OK);
    CHECK(s->is_gone);
    CHECK_EQ_U64(s->gap_ms, 8000);
    now.mono_ms += 16000;
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\"}") == PK_OK);
    CHECK(!s->is_gone);
    CHECK_EQ_U64(s->gap_ms, 9000);
}

PK_TEST(time__own_late_replayed_and_future__each_in_its_place) {
    start(0, 1);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1699999999000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_U64(e.event_ms, 999000);
    CHECK_EQ_INT(e.flags, 0);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1699999998000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(e.flags, PK_EVENT_LATE);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1699990000000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(e.flags, PK_EVENT_REPLAYED);
    CHECK_EQ_INT(e.wall_ms, 1699990000000);
    CHECK_EQ_U64(e.event_ms, 1000000);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1700000100000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_U64(e.event_ms, 1000000);
    CHECK_EQ_INT(e.wall_ms, 1700000000000);
    CHECK_EQ_U64(intake.future_time_count, 1);
    now.mono_ms = 2000; /* just booted: what is older than that belongs to another boot */
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1699999990000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(e.flags, PK_EVENT_REPLAYED);
    now.is_wall_good = false;
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"time\":1600000000000}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(e.flags, PK_EVENT_CLOCK_UNSURE); /* nobody can tell how old it is */
    CHECK_EQ_INT(e.wall_ms, 1600000000000);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"replayed\":true}") == PK_OK);
    REQUIRE(pk_intake_pop(&intake, &e));
    CHECK_EQ_INT(e.flags, PK_EVENT_REPLAYED | PK_EVENT_CLOCK_UNSURE);
}

PK_TEST(source_state__heartbeat_and_fault__are_remembered) {
    start(0, 1);
    REQUIRE(offer("{\"type\":\"heartbeat\",\"source\":\"plc\",\"value\":2.5}") == PK_OK);
    const int id = pk_sources_find(&intake.sources, pk_str_of("plc"));
    REQUIRE(id >= 0);
    const struct pk_source *s = pk_sources_state(&intake.sources, (uint16_t)id);
    CHECK_EQ_U64(s->promised_ms, 2500);
    REQUIRE(offer("{\"type\":\"heartbeat\",\"source\":\"plc\"}") == PK_OK);
    CHECK_EQ_U64(s->promised_ms, 30000);
    REQUIRE(offer("{\"type\":\"heartbeat\",\"source\":\"plc\",\"value\":-1}") == PK_OK);
    CHECK_EQ_U64(s->promised_ms, 30000);
    REQUIRE(pk_event_sample("t", "plc", 0.0, PK_E_IO, &in) == PK_OK);
    REQUIRE(pk_intake_offer(&intake, &in, &now, &number) == PK_OK);
    CHECK(s->is_fault);
    CHECK_EQ_U64(s->fault_count, 1);
    CHECK_EQ_U64(s->event_count, 4);
    now.mono_ms += 5000;
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"plc\",\"replayed\":true}") == PK_OK);
    CHECK_EQ_U64(s->last_seen_ms, 1000000); /* a replay is no sign of life */
}

PK_TEST(bad__is_counted_with_the_source_when_it_is_known) {
    start(0, 1);
    REQUIRE(offer("{\"type\":\"t\",\"source\":\"s\",\"foo\":1}") == PK_OK);
    CHECK_EQ_U64(intake.unknown_field_count, 1);
    pk_intake_bad(&intake, pk_str_of("s"), 5);
    pk_intake_bad(&intake, pk_str_of("nobody"), 6);
    CHECK_EQ_U64(intake.bad_count, 2);
    CHECK_EQ_U64(intake.ledger.count, 2);
    CHECK_EQ_U64(pk_ledger_at(&intake.ledger, 1)->source_id, PK_LEDGER_NO_SOURCE);
    pk_intake_error(PK_E_RATE, &error);
    CHECK_EQ_INT(error.err, PK_E_RATE);
    CHECK_STR(error.message, "too many, slow down");
}

PK_TEST(inlet__its_own_rate__holds_for_all_who_come_through_it) {
    char text[80];
    start(10, 20);
    const int inlet = pk_sources_intern(&intake.sources, pk_str_of("syslog"));
    REQUIRE(inlet >= 0);
    for (uint32_t i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof text, "{\"type\":\"t\",\"source\":\"s%u\"}", i);
        REQUIRE(pk_event_json_parse(pk_str_of(text), &in, &error) == PK_OK);
        in.via = (uint16_t)(inlet + 1);
        in.is_foreign = true;
        CHECK_EQ_INT(pk_intake_offer(&intake, &in, &now, &number), i < 20 ? PK_OK : PK_E_RATE);
    }
    const struct pk_source *s = pk_sources_state(&intake.sources, (uint16_t)inlet);
    CHECK_EQ_U64(s->event_count, 20);
    CHECK_EQ_U64(s->loss_count, 30);
    CHECK_EQ_U64(s->sequence, 50);
    CHECK_EQ_U64(intake.sources.foreign_count, 20); /* who was refused got no name */
    const struct pk_loss *l = pk_ledger_at(&intake.ledger, 0);
    REQUIRE(l != NULL);
    CHECK(l->source_id == inlet && l->reason == PK_LOSS_RATE && l->from == 21 && l->to == 50);
}

PK_TEST(inlet__events_of_its_own__are_counted_once) {
    start(10, 20);
    const int inlet = pk_sources_intern(&intake.sources, pk_str_of("statsd"));
    REQUIRE(inlet >= 0);
    for (uint32_t i = 0; i < 30; i++) {
        REQUIRE(pk_event_json_parse(pk_str_of("{\"type\":\"t\",\"source\":\"statsd\"}"), &in, &error) ==
                PK_OK);
        in.via = (uint16_t)(inlet + 1);
        CHECK_EQ_INT(pk_intake_offer(&intake, &in, &now, &number), i < 20 ? PK_OK : PK_E_RATE);
    }
    const struct pk_source *s = pk_sources_state(&intake.sources, (uint16_t)inlet);
    CHECK_EQ_U64(s->event_count, 20);
    CHECK_EQ_U64(s->loss_count, 10);
    CHECK_EQ_U64(s->sequence, 30);
}

PK_TEST(lost__is_in_the_ledger_of_its_source) {
    start(0, 1);
    const int inlet = pk_sources_intern(&intake.sources, pk_str_of("kmsg"));
    REQUIRE(inlet >= 0);
    pk_intake_lost(&intake, (uint16_t)inlet, PK_LOSS_OVERFLOW, 40, now.mono_ms);
    pk_intake_lost(&intake, (uint16_t)inlet, PK_LOSS_BAD_INPUT, 2, now.mono_ms);
    pk_intake_lost(&intake, PK_LEDGER_NO_SOURCE, PK_LOSS_BAD_INPUT, 1, now.mono_ms);
    CHECK_EQ_U64(pk_sources_state(&intake.sources, (uint16_t)inlet)->loss_count, 42);
    CHECK_EQ_U64(intake.bad_count, 3);
    CHECK_EQ_U64(pk_ledger_total(&intake.ledger), 43);
}

PK_TEST_MAIN(text_room__ends_before_one_that_waits_loses_its_text, offer__then_pop__a_whole_record,
             offer__above_the_rate__is_refused_counted_and_recovers,
             offer__seen_event_id__is_a_duplicate_of_that_source_only,
             offer__ring_full__the_event_id_may_come_again,
             offer__name_tables_full__refused_with_their_reason,
             offer__heartbeat_without_room_for_its_name__is_refused,
             offer__types_of_senders_full__refused_under_their_source_and_ours_go_on,
             known__types__are_there_before_anybody_says_them, source__gap_and_gone__follow_what_it_says,
             time__own_late_replayed_and_future__each_in_its_place,
             source_state__heartbeat_and_fault__are_remembered,
             bad__is_counted_with_the_source_when_it_is_known,
             inlet__its_own_rate__holds_for_all_who_come_through_it,
             inlet__events_of_its_own__are_counted_once, lost__is_in_the_ledger_of_its_source)
