#include "incident/pk_correlate.h"

#include <stdio.h>
#include <string.h>

#include "incident/pk_incidents.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

static struct pk_incidents t;
static struct pk_topology topology;
static struct pk_stamp now;

static void fresh(const char *needs) {
    struct pk_incidents_settings s;
    struct pk_diag diag;
    pk_incidents_settings_defaults(&s);
    now = (struct pk_stamp){.boot = 4, .mono_ms = 10000000};
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("gw"), now.boot, &s);
    pk_topology_init(&topology);
    CHECK_EQ_INT(pk_topology_parse(&topology, pk_str_of(needs), "t", &diag), PK_OK);
    pk_topology_finish(&topology);
}

/* Opened now, of events that began `ago_ms` before. */
static const struct pk_incident *open_with(const char *type, const char *component, uint64_t ago_ms,
                                           const char *correlation_id) {
    char group[80];
    uint32_t kinds = 0;
    (void)snprintf(group, sizeof group, "%s/%s", type, component);
    struct pk_incident_signal s = {.rule_id = pk_str_of(type),
                                   .group_key = pk_str_of(group),
                                   .type = pk_str_of(type),
                                   .component = pk_str_of(component),
                                   .correlation_id = pk_str_of(correlation_id),
                                   .severity = PK_SEV_HIGH,
                                   .first_event = now,
                                   .event_count = 1};
    s.first_event.mono_ms -= ago_ms;
    const int64_t n = pk_incidents_signal(&t, &s, &now, &kinds);
    CHECK(n > 0);
    pk_correlate(&t, &topology, (uint32_t)n, &now);
    pk_incidents_announce(&t, &now);
    return pk_incidents_get(&t, (uint32_t)n);
}

static const struct pk_incident *open_now(const char *type, const char *component) {
    return open_with(type, component, 0, "");
}

static void pass(uint64_t ms) {
    now.mono_ms += ms;
}

/* Type and component of each step, cause first; every step has to name the first one first. */
struct cascade {
    const char *needs; /* topology */
    const char *steps[4][2];
};
static const struct cascade CASCADES[] = {
    {"api -> db\n", {{"disk_space_low", "root"}, {"database_connection_fail", "db"}, {"error_burst", "api"}}},
    {"", {{"disk_space_low", "root"}, {"data_corruption", "journal"}}},
    {"", {{"disk_space_low", "root"}, {"crash_loop", "collector"}}},
    {"api -> db\n",
     {{"data_corruption", "mmcblk0"}, {"database_connection_fail", "db"}, {"error_burst", "api"}}},
    {"press-7 -> broker\nbroker -> uplink\n",
     {{"network_partition", "uplink"}, {"service_down", "broker"}, {"heartbeat_lost", "press-7"}}},
    {"", {{"network_partition", "uplink"}, {"heartbeat_lost", "press-7"}}},
    {"press-7 -> broker\n", {{"service_down", "broker"}, {"heartbeat_lost", "press-7"}}},
    {"",
     {{"resource_leak", "app"},
      {"memory_exhaustion", "memory"},
      {"crash_loop", "app"},
      {"service_down", "app"}}},
    {"", {{"memory_exhaustion", "memory"}, {"unexpected_restart", "machine"}}},
    {"", {{"memory_exhaustion", "memory"}, {"performance_degradation", "api"}}},
    {"", {{"cpu_high", "cpu"}, {"performance_degradation", "api"}, {"queue_backlog", "api"}}},
    {"db -> cache\nweb -> db\n",
     {{"cache_failure", "cache"}, {"database_connection_fail", "db"}, {"error_burst", "web"}}},
    {"api -> db\nweb -> api\n",
     {{"database_connection_fail", "db"}, {"error_burst", "api"}, {"workflow_failure_spike", "web"}}},
    {"api -> db\n", {{"deadlock_detected", "db"}, {"performance_degradation", "api"}}},
    {"web -> proxy\n", {{"certificate_expiration", "proxy"}, {"error_burst", "web"}}},
    {"web -> api\n", {{"deployment_failure", "api"}, {"crash_loop", "api"}, {"error_burst", "web"}}},
    {"", {{"security_breach", "sshd"}, {"cpu_high", "cpu"}, {"performance_degradation", "api"}}},
    {"", {{"unexpected_restart", "machine"}, {"heartbeat_lost", "press-7"}}},
    {"web -> api\n", {{"crash_loop", "api"}, {"error_burst", "web"}}},
    {"jobs -> gateway-api\n", {{"api_rate_limit", "gateway-api"}, {"workflow_failure_spike", "jobs"}}},
    {"", {{"queue_backlog", "spool"}, {"memory_exhaustion", "memory"}, {"crash_loop", "app"}}},
    {"line -> plc\n", {{"performance_degradation", "plc"}, {"throughput_low", "line"}}},
    {"web -> auth\n", {{"service_down", "auth"}, {"error_burst", "web"}}},
};

static bool names(const struct pk_incident_cause *c, const struct pk_incident *i) {
    char short_id[24];
    (void)snprintf(short_id, sizeof short_id, "(inc_%05u)", (unsigned)i->number);
    return strstr(c->cause, short_id) != NULL;
}

static void check_cascade(const struct cascade *c) {
    const struct pk_incident *first = NULL;
    fresh(c->needs);
    (void)open_now("custom", "bystander"); /* happens at the same time and has nothing to do with it */
    for (uint32_t k = 0; k < 4 && c->steps[k][0] != NULL; k++) {
        const struct pk_incident *i = open_now(c->steps[k][0], c->steps[k][1]);
        if (first == NULL) {
            first = i;
            CHECK_STR(i->caused_by, "");
            CHECK(i->is_announced);
        } else {
            const bool is_right = i->cause_count > 0 && names(&i->causes[0], first);
            CHECK(is_right);
            if (!is_right) {
                printf("# %s on %s: %s\n", i->type, i->components[0], i->causes[0].cause);
            }
            CHECK(i->causes[0].confidence_milli >= 350 && i->causes[0].confidence_milli <= 1000);
            CHECK(i->causes[0].evidence[0] != '\0');
            CHECK(i->caused_by[0] != '\0');
            CHECK(!i->is_announced);
            CHECK(k > 1 || strcmp(i->caused_by, first->id) == 0);
            for (uint32_t n = 1; n < i->cause_count; n++) {
                CHECK(i->causes[n].confidence_milli <= i->causes[n - 1u].confidence_milli);
            }
        }
        pass(15000);
    }
    CHECK(first->child_count >= 1);
    CHECK_STR(pk_incidents_get(&t, 1)->caused_by, "");
    CHECK_EQ_U64(pk_incidents_get(&t, 1)->child_count, 0);
}

PK_TEST(cascades__each_finds_its_first_step_first) {
    bool is_replayed[64] = {false};
    uint32_t count = 0;
    (void)pk_cause_patterns(&count);
    for (size_t i = 0; i < sizeof CASCADES / sizeof CASCADES[0]; i++) {
        check_cascade(&CASCADES[i]);
        for (uint32_t k = 1; k < 4 && CASCADES[i].steps[k][0] != NULL; k++) {
            uint8_t cause = 0, effect = 0;
            CHECK_EQ_INT(pk_incident_type_parse(pk_str_of(CASCADES[i].steps[k - 1u][0]), &cause), PK_OK);
            CHECK_EQ_INT(pk_incident_type_parse(pk_str_of(CASCADES[i].steps[k][0]), &effect), PK_OK);
            const uint8_t n = pk_cause_pattern_find(cause, effect);
            is_replayed[n > 0 ? n - 1u : 63u] = true;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!is_replayed[i]) {
            printf("# pattern %u is not replayed\n", (unsigned)i);
        }
        CHECK(is_replayed[i]);
    }
}

PK_TEST(late_cause__is_found_when_its_detector_was_slower) {
    fresh("api -> db\n");
    const struct pk_incident *api = open_now("error_burst", "api");
    CHECK(api->is_announced);
    pass(30000);
    const struct pk_incident *db = open_with("database_connection_fail", "db", 40000, "");
    CHECK_STR(api->caused_by, db->id);
    CHECK_EQ_U64(db->child_count, 1);
    CHECK(api->is_announced); /* it was told already, and its end will be */
    CHECK_STR(db->caused_by, "");
    pass(5000);
    const struct pk_incident *disk = open_with("disk_space_low", "root", 60000, "");
    CHECK_STR(db->caused_by, disk->id);
    CHECK(strstr(db->root_cause, "Disk space low on root") != NULL);
}

PK_TEST(correlation_id__joins_what_nothing_else_does) {
    fresh("");
    const struct pk_incident *a = open_with("custom", "a", 0, "order-17");
    pass(1000);
    const struct pk_incident *b = open_with("custom", "b", 0, "order-17");
    const struct pk_incident *c = open_with("custom", "c", 0, "order-18");
    REQUIRE(b->cause_count == 1);
    CHECK(names(&b->causes[0], a));
    CHECK_EQ_U64(b->causes[0].confidence_milli, 450);
    CHECK_STR(b->causes[0].evidence, "began 1s before, same correlation id");
    CHECK_STR(b->caused_by, ""); /* a suspect, no more */
    CHECK_EQ_U64(c->cause_count, 0);
}

static const char *evidence_after(uint64_t ms) {
    fresh("api -> db\n");
    (void)open_now("custom", "db");
    pass(ms);
    const struct pk_incident *i = open_now("custom", "api");
    CHECK_EQ_U64(i->cause_count, 1);
    return i->causes[0].evidence;
}

PK_TEST(evidence__says_how_long_before_to_the_millisecond) {
    CHECK_STR(evidence_after(0), "began at the same moment, needed directly");
    CHECK_STR(evidence_after(1), "began 1ms before, needed directly");
    CHECK_STR(evidence_after(50), "began 50ms before, needed directly");
    CHECK_STR(evidence_after(999), "began 999ms before, needed directly");
    CHECK_STR(evidence_after(1050), "began 1.050s before, needed directly");
    CHECK_STR(evidence_after(600000), "began 10m before, needed directly");
    fresh("api -> db\n"); /* its detector was slower, or the other one's faster: less than a second is so, too
                           */
    const struct pk_incident *api = open_with("custom", "api", 300, "");
    (void)open_with("custom", "db", 50, "");
    REQUIRE(api->cause_count == 1);
    CHECK_STR(api->causes[0].evidence, "began 250ms after it, needed directly");
}

PK_TEST(time__too_early_later_or_another_world_is_no_cause) {
    fresh("api -> db\n");
    (void)open_now("database_connection_fail", "db");
    pass(601000);
    const struct pk_incident *late = open_now("error_burst", "api");
    CHECK_EQ_U64(late->cause_count, 0);
    pass(61000);
    (void)open_now("disk_space_low", "root");
    CHECK_EQ_U64(late->cause_count, 0);
    fresh("a -> b\nb -> a\n"); /* each needs the other: no circle */
    const struct pk_incident *a = open_now("service_down", "a");
    const struct pk_incident *b = open_now("service_down", "b");
    CHECK((a->caused_by[0] == '\0') != (b->caused_by[0] == '\0'));
}

PK_TEST(changes__of_the_thing_or_what_it_needs_are_suspects) {
    struct pk_change c = {.kind = PK_CHANGE_DEPLOYMENT, .component = "api", .text = "v2.1"};
    fresh("web -> api\n");
    c.at = now;
    pk_correlate_change(&t, &c);
    pass(90000);
    const struct pk_incident *i = open_now("error_burst", "web");
    REQUIRE(i->cause_count == 1);
    CHECK_STR(i->causes[0].cause, "deployment on api: v2.1");
    CHECK_EQ_U64(i->causes[0].confidence_milli, 900);
    CHECK_STR(i->causes[0].evidence, "began 1m 30s before, needed directly");
    CHECK_STR(i->caused_by, "");
    CHECK_STR(i->root_cause, "deployment on api: v2.1");
    const struct pk_incident *other = open_now("custom", "elsewhere");
    REQUIRE(other->cause_count == 1);
    CHECK_EQ_U64(other->causes[0].confidence_milli, 300);
    CHECK_STR(other->root_cause, "");
    pass(1800000);
    const struct pk_incident *later = open_now("error_burst", "api");
    CHECK_EQ_U64(later->cause_count, 0);
    for (uint32_t k = 0; k < PK_LIMIT_CHANGES + 3u; k++) {
        pk_correlate_change(&t, &c);
    }
    CHECK_EQ_U64(t.changes.count, PK_LIMIT_CHANGES);
}

/* The time of a log's line is that of the second it lies in: an error right after a deployment seems to come
 * before it. */
PK_TEST(changes__just_after_the_first_event__may_be_before_it_in_truth) {
    for (uint32_t k = 0; k < 2; k++) {
        struct pk_change c = {.kind = PK_CHANGE_DEPLOYMENT, .component = "api", .text = "v2.1"};
        fresh("");
        pass(5000);
        c.at = now;
        c.at.mono_ms += k == 0 ? 999 : 1000;
        c.at.wall_ms += k == 0 ? 999 : 1000;
        pk_correlate_change(&t, &c);
        const struct pk_incident *i = open_now("error_burst", "api");
        CHECK_EQ_U64(i->cause_count, k == 0 ? 1 : 0);
    }
}

PK_TEST(blast__is_counted_and_named) {
    const char *found[4];
    uint32_t count = 0;
    fresh("api -> db\nweb -> api\nreport -> db\n");
    const struct pk_incident *i = open_now("database_connection_fail", "db");
    CHECK_EQ_U64(i->blast_count, 3);
    CHECK_EQ_U64(pk_correlate_blast(&topology, i, found, 2, &count), 2);
    CHECK_EQ_U64(count, 3);
    CHECK_EQ_U64(pk_correlate_blast(&topology, i, found, 4, &count), 3);
    CHECK_STR(found[0], "api");
}

PK_TEST(orphan__goes_on_after_its_cause_ended_and_is_announced) {
    static const struct pk_incident_actor ANN = {.source = PK_TL_BY_OPERATOR, .name = {"ann", 3}};
    fresh("api -> db\n");
    const struct pk_incident *db = open_now("database_connection_fail", "db");
    pass(10000);
    const struct pk_incident *api = open_now("error_burst", "api");
    CHECK(!api->is_announced);
    pass(1000);
    CHECK_EQ_INT(pk_incidents_set_status(&t, db->number, PK_INC_RESOLVED, PK_STAGE_COUNT, ANN, &now), PK_OK);
    CHECK_EQ_U64(pk_incidents_tick(&t, &now), now.mono_ms + 300000);
    pk_incidents_announce(&t, &now);
    CHECK(!api->is_announced);
    pass(300000);
    (void)pk_incidents_tick(&t, &now);
    pk_incidents_announce(&t, &now);
    CHECK(api->is_announced);
    CHECK_STR(api->caused_by, db->id);
}

PK_TEST(person__who_wrote_the_root_cause_is_not_overruled) {
    static const struct pk_incident_actor ANN = {.source = PK_TL_BY_OPERATOR, .name = {"ann", 3}};
    fresh("api -> db\n");
    const struct pk_incident *api = open_now("error_burst", "api");
    CHECK_EQ_INT(pk_incidents_set_root_cause(&t, api->number, pk_str_of("a bad fuse"), ANN, &now), PK_OK);
    (void)open_with("database_connection_fail", "db", 5000, "");
    CHECK_STR(api->root_cause, "a bad fuse");
    CHECK_EQ_U64(api->cause_count, 1);
}

PK_TEST(many_of_one_component__a_stronger_suspect_still_finds_its_place) {
    fresh("");
    const struct pk_incident *stale = open_with("data_corruption", "db", 900000, "");
    const struct pk_incident *first = open_with("cache_failure", "db", 8000, "");
    const uint32_t stale_number = stale->number, first_number = first->number;
    for (uint32_t i = 0; i < 20; i++) { /* alike, and each names the same three */
        char type[16];
        (void)snprintf(type, sizeof type, "custom%u", (unsigned)i);
        (void)open_with(type, "db", 7000 - i * 100u, "");
    }
    (void)open_with("disk_space_low", "db", 4000, "req-7");
    const struct pk_incident *i = open_with("database_connection_fail", "db", 1000, "req-7");
    const struct pk_cause_link *links = t.slots[pk_incident_table_slot(&t, i->number)].correlation.links;
    CHECK_EQ_U64(links[0].milli,
                 950); /* pattern, id, component and time; the last of 22 that was looked at */
    CHECK(links[0].number > first_number);
    CHECK_EQ_U64(links[1].number, first_number); /* a pattern, and the first of them */
    for (uint32_t k = 0; k < PK_CORRELATE_LINKS; k++) {
        CHECK(links[k].number != stale_number);
        CHECK(links[k].milli > 0);
    }
}

PK_TEST_MAIN(cascades__each_finds_its_first_step_first, late_cause__is_found_when_its_detector_was_slower,
             correlation_id__joins_what_nothing_else_does, evidence__says_how_long_before_to_the_millisecond,
             time__too_early_later_or_another_world_is_no_cause,
             changes__of_the_thing_or_what_it_needs_are_suspects,
             changes__just_after_the_first_event__may_be_before_it_in_truth, blast__is_counted_and_named,
             orphan__goes_on_after_its_cause_ended_and_is_announced,
             person__who_wrote_the_root_cause_is_not_overruled,
             many_of_one_component__a_stronger_suspect_still_finds_its_place)
