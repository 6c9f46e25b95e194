#include "event/pk_patterns_own.h"

#include <string.h>

#include "event/pk_logevent.h"
#include "support/pk_test.h"

static struct pk_patterns_own own;
static struct pk_patterns_use use;
static struct pk_patterns_picked picked;
static struct pk_patterns_tables tables;
static struct pk_logevent_once once;
static struct pk_event_in event;
static struct pk_logevent_pattern found;
static struct pk_diag diag;

static void begin(const char *text) {
    memset(&once, 0, sizeof once);
    pk_patterns_own_init(&own);
    CHECK_EQ_INT(pk_patterns_own_add(&own, "/etc/picket/patterns.d/plant.patterns", pk_str_of(text), &diag),
                 PK_OK);
    pk_patterns_use(&use, &own);
    pk_patterns_use_tables(&use, NULL, &tables);
}

/* Id of the pattern that takes it, "" = none. */
static const char *id_of(const char *program, const char *message) {
    static char id[64];
    const struct pk_logline line = {.program = pk_str_of(program), .message = pk_str_of(message)};
    const int err = pk_logevent_make(&tables, &line, &once, &event, &found);
    CHECK(err == PK_OK || err == PK_E_NOT_FOUND);
    id[0] = '\0';
    if (found.table != NULL) {
        const struct pk_pattern *p = &found.table->patterns[found.table->rows[found.row].pattern];
        (void)pk_str_copy_cut(pk_pattern_ref_str(found.table->text, p->id), id, sizeof id);
    }
    return id;
}

#define PLANT                                                                                                \
    "[pattern pump_dry]\nevent = pump_dry\nseverity = critical\nsource = pump.{pump}\nvalue = {value}\n"     \
    "match = pump {pump} runs dry at {value} bar\n[pattern valve]\nevent = valve_stuck\n"                    \
    "match = ^VALVE STUCK\nmatch = valve {} stuck\n"

PK_TEST(own__without_any__the_shipped_ones_alone) {
    begin("# nothing yet\n");
    CHECK_EQ_U64(tables.count, 1);
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "ssh_failed");
}

PK_TEST(own__is_asked_first__and_captures) {
    begin(PLANT "[pattern quiet]\nevent = none\nmatch = Failed password for monitor from\n");
    CHECK_STR(id_of("plc", "07: Pump P-3 runs dry at 0.25 bar"), "pump_dry");
    CHECK_STR(event.type, "pump_dry");
    CHECK_STR(event.source, "pump.P-3");
    CHECK(event.has_value && event.value == 0.25 && event.severity == PK_SEV_CRITICAL);
    CHECK_STR(id_of("plc", "the valve stuck"), "");
    CHECK_STR(id_of("plc", "Valve Stuck and more"), "valve");
    CHECK_STR(id_of("plc", "a valve V7 stuck"), "valve");
    CHECK_STR(id_of("sshd", "Failed password for monitor from 192.0.2.7 port 1 ssh2"), "quiet");
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "ssh_failed");
}

PK_TEST(own__same_id__replaces_the_shipped_one) {
    begin("[pattern ssh_failed]\nevent = door_knock\nmatch = knocked at the door of {user}\n");
    CHECK(use.is_replacing);
    CHECK_STR(id_of("sshd", "knocked at the door of bob"), "ssh_failed");
    CHECK_STR(event.type, "door_knock");
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "");
    CHECK_STR(id_of("sshd", "Invalid user x from 192.0.2.7"), "ssh_invalid_user");
}

PK_TEST(own__refused__leaves_what_was_in) {
    begin(PLANT);
    const uint32_t rows = own.row_count, bytes = own.text_bytes;
    CHECK_EQ_INT(pk_patterns_own_add(&own, "b.patterns",
                                     pk_str_of("[pattern valve]\nevent = x\nmatch = abcde\n"), &diag),
                 PK_E_CONFIG);
    CHECK(strstr(diag.message, "defined twice") != NULL);
    CHECK_EQ_INT(pk_patterns_own_add(&own, "b.patterns", pk_str_of("[pattern b]\nevnet = x\n"), &diag),
                 PK_E_CONFIG);
    CHECK(strstr(diag.message, "did you mean 'event'") != NULL);
    CHECK_EQ_U64(diag.line, 2);
    CHECK(own.row_count == rows && own.text_bytes == bytes && own.pattern_count == 2u);
    CHECK_EQ_INT(
        pk_patterns_own_add(&own, "b.patterns", pk_str_of("[pattern c]\nevent = x\nmatch = abcde\n"), &diag),
        PK_OK);
    CHECK_EQ_U64(own.pattern_count, 3);
}

PK_TEST(own__more_than_the_board_takes__is_refused_with_the_number) {
    static char text[PK_LIMIT_PATTERN_TEXT_BYTES * 2u];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (unsigned i = 0; i <= PK_LIMIT_PATTERNS; i++) {
        pk_buf_puts(&b, "[pattern p");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\nevent = x\nmatch = abcd");
        pk_buf_put_u64(&b, i);
        pk_buf_putc(&b, '\n');
    }
    pk_patterns_own_init(&own);
    CHECK_EQ_INT(pk_patterns_own_add(&own, "a", pk_buf_str(&b), &diag), PK_E_CONFIG);
    CHECK(strstr(diag.message, "this board takes ") != NULL && strstr(diag.message, " patterns") != NULL);
    CHECK_EQ_U64(diag.line, 3u * PK_LIMIT_PATTERNS + 1u);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "[pattern p]\nevent = x\n");
    for (unsigned i = 0; i <= PK_LIMIT_PATTERN_TEXTS; i++) {
        pk_buf_puts(&b, "match = abcd\n");
    }
    CHECK_EQ_INT(pk_patterns_own_add(&own, "a", pk_buf_str(&b), &diag), PK_E_CONFIG);
    CHECK(strstr(diag.message, " texts") != NULL);
    CHECK_EQ_U64(own.row_count, 0);
}

PK_TEST(own__full__finds_each) {
    static char text[PK_LIMIT_PATTERN_TEXT_BYTES * 2u];
    struct pk_buf b;
    char line[64];
    pk_buf_init(&b, text, sizeof text);
    for (unsigned i = 0; i < PK_LIMIT_PATTERNS; i++) {
        pk_buf_puts(&b, "[pattern p");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\nevent = x\nmatch = unit ");
        pk_buf_put_u64_pad(&b, i, 4);
        pk_buf_puts(&b, " fails\n");
    }
    CHECK(!b.is_cut);
    begin(text);
    for (unsigned i = 0; i < PK_LIMIT_PATTERNS; i++) {
        char want[16];
        pk_buf_init(&b, line, sizeof line);
        pk_buf_puts(&b, "the UNIT ");
        pk_buf_put_u64_pad(&b, i, 4);
        pk_buf_puts(&b, " fails");
        pk_buf_init(&b, want, sizeof want);
        pk_buf_putc(&b, 'p');
        pk_buf_put_u64(&b, i);
        CHECK_STR(id_of("x", line), want);
    }
    CHECK_STR(id_of("x", "the unit 9999 fails"), "");
}

PK_TEST(pick__families_and_first_words) {
    struct pk_str unknown;
    begin(PLANT);
    CHECK(pk_patterns_own_knows(&own, pk_str_of(""), &unknown));
    CHECK(pk_patterns_own_knows(&own, pk_str_of("ssh, kernel,plant"), &unknown));
    CHECK(!pk_patterns_own_knows(&own, pk_str_of("ssh,kernal"), &unknown));
    CHECK(pk_str_eq_c(unknown, "kernal"));
    pk_patterns_use_pick(&use, pk_str_of("ssh, plant"), &picked);
    pk_patterns_use_tables(&use, &picked, &tables);
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "ssh_failed");
    CHECK_STR(id_of("plc", "a valve V7 stuck"), "valve");
    CHECK_STR(id_of("kernel", "INFO: task x:1 blocked for more than 120 seconds"), "");
    pk_patterns_use_pick(&use, pk_str_of("kernel,valve"), &picked);
    pk_patterns_use_tables(&use, &picked, &tables);
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "");
    CHECK_STR(id_of("plc", "a valve V7 stuck"), "valve");
    CHECK_STR(id_of("plc", "pump P-3 runs dry at 0.25 bar"), "");
    CHECK_STR(id_of("kernel", "INFO: task x:1 blocked for more than 120 seconds"), "hung_task");
    pk_patterns_use_pick(&use, pk_str_of(""), &picked);
    pk_patterns_use_tables(&use, &picked, &tables);
    CHECK_STR(id_of("plc", "pump P-3 runs dry at 0.25 bar"), "pump_dry");
}

/* Neither table's `once` words are those of the other. */
PK_TEST(own__once__is_of_its_own) {
    begin("[pattern one]\nevent = auth_failed\nsource = {ip}\nonce = ssh\nmatch = door one of {ip}\n"
          "[pattern two]\nevent = auth_failed\nsource = {ip}\nonce = ssh\nmatch = door two of {ip}\n");
    CHECK_STR(id_of("sshd", "Failed password for root from 192.0.2.7 port 1 ssh2"), "ssh_failed");
    const struct pk_logline first = {.message = pk_str_of("door one of 192.0.2.7")};
    CHECK_EQ_INT(pk_logevent_make(&tables, &first, &once, &event, &found), PK_OK);
    const struct pk_logline second = {.message = pk_str_of("door two of 192.0.2.7")};
    CHECK_EQ_INT(pk_logevent_make(&tables, &second, &once, &event, &found), PK_E_NOT_FOUND);
}

/* A line that is made of nothing but beginnings costs no more than so many tries. */
PK_TEST(own__hostile_line__ends) {
    static char message[8192];
    begin("[pattern a]\nevent = x\nmatch = aaaa{}Q{value}\n[pattern b]\nevent = y\nmatch = zzzz\n");
    memset(message, 'a', sizeof message);
    struct pk_logline line = {.message = {message, sizeof message}};
    CHECK_EQ_INT(pk_logevent_make(&tables, &line, &once, &event, &found), PK_E_NOT_FOUND);
    memcpy(message + sizeof message - 4u, "zzzz", 4);
    CHECK_EQ_INT(pk_logevent_make(&tables, &line, &once, &event, &found), PK_E_NOT_FOUND);
    memcpy(message, "zzzz", 4);
    CHECK_EQ_INT(pk_logevent_make(&tables, &line, &once, &event, &found), PK_OK);
}

PK_TEST_MAIN(own__without_any__the_shipped_ones_alone, own__is_asked_first__and_captures,
             own__same_id__replaces_the_shipped_one, own__refused__leaves_what_was_in,
             own__more_than_the_board_takes__is_refused_with_the_number, own__full__finds_each,
             pick__families_and_first_words, own__once__is_of_its_own, own__hostile_line__ends)
