#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char config[2048];

/* The rig's configuration with the stages of a shipped one. */
static const char *with_stages(void) {
    const char *at = strstr(GATEWAY_CONFIG, "[incidents]\nassess = 0\nrecover = 0\n");
    CHECK(at != NULL);
    (void)snprintf(config, sizeof config, "%.*s[incidents]\nassess = 30s\nrecover = 5m\n%s",
                   (int)(at - GATEWAY_CONFIG), GATEWAY_CONFIG,
                   at + strlen("[incidents]\nassess = 0\nrecover = 0\n"));
    return config;
}

PK_TEST(stages__drive_themselves_and_their_times_are_shown) {
    char args[120];
    begin(&(struct gateway_setup){
        .seed = 1,
        .config = with_stages(),
        .rules = "[rule disk_space_low]\non = type = disk_pct\nwhen = value > 90\n"
                 "type = disk_space_low\nseverity = high\nclear = value < 88 for 60s\n"});
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 93.0, PK_OK);
    wait_ms(35000);
    const struct pk_incident *i = gateway_incident(&gw, "disk_space_low");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    CHECK_EQ_INT(i->stage, PK_STAGE_ASSESS);
    wait_ms(30000);
    CHECK_EQ_INT(i->stage, PK_STAGE_INVESTIGATE);
    CHECK_EQ_U64(i->stage_ms[PK_STAGE_ASSESS], 30000);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
    while (i->status != PK_INC_MITIGATED && gw.last_mono_ms < 2000000) {
        wait_ms(1000);
    }
    CHECK_EQ_INT(i->stage, PK_STAGE_RECOVER);
    wait_ms(60000); /* what the rule waited is less than five minutes */
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    wait_ms(300000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK(i->is_auto_resolved);
    CHECK(i->stage_ms[PK_STAGE_RECOVER] >= 60000 && i->stage_ms[PK_STAGE_RECOVER] <= 300000);
    CHECK_EQ_INT(i->stage, PK_STAGE_POSTMORTEM);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", i->id);
    CHECK(says(1000, "incidents.get", args, "\"stage_seconds\":{\"assess\":30.000,"));
    check_sound();
}

/* REQUIREMENTS S0-8: what its shipped rule calls simple ends within two minutes. */
PK_TEST(recover__a_simple_one__ends_as_soon_as_its_rule_allows) {
    begin(&(struct gateway_setup){.seed = 1, .config = with_stages()});
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 93.0, PK_OK);
    wait_ms(35000);
    const struct pk_incident *i = gateway_incident(&gw, "disk_space_low");
    REQUIRE(i != NULL);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
    wait_ms(95000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK(i->is_auto_resolved);
    check_sound();
}

PK_TEST(recover__waits_while_something_new_and_severe_is_wrong_with_the_component) {
    char args[120];
    begin(&(struct gateway_setup){.seed = 1, .config = with_stages()});
    const struct pk_incident *i = open_incident(); /* critical, of web */
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    while (i->status != PK_INC_MITIGATED && gw.last_mono_ms < 2000000) {
        wait_ms(1000);
    }
    REQUIRE(i->status == PK_INC_MITIGATED);
    CHECK(says(1001, "incidents.create", "{\"type\":\"custom\",\"severity\":\"high\",\"components\":\"web\"}",
               "\"ok\":true"));
    wait_ms(600000);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "not yet recovered: there is "));
    CHECK(says(1001, "incidents.resolve", "{\"incident_id\":\"inc_2\"}", "\"status\":\"resolved\""));
    wait_ms(31000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

/* REQUIREMENTS S1-33: fewer than one error in a hundred events. */
PK_TEST(recover__waits_while_one_event_in_a_hundred_is_an_error) {
    char args[120];
    begin(&(struct gateway_setup){.seed = 1, .config = with_stages()});
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    while (i->status != PK_INC_MITIGATED && gw.last_mono_ms < 2000000) {
        wait_ms(1000);
    }
    REQUIRE(i->status == PK_INC_MITIGATED);
    for (unsigned n = 0; n < 300; n++) {
        (void)gateway_command(
            &gw, 1001, "events.send",
            n % 50 == 0 ? "{\"event\":{\"type\":\"reply\",\"source\":\"web\",\"severity\":\"high\"}}"
                        : "{\"event\":{\"type\":\"reply\",\"source\":\"web\"}}");
    }
    /* One that is late hides none of those that came before it. */
    struct pk_event late = *pk_history_at(&gw.agent.history, 0);
    late.event_ms = 1;
    pk_history_put(&gw.agent.history, &late);
    wait_ms(400000);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(
        says(1000, "incidents.get", args, "not yet recovered: errors are 1 % or more of the events of web"));
    for (unsigned n = 0; n < 500; n++) {
        (void)gateway_command(&gw, 1001, "events.send",
                              "{\"event\":{\"type\":\"reply\",\"source\":\"web\"}}");
    }
    wait_ms(31000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

/* The incident of web is mitigated, its process runs again. */
static const struct pk_incident *mitigated_with_probe(void) {
    static char with_probe[2048];
    (void)snprintf(with_probe, sizeof with_probe,
                   "%s[probe web]\nkind = http\nhost = 192.0.2.2\ninterval = 1d\n"
                   "[probe other]\nkind = http\nhost = 192.0.2.3\ninterval = 1d\n",
                   with_stages());
    begin(&(struct gateway_setup){.seed = 1, .config = with_probe});
    const struct pk_incident *i = open_incident();
    gateway_process(&gw, "web", true);
    while (i != NULL && i->status != PK_INC_MITIGATED && gw.last_mono_ms < 2000000) {
        wait_ms(1000);
    }
    return i;
}

static void probed(uint32_t row, bool is_up, uint32_t latency_us) {
    const struct pk_ipc_probed r = {.is_up = is_up ? 1 : 0, .latency_us = latency_us};
    pk_agent_probes_note(&gw.agent, row, &r);
}

static bool is_told(const struct pk_incident *i, const char *words) {
    char args[120];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    return says(1000, "incidents.get", args, words);
}

/* REQUIREMENTS S1-33: all health checks pass, answers come in time. */
PK_TEST(recover__waits_for_the_probes_of_the_component) {
    const struct pk_incident *i = mitigated_with_probe();
    REQUIRE(i != NULL && i->status == PK_INC_MITIGATED);
    probed(0, false, 0);
    probed(1, false, 0); /* of something else */
    wait_ms(400000);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    CHECK(is_told(i, "not yet recovered: the newest probe says no good of web"));
    probed(0, true, 1000001); /* it is up, and slower than max_latency */
    wait_ms(100000);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    probed(0, true, 1000000);
    wait_ms(31000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK(i->is_auto_resolved);
    check_sound();
}

/* A check once a day must not hold for a day what it saw before it was mended. */
PK_TEST(recover__what_a_probe_said_before_the_cure_holds_nothing) {
    const struct pk_incident *i = mitigated_with_probe();
    REQUIRE(i != NULL && i->status == PK_INC_MITIGATED);
    probed(0, false, 0);
    gw.agent.probes.rows[0].done_ms = i->mitigated.mono_ms - 1u;
    gw.agent.probes.rows[0].asked_id = 0; /* the next is tomorrow */
    gw.agent.probes.rows[0].due_ms = gw.agent.now.mono_ms + 86400000u;
    wait_ms(400000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(recover__waits_while_answers_of_the_component_are_slow) {
    begin(&(struct gateway_setup){.seed = 1, .config = with_stages()});
    CHECK(says(1001, "incidents.create",
               "{\"type\":\"performance_degradation\",\"severity\":\"medium\",\"components\":\"web\"}",
               "\"ok\":true"));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    wait_ms(900000);
    CHECK_EQ_INT(i->status, PK_INC_MITIGATED);
    CHECK(is_told(i, "not yet recovered: there is "));
    CHECK(says(1001, "incidents.resolve", "{\"incident_id\":\"inc_1\"}", "\"status\":\"resolved\""));
    wait_ms(31000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

static void say_of_all(unsigned count, int value) {
    char lines[4096] = "";
    for (unsigned n = 0; n < count; n++) {
        const size_t at = strlen(lines);
        (void)snprintf(lines + at, sizeof lines - at, "{\"type\":\"jam\",\"source\":\"m-%u\",\"value\":%d}\n",
                       n, value);
    }
    (void)gateway_events(&gw, lines);
    wait_ms(100);
}

/* Whether all is well is looked at for so many a tick; the rest wait their turn, unresolved. */
PK_TEST(recover__many_at_once__in_turns_and_all_of_them) {
    enum { MANY = 20 };
    begin(&(struct gateway_setup){.seed = 1,
                                  .config = with_stages(),
                                  .rules = "[rule jam]\non = type = jam\nwhen = value >= 1\n"
                                           "type = custom\nseverity = high\nclear = value < 1\n"});
    say_of_all(MANY, 1);
    CHECK_EQ_U64(gw.agent.incidents.open_count, MANY);
    say_of_all(MANY, 0);
    const uint32_t *ended = &gw.agent.incidents.metrics.auto_resolved_count;
    uint32_t least_ended = MANY;
    for (unsigned k = 0; k < 310000 / 50 && *ended < MANY; k++) {
        wait_ms(50);
        least_ended = *ended > 0 && *ended < least_ended ? *ended : least_ended;
    }
    CHECK_EQ_U64(*ended, MANY);
    CHECK_EQ_U64(least_ended, 16);
    check_sound();
}

PK_TEST(recover__a_relapse_meanwhile_starts_over) {
    begin(&(struct gateway_setup){.seed = 1, .config = with_stages()});
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    while (i->status != PK_INC_MITIGATED && gw.last_mono_ms < 2000000) {
        wait_ms(1000);
    }
    wait_ms(20000); /* the rule has seen it, too */
    gateway_process(&gw, "web", false);
    wait_ms(6000);
    CHECK_EQ_INT(i->status, PK_INC_INVESTIGATING);
    CHECK_EQ_U64(i->flap_count, 1);
    wait_ms(600000);
    CHECK(pk_incident_status_is_active(i->status));
}

PK_TEST_MAIN(stages__drive_themselves_and_their_times_are_shown,
             recover__a_simple_one__ends_as_soon_as_its_rule_allows,
             recover__waits_while_something_new_and_severe_is_wrong_with_the_component,
             recover__waits_while_one_event_in_a_hundred_is_an_error,
             recover__waits_for_the_probes_of_the_component,
             recover__what_a_probe_said_before_the_cure_holds_nothing,
             recover__waits_while_answers_of_the_component_are_slow,
             recover__many_at_once__in_turns_and_all_of_them, recover__a_relapse_meanwhile_starts_over)
