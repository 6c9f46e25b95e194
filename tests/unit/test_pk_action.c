#include "respond/pk_action.h"

#include <string.h>

#include "respond/pk_action_parse.h"
#include "support/pk_test.h"

static struct pk_action_table table;

static void load(const char *text) {
    struct pk_diag diag;
    pk_actions_init(&table);
    CHECK_EQ_INT(pk_actions_parse(&table, pk_str_of(text), "t.conf", &diag), PK_OK);
    CHECK_EQ_INT(pk_actions_finish(&table, "t.conf", &diag), PK_OK);
}

static const char TWO_ROWS[] =
    "[action restart]\nabout = Restarts it\nargv = /bin/svc restart {target} now\nargv = /bin/true\n"
    "verify = /bin/svc status {target}\ntargets = web, db@1\ncritical_targets = core.service\n"
    "[action look]\nargv = /bin/cat /proc/loadavg\nread_only = yes\n";

PK_TEST(words__both_ways) {
    uint8_t risk = 0, cost = 0;
    for (uint8_t i = 0; i < PK_RISK_COUNT; i++) {
        CHECK_EQ_INT(pk_risk_parse(pk_str_of(pk_risk_word(i)), &risk), PK_OK);
        CHECK_EQ_INT(risk, i);
    }
    for (uint8_t i = 0; i < PK_COST_COUNT; i++) {
        CHECK_EQ_INT(pk_action_cost_parse(pk_str_of(pk_action_cost_word(i)), &cost), PK_OK);
        CHECK_EQ_INT(cost, i);
    }
    CHECK_EQ_INT(pk_risk_parse(pk_str_of("HIGH"), &risk), PK_OK);
    CHECK_EQ_INT(risk, PK_RISK_HIGH);
    CHECK_EQ_INT(pk_risk_parse(pk_str_of("huge"), &risk), PK_E_BAD_FIELD);
    CHECK_STR(pk_risk_word(PK_RISK_COUNT), "unknown");
    CHECK_STR(pk_action_cost_word(200), "unknown");
}

PK_TEST(target_is_valid__only_the_listed_alphabet) {
    static const char *const BAD[] = {"",     "-rf",  "--help", "../etc", "a/b", "a b",      "a;b",
                                      "$(x)", "a\tb", "a\nb",   "a*",     "a'b", "\xC3\xA4", "{x}"};
    char name[65];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK(!pk_action_target_is_valid(pk_str_of(BAD[i])));
    }
    CHECK(pk_action_target_is_valid(pk_str_of("a-b_c.d:e@1")));
    memset(name, 'a', sizeof name);
    CHECK(pk_action_target_is_valid(pk_str_make(name, 63)));
    CHECK(!pk_action_target_is_valid(pk_str_make(name, 64)));
    CHECK(!pk_action_target_is_valid(pk_str_make("a\0b", 3)));
}

PK_TEST(check_target__allow_list_decides) {
    bool is_critical = true;
    load(TWO_ROWS);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("web"), &is_critical), PK_OK);
    CHECK(!is_critical);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("core.service"), &is_critical), PK_OK);
    CHECK(is_critical);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("we"), &is_critical), PK_E_POLICY);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("WEB"), &is_critical), PK_E_POLICY);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("../web"), &is_critical), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of(""), &is_critical), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_action_check_target(&table, 1, pk_str_of(""), &is_critical), PK_OK);
    CHECK_EQ_INT(pk_action_check_target(&table, 1, pk_str_of("web"), &is_critical), PK_E_BAD_FIELD);
}

PK_TEST(check_target__disabled_row_refuses_all) {
    bool is_critical = false;
    load("[action a]\nargv = /bin/true {target}\ntargets = x\nenabled = no\n");
    CHECK_EQ_INT(pk_action_check_target(&table, 0, pk_str_of("x"), &is_critical), PK_E_POLICY);
    CHECK_EQ_INT(pk_actions_find(&table, pk_str_of("a")), 0);
}

PK_TEST(argv__fills_whole_words_and_ends_with_null) {
    const char *argv[PK_ACTION_ARGV_MAX];
    struct pk_action_words words = {.target = "web", .snapshot = "/s/undo.x"};
    load(TWO_ROWS);
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_ACT, 0, &words, argv), 4);
    CHECK_STR(argv[0], "/bin/svc");
    CHECK_STR(argv[1], "restart");
    CHECK_STR(argv[2], "web");
    CHECK_STR(argv[3], "now");
    CHECK(argv[4] == NULL);
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_ACT, 1, &words, argv), 1);
    CHECK_STR(argv[0], "/bin/true");
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_ACT, 2, &words, argv), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_VERIFY, 0, &words, argv), 3);
    CHECK_EQ_INT(pk_action_argv(&table, 1, PK_PHASE_VERIFY, 0, &words, argv), PK_E_NOT_FOUND);
}

PK_TEST(find_and_read) {
    load(TWO_ROWS);
    CHECK_EQ_INT(pk_actions_find(&table, pk_str_of("look")), 1);
    CHECK_EQ_INT(pk_actions_find(&table, pk_str_of("loo")), PK_E_NOT_FOUND);
    CHECK_STR(pk_action_about(&table, 0), "Restarts it");
    CHECK_STR(pk_action_about(&table, 1), "");
    CHECK_STR(pk_action_target(&table, 0, 1), "db@1");
}

PK_TEST(argv__target_within_a_word_and_snapshot) {
    const char *argv[PK_ACTION_ARGV_MAX];
    char path[PK_ACTION_SNAPSHOT_BYTES], long_dir[PK_ACTION_SNAPSHOT_BYTES], name[PK_ACTION_NAME_BYTES + 8];
    struct pk_action_words words = {.target = "web", .snapshot = "/s/undo.x"};
    load("[action a]\nargv = /bin/x --n={target}.service {target} a{target}b{target} {target}{\ntargets = "
         "web\n"
         "snapshot = /bin/x {snapshot}\nundo = /bin/x {snapshot} /srv/{target}\n");
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_ACT, 0, &words, argv), 5);
    CHECK_STR(argv[1], "--n=web.service");
    CHECK_STR(argv[2], "web");
    CHECK_STR(argv[3], "awebbweb");
    CHECK_STR(argv[4], "web{");
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_UNDO, 0, &words, argv), 3);
    CHECK_STR(argv[1], "/s/undo.x");
    CHECK_STR(argv[2], "/srv/web");
    CHECK_EQ_INT(pk_action_snapshot_path("/s", "a", "web", path), PK_OK);
    CHECK_STR(path, "/s/supervisor/undo.a@web");
    CHECK_EQ_INT(pk_action_snapshot_path("/s", "a", "", path), PK_OK);
    CHECK_STR(path, "/s/supervisor/undo.a");
    memset(long_dir, 'x', sizeof long_dir - 1);
    long_dir[sizeof long_dir - 1] = '\0';
    CHECK_EQ_INT(pk_action_snapshot_path(long_dir, "a", "", path), PK_E_TOO_BIG);
    pk_action_undo_name("a", name);
    CHECK_STR(name, "undo:a");
    CHECK(!pk_action_target_is_valid(pk_str_of("..")));
    CHECK(!pk_action_target_is_valid(pk_str_of(".")));
    CHECK(pk_action_target_is_valid(pk_str_of("..a")));
}

PK_TEST_MAIN(argv__target_within_a_word_and_snapshot, words__both_ways,
             target_is_valid__only_the_listed_alphabet, check_target__allow_list_decides,
             check_target__disabled_row_refuses_all, argv__fills_whole_words_and_ends_with_null,
             find_and_read)
