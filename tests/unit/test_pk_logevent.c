#include "event/pk_logevent.h"

#include <string.h>

#include "event/pk_pattern_parse.h"
#include "support/pk_test.h"

static struct pk_pattern meanings[16];
static struct pk_pattern_row rows[16];
static char text[2048];
static struct pk_patterns_build build;
static struct pk_patterns patterns;
static struct pk_logline line;
static struct pk_event_in event;
static struct pk_logevent_once once;
static struct pk_patterns_tables tables;
static struct pk_logevent_pattern found;

static void begin(void) {
    struct pk_diag diag;
    struct pk_pattern_book book = {.patterns = meanings,
                                   .rows = rows,
                                   .text = text,
                                   .pattern_cap = 16,
                                   .row_cap = 16,
                                   .text_cap = sizeof text};
    CHECK_EQ_INT(
        pk_pattern_parse(
            &book, "x",
            pk_str_of("[pattern login]\nevent = auth_failed\nseverity = medium\nsource = {ip}\n"
                      "match = bad login of {user} from {ip}\n"
                      "[pattern full]\nevent = disk_pct\nseverity = line\nvalue = {value}\n"
                      "source = disk.{path}\nmatch = {path} is {value}% full\n"
                      "[pattern said]\nevent = auth_failed\nsource = {ip}\nonce = x\nmatch = said by {ip}\n"
                      "[pattern heard]\nevent = auth_failed\nsource = {ip}\nonce = x\nmatch = heard of {ip}\n"
                      "[pattern noise]\nevent = none\nmatch = nobody cares\n"
                      "[pattern oom]\nevent = memory_high\nvalue = 100\nmatch = out of memory\n"),
            &diag),
        PK_OK);
    CHECK_EQ_INT(pk_patterns_build(&build, &book, &patterns), PK_OK);
    tables = (struct pk_patterns_tables){.tables = {&patterns}, .count = 1};
}

static int make(const char *program, const char *message, int severity) {
    memset(&line, 0, sizeof line);
    memset(&event, 0xA5, sizeof event);
    line.program = pk_str_of(program);
    line.message = pk_str_of(message);
    line.has_severity = severity >= 0;
    line.severity = (uint8_t)severity;
    line.has_time = true;
    line.wall_ms = 1795237490123;
    return pk_logevent_make(&tables, &line, &once, &event, &found);
}

static bool has_field(const char *name, const char *want) {
    struct pk_field f;
    return pk_field_find(pk_str_make((const char *)event.fields, event.field_bytes), pk_str_of(name), &f) &&
           pk_str_eq_c(f.value, want);
}

PK_TEST(make__fills_the_event) {
    begin();
    CHECK_EQ_INT(make("ftpd", "bad login of root from 192.0.2.7", -1), PK_OK);
    CHECK(found.table == &patterns && found.row == 0);
    CHECK_STR(event.type, "auth_failed");
    CHECK_STR(event.source, "192.0.2.7");
    CHECK_STR(event.message, "bad login of root from 192.0.2.7");
    CHECK_EQ_INT(event.severity, PK_SEV_MEDIUM);
    CHECK(event.has_time && event.wall_ms == 1795237490123 && !event.has_value && !event.is_replayed &&
          !event.is_fault);
    CHECK(has_field("user", "root") && has_field("ip", "192.0.2.7"));
    CHECK(has_field("program", "ftpd") && has_field("pattern", "login"));
    CHECK(!has_field("host", ""));
}

PK_TEST(make__takes_value_source_and_severity_of_the_line) {
    begin();
    CHECK_EQ_INT(make("df", "/var/log is 97.5% full", PK_SEV_LOW), PK_OK);
    CHECK_STR(event.source, "disk._var_log");
    CHECK_EQ_INT(event.severity, PK_SEV_LOW);
    CHECK(event.has_value && event.value == 97.5);
    CHECK_EQ_INT(make("df", "/ is 1% full", -1), PK_OK);
    CHECK_EQ_INT(event.severity, PK_SEV_MEDIUM);
    CHECK_EQ_INT(make("app", "out of memory", -1), PK_OK);
    CHECK(event.has_value && event.value == 100.0);
    CHECK_STR(event.source, "app");
    CHECK_EQ_INT(make("", "out of memory", -1), PK_OK);
    CHECK_STR(event.source, "log");
}

PK_TEST(make__errors_without_a_pattern_are_events_too) {
    begin();
    CHECK_EQ_INT(make("my app/1", "broken", PK_SEV_HIGH), PK_OK);
    CHECK(found.table == NULL);
    CHECK_STR(event.type, "log_error");
    CHECK_STR(event.source, "my_app_1");
    CHECK_EQ_INT(event.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(make("app", "broken", PK_SEV_MEDIUM), PK_E_NOT_FOUND);
    CHECK_EQ_INT(make("app", "broken", -1), PK_E_NOT_FOUND);
    CHECK_EQ_INT(make("app", "nobody cares", PK_SEV_HIGH), PK_E_NOT_FOUND);
}

/* As many events as the pattern that speaks most; each source for itself. */
PK_TEST(once__counts_what_two_lines_say_once) {
    static const struct {
        const char *message;
        int want;
    } ROWS[] = {
        {"said by 192.0.2.7", PK_OK},           {"heard of 192.0.2.7", PK_E_NOT_FOUND},
        {"heard of 192.0.2.7", PK_OK},          {"said by 192.0.2.7", PK_E_NOT_FOUND},
        {"said by 192.0.2.8", PK_OK},           {"said by 192.0.2.7", PK_OK},
        {"heard of 192.0.2.7", PK_E_NOT_FOUND}, {"heard of 192.0.2.8", PK_E_NOT_FOUND},
    };
    begin();
    memset(&once, 0, sizeof once);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(make("app", ROWS[i].message, -1), ROWS[i].want);
    }
    CHECK_EQ_U64(once.same_count, 4);
    /* After a pause both begin again. */
    for (unsigned i = 0; i < 2; i++) {
        memset(&line, 0, sizeof line);
        line.message = pk_str_of(i == 0 ? "heard of 192.0.2.7" : "said by 192.0.2.7");
        line.wall_ms = 1795237490123 + PK_LOGEVENT_ONCE_MS + 1;
        CHECK_EQ_INT(pk_logevent_make(&tables, &line, &once, &event, &found),
                     i == 0 ? PK_OK : PK_E_NOT_FOUND);
    }
}

PK_TEST(make__names_are_of_the_bytes_that_names_have) {
    begin();
    for (unsigned byte = 1; byte < 256u; byte++) {
        char program[] = {'a', (char)byte, 'b', '\0'};
        char want[] = {'a', pk_intern_is_name(pk_str_make(&program[1], 1)) ? (char)byte : '_', 'b', '\0'};
        CHECK_EQ_INT(make(program, "out of memory", -1), PK_OK);
        CHECK_STR(event.source, want);
    }
    memset(&line, 0, sizeof line);
    line.program = pk_str_make("a\0b", 3);
    line.message = pk_str_of("out of memory");
    CHECK_EQ_INT(pk_logevent_make(&tables, &line, &once, &event, &found), PK_OK);
    CHECK_STR(event.source, "a_b");
}

PK_TEST(make__keeps_to_the_limits) {
    static char message[2000];
    begin();
    memset(message, 'y', sizeof message - 1);
    memcpy(message, "out of memory \x01\xFF\t", 17);
    CHECK_EQ_INT(
        make("a-program-with-a-name-that-is-much-longer-than-a-source-name-can-ever-be", message, -1), PK_OK);
    CHECK_EQ_U64(strlen(event.source), 64);
    CHECK_EQ_U64(event.message_bytes, PK_EVENT_MESSAGE_BYTES);
    CHECK_EQ_U64(event.cut_count, 1);
    CHECK(memcmp(event.message, "out of memory ?? y", 18) == 0);
    CHECK(pk_text_is_utf8(pk_str_make(event.message, event.message_bytes)));
}

PK_TEST_MAIN(make__fills_the_event, make__takes_value_source_and_severity_of_the_line,
             make__errors_without_a_pattern_are_events_too, once__counts_what_two_lines_say_once,
             make__keeps_to_the_limits, make__names_are_of_the_bytes_that_names_have)
