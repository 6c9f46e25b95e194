/* The wall clock of the real agent jumps a day ahead, or back, in the middle of every deadline there is, with
 * and without a restart: deadlines are of the boot-time clock, so none comes early and none starves. The undo
 * of an unconfirmed change is the supervisor's, which has no wall clock at all. */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define DAY_MS 86400000
static const int64_t JUMPS_MS[] = {0, DAY_MS, -DAY_MS}; /* the first is how it has to be */
static const struct gateway_setup SETUP = {
    .seed = 1,
    .config = "[gateway]\nsite = lab\ngateway = @\n[broker central]\nhost = broker.example\nport = 1883\n"
              "tls = no\n[incidents]\nassess = 0\nrecover = 0\n"
              "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\n"
              "[escalation]\nresponse = 10m\nagain = 1h\nseverity = high\n"
              "[maintenance health]\naction = look\nevery = 10m\njitter = 0\n"
              "[roles]\nviewer = uid:1000\nresponder = uid:1001\napprover = uid:1002\n",
    .rules = "[rule asks]\non = type = ask\nwhen = count >= 1 in 1d by source\ntype = custom\n"
             "severity = high\nclear = never\nactions = look\n"
             "[rule calls]\non = type = call\nwhen = count >= 1 in 1d by source\ntype = custom\n"
             "severity = critical\nclear = never\n"};

static uint64_t begun_ms;

/* Boot-time seconds since all began. */
static void until_s(uint64_t s) {
    wait_ms(begun_ms + s * 1000u - site.now_ms);
}

static void begin_all(void) {
    begin(&SETUP);
    begun_ms = site.now_ms;
    (void)gateway_events(&gw, "{\"type\":\"ask\",\"source\":\"a\"}\n{\"type\":\"call\",\"source\":\"b\"}\n");
    CHECK(says(1001, "silences.create", "{\"duration\":\"10m\",\"component\":\"x\"}", "\"silence_id\":1"));
    CHECK(says(1001, "silences.create",
               "{\"kind\":\"maintenance\",\"start\":\"2m\",\"duration\":\"10m\",\"component\":\"y\"}",
               "\"silence_id\":2"));
    until_s(60);
}

static int run_state(void) {
    const struct pk_incident *i = gateway_incident(&gw, "asks");
    return i != NULL && i->action_count == 1 ? (int)i->actions[0].state : -1;
}

static int tier(void) {
    const struct pk_incident *i = gateway_incident(&gw, "calls");
    return i != NULL ? (int)i->escalation_tier : -1;
}

/* enum pk_silence_phase; -1: gone. */
static int phase(uint32_t number) {
    const struct pk_silence *s = pk_silences_get(&gw.agent.incidents.silences, number);
    return s != NULL ? (int)pk_silence_phase_at(s, &gw.agent.now) : -1;
}

static uint64_t task_runs(void) {
    return super_model_starts_of(&gw.super, "look");
}

PK_TEST(jump__within_each_deadline__each_comes_in_its_time) {
    for (size_t k = 0; k < sizeof JUMPS_MS / sizeof JUMPS_MS[0]; k++) {
        begin_all();
        gw.sim.wall_offset_ms += JUMPS_MS[k];
        until_s(110);
        CHECK_EQ_INT(phase(2), PK_SILENCE_AHEAD);
        until_s(130);
        CHECK_EQ_INT(phase(2), PK_SILENCE_HOLDS);
        until_s(295);
        CHECK_EQ_INT(run_state(), PK_RUN_AWAITING_APPROVAL);
        gw.sim.wall_offset_ms -= JUMPS_MS[k]; /* and the other way */
        until_s(310);
        CHECK_EQ_INT(run_state(), PK_RUN_EXPIRED);
        CHECK_EQ_INT(gateway_incident(&gw, "asks")->escalation_tier, 1); /* nobody answered */
        until_s(590);
        gw.sim.wall_offset_ms += JUMPS_MS[k];
        until_s(595);
        CHECK_EQ_INT(tier(), 0);
        CHECK_EQ_INT(phase(1), PK_SILENCE_HOLDS);
        CHECK_EQ_U64(task_runs(), 0);
        until_s(610);
        CHECK_EQ_INT(tier(), 1);
        CHECK_EQ_INT(phase(1), -1);
        until_s(640);
        CHECK_EQ_U64(task_runs(), 1);
        until_s(710);
        CHECK_EQ_INT(phase(2), PK_SILENCE_HOLDS);
        until_s(730);
        CHECK_EQ_INT(phase(2), -1);
        CHECK_EQ_U64(gw.agent.incidents.metrics.opened_count, 2);
        check_sound();
    }
}

/* Over a restart only the wall clock tells what passed. Ahead: what may be over is over, people are called
 * and nothing is approved. Back: everything from the start again at most, never a day longer. */
PK_TEST(jump__with_a_restart__none_lasts_longer_than_it_was_meant) {
    for (size_t k = 0; k < sizeof JUMPS_MS / sizeof JUMPS_MS[0]; k++) {
        const bool is_ahead = JUMPS_MS[k] > 0;
        begin_all();
        until_s(150);
        gateway_crash(&gw);
        gw.sim.wall_offset_ms += JUMPS_MS[k];
        REQUIRE(gateway_boot(&gw));
        until_s(155);
        CHECK_EQ_INT(run_state(), is_ahead ? PK_RUN_EXPIRED : PK_RUN_AWAITING_APPROVAL);
        CHECK_EQ_INT(phase(1), is_ahead ? -1 : PK_SILENCE_HOLDS);
        CHECK_EQ_INT(phase(2), is_ahead ? -1 : PK_SILENCE_HOLDS);
        CHECK_EQ_INT(tier(), is_ahead ? 1 : 0);
        until_s(150 + 310);
        CHECK_EQ_INT(run_state(), PK_RUN_EXPIRED);
        until_s(150 + 610);
        CHECK_EQ_INT(tier(), 1);
        CHECK_EQ_INT(phase(1), -1);
        CHECK_EQ_INT(phase(2), -1);
        CHECK(task_runs() >= 1);
        check_sound();
    }
}

PK_TEST_MAIN(jump__within_each_deadline__each_comes_in_its_time,
             jump__with_a_restart__none_lasts_longer_than_it_was_meant)
