#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

/* The longest story: a process dies, is restarted, and the hub knows all of it. */
PK_TEST(agent__process_dies__incident_action_verification_resolution_reach_the_hub) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_CRITICAL);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1);
    gateway_process(&gw, "web", true);
    wait_ms(30000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    const struct hub_incident *known = hub_model_find(&hub, i->id);
    REQUIRE(known != NULL);
    CHECK_EQ_U64(known->rev, i->rev);
    CHECK_EQ_INT(known->status, PK_INC_RESOLVED);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    CHECK(hub_model_gateway(&hub, "gw-1")->is_online);
    CHECK(gateway_verify_log(&gw) > 5);
    check_sound();
}

PK_TEST(tick__nothing_happens__few_ticks_and_always_a_later_deadline) {
    begin(NULL);
    wait_ms(60000);
    const uint64_t before = gw.tick_count;
    wait_ms(600000);
    /* Two collectors, the watchdog frame, summary and keep-alive: below one tick in two seconds. */
    CHECK(gw.tick_count - before < 300);
    CHECK(gw.until_ms > gw.agent.now.mono_ms);
    CHECK(gw.super.tick_frames > 100);
    check_sound();
}

PK_TEST(tick__no_broker_for_hours__neither_busy_nor_blind) {
    prepare(&(struct gateway_setup){.seed = 2, .has_no_broker = true});
    REQUIRE(gateway_boot(&gw));
    wait_ms(3600000);
    const uint64_t before = gw.tick_count;
    wait_ms(3600000);
    CHECK(gw.tick_count - before < 3000);
    CHECK(open_incident() != NULL);
    CHECK_STR(site.breach, "");
}

PK_TEST(summary__comes_each_minute_and_not_while_offline) {
    begin(NULL);
    wait_ms(301000);
    const uint64_t count = hub_model_gateway(&hub, "gw-1")->summaries;
    CHECK(count >= 4 && count <= 6);
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    pk_sim_peer_reset(&gw.sim, 1);
    wait_ms(600000);
    CHECK_EQ_U64(hub_model_gateway(&hub, "gw-1")->summaries, count);
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    CHECK_EQ_U64(hub_model_gateway(&hub, "gw-1")->summaries, count + 1);
    check_sound();
}

PK_TEST(stop__says_goodbye_and_leaves_everything_durable) {
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    REQUIRE(gateway_stop(&gw));
    CHECK_EQ_U64(gw.agent.durable_seq, gw.agent.submitted_seq);
    CHECK_EQ_INT(gw.agent.links[1].state, PK_LINK_OFF);
    wait_ms(100);
    CHECK(!hub_model_gateway(&hub, "gw-1")->is_online);
    const struct broker_retained *status = broker_find_retained(&broker, "picket/v1/lab/gw-1/status");
    REQUIRE(status != NULL);
    CHECK(strstr((const char *)status->payload, "\"reason\":\"stopped\"") != NULL);
    CHECK(!broker.clients[0].is_will_due);
    check_sound();
}

PK_TEST(stop__disk_is_full__ends_at_its_deadline_all_the_same) {
    begin(NULL);
    gw.sim.store.is_disk_full = true;
    REQUIRE(open_incident() != NULL);
    const uint64_t start_ms = site.now_ms;
    REQUIRE(gateway_stop(&gw));
    CHECK(site.now_ms - start_ms <= PK_AGENT_STOP_MS + 10);
    CHECK(gw.agent.durable_seq < gw.agent.submitted_seq);
}

PK_TEST(supervisor_gone__agent_ends) {
    begin(NULL);
    gw.sim.is_supervisor_gone = true;
    wait_ms(PK_AGENT_STOP_MS + 6000);
    CHECK(!gw.is_up);
    CHECK(gateway_log_has(&gw, "the supervisor is gone"));
}

PK_TEST(signals__log_level_and_dump) {
    begin(NULL);
    const uint8_t before = gw.agent.log_level;
    pk_sim_signal(&gw.sim, PK_SIG_LOG_LEVEL);
    wait_ms(10);
    CHECK_EQ_INT(gw.agent.log_level, before + 1);
    for (int i = 0; i < 5; i++) {
        pk_sim_signal(&gw.sim, PK_SIG_LOG_LEVEL);
        wait_ms(10);
    }
    CHECK(gw.agent.log_level >= PK_LOG_ERROR && gw.agent.log_level <= PK_LOG_DEBUG);
    pk_sim_signal(&gw.sim, PK_SIG_DUMP);
    wait_ms(10);
    static char text[PK_SIM_FILE_BYTES];
    const int n = gw.port.files.read(gw.port.files.ctx, "/var/lib/picket/dump.json", text, sizeof text - 1);
    REQUIRE(n > 100);
    text[n] = '\0';
    CHECK(text[0] == '{' && strstr(text, "\"memory\"") != NULL &&
          strstr(text, "\"gateway\":\"gw-1\"") != NULL);
}

static int64_t floor_after_power_cut(void) {
    gateway_power_cut(&gw);
    CHECK(boot_without_a_clock());
    wait_ms(1000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    return gw.agent.now.wall_ms;
}

PK_TEST(clock__becomes_good__earlier_records_are_corrected) {
    prepare(NULL);
    REQUIRE(boot_without_a_clock());
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->detected.quality, PK_TIME_UNSET);
    const uint64_t mono_ms = i->detected.mono_ms;
    gw.sim.is_wall_synced = true;
    gw.sim.wall_offset_ms = 0;
    wait_ms(5000);
    CHECK_EQ_INT(i->detected.quality, PK_TIME_NTP);
    CHECK_EQ_INT(i->detected.wall_ms, gw.sim.config.wall_ms + (int64_t)mono_ms);
}

/* What the hub took of the first incident: the newest, and the time of its envelope. */
static struct pk_incident_doc taken;
static int64_t taken_envelope_ms;

static void on_taken(void *arg, const struct broker_publish *m) {
    const char *field = "";
    struct pk_str name, value;
    uint32_t at = 0;
    (void)arg;
    hub_model_accept(&hub, m);
    if (m->payload.n == 0 || !pk_str_starts(m->topic, "picket/v1/lab/gw-1/incident/inc_gw-1_1_00001")) {
        return;
    }
    CHECK_EQ_INT(pk_incident_json_read(m->payload.p, m->payload.n, &taken, &field), PK_OK);
    while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
        if (pk_str_eq_c(name, "time")) {
            CHECK_EQ_INT(pk_time_parse(value, &taken_envelope_ms), PK_OK);
        }
    }
}

/* Started without a broker, with a clock that stands in 1972. */
static void begin_unsure(const struct gateway_setup *setup) {
    prepare(setup);
    memset(&taken, 0, sizeof taken);
    taken_envelope_ms = 0;
    broker.accepted = on_taken;
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = -1700000000000;
    REQUIRE(gateway_boot(&gw));
}

static void make_clock_good(void) {
    gw.sim.is_wall_synced = true;
    gw.sim.wall_offset_ms = 0;
    wait_ms(3000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_NTP);
}

PK_TEST(clock__becomes_good__timeline_actions_and_what_waits_have_the_true_time) {
    static const char GET[] = "{\"incident_id\":\"inc_00001\",\"timeline\":true}";
    char time[PK_TIME_TEXT_BYTES], text[80];
    begin_unsure(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL && i->action_count > 0);
    const uint64_t detected_ms = i->detected.mono_ms;
    const int64_t true_ms = gw.sim.config.wall_ms + (int64_t)detected_ms;
    CHECK(i->actions[0].at_wall_ms < true_ms - 1000000000000);
    CHECK(says(0, "incidents.get", GET, "\"at\":\"197"));
    const uint64_t lines = gw.agent.audit.head.n;
    make_clock_good();
    CHECK(i->actions[0].at_wall_ms >= true_ms && i->actions[0].at_wall_ms <= gw.agent.now.wall_ms);
    pk_time_format(true_ms, time);
    (void)snprintf(text, sizeof text, "\"at\":\"%s\",\"time_quality\":\"ntp\"", time);
    CHECK(says(0, "incidents.get", GET, text));
    CHECK(strstr(gateway_command(&gw, 0, "incidents.get", GET), "\"at\":\"197") == NULL);
    /* The chain has one more entry for it, and holds. */
    CHECK(gateway_log_has(&gw, "the clock became good (ntp): entries of boot "));
    CHECK(gw.agent.audit.head.n > lines);
    CHECK(gateway_verify_log(&gw) > 0);
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(2000);
    CHECK_EQ_INT(taken.incident.detected.wall_ms, true_ms);
    CHECK_EQ_INT(taken.incident.detected.quality, PK_TIME_NTP);
    CHECK(taken.incident.actions[0].at_wall_ms >= true_ms);
    CHECK(taken_envelope_ms >= true_ms);
    check_sound();
}

PK_TEST(clock__hub__the_machines_own_is_never_good) {
    static const struct gateway_setup HUB = {
        .seed = 1, .config = "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = hub\n"};
    prepare(&HUB);
    REQUIRE(gateway_boot(&gw));
    wait_ms(60000);
    CHECK(gw.sim.is_wall_synced);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_UNSET);
    pk_agent_set_time(&gw.agent, 1790000500000);
    wait_ms(1000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_HUB);
    CHECK(gw.agent.now.wall_ms >= 1790000500000 && gw.agent.now.wall_ms <= 1790000502000);
}

/* It has left the table, so only its report in the outbox is left; and the power was cut before that left. */
PK_TEST(clock__became_good__reports_of_that_boot_are_corrected_as_they_go) {
    static char config[4096];
    (void)snprintf(config, sizeof config, "%s\n[incidents]\nkeep = 1h\n", GATEWAY_CONFIG);
    begin_unsure(&(struct gateway_setup){.seed = 1, .config = config});
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    const int64_t true_ms = gw.sim.config.wall_ms + (int64_t)i->detected.mono_ms;
    const uint32_t number = i->number;
    gateway_process(&gw, "web", true);
    wait_ms(3 * 3600000);
    REQUIRE(pk_incidents_get(&gw.agent.incidents, number) == NULL);
    CHECK(pk_outbox_depth(&gw.agent.outbox) > 0);
    make_clock_good();
    wait_ms(1000);
    gateway_power_cut(&gw);
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = -1700000000000;
    REQUIRE(gateway_boot(&gw));
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(5000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    CHECK_EQ_U64(taken.incident.number, number);
    CHECK_EQ_INT(taken.incident.detected.wall_ms, true_ms);
    CHECK_EQ_INT(taken.incident.detected.quality, PK_TIME_NTP);
    CHECK(taken.incident.resolved.wall_ms > true_ms && taken.incident.resolved.wall_ms < true_ms + 3600000);
    CHECK(taken_envelope_ms >= taken.incident.resolved.wall_ms && taken_envelope_ms < true_ms + 3600000);
    check_sound();
}

PK_TEST(clock__last_good_time_is_a_floor_over_a_power_cut) {
    begin(NULL);
    wait_ms(60000);
    const int64_t good_ms = gw.agent.now.wall_ms;
    gateway_power_cut(&gw);
    REQUIRE(boot_without_a_clock());
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_UNSET);
    wait_ms(1000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    CHECK(gw.agent.now.wall_ms >= good_ms - 60000); /* it was saved with what the start stored */
}

/* As far as anybody knows, they follow each other: no time is said twice. */
PK_TEST(clock__without_a_good_time__goes_on_from_the_floor_over_power_cuts) {
    begin(NULL);
    wait_ms(60000);
    int64_t last_ms = gw.agent.now.wall_ms - 60000;
    const int64_t true_from_ms = gw.agent.now.wall_ms - (int64_t)site.now_ms;
    for (int life = 0; life < 4; life++) {
        const int64_t from_ms = floor_after_power_cut();
        const int64_t offset_ms = from_ms - (int64_t)gw.agent.now.mono_ms;
        CHECK(from_ms > last_ms);
        wait_ms(4500000);
        CHECK_EQ_INT(gw.agent.now.wall_ms, offset_ms + (int64_t)gw.agent.now.mono_ms);
        CHECK(gw.agent.now.wall_ms <= true_from_ms + (int64_t)site.now_ms);
        last_ms = from_ms + 4500000 - 3600000 - 60000; /* it was saved within the last hour */
    }
    /* A clock that is ahead moves what is shown, and nothing that is stored. */
    gw.sim.wall_offset_ms = 400ll * 86400000;
    wait_ms(4500000);
    CHECK(gw.agent.meta.wall_floor_ms <= true_from_ms + (int64_t)site.now_ms);
    check_sound();
}

/* Each commit is a flush and some 30 KB at the device, whatever it holds: a quarter of an hour apart, as it
 * was, floors alone wrote more than the 2 MB a day that an idle gateway may write. */
PK_TEST(clock__floor_of_an_idle_gateway__is_saved_once_an_hour) {
    static const struct gateway_setup IDLE = {
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[broker central]\nhost = broker.example\nport = 1883\n"
                  "tls = no\n"};
    struct pk_store_status before, after;
    begin(&IDLE);
    wait_ms(600000);
    gw.port.store.status(gw.port.store.ctx, &before);
    const uint64_t saved_ms = gw.agent.floor_saved_ms;
    wait_ms(24 * 3600000);
    gw.port.store.status(gw.port.store.ctx, &after);
    CHECK(gw.agent.floor_saved_ms > saved_ms);
    CHECK(after.commit_count - before.commit_count <= 24);
    CHECK(after.commit_count - before.commit_count >= 23);
    const int64_t good_ms = gw.agent.now.wall_ms;
    const int64_t floor_ms = floor_after_power_cut();
    CHECK(floor_ms >= good_ms - 3660000);
}

/* As shipped: the start of a look is one commit, and all else goes along with it (ADR 0089). */
PK_TEST(clock__floor_of_an_idle_gateway_with_the_shipped_tasks__goes_along_with_them) {
    static const struct gateway_setup SHIPPED = {
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[broker central]\nhost = broker.example\nport = 1883\n"
                  "tls = no\n[maintenance health]\naction = look\nevery = 1h\n"
                  "[maintenance memory]\naction = look\nevery = 4h\n"};
    struct pk_store_status before, after;
    begin(&SHIPPED);
    wait_ms(600000);
    gw.port.store.status(gw.port.store.ctx, &before);
    const uint64_t lines = gw.agent.audit.head.n;
    wait_ms(24 * 3600000);
    gw.port.store.status(gw.port.store.ctx, &after);
    CHECK(after.commit_count - before.commit_count <= 31);
    const uint64_t starts = gw.super.start_count;
    CHECK(starts >= 26);
    CHECK(gw.agent.audit.head.n - lines + 1 >= 2 * starts); /* the last end waits */
    CHECK_EQ_U64(gw.agent.tasks.table.states[0].completed_count +
                     gw.agent.tasks.table.states[1].completed_count,
                 starts);
    const int64_t good_ms = gw.agent.now.wall_ms;
    CHECK(floor_after_power_cut() >= good_ms - 75 * 60000);
    CHECK(gw.agent.tasks.table.states[0].completed_count + gw.agent.tasks.table.states[1].completed_count +
              1 >=
          starts);
    check_sound();
}

PK_TEST(clock__floor__goes_along_with_what_is_stored_anyway) {
    begin(NULL);
    wait_ms(1500000);
    const uint64_t saved_ms = gw.agent.floor_saved_ms;
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    CHECK(gw.agent.floor_saved_ms > saved_ms);
    const int64_t good_ms = gw.agent.now.wall_ms;
    CHECK(floor_after_power_cut() >= good_ms - 60000);
}

PK_TEST(clock__jump__fires_nothing) {
    begin(NULL);
    wait_ms(120000);
    const uint32_t before = gw.agent.incidents.next_number;
    gw.sim.wall_offset_ms = 86400000;
    wait_ms(60000);
    gw.sim.wall_offset_ms = -86400000;
    wait_ms(60000);
    /* Only the heartbeat that never came at all. */
    CHECK(gw.agent.incidents.next_number <= before + 1);
    CHECK_STR(site.breach, "");
}

PK_TEST(start__configured_heartbeat_that_never_comes__is_an_incident) {
    begin(NULL);
    wait_ms(90000);
    const struct pk_incident *i = gateway_incident(&gw, "heartbeat_lost");
    REQUIRE(i != NULL);
    CHECK_STR(i->group_key, "press-7");
    char id[PK_INC_ID_BYTES];
    (void)snprintf(id, sizeof id, "%s", i->id);
    for (int life = 0; life < 3; life++) { /* being started again is no sign of life of the press */
        gateway_crash(&gw);
        REQUIRE(gateway_boot(&gw));
        wait_ms(90000);
        i = gateway_incident(&gw, "heartbeat_lost");
        REQUIRE(i != NULL);
        CHECK_STR(i->id, id);
        CHECK(i->status != PK_INC_RESOLVED);
    }
}

PK_TEST(start__store_moved_aside__is_an_incident_of_its_own) {
    prepare(NULL);
    struct pk_agent_start start = {.boot_epoch = 3, .last_exit = UINT32_MAX, .is_store_moved_aside = true};
    pk_agent_init(&gw.agent, &gw.port,
                  &(struct pk_agent_identity){.version = "1", .isa = "sim", .board = "sim"});
    REQUIRE(pk_agent_load(&gw.agent, "/etc/picket/picketd.conf", NULL, &gw.diag) == PK_OK);
    REQUIRE(pk_agent_start(&gw.agent, &start) == PK_OK);
    CHECK_EQ_U64(gw.agent.now.boot, 3);
    (void)pk_agent_tick(&gw.agent, 0);
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i =
        pk_incidents_next(&gw.agent.incidents, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO, &below);
    REQUIRE(i != NULL);
    CHECK(strstr(i->rule_id, "store") != NULL);
    CHECK(gateway_log_has(&gw, "moved aside"));
}

PK_TEST_MAIN(agent__process_dies__incident_action_verification_resolution_reach_the_hub,
             tick__nothing_happens__few_ticks_and_always_a_later_deadline,
             tick__no_broker_for_hours__neither_busy_nor_blind,
             summary__comes_each_minute_and_not_while_offline,
             stop__says_goodbye_and_leaves_everything_durable,
             stop__disk_is_full__ends_at_its_deadline_all_the_same, supervisor_gone__agent_ends,
             signals__log_level_and_dump, clock__becomes_good__earlier_records_are_corrected,
             clock__becomes_good__timeline_actions_and_what_waits_have_the_true_time,
             clock__hub__the_machines_own_is_never_good,
             clock__became_good__reports_of_that_boot_are_corrected_as_they_go,
             clock__last_good_time_is_a_floor_over_a_power_cut,
             clock__floor_of_an_idle_gateway__is_saved_once_an_hour,
             clock__without_a_good_time__goes_on_from_the_floor_over_power_cuts,
             clock__floor_of_an_idle_gateway_with_the_shipped_tasks__goes_along_with_them,
             clock__floor__goes_along_with_what_is_stored_anyway, clock__jump__fires_nothing,
             start__configured_heartbeat_that_never_comes__is_an_incident,
             start__store_moved_aside__is_an_incident_of_its_own)
