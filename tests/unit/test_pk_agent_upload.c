#include "agent/pk_agent_priv.h"

#include "port/port.h"
#include "support/gateway_test.h"

/* What the broker took of capsules, put together again. */
enum { CHUNKS = 64 };
static struct {
    uint32_t n, total, offset, bytes, count, again_count;
    char hash[2 * PK_SHA256_BYTES + 1];
    uint32_t first_since; /* chunk number of the first since it was set to UINT32_MAX */
    bool has[CHUNKS];
    char topic[BROKER_TOPIC_BYTES]; /* of the last */
    char text[PK_LIMIT_CAPSULE_BYTES];
} taken;

static uint32_t number_of(struct pk_str s) {
    uint64_t n = UINT32_MAX;
    CHECK_EQ_INT(pk_parse_u64(s, &n), PK_OK);
    return (uint32_t)n;
}

static void take_chunk(const struct broker_publish *m) {
    struct pk_str name, value;
    uint32_t at = 0;
    CHECK(m->qos == 1 && !m->is_retained);
    while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
        taken.n = pk_str_eq_c(name, "n") ? number_of(value) : taken.n;
        taken.total = pk_str_eq_c(name, "total") ? number_of(value) : taken.total;
        taken.offset = pk_str_eq_c(name, "offset") ? number_of(value) : taken.offset;
        taken.bytes = pk_str_eq_c(name, "bytes") ? number_of(value) : taken.bytes;
        if (pk_str_eq_c(name, "sha256")) {
            CHECK_EQ_INT(pk_str_copy_cut(value, taken.hash, sizeof taken.hash), (int)(sizeof taken.hash - 1));
        }
    }
    CHECK(m->payload.n <= PK_CAPSULE_CHUNK_BYTES && m->payload.n > 0);
    CHECK(m->payload.p[m->payload.n - 1u] == '\n');
    if (taken.n >= CHUNKS || taken.offset + m->payload.n > sizeof taken.text) {
        CHECK(false);
        return;
    }
    taken.first_since = taken.first_since == UINT32_MAX ? taken.n : taken.first_since;
    taken.again_count += taken.has[taken.n] ? 1u : 0u;
    taken.has[taken.n] = true;
    memcpy(taken.text + taken.offset, m->payload.p, m->payload.n);
    taken.count++;
}

static void on_accepted(void *arg, const struct broker_publish *m) {
    char topic[BROKER_TOPIC_BYTES];
    (void)arg;
    (void)pk_str_copy_cut(m->topic, topic, sizeof topic);
    if (strstr(topic, "/capsule/") != NULL) {
        memcpy(taken.topic, topic, sizeof topic);
        take_chunk(m);
    } else {
        hub_model_accept(&hub, m);
    }
}

/* A gateway with an incident whose capsule is whole. */
static struct pk_capsule *begin_with_capsule(uint8_t upload) {
    memset(&taken, 0, sizeof taken);
    prepare(NULL);
    broker.accepted = on_accepted;
    CHECK(gateway_boot(&gw));
    CHECK(gateway_run_until_online(&gw));
    gw.agent.config.capsule_upload = upload;
    for (int n = 0; n < 20; n++) {
        CHECK(says(0, "events.send",
                   "{\"event\":{\"type\":\"told\",\"source\":\"app\",\"message\":\"many words of what went "
                   "on in the time "
                   "before, so many that the story of this incident takes more than one message to tell\"}}",
                   "\"ok\":true"));
    }
    for (int n = 0; n < 60; n++) {
        pk_agent_capsule_log(&gw.agent, pk_str_of("app[1]: a line that tells of what went on before it"));
    }
    const struct pk_incident *i = open_incident();
    wait_ms(40000);
    return i != NULL ? pk_capsules_find(&gw.agent.capsules, i->number) : NULL;
}

static bool want(void) {
    char args[128];
    const struct pk_incident *i = gateway_incident(&gw, "process_lost");
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", i != NULL ? i->id : "");
    return says(0, "incidents.upload", args, "\"upload\":\"wanted\"");
}

/* All chunks are there, and are the text the agent has. */
static void check_taken(const struct pk_capsule *c) {
    const struct pk_str text = pk_capsule_text(c);
    uint8_t digest[PK_SHA256_BYTES];
    char hex[2 * PK_SHA256_BYTES + 1];
    struct pk_buf b;
    const struct pk_str got = pk_str_make(taken.text, taken.bytes);
    CHECK_EQ_INT(taken.bytes, text.n);
    CHECK(memcmp(taken.text, text.p, text.n) == 0);
    for (uint32_t n = 0; n < taken.total; n++) {
        CHECK(taken.has[n]);
    }
    gw.port.crypto.sha256(gw.port.crypto.ctx, &got, 1, digest);
    pk_buf_init(&b, hex, sizeof hex);
    pk_buf_put_hex(&b, digest, sizeof digest);
    CHECK_STR(taken.hash, hex);
    CHECK_EQ_INT(c->upload, PK_CAPSULE_SENT);
    check_sound();
}

PK_TEST(upload__asked_for__in_chunks_that_make_the_whole) {
    const struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    CHECK_EQ_INT(taken.count, 0);
    CHECK(want());
    wait_ms(5000);
    CHECK(taken.total >= 2);
    CHECK_EQ_INT(taken.count, taken.total);
    check_taken(c);
    CHECK(says(0, "status", "{}", "\"uploaded\":1,"));
    CHECK(want()); /* once more: all of it */
    wait_ms(5000);
    CHECK_EQ_INT(taken.count, 2 * taken.total);
    check_taken(c);
}

PK_TEST(upload__from_a_severity_on__by_itself) {
    const struct pk_capsule *c = begin_with_capsule(PK_SEV_INFO);
    REQUIRE(c != NULL);
    check_taken(c);
}

PK_TEST(upload__by_itself__not_when_less_severe__nor_on_a_metered_link) {
    static struct pk_capsule other;
    const struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    other = *c;
    gw.agent.config.capsule_upload = PK_SEV_CRITICAL + 1;
    pk_agent_upload_whole(&gw.agent, &other);
    CHECK_EQ_INT(other.upload, PK_CAPSULE_KEPT);
    gw.agent.config.capsule_upload = PK_SEV_CRITICAL;
    gw.agent.config.is_metered = true;
    pk_agent_upload_whole(&gw.agent, &other);
    CHECK_EQ_INT(other.upload, PK_CAPSULE_KEPT);
    gw.agent.config.is_metered = false;
    pk_agent_upload_whole(&gw.agent, &other);
    CHECK_EQ_INT(other.upload, PK_CAPSULE_WANTED);
    gw.agent.config.is_metered = true;
    CHECK(want()); /* who asks knows what it costs */
    wait_ms(5000);
    check_taken(c);
}

PK_TEST(upload__most_of_the_month_is_used__waits_for_the_next) {
    const struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    struct pk_spend *s = &gw.agent.spends[PK_SPEND_DATA];
    pk_spend_limit(s, 10u << 20);
    s->record.used_bytes = s->limit_bytes / 100 * 81;
    wait_ms(6000);
    CHECK(want());
    wait_ms(20000);
    CHECK_EQ_INT(taken.count, 0);
    s->record.used_bytes = 0;
    wait_ms(120000);
    check_taken(c);
}

PK_TEST(upload__connections_that_end_and_a_broker_that_refuses__all_arrives) {
    const struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    broker.weights.cut_before_ack = 300;
    broker.weights.cut_after_ack = 200;
    broker.weights.refuse_publish = 200;
    CHECK(want());
    wait_ms(1800000);
    memset(&broker.weights, 0, sizeof broker.weights);
    wait_ms(120000);
    check_taken(c);
    CHECK(gw.agent.upload.resumed_count > 0);
}

PK_TEST(upload__power_cut__goes_on_where_it_was) {
    struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    gw.agent.config.capsule_rate = 256; /* up to 6 s a chunk */
    CHECK(want());
    wait_ms(9000);
    const uint32_t count = taken.count;
    CHECK(count >= 2 && count < taken.total);
    taken.first_since = UINT32_MAX;
    gateway_power_cut(&gw);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(60000);
    CHECK_EQ_INT(taken.first_since, count);
    CHECK_EQ_INT(taken.again_count, 0);
    const struct pk_incident *i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    c = pk_capsules_find(&gw.agent.capsules, i->number);
    REQUIRE(c != NULL);
    check_taken(c);
    CHECK_EQ_U64(gw.agent.capsule.damaged_count, 0);
}

PK_TEST(upload__refused_for_good__stays_here) {
    const struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    broker.weights.refuse_publish = 1000;
    CHECK(want());
    wait_ms(600000);
    CHECK_EQ_INT(c->upload, PK_CAPSULE_REFUSED);
    CHECK_EQ_U64(gw.agent.upload.refused_count, 1);
    CHECK_EQ_INT(c->acked_count, 0);
}

PK_TEST(upload__makes_room_on_its_way__is_counted) {
    struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    gw.agent.config.capsule_rate = 256;
    CHECK(want());
    wait_ms(1000);
    CHECK(gw.agent.upload.current == c);
    pk_agent_upload_evicted(&gw.agent, c);
    pk_capsules_evict(&gw.agent.capsules, c);
    CHECK(gw.agent.upload.current == NULL);
    CHECK_EQ_U64(gw.agent.upload.evicted_count, 1);
    const uint32_t count = taken.count;
    wait_ms(60000);
    CHECK_EQ_INT(taken.count, count);
    check_sound();
}

PK_TEST(upload__of_nothing__is_said) {
    prepare(NULL);
    CHECK(gateway_boot(&gw));
    CHECK(says(0, "incidents.upload", "{\"incident_id\":\"inc_99\"}", "there is no such incident here"));
}

/* A stop cuts a capsule off: after the start the hub gets what there is of it, unasked. */
PK_TEST(upload__cut_off_by_a_stop__by_itself_after_the_start) {
    static char config[4096];
    const struct gateway_setup setup = {.seed = 1, .config = config};
    (void)snprintf(config, sizeof config, "%s[incidents]\ncapsule_upload = info\n", GATEWAY_CONFIG);
    memset(&taken, 0, sizeof taken);
    prepare(&setup);
    broker.accepted = on_accepted;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(3000);
    struct pk_capsule *c = pk_capsules_find(&gw.agent.capsules, i->number);
    REQUIRE(c != NULL);
    CHECK(!c->is_done && taken.count == 0);
    gateway_power_cut(&gw);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000);
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    c = pk_capsules_find(&gw.agent.capsules, i->number);
    REQUIRE(c != NULL);
    CHECK(!c->is_done);
    check_taken(c);
}

/* The incident's record is gone: the hub still knows which one it was. */
PK_TEST(upload__record_is_gone__under_the_whole_id) {
    char topic[BROKER_TOPIC_BYTES];
    struct pk_capsule *c = begin_with_capsule(PK_CONFIG_UPLOAD_NO);
    REQUIRE(c != NULL);
    const struct pk_incident *i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/capsule/%s/", i->id);
    c->number = 4711;
    c->upload = PK_CAPSULE_WANTED;
    wait_ms(5000);
    CHECK(strncmp(taken.topic, topic, strlen(topic)) == 0);
    check_taken(c);
}

PK_TEST_MAIN(upload__cut_off_by_a_stop__by_itself_after_the_start, upload__record_is_gone__under_the_whole_id,
             upload__asked_for__in_chunks_that_make_the_whole, upload__from_a_severity_on__by_itself,
             upload__by_itself__not_when_less_severe__nor_on_a_metered_link,
             upload__most_of_the_month_is_used__waits_for_the_next,
             upload__connections_that_end_and_a_broker_that_refuses__all_arrives,
             upload__power_cut__goes_on_where_it_was, upload__refused_for_good__stays_here,
             upload__makes_room_on_its_way__is_counted, upload__of_nothing__is_said)
