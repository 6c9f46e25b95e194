/* ctest: lane=ci timeout=900 trees=host
 * Two brokers, of which one is away for sixty days with two hundred incidents a day, over the real store:
 * what the other one is there for goes on as if nothing was missing, and what waited arrives once it is back.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/lmdb/pk_lmdb.h"
#include "report/pk_keys.h"
#include "support/gateway_test.h"
#include "wire/pk_jws.h"

enum {
    DAYS = 60,
    A_DAY = 200,
    TOTAL = DAYS * A_DAY,
    DAY_MS = 86400000,
    APART_MS = DAY_MS / A_DAY,
    SUMMARY_MS = 60000,
    GRAVE_EACH = 20,
    NAMES = 50,
    OTHERS = 300, /* what the agent says of itself; numbers that a crash skips */
    SITE = 0,
    CENTRAL = 1
};

#define CONFIG(site_roles, central_roles)                                                                    \
    "[gateway]\nsite = lab\ngateway = @\n"                                                                   \
    "[broker site]\nhost = lan.example\nport = 1883\ntls = no\nroles = " site_roles "\n"                     \
    "[broker central]\nhost = broker.example\nport = 1883\ntls = no\nroles = " central_roles "\n"            \
    "[incidents]\nassess = 0\nrecover = 0\n"                                                                 \
    "[remote]\ncommands = list\nallow = ping\n"                                                              \
    "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\nusage = 0\n"                  \
    "storage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n"
#define RULE(name, severity)                                                                                 \
    "[rule " name "]\non = type = " name                                                                     \
    "\nwhen = count >= 1 in 10s by source\ntype = custom\nseverity = " severity                              \
    "\nclear = count < 1 in 10s for 10s\nkeys = 64\n"
static const char RULES[] = RULE("fault", "medium") RULE("disaster", "critical");

/* ---- the store: the rig's simulated one holds some thousand records */

static struct {
    struct pk_lmdb lmdb;
    char folder[64];
    uint32_t map_bytes;
    bool is_open;
} store;

static uint64_t no_time_us(void) {
    return 0;
}

static void use_real_store(struct gateway *g) {
    const struct pk_lmdb_config config = {.state_dir = store.folder,
                                          .map_bytes = store.map_bytes,
                                          .wake_fd = -1,
                                          .is_in_memory = true,
                                          .now_us = no_time_us};
    if (store.is_open) {
        pk_lmdb_close(&store.lmdb);
    }
    store.is_open = pk_lmdb_open(&store.lmdb, &config, &g->port.store) == PK_OK;
    CHECK(store.is_open);
}

static void make_store(uint32_t map_bytes) {
    (void)snprintf(store.folder, sizeof store.folder, "%s/pk-brokers-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    store.map_bytes = map_bytes;
    CHECK(mkdtemp(store.folder) != NULL);
}

static void remove_store(void) {
    char path[128];
    pk_lmdb_close(&store.lmdb);
    store.is_open = false;
    (void)snprintf(path, sizeof path, "%s/" PK_STORE_FILE, store.folder);
    (void)unlink(path);
    (void)rmdir(store.folder);
}

/* ---- the other broker; the rig's own is central */

static struct broker_model lan;

static uint64_t lan_next_ms(void *arg) {
    (void)arg;
    return broker_next_ms(&lan);
}

static void lan_run(void *arg) {
    (void)arg;
    broker_run(&lan, site.now_ms);
}

/* ---- what arrives at a broker */

struct heard {
    uint64_t name; /* boot and sequence number of its last report */
    uint32_t number, times, boot;
    uint64_t seq;
    bool is_resolved;
};
static struct {
    struct heard incidents[TOTAL + OTHERS];
    uint32_t count, repeat_count, plain_count, plain_before_grave;
    uint32_t summary_count, reply_count;
    uint64_t summary_ms, longest_gap_ms;
    uint64_t told_dropped; /* by the newest summary */
} heard[PK_LINKS];

/* An incident's place in the table: numbers have holes where the agent was killed. */
static struct heard *place_of(uint32_t link, uint32_t number) {
    for (uint32_t i = 0; i < TOTAL + OTHERS; i++) {
        struct heard *h = &heard[link].incidents[(number + i) % (TOTAL + OTHERS)];
        if (h->times == 0 || h->number == number) {
            h->number = number;
            return h;
        }
    }
    return NULL;
}

static void take_incident(uint32_t link, const struct broker_publish *m, const char *text) {
    struct pk_incident_ref ref;
    struct pk_str rest = m->topic, part = rest, name, value, first;
    uint64_t boot = 0, seq = 0;
    uint32_t at = 0;
    const bool is_grave = strstr(text, "\"rule_id\":\"disaster\"") != NULL;
    if (!is_grave && strstr(text, "\"rule_id\":\"fault\"") == NULL) {
        return; /* what the agent says of itself */
    }
    while (pk_str_split(&rest, '/', &part)) {
    }
    REQUIRE(pk_incident_id_parse(part, &ref) == PK_OK);
    struct heard *h = place_of(link, ref.number);
    REQUIRE(h != NULL);
    while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
        if (pk_str_eq_c(name, "id") && pk_str_split(&value, '-', &first)) {
            CHECK_EQ_INT(pk_parse_u64(first, &boot), PK_OK);
            CHECK_EQ_INT(pk_parse_u64(value, &seq), PK_OK);
        }
    }
    if (h->times > 0 && h->boot == boot && h->seq == seq) {
        heard[link].repeat_count++;
        return;
    }
    heard[link].count += h->times == 0 ? 1u : 0u;
    h->times++;
    h->boot = (uint32_t)boot;
    h->seq = seq;
    h->is_resolved = strstr(text, "\"status\":\"resolved\"") != NULL;
    if (is_grave) {
        heard[link].plain_before_grave = heard[link].plain_count;
    } else {
        heard[link].plain_count++;
    }
}

static void take_summary(uint32_t link, const char *text) {
    static const char ROW[] = "\"source\":\"outbox\",\"reason\":\"outbox_cap\"";
    const char *row = strstr(text, ROW);
    const char *count = row != NULL ? strstr(row, "\"count\":") : NULL;
    if (count != NULL) {
        heard[link].told_dropped = strtoull(count + strlen("\"count\":"), NULL, 10);
    }
    const uint64_t gap_ms = site.now_ms - heard[link].summary_ms;
    if (heard[link].summary_count > 0 && gap_ms > heard[link].longest_gap_ms) {
        heard[link].longest_gap_ms = gap_ms;
    }
    heard[link].summary_ms = site.now_ms;
    heard[link].summary_count++;
}

static void take(uint32_t link, const struct broker_publish *m) {
    static char text[BROKER_PAYLOAD_BYTES + 1];
    struct pk_topic t;
    if (pk_topic_parse(m->topic, &t) != PK_OK || m->payload.n == 0) {
        return;
    }
    (void)pk_str_copy_cut(m->payload, text, sizeof text);
    if (t.kind == PK_TOPIC_INCIDENT) {
        take_incident(link, m, text);
    } else if (t.kind == PK_TOPIC_SUMMARY) {
        take_summary(link, text);
    } else if (t.kind == PK_TOPIC_REPLY) {
        heard[link].reply_count += strstr(text, "\"ok\":true") != NULL ? 1u : 0u;
    }
}

static void at_lan(void *arg, const struct broker_publish *m) {
    (void)arg;
    take(SITE, m);
}

static void at_central(void *arg, const struct broker_publish *m) {
    (void)arg;
    take(CENTRAL, m);
}

/* What waits for the store waits for a thread that lives in real time: a little of both times passes. */
static bool soon(bool (*is)(void)) {
    for (uint32_t i = 0; i < 10000 && !is(); i++) {
        (void)usleep(i < 50 ? 0 : 100);
        wait_ms(1);
    }
    return is();
}

static bool is_outbox_empty(void) {
    return pk_outbox_depth(&gw.agent.outbox) == 0;
}

static bool is_lan_empty(void) {
    return lan.clients[0].queue_count == 0;
}

/* ---- a person with a key */

static uint8_t private_key[PK_ES256_PRIVATE_BYTES];
static char key_file[512];
static uint32_t asked_count;

static void make_key(void) {
    struct pk_key key = {.kid = "alice", .owner = "alice", .role = PK_ROLE_VIEWER};
    struct pk_buf b;
    prepare(NULL); /* only for its cryptography */
    CHECK_EQ_INT(gw.port.crypto.es256_keygen(gw.port.crypto.ctx, private_key, key.public_key), PK_OK);
    pk_buf_init(&b, key_file, sizeof key_file);
    pk_keys_write(&b, &key);
}

static bool is_answered(void) {
    return heard[SITE].reply_count + heard[CENTRAL].reply_count == asked_count;
}

/* A signed ping through that broker; whether it was answered there within seconds. */
static bool is_obeyed(struct broker_model *b, uint32_t link, uint32_t number) {
    char payload[512], text[1024];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    struct pk_buf out;
    struct pk_claims c = {.iss = "alice", .aud = "gw-1", .cmd = "ping", .args = pk_str_of("{}")};
    const uint32_t before = heard[link].reply_count;
    c.iat_s = (gw.sim.config.wall_ms + (int64_t)site.now_ms) / 1000;
    c.exp_s = c.iat_s + 120;
    (void)snprintf(c.jti, sizeof c.jti, "ping-%u-%u", link, number);
    pk_buf_init(&out, payload, sizeof payload);
    pk_claims_write(&out, &c);
    const struct pk_str body = pk_buf_str(&out);
    pk_buf_init(&out, text, sizeof text);
    CHECK_EQ_INT(pk_jws_signing_input(&out, pk_str_of("alice"), body), PK_OK);
    CHECK_EQ_INT(gw.port.crypto.es256_sign(gw.port.crypto.ctx, private_key, pk_buf_str(&out), signature),
                 PK_OK);
    pk_jws_finish(&out, signature);
    (void)broker_publish(b, "picket/v1/lab/gw-1/cmd/ping", out.p, out.n, "picket/v1/lab/gw-1/reply/r");
    asked_count++;
    return soon(is_answered) && heard[link].reply_count == before + 1;
}

/* ---- the sixty days */

static bool is_site_online(void *arg) {
    (void)arg;
    return pk_link_is_online(&gw.agent.links[SITE]);
}

static void begin_world(const char *config, uint32_t map_bytes) {
    memset(heard, 0, sizeof heard);
    asked_count = 0;
    make_key();
    make_store(map_bytes);
    const struct gateway_setup setup = {.seed = 7, .config = config, .rules = RULES, .keys = key_file};
    prepare(&setup);
    broker_init(&lan, 9);
    lan.accepted = at_lan;
    broker.accepted = at_central;
    (void)broker_attach(&lan, &gw.sim, SITE);
    gw.sim.links[SITE].answer = PK_SIM_ACCEPT;
    site.next_ms = lan_next_ms;
    site.run = lan_run;
    gw.wrap = use_real_store;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    REQUIRE(gateway_site_until(&site, 60000, is_site_online, NULL));
    wait_ms(5000);
}

static void central_goes(void) {
    broker.is_down = true;
    broker_restart(&broker, true);
    wait_ms(1000);
    REQUIRE(!pk_link_is_online(&gw.agent.links[CENTRAL]));
}

/* A device says it to its broker, which is asked to bring it. */
static void device_says(uint32_t n) {
    char topic[BROKER_TOPIC_BYTES];
    static const char PAYLOAD[] = "{\"severity\":\"error\",\"message\":\"it broke\"}";
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/in/machine-%u/%s", n % NAMES,
                   n % GRAVE_EACH == 0 ? "disaster" : "fault");
    CHECK_EQ_U64(broker_publish(&lan, topic, PAYLOAD, sizeof PAYLOAD - 1u, ""), 1);
}

static void live_a_day(uint32_t day, void (*each)(void)) {
    const uint32_t before = gw.agent.incidents.next_number;
    for (uint32_t n = 1; n <= A_DAY; n++) {
        device_says(day * A_DAY + n);
        CHECK(soon(is_lan_empty)); /* it was taken, and is on the medium */
        each();
        wait_ms(APART_MS / 2);
        each();
        wait_ms(APART_MS / 2);
    }
    const uint32_t made = gw.agent.incidents.next_number - before;
    CHECK(made >= A_DAY && made <= A_DAY + 2u); /* the agent may say something of itself */
    CHECK(is_site_online(NULL));
    CHECK(!pk_link_is_online(&gw.agent.links[CENTRAL]));
}

static void nothing(void) {
}

/* The agent dies in the middle of it; what it had is in the store. */
static void die_and_come_back(void) {
    const struct pk_outbox_loss *loss = &gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP];
    const uint64_t made = pk_outbox_depth(&gw.agent.outbox) + loss->count;
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_site_until(&site, 60000, is_site_online, NULL));
    wait_ms(1000);
    CHECK(pk_outbox_depth(&gw.agent.outbox) + loss->count >= made);
}

static bool is_drained(void *arg) {
    (void)arg;
    return pk_outbox_depth(&gw.agent.outbox) == 0 && pk_link_is_online(&gw.agent.links[CENTRAL]);
}

/* How long it takes in virtual time says nothing: the store is a thread in real time. */
static void central_returns(void) {
    broker.is_down = false;
    CHECK(gateway_site_until(&site, (uint64_t)DAYS * DAY_MS, is_drained, NULL));
    wait_ms(2 * SUMMARY_MS);
}

/* Nobody hurried, and nobody filled the log. */
static void check_patience(void) {
    uint32_t said = 0;
    static const char LINE[] = "no connection to broker";
    const uint64_t tries = gw.agent.links[CENTRAL].failure_count;
    for (uint32_t i = 0; i + sizeof LINE <= gw.sim.log_bytes; i++) {
        said += memcmp(gw.sim.log + i, LINE, sizeof LINE - 1u) == 0 ? 1u : 0u;
    }
    printf("# %llu tries to reach it since the last start\n", (unsigned long long)tries);
    CHECK(tries >= 1000 && tries <= (uint64_t)DAYS * DAY_MS / 30000u);
    CHECK(said <= 4);
}

static uint32_t count_unresolved(uint32_t link) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < TOTAL + OTHERS; i++) {
        const struct heard *h = &heard[link].incidents[i];
        count += h->times > 0 && !h->is_resolved ? 1u : 0u;
    }
    return count;
}

static uint32_t count_twice(uint32_t link) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < TOTAL + OTHERS; i++) {
        count += heard[link].incidents[i].times > 1 ? 1u : 0u;
    }
    return count;
}

/* Summaries, commands and events over the site's broker; incidents for the one that is away. Dropped entries.
 */
static uint64_t incidents_wait_for_central(uint32_t map_bytes) {
    begin_world(CONFIG("events, commands, summary", "incidents"), map_bytes);
    central_goes();
    for (uint32_t day = 0; day < DAYS; day++) {
        const uint32_t summaries = heard[SITE].summary_count;
        const uint64_t began_ms = site.now_ms;
        live_a_day(day, nothing);
        CHECK(is_obeyed(&lan, SITE, day));
        const uint64_t due = (site.now_ms - began_ms) / SUMMARY_MS;
        CHECK(heard[SITE].summary_count - summaries + 1u >= due);
        if (day == DAYS / 2) {
            die_and_come_back();
        }
    }
    /* A start says its first one after a whole interval. */
    CHECK(heard[SITE].longest_gap_ms <= 2u * SUMMARY_MS + 5000u);
    CHECK_EQ_U64(heard[SITE].count + heard[CENTRAL].count, 0);
    check_patience();
    const uint64_t dropped = gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP].count;
    const uint64_t waiting = pk_outbox_depth(&gw.agent.outbox);
    CHECK(waiting + dropped >= TOTAL);
    CHECK_EQ_U64(heard[SITE].told_dropped, dropped); /* the site knows of each, while central is away */
    central_returns();
    printf("# %u incidents in %u days: %llu waited, %llu dropped, %u arrived, %u sent again; %u summaries, "
           "%u answers at the site, longest gap %llu ms\n",
           (unsigned)TOTAL, (unsigned)DAYS, (unsigned long long)waiting, (unsigned long long)dropped,
           heard[CENTRAL].count, heard[CENTRAL].repeat_count, heard[SITE].summary_count,
           heard[SITE].reply_count, (unsigned long long)heard[SITE].longest_gap_ms);
    CHECK(heard[CENTRAL].count + dropped >= TOTAL && (dropped > 0 || heard[CENTRAL].count == TOTAL));
    CHECK_EQ_U64(count_twice(CENTRAL), 0);
    CHECK_EQ_U64(count_unresolved(CENTRAL), 0);
    CHECK(heard[CENTRAL].plain_before_grave <= PK_LIMIT_OUTBOX_SLOTS); /* critical first */
    CHECK_EQ_U64(heard[SITE].reply_count, DAYS);
    CHECK_STR(broker.breach, "");
    CHECK_STR(lan.breach, "");
    CHECK_STR(site.breach, "");
    remove_store();
    return dropped;
}

PK_TEST(central_away__the_site_s_broker_has_all_it_is_there_for__incidents_arrive_later_once) {
    CHECK_EQ_U64(incidents_wait_for_central(16u << 20), 0); /* the default of [store] map */
}

PK_TEST(central_away__too_small_a_store__the_site_is_told_of_each_that_was_dropped) {
    CHECK(incidents_wait_for_central(9u << 18) > 1000);
}

static void heard_live(void) {
    CHECK(soon(is_outbox_empty));
}

PK_TEST(central_away__incidents_at_the_site__each_is_there_at_once) {
    begin_world(CONFIG("events, incidents", "commands, summary"), 16u << 20);
    const uint32_t summaries = heard[CENTRAL].summary_count;
    central_goes();
    for (uint32_t day = 0; day < DAYS; day++) {
        live_a_day(day, heard_live);
    }
    CHECK_EQ_U64(heard[SITE].count, TOTAL);
    CHECK_EQ_U64(count_twice(SITE), TOTAL); /* as open, as ended */
    CHECK_EQ_U64(count_unresolved(SITE), 0);
    CHECK_EQ_U64(heard[SITE].summary_count + heard[SITE].reply_count, 0);
    check_patience();
    central_returns();
    CHECK(heard[CENTRAL].summary_count > summaries);
    CHECK(is_obeyed(&broker, CENTRAL, 1));
    CHECK_EQ_U64(heard[CENTRAL].count, 0);
    CHECK_STR(broker.breach, "");
    CHECK_STR(lan.breach, "");
    CHECK_STR(site.breach, "");
    remove_store();
}

PK_TEST_MAIN(central_away__the_site_s_broker_has_all_it_is_there_for__incidents_arrive_later_once,
             central_away__too_small_a_store__the_site_is_told_of_each_that_was_dropped,
             central_away__incidents_at_the_site__each_is_there_at_once)
