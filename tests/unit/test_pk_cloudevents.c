#include "wire/pk_cloudevents.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static struct pk_ce sample(void) {
    return (struct pk_ce){.kind = PK_CE_INCIDENT,
                          .boot = 7,
                          .seq = 123,
                          .site = pk_str_of("plant"),
                          .gateway = pk_str_of("gw-1"),
                          .wall_ms = 1790000001250,
                          .subject = pk_str_of("inc_gw-1_7_00042")};
}

PK_TEST(cloudevents__binary__has_the_attributes_of_the_wire) {
    struct pk_ce_attributes a;
    const struct pk_ce ce = sample();
    static const char *const WANT[][2] = {
        {"id", "7-123"},
        {"source", "/picket/plant/gw-1"},
        {"specversion", "1.0"},
        {"type", "org.picket.incident.v1"},
        {"sequence", "00000000000000000123"},
        {"time", "2026-09-21T14:13:21.250Z"},
        {"subject", "inc_gw-1_7_00042"},
    };
    CHECK_EQ_INT(pk_ce_binary(&ce, &a), PK_OK);
    CHECK_EQ_U64(a.count, 7);
    for (unsigned i = 0; i < a.count; i++) {
        CHECK(pk_str_eq_c(a.items[i].name, WANT[i][0]));
        CHECK(pk_str_eq_c(a.items[i].value, WANT[i][1]));
    }
    CHECK_STR(PK_CE_CONTENT_TYPE_BINARY, "application/json");
    struct pk_ce bare = sample();
    bare.wall_ms = 0;
    bare.subject = (struct pk_str){0};
    bare.kind = PK_CE_SUMMARY;
    CHECK_EQ_INT(pk_ce_binary(&bare, &a), PK_OK);
    CHECK_EQ_U64(a.count, 5);
    CHECK(pk_str_eq_c(a.items[3].value, "org.picket.summary.v1"));
}

PK_TEST(cloudevents__longest_values__fit) {
    char id[33], subject[65];
    memset(id, 'i', 32);
    memset(subject, 's', 64);
    id[32] = subject[64] = '\0';
    struct pk_ce_attributes a;
    const struct pk_ce ce = {.kind = PK_CE_INCIDENT,
                             .boot = UINT32_MAX,
                             .seq = UINT64_MAX,
                             .site = pk_str_of(id),
                             .gateway = pk_str_of(id),
                             .wall_ms = INT64_MAX,
                             .subject = pk_str_of(subject)};
    CHECK_EQ_INT(pk_ce_binary(&ce, &a), PK_OK);
    CHECK(pk_str_eq_c(a.items[4].value, "18446744073709551615"));
}

PK_TEST(cloudevents__bad_names__are_refused) {
    struct pk_ce_attributes a;
    struct pk_ce ce = sample();
    ce.site = pk_str_of("a/b");
    CHECK_EQ_INT(pk_ce_binary(&ce, &a), PK_E_BAD_FIELD);
    ce = sample();
    ce.subject = pk_str_of("a b");
    CHECK_EQ_INT(pk_ce_binary(&ce, &a), PK_E_BAD_FIELD);
    char text[100];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_ce_structured_begin(&ce, &w, &b), PK_E_BAD_FIELD);
    CHECK_STR(text, "");
}

PK_TEST(cloudevents__structured__is_the_golden_vector_and_reads_back) {
    char text[1024], want[1024];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_ce back;
    struct pk_str data;
    const struct pk_ce ce = sample();
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_ce_structured_begin(&ce, &w, &b), PK_OK);
    pk_jw_raw(&w, "data", pk_str_of("{\"a\":[1,2]}"));
    pk_ce_structured_end(&w);
    const struct pk_str golden = pk_str_trim(pk_golden("cloudevent.json", want, sizeof want));
    want[golden.n] = '\0';
    CHECK_STR(text, want);
    CHECK_EQ_INT(pk_ce_structured_parse(text, b.n, &back, &data), PK_OK);
    CHECK_EQ_INT(back.kind, PK_CE_INCIDENT);
    CHECK_EQ_U64(back.boot, 7);
    CHECK_EQ_U64(back.seq, 123);
    CHECK(pk_str_eq_c(back.site, "plant"));
    CHECK(pk_str_eq_c(back.gateway, "gw-1"));
    CHECK(pk_str_eq_c(back.subject, "inc_gw-1_7_00042"));
    CHECK(back.wall_ms == ce.wall_ms);
    CHECK(pk_str_eq_c(data, "{\"a\":[1,2]}"));
    for (uint32_t n = 0; n < b.n; n++) {
        CHECK_EQ_INT(pk_ce_structured_parse(text, n, &back, &data), PK_E_BAD_MSG);
    }
}

PK_TEST(cloudevents__read__checks_every_attribute) {
    static const struct {
        const char *name, *value;
        int err;
    } CASES[] = {
        {"id", "7", PK_E_BAD_FIELD},
        {"id", "7-x", PK_E_BAD_FIELD},
        {"id", "4294967296-1", PK_E_BAD_FIELD},
        {"id", "1-2-3", PK_E_BAD_FIELD},
        {"source", "/picket/plant", PK_E_BAD_FIELD},
        {"source", "picket/plant/gw", PK_E_BAD_FIELD},
        {"source", "/other/plant/gw", PK_E_BAD_FIELD},
        {"source", "/picket/plant/g w", PK_E_BAD_FIELD},
        {"source", "/picket/plant/gw/x", PK_E_BAD_FIELD},
        {"specversion", "0.3", PK_E_BAD_FIELD},
        {"type", "org.picket.other.v1", PK_E_BAD_FIELD},
        {"sequence", "123", PK_E_BAD_FIELD},
        {"sequence", "0000000000000000012x", PK_E_BAD_FIELD},
        {"time", "noon", PK_E_BAD_FIELD},
        {"subject", "a b", PK_E_BAD_FIELD},
        {"traceparent", "anything at all", PK_OK},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pk_ce_read r;
        pk_ce_read_init(&r);
        CHECK_EQ_INT(pk_ce_read_attribute(&r, pk_str_of(CASES[i].name), pk_str_of(CASES[i].value)),
                     CASES[i].err);
    }
    struct pk_ce_read r;
    struct pk_ce out;
    pk_ce_read_init(&r);
    CHECK_EQ_INT(pk_ce_read_attribute(&r, pk_str_of("id"), pk_str_of("1-2")), PK_OK);
    CHECK_EQ_INT(pk_ce_read_done(&r, &out), PK_E_MISSING_FIELD);
}

PK_TEST_MAIN(cloudevents__binary__has_the_attributes_of_the_wire, cloudevents__longest_values__fit,
             cloudevents__bad_names__are_refused,
             cloudevents__structured__is_the_golden_vector_and_reads_back,
             cloudevents__read__checks_every_attribute)
