#include "detect/pk_cond.h"

#include <stdio.h>
#include <string.h>

#include "detect/pk_anomaly.h"
#include "detect/pk_baseline.h"
#include "detect/pk_cond_gauge.h"
#include "detect/pk_extreme.h"
#include "detect/pk_quantile.h"
#include "detect/pk_trend.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

static void give(const char *type, const char *source, double value) {
    const struct pk_event e = detect_rig_value(&rig, type, source, value);
    detect_rig_give(&rig, &e);
}

#define HEAD "[rule x]\non = any\ntype = custom\nseverity = low\n"

PK_TEST(rows__words_find_their_kind) {
    CHECK_EQ_INT(pk_cond_kind_of(pk_str_of("count")), PK_COND_COUNT);
    CHECK_EQ_INT(pk_cond_kind_of(pk_str_of("stable")), PK_COND_NONE);
    CHECK(pk_cond_ops(PK_COND_STABLE) == NULL && pk_cond_ops(PK_COND_ALL) == NULL);
    CHECK(pk_cond_ops(PK_COND_VALUE) == &PK_COND_VALUE_OPS);
}

PK_TEST(all_of__fires_only_while_every_condition_holds) {
    REQUIRE(detect_rig_init(&rig,
                            HEAD "when = all of (value(type = cpu) > 90, value(type = mem) > 80) for 10s\n"
                                 "clear = stable for 5s\n") == PK_OK);
    give("cpu", "a", 95);
    detect_rig_wait(&rig, 20000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("cpu", "a", 96);
    give("mem", "b", 85); /* another source is another group */
    detect_rig_wait(&rig, 11000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("cpu", "a", 95);
    give("mem", "a", 85);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    CHECK_EQ_U64(f.event_number_count, 2);
    CHECK_STR(f.words,
              "value 95, threshold > 90; value 85, threshold > 80, condition all of (value(...) > 90, "
              "value(...) > 80) for 10s");
    give("mem", "a", 10);
    detect_rig_wait(&rig, 6000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(any_of__one_is_enough_and_unknown_is_not_recovery) {
    REQUIRE(detect_rig_init(&rig,
                            HEAD "when = any of (value(type = cpu) > 90, count(type = err) >= 2 in 10s) "
                                 "by source\nclear = stable for 5s\nstale = 1m\n") == PK_OK);
    give("err", "a", 0);
    give("err", "a", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* no one ever measured cpu */
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    give("cpu", "a", 50);
    detect_rig_wait(&rig, 6000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(any_of__fault_of_one_side__is_a_fault_of_the_rule) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = any of (value(type = cpu) > 90, value(type = mem) > 90)\n") ==
            PK_OK);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    give("cpu", "a", 1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    struct pk_event e = detect_rig_event(&rig, "mem", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FAULT);
    give("mem", "a", 1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
}

PK_TEST(across__sources_are_judged_one_by_one) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = all of (value > 90, count >= 2 in 10s) across 2 sources\n"
                                       "keys = 4\nclear = stable for 5s\n") == PK_OK);
    give("cpu", "a", 95);
    give("cpu", "a", 95);
    give("cpu", "b", 95);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("cpu", "b", 95);
    detect_rig_wait(&rig, 10);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.component_count, 2);
    /* Three windows, two of them with a block. */
    CHECK_EQ_U64(rig.engine.windows.used, 3);
    CHECK_EQ_U64(rig.engine.windows.rows.block_bytes[0],
                 2u * pk_rule_block_bytes(pk_engine_rule(&rig.engine, 0)));
    give("cpu", "b", 1);
    detect_rig_wait(&rig, 6000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(replayed__among_themselves__and_never_where_time_decides) {
    REQUIRE(detect_rig_init(&rig,
                            HEAD "when = all of (count >= 2 in 10s, value > 3) by source\n"
                                 "[rule y]\non = any\ntype = custom\nseverity = low\n"
                                 "when = all of (count >= 1 in 10s, absent(type = beat) for 5s)\n") == PK_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct pk_event e = detect_rig_value(&rig, "cpu", "a", 9);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms = 1600000000000 + (int64_t)i * 9000;
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK(f.is_replayed);
    CHECK_EQ_INT(f.rule_index, 0);
    CHECK_EQ_U64(f.event_count, 2);
    CHECK_EQ_U64(rig.engine.windows.used, 1); /* the other rule was given nothing */
}

PK_TEST(adopted__what_was_counted_is_lost__recovery_waits_a_whole_window) {
    REQUIRE(detect_rig_init(&rig,
                            HEAD "when = any of (count >= 2 in 60s, count(type = x) >= 1 in 30s) by source\n"
                                 "clear = stable for 1s\n") == PK_OK);
    give("t", "a", 1);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 59000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 3000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(lay_out__each_condition_has_its_aligned_place) {
    REQUIRE(detect_rig_init(&rig,
                            HEAD "when = all of (count >= 3 in 10s, value > 3, absent(type = b) for 5s)\n"
                                 "clear = count(value > 1) < 2 in 1m\n") == PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    CHECK(!r->is_plain);
    CHECK_EQ_INT(r->clause_count, 3);
    uint32_t at = 0;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ_U64(r->clauses[i].state_at, at);
        CHECK_EQ_U64(at % 2u, 0);
        at += r->clauses[i].state_words;
    }
    CHECK_EQ_U64(r->clear.state_at, at);
    CHECK(pk_rule_block_bytes(r) >= (at + r->clear.state_words) * 4u);
    CHECK_EQ_U64(pk_cond_memory_ms(r, false), 60000);
    CHECK_EQ_INT(pk_cond_empty_verdict(r), PK_FALSE); /* counting nothing is known */
}

PK_TEST(price__what_is_taken_is_what_was_told) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "keys = 3\nwhen = all of (count >= 60 in 10s, value > 3) by source\n") == PK_OK);
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    give("t", "a", 1);
    CHECK_EQ_U64(pk_engine_rule_bytes(&rig.engine, 0), pk_rule_price_bytes(r) / 3u);
    give("t", "b", 1);
    give("t", "c", 1);
    give("t", "d", 1);
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 1);
    CHECK_EQ_U64(pk_engine_rule_bytes(&rig.engine, 0), pk_rule_price_bytes(r));
    CHECK_EQ_U64(rig.engine.windows.times_used * 4u, 3u * pk_rule_block_bytes(r));
}

/* One line of the table: | `when` | block | with its window |. */
static bool read_row(struct pk_str line, struct pk_str *out_when, uint64_t *out_block, uint64_t *out_group) {
    struct pk_str cell;
    if (!pk_str_starts(line, "| `") || !pk_str_split(&line, '`', &cell) ||
        !pk_str_split(&line, '`', out_when) || !pk_str_split(&line, '|', &cell) ||
        !pk_str_split(&line, '|', &cell) || pk_parse_u64(pk_str_trim(cell), out_block) != PK_OK ||
        !pk_str_split(&line, '|', &cell)) {
        return false;
    }
    return pk_parse_u64(pk_str_trim(cell), out_group) == PK_OK;
}

/* The section "What a group costs" of config/rules/README.md is what the program prices, form by form. */
PK_TEST(price__table_of_the_readme__is_what_the_program_says) {
    static char readme[65536];
    static char rules[512];
    bool is_seen[PK_COND_KIND_COUNT] = {false};
    FILE *file = fopen(PK_SOURCE_DIR "/config/rules/README.md", "rb");
    REQUIRE(file != NULL);
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    (void)fclose(file);
    const char *from = strstr(readme, "## What a group costs");
    REQUIRE(from != NULL);
    const char *to = strstr(from + 3, "\n## ");
    REQUIRE(to != NULL);
    struct pk_str rest = pk_str_make(from, (size_t)(to - from));
    struct pk_str line, when;
    uint64_t block = 0, group = 0;
    while (pk_str_split(&rest, '\n', &line)) {
        if (!read_row(line, &when, &block, &group)) {
            continue;
        }
        struct pk_buf b;
        pk_buf_init(&b, rules, sizeof rules);
        pk_buf_puts(&b, HEAD "keys = 3\nwhen = ");
        pk_buf_put_str(&b, when);
        pk_buf_puts(&b, "\n");
        REQUIRE(detect_rig_init(&rig, rules) == PK_OK);
        const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
        if (pk_rule_block_bytes(r) != block || pk_rule_price_bytes(r) != group * r->keys) {
            printf("# should be: | `%.*s` | %u | %u |\n", (int)when.n, when.p, pk_rule_block_bytes(r),
                   pk_rule_price_bytes(r) / r->keys);
            CHECK_STR(rules, "is priced as README.md says");
        }
        is_seen[r->when.kind] = true;
    }
    is_seen[PK_COND_NONE] = is_seen[PK_COND_STABLE] = is_seen[PK_COND_NEVER] = true; /* have no state */
    for (uint32_t i = 0; i < PK_COND_KIND_COUNT; i++) {
        CHECK(is_seen[i]);
    }
}

/* And that is what its states take. */
PK_TEST(price__of_every_form__is_what_its_states_take) {
    enum { GAUGE = sizeof(struct pk_cond_gauge) };
    static const struct {
        const char *when;
        uint32_t need_bytes;
    } ROWS[] = {
        {"count >= 20 in 5m by source", 80},
        {"value > 3", 0},
        {"absent for 5m", 0},
        {"all of (count >= 20 in 5m, value > 3) by source", 8 + 160 + 32},
        {"any of (absent for 5m, value > 3)", 24 + 32},
        {"rate > 5 per 1m by source", 24},
        {"rate > 500 per 1m by source", 64},
        {"ratio(value > 1) > 5% in 1m min 3 by source", 128},
        {"distinct(data.x) >= 10 in 1m by source", 8 + 160},
        {"consecutive(value > 1) >= 3 by source", 24},
        {"expires within 30d", 24},
        {"event(type = a) then event(type = b) within 1m by source", 48},
        {"event(type = a) without event(type = b) within 1m by source", 56},
        {"p95 > 100 in 5m by source", GAUGE + sizeof(struct pk_quantile)},
        {"drop >= 20 in 5m", GAUGE + sizeof(struct pk_extreme)},
        {"rise >= 20% in 5m", GAUGE + sizeof(struct pk_extreme)},
        {"trend reaches 98 within 1d", GAUGE + sizeof(struct pk_trend)},
        {"value > 3x usual", GAUGE + sizeof(double) + sizeof(struct pk_baseline)},
        {"anomaly", GAUGE + sizeof(struct pk_anomaly)},
    };
    static char rules[512];
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct pk_buf b;
        pk_buf_init(&b, rules, sizeof rules);
        pk_buf_puts(&b, HEAD "keys = 3\nwhen = ");
        pk_buf_puts(&b, ROWS[i].when);
        pk_buf_puts(&b, "\n");
        REQUIRE(detect_rig_init(&rig, rules) == PK_OK);
        const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
        uint32_t block = 0;
        while (block < ROWS[i].need_bytes) {
            block = block == 0 ? 32u : block * 2u;
        }
        CHECK_EQ_U64(pk_rule_block_bytes(r), block);
        CHECK_EQ_U64(pk_rule_price_bytes(r), 3u * (sizeof(struct pk_window) + 16u + 4u + block));
        static const char *const SOURCES[] = {"a", "b", "c", "d"};
        for (size_t k = 0; k < 4; k++) {
            give("a", SOURCES[k], 5);
        }
        CHECK_EQ_U64(pk_engine_rule_bytes(&rig.engine, 0), pk_rule_price_bytes(r));
        CHECK_EQ_U64(rig.engine.windows.times_used * 4u, 3u * block);
        /* One made room, unless all are firing. */
        CHECK_EQ_U64(rig.engine.windows.evicted_count + rig.engine.windows.refused_count, 1);
    }
}

PK_TEST(load__too_much_for_one_group__is_refused_with_the_figure) {
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = all of (count >= 60 in 1s, count >= 60 in 2s, "
                                            "count >= 60 in 3s)\n"),
                 PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "these conditions need 1464 bytes for each group, at most 1024 are possible");
    CHECK_EQ_U64(rig.diag.line, 5);
}

PK_TEST_MAIN(rows__words_find_their_kind, all_of__fires_only_while_every_condition_holds,
             any_of__one_is_enough_and_unknown_is_not_recovery,
             any_of__fault_of_one_side__is_a_fault_of_the_rule, across__sources_are_judged_one_by_one,
             replayed__among_themselves__and_never_where_time_decides,
             adopted__what_was_counted_is_lost__recovery_waits_a_whole_window,
             lay_out__each_condition_has_its_aligned_place, price__what_is_taken_is_what_was_told,
             price__table_of_the_readme__is_what_the_program_says,
             price__of_every_form__is_what_its_states_take,
             load__too_much_for_one_group__is_refused_with_the_figure)
