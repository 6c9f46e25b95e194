#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char config[4096];

static const struct gateway_setup *with(const char *more) {
    static struct gateway_setup setup;
    (void)snprintf(config, sizeof config, "%s%s", GATEWAY_CONFIG, more);
    setup = (struct gateway_setup){.seed = 1, .config = config};
    return &setup;
}

/* As if so much of it were used; the next look at the counters, some seconds later, tells. */
static void use(enum pk_spend_kind kind, uint32_t pct) {
    struct pk_spend *s = &gw.agent.spends[kind];
    s->record.used_bytes = s->limit_bytes / 100 * pct;
    wait_ms(6000);
}

static void send(const char *type, const char *source) {
    char line[160];
    (void)snprintf(line, sizeof line, "{\"type\":\"%s\",\"source\":\"%s\"}\n", type, source);
    (void)gateway_events(&gw, line);
}

PK_TEST(counted__without_a_limit_too__and_said) {
    begin(NULL);
    wait_ms(60000);
    CHECK(gw.agent.spends[PK_SPEND_DATA].record.used_bytes > 1000);
    CHECK(gw.agent.spends[PK_SPEND_FLASH].record.used_bytes > 100);
    CHECK(says(0, "status", "{}",
               "\"limit_bytes\":null,\"period\":\"day\",\"level\":\"free\",\"left_out\":0}"));
    const char *answer = gateway_command(&gw, 0, "doctor", "{}");
    CHECK(answer != NULL && strstr(answer, "budget") == NULL);
}

PK_TEST(data__summaries_become_rare__then_come_again) {
    begin(with("[report]\nsummary = 60s\nmonth = 10M\n"));
    CHECK_EQ_U64(pk_agent_budget_summary_ms(&gw.agent), 60000);
    use(PK_SPEND_DATA, 81);
    CHECK_EQ_U64(pk_agent_budget_summary_ms(&gw.agent), 900000);
    CHECK(gateway_log_has(&gw, "what a month may send ([report] month): 80 % are used"));
    wait_ms(120000); /* the one that was due before */
    const uint64_t sent_ms = gw.agent.summary_sent_ms;
    wait_ms(600000);
    CHECK_EQ_U64(gw.agent.summary_sent_ms, sent_ms);
    use(PK_SPEND_DATA, 101);
    CHECK_EQ_U64(pk_agent_budget_summary_ms(&gw.agent), 3600000);
    CHECK(says(0, "doctor", "{}", "\"check\":\"budget data\",\"verdict\":\"error\""));
    gw.agent.spends[PK_SPEND_DATA].record.period--; /* a month ago */
    wait_ms(6000);
    CHECK_EQ_INT(gw.agent.spends[PK_SPEND_DATA].level, PK_SPEND_FREE);
    CHECK(says(0, "doctor", "{}", "\"check\":\"budget data\",\"verdict\":\"ok\""));
    check_sound();
}

PK_TEST(data__used_up__critical_goes_and_low_waits_until_there_is_some_again) {
    begin(with("[report]\nmonth = 10M\n"));
    use(PK_SPEND_DATA, 101);
    send("cache_error", "c-1");
    for (uint32_t i = 0; i < 40; i++) { /* a low one, by the shipped rule */
        send("cache_error", "c-1");
    }
    REQUIRE(open_incident() != NULL); /* critical */
    wait_ms(5000);
    CHECK_EQ_INT(gateway_incident(&gw, "process_lost")->severity, PK_SEV_CRITICAL);
    const uint64_t held = pk_outbox_held_count(&gw.agent.outbox);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), held); /* nothing else waits */
    CHECK(held >= 1);
    CHECK(gw.agent.outbox.counters.acked_count >= 1);
    static struct pk_agent_summary s;
    pk_agent_summary(&gw.agent, &s);
    CHECK_EQ_U64(s.summary.budget_count, 1);
    CHECK_STR(s.summary.budgets[0].level, "over");
    CHECK(s.summary.loss_count >= 1 && strcmp(s.summary.losses[0].reason, "data_budget") == 0);
    CHECK_EQ_U64(s.summary.losses[0].count, held);
    gw.agent.spends[PK_SPEND_DATA].record.period--;
    wait_ms(10000);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    check_sound();
}

/* What goes through the LAN is no part of the month, and waits for nothing of it. */
PK_TEST(data__only_metered_brokers_count) {
    static const char SITE[] = "[broker site]\nhost = site.example\nport = 1883\ntls = no\nroles = events\n"
                               "[report]\nmonth = 10M\n";
    struct pk_agent *a = &gw.agent;
    const struct pk_spend *s = &a->spends[PK_SPEND_DATA];
    begin(with(SITE));
    CHECK_EQ_INT(a->config.broker[0].metered, PK_METERED_NO);
    gw.sim.links[0].carried_bytes += 20u << 20;
    wait_ms(6000);
    CHECK_EQ_INT(s->level, PK_SPEND_FREE);
    CHECK(s->record.used_bytes < 1u << 20);
    gw.sim.links[1].carried_bytes += 20u << 20;
    wait_ms(6000);
    CHECK_EQ_INT(s->level, PK_SPEND_OVER);
    CHECK(s->record.used_bytes >= 20u << 20 && s->record.used_bytes < 21u << 20);
    CHECK(a->outbox.held_lanes != 0);
    CHECK_EQ_INT(pk_agent_budget_data_level(a, PK_BROKER_INCIDENTS), PK_SPEND_OVER);
    /* The other way round: what goes to the hub costs nothing, what devices say does. */
    a->config.broker[0].metered = PK_METERED_YES;
    a->config.broker[1].metered = PK_METERED_NO;
    pk_agent_budgets_configure(a);
    CHECK_EQ_U64(a->outbox.held_lanes, 0);
    CHECK_EQ_INT(pk_agent_budget_data_level(a, PK_BROKER_INCIDENTS), PK_SPEND_FREE);
    CHECK_EQ_U64(pk_agent_budget_summary_ms(a), a->config.summary_ms);
    const uint64_t used = s->record.used_bytes;
    gw.sim.links[0].carried_bytes += 3u << 20;
    gw.sim.links[1].carried_bytes += 5u << 20;
    wait_ms(6000);
    CHECK(s->record.used_bytes >= used + (3u << 20) && s->record.used_bytes < used + (4u << 20));
}

PK_TEST(flash__detail_gives_way_in_its_order__never_of_critical_ones) {
    begin(with("[store]\nday = 20M\n"));
    struct pk_incident i = {.severity = PK_SEV_LOW, .status = PK_INC_RESOLVED};
    struct pk_agent *a = &gw.agent;
    const uint32_t detail = PK_INC_CHANGED_EVENTS;
    CHECK(!pk_agent_budget_skips(a, &i, detail));
    use(PK_SPEND_FLASH, 91);
    CHECK(pk_agent_budget_skips(a, &i, detail));
    CHECK(!pk_agent_budget_skips(a, &i, detail | PK_INC_CHANGED_STATUS));
    CHECK(!pk_agent_budget_skips(a, &i, PK_INC_CHANGED_NOTE));
    i.status = PK_INC_DETECTED;
    CHECK(!pk_agent_budget_skips(a, &i, detail));
    use(PK_SPEND_FLASH, 96);
    CHECK(pk_agent_budget_skips(a, &i, detail));
    i.severity = PK_SEV_MEDIUM;
    CHECK(!pk_agent_budget_skips(a, &i, detail));
    use(PK_SPEND_FLASH, 101);
    CHECK(pk_agent_budget_skips(a, &i, detail));
    i.severity = PK_SEV_CRITICAL;
    i.status = PK_INC_RESOLVED;
    CHECK(!pk_agent_budget_skips(a, &i, detail));
    const struct pk_timeline_entry joined = {.kind = PK_TL_JOINED, .severity = PK_SEV_HIGH},
                                   created = {.kind = PK_TL_CREATED, .severity = PK_SEV_LOW};
    CHECK(pk_agent_budget_skips_line(a, &joined));
    CHECK(!pk_agent_budget_skips_line(a, &created));
    CHECK_EQ_U64(a->spends[PK_SPEND_FLASH].left_out_count, 4);
    CHECK(!pk_agent_budget_skips_capsule(a, &i));
    i.severity = PK_SEV_HIGH;
    CHECK(pk_agent_budget_skips_capsule(a, &i));
    CHECK(says(0, "doctor", "{}", "\"check\":\"budget flash\",\"verdict\":\"error\""));
}

PK_TEST(flash__used_up__a_storm_writes_less_and_what_opens_is_stored) {
    uint64_t written[2];
    for (uint32_t k = 0; k < 2; k++) {
        begin(with("[store]\nday = 20M\n"));
        if (k == 1) {
            use(PK_SPEND_FLASH, 101);
        }
        struct pk_store_status before, after;
        gw.port.store.status(gw.port.store.ctx, &before);
        for (uint32_t i = 0; i < 600; i++) {
            send("deadlock", "db-1");
            wait_ms(20);
        }
        gw.port.store.status(gw.port.store.ctx, &after);
        written[k] = after.written_bytes - before.written_bytes;
        const struct pk_incident *storm = gateway_incident(&gw, "deadlock_detected");
        REQUIRE(storm != NULL);
        const uint32_t number = storm->number;
        wait_ms(1000);
        gateway_crash(&gw);
        REQUIRE(gateway_boot(&gw));
        CHECK(pk_incidents_get(&gw.agent.incidents, number) != NULL);
        check_sound();
    }
    printf("# %llu bytes, with the budget used up %llu\n", (unsigned long long)written[0],
           (unsigned long long)written[1]);
    CHECK(written[1] < written[0]);
}

PK_TEST(flash__tight__what_rules_learned_waits) {
    begin(with("[store]\nday = 20M\nlearned = 10s\n"));
    wait_ms(200000);
    const uint64_t whole_ms = gw.agent.learned.whole_ms;
    CHECK(whole_ms > 0);
    use(PK_SPEND_FLASH, 85);
    wait_ms(60000);
    const uint64_t then_ms = gw.agent.learned.whole_ms;
    wait_ms(200000);
    CHECK_EQ_U64(gw.agent.learned.whole_ms, then_ms);
    CHECK(gw.agent.spends[PK_SPEND_FLASH].left_out_count >= 10);
    REQUIRE(gateway_stop(&gw)); /* but a stop does */
}

PK_TEST(restart__what_was_used_stays_used) {
    begin(with("[store]\nday = 20M\n[report]\nmonth = 10M\n"));
    use(PK_SPEND_DATA, 92);
    use(PK_SPEND_FLASH, 83);
    wait_ms(2000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_INT(gw.agent.spends[PK_SPEND_DATA].level, PK_SPEND_SHORT);
    CHECK_EQ_INT(gw.agent.spends[PK_SPEND_FLASH].level, PK_SPEND_TIGHT);
    CHECK(gw.agent.outbox.held_lanes != 0);
    CHECK(gw.agent.spends[PK_SPEND_DATA].record.used_bytes >= 92 * 104857);
    REQUIRE(gateway_run_until_online(&gw));
    check_sound();
}

/* Power that goes before the hour is over, again and again: what was sent still adds up. */
PK_TEST(data__power_cuts_within_the_hour__the_limit_is_reached_all_the_same) {
    begin(with("[report]\nmonth = 10M\n"));
    struct pk_agent *a = &gw.agent;
    for (uint32_t life = 0; life < 30 && a->spends[PK_SPEND_DATA].level != PK_SPEND_OVER; life++) {
        for (uint32_t i = 0; i < 5; i++) {
            gw.sim.links[1].carried_bytes += 90u << 10;
            wait_ms(60000);
        }
        gateway_power_cut(&gw);
        gw.sim.links[1].carried_bytes = 0;
        REQUIRE(gateway_boot(&gw));
        REQUIRE(gateway_run_until_online(&gw));
    }
    CHECK_EQ_INT(a->spends[PK_SPEND_DATA].level, PK_SPEND_OVER);
    check_sound();
}

/* Each hundredth is stored and no more often, and nothing once all of it is used or where there is no limit.
 */
PK_TEST(growth__is_stored_by_hundredths_of_the_limit) {
    begin(with("[store]\nday = 20M\n[report]\nmonth = 10M\n"));
    struct pk_agent *a = &gw.agent;
    const uint64_t *stored = &a->meta.spends[PK_SPEND_DATA].used_bytes;
    wait_ms(60000);
    const uint64_t before = *stored;
    gw.sim.links[1].carried_bytes += 60u << 10;
    wait_ms(6000);
    CHECK_EQ_U64(*stored, before);
    gw.sim.links[1].carried_bytes += 60u << 10;
    wait_ms(6000);
    CHECK(*stored >= before + (120u << 10));
    const uint64_t *flash = &a->meta.spends[PK_SPEND_FLASH].used_bytes;
    const uint64_t flash_before = a->spends[PK_SPEND_FLASH].record.used_bytes;
    a->spends[PK_SPEND_FLASH].record.used_bytes += 1u << 20;
    wait_ms(6000);
    CHECK(*flash >= flash_before + (1u << 20));
    use(PK_SPEND_DATA, 101);
    wait_ms(6000);
    const uint64_t over = *stored;
    CHECK(over >= 10u << 20);
    gw.sim.links[1].carried_bytes += 400u << 10;
    wait_ms(6000);
    CHECK_EQ_U64(*stored, over);
    check_sound();
}

PK_TEST_MAIN(data__power_cuts_within_the_hour__the_limit_is_reached_all_the_same,
             growth__is_stored_by_hundredths_of_the_limit, counted__without_a_limit_too__and_said,
             data__summaries_become_rare__then_come_again,
             data__used_up__critical_goes_and_low_waits_until_there_is_some_again,
             data__only_metered_brokers_count, flash__detail_gives_way_in_its_order__never_of_critical_ones,
             flash__used_up__a_storm_writes_less_and_what_opens_is_stored,
             flash__tight__what_rules_learned_waits, restart__what_was_used_stays_used)
