#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool is_known(const char *type) {
    return pk_types_find(&gw.agent.intake.types, pk_str_of(type)) >= 0;
}

/* Names of the configuration. */
static uint32_t ours(void) {
    return gw.agent.intake.types.count - gw.agent.intake.types.foreign_count;
}

/* As a local process that names its events as it likes. */
static void flood_types(uint32_t count) {
    char line[80];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"m%u\",\"source\":\"stranger\"}\n", (unsigned)i);
        (void)gateway_events(&gw, line);
    }
}

PK_TEST(types__that_rules_patterns_and_rows_name__are_there_at_the_start) {
    static const struct gateway_setup SETUP = {
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[map m]\ntopic = a/+\ntype = opened\nsource = {1}\n"
                  "[map n]\ntopic = b/+\ntype = {1}\nsource = b\n",
        .rules = "[rule own]\non = type = pump_dry | pump_wet | well_*\nwhen = count >= 1 in 1m\n"
                 "type = custom\nseverity = low\n",
        .has_no_broker = true};
    prepare(&SETUP);
    REQUIRE(gateway_boot(&gw));
    CHECK(is_known("pump_dry") && is_known("pump_wet") && is_known("opened"));
    CHECK(is_known("fs_readonly") && is_known("auth_failed") && is_known("crash_loop")); /* shipped */
    CHECK(!is_known("well_*") && !is_known("{1}") && !is_known("none"));
    CHECK_EQ_U64(gw.agent.intake.types.foreign_count, 0);
    /* And what this board ships with leaves room for the operator. */
    CHECK(gw.agent.intake.types.count + 32u <= PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN);
}

PK_TEST(types__a_flood_of_names__leaves_room_for_ours_and_opens_one_incident) {
    begin(NULL);
    flood_types(PK_LIMIT_TYPES + 10u);
    CHECK_EQ_U64(gw.agent.intake.types.foreign_count, PK_LIMIT_TYPES_FOREIGN);
    CHECK(says(0, "sources.get", "{\"source\":\"stranger\"}", "\"type_table\""));
    CHECK(says(0, "rules.create",
               "{\"text\":\"[rule late]\\non = type = late_type\\nwhen = count >= 1 in 1m\\ntype = "
               "custom\\nseverity = low\\n\"}",
               "\"loaded\":true"));
    (void)gateway_events(&gw, "{\"type\":\"late_type\",\"source\":\"stranger\"}\n");
    wait_ms(100);
    CHECK(gateway_incident(&gw, "late") != NULL);
    wait_ms(60000);
    const struct pk_incident *i = gateway_incident(&gw, "names_short");
    REQUIRE(i != NULL);
    const uint32_t number = i->number;
    wait_ms(240000);
    i = gateway_incident(&gw, "names_short");
    CHECK(i->number == number && i->status == PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(create__a_rule_on_a_type_without_room__is_refused) {
    char name[24];
    begin(NULL);
    for (uint32_t i = 0; ours() + 1u < PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN; i++) {
        (void)snprintf(name, sizeof name, "filler%u", (unsigned)i);
        REQUIRE(pk_types_intern(&gw.agent.intake.types, pk_str_of(name)) >= 0);
    }
    CHECK(says(0, "rules.create",
               "{\"text\":\"# mine\\n[rule two]\\non = type = new_a |\\n  new_b\\nwhen = count >= 1 in "
               "1m\\ntype = custom\\nseverity = low\\n\",\"file\":\"two.rules\"}",
               "two.rules:4:3: no room for event type 'new_b': the limit event_types ("));
    CHECK_EQ_U64(gw.agent.intake.types.refused_count, 0); /* no event was lost */
    CHECK(says(0, "rules.show", "{\"rule\":\"two\"}", "not_found"));
    CHECK(!is_known("new_a") && !is_known("new_b"));
    CHECK(says(0, "rules.create",
               "{\"text\":\"[rule one]\\non = type = new_a | filler1 | cpu_*\\nwhen = count >= 1 in "
               "1m\\ntype = custom\\nseverity = low\\n\"}",
               "\"loaded\":true"));
    CHECK(is_known("new_a"));
    check_sound();
}

#define RULE_END "\nwhen = count >= 1 in 1m\ntype = custom\nseverity = low\nkeys = 1\n"

/* A file of rules on the types `first`, t0, t1, ..., so many behind the first, and `more`. */
static void fill_rules(char *text, size_t cap, uint32_t count, const char *more) {
    size_t n = (size_t)snprintf(text, cap, "# a file\n[rule own]\non = type = first");
    for (uint32_t i = 0; i < count; i++) {
        if (i % 50u == 49u) {
            n += (size_t)snprintf(text + n, cap - n, RULE_END "[rule own%u]\non = type = t%u", (unsigned)i,
                                  (unsigned)i);
        } else {
            n += (size_t)snprintf(text + n, cap - n, " | t%u", (unsigned)i);
        }
    }
    (void)snprintf(text + n, cap - n, "%s" RULE_END, more);
}

static const char *refusal(const char *config, const char *rules, const char *patterns) {
    static char text[400];
    struct pk_buf b;
    prepare(&(struct gateway_setup){.seed = 1, .config = config, .rules = rules, .has_no_broker = true});
    if (patterns != NULL) {
        CHECK(pk_sim_file_set(&gw.sim, "/etc/picket/patterns.d/own.patterns", patterns,
                              (uint32_t)strlen(patterns)) >= 0);
    }
    pk_buf_init(&b, text, sizeof text);
    if (!gateway_boot(&gw)) {
        pk_diag_format(&gw.diag, &b);
    }
    return text;
}

#define SMALL_CONFIG "[gateway]\nsite = lab\ngateway = @\n"

PK_TEST(load__types_without_room__are_refused_where_they_stand) {
    static char rules[64 * 1024], patterns[120];
    CHECK_STR(refusal(SMALL_CONFIG, NULL, NULL), "");
    const uint32_t room = PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN - ours();
    printf("# %u of ours, room for %u more\n", (unsigned)ours(), (unsigned)room);
    REQUIRE(room > 2u && sizeof rules > room * 12u);
    fill_rules(rules, sizeof rules, room - 1u, ""); /* with `first` */
    CHECK_STR(refusal(SMALL_CONFIG, rules, NULL), "");
    CHECK_EQ_U64(ours(), PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN);
    fill_rules(rules, sizeof rules, room - 1u, " | first | cpu_* |\n  last");
    CHECK(strstr(refusal(SMALL_CONFIG, rules, NULL), ":3: no room for event type 'last': the limit "
                                                     "event_types (") != NULL);
    CHECK(strstr(gw.diag.file, "/rules.d/") != NULL);
    /* The rest of the configuration is told where it stands as well. */
    (void)snprintf(patterns, sizeof patterns, "# one\n[pattern dry]\nmatch = runs dry\nevent = pump_dry\n");
    fill_rules(rules, sizeof rules, room - 1u, "");
    CHECK(strstr(refusal(SMALL_CONFIG, rules, patterns), "for event type 't") != NULL); /* rules come last */
}

/* What is in the table when nothing was measured yet is all that measuring ever says. */
PK_TEST(types__of_collectors_and_probes__are_there_before_their_first_sample) {
    static const char CONFIG[] =
        SMALL_CONFIG "[sources]\ngpu = 10s\nload = 0\n[probe a]\nkind = http\nhost = 127.0.0.1\nport = 80\n"
                     "[scrape app]\nhost = 127.0.0.1\nport = 9100\ngauge = jobs -> queue_depth_app\n"
                     "[check disk]\nargv = /bin/true\n[service nginx]\nmanager = systemd\n";
    static const char *const THERE[] = {
        "probe_up",          "probe_latency_ms", "http_status", "certificate_days", "queue_depth_app",
        "check_state",       "check_value",      "gpu_pct",     "process_cpu_pct",  "zombies",
        "service_restarts",  "emmc_eol",         "swap_pct",    "log_error",        "stored_rules_off",
        "store_moved_aside", "outbox_depth",     "net_drops",   "link_contested",   "names_refused"};
    CHECK_STR(refusal(CONFIG, NULL, NULL), "");
    for (size_t i = 0; i < PK_COUNT_OF(THERE); i++) {
        CHECK_STR(is_known(THERE[i]) ? THERE[i] : "", THERE[i]);
    }
    CHECK_EQ_U64(gw.agent.intake.types.foreign_count, 0);
    const uint32_t before = ours();
    flood_types(PK_LIMIT_TYPES + 10u);
    wait_ms(60000);
    CHECK_EQ_U64(ours(), before);
}

PK_TEST(reload__types_without_room__changes_nothing) {
    static char rules[64 * 1024];
    prepare(&(struct gateway_setup){.seed = 1, .config = SMALL_CONFIG, .has_no_broker = true});
    REQUIRE(gateway_boot(&gw));
    flood_types(PK_LIMIT_TYPES + 10u);
    const uint64_t refused = gw.agent.intake.types.refused_count;
    const uint32_t count = gw.agent.intake.types.count, rows = pk_engine_rule_count(&gw.agent.engine);
    fill_rules(rules, sizeof rules, PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN - ours() + 2u, "");
    CHECK(pk_sim_file_set(&gw.sim, "/etc/picket/rules.d/more.rules", rules, (uint32_t)strlen(rules)) >= 0);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK(strstr(gw.agent.diag.message, "no room for event type") != NULL);
    CHECK_STR(gw.agent.diag.file, "/etc/picket/rules.d/more.rules");
    CHECK(gw.agent.intake.types.count == count && gw.agent.intake.types.refused_count == refused);
    CHECK_EQ_U64(pk_engine_rule_count(&gw.agent.engine), rows);
    CHECK(!is_known("t0"));
    /* What finds room is in force, whatever senders took. */
    fill_rules(rules, sizeof rules, 3, " | m3");
    CHECK(pk_sim_file_set(&gw.sim, "/etc/picket/rules.d/more.rules", rules, (uint32_t)strlen(rules)) >= 0);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_EQ_U64(pk_engine_rule_count(&gw.agent.engine), rows + 1u);
    CHECK(is_known("first") && is_known("t2"));
    (void)gateway_events(&gw, "{\"type\":\"t2\",\"source\":\"stranger\"}\n");
    wait_ms(100);
    CHECK(gateway_incident(&gw, "own") != NULL);
}

static void reload_with(const char *path, const char *text) {
    CHECK(pk_sim_file_set(&gw.sim, path, text, (uint32_t)strlen(text)) >= 0);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
}

static void check_place(const char *file, uint32_t line, uint32_t column, const char *type) {
    CHECK_STR(gw.agent.diag.file, file);
    CHECK_EQ_U64(gw.agent.diag.line, line);
    CHECK_EQ_U64(gw.agent.diag.column, column);
    CHECK(strstr(gw.agent.diag.message, "no room for event type") != NULL);
    CHECK(strstr(gw.agent.diag.message, type) != NULL);
}

PK_TEST(reload__patterns_rows_and_series_without_room__are_told_at_their_key) {
    static const char OWN[] = "/etc/picket/patterns.d/own.patterns", MORE[] = "/etc/picket/conf.d/more.conf";
    char name[24];
    prepare(&(struct gateway_setup){.seed = 1, .config = SMALL_CONFIG, .has_no_broker = true});
    REQUIRE(gateway_boot(&gw));
    for (uint32_t i = 0; ours() < PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN; i++) {
        (void)snprintf(name, sizeof name, "filler%u", (unsigned)i);
        REQUIRE(pk_types_intern(&gw.agent.intake.types, pk_str_of(name)) >= 0);
    }
    reload_with(OWN, "[pattern wet]\nmatch = runs wet\nevent = filler0\n"
                     "[pattern dry]\nmatch = runs dry\nevent = pump_dry\n");
    check_place(OWN, 6, 9, "'pump_dry'");
    CHECK_EQ_U64(gw.agent.patterns.use.own.pattern_count, 0);
    reload_with(OWN, "# none\n");
    CHECK_STR(gw.agent.diag.message, "");
    reload_with(MORE, "[map m]\ntopic = a/+\nsource = {1}\ntype = opened\n");
    check_place(MORE, 4, 8, "'opened'");
    reload_with(MORE, "[scrape a]\nhost = 127.0.0.1\nport = 9100\ngauge = jobs -> filler1\n"
                      "[scrape b]\nhost = 127.0.0.1\nport = 9101\ncounter = jobs -> new_jobs\n");
    check_place(MORE, 8, 11, "'new_jobs'");
    CHECK_EQ_U64(gw.agent.config.probes.count, 0);
    CHECK_EQ_U64(ours(), PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN);
}

PK_TEST_MAIN(types__that_rules_patterns_and_rows_name__are_there_at_the_start,
             types__a_flood_of_names__leaves_room_for_ours_and_opens_one_incident,
             create__a_rule_on_a_type_without_room__is_refused,
             load__types_without_room__are_refused_where_they_stand,
             types__of_collectors_and_probes__are_there_before_their_first_sample,
             reload__types_without_room__changes_nothing,
             reload__patterns_rows_and_series_without_room__are_told_at_their_key)
