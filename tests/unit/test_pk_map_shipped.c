#include "event/pk_map_shipped.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_assert.h"
#include "support/pk_test.h"

static struct pk_map_table table;
static struct pk_event_in in;
static struct pk_map_outcome outcome;

static enum pk_map_reason apply(const char *topic, const char *payload) {
    struct pk_str captures[PK_MAP_CAPTURES_MAX];
    uint32_t count = 0, matched = 0;
    enum pk_map_reason reason = PK_MAP_REASON_COUNT;
    for (uint32_t i = 0; i < table.count; i++) {
        if (pk_map_match(pk_map_str(&table, table.rows[i].topic), pk_str_of(topic), captures, &count)) {
            reason = pk_map_apply(&table, i, pk_str_of(topic), pk_str_of(payload), true, &in, &outcome);
            matched++;
        }
    }
    CHECK(matched <= 1);
    return reason;
}

static void ship(void) {
    struct pk_map_error map_error;
    pk_map_init(&table);
    CHECK_EQ_INT(pk_map_shipped_thin_edge(&table), PK_OK);
    CHECK_EQ_U64(table.count, 2);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), -1);
}

PK_TEST(alarm__raised_and_cleared) {
    static const struct {
        const char *word;
        double value;
        enum pk_severity severity;
    } LEVELS[] = {{"warning", 1, PK_SEV_LOW},
                  {"minor", 2, PK_SEV_MEDIUM},
                  {"major", 3, PK_SEV_HIGH},
                  {"critical", 4, PK_SEV_CRITICAL},
                  {"invented", 2, PK_SEV_MEDIUM}};
    char payload[128];
    ship();
    for (size_t i = 0; i < PK_COUNT_OF(LEVELS); i++) {
        (void)snprintf(payload, sizeof payload, "{\"severity\":\"%s\",\"text\":\"hot\",\"time\":1674739912}",
                       LEVELS[i].word);
        CHECK_EQ_INT(apply("te/device/main///a/temperature_high", payload), PK_MAP_TAKEN);
        CHECK_STR(in.type, "device_alarm");
        CHECK_STR(in.source, "main:temperature_high");
        CHECK(in.value == LEVELS[i].value && in.severity == LEVELS[i].severity);
        CHECK_STR(in.message, "hot");
        CHECK(!in.has_time); /* an alarm that was raised long ago holds now */
    }
    CHECK_EQ_INT(apply("te/device/main///a/temperature_high", ""), PK_MAP_TAKEN);
    CHECK(in.has_value && in.value == 0);
    CHECK_STR(in.source, "main:temperature_high");
}

PK_TEST(alarm__of_services_and_without_words) {
    ship();
    CHECK_EQ_INT(apply("te/device/child01/service/nodered/a/", "{\"message\":\"m\"}"), PK_MAP_TAKEN);
    CHECK_STR(in.source, "child01.nodered:alarm");
    CHECK_EQ_INT(in.severity, PK_SEV_MEDIUM);
    CHECK_STR(in.message, "m");
    CHECK_EQ_INT(apply("te/device/main///a/x/meta", "{}"), PK_MAP_REASON_COUNT);
}

PK_TEST(health__of_services_and_bridges) {
    ship();
    CHECK_EQ_INT(apply("te/device/main/service/tedge-agent/status/health",
                       "{\"pid\":1234,\"status\":\"up\",\"time\":1674739912}"),
                 PK_MAP_TAKEN);
    CHECK_STR(in.type, "source_up");
    CHECK_STR(in.source, "main.tedge-agent");
    CHECK(in.value == 1 && in.severity == PK_SEV_INFO);
    CHECK_EQ_INT(apply("te/device/main/service/tedge-agent/status/health", "{\"status\":\"down\"}"),
                 PK_MAP_TAKEN);
    CHECK(in.value == 0 && in.severity == PK_SEV_HIGH);
    CHECK_EQ_INT(apply("te/device/main/service/mosquitto-c8y-bridge/status/health", "0"), PK_MAP_TAKEN);
    CHECK(in.value == 0);
    CHECK_EQ_INT(apply("te/device/main/service/x/status/health", "{\"pid\":1}"), PK_MAP_NO_SEVERITY);
    CHECK_EQ_INT(apply("te/device/main/service/x/status/health", ""), PK_MAP_SKIPPED);
}

PK_TEST(shipped__a_row_of_the_operator_stays) {
    const char *why = NULL;
    pk_map_init(&table);
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("thin-edge-alarm")), 0);
    CHECK_EQ_INT(pk_map_set(&table, 0, pk_str_of("topic"), pk_str_of("mine"), &why), PK_OK);
    CHECK_EQ_INT(pk_map_shipped_thin_edge(&table), PK_OK);
    CHECK_EQ_U64(table.count, 2);
    CHECK(pk_str_eq_c(pk_map_str(&table, table.rows[0].topic), "mine"));
    CHECK_EQ_U64(table.rows[0].type.n, 0);
}

PK_TEST(shipped__no_room__says_so) {
    char name[16];
    pk_map_init(&table);
    for (uint32_t i = 0; i + 1 < PK_LIMIT_MAPS; i++) {
        (void)snprintf(name, sizeof name, "r%u", i);
        CHECK(pk_map_open(&table, pk_str_of(name)) >= 0);
    }
    CHECK_EQ_INT(pk_map_shipped_thin_edge(&table), PK_E_FULL);
}

PK_TEST_MAIN(alarm__raised_and_cleared, alarm__of_services_and_without_words, health__of_services_and_bridges,
             shipped__a_row_of_the_operator_stays, shipped__no_room__says_so)
