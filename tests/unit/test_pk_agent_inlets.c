#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define HEAD                                                                                                 \
    "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = trusted\n[sources]\ncpu = 0\nmemory = 0\n"         \
    "psi = 0\nload = 0\ndisk = 0\nprocess = 5s\n"

static uint32_t text; /* what slot 0 reads */

static void start(const char *config, enum pk_inlet_form form) {
    const struct gateway_setup setup = {.seed = 1, .config = config, .has_no_broker = true};
    prepare(&setup);
    REQUIRE(gateway_boot(&gw));
    wait_ms(50);
    CHECK_EQ_U64(gw.super.inlet_count, 1);
    CHECK_EQ_U64(gw.super.inlet.table_crc, pk_inlets_crc(&gw.agent.config.inlets));
    const int made = pk_sim_text_make(&gw.sim, form);
    REQUIRE(made >= 0);
    text = (uint32_t)made;
}

static void give_after(uint32_t which, uint64_t record) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET};
    const struct pk_ipc_inlet_fd body = {.record = record};
    f.body_bytes = sizeof body;
    memcpy(f.body, &body, sizeof body);
    pk_sim_text_pass(&gw.sim, which, PK_IPC_OPEN_INLET);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
}

static void give(uint32_t which) {
    give_after(which, 0);
}

static void refuse(int error) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_NO_INLET};
    const struct pk_ipc_refused body = {.error = error};
    f.body_bytes = sizeof body;
    memcpy(f.body, &body, sizeof body);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
}

static void put(const char *s) {
    CHECK(pk_sim_text_put(&gw.sim, text, s, (uint32_t)strlen(s)));
}

/* Events of a type and source in the history. */
static uint32_t count(const char *type, const char *source) {
    const struct pk_intake *in = &gw.agent.intake;
    uint32_t n = 0;
    const struct pk_event *e = NULL;
    for (uint32_t age = 0; (e = pk_history_at(&gw.agent.history, age)) != NULL; age++) {
        n += strcmp(pk_types_name(&in->types, e->type_id), type) == 0 &&
                     strcmp(pk_sources_name(&in->sources, e->source_id), source) == 0
                 ? 1u
                 : 0u;
    }
    return n;
}

static const struct pk_source *source(const char *name) {
    const int id = pk_sources_find(&gw.agent.intake.sources, pk_str_of(name));
    return id < 0 ? NULL : pk_sources_state(&gw.agent.intake.sources, (uint16_t)id);
}

static const struct pk_agent_inlet *inlet(void) {
    return &gw.agent.inlets.rows[0];
}

#define FAILED "sshd[1]: Failed password for root from "
static const char AUTH[] = HEAD "[log auth]\npath = /var/log/auth.log\n";

PK_TEST(inlets__log__lines_become_events_of_their_own_sources) {
    start(AUTH, PK_INLET_FILE);
    put("Nov 21 12:00:00 gw " FAILED "10.0.0.1 port 2\n");
    give(text);
    wait_ms(1100);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.1"), 1); /* the file came with position 0 */
    CHECK_EQ_U64(count("source_up", "log:auth"), 1);
    put("Nov 21 12:00:01 gw sshd[1]: Accepted publickey for root\nNov 21 12:00:01 gw " FAILED "10.0");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->line_count, 2); /* the second half of a line is awaited */
    put(".0.2 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.2"), 1);
    CHECK_EQ_U64(inlet()->event_count, 2);
    CHECK_EQ_U64(gw.sim.texts[text].position, gw.sim.texts[text].n); /* who comes after us goes on here */
    const struct pk_source *own = source("log:auth");
    REQUIRE(own != NULL);
    CHECK(own->last_seen_ms > 0 && !own->is_fault);
    CHECK(source("10.0.0.1")->is_foreign && !own->is_foreign);
    check_sound();
}

PK_TEST(inlets__log__a_repeated_message_counts_as_often_as_it_was_said) {
    start(AUTH, PK_INLET_FILE);
    put("Nov 21 12:00:00 gw sshd[1]: message repeated 5 times: [ Failed password for root from 10.0.0.1 port "
        "2]\n");
    give(text);
    wait_ms(1100);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.1"), 5);
    CHECK_EQ_U64(inlet()->line_count, 1);
    put("Nov 21 12:00:01 gw sshd[1]: message repeated 130 times: [ Failed password for root from 10.0.0.2 "
        "port 2]\n");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->event_count, 105);
    CHECK_EQ_U64(inlet()->lost_count, 30); /* of one line a hundred at the most */
    CHECK_EQ_U64(gw.agent.intake.ledger.total[PK_LOSS_RATE], 30);
    /* What sshd and PAM both say is one, also where one of them says it five times in a line. */
    put("Nov 21 12:01:00 gw sshd[2]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 "
        "tty=ssh ruser= rhost=10.0.0.3  user=root\n"
        "Nov 21 12:01:00 gw sshd[2]: message repeated 5 times: [ Failed password for root from 10.0.0.3 port "
        "2]\n"
        "Nov 21 12:01:00 gw sshd[2]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 "
        "tty=ssh ruser= rhost=10.0.0.3  user=root\n");
    wait_ms(1100);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.3"), 5);
    check_sound();
}

PK_TEST(inlets__log__rotated_emptied_and_without_a_last_line_end) {
    start(AUTH, PK_INLET_FILE);
    give(text);
    put(FAILED "10.0.0.1 port 2\n" FAILED "10.0.0.2 port 2"); /* no time, no end */
    wait_ms(1100);
    const uint32_t old = text;
    text = (uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_FILE);
    put(FAILED "10.0.0.3 port 2\n");
    give(text);
    wait_ms(3200);
    CHECK_EQ_U64(gw.sim.inlets[0].text, text + 1u);
    CHECK(text != old);
    CHECK_EQ_U64(inlet()->file_count, 1);
    CHECK_EQ_U64(count("log_error", "sshd") + inlet()->line_count, 3);
    pk_sim_text_truncate(&gw.sim, text);
    wait_ms(1100);
    put("Nov 21 12:00:00 gw " FAILED "10.0.0.4 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->truncated_count, 1);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.4"), 1);
}

PK_TEST(inlets__log__files_never_opened__are_counted_once) {
    start(AUTH, PK_INLET_FILE);
    give_after(text, 2);
    CHECK_EQ_U64(inlet()->skipped_file_count, 2);
    give_after((uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_FILE), 2);
    CHECK_EQ_U64(inlet()->skipped_file_count, 2);
    give_after((uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_FILE), 5);
    CHECK_EQ_U64(inlet()->skipped_file_count, 5);
    give_after((uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_FILE), 1); /* the supervisor opened it anew */
    give_after((uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_FILE), 2);
    CHECK_EQ_U64(inlet()->skipped_file_count, 6);
    CHECK_EQ_U64(inlet()->record, 0);
}

PK_TEST(inlets__log__a_line_that_never_ends_is_cut_once) {
    static char flood[40000];
    start(AUTH, PK_INLET_FILE);
    give(text);
    memset(flood, 'x', sizeof flood - 1u);
    put(flood);
    wait_ms(1100);
    put("tail\nNov 21 12:00:00 gw " FAILED "10.0.0.9 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->cut_count, 1);
    CHECK_EQ_U64(inlet()->line_count, 2);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.9"), 1);
}

PK_TEST(inlets__log__missing__is_a_fault_after_a_grace_and_recovers) {
    start(AUTH, PK_INLET_FILE);
    refuse(PK_E_NOT_FOUND);
    wait_ms(4000);
    CHECK(!inlet()->is_fault); /* a rotation takes a moment */
    wait_ms(2000);
    CHECK(inlet()->is_fault && source("log:auth")->is_fault);
    CHECK_EQ_U64(source("log:auth")->fault_count, 1);
    CHECK(gateway_log_has(&gw, "a source of text cannot be read: log:auth"));
    wait_ms(60000);
    CHECK_EQ_U64(gw.super.inlet_count, 1); /* it will be told */
    give(text);
    CHECK(!inlet()->is_fault && !source("log:auth")->is_fault && inlet()->is_up);
}

PK_TEST(inlets__another_table_there__is_asked_again) {
    start(AUTH, PK_INLET_FILE);
    refuse(PK_E_STALE);
    wait_ms(11000);
    CHECK(gw.super.inlet_count >= 2 && gw.super.inlet_count <= 4);
}

PK_TEST(inlets__flood__is_held_to_the_rate_and_every_loss_is_counted) {
    static char line[64];
    start(HEAD "rate = 100\nburst = 200\n[statsd]\nsocket = yes\n", PK_INLET_DATAGRAMS);
    give(text);
    for (uint32_t i = 0; i < 1000; i++) { /* each of another source */
        (void)snprintf(line, sizeof line, "load:%u|g|#source:s%u", i, i);
        put(line);
        if (i % 200 == 0) {
            wait_ms(1);
        }
    }
    wait_ms(1000);
    CHECK(inlet()->event_count == 1000);
    const struct pk_source *own = source("statsd");
    REQUIRE(own != NULL);
    CHECK(own->event_count >= 200 && own->event_count <= 310);
    CHECK_EQ_U64(own->loss_count, 1000u + 1u - own->event_count); /* and source_up, which is ours */
    CHECK_EQ_U64(gw.agent.intake.ledger.total[PK_LOSS_RATE], own->loss_count);
    CHECK(gw.agent.intake.sources.foreign_count <= PK_LIMIT_SOURCES_FOREIGN);
}

PK_TEST(inlets__statsd__bad_lines_and_a_cut_datagram) {
    static char big[PK_LOG_LINE_BYTES_MAX + 100];
    start(HEAD "[statsd]\nsocket = yes\n", PK_INLET_DATAGRAMS);
    give(text);
    put("a:1|g\n\nb:x|g\r\nc:2|g|#source:dev\n");
    wait_ms(10);
    CHECK_EQ_U64(count("a", "statsd") + count("c", "dev"), 2);
    CHECK_EQ_U64(inlet()->bad_count, 1);
    memset(big, '1', sizeof big - 1u);
    memcpy(big, "d:3|g\ne:", 8);
    put(big);
    wait_ms(10);
    CHECK_EQ_U64(count("d", "statsd"), 1);
    CHECK_EQ_U64(inlet()->cut_count, 1);
    CHECK_EQ_U64(inlet()->bad_count, 2);
}

PK_TEST(inlets__syslog__what_is_none_is_counted) {
    start(HEAD "[syslog]\nudp = 5514\n", PK_INLET_DATAGRAMS);
    give(text);
    put("<38>Nov 21 12:00:00 gw " FAILED "10.0.0.1 port 2\n");
    put("<11>1 - - app - - - broken");
    put("garbage");
    put("");
    pk_sim_text_overrun(&gw.sim, text, 0);
    put("<11>after");
    wait_ms(10);
    pk_sim_text_overrun(&gw.sim, text, 25); /* the kernel had no room */
    put("<11>after that");
    wait_ms(10);
    CHECK_EQ_U64(count("log_error", "log"), 2);
    CHECK_EQ_U64(inlet()->lost_count, 25);
    CHECK_EQ_U64(gw.agent.intake.ledger.total[PK_LOSS_OVERFLOW], 25);
}

PK_TEST(inlets__udp__what_was_lost_before_is_not_counted_again) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET};
    const struct pk_ipc_inlet_fd body = {.record = 25};
    start(HEAD "[syslog]\nudp = 5514\n", PK_INLET_DATAGRAMS);
    f.body_bytes = sizeof body;
    memcpy(f.body, &body, sizeof body);
    pk_sim_text_pass(&gw.sim, text, PK_IPC_OPEN_INLET);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    pk_sim_text_overrun(&gw.sim, text, 27);
    put("<11>after that");
    wait_ms(10);
    CHECK_EQ_U64(inlet()->lost_count, 2);
}

PK_TEST(inlets__kmsg__gaps_are_losses) {
    start(HEAD "[kmsg]\ndevice = yes\n", PK_INLET_RECORDS);
    give(text);
    put("4,1000,123,-;nothing\n DEVICE=+x\n");
    put("3,1001,124,-;EXT4-fs error (device sda1): htree\n");
    wait_ms(10);
    pk_sim_text_overrun(&gw.sim, text, 0);
    put("3,1012,125,-;EXT4-fs error (device sda2): htree\n");
    put("no record\n");
    wait_ms(10);
    CHECK_EQ_U64(count("fs_error", "sda1") + count("fs_error", "sda2"), 2);
    CHECK_EQ_U64(inlet()->lost_count, 10);
    CHECK_EQ_U64(inlet()->bad_count, 1);
    CHECK_EQ_U64(source("kmsg")->loss_count, 11);
}

static void give_with(uint32_t which, const struct pk_ipc_inlet_fd *how) {
    struct pk_ipc_frame f = {
        .version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET, .body_bytes = sizeof *how};
    memcpy(f.body, how, sizeof *how);
    pk_sim_text_pass(&gw.sim, which, PK_IPC_OPEN_INLET);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
}

PK_TEST(inlets__kmsg__what_was_said_before_is_read_once_and_is_late) {
    start(HEAD "[kmsg]\ndevice = yes\n", PK_INLET_RECORDS);
    put("3,70,1000000,-;EXT4-fs error (device sda1): htree\n");
    pk_sim_text_overrun(&gw.sim, text, 0);
    put("3,71,2000000,-;EXT4-fs error (device sda2): htree\n");
    wait_ms(600000);
    const struct pk_ipc_inlet_fd how = {.record = 71, .start = PK_IPC_INLET_RESUMED};
    give_with(text, &how);
    CHECK_EQ_U64(count("fs_error", "sda1"), 0); /* read by the agent before */
    CHECK_EQ_U64(count("fs_error", "sda2"), 1);
    CHECK_EQ_U64(inlet()->line_count, 1);
    CHECK_EQ_U64(inlet()->lost_count, 0);
    const struct pk_event *e = pk_history_at(&gw.agent.history, 0);
    for (uint32_t age = 0;
         e != NULL && e->source_id != pk_sources_find(&gw.agent.intake.sources, pk_str_of("sda2"));) {
        e = pk_history_at(&gw.agent.history, ++age);
    }
    REQUIRE(e != NULL);
    CHECK((e->flags & PK_EVENT_REPLAYED) != 0);
    CHECK_EQ_INT(e->wall_ms, gw.agent.now.wall_ms - (int64_t)gw.agent.now.mono_ms + 2000);
    put("3,72,3000000,-;EXT4-fs error (device sda3): htree\n"); /* its clock slept: of now all the same */
    wait_ms(10);
    e = pk_history_at(&gw.agent.history, 0);
    REQUIRE(e != NULL);
    CHECK((e->flags & PK_EVENT_REPLAYED) == 0);
    wait_ms(61000);
    CHECK_EQ_U64(gw.super.inlet_at.record, 73);
    const uint64_t reports = gw.super.inlet_at_count;
    wait_ms(200000);
    CHECK_EQ_U64(gw.super.inlet_at_count, reports); /* nothing new */
}

PK_TEST(inlets__journal__ends_and_goes_on_behind_its_cursor) {
    static char big[PK_LOG_LINE_BYTES_MAX + 10];
    start(HEAD "[journal]\ncommand = yes\n", PK_INLET_STREAM);
    give(text);
    CHECK(!inlet()->is_up); /* it may end at once */
    wait_ms(3100);
    CHECK(inlet()->is_up);
    put("{\"__CURSOR\":\"s=a;i=1\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"MESSAGE\":\"Failed password for root "
        "from "
        "10.0.0.1 port 2\"}\n{\"__CURSOR\":\"s=a;i=2\",\"MESSAGE\":[111,107]}\nno json\n");
    memset(big, 'y', sizeof big - 1u);
    put(big);
    put("\n");
    wait_ms(10);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.1"), 1);
    CHECK_EQ_U64(inlet()->bad_count, 2);
    CHECK_EQ_U64(inlet()->cut_count, 1);
    pk_sim_text_end(&gw.sim, text);
    wait_ms(10);
    CHECK(inlet()->is_fault && !inlet()->is_open);
    wait_ms(5100);
    CHECK_EQ_U64(gw.super.inlet_count, 2);
    CHECK_STR(gw.super.inlet.cursor, "s=a;i=2");
    wait_ms(61000);
    CHECK_STR(gw.super.inlet_at.cursor, "s=a;i=2");
    gw.super.inlet_count = 2;
    text = (uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_STREAM);
    give(text);
    pk_sim_text_end(&gw.sim, text); /* not a word: perhaps the cursor is the reason */
    wait_ms(6000);
    CHECK_EQ_U64(gw.super.inlet_count, 3);
    CHECK_STR(gw.super.inlet.cursor, "");
    CHECK(inlet()->is_fault);
}

PK_TEST(inlets__frames_for_nobody__are_counted) {
    start(AUTH, PK_INLET_FILE);
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = 3};
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    f.id = PK_IPC_OPEN_INLET + 7;
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    f.type = PK_IPC_NO_INLET;
    f.id = 1u << 31;
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, 3);
}

PK_TEST(inlets__log__emptied_and_longer_than_before_within_a_look) {
    start(AUTH, PK_INLET_FILE);
    give(text);
    put("Nov 21 12:00:00 gw " FAILED "10.0.0.1 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.1"), 1);
    pk_sim_text_truncate(&gw.sim, text);
    put("Nov 21 12:00:02 gw " FAILED "10.0.0.2 port 2\nNov 21 12:00:02 gw " FAILED "10.0.0.3 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->truncated_count, 1);
    CHECK_EQ_U64(count("auth_failed", "10.0.0.2") + count("auth_failed", "10.0.0.3"), 2);
    put("Nov 21 12:00:03 gw " FAILED "10.0.0.4 port 2\n");
    wait_ms(1100);
    CHECK_EQ_U64(inlet()->truncated_count, 1);
    CHECK_EQ_U64(inlet()->line_count, 4);
}

PK_TEST(inlets__statsd__more_lines_than_the_intake_holds__are_all_taken) {
    static char many[8000];
    struct pk_buf b;
    start(HEAD "[statsd]\nsocket = yes\n", PK_INLET_DATAGRAMS);
    give(text);
    pk_buf_init(&b, many, sizeof many);
    for (unsigned i = 0; i < 900; i++) {
        pk_buf_puts(&b, i % 300u == 299u ? "b:x|g\n" : "a:1|g\n");
    }
    put(many);
    wait_ms(200);
    CHECK_EQ_U64(inlet()->line_count, 900);
    CHECK_EQ_U64(inlet()->event_count, 897);
    CHECK_EQ_U64(inlet()->bad_count, 3);
    CHECK_EQ_U64(gw.agent.intake.ledger.total[PK_LOSS_INTAKE_FULL], 0);
    CHECK(!gw.agent.inlets.rest.is_any);
    REQUIRE(inlet()->refusal != NULL);
    CHECK_STR(inlet()->refusal, "no number, or one relative to another");
    put("c:1|g");
    wait_ms(100);
    CHECK_EQ_U64(inlet()->line_count, 901);
}

PK_TEST_MAIN(inlets__log__emptied_and_longer_than_before_within_a_look,
             inlets__statsd__more_lines_than_the_intake_holds__are_all_taken,
             inlets__log__lines_become_events_of_their_own_sources,
             inlets__log__a_repeated_message_counts_as_often_as_it_was_said,
             inlets__log__rotated_emptied_and_without_a_last_line_end,
             inlets__log__files_never_opened__are_counted_once,
             inlets__log__a_line_that_never_ends_is_cut_once,
             inlets__log__missing__is_a_fault_after_a_grace_and_recovers,
             inlets__another_table_there__is_asked_again,
             inlets__flood__is_held_to_the_rate_and_every_loss_is_counted,
             inlets__statsd__bad_lines_and_a_cut_datagram, inlets__syslog__what_is_none_is_counted,
             inlets__udp__what_was_lost_before_is_not_counted_again, inlets__kmsg__gaps_are_losses,
             inlets__kmsg__what_was_said_before_is_read_once_and_is_late,
             inlets__journal__ends_and_goes_on_behind_its_cursor, inlets__frames_for_nobody__are_counted)
