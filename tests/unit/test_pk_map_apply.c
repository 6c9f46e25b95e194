#include "event/pk_map.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_ini.h"
#include "support/pk_test.h"

static struct pk_map_table table;
static struct pk_event_in in;
static struct pk_map_outcome outcome;

static void rows(const char *text) {
    struct pk_ini_reader r;
    struct pk_ini_item item = {.kind = PK_INI_SECTION};
    struct pk_map_error map_error;
    const char *why = NULL;
    pk_map_init(&table);
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("row")), 0);
    pk_ini_init(&r, text, (uint32_t)strlen(text));
    while (pk_ini_next(&r, &item) == PK_OK && item.kind != PK_INI_END) {
        CHECK_EQ_INT(pk_map_set(&table, 0, item.key, item.value, &why), PK_OK);
    }
    CHECK_EQ_INT(item.kind, PK_INI_END);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), -1);
}

static enum pk_map_reason apply(const char *topic, const char *payload) {
    return pk_map_apply(&table, 0, pk_str_of(topic), pk_str_of(payload), false, &in, &outcome);
}

PK_TEST(json__every_part_of_an_event) {
    rows("topic = plant/+/+\ntype = {2}\nsource = {1}:{id}\nseverity = {level}\nseverities = bad -> high\n"
         "value = {state.temp}\nscale = 0.1\noffset = -40\ntext = {msg}\ncorrelation = {job}\ntime = {at}\n"
         "data = unit, state.ok, state.n, gone\n");
    CHECK_EQ_INT(
        apply("plant/hall 3/heat",
              "{\"id\":7,\"level\":\"BAD\",\"state\":{\"temp\":615,\"ok\":true,\"n\":1.50},"
              "\"msg\":\"too hot\",\"job\":\"j-1\",\"at\":\"2026-11-21T05:04:50.123Z\",\"unit\":\"C\"}"),
        PK_MAP_TAKEN);
    CHECK_STR(in.type, "heat");
    CHECK_STR(in.source, "hall_3:7");
    CHECK_EQ_INT(in.severity, PK_SEV_HIGH);
    CHECK(in.has_value && in.value == 615 * 0.1 + -40);
    CHECK_STR(in.message, "too hot");
    CHECK_EQ_U64(in.message_bytes, 7);
    CHECK_STR(in.correlation, "j-1");
    CHECK(in.has_time && in.wall_ms == 1795237490123);
    struct pk_field f;
    const struct pk_str fields = pk_str_make((const char *)in.fields, in.field_bytes);
    CHECK(pk_field_find(fields, pk_str_of("unit"), &f) && pk_str_eq_c(f.value, "C"));
    CHECK(pk_field_find(fields, pk_str_of("ok"), &f) && f.kind == PK_FIELD_BOOL);
    CHECK(pk_field_find(fields, pk_str_of("n"), &f) && f.kind == PK_FIELD_NUMBER &&
          pk_str_eq_c(f.value, "1.50"));
    CHECK(pk_field_find(fields, pk_str_of(""), &f) && f.kind == PK_FIELD_CORRELATION);
    CHECK(!pk_field_find(fields, pk_str_of("gone"), &f));
    CHECK(!in.is_local && !in.is_fault);
}

PK_TEST(numbers__bare_pairs_words_and_booleans) {
    rows("topic = a/#\ntype = t\nsource = {1}\nvalue = {v,payload}\nvalues = on -> 1, off -> 0\n");
    CHECK(apply("a/x/y", " 21.5 ") == PK_MAP_TAKEN && in.value == 21.5);
    CHECK_STR(in.source, "x.y");
    CHECK(apply("a/x", "u=C,v=-3e2") == PK_MAP_TAKEN && in.value == -300);
    CHECK(apply("a/x", "ON") == PK_MAP_TAKEN && in.value == 1);
    CHECK(apply("a/x", "{\"v\":false}") == PK_MAP_TAKEN && in.value == 0 && in.has_value);
    CHECK(apply("a/x", "{\"v\":\"12\"}") == PK_MAP_TAKEN && in.value == 12);
}

static void check_misfit(const char *topic, const char *payload, enum pk_map_reason reason,
                         const char *detail) {
    CHECK_EQ_INT(apply(topic, payload), reason);
    CHECK_EQ_INT(outcome.reason, reason);
    CHECK_STR(outcome.detail, detail);
}

PK_TEST(misfits__each_with_its_reason) {
    char name[100];
    rows("topic = a/+\ntype = {kind|t}\nsource = {1}\nseverity = {s|info}\nvalue = {v}\ntime = {at|}\n"
         "correlation = {c|}\n");
    check_misfit("a/x", "{\"v\":1,}", PK_MAP_BAD_JSON, "{\"v\":1,}");
    check_misfit("a/x", "{\"w\":1}", PK_MAP_NO_FIELD, "v");
    check_misfit("a/x", "{\"v\":{}}", PK_MAP_NO_FIELD, "v");
    check_misfit("a/x", "{\"v\":null}", PK_MAP_NO_FIELD, "v");
    check_misfit("a/x", "{\"v\":\"warm\"}", PK_MAP_NO_NUMBER, "warm");
    check_misfit("a/x", "{\"v\":1,\"s\":\"odd\"}", PK_MAP_NO_SEVERITY, "odd");
    check_misfit("a/x", "{\"v\":1,\"at\":\"yesterday\"}", PK_MAP_NO_TIME, "yesterday");
    check_misfit("a/x", "{\"v\":1,\"at\":-5}", PK_MAP_NO_TIME, "-5");
    check_misfit("a/x", "", PK_MAP_EMPTY, "v");
    check_misfit("a/", "{\"v\":1}", PK_MAP_BAD_NAME, "");
    memset(name, 'n', sizeof name);
    memcpy(name, "a/", 2);
    name[2 + 65] = '\0';
    CHECK_EQ_INT(apply(name, "{\"v\":1}"), PK_MAP_BAD_NAME);
    name[2 + 64] = '\0';
    CHECK_EQ_INT(apply(name, "{\"v\":1}"), PK_MAP_TAKEN);
    CHECK_EQ_INT(apply("a/x",
                       "{\"v\":1,\"c\":\"0123456789012345678901234567890123456789012345678901234567890123"
                       "4\"}"),
                 PK_MAP_TOO_LONG);
    CHECK_EQ_INT(pk_map_apply(&table, 0, pk_str_of("a/x"), pk_str_of("{\"v\":1}"), true, &in, &outcome),
                 PK_MAP_RETAINED);
}

PK_TEST(value__scaled_beyond_a_double__is_no_number) {
    rows("topic = a\ntype = t\nsource = s\nvalue = {payload}\nscale = 1e300\n");
    CHECK_EQ_INT(apply("a", "1e300"), PK_MAP_NO_NUMBER);
    CHECK(apply("a", "0") == PK_MAP_TAKEN && in.value == 0);
}

PK_TEST(empty__as_the_row_says) {
    rows("topic = a/+\ntype = alarm\nsource = {1}\nseverity = {s}\nvalue = {v}\ntext = {x}\nempty = 0\n");
    CHECK_EQ_INT(apply("a/x", " "), PK_MAP_TAKEN);
    CHECK(in.has_value && in.value == 0 && in.severity == PK_SEV_INFO && in.message_bytes == 0);
    rows("topic = a/+\ntype = alarm\nsource = {1}\nempty = skip\n");
    CHECK_EQ_INT(apply("a/x", ""), PK_MAP_SKIPPED);
    rows("topic = a/+\ntype = pressed\nsource = {1}\n");
    CHECK_EQ_INT(apply("a/x", ""), PK_MAP_TAKEN);
    CHECK(!in.has_value);
}

PK_TEST(time__every_form) {
    rows("topic = a\ntype = t\nsource = s\ntime = {payload}\n");
    CHECK(apply("a", "1795237490") == PK_MAP_TAKEN && in.wall_ms == 1795237490000);
    CHECK(apply("a", "1795237490.1239") == PK_MAP_TAKEN && in.wall_ms == 1795237490123);
    CHECK(apply("a", "1795237490123") == PK_MAP_TAKEN && in.wall_ms == 1795237490123);
    CHECK(apply("a", "2026-11-21T06:04:50+01:00") == PK_MAP_TAKEN && in.wall_ms == 1795237490000);
    CHECK_EQ_INT(apply("a", "1795237490.x"), PK_MAP_NO_TIME);
    CHECK_EQ_INT(apply("a", "0"), PK_MAP_NO_TIME);
    CHECK_EQ_INT(apply("a", "99999999999999999999"), PK_MAP_NO_TIME);
}

PK_TEST(text__hostile_bytes__become_text) {
    char text[700];
    rows("topic = a/+\ntype = t\nsource = s\ntext = {payload}\ncorrelation = {1}\n");
    CHECK_EQ_INT(apply("a/c\x01\xFF", "a\x01\xFF\xC3\xA9z\x7F!"), PK_MAP_TAKEN);
    CHECK_STR(in.message, "a ?\xC3\xA9z !");
    CHECK_STR(in.correlation, "c ?");
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    CHECK_EQ_INT(apply("a/b", text), PK_MAP_TAKEN);
    CHECK_EQ_U64(in.message_bytes, PK_EVENT_MESSAGE_BYTES);
    memset(text, 'l', sizeof text);
    memcpy(text, "a/", 2);
    text[PK_MAP_TOPIC_BYTES_MAX + 1] = '\0';
    CHECK_EQ_INT(apply(text, ""), PK_MAP_TOO_LONG);
}

PK_TEST(types__words_choose_the_type) {
    rows("topic = +/LWT\ntype = {payload}\ntypes = Online -> source_back, Offline -> source_gone\nsource = "
         "{1}\n");
    CHECK_EQ_INT(apply("plug/LWT", "Offline"), PK_MAP_TAKEN);
    CHECK_STR(in.type, "source_gone");
    CHECK_EQ_INT(apply("plug/LWT", "what?"), PK_MAP_TAKEN);
    CHECK_STR(in.type, "what_");
}

PK_TEST_MAIN(json__every_part_of_an_event, numbers__bare_pairs_words_and_booleans,
             misfits__each_with_its_reason, value__scaled_beyond_a_double__is_no_number,
             empty__as_the_row_says, time__every_form, text__hostile_bytes__become_text,
             types__words_choose_the_type)
