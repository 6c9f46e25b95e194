/* One gateway, its broker and its hub, for the unit tests of src/agent. Include once, in a test file. */
#ifndef GATEWAY_TEST_H
#define GATEWAY_TEST_H

#include <stdio.h>
#include <string.h>

#include "support/gateway_rig.h"
#include "support/pk_test.h"

static struct broker_model broker;
static struct hub_model hub;
static struct gateway_site site;
static struct gateway gw;

/* Not started. */
static inline void prepare(const struct gateway_setup *setup) {
    static const struct gateway_setup PLAIN = {.seed = 1};
    gateway_site_init(&site, &broker, &hub, 5);
    gateway_init(&gw, &site, setup != NULL ? setup : &PLAIN);
}

/* Started and online. */
static inline void begin(const struct gateway_setup *setup) {
    prepare(setup);
    CHECK(gateway_boot(&gw));
    CHECK(gateway_run_until_online(&gw));
}

/* No battery: some time in 1972, until somebody knows better. */
static inline bool boot_without_a_clock(void) {
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = -1700000000000;
    return gateway_boot(&gw);
}

static inline void wait_ms(uint64_t ms) {
    gateway_site_run(&site, ms);
}

/* No model found anything wrong. */
static inline void check_sound(void) {
    CHECK_STR(broker.breach, "");
    CHECK_STR(hub.breach, "");
    CHECK_STR(gw.super.breach, "");
    CHECK_STR(site.breach, "");
    CHECK(gateway_verify_log(&gw) >= 0);
}

/* `web` dies, and stays dead: the incident is open. */
static inline const struct pk_incident *open_incident(void) {
    gateway_process(&gw, "web", false);
    wait_ms(5500);
    const struct pk_incident *i = gateway_incident(&gw, "process_lost");
    CHECK(i != NULL);
    return i;
}

/* The command's answer holds this text; prints the answer when not. */
static inline bool says(uint32_t uid, const char *cmd, const char *args, const char *text) {
    const char *answer = gateway_command(&gw, uid, cmd, args);
    if (answer != NULL && strstr(answer, text) != NULL) {
        return true;
    }
    printf("# %s %s: %.600s\n", cmd, args, answer != NULL ? answer : "no answer");
    return false;
}
#endif
