/* The agent with hub_ack = yes, a broker, and a hub that signs what it has. */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const char CONFIG[] =
    "[gateway]\nsite = lab\ngateway = @\n"
    "[broker central]\nhost = b.example\ntls = no\nreconnect_first = 1s\nreconnect_max = 20s\n"
    "hub_ack = yes\n[process web]\n[sources]\nprocess = 5s\n[remote]\ncommands = off\n";

static uint8_t hub_key[PK_ES256_PRIVATE_BYTES], admin_key[PK_ES256_PRIVATE_BYTES],
    other_key[PK_ES256_PRIVATE_BYTES];
static char key_file[1024], text[HUB_JWS_BYTES];
static bool is_hub_away; /* what the broker has for it is lost */

static void on_accepted(void *arg, const struct broker_publish *m) {
    struct pk_topic t;
    (void)arg;
    if (!is_hub_away || (pk_topic_parse(m->topic, &t) == PK_OK && t.kind == PK_TOPIC_STATUS)) {
        hub_model_accept(&hub, m);
    }
}

static void make_keys(void) {
    struct pk_key of_hub = {.kid = "hub-1", .owner = "hub-1", .role = PK_ROLE_HUB};
    struct pk_key of_admin = {.kid = "root", .owner = "root", .role = PK_ROLE_ADMIN};
    uint8_t unused[PK_ES256_PUBLIC_BYTES];
    struct pk_buf b;
    prepare(NULL); /* only for its cryptography */
    const struct pk_port_crypto *c = &gw.port.crypto;
    CHECK_EQ_INT(c->es256_keygen(c->ctx, hub_key, of_hub.public_key), PK_OK);
    CHECK_EQ_INT(c->es256_keygen(c->ctx, admin_key, of_admin.public_key), PK_OK);
    CHECK_EQ_INT(c->es256_keygen(c->ctx, other_key, unused), PK_OK);
    pk_buf_init(&b, key_file, sizeof key_file);
    pk_keys_write(&b, &of_hub);
    pk_keys_write(&b, &of_admin);
}

static void start(void) {
    make_keys();
    prepare(&(struct gateway_setup){.seed = 1, .config = CONFIG, .keys = key_file});
    hub.acks = true;
    is_hub_away = false;
    broker.accepted = on_accepted;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(500);
}

static struct hub_signer signer(const char *kid, const uint8_t *key, int64_t age_s) {
    return (struct hub_signer){.crypto = &gw.port.crypto,
                               .private_key = key,
                               .kid = kid,
                               .wall_s = (gw.sim.config.wall_ms + (int64_t)site.now_ms) / 1000 - age_s};
}

static void publish_ack(const char *message) {
    CHECK_EQ_U64(broker_publish(&broker, "picket/v1/lab/gw-1/ack", message, (uint32_t)strlen(message), ""),
                 1);
    wait_ms(2000);
}

static void say(const char *kid, const uint8_t *key, int64_t age_s, const char *args, const char *aud) {
    const struct hub_signer s = signer(kid, key, age_s);
    hub_model_sign(&s, "ack", args, "a-1", aud, text);
    publish_ack(text);
}

/* All the hub has to say; how often it spoke. */
static uint32_t hub_speaks(void) {
    uint32_t count = 0;
    for (struct hub_signer s = signer("hub-1", hub_key, 0); hub_model_ack(&hub, &s, "gw-1", text);
         s = signer("hub-1", hub_key, 0)) {
        publish_ack(text);
        count++;
    }
    return count;
}

static uint64_t depth(void) {
    return pk_outbox_depth(&gw.agent.outbox);
}

static uint32_t stored_count;
static int count_visit(void *arg, struct pk_str key, struct pk_str value) {
    (void)arg;
    (void)value;
    stored_count += key.n > 0 && key.p[0] == 'O' ? 1u : 0u;
    return PK_OK;
}
static uint32_t stored(void) {
    stored_count = 0;
    (void)gw.port.store.load(gw.port.store.ctx, PK_TREE_JOURNAL, pk_str_of("O"), count_visit, NULL);
    return stored_count;
}

PK_TEST(hub_ack__the_brokers_word_is_not_enough__the_hubs_is) {
    start();
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(3000);
    REQUIRE(hub_model_find(&hub, i->id) != NULL);
    CHECK_EQ_U64(depth(), 1);
    CHECK_EQ_U64(pk_outbox_unheard_count(&gw.agent.outbox), 1);
    CHECK(says(0, "status", "{}", "\"hub_ack\":{\"waiting\":1,\"sent_again\":0,\"taken\":0,\"refused\":0}"));
    CHECK_EQ_U64(stored(), 1);
    CHECK_EQ_U64(hub_speaks(), 1);
    CHECK_EQ_U64(depth(), 0);
    CHECK_EQ_U64(stored(), 0);
    CHECK(says(0, "status", "{}", "\"hub_ack\":{\"waiting\":0,\"sent_again\":0,\"taken\":1,\"refused\":0}"));
    CHECK_EQ_U64(gw.agent.gate.replay.count, 0);
    CHECK_EQ_U64(hub.reply_ok_count + hub.reply_error_count, 0); /* nobody is answered */
    CHECK_EQ_U64(hub.duplicate_count, 0);
    check_sound();
}

PK_TEST(hub_ack__end_of_the_incident__its_topic_is_empty_and_the_record_waits) {
    start();
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    wait_ms(120000);
    REQUIRE(i->status >= PK_INC_RESOLVED);
    CHECK(hub.cleared_count > 0);
    CHECK_EQ_U64(depth(), 1); /* the last word; the others it made needless */
    CHECK_EQ_U64(stored(), 1);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
    check_sound();
}

/* Each of these names all there is. */
PK_TEST(hub_ack__forged_ones__remove_nothing) {
    static char forged[HUB_JWS_BYTES], args[120], stolen[HUB_JWS_BYTES];
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    REQUIRE(stored() == 1);
    (void)snprintf(args, sizeof args, "{\"boot\":%u,\"ranges\":[[0,1000000]]}", (unsigned)gw.agent.now.boot);
    say("hub-1", other_key, 0, args, "gw-1"); /* another key under the hub's name */
    CHECK(gateway_log_has(&gw, "ack refused (bad_signature)"));
    say("root", admin_key, 0, args, "gw-1"); /* a key that may all but this */
    CHECK(gateway_log_has(&gw, "ack refused (denied)"));
    say("nobody", other_key, 0, args, "gw-1");
    say("hub-1", hub_key, 0, args, "gw-2"); /* the same numbers of another gateway */
    say("hub-1", hub_key, 0, args, "fleet");
    say("hub-1", hub_key, 0, args, "site:lab");
    say("hub-1", hub_key, 4000, args, "gw-1"); /* expired */
    say("hub-1", hub_key, -4000, args, "gw-1");
    say("hub-1", hub_key, 0, "{\"boot\":1,\"ranges\":[[1,0]]}", "gw-1");
    say("hub-1", hub_key, 0, "{\"all\":true}", "gw-1");
    publish_ack("not a jws at all");
    publish_ack("");
    const struct hub_signer s = signer("hub-1", hub_key, 0);
    hub_model_sign(&s, "time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t-1", "gw-1", forged);
    publish_ack(forged); /* signed by the hub, and something else */
    hub_model_sign(&s, "ack", args, "a-2", "gw-1", stolen);
    char *last = stolen + strlen(stolen) - 3;
    *last = *last == 'A' ? 'B' : 'A';
    publish_ack(stolen);
    CHECK_EQ_U64(gw.agent.gate.counters.hub_ack_refused_count, 14);
    CHECK_EQ_U64(stored(), 1);
    CHECK_EQ_U64(depth(), 1);
    CHECK_EQ_U64(gw.agent.gate.replay.count, 0);
    CHECK_EQ_U64(hub.reply_ok_count + hub.reply_error_count, 0);
    hub_speaks();
    CHECK_EQ_U64(stored(), 0);
    check_sound();
}

PK_TEST(hub_ack__retained__removes_nothing) {
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    const struct hub_signer s = signer("hub-1", hub_key, 0);
    hub_model_sign(&s, "ack", "{\"boot\":1,\"ranges\":[[0,1000]]}", "a-1", "gw-1", text);
    const struct pk_mqtt_event retained = {.kind = PK_MQTT_EV_MESSAGE,
                                           .u.message = {.topic = pk_str_of("picket/v1/lab/gw-1/ack"),
                                                         .payload = (const uint8_t *)text,
                                                         .payload_bytes = (uint32_t)strlen(text),
                                                         .is_retained = true}};
    pk_agent_hub_message(&gw.agent, 1, &retained);
    wait_ms(2000);
    CHECK_EQ_U64(gw.agent.gate.counters.retained_count, 1);
    CHECK_EQ_U64(gw.agent.gate.counters.hub_ack_count, 0);
    CHECK_EQ_U64(stored(), 1);
    CHECK(gateway_log_has(&gw, "ack refused"));
    publish_ack(text); /* the same, and not retained */
    CHECK_EQ_U64(stored(), 0);
}

PK_TEST(hub_ack__on_a_command_topic__is_no_command) {
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    const struct hub_signer s = signer("hub-1", hub_key, 0);
    hub_model_sign(&s, "ack", "{\"boot\":1,\"ranges\":[[0,1000]]}", "a-1", "gw-1", text);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/cmd/ack", text, (uint32_t)strlen(text), "");
    wait_ms(2000);
    CHECK(gateway_log_has(&gw, "command refused (unknown_command)"));
    CHECK_EQ_U64(stored(), 1);
}

PK_TEST(hub_ack__replayed__is_harmless) {
    static char first[HUB_JWS_BYTES];
    start();
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(3000);
    const struct hub_signer s = signer("hub-1", hub_key, 0);
    REQUIRE(hub_model_ack(&hub, &s, "gw-1", first));
    publish_ack(first);
    CHECK_EQ_U64(stored(), 0);
    gateway_process(&gw, "web", true);
    wait_ms(100000);
    REQUIRE(i->status >= PK_INC_RESOLVED);
    const uint32_t before = stored();
    CHECK(before > 0);
    publish_ack(first);
    publish_ack(first);
    CHECK_EQ_U64(stored(), before);
    CHECK_EQ_U64(gw.agent.gate.counters.hub_ack_count, 3);
    check_sound();
}

/* Says `what` so many times within 50 ms each. */
static void flood(const char *what, uint32_t count) {
    for (uint32_t n = 0; n < count; n++) {
        (void)broker_publish(&broker, "picket/v1/lab/gw-1/ack", what, (uint32_t)strlen(what), "");
        wait_ms(50);
    }
    wait_ms(1000);
}

PK_TEST(hub_ack__forged_flood__is_bounded_and_keeps_out_no_hub_and_no_command) {
    static char forged[HUB_JWS_BYTES];
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    const struct hub_signer forger = signer("hub-1", other_key, 0);
    hub_model_sign(&forger, "ack", "{\"boot\":1,\"ranges\":[[0,1000]]}", "a-1", "gw-1", forged);
    const struct pk_command_counters *counts = &gw.agent.gate.counters;
    flood(forged, 60);
    CHECK_EQ_U64(counts->refused_by_error[-PK_E_BAD_SIGNATURE], 60);
    CHECK_EQ_U64(stored(), 1);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
    /* More than that: the work is bounded, and commands have their own. */
    const uint64_t before = counts->verify_count;
    flood(forged, 200);
    CHECK(counts->verify_count - before <= PK_COMMAND_FALSE_BURST + 30);
    CHECK(counts->refused_by_error[-PK_E_RATE] > 0);
    const struct hub_signer sound = signer("hub-1", hub_key, 0);
    hub_model_sign(&sound, "time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t-1", "gw-1", text);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/cmd/time.set", text, (uint32_t)strlen(text), "");
    wait_ms(2000);
    CHECK_EQ_U64(counts->refused_by_error[-PK_E_POLICY], 1); /* judged, and refused for what it is */
}

PK_TEST(hub_ack__genuine_flood__is_bounded_and_commands_go_on) {
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    const struct hub_signer s = signer("hub-1", hub_key, 0);
    hub_model_sign(&s, "ack", "{\"boot\":1,\"ranges\":[]}", "a-1", "gw-1", text);
    const uint64_t before = gw.agent.gate.counters.verify_count;
    flood(text, 60);
    CHECK(gw.agent.gate.counters.verify_count - before <= PK_COMMAND_BURST + 5);
    CHECK(gw.agent.gate.counters.refused_by_error[-PK_E_RATE] > 0);
    hub_model_sign(&s, "time.set", "{\"time\":\"2026-09-21T14:14:00Z\"}", "t-1", "gw-1", text);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/cmd/time.set", text, (uint32_t)strlen(text), "");
    wait_ms(2000);
    CHECK_EQ_U64(gw.agent.gate.counters.refused_by_error[-PK_E_POLICY], 1);
    wait_ms(60000);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
}

PK_TEST(hub_ack__under_an_unsure_clock__is_heard) {
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    gw.sim.is_wall_synced = false;
    wait_ms(5000);
    CHECK_EQ_INT(gw.agent.now.quality, PK_TIME_FLOOR);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
}

PK_TEST(hub_ack__broker_forgets_while_the_hub_is_away__is_sent_again) {
    start();
    is_hub_away = true;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(3000);
    CHECK(hub_model_find(&hub, i->id) == NULL);
    CHECK_EQ_U64(pk_outbox_unheard_count(&gw.agent.outbox), 1);
    is_hub_away = false;
    broker_restart(&broker, true); /* it kept us: there is no reason to send it again */
    wait_ms(30000);
    CHECK(gateway_is_online(&gw));
    CHECK_EQ_U64(gw.agent.outbox.counters.resent_count, 0);
    broker_restart(&broker, false);
    wait_ms(30000);
    CHECK(gateway_is_online(&gw));
    CHECK_EQ_U64(gw.agent.outbox.counters.resent_count, 1);
    REQUIRE(hub_model_find(&hub, i->id) != NULL);
    CHECK_EQ_U64(hub_model_find(&hub, i->id)->rev, i->rev);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
    check_sound();
}

PK_TEST(hub_ack__nothing_is_said__is_sent_again_after_a_time_and_after_a_restart) {
    start();
    is_hub_away = true;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char id[PK_INC_ID_BYTES];
    memcpy(id, i->id, sizeof id);
    wait_ms(PK_OUTBOX_UNHEARD_MIN_MS - 60000);
    CHECK_EQ_U64(gw.agent.outbox.counters.resent_count, 0);
    CHECK(hub_model_find(&hub, id) == NULL);
    is_hub_away = false;
    /* A new revision would be its own beginning: until nothing of it changed for as long. */
    for (uint32_t n = 0; n < 360 && gw.agent.outbox.counters.resent_count == 0; n++) {
        wait_ms(10000);
    }
    wait_ms(2000);
    CHECK(gw.agent.outbox.counters.resent_count > 0);
    CHECK(hub_model_find(&hub, id) != NULL); /* it heard it, and its answer is lost */
    const uint64_t duplicates_before = hub.duplicate_count;
    const uint32_t stored_before = stored();
    CHECK(stored_before > 0);
    hub.to_say_count = 0;
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(5000);
    CHECK(hub.duplicate_count > duplicates_before);
    CHECK(stored() >= stored_before);
    (void)hub_speaks();
    CHECK_EQ_U64(stored(), 0);
    check_sound();
}

PK_TEST(hub_ack__reload__switches_it_on_and_off) {
    static const char OFF[] = "[broker central]\nhub_ack = no\n";
    start();
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    CHECK_EQ_U64(stored(), 1);
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/conf.d/10-hub.conf", OFF, (uint32_t)strlen(OFF)),
                 PK_OK);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(30000);
    CHECK(gateway_is_online(&gw));
    CHECK(!gw.agent.outbox.is_hub_acked);
    CHECK_EQ_U64(stored(), 0); /* sent again, and the broker's word is enough now */
    const char *status = gateway_command(&gw, 0, "status", "{}");
    REQUIRE(status != NULL);
    CHECK(strstr(status, "\"hub_ack\"") == NULL);
    /* What is not asked for is not obeyed either. */
    CHECK_EQ_U64(gw.agent.gate.counters.hub_ack_count, 0);
}

PK_TEST(hub_ack__no_key_of_role_hub__is_said) {
    prepare(&(struct gateway_setup){.seed = 1, .config = CONFIG});
    REQUIRE(gateway_boot(&gw));
    CHECK(gateway_log_has(&gw, "no key of role hub"));
    start();
    CHECK(!gateway_log_has(&gw, "no key of role hub"));
}

PK_TEST_MAIN(hub_ack__the_brokers_word_is_not_enough__the_hubs_is,
             hub_ack__end_of_the_incident__its_topic_is_empty_and_the_record_waits,
             hub_ack__forged_ones__remove_nothing, hub_ack__retained__removes_nothing,
             hub_ack__on_a_command_topic__is_no_command, hub_ack__replayed__is_harmless,
             hub_ack__forged_flood__is_bounded_and_keeps_out_no_hub_and_no_command,
             hub_ack__genuine_flood__is_bounded_and_commands_go_on, hub_ack__under_an_unsure_clock__is_heard,
             hub_ack__broker_forgets_while_the_hub_is_away__is_sent_again,
             hub_ack__nothing_is_said__is_sent_again_after_a_time_and_after_a_restart,
             hub_ack__reload__switches_it_on_and_off, hub_ack__no_key_of_role_hub__is_said)
