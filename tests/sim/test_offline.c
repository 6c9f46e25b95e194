/* ctest: lane=ci timeout=900 trees=host
 * Sixty days without a broker, two hundred incidents a day, over the real store with its default size; then
 * the broker is there, and dies with the agent halfway. Prints what it took. */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/lmdb/pk_lmdb.h"
#include "support/gateway_test.h"

enum {
    DAYS = 60,
    A_DAY = 200,
    TOTAL = DAYS * A_DAY,
    APART_MS = 86400000 / A_DAY,
    GRAVE_EACH = 20,
    NAMES = 50,
    EARLY = 20, /* sent before the cut; they end after it */
    OTHERS = 16 + EARLY
};
static uint32_t map_bytes;

static const char CONFIG[] =
    "[gateway]\nsite = lab\ngateway = @\n"
    "[broker central]\nhost = broker.example\nport = 1883\ntls = no\n"
    "[incidents]\nassess = 0\nrecover = 0\n"
    "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\nusage = 0\n"
    "storage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n";
#define RULE(name, severity)                                                                                 \
    "[rule " name "]\non = type = " name                                                                     \
    "\nwhen = count >= 1 in 10s by source\ntype = custom\nseverity = " severity                              \
    "\nclear = count < 1 in 10s for 10s\nkeys = 64\n"
static const char RULES[] = RULE("fault", "medium") RULE("disaster", "critical");

static struct pk_lmdb store;
static char folder[64];
static bool is_store_open;

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* For the store: a commit that took long would leave the next ones to a thread in real time. */
static uint64_t no_time_us(void) {
    return 0;
}

/* The rig's simulated store holds some thousand records. */
static void use_real_store(struct gateway *g) {
    const struct pk_lmdb_config config = {.state_dir = folder,
                                          .map_bytes = map_bytes,
                                          .wake_fd = -1,
                                          .is_in_memory = true,
                                          .now_us = no_time_us};
    if (is_store_open) {
        pk_lmdb_close(&store);
    }
    is_store_open = pk_lmdb_open(&store, &config, &g->port.store) == PK_OK;
    CHECK(is_store_open);
}

/* ---- what arrives */

static struct {
    uint32_t boot, times;
    uint64_t seq;
    uint32_t at; /* order of its first arrival, from 1 */
    bool is_resolved;
} heard[TOTAL + OTHERS];
static uint32_t heard_count, repeat_count, other_count, plain_count, plain_before_grave;
static uint64_t told_dropped; /* by the newest summary: its row is over the life of the store */

static bool is_grave(uint32_t number) {
    return number % GRAVE_EACH == 0;
}

static void take_incident(const struct broker_publish *m) {
    struct pk_incident_ref ref;
    struct pk_str rest = m->topic, part = rest, name, value;
    uint64_t boot = 0, seq = 0;
    uint32_t at = 0;
    while (pk_str_split(&rest, '/', &part)) {
    }
    char text[4096];
    (void)pk_str_copy_cut(m->payload, text, sizeof text);
    const bool is_critical = strstr(text, "\"rule_id\":\"disaster\"") != NULL;
    if (!is_critical && strstr(text, "\"rule_id\":\"fault\"") == NULL) {
        other_count++; /* what the agent says of itself */
        return;
    }
    REQUIRE(pk_incident_id_parse(part, &ref) == PK_OK && ref.number < TOTAL + OTHERS);
    while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
        struct pk_str first;
        if (pk_str_eq_c(name, "id") && pk_str_split(&value, '-', &first)) {
            (void)!pk_parse_u64(first, &boot);
            (void)!pk_parse_u64(value, &seq);
        }
    }
    const uint32_t n = ref.number;
    if (heard[n].times > 0 && heard[n].boot == boot && heard[n].seq == seq) {
        repeat_count++;
        return;
    }
    heard[n].times++;
    heard[n].boot = (uint32_t)boot;
    heard[n].seq = seq;
    heard[n].at = ++heard_count;
    heard[n].is_resolved = strstr(text, "\"status\":\"resolved\"") != NULL;
    if (is_critical) {
        plain_before_grave = plain_count;
    } else {
        plain_count++;
    }
}

static void take_ledger(const char *text) {
    static const char ROW[] = "\"source\":\"outbox\",\"reason\":\"outbox_cap\"";
    const char *row = strstr(text, ROW);
    const char *count = row != NULL ? strstr(row, "\"count\":") : NULL;
    if (count != NULL) {
        told_dropped = strtoull(count + strlen("\"count\":"), NULL, 10);
    }
}

static void on_accepted(void *arg, const struct broker_publish *m) {
    static char text[PK_LIMIT_PAYLOAD_BYTES];
    struct pk_topic t;
    (void)arg;
    if (pk_topic_parse(m->topic, &t) != PK_OK) {
        return;
    }
    if (t.kind == PK_TOPIC_INCIDENT && m->payload.n > 0) {
        take_incident(m);
    } else if (t.kind == PK_TOPIC_SUMMARY) {
        (void)pk_str_copy_cut(m->payload, text, sizeof text);
        take_ledger(text);
    }
}

/* ---- */

static bool is_half_drained(void *arg) {
    (void)arg;
    return heard_count > TOTAL / 4;
}

static bool is_drained(void *arg) {
    (void)arg;
    return pk_outbox_depth(&gw.agent.outbox) == 0 && gw.agent.incidents.owed_count == 0;
}

static void live_through(void) {
    for (uint32_t n = 1; n <= TOTAL; n++) {
        char line[160];
        (void)snprintf(
            line, sizeof line,
            "{\"type\":\"%s\",\"source\":\"machine-%u\",\"severity\":\"error\",\"message\":\"it broke\"}\n",
            is_grave(n) ? "disaster" : "fault", n % NAMES);
        (void)gateway_events(&gw, line);
        wait_ms(APART_MS);
    }
}

/* These are heard as open; then the link is cut. */
static void begin_early(void) {
    for (uint32_t n = 1; n <= EARLY; n++) {
        char line[160];
        (void)snprintf(
            line, sizeof line,
            "{\"type\":\"%s\",\"source\":\"early-%u\",\"severity\":\"error\",\"message\":\"it broke\"}\n",
            n % 10 == 0 ? "disaster" : "fault", n);
        (void)gateway_events(&gw, line);
    }
    wait_ms(3000);
    CHECK_EQ_U64(heard_count, EARLY);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    broker.is_down = true;
    broker_restart(&broker, true);
    wait_ms(1000);
    heard_count = plain_count = plain_before_grave = 0;
}

/* How many were dropped. */
static uint64_t go_through(uint32_t store_bytes) {
    const struct gateway_setup setup = {.seed = 7, .config = CONFIG, .rules = RULES};
    (void)snprintf(folder, sizeof folder, "%s/pk-offline-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    map_bytes = store_bytes;
    memset(heard, 0, sizeof heard);
    heard_count = repeat_count = other_count = plain_count = plain_before_grave = 0;
    told_dropped = 0;
    CHECK(mkdtemp(folder) != NULL);
    prepare(&setup);
    gw.wrap = use_real_store;
    broker.accepted = on_accepted;
    CHECK(gateway_boot(&gw));
    CHECK(gateway_run_until_online(&gw));
    begin_early();
    const uint64_t began_us = now_us();
    live_through();
    const uint64_t lived_us = now_us() - began_us;
    const struct pk_outbox_loss *loss = &gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP];
    const uint64_t waiting = pk_outbox_depth(&gw.agent.outbox), dropped_before = loss->count;
    const uint64_t bytes = pk_outbox_bytes(&gw.agent.outbox), grave_lost = loss->by_severity[PK_SEV_CRITICAL];
    const uint32_t made = gw.agent.incidents.next_number - 1u;
    CHECK(made >= TOTAL && made < TOTAL + OTHERS);
    /* An entry that was dropped while its incident was open may be one of two that it had. */
    const uint32_t owed = gw.agent.incidents.owed_count;
    CHECK(waiting + owed + dropped_before >= made && (dropped_before > 0 || waiting == made));
    CHECK(grave_lost * 100u <= dropped_before);
    /* The agent dies before anybody was told of what was dropped: each entry is there still, or counted; an
     * end that was owed may have found room meanwhile. */
    gateway_crash(&gw);
    CHECK(gateway_boot(&gw));
    const uint64_t dropped = loss->count, there = dropped + pk_outbox_depth(&gw.agent.outbox);
    CHECK(there >= dropped_before + waiting && there <= dropped_before + waiting + owed);
    CHECK(dropped + PK_OUTBOX_GONE >= dropped_before);
    broker.is_down = false;
    CHECK(gateway_site_until(&site, 60u * 86400000ull, is_half_drained, NULL));
    gateway_crash(&gw);
    CHECK(gateway_boot(&gw));
    CHECK(gateway_site_until(&site, 60u * 86400000ull, is_drained, NULL));
    wait_ms(120000);
    uint32_t twice = 0, unresolved = 0;
    for (uint32_t n = 1; n < TOTAL + OTHERS; n++) {
        twice += heard[n].times > 1 ? 1 : 0;
        unresolved += heard[n].times > 0 && !heard[n].is_resolved ? 1 : 0;
    }
    printf("# %u incidents in %u days: %llu waited (%llu KiB of the %u KiB map), %u owed, %llu dropped, %u "
           "heard (%u "
           "last as "
           "open), %u sent again; %.1f s\n",
           (unsigned)TOTAL, (unsigned)DAYS, (unsigned long long)waiting, (unsigned long long)bytes / 1024u,
           map_bytes / 1024u, owed, (unsigned long long)dropped, heard_count, unresolved, repeat_count,
           (double)lived_us / 1e6);
    const uint32_t all = TOTAL + EARLY;
    CHECK(heard_count + dropped >= all && heard_count <= all && (dropped > 0 || heard_count == all));
    CHECK_EQ_U64(twice, EARLY);  /* as open before the cut, as ended after it */
    CHECK_EQ_U64(unresolved, 0); /* what is dropped is dropped whole: no incident stays open at the hub */
    CHECK(other_count < OTHERS - EARLY);
    CHECK(plain_before_grave <= PK_LIMIT_OUTBOX_SLOTS); /* what is new goes first, and was in its slots */
    CHECK_EQ_U64(told_dropped, dropped);
    CHECK_STR(broker.breach, "");
    CHECK_STR(site.breach, "");
    pk_lmdb_close(&store);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/" PK_STORE_FILE, folder);
    (void)unlink(path);
    (void)rmdir(folder);
    is_store_open = false;
    return dropped;
}

PK_TEST(sixty_days_offline__each_incident_arrives_once_and_critical_first) {
    CHECK_EQ_U64(go_through(16u << 20), 0); /* the default of [store] map */
}

PK_TEST(too_small_a_store__drops_the_least_important_and_says_so) {
    CHECK(go_through(9u << 18) >
          1000); /* of the sizes tried, the one that lost most ends before it was mended */
}

PK_TEST_MAIN(sixty_days_offline__each_incident_arrives_once_and_critical_first,
             too_small_a_store__drops_the_least_important_and_says_so)
