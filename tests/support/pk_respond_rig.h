/* What the tests of src/respond share: an incident table, actions, and an agent that does as told. */
#ifndef PK_RESPOND_RIG_H
#define PK_RESPOND_RIG_H

#include <string.h>

#include "respond/pk_action_parse.h"
#include "respond/pk_respond.h"
#include "support/pk_test.h"
#include "support/pk_test_crypto.h"

static const char RIG_ACTIONS[] =
    "[action look]\nrisk = low\nargv = /bin/look\nread_only = yes\nidempotent = yes\ncooldown = 1s\nper_hour "
    "= 60\n"
    "[action restart]\nrisk = low\nargv = /bin/restart {target}\nverify = /bin/check {target}\nverify_within "
    "= 3s\n"
    "targets = web, db\ncritical_targets = core\ncooldown = 1m\nper_hour = 3\ntimeout = 10s\n"
    "[action wipe]\nrisk = critical\nargv = /bin/wipe {target}\ntargets = web\n"
    "[action tune]\nrisk = medium\nargv = /bin/tune\nverify = clear\nverify_within = 30s\n"
    "[action kill_queries]\nrisk = low\nargv = /bin/kq\n"
    "[action swap]\nrisk = low\nargv = /bin/swap {target}\nsnapshot = /bin/keep {snapshot}\nundo = /bin/back "
    "{snapshot}\nverify = /bin/check\nverify_within = 3s\ntargets = web\ncooldown = 1m\nper_hour = 3\n";

struct rig {
    struct pk_incidents incidents;
    struct pk_action_table actions;
    struct pk_respond respond;
    struct pk_stamp now;
    uint64_t next_seq;
    uint32_t started, verified, undone, stopped, forgotten, approvals, calls; /* requests seen */
    uint32_t last_started;
    bool is_disk_stuck;
};

static inline void rig_init(struct rig *g, uint8_t mode) {
    struct pk_incidents_settings s;
    struct pk_respond_settings rs;
    struct pk_diag diag;
    memset(g, 0, sizeof *g);
    g->now = (struct pk_stamp){.boot = 7, .mono_ms = 1000, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};
    g->next_seq = 1;
    pk_incidents_settings_defaults(&s);
    pk_incidents_init(&g->incidents, &RIG_CRYPTO, pk_str_of("gw-1"), g->now.boot, &s);
    pk_actions_init(&g->actions);
    if (pk_actions_parse(&g->actions, pk_str_of(RIG_ACTIONS), "rig", &diag) != PK_OK ||
        pk_actions_finish(&g->actions, "rig", &diag) != PK_OK) {
        CHECK_STR(diag.message, "");
    }
    pk_respond_settings_defaults(&rs);
    rs.mode = mode;
    pk_respond_init(&g->respond, &g->actions, &g->incidents, g->now.boot, &rs);
}

static inline void rig_pass(struct rig *g, uint64_t ms) {
    g->now.mono_ms += ms;
    g->now.wall_ms += (int64_t)ms;
}

static inline uint32_t rig_incident(struct rig *g, const char *group) {
    const struct pk_incident_signal s = {.rule_id = pk_str_of("service_down"),
                                         .group_key = pk_str_of(group),
                                         .type = pk_str_of("service_down"),
                                         .component = pk_str_of(group),
                                         .severity = PK_SEV_HIGH,
                                         .first_event = g->now,
                                         .event_count = 1};
    uint32_t kinds = 0;
    const int64_t number = pk_incidents_signal(&g->incidents, &s, &g->now, &kinds);
    CHECK(number > 0);
    return (uint32_t)number;
}

/* One tick of an agent: stores, notifies, sends. START requests are counted, not answered. */
static inline void rig_tick(struct rig *g) {
    struct pk_respond_request q;
    (void)pk_respond_tick(&g->respond, &g->now);
    for (int n = 0; pk_respond_next_request(&g->respond, &g->now, &q) == PK_OK; n++) {
        struct pk_incident_action a;
        CHECK(n < 1000);
        switch (q.kind) {
        case PK_REQ_PERSIST:
            pk_respond_on_submitted(&g->respond, q.run->id, g->next_seq++);
            break;
        case PK_REQ_NOTIFY:
            pk_run_to_action(q.run, &a);
            CHECK_EQ_INT(
                pk_incidents_set_action(&g->incidents, q.run->incident, &a, !q.run->is_read_only, &g->now),
                PK_OK);
            break;
        case PK_REQ_APPROVAL:
            g->approvals++;
            break;
        case PK_REQ_CALL:
            g->calls++;
            break;
        case PK_REQ_START:
            g->last_started = q.run->id;
            g->started += q.phase == PK_PHASE_ACT ? 1u : 0u;
            g->verified += q.phase == PK_PHASE_VERIFY ? 1u : 0u;
            g->undone += q.phase == PK_PHASE_UNDO ? 1u : 0u;
            break;
        case PK_REQ_STOP:
            g->stopped++;
            break;
        case PK_REQ_FORGET:
            g->forgotten++;
            break;
        }
    }
    if (!g->is_disk_stuck) {
        pk_respond_on_durable(&g->respond, g->next_seq - 1);
    }
}

static inline void rig_settle(struct rig *g) {
    for (int i = 0; i < 4; i++) {
        rig_tick(g);
    }
}

static inline uint8_t rig_state(struct rig *g, uint32_t run) {
    const struct pk_run *r = pk_respond_get(&g->respond, run);
    return r != NULL ? r->state : PK_RUN_STATE_COUNT;
}

static inline const struct pk_run *rig_last_run(struct rig *g) {
    uint32_t after = 0;
    const struct pk_run *run = NULL, *next;
    while ((next = pk_respond_next(&g->respond, 0, &after)) != NULL) {
        run = next;
    }
    return run;
}
#endif
