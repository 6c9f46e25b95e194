#include "event/pk_statsd.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_event_in event;

static enum pk_statsd_refusal parse(const char *text) {
    return pk_statsd_parse(pk_str_of(text), "statsd", &event);
}

static bool has_field(const char *name, const char *value) {
    struct pk_field f;
    return pk_field_find(pk_str_make((const char *)event.fields, event.field_bytes), pk_str_of(name), &f) &&
           pk_str_eq_c(f.value, value);
}

PK_TEST(statsd__gauge_with_a_source) {
    CHECK_EQ_INT(parse("cpu.load:0.75|g|#source:plc-7"), PK_STATSD_OK);
    CHECK_STR(event.type, "cpu.load");
    CHECK_STR(event.source, "plc-7");
    CHECK(event.has_value && event.value == 0.75 && !event.has_time && !event.is_local);
    CHECK_EQ_INT(event.severity, PK_SEV_INFO);
    CHECK_EQ_INT(parse("x:-3|g"), PK_STATSD_OK);
    CHECK(event.value == -3.0);
    CHECK_STR(event.source, "statsd");
}

PK_TEST(statsd__counters_and_timers) {
    CHECK_EQ_INT(parse("req:4|c|@0.5|#host:web"), PK_STATSD_OK);
    CHECK(event.value == 8.0);
    CHECK_STR(event.source, "web");
    CHECK_EQ_INT(parse("req:+4|c"), PK_STATSD_OK);
    CHECK(event.value == 4.0);
    CHECK_EQ_INT(parse("db:320|ms|@0.1"), PK_STATSD_OK);
    CHECK(event.value == 320.0);
    CHECK_EQ_INT(parse("db:320|h"), PK_STATSD_OK);
    CHECK_EQ_INT(parse("db:320|d"), PK_STATSD_OK);
}

PK_TEST(statsd__tags__become_source_severity_and_metadata) {
    CHECK_EQ_INT(parse("a:1|g|#host:h,source:s,severity:high,zone:b,bare,:x,k:"), PK_STATSD_OK);
    CHECK_STR(event.source, "s");
    CHECK_EQ_INT(event.severity, PK_SEV_HIGH);
    CHECK(has_field("zone", "b"));
    CHECK_EQ_U64(event.cut_count, 1); /* k has no value */
    CHECK_EQ_INT(parse("a:1|g|#source:s,host:h"), PK_STATSD_OK);
    CHECK_STR(event.source, "s");
    CHECK_EQ_INT(parse("a:1|g|#a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1"), PK_STATSD_OK);
    CHECK_EQ_U64(event.cut_count, 1);
    CHECK(has_field("h", "1") && !has_field("i", "1"));
}

PK_TEST(statsd__odd_names__are_made_names) {
    CHECK_EQ_INT(parse("disk /var:used:5|g|#source:a b/c"), PK_STATSD_OK);
    CHECK_STR(event.type, "disk__var:used");
    CHECK_STR(event.source, "a_b_c");
}

PK_TEST(statsd__what_is_refused__and_why) {
    static const struct {
        const char *line;
        enum pk_statsd_refusal why;
    } rows[] = {
        {"", PK_STATSD_FORM},
        {"x", PK_STATSD_FORM},
        {"x:1", PK_STATSD_FORM},
        {"x|g", PK_STATSD_FORM},
        {"|", PK_STATSD_FORM},
        {":1|g", PK_STATSD_NAME},
        {"x:1|s", PK_STATSD_TYPE},
        {"x:1|", PK_STATSD_TYPE},
        {"x:1|gg", PK_STATSD_TYPE},
        {"x:|g", PK_STATSD_VALUE},
        {"x:1x|g", PK_STATSD_VALUE},
        {"x:+1|g", PK_STATSD_VALUE},
        {"x:nan|g", PK_STATSD_VALUE},
        {"x:1e999|g", PK_STATSD_VALUE},
        {"x:1|c|@0", PK_STATSD_RATE},
        {"x:1|c|@2", PK_STATSD_RATE},
        {"x:1|c|@x", PK_STATSD_RATE},
        {"x:1|g|#source:", PK_STATSD_NAME},
        {"x:1e300|c|@0.0001", PK_STATSD_VALUE},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1|g", PK_STATSD_NAME},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_EQ_INT(parse(rows[i].line), rows[i].why);
    }
    for (int r = 0; r <= PK_STATSD_COUNT; r++) {
        CHECK(pk_statsd_refusal_text((enum pk_statsd_refusal)r)[0] != '\0');
    }
}

PK_TEST_MAIN(statsd__gauge_with_a_source, statsd__counters_and_timers,
             statsd__tags__become_source_severity_and_metadata, statsd__odd_names__are_made_names,
             statsd__what_is_refused__and_why)
