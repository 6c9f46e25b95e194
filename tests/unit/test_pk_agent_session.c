/* ctest: full=native */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

enum { EVENTS = 30, CENTRAL = 1 };

static const char RULES[] = "[rule broken]\non = type = broken\nwhen = count >= 1 in 10m by source\n"
                            "type = deadlock_detected\nseverity = high\nclear = never\nkeys = 60\n";

static void publish(uint32_t number) {
    char topic[BROKER_TOPIC_BYTES];
    snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/in/press-%u/broken", number);
    CHECK_EQ_U64(broker_publish_qos_2(&broker, topic, "{}"), 1);
}

static uint32_t count_of(const char *text, const char *part) {
    uint32_t count = 0;
    for (const char *p = text; p != NULL && (p = strstr(p, part)) != NULL; p += strlen(part)) {
        count++;
    }
    return count;
}

static const struct pk_mqtt_client *client(void) {
    return &gw.agent.links[CENTRAL].mqtt;
}

static bool is_quiet(void *arg) {
    (void)arg;
    return gateway_is_online(&gw) && broker.clients[0].queue_count == 0 && client()->in.used == 0 &&
           !gw.agent.sessions[CENTRAL].is_stored;
}

/* Every event is in one incident, once. */
static void check_counted_once(uint32_t events) {
    char args[] = "{\"limit\":50}";
    const char *answer = gateway_command(&gw, 0, "incidents.list", args);
    REQUIRE(answer != NULL);
    CHECK_EQ_U64(count_of(answer, "\"incident_id\":"), events);
    const uint32_t once = count_of(answer, "\"event_count\":1,");
    CHECK_EQ_U64(once, events);
    if (once != events) {
        printf("# %.400s\n", answer);
    }
}

PK_TEST(qos_2__process_killed_at_any_moment__each_event_counts_once) {
    uint32_t crashes = 0, repeats = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const struct gateway_setup setup = {.seed = seed, .rules = RULES};
        struct pk_rng rng;
        pk_rng_seed(&rng, seed);
        begin(&setup);
        wait_ms(200);
        for (uint32_t i = 0; i < EVENTS; i++) {
            publish(i);
            wait_ms(pk_rng_below(&rng, 12));
            if (pk_rng_below(&rng, 3) == 0) {
                repeats += (uint32_t)client()->counters.duplicates_in;
                gateway_crash(&gw);
                CHECK(gateway_boot(&gw));
                CHECK(gateway_run_until_online(&gw));
                crashes++;
            }
        }
        CHECK(gateway_site_until(&site, 60000, is_quiet, NULL));
        repeats += (uint32_t)client()->counters.duplicates_in;
        check_counted_once(EVENTS);
        check_sound();
    }
    CHECK(crashes > 60);
    CHECK(repeats > 0); /* messages came again that had been stored */
}

PK_TEST(qos_2__what_causes_nothing__is_not_stored) {
    begin(NULL);
    wait_ms(500);
    const uint64_t before = gw.agent.submitted_seq;
    CHECK_EQ_U64(broker_publish_qos_2(&broker, "picket/v1/lab/gw-1/in/press-1/temperature", "20"), 1);
    wait_ms(500);
    CHECK_EQ_U64(client()->in.used, 0);
    CHECK_EQ_U64(gw.agent.submitted_seq, before);
    check_sound();
}

PK_TEST(qos_2__pubcomp__waits_until_the_id_is_out_of_the_store) {
    const struct gateway_setup setup = {.seed = 3, .rules = RULES};
    bool was_stored = false, was_forgetting = false;
    begin(&setup);
    wait_ms(200);
    publish(1);
    for (uint32_t i = 0; i < 200 && !(was_stored && is_quiet(NULL)); i++) {
        wait_ms(1);
        const struct pk_agent_session *s = &gw.agent.sessions[CENTRAL];
        was_stored = was_stored || s->is_stored;
        was_forgetting = was_forgetting || s->forget_seq != 0;
        CHECK(s->forget_seq == 0 || broker.clients[0].queue_count == 1);
    }
    CHECK(was_stored && was_forgetting && is_quiet(NULL));
    check_counted_once(1);
    check_sound();
}

/* Until its id is stored and not released: then the process dies. */
static void kill_with_an_id_stored(void) {
    const struct gateway_setup setup = {.seed = 3, .rules = RULES};
    begin(&setup);
    gw.agent.config.has_capsules = false; /* their batches follow at once: there would be no such moment */
    wait_ms(200);
    publish(1);
    for (uint32_t i = 0; i < 100 && gw.agent.durable_seq < gw.agent.submitted_seq + 1u; i++) {
        wait_ms(1);
        if (gw.agent.sessions[CENTRAL].is_stored && gw.agent.durable_seq == gw.agent.submitted_seq) {
            break;
        }
    }
    CHECK(gw.agent.sessions[CENTRAL].is_stored);
    gateway_crash(&gw);
}

PK_TEST(restore__session_lost_by_the_broker__its_ids_are_dropped) {
    kill_with_an_id_stored();
    broker_restart(&broker, false);
    CHECK(gateway_boot(&gw));
    CHECK_EQ_U64(pk_mqtt_kept(client(), NULL, 0), 1);
    CHECK(gateway_run_until_online(&gw));
    CHECK(gateway_site_until(&site, 5000, is_quiet, NULL));
    CHECK_EQ_U64(pk_mqtt_kept(client(), NULL, 0), 0);
    check_counted_once(1);
    check_sound();
}

PK_TEST(restore__another_broker_now__ids_of_the_old_one_say_nothing) {
    kill_with_an_id_stored();
    CHECK(gateway_boot(&gw));
    CHECK_EQ_U64(pk_mqtt_kept(client(), NULL, 0), 1);
    gw.agent.config.broker[CENTRAL].port++;
    pk_agent_links_open(&gw.agent);
    CHECK_EQ_INT(pk_agent_session_restore(&gw.agent), PK_OK);
    CHECK_EQ_U64(pk_mqtt_kept(client(), NULL, 0), 0);
    CHECK(pk_agent_session_is_behind(&gw.agent)); /* what is stored will be deleted */
}

PK_TEST_MAIN(qos_2__process_killed_at_any_moment__each_event_counts_once,
             qos_2__what_causes_nothing__is_not_stored,
             qos_2__pubcomp__waits_until_the_id_is_out_of_the_store,
             restore__session_lost_by_the_broker__its_ids_are_dropped,
             restore__another_broker_now__ids_of_the_old_one_say_nothing)
