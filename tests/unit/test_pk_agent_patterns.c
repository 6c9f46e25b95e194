#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define HEAD                                                                                                 \
    "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = trusted\n[sources]\ncpu = 0\nmemory = 0\n"         \
    "psi = 0\nload = 0\ndisk = 0\nprocess = 5s\n"
#define PUMP "[pattern pump_dry]\nevent = pump_dry\nsource = {pump}\nmatch = pump {pump} runs dry\n"

static const char PATH[] = "/etc/picket/patterns.d/plant.patterns";

static void set_file(const char *path, const char *text) {
    CHECK(pk_sim_file_set(&gw.sim, path, text, (uint32_t)strlen(text)) >= 0);
}

static bool boots(const char *config, const char *patterns) {
    prepare(&(struct gateway_setup){.seed = 4, .config = config, .has_no_broker = true});
    if (patterns != NULL) {
        set_file(PATH, patterns);
    }
    return gateway_boot(&gw);
}

static const char *refusal(const char *config, const char *patterns) {
    static char text[400];
    struct pk_buf b;
    CHECK(!boots(config, patterns));
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&gw.diag, &b);
    return text;
}

static uint32_t own_count(void) {
    return gw.agent.patterns.use.own.pattern_count;
}

PK_TEST(load__none__the_shipped_ones_hold) {
    REQUIRE(boots(HEAD "[log a]\npath = /var/log/a.log\n", NULL));
    CHECK_EQ_U64(own_count(), 0);
    CHECK(gw.agent.patterns.picked[0].is_all);
}

PK_TEST(load__all_files__in_their_order) {
    prepare(&(struct gateway_setup){.seed = 4, .config = HEAD, .has_no_broker = true});
    set_file("/etc/picket/patterns.d/b.patterns", "[pattern b]\nevent = b\nmatch = same text\n");
    set_file("/etc/picket/patterns.d/a.patterns", "[pattern a]\nevent = a\nmatch = same text\n");
    set_file("/etc/picket/patterns.d/notes.txt", "no patterns at all");
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(own_count(), 2);
    CHECK_EQ_INT(pk_patterns_find_id(&gw.agent.patterns.use.own, pk_str_of("a")), 0);
}

PK_TEST(load__a_bad_file__is_refused_with_its_place) {
    CHECK(strstr(refusal(HEAD, "[pattern x]\nevent = x\nmtach = abcdef\n"),
                 "plant.patterns:3:1: unknown key 'mtach'; did you mean 'match'") != NULL);
    CHECK(strstr(refusal(HEAD, "[patern x]\n"), ":1:") != NULL);
    CHECK(strstr(refusal(HEAD, "[pattern x]\nevent = x\nmatch = abc\n"), "four or more") != NULL);
}

PK_TEST(load__a_log_that_wants_what_is_not_there__is_refused) {
    const char *text = refusal(HEAD "[log a]\npath = /a\npatterns = ssh, kernal\n", NULL);
    CHECK(strstr(text, "[log a] patterns: no file or pattern is called 'kernal'; did you mean 'kernel'") !=
          NULL);
    CHECK(strstr(text, "picketd.conf:15:17: ") != NULL); /* the word, behind `patterns = ssh, ` */
    text = refusal(HEAD "[log a]\npath = /a\npatterns = ssh,\n  sudo,\n  kernal\n", NULL);
    CHECK(strstr(text, "picketd.conf:17:3: ") != NULL);
    text = refusal(HEAD "[log a]\npath = /a\npatterns = plent\n", PUMP);
    CHECK(strstr(text, "did you mean 'plant'") != NULL);
    CHECK(strstr(refusal(HEAD "[log a]\npath = /a\nformat = sysloog\n", NULL), "is not a form") != NULL);
    CHECK(boots(HEAD "[log a]\npath = /a\npatterns = plant,pump,ssh\nformat = syslog\n", PUMP));
    CHECK(!gw.agent.patterns.picked[0].is_all);
}

PK_TEST(reload__new_ones_hold__bad_ones_change_nothing) {
    REQUIRE(boots(HEAD, PUMP));
    CHECK_EQ_U64(own_count(), 1);
    set_file(PATH, PUMP "[pattern two]\nevent = two\nmatch = a second text\n");
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_EQ_U64(own_count(), 2);
    set_file(PATH, PUMP "[pattern two]\nevnt = two\nmatch = a second text\n");
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_EQ_U64(own_count(), 2);
    CHECK(strstr(gw.agent.diag.message, "unknown key 'evnt'") != NULL);
    CHECK_EQ_U64(gw.agent.patterns.use.own.row_count, 2);
    set_file(PATH, "# nothing any more\n");
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_EQ_U64(own_count(), 0);
    check_sound();
}

PK_TEST_MAIN(load__none__the_shipped_ones_hold, load__all_files__in_their_order,
             load__a_bad_file__is_refused_with_its_place,
             load__a_log_that_wants_what_is_not_there__is_refused,
             reload__new_ones_hold__bad_ones_change_nothing)
