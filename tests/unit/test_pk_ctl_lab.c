#include "ctl/pk_ctl_lab.h"

#include <stdio.h>
#include <string.h>

#include "port/tool.h"
#include "support/pk_test.h"

enum { SECOND = 1000 };
static const int64_t START = 1795237490000;
static struct pk_port_tool port;
static struct pk_ctl_lab *lab;
static uint32_t finding_count;

static void count_finding(void *ctx, const struct pk_ctl_lab *l, const struct pk_finding *f) {
    (void)ctx;
    CHECK(l == lab && f->words[0] != '\0');
    finding_count++;
}

static bool begin(const char *rules) {
    struct pk_diag diag;
    const struct pk_rule_file file = {"x.rules", pk_str_of(rules)};
    pk_platform_open_tool(&port);
    finding_count = 0;
    lab = pk_ctl_lab_open(&port.crypto);
    if (lab == NULL) {
        return false;
    }
    lab->on_finding = count_finding;
    return pk_ctl_lab_rules(lab, &file, rules[0] != '\0' ? 1 : 0, &diag) == PK_OK;
}

static void give(const char *type, const char *source, enum pk_severity severity, int64_t wall_ms) {
    struct pk_event_in e;
    memset(&e, 0, sizeof e);
    (void)snprintf(e.type, sizeof e.type, "%s", type);
    (void)snprintf(e.source, sizeof e.source, "%s", source);
    e.severity = (uint8_t)severity;
    e.has_time = wall_ms != 0;
    e.wall_ms = wall_ms;
    e.is_local = true;
    pk_ctl_lab_event(lab, &e);
}

PK_TEST(events__make_incidents_in_their_own_time) {
    REQUIRE(begin(""));
    for (int i = 0; i < 12; i++) {
        give("auth_failed", "192.0.2.7", PK_SEV_MEDIUM, START + i * SECOND);
    }
    give("heartbeat", "x", PK_SEV_INFO, START + 3600 * SECOND);
    pk_ctl_lab_finish(lab);
    REQUIRE(lab->record_count >= 1);
    const struct pk_incident *i = &lab->records[0];
    CHECK_STR(i->rule_id, "security_incident");
    CHECK_STR(i->components[0], "192.0.2.7");
    CHECK_EQ_INT(i->first_event.wall_ms, START);
    CHECK_EQ_INT(i->detected.wall_ms, START + 9 * SECOND);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK_EQ_INT(i->resolved.wall_ms, START + (11 + 1800) * SECOND);
    CHECK_EQ_U64(i->event_count, 10); /* as the last finding said: the next one is due after check_interval */
    CHECK(finding_count >= 2);
    char text[16384];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    CHECK(pk_ctl_lab_put(i, &b));
    CHECK(strstr(text, "\"incident_type\":\"security_breach\"") != NULL);
    pk_buf_init(&b, text, 100);
    CHECK(!pk_ctl_lab_put(i, &b));
    pk_ctl_lab_close(lab);
}

PK_TEST(time__jumps_years_and_steps_back_without_harm) {
    REQUIRE(begin("[rule one]\non = type = x\nwhen = count >= 2 in 1m\ntype = custom\nseverity = low\n"));
    give("x", "a", PK_SEV_LOW, START);
    give("x", "a", PK_SEV_LOW, START + 400 * 86400ll * SECOND);
    CHECK_EQ_U64(lab->record_count, 0);
    give("x", "a", PK_SEV_LOW, START + 400 * 86400ll * SECOND - 30 * SECOND);
    CHECK_EQ_U64(lab->record_count, 1);
    give("x", "a", PK_SEV_LOW, START); /* a year late: replayed, counted apart */
    CHECK_EQ_U64(lab->event_count, 4);
    CHECK_EQ_U64(lab->refused_count, 0);
    pk_ctl_lab_close(lab);
}

/* More incidents than the table of a small board holds are all told. */
PK_TEST(records__outlive_the_table) {
    REQUIRE(begin("[rule one]\non = type = x\nwhen = count >= 1 in 1m\ntype = custom\nseverity = low\nclear "
                  "= count < 1 in 1m\n"));
    for (int i = 0; i < 300; i++) {
        give("x", "a", PK_SEV_LOW, START + i * 3600ll * SECOND);
    }
    pk_ctl_lab_finish(lab);
    CHECK_EQ_U64(lab->record_count, 300);
    for (uint32_t i = 0; i < lab->record_count; i++) {
        CHECK_EQ_U64(lab->records[i].number, i + 1);
    }
    CHECK_EQ_U64(lab->dropped_count, 0);
    pk_ctl_lab_close(lab);
}

PK_TEST(sources__beyond_the_table_are_folded_and_counted) {
    REQUIRE(begin(""));
    char name[32];
    for (unsigned i = 0; i < PK_LIMIT_SOURCES + 10u; i++) {
        (void)snprintf(name, sizeof name, "host%u", i);
        give("x", name, PK_SEV_LOW, START);
    }
    CHECK_EQ_U64(lab->refused_count, 0);
    CHECK(lab->folded_count >= 10);
    CHECK(lab->intake.sources.count < PK_LIMIT_SOURCES);
    pk_ctl_lab_close(lab);
    pk_ctl_lab_close(NULL);
}

PK_TEST(rules__that_are_wrong_are_refused) {
    CHECK(!begin("[rule one]\non = typ = x\n"));
    pk_ctl_lab_close(lab);
}

PK_TEST_MAIN(events__make_incidents_in_their_own_time, time__jumps_years_and_steps_back_without_harm,
             records__outlive_the_table, sources__beyond_the_table_are_folded_and_counted,
             rules__that_are_wrong_are_refused)
