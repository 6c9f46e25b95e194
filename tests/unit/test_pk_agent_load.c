#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool boots(const char *config, const char *actions, const char *rules, const char *keys) {
    prepare(&(struct gateway_setup){
        .seed = 4, .config = config, .actions = actions, .rules = rules, .keys = keys});
    return gateway_boot(&gw);
}

static const char *refusal(const char *config, const char *actions, const char *rules, const char *keys) {
    static char text[400];
    struct pk_buf b;
    CHECK(!boots(config, actions, rules, keys));
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&gw.diag, &b);
    return text;
}

PK_TEST(reload__what_the_new_file_says__holds_everywhere) {
    static const char MORE[] = "[agent]\nmode = observe\nsafe_mode = no\napproval_timeout = 7m\n";
    begin(NULL);
    CHECK_EQ_INT(gw.agent.respond.settings.mode, PK_MODE_SAFE);
    (void)pk_sim_file_set(&gw.sim, "/etc/picket/conf.d/10-more.conf", MORE, (uint32_t)strlen(MORE));
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_STR(gw.agent.diag.message, "");
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_OBSERVE);
    CHECK_EQ_INT(gw.agent.config.mode, PK_MODE_OBSERVE);
    CHECK_EQ_INT(gw.agent.config_spare.mode, PK_MODE_SAFE);
    CHECK_EQ_INT(gw.agent.respond.settings.mode, PK_MODE_OBSERVE);
    CHECK(!gw.agent.respond.settings.is_safe_mode);
    CHECK_EQ_U64(gw.agent.respond.settings.approval_timeout_ms, 420000);
    check_sound();
}

PK_TEST(load__each_file_may_refuse__with_its_name_and_place) {
    CHECK(strstr(refusal("[agnet]\n", NULL, NULL, NULL), ":1:") != NULL);
    CHECK(strstr(refusal(NULL, "[action x]\nrisk = dreadful\n", NULL, NULL),
                 "risk is low, medium, high or critical") != NULL);
    CHECK(strstr(refusal(NULL, NULL, "[rule x]\nabout = y\nwhne = value > 1\n", NULL), "did you mean") !=
          NULL);
    CHECK(strstr(refusal(NULL, NULL, "[rule x]\nwhne = value > 1\n", NULL), "/rules.d/") != NULL);
    CHECK(strstr(refusal(NULL, NULL, NULL, "[key a]\nrole = king\n"), ":2:") != NULL);
}

PK_TEST(load__unknown_action__is_a_warning_with_its_place) {
    static const char RULES[] = "[rule x]\non = any\nwhen = count >= 3 in 5s\ntype = custom\nseverity = low\n"
                                "actions = resart_service, collect_diagnostics\n";
    REQUIRE(boots(NULL, NULL, RULES, NULL));
    CHECK(
        gateway_log_has(&gw, "actions.conf has no action 'resart_service'; did you mean 'restart_service'?"));
    CHECK(gateway_log_has(&gw, ".rules:6:11: actions.conf has no"));
    CHECK(!gateway_log_has(&gw, "no action 'collect_diagnostics'")); /* a shipped rule has it */
}

/* What the shipped defaults say is a cut nobody is called for. */
PK_TEST(load__a_will_before_the_way_back__is_a_warning) {
    static const char HEAD[] = "[gateway]\nsite = lab\ngateway = @\n", HOST[] = "host = h\ntls = no\n";
    static const struct {
        const char *central, *site;
        bool is_warned;
    } ROWS[] = {{"", "", false},
                {"will_delay = 64s\n", "", true},
                {"will_delay = 65s\nsession_expiry = 65s\n", "", false},
                {"session_expiry = 64s\n", "", true},
                {"reconnect_first = 1s\nwill_delay = 21s\n", "", false},
                {"", "will_delay = 20s\n", true}};
    char config[400];
    for (uint32_t i = 0; i < PK_COUNT_OF(ROWS); i++) {
        (void)snprintf(config, sizeof config, "%s[broker central]\n%s%s[broker site]\n%s%s", HEAD, HOST,
                       ROWS[i].central, HOST, ROWS[i].site);
        REQUIRE(boots(config, NULL, NULL, NULL));
        CHECK_EQ_INT(gateway_log_has(&gw, "a short cut alarms"), ROWS[i].is_warned);
        for (uint32_t l = 0; l < PK_LINKS; l++) {
            const struct pk_config_broker *b = &gw.agent.config.broker[l];
            CHECK(ROWS[i].is_warned ||
                  b->will_delay_ms >= b->reconnect_first_ms + PK_LINK_CONNECT_TIMEOUT_MS);
        }
    }
    CHECK(gateway_log_has(&gw, "reconnect_first + 20s: site"));
}

PK_TEST(load__operator_rule__replaces_the_shipped_one) {
    REQUIRE(boots(
        NULL, NULL,
        "[rule process_lost]\nabout = mine\non = type = process_up\nwhen = value < 1\ntype = service_down\n"
        "severity = low\nclear = value >= 1 for 1s\n",
        NULL));
    const int index = pk_engine_find_rule(&gw.agent.engine, pk_str_of("process_lost"));
    REQUIRE(index >= 0);
    CHECK_EQ_INT(pk_engine_rule(&gw.agent.engine, (uint32_t)index)->severity, PK_SEV_LOW);
    CHECK(pk_engine_rule(&gw.agent.engine, (uint32_t)index)->is_own);
}

PK_TEST(load_again__refused__changes_nothing) {
    struct pk_diag diag;
    begin(NULL);
    const uint32_t rules = pk_engine_rule_count(&gw.agent.engine), crc = pk_agent_actions_crc(&gw.agent);
    const uint8_t mode = gw.agent.config.mode;
    CHECK_EQ_INT(pk_agent_load(&gw.agent, "/no/such/file.conf", NULL, &diag), PK_E_CONFIG);
    CHECK_STR(diag.file, "/no/such/file.conf");
    CHECK_EQ_U64(pk_engine_rule_count(&gw.agent.engine), rules);
    CHECK_EQ_U64(pk_agent_actions_crc(&gw.agent), crc);
    CHECK_EQ_INT(gw.agent.config.mode, mode);
    CHECK(open_incident() != NULL); /* it goes on */
}

PK_TEST_MAIN(load__a_will_before_the_way_back__is_a_warning, reload__what_the_new_file_says__holds_everywhere,
             load__each_file_may_refuse__with_its_name_and_place,
             load__unknown_action__is_a_warning_with_its_place, load__operator_rule__replaces_the_shipped_one,
             load_again__refused__changes_nothing)
