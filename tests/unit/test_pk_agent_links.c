#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"
#include "wire/pk_jws.h"

/* What the broker took, in order. */
enum { SEEN = 400 };
static struct {
    char topic[BROKER_TOPIC_BYTES];
    uint32_t bytes;
    bool is_retained, is_dup, is_will;
    char id[40];
} seen[SEEN];
static uint32_t seen_count;

static void note(void *arg, const struct broker_publish *m) {
    struct pk_str name, value;
    uint32_t at = 0;
    if (seen_count < SEEN) {
        (void)pk_str_copy_cut(m->topic, seen[seen_count].topic, sizeof seen[0].topic);
        seen[seen_count].bytes = m->payload.n;
        seen[seen_count].is_retained = m->is_retained;
        seen[seen_count].is_dup = m->is_dup;
        seen[seen_count].is_will = m->is_will;
        seen[seen_count].id[0] = '\0';
        while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
            if (pk_str_eq_c(name, "id")) {
                (void)pk_str_copy_cut(value, seen[seen_count].id, sizeof seen[0].id);
            }
        }
        seen_count++;
    }
    (void)arg;
}

static void on_accepted(void *arg, const struct broker_publish *m) {
    note(arg, m);
    hub_model_accept(&hub, m);
}

static void listen(const struct gateway_setup *setup) {
    prepare(setup);
    seen_count = 0;
    broker.accepted = on_accepted;
}

static uint32_t first_of(const char *part) {
    for (uint32_t i = 0; i < seen_count; i++) {
        if (strstr(seen[i].topic, part) != NULL) {
            return i;
        }
    }
    return UINT32_MAX;
}

PK_TEST(birth__comes_first_retained_and_before_a_backlog) {
    listen(NULL);
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(open_incident() != NULL);
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(500);
    CHECK_EQ_U64(first_of("/status"), 0);
    CHECK(seen[0].is_retained);
    CHECK(first_of("/incident/") < UINT32_MAX);
    check_sound();
}

PK_TEST(birth__refused__comes_again) {
    listen(NULL);
    broker.weights.refuse_publish = 1000;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(2000);
    CHECK_EQ_U64(seen_count, 0);
    broker.weights.refuse_publish = 0;
    wait_ms(10000);
    CHECK_EQ_U64(first_of("/status"), 0);
    CHECK(hub_model_gateway(&hub, "gw-1")->is_online);
    CHECK_STR(site.breach, "");
}

static uint32_t count_of(const char *part) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < seen_count; i++) {
        count += strstr(seen[i].topic, part) != NULL ? 1u : 0u;
    }
    return count;
}

PK_TEST(metered__a_summary_is_rare_and_comes_when_incidents_change) {
    char config[2048];
    (void)snprintf(config, sizeof config, "%s[report]\nmetered = yes\n", GATEWAY_CONFIG);
    listen(&(struct gateway_setup){.seed = 1, .config = config});
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000); /* before press-7 is missed */
    CHECK_EQ_U64(count_of("/summary"), 0);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    const uint32_t after_change = count_of("/summary");
    CHECK(after_change >= 1);
    wait_ms(600000);
    /* Each after a change; by the clock alone it would have been none yet. */
    CHECK(count_of("/summary") <= count_of("/incident/"));
    check_sound();
}

PK_TEST(ids__of_birth_will_summary_and_incidents_are_one_sequence) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    REQUIRE(open_incident() != NULL);
    wait_ms(70000);
    gw.sim.links[1].is_cut = true; /* silently: the will speaks */
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    wait_ms(200000);
    const uint32_t before = seen_count;
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    CHECK(seen_count > before);
    bool has_will = false;
    for (uint32_t i = 0; i < seen_count; i++) {
        has_will = has_will || seen[i].is_will;
        if (seen[i].bytes == 0) {
            continue;
        }
        CHECK(strncmp(seen[i].id, "1-", 2) == 0);
        for (uint32_t k = 0; k < i; k++) {
            CHECK(strcmp(seen[i].id, seen[k].id) != 0 || seen[i].is_dup);
        }
    }
    CHECK(has_will);
    check_sound();
}

PK_TEST(incident__is_retained_while_open_and_emptied_when_it_is_over) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(100);
    char topic[160];
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/incident/%s", i->id);
    CHECK(broker_find_retained(&broker, topic) != NULL);
    gateway_process(&gw, "web", true);
    wait_ms(30000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK(broker_find_retained(&broker, topic) == NULL);
    CHECK_EQ_INT(hub_model_find(&hub, i->id)->status, PK_INC_RESOLVED);
    /* It comes back within the flap window: retained again. */
    gateway_process(&gw, "web", false);
    wait_ms(10000);
    CHECK(pk_incident_status_is_active(i->status));
    CHECK(broker_find_retained(&broker, topic) != NULL);
    check_sound();
}

PK_TEST(connection_lost_before_the_answer__is_sent_again_with_its_own_id) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(100);
    broker.weights.cut_before_ack = 1000;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(20000);
    broker.weights.cut_before_ack = 0;
    wait_ms(60000);
    CHECK(broker.dup_count > 0);
    CHECK(hub.duplicate_count > 0);
    CHECK_EQ_U64(hub_model_find(&hub, i->id)->rev, i->rev);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    check_sound();
}

PK_TEST(broker_without_its_sessions__is_subscribed_to_again) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(100);
    CHECK_EQ_U64(broker.clients[0].filter_count, 4);
    broker_restart(&broker, false);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK_EQ_U64(broker.clients[0].filter_count, 4);
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK_EQ_U64(broker_publish(&broker, "picket/v1/lab/gw-1/in/s/t", "1", 1, ""), 1);
    check_sound();
}

PK_TEST(narrow_window__everything_still_arrives_in_time) {
    listen(NULL);
    broker.server_receive_maximum = 1;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    for (uint32_t n = 0; n < 10; n++) {
        char line[120];
        (void)snprintf(line, sizeof line, "{\"type\":\"deadlock\",\"source\":\"d-%u\"}\n", n);
        (void)gateway_events(&gw, line);
    }
    wait_ms(10000);
    CHECK(hub.incident_count >= 10);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    check_sound();
}

PK_TEST(small_packets__what_the_broker_cannot_take_waits_for_one_that_can) {
    listen(NULL);
    broker.server_max_packet = 700;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    REQUIRE(open_incident() != NULL);
    wait_ms(5000);
    CHECK(gateway_log_has(&gw, "the broker refused a message: packet_too_large"));
    CHECK_EQ_U64(hub.incident_count, 0);
    CHECK(pk_outbox_depth(&gw.agent.outbox) > 0);
    CHECK(gateway_is_online(&gw));
    broker.server_max_packet = 0;
    broker_restart(&broker, true);
    wait_ms(60000);
    CHECK(hub.incident_count > 0);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    CHECK_EQ_U64(gw.agent.outbox.losses[PK_OUTBOX_LOSS_TOO_BIG].count, 0);
    check_sound();
}

/* ---- commands */
static uint8_t private_key[PK_ES256_PRIVATE_BYTES];
static char key_file[512];

static void make_key(enum pk_role role) {
    struct pk_key key = {.kid = "alice", .owner = "alice", .role = (uint8_t)role};
    struct pk_buf b;
    prepare(NULL); /* only for its cryptography */
    CHECK_EQ_INT(gw.port.crypto.es256_keygen(gw.port.crypto.ctx, private_key, key.public_key), PK_OK);
    pk_buf_init(&b, key_file, sizeof key_file);
    pk_keys_write(&b, &key);
}

static char signed_text[PK_JWS_BYTES_MAX + 100];

static const char *sign(const char *cmd, const char *args, const char *jti, const char *aud, int64_t age_s) {
    char payload[1024];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    struct pk_buf b;
    struct pk_claims c = {.iss = "alice", .args = pk_str_of(args)};
    c.iat_s = (gw.sim.config.wall_ms + (int64_t)site.now_ms) / 1000 - age_s;
    c.exp_s = c.iat_s + 120;
    (void)snprintf(c.aud, sizeof c.aud, "%s", aud);
    (void)snprintf(c.cmd, sizeof c.cmd, "%s", cmd);
    (void)snprintf(c.jti, sizeof c.jti, "%s", jti);
    pk_buf_init(&b, payload, sizeof payload);
    pk_claims_write(&b, &c);
    const struct pk_str body = pk_buf_str(&b);
    pk_buf_init(&b, signed_text, sizeof signed_text);
    CHECK_EQ_INT(pk_jws_signing_input(&b, pk_str_of("alice"), body), PK_OK);
    CHECK_EQ_INT(gw.port.crypto.es256_sign(gw.port.crypto.ctx, private_key, pk_buf_str(&b), signature),
                 PK_OK);
    pk_jws_finish(&b, signature);
    return signed_text;
}

static void send(const char *cmd, const char *text, const char *reply_topic) {
    char topic[BROKER_TOPIC_BYTES];
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/cmd/%s", cmd);
    CHECK_EQ_U64(broker_publish(&broker, topic, text, (uint32_t)strlen(text), reply_topic), 1);
    wait_ms(1000);
}

static void begin_with(enum pk_role role, const char *config) {
    make_key(role);
    listen(&(struct gateway_setup){.seed = 1, .keys = key_file, .config = config});
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(500);
}

static void begin_with_key(void) {
    begin_with(PK_ROLE_APPROVER, NULL);
}

PK_TEST(command__brought_again_because_the_connection_broke__has_its_first_answer) {
    begin_with_key();
    char topic[BROKER_TOPIC_BYTES];
    sign("ping", "{}", "j-dup", "gw-1", 0);
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/cmd/ping");
    CHECK_EQ_U64(broker_publish(&broker, topic, signed_text, (uint32_t)strlen(signed_text), ""), 1);
    for (uint32_t i = 0; i < 2000 && gw.agent.remote.step == PK_REMOTE_IDLE; i++) {
        wait_ms(1);
    }
    REQUIRE(gw.agent.remote.step != PK_REMOTE_IDLE);
    gw.sim.links[1].is_cut = true; /* answer and acknowledgement are lost */
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    wait_ms(100000);
    CHECK(!hub_model_has_reply(&hub, "j-dup"));
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(2000);
    CHECK(hub_model_has_reply(&hub, "j-dup"));
    CHECK_EQ_U64(hub.reply_ok_count, 1);
    CHECK_EQ_U64(gw.agent.gate.counters.accepted_count, 1);
    check_sound();
}

PK_TEST(command__signed__is_carried_out_once_and_answered) {
    begin_with_key();
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char args[120];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", i->id);
    sign("incidents.ack", args, "j1", "gw-1", 0);
    send("incidents.ack", signed_text, "");
    CHECK(i->is_acked);
    CHECK(hub_model_has_reply(&hub, "j1"));
    send("incidents.ack", signed_text, ""); /* again */
    CHECK_EQ_U64(hub.reply_ok_count, 1);
    CHECK(gateway_log_has(&gw, "command refused (replayed)"));
    /* Nor after a restart. */
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(500);
    send("incidents.ack", signed_text, "");
    CHECK_EQ_U64(hub.reply_ok_count, 1);
    check_sound();
}

PK_TEST(will__broker_without_qos_1_and_retain__comes_online_and_it_is_said) {
    listen(NULL);
    broker.has_no_qos = broker.has_no_retain = true;
    broker.accepted = note; /* the hub counts on what is retained */
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    CHECK(gateway_log_has(&gw, "qos_not_supported; the next will goes without"));
    CHECK(gateway_log_has(&gw, "retain_not_supported; the next will goes without"));
    gateway_crash(&gw);
    wait_ms(20000);
    const uint32_t will = seen_count - 1;
    CHECK(seen[will].is_will && !seen[will].is_retained);
    check_sound();
}

/* Commands reach us all the same: Maximum QoS is about what we publish. */
PK_TEST(command__broker_without_qos_1__is_answered_without) {
    begin_with_key();
    broker.has_no_qos = true;
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    sign("ping", "{}", "j-0", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(hub_model_has_reply(&hub, "j-0"));
    CHECK_EQ_U64(gw.agent.counters.replies_lost, 0);
    sign("ping", "{}", "j-1", "gw-9", 0); /* a refusal is an answer, too */
    send("ping", signed_text, "");
    CHECK_EQ_U64(hub.reply_error_count, 1);
    check_sound();
}

static uint32_t connect_count(void) {
    return broker.clients[0].connect_count;
}

/* Neither a full disk nor one that is slow: every commit fails, for minutes (ADR 0097). */
PK_TEST(store_fails__link_stays_up_and_commands_are_refused_in_words) {
    enum { SECONDS = 300, EACH_S = 20 };
    char jti[16];
    begin_with_key();
    const uint32_t connects = connect_count();
    gw.sim.store.write_error = PK_E_IO;
    for (uint32_t i = 0; i < SECONDS; i++) {
        (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/db/database_connection_error",
                             "{\"severity\":\"high\"}", 19, "");
        if (i % EACH_S == 0) {
            (void)snprintf(jti, sizeof jti, "f%u", (unsigned)i);
            sign("ping", "{}", jti, "gw-1", 0);
            send("ping", signed_text, "");
            wait_ms(9000);
        }
        wait_ms(1000);
    }
    CHECK_EQ_U64(connect_count(), connects);
    CHECK(gateway_is_online(&gw));
    CHECK_EQ_U64(hub.reply_error_count, SECONDS / EACH_S);
    CHECK_EQ_U64(hub.reply_ok_count, 0);
    CHECK(gateway_log_has(&gw, "not carried out: the store does not keep its id"));
    CHECK(gateway_log_has(&gw, "the store cannot be written; actions and reports wait"));
    CHECK(gw.agent.ack_count <= 8u);
    broker_restart(&broker, true);
    REQUIRE(gateway_run_until_online(&gw));
    gw.sim.store.write_error = PK_OK;
    wait_ms(60000);
    CHECK_EQ_U64(gw.agent.ack_count, 0);
    CHECK_EQ_U64(broker.clients[0].queue_count, 0);
    sign("ping", "{}", "healed", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(hub_model_has_reply(&hub, "healed"));
    check_sound();
}

/* A command that is never done with: messages wait, and nothing else does. */
PK_TEST(messages_held__link_stays_up_and_a_lost_one_comes_back) {
    begin_with_key();
    wait_ms(1000);
    const uint32_t connects = connect_count();
    const uint64_t messages = gw.agent.links[1].mqtt.counters.messages_in;
    gw.agent.gate.stage = PK_COMMAND_ANSWERED;
    for (uint32_t i = 0; i < 4; i++) {
        (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/sensor/temperature", "21", 2, "");
    }
    wait_ms(600000);
    CHECK_EQ_U64(connect_count(), connects);
    CHECK(gateway_is_online(&gw));
    CHECK_EQ_U64(gw.agent.links[1].mqtt.counters.messages_in, messages);
    CHECK_EQ_U64(broker.clients[0].queue_count, 4);
    broker_restart(&broker, true);
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(600000);
    CHECK_EQ_U64(connect_count(), connects + 1u);
    gw.agent.gate.stage = PK_COMMAND_IDLE;
    wait_ms(10000);
    CHECK_EQ_U64(broker.clients[0].queue_count, 0);
    check_sound();
}

PK_TEST(command__bad_ones__are_refused_answered_audited_and_change_nothing) {
    begin_with_key();
    sign("ping", "{}", "b1", "gw-9", 0);
    send("ping", signed_text, "");
    CHECK(gateway_log_has(&gw, "wrong_audience"));
    sign("ping", "{}", "b2", "gw-1", 4000);
    send("ping", signed_text, "");
    CHECK(gateway_log_has(&gw, "command refused (expired)"));
    sign("ping", "{}", "b3", "gw-1", 0);
    char *last = signed_text + strlen(signed_text) - 3;
    *last = *last == 'A' ? 'B' : 'A';
    send("ping", signed_text, "");
    CHECK(gateway_log_has(&gw, "bad_signature"));
    send("ping", "not a jws at all", "");
    send("ping", "", "");
    sign("mode.set", "{\"mode\":\"off\"}", "b4", "gw-1", 0); /* role and [remote] both say no */
    send("mode.set", signed_text, "");
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_SAFE);
    gw.sim.is_wall_synced = false;
    wait_ms(5000);
    sign("ping", "{}", "b5", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(gateway_log_has(&gw, "clock_unsure"));
    CHECK_EQ_U64(hub.reply_ok_count, 0);
    CHECK(hub.reply_error_count >= 4);
    gw.sim.is_wall_synced = true;
    wait_ms(5000);
    sign("ping", "{}", "b6", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(hub_model_has_reply(&hub, "b6"));
    check_sound();
}

static const char HUB_CONFIG[] =
    "[gateway]\nsite = lab\ngateway = @\n"
    "[broker central]\nhost = b.example\ntls = no\nreconnect_first = 1s\nreconnect_max = 20s\n"
    "[sources]\nprocess = 5s\n[remote]\ncommands = list\nallow = time.set\n";

static void begin_with_hub(void) {
    begin_with(PK_ROLE_HUB, HUB_CONFIG);
    wait_ms(500); /* a good time is the floor now */
}

PK_TEST(time_set__from_the_hub__corrects_a_clock_that_is_ahead) {
    begin_with_hub();
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = 40ll * 86400000;
    wait_ms(5000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    sign("time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t1", "gw-1", 0);
    send("time.set", signed_text, "");
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_HUB);
    CHECK(hub_model_has_reply(&hub, "t1"));
    check_sound();
}

/* Its id is deleted once it ran out; who replays it after a power cut meets a floor that is later. */
PK_TEST(time_set__its_id_forgotten__is_over_for_the_floor_too) {
    static char old[sizeof signed_text];
    begin_with_hub();
    sign("time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t1", "gw-1", 0);
    memcpy(old, signed_text, sizeof old);
    send("time.set", old, "");
    CHECK(hub_model_has_reply(&hub, "t1"));
    CHECK_EQ_U64(gw.agent.gate.replay.count, 1);
    wait_ms(200000); /* less than a floor waits until it is carried along */
    sign("time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t2", "gw-1", 0);
    send("time.set", signed_text, "");
    CHECK_EQ_U64(gw.agent.gate.replay.count, 1); /* t2 */
    gateway_power_cut(&gw);
    REQUIRE(boot_without_a_clock());
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    send("time.set", old, "");
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    CHECK(gateway_log_has(&gw, "command refused (expired)"));
}

/* As after a reboot of a board whose store is in memory, or a damaged one on a disk. */
static void lose_store(void) {
    gw.sim.store.record_count = 0;
}

/* Carried out, and recorded by somebody. */
static const char *used_command(const char *jti) {
    static char used[sizeof signed_text];
    sign("ping", "{}", jti, "gw-1", -1);
    memcpy(used, signed_text, sizeof used);
    send("ping", used, "");
    CHECK(hub_model_has_reply(&hub, jti));
    return used;
}

static void boot_again(void) {
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
}

PK_TEST(ids_lost__store_moved_aside__what_was_used_is_refused_over_restarts) {
    begin_with_key();
    const char *used = used_command("m1");
    gateway_crash(&gw);
    lose_store();
    gw.super.told.is_store_moved_aside = true;
    boot_again();
    send("ping", used, "");
    CHECK(gateway_log_has(&gw, "command refused (expired): issued before this gateway began to keep"));
    gw.super.told.is_store_moved_aside = false;
    gateway_crash(&gw);
    boot_again();
    send("ping", used, "");
    CHECK_EQ_U64(hub.reply_ok_count, 1);
    CHECK_EQ_U64(hub.reply_error_count, 2);
    wait_ms(61000);
    sign("ping", "{}", "m2", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK_EQ_U64(hub.reply_ok_count, 2);
    /* Dated by a clock that was far ahead: put right by a good one. */
    gw.agent.meta.ids_from_s = gw.agent.now.wall_ms / 1000 + 1000000000;
    wait_ms(90000);
    sign("ping", "{}", "m3", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK_EQ_U64(hub.reply_ok_count, 3);
}

PK_TEST(ids_lost__one_cannot_be_read__what_was_used_is_refused_over_restarts) {
    struct pk_str key = pk_str_make(NULL, 0);
    begin_with_key();
    const char *used = used_command("d1");
    gateway_crash(&gw);
    for (uint32_t i = 0; i < gw.sim.store.record_count; i++) {
        const struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[i]];
        if (r->tree == PK_TREE_OBJECTS && r->key_bytes == 9 && r->key[0] == 'j') {
            key = pk_str_make((const char *)r->key, r->key_bytes);
        }
    }
    REQUIRE(key.n > 0 && pk_sim_store_damage(&gw.sim, PK_TREE_OBJECTS, key));
    for (uint32_t i = 0; i < 2; i++) {
        boot_again();
        send("ping", used, "");
        CHECK_EQ_U64(hub.reply_ok_count, 1);
        gateway_crash(&gw);
    }
    CHECK(!pk_sim_store_damage(&gw.sim, PK_TREE_OBJECTS, key)); /* it was let go at the first start */
}

static void boot_in_memory(void) {
    gateway_power_cut(&gw);
    lose_store();
    REQUIRE(boot_without_a_clock());
    gw.sim.store.status.is_in_memory = true;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
}

/* The true time, for this boot. */
static const char *time_for_boot(void) {
    static char args[96];
    char text[PK_TIME_TEXT_BYTES];
    pk_time_format(gw.sim.config.wall_ms + (int64_t)site.now_ms, text);
    (void)snprintf(args, sizeof args, "{\"time\":\"%s\",\"boot\":%u}", text, (unsigned)gw.agent.now.boot);
    return args;
}

/* Whoever recorded the hub's words before the reboot sets no clock with them, and so makes no old command
 * young; nor does who holds them back for a while. */
PK_TEST(time_set__store_in_memory_and_no_clock__only_what_names_this_boot) {
    enum { HELD_S = 600, BEFORE_REBOOT_S = 100 };
    static char old[sizeof signed_text];
    begin_with(PK_ROLE_HUB, HUB_CONFIG);
    boot_in_memory();
    sign("time.set", time_for_boot(), "t1", "gw-1", 0);
    memcpy(old, signed_text, sizeof old);
    send("time.set", old, "");
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_HUB);
    gw.super.boot_epoch += 7; /* another number, as after every start */
    boot_in_memory();
    send("time.set", old, "");
    sign("time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t2", "gw-1", 0);
    send("time.set", signed_text, "");
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_UNSET);
    CHECK_EQ_U64(hub.reply_error_count, 2);
    sign("time.set", time_for_boot(), "t3", "gw-1", 0);
    memcpy(old, signed_text, sizeof old);
    wait_ms(HELD_S * 1000);
    send("time.set", old, "");
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_HUB);
    CHECK_EQ_U64(hub.reply_ok_count, 2);
    sign("time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t4", "gw-1", HELD_S + BEFORE_REBOOT_S);
    send("time.set", signed_text, "");
    CHECK_EQ_U64(hub.reply_error_count, 3);
    CHECK(gateway_log_has(&gw, "issued before this gateway began to keep what was used"));
}

/* The outbox keeps its own count of what it dropped: the ledger gives up only what is its own. */
PK_TEST(summary__with_losses_of_the_outbox__is_said_again_and_the_ledger_is_sound) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP].count = 3;
    CHECK_EQ_U64(gw.agent.intake.ledger.count, 0);
    wait_ms(130000);
    CHECK(gw.is_up);
    CHECK_EQ_U64(gw.agent.intake.ledger.count, 0);
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    CHECK_EQ_U64(gw.agent.summary.summary.loss_count, 1);
    CHECK_EQ_U64(gw.agent.summary.ledger_count, 0);
    check_sound();
}

PK_TEST(unknown_topics__are_counted_and_acknowledged) {
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(200);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/bad source/t", "1", 1, "");
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/cmd/", "1", 1, "");
    wait_ms(1000);
    CHECK(gw.agent.counters.topic_unknown + gw.agent.intake.bad_count +
              gw.agent.gate.counters.refused_count >=
          1);
    CHECK_EQ_U64(broker.clients[0].queue_count, 0);
    check_sound();
}

/* A summary that the broker refuses, or that a cut takes, says nothing: its losses are said again. */
PK_TEST(summary__refused_or_cut__its_losses_are_said_again) {
    const struct pk_ledger *l = &gw.agent.intake.ledger;
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    pk_ledger_add_many(&gw.agent.intake.ledger, PK_LEDGER_NO_SOURCE, PK_LOSS_OVERFLOW, 7, 1);
    const int64_t from = gw.agent.summary_from_wall_ms;
    broker.weights.refuse_publish = 1000;
    gw.agent.summary_due_ms = 0;
    wait_ms(6000);
    CHECK(l->count == 1 && l->entries[0].count == 7);
    CHECK(gw.agent.summary_said_wall_ms > from);
    CHECK(gw.agent.summary_from_wall_ms == from);
    broker.weights.refuse_publish = 0;
    broker.weights.cut_before_ack = 1000;
    gw.agent.summary_due_ms = 0;
    wait_ms(6000);
    CHECK(l->count == 1 && l->entries[0].count == 7);
    broker.weights.cut_before_ack = 0;
    REQUIRE(gateway_run_until_online(&gw));
    gw.agent.summary_due_ms = 0;
    wait_ms(6000);
    CHECK_EQ_U64(l->count, 0);
    CHECK(gw.agent.summary_from_wall_ms == gw.agent.summary_said_wall_ms);
    CHECK_EQ_U64(gw.agent.summary_waiting_count, 0);
    check_sound();
}

/* The broker's window is full when one is due: nothing is said, and it comes as soon as there is room. */
PK_TEST(summary__no_room_for_it__comes_within_seconds) {
    const struct pk_ledger *l = &gw.agent.intake.ledger;
    listen(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    const uint32_t before = count_of("/summary");
    pk_ledger_add_many(&gw.agent.intake.ledger, PK_LEDGER_NO_SOURCE, PK_LOSS_OVERFLOW, 7, 1);
    uint16_t *window = &gw.agent.links[1].mqtt.limits.receive_maximum;
    const uint16_t offered = *window;
    *window = 0;
    gw.agent.summary_due_ms = 0;
    wait_ms(7000);
    CHECK_EQ_U64(count_of("/summary"), before);
    CHECK_EQ_U64(gw.agent.summary_waiting_count, 0);
    CHECK(gw.agent.summary_sent_ms + 7000 <= gw.agent.now.mono_ms);
    CHECK(l->count == 1 && l->entries[0].count == 7);
    *window = offered;
    wait_ms(3000);
    CHECK_EQ_U64(count_of("/summary"), before + 1);
    CHECK_EQ_U64(l->count, 0);
    CHECK(gw.agent.summary_due_ms > gw.agent.now.mono_ms + 20000); /* and now an interval later */
    check_sound();
}

/* Who asked what is on record, in the commit that keeps the id. */
PK_TEST(command__that_only_reads__is_in_the_audit_with_its_id_and_adds_no_commit) {
    begin_with_key();
    wait_ms(3000);
    const uint64_t before = gw.agent.submitted_seq;
    sign("ping", "{}", "r1", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(hub_model_has_reply(&hub, "r1"));
    CHECK_EQ_U64(gw.agent.submitted_seq, before + 1);
    CHECK_EQ_U64(gateway_log_entries(
                     &gw, "\"kind\":\"command\",\"who\":\"key:alice\",\"text\":\"ping: asked, jti r1\""),
                 1);
    check_sound();
}

PK_TEST(command__refused_while_the_store_is_stalled__is_counted) {
    begin_with_key();
    gateway_stall_store(&gw);
    send("ping", "not a jws at all", "");
    CHECK_EQ_U64(gw.agent.counters.audit_lost, 1);
    gateway_free_store(&gw);
    wait_ms(8000);
    CHECK_EQ_U64(gateway_log_entries(&gw, "as the store was behind: 1\""), 1);
    check_sound();
}

/* The room that is left on a full disk is for acting. */
PK_TEST(command__that_only_reads__on_a_full_disk__is_answered_and_counted) {
    begin_with_key();
    wait_ms(3000);
    gw.sim.store.has_spare = true;
    gw.sim.store.is_disk_full = true;
    (void)gateway_events(&gw, "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n");
    sign("ping", "{}", "r0", "gw-1", 0); /* its id is what meets the full disk */
    send("ping", signed_text, "");
    wait_ms(5000);
    REQUIRE(gw.agent.is_disk_full);
    const uint64_t entries = gw.agent.audit.head.n, lost = gw.agent.counters.audit_lost;
    sign("ping", "{}", "r1", "gw-1", 0);
    send("ping", signed_text, "");
    CHECK(hub_model_has_reply(&hub, "r1"));
    CHECK_EQ_U64(gw.agent.audit.head.n, entries);
    CHECK_EQ_U64(gw.agent.counters.audit_lost, lost + 1);
    gw.sim.store.is_disk_full = false;
    wait_ms(20000);
    CHECK(gateway_log_entries(&gw, "entries that could not be kept") > 0);
    check_sound();
}

/* The store stops taking batches between the id and the command: what is refused was not carried out. */
PK_TEST(command__refused_while_the_store_is_late__is_not_answered_as_carried_out) {
    begin_with_key();
    wait_ms(3000);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 100;
    sign("incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "b1", "gw-1", 0);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/cmd/incidents.note", signed_text,
                         (uint32_t)strlen(signed_text), "");
    for (uint32_t i = 0; i < 2000 && gw.agent.remote.store_seq == 0; i++) {
        wait_ms(1);
    }
    REQUIRE(gw.agent.remote.step == PK_REMOTE_STORING);
    gateway_stall_store(&gw);
    wait_ms(PK_AGENT_STORE_WAIT_MS * 2);
    CHECK_EQ_U64(hub.reply_error_count, 1);
    CHECK(strstr(gw.agent.remote.reply, "nothing was changed") != NULL);
    CHECK(strstr(gw.agent.remote.reply, "carried out") == NULL);
    gateway_free_store(&gw);
    wait_ms(8000);
    check_sound();
}

PK_TEST_MAIN(command__that_only_reads__on_a_full_disk__is_answered_and_counted,
             command__refused_while_the_store_is_late__is_not_answered_as_carried_out,
             command__that_only_reads__is_in_the_audit_with_its_id_and_adds_no_commit,
             command__refused_while_the_store_is_stalled__is_counted,
             summary__no_room_for_it__comes_within_seconds,
             will__broker_without_qos_1_and_retain__comes_online_and_it_is_said,
             summary__refused_or_cut__its_losses_are_said_again,
             metered__a_summary_is_rare_and_comes_when_incidents_change,
             birth__comes_first_retained_and_before_a_backlog, birth__refused__comes_again,
             ids__of_birth_will_summary_and_incidents_are_one_sequence,
             incident__is_retained_while_open_and_emptied_when_it_is_over,
             connection_lost_before_the_answer__is_sent_again_with_its_own_id,
             broker_without_its_sessions__is_subscribed_to_again,
             narrow_window__everything_still_arrives_in_time,
             small_packets__what_the_broker_cannot_take_waits_for_one_that_can,
             command__brought_again_because_the_connection_broke__has_its_first_answer,
             command__signed__is_carried_out_once_and_answered,
             command__broker_without_qos_1__is_answered_without,
             store_fails__link_stays_up_and_commands_are_refused_in_words,
             messages_held__link_stays_up_and_a_lost_one_comes_back,
             command__bad_ones__are_refused_answered_audited_and_change_nothing,
             time_set__from_the_hub__corrects_a_clock_that_is_ahead,
             time_set__its_id_forgotten__is_over_for_the_floor_too,
             ids_lost__store_moved_aside__what_was_used_is_refused_over_restarts,
             ids_lost__one_cannot_be_read__what_was_used_is_refused_over_restarts,
             time_set__store_in_memory_and_no_clock__only_what_names_this_boot,
             summary__with_losses_of_the_outbox__is_said_again_and_the_ledger_is_sound,
             unknown_topics__are_counted_and_acknowledged)
