#include <string.h>

#include "support/pk_test.h"
#include "support/super_rig.h"

static struct pk_supervisor the_supervisor;
static struct super_rig the_rig;
static struct pk_diag the_diag;

static struct super_rig *running(void) {
    struct super_rig *r = &the_rig;
    super_rig_init(r, &the_supervisor, "");
    const int err = pk_super_config_parse(
        &the_supervisor.config,
        pk_str_of("[log a]\npath = /a\n[log b]\npath = /b\n[journal]\ncommand = yes\n"), "f", &the_diag);
    CHECK_EQ_INT(err, PK_OK);
    super_rig_run(r);
    super_rig_say(r, PK_IPC_READY, 0, &(struct pk_ipc_ready){0}, sizeof(struct pk_ipc_ready));
    super_rig_step(r, 1, 0);
    super_rig_forget(r);
    return r;
}

static void ask(struct super_rig *r, uint32_t id, const char *cursor) {
    struct pk_ipc_inlet q = {.table_crc = pk_inlets_crc(&the_supervisor.config.inlets)};
    memcpy(q.cursor, cursor, strlen(cursor));
    super_rig_say(r, PK_IPC_INLET, id, &q, sizeof q);
    super_rig_step(r, 1, 0);
}

static int refused(const struct super_rig *r) {
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_NO_INLET);
    struct pk_ipc_refused body;
    if (f == NULL) {
        return 0;
    }
    memcpy(&body, f->body, sizeof body);
    return body.error;
}

PK_TEST(inlets__asked__the_descriptor_is_passed) {
    struct super_rig *r = running();
    r->inlet_says[1] = PK_SUPER_INLET_NEW;
    ask(r, 1, "");
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_FD);
    REQUIRE(f != NULL);
    CHECK_EQ_U64(f->id, PK_IPC_OPEN_INLET + 1);
    CHECK_EQ_INT(r->out_open_id[r->out_count - 1u], PK_IPC_OPEN_INLET + 1);
    CHECK_EQ_U64(r->inlet_looks[0], 0); /* nobody asked for it */
}

PK_TEST(inlets__log_is_another_file__is_passed_again_by_itself) {
    struct super_rig *r = running();
    ask(r, 0, "");
    super_rig_forget(r);
    for (int i = 0; i < 20; i++) {
        super_rig_step(r, 500, 0);
    }
    CHECK(r->inlet_looks[0] >= 9 && r->inlet_looks[0] <= 12);
    CHECK(super_rig_heard(r, PK_IPC_FD) == NULL); /* still the same */
    r->inlet_says[0] = PK_SUPER_INLET_NEW;
    super_rig_step(r, 1500, 0);
    CHECK(super_rig_heard(r, PK_IPC_FD) != NULL);
}

PK_TEST(inlets__log_with_more_files__all_are_passed_at_one_look) {
    struct super_rig *r = running();
    ask(r, 0, "");
    super_rig_forget(r);
    r->inlet_says[0] = PK_SUPER_INLET_NEW_OF_MORE;
    r->inlet_dropped[0] = 2;
    const uint32_t looks = r->inlet_looks[0];
    super_rig_step(r, 1500, 0);
    CHECK_EQ_U64(r->inlet_looks[0], looks + 1u + PK_INLET_FILES_WAITING); /* and no more than can wait */
    CHECK_EQ_U64(r->out_count, 1u + PK_INLET_FILES_WAITING);
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_FD);
    REQUIRE(f != NULL);
    struct pk_ipc_inlet_fd body;
    memcpy(&body, f->body, sizeof body);
    CHECK_EQ_U64(body.record, 2); /* files nobody could open */
}

PK_TEST(inlets__log_missing__is_said_once_and_its_return_too) {
    struct super_rig *r = running();
    ask(r, 0, "");
    super_rig_forget(r);
    r->inlet_says[0] = PK_E_NOT_FOUND;
    super_rig_step(r, 1500, 0);
    super_rig_step(r, 1500, 0);
    CHECK_EQ_INT(refused(r), PK_E_NOT_FOUND);
    CHECK_EQ_U64(r->out_count, 1);
    r->inlet_says[0] = PK_E_DENIED;
    super_rig_step(r, 1500, 0);
    CHECK_EQ_INT(refused(r), PK_E_DENIED);
    super_rig_forget(r);
    r->inlet_says[0] = PK_SUPER_INLET_SAME; /* renamed away and back */
    super_rig_step(r, 1500, 0);
    CHECK(super_rig_heard(r, PK_IPC_FD) != NULL);
}

PK_TEST(inlets__socket_of_the_agent_full__is_made_up_for) {
    struct super_rig *r = running();
    r->room = 0;
    ask(r, 2, "");
    CHECK(super_rig_heard(r, PK_IPC_FD) == NULL);
    r->room = 10;
    super_rig_step(r, 1600, 0);
    CHECK(super_rig_heard(r, PK_IPC_FD) != NULL);
    super_rig_forget(r);
    super_rig_step(r, 5000, 0);
    CHECK_EQ_U64(r->out_count, 0); /* of the journal nothing needs to be looked at */
    CHECK_EQ_U64(r->inlet_looks[2], 2);
}

PK_TEST(inlets__wrong_requests__are_refused) {
    struct super_rig *r = running();
    struct pk_ipc_inlet q = {.table_crc = 1};
    super_rig_say(r, PK_IPC_INLET, 0, &q, sizeof q);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(refused(r), PK_E_STALE);
    ask(r, 3, ""); /* beyond the table */
    CHECK_EQ_INT(refused(r), PK_E_BAD_FIELD);
    ask(r, 2, "s=1 --file=/etc/shadow");
    CHECK_EQ_INT(refused(r), PK_E_BAD_FIELD);
    q.table_crc = pk_inlets_crc(&the_supervisor.config.inlets);
    memset(q.cursor, 'a', sizeof q.cursor); /* not terminated */
    super_rig_say(r, PK_IPC_INLET, 2, &q, sizeof q);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(refused(r), PK_E_BAD_FIELD);
    ask(r, 5000, "");
    CHECK_EQ_U64(the_supervisor.counts.bad_frames, 1);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        CHECK_EQ_U64(r->inlet_looks[i], 0);
    }
    ask(r, 2, "s=ab;i=1f");
    CHECK_STR(r->inlet_cursor, "s=ab;i=1f");
}

PK_TEST(inlets__agent_gone__nothing_is_looked_at) {
    struct super_rig *r = running();
    ask(r, 0, "");
    super_rig_child_ends(r, PK_SUPER_AGENT, 1, false);
    super_rig_step(r, 1, 0);
    const uint32_t looks = r->inlet_looks[0];
    super_rig_step(r, 100, 0);
    super_rig_step(r, 100, 0);
    CHECK_EQ_U64(r->inlet_looks[0], looks);
    CHECK_EQ_U64(r->inlet_closes[0], 0); /* kept for the next agent */
}

PK_TEST(inlets__another_table__closes_what_changed) {
    struct super_rig *r = running();
    struct pk_super_config other;
    ask(r, 0, "");
    ask(r, 1, "");
    pk_super_config_defaults(&other);
    CHECK_EQ_INT(
        pk_super_config_parse(&other, pk_str_of("[log a]\npath = /a\n[log b]\npath = /c\n"), "f", &the_diag),
        PK_OK);
    pk_super_inlets_take(&the_supervisor, &other.inlets);
    CHECK_EQ_U64(r->inlet_closes[0], 0);
    CHECK_EQ_U64(r->inlet_closes[1], 1);
    CHECK_EQ_U64(r->inlet_closes[2], 1);
    const uint32_t looks = r->inlet_looks[1];
    super_rig_step(r, 3000, 0);
    CHECK_EQ_U64(r->inlet_looks[1], looks);
    CHECK(r->inlet_looks[0] > 1);
}

static void take(const char *text) {
    static struct pk_super_config other;
    pk_super_config_defaults(&other);
    CHECK_EQ_INT(pk_super_config_parse(&other, pk_str_of(text), "f", &the_diag), PK_OK);
    pk_super_inlets_take(&the_supervisor, &other.inlets);
}

PK_TEST(inlets__another_row_in_front__the_others_go_on_where_they_were) {
    struct super_rig *r = running();
    ask(r, 0, "");
    ask(r, 1, "");
    take("[log new]\npath = /new\n[log a]\npath = /a\n[log b]\npath = /b\n[journal]\ncommand = yes\n");
    CHECK_EQ_U64(r->inlet_swaps, 3);
    CHECK_EQ_U64(r->inlet_closes[1], 0);
    CHECK_EQ_U64(r->inlet_closes[2], 0);
    CHECK_EQ_U64(r->inlet_closes[3], 1); /* the journal's program begins again behind its cursor */
    const uint32_t looks = r->inlet_looks[1];
    super_rig_step(r, 3000, 0);
    CHECK_EQ_U64(r->inlet_looks[1], looks); /* until the agent asks by the new table */
    super_rig_forget(r);
    ask(r, 1, "");
    REQUIRE(super_rig_heard(r, PK_IPC_FD) != NULL);
    CHECK_EQ_U64(super_rig_heard(r, PK_IPC_FD)->id, PK_IPC_OPEN_INLET + 1);
}

PK_TEST(inlets__rows_change_places_or_go__nothing_else_is_closed) {
    struct super_rig *r = running();
    take("[log b]\npath = /b\n[log a]\npath = /a\n[journal]\ncommand = yes\n");
    CHECK_EQ_U64(r->inlet_swaps, 1);
    CHECK(r->inlet_swapped[0] == 0 && r->inlet_swapped[1] == 1);
    CHECK_EQ_U64(r->inlet_closes[0] + r->inlet_closes[1] + r->inlet_closes[2], 0);
    take("[log a]\npath = /a\n");
    CHECK_EQ_U64(r->inlet_swaps, 2);
    CHECK_EQ_U64(r->inlet_closes[0], 0);
    CHECK_EQ_U64(r->inlet_closes[1], 1); /* b */
    CHECK_EQ_U64(r->inlet_closes[2], 1);
    take("[log a]\npath = /a\n");
    CHECK_EQ_U64(r->inlet_swaps, 2);
}

static const char WITH_KMSG[] = "[log a]\npath = /a\n[kmsg]\ndevice = yes\n[journal]\ncommand = yes\n";

/* A supervisor that finds what the one before left in the rig. */
static struct super_rig *started_again(const char *config, uint64_t boot) {
    static struct super_rig before;
    struct super_rig *r = &the_rig;
    before = *r;
    super_rig_init(r, &the_supervisor, "");
    memcpy(r->places, before.places, sizeof r->places);
    r->places_bytes = before.places_bytes;
    r->boot_id = boot;
    CHECK_EQ_INT(pk_super_config_parse(&the_supervisor.config, pk_str_of(config), "f", &the_diag), PK_OK);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        r->inlet_says[i] = PK_SUPER_INLET_NEW;
    }
    super_rig_run(r);
    super_rig_say(r, PK_IPC_READY, 0, &(struct pk_ipc_ready){0}, sizeof(struct pk_ipc_ready));
    super_rig_step(r, 1, 0);
    super_rig_forget(r);
    return r;
}

static void report(struct super_rig *r, uint32_t id, uint64_t record, int32_t zone, const char *cursor) {
    struct pk_ipc_inlet_at at = {
        .table_crc = pk_inlets_crc(&the_supervisor.config.inlets), .zone_quarters = zone, .record = record};
    memcpy(at.cursor, cursor, strlen(cursor));
    super_rig_say(r, PK_IPC_INLET_AT, id, &at, sizeof at);
    super_rig_step(r, 1, 0);
}

static struct pk_ipc_inlet_fd passed(const struct super_rig *r) {
    struct pk_ipc_inlet_fd body = {0};
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_FD);
    CHECK(f != NULL);
    if (f != NULL) {
        memcpy(&body, f->body, sizeof body);
    }
    return body;
}

/* The socket outlives agents, and with it the kernel's count. */
PK_TEST(inlets__udp__the_next_agent_is_told_what_was_lost_before_it) {
    struct super_rig *r = started_again("[syslog]\nudp = 5514\n", 1);
    r->inlet_dropped[0] = 3;
    ask(r, 0, "");
    CHECK_EQ_U64(passed(r).record, 0); /* none was told of these three */
    r->inlet_dropped[0] = 20;
    super_rig_child_ends(r, PK_SUPER_AGENT, 1, false);
    super_rig_step(r, 1, 0);
    r->inlet_dropped[0] = 26; /* of these six nobody told yet */
    super_rig_step(r, 2000, 0);
    super_rig_say(r, PK_IPC_READY, 0, &(struct pk_ipc_ready){0}, sizeof(struct pk_ipc_ready));
    super_rig_step(r, 1, 0);
    super_rig_forget(r);
    ask(r, 0, "");
    CHECK_EQ_U64(passed(r).record, 20);
    super_rig_forget(r);
    ask(r, 0, ""); /* the same agent again: it was told */
    CHECK_EQ_U64(passed(r).record, 26);
}

static void stop(struct super_rig *r) {
    super_rig_step(r, 1, PK_SIG_STOP);
    super_rig_child_ends(r, PK_SUPER_AGENT, 0, false);
    super_rig_step(r, 1, 0);
    CHECK(the_supervisor.state == PK_SUPER_DONE);
}

static struct super_rig *stopped_with_places(void) {
    the_rig.places_bytes = PK_E_NOT_FOUND;
    struct super_rig *r = started_again(WITH_KMSG, 77);
    for (uint32_t i = 0; i < 3u; i++) {
        ask(r, i, "");
        CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_AS_IS);
    }
    CHECK(!r->inlet_has_place[0] && !r->inlet_without_old);
    report(r, 0, 0, 4, "");
    report(r, 1, 500, 0, "");
    report(r, 2, 0, 0, "s=ab;i=9");
    r->inlet_at[0] = (struct pk_inlet_place){.of = 12, .at = 3400, .check = 7, .is_known = true};
    stop(r);
    CHECK_EQ_U64(r->places_save_count, 1);
    return r;
}

PK_TEST(places__another_start__each_goes_on_where_it_was) {
    (void)stopped_with_places();
    struct super_rig *r = started_again(WITH_KMSG, 77);
    r->inlet_says[0] = PK_SUPER_INLET_NEW_AT_PLACE;
    ask(r, 0, "");
    CHECK(r->inlet_has_place[0] && r->inlet_place.of == 12 && r->inlet_place.at == 3400 &&
          r->inlet_place.check == 7);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_RESUMED);
    CHECK_EQ_INT(passed(r).zone_quarters, 4);
    ask(r, 1, "");
    CHECK_EQ_U64(passed(r).record, 500);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_RESUMED);
    ask(r, 2, "");
    CHECK_STR(r->inlet_cursor, "s=ab;i=9");
    ask(r, 2, ""); /* it was of no use */
    CHECK_STR(r->inlet_cursor, "");
    super_rig_forget(r);
    r->inlet_says[0] = PK_SUPER_INLET_NEW; /* rotated */
    super_rig_step(r, 2000, 0);
    CHECK(!r->inlet_has_place[0]);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_AS_IS);
    super_rig_child_ends(r, PK_SUPER_AGENT, 1, false);
    super_rig_step(r, 1, 0);
    CHECK(the_supervisor.kept.is_due[2] && !the_supervisor.kept.is_due[0]);
}

PK_TEST(places__another_boot__numbers_of_records_say_nothing) {
    (void)stopped_with_places();
    struct super_rig *r = started_again(WITH_KMSG, 78);
    ask(r, 1, "");
    CHECK_EQ_U64(passed(r).record, 0);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_AS_IS);
    CHECK(!r->inlet_without_old);
    r->inlet_says[0] = PK_SUPER_INLET_NEW_AT_END;
    ask(r, 0, "");
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_LOST);
    CHECK_EQ_U64(r->logged[PK_LOG_WARNING], 1);
}

PK_TEST(places__damaged__are_lost_once_and_said) {
    struct super_rig *r = stopped_with_places();
    r->places[r->places_bytes / 2] ^= 1u;
    r = started_again(WITH_KMSG, 77);
    ask(r, 0, "");
    CHECK(!r->inlet_has_place[0]);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_LOST);
    ask(r, 1, "");
    CHECK(r->inlet_without_old);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_LOST);
    ask(r, 2, "");
    CHECK_STR(r->inlet_cursor, "");
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_AS_IS);
    super_rig_forget(r);
    super_rig_step(r, 2000, 0);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_AS_IS);
}

PK_TEST(places__written_seldom_and_only_when_changed) {
    the_rig.places_bytes = PK_E_NOT_FOUND;
    struct super_rig *r = started_again(WITH_KMSG, 77);
    ask(r, 1, "");
    for (uint64_t i = 0; i < 390; i++) {
        report(r, 1, 100 + i, 0, "");
        super_rig_say(r, PK_IPC_TICK, 0, &(struct pk_ipc_tick){.tick_count = i + 1},
                      sizeof(struct pk_ipc_tick));
        super_rig_step(r, 1499, 0);
    }
    CHECK_EQ_U64(r->places_save_count, 1); /* in nearly ten minutes */
    for (uint64_t i = 0; i < 400; i++) {
        super_rig_say(r, PK_IPC_TICK, 0, &(struct pk_ipc_tick){.tick_count = 500 + i},
                      sizeof(struct pk_ipc_tick));
        super_rig_step(r, 3000, 0);
    }
    CHECK_EQ_U64(r->places_save_count, 2);
    stop(r);
    CHECK_EQ_U64(r->places_save_count, 2);
}

PK_TEST(places__wrong_reports__change_nothing) {
    the_rig.places_bytes = PK_E_NOT_FOUND;
    struct super_rig *r = started_again(WITH_KMSG, 77);
    struct pk_ipc_inlet_at at = {.table_crc = 1, .record = 5};
    super_rig_say(r, PK_IPC_INLET_AT, 1, &at, sizeof at); /* of before a reload */
    super_rig_step(r, 1, 0);
    CHECK_EQ_U64(the_supervisor.counts.bad_frames, 0);
    report(r, 1, 5, 57, "");
    report(r, 1, 5, -57, "");
    report(r, 1, UINT64_MAX, 0, "");
    report(r, 2, 0, 0, "--file=/etc/shadow x");
    report(r, 3, 5, 0, "");
    report(r, UINT32_MAX, 5, 0, "");
    memset(at.cursor, 'a', sizeof at.cursor);
    at.table_crc = pk_inlets_crc(&the_supervisor.config.inlets);
    super_rig_say(r, PK_IPC_INLET_AT, 2, &at, sizeof at);
    super_rig_step(r, 1, 0);
    CHECK_EQ_U64(the_supervisor.counts.bad_frames, 7);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        CHECK(!the_supervisor.kept.places.rows[i].is_known);
    }
}

PK_TEST(places__reload_that_moves_rows__go_with_them) {
    struct super_rig *r = stopped_with_places();
    r = started_again(WITH_KMSG, 77);
    r->inlet_says[0] = PK_SUPER_INLET_NEW_AT_PLACE;
    ask(r, 0, "");
    r->inlet_at[0] = (struct pk_inlet_place){.of = 12, .at = 5000, .check = 8, .is_known = true};
    take("[log b]\npath = /b\n[log a]\npath = /a\n[kmsg]\ndevice = yes\n");
    CHECK(r->inlet_closes[0] > 0 && r->inlet_closes[1] + r->inlet_closes[2] == 0); /* the journal */
    r->inlet_says[1] = PK_SUPER_INLET_SAME;
    ask(r, 1, "");
    CHECK(!r->inlet_has_place[1]); /* its descriptor knows */
    CHECK_EQ_U64(the_supervisor.kept.places.rows[1].at, 5000);
    CHECK_EQ_INT(passed(r).zone_quarters, 4);
    ask(r, 2, ""); /* not opened before the reload: goes on at its place */
    CHECK_EQ_U64(passed(r).record, 500);
    CHECK_EQ_INT(passed(r).start, PK_IPC_INLET_RESUMED);
    ask(r, 0, "");
    CHECK(!r->inlet_has_place[0]);
}

PK_TEST_MAIN(inlets__asked__the_descriptor_is_passed, inlets__log_is_another_file__is_passed_again_by_itself,
             inlets__log_with_more_files__all_are_passed_at_one_look,
             inlets__log_missing__is_said_once_and_its_return_too,
             inlets__socket_of_the_agent_full__is_made_up_for, inlets__wrong_requests__are_refused,
             inlets__agent_gone__nothing_is_looked_at, inlets__another_table__closes_what_changed,
             inlets__udp__the_next_agent_is_told_what_was_lost_before_it,
             inlets__another_row_in_front__the_others_go_on_where_they_were,
             inlets__rows_change_places_or_go__nothing_else_is_closed,
             places__another_start__each_goes_on_where_it_was,
             places__another_boot__numbers_of_records_say_nothing, places__damaged__are_lost_once_and_said,
             places__written_seldom_and_only_when_changed, places__wrong_reports__change_nothing,
             places__reload_that_moves_rows__go_with_them)
