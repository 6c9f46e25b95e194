#include "ctl/pk_ctl_lines.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;
static const struct pk_ctl_look PLAIN = {.now_ms = 0, .has_colour = false};

static const char *done(void) {
    pk_ctl_text_putc(&t, '\0');
    return t.p;
}

PK_TEST(template__places_are_filled) {
    const struct pk_str o = pk_str_of("{\"a\":{\"b\":\"x\"},\"s\":\"high\",\"n\":2048}");
    pk_ctl_put_template(&t, "<{a.b}> {s:severity} {n:bytes} {gone} {open", o, &PLAIN);
    CHECK_STR(done(), "<x> HIGH 2.0K - {open");
    pk_ctl_text_free(&t);
}

PK_TEST(template__severity_has_colour) {
    const struct pk_ctl_look look = {.now_ms = 0, .has_colour = true};
    pk_ctl_put_template(&t, "[{s:severity}]", pk_str_of("{\"s\":\"medium\"}"), &look);
    CHECK_STR(done(), "[\x1b[33mMEDIUM\x1b[0m]");
    pk_ctl_text_free(&t);
}

PK_TEST(lines__lists_conditions_and_labels) {
    static const struct pk_ctl_line LINES[] = {
        {"name", NULL, NULL, "{name}"},       {"hidden", NULL, "none", "never"},
        {"zero", NULL, "zero", "never"},      {"empty", NULL, "empty", "never"},
        {"item", "items", NULL, "i{i}"},      {"odd", "items", "odd", "o{i}"},
        {" ", NULL, "name", "below"},         {"", NULL, "name", "at the left"},
        {"no list", "absent", NULL, "never"},
    };
    pk_ctl_put_lines(
        &t, LINES, 9,
        pk_str_of("{\"name\":\"n\",\"zero\":0,\"empty\":[],\"items\":[{\"i\":1},{\"i\":2,\"odd\":true}]}"),
        &PLAIN);
    CHECK_STR(done(), "name          n\n"
                      "item          i1\n"
                      "              i2\n"
                      "odd           o2\n"
                      "              below\n"
                      "at the left\n");
    pk_ctl_text_free(&t);
}

PK_TEST(members__objects_inside_are_flattened) {
    const struct pk_str o = pk_str_of("{\"id\":\"x\",\"in\":{\"a\":1,\"b\":\"q,r\"},\"k\\u001b\":null}");
    pk_ctl_put_members(&t, o);
    CHECK_STR(done(), "id            x\nin.a          1\nin.b          q,r\nk\\u001b       -\n");
    pk_ctl_text_free(&t);
    pk_ctl_put_members_csv(&t, o);
    CHECK_STR(done(), "name,value\nid,x\nin.a,1\nin.b,\"q,r\"\nk\\u001b,\n");
    pk_ctl_text_free(&t);
}

PK_TEST_MAIN(template__places_are_filled, template__severity_has_colour, lines__lists_conditions_and_labels,
             members__objects_inside_are_flattened)
