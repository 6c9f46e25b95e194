#include "wire/pk_summary_json.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static char text[65536];
static struct pk_buf b;

static uint32_t write(struct pk_summary *s, size_t cap_bytes) {
    struct pk_json_writer w;
    pk_buf_init(&b, text, cap_bytes);
    pk_jw_init(&w, &b);
    pk_summary_json_write(&w, NULL, s);
    return b.n;
}

/* Reads the whole document: PK_OK when it is JSON. */
static int check_json(void) {
    struct pk_json_reader r;
    struct pk_json_token t = {.kind = PK_JSON_OBJECT};
    pk_json_init(&r, text, b.n);
    int err = PK_OK;
    while (err == PK_OK && t.kind != PK_JSON_END) {
        err = pk_json_next(&r, &t);
    }
    return err;
}

static struct pk_metric mttd, mtta, mttr;

static struct pk_summary sample(void) {
    static const struct pk_summary_type TYPES[] = {
        {{"service_down", 12}, 2}, {{"cpu_high", 8}, 0}, {{"error_burst", 11}, 1}};
    static const struct pk_summary_table TABLES[] = {{"incidents", 64, 3, 0}, {"keys", 1024, 17, 2}};
    static const struct pk_summary_loss LOSSES[] = {{{"api", 3}, "rate", 100, 180, 81},
                                                    {{NULL, 0}, "bad_input", 0, 0, 4}};
    static const struct pk_summary_action ACTIONS[] = {{{"restart_service", 15}, 3, 1},
                                                       {{"notify_team", 11}, 0, 0}};
    mttd = (struct pk_metric){0};
    mtta = (struct pk_metric){0};
    mttr = (struct pk_metric){.unknown_count = 1};
    pk_metric_add(&mttd, 0);
    pk_metric_add(&mttd, 1250);
    pk_metric_add(&mttr, 60000);
    return (struct pk_summary){.from_wall_ms = 1790000000000,
                               .to_wall_ms = 1790000060000,
                               .by_severity = {0, 0, 0, 2, 1},
                               .by_status = {1, 0, 0, 0, 2},
                               .types = TYPES,
                               .type_count = 3,
                               .mttd = &mttd,
                               .mtta = &mtta,
                               .mttr = &mttr,
                               .tables = TABLES,
                               .table_count = 2,
                               .losses = LOSSES,
                               .loss_count = 2,
                               .actions = ACTIONS,
                               .action_count = 2,
                               .store_map_bytes = 16777216,
                               .store_used_bytes = 65536,
                               .store_written_bytes = 123456,
                               .outbox_count = 5,
                               .outbox_bytes = 4321,
                               .audit_n = 99,
                               .audit_head = {0xAB, 0xCD},
                               .rules_hash = 0xdeadbeef,
                               .seal_bits = 7,
                               .time_quality = PK_TIME_NTP};
}

PK_TEST(summary_json__write__is_the_golden_vector) {
    char want[2048];
    struct pk_summary s = sample();
    const struct pk_str golden = pk_str_trim(pk_golden("summary.json", want, sizeof want));
    want[golden.n] = '\0';
    (void)write(&s, sizeof text);
    CHECK_STR(text, want);
    CHECK_EQ_U64(s.left_out_count, 0);
    CHECK_EQ_INT(check_json(), PK_OK);
    CHECK(b.n <= 1024); /* a typical one */
}

PK_TEST(summary_json__short_of_room__leaves_out_rows_and_stays_whole) {
    static struct pk_summary_type types[300];
    static struct pk_summary_table tables[60];
    static struct pk_summary_loss losses[64];
    static struct pk_summary_action actions[96];
    static char name[65];
    memset(name, 'n', 64);
    for (unsigned i = 0; i < 300; i++) {
        types[i] = (struct pk_summary_type){{name, 40}, 4000000000u};
    }
    for (unsigned i = 0; i < 60; i++) {
        tables[i] = (struct pk_summary_table){"a_table_with_a_name", UINT64_MAX, UINT64_MAX, UINT64_MAX};
    }
    for (unsigned i = 0; i < 64; i++) {
        losses[i] = (struct pk_summary_loss){{name, 64}, "source_table", UINT64_MAX, UINT64_MAX, UINT64_MAX};
    }
    for (unsigned i = 0; i < 96; i++) {
        actions[i] = (struct pk_summary_action){{name, 32}, UINT64_MAX / 2, UINT64_MAX / 2};
    }
    struct pk_summary s = sample();
    s.types = types;
    s.type_count = 300;
    s.tables = tables;
    s.table_count = 60;
    s.losses = losses;
    s.loss_count = 64;
    s.actions = actions;
    s.action_count = 96;
    s.store_map_bytes = s.store_used_bytes = s.store_written_bytes = s.outbox_count = s.outbox_bytes =
        s.audit_n = UINT64_MAX;
    mttd.count = mtta.count = mttr.count = UINT32_MAX;
    mttd.sum_ms = mtta.sum_ms = mttr.sum_ms = UINT64_MAX;
    for (unsigned i = 0; i < PK_METRIC_BUCKETS; i++) {
        mttd.hist[i] = mtta.hist[i] = mttr.hist[i] = UINT32_MAX;
    }
    for (unsigned i = 0; i < PK_SEV_COUNT; i++) {
        s.by_severity[i] = UINT32_MAX;
    }
    for (unsigned i = 0; i < PK_INC_STATUS_COUNT; i++) {
        s.by_status[i] = UINT32_MAX;
    }
    for (size_t cap = PK_SUMMARY_BYTES_MIN; cap <= 8192; cap += 100) {
        (void)write(&s, cap);
        CHECK(!b.is_cut);
        CHECK_EQ_INT(check_json(), PK_OK);
        CHECK(s.left_out_count > 0);
        CHECK(strstr(text, "\"left_out\":") != NULL);
    }
    /* The ledger goes in before the tables. */
    CHECK(strstr(text, "\"reason\":\"source_table\"") != NULL);
    CHECK(strstr(text, "\"tables\":{}") != NULL);
    (void)write(&s, sizeof text);
    CHECK_EQ_U64(s.left_out_count, 0);
}

PK_TEST(summary_json__neighbours__only_where_there_is_a_witness) {
    static const struct pk_summary_neighbour TWO[] = {{{"gw-2", 4}, 3, true, 0},
                                                      {{"gw-3", 4}, 400, false, 61}};
    struct pk_summary s = sample();
    (void)write(&s, sizeof text);
    CHECK(strstr(text, "neighbours") == NULL);
    s.neighbours = TWO;
    (void)write(&s, sizeof text);
    CHECK(strstr(text, "\"neighbours\":[]") != NULL);
    s.neighbour_count = 2;
    (void)write(&s, sizeof text);
    CHECK(strstr(text,
                 "\"neighbours\":[{\"gateway\":\"gw-2\",\"seen_s\":3,\"hub\":true},{\"gateway\":\"gw-3\","
                 "\"seen_s\":400,\"hub\":false,\"hubless_s\":61}]") != NULL);
    CHECK_EQ_INT(check_json(), PK_OK);
}

PK_TEST_MAIN(summary_json__write__is_the_golden_vector,
             summary_json__neighbours__only_where_there_is_a_witness,
             summary_json__short_of_room__leaves_out_rows_and_stays_whole)
