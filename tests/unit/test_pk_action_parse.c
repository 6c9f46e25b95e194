#include "respond/pk_action_parse.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_action_table table;
static struct pk_diag diag;

static int load(const char *text) {
    pk_actions_init(&table);
    const int err = pk_actions_parse(&table, pk_str_of(text), "actions.conf", &diag);
    return err != PK_OK ? err : pk_actions_finish(&table, "actions.conf", &diag);
}

static void refused(const char *text, uint32_t line, uint32_t column, const char *words) {
    memset(&diag, 0, sizeof diag);
    CHECK_EQ_INT(load(text), PK_E_CONFIG);
    CHECK_STR(diag.file, "actions.conf");
    CHECK_EQ_U64(diag.line, line);
    CHECK_EQ_U64(diag.column, column);
    CHECK(strstr(diag.message, words) != NULL);
}

PK_TEST(parse__every_key) {
    CHECK_EQ_INT(load("[action a_b-1]\nabout = What # comment\nrisk = medium\ncost = outage\nenabled = "
                      "yes\nread_only = no\nidempotent = yes\n"
                      "daemon = yes\nask_in_safe_mode = yes\nargv = /bin/x {target}\nverify = "
                      "/bin/y\nverify_within = 1m\ntargets = p , q,\n"
                      "critical_targets = r\ntimeout = 10s\ncooldown = 0s\nper_hour = 60\n"),
                 PK_OK);
    const struct pk_action *a = &table.rows[0];
    CHECK_EQ_U64(table.count, 1);
    CHECK_STR(a->name, "a_b-1");
    CHECK_STR(table.text + a->about, "What");
    CHECK_EQ_INT(a->risk, PK_RISK_MEDIUM);
    CHECK_EQ_INT(a->cost, PK_COST_OUTAGE);
    CHECK(a->is_enabled && !a->is_read_only && a->is_idempotent && a->leaves_children &&
          a->asks_in_safe_mode && a->needs_target);
    CHECK_EQ_U64(a->verify_within_ms, 60000);
    CHECK_EQ_U64(a->timeout_ms, 10000);
    CHECK_EQ_U64(a->cooldown_ms, 0);
    CHECK_EQ_U64(a->per_hour, 60);
    CHECK_EQ_U64(a->target_count, 3);
    CHECK_EQ_INT(a->is_critical_target[0], 0);
    CHECK_EQ_INT(a->is_critical_target[2], 1);
}

PK_TEST(parse__defaults_are_careful) {
    CHECK_EQ_INT(load("[action a]\nargv = /bin/x\n[action kill_queries]\nargv = /bin/y\n"), PK_OK);
    const struct pk_action *a = &table.rows[0];
    CHECK_EQ_INT(a->risk, PK_RISK_HIGH);
    CHECK(!a->is_idempotent && !a->asks_in_safe_mode && !a->needs_target);
    CHECK_EQ_U64(a->per_hour, 3);
    CHECK_EQ_U64(a->cooldown_ms, 300000);
    CHECK_EQ_U64(a->verify_within_ms, 0);
    CHECK(table.rows[1].asks_in_safe_mode);
}

PK_TEST(parse__later_file_changes_only_the_keys_it_names) {
    pk_actions_init(&table);
    CHECK_EQ_INT(pk_actions_parse(&table,
                                  pk_str_of("[action a]\nrisk = low\nargv = /bin/x {target}\nargv = "
                                            "/bin/z\nverify = clear\n[action b]\nargv = /bin/b\n"),
                                  "shipped", &diag),
                 PK_OK);
    CHECK_EQ_INT(pk_actions_parse(&table, pk_str_of("[action a]\ntargets = web\nverify = /bin/v {target}\n"),
                                  "own", &diag),
                 PK_OK);
    CHECK_EQ_INT(pk_actions_finish(&table, "own", &diag), PK_OK);
    const struct pk_action *a = &table.rows[0];
    CHECK_EQ_U64(table.count, 2);
    CHECK_EQ_INT(a->risk, PK_RISK_LOW);
    CHECK_EQ_INT(a->step_count[PK_PHASE_ACT], 2);
    CHECK_EQ_INT(a->step_count[PK_PHASE_VERIFY], 1);
    CHECK(!a->verifies_by_clear);
    CHECK_EQ_U64(a->verify_within_ms, 30000);
    CHECK_EQ_U64(a->target_count, 1);
}

PK_TEST(parse__argv_again_in_a_later_file_replaces_all_lines) {
    const char *argv[PK_ACTION_ARGV_MAX];
    struct pk_action_words words = {.target = "web", .snapshot = "/s/undo.x"};
    pk_actions_init(&table);
    CHECK_EQ_INT(
        pk_actions_parse(&table, pk_str_of("[action a]\nargv = /bin/x\nargv = /bin/y\n"), "1", &diag), PK_OK);
    CHECK_EQ_INT(pk_actions_parse(&table, pk_str_of("[action a]\nargv = /bin/z\n"), "2", &diag), PK_OK);
    CHECK_EQ_INT(pk_actions_finish(&table, "2", &diag), PK_OK);
    CHECK_EQ_INT(table.rows[0].step_count[PK_PHASE_ACT], 1);
    CHECK_EQ_INT(pk_action_argv(&table, 0, PK_PHASE_ACT, 0, &words, argv), 1);
    CHECK_STR(argv[0], "/bin/z");
}

PK_TEST(parse__refuses_with_place_and_reason) {
    refused("risk = low\n", 1, 1, "before the first");
    refused("[rule a]\n", 1, 1, "unknown section rule");
    refused("[action]\n", 1, 1, "name");
    refused("[action a]\nargv = /bin/x\n[action a]\nargv = /bin/x\n", 3, 1, "twice: a");
    refused("[action a]\nrsk = low\n", 2, 1, "did you mean risk?");
    refused("[action a]\nrisk = low\nrisk = low\n", 3, 1, "given twice");
    refused("[action a]\nrisk = lwo\n", 2, 8, "lwo");
    refused("[action a]\nargv = x y\n", 2, 8, "absolute path: x");
    refused("[action a]\nargv = {target}\n", 2, 8, "absolute path");
    refused("[action a]\nargv = /opt/{target}/x y\n", 2, 8, "no place for {target}");
    refused("[action a]\nargv = /bin/x\nsnapshot = /bin/y {snapshot}\n", 1, 1, "snapshot without undo: a");
    refused("[action a]\nargv = /bin/x\nundo = /bin/y {snapshot}\n", 1, 1, "no snapshot line");
    refused("[action a]\nargv = /bin/x\nsnapshot = /bin/dd of={snapshot}\nundo = /bin/y {snapshot}\n", 3, 12,
            "a word of its own");
    refused("[action a]\nargv = /bin/x\nconfirm_within = 5s\n", 1, 1, "confirm_within without undo: a");
    refused("[action a]\nargv = /bin/x\nundo = y\n", 3, 8, "absolute path: y");
    refused("[action a]\nargv = /bin/x\nundo = /a\nundo = /a\nundo = /a\nundo = /a\nundo = /a\n", 7, 1,
            "more than 4");
    refused("[action a]\nargv = /bin/x {target}\ntargets = a, ..\n", 3, 11, "..");
    refused("[action a]\nargv = /bin/x a{target}{target}{target}{target} b{target}{target}{target}{target} "
            "{target}c\n",
            2, 8, "too long with a target");
    refused("[action a]\nargv = /bin/sh -c \"rm x\"\n", 2, 8, "no quotes");
    refused("[action a]\nargv =\n", 2, 7, "needs a program");
    refused("[action a]\nargv = /bin/x {target}\ntargets = -rf\n", 3, 11, "-rf");
    refused("[action a]\nargv = /bin/x {target}\ntargets = a, ../b\n", 3, 11, "../b");
    refused("[action a]\nargv = /bin/x {target}\ntargets = a, a\n", 3, 11, "named twice");
    refused("[action a]\nargv = /bin/x\nper_hour = 0\n", 3, 12, "1 to 60");
    refused("[action a]\nargv = /bin/x\nper_hour = 61\n", 3, 12, "1 to 60");
    refused("[action a]\nargv = /bin/x\ntimeout = 2h\n", 3, 11, "out of range");
    refused("[action a]\nargv = /bin/x\ntimeout = soon\n", 3, 11, "not a duration");
    refused("[action a]\nargv = /bin/x\nread_only = maybe\n", 3, 13, "yes or no");
    refused("[action a]\nargv = /bin/x\nverify = clear\nverify = /bin/y\n", 4, 10, "not both");
    refused("[action a]\nargv = /bin/x\nverify = /bin/y\nverify = clear\n", 4, 10, "not both");
    refused("[action a]\nargv = /bin/x\nverify = clear\nverify = clear\n", 4, 10, "not both");
    refused("[action a]\nrisk = low\n", 1, 1, "no argv: a");
    refused("[action a]\nargv = /bin/x\nverify_within = 5s\n", 1, 1, "without verify");
    refused("[action a]\nargv = /bin/x\ntargets = web\n", 1, 1, "{target}");
    refused("[action a\nargv = /bin/x\n", 1, 10, "]");
}

PK_TEST(parse__bounds_are_errors_not_losses) {
    static char text[PK_LIMIT_ACTION_TEXT_BYTES * 4];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i <= PK_LIMIT_ACTIONS; i++) {
        pk_buf_puts(&b, "[action a");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\nargv = /bin/x\n");
    }
    refused(text, PK_LIMIT_ACTIONS * 2 + 1, 1, "more actions");
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "[action a]\nargv = /bin/x {target}\ntargets = ");
    for (uint32_t i = 0; i <= PK_LIMIT_ACTION_TARGETS; i++) {
        pk_buf_putc(&b, 't');
        pk_buf_put_u64(&b, i);
        pk_buf_putc(&b, ',');
    }
    refused(text, 3, 11, "more targets");
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "[action a]\nargv = /bin/x");
    for (uint32_t i = 0; i < PK_ACTION_ARGV_MAX; i++) {
        pk_buf_puts(&b, " y");
    }
    refused(text, 2, 8, "more than 23 words");
    refused("[action a]\nargv = /a\nargv = /a\nargv = /a\nargv = /a\nargv = /a\n", 6, 1, "more than 4");
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; b.n < PK_LIMIT_ACTION_TEXT_BYTES * 2u && i < PK_LIMIT_ACTIONS; i++) {
        pk_buf_puts(&b, "[action a");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\nargv = /bin/x ");
        for (unsigned k = 0; k < 20; k++) {
            pk_buf_puts(
                &b, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ");
        }
        pk_buf_putc(&b, '\n');
    }
    CHECK(!b.is_cut);
    CHECK_EQ_INT(load(text), PK_E_CONFIG);
    CHECK(strstr(diag.message, "more text") != NULL);
}

PK_TEST(crc__says_what_the_rows_say) {
    CHECK_EQ_INT(load("[action a]\nargv = /bin/x {target}\ntargets = p\n"), PK_OK);
    const uint32_t crc = table.crc;
    CHECK_EQ_INT(load("# other comment\n\n[action a]\ntargets = p\nargv = /bin/x   {target}\n"), PK_OK);
    CHECK_EQ_U64(table.crc, crc);
    CHECK_EQ_INT(load("[action a]\nargv = /bin/x {target}\ntargets = q\n"), PK_OK);
    CHECK(table.crc != crc);
    CHECK_EQ_INT(load("[action a]\nargv = /bin/x {target}\ncritical_targets = p\n"), PK_OK);
    CHECK(table.crc != crc);
    CHECK_EQ_INT(load("[action a]\nargv = /bin/x {target}\ntargets = p\nrisk = low\n"), PK_OK);
    CHECK(table.crc != crc);
}

PK_TEST(shipped_file__is_valid_and_lets_nothing_run_on_anybody_yet) {
    static char text[65536];
    FILE *f = fopen(PK_SOURCE_DIR "/config/actions.conf", "rb");
    bool is_critical = false;
    REQUIRE(f != NULL);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    memset(&diag, 0, sizeof diag);
    CHECK_EQ_INT(load(text), PK_OK);
    CHECK_STR(diag.message, "");
    const int restart = pk_actions_find(&table, pk_str_of("restart_service"));
    REQUIRE(restart >= 0);
    CHECK_EQ_INT(pk_action_check_target(&table, (uint32_t)restart, pk_str_of("ssh"), &is_critical),
                 PK_E_POLICY);
    const int look = pk_actions_find(&table, pk_str_of("collect_diagnostics"));
    REQUIRE(look >= 0);
    CHECK(table.rows[look].is_read_only);
    for (uint32_t i = 0; i < table.count; i++) {
        CHECK(pk_action_about(&table, i)[0] != '\0');
    }
}

PK_TEST(parse__snapshot_and_undo__lines_of_their_own_and_part_of_the_crc) {
    static const char *const text =
        "[action a]\nargv = /bin/x {target}\ntargets = web\nsnapshot = /bin/cp -a /srv/{target} {snapshot}\n"
        "undo = /bin/cp -a {snapshot} /srv/{target}\nundo = /bin/sync\n";
    load(text);
    const uint32_t crc = table.crc;
    CHECK_EQ_INT(table.rows[0].step_count[PK_PHASE_SNAPSHOT], 1);
    CHECK_EQ_INT(table.rows[0].step_count[PK_PHASE_UNDO], 2);
    CHECK_EQ_INT(table.rows[0].step_count[PK_PHASE_ACT], 1);
    pk_actions_init(&table);
    REQUIRE(pk_actions_parse(&table, pk_str_of(text), "a", &diag) == PK_OK);
    REQUIRE(pk_actions_parse(&table, pk_str_of("[action a]\nundo = /bin/sync\n"), "b", &diag) == PK_OK);
    REQUIRE(pk_actions_finish(&table, "b", &diag) == PK_OK);
    CHECK_EQ_INT(table.rows[0].step_count[PK_PHASE_UNDO], 1); /* replaced whole */
    CHECK(table.crc != crc);
}

PK_TEST(parse__actions_of_an_incident_type) {
    load("[action a]\nargv = /bin/x\n[incident disk_space_low]\nactions = a, b\n[action b]\nargv = /bin/x\n");
    CHECK(pk_str_eq_c(pk_actions_for_type(&table, pk_str_of("disk_space_low")), "a, b"));
    CHECK_EQ_INT(pk_actions_for_type(&table, pk_str_of("cpu_high")).n, 0);
    CHECK_EQ_INT(table.count, 2);
    REQUIRE(pk_actions_parse(&table, pk_str_of("[incident disk_space_low]\nactions = b\n"), "f", &diag) ==
            PK_OK);
    REQUIRE(pk_actions_finish(&table, "f", &diag) == PK_OK);
    CHECK(pk_str_eq_c(pk_actions_for_type(&table, pk_str_of("disk_space_low")), "b")); /* replaced whole */
    refused("[incident x]\nactions = a\n", 1, 1, "there is not: a");
    refused("[incident x.y]\nactions = a\n", 1, 1, "not an incident type: x.y");
    refused("[incident x]\naction = a\n", 2, 1, "has actions only");
    refused("[incident x]\nactions = a\nactions = a\n", 3, 1, "given twice");
    refused("[incident x]\nactions = a;b\n", 2, 11, "not the name of an action: a;b");
    refused("[incident x]\nactions = a,a,a,a,a,a,a\n", 2, 11, "more than 6");
    refused("[incident x]\n[incident x]\n", 2, 1, "is there twice: x");
}

PK_TEST_MAIN(parse__actions_of_an_incident_type,
             parse__snapshot_and_undo__lines_of_their_own_and_part_of_the_crc, parse__every_key,
             parse__defaults_are_careful, parse__later_file_changes_only_the_keys_it_names,
             parse__argv_again_in_a_later_file_replaces_all_lines, parse__refuses_with_place_and_reason,
             parse__bounds_are_errors_not_losses, crc__says_what_the_rows_say,
             shipped_file__is_valid_and_lets_nothing_run_on_anybody_yet)
