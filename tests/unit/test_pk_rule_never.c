#include "detect/pk_rule_never.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_rule_words.h"
#include "support/pk_test.h"

static struct pk_rule r;
static struct pk_diag diag;

/* `on` and the brackets of `when` behind it: the column of what is refused, 0 = taken. */
static uint32_t refused_at(const char *on, const char *inner) {
    char text[200];
    (void)snprintf(text, sizeof text, "%s (%s)", on, inner);
    memset(&r, 0, sizeof r);
    memset(&diag, 0, sizeof diag);
    struct pk_rule_cursor c = {"f.rules", text, pk_str_make(text, strlen(on)), 0, 1, 1, &diag, NULL};
    uint8_t first = 0, count = 0;
    int err = pk_rule_read_terms(&c, &r, &first, &r.on_count);
    if (err == PK_OK && inner[0] != '\0') {
        c.value = pk_str_of(text);
        err = pk_rule_need_inner(&c, &r, &first, &count);
    }
    CHECK_EQ_INT(err, diag.column > 0 ? PK_E_CONFIG : PK_OK);
    return diag.column;
}

PK_TEST(terms__that_exclude_each_other__are_refused) {
    static const char *const NEVER[] = {
        "type = x and type = y",
        "type = x | z and type = y, a*",
        "type = x and type != x",
        "type = xa | xb and type != x*",
        "source != web-* and source = web-1",
        "severity >= high and severity < low",
        "severity = high and severity != high",
        "value > 5 and value < 3",
        "value > 5 and value <= 5",
        "value = 5 and value != 5",
        "data.x > 5 and data.x < 3",
        "data.user = root and data.user = bob",
        "data.user = root and severity = high and data.user != root",
    };
    for (size_t i = 0; i < PK_COUNT_OF(NEVER); i++) {
        CHECK(refused_at(NEVER[i], "") > 1);
    }
}

PK_TEST(terms__an_event_may_pass__are_taken) {
    static const char *const POSSIBLE[] = {
        "type = x | y and type = y | z",
        "type = x* and type = *y",
        "type = x* and type = y*",
        "type = x* and type != xa",
        "type = x and source = y",
        "source != a and source != b",
        "severity >= low and severity < high",
        "value > 3 and value < 5",
        "value >= 5 and value <= 5",
        "value != 3 and value != 4",
        "value > 3 and value != 4",
        "data.x > 5 and data.y < 3",
        "data.x = 5 and data.x = foo",
        "data.user = ro?t and data.user = root",
        "value > 1e308 and value > -1e308",
    };
    for (size_t i = 0; i < PK_COUNT_OF(POSSIBLE); i++) {
        CHECK_EQ_U64(refused_at(POSSIBLE[i], ""), 0);
    }
}

PK_TEST(brackets__ask_for_what_on_has) {
    CHECK_EQ_U64(refused_at("type = x", "type = yy"), 11);
    CHECK_STR(diag.message, "no event is both 'type = yy' and what 'on' asks for");
    CHECK_EQ_U64(refused_at("type = x | yy", "type = yy"), 0);
    CHECK(refused_at("source = a", "value > 5 and value < 3") > 11);
    CHECK_STR(diag.message, "no event is both 'value < 3' and what stands before it");
    CHECK(refused_at("type = x and type = y", "") > 1);
    CHECK_STR(diag.message, "no event is both 'type = y' and what stands before it; either: a | b");
}

PK_TEST_MAIN(terms__that_exclude_each_other__are_refused, terms__an_event_may_pass__are_taken,
             brackets__ask_for_what_on_has)
