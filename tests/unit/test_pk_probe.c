#include "event/pk_probe.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_probes table;
static struct pk_probe_error error;

static uint32_t row_of(const char *section, const char *name, const char *const *pairs) {
    const int row = pk_probes_open(&table, pk_str_of(section), pk_str_of(name), &error);
    CHECK(row >= 0);
    for (uint32_t i = 0; pairs[i] != NULL; i += 2) {
        CHECK_EQ_INT(
            pk_probes_set(&table, (uint32_t)row, pk_str_of(pairs[i]), pk_str_of(pairs[i + 1]), &error),
            PK_OK);
    }
    return (uint32_t)row;
}

PK_TEST(order__says_all_a_child_needs) {
    static const char *const pairs[] = {"host",  "127.0.0.1",    "port",    "9100",
                                        "tls",   "yes",          "ca",      "/etc/ca.pem",
                                        "gauge", "up -> app_up", "counter", "hits{a=\"b\"} -> hits",
                                        NULL};
    struct pk_ipc_probe_order order;
    pk_probes_init(&table);
    const uint32_t row = row_of("scrape", "app", pairs);
    CHECK_EQ_INT(pk_probes_finish(&table, &error), PK_OK);
    pk_probe_order(&table, row, &order);
    CHECK_EQ_INT(order.kind, PK_PROBE_SCRAPE);
    CHECK(order.use_tls == 1 && order.port == 9100 && order.timeout_ms == 5000 && order.series_count == 2);
    CHECK_STR(order.host, "127.0.0.1");
    CHECK_STR(order.ca, "/etc/ca.pem");
    CHECK_STR(order.path, "/metrics");
    CHECK_STR(order.selectors[1], "hits{a=\"b\"}");
    CHECK_STR(order.expect, "");
}

PK_TEST(argv__words_of_a_check_and_of_each_manager) {
    static const char *const check[] = {"argv", "/bin/check -w 5 {target}", NULL};
    static const char *const openrc[] = {"manager", "openrc", "unit", "sshd", NULL};
    static const char *const procd[] = {"manager", "procd", NULL};
    static const char *const none[] = {NULL};
    const char *argv[24];
    pk_probes_init(&table);
    (void)row_of("check", "c", check);
    (void)row_of("service", "nginx", none);
    (void)row_of("service", "ssh", openrc);
    (void)row_of("service", "dropbear", procd);
    CHECK_EQ_INT(pk_probes_finish(&table, &error), PK_OK);
    CHECK_EQ_INT(pk_probe_argv(&table, 0, argv, 24), 4);
    CHECK_STR(argv[0], "/bin/check");
    CHECK_STR(argv[3], "{target}"); /* nothing is put in: a check has no target */
    CHECK(argv[4] == NULL);
    CHECK_EQ_INT(pk_probe_argv(&table, 1, argv, 24), 5);
    CHECK_STR(argv[2], "--property=NRestarts");
    CHECK_STR(argv[4], "nginx");
    CHECK_EQ_INT(pk_probe_argv(&table, 2, argv, 24), 2);
    CHECK_STR(argv[1], "/run/openrc/options/sshd/start_count");
    CHECK_EQ_INT(pk_probe_argv(&table, 3, argv, 24), 6);
    CHECK_STR(argv[5], "{\"name\":\"dropbear\"}");
    CHECK_EQ_INT(pk_probe_argv(&table, 0, argv, 3), 2); /* never beyond the room */
    CHECK(argv[2] == NULL);
}

PK_TEST(patience__a_child_gets_time_to_say_that_there_was_none) {
    const struct pk_probe tcp = {.kind = PK_PROBE_TCP, .timeout_ms = 1000};
    const struct pk_probe check = {.kind = PK_PROBE_CHECK, .timeout_ms = 1000};
    CHECK(pk_probe_patience_ms(&tcp) > 1000 && pk_probe_patience_ms(&check) == 1000);
    CHECK_STR(pk_probe_kind_word(PK_PROBE_ICMP), "icmp");
    CHECK_STR(pk_probe_kind_word(200), "unknown");
}

PK_TEST_MAIN(order__says_all_a_child_needs, argv__words_of_a_check_and_of_each_manager,
             patience__a_child_gets_time_to_say_that_there_was_none)
