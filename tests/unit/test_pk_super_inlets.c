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

PK_TEST_MAIN(inlets__asked__the_descriptor_is_passed, inlets__log_is_another_file__is_passed_again_by_itself,
             inlets__log_missing__is_said_once_and_its_return_too,
             inlets__socket_of_the_agent_full__is_made_up_for, inlets__wrong_requests__are_refused,
             inlets__agent_gone__nothing_is_looked_at, inlets__another_table__closes_what_changed,
             inlets__another_row_in_front__the_others_go_on_where_they_were,
             inlets__rows_change_places_or_go__nothing_else_is_closed)
