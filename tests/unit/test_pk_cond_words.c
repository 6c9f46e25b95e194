#include <string.h>

#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static char text[4096];

static const char *words_of(const char *when, bool has_engine) {
    static char rules[512];
    struct pk_buf b;
    pk_buf_init(&b, rules, sizeof rules);
    pk_buf_puts(&b, "[rule x]\non = any\ntype = custom\nseverity = low\nwhen = ");
    pk_buf_puts(&b, when);
    pk_buf_puts(&b, "\n");
    pk_buf_init(&b, text, sizeof text);
    if (detect_rig_init(&rig, rules) != PK_OK) {
        return rig.diag.message;
    }
    const struct pk_rule *r = pk_engine_rule(&rig.engine, 0);
    pk_cond_put(&b, has_engine ? &rig.engine : NULL, r, &r->when);
    return text;
}

PK_TEST(put__reads_like_the_rule_file) {
    static const char *const ROWS[] = {
        "count >= 10 in 5m for 1m",
        "count(severity >= high and data.code = 5*) >= 10 in 5m",
        "value > 90 for 10s",
        "value(type = a | b) <= -2.5",
        "absent for 3x promised else 2m",
        "absent(source != x) for 5s",
        "all of (count(type = x) >= 3 in 1m, value(type = y) > 3) for 1m",
        "any of (value(type = x) > 3, absent(type = z) for 1m)",
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_STR(words_of(ROWS[i], true), ROWS[i]);
    }
    CHECK_STR(words_of("value(type = a | b) <= -2.5", false), "value(...) <= -2.5");
}

PK_TEST(put_numbers__each_clause_with_its_verdict) {
    (void)words_of("any of (value(type = x) > 3, count >= 2 in 1m) by source", true);
    const struct pk_event e = detect_rig_value(&rig, "y", "s", 5);
    detect_rig_give(&rig, &e);
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    const uint32_t slot = pk_windows_find(&rig.engine.windows, 0, e.source_id + 1u);
    REQUIRE(slot != PK_WINDOW_NONE);
    pk_cond_put_numbers(&b, &rig.engine, slot, rig.now_ms, false);
    CHECK_STR(text, "value unknown (unknown); 1 of 2 events in 1m (no)");
    pk_buf_init(&b, text, sizeof text);
    pk_engine_explain(&rig.engine, 0, rig.now_ms, &b);
    CHECK(strstr(text, "value unknown (unknown); 1 of 2 events in 1m (no)") != NULL);
}

PK_TEST_MAIN(put__reads_like_the_rule_file, put_numbers__each_clause_with_its_verdict)
