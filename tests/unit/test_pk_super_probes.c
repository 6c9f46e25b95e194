#include <string.h>

#include "support/pk_test.h"
#include "support/super_rig.h"

static struct super_rig rig;
static struct pk_supervisor supervisor;
static struct pk_probe_error error;

static void add(const char *section, const char *name, const char *const *pairs) {
    const int row = pk_probes_open(&supervisor.probe_tables[0], pk_str_of(section), pk_str_of(name), &error);
    REQUIRE(row >= 0);
    for (uint32_t i = 0; pairs[i] != NULL; i += 2) {
        CHECK_EQ_INT(pk_probes_set(&supervisor.probe_tables[0], (uint32_t)row, pk_str_of(pairs[i]),
                                   pk_str_of(pairs[i + 1]), &error),
                     PK_OK);
    }
}

/* Row 0 a TCP probe, row 1 a check as the agent's user, row 2 one as root. */
static void running(void) {
    static const char *const tcp[] = {"kind", "tcp", "host", "192.0.2.1", "port", "502", NULL};
    static const char *const check[] = {"argv", "/bin/check -w 5", "timeout", "3s", NULL};
    static const char *const as_root[] = {"argv", "/bin/check", "root", "yes", NULL};
    super_rig_init(&rig, &supervisor, "[action a]\nrisk = low\nargv = /bin/a\ncooldown = 0\n");
    add("probe", "plc", tcp);
    add("check", "disk", check);
    add("check", "deep", as_root);
    CHECK_EQ_INT(pk_probes_finish(&supervisor.probe_tables[0], &error), PK_OK);
    super_rig_run(&rig);
}

static void ask(uint32_t id, uint16_t index) {
    const struct pk_ipc_probe body = {.probes_crc = supervisor.probe_table->crc, .index = index};
    super_rig_say(&rig, PK_IPC_PROBE, id, &body, sizeof body);
    super_rig_step(&rig, 10, 0);
}

/* The newest result sent, which must be of that request. */
static struct pk_ipc_probed heard(uint32_t id) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    const struct pk_ipc_frame *f = super_rig_heard(&rig, PK_IPC_PROBED);
    CHECK(f != NULL && f->id == id && f->body_bytes == sizeof r);
    if (f != NULL) {
        memcpy(&r, f->body, sizeof r);
    }
    return r;
}

PK_TEST(prober__gets_the_row_and_its_result_goes_on) {
    running();
    ask(7, 0);
    CHECK_EQ_INT(rig.spawn_count[PK_SUPER_PROBE_0], 1);
    CHECK_STR(rig.ordered.host, "192.0.2.1");
    CHECK_EQ_INT(rig.ordered.port, 502);
    CHECK(super_rig_heard(&rig, PK_IPC_PROBED) == NULL);
    rig.has_probed = true;
    rig.probed = (struct pk_ipc_probed){.kind = PK_PROBE_TCP, .is_up = 1, .latency_us = 321};
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 0, false);
    super_rig_step(&rig, 5, 0);
    const struct pk_ipc_probed r = heard(7);
    CHECK(r.error == PK_OK && r.is_up == 1 && r.latency_us == 321);
    ask(8, 0); /* the place is free again */
    CHECK_EQ_INT(rig.spawn_count[PK_SUPER_PROBE_0], 2);
}

PK_TEST(prober__that_dies_or_lies_about_its_kind__is_a_fault) {
    running();
    ask(7, 0);
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 139, true);
    super_rig_step(&rig, 5, 0);
    CHECK_EQ_INT(heard(7).error, PK_E_PROTOCOL);
    ask(8, 0);
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 1, false);
    super_rig_step(&rig, 5, 0);
    CHECK_EQ_INT(heard(8).error, PK_E_IO);
    ask(9, 0);
    rig.has_probed = true;
    rig.probed = (struct pk_ipc_probed){.kind = PK_PROBE_CERTIFICATE, .is_up = 1};
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 0, false);
    super_rig_step(&rig, 5, 0);
    CHECK(heard(9).error != PK_OK && heard(9).kind == PK_PROBE_TCP);
    rig.fails_spawn = true;
    ask(10, 0);
    CHECK_EQ_INT(heard(10).error, PK_E_IO);
}

PK_TEST(prober__that_takes_too_long__is_killed_and_said) {
    running();
    ask(7, 0);
    CHECK(pk_supervisor_until_ms(&supervisor) <= rig.now_ms + 7000);
    super_rig_step(&rig, 6900, 0);
    CHECK_EQ_INT(rig.kills[PK_SUPER_PROBE_0][PK_SUPER_KILL_KILL], 0);
    super_rig_step(&rig, 200, 0);
    CHECK(rig.kills[PK_SUPER_PROBE_0][PK_SUPER_KILL_KILL] > 0);
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 137, false);
    super_rig_step(&rig, 5, 0);
    CHECK_EQ_INT(heard(7).error, PK_E_TIMEOUT);
}

PK_TEST(requests__of_another_table_or_beyond_it__are_refused) {
    running();
    const struct pk_ipc_probe other = {.probes_crc = supervisor.probe_table->crc ^ 1u, .index = 0};
    super_rig_say(&rig, PK_IPC_PROBE, 3, &other, sizeof other);
    super_rig_step(&rig, 10, 0);
    CHECK_EQ_INT(heard(3).error, PK_E_STALE);
    ask(4, 3);
    CHECK_EQ_INT(heard(4).error, PK_E_STALE);
    super_rig_say(&rig, PK_IPC_PROBE, 5, "short", 5);
    super_rig_step(&rig, 10, 0);
    CHECK_EQ_U64(supervisor.counts.bad_frames, 1);
    CHECK_EQ_INT(rig.spawn_count[PK_SUPER_PROBE_0], 0);
}

PK_TEST(requests__no_more_than_there_is_room_for) {
    running();
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        ask(20 + i, 0);
    }
    ask(30, 0);
    CHECK_EQ_INT(heard(30).error, PK_E_BUSY);
    for (int c = 0; c < PK_SUPER_PROBERS; c++) {
        CHECK_EQ_INT(rig.spawn_count[PK_SUPER_PROBE_0 + c], 1);
    }
    running();
    for (uint32_t i = 0; i < PK_PROGRAMS_AT_ONCE; i++) {
        ask(20 + i, 1);
    }
    ask(30, 1);
    CHECK_EQ_INT(heard(30).error, PK_E_BUSY);
    CHECK_EQ_INT(rig.exec_count, PK_PROGRAMS_AT_ONCE);
    super_rig_ask(&rig, 99, 0, "", PK_IPC_PHASE_ACT); /* actions have their own room */
    super_rig_step(&rig, 10, 0);
    CHECK_EQ_INT(rig.exec_count, PK_PROGRAMS_AT_ONCE + 1);
}

PK_TEST(check__runs_as_the_agents_user_and_its_words_go_on) {
    running();
    ask(7, 1);
    CHECK_STR(rig.slots[0].argv, "/bin/check -w 5");
    CHECK(rig.slots[0].as_agent && rig.slots[0].timeout_ms == 3000 && !rig.slots[0].leaves_children);
    super_rig_program_ends(&rig, 0, 2, "CRITICAL - on fire|x=1\nmore\n");
    super_rig_step(&rig, 5, 0);
    struct pk_ipc_probed r = heard(7);
    CHECK(r.error == PK_OK && r.exit_code == 2 && r.kind == PK_PROBE_CHECK);
    CHECK_STR(r.u.text, "CRITICAL - on fire|x=1\nmore\n");
    ask(8, 2);
    CHECK(!rig.slots[0].as_agent); /* as its row says */
    super_rig_program_ends(&rig, 0, 0, "");
    rig.slots[0].result.is_timed_out = true;
    super_rig_step(&rig, 5, 0);
    CHECK_EQ_INT(heard(8).error, PK_E_TIMEOUT);
    rig.exec_error = PK_E_NOT_FOUND;
    ask(9, 1);
    r = heard(9);
    CHECK_EQ_INT(r.error, PK_E_NOT_FOUND);
    CHECK_STR(r.u.text, "the program cannot be started");
}

PK_TEST(agent__that_is_gone__is_not_answered) {
    running();
    ask(7, 0);
    ask(8, 1);
    super_rig_child_ends(&rig, PK_SUPER_AGENT, 1, false);
    super_rig_step(&rig, 5, 0);
    super_rig_forget(&rig);
    rig.has_probed = true;
    super_rig_child_ends(&rig, PK_SUPER_PROBE_0, 0, false);
    super_rig_program_ends(&rig, 0, 0, "late");
    super_rig_step(&rig, 5, 0);
    CHECK(super_rig_heard(&rig, PK_IPC_PROBED) == NULL);
    CHECK(!supervisor.probes[0].is_used && !supervisor.probes[1].is_used);
}

PK_TEST(stop__ends_what_runs) {
    running();
    ask(7, 0);
    ask(8, 1);
    super_rig_step(&rig, 5, PK_SIG_STOP);
    CHECK_EQ_INT(rig.kills[PK_SUPER_PROBE_0][PK_SUPER_KILL_KILL], 1);
    CHECK_EQ_INT(rig.stop_count, 1);
}

PK_TEST_MAIN(prober__gets_the_row_and_its_result_goes_on,
             prober__that_dies_or_lies_about_its_kind__is_a_fault,
             prober__that_takes_too_long__is_killed_and_said,
             requests__of_another_table_or_beyond_it__are_refused, requests__no_more_than_there_is_room_for,
             check__runs_as_the_agents_user_and_its_words_go_on, agent__that_is_gone__is_not_answered,
             stop__ends_what_runs)
