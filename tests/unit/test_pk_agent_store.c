/* ctest: timeout=180 full=native */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

enum { CUT_STEP_MS = PK_IS_SLOW ? 485 : 97 };

PK_TEST(restore__crash_at_any_moment__nothing_published_is_forgotten_and_the_chain_holds) {
    uint32_t with_incident = 0;
    for (uint64_t cut_ms = 0; cut_ms < 12000; cut_ms += CUT_STEP_MS) {
        prepare(&(struct gateway_setup){.seed = cut_ms + 1});
        gw.sim.store.delay_min_ms = 20;
        gw.sim.store.delay_max_ms = 400;
        REQUIRE(gateway_boot(&gw));
        gateway_process(&gw, "web", false);
        wait_ms(cut_ms);
        gateway_crash(&gw);
        REQUIRE(gateway_verify_log(&gw) >= 0);
        REQUIRE(gateway_boot(&gw));
        for (uint32_t i = 0; i < hub.incident_count; i++) {
            const struct pk_incident *own = NULL;
            REQUIRE(pk_incidents_find(&gw.agent.incidents, pk_str_of(hub.incidents[i].id), &own) == PK_OK);
            CHECK(own->rev >= hub.incidents[i].rev);
            with_incident++;
        }
        wait_ms(3000);
        CHECK_STR(gw.super.breach, "");
        CHECK_STR(hub.breach, "");
    }
    CHECK(with_incident > 10);
}

PK_TEST(restore__open_incident__its_rule_watches_on_and_the_hub_hears_the_end) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char id[PK_INC_ID_BYTES];
    memcpy(id, i->id, sizeof id);
    wait_ms(2000);
    gateway_crash(&gw);
    gateway_process(&gw, "web", true);
    REQUIRE(gateway_boot(&gw));
    wait_ms(60000);
    const struct pk_incident *own = NULL;
    REQUIRE(pk_incidents_find(&gw.agent.incidents, pk_str_of(id), &own) == PK_OK);
    CHECK_EQ_INT(own->status, PK_INC_RESOLVED);
    const struct hub_incident *known = hub_model_find(&hub, id);
    REQUIRE(known != NULL);
    CHECK_EQ_INT(known->status, PK_INC_RESOLVED);
    CHECK_EQ_U64(hub.incident_count >= 1, 1);
    check_sound();
}

PK_TEST(restore__epoch__follows_the_supervisor_and_the_store_whichever_is_ahead) {
    begin(NULL);
    CHECK_EQ_U64(gw.agent.now.boot, 1);
    wait_ms(1000);
    gateway_crash(&gw);
    gw.super.boot_epoch = 40;
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.now.boot, 41);
    wait_ms(1000);
    gateway_crash(&gw);
    gw.super.boot_epoch = UINT32_MAX; /* its file is lost: greeted with 0 */
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.now.boot, 42);
    /* Only the store knows 42: not a word to the broker before it is durable. */
    gw.sim.store.is_disk_full = true;
    wait_ms(20000);
    CHECK(!gateway_is_online(&gw));
    gw.sim.store.is_disk_full = false;
    REQUIRE(gateway_run_until_online(&gw));
    check_sound();
}

PK_TEST(restore__both_counters_lost__random_epoch_with_the_top_bit) {
    prepare(NULL);
    gw.super.boot_epoch = UINT32_MAX;
    REQUIRE(gateway_boot(&gw));
    CHECK((gw.agent.now.boot & 0x80000000u) != 0);
    REQUIRE(gateway_run_until_online(&gw));
}

PK_TEST(restore__store_of_later_software__is_refused) {
    begin(NULL);
    wait_ms(1000);
    gateway_crash(&gw);
    for (uint32_t i = 0; i < gw.sim.store.record_count; i++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[i]];
        if (r->key_bytes == 6 && memcmp(r->key, "schema", 6) == 0) {
            r->value_bytes =
                (uint16_t)pk_record_schema_pack(PK_SCHEMA_VERSION + 1, r->value, sizeof r->value);
        }
    }
    CHECK(!gateway_boot(&gw));
    CHECK_EQ_INT(gw.start_error, PK_E_UNSUPPORTED);
}

static bool is_incident_stored(uint32_t number) {
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        const struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        if (r->tree == PK_TREE_OBJECTS && r->key_bytes == 5 && r->key[0] == 'i' &&
            r->key[4] == (uint8_t)number && r->key[3] == (uint8_t)(number >> 8)) {
            return true;
        }
    }
    return false;
}

PK_TEST(retention__what_ended_long_ago_leaves_table_and_store__its_timeline_stays) {
    static char config[4096];
    (void)snprintf(config, sizeof config, "%s[incidents]\nkeep = 2h\n", GATEWAY_CONFIG);
    begin(&(struct gateway_setup){.seed = 1, .config = config});
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    const uint32_t number = i->number;
    gateway_process(&gw, "web", true);
    wait_ms(120000);
    REQUIRE(!pk_incidents_is_live(&gw.agent.incidents, number));
    wait_ms(3600000);
    CHECK(pk_incidents_get(&gw.agent.incidents, number) != NULL);
    CHECK(is_incident_stored(number));
    wait_ms(2 * 3600000);
    CHECK(pk_incidents_get(&gw.agent.incidents, number) == NULL);
    CHECK(!is_incident_stored(number));
    check_sound(); /* the journal's chain is whole */
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(pk_incidents_get(&gw.agent.incidents, number) == NULL);
    CHECK(gw.agent.incidents.next_number > number); /* never given again */
}

/* ---- a store of schema 1, made of one of today: what it held has the forms of then ---- */

/* Version 1 of an incident ends where version 2 goes on. Bytes of it. */
static uint32_t as_version_1(uint8_t *value, uint32_t n) {
    static struct pk_incident i;
    value[1] = 1;
    while (n > 2 && pk_record_incident_unpack(pk_str_make((const char *)value, n), &i) != PK_OK) {
        n--;
    }
    return n;
}

static uint32_t outbox_as_version_1(uint8_t *value, uint32_t n) {
    static uint8_t body[PK_STORE_VALUE_BYTES], packed[PK_STORE_VALUE_BYTES];
    struct pk_out_record r;
    if (pk_record_outbox_unpack(pk_str_make((const char *)value, n), &r) != PK_OK ||
        r.kind != PK_OUT_INCIDENT) {
        return n;
    }
    memcpy(body, r.body.p, r.body.n);
    r.body = pk_str_make((const char *)body, as_version_1(body, r.body.n));
    const uint32_t packed_bytes = pk_record_outbox_pack(&r, packed, sizeof packed);
    memcpy(value, packed, packed_bytes);
    return packed_bytes;
}

static void make_schema_1(void) {
    enum { SPENDS_BYTES = 32, LOSSES_BYTES = 72 };
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        uint32_t n = r->value_bytes;
        if (r->key_bytes == 6 && memcmp(r->key, "schema", 6) == 0) {
            n = pk_record_schema_pack(1, r->value, sizeof r->value);
        } else if (r->key_bytes == 4 && memcmp(r->key, "meta", 4) == 0) {
            n -= SPENDS_BYTES + LOSSES_BYTES;
        } else if (r->tree == PK_TREE_OBJECTS && r->key_bytes == 5 && r->key[0] == 'i') {
            n = as_version_1(r->value, n);
        } else if (r->tree == PK_TREE_JOURNAL && r->key[0] == 'O') {
            n = outbox_as_version_1(r->value, n);
        }
        CHECK(n > 0 && n <= r->value_bytes);
        r->value_bytes = (uint16_t)n;
    }
}

static uint32_t stored_schema(void) {
    uint32_t schema = 0;
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        const struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        if (r->key_bytes == 6 && memcmp(r->key, "schema", 6) == 0) {
            CHECK_EQ_INT(
                pk_record_schema_unpack(pk_str_make((const char *)r->value, r->value_bytes), &schema), PK_OK);
        }
    }
    return schema;
}

PK_TEST(restore__store_of_schema_1__all_of_it_goes_on) {
    enum { MANY = 12 };
    begin(NULL);
    const struct pk_incident *open = open_incident();
    REQUIRE(open != NULL);
    char open_id[PK_INC_ID_BYTES];
    memcpy(open_id, open->id, sizeof open_id);
    wait_ms(3000);
    broker.is_down = true; /* what comes now waits in the outbox */
    broker_restart(&broker, true);
    for (uint32_t i = 0; i < MANY; i++) {
        char line[120];
        (void)snprintf(line, sizeof line, "{\"type\":\"deadlock\",\"source\":\"d-%u\"}\n", i);
        (void)gateway_events(&gw, line);
    }
    wait_ms(2000);
    const uint64_t waiting = pk_outbox_depth(&gw.agent.outbox), audit_n = gw.agent.audit.head.n;
    const uint32_t used = gw.agent.incidents.used_count, next = gw.agent.incidents.next_number;
    REQUIRE(waiting >= 1 && used > 2);
    CHECK_EQ_U64(stored_schema(), PK_SCHEMA_VERSION);
    gateway_crash(&gw);
    make_schema_1();
    CHECK_EQ_U64(stored_schema(), 1);
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.incidents.used_count, used);
    CHECK(gw.agent.incidents.next_number >= next);
    CHECK(gw.agent.audit.head.n >= audit_n);
    CHECK_EQ_U64(gw.agent.spends[PK_SPEND_DATA].record.used_bytes, 0);
    CHECK(!gateway_log_has(&gw, "could not be read"));
    const struct pk_incident *again = gateway_incident(&gw, "process_lost");
    REQUIRE(again != NULL);
    CHECK_STR(again->id, open_id);
    CHECK(again->is_announced); /* version 1 announced all */
    CHECK(pk_outbox_depth(&gw.agent.outbox) >= waiting);
    broker.is_down = false;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    CHECK_EQ_U64(stored_schema(), PK_SCHEMA_VERSION); /* earlier software is told that it cannot read this */
    check_sound();                                    /* and the hub has each, the log its chain */
}

/* As schema 2 had it: without what the outbox lost. */
static void make_schema_2(void) {
    enum { LOSSES_BYTES = 72 };
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        if (r->key_bytes == 6 && memcmp(r->key, "schema", 6) == 0) {
            r->value_bytes = (uint16_t)pk_record_schema_pack(2, r->value, sizeof r->value);
        } else if (r->key_bytes == 4 && memcmp(r->key, "meta", 4) == 0) {
            r->value_bytes = (uint16_t)(r->value_bytes - LOSSES_BYTES);
        }
    }
}

PK_TEST(restore__what_the_outbox_lost__is_known_after_crash_and_power_cut_but_not_of_schema_2) {
    const struct pk_outbox_loss *loss = &gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP];
    prepare(NULL);
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    pk_outbox_lost(&gw.agent.outbox, PK_SEV_LOW);
    REQUIRE(open_incident() != NULL);
    wait_ms(5000);
    const uint64_t lost = loss->count, first = loss->first_seq, last = loss->last_seq;
    CHECK(lost >= 1 && last >= first && first > 0);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(loss->count == lost && loss->first_seq == first && loss->last_seq == last);
    wait_ms(5000);
    gateway_power_cut(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(loss->count == lost && loss->first_seq == first && loss->last_seq == last);
    wait_ms(5000);
    const uint64_t audit_n = gw.agent.audit.head.n;
    gateway_crash(&gw);
    make_schema_2();
    CHECK_EQ_U64(stored_schema(), 2);
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(loss->count, 0);
    CHECK(gw.agent.audit.head.n >= audit_n && !gateway_log_has(&gw, "could not be read"));
    wait_ms(5000);
    CHECK_EQ_U64(stored_schema(), PK_SCHEMA_VERSION);
    check_sound();
}

#define TELLS_DAMAGE                                                                                         \
    "[rule self_damaged]\non = type = self_damaged\nwhen = count >= 1 in 10m by source\n"                    \
    "type = self\nseverity = critical\nclear = count < 1 in 10m\n"

/* Of the kind, in the store. */
static uint32_t damage_all(char kind, bool has_check_sum) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        if (r->tree != PK_TREE_OBJECTS || r->key[0] != (uint8_t)kind || r->key_bytes == 6) {
            continue;
        }
        r->is_damaged = !has_check_sum;
        r->value_bytes = has_check_sum ? 3 : r->value_bytes;
        count++;
    }
    return count;
}

static uint32_t restarts_now(void) {
    const uint32_t before = super_model_starts_of(&gw.super, "restart_service");
    gateway_process(&gw, "web", true);
    wait_ms(700000);
    gateway_process(&gw, "web", false);
    wait_ms(60000);
    return super_model_starts_of(&gw.super, "restart_service") - before;
}

/* An incident that is lost is lost: said once, and no reason to be without actions. */
PK_TEST(restore__what_is_only_lost__is_said_once_and_let_go) {
    for (uint32_t way = 0; way < 2; way++) {
        prepare(&(struct gateway_setup){
            .seed = 1,
            .config = "[gateway]\nsite = lab\ngateway = @\n[sources]\nprocess = 5s\n[process web]\n",
            .rules = TELLS_DAMAGE});
        REQUIRE(gateway_boot(&gw));
        REQUIRE(open_incident() != NULL);
        CHECK(says(0, "silences.create", "{\"duration\":\"1h\",\"component\":\"x\"}", "\"silence_id\":1"));
        wait_ms(20000);
        gateway_crash(&gw);
        REQUIRE(damage_all('i', way == 1) == 1 && damage_all('s', way == 1) == 1);
        (void)damage_all('r', way == 1);
        (void)damage_all('c', way == 1);
        REQUIRE(gateway_boot(&gw));
        CHECK(gateway_log_has(&gw, "what they said is lost"));
        CHECK_EQ_U64(gw.agent.respond.budget.distrust_until_ms, 0);
        wait_ms(1000);
        CHECK(gateway_incident(&gw, "self_damaged") != NULL);
        CHECK_EQ_U64(restarts_now(), 1);
        gateway_crash(&gw);
        const uint64_t bad = gw.sim.store.status.bad_value_count;
        const uint32_t number = gw.agent.incidents.next_number;
        REQUIRE(gateway_boot(&gw));
        CHECK_EQ_U64(gw.sim.store.status.bad_value_count, bad);
        CHECK_EQ_U64(gw.agent.respond.budget.distrust_until_ms, 0);
        wait_ms(1000);
        CHECK(gateway_incident(&gw, "self_damaged") == NULL ||
              gateway_incident(&gw, "self_damaged")->number < number);
        CHECK_EQ_U64(restarts_now(), 1);
        check_sound();
    }
}

/* A switch that is off stays off until somebody says so, and takes no budget. */
PK_TEST(restore__a_switch_that_cannot_be_read__stays_off_until_it_is_set_again) {
    begin(&(struct gateway_setup){.seed = 1, .rules = TELLS_DAMAGE});
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"off\"}", "\"ok\":true"));
    wait_ms(1000);
    for (uint32_t n = 0; n < 2; n++) {
        gateway_crash(&gw);
        REQUIRE(damage_all('w', false) == 1);
        REQUIRE(gateway_boot(&gw));
        wait_ms(1000);
        CHECK(!pk_agent_switch_is_on(&gw.agent, PK_SWITCH_AUTO_REMEDIATION));
        CHECK_EQ_U64(gw.agent.respond.budget.distrust_until_ms, 0);
    }
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"on\"}", "\"ok\":true"));
    wait_ms(1000);
    gateway_crash(&gw);
    const uint64_t bad = gw.sim.store.status.bad_value_count;
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.sim.store.status.bad_value_count, bad);
    CHECK(pk_agent_switch_is_on(&gw.agent, PK_SWITCH_AUTO_REMEDIATION));
}

/* A counter whose check sum fails, in a store that is sound otherwise, is not one that was never there. */
PK_TEST(restore__a_budget_that_cannot_be_read__counts_as_spent_and_is_said) {
    prepare(&(struct gateway_setup){
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[sources]\nprocess = 5s\n[process web]\n",
        .rules = "[rule self_damaged]\non = type = self_damaged\nwhen = count >= 1 in 10m by source\n"
                 "type = self\nseverity = critical\nclear = never\n"});
    REQUIRE(gateway_boot(&gw));
    REQUIRE(open_incident() != NULL);
    wait_ms(20000);
    CHECK(super_model_starts_of(&gw.super, "restart_service") > 0);
    gateway_crash(&gw);
    uint32_t damaged = 0;
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        r->is_damaged = r->tree == PK_TREE_OBJECTS && r->key[0] == 'b' && r->key_bytes == 9;
        damaged += r->is_damaged ? 1u : 0u;
    }
    CHECK_EQ_U64(damaged, 1);
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.respond.budget.corrupt_count, 1);
    CHECK_EQ_U64(gw.agent.respond.budget.distrust_until_ms, gw.agent.now.mono_ms + 3600000u);
    wait_ms(1000);
    const struct pk_incident *told = gateway_incident(&gw, "self_damaged");
    REQUIRE(told != NULL);
    CHECK(strstr(told->description, "cannot be read") != NULL || told->event_count == 1);
}

PK_TEST(restore__a_change_of_keys_that_cannot_be_read__no_key_is_obeyed) {
    begin(NULL);
    const char *added = gateway_command(
        &gw, 0, "keys.add",
        "{\"kid\":\"n1\",\"role\":\"hub\",\"public\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    CHECK(added != NULL && strstr(added, "\"kid\":\"n1\"") != NULL);
    wait_ms(1000);
    gateway_crash(&gw);
    CHECK(pk_sim_store_damage(&gw.sim, PK_TREE_OBJECTS, pk_str_make("k\0", 2)));
    REQUIRE(gateway_boot(&gw));
    CHECK(strstr(gateway_command(&gw, 1000, "keys.list", "{}"), "\"distrusted\":true") != NULL);
}

PK_TEST(disk_full__waits_says_so_and_heals_without_losing_anything) {
    begin(NULL);
    gw.sim.store.is_disk_full = true;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(60000);
    /* Nothing that is not durable is published, and no action starts. */
    CHECK(hub_model_find(&hub, i->id) == NULL);
    CHECK_EQ_U64(gw.super.start_count, 0);
    CHECK(gateway_log_has(&gw, "the store can grow no more"));
    gw.sim.store.is_disk_full = false;
    wait_ms(20000);
    CHECK(hub_model_find(&hub, i->id) != NULL);
    CHECK(gw.super.start_count > 0);
    check_sound();
}

static const char IDEMPOTENT[] =
    "[action restart_service]\nabout = Restarts\nrisk = low\nargv = /bin/restart {target}\n"
    "targets = web, db\ncooldown = 1s\nper_hour = 20\ntimeout = 10s\nidempotent = yes\n";

/* A meta page that could not be written: nothing heals it but another process (ADR 0097). */
PK_TEST(broken__ends_to_open_the_store_anew__and_the_next_says_why_and_reports) {
    prepare(NULL);
    gw.super.told.kernel_boot = 1;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000);
    gw.sim.store.is_disk_full = true; /* nothing becomes durable */
    gw.sim.store.status.is_broken = true;
    wait_ms(10000);
    REQUIRE(pk_agent_is_stopped(&gw.agent));
    CHECK_EQ_INT(pk_agent_exit_code(&gw.agent), PK_EXIT_STORE);
    CHECK(gateway_log_has(&gw, "the store's file could not be written; starting again"));
    gateway_crash(&gw);
    gw.sim.store.is_disk_full = false;
    gw.super.told.last_exit = (uint32_t)PK_EXIT_STORE << 8;
    gw.super.told.restart_count = 1;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000);
    const struct pk_incident *i = gateway_incident(&gw, "unexpected_restart");
    REQUIRE(i != NULL);
    CHECK(hub_model_find(&hub, i->id) != NULL);
    CHECK(
        says(0, "events.list", "{\"type\":\"unexpected_restart\"}", "store: its file could not be written"));
    check_sound();
}

/* An action begun before goes on meanwhile, and a person may stop it: nothing of that is stored. */
PK_TEST(broken__an_action_interrupted_meanwhile__is_not_run_again_by_the_next) {
    char args[40];
    prepare(&(struct gateway_setup){.seed = 1, .actions = IDEMPOTENT});
    gw.super.told.restart_count = PK_AGENT_REOPEN_AT_ONCE;
    gw.super.duration_min_ms = gw.super.duration_max_ms = 9000;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    REQUIRE(open_incident() != NULL);
    uint32_t after = 0;
    for (uint32_t i = 0; i < 20000 && gw.super.start_count == 0; i++) {
        wait_ms(1);
    }
    const struct pk_run *run = pk_respond_next(&gw.agent.respond, 0, &after);
    while (run != NULL && pk_run_state_is_final(run->state)) {
        run = pk_respond_next(&gw.agent.respond, 0, &after);
    }
    REQUIRE(run != NULL && run->is_intent && run->is_idempotent && !pk_run_state_is_final(run->state));
    const uint32_t id = run->id, started = gw.super.start_count;
    gw.sim.store.is_disk_full = true; /* nothing becomes durable */
    gw.sim.store.status.is_broken = true;
    (void)snprintf(args, sizeof args, "{\"run\":%u}", (unsigned)id);
    (void)gateway_command(&gw, 0, "interrupt", args);
    wait_ms(PK_AGENT_REOPEN_MS);
    REQUIRE(pk_agent_exit_code(&gw.agent) == PK_EXIT_STORE);
    gateway_crash(&gw);
    gw.sim.store.is_disk_full = false;
    gw.super.told.last_exit = (uint32_t)PK_EXIT_STORE << 8;
    REQUIRE(gateway_boot(&gw));
    run = pk_respond_get(&gw.agent.respond, id);
    REQUIRE(run != NULL);
    CHECK_EQ_INT(run->state, PK_RUN_UNKNOWN);
    wait_ms(20000);
    CHECK_EQ_U64(gw.super.start_count, started);
    check_sound();
}

static void break_store_once_more(void) {
    prepare(NULL);
    gw.super.told.restart_count = PK_AGENT_REOPEN_AT_ONCE;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    gw.sim.store.is_disk_full = true;
    gw.sim.store.status.is_broken = true;
}

/* Where that did not help, what detects runs on, and the next try comes when the supervisor has forgotten the
 * last ones. */
PK_TEST(broken__again_and_again__runs_on_and_tries_every_ten_minutes) {
    break_store_once_more();
    CHECK(open_incident() != NULL);
    wait_ms(PK_AGENT_REOPEN_MS - 60000);
    CHECK(!pk_agent_is_stopped(&gw.agent));
    CHECK(gateway_is_online(&gw));
    wait_ms(65000);
    CHECK(pk_agent_is_stopped(&gw.agent));
    CHECK_EQ_INT(pk_agent_exit_code(&gw.agent), PK_EXIT_STORE);
}

PK_TEST(broken__stopped_meanwhile__the_next_one_is_told) {
    break_store_once_more();
    wait_ms(5000);
    pk_sim_signal(&gw.sim, PK_SIG_STOP);
    wait_ms(60000);
    REQUIRE(pk_agent_is_stopped(&gw.agent));
    CHECK_EQ_INT(pk_agent_exit_code(&gw.agent), PK_EXIT_STORE);
}

/* The store has set room aside: what acting needs finds it, and nothing else takes it (ADR 0097). */
PK_TEST(disk_full__with_spare_room__acts_once_and_keeps_the_rest_for_later) {
    begin(NULL);
    gw.sim.store.has_spare = true;
    gw.sim.store.is_disk_full = true;
    (void)gateway_events(&gw, "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n"
                              "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n"
                              "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n");
    const struct pk_incident *acted = open_incident();
    const struct pk_incident *other = gateway_incident(&gw, "database_connection_fail");
    REQUIRE(acted != NULL && other != NULL);
    char id[PK_INC_ID_BYTES];
    memcpy(id, acted->id, sizeof id);
    const uint32_t number = acted->number, other_number = other->number;
    wait_ms(10000);
    const uint32_t started = gw.super.start_count;
    CHECK(started > 0);
    CHECK(is_incident_stored(number) && !is_incident_stored(other_number));
    CHECK(hub_model_find(&hub, id) != NULL && hub_model_find(&hub, other->id) == NULL);
    CHECK(gateway_log_has(&gw, "the store can grow no more"));
    const uint32_t record_count = gw.sim.store.record_count;
    wait_ms(600000);
    CHECK(gw.sim.store.record_count <= record_count + 8); /* it does not creep */
    /* A crash in the middle: what was acted on is known, and what was done is not done again by it. */
    const uint32_t before = gw.super.start_count;
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    const struct pk_incident *own = NULL;
    REQUIRE(pk_incidents_find(&gw.agent.incidents, pk_str_of(id), &own) == PK_OK);
    wait_ms(2000);
    CHECK_EQ_U64(gw.super.start_count, before);
    (void)gateway_events(&gw, "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n"
                              "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n"
                              "{\"type\":\"database_connection_error\",\"source\":\"db\"}\n");
    wait_ms(2000);
    other = gateway_incident(&gw, "database_connection_fail");
    REQUIRE(other != NULL);
    CHECK(other->number > other_number); /* no number twice, though it was in no record */
    gw.sim.store.is_disk_full = false;
    wait_ms(20000);
    CHECK(is_incident_stored(other->number) && hub_model_find(&hub, other->id) != NULL);
    CHECK(gateway_log_has(&gw, "the store can be written again"));
    check_sound();
}

PK_TEST(acknowledged_entries__are_deleted_in_company_or_after_a_second) {
    const struct pk_outbox *ob = &gw.agent.outbox;
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    uint32_t alone_ms = 0;
    uint32_t longest_ms = 0;
    for (uint32_t ms = 0; ms < 30000; ms++) {
        const uint64_t before = gw.agent.submitted_seq;
        wait_ms(1);
        const uint32_t count = pk_outbox_flush_count(ob);
        CHECK(count < PK_LIMIT_OUTBOX_SLOTS / 4u);
        CHECK(count == 0 || gw.agent.submitted_seq == before || alone_ms == 0);
        alone_ms = count > 0 ? alone_ms + 1u : 0;
        longest_ms = alone_ms > longest_ms ? alone_ms : longest_ms;
    }
    CHECK(longest_ms > 10 && longest_ms <= 1000); /* something waited, nothing longer than it may */
    CHECK_EQ_U64(pk_outbox_depth(ob), 0);
    check_sound();
}

/* Fills the map with log entries: each command that changes something is one. */
static void fill(uint32_t count, uint32_t number) {
    char args[120];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(args, sizeof args, "{\"incident_id\":\"inc_%05u\",\"note\":\"note %u\"}", number, i);
        (void)gateway_command(&gw, 0, "incidents.note", args);
    }
}

PK_TEST(map_full__log_gives_way_and_everything_goes_on) {
    prepare(&(struct gateway_setup){.seed = 3, .map_bytes = 200000});
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    bool was_tight = false;
    for (uint32_t round = 0; round < 12; round++) {
        fill(50, i->number);
        was_tight = was_tight || gw.sim.store.status.used_bytes > 120000;
    }
    CHECK(was_tight);
    CHECK(gw.agent.audit.trimmed_count > 0);
    wait_ms(60000);
    CHECK(!gw.sim.store.status.is_map_full);
    CHECK_EQ_U64(gw.agent.durable_seq, gw.agent.submitted_seq);
    CHECK_EQ_U64(hub_model_find(&hub, i->id)->rev, i->rev);
    check_sound();
}

PK_TEST(map_full__offline__never_wedges) {
    prepare(&(struct gateway_setup){.seed = 3, .map_bytes = 60000, .has_no_broker = true});
    REQUIRE(gateway_boot(&gw));
    for (uint32_t n = 0; n < 60; n++) {
        char lines[1200];
        int at = 0;
        for (int k = 0; k < 3; k++) {
            at += snprintf(
                lines + at, sizeof lines - (size_t)at,
                "{\"type\":\"database_connection_error\",\"source\":\"db-%u\",\"severity\":\"high\"}\n", n);
        }
        (void)gateway_events(&gw, lines);
        wait_ms(20000);
    }
    wait_ms(600000);
    /* Full or not: the store took something in the end, and the agent lives. */
    CHECK(gw.is_up);
    CHECK(gw.sim.store.status.used_bytes <= 60000);
    CHECK(gateway_command(&gw, 0, "status", "{}") != NULL);
    CHECK_STR(site.breach, "");
}

PK_TEST(trim__passes_a_gap_in_the_log) {
    prepare(&(struct gateway_setup){
        .seed = 4,
        .config = "[gateway]\nsite = lab\ngateway = @\n[sources]\nprocess = 5s\n[process web]\n"
                  "[store]\njournal_keep = 100\n"});
    REQUIRE(gateway_boot(&gw));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    fill(60, i->number);
    gateway_crash(&gw);
    /* Thirty entries in a row are gone: longer than one slice of trimming. */
    uint32_t removed = 0;
    for (uint32_t k = 0; k < gw.sim.store.record_count; k++) {
        struct pk_sim_record *r = &gw.sim.store.records[gw.sim.store.order[k]];
        if (r->tree == PK_TREE_JOURNAL && r->key[0] == 'L' && removed < 30) {
            r->is_damaged = true;
            removed++;
        }
    }
    REQUIRE(gateway_boot(&gw));
    fill(150, i->number);
    wait_ms(60000);
    CHECK(gw.agent.audit.trimmed_count > 20);
    CHECK(pk_audit_log_excess(&gw.agent.audit, 100) < 40);
}

PK_TEST(acknowledgements__wait_for_the_medium_and_not_for_a_commit_that_never_comes) {
    begin(NULL);
    wait_ms(1000);
    /* Causes nothing to be stored: acknowledged at once, again and again. */
    for (uint32_t i = 0; i < 40; i++) {
        CHECK_EQ_U64(broker_publish(&broker, "picket/v1/lab/gw-1/in/sensor/temperature", "21", 2, ""), 1);
        wait_ms(100);
        CHECK_EQ_U64(broker.clients[0].queue_count, 0);
    }
    gw.sim.store.is_disk_full = true;
    for (uint32_t i = 0; i < 3; i++) {
        (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/db/database_connection_error",
                             "{\"severity\":\"high\"}", 19, "");
    }
    wait_ms(5000);
    REQUIRE(gateway_incident(&gw, "database_connection_fail") != NULL);
    CHECK(broker.clients[0].queue_count > 0);
    gw.sim.store.is_disk_full = false;
    wait_ms(20000);
    CHECK_EQ_U64(broker.clients[0].queue_count, 0);
    check_sound();
}

/* As many low incidents as there is room for, and a gauge that holds for ever. */
static void fill_with_low(void) {
    static char rules[640];
    char line[96];
    (void)snprintf(rules, sizeof rules,
                   "[rule f]\non = type = f\nwhen = count >= 1 in 1s by source\ntype = custom\n"
                   "severity = low\nclear = never\nkeys = %u\n"
                   "[rule g]\non = type = g\nwhen = value > 90 by source\ntype = custom\nseverity = low\n"
                   "clear = value < 80\nstale = 7d\n"
                   "[rule h]\non = type = h\nwhen = count >= 1 in 1s by source\ntype = custom\n"
                   "severity = info\nclear = never\n",
                   (unsigned)PK_LIMIT_INCIDENTS);
    prepare(
        &(struct gateway_setup){.seed = 1, .config = "[gateway]\nsite = lab\ngateway = @\n", .rules = rules});
    REQUIRE(gateway_boot(&gw));
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS * 3u / 4u; k++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"f\",\"source\":\"s%u\"}\n", k);
        (void)gateway_events(&gw, line);
        wait_ms(50);
    }
    wait_ms(60000);
    REQUIRE(gw.agent.incidents.open_count == PK_LIMIT_INCIDENTS * 3u / 4u);
}

PK_TEST(no_room__one_condition_for_ever__is_one_drop_and_one_entry) {
    const uint64_t *low = &gw.agent.incidents.dropped_by_severity[PK_SEV_LOW];
    fill_with_low();
    const uint64_t commits = gw.sim.store.status.commit_count, entries = gw.agent.audit.head.n;
    (void)gateway_events(&gw, "{\"type\":\"g\",\"source\":\"hot\",\"value\":95}\n");
    wait_ms(100);
    CHECK_EQ_U64(gw.agent.audit.head.n, entries + 1); /* at once */
    wait_ms(600000);
    CHECK_EQ_U64(*low, 1);
    CHECK_EQ_U64(gw.agent.audit.head.n, entries + 1);
    CHECK(gw.sim.store.status.commit_count - commits <= 10);
    (void)gateway_events(&gw, "{\"type\":\"g\",\"source\":\"hot\",\"value\":70}\n");
    wait_ms(301000);
    (void)gateway_events(&gw, "{\"type\":\"g\",\"source\":\"hot\",\"value\":95}\n");
    wait_ms(100);
    CHECK_EQ_U64(*low, 2); /* another episode */
    check_sound();
}

static uint32_t written_count(void) {
    static const char SAID[] = "no room for incidents";
    uint32_t count = 0;
    for (uint32_t i = 0; i + sizeof SAID <= gw.sim.log_bytes; i++) {
        count += memcmp(gw.sim.log + i, SAID, sizeof SAID - 1) == 0 ? 1u : 0u;
    }
    return count;
}

PK_TEST(no_room__new_ones_all_the_time__are_written_down_ever_further_apart_and_all_of_them) {
    char line[96];
    const uint64_t *low = &gw.agent.incidents.dropped_by_severity[PK_SEV_LOW];
    fill_with_low();
    (void)gateway_events(&gw, "{\"type\":\"h\",\"source\":\"i\"}\n");
    for (uint32_t k = 0; k < 600; k++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"f\",\"source\":\"more%u\"}\n", k);
        (void)gateway_events(&gw, line);
        wait_ms(2000);
    }
    CHECK_EQ_U64(*low, 600);
    /* The first, the low one after it, then 1 s, 2 s, 4 s ... 10 min apart. */
    const uint32_t written = written_count();
    CHECK(written >= 10 && written <= 13);
    CHECK(gw.agent.incidents.drop.count > 0);
    wait_ms(600000);
    CHECK_EQ_U64(gw.agent.incidents.drop.count, 0);
    check_sound();
}

PK_TEST(no_room__nor_in_the_store__the_agent_rests) {
    fill_with_low();
    gw.sim.store.is_disk_full = true;
    const uint64_t full_count = gw.agent.counters.batch_full;
    while (pk_agent_batch_has_room(&gw.agent, 512) && gw.agent.counters.batch_full == full_count) {
        pk_agent_audit(&gw.agent, 0, "note", "test", pk_str_of("what else there is to write"));
        wait_ms(gw.agent.is_store_full ? 0 : 10);
    }
    (void)gateway_events(&gw, "{\"type\":\"f\",\"source\":\"more\"}\n");
    wait_ms(1000);
    REQUIRE(gw.agent.is_store_full && gw.agent.incidents.drop.count == 1);
    const uint64_t before = gw.tick_count;
    wait_ms(30000);
    CHECK(gw.tick_count - before < 3500); /* the writer is asked every 10 ms */
    gw.sim.store.is_disk_full = false;
    wait_ms(20000);
    CHECK_EQ_U64(gw.agent.incidents.drop.count, 0);
    check_sound();
}

/* ---- what finds no room below the byte cap is owed, and told when there is room ---- */

enum {
    SENT = PK_LIMIT_OUTBOX_SLOTS + 24,   /* heard as open; they end while the link is cut */
    STAYING = PK_LIMIT_OUTBOX_SLOTS / 4, /* not heard of before the cut; they stay open */
    CAP_BYTES = SENT * 400               /* half of what their ends take */
};
_Static_assert(SENT + STAYING < PK_LIMIT_INCIDENTS * 3 / 4, "there is room for them in the table");
static char sent_ids[SENT][PK_INC_ID_BYTES];

static const char OWED_CONFIG[] =
    "[gateway]\nsite = lab\ngateway = @\n"
    "[broker central]\nhost = broker.example\nport = 1883\ntls = no\n"
    "reconnect_first = 1s\nreconnect_max = 2s\n"
    "[incidents]\nassess = 0\nrecover = 0\nkeep = 1h\n"
    "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\nusage = 0\n"
    "storage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n";

static void report(const char *type, uint32_t first, uint32_t count) {
    char line[120];
    for (uint32_t k = first; k < first + count; k++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"%s\",\"source\":\"m-%u\"}\n", type, k);
        (void)gateway_events(&gw, line);
    }
}

/* The least that can be configured holds far more than the table. */
static void make_cap_small(void) {
    gw.agent.config.store_map_bytes = 2u * (uint64_t)CAP_BYTES;
    gw.agent.outbox.critical_cap_bytes = CAP_BYTES + CAP_BYTES / 8u;
}

static void boot_with_small_cap(void) {
    REQUIRE(gateway_boot(&gw));
    make_cap_small();
}

static uint64_t cap_losses(void) {
    return gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP].count;
}

/* Rows of a rule, and of these the ones that are owed. */
static uint32_t count_rows(const char *rule, bool is_owed) {
    uint32_t count = 0, below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(&gw.agent.incidents, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO,
                                  &below)) != NULL) {
        count += strcmp(i->rule_id, rule) == 0 && (i->owes_report || !is_owed) ? 1u : 0u;
    }
    return count;
}

/* All of them are heard as open; then the link is cut. */
static void begin_cut_off(uint64_t seed, uint64_t map_bytes) {
    static char rules[1024];
    uint32_t count = 0, below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    (void)snprintf(rules, sizeof rules,
                   "[rule fault]\non = type = fault\nwhen = count >= 1 in 10s by source\ntype = custom\n"
                   "severity = low\nclear = count < 1 in 10s for 10s\nkeys = %u\n"
                   "[rule staying]\non = type = staying\nwhen = count >= 1 in 10s by source\n"
                   "type = custom\nseverity = low\nclear = never\nkeys = %u\n"
                   "[rule disaster]\non = type = disaster\nwhen = count >= 1 in 1s by source\n"
                   "type = custom\nseverity = critical\nclear = never\nkeys = %u\n",
                   (unsigned)SENT, (unsigned)STAYING, (unsigned)PK_LIMIT_INCIDENTS);
    prepare(
        &(struct gateway_setup){.seed = seed, .config = OWED_CONFIG, .rules = rules, .map_bytes = map_bytes});
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    report("fault", 0, SENT);
    wait_ms(3000);
    while ((i = pk_incidents_next(&gw.agent.incidents, (1u << PK_INC_RESOLVED) - 1u, PK_SEV_INFO, &below)) !=
           NULL) {
        if (strcmp(i->rule_id, "fault") == 0 && count < SENT) {
            memcpy(sent_ids[count++], i->id, PK_INC_ID_BYTES);
            CHECK(hub_model_find(&hub, i->id) != NULL);
        }
    }
    REQUIRE(count == SENT && pk_outbox_depth(&gw.agent.outbox) == 0);
    broker.is_down = true;
    broker_restart(&broker, true);
    wait_ms(500);
    if (map_bytes == 0) {
        make_cap_small();
    }
    report("staying", 0, STAYING);
}

/* Of what was sent before the cut. */
static uint32_t sent_and_open_at_hub(void) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < SENT; k++) {
        count += pk_incident_status_is_active(hub_model_find(&hub, sent_ids[k])->status) ? 1u : 0u;
    }
    return count;
}

static bool is_all_told(void *arg) {
    (void)arg;
    return gateway_is_online(&gw) && pk_outbox_depth(&gw.agent.outbox) == 0 &&
           gw.agent.incidents.owed_count == 0 && !pk_incidents_has_changes(&gw.agent.incidents);
}

/* What is told so late does not go before the backlog. */
static bool has_live_one;

static bool is_half_told(void *arg) {
    for (uint32_t k = 0; k < PK_LIMIT_OUTBOX_SLOTS; k++) {
        const struct pk_outbox_slot *s = &gw.agent.outbox.slots[k];
        has_live_one =
            has_live_one || (s->is_live && s->state >= PK_OUTBOX_STAGED && s->state <= PK_OUTBOX_INFLIGHT);
    }
    return sent_and_open_at_hub() <= SENT / 2 || is_all_told(arg);
}

static void check_hub_agrees(void) {
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(&gw.agent.incidents, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO,
                                  &below)) != NULL) {
        const struct hub_incident *known = hub_model_find(&hub, i->id);
        CHECK(known != NULL && known->rev == i->rev && known->status == i->status);
    }
    CHECK_EQ_U64(sent_and_open_at_hub(), 0);
}

static uint64_t owed_revisions(void) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < SENT; k++) {
        const struct pk_incident *i = NULL;
        if (pk_incidents_find(&gw.agent.incidents, pk_str_of(sent_ids[k]), &i) == PK_OK && i->owes_report) {
            sum += i->rev;
        }
    }
    return sum;
}

/* What the summary says of it; 0: nothing. */
static uint64_t owed_in_ledger(void) {
    const struct pk_agent_summary *s = &gw.agent.summary;
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    for (uint32_t k = 0; k < s->summary.loss_count; k++) {
        if (strcmp(s->losses[k].reason, "outbox_owed") == 0) {
            return s->losses[k].count;
        }
    }
    return 0;
}

PK_TEST(owed__ends_that_found_no_room__all_arrive_once_after_it_and_none_is_lost) {
    begin_cut_off(11, 0);
    wait_ms(60000);
    const uint32_t owed = count_rows("fault", true);
    CHECK(owed > SENT / 8 && owed < SENT);
    CHECK_EQ_U64(sent_and_open_at_hub(), SENT);
    CHECK_EQ_U64(cap_losses(), 0);
    CHECK(says(0, "status", "{}", "\"outbox_owed\":"));
    CHECK_EQ_U64(owed_in_ledger(), gw.agent.incidents.owed_count);
    wait_ms(3 * 3600000); /* retention takes the others */
    CHECK_EQ_U64(count_rows("fault", true), owed);
    CHECK_EQ_U64(count_rows("fault", false), owed);
    const uint64_t revisions = owed_revisions();
    wait_ms(600000); /* there is no room yet, and nobody tries */
    CHECK(revisions > 0 && owed_revisions() == revisions);
    gateway_crash(&gw);
    boot_with_small_cap();
    CHECK_EQ_U64(count_rows("fault", true), owed);
    wait_ms(60000);
    CHECK_EQ_U64(count_rows("fault", true), owed);
    broker.is_down = false;
    has_live_one = false;
    CHECK(gateway_site_until(&site, 600000, is_half_told, NULL));
    CHECK(count_rows("fault", true) < owed && !has_live_one);
    gateway_crash(&gw);
    boot_with_small_cap();
    CHECK(gateway_site_until(&site, 600000, is_all_told, NULL));
    wait_ms(1000);
    check_hub_agrees();
    for (uint32_t k = 0; k < SENT; k++) {
        CHECK_EQ_U64(hub_model_find(&hub, sent_ids[k])->revs_taken, 2); /* as open, as ended */
    }
    CHECK_EQ_U64(count_rows("staying", false), STAYING);
    CHECK_EQ_U64(cap_losses(), 0);
    CHECK(says(0, "status", "{}", "\"outbox\":0,"));
    CHECK_EQ_U64(owed_in_ledger(), 0);
    check_sound();
}

/* Each crash takes with it what was not on the medium yet. */
PK_TEST(owed__crash_at_any_moment__every_end_arrives) {
    enum { STEP_MS = PK_IS_SLOW || PK_LIMIT_OUTBOX_SLOTS > 16u ? 13700 : 2300 };
    for (uint64_t cut_ms = 0; cut_ms < 60000; cut_ms += STEP_MS) {
        begin_cut_off(cut_ms + 1, 0);
        gw.sim.store.delay_min_ms = 20;
        gw.sim.store.delay_max_ms = 400;
        wait_ms(cut_ms);
        gateway_crash(&gw);
        boot_with_small_cap();
        wait_ms(60000);
        CHECK_EQ_U64(cap_losses(), 0);
        broker.is_down = false;
        wait_ms(cut_ms / 8u);
        gateway_crash(&gw);
        boot_with_small_cap();
        CHECK(gateway_site_until(&site, 600000, is_all_told, NULL));
        wait_ms(1000);
        check_hub_agrees();
        CHECK_EQ_U64(cap_losses(), 0);
        check_sound();
    }
}

/* What a full map drops is owed as well: that is written with what deletes, before it. */
PK_TEST(owed__full_map__every_end_arrives) {
    enum { WITHOUT_OUTBOX_BYTES = SENT * 1400 + 72000 };
    for (uint32_t notes = 40; notes <= 300; notes += 65) {
        uint32_t most = 0;
        bool was_full = false;
        begin_cut_off(notes, WITHOUT_OUTBOX_BYTES);
        for (uint32_t k = 0; k < notes; k++) {
            pk_agent_audit(&gw.agent, 0, "note", "test",
                           pk_str_of("what else there is to write, with a few words more to make it long"));
            wait_ms(400);
            was_full = was_full || gw.sim.store.status.is_map_full;
            most = gw.agent.incidents.owed_count > most ? gw.agent.incidents.owed_count : most;
        }
        CHECK(notes < 300 || (was_full && most > 0));
        CHECK_EQ_U64(cap_losses(), 0);
        gateway_crash(&gw);
        REQUIRE(gateway_boot(&gw));
        broker.is_down = false;
        CHECK(gateway_site_until(&site, 600000, is_all_told, NULL));
        wait_ms(30000);
        check_hub_agrees();
        CHECK_EQ_U64(cap_losses(), 0);
        check_sound();
    }
}

/* The table is the bound: what severe ones push out of it is lost, and only then counted. */
PK_TEST(owed__no_room_in_the_table_either__is_counted_as_lost) {
    begin_cut_off(12, 0);
    wait_ms(60000);
    const uint32_t owed = count_rows("fault", true);
    CHECK(owed > 0 && cap_losses() == 0);
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k += 8) {
        report("disaster", k, 8);
        wait_ms(400);
    }
    CHECK_EQ_U64(count_rows("fault", false), 0);
    CHECK_EQ_U64(count_rows("staying", false), STAYING);
    const uint64_t lost = cap_losses();
    CHECK(lost >= owed && lost <= SENT);
    CHECK_EQ_U64(gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP].by_severity[PK_SEV_LOW], lost);
    gw.agent.config.store_map_bytes = 16u << 20;
    broker.is_down = false;
    CHECK(gateway_site_until(&site, 600000, is_all_told, NULL));
    wait_ms(1000);
    CHECK_EQ_U64(sent_and_open_at_hub(), lost);
    CHECK_EQ_U64(cap_losses(), lost);
    CHECK_STR(gw.super.breach, "");
    CHECK_STR(site.breach, "");
}

PK_TEST_MAIN(owed__full_map__every_end_arrives,
             owed__ends_that_found_no_room__all_arrive_once_after_it_and_none_is_lost,
             owed__crash_at_any_moment__every_end_arrives,
             owed__no_room_in_the_table_either__is_counted_as_lost,
             no_room__one_condition_for_ever__is_one_drop_and_one_entry,
             no_room__new_ones_all_the_time__are_written_down_ever_further_apart_and_all_of_them,
             no_room__nor_in_the_store__the_agent_rests,
             retention__what_ended_long_ago_leaves_table_and_store__its_timeline_stays,
             restore__store_of_schema_1__all_of_it_goes_on,
             restore__what_the_outbox_lost__is_known_after_crash_and_power_cut_but_not_of_schema_2,
             acknowledged_entries__are_deleted_in_company_or_after_a_second,
             restore__crash_at_any_moment__nothing_published_is_forgotten_and_the_chain_holds,
             restore__open_incident__its_rule_watches_on_and_the_hub_hears_the_end,
             restore__epoch__follows_the_supervisor_and_the_store_whichever_is_ahead,
             restore__both_counters_lost__random_epoch_with_the_top_bit,
             restore__store_of_later_software__is_refused,
             restore__what_is_only_lost__is_said_once_and_let_go,
             restore__a_switch_that_cannot_be_read__stays_off_until_it_is_set_again,
             restore__a_budget_that_cannot_be_read__counts_as_spent_and_is_said,
             restore__a_change_of_keys_that_cannot_be_read__no_key_is_obeyed,
             disk_full__waits_says_so_and_heals_without_losing_anything,
             broken__ends_to_open_the_store_anew__and_the_next_says_why_and_reports,
             broken__an_action_interrupted_meanwhile__is_not_run_again_by_the_next,
             broken__stopped_meanwhile__the_next_one_is_told,
             broken__again_and_again__runs_on_and_tries_every_ten_minutes,
             disk_full__with_spare_room__acts_once_and_keeps_the_rest_for_later,
             map_full__log_gives_way_and_everything_goes_on, map_full__offline__never_wedges,
             trim__passes_a_gap_in_the_log,
             acknowledgements__wait_for_the_medium_and_not_for_a_commit_that_never_comes)
