#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char args[240];

static const char *about(const struct pk_incident *i, const char *more) {
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"%s}", i->id, more);
    return args;
}

static const char *answer(const char *id, const char *more) {
    (void)snprintf(args, sizeof args, "{\"approval_id\":\"%s\"%s}", id, more);
    return args;
}

/* Id of the newest request for this action. */
static const char *approval_of(const char *action) {
    static char id[PK_RUN_APPROVAL_ID_BYTES];
    uint32_t after = 0;
    const struct pk_run *r = NULL;
    id[0] = '\0';
    while ((r = pk_respond_next(&gw.agent.respond, 0, &after)) != NULL) {
        if (strcmp(r->action, action) == 0) {
            pk_run_approval_id(r, id);
        }
    }
    return id;
}

static void reload_with(const char *file, const char *text) {
    (void)pk_sim_file_set(&gw.sim, file, text, (uint32_t)strlen(text));
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_STR(gw.agent.diag.message, "");
}

/* Six things need `web`: what is harmless elsewhere asks here. */
static const struct pk_incident *open_with_many_behind(void) {
    static const char MANY[] = "a -> web\nb -> a\nc -> b\nd -> web\ne -> d\nf -> e\n";
    begin(NULL);
    reload_with("/etc/picket/topology.conf", MANY);
    return open_incident();
}

PK_TEST(request__says_risk_impact_limits_resources_and_evidence) {
    const struct pk_incident *i = open_with_many_behind();
    REQUIRE(i != NULL);
    wait_ms(500);
    CHECK_EQ_U64(gw.super.start_count, 0);
    const char *id = approval_of("restart_service");
    REQUIRE(id[0] != '\0');
    static const char *const WANTED[] = {
        "\"risk\":\"medium\",\"risk_factors\":[\"6 things depend on the target\",\"medium risk asks in mode "
        "safe\"]",
        "\"estimated_impact\":\"users may notice that it is slower; 6 things depend on it; Restarts\"",
        "\"mitigation_steps\":[\"stopped when one step takes longer than 10s\",\"must pass /bin/check web "
        "within "
        "10s\",\"at most 4 starts an hour, 1m apart\"]",
        "\"affected_resources\":[\"web\",\"a\",\"b\",\"c\",",
        "\"evidence\":[\"",
        "\"needs\":1,\"role\":\"responder\",\"state\":\"awaiting_approval\",\"decided_by\":null,\"have\":0,"
        "\"delegated_to\":null,\"expires_in_seconds\":29"};
    for (size_t k = 0; k < sizeof WANTED / sizeof WANTED[0]; k++) {
        CHECK(says(1000, "approval.get", answer(id, ""), WANTED[k]));
    }
    CHECK(says(1000, "approval.list", "{}", WANTED[0]));
    /* The same on its topic, without what is old at once. */
    char topic[128];
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/approval/%s", id);
    const struct broker_retained *kept = broker_find_retained(&broker, topic);
    REQUIRE(kept != NULL);
    char body[1901] = {0};
    memcpy(body, kept->payload, kept->n < sizeof body ? kept->n : sizeof body - 1);
    CHECK(strstr(body, WANTED[0]) != NULL && strstr(body, WANTED[2]) != NULL);
    CHECK(strstr(body, "expires_in_seconds") == NULL);
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"approve\""), "\"state\":\"approved\""));
    wait_ms(1000);
    CHECK_EQ_U64(gw.super.start_count, 1);
    check_sound();
}

PK_TEST(request__limits_are_the_configurations_and_follow_a_reload) {
    begin(NULL);
    reload_with("/etc/picket/conf.d/10-more.conf", "[respond]\nrisk_behind = 7\nrisk_repeat = 0\n");
    CHECK_EQ_U64(gw.agent.respond.settings.risk.behind_count, 7);
    reload_with("/etc/picket/topology.conf", "a -> web\nb -> a\nc -> b\nd -> web\ne -> d\nf -> e\n");
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    CHECK_EQ_U64(gw.super.start_count, 1);
    check_sound();
}

PK_TEST(decide__delegated_raced_and_late__say_why) {
    const struct pk_incident *i = open_with_many_behind();
    REQUIRE(i != NULL);
    wait_ms(500);
    const char *id = approval_of("restart_service");
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"delegate\""), "to goes with delegate"));
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"approve\",\"to\":\"x\""),
               "to goes with delegate"));
    CHECK(says(1001, "approval.decide",
               answer(id, ",\"decision\":\"delegate\",\"to\":\"uid:1002\",\"reason\":\"her plant\""),
               "\"delegated_to\":\"uid:1002\""));
    CHECK(says(1000, "approval.get", answer(id, ""), "\"delegated_to\":\"uid:1002\""));
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"approve\""),
               "it is for uid:1002, or an admin"));
    CHECK(says(1000, "approval.decide", answer(id, ",\"decision\":\"approve\""), "\"error\":\"denied\""));
    CHECK(says(1002, "approval.decide", answer(id, ",\"decision\":\"approve\""), "\"state\":\"approved\""));
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"reject\""), "decided already: "));
    CHECK(says(1000, "incidents.get", about(i, ",\"timeline\":true"),
               "restart_service to be answered by uid:1002: her plant"));
    CHECK(
        says(1000, "incidents.get", about(i, ",\"timeline\":true"), "restart_service approved by uid:1002"));
    wait_ms(20000);
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"wipe\",\"target\":\"web\""), "awaiting_approval"));
    wait_ms(301000);
    CHECK(says(1002, "approval.decide", answer(approval_of("wipe"), ",\"decision\":\"approve\""),
               "too late: it ran out"));
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 0);
    check_sound();
}

PK_TEST(list__history_and_bad_ids) {
    const struct pk_incident *i = open_with_many_behind();
    REQUIRE(i != NULL);
    wait_ms(500);
    const char *id = approval_of("restart_service");
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"reject\""), "\"state\":\"rejected\""));
    CHECK(says(1000, "approval.list", "{}", "\"approvals\":[],\"more\":false"));
    CHECK(
        says(1000, "approval.list", "{\"all\":true}", "\"state\":\"rejected\",\"decided_by\":\"uid:1001\""));
    CHECK(says(1000, "approval.get", "{\"approval_id\":\"apr_1_77\"}", "\"error\":\"not_found\""));
    CHECK(says(1000, "approval.get", "{\"approval_id\":\"x\"}", "\"error\":\"bad_field\""));
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"look\""), "\"state\":\"executing\""));
    CHECK(says(1000, "approval.get", answer(approval_of("look"), ""), "\"error\":\"not_found\""));
    check_sound();
}

/* The whole month is used: that it was asked and how it ended reaches the hub all the same. */
PK_TEST(ended__while_the_data_budget_is_used_up__is_sent_and_cleared) {
    char topic[128];
    struct pk_spend *s = &gw.agent.spends[PK_SPEND_DATA];
    REQUIRE(open_with_many_behind() != NULL);
    wait_ms(500);
    const char *id = approval_of("restart_service");
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/approval/%s", id);
    REQUIRE(broker_find_retained(&broker, topic) != NULL && broker_find_retained(&broker, topic)->n > 0);
    pk_spend_limit(s, 10u << 20);
    s->record.used_bytes = 11u << 20;
    wait_ms(6000);
    CHECK_EQ_INT(s->level, PK_SPEND_OVER);
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"reject\""), "\"state\":\"rejected\""));
    wait_ms(3000);
    const struct broker_retained *kept = broker_find_retained(&broker, topic);
    CHECK(kept == NULL || kept->n == 0);
    check_sound();
}

/* As when more important entries need it: the request waits in the store alone. */
static void take_slot_away(struct pk_outbox *ob) {
    struct pk_out_record record;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        const struct pk_str value = pk_str_make((const char *)ob->values[i], s->value_bytes);
        if (s->state == PK_OUTBOX_WAITING && pk_record_outbox_unpack(value, &record) == PK_OK &&
            record.kind == PK_OUT_APPROVAL) {
            s->state = PK_OUTBOX_FREE;
            ob->lanes[s->lane].slot_count--;
        }
    }
}

/* Its end replaces an entry that waits in the store, when no more deletes can be remembered: not told now,
 * and not lost either. */
PK_TEST(ended__while_the_outbox_can_remember_no_more__is_told_with_a_later_batch) {
    char topic[128];
    struct pk_outbox *ob = &gw.agent.outbox;
    begin(NULL);
    reload_with("/etc/picket/topology.conf", "a -> web\nb -> a\nc -> b\nd -> web\ne -> d\nf -> e\n");
    gw.sim.links[1].is_cut = true;
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    wait_ms(100000);
    CHECK(!gateway_is_online(&gw));
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    const char *id = approval_of("restart_service");
    REQUIRE(id[0] != '\0');
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/approval/%s", id);
    take_slot_away(ob);
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        ob->gone[i].state = PK_OUTBOX_GONE_SUBMITTED;
        ob->gone[i].store_seq = UINT64_MAX;
    }
    uint32_t boot = 0, number = 0;
    REQUIRE(pk_run_approval_parse(pk_str_of(id), &boot, &number) == PK_OK);
    const struct pk_run *run = pk_respond_get(&gw.agent.respond, number);
    CHECK(says(1001, "approval.decide", answer(id, ",\"decision\":\"reject\""), "\"state\":\"rejected\""));
    wait_ms(1000);
    CHECK(run->needs_approval_note); /* so it is: refused */
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        ob->gone[i].state = PK_OUTBOX_GONE_FREE;
    }
    wait_ms(6000);
    CHECK(!run->needs_approval_note);
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(20000);
    const struct broker_retained *kept = broker_find_retained(&broker, topic);
    CHECK(kept == NULL || kept->n == 0);
    CHECK_EQ_U64(ob->losses[PK_OUTBOX_LOSS_CAP].count, 0);
    check_sound();
}

PK_TEST_MAIN(ended__while_the_outbox_can_remember_no_more__is_told_with_a_later_batch,
             ended__while_the_data_budget_is_used_up__is_sent_and_cleared,
             request__says_risk_impact_limits_resources_and_evidence,
             request__limits_are_the_configurations_and_follow_a_reload,
             decide__delegated_raced_and_late__say_why, list__history_and_bad_ids)
