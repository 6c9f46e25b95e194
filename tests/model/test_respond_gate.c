/* ctest: lane=default timeout=240 */
/* Every cell of risk x mode x context x people x budget x what changes at the last moment, against the
 * promise written differently: a START leaves if, and only if, the incident is live, the mode lets actions
 * run, the budget holds, and enough people of the right role said yes. */
#include <stdio.h>

#include "support/pk_respond_rig.h"

enum people {
    NOBODY,
    VIEWER,
    RESPONDER,
    RESPONDER_TWICE,
    APPROVER,
    APPROVER_TWICE,
    APPROVERS,
    APPROVER_REJECTS,
    ORDER_OF_RESPONDER,
    ORDER_OF_APPROVER,
    ORDER_OF_APPROVERS,
    PEOPLE_COUNT
};
enum budget { FRESH, COOLING, SPENT, DAMAGED, BUDGET_COUNT };
enum late { NOTHING, INCIDENT_OVER, MODE_OFF, MODE_OBSERVE, MORE_BEHIND, ROW_DISABLED, LATE_COUNT };

struct cell {
    uint8_t risk, mode;
    bool is_safe_mode, asks, is_critical, is_auto, has_behind;
    enum people people;
    enum budget budget;
    enum late late;
};

static struct rig g;
static struct pk_incidents nobody_is_ill;
static struct pk_topology topology;
static uint32_t incident, start_count, case_count;

/* ---- the promise */

static unsigned class_of(const struct cell *c, bool has_behind) {
    unsigned r = c->risk + (c->is_critical ? 1u : 0u);
    r = r > 3 ? 3 : r;
    return r + (has_behind && r < 2 ? 1u : 0u);
}

static unsigned people_needed(const struct cell *c, bool has_behind) {
    const unsigned r = class_of(c, has_behind);
    if (r == 3) {
        return 2;
    }
    const bool is_harmless = r == 0 || (r == 1 && c->mode == PK_MODE_AUTO);
    return is_harmless && c->is_auto && !(c->is_safe_mode && c->asks) ? 0 : 1;
}

/* How many of them count for a class. */
static unsigned people_of(const struct cell *c, bool has_behind) {
    const bool is_high = class_of(c, has_behind) >= 2;
    switch (c->people) {
    case NOBODY:
    case VIEWER:
    case APPROVER_REJECTS:
    case PEOPLE_COUNT:
        return 0;
    case RESPONDER:
    case RESPONDER_TWICE:
    case ORDER_OF_RESPONDER:
        return is_high ? 0 : 1;
    case APPROVER:
    case APPROVER_TWICE:
    case ORDER_OF_APPROVER:
        return 1;
    case APPROVERS:
    case ORDER_OF_APPROVERS:
        return 2;
    }
    return 0;
}

static bool may_start(const struct cell *c) {
    const bool has_behind = c->has_behind || c->late == MORE_BEHIND;
    const bool is_running_mode = c->mode == PK_MODE_SAFE || c->mode == PK_MODE_AUTO;
    return is_running_mode && c->budget == FRESH &&
           people_of(c, c->has_behind) >= people_needed(c, c->has_behind) &&
           people_of(c, has_behind) >= people_needed(c, has_behind) &&
           (c->late == NOTHING || c->late == MORE_BEHIND);
}

/* ---- the machine */

static void set_budget(enum budget budget) {
    const struct pk_str name = pk_str_of("restart");
    uint64_t wait_ms = 0;
    const uint32_t starts = budget == FRESH ? 0 : budget == SPENT ? 2 : 1;
    for (uint32_t i = 0; i < starts; i++) {
        for (unsigned t = 0; t < 2; t++) {
            CHECK_EQ_INT(pk_budget_take(&g.respond.budget, name, pk_str_of(t == 0 ? "web" : "core"), incident,
                                        2, 0, &g.now, &wait_ms),
                         PK_OK);
        }
    }
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS && budget == DAMAGED; i++) {
        g.respond.budget.slots[i].used[0] ^= 1u;
    }
}

static void set_orders(enum people people) {
    struct pk_standing s = {.left = 1, .until = g.now, .action = "restart", .by = {"ann"}};
    if (people < ORDER_OF_RESPONDER) {
        return;
    }
    s.role = people == ORDER_OF_RESPONDER ? PK_ROLE_RESPONDER : PK_ROLE_APPROVER;
    s.until.mono_ms += 1000000;
    if (people == ORDER_OF_APPROVERS) {
        memcpy(s.by[1], "bob", sizeof "bob");
    }
    for (unsigned t = 0; t < 2; t++) {
        memcpy(s.target, t == 0 ? "web" : "core", t == 0 ? sizeof "web" : sizeof "core");
        CHECK(pk_standings_add(&g.respond.standings, &s, &g.now) > 0);
    }
}

static void say(const char *who, enum pk_role role, bool is_yes) {
    (void)!pk_respond_decide(&g.respond, 1, is_yes, pk_str_of(who), role, &g.now);
}

static void people_speak(enum people people) {
    if (people == VIEWER) {
        say("vic", PK_ROLE_VIEWER, true);
    }
    if (people == RESPONDER || people == RESPONDER_TWICE) {
        say("ann", PK_ROLE_RESPONDER, true);
    }
    if (people == RESPONDER_TWICE) {
        say("ann", PK_ROLE_RESPONDER, true);
    }
    if (people == APPROVER_REJECTS) {
        say("ann", PK_ROLE_APPROVER, false);
        say("bob", PK_ROLE_APPROVER, true);
    }
    if (people == APPROVER || people == APPROVER_TWICE || people == APPROVERS) {
        say("ann", PK_ROLE_APPROVER, true);
    }
    if (people == APPROVER_TWICE || people == APPROVERS) {
        say(people == APPROVERS ? "bob" : "ann", PK_ROLE_APPROVER, true);
    }
}

static void happen(enum late late) {
    g.respond.incidents = late == INCIDENT_OVER ? &nobody_is_ill : &g.incidents;
    g.respond.settings.mode = late == MODE_OFF       ? PK_MODE_OFF
                              : late == MODE_OBSERVE ? PK_MODE_OBSERVE
                                                     : g.respond.settings.mode;
    g.respond.settings.risk.behind_count = late == MORE_BEHIND ? 1 : g.respond.settings.risk.behind_count;
    g.actions.rows[1].is_enabled = late != ROW_DISABLED;
}

static uint32_t starts_of(const struct cell *c) {
    struct pk_respond_settings s;
    pk_respond_settings_defaults(&s);
    s.mode = c->mode;
    s.is_safe_mode = c->is_safe_mode;
    s.risk.behind_count = c->has_behind ? 1 : 0;
    pk_respond_init(&g.respond, &g.actions, &g.incidents, g.now.boot, &s);
    pk_respond_set_topology(&g.respond, &topology);
    g.started = 0;
    g.next_seq = 1;
    g.actions.rows[1].risk = c->risk;
    g.actions.rows[1].asks_in_safe_mode = c->asks;
    g.actions.rows[1].per_hour = 2;
    g.actions.rows[1].is_enabled = true;
    set_budget(c->budget);
    set_orders(c->people);
    g.is_disk_stuck = true;
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("restart"),
                                 pk_str_of(c->is_critical ? "core" : "web"), c->is_auto, &g.now),
                 PK_OK);
    people_speak(c->people);
    rig_tick(&g);
    CHECK_EQ_U64(g.started, 0); /* the intent is not durable */
    happen(c->late);
    g.is_disk_stuck = false;
    rig_settle(&g);
    return g.started;
}

static void check_cell(const struct cell *c) {
    const uint32_t started = starts_of(c);
    const bool may = may_start(c);
    case_count++;
    start_count += started;
    /* What was approved for a lower class never starts after it was raised, whoever had approved it. */
    const bool is_right = c->late == MORE_BEHIND ? started <= (may ? 1u : 0u) : started == (may ? 1u : 0u);
    if (!is_right) {
        printf("# risk %u mode %u safe %d asks %d critical %d auto %d behind %d people %d budget %d late %d: "
               "%u\n",
               c->risk, c->mode, c->is_safe_mode, c->asks, c->is_critical, c->is_auto, c->has_behind,
               c->people, c->budget, c->late, started);
    }
    CHECK(is_right);
}

static void check_contexts(struct cell *c) {
    for (unsigned bits = 0; bits < 32; bits++) {
        c->is_safe_mode = (bits & 1u) != 0;
        c->asks = (bits & 2u) != 0;
        c->is_critical = (bits & 4u) != 0;
        c->is_auto = (bits & 8u) != 0;
        c->has_behind = (bits & 16u) != 0;
        for (unsigned people = 0; people < PEOPLE_COUNT; people++) {
            for (unsigned budget = 0; budget < BUDGET_COUNT; budget++) {
                for (unsigned late = 0; late < LATE_COUNT; late++) {
                    c->people = (enum people)people;
                    c->budget = (enum budget)budget;
                    c->late = (enum late)late;
                    check_cell(c);
                }
            }
        }
    }
}

PK_TEST(gate__every_cell_starts_if_and_only_if_it_may) {
    struct pk_incidents_settings settings;
    struct pk_diag diag;
    rig_init(&g, PK_MODE_SAFE);
    pk_incidents_settings_defaults(&settings);
    pk_incidents_init(&nobody_is_ill, &RIG_CRYPTO, pk_str_of("gw-1"), g.now.boot, &settings);
    pk_topology_init(&topology);
    CHECK_EQ_INT(pk_topology_parse(&topology, pk_str_of("a -> web\nb -> core\n"), "t", &diag), PK_OK);
    pk_topology_finish(&topology);
    incident = rig_incident(&g, "web");
    for (uint8_t risk = 0; risk < PK_RISK_COUNT; risk++) {
        for (uint8_t mode = 0; mode < PK_MODE_COUNT; mode++) {
            struct cell c = {.risk = risk, .mode = mode};
            check_contexts(&c);
        }
    }
    printf("# %u cells, %u starts\n", case_count, start_count);
    CHECK_EQ_U64(case_count, 4u * 4u * 32u * PEOPLE_COUNT * BUDGET_COUNT * LATE_COUNT);
    CHECK(start_count > 1000);
}

PK_TEST_MAIN(gate__every_cell_starts_if_and_only_if_it_may)
