#include "agent/pk_agent.h"

#include <string.h>

#include "support/gateway_rig.h"
#include "support/pk_test.h"

static struct broker_model broker;
static struct hub_model hub;
static struct gateway_site site;
static struct gateway gw;

static void begin(const struct gateway_setup *setup) {
    static const struct gateway_setup PLAIN = {.seed = 1};
    gateway_site_init(&site, &broker, &hub, 5);
    gateway_init(&gw, &site, setup != NULL ? setup : &PLAIN);
}

/* The longest story: a process dies, is restarted, and the hub knows all of it. */
PK_TEST(agent__process_dies__incident_action_verification_resolution_reach_the_hub) {
    begin(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    gateway_process(&gw, "web", false);
    gateway_site_run(&site, 7000);
    const struct pk_incident *i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_CRITICAL);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1);
    gateway_process(&gw, "web", true);
    gateway_site_run(&site, 30000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    const struct hub_incident *known = hub_model_find(&hub, i->id);
    REQUIRE(known != NULL);
    CHECK_EQ_U64(known->rev, i->rev);
    CHECK_EQ_INT(known->status, PK_INC_RESOLVED);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    CHECK(hub_model_gateway(&hub, "gw-1")->is_online);
    CHECK_STR(broker.breach, "");
    CHECK_STR(hub.breach, "");
    CHECK_STR(gw.super.breach, "");
    CHECK_STR(site.breach, "");
    CHECK(gateway_verify_log(&gw) > 5);
}

PK_TEST_MAIN(agent__process_dies__incident_action_verification_resolution_reach_the_hub)
